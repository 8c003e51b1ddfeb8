//! LANGUAGE (RFC 5255 §3.2): the language of texts that people read.

use super::{Ctx, Reply};
use crate::error::{CommandError, Result};
use crate::render;
use crate::types::Language;

pub(super) fn run(ctx: &mut Ctx<'_>, ranges: &[String]) -> Result<Reply> {
    if ranges.is_empty() {
        ctx.push(|out| render::language(out, &Language::ALL));
        return Ok(Reply::done());
    }
    // RFC 5255 §3.2: the first supported language; if there is none, the old one stays.
    let found = ranges.iter().find_map(|range| Language::lookup(range));
    let text = "Unsupported language";
    let language = found.ok_or(CommandError::Refused { code: None, text })?;
    *ctx.language = language;
    ctx.push(|out| render::language(out, &[language]));
    Ok(Reply::done())
}
