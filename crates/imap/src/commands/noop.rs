//! NOOP (RFC 9051 §6.1.2) and CHECK (RFC 3501 §6.4.1): the updates that every command ends with.

use super::Reply;
use crate::error::Result;

pub(super) fn run() -> Result<Reply> {
    Ok(Reply::done())
}
