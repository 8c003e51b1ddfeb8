//! Sessions end when the credentials they signed in with do.

use std::net::IpAddr;
use std::sync::Arc;

use storage::{Fact, Protocol, Store, Subscription};

use crate::{AuthError, Authenticator, SignedIn};

/// Who signed in to a session, watched for what ends it: another password (R-ADDR-8), a blocked
/// account or maintenance (R-ADDR-12).
pub struct SessionWatch {
    store: Store,
    authenticator: Arc<Authenticator>,
    signed_in: SignedIn,
    changes: Subscription,
    /// The credentials may have changed: they have to be checked anew.
    doubtful: bool,
}

impl SessionWatch {
    /// Begins to watch somebody who has just signed in.
    ///
    /// # Errors
    /// Why the session must not begin: the credentials changed since they were checked, or
    /// storage does not answer.
    pub async fn begin(
        store: &Store,
        authenticator: &Arc<Authenticator>,
        signed_in: SignedIn,
    ) -> Result<Self, AuthError> {
        // A subscription first, then the check: nothing falls between the two.
        let changes =
            store.subscribe(signed_in.account).await.map_err(|_| AuthError::Unavailable)?;
        authenticator.require_current(&signed_in).await?;
        let (store, authenticator) = (store.clone(), authenticator.clone());
        Ok(Self { store, authenticator, signed_in, changes, doubtful: false })
    }

    /// Takes down what the program says it is.
    pub fn note_program(&self, protocol: Protocol, peer: IpAddr, program: &str) {
        self.authenticator.note_program(&self.signed_in, protocol, peer, program);
    }

    /// Completes when the credentials are no longer good, with the reason. Cancel safe: what is
    /// doubtful stays so until it was checked.
    pub async fn ended(&mut self) -> AuthError {
        loop {
            if let Some(why) = self.settled().await {
                return why;
            }
            self.doubtful = match self.changes.next().await {
                // R-ADDR-12: maintenance is an attribute of the account.
                Ok(changes) => changes
                    .iter()
                    .any(|c| matches!(c.fact, Fact::CredentialsChanged | Fact::AccountUpdated)),
                // One of those missed may have been it.
                Err(_) => true,
            };
        }
    }

    /// Checks credentials that are known to be doubtful, however long that takes; the reason
    /// where they are no longer good. For sessions that never wait for [`Self::ended`].
    pub async fn settled(&mut self) -> Option<AuthError> {
        if !self.doubtful {
            return None;
        }
        match self.require_current().await {
            Ok(()) => {
                self.doubtful = false;
                None
            }
            Err(why) => Some(why),
        }
    }

    async fn require_current(&mut self) -> Result<(), AuthError> {
        let changes = self.store.subscribe(self.signed_in.account).await;
        self.changes = changes.map_err(|_| AuthError::Unavailable)?;
        self.authenticator.require_current(&self.signed_in).await
    }
}
