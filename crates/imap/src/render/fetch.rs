//! FETCH responses (RFC 9051 §7.5.2), written item by item into a buffer. What to write, and
//! reading it, is a matter of the command.

use ids::{ModSeq, Uid};
use message::date::{DateTime, format_internal_date};
use message::flag::Flags;

use super::annotation::{AnnotationItem, annotation_names, annotations};
use super::string::{literal, literal_header};
use super::{literal8_or_string, nstring, number, partial, section, section_binary};
use crate::types::{AnnotationAttribute, PartPath, Partial, Section};

/// Writes one `* n FETCH (…)` (RFC 9051 §7.5.2). Call the items wanted, then [`Self::finish`].
#[derive(Debug)]
pub struct FetchWriter<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> FetchWriter<'a> {
    /// Begins the reply for message `seq`.
    pub fn begin(out: &'a mut Vec<u8>, seq: u32) -> Self {
        out.extend_from_slice(b"* ");
        number(out, seq);
        out.extend_from_slice(b" FETCH (");
        Self { out, first: true }
    }

    /// Begins the reply for the message with that UID where sequence numbers are not spoken:
    /// `* uid UIDFETCH (…)` (RFC 9586 §3.3).
    pub fn begin_uid(out: &'a mut Vec<u8>, uid: Uid) -> Self {
        out.extend_from_slice(b"* ");
        number(out, uid.get());
        out.extend_from_slice(b" UIDFETCH (");
        Self { out, first: true }
    }

    /// Goes on with a reply that was begun, where what was written may be gone from `out` already.
    pub fn resume(out: &'a mut Vec<u8>, is_empty: bool) -> Self {
        Self { out, first: is_empty }
    }

    /// Whether no item was written yet.
    pub fn is_empty(&self) -> bool {
        self.first
    }

    /// The name of the next item, with the space that parts it from the one before.
    fn name(&mut self, name: &[u8]) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.first) {
            self.out.push(b' ');
        }
        self.out.extend_from_slice(name);
        self.out
    }

    /// `UID n`.
    pub fn uid(&mut self, uid: Uid) {
        number(self.name(b"UID "), uid.get());
    }

    /// `FLAGS (…)`.
    pub fn flags(&mut self, flags: &Flags, recent: bool) {
        super::flags(self.name(b"FLAGS "), flags, recent);
    }

    /// `FLAGS` with a list already in wire form, its parentheses included; `recent` puts
    /// `\Recent` in front, which is the session's to know (RFC 3501 §2.3.2).
    pub fn flags_rendered(&mut self, list: &str, recent: bool) {
        let out = self.name(b"FLAGS ");
        match list.strip_prefix('(').filter(|_| recent) {
            None => out.extend_from_slice(list.as_bytes()),
            Some(rest) => {
                out.extend_from_slice(b"(\\Recent");
                if rest != ")" {
                    out.push(b' ');
                }
                out.extend_from_slice(rest.as_bytes());
            }
        }
    }

    /// `MODSEQ (n)` (RFC 7162 §3.1.4.2).
    pub fn modseq(&mut self, modseq: ModSeq) {
        let out = self.name(b"MODSEQ (");
        number(out, modseq.get());
        out.push(b')');
    }

    /// `INTERNALDATE "…"`.
    pub fn internal_date(&mut self, date: DateTime) {
        let out = self.name(b"INTERNALDATE \"");
        out.extend_from_slice(format_internal_date(date).as_bytes());
        out.push(b'"');
    }

    /// `SAVEDATE "…"` or `SAVEDATE NIL` (RFC 8514 §4.2).
    pub fn save_date(&mut self, date: Option<DateTime>) {
        let out = self.name(b"SAVEDATE ");
        nstring(out, date.map(format_internal_date).as_deref().map(str::as_bytes));
    }

    /// `RFC822.SIZE n`.
    pub fn rfc822_size(&mut self, size_bytes: u64) {
        number(self.name(b"RFC822.SIZE "), size_bytes);
    }

    /// `ENVELOPE …`, already in wire form.
    pub fn envelope(&mut self, wire: &[u8]) {
        self.name(b"ENVELOPE ").extend_from_slice(wire);
    }

    /// `BODYSTRUCTURE …`, already in wire form.
    pub fn body_structure(&mut self, wire: &[u8]) {
        self.name(b"BODYSTRUCTURE ").extend_from_slice(wire);
    }

    /// `BODY …` without extension data, already in wire form.
    pub fn body(&mut self, wire: &[u8]) {
        self.name(b"BODY ").extend_from_slice(wire);
    }

    /// `BODY[…]<origin> content`; None is NIL: there is no such part.
    pub fn body_section(
        &mut self,
        which: &Section,
        origin: Option<&Partial>,
        content: Option<&[u8]>,
    ) {
        self.body_section_name(which, origin);
        match content {
            // RFC 3501 §4.3: a literal may be empty; clients read all content as literals.
            Some(content) => literal(self.out, content),
            None => self.out.extend_from_slice(b"NIL"),
        }
    }

    /// `BODY[…]<origin> {size}` and CRLF: the caller writes exactly `size_bytes` octets next,
    /// through [`Self::raw`] or around this writer.
    pub fn body_section_header(
        &mut self,
        which: &Section,
        origin: Option<&Partial>,
        size_bytes: u64,
    ) {
        self.body_section_name(which, origin);
        literal_header(self.out, size_bytes);
    }

    fn body_section_name(&mut self, which: &Section, origin: Option<&Partial>) {
        let out = self.name(b"BODY");
        section(out, which);
        partial(out, origin);
        out.push(b' ');
    }

    /// `BINARY[…]<origin> content`; None is NIL.
    pub fn binary(&mut self, part: &PartPath, origin: Option<&Partial>, content: Option<&[u8]>) {
        let out = self.name(b"BINARY");
        section_binary(out, part);
        partial(out, origin);
        out.push(b' ');
        match content {
            Some(content) => literal8_or_string(out, content),
            None => out.extend_from_slice(b"NIL"),
        }
    }

    /// `BINARY[…]<origin> {size}` and CRLF, as a literal8 where it holds NUL, see
    /// [`Self::body_section_header`].
    pub fn binary_announced(
        &mut self,
        part: &PartPath,
        origin: Option<&Partial>,
        size_bytes: u64,
        has_nul: bool,
    ) {
        let out = self.name(b"BINARY");
        section_binary(out, part);
        partial(out, origin);
        out.extend_from_slice(if has_nul { b" ~" } else { b" " });
        literal_header(out, size_bytes);
    }

    /// `BINARY.SIZE[…] n`.
    pub fn binary_size(&mut self, part: &PartPath, size_bytes: u64) {
        let out = self.name(b"BINARY.SIZE");
        section_binary(out, part);
        out.push(b' ');
        number(out, size_bytes);
    }

    /// `RFC822 content` (RFC 3501 §7.4.2).
    pub fn rfc822(&mut self, content: &[u8]) {
        literal(self.name(b"RFC822 "), content);
    }

    /// `RFC822 {size}` and CRLF, see [`Self::body_section_header`].
    pub fn rfc822_announced(&mut self, size_bytes: u64) {
        literal_header(self.name(b"RFC822 "), size_bytes);
    }

    /// `RFC822.TEXT {size}` and CRLF, see [`Self::body_section_header`].
    pub fn rfc822_text_announced(&mut self, size_bytes: u64) {
        literal_header(self.name(b"RFC822.TEXT "), size_bytes);
    }

    /// `RFC822.HEADER content`.
    pub fn rfc822_header(&mut self, content: &[u8]) {
        literal(self.name(b"RFC822.HEADER "), content);
    }

    /// `RFC822.TEXT content`.
    pub fn rfc822_text(&mut self, content: &[u8]) {
        literal(self.name(b"RFC822.TEXT "), content);
    }

    /// `EMAILID (id)` (RFC 8474 §5.1); `id` is letters, digits, `-` and `_`.
    pub fn email_id(&mut self, id: &str) {
        let out = self.name(b"EMAILID (");
        out.extend_from_slice(id.as_bytes());
        out.push(b')');
    }

    /// `THREADID (id)` or `THREADID NIL` (RFC 8474 §5.2).
    pub fn thread_id(&mut self, id: Option<&str>) {
        let out = self.name(b"THREADID ");
        match id {
            Some(id) => {
                out.push(b'(');
                out.extend_from_slice(id.as_bytes());
                out.push(b')');
            }
            None => out.extend_from_slice(b"NIL"),
        }
    }

    /// `PREVIEW text` (RFC 8970 §3.2).
    pub fn preview(&mut self, text: Option<&str>) {
        nstring(self.name(b"PREVIEW "), text.map(str::as_bytes));
    }

    /// `ANNOTATION (entry (attribute value …) …)` (RFC 5257 §4.4); nothing where there is no entry.
    pub fn annotations(
        &mut self,
        items: &[AnnotationItem<'_>],
        attributes: &[AnnotationAttribute],
    ) {
        if !items.is_empty() {
            annotations(self.name(b"ANNOTATION "), items, attributes);
        }
    }

    /// `ANNOTATION (entry …)` (RFC 5257 §4.4): at least one that changed.
    pub fn annotation_names<'n>(&mut self, names: impl Iterator<Item = &'n str>) {
        annotation_names(self.name(b"ANNOTATION "), names);
    }

    /// Octets announced by [`Self::body_section_header`].
    pub fn raw(&mut self, octets: &[u8]) {
        self.out.extend_from_slice(octets);
    }

    /// Ends the reply.
    pub fn finish(self) {
        self.out.extend_from_slice(b")\r\n");
    }
}

