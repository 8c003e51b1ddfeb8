//! Who may read from the store next. A query over many objects keeps a connection and a core busy
//! for seconds, and a client may send any number of them at once. What one account reads at a time
//! is bounded, and so is what all accounts read together, with one reader left for accounts that
//! have none. Whoever waits holds no connection. Turns are given in the order of asking, but
//! accounts without a turn go before those that have one.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ids::AccountId;
use tokio::sync::oneshot;

/// LIMIT: readers that are left to those who have none.
const KEPT: usize = 1;

/// The account id that stands for everybody who has no account: real ids begin at 1.
pub(crate) const STRANGERS: AccountId = AccountId::new(0);

/// The turns of everybody who asks a store, by whichever services: they read by the same
/// connections. Clones are the same.
#[derive(Debug, Clone)]
pub struct Turns {
    /// Turns of one account at a time.
    each: usize,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// Turns that nobody holds.
    free: usize,
    /// Turns held by each account; accounts that hold none are absent.
    held: HashMap<AccountId, usize>,
    waiting: VecDeque<Waiter>,
    last_number: u64,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    account: AccountId,
    /// The most turns that the account may hold at a time, this one included.
    each: usize,
    call: oneshot::Sender<()>,
}

/// Leave to read, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    account: AccountId,
    turns: Turns,
}

/// A place among those who wait. Whoever leaves it gives it up, or the turn that came meanwhile.
struct Waiting<'t> {
    number: u64,
    account: AccountId,
    turns: &'t Turns,
    has_left: bool,
}

impl Turns {
    /// At most `all` turns at a time, but at least one. An account may hold all but one of them.
    pub fn new(all: usize) -> Self {
        let all = all.max(1);
        let state =
            State { free: all, held: HashMap::new(), waiting: VecDeque::new(), last_number: 0 };
        Self { each: all, state: Arc::new(Mutex::new(state)) }
    }

    /// The same turns, for a service that lets one account hold at most `each` of them; at least
    /// one.
    pub(crate) fn at_most(self, each: usize) -> Self {
        Self { each: each.max(1), ..self }
    }

    /// Waits for a turn of an account. Whoever gives up waiting leaves nothing behind.
    pub(crate) async fn take(&self, account: AccountId) -> Turn {
        let queued = self.lock().take_or_queue(account, self.each);
        if let Some((number, called)) = queued {
            let mut waiting = Waiting { number, account, turns: self, has_left: false };
            // It is called before it is dropped.
            let _ = called.await;
            waiting.has_left = true;
        }
        Turn { account, turns: self.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes a turn that may be had at once; else a place in the queue. Nobody who waits is passed
    /// by: they could not have it either.
    fn take_or_queue(
        &mut self,
        account: AccountId,
        each: usize,
    ) -> Option<(u64, oneshot::Receiver<()>)> {
        if self.may_have(account, each) {
            self.give(account);
            return None;
        }
        let (call, called) = oneshot::channel();
        self.last_number += 1;
        let number = self.last_number;
        self.waiting.push_back(Waiter { number, account, each, call });
        Some((number, called))
    }

    fn held_by(&self, account: AccountId) -> usize {
        self.held.get(&account).copied().unwrap_or(0)
    }

    fn may_have(&self, account: AccountId, each: usize) -> bool {
        match self.held_by(account) {
            0 => self.free > 0,
            held => held < each && self.free > KEPT,
        }
    }

    fn give(&mut self, account: AccountId) {
        self.free -= 1;
        *self.held.entry(account).or_default() += 1;
    }

    fn give_back(&mut self, account: AccountId) {
        self.free += 1;
        if let Some(held) = self.held.get_mut(&account) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(&account);
            }
        }
        while let Some(at) = self.next() {
            let Some(waiter) = self.waiting.remove(at) else { return };
            self.give(waiter.account);
            // Whoever has gone gives it back.
            let _ = waiter.call.send(());
        }
    }

    /// The index of the next waiter: the first account without a turn, else the first that may have
    /// another.
    fn next(&self) -> Option<usize> {
        let first = |has_some: bool| {
            self.waiting.iter().position(|waiter| {
                let account = waiter.account;
                (self.held_by(account) > 0) == has_some && self.may_have(account, waiter.each)
            })
        };
        if self.free == 0 { None } else { first(false).or_else(|| first(true)) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.has_left {
            return;
        }
        let mut state = self.turns.lock();
        match state.waiting.iter().position(|waiter| waiter.number == self.number) {
            Some(at) => drop(state.waiting.remove(at)),
            None => state.give_back(self.account),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.lock().give_back(self.account);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use super::*;
    use crate::testing::Fixture;

    type Waits<'t> = Pin<Box<dyn Future<Output = Turn> + 't>>;

    /// Asks for a turn; whether it came.
    fn ask<'t>(waits: &mut Waits<'t>) -> Option<Turn> {
        match waits.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(turn) => Some(turn),
            Poll::Pending => None,
        }
    }

    /// A caller that has asked for a turn and waits for it.
    fn wait(turns: &Turns, account: AccountId) -> Waits<'_> {
        let mut waits: Waits<'_> = Box::pin(turns.take(account));
        assert!(ask(&mut waits).is_none(), "there are turns");
        waits
    }

