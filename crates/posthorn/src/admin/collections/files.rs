//! What the files of an import hold: all of it, or what is wrong with it.

use std::collections::BTreeSet;

use ical::{
    CalendarFile, Card, CsvError, CsvLimits, FileError, FileLimits, FileObject, cards_of_file,
    contacts_of_csv, newest_cards, text_of_file,
};
use storage::{ObjectFault, ObjectLimits, PreparedObject};

use super::{FileFormat, ImportFile};

/// LIMIT: bytes of all objects of an import; each carries the time zones it names.
const OBJECT_BYTES_MAX: usize = 256 << 20;
/// Mistakes that are told at once.
const TOLD_MAX: usize = 20;

/// Files that were read, all of them.
#[derive(Debug, Default)]
pub(super) struct Ready {
    /// What the first that has a name is called.
    pub(super) name: Option<String>,
    pub(super) objects: Vec<PreparedObject>,
    pub(super) ignored: Vec<String>,
    /// Left out because the files have another of the same UID.
    pub(super) duplicates: usize,
    /// Rows that are nobody.
    pub(super) empty: usize,
}

/// Reads files of one format, as if they were one. R-CARD-3: what bounds one of them bounds all of
/// them together.
pub(super) fn read(
    format: FileFormat,
    files: &[ImportFile],
    limits: &ObjectLimits,
) -> Result<Ready, String> {
    let names = files.iter().map(|file| file.name.as_str()).collect();
    let mut reader =
        Reader { limits, names, ready: Ready::default(), wrong: Vec::new(), count: 0, bytes: 0 };
    let max = FileLimits::CONTACTS.bytes_max;
    if files.iter().map(|file| file.bytes.0.len()).sum::<usize>() > max {
        return Err(reader.all("has", "have", &format!("more than {} MB", max >> 20)));
    }
    match format {
        FileFormat::Calendar => reader.calendars(files)?,
        FileFormat::Cards => reader.contacts(files, Reader::cards)?,
        FileFormat::Table => reader.contacts(files, Reader::table)?,
    }
    match reader.wrong.is_empty() {
        true => Ok(reader.ready),
        false => Err(reader.told()),
    }
}

/// Why it is no import.
enum Wrong {
    /// All files together are too much.
    All(String),
    /// What is wrong with this one.
    File(Vec<String>),
}

struct Reader<'l> {
    limits: &'l ObjectLimits,
    /// What the files are called.
    names: Vec<&'l str>,
    ready: Ready,
    /// What is wrong, with the files that it is in and the line of the object, 0 for other things.
    wrong: Vec<(Vec<usize>, usize, String)>,
    /// Cards or rows so far.
    count: usize,
    /// Bytes of the objects so far.
    bytes: usize,
}

