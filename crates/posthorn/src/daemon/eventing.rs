//! Runs scripts for what happens in mailboxes (RFC 6785), behind the commands that did it.

use std::time::Duration;

use delivery::{EventRunner, Settings};
use net::Shutdown;
use tokio::time::sleep;

use crate::admin::Admin;

/// How often the store is looked at: for what other daemons left, and what failed.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// LIMIT: accounts found at one look.
const ACCOUNTS_MAX: u32 = 1000;

/// Runs scripts until the shutdown begins; what is left by then is found at the next start.
pub(super) fn start(admin: &Admin, settings: Settings, shutdown: &Shutdown) {
    let (store, ended) = (admin.store.clone(), shutdown.clone());
    let runner = EventRunner::new(store.clone(), settings);
    shutdown.spawn(async move {
        let mut accounts = None;
        loop {
            let found = match accounts.take() {
                Some(accounts) => Ok(accounts),
                None => store.read(|tx| tx.accounts_with_events(ACCOUNTS_MAX)).await,
            };
            runner.run(found.unwrap_or_default(), &|| ended.is_requested()).await;
            tokio::select! {
                biased;
                () = ended.requested() => return,
                () = store.event_notices().wait() => {
                    accounts = Some(store.event_notices().take().into_iter().collect());
                }
                () = sleep(LOOK_AGAIN) => {}
            }
        }
    });
}
