//! This daemon's right to work on the queue, renewed as long as it lives.

use std::sync::{Mutex, PoisonError};

use ids::{QueueDaemonId, Timestamp};
use storage::{StorageError, Store};

const LEASE_SECS: i64 = 60;
/// How often it is renewed.
pub(crate) const RENEW_SECS: i64 = 15;
/// It counts for less than it lasts: what is begun on it must come to an end on it, and the
/// clocks of daemons differ.
const MARGIN_SECS: i64 = 15;

/// LIMIT: how long what was begun under a number that was set aside may take to end: the content of a
/// message, and the ten minutes that a server has to answer it (RFC 5321 §4.5.3.2.6).
const SET_ASIDE_SECS: i64 = 900;

/// The lease, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Lease {
    numbers: Mutex<Numbers>,
}

#[derive(Debug, Default)]
struct Numbers {
    held: Option<Held>,
    /// Something may be owned under that number that is in no hand.
    is_doubted: bool,
    /// Those of before: what is in hand under them is settled, nothing new is begun.
    set_aside: Vec<Held>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    daemon: QueueDaemonId,
    until: Timestamp,
}

impl Lease {
    /// Under which number this daemon may claim and send now.
    pub(crate) fn daemon(&self, now: Timestamp) -> Option<QueueDaemonId> {
        let held = self.lock().held?;
        (now < held.until.plus_secs(-MARGIN_SECS)).then_some(held.daemon)
    }

    /// It is not known whether something was claimed, or given back: what may be owned under this
    /// number, and is in no hand, is free again once the number is no longer this daemon's.
    pub(crate) fn doubt(&self) {
        self.lock().is_doubted = true;
    }

    /// Renews the lease, or gets one under a new number. Also ends daemons that are dead.
    pub(crate) async fn keep(&self, store: &Store) -> Result<(), StorageError> {
        let (held, is_doubted) = {
            let numbers = self.lock();
            (numbers.held, numbers.is_doubted)
        };
        let written = store.write_messages("queue lease", Vec::new(), move |tx| {
            let until = tx.now().plus_secs(LEASE_SECS);
            let aside = tx.now().plus_secs(SET_ASIDE_SECS);
            let (daemon, aside) = match held {
                Some(held) if is_doubted => {
                    let daemon = tx.replace_queue_daemon(held.daemon, aside, until)?;
                    (daemon, Some(Held { daemon: held.daemon, until: aside }))
                }
                Some(held) => {
                    tx.renew_queue_lease(held.daemon, until)?;
                    (held.daemon, None)
                }
                None => (tx.register_queue_daemon(until)?, None),
            };
            Ok((Held { daemon, until }, aside, tx.end_dead_queue_daemons()?))
        });
        match written.await {
            Ok(committed) => {
                let (held, aside, dead) = committed.value;
                let mut numbers = self.lock();
                numbers.held = Some(held);
                numbers.is_doubted &= !is_doubted;
                numbers.set_aside.retain(|one| one.until > store.now());
                numbers.set_aside.extend(aside);
                if dead > 0 {
                    tracing::warn!(dead, "took over the queue of daemons that have ended");
                }
                Ok(())
            }
            Err(error @ StorageError::Conflict(_)) => {
                tracing::warn!("the lease on the queue has run out; others may have taken over");
                self.lock().held = None;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Gives everything back.
    pub(crate) async fn end(&self, store: &Store) {
        let Numbers { held, set_aside, .. } = std::mem::take(&mut *self.lock());
        let all: Vec<Held> = held.into_iter().chain(set_aside).collect();
        if all.is_empty() {
            return;
        }
        let ended = store.write_messages("queue end", Vec::new(), move |tx| {
            all.iter().try_for_each(|one| tx.end_queue_daemon(one.daemon))
        });
        if let Err(error) = ended.await {
            // It runs out by itself.
            tracing::warn!(%error, "the queue's lease could not be ended");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Numbers> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use storage::{Claim, Database, PreparedMessage, Settings, SpoolEntry, SpoolRecipient};
    use testkit::ManualClock;

    use super::*;

    async fn keep(lease: &Lease, store: &Store) -> QueueDaemonId {
        lease.keep(store).await.unwrap();
        lease.daemon(store.now()).unwrap()
    }

    /// How many messages for `a.test` this daemon could claim, and now has.
    async fn claimed(store: &Store, daemon: QueueDaemonId) -> usize {
        let claim = Claim { daemon, destination: "a.test".to_owned(), limit: 10 };
        let found = store.write("claim", move |tx| tx.claim_spooled(&claim)).await;
        found.unwrap().value.len()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_in_no_hand_is_free_again_once_a_number_is_set_aside() {
        let postgres = testkit::Postgres::shared().create_database();
        for database in [Database::Sqlite, Database::Postgres(postgres.url().to_owned())] {
            let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(ManualClock::default()));
            let mut settings = Settings::new(folder.path(), clock.clone());
            settings.database = database;
            let opened = tokio::task::spawn_blocking(|| Store::open(settings)).await;
            let store = opened.unwrap().unwrap();
            let entry = SpoolEntry {
                account: None,
                reverse_path: "a@b.test".to_owned(),
                envelope_json: "{}".to_owned(),
                recipients: vec![SpoolRecipient {
                    forward_path: "x@a.test".to_owned(),
                    parameters_json: "{}".to_owned(),
                }],
            };
            let message = PreparedMessage::new(b"a: b\r\n\r\nbody".to_vec());
            let spooled = store.write("spool", move |tx| tx.spool(entry, &message)).await;
            spooled.unwrap();

            let lease = Lease::default();
            let first = keep(&lease, &store).await;
            assert_eq!(claimed(&store, first).await, 1);
            clock.advance_secs(RENEW_SECS);
            assert_eq!(keep(&lease, &store).await, first);
            lease.doubt();
            let second = keep(&lease, &store).await;
            assert_ne!(second, first);
            // What is in hand goes on to its end.
            for _ in 0..SET_ASIDE_SECS / RENEW_SECS {
                clock.advance_secs(RENEW_SECS);
                assert_eq!(keep(&lease, &store).await, second);
            }
            assert_eq!(claimed(&store, second).await, 0);
            clock.advance_secs(RENEW_SECS);
            assert_eq!(keep(&lease, &store).await, second);
            assert_eq!(claimed(&store, second).await, 1);
            // Who ends has nothing under any number.
            lease.doubt();
            assert_ne!(keep(&lease, &store).await, second);
            lease.end(&store).await;
            assert_eq!(lease.daemon(store.now()), None);
            let third = keep(&lease, &store).await;
            assert_eq!(claimed(&store, third).await, 1);
            tokio::task::spawn_blocking(|| drop(store)).await.unwrap();
        }
    }
}
