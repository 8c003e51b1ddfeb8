//! From vCard 3.0 to 4.0 (RFC 6350 appendix A, RFC 2426), for clients that ask for the newer
//! version.

use std::collections::HashSet;

use super::parse::{Card, CardVersion, formatted_name};
use super::types::{guess_media_type, put_types, take_media_type, take_type, types_of};
use crate::component::Component;
use crate::line::Line;
use crate::text::{escape_text, split_structured, unescape_text};

impl Card {
    pub(super) fn to_v4(&self) -> Self {
        let old = self.component();
        let mut new = Component::new("VCARD");
        new.lines.push(Line::new("VERSION", "4.0"));
        let anniversaries = Anniversaries::of(old);
        for line in &old.lines {
            new.lines.extend(convert(line, old, &anniversaries));
        }
        if new.line("FN").is_none() {
            new.lines.insert(1, Line::new("FN", escape_text(&formatted_name(old))));
        }
        attach_labels(&mut new, old);
        if let Some(sort) = old.line("SORT-STRING") {
            // RFC 6350 §5.9.
            let text = sort.text().into_owned();
            if let Some(line) = new.lines.iter_mut().find(|line| line.name() == "N") {
                line.set_parameter("SORT-AS", text);
            }
        }
        new.components = old.components.clone();
        Self::made(new, CardVersion::V4)
    }
}

/// One property; `None` where it is said elsewhere, or not at all.
fn convert(line: &Line, card: &Component, anniversaries: &Anniversaries) -> Option<Line> {
    let mut line = line.clone();
    match line.name() {
        "VERSION" | "PROFILE" | "LABEL" => return None,
        "SORT-STRING" if card.line("N").is_some() => return None,
        // RFC 6350 §6.1.4, §6.6.5; the names are of Apple's address book server.
        "X-ADDRESSBOOKSERVER-KIND" => line.set_name("KIND"),
        "X-ADDRESSBOOKSERVER-MEMBER" => line.set_name("MEMBER"),
        "X-ABLABEL" if anniversaries.have(&line) => return None,
        "X-ABDATE" if anniversaries.have(&line) => {
            line.set_name("ANNIVERSARY");
            line.set_group(None);
        }
        "X-ANNIVERSARY" | "X-EVOLUTION-ANNIVERSARY" => line.set_name("ANNIVERSARY"),
        _ => {}
    }
    convert_types(&mut line);
    match line.name() {
        "PHOTO" | "LOGO" | "SOUND" | "KEY" => convert_media(&mut line),
        "BDAY" | "ANNIVERSARY" | "DEATHDATE" | "REV" => convert_date(&mut line),
        "GEO" => convert_place(&mut line),
        "TZ" => convert_offset(&mut line),
        "UID" => convert_uid(&mut line),
        _ => {}
    }
    Some(line)
}

/// RFC 6350 §5.3: what is preferred is no type. RFC 6350, appendix A.3: INTERNET is none either.
fn convert_types(line: &mut Line) {
    if line.parameter("CHARSET").is_some() {
        line.remove_parameter("CHARSET");
    }
    let mut types = types_of(line);
    let before = types.len();
    if take_type(&mut types, "PREF") {
        line.set_parameter("PREF", "1");
    }
    if line.name() == "EMAIL" {
        take_type(&mut types, "INTERNET");
    }
    if types.len() != before {
        put_types(line, types);
    }
}

/// RFC 6350 §6.2.4: pictures, sounds and keys are URIs.
fn convert_media(line: &mut Line) {
    let encoded = line.parameter("ENCODING").map(str::to_ascii_uppercase);
    let mut types = types_of(line);
    let media = take_media_type(line.name(), &mut types);
    match encoded.as_deref() {
        Some("B" | "BASE64") => {
            let text: String =
                line.value().chars().filter(|char| !char.is_ascii_whitespace()).collect();
            let media = media.or_else(|| guess_media_type(&text).map(str::to_owned));
            let media = media.unwrap_or_else(|| "application/octet-stream".to_owned());
            line.set_value(format!("data:{media};base64,{text}"));
        }
        _ => {
            let is_text =
                line.parameter("VALUE").is_some_and(|kind| kind.eq_ignore_ascii_case("text"));
            if let (Some(media), false) = (&media, is_text) {
                line.set_parameter("MEDIATYPE", media);
            }
            if is_text {
                return;
            }
        }
    }
    line.remove_parameter("ENCODING");
    line.remove_parameter("VALUE");
    put_types(line, types);
}

