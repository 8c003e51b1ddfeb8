//! Sessions end when the credentials they signed in with do.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ids::Timestamp;
use storage::{Fact, Grant, Protocol, Store, Subscription};
use tokio::time::sleep;

use crate::{AuthError, Authenticator, SignedIn};

/// Who signed in to a session, watched for what ends it: another password (R-ADDR-8), an app
/// password or token that is revoked or expires (R-ADDR-9), a blocked account or maintenance
/// (R-ADDR-12).
pub struct SessionWatch {
    store: Store,
    authenticator: Arc<Authenticator>,
    signed_in: SignedIn,
    changes: Subscription,
    /// From when on what was signed in with is good for nothing.
    expires: Option<Timestamp>,
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
        let expires = match signed_in.grant {
            Grant::AccessKey(id) => store.read(move |tx| tx.access_key_expires(id)).await,
            Grant::Password | Grant::Certificate => Ok(None),
        };
        let expires = expires.map_err(|_| AuthError::Unavailable)?;
        let (store, authenticator) = (store.clone(), authenticator.clone());
        Ok(Self { store, authenticator, signed_in, changes, expires, doubtful: false })
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
            let left = self.left();
            let expired = async {
                match left {
                    Some(left) => sleep(left).await,
                    None => std::future::pending().await,
                }
            };
            let changes = tokio::select! {
                changes = self.changes.next() => changes,
                // Looked at above.
                () = expired => continue,
            };
            self.doubtful = match changes {
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
        self.doubtful |= self.left() == Some(Duration::ZERO);
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

    /// How long what was signed in with is good for yet, where that has an end.
    fn left(&self) -> Option<Duration> {
        let left = self.expires?.as_micros().saturating_sub(self.authenticator.now().as_micros());
        Some(Duration::from_micros(left.max(0).cast_unsigned()))
    }

    async fn require_current(&mut self) -> Result<(), AuthError> {
        let changes = self.store.subscribe(self.signed_in.account).await;
        self.changes = changes.map_err(|_| AuthError::Unavailable)?;
        self.authenticator.require_current(&self.signed_in).await
    }
}
