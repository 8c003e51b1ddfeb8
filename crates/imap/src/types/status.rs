//! The items that STATUS can be asked for (RFC 9051 §6.3.11), and sets of them.

/// One data item of STATUS (RFC 9051 §6.3.11 and extensions).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum StatusItem {
    /// Number of messages.
    Messages = 0,
    /// Number with `\Recent` (RFC 3501 §6.3.10).
    Recent = 1,
    /// Next UID.
    UidNext = 2,
    /// UID validity.
    UidValidity = 3,
    /// Number without `\Seen`.
    Unseen = 4,
    /// Number with `\Deleted`.
    Deleted = 5,
    /// Size of all messages in octets (RFC 8438 §3).
    Size = 6,
    /// Highest modseq (RFC 7162 §3.1.7).
    HighestModSeq = 7,
    /// Largest message APPEND takes (RFC 7889 §3.1).
    AppendLimit = 8,
    /// Object id of the mailbox (RFC 8474 §4.3).
    MailboxId = 9,
    /// Octets of the messages with `\Deleted` (RFC 9208 §4.1.4 calls it DELETED-STORAGE).
    DeletedStorage = 10,
}

impl StatusItem {
    /// All, in the order replies give them.
    pub const ALL: [Self; 11] = [
        Self::Messages,
        Self::Recent,
        Self::UidNext,
        Self::UidValidity,
        Self::Unseen,
        Self::Deleted,
        Self::Size,
        Self::HighestModSeq,
        Self::AppendLimit,
        Self::MailboxId,
        Self::DeletedStorage,
    ];

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Messages => "MESSAGES",
            Self::Recent => "RECENT",
            Self::UidNext => "UIDNEXT",
            Self::UidValidity => "UIDVALIDITY",
            Self::Unseen => "UNSEEN",
            Self::Deleted => "DELETED",
            Self::Size => "SIZE",
            Self::HighestModSeq => "HIGHESTMODSEQ",
            Self::AppendLimit => "APPENDLIMIT",
            Self::MailboxId => "MAILBOXID",
            Self::DeletedStorage => "DELETED-STORAGE",
        }
    }

    /// The item called `name`, in any case.
    pub fn by_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|item| name.eq_ignore_ascii_case(item.name().as_bytes()))
    }
}

/// A set of [`StatusItem`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatusItems(u16);

impl StatusItems {
    /// The empty set.
    pub const fn new() -> Self {
        Self(0)
    }

    /// Adds `item`.
    pub const fn insert(&mut self, item: StatusItem) {
        self.0 |= 1 << item as u8;
    }

    /// Whether `item` is in it.
    pub const fn contains(self, item: StatusItem) -> bool {
        self.0 & (1 << item as u8) != 0
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The items in it, in the order replies give them.
    pub fn iter(self) -> impl Iterator<Item = StatusItem> {
        StatusItem::ALL.into_iter().filter(move |&item| self.contains(item))
    }
}

impl FromIterator<StatusItem> for StatusItems {
    fn from_iter<I: IntoIterator<Item = StatusItem>>(items: I) -> Self {
        let mut set = Self::new();
        for item in items {
            set.insert(item);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_found_by_its_name_and_kept_apart() {
        for item in StatusItem::ALL {
            assert_eq!(StatusItem::by_name(item.name().to_lowercase().as_bytes()), Some(item));
            let set = StatusItems::from_iter([item]);
            assert!(set.iter().eq([item]));
        }
        assert_eq!(StatusItem::by_name(b"X"), None);
    }
}
