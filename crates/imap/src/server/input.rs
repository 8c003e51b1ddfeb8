//! Taking what has arrived, for the session and for commands that read lines of their own.

use net::Connection;

use crate::commands::Ctx;
use crate::error::{CommandError, Result};
use crate::parse::{Framer, Step};

/// Lets the framer take from what has arrived.
pub(crate) fn next_step(
    connection: &mut Connection,
    advance: impl FnOnce(&mut &[u8], &mut Framer) -> Step,
    framer: &mut Framer,
) -> Step {
    let mut input = connection.buffered();
    let before = input.len();
    let step = advance(&mut input, framer);
    let taken = before - input.len();
    connection.consume(taken);
    step
}

/// The next line that is no command, waiting for it.
pub(crate) async fn next_line(ctx: &mut Ctx<'_>) -> Result<Vec<u8>> {
    loop {
        let step = |input: &mut &[u8], framer: &mut Framer| framer.advance_line(input);
        match next_step(ctx.connection, step, ctx.framer) {
            Step::Line(line) => return Ok(line),
            Step::Refused(_) => return Err(CommandError::Bad("Line too long")),
            Step::End(_) => return Err(CommandError::Bye("Too much data refused")),
            _ => {}
        }
        tokio::select! {
            biased;
            why = ctx.ending.reached() => return Err(why.into()),
            arrived = ctx.connection.fill() => { arrived?; }
        }
    }
}
