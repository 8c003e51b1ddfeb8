//! The texts of a message that search keys look into. All comparisons are of substrings in
//! the form of the active comparator (RFC 5255 §4.6), which ignores case unless the client asked
//! for another (RFC 9051 §6.4.4).

use std::ops::ControlFlow;

use message::{
    Collation, KeysView, Limits, PartIndex, decode_address_text, decode_header_text, header_fields,
    header_line, searchable_text,
};
use storage::Content;

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

    /// Whether a text holds another that is in the form compared.
    fn holds(&self, text: &str, sought: &str) -> bool {
        self.collation.search_form(text).contains(sought)
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

    pub(super) fn key_contains(&self, field: KeyField, text: &str) -> Option<bool> {
        if let Some(keys) = &self.keys {
            if self.holds(field.text(keys), text) {
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
        Some(fields.any(|found| self.holds(&decode(found.value), text)))
    }

    /// Whether a field of this name holds the text; an empty text asks for the field
    /// (RFC 9051 §6.4.4, HEADER).
    pub(super) fn field_contains(&self, name: &str, text: &str) -> Option<bool> {
        let mut fields = header_fields(self.header?).filter(|field| field.is(name));
        Some(fields.any(|field| self.holds(&decode_header_text(field.value), text)))
    }

    /// RFC 9051 §6.4.4, BODY: the text, without the header of the message.
    pub(super) fn body_contains(&self, text: &str) -> Option<bool> {
        let mut visit = |part: &str| match self.holds(part, text) {
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

    /// How often a word stands in a field stored at delivery.
    pub(super) fn count_in_key(&self, field: KeyField, word: &str) -> usize {
        self.keys.map_or(0, |keys| self.count(field.text(&keys), word))
    }

    /// How often a word stands in the fields of this name.
    pub(super) fn count_in_field(&self, name: &str, word: &str) -> usize {
        let fields = header_fields(self.header.unwrap_or_default()).filter(|field| field.is(name));
        fields.map(|field| self.count(&decode_header_text(field.value), word)).sum()
    }

    /// How often a word stands in the body.
    pub(super) fn count_in_body(&self, word: &str) -> usize {
        let mut count = 0;
        self.visit_body(&mut |part| {
            count += self.count(part, word);
            ControlFlow::Continue(())
        });
        count
    }

    fn count(&self, text: &str, word: &str) -> usize {
        match word.is_empty() {
            true => 0,
            false => self.collation.search_form(text).matches(word).count(),
        }
    }

    /// RFC 9051 §6.4.4, TEXT: header or body.
    pub(super) fn whole_contains(&self, text: &str) -> Option<bool> {
        let mut fields = header_fields(self.header?);
        if fields.any(|field| self.holds(&header_line(field.name, field.value), text)) {
            return Some(true);
        }
        self.body_contains(text)
    }
}
