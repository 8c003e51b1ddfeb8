//! A message with more to tell than is held at once: sent item by item.
//!
//! **Invariant:** where all that is asked for of its text are bytes as they stand there, or parts
//! without their transfer encoding, a few pieces of it are in memory; else its text, read and
//! decompressed once, and beside it one item. Either is drawn from a budget that all connections
//! share.

use std::ops::Range;
use std::sync::Arc;

use ids::UidSet;
use net::{ConnectionError, DrawnMemory};
use storage::{Content, Entry, Snapshot, StorageError, Store, Want};
use tokio::time::timeout;

use super::decoded::{self, Coded, Measured, Reading, Sent};
use super::rendered::Rows;
use super::response::{Plan, Read, render_item, render_read, render_unread};
use super::section;
use crate::commands::Ctx;
use crate::error::{CommandError, Result, refused};
use crate::render::{Code, FetchWriter};
use crate::server::SEND_TIME;
use crate::session::begin_fetch;
use crate::types::{FetchAttribute, PartPath, Partial};

/// What a message takes that is sent piece by piece: pieces, and what expands them.
pub(in crate::commands) const STREAM_BYTES: u64 = 1024 * 1024;

/// A message that was read, with its text or without.
pub(super) struct Large {
    seq: u32,
    content: Content,
    read: Read<'static>,
}

impl Large {
    pub(super) fn new(seq: u32, content: Content, read: Read<'static>) -> Self {
        Self { seq, content, read }
    }

    /// Where the item of an attribute lies in the message, if it is to be read from there.
    fn range(&self, attribute: &FetchAttribute, size_bytes: u64) -> Option<Range<u64>> {
        if self.content.text().is_some() {
            return None;
        }
        let header = self.content.header().map_or(0, <[u8]>::len) as u64;
        match attribute {
            FetchAttribute::Rfc822 => Some(0..size_bytes),
            FetchAttribute::Rfc822Text => Some(header.min(size_bytes)..size_bytes),
            FetchAttribute::BodySection { section, partial, .. } => {
                let whole = section::range(section, &self.content, size_bytes)?;
                let Some(partial) = partial else { return Some(whole) };
                let cut = partial.range(whole.end - whole.start);
                Some(whole.start + cut.start..whole.start + cut.end)
            }
            _ => None,
        }
    }

    /// The part that an attribute wants without its transfer encoding, if it is to be read.
    fn encoded<'a>(
        &self,
        attribute: &'a FetchAttribute,
    ) -> Option<(&'a PartPath, Option<Option<&'a Partial>>)> {
        match attribute {
            _ if self.content.text().is_some() => None,
            FetchAttribute::Binary { part, partial, .. } => Some((part, Some(partial.as_ref()))),
            FetchAttribute::BinarySize(part) => Some((part, None)),
            _ => None,
        }
    }
}

/// A part to be sent without its transfer encoding.
struct Part<'i> {
    path: &'i PartPath,
    /// What of it; `None` where its size is to be told.
    partial: Option<Option<&'i Partial>>,
    entry: &'i Entry<'i>,
}

/// Reads all of a message but its text, for [`send`]; `None` where it was erased meanwhile.
pub(super) async fn read(
    store: &Store,
    known: &Arc<Snapshot>,
    plan: &Arc<Plan>,
    seq: u32,
) -> Result<Option<Large>> {
    let (known, plan) = (known.clone(), plan.clone());
    let read = store.read(move |tx| {
        let Some(entry) = known.by_seq(seq) else { return Ok(None) };
        let want = plan.want().without(Want::TEXT) | Want::HEADER;
        let content = tx.load_contents(&[entry.content()], want)?.pop().unwrap_or_default();
        let entries = [(seq, entry)];
        let rows = Rows::load(tx, &known, &entries, &plan)?;
        let read = entries.iter().map(|(_, entry)| rows.of(entry)).next().unwrap_or_default();
        Ok(Some(Large::new(seq, content, read)))
    });
    match read.await {
        Err(StorageError::Expunged) => Ok(None),
        read => Ok(read?),
    }
}

/// Output that was rendered and is not sent yet.
struct Pending {
    bytes: Vec<u8>,
    /// No item was written so far.
    is_empty: bool,
    /// Whether nothing that was asked for had to be left out.
    is_whole: bool,
}

impl Default for Pending {
    fn default() -> Self {
        Self { bytes: Vec::new(), is_empty: true, is_whole: true }
    }
}

impl Pending {
    fn writer(&mut self) -> FetchWriter<'_> {
        FetchWriter::resume(&mut self.bytes, self.is_empty)
    }
}

/// Draws memory for a message that is about to be read, if there is one.
pub(super) async fn draw_memory(
    ctx: &mut Ctx<'_>,
    plan: &Plan,
    known: &Snapshot,
    seq: Option<u32>,
) -> Result<Option<DrawnMemory>> {
    let Some(entry) = seq.and_then(|seq| known.by_seq(seq)) else { return Ok(None) };
    let copies = plan.attributes().iter().map(held).max().unwrap_or(0);
    draw(ctx, u64::from(entry.size_bytes()).saturating_mul(1 + copies)).await.map(Some)
}

