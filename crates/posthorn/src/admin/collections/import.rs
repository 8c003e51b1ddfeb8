//! Files into calendars and address books.

use std::sync::Arc;

use ical::{
    CalendarFile, Card, CsvLimits, FileError, FileLimits, FileObject, cards_of_file,
    contacts_of_csv, text_of_file,
};
use ids::AccountId;
use storage::{
    Collection, CollectionName, Duplicates, Imported, NewCollection, ObjectFault, ObjectLimits,
    PreparedObject, StorageError, WriteTx,
};

use super::super::account::{load, parse};
use super::super::text::refusal;
use super::{Admin, FileFormat, Import, ImportedRow, Progress, Refusal, Response, Store};

/// Objects of one transaction: a second's work for the disk, at most.
const BATCH: usize = 1_000;
/// LIMIT: bytes of all objects of a file; each carries the time zones it names.
const OBJECT_BYTES_MAX: usize = 256 << 20;
/// Mistakes that are told at once.
const TOLD_MAX: usize = 20;

/// A file that was read, all of it.
struct Ready {
    name: Option<String>,
    objects: Vec<PreparedObject>,
    ignored: Vec<String>,
    /// Left out of the file itself.
    duplicates: usize,
    /// Rows that are nobody.
    empty: usize,
}

impl Admin {
    /// R-CARD-3: nothing is written before all of the file is known to be right and to fit.
    pub(super) async fn import(
        &self,
        account: &str,
        import: Import,
        progress: &Progress,
    ) -> Result<Response, Refusal> {
        let address = parse(account)?;
        let store = store_of(import.format);
        let Import { format, file, collection, make, replace } = import;
        let limits = self.store.settings().scheduling.objects;
        let ready = tokio::task::spawn_blocking(move || read(format, &file.0, &limits));
        let ready = ready.await.map_err(|error| Refusal(error.to_string()))?;
        let ready = ready.map_err(|text| Refusal(format!("nothing is imported: {text}")))?;
        let objects = Arc::new(ready.objects);
        let duplicates = if replace { Duplicates::Replace } else { Duplicates::Keep };
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

fn read(format: FileFormat, bytes: &[u8], limits: &ObjectLimits) -> Result<Ready, String> {
    match format {
        FileFormat::Calendar => read_calendar(bytes, limits),
        FileFormat::Cards => {
            let cards =
                cards_of_file(bytes, &FileLimits::CONTACTS).map_err(|wrong| told(&wrong))?;
            let objects = prepare(cards.into_iter(), limits, PreparedObject::card)?;
            Ok(Ready { name: None, objects, ignored: Vec::new(), duplicates: 0, empty: 0 })
        }
        FileFormat::Table => read_table(bytes, limits),
    }
}

fn read_calendar(bytes: &[u8], limits: &ObjectLimits) -> Result<Ready, String> {
    let text = text_of_file(bytes, &FileLimits::CALENDAR).map_err(|error| error.to_string())?;
    // The file was not too large; in UTF-8 its letters may take more.
    let file_limits = FileLimits { bytes_max: text.len(), ..FileLimits::CALENDAR };
    let file = CalendarFile::parse(&text, &file_limits).map_err(|wrong| told(&wrong))?;
    let objects = prepare(file.objects(), limits, PreparedObject::calendar)?;
    let ignored = match file.ignored() {
        0 => Vec::new(),
        count => vec![format!("{count} components of unknown kinds")],
    };
    let (name, duplicates) = (file.name().map(str::to_owned), file.duplicates());
    Ok(Ready { name, objects, ignored, duplicates, empty: 0 })
}

/// A row has no UID: the same row gets the same one again.
fn read_table(bytes: &[u8], limits: &ObjectLimits) -> Result<Ready, String> {
    let contacts = contacts_of_csv(bytes, &CsvLimits::default(), || "x".to_owned());
    let contacts = contacts.map_err(|error| error.to_string())?;
    let with_uid = |card: Card| {
        let mut component = card.into_component();
        let uid = blake3::hash(&component.render()).to_hex();
        let uid = uid.get(..32).unwrap_or_default().to_owned();
        component.put(ical::Line::new("UID", uid));
        component.render()
    };
    let empty = contacts.empty.len();
    let cards = contacts.rows.into_iter().zip(contacts.cards.into_iter().map(with_uid));
    let objects = cards.map(|(line, bytes)| FileObject { line, bytes });
    let objects = prepare(objects, limits, PreparedObject::card)?;
    Ok(Ready { name: None, objects, ignored: contacts.ignored, duplicates: 0, empty })
}

fn prepare(
    objects: impl Iterator<Item = FileObject>,
    limits: &ObjectLimits,
    of: impl Fn(Vec<u8>, &ObjectLimits) -> Result<PreparedObject, ObjectFault>,
) -> Result<Vec<PreparedObject>, String> {
    let (mut ready, mut wrong, mut bytes) = (Vec::new(), Vec::new(), 0);
    for FileObject { line, bytes: object } in objects {
        bytes += object.len();
        if bytes > OBJECT_BYTES_MAX {
            return Err(format!("what the file holds has more than {OBJECT_BYTES_MAX} bytes"));
        }
        match of(object, limits) {
            Ok(object) => ready.push(object),
            Err(fault) => wrong.push(FileError::Line { line, text: fault.to_string() }),
        }
    }
    match wrong.is_empty() {
        true => Ok(ready),
        false => Err(told(&wrong)),
    }
}

/// Every mistake with its line, as far as anybody reads them.
fn told(wrong: &[FileError]) -> String {
    let mut texts: Vec<String> = wrong.iter().take(TOLD_MAX).map(FileError::to_string).collect();
    if wrong.len() > TOLD_MAX {
        texts.push(format!("and {} more", wrong.len() - TOLD_MAX));
    }
    texts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(format: FileFormat, bytes: &[u8]) -> String {
        read(format, bytes, &ObjectLimits::default()).map(|ready| ready.objects.len()).unwrap_err()
    }

    #[test]
    fn bounds_are_exact() {
        let card = |number: usize| format!("BEGIN:VCARD\nVERSION:3.0\nFN:{number}\nEND:VCARD\n");
        let cards = |count: usize| (0..count).map(card).collect::<String>();
        let whole =
            read(FileFormat::Cards, cards(10_000).as_bytes(), &ObjectLimits::default()).unwrap();
        assert_eq!(whole.objects.len(), 10_000);
        let text = refused(FileFormat::Cards, cards(10_001).as_bytes());
        assert_eq!(text, "the file holds more than 10000 objects");
        let rows = |count: usize| format!("Name\n{}", "x\n".repeat(count));
        assert_eq!(
            read(FileFormat::Table, rows(10_000).as_bytes(), &ObjectLimits::default())
                .unwrap()
                .objects
                .len(),
            10_000
        );
        let text = refused(FileFormat::Table, rows(10_001).as_bytes());
        assert_eq!(text, "the file has more than 10000 rows");
        let large = vec![b'\n'; (50 << 20) + 1];
        for format in [FileFormat::Cards, FileFormat::Table, FileFormat::Calendar] {
            assert_eq!(refused(format, &large), "the file has more than 50 MB");
        }
    }

    #[test]
    fn every_mistake_has_its_line() {
        let part = |uid: usize, more: &str| format!("BEGIN:VEVENT\nUID:{uid}\n{more}END:VEVENT\n");
        let at = "DTSTART:20260105T090000Z\n";
        let text = format!(
            "BEGIN:VCALENDAR\nVERSION:2.0\n{}{}{}END:VCALENDAR\n",
            part(1, ""),
            part(2, at),
            part(3, "DTSTART:soon\n")
        );
        assert_eq!(
            refused(FileFormat::Calendar, text.as_bytes()),
            "line 3: this is not well-formed data: without DTSTART; \
             line 10: this is not well-formed data: not a date or date-time"
        );
        let many = format!(
            "BEGIN:VCALENDAR\n{}END:VCALENDAR\n",
            (0..30).map(|uid| part(uid, "")).collect::<String>()
        );
        assert!(refused(FileFormat::Calendar, many.as_bytes()).ends_with("; and 10 more"));
    }

    #[test]
    fn the_same_row_has_the_same_uid() {
        let read = |text: &str| {
            read(FileFormat::Table, text.as_bytes(), &ObjectLimits::default()).unwrap().objects
        };
        let first = read("Name,E-mail\nA,a@b.test\nB,b@b.test\n");
        let again = read("Name,E-mail\nB,b@b.test\n");
        assert_eq!(first[1].uid(), again[0].uid());
        assert_ne!(first[0].uid(), first[1].uid());
    }
}
