//! CAPABILITY (RFC 9051 §6.1.1): what this server offers to this client in its present state.

use super::{Ctx, Reply};
use crate::error::Result;
use crate::render;

pub(super) fn run(ctx: &mut Ctx<'_>) -> Result<Reply> {
    let names = ctx.capabilities();
    ctx.push(|out| render::capability(out, &names));
    Ok(Reply::done())
}
