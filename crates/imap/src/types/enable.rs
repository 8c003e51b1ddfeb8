//! The extensions that ENABLE (RFC 9051 §6.3.1) can switch on, and sets of them.

/// An extension a client enables (RFC 5161 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum EnableItem {
    /// `IMAP4rev2` (RFC 9051 §6.3.1).
    Imap4Rev2 = 0,
    /// `UTF8=ACCEPT` (RFC 6855 §3).
    Utf8Accept = 1,
    /// `CONDSTORE` (RFC 7162 §3.1).
    CondStore = 2,
    /// `QRESYNC` (RFC 7162 §3.2.3).
    QResync = 3,
    /// `UIDONLY` (RFC 9586 §3).
    UidOnly = 4,
}

impl EnableItem {
    /// All, in the order replies give them.
    pub const ALL: [Self; 5] =
        [Self::Imap4Rev2, Self::Utf8Accept, Self::CondStore, Self::QResync, Self::UidOnly];

    /// Its name as a capability.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Imap4Rev2 => "IMAP4rev2",
            Self::Utf8Accept => "UTF8=ACCEPT",
            Self::CondStore => "CONDSTORE",
            Self::QResync => "QRESYNC",
            Self::UidOnly => "UIDONLY",
        }
    }

    /// The item called `name`, in any case.
    pub fn by_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|item| name.eq_ignore_ascii_case(item.name().as_bytes()))
    }
}

/// A set of [`EnableItem`]s. Names nobody here knows are left out by the parser, as RFC 5161 §3.1
/// wants them ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EnableItems(u8);

impl EnableItems {
    /// The empty set.
    pub const fn new() -> Self {
        Self(0)
    }

    /// Adds `item`.
    pub const fn insert(&mut self, item: EnableItem) {
        self.0 |= 1 << item as u8;
    }

    /// Takes `item` out.
    pub const fn remove(&mut self, item: EnableItem) {
        self.0 &= !(1 << item as u8);
    }

    /// Whether `item` is in it.
    pub const fn contains(self, item: EnableItem) -> bool {
        self.0 & (1 << item as u8) != 0
    }

    /// The items of the set, in the order in which replies give them.
    pub fn iter(self) -> impl Iterator<Item = EnableItem> {
        EnableItem::ALL.into_iter().filter(move |&item| self.contains(item))
    }
}
