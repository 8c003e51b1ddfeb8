//! What of an event or a to-do is one person's alone: alarms (RFC 5545 §3.6.6), and what their
//! program notes of these. It is taken out of objects and put into them line by line: every other
//! byte stays what and where it was, whatever order it has.

mod respelled;
mod same;
mod scan;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use respelled::Respelled;
pub use same::is_same_but_alarms;
use scan::{Key, Piece};

const BEGIN: &[u8] = b"BEGIN:VCALENDAR\r\n";
const END: &[u8] = b"END:VCALENDAR\r\n";

/// QUIRK(Thunderbird): when an alarm was dismissed, and until when it was put off, stands in the
/// event; the second for each instance, whose time follows the name.
const NOTES: [&str; 2] = ["X-MOZ-LASTACK", "X-MOZ-SNOOZE-TIME"];

/// Whether a property of this name, which is in capitals, is one person's alone.
fn is_note(name: &str) -> bool {
    NOTES.iter().any(|note| name.starts_with(note))
}

/// The alarms that one person has in the components of an object, with their notes.
///
/// A component that is not named has the alarms of its master, and no notes: an occurrence becomes
/// a component of its own with all that it had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnAlarms {
    parts: BTreeMap<Key, Own>,
}

/// The alarms of one component, as they were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Own {
    /// The RECURRENCE-ID; empty for the master.
    instance: Vec<u8>,
    notes: Vec<u8>,
    alarms: Vec<u8>,
}

impl OwnAlarms {
    /// The alarms in an object, or in what [`render`](Self::render) wrote.
    pub fn of(object: &[u8]) -> Self {
        let mut parts: BTreeMap<Key, Own> = BTreeMap::new();
        for piece in scan::pieces(object) {
            let Piece::Part(part) = piece else { continue };
            let instance = part.instance.map(whole).unwrap_or_default();
            let notes = part.notes.iter().copied().flat_map(whole).collect();
            let alarms = part.alarms.iter().copied().flat_map(whole).collect();
            // Of two that claim to be one component, the first is.
            parts.entry(part.key).or_insert(Own { instance, notes, alarms });
        }
        let mut all = Self { parts };
        all.leave_out_what_follows();
        all
    }

    /// Removes what would be so without being said.
    fn leave_out_what_follows(&mut self) {
        let masters: BTreeMap<Key, Vec<u8>> = self
            .parts
            .iter()
            .filter(|(key, _)| key.is_master())
            .map(|(key, own)| (key.clone(), own.alarms.clone()))
            .collect();
        self.parts.retain(|key, own| {
            let inherited = match key.is_master() {
                true => None,
                false => masters.get(&key.master()),
            };
            !own.notes.is_empty() || own.alarms != inherited.map_or(&[][..], Vec::as_slice)
        });
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// All of them as an object of these components with nothing else in them; empty where there is
    /// none. The same alarms make the same bytes, in whatever order their components stood.
    pub fn render(&self) -> Vec<u8> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut out = BEGIN.to_vec();
        for (key, own) in &self.parts {
            out.extend_from_slice(format!("BEGIN:{}\r\n", key.kind()).as_bytes());
            for bytes in [&own.instance, &own.notes, &own.alarms] {
                out.extend_from_slice(bytes);
            }
            out.extend_from_slice(format!("END:{}\r\n", key.kind()).as_bytes());
        }
        out.extend_from_slice(END);
        out
    }

    /// An object with these alarms in the place of all that it has: notes behind the properties of
    /// their component, alarms at its end.
    pub fn apply(&self, object: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(object.len());
        let pieces = scan::pieces(object);
        let respelled = self.respelled(&pieces);
        for piece in pieces {
            let part = match piece {
                Piece::Line(raw) => {
                    out.extend_from_slice(raw);
                    continue;
                }
                Piece::Part(part) => part,
            };
            let (notes, alarms) = self.in_part(&part.key, &respelled);
            part.properties.iter().for_each(|raw| out.extend_from_slice(raw));
            out.extend_from_slice(notes);
            part.within.iter().for_each(|raw| out.extend_from_slice(raw));
            out.extend_from_slice(alarms);
            out.extend_from_slice(part.end);
        }
        out
    }

    /// The alarms of components that the object does not have under the same key.
    fn respelled(&self, pieces: &[Piece<'_>]) -> Respelled<'_> {
        let there = pieces.iter().filter_map(|piece| match piece {
            Piece::Part(part) => Some(&part.key),
            Piece::Line(_) => None,
        });
        let there: BTreeSet<&Key> = there.collect();
        Respelled::of(self.parts.keys().filter(|key| !there.contains(key)))
    }

    /// The notes and the alarms kept for the component of this key. An instance with no entry
    /// of its own has the alarms of the component that recurs.
    fn in_part(&self, key: &Key, respelled: &Respelled<'_>) -> (&[u8], &[u8]) {
        let known = self.parts.get(key);
        let known = known.or_else(|| self.parts.get(respelled.find(key)?));
        if let Some(own) = known {
            return (&own.notes, &own.alarms);
        }
        let master = if key.is_master() { None } else { self.parts.get(&key.master()) };
        (&[], master.map_or(&[], |own| &own.alarms))
    }
}

/// A line with its break, which the last one of an object may lack.
fn whole(raw: &[u8]) -> Vec<u8> {
    let mut line = raw.to_vec();
    if !line.ends_with(b"\n") {
        line.extend_from_slice(b"\r\n");
    }
    line
}