/// Draws so much memory from what large messages on their way to clients share.
pub(in crate::commands) async fn draw(ctx: &mut Ctx<'_>, bytes: u64) -> Result<DrawnMemory> {
    let memory = &ctx.shared.fetch_memory;
    let units = match memory.try_draw(bytes) {
        Ok(drawn) => return Ok(drawn),
        Err(units) => units,
    };
    // The client shall not wait for what was told already.
    ctx.connection.flush().await?;
    tokio::select! {
        biased;
        why = ctx.ending.reached() => Err(why.into()),
        drawn = memory.wait(units) => drawn.ok_or_else(|| {
            refused(Code::Unavailable, "Too much mail is being fetched, try later")
        }),
    }
}

/// How many times the length of a message its item may take.
fn held(attribute: &FetchAttribute) -> u64 {
    match attribute {
        FetchAttribute::BodySection { .. }
        | FetchAttribute::Rfc822
        | FetchAttribute::Rfc822Header
        | FetchAttribute::Rfc822Text => 1,
        // Decoded, and with CRLF.
        FetchAttribute::Binary { .. } | FetchAttribute::BinarySize(_) => 2,
        _ => 0,
    }
}

/// Sends the FETCH response; whether everything asked for is in it, and `read` gets it then if it
/// is to be marked. An error in the middle ends the connection: the client could not tell what
/// comes then from the response.
pub(super) async fn send(
    ctx: &mut Ctx<'_>,
    known: &Arc<Snapshot>,
    plan: &Arc<Plan>,
    large: Large,
    memory: Option<DrawnMemory>,
    read: &mut UidSet,
) -> Result<bool> {
    let Some(entry) = known.by_seq(large.seq) else { return Ok(true) };
    let _memory = match memory {
        Some(memory) => memory,
        // Its header may be long, which nobody could know.
        None => {
            let header = large.content.header().map_or(0, <[u8]>::len) as u64;
            draw(ctx, header.max(STREAM_BYTES)).await?
        }
    };
    let large = Arc::new(large);
    let mut pending = Pending::default();
    // What was begun is there; what is added to it has its own writer.
    let _ = begin_fetch(&mut pending.bytes, large.seq, &entry, plan.enabled);
    for (at, attribute) in plan.attributes().iter().enumerate() {
        let sending = async {
            if let Some(range) = large.range(attribute, entry.size_bytes().into()) {
                let item = Item { attribute, entry: &entry, range };
                return send_range(ctx, item, &large.content, &mut pending).await;
            }
            if let Some((path, partial)) = large.encoded(attribute) {
                let item = Part { path, partial, entry: &entry };
                return send_decoded(ctx, item, &large.content, &mut pending).await;
            }
            pending = render(known, plan, &large, at, std::mem::take(&mut pending)).await?;
            send_pending(ctx, &mut pending).await
        };
        timeout(SEND_TIME, sending).await.map_err(|_| ConnectionError::TimedOut)??;
    }
    let mut fetch = FetchWriter::resume(&mut pending.bytes, pending.is_empty);
    render_read(&mut fetch, &entry, plan, pending.is_whole);
    // RFC 9051 §9, `msg-att`: there is no FETCH response without an item.
    if !fetch.is_empty() {
        fetch.finish();
        render_unread(&mut pending.bytes, (large.seq, &entry), plan, pending.is_whole);
        ctx.connection.write(&pending.bytes).await?;
    }
    if pending.is_whole && plan.is_to_mark(&entry) {
        // What waits in a buffer is lost with the connection.
        ctx.connection.flush().await?;
        read.insert(entry.uid());
    }
    Ok(pending.is_whole)
}

/// An item that is a range of its message.
struct Item<'i> {
    attribute: &'i FetchAttribute,
    entry: &'i Entry<'i>,
    range: Range<u64>,
}

impl Item<'_> {
    fn announce(&self, fetch: &mut FetchWriter<'_>) {
        let size_bytes = self.range.end - self.range.start;
        match self.attribute {
            FetchAttribute::BodySection { section, partial, .. } => {
                fetch.body_section_header(section, partial.as_ref(), size_bytes);
            }
            FetchAttribute::Rfc822Text => fetch.rfc822_text_announced(size_bytes),
            _ => fetch.rfc822_announced(size_bytes),
        }
    }
}

/// Sends an item while it is being read.
async fn send_range(
    ctx: &mut Ctx<'_>,
    item: Item<'_>,
    content: &Content,
    pending: &mut Pending,
) -> Result<()> {
    let (header, range) = section::split(content, &item.range);
    // Whatever fails before the first byte was sent is answered.
    let store = ctx.shared.store.clone();
    let begun = async {
        let mut text = section::open_text(&store, item.entry.content(), range).await?;
        Ok::<_, StorageError>((text.next(Vec::new()).await?, text))
    };
    let (mut next, mut text) = match begun.await {
        Err(error) if !pending.is_empty => return Err(broken_off(&error)),
        begun => begun?,
    };
    item.announce(&mut FetchWriter::resume(&mut pending.bytes, pending.is_empty));
    pending.is_empty = false;
    send_pending(ctx, pending).await?;
    ctx.connection.write(header).await?;
    let mut spare = Vec::new();
    while let Some(piece) = next {
        let reading = text.next(std::mem::take(&mut spare));
        let (written, following) = tokio::join!(ctx.connection.write(&piece), reading);
        written?;
        next = following.map_err(|error| broken_off(&error))?;
        spare = piece;
    }
    Ok(())
}

