//! ID (RFC 2971 §3.1): logs what the client says it is, answers what the server is, and switches
//! off capabilities that the settings withhold from such a client.

use auth::Protocol;

use super::{Ctx, Reply};
use crate::error::Result;
use crate::render;
use crate::types::IdParams;

pub(super) fn run(ctx: &mut Ctx<'_>, params: &IdParams) -> Result<Reply> {
    let (name, version) = (params.find("name"), params.find("version"));
    tracing::info!(name, version, "client says what it is");
    let before = ctx.capabilities();
    ctx.off.note_client(&ctx.shared.settings, params);
    ctx.ending.note_program(Protocol::Imap, ctx.connection.peer().ip(), ctx.off.program());
    let names = ctx.capabilities();
    if names != before {
        // What was announced before is not so for this program.
        ctx.push(|out| render::capability(out, &names));
    }
    ctx.push(|out| {
        let ours = [("name", Some("Posthorn")), ("version", Some(env!("CARGO_PKG_VERSION")))];
        render::id_response(out, &ours);
    });
    Ok(Reply::done())
}
