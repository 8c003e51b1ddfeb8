//! ENABLE (RFC 9051 §6.3.1). What is switched on stays so for the connection; names that are
//! unknown or switched off for the client are passed over, and the ENABLED response names what is
//! new.

use super::{Ctx, Reply};
use crate::error::Result;
use crate::render;
use crate::types::{EnableItem, EnableItems};

pub(super) fn run(ctx: &mut Ctx<'_>, asked: EnableItems) -> Result<Reply> {
    let mut switched_on = EnableItems::new();
    for item in asked.iter() {
        if is_off(ctx, item) {
            continue;
        }
        let is_new = match item {
            EnableItem::CondStore => ctx.enable_condstore(),
            EnableItem::QResync => {
                // RFC 7162 §3.2.3: QRESYNC includes CONDSTORE.
                ctx.enable_condstore();
                ctx.enabled.switch_on(item)
            }
            _ => ctx.enabled.switch_on(item),
        };
        if item == EnableItem::Imap4Rev2
            && let Some(selected) = ctx.state.selected_mut()
        {
            selected.forget_recent();
        }
        if item == EnableItem::UidOnly
            && let Some(selected) = ctx.state.selected_mut()
        {
            selected.contexts.speak_uids();
        }
        if is_new {
            switched_on.insert(item);
        }
    }
    // RFC 9051 §7.2.1: ENABLED lists what this command switched on, if only nothing.
    ctx.push(|out| render::enabled(out, switched_on));
    Ok(Reply::done())
}

fn is_off(ctx: &Ctx<'_>, item: EnableItem) -> bool {
    ctx.off.contains(&ctx.shared.settings, item.name())
}
