//! A message with more to tell than is held at once: sent item by item.
//!
//! **Invariant:** its bytes are read and decompressed once, and beside them no more than one item
//! is in memory, whatever the client asks for. Both are drawn from a budget that all connections
//! share.

use std::sync::Arc;
use std::time::Duration;

use net::{ConnectionError, DrawnMemory};
use storage::{Content, Snapshot};
use tokio::time::timeout;

use super::response::{Plan, Read, render_item, render_seen};
use crate::commands::Ctx;
use crate::error::{Result, refused};
use crate::render::{Code, FetchWriter};
use crate::session::begin_fetch;
use crate::types::FetchAttribute;

/// LIMIT: how long one item may hold memory that others wait for: 50 MB over 250 kbit/s fit.
const SEND_TIME: Duration = Duration::from_secs(30 * 60);

/// A message that was read.
pub(super) struct Large {
    seq: u32,
    content: Content,
    read: Read<'static>,
}

impl Large {
    pub(super) fn new(seq: u32, content: Content, read: Read<'static>) -> Self {
        Self { seq, content, read }
    }
}

/// What was rendered and not sent yet.
struct Pending {
    bytes: Vec<u8>,
    /// No item was written so far.
    is_empty: bool,
    /// Nothing asked for had to be left out.
    is_whole: bool,
}

impl Default for Pending {
    fn default() -> Self {
        Self { bytes: Vec::new(), is_empty: true, is_whole: true }
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
    draw(ctx, plan, entry.size_bytes().into()).await.map(Some)
}

async fn draw(ctx: &mut Ctx<'_>, plan: &Plan, size_bytes: u64) -> Result<DrawnMemory> {
    let copies = plan.attributes().iter().map(held).max().unwrap_or(0);
    let memory = &ctx.shared.fetch_memory;
    let units = match memory.try_draw(size_bytes.saturating_mul(1 + copies)) {
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
        _ if is_message(attribute) => 0,
        FetchAttribute::BodySection { .. }
        | FetchAttribute::Rfc822Header
        | FetchAttribute::Rfc822Text => 1,
        // Decoded, and with CRLF.
        FetchAttribute::Binary { .. } | FetchAttribute::BinarySize(_) => 2,
        _ => 0,
    }
}

/// Whether it gives the message byte for byte.
fn is_message(attribute: &FetchAttribute) -> bool {
    match attribute {
        FetchAttribute::Rfc822 => true,
        FetchAttribute::BodySection { section, partial: None, .. } => section.is_whole(),
        _ => false,
    }
}

/// Sends the FETCH response; whether everything asked for is in it. An error in the middle ends
/// the connection: the client could not tell what comes then from the response.
pub(super) async fn send(
    ctx: &mut Ctx<'_>,
    known: &Arc<Snapshot>,
    plan: &Arc<Plan>,
    large: Large,
    memory: Option<DrawnMemory>,
) -> Result<bool> {
    let Some(entry) = known.by_seq(large.seq) else { return Ok(true) };
    let _memory = match memory {
        Some(memory) => memory,
        // Only its header is long, which nobody could know.
        None => draw(ctx, plan, large.content.header().map_or(0, <[u8]>::len) as u64).await?,
    };
    let large = Arc::new(large);
    let mut pending = Pending::default();
    // What was begun is there; what is added to it has its own writer.
    let _ = begin_fetch(&mut pending.bytes, large.seq, &entry, plan.enabled);
    for (at, attribute) in plan.attributes().iter().enumerate() {
        let sending = async {
            if is_message(attribute) {
                return send_message(ctx, attribute, &large.content, &mut pending).await;
            }
            pending = render(known, plan, &large, at, std::mem::take(&mut pending)).await?;
            send_pending(ctx, &mut pending).await
        };
        timeout(SEND_TIME, sending).await.map_err(|_| ConnectionError::TimedOut)??;
    }
    let mut fetch = FetchWriter::resume(&mut pending.bytes, pending.is_empty);
    render_seen(&mut fetch, &entry, plan);
    // RFC 9051 §9, `msg-att`: there is no FETCH response without an item.
    if !fetch.is_empty() {
        fetch.finish();
        ctx.connection.write(&pending.bytes).await?;
    }
    Ok(pending.is_whole)
}

/// Sends the message from where it was read to.
async fn send_message(
    ctx: &mut Ctx<'_>,
    attribute: &FetchAttribute,
    content: &Content,
    pending: &mut Pending,
) -> Result<()> {
    let header = content.header().unwrap_or_default();
    let text = content.text().unwrap_or_default();
    let size_bytes = (header.len() + text.len()) as u64;
    let mut fetch = FetchWriter::resume(&mut pending.bytes, pending.is_empty);
    match attribute {
        FetchAttribute::BodySection { section, .. } => {
            fetch.body_section_header(section, None, size_bytes);
        }
        _ => fetch.rfc822_announced(size_bytes),
    }
    pending.is_empty = false;
    send_pending(ctx, pending).await?;
    ctx.connection.write(header).await?;
    ctx.connection.write(text).await?;
    Ok(())
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
