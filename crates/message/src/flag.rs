//! Message flags (RFC 9051 §2.3.2): system flags as a bit set, keywords as validated atoms.
//!
//! **Invariant:** the keywords of a [`Flags`] are sorted and distinct, ASCII case aside.
//! **Absent:** `\Recent`, which RFC 9051 §2.3.2 deprecates and no client can set; and how many
//! keywords a mailbox may know, which storage decides.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::Error;

/// LIMIT: no keyword in use is longer than some 30 bytes; 64 leaves room and keeps rows small.
pub const KEYWORD_BYTES_MAX: usize = 64;

/// A set of system flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SystemFlags(u8);

impl SystemFlags {
    /// No flag.
    pub const EMPTY: Self = Self(0);
    /// `\Seen`: read.
    pub const SEEN: Self = Self(1);
    /// `\Answered`: replied to.
    pub const ANSWERED: Self = Self(2);
    /// `\Flagged`: marked for attention.
    pub const FLAGGED: Self = Self(4);
    /// `\Deleted`: to be removed by EXPUNGE.
    pub const DELETED: Self = Self(8);
    /// `\Draft`: not yet sent.
    pub const DRAFT: Self = Self(16);
    /// Every system flag.
    pub const ALL: Self = Self(31);

    const NAMES: [(Self, &'static str); 5] = [
        (Self::ANSWERED, "\\Answered"),
        (Self::FLAGGED, "\\Flagged"),
        (Self::DELETED, "\\Deleted"),
        (Self::SEEN, "\\Seen"),
        (Self::DRAFT, "\\Draft"),
    ];

    /// The set as stored; bits that mean nothing are dropped.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// The bits to store.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The one flag of this name (`\Seen`, any case), if it is a system flag that can be stored.
    pub fn parse(name: &[u8]) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(_, known)| known.as_bytes().eq_ignore_ascii_case(name))
            .map(|(flag, _)| *flag)
    }

    /// Whether every flag of `other` is in the set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The flags in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The flags of this set that are not in `other`.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The names of the flags in the set, in the order RFC 9051 §2.3.2 lists most of them.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().filter(move |(flag, _)| self.contains(*flag)).map(|(_, name)| *name)
    }
}

/// A keyword: an IMAP atom, compared without regard to ASCII case, kept as first spelt.
#[derive(Debug, Clone)]
pub struct Keyword(Box<str>);

impl Keyword {
    /// `flag-keyword = … / atom` (RFC 9051 §9).
    pub fn parse(name: &[u8]) -> Result<Self, Error> {
        if name.len() > KEYWORD_BYTES_MAX {
            return Err(Error::KeywordTooLong);
        }
        if name.is_empty() || !name.iter().all(|&byte| is_atom_char(byte)) {
            return Err(Error::InvalidFlag);
        }
        let name = std::str::from_utf8(name).map_err(|_| Error::InvalidFlag)?;
        Ok(Self(name.into()))
    }

    /// The keyword as first spelt.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn folded(&self) -> impl Iterator<Item = u8> + '_ {
        self.0.bytes().map(|byte| byte.to_ascii_lowercase())
    }
}

// ATOM-CHAR of RFC 9051 §9: 7-bit, no control, none of atom-specials. "}" is allowed.
fn is_atom_char(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"(){%*\"\\]".contains(&byte)
}

impl PartialEq for Keyword {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}
impl Eq for Keyword {}
impl PartialOrd for Keyword {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Keyword {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(other.folded())
    }
}
impl Hash for Keyword {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().for_each(|byte| state.write_u8(byte));
        state.write_u8(0xff);
    }
}
impl fmt::Display for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One flag as a client names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Flag {
    /// A system flag (a set of one).
    System(SystemFlags),
    /// A keyword, which users and programs define.
    Keyword(Keyword),
}

