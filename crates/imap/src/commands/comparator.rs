//! COMPARATOR (RFC 5255 §4.7): how texts are compared by SEARCH, SORT and THREAD.

use message::Collation;

use super::{Ctx, Reply};
use crate::error::{Result, refused};
use crate::render::{self, Code};
use crate::types::MailboxPattern;

pub(super) fn run(ctx: &mut Ctx<'_>, wanted: &[String]) -> Result<Reply> {
    let mut matching = Vec::new();
    for collation in wanted.iter().flat_map(|wanted| matches(wanted)) {
        if !matching.contains(&collation) {
            matching.push(collation);
        }
    }
    match matching.first() {
        Some(first) => *ctx.collation = *first,
        None if wanted.is_empty() => {}
        // RFC 5255 §4.9.
        None => return Err(refused(Code::BadComparator, "No such comparator")),
    }
    let active = ctx.collation.name();
    let names: Vec<&str> = matching.into_iter().map(Collation::name).collect();
    ctx.push(|out| render::comparator(out, active, &names));
    Ok(Reply::done())
}

/// The comparators that a collation-order names (RFC 4790 §3.2): one of them, or a pattern in
/// which `*` stands for anything.
fn matches(wanted: &str) -> Vec<Collation> {
    // RFC 5255 §4.7: "default" is the one that is active from the start.
    if wanted.eq_ignore_ascii_case("default") {
        return vec![Collation::default()];
    }
    let pattern = MailboxPattern::new(wanted.to_ascii_lowercase());
    // No name has a delimiter, so that `*` is the only wildcard there is.
    let all = Collation::ALL.into_iter();
    all.filter(|collation| !wanted.contains('%') && pattern.matches(collation.name(), '/'))
        .collect()
}
