//! The texts of a message that search keys look into. All comparisons are of substrings in
//! the form of the active comparator (RFC 5255 §4.6), which ignores case unless the client asked
//! for another (RFC 9051 §6.4.4).

use std::ops::ControlFlow;
use std::rc::Rc;

use message::{
    Collation, KeysView, Limits, PartIndex, decode_address_text, decode_header_text, header_fields,
    header_line, part_headers, search_form, searchable_text,
};
use storage::{Content, length_of};

use super::forms::{FieldForm, Forms, Kept};
use super::sought::What;
use super::work::{Looks, Work};

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

/// Texts of a message that are looked into one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) enum Region {
    /// The fields of its header.
    Header,
    /// The header fields of its body parts.
    PartHeaders,
    Body,
}

/// What is called for each text, until it breaks.
type Visit<'v> = &'v mut dyn FnMut(&str) -> ControlFlow<()>;

/// What was read of a message. A question that needs what was not read is answered with `None`.
#[derive(Default)]
pub(super) struct Texts<'c> {
    keys: Option<KeysView<'c>>,
    header: Option<&'c [u8]>,
    body: Option<(&'c [u8], &'c PartIndex)>,
    collation: Collation,
    /// Where more than one question is asked: decoding a message takes as long as its sender
    /// wants, and once is enough.
    kept: Option<Box<Kept>>,
    looks: Looks<'c>,
}

impl<'c> Texts<'c> {
    pub(super) fn of(content: &'c Content, collation: Collation) -> Self {
        Self {
            keys: content.keys().and_then(|keys| KeysView::parse(keys).ok()),
            header: content.header(),
            body: content.text().zip(content.parts()),
            collation,
            kept: None,
            looks: Looks::default(),
        }
    }

    /// Keeps decoded texts, for when more than one key looks at them.
    pub(super) fn keeping_forms(mut self) -> Self {
        self.kept = Some(Box::default());
        self
    }

    /// Bounds the octets that keys may look through by what is left of `work`.
    pub(super) fn within(mut self, work: &'c Work) -> Self {
        self.looks = Looks::of(work);
        self.keeping_forms()
    }

