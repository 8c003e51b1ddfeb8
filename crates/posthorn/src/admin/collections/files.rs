//! What the files of an import hold: all of it, or what is wrong with it.

use std::collections::HashMap;

use ical::{
    CalendarFile, Card, CsvError, CsvLimits, FileError, FileLimits, FileObject, cards_of_file,
    contacts_of_csv, text_of_file,
};
use storage::{Duplicates, ObjectFault, ObjectLimits, PreparedObject};

use super::{FileFormat, ImportFile};

/// LIMIT: bytes of all objects of an import; each carries the time zones it names.
const OBJECT_BYTES_MAX: usize = 256 << 20;
/// Mistakes that are told at once.
const TOLD_MAX: usize = 20;

/// What all files of an import hold, read and valid, before anything is written.
#[derive(Debug, Default)]
pub(super) struct Ready {
    /// The name that the first file with a name gives to its calendar or address book.
    pub(super) name: Option<String>,
    pub(super) objects: Vec<PreparedObject>,
    pub(super) ignored: Vec<String>,
    /// Objects left out because the same file holds them twice.
    pub(super) duplicates: usize,
    /// Rows of a table that name nobody, and so become no card.
    pub(super) empty: usize,
}

/// Reads files of one format. R-CARD-3: what bounds one of them bounds all of them together.
pub(super) fn read(
    format: FileFormat,
    files: &[ImportFile],
    duplicates: Duplicates,
    limits: &ObjectLimits,
) -> Result<Ready, String> {
    let is_one = files.len() == 1;
    let mut reader = Reader {
        limits,
        is_one,
        replaces: duplicates == Duplicates::Replace,
        names: files.iter().map(|file| file.name.as_str()).collect(),
        file: 0,
        first: HashMap::new(),
        ready: Ready::default(),
        count: 0,
        bytes: 0,
    };
    let max = FileLimits::CONTACTS.bytes_max;
    if files.iter().map(|file| file.bytes.0.len()).sum::<usize>() > max {
        return Err(reader.all("has", "have", &format!("more than {} MB", max >> 20)));
    }
    let (mut wrong, mut unknown) = (Vec::new(), 0);
    for (at, ImportFile { name, bytes }) in files.iter().enumerate() {
        reader.file = at;
        let read = match format {
            FileFormat::Calendar => reader.calendar(&bytes.0).map(|count| unknown += count),
            FileFormat::Cards => reader.cards(&bytes.0),
            FileFormat::Table => reader.table(&bytes.0),
        };
        match read {
            Ok(()) => {}
            Err(Wrong::All(text)) => return Err(text),
            Err(Wrong::File(texts)) if is_one => wrong.extend(texts),
            Err(Wrong::File(texts)) => {
                wrong.extend(texts.iter().map(|text| format!("{name}: {text}")));
            }
        }
    }
    if unknown > 0 {
        reader.ready.ignored.push(format!("{unknown} components of unknown kinds"));
    }
    match wrong.is_empty() {
        true => Ok(reader.ready),
        false => Err(told(&wrong)),
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
    is_one: bool,
    /// Whether what comes later takes the place of what was there.
    replaces: bool,
    names: Vec<&'l str>,
    /// The index of the file that is being read.
    file: usize,
    /// Where a UID came first, and the ETags of what has it there.
    first: HashMap<String, (usize, Vec<String>)>,
    ready: Ready,
    /// Components, cards or rows so far.
    count: usize,
    /// Bytes of the objects so far.
    bytes: usize,
}

impl Reader<'_> {
    /// How many components of unknown kinds were left out.
    fn calendar(&mut self, bytes: &[u8]) -> Result<usize, Wrong> {
        let max = FileLimits::CALENDAR;
        let text = text_of_file(bytes, &max).map_err(|error| self.wrong(&[error], &max))?;
        // The file was not too large; in UTF-8 its letters may take more.
        let left = FileLimits { bytes_max: text.len(), ..self.left(max) };
        let file = CalendarFile::parse(&text, &left).map_err(|all| self.wrong(&all, &max))?;
        self.count += file.components();
        self.prepare(file.objects(), PreparedObject::calendar)?;
        self.ready.duplicates += file.duplicates();
        let name = &mut self.ready.name;
        *name = name.take().or_else(|| file.name().map(str::to_owned));
        Ok(file.ignored())
    }

    fn cards(&mut self, bytes: &[u8]) -> Result<(), Wrong> {
        let max = FileLimits::CONTACTS;
        let cards = cards_of_file(bytes, &self.left(max)).map_err(|all| self.wrong(&all, &max))?;
        self.count += cards.len();
        self.prepare(cards.into_iter(), PreparedObject::card)
    }

    /// A row has no UID: the same row gets the same one again.
    fn table(&mut self, bytes: &[u8]) -> Result<(), Wrong> {
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
        let objects = cards.map(|(line, bytes)| FileObject { line, bytes });
        self.prepare(objects, PreparedObject::card)
    }

    fn prepare(
        &mut self,
        objects: impl Iterator<Item = FileObject>,
        of: impl Fn(Vec<u8>, &ObjectLimits) -> Result<PreparedObject, ObjectFault>,
    ) -> Result<(), Wrong> {
        let mut wrong = Vec::new();
        for FileObject { line, bytes: object } in objects {
            self.bytes += object.len();
            if self.bytes > OBJECT_BYTES_MAX {
                let more = format!("objects of more than {OBJECT_BYTES_MAX} bytes");
                return Err(Wrong::All(self.all("holds", "hold", &more)));
            }
            match of(object, self.limits) {
                Ok(object) => match self.found_otherwise(&object) {
                    None => self.ready.objects.push(object),
                    Some(text) => wrong.push(FileError::Line { line, text }.to_string()),
                },
                Err(fault) => {
                    wrong.push(FileError::Line { line, text: fault.to_string() }.to_string());
                }
            }
        }
        match wrong.is_empty() {
            true => Ok(()),
            false => Err(Wrong::File(wrong)),
        }
    }

    /// What is wrong where something is to be replaced by what another of the files has of the same
    /// UID: which is the newer one, and whether it is all of it, only who imports them knows.
    fn found_otherwise(&mut self, object: &PreparedObject) -> Option<String> {
        if !self.replaces || self.is_one {
            return None;
        }
        let (uid, etag) = (object.uid(), object.etag());
        let (file, etags) =
            self.first.entry(uid.to_owned()).or_insert_with(|| (self.file, Vec::new()));
        if *file == self.file {
            etags.push(etag);
            return None;
        }
        // What comes last of a file is what it leaves there.
        if etags.last() == Some(&etag) {
            return None;
        }
        let other = self.names.get(*file).copied().unwrap_or_default();
        Some(format!(
            "{uid} is in {other} too, and otherwise there: import the newer file after the older one"
        ))
    }

    /// The bounds on what is yet to come.
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

    /// A mistake of all files together.
    fn all(&self, one: &str, many: &str, what: &str) -> String {
        match self.is_one {
            true => format!("the file {one} {what}"),
            false => format!("the files {many} {what}"),
        }
    }
}

