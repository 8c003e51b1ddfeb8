//! Imports files into calendars and address books (R-CAL-9, R-CARD-3).

use std::sync::Arc;

use ids::AccountId;
use storage::{
    Collection, CollectionName, Duplicates, Imported, NewCollection, PreparedObject, StorageError,
    WriteTx,
};

use super::super::account::{load, parse};
use super::super::text::refusal;
use super::files::read;
use super::{Admin, FileFormat, Import, ImportedRow, Progress, Refusal, Response, Store};

/// Objects of one transaction: a second's work for the disk, at most.
const BATCH: usize = 1_000;

impl Admin {
    /// R-CARD-3: nothing is written before all of the files are known to be right and to fit.
    pub(super) async fn import(
        &self,
        account: &str,
        import: Import,
        progress: &Progress,
    ) -> Result<Response, Refusal> {
        let address = parse(account)?;
        let store = store_of(import.format);
        let Import { format, files, collection, make, replace } = import;
        let limits = self.store.settings().scheduling.objects;
        let duplicates = if replace { Duplicates::Replace } else { Duplicates::Keep };
        let ready = tokio::task::spawn_blocking(move || read(format, &files, duplicates, &limits));
        let ready = ready.await.map_err(|error| Refusal(error.to_string()))?;
        let ready = ready.map_err(|text| Refusal(format!("nothing is imported: {text}")))?;
        let objects = Arc::new(ready.objects);
        let (all, wanted, title) = (objects.clone(), collection.clone(), ready.name);
        let first = self.write("import", move |tx| {
            let account = load(tx, &address)?;
            let collection = place(tx, account, store, wanted.as_deref(), make, title)?;
            let mut tx = tx.account(account)?;
            tx.check_import(&collection, &all, duplicates)?;
            let batch = all.get(..BATCH.min(all.len())).unwrap_or_default();
            let imported = tx.import_objects(&collection, batch, duplicates)?;
            Ok((collection, imported))
        });
        let subject = collection.as_deref().map_or_else(|| account.to_owned(), str::to_owned);
        let (collection, mut total) = first.await.map_err(|error| refusal(&subject, error))?;
        progress.tell(BATCH.min(objects.len()), objects.len());
        let mut done = BATCH;
        while done < objects.len() {
            let more = self.import_batch(&collection, objects.clone(), done, duplicates).await;
            add(&mut total, more.map_err(|error| refusal(&subject, error))?);
            done += BATCH;
            progress.tell(done.min(objects.len()), objects.len());
        }
        let mut duplicates = total.kept;
        duplicates.extend((0..ready.duplicates).map(|_| String::new()));
        Ok(Response::Imported(ImportedRow {
            collection: collection.name,
            added: total.added,
            replaced: total.replaced,
            duplicates,
            refused: total.refused,
            empty: ready.empty as u64,
            ignored: ready.ignored,
        }))
    }

    async fn import_batch(
        &self,
        collection: &Collection,
        objects: Arc<Vec<PreparedObject>>,
        from: usize,
        duplicates: Duplicates,
    ) -> storage::Result<Imported> {
        let collection = collection.clone();
        self.write("import", move |tx| {
            let end = (from + BATCH).min(objects.len());
            let batch = objects.get(from..end).unwrap_or_default();
            tx.account(collection.account)?.import_objects(&collection, batch, duplicates)
        })
        .await
    }
}

fn add(total: &mut Imported, more: Imported) {
    total.added += more.added;
    total.replaced += more.replaced;
    total.kept.extend(more.kept);
    total.refused.extend(more.refused);
}

fn store_of(format: FileFormat) -> Store {
    match format {
        FileFormat::Calendar => Store::Calendars,
        FileFormat::Cards | FileFormat::Table => Store::Contacts,
    }
}

/// Where it goes: what is there, or what is made for it.
pub(super) fn place(
    tx: &mut WriteTx<'_>,
    account: AccountId,
    store: Store,
    name: Option<&str>,
    make: bool,
    title: Option<String>,
) -> storage::Result<Collection> {
    if tx.load_account(account)?.mail_only {
        return Err(StorageError::Invalid("the account is for mail alone"));
    }
    tx.account(account)?.make_first_collections()?;
    let Some(name) = name.filter(|_| make) else {
        return super::load_collection(tx, account, store, name);
    };
    let mut new = NewCollection::new(store.kind());
    new.properties.display_name = Some(Some(title.unwrap_or_else(|| name.to_owned())));
    let name = CollectionName::parse(store.home(), name)?;
    tx.account(account)?.create_collection(&name, &new, &[])
}
