//! One message of a FETCH answer.

use ids::UidSet;
use message::date::DateTime;
use storage::{Content, Entry, Want};

use super::names_uids;
use super::section::Bytes;
use crate::render::FetchWriter;
use crate::types::{FetchArgs, FetchAttribute};

/// What a FETCH is to say of each message.
#[derive(Debug)]
pub(super) struct Plan {
    attributes: Vec<FetchAttribute>,
    want: Want,
    uid: bool,
    modseq: bool,
    /// Messages that this command marked `\Seen`.
    seen: UidSet,
}

impl Plan {
    pub(super) fn new(args: &FetchArgs, modseq: bool, seen: UidSet) -> Self {
        let has = |attribute| args.attributes.contains(&attribute);
        Self {
            want: args.attributes.iter().map(wanted).fold(Want::NONE, Want::union),
            uid: names_uids(args) && !has(FetchAttribute::Uid),
            modseq: modseq && !has(FetchAttribute::ModSeq),
            attributes: args.attributes.clone(),
            seen,
        }
    }

    /// What must be read from storage.
    pub(super) fn want(&self) -> Want {
        self.want
    }

    /// About how many bytes the answer takes.
    pub(super) fn estimate<'e>(&self, entries: impl Iterator<Item = &'e Entry<'e>>) -> usize {
        let whole = self.want.contains(Want::TEXT);
        entries.map(|entry| 1024 + if whole { entry.size_bytes() as usize } else { 0 }).sum()
    }
}

/// What an attribute needs from storage beyond the view.
fn wanted(attribute: &FetchAttribute) -> Want {
    match attribute {
        FetchAttribute::Envelope => Want::ENVELOPE,
        FetchAttribute::Body => Want::BODY,
        FetchAttribute::BodyStructure => Want::STRUCTURE,
        FetchAttribute::Preview { .. } => Want::KEYS,
        FetchAttribute::Rfc822Header => Want::HEADER,
        FetchAttribute::Rfc822Text => Want::TEXT,
        FetchAttribute::Rfc822 => Want::HEADER.union(Want::TEXT),
        FetchAttribute::BodySection { section, .. } => super::section::wanted(section),
        FetchAttribute::Binary { part, .. } | FetchAttribute::BinarySize(part) => {
            let whole = Want::HEADER.union(Want::TEXT);
            if part.is_empty() { whole } else { whole.union(Want::PARTS) }
        }
        FetchAttribute::SaveDate => Want::NONE,
        FetchAttribute::Uid
        | FetchAttribute::Flags
        | FetchAttribute::InternalDate
        | FetchAttribute::Rfc822Size
        | FetchAttribute::ModSeq
        | FetchAttribute::EmailId
        | FetchAttribute::ThreadId => Want::NONE,
    }
}

/// Appends the FETCH response of one message.
pub(super) fn render_message(
    out: &mut Vec<u8>,
    seq: u32,
    entry: &Entry<'_>,
    plan: &Plan,
    content: Option<&Content>,
) {
    let mut fetch = FetchWriter::begin(out, seq);
    if plan.uid {
        fetch.uid(entry.uid());
    }
    if plan.modseq {
        fetch.modseq(entry.modseq());
    }
    let mut flags_told = false;
    for attribute in &plan.attributes {
        flags_told |= *attribute == FetchAttribute::Flags;
        render_attribute(&mut fetch, attribute, entry, content);
    }
    if !flags_told && plan.seen.contains(entry.uid()) {
        fetch.flags_rendered(entry.flags_rendered());
    }
    fetch.finish();
}

fn render_attribute(
    fetch: &mut FetchWriter<'_>,
    attribute: &FetchAttribute,
    entry: &Entry<'_>,
    content: Option<&Content>,
) {
    match attribute {
        FetchAttribute::Uid => fetch.uid(entry.uid()),
        FetchAttribute::Flags => fetch.flags_rendered(entry.flags_rendered()),
        FetchAttribute::InternalDate => {
            fetch.internal_date(DateTime::from_unix_secs(entry.internal_date().as_secs()));
        }
        FetchAttribute::Rfc822Size => fetch.rfc822_size(entry.size_bytes().into()),
        FetchAttribute::ModSeq => fetch.modseq(entry.modseq()),
        // RFC 8474 §5.1: copies share their content, so its number names what they have in common.
        FetchAttribute::EmailId => fetch.email_id(&format!("M{}", entry.content())),
        // RFC 8474 §5.2: NIL where the server keeps no threads.
        FetchAttribute::ThreadId => fetch.thread_id(None),
        _ => {
            if let Some(content) = content {
                render_content(fetch, attribute, content);
            }
        }
    }
}

fn render_content(fetch: &mut FetchWriter<'_>, attribute: &FetchAttribute, content: &Content) {
    let bytes = Bytes::new(content);
    match attribute {
        FetchAttribute::Envelope => fetch.envelope(content.envelope.as_deref().unwrap_or_default()),
        FetchAttribute::Body => fetch.body(content.body.as_deref().unwrap_or_default()),
        FetchAttribute::BodyStructure => {
            fetch.body_structure(content.body_structure.as_deref().unwrap_or_default());
        }
        FetchAttribute::Preview { .. } => fetch.preview(bytes.preview()),
        FetchAttribute::Rfc822 => fetch.rfc822(&bytes.whole()),
        FetchAttribute::Rfc822Header => fetch.rfc822_header(bytes.header()),
        FetchAttribute::Rfc822Text => fetch.rfc822_text(bytes.text()),
        FetchAttribute::BodySection { section, partial, .. } => {
            bytes.render_section(fetch, section, partial.as_ref());
        }
        FetchAttribute::Binary { part, partial, .. } => {
            bytes.render_binary(fetch, part, partial.as_ref());
        }
        FetchAttribute::BinarySize(part) => bytes.render_binary_size(fetch, part),
        _ => {}
    }
}
