//! Arguments of the commands that manage access control lists (RFC 4314).

use super::MailboxName;

/// How SETACL changes rights (RFC 4314 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RightsAction {
    /// They become the rights.
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
        /// Of which mailbox.
        mailbox: MailboxName,
        /// For whom.
        identifier: String,
        /// What becomes of the rights.
        action: RightsAction,
        /// Their letters.
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
