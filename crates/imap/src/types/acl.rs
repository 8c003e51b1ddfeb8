//! Arguments of the commands that manage access control lists (RFC 4314).

use super::MailboxName;

/// How SETACL changes rights (RFC 4314 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RightsAction {
    /// The rights are replaced by these.
    Set,
    /// `+`.
    Add,
    /// `-`.
    Remove,
}

/// `SETACL`, `DELETEACL`, `GETACL`, `LISTRIGHTS`, `MYRIGHTS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AclArgs {
    /// `SETACL mailbox identifier rights`.
    Set {
        /// The mailbox whose access list is changed.
        mailbox: MailboxName,
        /// The identifier that gets or loses rights.
        identifier: String,
        /// Whether the rights are set, added or removed.
        action: RightsAction,
        /// The letters of the rights.
        rights: String,
    },
    /// `DELETEACL mailbox identifier`.
    Delete(MailboxName, String),
    /// `GETACL mailbox`.
    Get(MailboxName),
    /// `LISTRIGHTS mailbox identifier`.
    List(MailboxName, String),
    /// `MYRIGHTS mailbox`.
    Mine(MailboxName),
}
