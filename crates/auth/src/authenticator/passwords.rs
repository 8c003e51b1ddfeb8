//! New passwords and app passwords, and what SCRAM needs of passwords that were set before it.

use sasl::Password;
use storage::{AccessKeyKind, Address, ScramVerifier};

use super::Authenticator;
use super::check::WaitingPlace;
use crate::access_key::NewSecret;
use crate::directory::{Entry, ScramEntry};
use crate::scram::{ScramSettings, Terms};
use crate::{AuthError, PasswordError};

/// What is stored of a new password.
pub struct NewPassword {
    /// The argon2id hash, as a PHC string.
    pub hash: String,
    /// For SCRAM, where it is served. Who stores it calls [`Authenticator::kept_for_scram`] then.
    pub scram: Option<ScramVerifier>,
}

impl Authenticator {
    /// Checks a new password for the account of this address against the policy, which compares
    /// it with `compare_with`, and computes what is stored of it, beside the async threads.
    ///
    /// # Errors
    /// What the policy has against it.
    pub async fn new_password(
        &self,
        account: &Address,
        compare_with: &str,
        password: Password,
    ) -> Result<NewPassword, PasswordError> {
        let scram = match self.scram_entry(account).await.map_err(|_| PasswordError::Unavailable)? {
            Some((scram, found)) => Some((scram.terms_of(&found.name), scram)),
            None => None,
        };
        let policy = self.current().settings.passwords;
        let compare_with = compare_with.to_owned();
        let _place = WaitingPlace::take(&self.waiting).ok_or(PasswordError::Unavailable)?;
        let turn = self.current().verifying.clone().acquire_owned().await;
        let turn = turn.map_err(|_| PasswordError::Unavailable)?;
        let computing = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let prepared = policy.check(&compare_with, &password)?;
            let hash = policy.hash(&compare_with, &password)?;
            let scram = scram.and_then(|(terms, scram)| scram.verifier(&prepared, &terms));
            Ok(NewPassword { hash, scram })
        });
        computing.await.map_err(|_| PasswordError::Unavailable)?
    }

    /// Makes an app password for the account of this address, with what SCRAM needs of it. Who
    /// stores that calls [`kept_for_scram`](Self::kept_for_scram) then.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] where the system has no randomness, or storage does not answer.
    pub async fn new_app_password(
        &self,
        account: &Address,
    ) -> Result<(NewSecret, Option<ScramVerifier>), AuthError> {
        let secret = NewSecret::make(AccessKeyKind::AppPassword)?;
        let Some((scram, found)) = self.scram_entry(account).await? else {
            return Ok((secret, None));
        };
        // All passwords of an account are tried against one proof, so they share their terms.
        let verifier = found.verifier.filter(|verifier| scram.open(verifier).is_some());
        let terms = match verifier {
            Some(ScramVerifier { salt, iterations, .. }) => Terms { salt, iterations },
            None => scram.terms_of(&found.name),
        };
        let verifier = self.compute(scram, secret.secret.clone(), terms).await;
        Ok((secret, verifier))
    }

    /// Keeps a verifier of a password that was just verified, where there is none or an old one.
    /// Signing in does not fail over it.
    pub(super) async fn upgrade(&self, address: &Address, entry: &Entry, password: Password) {
        let Ok(Some((scram, found))) = self.scram_entry(address).await else { return };
        if found.verifier.is_some_and(|verifier| scram.is_up_to_date(&verifier)) {
            return;
        }
        let terms = scram.terms_of(&found.name);
        let Some(verifier) = self.compute(scram, password, terms).await else { return };
        let hash = entry.password_hash.clone();
        if let Err(error) = self.directory.upgrade(entry.account, hash, verifier).await {
            tracing::warn!(%error, "a SCRAM verifier was not kept");
        }
        self.kept_for_scram().await;
    }

    /// To be called when a verifier that was computed here is in storage. Where SCRAM was turned
    /// off since, what was kept for it has been erased already, and this one would stay until the
    /// next start.
    pub async fn kept_for_scram(&self) {
        if !self.has_scram()
            && let Err(error) = self.directory.forget_scram().await
        {
            tracing::warn!(%error, "auth.scram is off and a verifier was not erased");
        }
    }

    /// What SCRAM knows of a name, where it is served.
    async fn scram_entry(
        &self,
        address: &Address,
    ) -> Result<Option<(ScramSettings, ScramEntry)>, AuthError> {
        let Some(scram) = self.current().settings.scram.clone() else { return Ok(None) };
        let found = self.directory.find_scram(address).await;
        Ok(Some((scram, found.map_err(|error| super::unavailable(&error))?)))
    }

    async fn compute(
        &self,
        scram: ScramSettings,
        password: Password,
        terms: Terms,
    ) -> Option<ScramVerifier> {
        let turn = self.current().verifying.clone().acquire_owned().await.ok()?;
        let computing = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            scram.verifier(&password, &terms)
        });
        computing.await.ok().flatten()
    }
}