#[cfg(test)]
mod tests {
    use message::flag::Flag;

    use super::*;
    use crate::parse::parse_section;

    #[test]
    fn items_stand_as_rfc_9051_writes_them() {
        let mut out = Vec::new();
        let mut w = FetchWriter::begin(&mut out, 23);
        let flags: Flags =
            [b"\\Seen".as_slice(), b"$Junk"].into_iter().map(|f| Flag::parse(f).unwrap()).collect();
        w.flags(&flags, true);
        w.uid(Uid::new(4_827_313));
        w.modseq(ModSeq::new(65_402));
        w.rfc822_size(44_827);
        w.internal_date(DateTime::with_offset(837_596_605, -420));
        w.envelope(b"(NIL)");
        w.body_section(
            &parse_section(b"[HEADER.FIELDS (To)]").unwrap(),
            None,
            Some(b"To: a\r\n\r\n"),
        );
        let part = PartPath::new(vec![1.try_into().unwrap()]);
        let origin = Partial { offset: 2, length: 9.try_into().unwrap() };
        w.binary(&part, Some(&origin), Some(b"a\0"));
        w.binary_size(&part, 7);
        w.body_section(&Section::whole(), Some(&origin), None);
        w.thread_id(None);
        w.email_id("M1");
        w.preview(Some("Hi"));
        w.body_section_header(&Section::whole(), None, 2);
        w.raw(b"ab");
        w.finish();
        assert_eq!(
            String::from_utf8_lossy(&out),
            "* 23 FETCH (FLAGS (\\Seen \\Recent $Junk) UID 4827313 MODSEQ (65402) RFC822.SIZE 44827 \
             INTERNALDATE \"17-Jul-1996 02:43:25 -0700\" ENVELOPE (NIL) \
             BODY[HEADER.FIELDS (To)] {9}\r\nTo: a\r\n\r\n BINARY[1]<2> ~{2}\r\na\0 BINARY.SIZE[1] 7 \
             BODY[]<2> NIL THREADID NIL EMAILID (M1) PREVIEW \"Hi\" BODY[] {2}\r\nab)\r\n"
        );
    }
}
