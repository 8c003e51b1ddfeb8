//! IDLE (RFC 9051 §6.3.13): waits for changes of what the session watches and tells them, until the
//! client says DONE, is silent for too long, or the session ends.

use net::ConnectionError;
use tokio::time::{Instant, sleep_until};

use super::updates::Outlet;
use super::{Ctx, Reply, annotations, arrivals, notify, recent, rights};
use crate::error::{CommandError, Result};
use crate::parse::{ParseError, Step};
use crate::render::{self, Status};
use crate::server::{IDLE_KEEPALIVE, next_step};
use crate::session::{OwnChange, Selected, Updates};

/// What woke IDLE.
enum Woken {
    Input,
    Mailbox,
    KeepAlive,
}

pub(super) async fn run(ctx: &mut Ctx<'_>) -> Result<Reply> {
    ctx.push(|out| render::continuation(out, "idling"));
    let mut watch = ctx.state.selected().map(|selected| selected.view().watch());
    let mut keepalive = Instant::now() + IDLE_KEEPALIVE;
    loop {
        // What changed before IDLE began is told at once: Thunderbird asks for nothing first.
        Box::pin(tell(ctx)).await?;
        // QUIRK(iOS, 18): sends the next command right behind DONE, or DONE without waiting for
        // the continuation; the framer leaves what follows the line in the buffer.
        match next_step(ctx.connection, |input, framer| framer.advance_line(input), ctx.framer) {
            Step::Line(line) if line.eq_ignore_ascii_case(b"DONE") => return Ok(Reply::done()),
            Step::Line(line) => {
                let error = ParseError::Syntax("Expected DONE");
                if let Some(rejection) = ctx.framer.refuse_line(&line, error) {
                    ctx.push(|out| render::render_rejection(out, &rejection));
                }
                return Err(CommandError::Bad("Expected DONE"));
            }
            Step::Refused(_) => return Err(CommandError::Bad("Expected DONE")),
            Step::End(_) => return Err(CommandError::Bye("Too much data refused")),
            _ => {}
        }
        // Nothing more is said before this was sent: a client that does not read would have all
        // that happens in a busy mailbox pile up here.
        tokio::select! {
            biased;
            why = ctx.ending.reached() => return Err(why.into()),
            sent = ctx.connection.flush() => sent?,
        }
        let woken = tokio::select! {
            biased;
            why = ctx.ending.reached() => return Err(why.into()),
            arrived = ctx.connection.fill() => match arrived {
                Ok(_) => Woken::Input,
                // RFC 9051 §6.3.13: a client that is silent for too long may be logged out.
                Err(ConnectionError::TimedOut) => return Err(CommandError::Bye("Idle for too long")),
                Err(error) => return Err(error.into()),
            },
            () = changed(&mut watch), if ctx.notify.is_none() => Woken::Mailbox,
            () = notify::happened(ctx.notify) => Woken::Mailbox,
            () = rights::changed(ctx.state), if ctx.notify.is_some() => Woken::Mailbox,
            () = sleep_until(keepalive) => Woken::KeepAlive,
        };
        if let Woken::KeepAlive = woken {
            // Roles change what `anyone` may do, and no mailbox tells of that.
            let mut out = Vec::new();
            rights::refresh(ctx.shared, ctx.state, &mut out).await?;
            ctx.connection.push(&out);
            ctx.push(|out| render::untagged(out, Status::Ok, None, "Still here"));
        }
        keepalive = Instant::now() + IDLE_KEEPALIVE;
    }
}

async fn tell(ctx: &mut Ctx<'_>) -> Result<()> {
    ctx.check_rights().await?;
    let enabled = *ctx.enabled;
    let mut out = Vec::new();
    if ctx.state.selected().is_some_and(Selected::is_over) {
        return Err(CommandError::Bye("The selected mailbox is gone"));
    }
    if ctx.notify.is_some() {
        // RFC 5465 §4: exactly what NOTIFY has asked for.
        let Ctx { shared, connection, ending, state, enabled, notify, .. } = ctx;
        let mut outlet = Outlet { connection, ending };
        return notify::tell_unasked(&mut outlet, shared, state, enabled, notify, true).await;
    }
    if ctx.state.selected().is_some() {
        ctx.tell_updates(Updates::All, OwnChange::Nothing, &mut out).await?;
        ctx.selected()?.tell_modseq(enabled, &mut out);
        recent::keep(ctx.shared, ctx.state);
    }
    annotations::refresh(ctx.shared, ctx.state, enabled, &mut out).await;
    arrivals::tell(ctx.shared, ctx.state, enabled, None, &mut out).await;
    let Ctx { connection, ending, .. } = ctx;
    Outlet { connection, ending }.push(&out).await
}

/// Completes at the next snapshot; never where no mailbox is selected.
async fn changed(
    watch: &mut Option<tokio::sync::watch::Receiver<std::sync::Arc<storage::Snapshot>>>,
) {
    // The sender lives as long as the view that the session holds.
    if let Some(watch) = watch
        && watch.changed().await.is_ok()
    {
        return;
    }
    std::future::pending().await
}
