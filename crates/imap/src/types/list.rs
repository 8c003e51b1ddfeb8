//! Arguments of LIST and its relatives, and the attributes its replies carry.

use super::{EntryName, MailboxPattern, StatusItems};

macro_rules! named_set {
    ($(#[$set_doc:meta])* $set:ident of $(#[$doc:meta])* $item:ident {
        $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)+
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $item {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $item {
            /// All, in the order replies give them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name on the wire.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The one called `name`, in any case.
            pub fn by_name(name: &[u8]) -> Option<Self> {
                Self::ALL.iter().copied().find(|item| name.eq_ignore_ascii_case(item.name().as_bytes()))
            }
        }

        $(#[$set_doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct $set(u32);

        impl $set {
            /// The empty set.
            pub const fn new() -> Self {
                Self(0)
            }

            /// Adds `item`.
            pub const fn insert(&mut self, item: $item) {
                self.0 |= 1 << item as u8;
            }

            /// Takes `item` out.
            pub const fn remove(&mut self, item: $item) {
                self.0 &= !(1 << item as u8);
            }

            /// Whether `item` is in it.
            pub const fn contains(self, item: $item) -> bool {
                self.0 & (1 << item as u8) != 0
            }

            /// Whether nothing is in it.
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// The items of the set, in the order in which replies give them.
            pub fn iter(self) -> impl Iterator<Item = $item> {
                $item::ALL.iter().copied().filter(move |&item| self.contains(item))
            }
        }

        impl FromIterator<$item> for $set {
            fn from_iter<I: IntoIterator<Item = $item>>(items: I) -> Self {
                let mut set = Self::new();
                for item in items {
                    set.insert(item);
                }
                set
            }
        }
    };
}

pub(super) use named_set;

named_set!(
    /// A set of [`ListAttribute`]s.
    ListAttributes of
    /// A mailbox attribute in a LIST reply (RFC 9051 §7.3.1, RFC 6154 §2).
    ListAttribute {
        /// The name is no mailbox; it implies `\Noselect`.
        NonExistent = "\\NonExistent",
        /// It can't be read by whoever asks (RFC 5465 §8).
        NoAccess = "\\NoAccess",
        /// It cannot be selected.
        Noselect = "\\Noselect",
        /// It can have no children.
        Noinferiors = "\\Noinferiors",
        /// It has children.
        HasChildren = "\\HasChildren",
        /// It has none.
        HasNoChildren = "\\HasNoChildren",
        /// It may have news.
        Marked = "\\Marked",
        /// It has none.
        Unmarked = "\\Unmarked",
        /// It is subscribed.
        Subscribed = "\\Subscribed",
        /// It lies on another server.
        Remote = "\\Remote",
        /// Every message.
        All = "\\All",
        /// Archived messages.
        Archive = "\\Archive",
        /// Drafts.
        Drafts = "\\Drafts",
        /// Flagged messages.
        Flagged = "\\Flagged",
        /// Junk.
        Junk = "\\Junk",
        /// Sent messages.
        Sent = "\\Sent",
        /// Deleted messages.
        Trash = "\\Trash",
        /// `\Important` (RFC 8457 §3).
        Important = "\\Important",
    }
);

named_set!(
    /// A set of [`SpecialUse`]s.
    SpecialUses of
    /// A special use a mailbox can be created for (RFC 6154 §2).
    SpecialUse {
        /// Every message.
        All = "\\All",
        /// Archived messages.
        Archive = "\\Archive",
        /// Drafts.
        Drafts = "\\Drafts",
        /// Flagged messages.
        Flagged = "\\Flagged",
        /// Junk.
        Junk = "\\Junk",
        /// Sent messages.
        Sent = "\\Sent",
        /// Deleted messages.
        Trash = "\\Trash",
        /// `\Important` (RFC 8457 §3).
        Important = "\\Important",
    }
);

impl From<SpecialUse> for ListAttribute {
    fn from(special_use: SpecialUse) -> Self {
        match special_use {
            SpecialUse::All => Self::All,
            SpecialUse::Archive => Self::Archive,
            SpecialUse::Drafts => Self::Drafts,
            SpecialUse::Flagged => Self::Flagged,
            SpecialUse::Junk => Self::Junk,
            SpecialUse::Sent => Self::Sent,
            SpecialUse::Trash => Self::Trash,
            SpecialUse::Important => Self::Important,
        }
    }
}

/// Which mailboxes are listed (RFC 5258 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListSelection {
    /// `SUBSCRIBED`: subscribed names, existing or not.
    pub subscribed: bool,
    /// `REMOTE`: those on other servers too.
    pub remote: bool,
    /// `RECURSIVEMATCH`: also parents of what is selected; never alone.
    pub recursive_match: bool,
    /// `SPECIAL-USE` (RFC 6154 §2): those with a special use.
    pub special_use: bool,
}

/// What is told of each (RFC 5258 §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListReturn {
    /// `SUBSCRIBED`.
    pub subscribed: bool,
    /// `CHILDREN`.
    pub children: bool,
    /// `SPECIAL-USE`.
    pub special_use: bool,
    /// `MYRIGHTS` (RFC 8440 §3).
    pub my_rights: bool,
    /// `STATUS (…)` (RFC 5819 §2); empty when not asked for.
    pub status: StatusItems,
}

/// `LIST`, `LSUB` and `XLIST`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListArgs {
    /// Put in front of every pattern.
    pub reference: String,
    /// At least one pattern, not yet joined with the reference.
    pub patterns: Vec<MailboxPattern>,
    /// Which are listed.
    pub selection: ListSelection,
    /// What is answered for each mailbox.
    pub returns: ListReturn,
    /// `METADATA (…)` (RFC 9590 §3): the annotations told of each.
    pub metadata: Vec<EntryName>,
    /// Whether any of the extended syntax of RFC 5258 was used, even if empty: then a lone empty
    /// pattern is not the question for the delimiter.
    pub extended: bool,
}

impl ListArgs {
    /// Whether this is the question for the delimiter (RFC 9051 §6.3.9): an empty pattern in a
    /// LIST of the basic form.
    pub fn asks_delimiter(&self) -> bool {
        !self.extended && self.patterns.iter().all(MailboxPattern::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attribute_is_found_by_its_name() {
        for &attribute in ListAttribute::ALL {
            let name = attribute.name().to_uppercase();
            assert_eq!(ListAttribute::by_name(name.as_bytes()), Some(attribute));
        }
        for &special_use in SpecialUse::ALL {
            assert_eq!(ListAttribute::from(special_use).name(), special_use.name());
        }
        let mut set = ListAttributes::from_iter([ListAttribute::Important, ListAttribute::Marked]);
        set.remove(ListAttribute::Marked);
        assert!(set.iter().eq([ListAttribute::Important]));
    }
}
