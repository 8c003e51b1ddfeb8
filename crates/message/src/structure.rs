//! BODY and BODYSTRUCTURE (RFC 9051 §7.5.2) and the part index, made in one walk over the parts
//! that mail-parser finds, so that they agree.
//!
//! **Invariant:** each part that is described has a node, and the octets it tells are the length
//! of the node's body.

use std::ops::Range;

use mail_parser::{MessagePart, PartFlags, PartKind as Found};

use crate::envelope::render_envelope;
use crate::fields::{Fields, ListedFields};
use crate::header::{unfold, without_comments};
use crate::imap_string::{push_nstring, push_number, push_string};
use crate::lines::LineCounter;
use crate::parameter::{Parameter, Parameterized, push_parameters};
use crate::part_index::{Node, PartIndex, PartKind};
use crate::plain_type::{Misread, misread};
use crate::{Encoding, Limits};

/// The tree of parts that the walk makes.
pub(crate) struct Structure {
    pub(crate) body: Vec<u8>,
    pub(crate) body_structure: Vec<u8>,
    pub(crate) parts: PartIndex,
    /// See [`crate::plain_type`].
    pub(crate) misread: Vec<Misread>,
}

/// Describes a message; `root` is absent where it has neither a field nor an empty line.
pub(crate) fn describe(raw: &[u8], root: Option<MessagePart<'_>>, limits: &Limits) -> Structure {
    let mut walk = Walk {
        raw,
        lines: LineCounter::new(raw),
        limits,
        nodes: Vec::with_capacity(8),
        body: Vec::with_capacity(256),
        structure: Vec::with_capacity(512),
        misread: Vec::new(),
    };
    let end = u32::try_from(raw.len()).unwrap_or(u32::MAX);
    walk.open(0..0, end, PartKind::Message, Encoding::Identity);
    match root {
        Some(root) => walk.content(root, 0, end, false),
        None => walk.header_only(0, end),
    }
    walk.close(0);
    Structure {
        body: walk.body,
        body_structure: walk.structure,
        parts: PartIndex { nodes: walk.nodes },
        misread: walk.misread,
    }
}

struct Walk<'a> {
    raw: &'a [u8],
    lines: LineCounter<'a>,
    limits: &'a Limits,
    nodes: Vec<Node>,
    body: Vec<u8>,
    structure: Vec<u8>,
    misread: Vec<Misread>,
}

// What a part is shown as.
enum Shape<'m> {
    Multipart,
    Message(MessagePart<'m>),
    // A message whose content is not looked into: how much of it is header.
    ClosedMessage { header_bytes: u32 },
    Leaf,
    // A leaf of another type than it says, without its parameters.
    Other(&'static str, &'static str),
}

