//! URLFETCH (RFC 4467 §7, RFC 5524): what authorized URLs name, for whoever they are for.

use net::ConnectionError;
use tokio::time::timeout;

use super::fetch::large::{DECODED_BYTES, broken_off};
use super::part::{self, Form, Opened, Wanted};
use super::{Ctx, Reply, url_auth};
use crate::error::Result;
use crate::render;
use crate::server::SEND_TIME;
use crate::types::{UrlData, UrlMetadata, UrlToFetch};

/// Each URL has a response of its own, so that one text at a time takes memory.
pub(super) async fn run(ctx: &mut Ctx<'_>, urls: Vec<UrlToFetch>) -> Result<Reply> {
    for url in urls {
        let opened = match url_auth::redeem(ctx, &url.url).await? {
            Some(place) => part::open(ctx, &place, wanted(url.metadata)).await?,
            None => None,
        };
        match opened {
            Some(opened) => {
                // The text holds memory that others wait for.
                let sending = timeout(SEND_TIME, send(ctx, &url, opened));
                sending.await.map_err(|_| ConnectionError::TimedOut)??;
            }
            // RFC 5524 §5, `urldata-error`: NIL, whatever was asked for.
            None => ctx.push(|out| render::url_fetch_error(out, &url.url)),
        }
    }
    Ok(Reply::done())
}

fn wanted(metadata: Option<UrlMetadata>) -> Wanted {
    let form = match metadata.map(|metadata| metadata.data) {
        None | Some(Some(UrlData::Body)) => Some(Form::AsStored),
        Some(Some(UrlData::Binary)) => Some(Form::Decoded),
        Some(None) => None,
    };
    Wanted { form, structure: metadata.is_some_and(|metadata| metadata.structure) }
}

/// Sends the response about a URL while its text is being read.
async fn send(ctx: &mut Ctx<'_>, url: &UrlToFetch, mut opened: Opened) -> Result<()> {
    let UrlToFetch { url, metadata } = url;
    let (size_bytes, has_nul) = (opened.size_bytes(), opened.has_nul());
    let is_binary = metadata.is_some_and(|metadata| metadata.data == Some(UrlData::Binary));
    let is_none = metadata.is_some_and(|metadata| metadata.data.is_none());
    let mut out = Vec::new();
    render::url_fetch_begin(&mut out, url, *metadata, opened.structure());
    match size_bytes {
        _ if is_none => {}
        None => render::url_fetch_data(&mut out, None),
        // What is decoded may be a quoted string.
        Some(size_bytes) if is_binary && size_bytes <= DECODED_BYTES => {
            let whole = read_whole(ctx, opened).await?;
            render::url_fetch_data(&mut out, Some(&whole));
        }
        Some(size_bytes) => {
            // Whatever fails before the first byte was sent is answered.
            let mut pieces = opened.pieces(&ctx.shared.store).await?;
            render::url_fetch_announced(&mut out, size_bytes, is_binary && has_nul);
            ctx.connection.write(&out).await?;
            while pieces.next(&mut out).await.map_err(|error| broken_off(&error))? {
                ctx.connection.write(&out).await?;
            }
            out.clear();
        }
    }
    render::url_fetch_end(&mut out, *metadata);
    ctx.connection.write(&out).await?;
    Ok(())
}

async fn read_whole(ctx: &Ctx<'_>, mut opened: Opened) -> storage::Result<Vec<u8>> {
    let (mut whole, mut piece) = (Vec::new(), Vec::new());
    let mut pieces = opened.pieces(&ctx.shared.store).await?;
    while pieces.next(&mut piece).await? {
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}
