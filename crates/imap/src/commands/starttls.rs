//! STARTTLS (RFC 9051 §6.2.1): the tagged OK leaves in the clear, then comes the handshake.

use super::{Ctx, Reply};
use crate::error::{CommandError, Result};
use crate::render::{self, Status};

/// The tagged OK must leave before the handshake, so it is written here, and the dispatcher's
/// own comes never: see [`Reply::silent`].
pub(super) async fn run(ctx: &mut Ctx<'_>) -> Result<Reply> {
    if !ctx.connection.can_start_tls() {
        return Err(CommandError::Bad("TLS is not offered here, or active already"));
    }
    // RFC 3207 §4 says it of SMTP: nothing comes between the command and the handshake.
    if !ctx.connection.look_ahead().is_empty() {
        return Err(CommandError::Bye("Nothing may come before the handshake"));
    }
    let tag = ctx.tag;
    ctx.push(|out| render::tagged(out, tag, Status::Ok, None, "Begin TLS negotiation now"));
    ctx.connection.start_tls().await?;
    Ok(Reply::silent())
}