impl Walk<'_> {
    // A part from `start` to `end`, in which mail-parser says where its body begins.
    fn content(&mut self, part: MessagePart<'_>, start: u32, end: u32, in_digest: bool) {
        let body = part.offset_body().clamp(start, end);
        let fields = Fields::of(self.bytes(start..body), self.limits.header_fields_max);
        let declared = fields.content_type.and_then(Parameterized::parse);
        let mechanism = fields.mechanism();
        let encoding = Encoding::of_mechanism(&mechanism);
        let content_type = effective_type(declared, in_digest);
        self.misread.extend(misread(&part, start..body, &content_type, encoding));
        let described =
            Described { fields: &fields, content_type: &content_type, mechanism: &mechanism };
        let shape = shape(part, &content_type, end - body);
        let kind = match &shape {
            Shape::Multipart => PartKind::Multipart,
            Shape::Message(_) | Shape::ClosedMessage { .. } => PartKind::Message,
            Shape::Leaf if content_type.is("text", "html") => PartKind::Html,
            Shape::Leaf if content_type.is_main("text") => PartKind::Text,
            Shape::Other("text", _) => PartKind::Text,
            Shape::Leaf | Shape::Other(..) => PartKind::Binary,
        };
        let node = self.open(start..body, end, kind, encoding);
        match shape {
            Shape::Multipart => self.multipart(part, &described, body..end),
            Shape::Message(inner) => {
                self.message_fields(&described, body..end, inner.offset_body());
                self.content(inner, body, end, false);
                self.message_end(&described, body..end);
            }
            Shape::ClosedMessage { header_bytes } => {
                self.message_fields(&described, body..end, body + header_bytes);
                if header_bytes == 0 {
                    self.closed(body, end);
                } else {
                    self.header_only(body, end);
                }
                self.message_end(&described, body..end);
            }
            Shape::Leaf => self.leaf(&described, body..end),
            Shape::Other(main, sub) => {
                let content_type = plain_type(main, sub);
                self.leaf(&Described { content_type: &content_type, ..described }, body..end);
            }
        }
        self.close(node);
    }

    // body-type-mpart = 1*body SP media-subtype [SP body-ext-mpart]
    fn multipart(&mut self, part: MessagePart<'_>, described: &Described<'_>, range: Range<u32>) {
        let is_digest = described.content_type.is("multipart", "digest");
        self.both(b"(");
        let mut from = range.start;
        for child in part.children() {
            let start = child.offset_header().clamp(from, range.end);
            let end = child.offset_end().clamp(start, range.end);
            self.content(child, start, end, is_digest);
            from = end;
        }
        let mut subtype = b" ".to_vec();
        let Parameterized { sub, parameters, .. } = described.content_type;
        // mail-parser reads some types that are not read here; RFC 2046 §5.1.3 has the default.
        let is_read = described.content_type.is_main("multipart") && !sub.is_empty();
        push_string(&mut subtype, if is_read { sub } else { b"mixed" });
        self.both(&subtype);
        self.body.push(b')');
        self.structure.push(b' ');
        push_parameters(&mut self.structure, if is_read { parameters } else { &[] });
        self.extension(described);
    }

    // media-message SP body-fields SP envelope SP
    fn message_fields(&mut self, described: &Described<'_>, range: Range<u32>, text: u32) {
        let is_message =
            ["rfc822", "global"].iter().any(|sub| described.content_type.is("message", sub));
        let default = plain_type("message", "rfc822");
        let content_type = if is_message { described.content_type } else { &default };
        let mut shared = Vec::with_capacity(512);
        push_basic(&mut shared, &Described { content_type, ..*described }, &range);
        shared.push(b' ');
        let header = self.bytes(range.start..text.clamp(range.start, range.end));
        let fields = Fields::of(header, self.limits.header_fields_max);
        let listed = ListedFields::of(&fields, self.limits.addresses_max);
        render_envelope(&mut shared, &fields, &listed);
        shared.push(b' ');
        self.both(&shared);
    }

    // SP body-fld-lines [SP body-ext-1part]
    fn message_end(&mut self, described: &Described<'_>, range: Range<u32>) {
        self.line_count(range);
        self.single_end(described);
    }

    // (media-basic / media-text) SP body-fields [SP body-fld-lines] [SP body-ext-1part]
    fn leaf(&mut self, described: &Described<'_>, range: Range<u32>) {
        let mut shared = Vec::with_capacity(256);
        push_basic(&mut shared, described, &range);
        self.both(&shared);
        if described.content_type.is_main("text") {
            self.line_count(range);
        }
        self.single_end(described);
    }

    fn line_count(&mut self, range: Range<u32>) {
        let count = self.lines.count(range.start as usize..range.end as usize);
        let mut shared = b" ".to_vec();
        push_number(&mut shared, count);
        self.both(&shared);
    }

    // body-ext-1part = body-fld-md5 SP body-fld-dsp SP body-fld-lang SP body-fld-loc
    fn single_end(&mut self, described: &Described<'_>) {
        self.body.push(b')');
        self.structure.push(b' ');
        push_nstring(&mut self.structure, described.fields.md5.map(unfold).as_deref());
        self.extension(described);
    }

    // SP body-fld-dsp SP body-fld-lang SP body-fld-loc ")"
    fn extension(&mut self, described: &Described<'_>) {
        let out = &mut self.structure;
        match described.fields.disposition.and_then(Parameterized::parse) {
            Some(disposition) => {
                out.extend_from_slice(b" (");
                push_string(out, &disposition.main);
                out.push(b' ');
                push_parameters(out, &disposition.parameters);
                out.push(b')');
            }
            None => out.extend_from_slice(b" NIL"),
        }
        out.push(b' ');
        push_languages(out, described.fields.language);
        out.push(b' ');
        push_nstring(out, described.fields.location.map(unfold).as_deref());
        out.push(b')');
    }

    // A message that is all header, because it has no empty line.
    fn header_only(&mut self, start: u32, end: u32) {
        self.bare_text(start, end, end);
    }

    // A message nothing is known of, as one text.
    fn closed(&mut self, start: u32, end: u32) {
        self.bare_text(start, start, end);
    }

    fn bare_text(&mut self, start: u32, body: u32, end: u32) {
        let node = self.open(start..body, end, PartKind::Text, Encoding::Identity);
        let content_type = effective_type(None, false);
        let fields = Fields::default();
        let described = Described { fields: &fields, content_type: &content_type, mechanism: b"" };
        self.leaf(&described, body..end);
        self.close(node);
    }

    fn open(&mut self, header: Range<u32>, end: u32, kind: PartKind, encoding: Encoding) -> usize {
        let (start, body) = (header.start, header.end);
        self.nodes.push(Node { start, body, end, kind, encoding, nodes: 1 });
        self.nodes.len() - 1
    }

    fn close(&mut self, at: usize) {
        let count = (self.nodes.len() - at) as u32;
        if let Some(node) = self.nodes.get_mut(at) {
            node.nodes = count;
        }
    }

    fn both(&mut self, bytes: &[u8]) {
        self.body.extend_from_slice(bytes);
        self.structure.extend_from_slice(bytes);
    }
}

