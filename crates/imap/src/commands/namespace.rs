//! NAMESPACE (RFC 9051 §6.3.10): one personal namespace without a prefix.

use super::{Ctx, Reply};
use crate::error::Result;
use crate::render::{self, Namespace};

pub(super) fn run(ctx: &mut Ctx<'_>) -> Result<Reply> {
    let dialect = ctx.enabled.dialect();
    ctx.push(|out| render::namespaces(out, [&[Namespace { prefix: "" }], &[], &[]], dialect));
    Ok(Reply::done())
}
