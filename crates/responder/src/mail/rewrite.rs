//! Parts replaced, the message enclosed (RFC 5703 §5, RFC 5703 §6).

use memchr::memmem;

use crate::error::Trouble;
use crate::mail::{Bytes, Mail};
use crate::run::State;

/// What `replace` puts in the place of a part.
pub(crate) struct Replacement<'t> {
    /// A text, or with `is_mime` an entity with its header.
    pub(crate) text: &'t str,
    pub(crate) is_mime: bool,
    pub(crate) subject: Option<&'t str>,
    pub(crate) from: Option<&'t str>,
}

/// What `enclose` puts around a message.
pub(crate) struct Cover<'t> {
    pub(crate) subject: Option<&'t str>,
    pub(crate) fields: &'t [std::borrow::Cow<'t, str>],
    pub(crate) text: &'t str,
    /// The address of the script's owner.
    pub(crate) from: &'t str,
}

const TEXT_HEADER: &str =
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n";

impl Replacement<'_> {
    /// The entity: its header fields, and its body.
    fn entity(&self) -> (&str, &str) {
        if !self.is_mime {
            return (TEXT_HEADER, self.text);
        }
        match self.text.strip_prefix("\r\n") {
            Some(body) => ("", body),
            None => match self.text.split_once("\r\n\r\n") {
                Some((header, body)) => (header, body),
                None => (self.text, ""),
            },
        }
    }
}

fn with_line_end(text: &str) -> String {
    if text.is_empty() || text.ends_with("\r\n") { text.to_owned() } else { format!("{text}\r\n") }
}

