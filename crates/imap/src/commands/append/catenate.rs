//! CATENATE (RFC 4469): a message put together from texts and from parts of messages.

use super::super::Ctx;
use super::super::part::{self, Part, Wanted};
use super::super::url_auth;
use crate::error::{CommandError, Result};
use crate::types::CatenatePart;
use crate::url::ImapUrl;
use storage::StorageError;

/// A message put together, and whether it may hold NUL.
pub(super) async fn put_together(
    ctx: &mut Ctx<'_>,
    parts: Vec<CatenatePart>,
) -> Result<(Vec<u8>, bool)> {
    let limit_bytes = ctx.shared.settings.limits.append_bytes_max;
    let (mut whole, mut is_binary) = (Vec::new(), false);
    // What parts take of the memory shared is given back when the message is whole.
    let mut drawn: Vec<Part> = Vec::new();
    for part in parts {
        match part {
            CatenatePart::Text { bytes, binary } => {
                is_binary |= binary;
                whole.extend_from_slice(&bytes);
            }
            CatenatePart::Url(text) => {
                let rest = limit_bytes.saturating_sub(whole.len() as u64);
                let mut part = named(ctx, text, rest).await?;
                if let Some(bytes) = &mut part.bytes {
                    whole.append(bytes);
                }
                drawn.push(part);
            }
        }
        let size_bytes = whole.len() as u64;
        if size_bytes > limit_bytes {
            // RFC 4469 §4.2: TOOBIG.
            return Err(StorageError::TooBig { size_bytes, limit_bytes }.into());
        }
    }
    Ok((whole, is_binary))
}

/// RFC 4469 §3: relative URLs, on this server and as this user; and those that were authorized
/// here, for whoever they are for (RFC 4467 §1).
async fn named(ctx: &mut Ctx<'_>, text: String, bytes_max: u64) -> Result<Part> {
    let place = match ImapUrl::parse(&text) {
        Some(url) if url.url_auth.is_some() => url_auth::redeem(ctx, &text).await?,
        Some(url) if url.server.is_none() => part::find_place(ctx, &url).await?,
        _ => None,
    };
    let Some(place) = place else { return Err(CommandError::BadUrl(text)) };
    part::read(ctx, place, Wanted::BYTES, bytes_max).await?.ok_or(CommandError::BadUrl(text))
}
