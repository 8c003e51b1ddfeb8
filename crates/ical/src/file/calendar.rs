//! Files of whole calendars (RFC 5545 §3.4), split into one object for each UID.

use std::collections::{BTreeSet, HashMap};

use super::pieces::{Piece, pieces};
use super::{FileError, FileLimits, FileObject, uid_of};
use crate::component::Component;
use crate::limits::Limits;
use crate::line::Line;
use crate::object::ComponentKind;

/// LIMIT: properties that the calendars of a file have of their own; programs write ten.
const PROPERTIES_MAX: usize = 10_000;

/// The calendars of a file, with what they hold grouped into what may be one resource
/// (RFC 4791 §4.1): the components of a UID, with the time zones they name.
#[derive(Debug)]
pub struct CalendarFile<'b> {
    name: Option<String>,
    zones: HashMap<(usize, String), &'b [u8]>,
    /// For each calendar of the file, the lines that its objects take over.
    heads: Vec<Vec<&'b [u8]>>,
    groups: Vec<Group<'b>>,
    duplicates: usize,
    ignored: usize,
    components: usize,
}

#[derive(Debug)]
struct Group<'b> {
    calendar: usize,
    line: usize,
    zones: BTreeSet<String>,
    parts: Vec<Part<'b>>,
}

#[derive(Debug)]
struct Part<'b> {
    bytes: &'b [u8],
    sequence: u64,
    /// A UID of its own, for a component that has none.
    uid: Option<String>,
}

impl<'b> CalendarFile<'b> {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with the file, or each of the components that cannot be read.
    pub fn parse(bytes: &'b [u8], limits: &FileLimits) -> Result<Self, Vec<FileError>> {
        if bytes.len() > limits.bytes_max {
            return Err(vec![FileError::TooLarge(limits.bytes_max)]);
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = Reader::new(limits);
        for piece in pieces(bytes, 1, limits.objects_max).map_err(|error| vec![error])? {
            if !piece.is_component || piece.name() != "VCALENDAR" {
                let text = "no VCALENDAR".to_owned();
                return Err(vec![FileError::Line { line: piece.line, text }]);
            }
            reader.calendar(&piece).map_err(|error| vec![error])?;
        }
        reader.end()
    }

    /// What the first of the calendars is called (RFC 7986 §5.1; X-WR-CALNAME before it).
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// How many components were left out because another of the same UID and occurrence stands in
    /// the file, which is newer or came first.
    pub fn duplicates(&self) -> usize {
        self.duplicates
    }

    /// How many components were left out because nobody knows what they are.
    pub fn ignored(&self) -> usize {
        self.ignored
    }

    /// How many components it has, time zones and those left out with them: what
    /// [`FileLimits::objects_max`] bounds.
    pub fn components(&self) -> usize {
        self.components
    }

    /// The objects, in the order of the file, each made when it is asked for.
    pub fn objects(&self) -> FileObjects<'_, 'b> {
        FileObjects { file: self, at: 0 }
    }

    /// One object as a calendar of its own. METHOD stays behind: an import is no message, and
    /// invites nobody (RFC 4791 §4.1).
    fn object(&self, group: &Group<'b>) -> FileObject {
        let mut bytes = b"BEGIN:VCALENDAR\r\n".to_vec();
        let head = self.heads.get(group.calendar).map(Vec::as_slice).unwrap_or_default();
        head.iter().for_each(|line| bytes.extend_from_slice(line));
        for zone in &group.zones {
            if let Some(zone) = self.zones.get(&(group.calendar, zone.clone())) {
                bytes.extend_from_slice(zone);
            }
        }
        group.parts.iter().for_each(|part| part.render(&mut bytes));
        bytes.extend_from_slice(b"END:VCALENDAR\r\n");
        FileObject { line: group.line, bytes }
    }
}

/// See [`CalendarFile::objects`].
#[derive(Debug)]
pub struct FileObjects<'f, 'b> {
    file: &'f CalendarFile<'b>,
    at: usize,
}

impl Iterator for FileObjects<'_, '_> {
    type Item = FileObject;

    fn next(&mut self) -> Option<FileObject> {
        let group = self.file.groups.get(self.at)?;
        self.at += 1;
        Some(self.file.object(group))
    }
}

impl Part<'_> {
    fn render(&self, out: &mut Vec<u8>) {
        let Some(uid) = &self.uid else { return out.extend_from_slice(self.bytes) };
        let begin = crate::fold::logical_end(self.bytes);
        let (begin, rest) = self.bytes.split_at(begin);
        out.extend_from_slice(begin);
        Line::new("UID", uid.as_str()).render(out);
        out.extend_from_slice(rest);
    }
}

struct Reader<'l, 'b> {
    limits: &'l FileLimits,
    file: CalendarFile<'b>,
    /// Where the components of a UID are: their calendar, kind and UID.
    known: HashMap<(usize, &'static str, String), usize>,
    /// Where the component of an occurrence is in its group: one UID may have thousands of them.
    places: HashMap<(usize, String), usize>,
    wrong: Vec<FileError>,
}

impl<'l, 'b> Reader<'l, 'b> {
    fn new(limits: &'l FileLimits) -> Self {
        let file = CalendarFile {
            name: None,
            zones: HashMap::new(),
            heads: Vec::new(),
            groups: Vec::new(),
            duplicates: 0,
            ignored: 0,
            components: 0,
        };
        let (known, places) = (HashMap::new(), HashMap::new());
        Self { limits, file, known, places, wrong: Vec::new() }
    }

