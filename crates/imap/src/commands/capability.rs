//! CAPABILITY (RFC 9051 §6.1.1).

use super::{Ctx, Reply};
use crate::capabilities;
use crate::error::Result;
use crate::render;

pub(super) fn run(ctx: &mut Ctx<'_>) -> Result<Reply> {
    let names = capabilities::names(&ctx.shared.settings, ctx.connection, ctx.state);
    ctx.push(|out| render::capability(out, &names));
    Ok(Reply::done())
}
