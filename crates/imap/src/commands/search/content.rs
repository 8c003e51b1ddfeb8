//! The texts of a message that search keys look into. All comparisons are of substrings in
//! the form of the active comparator (RFC 5255 §4.6), which ignores case unless the client asked
//! for another (RFC 9051 §6.4.4).

use std::ops::ControlFlow;

use message::{
    Collation, KeysView, Limits, PartIndex, decode_address_text, decode_header_text, header_fields,
    header_line, part_headers, search_form, searchable_text,
};
use storage::{Content, length_of};

use super::sought::What;

/// A field whose text was stored at delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyField {
    Bcc,
    Cc,
    From,
    Subject,
    To,
}

impl KeyField {
    fn name(self) -> &'static str {
        match self {
            Self::Bcc => "Bcc",
            Self::Cc => "Cc",
            Self::From => "From",
            Self::Subject => "Subject",
            Self::To => "To",
        }
    }

    fn text<'k>(self, keys: &KeysView<'k>) -> &'k str {
        match self {
            Self::Bcc => keys.bcc(),
            Self::Cc => keys.cc(),
            Self::From => keys.from(),
            Self::Subject => keys.subject(),
            Self::To => keys.to(),
        }
    }
}

/// What was read of a message. A question that needs what was not read is answered with `None`.
#[derive(Default)]
pub(super) struct Texts<'c> {
    keys: Option<KeysView<'c>>,
    header: Option<&'c [u8]>,
    body: Option<(&'c [u8], &'c PartIndex)>,
    collation: Collation,
}

impl<'c> Texts<'c> {
    pub(super) fn of(content: &'c Content, collation: Collation) -> Self {
        Self {
            keys: content.keys().and_then(|keys| KeysView::parse(keys).ok()),
            header: content.header(),
            body: content.text().zip(content.parts()),
            collation,
        }
    }

    /// Whether a text holds what is sought.
    fn holds(&self, text: &str, sought: &What) -> bool {
        match sought {
            What::Text(sought) => self.collation.search_form(text).contains(sought),
            What::Near(near) => near.count_in(&search_form(text)) > 0,
        }
    }

    /// The day of the Date field, without regard to time and zone; `Some(None)` where there is
    /// no such field.
    pub(super) fn sent_day(&self) -> Option<Option<i32>> {
        match (&self.keys, self.header) {
            (Some(keys), _) => Some(keys.sent_date().map(|date| date.local_day().get())),
            // Keys that cannot be read decide nothing and find nothing.
            (None, Some(_)) => Some(None),
            (None, None) => None,
        }
    }

    pub(super) fn key_contains(&self, field: KeyField, sought: &What) -> Option<bool> {
        if let Some(keys) = &self.keys {
            if self.holds(field.text(keys), sought) {
                return Some(true);
            }
            if !keys.is_cut() {
                return Some(false);
            }
        }
        let mut fields = header_fields(self.header?).filter(|found| found.is(field.name()));
        let decode = match field {
            KeyField::Subject => decode_header_text,
            _ => decode_address_text,
        };
        Some(fields.any(|found| self.holds(&decode(found.value), sought)))
    }

    /// Whether a field of this name holds the text; an empty text asks for the field
    /// (RFC 9051 §6.4.4, HEADER).
    pub(super) fn field_contains(&self, name: &str, sought: &What) -> Option<bool> {
        let mut fields = header_fields(self.header?).filter(|field| field.is(name));
        Some(fields.any(|field| self.holds(&decode_header_text(field.value), sought)))
    }

    /// RFC 9051 §6.4.4, BODY: the text, without the header of the message.
    pub(super) fn body_contains(&self, sought: &What) -> Option<bool> {
        let mut visit = |part: &str| match self.holds(part, sought) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        Some(self.visit_body(&mut visit)?.is_break())
    }

    /// Every text of the body.
    fn visit_body(
        &self,
        visit: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Option<ControlFlow<()>> {
        let (header, (body, parts)) = (self.header?, self.body?);
        let whole = [header, body].concat();
        Some(searchable_text(&whole, parts, &Limits::default(), visit))
    }

    /// How often what is sought stands in a field stored at delivery.
    pub(super) fn count_in_key(&self, field: KeyField, sought: &What) -> usize {
        self.keys.map_or(0, |keys| self.count(field.text(&keys), sought))
    }

    /// How often what is sought stands in the fields of this name.
    pub(super) fn count_in_field(&self, name: &str, sought: &What) -> usize {
        let fields = header_fields(self.header.unwrap_or_default()).filter(|field| field.is(name));
        fields.map(|field| self.count(&decode_header_text(field.value), sought)).sum()
    }

    /// How often what is sought stands in the body.
    pub(super) fn count_in_body(&self, sought: &What) -> usize {
        let mut count = 0;
        self.visit_body(&mut |part| {
            count += self.count(part, sought);
            ControlFlow::Continue(())
        });
        count
    }

    /// How often what is sought stands in header or body.
    pub(super) fn count_in_whole(&self, sought: &What) -> usize {
        let fields = header_fields(self.header.unwrap_or_default());
        let in_header = fields.map(|f| self.count(&header_line(f.name, f.value), sought));
        in_header.sum::<usize>() + self.count_in_body(sought)
    }

    /// How long the body is, in words about.
    pub(super) fn body_length(&self) -> u32 {
        let mut length = 0_u32;
        self.visit_body(&mut |part| {
            length = length.saturating_add(length_of(&search_form(part)));
            ControlFlow::Continue(())
        });
        length
    }

    fn count(&self, text: &str, sought: &What) -> usize {
        match sought {
            What::Text(word) if word.is_empty() => 0,
            What::Text(word) => self.collation.search_form(text).matches(word.as_str()).count(),
            What::Near(near) => near.count_in(&search_form(text)),
        }
    }

    /// RFC 9051 §6.4.4, TEXT: the header, those of the parts, or the body.
    pub(super) fn whole_contains(&self, sought: &What) -> Option<bool> {
        let mut fields = header_fields(self.header?);
        if fields.any(|field| self.holds(&header_line(field.name, field.value), sought)) {
            return Some(true);
        }
        let mut visit = |text: &str| match self.holds(text, sought) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let (header, (body, parts)) = (self.header?, self.body?);
        let (whole, limits) = ([header, body].concat(), Limits::default());
        let found = part_headers(&whole, parts, &limits, &mut visit).is_break()
            || searchable_text(&whole, parts, &limits, &mut visit).is_break();
        Some(found)
    }
}