    fn take(turns: &Turns, account: AccountId) -> Turn {
        ask(&mut (Box::pin(turns.take(account)) as Waits<'_>)).expect("a turn")
    }

    const JULIE: AccountId = AccountId::new(1);
    const PAUL: AccountId = AccountId::new(2);
    const EVE: AccountId = AccountId::new(3);

    #[test]
    fn turns_are_of_an_account_and_come_back() {
        let turns = Turns::new(9).at_most(2);
        let (first, second) = (take(&turns, JULIE), take(&turns, JULIE));
        drop(take(&turns, PAUL));
        assert_eq!(turns.lock().held.len(), 1);
        // In their order, whoever gave up left out.
        let third = wait(&turns, JULIE);
        let (mut fourth, mut fifth) = (wait(&turns, JULIE), wait(&turns, JULIE));
        drop(third);
        drop(first);
        assert!(ask(&mut fifth).is_none(), "somebody came before");
        let fourth = ask(&mut fourth).unwrap();
        // One that was called, and is gone before it hears of it.
        let mut sixth = wait(&turns, JULIE);
        drop(second);
        drop(fifth);
        drop((ask(&mut sixth).unwrap(), fourth));
        let state = turns.lock();
        assert_eq!((state.free, state.held.len(), state.waiting.len()), (9, 0, 0));
    }

    #[test]
    fn two_accounts_leave_a_reader_to_others() {
        let turns = Turns::new(4).at_most(2);
        let of_julie = (take(&turns, JULIE), take(&turns, JULIE));
        let of_paul = take(&turns, PAUL);
        let mut second_of_paul = wait(&turns, PAUL);
        let of_eve = take(&turns, EVE);
        // All are taken. Who has none goes before whoever came earlier and has one.
        let mut of_strangers = wait(&turns, STRANGERS);
        drop(of_eve);
        assert!(ask(&mut second_of_paul).is_none());
        let of_strangers = ask(&mut of_strangers).unwrap();
        drop(of_julie.0);
        assert!(ask(&mut second_of_paul).is_none(), "one is left");
        drop(of_strangers);
        let second_of_paul = ask(&mut second_of_paul).unwrap();
        drop((of_julie.1, of_paul, second_of_paul));
        assert_eq!(turns.lock().free, 4);
    }

    #[test]
    fn services_share_the_turns_of_a_store() {
        let turns = Turns::new(4).at_most(2);
        let other = turns.clone().at_most(3);
        let of_julie = (take(&turns, JULIE), take(&other, JULIE));
        let mut at_two = wait(&turns, JULIE);
        let third = take(&other, JULIE);
        let of_paul = take(&turns, PAUL);
        let of_eve = wait(&other, EVE);
        drop(of_eve);
        // Who waits longest goes first, where its service has room for it.
        let mut at_three = wait(&other, JULIE);
        drop((of_paul, third));
        assert!(ask(&mut at_two).is_none(), "two are taken");
        drop(ask(&mut at_three).unwrap());
        drop(of_julie);
        drop(ask(&mut at_two).unwrap());
        assert_eq!(turns.lock().free, 4);
    }

    #[test]
    fn one_reader_is_everybodys() {
        let turns = Turns::new(0).at_most(0);
        let of_julie = take(&turns, JULIE);
        let (mut again, mut of_paul) = (wait(&turns, JULIE), wait(&turns, PAUL));
        drop(of_julie);
        assert!(ask(&mut of_paul).is_none(), "Julie has none either");
        drop(ask(&mut again).unwrap());
        drop(ask(&mut of_paul).unwrap());
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
            for _ in 0..2 {
                held.push(julie.turns.take(julie.actor.id()).await);
            }
            assert!(ask(julie, &of_julie).await.is_err());
            assert_eq!(ask(&paul, &of_paul).await.unwrap().unwrap().status(), 207);
            held.pop();
            assert_eq!(ask(julie, &of_julie).await.unwrap().unwrap().status(), 207);
        });
    }
}
