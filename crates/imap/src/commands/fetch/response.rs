//! One FETCH response: which of the attributes asked for are read from storage, and how they are
//! written. The loop over messages is not here.

use ids::{AccountId, Timestamp, UidSet};
use message::date::DateTime;
use message::flag::{Flags, SystemFlags};
use storage::{Content, Entry, ThreadId, Want};

use super::super::batches::Copies;
use super::annotation::Annotations;
use super::section::Bytes;
use crate::render::FetchWriter;
use crate::session::{Enabled, begin_fetch};
use crate::types::{AnnotationQuery, FetchArgs, FetchAttribute};

/// What a FETCH is to say of each message.
#[derive(Debug)]
pub(in crate::commands) struct Plan {
    /// The account that asks, since annotations are not the same to everybody.
    pub(super) actor: AccountId,
    attributes: Vec<FetchAttribute>,
    want: Want,
    pub(super) enabled: Enabled,
    /// What is read by this is to be marked `\Seen`.
    pub(super) marks_seen: bool,
    /// Messages that are `\Recent` in this session.
    recent: UidSet,
    /// The highest number comes first.
    pub(super) descending: bool,
}

/// What is known of a message beside its view.
#[derive(Clone, Default)]
pub(super) struct Read<'r> {
    pub(super) content: Option<&'r Content>,
    pub(super) thread: Option<ThreadId>,
    pub(super) saved: Option<Timestamp>,
    pub(super) annotations: Annotations,
}

impl Read<'_> {
    /// The reading with what was read of the text.
    pub(super) fn with<'c>(&self, content: &'c Content) -> Read<'c> {
        let annotations = self.annotations.clone();
        Read { content: Some(content), thread: self.thread, saved: self.saved, annotations }
    }
}

impl Plan {
    pub(super) fn new(args: FetchArgs, actor: AccountId, enabled: Enabled, recent: UidSet) -> Self {
        let mut attributes = args.attributes;
        if enabled.uid_only() && !args.asks_uid {
            // RFC 9586 §3.3: UIDFETCH begins with the UID.
            attributes.retain(|attribute| *attribute != FetchAttribute::Uid);
        }
        let want = attributes.iter().map(wanted).fold(Want::default(), |all, want| all | want);
        let (marks_seen, descending) = (false, false);
        Self { actor, attributes, want, enabled, marks_seen, recent, descending }
    }

    /// The items that are sent of new messages unasked, with those that RFC 7162 adds.
    pub(in crate::commands) fn of_new(
        mut attributes: Vec<FetchAttribute>,
        actor: AccountId,
        enabled: Enabled,
        recent: UidSet,
    ) -> Self {
        // RFC 7162 §3.2.4: both go with all that no FETCH has asked for. A UIDFETCH has the UID.
        let uid = FetchAttribute::Uid;
        let always = Some(uid).filter(|_| !enabled.uid_only()).into_iter();
        for item in always.chain([FetchAttribute::ModSeq]).filter(|_| enabled.condstore()) {
            if !attributes.contains(&item) {
                attributes.push(item);
            }
        }
        let want = attributes.iter().map(wanted).fold(Want::default(), |all, want| all | want);
        let (marks_seen, descending) = (false, false);
        Self { actor, attributes, want, enabled, marks_seen, recent, descending }
    }

    /// The contents that must be loaded from storage for the items.
    pub(super) fn want(&self) -> Want {
        self.want
    }

    /// Whether nothing must be read from storage.
    pub(super) fn is_of_view(&self) -> bool {
        self.want.is_empty() && !self.wants_rows()
    }

    /// Whether something is wanted that stands in rows of its own.
    pub(super) fn wants_rows(&self) -> bool {
        self.wants_threads() || self.wants_save_dates() || self.annotation().is_some()
    }

    /// Which annotations are wanted.
    pub(super) fn annotation(&self) -> Option<&AnnotationQuery> {
        self.attributes.iter().find_map(|attribute| match attribute {
            FetchAttribute::Annotation(query) => Some(query),
            _ => None,
        })
    }

    pub(super) fn wants_threads(&self) -> bool {
        self.has(&FetchAttribute::ThreadId)
    }

    pub(super) fn wants_save_dates(&self) -> bool {
        self.has(&FetchAttribute::SaveDate)
    }

    pub(super) fn attributes(&self) -> &[FetchAttribute] {
        &self.attributes
    }

    /// How often the answer gives a whole message, or what may be as long as one.
    pub(super) fn copies(&self) -> Copies {
        self.attributes.iter().filter(|attribute| wanted(attribute).contains(Want::TEXT)).count()
            as Copies
    }

