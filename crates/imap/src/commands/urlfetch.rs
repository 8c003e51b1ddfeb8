//! URLFETCH (RFC 4467 §7, RFC 5524): what authorized URLs name, for whoever they are for.

use net::ConnectionError;
use tokio::time::timeout;

use super::part::{self, Form, Part};
use super::{Ctx, Reply, url_auth};
use crate::error::Result;
use crate::render::{self, UrlFetched};
use crate::server::SEND_TIME;
use crate::types::{UrlData, UrlMetadata, UrlToFetch};

/// Each URL has a response of its own, so that one text at a time is held.
pub(super) async fn run(ctx: &mut Ctx<'_>, urls: Vec<UrlToFetch>) -> Result<Reply> {
    for UrlToFetch { url, metadata } in urls {
        let part = find(ctx, &url, metadata).await?;
        let mut out = Vec::new();
        match (&part, metadata) {
            (Some(part), Some(metadata)) => {
                let structure = part.structure.as_deref();
                let data = metadata.data.map(|form| (form, part.bytes.as_deref()));
                render::url_fetch_metadata(&mut out, &url, &UrlFetched { structure, data });
            }
            // RFC 5524 §5, `urldata-error`: NIL, whatever was asked for.
            _ => {
                let text = part.as_ref().and_then(|part| part.bytes.as_deref());
                render::url_fetch(&mut out, &url, text);
            }
        }
        // The text holds memory that others wait for.
        let sending = timeout(SEND_TIME, ctx.connection.write(&out));
        sending.await.map_err(|_| ConnectionError::TimedOut)??;
    }
    Ok(Reply::done())
}

async fn find(ctx: &mut Ctx<'_>, url: &str, wanted: Option<UrlMetadata>) -> Result<Option<Part>> {
    let bytes_max = ctx.shared.settings.limits.append_bytes_max;
    let Some(place) = url_auth::redeem(ctx, url).await? else { return Ok(None) };
    let form = match wanted.map(|wanted| wanted.data) {
        None | Some(Some(UrlData::Body)) => Some(Form::AsStored),
        Some(Some(UrlData::Binary)) => Some(Form::Decoded),
        Some(None) => None,
    };
    let structure = wanted.is_some_and(|wanted| wanted.structure);
    part::read(ctx, place, part::Wanted { form, structure }, bytes_max).await
}
