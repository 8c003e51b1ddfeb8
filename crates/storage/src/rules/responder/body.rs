//! What a responder says and when: its texts, its sender, the period and the weekdays. Checked when
//! it is saved, so that one that is loaded is valid.

use crate::rules::LocalTime;
use crate::{Address, LimitKind, Result, StorageError};

/// LIMIT: bytes of a subject (RFC 5322 §2.1.1).
const SUBJECT_BYTES_MAX: usize = 900;
/// LIMIT: bytes of a text or an HTML text; an answer is no newsletter.
const TEXT_BYTES_MAX: u64 = 256 * 1024;
/// LIMIT: addresses and domains that get no answer.
const EXCLUDED_MAX: u64 = 1000;

/// Days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weekdays(u8);

impl Weekdays {
    /// All seven days.
    pub const ALL: Self = Self(127);

    const NAMES: [&'static str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

    /// `mon,tue`, in any order; `None` where one is no day or there is none.
    pub fn parse(names: &str) -> Option<Self> {
        let bits = names.split(',').try_fold(0, |bits, name| {
            let name = name.trim().to_ascii_lowercase();
            let bit = Self::NAMES.iter().position(|known| *known == name)?;
            Some(bits | 1 << bit)
        })?;
        Some(Self(bits))
    }

    /// Whether a day is among them; 0 is Monday.
    pub const fn has(self, day: u8) -> bool {
        day < 7 && self.0 & (1 << day) != 0
    }

    pub(super) fn column(self) -> i64 {
        self.0.into()
    }

    pub(super) fn from_column(column: i64) -> Result<Self> {
        match u8::try_from(column) {
            Ok(bits @ 1..=127) => Ok(Self(bits)),
            _ => Err(StorageError::Corrupt("a responder has no days".to_owned())),
        }
    }
}

impl std::fmt::Display for Weekdays {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = Self::NAMES.iter().zip(0u8..).filter(|(_, day)| self.has(*day));
        let names: Vec<&str> = names.map(|(name, _)| *name).collect();
        f.write_str(&names.join(","))
    }
}

/// What a responder says, when, and to whom not (R-RESP-2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponderBody {
    /// The subject; empty: made of the subject that is answered.
    pub subject: String,
    /// The text; one of the two texts is there.
    pub text: String,
    /// The text in HTML; may be empty.
    pub html: String,
    /// The local time from which on it answers; `None`: at once.
    pub from: Option<LocalTime>,
    /// The local time up to which it answers, that second included; `None`: until it is switched
    /// off.
    pub until: Option<LocalTime>,
    /// The days of the week on which it answers.
    pub weekdays: Weekdays,
    /// An address other than the account's that answers come from.
    pub sender: Option<String>,
    /// Addresses and `@domain` entries that get no answer, in normal form.
    pub excluded: Vec<String>,
}

impl Default for ResponderBody {
    fn default() -> Self {
        Self {
            subject: String::new(),
            text: String::new(),
            html: String::new(),
            from: None,
            until: None,
            weekdays: Weekdays::ALL,
            sender: None,
            excluded: Vec::new(),
        }
    }
}

impl ResponderBody {
    /// Checks every part, and brings addresses into their normal form.
    pub(super) fn normalise(&mut self) -> Result<()> {
        if self.text.is_empty() && self.html.is_empty() {
            return Err(StorageError::Invalid("a responder needs a text"));
        }
        for text in [&self.text, &self.html] {
            let size_bytes = text.len() as u64;
            if size_bytes > TEXT_BYTES_MAX {
                return Err(StorageError::TooBig { size_bytes, limit_bytes: TEXT_BYTES_MAX });
            }
            if text.contains('\0') {
                return Err(StorageError::Invalid("a text with NUL"));
            }
        }
        if self.subject.len() > SUBJECT_BYTES_MAX || self.subject.chars().any(char::is_control) {
            return Err(StorageError::Invalid("the subject is too long or holds controls"));
        }
        if let (Some(from), Some(until)) = (&self.from, &self.until)
            && from > until
        {
            return Err(StorageError::Invalid("the end is before the start"));
        }
        if self.excluded.len() as u64 > EXCLUDED_MAX {
            let (kind, max) = (LimitKind::Exclusions, EXCLUDED_MAX);
            return Err(StorageError::Limit { kind, max });
        }
        for entry in &mut self.excluded {
            *entry = normal_exclusion(entry)?;
        }
        self.excluded.sort_unstable();
        self.excluded.dedup();
        if let Some(sender) = &mut self.sender {
            *sender = Address::parse(sender)?.to_string();
        }
        Ok(())
    }

    /// Whether a sender gets no answer. Details do not make another sender (R-RESP-3).
    pub fn excludes(&self, sender: &str) -> bool {
        let sender = message::original_sender(sender);
        let Ok(address) = Address::parse(&sender) else { return true };
        let base = crate::rules::answered::remembered(&sender);
        self.excluded.iter().any(|entry| match entry.strip_prefix('@') {
            Some(domain) => domain == address.domain(),
            None => *entry == base || *entry == address.normal_text(),
        })
    }
}

fn normal_exclusion(entry: &str) -> Result<String> {
    match entry.strip_prefix('@') {
        Some(domain) => Ok(format!("@{}", crate::address::parse_domain(domain)?)),
        None => Ok(Address::parse(entry)?.normal_text()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekdays_have_names() {
        for (text, expect) in [
            ("mon", Some("mon")),
            ("sun, MON,tue", Some("mon,tue,sun")),
            ("mon,tue,wed,thu,fri,sat,sun", Some("mon,tue,wed,thu,fri,sat,sun")),
            ("", None),
            ("monday", None),
            ("mon,", None),
        ] {
            let found = Weekdays::parse(text).map(|days| days.to_string());
            assert_eq!(found.as_deref(), expect, "{text}");
        }
        assert!(Weekdays::parse("sun").unwrap().has(6));
        assert!(!Weekdays::ALL.has(7));
    }

    #[test]
    fn exclusions_are_compared_in_normal_form() {
        let mut body = ResponderBody {
            text: "x".to_owned(),
            excluded: ["Boss@A.test", "@B.test", "@b\u{fc}cher.test", "x+y@c.test"]
                .map(str::to_owned)
                .to_vec(),
            ..ResponderBody::default()
        };
        body.normalise().unwrap();
        for (sender, expect) in [
            ("boss@a.test", true),
            ("boss+x@a.test", true),
            ("other@a.test", false),
            ("anybody@B.TEST", true),
            ("a@sub.b.test", false),
            ("a@xn--bcher-kva.test", true),
            ("x@c.test", false),
            ("x+y@c.test", true),
            ("no address", true),
        ] {
            assert_eq!(body.excludes(sender), expect, "{sender}");
        }
        for entry in ["", "@", "boss", "@a b"] {
            assert!(normal_exclusion(entry).is_err(), "{entry}");
        }
    }
}
