//! The whole way from bytes to commands.

mod accepted;
mod annotations;
mod framing;
mod mutation;
mod refused;

use super::{Dialect, Framer, Limits, Rejection, Request, Step, parse_command};
use crate::types::Command;

/// Frames and parses the first command of `wire`, signed in.
fn request_in(wire: &[u8], dialect: Dialect) -> Result<Request, Rejection> {
    let limits = Limits::default();
    let mut framer = Framer::new(limits.clone());
    framer.signed_in();
    let mut input = wire;
    loop {
        match framer.advance(&mut input) {
            Step::Continue { .. } => {}
            Step::Command(mut frame) => return parse_command(&mut frame, &limits, dialect),
            Step::Refused(rejection) => return Err(rejection),
            step => panic!("{step:?} from {}", String::from_utf8_lossy(wire)),
        }
    }
}

fn request(line: &str) -> Result<Request, Rejection> {
    request_in(format!("{line}\r\n").as_bytes(), Dialect::Rev1)
}

fn command(line: &str) -> Command {
    match request(line) {
        Ok(request) => request.command,
        Err(rejection) => panic!("{line}: {rejection:?}"),
    }
}
