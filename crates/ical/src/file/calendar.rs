//! Files of whole calendars (RFC 5545 §3.4).

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::iter;

use super::object_zones::ObjectZones;
use super::pieces::{Piece, pieces};
use super::revision::{Revision, instance_of};
use super::{FileError, FileLimits, FileObject, uid_of};
use crate::component::Component;
use crate::limits::Limits;
use crate::line::Line;
use crate::object::ComponentKind;

/// LIMIT: properties that the calendars of a file have of their own; programs write ten.
const PROPERTIES_MAX: usize = 10_000;

/// The calendars of one file, or of several that are taken together, with what they hold grouped
/// into what may be one resource (RFC 4791 §4.1): the components of a UID, in whichever of the
/// calendars they stand, with the time zones they name.
#[derive(Debug, Default)]
pub struct CalendarFile<'b> {
    name: Option<String>,
    /// By their calendar and TZID.
    zones: HashMap<(usize, String), &'b [u8]>,
    /// Of each calendar: the lines that its objects have, too.
    heads: Vec<Vec<&'b [u8]>>,
    groups: Vec<Vec<Part<'b>>>,
    /// Where the components of a UID are: their kind and UID.
    known: HashMap<(&'static str, String), usize>,
    /// Where the component of an instance is in its group: one UID may have thousands of them.
    places: HashMap<(usize, String), usize>,
    /// What another file has a newer one of.
    left_out: Vec<Part<'b>>,
    files: usize,
    duplicates: usize,
    ignored: usize,
    components: usize,
}

#[derive(Debug)]
struct Part<'b> {
    file: usize,
    line: usize,
    calendar: usize,
    bytes: &'b [u8],
    revision: Revision,
    /// Where it has none itself.
    uid: Option<String>,
    /// TZID of those it names.
    zones: BTreeSet<String>,
}

impl<'b> CalendarFile<'b> {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with the file, or each of the components that cannot be read.
    pub fn parse(bytes: &'b [u8], limits: &FileLimits) -> Result<Self, Vec<FileError>> {
        let mut file = Self::default();
        file.add(bytes, limits)?;
        Ok(file)
    }

    /// Reads another file, and takes what it holds together with what was read before it. The
    /// objects of [`FileLimits`] are those of all files, the bytes are those of this one.
    ///
    /// # Errors
    /// As [`parse`](Self::parse). What the file holds besides may be among the objects; they are
    /// known by its number in [`FileObject::files`].
    pub fn add(&mut self, bytes: &'b [u8], limits: &FileLimits) -> Result<(), Vec<FileError>> {
        self.files += 1;
        if bytes.len() > limits.bytes_max {
            return Err(vec![FileError::TooLarge(limits.bytes_max)]);
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let before = self.heads.len();
        let mut reader = Reader { limits, file: self, wrong: Vec::new() };
        for piece in pieces(bytes, 1, limits.objects_max).map_err(|error| vec![error])? {
            if !piece.is_component || piece.name() != "VCALENDAR" {
                let text = "no VCALENDAR".to_owned();
                return Err(vec![FileError::Line { line: piece.line, text }]);
            }
            reader.calendar(&piece).map_err(|error| vec![error])?;
        }
        let wrong = reader.wrong;
        match (wrong.is_empty(), self.heads.len() == before) {
            (true, false) => Ok(()),
            (true, true) => Err(vec![FileError::Empty("VCALENDAR")]),
            (false, _) => Err(wrong),
        }
    }

    /// What the first of the calendars that has a name is called (RFC 7986 §5.1; X-WR-CALNAME
    /// before it).
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// How many components were left out because another of the same UID and instance stands in
    /// one of the files, which is newer or came first.
    pub fn duplicates(&self) -> usize {
        self.duplicates
    }

    /// How many components were left out because nobody knows what they are.
    pub fn ignored(&self) -> usize {
        self.ignored
    }

    /// The objects, in the order of the files, each made when it is asked for.
    pub fn objects(&self) -> FileObjects<'_, 'b> {
        FileObjects { file: self, at: 0 }
    }

    /// The components that were left out because another file has another of the same UID and
    /// instance, each as an object of its own: a file may be wrong in what it is not taken for.
    pub fn left_out(&self) -> impl Iterator<Item = FileObject> + use<'_, 'b> {
        self.left_out.iter().filter_map(|part| self.object(std::slice::from_ref(part)))
    }

    /// One object as a calendar of its own. METHOD stays behind: an import is no message, and
    /// invites nobody (RFC 4791 §4.1).
    fn object(&self, parts: &[Part<'b>]) -> Option<FileObject> {
        let first = parts.first()?;
        let mut bytes = b"BEGIN:VCALENDAR\r\n".to_vec();
        let head = self.heads.get(first.calendar).map(Vec::as_slice).unwrap_or_default();
        head.iter().for_each(|line| bytes.extend_from_slice(line));
        let mut named: BTreeSet<(&str, usize)> = BTreeSet::new();
        for part in parts {
            named.extend(part.zones.iter().map(|id| (id.as_str(), part.calendar)));
        }
        let described = named.into_iter().filter_map(|(id, calendar)| {
            Some((id, calendar, *self.zones.get(&(calendar, id.to_owned()))?))
        });
        let zones = ObjectZones::of(described);
        zones.render(&mut bytes);
        parts.iter().for_each(|part| zones.render_part(part.calendar, part.render(), &mut bytes));
        bytes.extend_from_slice(b"END:VCALENDAR\r\n");
        let files: BTreeSet<usize> = parts.iter().map(|part| part.file).collect();
        let others = files.into_iter().filter(|file| *file != first.file);
        let files = iter::once(first.file).chain(others).collect();
        Some(FileObject { files, line: first.line, bytes })
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
        self.file.object(group)
    }
}

impl Part<'_> {
    fn render(&self) -> Cow<'_, [u8]> {
        let Some(uid) = &self.uid else { return Cow::Borrowed(self.bytes) };
        let (begin, rest) = self.bytes.split_at(crate::fold::logical_end(self.bytes));
        let mut out = begin.to_vec();
        Line::new("UID", uid.as_str()).render(&mut out);
        out.extend_from_slice(rest);
        Cow::Owned(out)
    }
}

struct Reader<'r, 'b> {
    limits: &'r FileLimits,
    file: &'r mut CalendarFile<'b>,
    wrong: Vec<FileError>,
}

impl<'b> Reader<'_, 'b> {
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
        let mut zones = BTreeSet::new();
        zones_named(component, &mut zones);
        let part = Part {
            file: self.file.files.saturating_sub(1),
            line: piece.line,
            calendar,
            bytes: piece.bytes,
            revision: Revision::of(component),
            uid: made,
            zones,
        };
        let CalendarFile { groups, known, places, left_out, duplicates, .. } = &mut *self.file;
        let at = *known.entry((kind.name(), uid)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        let Some(group) = groups.get_mut(at) else { return };
        let next = group.len();
        let place = *places.entry((at, instance_of(component))).or_insert(next);
        match group.get_mut(place) {
            Some(other) => {
                *duplicates += 1;
                let loser = match part.revision > other.revision {
                    true => std::mem::replace(other, part),
                    false => part,
                };
                if loser.file != other.file && loser.bytes != other.bytes {
                    left_out.push(loser);
                }
            }
            None => group.push(part),
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
