//! Many objects as one calendar (RFC 5545 §3.4), for export and for who subscribes to it.

use std::collections::HashMap;

use super::pieces::pieces;
use crate::component::Component;
use crate::line::Line;
use crate::text::escape_text;
use crate::zone::{is_known, vtimezone};

/// A calendar that objects are added to, one by one.
///
/// **Invariant:** each time zone stands in it once under its name.
#[derive(Debug)]
pub struct JoinedCalendar {
    out: Vec<u8>,
    /// What was written of each zone, by its name.
    zones: HashMap<String, Vec<u8>>,
    /// The new names of time zones whose names were taken, by their definitions.
    renamed: HashMap<Vec<u8>, String>,
    /// By the name they came with, the last number that was given to one of it.
    numbers: HashMap<String, usize>,
}

impl JoinedCalendar {
    /// A file without objects. `product` becomes the PRODID.
    pub fn new(product: &str) -> Self {
        let mut out = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n".to_vec();
        Line::new("PRODID", escape_text(product)).render(&mut out);
        out.extend_from_slice(b"CALSCALE:GREGORIAN\r\n");
        Self { out, zones: HashMap::new(), renamed: HashMap::new(), numbers: HashMap::new() }
    }

    /// Writes the name of the calendar; to be called before the first object is added.
    pub fn name(&mut self, name: &str) {
        // RFC 7986 §5.1; programs know it by the name it had before.
        for property in ["NAME", "X-WR-CALNAME"] {
            Line::new(property, escape_text(name)).render(&mut self.out);
        }
    }

    /// Writes the description of the calendar; before the first object.
    pub fn description(&mut self, text: &str) {
        for property in ["DESCRIPTION", "X-WR-CALDESC"] {
            Line::new(property, escape_text(text)).render(&mut self.out);
        }
    }

    /// Writes the colour of the calendar; before the first object.
    pub fn color(&mut self, color: &str) {
        Line::new("X-APPLE-CALENDAR-COLOR", escape_text(color)).render(&mut self.out);
    }

    /// How often it is worth asking for again (RFC 7986 §5.7); before the first object.
    pub fn refresh_interval(&mut self, duration: &str) {
        Line::new("REFRESH-INTERVAL", duration).with("VALUE", "DURATION").render(&mut self.out);
        Line::new("X-PUBLISHED-TTL", duration).render(&mut self.out);
    }

    /// Adds the components of an object that was stored, byte for byte.
    pub fn add(&mut self, object: &[u8]) {
        let max = crate::Limits::DEFAULT.lines_max;
        let Ok(calendars) = pieces(object, 1, max) else { return };
        let components = calendars.iter().filter(|piece| piece.is_component);
        let within = components.filter_map(|calendar| calendar.within(max).ok()).flatten();
        let (zones, parts): (Vec<_>, Vec<_>) = within
            .filter(|piece| piece.is_component)
            .partition(|piece| piece.name() == "VTIMEZONE");
        let mut renamed = HashMap::new();
        zones.iter().for_each(|zone| self.add_zone(zone.bytes, &mut renamed));
        for part in parts {
            self.add_zones_named_in(part.bytes);
            match renamed.is_empty() {
                true => self.out.extend_from_slice(part.bytes),
                false => self.add_renamed(part.bytes, &renamed),
            }
        }
    }

    /// Adds what was read, or made.
    pub fn add_component(&mut self, component: &Component) {
        self.add(&component.render());
    }

    /// RFC 5545 §3.2.19: those that the object does not describe, since its program and this server
    /// know them (RFC 7809).
    fn add_zones_named_in(&mut self, part: &[u8]) {
        // Most name none, or one that is there.
        let mut rest = part;
        while let Some(at) = memchr::memmem::find(rest, b"TZID=") {
            rest = rest.get(at + 5..).unwrap_or_default();
            let end =
                rest.iter().position(|byte| matches!(byte, b':' | b';' | b'"' | b'\r' | b'\n'));
            let id = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            let Ok(id) = std::str::from_utf8(id) else { continue };
            let id = id.trim();
            if !self.zones.contains_key(id)
                && let Some(zone) = vtimezone(id)
            {
                let bytes = zone.render();
                self.out.extend_from_slice(&bytes);
                self.zones.insert(id.to_owned(), bytes);
            }
        }
    }

    /// QUIRK(Outlook): `Customized Time Zone` is another zone in every object. One that is named
    /// as another is, and is not in the IANA database, gets a name of its own.
    fn add_zone(&mut self, bytes: &[u8], renamed: &mut HashMap<String, String>) {
        let limits = crate::Limits::default();
        let Ok(mut zone) = Component::parse(bytes, &limits) else { return };
        let Some(id) = zone.line("TZID").map(|line| line.text().trim().to_owned()) else { return };
        match self.zones.get(&id) {
            None => {
                self.out.extend_from_slice(bytes);
                self.zones.insert(id, bytes.to_vec());
                return;
            }
            Some(there) if there == bytes || is_known(&id) => return,
            Some(_) => {}
        }
        if let Some(name) = self.renamed.get(bytes) {
            renamed.insert(id, name.clone());
            return;
        }
        let name = self.free_name(&id);
        zone.put(Line::new("TZID", escape_text(&name)));
        self.out.extend_from_slice(&zone.render());
        self.zones.insert(name.clone(), bytes.to_vec());
        self.renamed.insert(bytes.to_vec(), name.clone());
        renamed.insert(id, name);
    }

    /// `Here 2`, `Here 3`: each number is tried once, however many zones are called so.
    fn free_name(&mut self, id: &str) -> String {
        let number = self.numbers.entry(id.to_owned()).or_insert(1);
        loop {
            *number += 1;
            let name = format!("{id} {number}");
            if !self.zones.contains_key(&name) {
                return name;
            }
        }
    }

    fn add_renamed(&mut self, bytes: &[u8], renamed: &HashMap<String, String>) {
        let Ok(mut part) = Component::parse(bytes, &crate::Limits::default()) else { return };
        rename_zones(&mut part, renamed);
        self.out.extend_from_slice(&part.render());
    }

    /// What was written since this was asked last, for who does not keep it all.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Ends the file and returns the rest of its bytes.
    pub fn end(mut self) -> Vec<u8> {
        self.out.extend_from_slice(b"END:VCALENDAR\r\n");
        self.out
    }
}

fn rename_zones(component: &mut Component, renamed: &HashMap<String, String>) {
    for line in &mut component.lines {
        let name = line.parameter("TZID").and_then(|id| renamed.get(id.trim())).cloned();
        if let Some(name) = name {
            line.set_parameter("TZID", name);
        }
    }
    // As deep as `Limits::depth_max`.
    component.components.iter_mut().for_each(|within| rename_zones(within, renamed));
}
