//! Calendars and address books page by page: a client joins them.

use super::super::account::{load, parse};
use super::super::text::refusal;
use super::{Admin, ExportedPage, Refusal, Response, Store};

/// LIMIT: objects of a page.
const PAGE: usize = 200;
/// LIMIT: bytes of a page, unless one object alone has more.
const PAGE_BYTES: u64 = 8 << 20;

impl Admin {
    pub(super) async fn collection_names(
        &self,
        account: &str,
        store: Store,
    ) -> Result<Response, Refusal> {
        let address = parse(account)?;
        let read = self.read(move |tx| {
            let account = load(tx, &address)?;
            let mut all = tx.list_collections(account, store.home())?;
            all.retain(|collection| collection.kind == store.kind());
            Ok(all.into_iter().map(|collection| collection.name).collect())
        });
        read.await.map(Response::Names).map_err(|error| refusal(account, error))
    }

    pub(super) async fn export(
        &self,
        account: &str,
        store: Store,
        name: Option<String>,
        after: Option<String>,
    ) -> Result<Response, Refusal> {
        let address = parse(account)?;
        let subject = name.clone().unwrap_or_else(|| account.to_owned());
        let read = self.read(move |tx| {
            let account = load(tx, &address)?;
            let found = super::load_collection(tx, account, store, name.as_deref())?;
            let after = after.unwrap_or_default();
            let mut page = tx.list_objects_after(found.id, &after, PAGE)?;
            let is_last = page.len() < PAGE;
            let fitting = fitting(page.iter().map(|object| object.size_bytes));
            let is_last = is_last && fitting == page.len();
            page.truncate(fitting);
            let next = page.last().filter(|_| !is_last).map(|last| last.name.clone());
            let ids: Vec<_> = page.iter().map(|object| object.id).collect();
            let mut bytes = tx.load_object_bytes(&ids)?;
            // A fold may stand within a character; JSON has characters only.
            let objects = ids.iter().filter_map(|id| bytes.remove(id));
            let objects = objects.map(|bytes| ical::to_utf8(&bytes).into_owned()).collect();
            Ok(ExportedPage {
                collection: found.name,
                display_name: found.display_name,
                description: found.description,
                color: found.color,
                count: found.objects,
                objects,
                next,
            })
        });
        read.await.map(Response::Exported).map_err(|error| refusal(&subject, error))
    }
}

/// How many of these sizes, and one at least, are a page.
fn fitting(sizes: impl Iterator<Item = u64>) -> usize {
    let mut bytes = 0;
    let fits = sizes.take_while(|size| {
        bytes += size;
        bytes <= PAGE_BYTES
    });
    fits.count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_bounds() {
        for (sizes, count) in [
            (&[1, 2, 3][..], 3),
            (&[PAGE_BYTES, 1], 1),
            (&[PAGE_BYTES + 1, 1], 1),
            (&[PAGE_BYTES - 1, 1, 1], 2),
            (&[], 1),
        ] {
            assert_eq!(fitting(sizes.iter().copied()), count, "{sizes:?}");
        }
    }
}