impl Mail<'_> {
    /// Replaces everything but the fields that do not speak of MIME.
    pub(crate) fn replace_all(&mut self, by: &Replacement<'_>) -> Result<(), Trouble> {
        self.changed()?;
        let speaks_of_mime = |name: &[u8]| {
            name.eq_ignore_ascii_case(b"MIME-Version")
                || name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"content-"))
        };
        let mut fields = std::mem::take(&mut self.fields);
        fields.retain(|field| !speaks_of_mime(self.bytes(&field.name)));
        self.fields = fields;
        // RFC 5703 §5: with :mime the other two are ignored.
        if !by.is_mime {
            self.put_instead("Subject", "Original-Subject", by.subject);
            self.put_instead("From", "Original-From", by.from);
        }
        let (header, body) = by.entity();
        self.fields.push(Self::own_field("MIME-Version", "1.0"));
        let header = with_line_end(header).into_bytes();
        let (mut added, _) = super::field::read(&header, self.limits.message.header_fields_max);
        for field in &mut added {
            for bytes in [&mut field.name, &mut field.value, &mut field.line] {
                if let Bytes::Original(range) = bytes {
                    *bytes = Bytes::Own(header.get(range.clone()).unwrap_or_default().to_vec());
                }
            }
        }
        self.fields.extend(added);
        self.gap = Bytes::Own(b"\r\n".to_vec());
        self.body = Bytes::Own(body.as_bytes().to_vec());
        Ok(())
    }

    // RFC 5703 §5: what stood there before is kept under another name, protected.
    fn put_instead(&mut self, name: &str, original: &str, value: Option<&str>) {
        let Some(value) = value else { return };
        let mut at = None;
        for index in 0..self.fields.len() {
            let Some(field) = self.fields.get(index).filter(|field| field.is(self, name)) else {
                continue;
            };
            let mut kept = Self::own_field(original, field.text(self));
            kept.is_protected = true;
            if let Some(field) = self.fields.get_mut(index) {
                *field = kept;
            }
            at = at.or(Some(index));
        }
        self.fields.insert(at.unwrap_or(0), Self::own_field(name, value));
    }

    /// Replaces one entity, which is not the message itself. Gives how many entities there are
    /// more than before.
    pub(crate) fn replace_part(
        &mut self,
        index: usize,
        by: &Replacement<'_>,
        state: &mut State<'_>,
    ) -> Result<isize, Trouble> {
        let structure = self.structure(state)?;
        let before = structure.entities().len();
        let Some(entity) = structure.entities().get(index).cloned() else { return Ok(0) };
        let whole = self.render();
        state.charge(1 + whole.len() as u64 / 64)?;
        let (header, body) = by.entity();
        let mut changed = Vec::with_capacity(whole.len() + by.text.len());
        changed.extend_from_slice(whole.get(..entity.header.start).unwrap_or_default());
        changed.extend_from_slice(with_line_end(header).as_bytes());
        changed.extend_from_slice(b"\r\n");
        changed.extend_from_slice(body.strip_suffix("\r\n").unwrap_or(body).as_bytes());
        changed.extend_from_slice(whole.get(entity.body.end..).unwrap_or_default());
        self.put_message(changed)?;
        let after = self.structure(state)?.entities().len();
        Ok(after.cast_signed() - before.cast_signed())
    }

    // Goes on with another message as the changed one.
    fn put_message(&mut self, message: Vec<u8>) -> Result<(), Trouble> {
        self.changed()?;
        let max = self.limits.message.header_fields_max;
        let protected: Vec<Vec<u8>> = self
            .fields
            .iter()
            .filter(|field| field.is_protected)
            .map(|field| self.bytes(&field.name).to_vec())
            .collect();
        let (mut fields, end) = super::field::read(&message, max);
        for field in &mut fields {
            for bytes in [&mut field.name, &mut field.value, &mut field.line] {
                if let Bytes::Original(range) = bytes {
                    *bytes = Bytes::Own(message.get(range.clone()).unwrap_or_default().to_vec());
                }
            }
            if let Bytes::Own(name) = &field.name {
                field.is_protected = protected.contains(name);
            }
        }
        let rest = message.get(end..).unwrap_or_default();
        self.gap = Bytes::Own(b"\r\n".to_vec());
        let body = rest.strip_prefix(b"\r\n").or(rest.strip_prefix(b"\n")).unwrap_or(rest);
        self.body = Bytes::Own(body.to_vec());
        self.fields = fields;
        Ok(())
    }

    /// Makes the message an attachment of a new one.
    pub(crate) fn enclose(
        &mut self,
        cover: &Cover<'_>,
        state: &mut State<'_>,
    ) -> Result<(), Trouble> {
        let inner = self.version(state)?;
        self.before_enclose = self.before_enclose.or(Some(inner));
        let original = self.render().into_owned();
        let boundary = boundary(&[&original, cover.text.as_bytes()]);
        let mut fields = Vec::new();
        for name in cover.fields {
            let lines = self.named(name).map(|field| self.bytes(&field.line).to_vec());
            fields.extend(lines.flatten());
        }
        let named = |name: &str| cover.fields.iter().any(|given| given.eq_ignore_ascii_case(name));
        let mut head = Vec::new();
        if !named("Date") {
            let date = message::date::format_rfc5322(state.now);
            crate::compose::push_field(&mut head, "Date", &date);
        }
        if !named("From") {
            crate::compose::push_field(&mut head, "From", cover.from);
        }
        let subject = cover.subject.or_else(|| self.first("Subject"));
        if let (Some(subject), false) = (subject, named("Subject")) {
            crate::compose::push_field(&mut head, "Subject", subject);
        }
        let mut message = [fields, head].concat();
        message.extend_from_slice(
            format!(
                "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\
                 \r\n--{boundary}\r\n{TEXT_HEADER}\r\n{}\r\n--{boundary}\r\n\
                 Content-Type: message/rfc822\r\n\r\n",
                cover.text
            )
            .as_bytes(),
        );
        // RFC 5703 §11: octet for octet, for the sake of signatures.
        message.extend_from_slice(&original);
        message.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        self.put_message(message)
    }
}

// A boundary that stands in none of the parts.
fn boundary(parts: &[&[u8]]) -> String {
    let mut number = 0u32;
    loop {
        let boundary = format!("=_enclosed_{number}");
        if !parts.iter().any(|part| memmem::find(part, boundary.as_bytes()).is_some()) {
            return boundary;
        }
        number += 1;
    }
}
