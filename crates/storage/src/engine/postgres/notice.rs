//! The feed between daemons: NOTIFY after a commit, LISTEN, and what mends a notice that was
//! never sent.
//!
//! A NOTIFY within the transaction would make all commits of the database wait for each other:
//! the server keeps the order of notices by a lock held until the commit is on disk. So one
//! thread sends them afterwards, many accounts at a time. A daemon that dies in between leaves
//! changes nobody was told of; the others see that its lock is gone and look for themselves.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ids::{AccountId, ModSeq};

use super::connect::connect;
use super::{Closing, lock};
use crate::engine::Shared;
use crate::sql::connection::{Connection, Target};
use crate::{Result, StorageError};

/// The channel that daemons tell each other their commits on.
const CHANNEL: &str = "posthorn_change";
/// LIMIT: pauses between attempts to connect again, doubling from the first to the last.
const RETRY_PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];
/// How often the listener looks whether the store was closed.
const LISTEN_PAUSE: Duration = Duration::from_millis(500);
/// How often the listener looks which daemons are there, and whether its connection is.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// LIMIT: a look that takes longer means that the connection is dead.
const LOOK_TIME: Duration = Duration::from_secs(15);

/// The numbers of daemons that hold their lock: each a key of 64 bits, shown in two halves.
const DAEMONS: &str = "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks \
     WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND mode = 'ShareLock' \
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// Names this daemon in notices, so that it knows its own; also the key of its lock.
pub(super) fn daemon_id() -> Result<i64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|cause| StorageError::Unavailable(cause.to_string()))?;
    Ok(i64::from_le_bytes(bytes) & i64::MAX)
}

/// What other daemons are still to be told: the newest number of each account.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: Mutex<Waiting>,
    signal: Condvar,
}

#[derive(Default)]
struct Waiting {
    accounts: BTreeMap<AccountId, ModSeq>,
    closed: bool,
}

impl Outbox {
    /// Puts accounts in; never blocks on the database.
    pub(super) fn tell(&self, modseqs: &BTreeMap<AccountId, ModSeq>) {
        if modseqs.is_empty() {
            return;
        }
        let mut waiting = lock(&self.waiting);
        for (account, modseq) in modseqs {
            let newest = waiting.accounts.entry(*account).or_default();
            *newest = (*newest).max(*modseq);
        }
        drop(waiting);
        self.signal.notify_one();
    }

    /// Everything that waits, at least one; `None` once closed and empty.
    fn take(&self) -> Option<BTreeMap<AccountId, ModSeq>> {
        let mut waiting = lock(&self.waiting);
        loop {
            if !waiting.accounts.is_empty() {
                return Some(std::mem::take(&mut waiting.accounts));
            }
            if waiting.closed {
                return None;
            }
            waiting = self.signal.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Closes the outbox: nothing more will be put in.
    pub(super) fn close(&self) {
        lock(&self.waiting).closed = true;
        self.signal.notify_one();
    }
}

/// The thread that tells other daemons.
pub(super) struct Notifier {
    pub(super) config: Arc<Target>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) closing: Arc<Closing>,
    pub(super) daemon: i64,
}

impl Notifier {
    /// A connection that holds this daemon's lock, and has told the others that it is there. Its
    /// commits hold nothing but notices, which do not outlive the server anyway.
    pub(super) fn connect(config: &Target, daemon: i64) -> Result<Connection> {
        let connection = connect(config)?;
        connection.simple(&format!(
            "SET synchronous_commit = off; SELECT pg_advisory_lock_shared({daemon}); \
             SELECT pg_notify('{CHANNEL}', '0:0:{daemon}')"
        ))?;
        Ok(connection)
    }

    pub(super) fn run(self, mut connection: Connection) {
        while let Some(accounts) = self.outbox.take() {
            while let Err(cause) = self.send(&connection, &accounts) {
                tracing::warn!(%cause, "other daemons can't be told of changes");
                let again =
                    connect_again(&self.closing, || Self::connect(&self.config, self.daemon));
                // A daemon that ends now gives up its lock: the others look for themselves.
                let Some(fresh) = again else { return };
                connection = fresh;
            }
        }
    }