impl Reader<'_> {
    fn calendars(&mut self, files: &[ImportFile]) -> Result<(), String> {
        let max = FileLimits::CALENDAR;
        let texts: Vec<_> = files.iter().map(|file| text_of_file(&file.bytes.0, &max)).collect();
        let mut all = CalendarFile::default();
        for (at, text) in texts.iter().enumerate() {
            let read = match text {
                // The file was not too large; in UTF-8 its letters may take more.
                Ok(text) => all.add(text, &FileLimits { bytes_max: text.len(), ..max }),
                Err(error) => Err(vec![error.clone()]),
            };
            let read = read.map_err(|errors| self.wrong(&errors, &max));
            self.note(at, read)?;
        }
        let unread = self.unread();
        self.prepare(all.objects(), PreparedObject::calendar)?;
        for object in all.left_out().filter(|object| is_read(object, &unread)) {
            let checked = PreparedObject::calendar(object.bytes, self.limits);
            self.checked(object.files, object.line, checked);
        }
        self.ready.duplicates += all.duplicates();
        self.ready.name = all.name().map(str::to_owned);
        if all.ignored() > 0 {
            self.ready.ignored.push(format!("{} components of unknown kinds", all.ignored()));
        }
        Ok(())
    }

    fn contacts(
        &mut self,
        files: &[ImportFile],
        read: impl Fn(&mut Self, &[u8]) -> Result<Vec<FileObject>, Wrong>,
    ) -> Result<(), String> {
        let mut cards = Vec::new();
        for (at, file) in files.iter().enumerate() {
            let read = read(self, &file.bytes.0);
            let read = read.map(|of_file| {
                cards
                    .extend(of_file.into_iter().map(|card| FileObject { files: vec![at], ..card }));
            });
            self.note(at, read)?;
        }
        let (cards, duplicates) = newest_cards(cards);
        self.ready.duplicates += duplicates;
        self.prepare(cards.into_iter(), PreparedObject::card)
    }

    fn cards(&mut self, bytes: &[u8]) -> Result<Vec<FileObject>, Wrong> {
        let max = FileLimits::CONTACTS;
        let cards = cards_of_file(bytes, &self.left(max)).map_err(|all| self.wrong(&all, &max))?;
        self.count += cards.len();
        Ok(cards)
    }

    /// A row has no UID: the same row gets the same one again.
    fn table(&mut self, bytes: &[u8]) -> Result<Vec<FileObject>, Wrong> {
        let mut limits = CsvLimits::default();
        let rows_max = limits.rows_max;
        limits.rows_max = rows_max.saturating_sub(self.count);
        let contacts = contacts_of_csv(bytes, &limits, || "x".to_owned());
        let contacts = contacts.map_err(|error| match error {
            CsvError::TooManyRows(_) => {
                Wrong::All(self.all("has", "have", &format!("more than {rows_max} rows")))
            }
            error => Wrong::File(vec![error.to_string()]),
        })?;
        self.count += contacts.rows.len() + contacts.empty.len();
        self.ready.empty += contacts.empty.len();
        for column in contacts.ignored {
            if !self.ready.ignored.contains(&column) {
                self.ready.ignored.push(column);
            }
        }
        let with_uid = |card: Card| {
            let mut component = card.into_component();
            let uid = blake3::hash(&component.render()).to_hex();
            let uid = uid.get(..32).unwrap_or_default().to_owned();
            component.put(ical::Line::new("UID", uid));
            component.render()
        };
        let cards = contacts.rows.into_iter().zip(contacts.cards.into_iter().map(with_uid));
        Ok(cards.map(|(line, bytes)| FileObject { files: vec![0], line, bytes }).collect())
    }

    /// Of a file that cannot be read, no object is looked at: it may lack some of its components.
    fn prepare(
        &mut self,
        objects: impl Iterator<Item = FileObject>,
        of: impl Fn(Vec<u8>, &ObjectLimits) -> Result<PreparedObject, ObjectFault>,
    ) -> Result<(), String> {
        let unread = self.unread();
        for object in objects.filter(|object| is_read(object, &unread)) {
            self.bytes += object.bytes.len();
            if self.bytes > OBJECT_BYTES_MAX {
                let more = format!("objects of more than {OBJECT_BYTES_MAX} bytes");
                return Err(self.all("holds", "hold", &more));
            }
            let FileObject { files, line, bytes } = object;
            let prepared = self.checked(files, line, of(bytes, self.limits));
            self.ready.objects.extend(prepared);
        }
        Ok(())
    }

    /// The files that something is wrong with so far.
    fn unread(&self) -> BTreeSet<usize> {
        self.wrong.iter().flat_map(|(files, ..)| files).copied().collect()
    }

    /// Keeps what is wrong with an object.
    fn checked(
        &mut self,
        files: Vec<usize>,
        line: usize,
        prepared: Result<PreparedObject, ObjectFault>,
    ) -> Option<PreparedObject> {
        let told = |fault: ObjectFault| FileError::Line { line, text: fault.to_string() };
        match prepared.map_err(told) {
            Ok(object) => Some(object),
            Err(error) => {
                self.wrong.push((files, line, error.to_string()));
                None
            }
        }
    }

    /// Keeps what is wrong with a file; what is wrong with all of them ends it.
    fn note(&mut self, file: usize, read: Result<(), Wrong>) -> Result<(), String> {
        match read {
            Ok(()) => Ok(()),
            Err(Wrong::All(text)) => Err(text),
            Err(Wrong::File(texts)) => {
                self.wrong.extend(texts.into_iter().map(|text| (vec![file], 0, text)));
                Ok(())
            }
        }
    }

    /// What may come yet.
    fn left(&self, max: FileLimits) -> FileLimits {
        FileLimits { objects_max: max.objects_max.saturating_sub(self.count), ..max }
    }

    fn wrong(&self, errors: &[FileError], max: &FileLimits) -> Wrong {
        if errors.iter().any(|error| matches!(error, FileError::TooMany(_))) {
            let more = format!("more than {} objects", max.objects_max);
            return Wrong::All(self.all("holds", "hold", &more));
        }
        Wrong::File(errors.iter().map(FileError::to_string).collect())
    }

    /// What all files together do.
    fn all(&self, one: &str, many: &str, what: &str) -> String {
        match self.names.len() {
            1 => format!("the file {one} {what}"),
            _ => format!("the files {many} {what}"),
        }
    }

    /// Every mistake with its files and line, as far as anybody reads them.
    fn told(mut self) -> String {
        self.wrong.sort_by_key(|(files, line, _)| (files.first().copied(), *line));
        let tell = |(files, _, text): &(Vec<usize>, usize, String)| match self.names.len() {
            1 => text.clone(),
            _ => {
                let names = files.iter().filter_map(|file| self.names.get(*file).copied());
                format!("{}: {text}", names.collect::<Vec<_>>().join(", "))
            }
        };
        let mut texts: Vec<String> = self.wrong.iter().take(TOLD_MAX).map(tell).collect();
        if self.wrong.len() > TOLD_MAX {
            texts.push(format!("and {} more", self.wrong.len() - TOLD_MAX));
        }
        texts.join("; ")
    }
}

