//! Writes down what happened to accounts, behind the sign-ins, and tells owners (R-SMTP-5).
//!
//! **Invariant:** no sign-in waits for it. What happened in the seconds before a crash is lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use auth::{Authenticator, Concerned};
use config::Config;
use futures_util::StreamExt as _;
use ids::AccountId;
use net::Shutdown;
use storage::{Activity, ActivityPolicy, Address, StorageError, Store};
use tokio::time::{MissedTickBehavior, interval};

/// How often; what is equal in between is one row.
const INTERVAL: Duration = Duration::from_secs(3);
/// LIMIT: accounts whose rows are written at a time.
const AT_A_TIME: usize = 32;
/// LIMIT: names that are looked up in one snapshot.
const NAMES_AT_A_TIME: usize = 500;

/// The task that writes activity, with what it needs.
struct Writer {
    store: Store,
    authenticator: Arc<Authenticator>,
    policy: ActivityPolicy,
    hostname: String,
}

/// Writes until the shutdown begins, and once more then.
pub(super) fn start(
    config: &Config,
    store: Store,
    authenticator: Arc<Authenticator>,
    shutdown: &Shutdown,
) {
    let writer =
        Writer { store, authenticator, policy: policy(config), hostname: config.hostname.clone() };
    let ended = shutdown.clone();
    shutdown.spawn(async move {
        let mut due = interval(INTERVAL);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = ended.requested() => return writer.write().await,
                _ = due.tick() => writer.write().await,
            }
        }
    });
}

fn policy(config: &Config) -> ActivityPolicy {
    let activity = &config.activity;
    let secs = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    ActivityPolicy {
        entries_max: activity.entries.into(),
        place_secs: activity.new_place_mail.then(|| secs(activity.new_place_after)),
        wrong_passwords: Some(activity.wrong_passwords.into()).filter(|count| *count > 0),
        told_again_secs: secs(activity.wrong_passwords_again),
    }
}

impl Writer {
    async fn write(&self) {
        let mut by_account: BTreeMap<AccountId, Vec<Activity>> = BTreeMap::new();
        let mut named = Vec::new();
        for (concerned, events) in self.authenticator.activity().take() {
            match concerned {
                Concerned::Account(account) => {
                    by_account.entry(account).or_default().extend(events);
                }
                Concerned::Name(name) => named.push((name, events)),
            }
        }
        while !named.is_empty() {
            let rest = named.len().saturating_sub(NAMES_AT_A_TIME);
            match self.find(named.split_off(rest)).await {
                Ok(found) => {
                    for (account, events) in found {
                        by_account.entry(account).or_default().extend(events);
                    }
                }
                Err(error) => tracing::warn!(%error, "refused sign-ins were not written down"),
            }
        }
        let writing = futures_util::stream::iter(by_account)
            .for_each_concurrent(AT_A_TIME, |(account, events)| self.write_one(account, events));
        writing.await;
    }

    /// The accounts among those that were meant which exist.
    async fn find(
        &self,
        named: Vec<(String, Vec<Activity>)>,
    ) -> storage::Result<Vec<(AccountId, Vec<Activity>)>> {
        let read = self.store.read(move |tx| {
            let mut found = Vec::new();
            for (name, events) in named {
                let Ok(address) = Address::parse(&name) else { continue };
                if let Some(credentials) = tx.credentials(&address)? {
                    found.push((credentials.account, events));
                }
            }
            Ok(found)
        });
        read.await
    }

    async fn write_one(&self, account: AccountId, mut events: Vec<Activity>) {
        events.sort_by_key(|event| event.last);
        let (policy, hostname) = (self.policy, self.hostname.clone());
        let written = self.store.account_write(account, "activity", move |tx| {
            for notice in tx.note_activity(&events, &policy)? {
                let (found, now) = (tx.load_account(account)?, tx.now());
                let zone = tx.time_zone(account)?;
                let letter =
                    delivery::activity_letter(&hostname, &found.address, &zone, &notice, now);
                tx.tell_activity(&notice, &policy, letter)?;
            }
            Ok(())
        });
        match written.await {
            // It was removed meanwhile.
            Ok(_) | Err(StorageError::NotFound(_)) => {}
            Err(error) => tracing::warn!(%error, %account, "activity was not written down"),
        }
    }
}
