//! How much of the store's reading one account gets: a query over many objects keeps a connection and
//! a core busy for seconds, and a client may send any number of them at once. Those above the bound
//! wait in the order in which they came, before they take a connection from anybody.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ids::AccountId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The turns of everybody who asks a service. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Turns {
    each: usize,
    /// Of those alone who have a turn or wait for one.
    accounts: Arc<Mutex<HashMap<AccountId, Arc<Semaphore>>>>,
}

/// Leave to read, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    permit: Option<OwnedSemaphorePermit>,
    room: Arc<Semaphore>,
    account: AccountId,
    turns: Turns,
}

impl Turns {
    /// So many at a time for each account; at least one.
    pub(crate) fn new(each: usize) -> Self {
        Self { each: each.clamp(1, Semaphore::MAX_PERMITS), accounts: Arc::default() }
    }

    /// Waits for a turn of an account. Whoever gives up waiting leaves nothing behind.
    pub(crate) async fn take(&self, account: AccountId) -> Turn {
        let room = self.lock().entry(account).or_insert_with(|| self.room()).clone();
        let mut turn = Turn { permit: None, room, account, turns: self.clone() };
        // It is never closed; if it were, nobody would have to wait.
        turn.permit = turn.room.clone().acquire_owned().await.ok();
        turn
    }

    fn room(&self) -> Arc<Semaphore> {
        Arc::new(Semaphore::new(self.each))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AccountId, Arc<Semaphore>>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.permit = None;
        let mut accounts = self.turns.lock();
        // Two know of it: the map, and this one, which is the last.
        if Arc::strong_count(&self.room) == 2 {
            accounts.remove(&self.account);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::Fixture;

    #[tokio::test]
    async fn turns_are_of_an_account_and_come_back() {
        let turns = Turns::new(2);
        let (julie, paul) = (AccountId::new(1), AccountId::new(2));
        let first = turns.take(julie).await;
        let second = turns.take(julie).await;
        let room = first.room.clone();
        assert_eq!(room.available_permits(), 0);
        drop(turns.take(paul).await);
        assert_eq!(turns.lock().len(), 1);
        // In their order, whoever gave up left out.
        let mut third = Box::pin(turns.take(julie));
        let mut fourth = Box::pin(turns.take(julie));
        let mut fifth = Box::pin(turns.take(julie));
        for waiting in [&mut third, &mut fourth, &mut fifth] {
            tokio::select! {
                biased;
                _ = waiting => panic!("there are two turns"),
                () = std::future::ready(()) => {}
            }
        }
        drop(third);
        drop(first);
        tokio::select! {
            biased;
            _ = &mut fifth => panic!("somebody came before"),
            turn = &mut fourth => drop(turn),
        }
        drop((second, fourth));
        drop(room);
        drop(fifth.await);
        assert_eq!(turns.lock().len(), 0);
    }

    /// Time stands still while a thread reads, and goes on where everybody waits: whoever runs into
    /// the timeout waits for a turn.
    #[test]
    fn requests_of_others_do_not_wait() {
        let fixture = Fixture::new();
        assert_eq!(fixture.status("MKCOL", "/a", &[], ""), 201);
        let paul = fixture.exchange_of("paul@example.test");
        let [of_julie, of_paul] =
            ["julie", "paul"].map(|name| format!("/dav/files/{name}@example.test/"));
        fixture.block_on(async {
            tokio::time::pause();
            let ask = |exchange, path: &str| {
                let (request, place) = Fixture::propfind(path);
                tokio::time::timeout(
                    Duration::from_secs(60),
                    crate::exchange::Exchange::run(exchange, request, place),
                )
            };
            let julie = &fixture.exchange;
            let mut held = Vec::new();
            for _ in 0..julie.turns.each {
                held.push(julie.turns.take(julie.actor.id()).await);
            }
            assert!(ask(julie, &of_julie).await.is_err());
            assert_eq!(ask(&paul, &of_paul).await.unwrap().unwrap().status(), 207);
            held.pop();
            assert_eq!(ask(julie, &of_julie).await.unwrap().unwrap().status(), 207);
        });
    }
}
