//! LOGOUT (RFC 9051 §6.1.3): BYE, then the tagged OK, then the end of the connection.

use super::{Ctx, Reply};
use crate::error::Result;
use crate::render::{self, Status};
use crate::session::State;

pub(super) fn run(ctx: &mut Ctx<'_>) -> Result<Reply> {
    *ctx.state = State::Logout;
    ctx.push(|out| render::untagged(out, Status::Bye, None, "Goodbye"));
    Ok(Reply::done())
}