impl<'a> Walk<'a> {
    fn bytes(&self, range: Range<u32>) -> &'a [u8] {
        self.raw.get(range.start as usize..range.end as usize).unwrap_or_default()
    }
}

#[derive(Clone, Copy)]
struct Described<'a> {
    fields: &'a Fields<'a>,
    content_type: &'a Parameterized,
    mechanism: &'a [u8],
}

// RFC 2045 §5.2: without a type that can be read it is US-ASCII text; in a digest, a message
// (RFC 2046 §5.1.5).
fn effective_type(declared: Option<Parameterized>, in_digest: bool) -> Parameterized {
    match declared {
        Some(declared) if !declared.sub.is_empty() => declared,
        // RFC 2045 §5.1 knows no type without a subtype; the plainest of the kind is meant.
        Some(declared) if declared.is_main("multipart") => declared,
        Some(Parameterized { main, parameters, .. }) if main.eq_ignore_ascii_case(b"text") => {
            Parameterized { main, sub: b"plain".to_vec(), parameters }
        }
        Some(_) => plain_type("application", "octet-stream"),
        None if in_digest => plain_type("message", "rfc822"),
        None => {
            let charset = Parameter { name: b"charset".to_vec(), value: b"us-ascii".to_vec() };
            Parameterized { parameters: vec![charset], ..plain_type("text", "plain") }
        }
    }
}

fn plain_type(main: &str, sub: &str) -> Parameterized {
    Parameterized { main: main.into(), sub: sub.into(), parameters: Vec::new() }
}

fn shape<'m>(part: MessagePart<'m>, content_type: &Parameterized, body_bytes: u32) -> Shape<'m> {
    let is_message = ["rfc822", "global"].iter().any(|sub| content_type.is("message", sub));
    let is_cut = part.flags().contains(PartFlags::LIMIT_REACHED);
    match part.kind() {
        Found::Multipart if part.children().len() > 0 => Shape::Multipart,
        Found::Message(inner) => Shape::Message(inner.root_part()),
        // Beyond the limits it is bytes.
        _ if is_cut => Shape::Other("application", "octet-stream"),
        // RFC 9051 §9: a multipart has at least one part; one without any is only text.
        _ if content_type.is_main("multipart") => Shape::Other("text", "plain"),
        // DEVIATION(RFC 2046 §5.2.1): an encoded message is passed on as it is; looking into it
        // would give its parts numbers that are no ranges of the message.
        _ if is_message && part.encoding() != mail_parser::Encoding::None => {
            Shape::ClosedMessage { header_bytes: 0 }
        }
        _ if is_message => Shape::ClosedMessage { header_bytes: body_bytes },
        _ => Shape::Leaf,
    }
}

// "(" type SP subtype SP body-fld-param SP body-fld-id SP body-fld-desc SP body-fld-enc SP
// body-fld-octets
fn push_basic(out: &mut Vec<u8>, described: &Described<'_>, range: &Range<u32>) {
    let Described { fields, content_type, mechanism } = described;
    out.push(b'(');
    push_string(out, &content_type.main);
    out.push(b' ');
    push_string(out, &content_type.sub);
    out.push(b' ');
    push_parameters(out, &content_type.parameters);
    for raw in [fields.content_id, fields.description] {
        out.push(b' ');
        push_nstring(out, raw.map(unfold).as_deref());
    }
    out.push(b' ');
    // RFC 2045 §6.1: 7bit is the default.
    push_string(out, if mechanism.is_empty() { b"7bit" } else { mechanism });
    out.push(b' ');
    push_number(out, (range.end - range.start) as usize);
}

// body-fld-lang = nstring / "(" string *(SP string) ")"; comments allowed by RFC 3282 §2 are no
// tags
fn push_languages(out: &mut Vec<u8>, raw: Option<&[u8]>) {
    let value = without_comments(&unfold(raw.unwrap_or_default()));
    let tags: Vec<&[u8]> = value
        .split(|&byte| byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|tag| !tag.is_empty())
        .collect();
    match tags.as_slice() {
        [] => out.extend_from_slice(b"NIL"),
        [tag] => push_string(out, tag),
        tags => {
            for (index, tag) in tags.iter().enumerate() {
                out.push(if index == 0 { b'(' } else { b' ' });
                push_string(out, tag);
            }
            out.push(b')');
        }
    }
}
