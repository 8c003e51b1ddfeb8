//! CATENATE (RFC 4469): a message put together from texts and from parts of messages.

use storage::StorageError;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::super::Ctx;
use super::super::part::{self, Opened, Wanted};
use super::super::url_auth;
use crate::error::{CommandError, Result, refused};
use crate::render::Code;
use crate::server::MEMORY_WAIT;
use crate::types::CatenatePart;
use crate::url::ImapUrl;

/// A message put together.
pub(super) struct Whole {
    pub(super) bytes: Vec<u8>,
    /// Whether NUL octets are allowed in it, since a literal8 brought part of it (RFC 3516).
    pub(super) is_binary: bool,
    /// What its parts that URLs name take of the memory that messages being appended share.
    pub(super) memory: Option<OwnedSemaphorePermit>,
}

/// Puts a message together, of at most `bytes_max` bytes.
pub(super) async fn put_together(
    ctx: &mut Ctx<'_>,
    parts: Vec<CatenatePart>,
    bytes_max: u64,
) -> Result<Whole> {
    let mut whole = Whole { bytes: Vec::new(), is_binary: false, memory: None };
    for part in parts {
        match part {
            CatenatePart::Text { bytes, binary, .. } => {
                check_size(whole.bytes.len() as u64 + bytes.len() as u64, bytes_max)?;
                whole.is_binary |= binary;
                whole.bytes.extend_from_slice(&bytes);
            }
            CatenatePart::Url(text) => {
                let mut opened = open(ctx, text).await?;
                let size_bytes = opened.size_bytes().unwrap_or(0);
                check_size(whole.bytes.len() as u64 + size_bytes, bytes_max)?;
                let drawn = draw_memory(ctx, size_bytes).await?;
                match &mut whole.memory {
                    Some(memory) => memory.merge(drawn),
                    None => whole.memory = Some(drawn),
                }
                let mut pieces = opened.pieces(&ctx.shared.store).await?;
                let mut piece = Vec::new();
                whole.bytes.reserve(usize::try_from(size_bytes).unwrap_or(0));
                while pieces.next(&mut piece).await? {
                    whole.bytes.extend_from_slice(&piece);
                }
            }
        }
    }
    Ok(whole)
}

/// RFC 4469 §4.2: TOOBIG, before anything of a part is read.
fn check_size(size_bytes: u64, limit_bytes: u64) -> Result<()> {
    match size_bytes > limit_bytes {
        true => Err(StorageError::TooBig { size_bytes, limit_bytes }.into()),
        false => Ok(()),
    }
}

/// RFC 4469 §3: relative URLs, on this server and as this user; and those that were authorized
/// here, for whoever they are for (RFC 4467 §1).
async fn open(ctx: &mut Ctx<'_>, text: String) -> Result<Opened> {
    let place = match ImapUrl::parse(&text) {
        Some(url) if url.url_auth.is_some() => url_auth::redeem(ctx, &text).await?,
        Some(url) if url.server.is_none() => part::find_place(ctx, &url).await?,
        _ => None,
    };
    let Some(place) = place else { return Err(CommandError::BadUrl(text)) };
    part::open(ctx, &place, Wanted::BYTES).await?.ok_or(CommandError::BadUrl(text))
}

/// Waits for a share of the memory that messages on their way in have on all connections.
async fn draw_memory(ctx: &Ctx<'_>, bytes: u64) -> Result<OwnedSemaphorePermit> {
    let memory = ctx.shared.append_memory.clone();
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    let drawn = timeout(MEMORY_WAIT, memory.acquire_many_owned(bytes)).await;
    drawn
        .ok()
        .and_then(std::result::Result::ok)
        .ok_or_else(|| refused(Code::Unavailable, "Too much mail is being appended, try later"))
}
