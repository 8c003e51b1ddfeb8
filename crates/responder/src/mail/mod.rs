//! The message as a script sees it: fields that are decoded once, a body, parts, and whatever
//! the script changed.
//!
//! **Invariant:** a message nobody changed is the bytes it came as.

mod edit;
mod field;
mod parts;
mod rewrite;

use std::borrow::Cow;

pub(crate) use edit::{Which, is_field_name};
pub(crate) use field::{FieldAddress, MailField};
pub(crate) use parts::{Entity, EntityKind, Markup, Structure};
pub(crate) use rewrite::{Cover, Replacement};

use crate::Limits;
use crate::action::Version;
use crate::error::Trouble;
use crate::run::State;

/// Bytes of the message as it came, or of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bytes {
    Original(std::ops::Range<usize>),
    Own(Vec<u8>),
}

/// The message of a run.
pub(crate) struct Mail<'m> {
    original: Cow<'m, [u8]>,
    limits: &'m Limits,
    fields: Vec<MailField>,
    // What stands between the fields and the body.
    gap: Bytes,
    body: Bytes,
    // Of the newest version; found when it is first needed.
    structure: Option<Structure>,
    versions: Vec<Vec<u8>>,
    // The version that has everything changed so far.
    newest: usize,
    // Whether something changed since.
    is_changed: bool,
    // What `redirect` sends: RFC 5703 §6, enclosures do not count.
    before_enclose: Option<Version>,
    edits: usize,
}

impl<'m> Mail<'m> {
    pub(crate) fn new(message: impl Into<Cow<'m, [u8]>>, limits: &'m Limits) -> Self {
        let original = message.into();
        let (fields, header_len) = field::read(&original, limits.message.header_fields_max);
        let rest = original.get(header_len..).unwrap_or_default();
        let gap_len = if rest.starts_with(b"\r\n") { 2 } else { usize::from(!rest.is_empty()) };
        let gap_len = if rest.starts_with(b"\n") || gap_len == 2 { gap_len } else { 0 };
        let body = header_len + gap_len;
        Self {
            limits,
            fields,
            gap: Bytes::Original(header_len..body),
            body: Bytes::Original(body..original.len()),
            original,
            structure: None,
            versions: Vec::new(),
            newest: 0,
            is_changed: false,
            before_enclose: None,
            edits: 0,
        }
    }

    fn bytes<'b>(&'b self, bytes: &'b Bytes) -> &'b [u8] {
        match bytes {
            Bytes::Original(range) => self.original.get(range.clone()).unwrap_or_default(),
            Bytes::Own(bytes) => bytes,
        }
    }

    /// The length of the message as it is now.
    pub(crate) fn len(&self) -> usize {
        if !self.is_changed && self.newest == 0 {
            return self.original.len();
        }
        let fields: usize = self.fields.iter().map(|field| self.bytes(&field.line).len()).sum();
        fields + self.bytes(&self.gap).len() + self.bytes(&self.body).len()
    }

    /// The fields of one name.
    pub(crate) fn named(&self, name: &str) -> impl DoubleEndedIterator<Item = &MailField> {
        self.fields.iter().filter(move |field| field.is(self, name))
    }

    /// What looking for the fields of a name costs, in steps.
    pub(crate) fn scan_cost(&self) -> u64 {
        1 + self.fields.len() as u64 / 16
    }

    /// Whether there is a field whose name begins like this, in lower case.
    pub(crate) fn has_named_like(&self, start: &str) -> bool {
        self.fields.iter().any(|field| {
            let name = self.bytes(&field.name);
            name.get(..start.len()).is_some_and(|own| own.eq_ignore_ascii_case(start.as_bytes()))
        })
    }

    /// The decoded value of the first field of a name.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.named(name).next().map(|field| field.text(self))
    }

    /// Whether there is a body, if an empty one.
    pub(crate) fn has_body(&self) -> bool {
        !self.bytes(&self.gap).is_empty() || !self.raw_body().is_empty()
    }

    /// The body with everything in it, undecoded.
    pub(crate) fn raw_body(&self) -> &[u8] {
        self.bytes(&self.body)
    }

    /// The message as it is now.
    pub(crate) fn render(&self) -> Cow<'_, [u8]> {
        if !self.is_changed && self.newest == 0 {
            return Cow::Borrowed(&self.original);
        }
        let mut message = Vec::with_capacity(self.len());
        for field in &self.fields {
            message.extend_from_slice(self.bytes(&field.line));
        }
        // A message of fields alone needs the empty line once anything is added.
        let gap = self.bytes(&self.gap);
        message.extend_from_slice(if gap.is_empty() { b"\r\n" } else { gap });
        message.extend_from_slice(self.bytes(&self.body));
        Cow::Owned(message)
    }

    /// The version that has everything changed so far.
    pub(crate) fn version(&mut self, state: &mut State<'_>) -> Result<Version, Trouble> {
        if self.is_changed {
            let rendered = self.render().into_owned();
            let held: usize = self.versions.iter().map(Vec::len).sum();
            if held + rendered.len() > self.limits.edited_bytes_max {
                return Err(Trouble::TooMuch("the changed messages are too large"));
            }
            state.charge(1 + rendered.len() as u64 / 64)?;
            self.versions.push(rendered);
            self.newest = self.versions.len();
            self.is_changed = false;
        }
        Ok(Version(self.newest))
    }

    /// The version that `redirect` sends.
    pub(crate) fn redirected_version(&mut self, state: &mut State<'_>) -> Result<Version, Trouble> {
        match self.before_enclose {
            Some(version) => Ok(version),
            None => self.version(state),
        }
    }

    /// The versions there are, the message as it came aside.
    pub(crate) fn versions(&self) -> &[Vec<u8>] {
        &self.versions
    }

    pub(crate) fn into_versions(self) -> Vec<Vec<u8>> {
        self.versions
    }

    /// The parts of the message as it is now.
    pub(crate) fn structure(&mut self, state: &mut State<'_>) -> Result<&Structure, Trouble> {
        if self.structure.is_none() {
            let rendered = self.render();
            state.charge(10 + rendered.len() as u64 / 256)?;
            let structure = Structure::of(rendered.into_owned(), &self.limits.message);
            self.structure = Some(structure);
        }
        Ok(self.structure.get_or_insert_with(Structure::default))
    }
}
