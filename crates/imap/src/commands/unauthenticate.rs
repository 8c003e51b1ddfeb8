//! UNAUTHENTICATE (RFC 8437 §3): the connection begins anew, under the same TLS.

use tokio::time::Instant;

use super::{Ctx, Reply, recent};
use crate::error::Result;
use crate::render::{self, Status};
use crate::session::{Enabled, State};

pub(super) async fn run(ctx: &mut Ctx<'_>) -> Result<Reply> {
    recent::keep(ctx.shared, ctx.state);
    // RFC 8437 §4.1: all that commands have switched on ends, what ID has told excepted.
    *ctx.state = State::NotAuthenticated;
    *ctx.enabled = Enabled::default();
    *ctx.collation = Default::default();
    *ctx.language = Default::default();
    *ctx.notify = None;
    ctx.off.forget_account();
    ctx.ending.forget(Instant::now() + ctx.shared.settings.login_timeout);
    let tag = ctx.tag;
    ctx.push(|out| render::tagged(out, tag, Status::Ok, None, "Signed out"));
    if ctx.connection.is_compressed() {
        // RFC 8437 §4.1: our compression ends behind this OK, the client's behind its command.
        ctx.connection.stop_compression().await?;
    }
    Ok(Reply::silent())
}