fn is_read(object: &FileObject, unread: &BTreeSet<usize>) -> bool {
    !object.files.iter().any(|file| unread.contains(file))
}

#[cfg(test)]
mod tests {
    use super::super::FileBytes;
    use super::*;

    fn read_all(format: FileFormat, files: &[&[u8]]) -> Result<Ready, String> {
        let file = |(at, bytes): (usize, &&[u8])| ImportFile {
            name: format!("{at}.x"),
            bytes: FileBytes(bytes.to_vec()),
        };
        let files: Vec<ImportFile> = files.iter().enumerate().map(file).collect();
        read(format, &files, &ObjectLimits::default())
    }

    fn refused(format: FileFormat, files: &[&[u8]]) -> String {
        read_all(format, files).map(|ready| ready.objects.len()).unwrap_err()
    }

    #[test]
    fn bounds_are_exact() {
        let card = |number: usize| format!("BEGIN:VCARD\nVERSION:3.0\nFN:{number}\nEND:VCARD\n");
        let cards = |count: usize| (0..count).map(card).collect::<String>();
        let count = |format, files: &[&str]| {
            let files: Vec<&[u8]> = files.iter().map(|file| file.as_bytes()).collect();
            read_all(format, &files).map(|ready| ready.objects.len())
        };
        assert_eq!(count(FileFormat::Cards, &[&cards(10_000)]), Ok(10_000));
        let text = refused(FileFormat::Cards, &[cards(10_001).as_bytes()]);
        assert_eq!(text, "the file holds more than 10000 objects");
        // Over all of them.
        assert_eq!(count(FileFormat::Cards, &[&cards(9_999), &card(9_999)]), Ok(10_000));
        let text = count(FileFormat::Cards, &[&card(0), &cards(9_999), &card(1)]);
        assert_eq!(text, Err("the files hold more than 10000 objects".to_owned()));
        let rows = |numbers: std::ops::Range<usize>| {
            format!("Name\n{}", numbers.map(|number| format!("x{number}\n")).collect::<String>())
        };
        assert_eq!(count(FileFormat::Table, &[&rows(0..10_000)]), Ok(10_000));
        let text = refused(FileFormat::Table, &[rows(0..10_001).as_bytes()]);
        assert_eq!(text, "the file has more than 10000 rows");
        assert_eq!(count(FileFormat::Table, &[&rows(0..4_000), &rows(4_000..10_000)]), Ok(10_000));
        let text = count(FileFormat::Table, &[&rows(0..4_000), &rows(4_000..10_001)]);
        assert_eq!(text, Err("the files have more than 10000 rows".to_owned()));
        // Who is nobody counts.
        let nobody = format!("Name,Notes\n{}", ",x\n".repeat(10_000));
        let text = count(FileFormat::Table, &[&nobody, &rows(0..1)]);
        assert_eq!(text, Err("the files have more than 10000 rows".to_owned()));
        let calendar = |count: usize| {
            let part = |uid: usize| {
                format!("BEGIN:VEVENT\nUID:{uid}\nDTSTART:20260105T090000Z\nEND:VEVENT\n")
            };
            let parts: String = (0..count).map(part).collect();
            format!("BEGIN:VCALENDAR\n{parts}BEGIN:X-ODD\nEND:X-ODD\nEND:VCALENDAR\n")
        };
        let max = FileLimits::CALENDAR.objects_max;
        let odd = format!(
            "BEGIN:VCALENDAR\n{}END:VCALENDAR\n",
            "BEGIN:X-ODD\nEND:X-ODD\n".repeat(max - 2)
        );
        let ready = read_all(FileFormat::Calendar, &[odd.as_bytes(), calendar(1).as_bytes()]);
        let ready = ready.unwrap();
        assert_eq!(ready.ignored, [format!("{} components of unknown kinds", max - 1)]);
        assert_eq!(
            count(FileFormat::Calendar, &[&odd, &calendar(2)]),
            Err(format!("the files hold more than {max} objects"))
        );
        let large = vec![b'\n'; (50 << 20) + 1];
        for format in [FileFormat::Cards, FileFormat::Table, FileFormat::Calendar] {
            assert_eq!(refused(format, &[&large]), "the file has more than 50 MB");
            let (some, rest) = large.split_at(1_000);
            assert_eq!(refused(format, &[some, rest]), "the files have more than 50 MB");
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
            refused(FileFormat::Calendar, &[text.as_bytes()]),
            "line 3: this is not well-formed data: without DTSTART; \
             line 10: this is not well-formed data: not a date or date-time"
        );
        let many = format!(
            "BEGIN:VCALENDAR\n{}END:VCALENDAR\n",
            (0..30).map(|uid| part(uid, "")).collect::<String>()
        );
        assert!(refused(FileFormat::Calendar, &[many.as_bytes()]).ends_with("; and 10 more"));
        // And its file, where there are several.
        let good = format!("BEGIN:VCALENDAR\n{}END:VCALENDAR\n", part(1, at));
        assert_eq!(
            refused(FileFormat::Calendar, &[good.as_bytes(), text.as_bytes(), b"x\n"]),
            "1.x: line 3: this is not well-formed data: without DTSTART; \
             1.x: line 10: this is not well-formed data: not a date or date-time; \
             2.x: line 1: no VCALENDAR"
        );
        let tables: [&[u8]; 2] = [b"Name\nx\n", b"Name,Birthday\nx,soon\n"];
        assert_eq!(
            refused(FileFormat::Table, &tables),
            "1.x: row 2 has a date that is not read, unlike 1980-12-31"
        );
    }

