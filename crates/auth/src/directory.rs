//! The directory: where accounts are looked up by name, token hash or app password. The
//! authenticator knows accounts by it alone.

use std::pin::Pin;

use ids::{AccessKeyId, AccountId, Timestamp};
use storage::{
    AccessKey, AccessKeyKind, Address, Grant, ReadTx, ScramVerifier, StorageError, Store,
};

use crate::SignedIn;

/// What signing in needs to know about an account.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// The id of the account.
    pub account: AccountId,
    /// PHC string of its password; empty when no password opens it.
    pub password_hash: String,
    /// Grows whenever sessions signed in before must end.
    pub credential_version: u64,
    /// The account is blocked and cannot sign in (R-ADDR-12).
    pub blocked: bool,
    /// It, or its domain, is in maintenance (R-ADDR-12).
    pub maintenance: bool,
}

/// What SCRAM needs to know about a name.
#[derive(Debug, Clone)]
pub struct ScramEntry {
    /// The name under its own domain, for that of a domain alias; also where no account has it.
    pub name: String,
    /// The account, where there is one.
    pub entry: Option<Entry>,
    /// What is kept of its password.
    pub verifier: Option<ScramVerifier>,
    /// What is kept of its app passwords.
    pub app_passwords: Vec<(AccessKey, ScramVerifier)>,
}

/// An app password or token with its account.
#[derive(Debug, Clone)]
pub struct KeyEntry {
    /// The app password or token.
    pub key: AccessKey,
    /// The primary address of its account.
    pub address: Address,
    /// The account that it opens.
    pub entry: Entry,
}

/// An answer of a directory, when it has one.
pub type Found<'a, T> = Pin<Box<dyn Future<Output = Result<T, StorageError>> + Send + 'a>>;

/// The account of a name.
pub type Lookup<'a> = Found<'a, Option<Entry>>;

/// Finds accounts by what people sign in with. A directory that knows passwords only need not
/// have more than [`find`](Self::find).
pub trait Directory: Send + Sync + 'static {
    /// The account whose primary address this is. Aliases do not sign in: they come and go,
    /// and a name somebody signs in with is not to be lost with them.
    fn find<'a>(&'a self, address: &'a Address) -> Lookup<'a>;

    /// The account somebody signed in to, if the sign-in still stands (R-ADDR-8, R-ADDR-9).
    fn find_standing<'a>(&'a self, signed_in: &'a SignedIn, _now: Timestamp) -> Lookup<'a> {
        Box::pin(async move {
            let found = self.find(&signed_in.address).await?;
            Ok(found.filter(|entry| {
                entry.account == signed_in.account
                    && entry.credential_version == signed_in.credential_version
                    && signed_in.grant == Grant::Password
            }))
        })
    }

    /// What SCRAM needs to know about a name, also where no account has it.
    fn find_scram<'a>(&'a self, address: &'a Address) -> Found<'a, ScramEntry> {
        Box::pin(async move {
            let entry = self.find(address).await?;
            let name = address.normal_text();
            Ok(ScramEntry { name, entry, verifier: None, app_passwords: Vec::new() })
        })
    }

    /// The app password or token of this hash.
    fn find_key<'a>(&'a self, _hash: &'a [u8; 32]) -> Found<'a, Option<KeyEntry>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Remembers that an app password or token was used.
    fn touch(&self, _key: AccessKeyId) -> Found<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Keeps a verifier of the password that has this hash, unless it has changed meanwhile.
    fn upgrade(
        &self,
        _account: AccountId,
        _password_hash: String,
        _verifier: ScramVerifier,
    ) -> Found<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Erases what is kept for SCRAM.
    fn forget_scram(&self) -> Found<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Directory for Store {
    fn find<'a>(&'a self, address: &'a Address) -> Lookup<'a> {
        Box::pin(async move { Ok(self.find_credentials(address).await?.map(entry)) })
    }

    fn find_standing<'a>(&'a self, signed_in: &'a SignedIn, now: Timestamp) -> Lookup<'a> {
        Box::pin(async move {
            let SignedIn { account, address, credential_version, grant } = signed_in.clone();
            let standing = self.read(move |tx| {
                tx.standing_credentials(&address, account, credential_version, grant, now)
            });
            Ok(standing.await?.map(entry))
        })
    }

    fn find_scram<'a>(&'a self, address: &'a Address) -> Found<'a, ScramEntry> {
        Box::pin(async move {
            let address = address.clone();
            self.read(move |tx| find_scram(tx, &address)).await
        })
    }

    fn find_key<'a>(&'a self, hash: &'a [u8; 32]) -> Found<'a, Option<KeyEntry>> {
        let hash = *hash;
        Box::pin(self.read(move |tx| {
            let Some(key) = tx.find_access_key(&hash)? else { return Ok(None) };
            let address = Address::parse(&tx.load_account(key.account)?.address)?;
            let found = tx.credentials(&address)?;
            Ok(found.map(|found| KeyEntry { key, address, entry: entry(found) }))
        }))
    }

    fn touch(&self, key: AccessKeyId) -> Found<'_, ()> {
        Box::pin(async move {
            self.write("sign in", move |tx| tx.touch_access_key(key)).await.map(drop)
        })
    }

    fn upgrade(
        &self,
        account: AccountId,
        password_hash: String,
        verifier: ScramVerifier,
    ) -> Found<'_, ()> {
        Box::pin(async move {
            let written = self.write("sign in", move |tx| {
                tx.account(account)?.upgrade_scram_verifier(&password_hash, &verifier)
            });
            written.await.map(drop)
        })
    }

    fn forget_scram(&self) -> Found<'_, ()> {
        Box::pin(
            async move { self.write("scram off", |tx| tx.drop_scram_verifiers()).await.map(drop) },
        )
    }
}

fn entry(credentials: storage::Credentials) -> Entry {
    Entry {
        account: credentials.account,
        password_hash: credentials.password_hash,
        credential_version: credentials.credential_version,
        blocked: credentials.blocked,
        maintenance: credentials.maintenance,
    }
}

fn find_scram(tx: &mut ReadTx<'_>, address: &Address) -> storage::Result<ScramEntry> {
    let domain = tx.find_domain(address.domain())?;
    let domain = domain.map(|domain| domain.alias_of.unwrap_or(domain.name));
    let name = match domain {
        Some(domain) => format!("{}@{domain}", address.local()),
        None => address.normal_text(),
    };
    let mut found = ScramEntry {
        name,
        entry: tx.credentials(address)?.map(entry),
        verifier: None,
        app_passwords: Vec::new(),
    };
    let Some(account) = found.entry.as_ref().map(|entry| entry.account) else {
        return Ok(found);
    };
    let keys = tx.list_access_keys(account, AccessKeyKind::AppPassword)?;
    for (id, verifier) in tx.scram_verifiers(account)? {
        let key = keys.iter().find(|key| Some(key.id) == id);
        match (id, key) {
            (None, _) => found.verifier = Some(verifier),
            (Some(_), Some(key)) => found.app_passwords.push((key.clone(), verifier)),
            (Some(_), None) => {}
        }
    }
    Ok(found)
}

impl std::fmt::Debug for Entry {
    /// Leaves the hash out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry")
            .field("account", &self.account)
            .field("credential_version", &self.credential_version)
            .field("blocked", &self.blocked)
            .field("maintenance", &self.maintenance)
            .finish_non_exhaustive()
    }
}
