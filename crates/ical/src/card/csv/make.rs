//! From a row of a table to a vCard.

use super::columns::{Column, Numbered, Part, Place};
use super::date::{Day, Order, Unreadable, date};
use crate::card::parse::{Card, CardVersion, formatted_name};
use crate::component::Component;
use crate::line::Line;
use crate::text::escape_text;

/// A numbered entry.
#[derive(Debug)]
struct Entry {
    which: Numbered,
    number: u16,
    /// The fields of the entry by the name of their part, such as `type` and `value`.
    parts: Vec<(String, String)>,
    /// How the column of its value has dates.
    order: Order,
}

/// What a row says of somebody.
#[derive(Debug, Default)]
pub(super) struct Contact {
    full_name: String,
    /// Family, given, middle, prefix, suffix: the order of N.
    name: [String; 5],
    organization: String,
    department: String,
    birth: [String; 3],
    lines: Vec<Line>,
    addresses: Vec<(Place, [String; 7])>,
    numbered: Vec<Entry>,
}

impl Contact {
    /// A field; `order`: how its column has dates.
    pub(super) fn put(
        &mut self,
        column: &Column,
        order: Order,
        value: &str,
    ) -> Result<(), Unreadable> {
        if value.is_empty() {
            return Ok(());
        }
        let text = || escape_text(value);
        match column {
            Column::Unknown | Column::Skipped => {}
            Column::FullName => value.clone_into(&mut self.full_name),
            Column::Family => self.put_name(0, value),
            Column::Given => self.put_name(1, value),
            Column::Middle => self.put_name(2, value),
            Column::Prefix => self.put_name(3, value),
            Column::Suffix => self.put_name(4, value),
            Column::Organization => value.clone_into(&mut self.organization),
            Column::Department => value.clone_into(&mut self.department),
            Column::Nickname => self.lines.push(Line::new("NICKNAME", text())),
            Column::JobTitle => self.lines.push(Line::new("TITLE", text())),
            Column::Note => self.lines.push(Line::new("NOTE", text())),
            Column::Birthday => self.put_date("BDAY", order, value)?,
            Column::BirthPart(at) => {
                if let Some(part) = self.birth.get_mut(*at) {
                    value.clone_into(part);
                }
            }
            Column::Anniversary => self.put_date("X-ANNIVERSARY", order, value)?,
            Column::Categories => self.put_categories(value),
            Column::Website(place) => self.put_typed("URL", text(), place_types(*place)),
            Column::Email(place) => self.put_typed("EMAIL", text(), place_types(*place)),
            Column::Phone(types) => self.put_typed("TEL", text(), types),
            Column::Address(place, part) => self.put_address(*place, *part, value),
            Column::Numbered(which, number, part) => {
                self.put_numbered((*which, *number), part, order, value);
            }
        }
        Ok(())
    }

    fn put_name(&mut self, at: usize, value: &str) {
        if let Some(part) = self.name.get_mut(at) {
            value.clone_into(part);
        }
    }

    fn put_typed(&mut self, name: &str, value: String, types: &[&str]) {
        let mut line = Line::new(name, value);
        if !types.is_empty() {
            line.set_parameter_values(
                "TYPE",
                types.iter().map(|name| (*name).to_owned()).collect(),
            );
        }
        self.lines.push(line);
    }

    /// `a;b` of Outlook, `* myContacts ::: Friends` of Google.
    fn put_categories(&mut self, value: &str) {
        let parts = value.split([';', ',']).flat_map(|part| part.split(":::")).map(str::trim);
        let names = parts.filter(|name| !name.is_empty() && !name.starts_with("* "));
        let names: Vec<String> = names.map(escape_text).collect();
        if !names.is_empty() {
            self.lines.push(Line::new("CATEGORIES", names.join(",")));
        }
    }

    fn put_date(&mut self, name: &str, order: Order, value: &str) -> Result<(), Unreadable> {
        match date(value, order)? {
            Some(Day { year: Some(year), month, day }) => {
                let value = format!("{year:04}-{month:02}-{day:02}");
                self.lines.push(Line::new(name, value));
            }
            Some(Day { year: None, month, day }) => {
                let line = Line::new(name, format!("1604-{month:02}-{day:02}"));
                self.lines.push(line.with("X-APPLE-OMIT-YEAR", "1604"));
            }
            None => {}
        }
        Ok(())
    }

    fn put_address(&mut self, place: Place, part: Part, value: &str) {
        let at = match self.addresses.iter().position(|(known, _)| *known == place) {
            Some(at) => at,
            None => {
                self.addresses.push((place, Default::default()));
                self.addresses.len() - 1
            }
        };
        let part = self.addresses.get_mut(at).and_then(|(_, parts)| parts.get_mut(part as usize));
        if let Some(part) = part {
            if !part.is_empty() {
                part.push_str(", ");
            }
            part.push_str(value);
        }
    }

    fn put_numbered(&mut self, of: (Numbered, u16), part: &str, order: Order, value: &str) {
        let part = (part.to_owned(), value.to_owned());
        let mut known = self.numbered.iter_mut();
        match known.find(|entry| (entry.which, entry.number) == of) {
            Some(entry) => {
                entry.order = if part.0 == "value" { order } else { entry.order };
                entry.parts.push(part);
            }
            None => {
                let (which, number) = of;
                self.numbered.push(Entry { which, number, parts: vec![part], order });
            }
        }
    }