/// LIMIT: what is decoded at once, and may be a quoted string.
pub(in crate::commands) const DECODED_BYTES: u64 = 64 * 1024;

/// Sends a part while it is being read and decoded.
async fn send_decoded(
    ctx: &mut Ctx<'_>,
    item: Part<'_>,
    content: &Content,
    pending: &mut Pending,
) -> Result<()> {
    let coded = Coded::find(item.path, content, item.entry.size_bytes().into());
    if coded.as_ref().is_some_and(|coded| !coded.is_known()) {
        pending.is_whole = false;
        return Ok(());
    }
    let (store, id) = (ctx.shared.store.clone(), item.entry.content());
    let begun = async {
        let Some(coded) = &coded else { return Ok(None) };
        let reading = Reading::begin(&store, id, content, coded).await?;
        let measured = reading.measure(coded, item.partial.flatten()).await?;
        // It is read once more; whatever fails from here on can't be answered.
        let reading = Reading::begin(&store, id, content, coded).await?;
        Ok::<_, StorageError>(Some((measured, reading)))
    };
    let begun = match begun.await {
        Err(error) if !pending.is_empty => return Err(broken_off(&error)),
        begun => begun?,
    };
    match (item.partial, begun) {
        (Some(partial), Some((measured, reading))) => {
            return send_reading(ctx, (item.path, partial), &measured, reading, pending).await;
        }
        (Some(partial), None) => {
            pending.writer().binary(item.path, partial, None);
        }
        (None, begun) => {
            let size_bytes = begun.map_or(0, |(measured, _)| measured.size_bytes);
            pending.writer().binary_size(item.path, size_bytes);
        }
    }
    pending.is_empty = false;
    send_pending(ctx, pending).await
}

/// Sends what is wanted of a part that was measured.
async fn send_reading(
    ctx: &mut Ctx<'_>,
    (path, partial): (&PartPath, Option<&Partial>),
    measured: &Measured,
    mut reading: Reading,
    pending: &mut Pending,
) -> Result<()> {
    let mut sent = Sent::nothing(decoded::cut(partial, measured.size_bytes), measured);
    let mut left = sent.cut.end - sent.cut.start;
    let (mut out, mut whole) = (Vec::new(), Vec::new());
    let is_short = left <= DECODED_BYTES;
    if !is_short {
        pending.writer().binary_announced(path, partial, left, measured.has_nul);
        pending.is_empty = false;
        send_pending(ctx, pending).await?;
    }
    while reading.next_of(&mut sent, &mut out).await.map_err(|error| broken_off(&error))? {
        left = left.saturating_sub(out.len() as u64);
        match is_short {
            true => whole.extend_from_slice(&out),
            false => ctx.connection.write(&out).await?,
        }
    }
    if left > 0 {
        return Err(broken_off(&StorageError::Corrupt("a part ended early".to_owned())));
    }
    if is_short {
        pending.writer().binary(path, partial, Some(&whole));
        pending.is_empty = false;
    }
    send_pending(ctx, pending).await
}

/// The connection ends in the middle of a response: nothing else could tell the client.
pub(in crate::commands) fn broken_off(error: &StorageError) -> CommandError {
    tracing::error!(%error, "a message could not be sent to its end");
    ConnectionError::Closed.into()
}

async fn send_pending(ctx: &mut Ctx<'_>, pending: &mut Pending) -> Result<()> {
    // Without an item yet, there may be nothing to be said at all.
    if !pending.is_empty {
        ctx.connection.write(&pending.bytes).await?;
        pending.bytes.clear();
    }
    Ok(())
}

/// Renders the item of one attribute, off the async threads: it may have to be decoded.
async fn render(
    known: &Arc<Snapshot>,
    plan: &Arc<Plan>,
    large: &Arc<Large>,
    at: usize,
    mut pending: Pending,
) -> Result<Pending> {
    let (known, plan, large) = (known.clone(), plan.clone(), large.clone());
    let rendering = tokio::task::spawn_blocking(move || {
        let mut fetch = FetchWriter::resume(&mut pending.bytes, pending.is_empty);
        if let (Some(attribute), Some(entry)) = (plan.attributes().get(at), known.by_seq(large.seq))
        {
            let read = large.read.with(&large.content);
            pending.is_whole &= render_item(&mut fetch, attribute, &entry, &plan, &read);
        }
        pending.is_empty = fetch.is_empty();
        pending
    });
    // It panicked, which was logged.
    rendering.await.map_err(|_| ConnectionError::Closed.into())
}