    /// Whether all that it gives of texts is bytes of the message as they stand there, or parts
    /// without their transfer encoding: what can be read piece by piece.
    pub(super) fn is_of_pieces(&self) -> bool {
        self.attributes.iter().all(|attribute| match attribute {
            FetchAttribute::BodySection { section, .. } => super::section::is_range(section),
            FetchAttribute::Rfc822
            | FetchAttribute::Rfc822Text
            | FetchAttribute::Binary { .. }
            | FetchAttribute::BinarySize(_) => true,
            other => !wanted(other).contains(Want::TEXT),
        })
    }

    /// The most that the answer says of a message, its view aside.
    pub(super) fn bytes_max(&self, content: &Content) -> u64 {
        self.attributes.iter().map(|attribute| bytes_max(attribute, content)).sum()
    }

    /// About how many bytes the answer takes.
    pub(super) fn estimate<'e>(&self, entries: impl Iterator<Item = &'e Entry<'e>>) -> usize {
        let whole = self.want.contains(Want::TEXT);
        entries.map(|entry| 512 + if whole { entry.size_bytes() as usize } else { 0 }).sum()
    }

    /// Whether it gets `\Seen` once all of it was sent.
    pub(super) fn is_to_mark(&self, entry: &Entry<'_>) -> bool {
        self.marks_seen && !entry.flags().system.contains(SystemFlags::SEEN)
    }

    /// Whether its response says so already. A client that knows modseqs would hold `\Seen` at a
    /// modseq at which the message has not got it, if the connection broke before the mark was
    /// kept, and never hear otherwise (RFC 7162 §3.1): it is told once it is so, with the modseq.
    fn tells_as_read(&self, entry: &Entry<'_>) -> bool {
        self.is_to_mark(entry) && !self.enabled.condstore()
    }

    fn is_recent(&self, entry: &Entry<'_>) -> bool {
        // Nearly always there is none, and FETCH of flags is asked for whole mailboxes.
        !self.recent.is_empty() && self.recent.contains(entry.uid())
    }

    fn has(&self, attribute: &FetchAttribute) -> bool {
        self.attributes.contains(attribute)
    }
}

/// The attributes that do not need the text of a message, which may be long.
pub(in crate::commands) fn without_texts(attributes: &[FetchAttribute]) -> Vec<FetchAttribute> {
    let light = attributes.iter().filter(|attribute| !wanted(attribute).contains(Want::TEXT));
    light.cloned().collect()
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
        FetchAttribute::Rfc822 => Want::HEADER | Want::TEXT,
        FetchAttribute::BodySection { section, .. } => super::section::wanted(section),
        FetchAttribute::Binary { part, .. } | FetchAttribute::BinarySize(part) => {
            let whole = Want::HEADER | Want::TEXT;
            if part.is_empty() { whole } else { whole | Want::PARTS }
        }
        FetchAttribute::Uid
        | FetchAttribute::Flags
        | FetchAttribute::InternalDate
        | FetchAttribute::Rfc822Size
        | FetchAttribute::ModSeq
        | FetchAttribute::EmailId
        | FetchAttribute::ThreadId
        | FetchAttribute::SaveDate
        | FetchAttribute::Annotation(_) => Want::default(),
    }
}

/// The most that an attribute says of a message.
fn bytes_max(attribute: &FetchAttribute, content: &Content) -> u64 {
    let len = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len) as u64;
    match attribute {
        FetchAttribute::Envelope => len(content.envelope()),
        FetchAttribute::Body => len(content.body()),
        FetchAttribute::BodyStructure => len(content.body_structure()),
        FetchAttribute::Rfc822Header => len(content.header()),
        FetchAttribute::Rfc822Text => len(content.text()),
        FetchAttribute::Rfc822 => len(content.header()) + len(content.text()),
        FetchAttribute::BodySection { section, partial, .. } => {
            let want = super::section::wanted(section);
            let header = if want.contains(Want::HEADER) { len(content.header()) } else { 0 };
            let text = if want.contains(Want::TEXT) { len(content.text()) } else { 0 };
            partial.map_or(header + text, |partial| partial.length.get().min(header + text))
        }
        FetchAttribute::Binary { partial, .. } => {
            // No line has less than one byte, and gets one more (see `with_crlf`).
            let decoded = 2 * (len(content.header()) + len(content.text()));
            partial.map_or(decoded, |partial| partial.length.get().min(decoded))
        }
        FetchAttribute::Annotation(query) => super::annotation::names_bytes(query),
        _ => 0,
    }
}

/// Appends the FETCH response of one message; whether everything asked for is in it.
pub(super) fn render_message(
    out: &mut Vec<u8>,
    seq: u32,
    entry: &Entry<'_>,
    plan: &Plan,
    read: &Read<'_>,
) -> bool {
    let mut is_whole = true;
    let start = out.len();
    let mut fetch = begin_fetch(out, seq, entry, plan.enabled);
    for attribute in &plan.attributes {
        is_whole &= render_item(&mut fetch, attribute, entry, plan, read);
    }
    render_read(&mut fetch, entry, plan, is_whole);
    match fetch.is_empty() {
        // RFC 9051 §9, `msg-att`: there is no FETCH response without an item.
        true => out.truncate(start),
        false => fetch.finish(),
    }
    render_unread(out, (seq, entry), plan, is_whole);
    is_whole
}

