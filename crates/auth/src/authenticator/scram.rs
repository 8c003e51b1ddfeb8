//! Signing in by SCRAM: what the client is told first, and who proved what.

use std::net::IpAddr;

use net::AddressKey;
use sasl::ScramIdentity;
use sasl::scram::{Hash, ScramKeys, Verifiers};
use storage::{AccessKey, Address, Grant, Protocol};

use super::{Attempt, Authenticator, SignedIn, UNREPEATABLE, normal_name};
use crate::directory::{Entry, ScramEntry};
use crate::scram::{ScramSettings, Terms, keys_of};
use crate::user_name::parse_user_name;
use crate::{AuthError, mac::Mac};

/// A SCRAM exchange between the client's name and its proof.
pub(crate) struct ScramAttempt {
    address: Option<Address>,
    name: Mac,
    peer: AddressKey,
    address_of_peer: IpAddr,
    protocol: Protocol,
    authzid: Option<String>,
    entry: Option<Entry>,
    terms: Terms,
    keys: Vec<(Whose, ScramKeys)>,
}

/// Whose password a set of keys was derived from.
#[derive(Debug, Clone)]
enum Whose {
    Nobody,
    Account,
    AppPassword(AccessKey),
}

impl ScramAttempt {
    /// The verifiers that the mechanism compares with.
    pub(crate) fn verifiers(&self) -> Verifiers {
        Verifiers {
            salt: self.terms.salt.clone(),
            iterations: self.terms.iterations,
            keys: self.keys.iter().map(|(_, keys)| keys.clone()).collect(),
        }
    }

    fn attempt(&self) -> Attempt<'_> {
        let Self { name, peer, address_of_peer, protocol, .. } = *self;
        Attempt { address: self.address.as_ref(), name, peer, address_of_peer, protocol }
    }
}

impl Authenticator {
    /// What is kept for a name. For accounts that do not exist, are blocked or have no verifier
    /// it looks the same, and nothing fits it.
    pub(crate) async fn find_verifiers(
        &self,
        identity: ScramIdentity,
        protocol: Protocol,
        peer: IpAddr,
    ) -> Result<ScramAttempt, AuthError> {
        let current = self.current();
        let scram = current.settings.scram.as_ref().ok_or(AuthError::Unavailable)?;
        let address = parse_user_name(&identity.authcid);
        let normal = address.as_ref().map(normal_name);
        let name = self.key.of_name(normal.as_deref().unwrap_or(&identity.authcid));
        let (address_of_peer, peer) = (peer, AddressKey::of(peer));
        let attempt = Attempt { address: address.as_ref(), name, peer, address_of_peer, protocol };
        if let Err(error) = self.check_address(&attempt) {
            self.note(&attempt, &Err(error.clone()));
            return Err(error);
        }
        let found = match &address {
            Some(address) => {
                let found = self.directory.find_scram(address).await;
                found.map_err(|error| super::unavailable(&error))?
            }
            None => ScramEntry {
                name: identity.authcid.clone(),
                entry: None,
                verifier: None,
                app_passwords: Vec::new(),
            },
        };
        // The names of an account, that under a domain alias too, share its failures.
        let name = self.counted_by(name, found.entry.as_ref());
        if let Err(error) = self.check_throttle(&Attempt { name, ..attempt }) {
            self.note(&attempt, &Err(error.clone()));
            return Err(error);
        }
        let (terms, keys) = terms_and_keys(scram, &found, identity.hash);
        let (entry, authzid) = (found.entry, identity.authzid);
        Ok(ScramAttempt {
            address,
            name,
            peer,
            address_of_peer,
            protocol,
            authzid,
            entry,
            terms,
            keys,
        })
    }

    /// Signs in who proved to know the password behind the keys at `proven`, if it was any.
    pub(crate) async fn sign_in_proven(
        &self,
        attempt: ScramAttempt,
        proven: Option<usize>,
    ) -> Result<SignedIn, AuthError> {
        let whose = proven.and_then(|at| attempt.keys.get(at)).map(|(whose, _)| whose.clone());
        let outcome = self.judge(&attempt, whose).await;
        self.note(&attempt.attempt(), &outcome);
        let (entry, grant) = outcome?;
        let address = attempt.address.ok_or(AuthError::Wrong)?;
        Ok(SignedIn::new(&entry, address, grant))
    }

    async fn judge(
        &self,
        attempt: &ScramAttempt,
        whose: Option<Whose>,
    ) -> Result<(Entry, Grant), AuthError> {
        // Attempts made side by side have failed meanwhile; they must not all have a try.
        self.check_throttle(&attempt.attempt())?;
        let now = self.clock.now();
        let grant = match whose {
            Some(Whose::Account) => Some(Grant::Password),
            Some(Whose::AppPassword(key)) if super::is_good(&key, attempt.protocol, now) => {
                self.touch(&key).await;
                Some(Grant::AccessKey(key.id))
            }
            Some(Whose::AppPassword(_) | Whose::Nobody) | None => None,
        };
        let mut memory = self.memory();
        let (Some(grant), Some(entry)) = (grant, attempt.entry.clone()) else {
            memory.throttle.failed(attempt.peer, attempt.name, UNREPEATABLE, now);
            return Err(AuthError::Wrong);
        };
        memory.throttle.succeeded(attempt.peer, attempt.name, now);
        drop(memory);
        if !super::acts_as_self(attempt.authzid.as_deref(), attempt.address.as_ref()) {
            return Err(AuthError::Wrong);
        }
        super::admit(entry).map(|entry| (entry, grant))
    }
}

/// What a name is told, and the keys that fit it. An app password made under other terms than
/// the account's password is of no use here until it is made anew.
fn terms_and_keys(
    scram: &ScramSettings,
    found: &ScramEntry,
    hash: Hash,
) -> (Terms, Vec<(Whose, ScramKeys)>) {
    let mut keys = Vec::new();
    let mut terms = scram.terms_of(&found.name);
    if let Some(verifier) = &found.verifier {
        match scram.open(verifier) {
            Some(opened) => {
                let (salt, iterations) = (verifier.salt.clone(), verifier.iterations);
                terms = Terms { salt, iterations };
                keys.push((Whose::Account, keys_of(hash, opened)));
            }
            None => tracing::warn!("a SCRAM verifier was sealed with another scram.key"),
        }
    }
    for (key, verifier) in &found.app_passwords {
        let is_same = verifier.salt == terms.salt && verifier.iterations == terms.iterations;
        if is_same && let Some(opened) = scram.open(verifier) {
            keys.push((Whose::AppPassword(key.clone()), keys_of(hash, opened)));
        }
    }
    if keys.is_empty() {
        keys.push((Whose::Nobody, scram.nobodys_keys(hash)));
    }
    (terms, keys)
}
