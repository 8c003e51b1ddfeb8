//! The activity of an account, listed (R-SMTP-5).

use storage::{Activity, StorageError};

use super::access_key::instant;
use super::account::parse;
use super::text::refusal;
use super::{ActivityRow, Admin, Refusal, Response};

/// LIMIT: rows of one answer; storage keeps fewer of an account.
const ROWS_MAX: u32 = 10_000;

impl Admin {
    /// Shows it, the newest first. What the daemon noted in the last seconds is not written yet.
    pub(super) async fn account_activity(&self, address: &str) -> Result<Response, Refusal> {
        let wanted = parse(address)?;
        let found = self
            .read(move |tx| {
                let account = tx.find_account(&wanted)?.ok_or(StorageError::NotFound("account"))?;
                tx.list_activity(account.id, ROWS_MAX)
            })
            .await
            .map_err(|error| refusal(address, error))?;
        Ok(Response::Activity(found.into_iter().map(row).collect()))
    }
}

fn row(activity: Activity) -> ActivityRow {
    let Activity { kind, protocol, peer, program, detail, first, last, count } = activity;
    ActivityRow {
        what: kind.as_str().to_owned(),
        protocol,
        address: peer.map(|peer| peer.to_string()).unwrap_or_default(),
        program,
        detail,
        first: instant(first),
        last: instant(last),
        count,
    }
}
