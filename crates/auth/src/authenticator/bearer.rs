//! Signing in without a password: tokens and client certificates.

use std::net::IpAddr;

use net::AddressKey;
use sasl::BearerToken;
use storage::{AccessKeyKind, Address, Grant, Protocol};

use super::{Attempt, Authenticator, SignedIn, UNREPEATABLE, admit, is_good, unavailable};
use crate::directory::{Entry, KeyEntry};
use crate::user_name::parse_user_name;
use crate::{AuthError, access_key};

impl Authenticator {
    /// Checks a token that came over `protocol` from `peer`.
    ///
    /// # Errors
    /// As for [`sign_in`](Self::sign_in).
    pub async fn sign_in_token(
        &self,
        bearer: &BearerToken,
        protocol: Protocol,
        peer: IpAddr,
    ) -> Result<SignedIn, AuthError> {
        let address = bearer.authzid.as_deref().and_then(parse_user_name);
        let attempt = self.nameless(address.as_ref(), protocol, peer);
        let outcome = self.check_token(&attempt, bearer).await;
        let (outcome, address) = match outcome {
            Ok((found, grant)) => (Ok((found.entry, grant)), Some(found.address)),
            Err(error) => (Err(error), address.clone()),
        };
        self.note(&Attempt { address: address.as_ref(), ..attempt }, &outcome);
        let (entry, grant) = outcome?;
        Ok(SignedIn::new(&entry, address.ok_or(AuthError::Wrong)?, grant))
    }

    async fn check_token(
        &self,
        attempt: &Attempt<'_>,
        bearer: &BearerToken,
    ) -> Result<(KeyEntry, Grant), AuthError> {
        self.check_address(attempt)?;
        let hash = access_key::hash(&bearer.token);
        let found = self.directory.find_key(&hash).await.map_err(|error| unavailable(&error))?;
        let now = self.clock.now();
        let found = found.filter(|found| {
            found.key.kind == AccessKeyKind::Token && is_good(&found.key, attempt.protocol, now)
        });
        // Whose the token is, and not who was named, who may be anybody; an address that is
        // familiar is so by the account.
        let name = self.counted_by(attempt.name, found.as_ref().map(|found| &found.entry));
        let attempt = &Attempt { name, ..*attempt };
        // What strangers try for an account keeps no token out that is good: nobody guesses one.
        match &found {
            Some(_) => self.check_place(attempt)?,
            None => self.check_throttle(attempt)?,
        }
        let Some(found) = found else {
            let mac = self.key.of_attempt(b"", "token", &bearer.token);
            let mut memory = self.memory();
            // A device with an old token repeats it for weeks; that is no guessing.
            if !memory.throttle.is_repetition(&attempt.name, &mac, now) {
                memory.throttle.failed(attempt.peer, attempt.name, mac, now);
            }
            return Err(AuthError::Wrong);
        };
        self.memory().throttle.succeeded(attempt.peer, attempt.name, now);
        // RFC 7628 §3.1: the user the client names is whom it wants to act as.
        if bearer.authzid.is_some() && !self.is_account(attempt.address, &found.entry).await? {
            return Err(AuthError::Wrong);
        }
        self.touch(&found.key).await;
        let entry = admit(found.entry)?;
        let grant = Grant::AccessKey(found.key.id);
        Ok((KeyEntry { entry, ..found }, grant))
    }

    /// Signs in the holder of a certificate that was issued to these addresses.
    pub(crate) async fn sign_in_certificate(
        &self,
        names: &[String],
        authzid: Option<&str>,
        protocol: Protocol,
        peer: IpAddr,
    ) -> Result<SignedIn, AuthError> {
        let address = authzid.and_then(parse_user_name);
        let attempt = self.nameless(address.as_ref(), protocol, peer);
        let outcome = self.check_certificate(&attempt, names, authzid.is_some()).await;
        let (outcome, address) = match outcome {
            Ok((entry, address)) => (Ok((entry, Grant::Certificate)), Some(address)),
            Err(error) => (Err(error), address.clone()),
        };
        self.note(&Attempt { address: address.as_ref(), ..attempt }, &outcome);
        let (entry, grant) = outcome?;
        Ok(SignedIn::new(&entry, address.ok_or(AuthError::Wrong)?, grant))
    }

    /// RFC 4422 §A.1: without an authorization identity the certificate tells it: its first
    /// address that is an account's. With one, an address of the certificate must be of the
    /// same account.
    async fn check_certificate(
        &self,
        attempt: &Attempt<'_>,
        names: &[String],
        wants_to_act: bool,
    ) -> Result<(Entry, Address), AuthError> {
        self.check_throttle(attempt)?;
        for address in names.iter().filter_map(|name| Address::parse(name).ok()) {
            let Some(entry) = self.find(&address).await? else { continue };
            if !wants_to_act || self.is_account(attempt.address, &entry).await? {
                return admit(entry).map(|entry| (entry, address));
            }
        }
        let now = self.clock.now();
        self.memory().throttle.failed(attempt.peer, attempt.name, UNREPEATABLE, now);
        Err(AuthError::Wrong)
    }

    /// Whether an address is that of an account.
    async fn is_account(
        &self,
        address: Option<&Address>,
        entry: &Entry,
    ) -> Result<bool, AuthError> {
        let Some(address) = address else { return Ok(false) };
        Ok(self.find(address).await?.is_some_and(|found| found.account == entry.account))
    }

    /// An attempt that need not name anybody; then it is counted for its place alone.
    fn nameless<'a>(
        &self,
        address: Option<&'a Address>,
        protocol: Protocol,
        peer: IpAddr,
    ) -> Attempt<'a> {
        let (address_of_peer, peer) = (peer, AddressKey::of(peer));
        let name = match address {
            Some(address) => super::normal_name(address),
            None => peer.to_string(),
        };
        Attempt { address, name: self.key.of_name(&name), peer, address_of_peer, protocol }
    }
}
