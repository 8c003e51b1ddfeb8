//! Secrets of links that set passwords (R-ADDR-8): whoever tries wrong ones is slowed down as who
//! guesses passwords.

use std::net::IpAddr;

use sasl::Password;
use storage::Protocol;

use super::Authenticator;
use crate::AuthError;

impl Authenticator {
    /// Whether somebody may try a link now.
    ///
    /// # Errors
    /// [`AuthError::Throttled`] where too much was wrong that came from this address, or from its
    /// network.
    pub fn check_link(&self, peer: IpAddr) -> Result<(), AuthError> {
        self.check_place(&self.nameless(None, Protocol::Http, peer))
    }

    /// Counts a link whose secret is none that sets a password.
    pub fn wrong_link(&self, secret: &Password, peer: IpAddr) {
        let attempt = self.nameless(None, Protocol::Http, peer);
        self.count_wrong(&attempt, "link", secret);
        // Not the secret: it may be that of another server, or nearly right.
        tracing::info!(peer = %attempt.peer, "a link that sets no password");
    }
}