/// The flags of a message that is read by this, with `\Seen`, which it gets once it was sent. In
/// its own response: QUIRK(imap_tools 1.16, go-imap 1.2): they take another for another message.
pub(super) fn render_read(
    fetch: &mut FetchWriter<'_>,
    entry: &Entry<'_>,
    plan: &Plan,
    is_whole: bool,
) {
    if is_whole && plan.tells_as_read(entry) && !plan.has(&FetchAttribute::Flags) {
        fetch.flags(&as_read(entry), plan.is_recent(entry));
    }
}

/// The flags of a message that was said to be read before something of it had to be left out.
pub(super) fn render_unread(
    out: &mut Vec<u8>,
    (seq, entry): (u32, &Entry<'_>),
    plan: &Plan,
    is_whole: bool,
) {
    if !is_whole && plan.tells_as_read(entry) && plan.has(&FetchAttribute::Flags) {
        let mut fetch = begin_fetch(out, seq, entry, plan.enabled);
        fetch.flags_rendered(entry.flags_rendered(), plan.is_recent(entry));
        fetch.finish();
    }
}

/// The flags of a message once it is read.
pub(super) fn as_read(entry: &Entry<'_>) -> Flags {
    entry.flags().union(&Flags::new(SystemFlags::SEEN, Vec::new()))
}

/// The item of one attribute; whether it is there.
pub(super) fn render_item(
    fetch: &mut FetchWriter<'_>,
    attribute: &FetchAttribute,
    entry: &Entry<'_>,
    plan: &Plan,
    read: &Read<'_>,
) -> bool {
    if *attribute == FetchAttribute::Flags && plan.tells_as_read(entry) {
        fetch.flags(&as_read(entry), plan.is_recent(entry));
        return true;
    }
    if *attribute == FetchAttribute::Flags {
        fetch.flags_rendered(entry.flags_rendered(), plan.is_recent(entry));
        return true;
    }
    render_attribute(fetch, attribute, entry, read)
}

fn render_attribute(
    fetch: &mut FetchWriter<'_>,
    attribute: &FetchAttribute,
    entry: &Entry<'_>,
    read: &Read<'_>,
) -> bool {
    match attribute {
        FetchAttribute::Uid => fetch.uid(entry.uid()),
        FetchAttribute::InternalDate => {
            fetch.internal_date(DateTime::from_unix_secs(entry.internal_date().as_secs()));
        }
        FetchAttribute::Rfc822Size => fetch.rfc822_size(entry.size_bytes().into()),
        FetchAttribute::ModSeq => fetch.modseq(entry.modseq()),
        // RFC 8474 §5.1: copies share their content, so its number names what they have in common.
        FetchAttribute::EmailId => fetch.email_id(&format!("M{}", entry.content())),
        // RFC 8474 §5.2: no EMAILID looks like a THREADID.
        FetchAttribute::ThreadId => {
            fetch.thread_id(read.thread.map(|thread| format!("T{thread}")).as_deref());
        }
        FetchAttribute::SaveDate => {
            fetch.save_date(read.saved.map(|saved| DateTime::from_unix_secs(saved.as_secs())));
        }
        FetchAttribute::Annotation(query) => read.annotations.render(fetch, query),
        _ => return read.content.is_none_or(|content| render_content(fetch, attribute, content)),
    }
    true
}

fn render_content(
    fetch: &mut FetchWriter<'_>,
    attribute: &FetchAttribute,
    content: &Content,
) -> bool {
    let bytes = Bytes::new(content);
    match attribute {
        FetchAttribute::Envelope => fetch.envelope(content.envelope().unwrap_or_default()),
        FetchAttribute::Body => fetch.body(content.body().unwrap_or_default()),
        FetchAttribute::BodyStructure => {
            fetch.body_structure(content.body_structure().unwrap_or_default());
        }
        // RFC 8970 §3.2: it was made at delivery and is at hand, LAZY or not; NIL is for LAZY
        // alone.
        FetchAttribute::Preview { .. } => fetch.preview(Some(bytes.preview().unwrap_or_default())),
        FetchAttribute::Rfc822 => fetch.rfc822(&bytes.whole()),
        FetchAttribute::Rfc822Header => fetch.rfc822_header(bytes.header()),
        FetchAttribute::Rfc822Text => fetch.rfc822_text(bytes.text()),
        FetchAttribute::BodySection { section, partial, .. } => {
            bytes.render_section(fetch, section, partial.as_ref());
        }
        FetchAttribute::Binary { part, partial, .. } => {
            return bytes.render_binary(fetch, part, partial.as_ref());
        }
        FetchAttribute::BinarySize(part) => return bytes.render_binary_size(fetch, part),
        _ => {}
    }
    true
}
