//! The content lines of an object, sorted by whose they are. Nothing is refused: what cannot be
//! read as a line is one like any other.

use crate::fold::{logical_lines, unfold};
use crate::limits::Limits;
use crate::line::Line;
use crate::object::ComponentKind;

use super::is_note;

/// What names a component among those of its object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) kind: ComponentKind,
    /// The value, TZID and RANGE of RECURRENCE-ID.
    pub(super) instance: Option<[String; 3]>,
}

impl Key {
    /// The name of the component.
    pub(super) fn kind(&self) -> &'static str {
        self.kind.name()
    }

    pub(super) fn is_master(&self) -> bool {
        self.instance.is_none()
    }

    /// The key of the series that it is an occurrence of.
    pub(super) fn master(&self) -> Self {
        Self { kind: self.kind, instance: None }
    }
}

/// A part of an object, in order. All bytes of it are in one of them.
pub(super) enum Piece<'b> {
    /// A line outside of events and to-dos, with its folds and its break.
    Line(&'b [u8]),
    /// An event or a to-do.
    Part(Part<'b>),
}

/// The lines of one component.
pub(super) struct Part<'b> {
    pub(super) key: Key,
    /// The RECURRENCE-ID, if it has one.
    pub(super) instance: Option<&'b [u8]>,
    /// The lines before the first component within it, BEGIN included and notes left out.
    pub(super) properties: Vec<&'b [u8]>,
    /// Components within it but for alarms, and what stands behind them.
    pub(super) within: Vec<&'b [u8]>,
    /// The lines that note something about alarms.
    pub(super) notes: Vec<&'b [u8]>,
    pub(super) alarms: Vec<&'b [u8]>,
    /// The end of the component; empty where it has none.
    pub(super) end: &'b [u8],
}

impl<'b> Part<'b> {
    fn new(kind: ComponentKind, begin: &'b [u8]) -> Self {
        Self {
            key: Key { kind, instance: None },
            instance: None,
            properties: vec![begin],
            within: Vec::new(),
            notes: Vec::new(),
            alarms: Vec::new(),
            end: &[],
        }
    }

    /// A property of its own.
    fn take(&mut self, name: &str, raw: &'b [u8]) {
        if is_note(name) {
            return self.notes.push(raw);
        }
        if name == "RECURRENCE-ID"
            && self.instance.is_none()
            && let Some(line) = read(raw)
        {
            let parameter = |name| line.parameter(name).unwrap_or_default().trim().to_owned();
            let range = parameter("RANGE").to_ascii_uppercase();
            let value = line.value().trim().to_ascii_uppercase();
            self.key.instance = Some([value, parameter("TZID"), range]);
            self.instance = Some(raw);
        }
        if self.within.is_empty() { &mut self.properties } else { &mut self.within }.push(raw);
    }
}

/// Where the reader is.
struct Reader<'b> {
    pieces: Vec<Piece<'b>>,
    /// Components that have begun and not ended.
    depth: usize,
    part: Option<Part<'b>>,
    in_alarm: bool,
}

/// The depth of what stands in events and to-dos, which stand in VCALENDAR.
const IN_PART: usize = 2;

pub(super) fn pieces(object: &[u8]) -> Vec<Piece<'_>> {
    let mut reader = Reader { pieces: Vec::new(), depth: 0, part: None, in_alarm: false };
    logical_lines(object).for_each(|raw| reader.take(raw));
    reader.pieces.extend(reader.part.map(Piece::Part));
    reader.pieces
}

impl<'b> Reader<'b> {
    fn take(&mut self, raw: &'b [u8]) {
        let name = name_of(raw);
        match name.as_str() {
            "BEGIN" => self.begin(raw),
            "END" => self.end(raw),
            _ => self.property(&name, raw),
        }
    }

    fn begin(&mut self, raw: &'b [u8]) {
        self.depth += 1;
        let name = read(raw).map(|line| line.value().trim().to_ascii_uppercase());
        match &mut self.part {
            Some(part) if self.in_alarm => part.alarms.push(raw),
            Some(part) if self.depth == IN_PART + 1 && name.as_deref() == Some("VALARM") => {
                self.in_alarm = true;
                part.alarms.push(raw);
            }
            Some(part) => part.within.push(raw),
            None => {
                let kind = name.as_deref().and_then(ComponentKind::find);
                let kind = kind.filter(|kind| {
                    self.depth == IN_PART
                        && matches!(kind, ComponentKind::Event | ComponentKind::Todo)
                });
                match kind {
                    Some(kind) => self.part = Some(Part::new(kind, raw)),
                    None => self.pieces.push(Piece::Line(raw)),
                }
            }
        }
    }

    fn end(&mut self, raw: &'b [u8]) {
        let depth = self.depth;
        self.depth = depth.saturating_sub(1);
        match &mut self.part {
            Some(part) if self.in_alarm => {
                part.alarms.push(raw);
                self.in_alarm = depth > IN_PART + 1;
            }
            Some(part) if depth > IN_PART => part.within.push(raw),
            Some(_) => {
                if let Some(mut part) = self.part.take() {
                    part.end = raw;
                    self.pieces.push(Piece::Part(part));
                }
            }
            None => self.pieces.push(Piece::Line(raw)),
        }
    }

    fn property(&mut self, name: &str, raw: &'b [u8]) {
        match &mut self.part {
            Some(part) if self.in_alarm => part.alarms.push(raw),
            Some(part) if self.depth > IN_PART => part.within.push(raw),
            Some(part) => part.take(name, raw),
            None => self.pieces.push(Piece::Line(raw)),
        }
    }
}

/// The name of a line, in capitals, as [`Line`] has it; empty where there is none.
fn name_of(raw: &[u8]) -> String {
    // QUIRK(Windows programs): a byte order mark.
    let bytes = unfold(raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw));
    let end = bytes.iter().position(|byte| matches!(byte, b';' | b':' | b'=' | b'"' | b','));
    let name = String::from_utf8_lossy(bytes.get(..end.unwrap_or(0)).unwrap_or_default());
    let name = name.split_once('.').map_or(&*name, |(_, name)| name);
    name.to_ascii_uppercase()
}

fn read(raw: &[u8]) -> Option<Line> {
    let raw = raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw);
    Line::parse(raw, 0, &Limits::DEFAULT).ok()
}
