//! This daemon's right to work on the queue, renewed as long as it lives.

use std::sync::{Arc, Mutex, PoisonError};

use ids::{QueueDaemonId, Timestamp};
use storage::{StorageError, Store};

const LEASE_SECS: i64 = 60;
/// How often it is renewed.
pub(crate) const RENEW_SECS: i64 = 15;
/// It counts for less than it lasts: what is begun on it must come to an end on it, and the
/// clocks of daemons differ.
const MARGIN_SECS: i64 = 15;

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
    /// Numbers used before: what is in hand under them is settled, and nothing new is begun.
    set_aside: Vec<Held>,
}

#[derive(Debug, Clone)]
struct Held {
    daemon: QueueDaemonId,
    until: Timestamp,
    use_of: Use,
}

/// Somebody claims under a number, and has in hand what that brought: the number is kept as long.
#[derive(Debug, Clone, Default)]
pub(crate) struct Use(Arc<()>);

impl Held {
    fn is_in_use(&self) -> bool {
        Arc::strong_count(&self.use_of.0) > 1
    }
}

impl Lease {
    /// Under which number this daemon may claim and send now.
    pub(crate) fn daemon(&self, now: Timestamp) -> Option<QueueDaemonId> {
        let numbers = self.lock();
        let held = numbers.held.as_ref()?;
        (now < held.until.plus_secs(-MARGIN_SECS)).then_some(held.daemon)
    }

    /// Keeps a number for whoever is going to claim under it; `None` where it is no longer this
    /// daemon's.
    pub(crate) fn use_of(&self, daemon: QueueDaemonId) -> Option<Use> {
        let numbers = self.lock();
        let held = numbers.held.as_ref().filter(|held| held.daemon == daemon)?;
        Some(held.use_of.clone())
    }

    /// It is not known whether something was claimed under a number, or given back: what may be
    /// owned under it, and is in no hand, is free again once nobody uses it.
    pub(crate) fn doubt(&self, daemon: QueueDaemonId) {
        let mut numbers = self.lock();
        numbers.is_doubted |= numbers.held.as_ref().is_some_and(|held| held.daemon == daemon);
    }

    /// Notes that a claim under this number failed. Only one that had no answer may have brought
    /// something.
    pub(crate) fn doubt_claim(&self, daemon: QueueDaemonId, error: &StorageError) {
        if matches!(error, StorageError::Unavailable(_)) {
            self.doubt(daemon);
        }
    }

    /// Renews the lease, or gets one under a new number. Also ends daemons that are dead, and
    /// numbers of before that nobody uses.
    pub(crate) async fn keep(&self, store: &Store) -> Result<(), StorageError> {
        let (held, is_doubted, (used, unused)) = {
            let Numbers { held, is_doubted, set_aside } = &*self.lock();
            let aside = set_aside.iter().partition::<Vec<&Held>, _>(|one| one.is_in_use());
            let ids = |all: Vec<&Held>| all.iter().map(|one| one.daemon).collect::<Vec<_>>();
            (held.as_ref().map(|held| held.daemon), *is_doubted, (ids(aside.0), ids(aside.1)))
        };
        let ended = unused.clone();
        let written = store.write_messages("queue lease", Vec::new(), move |tx| {
            let until = tx.now().plus_secs(LEASE_SECS);
            let daemon = match held {
                Some(held) if is_doubted => tx.replace_queue_daemon(held, until)?,
                Some(held) => {
                    tx.renew_queue_lease(held, until)?;
                    held
                }
                None => tx.register_queue_daemon(until)?,
            };
            for one in &used {
                match tx.renew_queue_lease(*one, until) {
                    // Others found it run out, and have what it owned.
                    Ok(()) | Err(StorageError::Conflict(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            unused.iter().try_for_each(|one| tx.end_queue_daemon(*one))?;
            Ok((daemon, until, tx.end_dead_queue_daemons()?))
        });
        match written.await {
            Ok(committed) => {
                let (daemon, until, dead) = committed.value;
                self.lock().renewed(daemon, until, &ended);
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

impl Numbers {
    /// The lease is that of this number now; these were ended.
    fn renewed(&mut self, daemon: QueueDaemonId, until: Timestamp, ended: &[QueueDaemonId]) {
        self.set_aside.retain(|one| !ended.contains(&one.daemon));
        match &mut self.held {
            Some(held) if held.daemon == daemon => held.until = until,
            held => {
                let new = Held { daemon, until, use_of: Use::default() };
                self.set_aside.extend(held.replace(new));
                self.is_doubted = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use storage::{
        Claim, Database, MailParameters, PreparedMessage, RcptParameters, Settings, SpoolEntry,
        SpoolRecipient,
    };
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
                parameters: MailParameters::default(),
                recipients: vec![SpoolRecipient {
                    forward_path: "x@a.test".to_owned(),
                    parameters: RcptParameters::default(),
                }],
            };
            let message = PreparedMessage::new(b"a: b\r\n\r\nbody".to_vec());
            let spooled = store.write("spool", move |tx| tx.spool(entry, &message)).await;
            spooled.unwrap();

            let lease = Lease::default();
            let first = keep(&lease, &store).await;
            let in_hand = lease.use_of(first).unwrap();
            assert_eq!(claimed(&store, first).await, 1);
            lease.doubt_claim(first, &StorageError::Corrupt("a row".to_owned()));
            clock.advance_secs(RENEW_SECS);
            assert_eq!(keep(&lease, &store).await, first);
            lease.doubt_claim(first, &StorageError::Unavailable("no answer".to_owned()));
            let second = keep(&lease, &store).await;
            assert_ne!(second, first);
            assert!(lease.use_of(first).is_none());
            lease.doubt(first);
            // What is in hand goes on to its end, however long that takes.
            for _ in 0..100 {
                clock.advance_secs(RENEW_SECS);
                assert_eq!(keep(&lease, &store).await, second);
            }
            assert_eq!(claimed(&store, second).await, 0);
            drop(in_hand);
            assert_eq!(keep(&lease, &store).await, second);
            assert_eq!(claimed(&store, second).await, 1);
            // Who ends has nothing under any number.
            lease.doubt(second);
            assert_ne!(keep(&lease, &store).await, second);
            lease.end(&store).await;
            assert_eq!(lease.daemon(store.now()), None);
            let third = keep(&lease, &store).await;
            assert_eq!(claimed(&store, third).await, 1);
            tokio::task::spawn_blocking(|| drop(store)).await.unwrap();
        }
    }
}
