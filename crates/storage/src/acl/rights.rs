//! What may be done with a mailbox (RFC 4314 §2.1).

use message::flag::{Flags, SystemFlags};

/// A set of rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights(u16);

/// In the order of the bits, which is part of the stored format.
const LETTERS: &str = "lrswipkxtean";

impl Rights {
    /// No right.
    pub const NONE: Self = Self(0);
    /// `l`: the mailbox is listed.
    pub const LOOKUP: Self = Self(1);
    /// `r`: it can be selected and read.
    pub const READ: Self = Self(2);
    /// `s`: `\Seen` can be changed.
    pub const SEEN: Self = Self(4);
    /// `w`: flags other than `\Seen` and `\Deleted` can be changed.
    pub const WRITE: Self = Self(8);
    /// `i`: messages can be added.
    pub const INSERT: Self = Self(16);
    /// `p`: mail can be sent to it.
    pub const POST: Self = Self(32);
    /// `k`: mailboxes can be created below it.
    pub const CREATE: Self = Self(64);
    /// `x`: it can be deleted and renamed.
    pub const DELETE_MAILBOX: Self = Self(128);
    /// `t`: `\Deleted` can be changed.
    pub const DELETE_MESSAGES: Self = Self(256);
    /// `e`: messages can be expunged.
    pub const EXPUNGE: Self = Self(512);
    /// `a`: the rights of others can be changed.
    pub const ADMINISTER: Self = Self(1024);
    /// `n`: shared annotations of messages can be changed (RFC 5257 §3.4).
    pub const ANNOTATE: Self = Self(2048);
    /// Every right that is known here.
    pub const ALL: Self = Self(4095);

    /// The rights that change flags or messages (RFC 4314 §5.2); RFC 5257 §3.4 counts `n` among
    /// them.
    pub const CHANGING: Self = Self(4 | 8 | 16 | 256 | 512 | 2048);

    /// The rights that it takes to see messages and remove them at once, as MOVE and REPLACE do.
    pub(crate) const REMOVING: Self = Self(2 | 256 | 512);

    /// The rights these letters stand for; `None` where one stands for none. `c` and `d` are what
    /// RFC 2086 had (RFC 4314 §2.1.1).
    pub fn parse(letters: &str) -> Option<Self> {
        letters.chars().try_fold(Self::NONE, |rights, letter| {
            Some(
                rights
                    | match letter {
                        'c' => Self::CREATE | Self::DELETE_MAILBOX,
                        'd' => Self::DELETE_MESSAGES | Self::EXPUNGE,
                        _ => Self(1 << LETTERS.find(letter)?),
                    },
            )
        })
    }

    /// Whether all of `other` are in it.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether some of `other` are in it.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether annotations of a mailbox may be read with them (RFC 5464 §3.3).
    pub fn shows_annotations(self) -> bool {
        let some = Self::READ | Self::SEEN | Self::WRITE | Self::INSERT | Self::POST;
        self.contains(Self::LOOKUP) && self.intersects(some)
    }

    /// Those of it that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Those of it that are in `other` too.
    #[must_use]
    pub(crate) const fn within(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn column(self) -> i64 {
        self.0 as i64
    }

    pub(crate) fn from_column(column: i64) -> Self {
        Self(u16::try_from(column).unwrap_or(0) & Self::ALL.0)
    }

    /// The system flags that may be changed; whether keywords may be.
    pub fn changeable(self) -> (SystemFlags, bool) {
        let writes = self.contains(Self::WRITE);
        let mut system = SystemFlags::EMPTY;
        for (allowed, flags) in [
            (self.contains(Self::SEEN), SystemFlags::SEEN),
            (self.contains(Self::DELETE_MESSAGES), SystemFlags::DELETED),
            (writes, SystemFlags::ANSWERED),
            (writes, SystemFlags::FLAGGED),
            (writes, SystemFlags::DRAFT),
        ] {
            if allowed {
                system = system.union(flags);
            }
        }
        (system, writes)
    }

    /// Those of `flags` that may be set (RFC 4314 §4).
    pub(crate) fn permitted(self, flags: Flags) -> Flags {
        if self.contains(Self::SEEN | Self::WRITE | Self::DELETE_MESSAGES) {
            return flags;
        }
        self.merged(&Flags::default(), &flags)
    }

    /// `after` where it may be changed, `before` elsewhere.
    pub(crate) fn merged(self, before: &Flags, after: &Flags) -> Flags {
        let (system, keywords) = self.changeable();
        let kept = before.system.difference(system);
        let set = after.system.difference(after.system.difference(system));
        let mut flags = Flags::new(kept.union(set), Vec::new());
        flags.share_keywords_of(if keywords { after } else { before });
        flags
    }
}

impl std::ops::BitOr for Rights {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl std::fmt::Display for Rights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (bit, letter) in LETTERS.char_indices() {
            if self.0 & (1 << bit) != 0 {
                write!(f, "{letter}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_rights() {
        for (letters, expect) in [
            ("", Some("")),
            ("lrswipkxtean", Some("lrswipkxtean")),
            ("ar", Some("ra")),
            ("rr", Some("r")),
            ("c", Some("kx")),
            ("lrd", Some("lrte")),
            ("q", None),
            ("L", None),
            ("0", None),
        ] {
            let found = Rights::parse(letters).map(|rights| rights.to_string());
            assert_eq!(found.as_deref(), expect, "{letters}");
        }
        assert_eq!(Rights::parse("lrswipkxtean"), Some(Rights::ALL));
    }

    #[test]
    fn flags_need_their_rights() {
        let flags = |names: &str| crate::testing::flags(names);
        for (rights, kept) in [
            ("", ""),
            ("s", "\\Seen"),
            ("t", "\\Deleted"),
            ("w", "\\Answered \\Draft Work"),
            ("swt", "\\Seen \\Deleted \\Answered \\Draft Work"),
        ] {
            let given = flags("\\Seen \\Deleted \\Answered \\Draft Work");
            let rights = Rights::parse(rights).unwrap();
            assert_eq!(rights.permitted(given), flags(kept), "{rights}");
        }
        let write = Rights::WRITE;
        let merged = write.merged(&flags("\\Seen \\Flagged Old"), &flags("\\Deleted New"));
        assert_eq!(merged, flags("\\Seen New"));
    }
}