/// Every mistake with its line, as far as anybody reads them.
fn told(wrong: &[String]) -> String {
    let mut texts: Vec<String> = wrong.iter().take(TOLD_MAX).cloned().collect();
    if wrong.len() > TOLD_MAX {
        texts.push(format!("and {} more", wrong.len() - TOLD_MAX));
    }
    texts.join("; ")
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
        read(format, &files, Duplicates::Keep, &ObjectLimits::default())
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
        assert_eq!(count(FileFormat::Cards, &[&cards(9_999), &card(0)]), Ok(10_000));
        let text = count(FileFormat::Cards, &[&card(0), &cards(9_999), &card(1)]);
        assert_eq!(text, Err("the files hold more than 10000 objects".to_owned()));
        let rows = |count: usize| format!("Name\n{}", "x\n".repeat(count));
        assert_eq!(count(FileFormat::Table, &[&rows(10_000)]), Ok(10_000));
        let text = refused(FileFormat::Table, &[rows(10_001).as_bytes()]);
        assert_eq!(text, "the file has more than 10000 rows");
        assert_eq!(count(FileFormat::Table, &[&rows(4_000), &rows(6_000)]), Ok(10_000));
        let text = count(FileFormat::Table, &[&rows(4_000), &rows(6_001)]);
        assert_eq!(text, Err("the files have more than 10000 rows".to_owned()));
        // Who is nobody counts.
        let nobody = format!("Name,Notes\n{}", ",x\n".repeat(10_000));
        let text = count(FileFormat::Table, &[&nobody, &rows(1)]);
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
}
