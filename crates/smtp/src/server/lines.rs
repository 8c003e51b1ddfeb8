//! The lines of commands as they come off the connection.

use net::{Connection, ConnectionError, LineEnding};
use tokio::time::Instant;

/// The bytes of BDAT, the verb that must be known even in a line that cannot be read.
const VERB_BYTES: usize = 4;

/// Reads a line like [`Connection::read_line`]; of one that is too long, its first four bytes
/// stay in `line`, because what has to follow depends on the verb. `line` is empty at first.
pub(super) async fn read_line(
    connection: &mut Connection,
    line: &mut Vec<u8>,
    line_bytes_max: usize,
) -> Result<LineEnding, ConnectionError> {
    if connection.buffered().is_empty() {
        // Many clients wait long with nothing to say; their lines take no memory meanwhile.
        *line = Vec::new();
    }
    while line.len() < VERB_BYTES {
        let arrived = connection.fill().await?;
        let start = arrived.get(..VERB_BYTES - line.len()).unwrap_or(arrived);
        let end = start.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        let start = start.get(..end.unwrap_or(start.len())).unwrap_or_default();
        if start.is_empty() {
            break;
        }
        line.extend_from_slice(start);
        let taken = start.len();
        connection.consume(taken);
    }
    let more = line_bytes_max.saturating_sub(line.len());
    connection.read_line(line, more).await
}

/// Completes at the deadline; never where there is none.
pub(super) async fn reached(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