impl Flag {
    /// `flag` of RFC 9051 §9. `\Recent` and unknown system flags are refused.
    pub fn parse(name: &[u8]) -> Result<Self, Error> {
        if name.starts_with(b"\\") {
            return SystemFlags::parse(name).map(Self::System).ok_or(Error::InvalidFlag);
        }
        Keyword::parse(name).map(Self::Keyword)
    }
}

/// The flags of one message. Copies share the keywords: thousands of messages may have the same
/// hundreds.
#[derive(Debug, Clone, Eq, Default)]
pub struct Flags {
    /// The system flags.
    pub system: SystemFlags,
    /// Sorted, each once; `None` for none.
    keywords: Option<Arc<[Keyword]>>,
}

impl Flags {
    /// Both kinds together; the keywords in any order, repeats dropped.
    pub fn new(system: SystemFlags, mut keywords: Vec<Keyword>) -> Self {
        keywords.sort();
        keywords.dedup();
        Self::of_sorted(system, keywords)
    }

    fn of_sorted(system: SystemFlags, keywords: Vec<Keyword>) -> Self {
        Self { system, keywords: (!keywords.is_empty()).then(|| keywords.into()) }
    }

    /// The keywords, sorted.
    pub fn keywords(&self) -> &[Keyword] {
        self.keywords.as_deref().unwrap_or_default()
    }

    /// Takes the keywords of `other` in place of its own, and shares them.
    pub fn share_keywords_of(&mut self, other: &Self) {
        self.keywords.clone_from(&other.keywords);
    }

    /// Whether the keywords are equal; quickly where they are shared.
    pub fn has_keywords_of(&self, other: &Self) -> bool {
        match (&self.keywords, &other.keywords) {
            (Some(ours), Some(theirs)) => Arc::ptr_eq(ours, theirs) || ours == theirs,
            (ours, theirs) => ours.is_none() && theirs.is_none(),
        }
    }

    /// Whether no flag is set.
    pub fn is_empty(&self) -> bool {
        self.system.is_empty() && self.keywords.is_none()
    }

    /// Adds one flag; whether it was absent.
    pub fn insert(&mut self, flag: Flag) -> bool {
        match flag {
            Flag::System(flag) => {
                let absent = !self.system.contains(flag);
                self.system = self.system.union(flag);
                absent
            }
            Flag::Keyword(keyword) => {
                let Err(at) = self.keywords().binary_search(&keyword) else { return false };
                let mut keywords = self.keywords().to_vec();
                keywords.insert(at, keyword);
                *self = Self::of_sorted(self.system, keywords);
                true
            }
        }
    }

    /// Whether the keyword is set.
    pub fn has_keyword(&self, keyword: &Keyword) -> bool {
        self.keywords().binary_search(keyword).is_ok()
    }

    /// The flags in either set (`STORE +FLAGS`); spellings of `self` win.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let system = self.system.union(other.system);
        let new = || other.keywords().iter().filter(|keyword| !self.has_keyword(keyword));
        if new().next().is_none() {
            return Self { system, keywords: self.keywords.clone() };
        }
        Self::new(system, self.keywords().iter().chain(new()).cloned().collect())
    }

    /// The flags of this set that are not in `other` (`STORE -FLAGS`).
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let system = self.system.difference(other.system);
        if !other.keywords().iter().any(|keyword| self.has_keyword(keyword)) {
            return Self { system, keywords: self.keywords.clone() };
        }
        let left = self.keywords().iter().filter(|keyword| !other.has_keyword(keyword));
        Self::of_sorted(system, left.cloned().collect())
    }

    /// The keywords as one column: joined by spaces, empty for none.
    pub fn encode_keywords(&self) -> String {
        let mut column = String::new();
        for keyword in self.keywords() {
            if !column.is_empty() {
                column.push(' ');
            }
            column.push_str(keyword.as_str());
        }
        column
    }

    /// Bytes of [`encode_keywords`](Self::encode_keywords).
    pub fn keyword_bytes(&self) -> usize {
        let bytes: usize = self.keywords().iter().map(|keyword| keyword.as_str().len() + 1).sum();
        bytes.saturating_sub(1)
    }

    /// Reverses [`Flags::encode_keywords`].
    pub fn decode(system: u8, keywords: &str) -> Result<Self, Error> {
        let keywords = keywords
            .split(' ')
            .filter(|name| !name.is_empty())
            .map(|name| Keyword::parse(name.as_bytes()).map_err(|_| Error::Corrupt("keyword")))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self::new(SystemFlags::from_bits(system), keywords))
    }
}

