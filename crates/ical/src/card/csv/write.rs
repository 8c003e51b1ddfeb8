//! Cards as a table, with the columns that Google Contacts writes and nearly every program reads.

use crate::card::parse::{Card, CardKind, CardVersion};
use crate::card::types::types_of;
use crate::component::Component;
use crate::line::Line;
use crate::text::{split_list, split_structured, unescape_text};

/// LIMIT: addresses, numbers and the like of one card that get a column.
const VALUES_MAX: usize = 20;

/// What there may be several of: the property, the columns behind its number.
const SEVERAL: [(&str, &str, &[&str]); 4] = [
    ("EMAIL", "E-mail", &["Value"]),
    ("TEL", "Phone", &["Value"]),
    (
        "ADR",
        "Address",
        &["PO Box", "Extended Address", "Street", "City", "Region", "Postal Code", "Country"],
    ),
    ("URL", "Website", &["Value"]),
];

/// Columns that stand there once.
const ONCE: [&str; 14] = [
    "Name",
    "First Name",
    "Middle Name",
    "Last Name",
    "Name Prefix",
    "Name Suffix",
    "Nickname",
    "Organization Name",
    "Organization Title",
    "Organization Department",
    "Birthday",
    "Anniversary",
    "Notes",
    "Labels",
];

/// The cards that are somebody as a table (RFC 4180), in UTF-8 with its mark: without it,
/// spreadsheets take it for something else.
pub fn csv_of_contacts(cards: impl IntoIterator<Item = Card>) -> Vec<u8> {
    let people = cards.into_iter().filter(|card| card.kind() == CardKind::Single);
    let people: Vec<Component> =
        people.map(|card| card.in_version(CardVersion::V3).into_component()).collect();
    let width = |property: &str| {
        let counts = people.iter().map(|card| card.lines_named(property).count());
        counts.max().unwrap_or(0).min(VALUES_MAX)
    };
    let widths = SEVERAL.map(|(property, ..)| width(property));
    let mut out = b"\xEF\xBB\xBF".to_vec();
    write_row(&mut out, header(&widths));
    for card in &people {
        write_row(&mut out, row(card, &widths));
    }
    out
}

fn header(widths: &[usize; 4]) -> Vec<String> {
    let mut names: Vec<String> = ONCE.map(str::to_owned).to_vec();
    for ((_, name, parts), width) in SEVERAL.iter().zip(widths) {
        for number in 1..=*width {
            names.push(format!("{name} {number} - Label"));
            names.extend(parts.iter().map(|part| format!("{name} {number} - {part}")));
        }
    }
    names
}

fn row(card: &Component, widths: &[usize; 4]) -> Vec<String> {
    let text = |name: &str| card.line(name).map(|line| line.text().into_owned());
    let name = structured(card.line("N"));
    let organization = structured(card.line("ORG"));
    let part = |parts: &[String], at: usize| parts.get(at).cloned().unwrap_or_default();
    let names: Vec<String> = [1, 2, 0, 3, 4].map(|at| part(&name, at)).to_vec();
    let mut row = vec![text("FN").unwrap_or_default()];
    row.extend(names);
    row.push(text("NICKNAME").unwrap_or_default());
    row.push(part(&organization, 0));
    row.push(text("TITLE").unwrap_or_default());
    row.push(part(&organization, 1));
    row.push(date(card.line("BDAY")));
    row.push(date(card.line("X-ANNIVERSARY").or_else(|| card.line("ANNIVERSARY"))));
    row.push(text("NOTE").unwrap_or_default());
    row.push(labels(card));
    for ((property, _, parts), width) in SEVERAL.iter().zip(widths) {
        let mut lines = card.lines_named(property);
        for _ in 0..*width {
            let line = lines.next();
            row.push(line.map(label).unwrap_or_default());
            match parts.len() {
                1 => row.push(line.map(|line| line.text().into_owned()).unwrap_or_default()),
                count => {
                    let values = structured(line);
                    row.extend((0..count).map(|at| part(&values, at)));
                }
            }
        }
    }
    row
}

fn structured(line: Option<&Line>) -> Vec<String> {
    let value = line.map_or("", Line::value);
    split_structured(value).map(|part| unescape_text(part).into_owned()).collect()
}

fn labels(card: &Component) -> String {
    let lines = card.lines_named("CATEGORIES");
    let names = lines.flat_map(|line| split_list(line.value()));
    let names: Vec<String> = names.map(|name| unescape_text(name).into_owned()).collect();
    names.join(" ::: ")
}

/// `1980-12-31`, or `--12-31` of somebody who does not tell the year.
fn date(line: Option<&Line>) -> String {
    let Some(line) = line else { return String::new() };
    let text = line.text();
    let day = text.split('T').next().unwrap_or_default().trim();
    let year = line.parameter("X-APPLE-OMIT-YEAR");
    match year.and_then(|year| day.strip_prefix(year)) {
        Some(rest) => format!("--{}", rest.trim_start_matches('-')),
        None => match (day.get(..4), day.get(4..6), day.get(6..8)) {
            (Some(year), Some(month), Some(rest))
                if day.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                format!("{year}-{month}-{rest}")
            }
            _ => day.to_owned(),
        },
    }
}

/// `* Work Fax`: what is preferred has a star.
fn label(line: &Line) -> String {
    let types = types_of(line);
    let word = |name: &String| match name.to_ascii_uppercase().as_str() {
        "PREF" => Some("*"),
        "HOME" => Some("Home"),
        "WORK" => Some("Work"),
        "CELL" => Some("Mobile"),
        "FAX" => Some("Fax"),
        "PAGER" => Some("Pager"),
        _ => None,
    };
    let mut words: Vec<&str> = types.iter().filter_map(word).collect();
    words.sort_by_key(|word| *word != "*");
    words.join(" ")
}

fn write_row(out: &mut Vec<u8>, row: Vec<String>) {
    for (at, field) in row.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        // A blank before it is taken away on the way in.
        let formula = is_formula(field);
        let quoted = formula || field.contains(['"', ',', '\n', '\r', ';']);
        match quoted {
            true => {
                let blank = if formula { " " } else { "" };
                out.extend_from_slice(
                    format!("\"{blank}{}\"", field.replace('"', "\"\"")).as_bytes(),
                );
            }
            false => out.extend_from_slice(field.as_bytes()),
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Whether spreadsheets run it: what begins like this they take for a formula, whatever quotes
/// stand around it, and so they do with the wide forms of the signs in Japan. Numbers are none.
fn is_formula(field: &str) -> bool {
    match field.chars().next() {
        Some('=' | '@' | '\t' | '\r' | '\n' | '＝' | '＠' | '＋' | '－') => true,
        Some('+' | '-') => !field.chars().all(is_of_number),
        _ => false,
    }
}

/// `+43 (1) 2-3`, `--12-31`: whoever calculates with that does no harm.
fn is_of_number(char: char) -> bool {
    char.is_ascii_digit() || matches!(char, ' ' | '+' | '-' | '.' | '(' | ')')
}