    fn calendar(&mut self, calendar: &Piece<'b>) -> Result<(), FileError> {
        let number = self.file.heads.len();
        self.file.heads.push(Vec::new());
        let pieces_max = self.limits.objects_max.saturating_add(PROPERTIES_MAX);
        let pieces = calendar.within(pieces_max).map_err(|error| match error {
            // Of what is counted here, the fewest are objects.
            FileError::TooMany(_) => {
                let text = format!("more than {pieces_max} properties and components");
                FileError::Line { line: calendar.line, text }
            }
            other => other,
        });
        for piece in pieces? {
            match piece.is_component {
                true => self.component(number, &piece)?,
                false => self.line(number, &piece),
            }
        }
        Ok(())
    }

    fn line(&mut self, calendar: usize, piece: &Piece<'b>) {
        match piece.name().as_str() {
            "VERSION" | "PRODID" | "CALSCALE" => {
                if let Some(head) = self.file.heads.get_mut(calendar) {
                    head.push(piece.bytes);
                }
            }
            "NAME" | "X-WR-CALNAME" if self.file.name.is_none() => {
                let line = Line::parse(piece.bytes, piece.line, &self.limits.object);
                let name = line.map(|line| line.text().trim().to_owned()).unwrap_or_default();
                self.file.name = Some(name).filter(|name| !name.is_empty());
            }
            _ => {}
        }
    }

    fn component(&mut self, calendar: usize, piece: &Piece<'b>) -> Result<(), FileError> {
        self.file.components += 1;
        if self.file.components > self.limits.objects_max {
            return Err(FileError::TooMany(self.limits.objects_max));
        }
        let name = piece.name();
        let kind = ComponentKind::find(&name);
        if kind.is_none() && name != "VTIMEZONE" {
            self.file.ignored += 1;
            return Ok(());
        }
        let component = match read(piece, &self.limits.object) {
            Ok(component) => component,
            Err(error) => {
                self.wrong.push(error);
                return Ok(());
            }
        };
        match kind {
            None => self.zone(calendar, piece, &component),
            Some(kind) => self.part(calendar, piece, kind, &component),
        }
        Ok(())
    }

    fn zone(&mut self, calendar: usize, piece: &Piece<'b>, zone: &Component) {
        if let Some(id) = zone.line("TZID") {
            let key = (calendar, id.text().trim().to_owned());
            self.file.zones.entry(key).or_insert(piece.bytes);
        }
    }

    fn part(
        &mut self,
        calendar: usize,
        piece: &Piece<'b>,
        kind: ComponentKind,
        component: &Component,
    ) {
        let value = |name| component.line(name).map(|line| line.text().trim().to_owned());
        let uid = value("UID").filter(|uid| !uid.is_empty());
        let made = uid.is_none().then(|| uid_of(piece.bytes));
        let Some(uid) = uid.or_else(|| made.clone()) else { return };
        let part = Part {
            bytes: piece.bytes,
            sequence: value("SEQUENCE").and_then(|text| text.parse().ok()).unwrap_or(0),
            uid: made,
        };
        let recurrence = value("RECURRENCE-ID").unwrap_or_default();
        let groups = &mut self.file.groups;
        let at = *self.known.entry((calendar, kind.name(), uid)).or_insert_with(|| {
            let (line, zones) = (piece.line, BTreeSet::new());
            groups.push(Group { calendar, line, zones, parts: Vec::new() });
            groups.len() - 1
        });
        let Some(group) = groups.get_mut(at) else { return };
        zones_named(component, &mut group.zones);
        let next = group.parts.len();
        let place = *self.places.entry((at, recurrence)).or_insert(next);
        match group.parts.get_mut(place) {
            // RFC 5545 §3.8.7.4: the larger number is the newer revision.
            Some(other) => {
                self.file.duplicates += 1;
                if part.sequence > other.sequence {
                    *other = part;
                }
            }
            None => group.parts.push(part),
        }
    }

    fn end(self) -> Result<CalendarFile<'b>, Vec<FileError>> {
        match (self.wrong.is_empty(), self.file.heads.is_empty()) {
            (true, false) => Ok(self.file),
            (true, true) => Err(vec![FileError::Empty("VCALENDAR")]),
            (false, _) => Err(self.wrong),
        }
    }
}

fn read(piece: &Piece<'_>, limits: &Limits) -> Result<Component, FileError> {
    Component::parse(piece.bytes, limits)
        .map_err(|error| FileError::Line { line: piece.line, text: error.to_string() })
}

/// The time zones that a component and those within it name.
fn zones_named(component: &Component, zones: &mut BTreeSet<String>) {
    for line in &component.lines {
        if let Some(id) = line.parameter("TZID") {
            zones.insert(id.trim().to_owned());
        }
    }
    // As deep as `Limits::depth_max`.
    component.components.iter().for_each(|within| zones_named(within, zones));
}
