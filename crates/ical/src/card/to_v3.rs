//! From vCard 4.0 to 3.0 (RFC 6350 appendix A, RFC 2426), for clients that ask for the older
//! version.

use std::collections::HashSet;

use super::parse::{Card, CardVersion, formatted_name};
use super::types::{put_types, short_media_type, types_of};
use crate::component::Component;
use crate::line::Line;
use crate::text::{escape_text, unescape_text};

/// The year that Apple writes where there is none.
const NO_YEAR: &str = "1604";

impl Card {
    pub(super) fn to_v3(&self) -> Self {
        let old = self.component();
        let mut new = Component::new("VCARD");
        new.lines.push(Line::new("VERSION", "3.0"));
        let mut groups = Groups::of(old);
        for line in &old.lines {
            convert(line, &mut groups, &mut new.lines);
        }
        if new.line("FN").is_none() {
            new.lines.insert(1, Line::new("FN", escape_text(&formatted_name(old))));
        }
        if new.line("N").is_none() {
            // RFC 2426 §3.1.2: it has to be there.
            let name = escape_text(&formatted_name(old));
            new.lines.insert(1, Line::new("N", format!("{name};;;;")));
        }
        new.components = old.components.clone();
        Self::made(new, CardVersion::V3)
    }
}

/// Names for groups that are not taken yet.
struct Groups {
    taken: HashSet<String>,
    last: usize,
}

impl Groups {
    fn of(card: &Component) -> Self {
        let taken = card.lines.iter().filter_map(|line| line.group());
        Self { taken: taken.map(str::to_ascii_lowercase).collect(), last: 0 }
    }

    fn free(&mut self) -> String {
        loop {
            self.last += 1;
            let name = format!("item{}", self.last);
            if !self.taken.contains(&name) {
                return name;
            }
        }
    }
}

fn convert(line: &Line, groups: &mut Groups, out: &mut Vec<Line>) {
    let mut line = line.clone();
    convert_types(&mut line);
    match line.name() {
        "VERSION" => return,
        "KIND" if line.value().trim().eq_ignore_ascii_case("group") => {
            line.set_name("X-ADDRESSBOOKSERVER-KIND");
        }
        "MEMBER" => line.set_name("X-ADDRESSBOOKSERVER-MEMBER"),
        "PHOTO" | "LOGO" | "SOUND" | "KEY" => convert_media(&mut line),
        "BDAY" | "DEATHDATE" | "REV" => convert_date(&mut line),
        "ANNIVERSARY" => {
            convert_date(&mut line);
            line.set_name("X-ABDATE");
            let group = groups.free();
            line.set_group(Some(group.clone()));
            out.push(line);
            let mut label = Line::new("X-ABLabel", "_$!<Anniversary>!$_");
            label.set_group(Some(group));
            out.push(label);
            return;
        }
        "GEO" => convert_place(&mut line),
        "TZ" => convert_offset(&mut line),
        "UID" if is_text(&line) => line.remove_parameter("VALUE"),
        "N" => convert_sort(&mut line, out),
        "ADR" => convert_label(&mut line, out),
        _ => {}
    }
    out.push(line);
}

fn is_text(line: &Line) -> bool {
    line.parameter("VALUE").is_some_and(|kind| kind.eq_ignore_ascii_case("text"))
}

/// RFC 2426 §3.3.1: the preferred one has a type. Lower ranks have none, and stay where they harm
/// nobody.
fn convert_types(line: &mut Line) {
    let mut types = types_of(line);
    let before = line.parameters().iter().filter(|parameter| parameter.name == "TYPE");
    let quoted = before.flat_map(|parameter| &parameter.values).any(|value| value.contains(','));
    let preferred = line.parameter("PREF").is_some_and(|rank| rank.trim() == "1");
    if preferred {
        types.push("PREF".to_owned());
        line.remove_parameter("PREF");
    }
    if preferred || quoted {
        put_types(line, types);
    }
}

