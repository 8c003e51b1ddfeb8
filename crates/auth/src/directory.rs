//! Where accounts are looked up.

use std::pin::Pin;

use ids::AccountId;
use storage::{Address, StorageError, Store};

/// What signing in needs to know about an account.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// The account.
    pub account: AccountId,
    /// PHC string of its password; empty when no password opens it.
    pub password_hash: String,
    /// Grows whenever sessions signed in before must end.
    pub credential_version: u64,
    /// It cannot sign in (R-ADDR-12).
    pub blocked: bool,
    /// It, or its domain, is in maintenance (R-ADDR-12).
    pub maintenance: bool,
}

/// The answer of a directory, when it has one.
pub type Lookup<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Entry>, StorageError>> + Send + 'a>>;

/// Finds accounts by the address people sign in with.
pub trait Directory: Send + Sync + 'static {
    /// The account whose primary address this is. Aliases do not sign in: they come and go,
    /// and a name somebody signs in with is not to be lost with them.
    fn find<'a>(&'a self, address: &'a Address) -> Lookup<'a>;
}

impl Directory for Store {
    fn find<'a>(&'a self, address: &'a Address) -> Lookup<'a> {
        Box::pin(async move {
            let address = address.clone();
            let found = self.read(move |tx| tx.credentials(&address)).await?;
            Ok(found.map(|credentials| Entry {
                account: credentials.account,
                password_hash: credentials.password_hash,
                credential_version: credentials.credential_version,
                blocked: credentials.blocked,
                maintenance: credentials.maintenance,
            }))
        })
    }
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
