//! NAMESPACE (RFC 9051 §6.3.10): the personal namespace without a prefix, that of the other
//! accounts, and that of accounts which are nobody's.

use super::{Ctx, Reply};
use crate::error::Result;
use crate::render::{self, Namespace};
use crate::types::Language;

/// Where storage shows the mailboxes of others.
const OTHERS: &str = "Other Users/";
/// Where it shows those of accounts that are nobody's.
const SHARED: &str = "Shared Folders/";

pub(super) fn run(ctx: &mut Ctx<'_>) -> Result<Reply> {
    let (dialect, language) = (ctx.enabled.dialect(), *ctx.language);
    let named = |prefix| Namespace { prefix, translation: render::prefix_in(language, prefix) };
    let (others, shared) = (named(OTHERS), named(SHARED));
    ctx.push(|out| {
        let own = Namespace { prefix: "", translation: None };
        render::namespaces(out, [&[own], &[others], &[shared]], dialect);
    });
    Ok(Reply::done())
}

/// Whether namespaces have other names in one language than in another.
pub(super) fn are_told_apart(one: Language, other: Language) -> bool {
    [OTHERS, SHARED]
        .iter()
        .any(|prefix| render::prefix_in(one, prefix) != render::prefix_in(other, prefix))
}
