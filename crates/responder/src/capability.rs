//! What a script can ask for with `require` (RFC 5228 §3.2, §6.1).

macro_rules! capabilities {
    ($($variant:ident $name:literal $doc:literal),* $(,)?) => {
        /// A capability that scripts can require (RFC 5228 §6).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Capability {
            $(#[doc = $doc] $variant,)*
        }

        impl Capability {
            /// All of them, in the order in which they are advertised.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name that `require` uses.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

capabilities! {
    Fileinto "fileinto" "RFC 5228 §4.1",
    Reject "reject" "RFC 5429 §2.2",
    Ereject "ereject" "RFC 5429 §2.1",
    Envelope "envelope" "RFC 5228 §5.4",
    EncodedCharacter "encoded-character" "RFC 5228 §2.4.2.4",
    ComparatorOctet "comparator-i;octet" "RFC 5228 §2.7.3",
    ComparatorAsciiCasemap "comparator-i;ascii-casemap" "RFC 5228 §2.7.3",
    ComparatorAsciiNumeric "comparator-i;ascii-numeric" "RFC 4790 §9.1",
    ComparatorUnicodeCasemap "comparator-i;unicode-casemap" "RFC 5051 §2",
    Copy "copy" "RFC 3894 §3",
    Variables "variables" "RFC 5229 §2",
    Vacation "vacation" "RFC 5230 §3",
    VacationSeconds "vacation-seconds" "RFC 6131 §2",
    Relational "relational" "RFC 5231 §3",
    Imap4Flags "imap4flags" "RFC 5232 §1",
    Subaddress "subaddress" "RFC 5233 §2",
    Spamtest "spamtest" "RFC 5235 §3.2",
    SpamtestPlus "spamtestplus" "RFC 5235 §3.2",
    Virustest "virustest" "RFC 5235 §3.3",
    Body "body" "RFC 5173 §3",
    Environment "environment" "RFC 5183 §3",
    Date "date" "RFC 5260 §3",
    Index "index" "RFC 5260 §6",
    EditHeader "editheader" "RFC 5293 §3",
    Enotify "enotify" "RFC 5435 §2",
    Ihave "ihave" "RFC 5463 §3",
    Mailbox "mailbox" "RFC 5490 §3",
    MboxMetadata "mboxmetadata" "RFC 5490 §3.3",
    ServerMetadata "servermetadata" "RFC 5490 §4",
    Mime "mime" "RFC 5703 §4",
    ForEveryPart "foreverypart" "RFC 5703 §3",
    ExtractText "extracttext" "RFC 5703 §7",
    Replace "replace" "RFC 5703 §5",
    Enclose "enclose" "RFC 5703 §6",
    Include "include" "RFC 6609 §3.1",
    ImapSieve "imapsieve" "RFC 6785 §2",
    Duplicate "duplicate" "RFC 7352 §3",
    SpecialUse "special-use" "RFC 8579 §3",
    Fcc "fcc" "RFC 8580 §3",
    MailboxId "mailboxid" "RFC 9042 §3",
    ExtLists "extlists" "RFC 6134 §2.1",
    RedirectDsn "redirect-dsn" "RFC 6009 §6",
    RedirectDeliverby "redirect-deliverby" "RFC 6009 §7",
    EnvelopeDsn "envelope-dsn" "RFC 6009 §4",
    EnvelopeDeliverby "envelope-deliverby" "RFC 6009 §5",
    ProcessCalendar "processcalendar" "RFC 9671 §3",
    Regex "regex" "draft-ietf-sieve-regex",
}

impl Capability {
    /// Finds one by its name.
    ///
    /// DEVIATION(RFC 5228 §3.2): capability names are strings there and compared as such; a
    /// script that writes one in capitals means the same.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.name().eq_ignore_ascii_case(name))
    }
}

/// A set of capabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapabilitySet(u64);

impl CapabilitySet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);
    /// All that this crate knows.
    pub const ALL: Self = Self((1 << Capability::ALL.len()) - 1);

    /// Adds a capability.
    pub const fn insert(&mut self, capability: Capability) {
        self.0 |= 1 << capability as u64;
    }

    /// Takes one away.
    pub const fn remove(&mut self, capability: Capability) {
        self.0 &= !(1 << capability as u64);
    }

    /// Whether it is in the set.
    pub const fn has(self, capability: Capability) -> bool {
        self.0 & (1 << capability as u64) != 0
    }

    /// The capabilities of the set, in the order in which they are advertised.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.iter().copied().filter(move |capability| self.has(*capability))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets() {
        let mut set = CapabilitySet::EMPTY;
        set.insert(Capability::Regex);
        set.insert(Capability::Fileinto);
        assert_eq!(set.iter().collect::<Vec<_>>(), [Capability::Fileinto, Capability::Regex]);
        set.remove(Capability::Regex);
        assert!(set.has(Capability::Fileinto) && !set.has(Capability::Regex));
        assert_eq!(CapabilitySet::ALL.iter().count(), Capability::ALL.len());
        assert_eq!(Capability::find("FileInto"), Some(Capability::Fileinto));
        assert_eq!(Capability::find("imapflags"), None);
    }
}