    /// The texts of a region in the form of the comparator or the coarsest; `None` where it was not
    /// read.
    fn forms<'k>(&self, kept: &'k Kept, region: Region, is_coarse: bool) -> Option<&'k Forms> {
        // Those of this comparator are the coarsest.
        let is_coarse = is_coarse || self.collation == Collation::UnicodeCasemap;
        let forms = kept.region(region, is_coarse);
        if forms.get().is_none() {
            // It was empty.
            let _new = forms.set(Forms::new(self.all_forms(region, is_coarse)?));
        }
        forms.get()
    }

    /// Hands each text of a region to `visit`, in the form of the comparator or the coarsest;
    /// `None` where it was not read.
    fn visit_forms(
        &self,
        region: Region,
        is_coarse: bool,
        visit: Visit<'_>,
    ) -> Option<ControlFlow<()>> {
        if let Some(kept) = &self.kept {
            let forms = self.forms(kept, region, is_coarse)?;
            return Some(forms.texts().iter().try_for_each(|form| visit(form)));
        }
        self.visit_region(region, &mut |text| match is_coarse {
            true => visit(&search_form(text)),
            false => visit(&self.collation.search_form(text)),
        })
    }

    /// The texts of a region in the form in which they are compared.
    fn all_forms(&self, region: Region, is_coarse: bool) -> Option<Vec<String>> {
        let mut forms = Vec::new();
        let mut keep = |text: &str| {
            forms.push(self.form(text, is_coarse));
            ControlFlow::Continue(())
        };
        // Nothing breaks it off.
        let _all = self.visit_region(region, &mut keep)?;
        Some(forms)
    }

    /// Hands each text of a region to `visit`.
    fn visit_region(&self, region: Region, visit: Visit<'_>) -> Option<ControlFlow<()>> {
        let header = self.header?;
        if let Region::Header = region {
            let mut lines = header_fields(header).map(|field| header_line(field.name, field.value));
            return Some(lines.try_for_each(|line| visit(&line)));
        }
        let (body, parts) = self.body?;
        let (whole, limits) = ([header, body].concat(), Limits::default());
        Some(match region {
            Region::PartHeaders => part_headers(&whole, parts, &limits, visit),
            Region::Header | Region::Body => searchable_text(&whole, parts, &limits, visit),
        })
    }

    /// Whether a text of a region holds what is sought.
    fn region_contains(&self, region: Region, sought: &What) -> Option<bool> {
        if let Some(kept) = &self.kept {
            let forms = self.forms(kept, region, sought.is_coarse())?;
            return Some(forms.hold(sought, &self.looks));
        }
        let mut look = |form: &str| match sought.is_in(form) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        Some(self.visit_forms(region, sought.is_coarse(), &mut look)?.is_break())
    }

    /// How often what is sought stands in a region.
    fn count_in_region(&self, region: Region, sought: &What) -> usize {
        if let Some(kept) = &self.kept {
            let forms = self.forms(kept, region, sought.is_coarse());
            return forms.map_or(0, |forms| forms.count(sought));
        }
        let mut count = 0;
        self.visit_forms(region, sought.is_coarse(), &mut |form| {
            count += sought.count_in(form);
            ControlFlow::Continue(())
        });
        count
    }

    /// Whether what is sought is compared in the coarsest form.
    fn is_coarse(&self, sought: &What) -> bool {
        // That of this comparator is the coarsest.
        sought.is_coarse() || self.collation == Collation::UnicodeCasemap
    }

    /// A text in the form of the comparator or the coarsest.
    fn form(&self, text: &str, is_coarse: bool) -> String {
        match is_coarse {
            true => search_form(text),
            false => self.collation.search_form(text).into_owned(),
        }
    }

    /// Whether a text holds what is sought.
    fn holds(&self, text: &str, sought: &What) -> bool {
        match sought {
            What::Text(_) => sought.is_in(&self.collation.search_form(text)),
            What::Near(_) => sought.is_in(&search_form(text)),
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
            if self.stored_contains(field, field.text(keys), sought) {
                return Some(true);
            }
            if !keys.is_cut() {
                return Some(false);
            }
        }
        self.any_field(field.name(), field != KeyField::Subject, sought)
    }

    /// Whether a text stored at delivery holds what is sought.
    fn stored_contains(&self, field: KeyField, text: &str, sought: &What) -> bool {
        let Some(kept) = &self.kept else { return self.holds(text, sought) };
        let is_coarse = self.is_coarse(sought);
        let forms = kept.stored(field, is_coarse, || self.form(text, is_coarse));
        forms.hold(sought, &self.looks)
    }

    /// Whether a field of this name holds the text; an empty text asks for the field
    /// (RFC 9051 §6.4.4, HEADER).
    pub(super) fn field_contains(&self, name: &str, sought: &What) -> Option<bool> {
        self.any_field(name, false, sought)
    }

    fn any_field(&self, name: &str, is_address: bool, sought: &What) -> Option<bool> {
        let header = self.header?;
        let mut fields = fields(header, name, is_address);
        let Some(kept) = &self.kept else {
            return Some(fields.any(|text| self.holds(&text, sought)));
        };
        let is_coarse = self.is_coarse(sought);
        let form = FieldForm { name: name.to_ascii_lowercase(), is_address, is_coarse };
        let forms: Rc<Forms> = kept.field(form, || {
            let form = |text: String| self.form(&text, is_coarse);
            // Each name has its own walk over the header.
            match self.looks.take(header.len()) {
                true => fields.map(form).collect(),
                false => Vec::new(),
            }
        });
        Some(forms.hold(sought, &self.looks))
    }

    /// RFC 9051 §6.4.4, BODY: the text, without the header of the message.
    pub(super) fn body_contains(&self, sought: &What) -> Option<bool> {
        self.region_contains(Region::Body, sought)
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
        self.count_in_region(Region::Body, sought)
    }

    /// How often what is sought stands in header or body.
    pub(super) fn count_in_whole(&self, sought: &What) -> usize {
        self.count_in_region(Region::Header, sought) + self.count_in_body(sought)
    }

    /// How long the body is, in words about.
    pub(super) fn body_length(&self) -> u32 {
        let mut length = 0_u32;
        self.visit_forms(Region::Body, true, &mut |form| {
            length = length.saturating_add(length_of(form));
            ControlFlow::Continue(())
        });
        length
    }

    fn count(&self, text: &str, sought: &What) -> usize {
        match sought {
            What::Text(_) => sought.count_in(&self.collation.search_form(text)),
            What::Near(_) => sought.count_in(&search_form(text)),
        }
    }

    /// RFC 9051 §6.4.4, TEXT: the header, those of the parts, or the body.
    pub(super) fn whole_contains(&self, sought: &What) -> Option<bool> {
        for region in [Region::Header, Region::PartHeaders] {
            if self.region_contains(region, sought)? {
                return Some(true);
            }
        }
        self.region_contains(Region::Body, sought)
    }
}

/// The decoded fields of a name.
fn fields<'h>(
    header: &'h [u8],
    name: &'h str,
    is_address: bool,
) -> impl Iterator<Item = String> + 'h {
    let decode = if is_address { decode_address_text } else { decode_header_text };
    header_fields(header).filter(move |field| field.is(name)).map(move |found| decode(found.value))
}
