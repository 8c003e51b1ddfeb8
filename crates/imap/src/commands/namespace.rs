//! NAMESPACE (RFC 9051 §6.3.10): the personal namespace without a prefix, and that
//! of the other accounts. What is shared with everybody stands there too, under its owner.

use super::{Ctx, Reply};
use crate::error::Result;
use crate::render::{self, Namespace};

/// Where storage shows the mailboxes of others.
const OTHERS: &str = "Other Users/";

pub(super) fn run(ctx: &mut Ctx<'_>) -> Result<Reply> {
    let dialect = ctx.enabled.dialect();
    ctx.push(|out| {
        render::namespaces(
            out,
            [&[Namespace { prefix: "" }], &[Namespace { prefix: OTHERS }], &[]],
            dialect,
        )
    });
    Ok(Reply::done())
}