/// RFC 2426 §3.1.4: what stands in the card is in base64, what does not is a URI.
fn convert_media(line: &mut Line) {
    if is_text(line) {
        return;
    }
    let data = line.value().strip_prefix("data:").and_then(|rest| rest.split_once(','));
    let inline = data.and_then(|(kind, text)| Some((kind.strip_suffix(";base64")?, text)));
    let mut types = types_of(line);
    let (media, value) = match inline {
        Some((media, text)) => (Some(media.to_owned()), Some(text.to_owned())),
        None => (line.parameter("MEDIATYPE").map(str::to_owned), None),
    };
    types.extend(media.filter(|media| !media.is_empty()).map(|media| short_media_type(&media)));
    line.remove_parameter("MEDIATYPE");
    line.remove_parameter("VALUE");
    match value {
        Some(text) => {
            line.set_value(text);
            line.set_parameter("ENCODING", "b");
        }
        None => line.set_parameter("VALUE", "uri"),
    }
    put_types(line, types);
}

/// The extended format, which programs of that time read; what is no whole date stays.
fn convert_date(line: &mut Line) {
    if is_text(line) {
        return;
    }
    let value = line.value().trim().to_owned();
    let (date, time) = match value.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (value.as_str(), None),
    };
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let without_year = date.strip_prefix("--").filter(|rest| rest.len() == 4 && plain(rest));
    let whole = match without_year {
        Some(rest) => format!("{NO_YEAR}{rest}"),
        None if date.len() == 8 && plain(date) => date.to_owned(),
        None => return,
    };
    let part = |from: usize, to: usize| whole.get(from..to).unwrap_or_default();
    let mut extended = format!("{}-{}-{}", part(0, 4), part(4, 6), part(6, 8));
    if let Some(time) = time {
        extended.push('T');
        extended.push_str(&extended_time(time));
    }
    line.set_value(extended);
    line.remove_parameter("VALUE");
    if without_year.is_some() {
        line.set_parameter("X-APPLE-OMIT-YEAR", NO_YEAR);
    }
}

/// `231000Z` as `23:10:00Z`.
fn extended_time(time: &str) -> String {
    let (clock, zone) = time.split_at(time.find(['Z', '+', '-']).unwrap_or(time.len()));
    let pairs: Vec<&str> =
        (0..clock.len()).step_by(2).filter_map(|at| clock.get(at..at + 2)).collect();
    let is_clock = clock.len() % 2 == 0 && clock.bytes().all(|byte| byte.is_ascii_digit());
    let clock = if is_clock { pairs.join(":") } else { clock.to_owned() };
    clock + zone
}

/// RFC 2426 §3.4.2: with a semicolon.
fn convert_place(line: &mut Line) {
    let place = line.value().strip_prefix("geo:");
    let place = place.and_then(|place| place.split([';', '?']).next());
    if let Some((latitude, longitude)) = place.and_then(|place| place.split_once(',')) {
        let longitude = longitude.split(',').next().unwrap_or(longitude);
        let value = format!("{latitude};{longitude}");
        line.set_value(value);
        line.remove_parameter("VALUE");
    }
}

/// RFC 2426 §3.4.1: an offset, unless it says that it is a text.
fn convert_offset(line: &mut Line) {
    let value = line.value().trim().to_owned();
    match value.split_at_checked(3) {
        Some((hours, minutes)) if value.starts_with(['+', '-']) && minutes.len() == 2 => {
            line.set_value(format!("{hours}:{minutes}"));
            line.remove_parameter("VALUE");
        }
        _ if !value.starts_with(['+', '-']) => line.set_parameter("VALUE", "text"),
        _ => {}
    }
}

/// RFC 2426 §3.6.5.
fn convert_sort(line: &mut Line, out: &mut Vec<Line>) {
    if let Some(sort) = line.parameter("SORT-AS").map(str::to_owned) {
        line.remove_parameter("SORT-AS");
        out.push(Line::new("SORT-STRING", escape_text(&sort)));
    }
}

/// RFC 2426 §3.2.2.
fn convert_label(line: &mut Line, out: &mut Vec<Line>) {
    let Some(text) = line.parameter("LABEL").map(str::to_owned) else { return };
    line.remove_parameter("LABEL");
    let mut label = line.clone();
    label.set_name("LABEL");
    // RFC 6350 §6.3.1 has its breaks as those of values, RFC 6868 §3 as `^n`.
    label.set_value(escape_text(&unescape_text(&text)));
    out.push(label);
}
