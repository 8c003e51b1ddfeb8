//! Arguments of the commands of URLAUTH.

use super::MailboxName;

/// `RESETKEY [mailbox *(mechanism)]` (RFC 4467 §9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetKeyArgs {
    /// Whose key is made anew; without one all keys go.
    pub mailbox: Option<MailboxName>,
    /// The mechanisms the key is for; none is INTERNAL.
    pub mechanisms: Vec<String>,
}

/// One URL of GENURLAUTH: what is to be authorized (RFC 4467 §9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlToAuthorize {
    /// The URL up to its access identifier.
    pub rump: String,
    /// The mechanism.
    pub mechanism: String,
}
