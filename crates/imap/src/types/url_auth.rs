//! Arguments of GENURLAUTH, URLFETCH and RESETKEY (RFC 4467 §7, RFC 5524).

use super::MailboxName;

/// `RESETKEY [mailbox *(mechanism)]` (RFC 4467 §9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetKeyArgs {
    /// The mailbox whose key is made anew; `None`: the keys of all mailboxes.
    pub mailbox: Option<MailboxName>,
    /// The mechanisms the key is for; none is INTERNAL.
    pub mechanisms: Vec<String>,
}

/// One URL of URLFETCH, and what is wanted of what it names (RFC 5524 §5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlToFetch {
    /// The authorized URL, as the client sent it.
    pub url: String,
    /// `None` asks for the data and nothing about it, as RFC 4467 has it.
    pub metadata: Option<UrlMetadata>,
}

/// `url-fetch-param`, at least one of them (RFC 5524 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UrlMetadata {
    /// BODYPARTSTRUCTURE is asked for.
    pub structure: bool,
    /// The data is asked for, as BODY or BINARY.
    pub data: Option<UrlData>,
}

/// How data is wanted (RFC 5524 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlData {
    /// BODY: as they are.
    Body,
    /// BINARY: without their transfer encoding.
    Binary,
}

/// One URL of GENURLAUTH: what is to be authorized (RFC 4467 §9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlToAuthorize {
    /// The URL up to its access identifier.
    pub rump: String,
    /// The authorization mechanism, such as INTERNAL.
    pub mechanism: String,
}
