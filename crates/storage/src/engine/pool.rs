//! A bounded pool of connections for reading. Whoever finds none waits for one to come back.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::{Result, StorageError};

/// Connections that are made when needed, up to a number, and given back after use.
pub(super) struct Pool<C> {
    state: Mutex<State<C>>,
    given_back: Condvar,
    max: usize,
}

struct State<C> {
    idle: Vec<C>,
    /// Connections idle or in use.
    open: usize,
    closed: bool,
}

impl<C> Pool<C> {
    /// A pool of at most `max` connections, at least one.
    pub(super) fn new(max: usize) -> Self {
        let state = State { idle: Vec::new(), open: 0, closed: false };
        Self { state: Mutex::new(state), given_back: Condvar::new(), max: max.max(1) }
    }

    /// A connection, made by `connect` if none is idle and there may be more; else waits for one.
    pub(super) fn lease(&self, connect: impl FnOnce() -> Result<C>) -> Result<Lease<'_, C>> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return Err(StorageError::Unavailable("the store is closed".to_owned()));
            }
            if let Some(connection) = state.idle.pop() {
                return Ok(Lease { pool: self, connection: Some(connection) });
            }
            if state.open < self.max {
                state.open += 1;
                break;
            }
            state = self.given_back.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        // Counted as open from here: a lease that ends without being given back uncounts it.
        let mut lease = Lease { pool: self, connection: None };
        lease.connection = Some(connect()?);
        Ok(lease)
    }

    /// Drops idle connections, which may be dead.
    pub(super) fn forget_idle(&self) {
        let mut state = self.lock();
        state.open -= state.idle.len();
        state.idle.clear();
    }

    /// Drops idle connections; nobody gets one any more.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.open -= state.idle.len();
        state.idle.clear();
        drop(state);
        self.given_back.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection in use. Dropped without [`Lease::give_back`], it is closed: after an error, or a
/// panic, nobody knows what state it is in.
pub(super) struct Lease<'p, C> {
    pool: &'p Pool<C>,
    connection: Option<C>,
}

impl<C> Lease<'_, C> {
    /// Leaves the connection to the next reader.
    pub(super) fn give_back(mut self) {
        let mut state = self.pool.lock();
        if let Some(connection) = self.connection.take()
            && !state.closed
        {
            state.idle.push(connection);
            // The drop that follows uncounts it.
            state.open += 1;
        }
    }
}

impl<C> Drop for Lease<'_, C> {
    fn drop(&mut self) {
        self.pool.lock().open -= 1;
        self.pool.given_back.notify_one();
    }
}

impl<C> std::ops::Deref for Lease<'_, C> {
    type Target = C;
    fn deref(&self) -> &C {
        self.connection.as_ref().expect("a lease holds its connection until it ends")
    }
}

impl<C> std::ops::DerefMut for Lease<'_, C> {
    fn deref_mut(&mut self) -> &mut C {
        self.connection.as_mut().expect("a lease holds its connection until it ends")
    }
}
