//! Arguments of FETCH (RFC 9051 §6.4.5): messages, attributes and modifiers. Macros are expanded
//! before they get here.

use ids::ModSeq;

use super::{Addressing, AnnotationQuery, PartPath, Partial, PartialRange, Section, SequenceSet};

/// One data item asked of FETCH (RFC 9051 §6.4.5). Macros are expanded by the parser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchAttribute {
    /// `UID`.
    Uid,
    /// `FLAGS`.
    Flags,
    /// `INTERNALDATE`.
    InternalDate,
    /// `RFC822.SIZE`.
    Rfc822Size,
    /// `ENVELOPE`.
    Envelope,
    /// `BODY` without a section: the structure without extension data.
    Body,
    /// `BODYSTRUCTURE`.
    BodyStructure,
    /// `BODY[…]` and `BODY.PEEK[…]`.
    BodySection {
        /// The section of the message.
        section: Section,
        /// Which octets of that.
        partial: Option<Partial>,
        /// Whether `\Seen` stays as it is.
        peek: bool,
    },
    /// `BINARY[…]` and `BINARY.PEEK[…]` (RFC 3516 §4.2): content with its transfer encoding
    /// removed.
    Binary {
        /// The part to be sent decoded.
        part: PartPath,
        /// Which octets of the decoded content.
        partial: Option<Partial>,
        /// Whether `\Seen` stays as it is.
        peek: bool,
    },
    /// `BINARY.SIZE[…]`: size of the decoded content.
    BinarySize(PartPath),
    /// `RFC822` (RFC 3501 §6.4.5): `BODY[]` under its old name.
    Rfc822,
    /// `RFC822.HEADER`: `BODY.PEEK[HEADER]` under its old name.
    Rfc822Header,
    /// `RFC822.TEXT`: `BODY[TEXT]` under its old name.
    Rfc822Text,
    /// `MODSEQ` (RFC 7162 §3.1.4.2).
    ModSeq,
    /// `EMAILID` (RFC 8474 §5.1).
    EmailId,
    /// `THREADID` (RFC 8474 §5.2).
    ThreadId,
    /// `PREVIEW` (RFC 8970 §3.1).
    Preview {
        /// `(LAZY)`: only if it is at hand.
        lazy: bool,
    },
    /// `SAVEDATE` (RFC 8514 §4.2): when the message came into this mailbox.
    SaveDate,
    /// `ANNOTATION (…)` (RFC 5257 §4.3).
    Annotation(AnnotationQuery),
}

impl FetchAttribute {
    /// Whether answering it sets `\Seen` (RFC 9051 §6.4.5).
    pub fn sets_seen(&self) -> bool {
        matches!(
            self,
            Self::BodySection { peek: false, .. }
                | Self::Binary { peek: false, .. }
                | Self::Rfc822
                | Self::Rfc822Text
        )
    }

    /// Whether answering it needs the bytes of the message and not only what is stored about it.
    pub fn needs_text(&self) -> bool {
        matches!(
            self,
            Self::BodySection { .. }
                | Self::Binary { .. }
                | Self::BinarySize(_)
                | Self::Rfc822
                | Self::Rfc822Header
                | Self::Rfc822Text
        )
    }
}

/// `FETCH set attributes (modifiers)` and `UID FETCH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchArgs {
    /// The messages that are fetched.
    pub set: SequenceSet,
    /// What the numbers in `set` are.
    pub by: Addressing,
    /// What is asked, in the order asked, each at most once. With UID FETCH the parser adds
    /// [`FetchAttribute::Uid`] in front when it is missing (RFC 9051 §6.4.9), and with
    /// CHANGEDSINCE [`FetchAttribute::ModSeq`] at the end (RFC 7162 §3.1.4.1).
    pub attributes: Vec<FetchAttribute>,
    /// Whether the client asked for `UID` itself.
    pub asks_uid: bool,
    /// `CHANGEDSINCE` (RFC 7162 §3.1.4.1): only messages changed after it. 0 is accepted: iOS sends
    /// it.
    pub changed_since: Option<ModSeq>,
    /// `VANISHED` (RFC 7162 §3.2.6): also report what was expunged. Only with UID FETCH and
    /// CHANGEDSINCE.
    pub vanished: bool,
    /// `PARTIAL` (RFC 9394 §3.3): only some of the messages, counted in mailbox order.
    pub partial: Option<PartialRange>,
}

impl FetchArgs {
    /// Whether any attribute sets `\Seen`.
    pub fn sets_seen(&self) -> bool {
        self.attributes.iter().any(FetchAttribute::sets_seen)
    }
}
