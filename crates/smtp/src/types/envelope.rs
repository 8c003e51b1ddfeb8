//! The envelope of a mail transaction: the reverse-path, the recipients, and the parameters of MAIL
//! and RCPT.

use ids::Timestamp;

use super::{
    DeliverBy, EnvelopeId, ForwardPath, Hold, Notify, OriginalRecipient, Priority, Ret, ReversePath,
};

/// What the client promises about the content: RFC 6152 and RFC 3030 §3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Body {
    /// 7 bit text; also when nothing was said.
    #[default]
    SevenBit,
    /// 8 bit text.
    EightBitMime,
    /// Any bytes; only BDAT can carry them.
    BinaryMime,
}

/// Parameters of MAIL.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MailParameters {
    /// SIZE: how many bytes will come (RFC 1870 §6).
    pub size_bytes: Option<u64>,
    /// The BODY parameter (RFC 6152).
    pub body: Body,
    /// SMTPUTF8: addresses and header fields may be UTF-8 (RFC 6531 §3.4).
    pub smtputf8: bool,
    /// The RET parameter of DSN (RFC 3461 §4.3).
    pub ret: Option<Ret>,
    /// The ENVID parameter of DSN (RFC 3461 §4.4).
    pub envelope_id: Option<EnvelopeId>,
    /// HOLDFOR or HOLDUNTIL (RFC 4865 §3).
    pub hold: Option<Hold>,
    /// BY (RFC 2852 §4).
    pub deliver_by: Option<DeliverBy>,
    /// MT-PRIORITY (RFC 6710 §3).
    pub priority: Option<Priority>,
    /// REQUIRETLS (RFC 8689 §2).
    pub require_tls: bool,
}

/// A recipient with the parameters of its RCPT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Where the message shall go.
    pub path: ForwardPath,
    /// The NOTIFY parameter of DSN (RFC 3461 §4.1).
    pub notify: Notify,
    /// The ORCPT parameter of DSN (RFC 3461 §4.2).
    pub original: Option<OriginalRecipient>,
}

/// Everything MAIL and RCPT said. (IMAP's ENVELOPE is something else.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The reverse-path, which gets reports of failure; may be null.
    pub reverse_path: ReversePath,
    /// Parameters of MAIL.
    pub parameters: MailParameters,
    /// When MAIL came: spans of time among its parameters begin there.
    pub at: Timestamp,
    /// The accepted recipients in the order of their RCPT commands.
    pub recipients: Vec<Recipient>,
}
