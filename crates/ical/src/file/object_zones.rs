//! The time zones of one object whose components stand in several calendars.

use std::borrow::Cow;
use std::collections::HashMap;

use super::join::rename_zones;
use crate::component::Component;
use crate::limits::Limits;
use crate::line::Line;
use crate::text::escape_text;
use crate::zone::is_known;

/// **Invariant:** each stands in the object once under its name, and each component names the one
/// that its own calendar describes.
#[derive(Debug, Default)]
pub(super) struct ObjectZones<'z> {
    written: Vec<Cow<'z, [u8]>>,
    /// By calendar: what the zones that had to get another name are called.
    renamed: HashMap<usize, HashMap<String, String>>,
}

impl<'z> ObjectZones<'z> {
    /// Of those that are named: their TZID, their calendar, and what it says of them. Those of one
    /// TZID come one after another.
    pub(super) fn of(described: impl Iterator<Item = (&'z str, usize, &'z [u8])>) -> Self {
        let mut zones = Self::default();
        let described: Vec<_> = described.collect();
        let of_one_name = described.chunk_by(|(one, ..), (other, ..)| one == other);
        for same in of_one_name {
            let is_free = |name: &str| described.iter().all(|(id, ..)| *id != name);
            zones.add(same, is_free);
        }
        zones
    }

    /// QUIRK(Outlook): `Customized Time Zone` is another zone in every calendar. One that is named
    /// as another is, and is not in the IANA database, gets a name of its own.
    fn add(&mut self, same: &[(&'z str, usize, &'z [u8])], is_free: impl Fn(&str) -> bool) {
        let Some(&(id, _, first)) = same.first() else { return };
        self.written.push(Cow::Borrowed(first));
        if is_known(id) {
            return;
        }
        let mut names: HashMap<&[u8], String> = HashMap::new();
        let mut number = 1;
        for &(_, calendar, bytes) in same.iter().filter(|(_, _, bytes)| *bytes != first) {
            if !names.contains_key(bytes) {
                let Ok(mut zone) = Component::parse(bytes, &Limits::DEFAULT) else { continue };
                let name = loop {
                    number += 1;
                    let name = format!("{id} {number}");
                    if is_free(&name) {
                        break name;
                    }
                };
                zone.put(Line::new("TZID", escape_text(&name)));
                self.written.push(Cow::Owned(zone.render()));
                names.insert(bytes, name);
            }
            if let Some(name) = names.get(bytes) {
                let renamed = self.renamed.entry(calendar).or_default();
                renamed.insert(id.to_owned(), name.clone());
            }
        }
    }

    pub(super) fn render(&self, out: &mut Vec<u8>) {
        self.written.iter().for_each(|bytes| out.extend_from_slice(bytes));
    }

    /// A component of one of the calendars, as it stands there unless a zone is called otherwise.
    pub(super) fn render_part(&self, calendar: usize, part: Cow<'_, [u8]>, out: &mut Vec<u8>) {
        let renamed = self.renamed.get(&calendar);
        let read = renamed.map(|renamed| (renamed, Component::parse(&part, &Limits::DEFAULT)));
        match read {
            Some((renamed, Ok(mut component))) => {
                rename_zones(&mut component, renamed);
                out.extend_from_slice(&component.render());
            }
            _ => out.extend_from_slice(&part),
        }
    }
}
