//! COMPRESS (RFC 4978 §3): everything after the tagged OK is compressed, in both directions.

use super::{Ctx, Reply};
use crate::error::{CommandError, Result};
use crate::render::{self, Code, Status};

/// The tagged OK is the last that leaves uncompressed, so it is written here.
pub(super) async fn run(ctx: &mut Ctx<'_>) -> Result<Reply> {
    if ctx.connection.is_compressed() {
        // RFC 4978 §3: BAD where COMPRESS is active already.
        let text = "DEFLATE is active already";
        return Err(CommandError::BadWith { code: Code::CompressionActive, text });
    }
    let tag = ctx.tag;
    ctx.push(|out| render::tagged(out, tag, Status::Ok, None, "DEFLATE active"));
    ctx.connection.start_compression().await?;
    Ok(Reply::silent())
}
