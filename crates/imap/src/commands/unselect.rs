//! UNSELECT (RFC 9051 §6.4.2): leaves the mailbox without expunging anything.

use super::{Ctx, Reply};
use crate::error::Result;

pub(super) fn run(ctx: &mut Ctx<'_>) -> Result<Reply> {
    ctx.leave();
    Ok(Reply::done())
}
