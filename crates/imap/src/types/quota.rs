//! Arguments of the quota commands (RFC 9208).

use super::MailboxName;

/// What a quota limits (RFC 9208 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaResource {
    /// Space, in units of 1,024 octets.
    Storage,
    /// Messages.
    Message,
    /// Mailboxes.
    Mailbox,
}

impl QuotaResource {
    /// All resources that are counted here.
    pub const ALL: [Self; 3] = [Self::Storage, Self::Message, Self::Mailbox];

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Storage => "STORAGE",
            Self::Message => "MESSAGE",
            Self::Mailbox => "MAILBOX",
        }
    }

    /// The capability that stands for it (RFC 9208 §3.1.1).
    pub const fn capability(self) -> &'static str {
        match self {
            Self::Storage => "QUOTA=RES-STORAGE",
            Self::Message => "QUOTA=RES-MESSAGE",
            Self::Mailbox => "QUOTA=RES-MAILBOX",
        }
    }

    /// The resource called `name`, in any case.
    pub fn by_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|known| name.eq_ignore_ascii_case(known.name().as_bytes()))
    }
}

/// `GETQUOTA`, `GETQUOTAROOT` and `SETQUOTA`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuotaArgs {
    /// `GETQUOTA root`.
    Get(String),
    /// `GETQUOTAROOT mailbox`.
    GetRoot(MailboxName),
    /// `SETQUOTA root (resource limit …)`.
    Set {
        /// The quota root.
        root: String,
        /// The limits; `None` is a resource nobody here counts.
        limits: Vec<(Option<QuotaResource>, u64)>,
    },
}
