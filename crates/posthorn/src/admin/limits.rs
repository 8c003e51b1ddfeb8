//! The limits on what an account may send (R-ADDR-11): shown and changed.

use storage::{SendingLimits, StorageError};

use super::account::{load, parse};
use super::text::refusal;
use super::{Admin, Limit, LimitsChange, LimitsRow, Refusal, Response};

impl Admin {
    /// Changes the limits, where that is asked, and shows them as they are then.
    pub(super) async fn account_limits(
        &self,
        address: &str,
        change: Option<LimitsChange>,
    ) -> Result<Response, Refusal> {
        let wanted = parse(address)?;
        if let Some(change) = change {
            let wanted = wanted.clone();
            self.write("account limits", move |tx| {
                let account = load(tx, &wanted)?;
                let now = tx.now();
                let before = tx.sending_of(account, now)?.limits;
                let limits = SendingLimits {
                    messages_max: changed(before.messages_max, change.messages_per_day),
                    recipients_max: changed(before.recipients_max, change.recipients_per_message),
                    redirections_max: changed(before.redirections_max, change.redirections),
                };
                tx.set_sending_limits(account, limits)
            })
            .await
            .map_err(|error| refusal(address, error))?;
        }
        let now = self.store.now();
        let found = self
            .read(move |tx| {
                let account = tx.find_account(&wanted)?.ok_or(StorageError::NotFound("account"))?;
                tx.sending_of(account.id, now)
            })
            .await
            .map_err(|error| refusal(address, error))?;
        Ok(Response::Limits(LimitsRow {
            sent_today: found.sent,
            messages_per_day: found.limits.messages_max,
            recipients_per_message: found.limits.recipients_max,
            redirections: found.limits.redirections_max,
        }))
    }
}

fn changed(before: Option<u64>, change: Option<Limit>) -> Option<u64> {
    match change {
        None => before,
        Some(Limit::Default) => None,
        Some(Limit::Own(limit)) => Some(limit),
    }
}