    #[test]
    fn the_same_row_has_the_same_uid() {
        let read = |text: &str| read_all(FileFormat::Table, &[text.as_bytes()]).unwrap().objects;
        let first = read("Name,E-mail\nA,a@b.test\nB,b@b.test\n");
        let again = read("Name,E-mail\nB,b@b.test\n");
        assert_eq!(first[1].uid(), again[0].uid());
        assert_ne!(first[0].uid(), first[1].uid());
    }

    fn etags(ready: &Ready) -> Vec<String> {
        ready.objects.iter().map(PreparedObject::etag).collect()
    }

    #[test]
    fn what_several_files_have_of_one_uid_is_one_object() {
        let part = |sequence: usize, rest: &str| {
            format!(
                "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nSEQUENCE:{sequence}\n{rest}END:VEVENT\n\
                 END:VCALENDAR\n"
            )
        };
        let master = "DTSTART:20260105T090000Z\nRRULE:FREQ=DAILY\n";
        let moved = "RECURRENCE-ID:20260106T090000Z\nDTSTART:20260106T100000Z\n";
        let files = [part(0, moved), part(2, master), part(1, master), part(0, moved)];
        let files: Vec<&[u8]> = files.iter().map(|file| file.as_bytes()).collect();
        let ready = read_all(FileFormat::Calendar, &files).unwrap();
        assert_eq!((ready.objects.len(), ready.duplicates), (1, 2));
        let both = part(0, moved)
            .replace("END:VCALENDAR\n", &part(2, master).replace("BEGIN:VCALENDAR\n", ""));
        let one = read_all(FileFormat::Calendar, &[both.as_bytes()]).unwrap();
        assert_eq!(etags(&ready), etags(&one));
        // What is wrong with it may be in any of its files.
        let broken = part(0, "RECURRENCE-ID:20260107T090000Z\nDTSTART:soon\n");
        assert_eq!(
            refused(FileFormat::Calendar, &[part(0, master).as_bytes(), broken.as_bytes()]),
            "0.x, 1.x: line 2: this is not well-formed data: not a date or date-time"
        );
        // Of cards and rows, too.
        let card = |name: &str, rest: &str| {
            format!("BEGIN:VCARD\nVERSION:3.0\nUID:1\nFN:{name}\n{rest}END:VCARD\n")
        };
        let (new, old) = (card("New", "REV:20260102\n"), card("Old", "REV:20260101\n"));
        let ready = read_all(FileFormat::Cards, &[new.as_bytes(), old.as_bytes()]).unwrap();
        let one = read_all(FileFormat::Cards, &[new.as_bytes()]).unwrap();
        assert_eq!((etags(&ready), ready.duplicates), (etags(&one), 1));
        let ready = read_all(FileFormat::Table, &[b"Name\nx\ny\n", b"Name\ny\n"]).unwrap();
        assert_eq!((ready.objects.len(), ready.duplicates), (2, 1));
    }
}
