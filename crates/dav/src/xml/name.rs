//! Names of elements and properties: a namespace and a word.

use std::borrow::Cow;
use std::fmt;

/// The namespace of WebDAV (RFC 4918).
pub const DAV: &str = "DAV:";
/// The namespace of CalDAV (RFC 4791).
pub const CALDAV: &str = "urn:ietf:params:xml:ns:caldav";
/// The namespace of CardDAV (RFC 6352).
pub const CARDDAV: &str = "urn:ietf:params:xml:ns:carddav";
/// Apple's Calendar Server: getctag, proxies, sharing.
pub const CALENDAR_SERVER: &str = "http://calendarserver.org/ns/";
/// Apple's colours and orders of calendars.
pub const APPLE: &str = "http://apple.com/ns/ical/";
/// The namespace of Apple's extensions of CardDAV.
pub const ME: &str = "http://me.com/_namespace/";
/// The namespace of WebDAV-Push (draft-bitfire-webdav-push).
pub const PUSH: &str = "https://bitfire.at/webdav-push";

/// Prefixes under which answers have them: programs exist that look for these.
pub(super) const PREFIXES: [(&str, &str); 7] = [
    (DAV, "D"),
    (CALDAV, "C"),
    (CARDDAV, "CARD"),
    (CALENDAR_SERVER, "CS"),
    (APPLE, "ICAL"),
    (ME, "ME"),
    (PUSH, "P"),
];

/// An expanded name. Its namespace may be empty, its word is never.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    namespace: Cow<'static, str>,
    local: Cow<'static, str>,
}

impl Name {
    /// A name that is known beforehand.
    pub const fn known(namespace: &'static str, local: &'static str) -> Self {
        Self { namespace: Cow::Borrowed(namespace), local: Cow::Borrowed(local) }
    }

    /// A name in the namespace [`DAV`].
    pub const fn dav(local: &'static str) -> Self {
        Self::known(DAV, local)
    }

    /// A name in the namespace [`CALDAV`].
    pub const fn caldav(local: &'static str) -> Self {
        Self::known(CALDAV, local)
    }

    /// A name in the namespace [`CARDDAV`].
    pub const fn carddav(local: &'static str) -> Self {
        Self::known(CARDDAV, local)
    }

    /// A name in the namespace [`CALENDAR_SERVER`].
    pub const fn calendar_server(local: &'static str) -> Self {
        Self::known(CALENDAR_SERVER, local)
    }

    /// A name in the namespace [`APPLE`].
    pub const fn apple(local: &'static str) -> Self {
        Self::known(APPLE, local)
    }

    /// Any other, as it was read or stored. `None` where `local` is no name in XML.
    pub fn new(namespace: &str, local: &str) -> Option<Self> {
        let known = PREFIXES.iter().find(|(known, _)| *known == namespace);
        let namespace = match known {
            Some((known, _)) => Cow::Borrowed(*known),
            None => Cow::Owned(namespace.to_owned()),
        };
        is_word(local).then(|| Self { namespace, local: Cow::Owned(local.to_owned()) })
    }

    /// The namespace; empty if there is none.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The local part of the name.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// Whether it is this name.
    pub fn is(&self, namespace: &str, local: &str) -> bool {
        self.local == local && self.namespace == namespace
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}{}", self.namespace, self.local)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `NCName` of Namespaces in XML 1.0: what is written without any escape.
pub(super) fn is_word(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(begins_word) && chars.all(continues_word)
}

fn begins_word(char: char) -> bool {
    matches!(char,
        'A'..='Z' | '_' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}'
        | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}'
        | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
        | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
}

fn continues_word(char: char) -> bool {
    begins_word(char)
        || matches!(char,
            '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words() {
        for (word, holds) in [
            ("getetag", true),
            ("_x-1.y", true),
            ("größe", true),
            ("", false),
            ("1a", false),
            ("-a", false),
            ("a:b", false),
            ("a b", false),
            ("a>b", false),
            ("a\"b", false),
            ("a×b", false),
        ] {
            assert_eq!(Name::new("", word).is_some(), holds, "{word}");
        }
        assert_eq!(Name::new("DAV:", "prop"), Some(Name::dav("prop")));
        assert_eq!(Name::caldav("filter").to_string(), "{urn:ietf:params:xml:ns:caldav}filter");
    }
}
