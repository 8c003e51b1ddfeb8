//! Calendars and address books: import and export (R-CAL-9, R-CARD-3), restore (R-REST-2).

mod export;
mod files;
mod import;
mod request;
mod restore;
mod set_back;

use ids::AccountId;
use storage::{Collection, CollectionKind, Home, ReadTx, StorageError};

use super::{Admin, Progress, Refusal, Response};

pub(crate) use request::{
    CollectionVerb, ExportedPage, FileBytes, FileFormat, Import, ImportFile, ImportedRow, Restore,
    RestoreRow, RestoredRow, Store,
};

impl Admin {
    /// Does what a verb on an account's calendars or address books asks for.
    pub(super) async fn collections(
        &self,
        account: &str,
        verb: CollectionVerb,
        progress: &Progress,
    ) -> Result<Response, Refusal> {
        match verb {
            CollectionVerb::Import(import) => self.import(account, import, progress).await,
            CollectionVerb::Export { store, collection, after } => {
                self.export(account, store, collection, after).await
            }
            CollectionVerb::Names { store } => self.collection_names(account, store).await,
            CollectionVerb::RestoreList { store, at } => {
                self.list_restorable(account, store, &at).await
            }
            CollectionVerb::Restore(restore) => self.restore(account, restore, progress).await,
        }
    }
}

impl Store {
    fn home(self) -> Home {
        match self {
            Self::Calendars => Home::Calendars,
            Self::Contacts => Home::AddressBooks,
        }
    }

    fn kind(self) -> CollectionKind {
        match self {
            Self::Calendars => CollectionKind::Calendar,
            Self::Contacts => CollectionKind::AddressBook,
        }
    }
}

/// The collection of a name; without one, the account's default.
fn find(
    tx: &mut ReadTx<'_>,
    account: AccountId,
    store: Store,
    name: Option<&str>,
) -> storage::Result<Option<Collection>> {
    let found = match (name, store) {
        (Some(name), _) => tx.find_collection(account, store.home(), name)?,
        (None, Store::Calendars) => match tx.default_calendar(account)? {
            Some(default) => Some(tx.load_collection(default)?),
            None => None,
        },
        (None, Store::Contacts) => {
            let books = tx.list_collections(account, Home::AddressBooks)?;
            books.into_iter().min_by_key(|book| (book.name != "personal", book.created))
        }
    };
    Ok(found.filter(|collection| collection.kind == store.kind()))
}

fn load_collection(
    tx: &mut ReadTx<'_>,
    account: AccountId,
    store: Store,
    name: Option<&str>,
) -> storage::Result<Collection> {
    let missing = match store {
        Store::Calendars => "calendar",
        Store::Contacts => "address book",
    };
    find(tx, account, store, name)?.ok_or(StorageError::NotFound(missing))
}