/// RFC 6350 §4.3: the basic format. `1996-04-15`, `1953-10-15T23:10:00Z`, and Apple's
/// `X-APPLE-OMIT-YEAR=1604:1604-02-03`.
fn convert_date(line: &mut Line) {
    let value = line.value().trim();
    let (date, time) = match value.split_once(['T', 't']) {
        Some((date, time)) => (date, Some(time)),
        None => (value, None),
    };
    let digits: String = date.chars().filter(char::is_ascii_digit).collect();
    let shape = |pattern: &str| {
        date.len() == pattern.len()
            && date.bytes().zip(pattern.bytes()).all(|(byte, expected)| match expected {
                b'0' => byte.is_ascii_digit(),
                expected => byte == expected,
            })
    };
    let basic = match (shape("0000-00-00"), shape("--00-00"), shape("00000000")) {
        (true, _, _) | (_, _, true) => digits,
        (_, true, _) => format!("--{digits}"),
        _ => return,
    };
    let no_year = line.parameter("X-APPLE-OMIT-YEAR").map(str::to_owned);
    let basic = match no_year.as_deref().and_then(|year| basic.strip_prefix(year)) {
        Some(rest) => format!("--{rest}"),
        None => basic,
    };
    let time = time.map(|time| {
        // A fraction of a second is no part of RFC 6350 §4.3.2.
        let (clock, zone) = time.split_at(time.find(['Z', '+', '-']).unwrap_or(time.len()));
        let clock = clock.split('.').next().unwrap_or(clock);
        format!("T{}{}", clock.replace(':', ""), zone.replace(':', ""))
    });
    let value = basic + &time.unwrap_or_default();
    if value != line.value() {
        line.set_value(value);
    }
    line.remove_parameter("X-APPLE-OMIT-YEAR");
    line.remove_parameter("VALUE");
}

/// RFC 6350 §6.5.2: `geo:` with a comma.
fn convert_place(line: &mut Line) {
    if let Some((latitude, longitude)) = line.value().split_once(';') {
        let uri = format!("geo:{},{}", latitude.trim(), longitude.trim());
        line.set_value(uri);
    }
}

/// RFC 6350 §6.5.1: a text, unless it says that it is an offset.
fn convert_offset(line: &mut Line) {
    let value = line.value().trim().to_owned();
    let is_offset = value.starts_with(['+', '-'])
        && value.bytes().skip(1).all(|byte| byte.is_ascii_digit() || byte == b':');
    if is_offset {
        line.set_value(value.replace(':', ""));
        line.set_parameter("VALUE", "utc-offset");
    }
}

/// RFC 6350 §6.7.6: a URI, unless it says that it is a text.
fn convert_uid(line: &mut Line) {
    let scheme = line.value().split_once(':').map(|(scheme, _)| scheme);
    let is_uri = scheme.is_some_and(|scheme| {
        scheme.starts_with(|char: char| char.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    });
    if !is_uri && line.parameter("VALUE").is_none() {
        line.set_parameter("VALUE", "text");
    }
}

/// LIMIT: labels whose address is looked for.
const LABELS_MAX: usize = 100;

/// RFC 6350 §6.3.1: what is printed on an envelope is a parameter of the address. Where there is
/// no address of its types, it is one of its own.
fn attach_labels(new: &mut Component, old: &Component) {
    for (number, label) in old.lines_named("LABEL").enumerate() {
        let text = label.text().into_owned();
        let types = |line: &Line| {
            let mut types: Vec<String> =
                types_of(line).iter().map(|name| name.to_ascii_uppercase()).collect();
            take_type(&mut types, "PREF");
            types.sort_unstable();
            types
        };
        let wanted = types(label);
        let is_its = |line: &Line| {
            line.name() == "ADR"
                && line.parameter("LABEL").is_none()
                && (types(line) == wanted
                    || line.group() == label.group() && line.group().is_some())
        };
        let sought = (number < LABELS_MAX).then(|| new.lines.iter().position(is_its)).flatten();
        match sought.and_then(|at| new.lines.get_mut(at)) {
            Some(address) => address.set_parameter("LABEL", text),
            None => {
                let mut address = label.clone();
                address.set_name("ADR");
                address.set_value(";;;;;;");
                address.set_parameter("LABEL", text);
                convert_types(&mut address);
                new.lines.push(address);
            }
        }
    }
}

/// Apple: `item1.X-ABDATE:2001-02-03` beside `item1.X-ABLabel:_$!<Anniversary>!$_`. The groups that
/// have both, in small letters.
struct Anniversaries {
    groups: HashSet<String>,
}

impl Anniversaries {
    fn of(card: &Component) -> Self {
        let group = |line: &Line| line.group().map(str::to_ascii_lowercase);
        let labels = card.lines_named("X-ABLABEL").filter(|label| is_anniversary(label));
        let labelled: HashSet<String> = labels.filter_map(group).collect();
        let dates = card.lines_named("X-ABDATE").filter_map(group);
        Self { groups: dates.filter(|group| labelled.contains(group)).collect() }
    }

    /// Whether a line is the date or the label of one. Another label of the group is none.
    fn have(&self, line: &Line) -> bool {
        (line.name() == "X-ABDATE" || is_anniversary(line))
            && line.group().is_some_and(|group| self.groups.contains(&group.to_ascii_lowercase()))
    }
}

fn is_anniversary(label: &Line) -> bool {
    let text = split_structured(label.value()).next().map(unescape_text);
    text.is_some_and(|text| {
        text.trim()
            .trim_start_matches("_$!<")
            .trim_end_matches(">!$_")
            .eq_ignore_ascii_case("anniversary")
    })
}