impl PartialEq for Flags {
    fn eq(&self, other: &Self) -> bool {
        self.system == other.system && self.has_keywords_of(other)
    }
}

impl Hash for Flags {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.system.hash(state);
        self.keywords().hash(state);
    }
}

impl FromIterator<Flag> for Flags {
    fn from_iter<I: IntoIterator<Item = Flag>>(flags: I) -> Self {
        let (mut system, mut keywords) = (SystemFlags::EMPTY, Vec::new());
        for flag in flags {
            match flag {
                Flag::System(flag) => system = system.union(flag),
                Flag::Keyword(keyword) => keywords.push(keyword),
            }
        }
        Self::new(system, keywords)
    }
}

/// `flag-list = "(" [flag *(SP flag)] ")"` (RFC 9051 §9).
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        let system = self.system.names().map(|name| -> &str { name });
        let keywords = self.keywords().iter().map(Keyword::as_str);
        for (index, name) in system.chain(keywords).enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(name)?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(names: &[&str]) -> Flags {
        names.iter().map(|name| Flag::parse(name.as_bytes()).unwrap()).collect()
    }

    #[test]
    fn flags_are_shown_as_imap_writes_them() {
        for (names, shown) in [
            (&[][..], "()"),
            (&["\\seen", "$Forwarded"], "(\\Seen $Forwarded)"),
            (&["b", "A", "a", "\\DRAFT", "\\Flagged"], "(\\Flagged \\Draft A b)"),
        ] {
            assert_eq!(flags(names).to_string(), shown);
        }
    }

    #[test]
    fn only_atoms_are_keywords() {
        for (name, expect) in [
            (&b"$MDNSent"[..], Ok(())),
            (b"a}b[+!", Ok(())),
            (b"", Err(Error::InvalidFlag)),
            (b"a b", Err(Error::InvalidFlag)),
            (b"a]", Err(Error::InvalidFlag)),
            (b"a{", Err(Error::InvalidFlag)),
            (b"100%", Err(Error::InvalidFlag)),
            (b"caf\xc3\xa9", Err(Error::InvalidFlag)),
            (b"\\Recent", Err(Error::InvalidFlag)),
            (b"\\*", Err(Error::InvalidFlag)),
            (&[b'k'; 64], Ok(())),
            (&[b'k'; 65], Err(Error::KeywordTooLong)),
        ] {
            assert_eq!(Flag::parse(name).map(|_| ()), expect, "{name:?}");
        }
    }

    #[test]
    fn sets_ignore_case_and_keep_the_first_spelling() {
        let one = flags(&["\\Seen", "Work", "home"]);
        let two = flags(&["\\Seen", "\\Deleted", "WORK", "zoo"]);
        assert_eq!(one.union(&two).to_string(), "(\\Deleted \\Seen home Work zoo)");
        assert_eq!(one.difference(&two).to_string(), "(home)");
        assert!(one.union(&two).difference(&two).difference(&one).is_empty());
    }

    #[test]
    fn the_column_is_read_back() {
        let one = flags(&["\\Answered", "Work", "home"]);
        assert_eq!(one.encode_keywords(), "home Work");
        assert_eq!(Flags::decode(one.system.bits(), &one.encode_keywords()), Ok(one));
        assert_eq!(Flags::decode(255, ""), Ok(Flags::new(SystemFlags::ALL, vec![])));
        assert_eq!(Flags::decode(0, "a\"b"), Err(Error::Corrupt("keyword")));
    }
}
