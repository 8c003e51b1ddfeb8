//! Everything that is computed once from the bytes of a message.

use std::sync::LazyLock;

use mail_parser::{HeaderForm, HeaderName, MessageParser};

use crate::Limits;
use crate::envelope::render_envelope;
use crate::fields::{Fields, ListedFields};
use crate::keys::Keys;
use crate::part_index::PartIndex;
use crate::plain_type;

/// What is stored beside a message so that it need not be parsed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Length of the header with its empty line; the whole message where it has none.
    pub header_bytes: usize,
    /// ENVELOPE, as FETCH sends it (RFC 9051 §7.5.2).
    pub envelope: Vec<u8>,
    /// BODY, the form without extension data.
    pub body: Vec<u8>,
    /// BODYSTRUCTURE.
    pub body_structure: Vec<u8>,
    /// Where each section lies.
    pub parts: PartIndex,
    /// Keys for SORT, THREAD, SEARCH and PREVIEW.
    pub keys: Keys,
}

impl Summary {
    /// Reads a message. There is one for every sequence of bytes: what is no MIME is text, what
    /// is no field is left out.
    pub fn of(message: &[u8], limits: &Limits) -> Self {
        plain_type::read(message, limits, |structure, parsed| {
            let header_bytes = structure.parts.header_bytes() as usize;
            let header = message.get(..header_bytes).unwrap_or_default();
            let fields = Fields::of(header, limits.header_fields_max);
            let listed = ListedFields::of(&fields, limits.addresses_max);
            let mut envelope = Vec::with_capacity(512);
            render_envelope(&mut envelope, &fields, &listed);
            Self {
                header_bytes,
                envelope,
                body: structure.body,
                body_structure: structure.body_structure,
                parts: structure.parts,
                keys: Keys::of(&fields, &listed, parsed, limits),
            }
        })
    }
}

/// The part index alone.
pub(crate) fn part_index(message: &[u8], limits: &Limits) -> PartIndex {
    plain_type::read(message, limits, |structure, _| structure.parts)
}

pub(crate) fn parser(limits: &Limits) -> MessageParser {
    PARSER
        .clone()
        .max_depth(limits.depth_max.min(Limits::DEPTH_CEILING))
        .max_parts(limits.parts_max)
}

// mail-parser finds the parts; the fields it would decode as well are read here, raw. Encoded
// messages stay closed: see `structure`.
static PARSER: LazyLock<MessageParser> = LazyLock::new(|| {
    const DECODED: [HeaderName<'static>; 35] = [
        HeaderName::Subject,
        HeaderName::Comments,
        HeaderName::ContentDescription,
        HeaderName::ContentLocation,
        HeaderName::From,
        HeaderName::To,
        HeaderName::Cc,
        HeaderName::Bcc,
        HeaderName::ReplyTo,
        HeaderName::Sender,
        HeaderName::ResentTo,
        HeaderName::ResentFrom,
        HeaderName::ResentBcc,
        HeaderName::ResentCc,
        HeaderName::ResentSender,
        HeaderName::ListArchive,
        HeaderName::ListHelp,
        HeaderName::ListId,
        HeaderName::ListOwner,
        HeaderName::ListPost,
        HeaderName::ListSubscribe,
        HeaderName::ListUnsubscribe,
        HeaderName::Date,
        HeaderName::ResentDate,
        HeaderName::MessageId,
        HeaderName::References,
        HeaderName::InReplyTo,
        HeaderName::ReturnPath,
        HeaderName::ContentId,
        HeaderName::ResentMessageId,
        HeaderName::Keywords,
        HeaderName::ContentLanguage,
        HeaderName::Received,
        HeaderName::MimeVersion,
        HeaderName::XPriority,
    ];
    let parser = MessageParser::new().max_encoded_nesting(0).unknown_headers(HeaderForm::Ignore);
    DECODED.into_iter().fold(parser, |parser, name| parser.header(name, HeaderForm::Ignore))
});