    /// The card; `None` of a row that is nobody.
    pub(super) fn into_card(
        mut self,
        uid: &mut impl FnMut() -> String,
    ) -> Result<Option<Card>, Unreadable> {
        for entry in std::mem::take(&mut self.numbered) {
            self.add_numbered(&entry)?;
        }
        for (place, parts) in std::mem::take(&mut self.addresses) {
            let parts: Vec<String> = parts.iter().map(|part| escape_text(part)).collect();
            self.put_typed("ADR", parts.join(";"), place_types(Some(place)));
        }
        if self.birth.iter().skip(1).all(|part| !part.is_empty()) {
            let [year, month, day] = self.birth.clone();
            let year = if year.is_empty() { "-".to_owned() } else { year };
            self.put_date("BDAY", Order::Unknown, &format!("{year}-{month}-{day}"))?;
        }
        let mut card = Component::new("VCARD");
        card.lines.push(Line::new("VERSION", "3.0"));
        let name: Vec<String> = self.name.iter().map(|part| escape_text(part)).collect();
        card.lines.push(Line::new("N", name.join(";")));
        if !self.full_name.is_empty() {
            card.lines.push(Line::new("FN", escape_text(&self.full_name)));
        }
        if !self.organization.is_empty() || !self.department.is_empty() {
            let parts = [&self.organization, &self.department].map(|part| escape_text(part));
            let value = parts.join(";");
            card.lines.push(Line::new("ORG", value.trim_end_matches(';')));
        }
        card.lines.extend(self.lines);
        let shown = match formatted_name(&card) {
            name if !name.is_empty() => name,
            _ => match first_number(&card) {
                Some(number) => number,
                None => return Ok(None),
            },
        };
        if card.line("FN").is_none() {
            card.lines.insert(2, Line::new("FN", escape_text(&shown)));
        }
        card.lines.insert(1, Line::new("UID", uid()));
        Ok(Some(Card::made(card, CardVersion::V3)))
    }

    fn add_numbered(&mut self, entry: &Entry) -> Result<(), Unreadable> {
        let part = |name: &str| {
            entry.parts.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
        };
        let label = part("label").or_else(|| part("type")).unwrap_or_default();
        let types = label_types(label);
        let types: Vec<&str> = types.iter().map(String::as_str).collect();
        // Google puts several values of one kind into one field.
        let values = part("value").unwrap_or_default().split(":::").map(str::trim);
        let values = values.filter(|value| !value.is_empty());
        match entry.which {
            Numbered::Email => {
                values.for_each(|value| self.put_typed("EMAIL", escape_text(value), &types));
            }
            Numbered::Phone => {
                values.for_each(|value| self.put_typed("TEL", escape_text(value), &types));
            }
            Numbered::Website => {
                values.for_each(|value| self.put_typed("URL", escape_text(value), &types));
            }
            Numbered::Event if label.to_lowercase().contains("anniversary") => {
                for value in values {
                    self.put_date("X-ANNIVERSARY", entry.order, value)?;
                }
            }
            Numbered::Event => {}
            Numbered::Address => {
                const ORDER: [&str; 7] = [
                    "pobox",
                    "extendedaddress",
                    "street",
                    "city",
                    "region",
                    "postalcode",
                    "country",
                ];
                let parts = ORDER.map(|name| escape_text(part(name).unwrap_or_default()));
                if parts.iter().any(|part| !part.is_empty()) {
                    self.put_typed("ADR", parts.join(";"), &types);
                }
            }
            Numbered::Organization => {
                if let Some(name) = part("name") {
                    name.clone_into(&mut self.organization);
                }
                if let Some(name) = part("department") {
                    name.clone_into(&mut self.department);
                }
                if let Some(title) = part("title") {
                    self.lines.push(Line::new("TITLE", escape_text(title)));
                }
            }
        }
        Ok(())
    }
}

/// A contact that is a number alone is shown as that.
fn first_number(card: &Component) -> Option<String> {
    card.line("TEL").or_else(|| card.line("NICKNAME")).map(|line| line.text().into_owned())
}

fn place_types(place: Option<Place>) -> &'static [&'static str] {
    match place {
        Some(Place::Home) => &["HOME"],
        Some(Place::Work) => &["WORK"],
        Some(Place::Other) | None => &[],
    }
}

/// Google's words; a star is what is preferred.
fn label_types(label: &str) -> Vec<String> {
    let mut types = Vec::new();
    for word in label.split([' ', '/', ',']).filter(|word| !word.is_empty()) {
        match word.to_lowercase().as_str() {
            "*" => types.push("PREF"),
            "home" => types.push("HOME"),
            "work" => types.push("WORK"),
            "mobile" | "cell" => types.push("CELL"),
            "fax" => types.push("FAX"),
            "pager" => types.push("PAGER"),
            "main" => types.push("VOICE"),
            _ => {}
        }
    }
    types.iter().map(|name| (*name).to_owned()).collect()
}
