//! LANGUAGE (RFC 5255 §3.2): the language of texts that people read.

use super::{Ctx, Reply, namespace};
use crate::error::{CommandError, Result};
use crate::render;
use crate::types::Language;

pub(super) fn run(ctx: &mut Ctx<'_>, ranges: &[String]) -> Result<Reply> {
    if ranges.is_empty() {
        ctx.push(|out| render::language(out, &Language::ALL));
        return Ok(Reply::done());
    }
    // RFC 5255 §3.2: the first supported language; if there is none, the old one stays.
    let found = Language::first_of(ranges);
    let text = "Unsupported language";
    let language = found.ok_or(CommandError::Refused { code: None, text })?;
    let before = std::mem::replace(ctx.language, language);
    ctx.push(|out| render::language(out, &[language]));
    // RFC 5255 §3.4: the names of namespaces in that language; there are some once one is signed
    // in.
    if ctx.state.user().is_some() && namespace::are_told_apart(before, language) {
        return namespace::run(ctx);
    }
    Ok(Reply::done())
}