    fn send(&self, connection: &Connection, accounts: &BTreeMap<AccountId, ModSeq>) -> Result<()> {
        let payloads: Vec<String> = accounts
            .iter()
            .map(|(account, modseq)| format!("{account}:{modseq}:{}", self.daemon))
            .collect();
        let sql = format!("SELECT pg_notify('{CHANNEL}', p) FROM unnest($1::text[]) p");
        connection.wait_at_most(LOOK_TIME, connection.client().execute(&sql, &[&payloads]))?;
        Ok(())
    }
}

/// The thread that hears what other daemons commit.
pub(super) struct Listener {
    pub(super) config: Arc<Target>,
    pub(super) shared: Arc<Shared>,
    pub(super) closing: Arc<Closing>,
    pub(super) daemon: i64,
    /// Daemons that were there when last looked for, or were heard since.
    pub(super) daemons: HashSet<i64>,
}

impl Listener {
    pub(super) fn connect(config: &Target) -> Result<Connection> {
        let connection = connect(config)?;
        connection.simple(&format!("LISTEN {CHANNEL}"))?;
        Ok(connection)
    }

    pub(super) fn run(mut self, mut connection: Connection) {
        while !self.closing.is_requested() {
            if let Err(cause) = self.hear(&mut connection) {
                tracing::warn!(%cause, "the change feed of the database broke off");
                let again = connect_again(&self.closing, || Self::connect(&self.config));
                let Some(fresh) = again else { return };
                connection = fresh;
                // Notices were lost meanwhile.
                self.shared.feed.resync_all();
            }
        }
    }

    /// Passes notices on until closing is requested.
    fn hear(&mut self, connection: &mut Connection) -> Result<()> {
        self.look(connection)?;
        let mut looked = Instant::now();
        while !self.closing.is_requested() {
            if let Some(payload) = connection.next_notice(LISTEN_PAUSE)? {
                self.pass_on(&payload);
            }
            if looked.elapsed() >= LOOK_EVERY {
                self.look(connection)?;
                looked = Instant::now();
            }
        }
        Ok(())
    }

    fn pass_on(&mut self, payload: &str) {
        let mut numbers = payload.split(':').map(str::parse::<i64>);
        let (Some(Ok(account)), Some(Ok(modseq)), Some(Ok(daemon))) =
            (numbers.next(), numbers.next(), numbers.next())
        else {
            return;
        };
        if daemon != self.daemon {
            self.daemons.insert(daemon);
            let modseq = ModSeq::new(modseq.cast_unsigned());
            self.shared.feed.remote(AccountId::new(account), modseq);
        }
    }

    /// Looks which daemons are there. One that is gone may have committed what it never told.
    fn look(&mut self, connection: &Connection) -> Result<()> {
        let rows = connection.wait_at_most(LOOK_TIME, connection.client().query(DAEMONS, &[]))?;
        let there: HashSet<i64> = rows.iter().filter_map(|row| row.try_get(0).ok()).collect();
        let gone = self.daemons.difference(&there).next().is_some();
        self.daemons = there;
        if gone {
            self.shared.feed.resync_all();
        }
        Ok(())
    }
}

fn connect_again(
    closing: &Closing,
    connect: impl Fn() -> Result<Connection>,
) -> Option<Connection> {
    let [mut pause, longest] = RETRY_PAUSES;
    loop {
        closing.pause(pause);
        if closing.is_requested() {
            return None;
        }
        match connect() {
            Ok(connection) => return Some(connection),
            Err(cause) => tracing::warn!(%cause, "the database can't be reached"),
        }
        pause = (pause * 2).min(longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_that_wait_are_told_once_with_their_newest_number() {
        let outbox = Outbox::default();
        for (account, modseq) in [(1, 5), (2, 1), (1, 7), (1, 6)] {
            outbox.tell(&BTreeMap::from([(AccountId::new(account), ModSeq::new(modseq))]));
        }
        outbox.tell(&BTreeMap::new());
        outbox.close();
        let all = [(1, 7), (2, 1)].map(|(a, m)| (AccountId::new(a), ModSeq::new(m)));
        assert_eq!(outbox.take(), Some(BTreeMap::from(all)));
        assert_eq!(outbox.take(), None);
    }
}
