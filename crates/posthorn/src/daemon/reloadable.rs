//! A service whose settings can change while it serves.

use std::sync::{Arc, PoisonError, RwLock};

use net::{Connection, Refusal, Service, Shutdown};

/// Gives each new connection the service of the newest configuration; sessions that began
/// before go on as they began.
pub(super) struct Reloadable<S> {
    /// The service of the start. What it says to peers that are turned away never changes.
    first: Arc<S>,
    newest: RwLock<Arc<S>>,
}

impl<S> Reloadable<S> {
    pub(super) fn new(service: S) -> Self {
        let first = Arc::new(service);
        Self { newest: RwLock::new(first.clone()), first }
    }

    /// Serves connections that come from now on with another service.
    pub(super) fn replace(&self, service: S) {
        *self.newest.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(service);
    }
}

impl<S: Service> Service for Reloadable<S> {
    fn refusal(&self, why: Refusal) -> &[u8] {
        self.first.refusal(why)
    }

    async fn serve(&self, connection: Connection, shutdown: Shutdown) {
        let service = self.newest.read().unwrap_or_else(PoisonError::into_inner).clone();
        service.serve(connection, shutdown).await;
    }
}
