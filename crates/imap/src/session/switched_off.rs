//! Capabilities switched off: for a listener, for a program that names itself by ID, for an
//! account.

use crate::settings::Settings;
use crate::types::IdParams;

/// What is switched off for this connection, that of its listener aside.
#[derive(Debug, Default)]
pub(crate) struct SwitchedOff {
    /// What the program says it is: its name and version.
    program: String,
    client: Vec<String>,
    account: Vec<String>,
}

/// Capabilities that make no sense without another, which may itself need a third.
const NEEDS: [(&str, &str); 21] = [
    // RFC 7162 §3.2.3: QRESYNC includes CONDSTORE.
    ("QRESYNC", "CONDSTORE"),
    ("QRESYNC", "ENABLE"),
    ("UIDONLY", "ENABLE"),
    ("UTF8=ACCEPT", "ENABLE"),
    ("CREATE-SPECIAL-USE", "SPECIAL-USE"),
    ("XLIST", "SPECIAL-USE"),
    ("SEARCHRES", "ESEARCH"),
    ("MULTISEARCH", "ESEARCH"),
    // RFC 9394 §3: a result option of extended searches.
    ("PARTIAL", "ESEARCH"),
    // RFC 5267 §4.1: "supports the extended SEARCH command syntax"; of SORT likewise, which is
    // that of §3.
    ("CONTEXT=SEARCH", "ESEARCH"),
    ("CONTEXT=SORT", "ESORT"),
    ("ESORT", "SORT"),
    ("SORT=DISPLAY", "SORT"),
    ("LIST-STATUS", "LIST-EXTENDED"),
    ("LIST-MYRIGHTS", "LIST-EXTENDED"),
    ("LIST-MYRIGHTS", "ACL"),
    ("LIST-METADATA", "LIST-EXTENDED"),
    ("LIST-METADATA", "METADATA"),
    ("RIGHTS=texkn", "ACL"),
    ("URL-PARTIAL", "URLAUTH"),
    ("QUOTASET", "QUOTA"),
];

/// What IMAP4rev2 includes (RFC 9051 Appendix E): a client that finds it announced asks for none of
/// these by name.
const REV2_HAS: [&str; 14] = [
    // RFC 9051 §6.3.1: beside IMAP4rev1 it has to be enabled.
    "ENABLE",
    "NAMESPACE",
    "UNSELECT",
    "UIDPLUS",
    "ESEARCH",
    "SEARCHRES",
    "IDLE",
    "SASL-IR",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "MOVE",
    "BINARY",
    "SPECIAL-USE",
    "STATUS=SIZE",
];

impl SwitchedOff {
    /// A program has said what it is.
    pub(crate) fn note_client(&mut self, settings: &Settings, id: &IdParams) {
        let (name, version) = (id.find("name").unwrap_or(""), id.find("version").unwrap_or(""));
        let rules = settings.client_rules.iter().filter(|rule| rule.matches(name, version));
        self.client = rules.flat_map(|rule| rule.capabilities_off.iter().cloned()).collect();
        self.program = format!("{name} {version}").trim().to_owned();
    }

    /// What the program said it is; empty where it did not.
    pub(crate) fn program(&self) -> &str {
        &self.program
    }

    /// Somebody signed in for whose account these are off.
    pub(crate) fn note_account(&mut self, names: Vec<String>) {
        self.account = names;
    }

    /// Nobody is signed in any more.
    pub(crate) fn forget_account(&mut self) {
        self.account = Vec::new();
    }

    /// Whether no capability is switched off.
    pub(crate) fn is_empty(&self, settings: &Settings) -> bool {
        self.names(settings).next().is_none()
    }

    /// Whether `capability` is, be it as one of a family: AUTH is every AUTH=….
    pub(crate) fn contains(&self, settings: &Settings, capability: &str) -> bool {
        let family = capability.split_once('=').map(|(family, _)| family);
        let is_named = |wanted: &str| {
            self.names(settings).any(|off| {
                off.eq_ignore_ascii_case(wanted)
                    || family.is_some_and(|family| off.eq_ignore_ascii_case(family))
            })
        };
        let is_without = |needed: &str| self.contains(settings, needed);
        is_named(capability)
            || NEEDS.iter().any(|(name, needed)| *name == capability && is_without(needed))
            || (capability == "IMAP4rev2" && REV2_HAS.into_iter().any(is_without))
    }

    fn names<'a>(&'a self, settings: &'a Settings) -> impl Iterator<Item = &'a String> {
        settings.disabled_capabilities.iter().chain(&self.client).chain(&self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::ClientRule;

    #[test]
    fn names_families_and_what_needs_them() {
        let names = ["idle", "CONDSTORE", "AUTH", "STATUS=SIZE", "SORT"].map(str::to_owned);
        let settings = Settings { disabled_capabilities: names.to_vec(), ..Settings::default() };
        let off = SwitchedOff::default();
        for (name, expect) in [
            ("IDLE", true),
            ("CONDSTORE", true),
            ("QRESYNC", true),
            ("AUTH=PLAIN", true),
            ("STATUS=SIZE", true),
            ("ESORT", true),
            ("CONTEXT=SORT", true),
            ("IMAP4rev2", true),
            ("IMAP4rev1", false),
            ("NOTIFY", false),
            ("STATUS=OTHER", false),
        ] {
            assert_eq!(off.contains(&settings, name), expect, "{name}");
        }
    }

    #[test]
    fn rev2_goes_with_what_it_has() {
        let is_rev2_off = |name: &str| {
            let disabled_capabilities = vec![name.to_owned()];
            let settings = Settings { disabled_capabilities, ..Settings::default() };
            SwitchedOff::default().contains(&settings, "IMAP4rev2")
        };
        for name in REV2_HAS {
            assert!(is_rev2_off(name), "{name}");
        }
        // RFC 9051 Appendix E: it has LITERAL-, and of what is SORT's nothing.
        for name in ["LITERAL+", "SORT", "CONDSTORE"] {
            assert!(!is_rev2_off(name), "{name}");
        }
    }

    #[test]
    fn programs_are_known_by_how_their_names_begin() {
        let rule = |name: &str, version: &str, off: &str| ClientRule {
            name: name.to_owned(),
            version: version.to_owned(),
            capabilities_off: vec![off.to_owned()],
        };
        let client_rules = vec![
            rule("Outlook", "", "NOTIFY"),
            rule("outlook", "16.", "QRESYNC"),
            rule("x", "1", "IDLE"),
        ];
        let settings = Settings { client_rules, ..Settings::default() };
        let id = |name: &str, version: &str| {
            let pairs = [("name", name), ("version", version)];
            IdParams(pairs.map(|(k, v)| (k.to_owned(), Some(v.to_owned()))).to_vec())
        };
        for (id, expect) in [
            (id("Outlook for Android", "16.0"), &["NOTIFY", "QRESYNC"][..]),
            (id("outlook", "15"), &["NOTIFY"]),
            (id("x", "2"), &[]),
            (IdParams::default(), &[]),
        ] {
            let mut off = SwitchedOff::default();
            off.note_client(&settings, &id);
            assert_eq!(off.client, expect, "{id:?}");
        }
    }
}
