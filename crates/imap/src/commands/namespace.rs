//! NAMESPACE (RFC 9051 §6.3.10): the personal namespace without a prefix, that of the other
//! accounts, and that of accounts which are nobody's.

use super::{Ctx, Reply};
use crate::error::Result;
use crate::render::{self, Namespace};

/// Where storage shows the mailboxes of others.
const OTHERS: &str = "Other Users/";
/// Where it shows those of accounts that are nobody's.
const SHARED: &str = "Shared/";

pub(super) fn run(ctx: &mut Ctx<'_>) -> Result<Reply> {
    let dialect = ctx.enabled.dialect();
    ctx.push(|out| {
        render::namespaces(
            out,
            [
                &[Namespace { prefix: "" }],
                &[Namespace { prefix: OTHERS }],
                &[Namespace { prefix: SHARED }],
            ],
            dialect,
        )
    });
    Ok(Reply::done())
}
