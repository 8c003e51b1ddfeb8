//! URLFETCH (RFC 4467 §7): what authorized URLs name, for whoever they are for.

use super::{Ctx, Reply, part, url_auth};
use crate::error::Result;
use crate::render;

/// Each URL has a response of its own, so that one text at a time is held.
pub(super) async fn run(ctx: &mut Ctx<'_>, urls: Vec<String>) -> Result<Reply> {
    let bytes_max = ctx.shared.settings.limits.append_bytes_max;
    for url in urls {
        let part = match url_auth::redeem(ctx, &url).await? {
            Some(place) => part::read(ctx, place, bytes_max).await?,
            None => None,
        };
        let mut out = Vec::new();
        render::url_fetch(&mut out, &url, part.as_ref().map(|part| part.bytes.as_slice()));
        ctx.connection.write(&out).await?;
    }
    Ok(Reply::done())
}
