//! App passwords and tokens (R-ADDR-9): made, listed, revoked.

use auth::NewSecret;
use ids::Timestamp;
use message::date::{DateTime, format_rfc3339};
use storage::{AccessKey, Protocols};

use super::account::{load, parse};
use super::text::refusal;
use super::{
    AccessKeyKind, AccessKeyRow, Admin, NewAccessKey, Password, Refusal, Response, SecretRow,
};

impl Admin {
    /// Makes one; its secret is in the answer and nowhere else.
    pub(super) async fn add_access_key(&self, new: NewAccessKey) -> Result<Response, Refusal> {
        let address = parse(&new.account)?;
        let protocols: Protocols =
            new.protocols.parse().map_err(|error| refusal(&new.protocols, error))?;
        let (secret, scram) = match new.kind {
            AccessKeyKind::AppPassword => self.authenticator.new_app_password(&address).await,
            AccessKeyKind::Token => {
                NewSecret::make(storage::AccessKeyKind::Token).map(|secret| (secret, None))
            }
        }
        .map_err(|error| Refusal(error.to_string()))?;
        let key = storage::NewAccessKey {
            kind: new.kind.into(),
            name: new.name,
            secret_hash: secret.hash,
            protocols,
            expires: None,
        };
        let (days, has_verifier) = (new.valid_days, scram.is_some());
        let added = self.write("access key add", move |tx| {
            let expires = days.map(|days| tx.now().plus_secs(i64::from(days) * 86_400));
            let account = load(tx, &address)?;
            let mut account = tx.account(account)?;
            let added = account.add_access_key(storage::NewAccessKey { expires, ..key })?;
            if let Some(verifier) = &scram {
                account.put_scram_verifier(Some(added.id), verifier)?;
            }
            Ok(added)
        });
        let added = added.await.map_err(|error| refusal(&new.account, error))?;
        if has_verifier {
            self.authenticator.kept_for_scram().await;
        }
        let secret = Password::new(secret.secret.as_str());
        Ok(Response::Secret(SecretRow { name: added.name, secret }))
    }

    pub(super) async fn list_access_keys(
        &self,
        kind: AccessKeyKind,
        account: &str,
    ) -> Result<Response, Refusal> {
        let wanted = parse(account)?;
        let keys = self.read(move |tx| {
            let account = load(tx, &wanted)?;
            tx.list_access_keys(account, kind.into())
        });
        let keys = keys.await.map_err(|error| refusal(account, error))?;
        Ok(Response::AccessKeys(keys.into_iter().map(row).collect()))
    }

    /// Revokes one; the sessions signed in with it end.
    pub(super) async fn revoke_access_key(
        &self,
        kind: AccessKeyKind,
        account: &str,
        name: String,
    ) -> Result<Response, Refusal> {
        let subject = format!("{name} of {account}");
        self.change_of(&subject, account, "access key revoke", move |tx| {
            tx.revoke_access_key(kind.into(), &name)
        })
        .await
    }
}

impl From<AccessKeyKind> for storage::AccessKeyKind {
    fn from(kind: AccessKeyKind) -> Self {
        match kind {
            AccessKeyKind::AppPassword => Self::AppPassword,
            AccessKeyKind::Token => Self::Token,
        }
    }
}

fn row(key: AccessKey) -> AccessKeyRow {
    AccessKeyRow {
        name: key.name,
        protocols: key.protocols.to_string(),
        created: instant(key.created),
        expires: key.expires.map(instant),
        last_used: key.last_used.map(instant),
    }
}

/// RFC 3339, to the second.
pub(super) fn instant(at: Timestamp) -> String {
    format_rfc3339(DateTime::from_unix_secs(at.as_secs()))
}
