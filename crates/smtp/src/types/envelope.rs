//! The envelope of one mail transaction.

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
    /// BODY.
    pub body: Body,
    /// SMTPUTF8: addresses and header fields may be UTF-8 (RFC 6531 §3.4).
    pub smtputf8: bool,
    /// RET.
    pub ret: Option<Ret>,
    /// ENVID.
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

/// One recipient with the parameters of its RCPT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Where the message shall go.
    pub path: ForwardPath,
    /// NOTIFY.
    pub notify: Notify,
    /// ORCPT.
    pub original: Option<OriginalRecipient>,
}

/// Everything MAIL and RCPT said. (IMAP's ENVELOPE is something else.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Who is told about failures.
    pub reverse_path: ReversePath,
    /// Parameters of MAIL.
    pub parameters: MailParameters,
    /// When MAIL came: spans of time among its parameters begin there.
    pub at: Timestamp,
    /// The accepted recipients in the order of their RCPT commands.
    pub recipients: Vec<Recipient>,
}
