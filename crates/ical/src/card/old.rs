//! vCard 2.1, as old telephones and exports write it: 3.0 is made of it line by line.

use std::borrow::Cow;

use crate::charset::windows_1252;
use crate::component::Component;
use crate::error::Error;
use crate::fold::logical_end;
use crate::limits::Limits;
use crate::line::Line;
use crate::text::{escape_text, split_structured};

/// The bytes with every card of 2.1 in it as one of 3.0; others are as they were.
pub(super) fn modernize<'b>(bytes: &'b [u8], limits: &Limits) -> Result<Cow<'b, [u8]>, Error> {
    if bytes.len() > limits.bytes_max {
        return Err(Error::TooLarge("object"));
    }
    let is_old = |line: &[u8]| {
        let line = line.trim_ascii();
        line.len() == 11 && line.eq_ignore_ascii_case(b"VERSION:2.1")
    };
    if !bytes.split(|byte| *byte == b'\n').any(is_old) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut out = Vec::with_capacity(bytes.len());
    for card in Component::parse_all(&join_soft_breaks(bytes), limits)? {
        let version = card.line("VERSION").map(|line| line.value().trim().to_owned());
        match version.as_deref() {
            Some("2.1") => out.extend(convert(&card).render()),
            _ => out.extend(card.render()),
        }
    }
    Ok(Cow::Owned(out))
}

/// A quoted-printable value goes on behind a `=` at the end of a line, without any blank.
fn join_soft_breaks(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    let mut goes_on = false;
    while !rest.is_empty() {
        let end = match goes_on {
            true => rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1),
            false => logical_end(rest),
        };
        let (line, after) = rest.split_at(end);
        rest = after;
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let quoted = goes_on || is_quoted_printable(text);
        goes_on = quoted && text.ends_with(b"=");
        match text.strip_suffix(b"=") {
            Some(text) if goes_on => out.extend_from_slice(text),
            _ => out.extend_from_slice(line),
        }
    }
    out
}

fn is_quoted_printable(line: &[u8]) -> bool {
    let head = line.split(|byte| *byte == b':').next().unwrap_or_default();
    let wanted = b"QUOTED-PRINTABLE";
    head.windows(wanted.len()).any(|window| window.eq_ignore_ascii_case(wanted))
}

fn convert(card: &Component) -> Component {
    let mut new = Component::new("VCARD");
    for line in &card.lines {
        new.lines.push(match line.name() {
            "VERSION" => Line::new("VERSION", "3.0"),
            _ => convert_line(line),
        });
    }
    if new.line("N").is_none() {
        let name = new.line("FN").map(|line| line.value().to_owned()).unwrap_or_default();
        new.lines.push(Line::new("N", format!("{name};;;;")));
    }
    if new.line("FN").is_none() {
        let name = escape_text(&super::parse::formatted_name(&new));
        new.lines.push(Line::new("FN", name));
    }
    new.components = card.components.clone();
    new
}

/// What 2.1 writes as a bare parameter and is no type.
const ENCODINGS: [&str; 4] = ["QUOTED-PRINTABLE", "BASE64", "8BIT", "7BIT"];

fn convert_line(old: &Line) -> Line {
    let mut line = old.clone();
    // A bare word was read as a type.
    let types = super::types::types_of(&line);
    let (bare, types): (Vec<String>, Vec<String>) =
        types.into_iter().partition(|name| ENCODINGS.contains(&name.to_ascii_uppercase().as_str()));
    let named = line.parameter("ENCODING").map(str::to_owned);
    let encoding = named.or_else(|| bare.first().cloned()).map(|name| name.to_ascii_uppercase());
    let charset = line.parameter("CHARSET").map(str::to_ascii_lowercase);
    line.remove_parameter("ENCODING");
    line.remove_parameter("CHARSET");
    super::types::put_types(&mut line, types);
    match encoding.as_deref() {
        Some("QUOTED-PRINTABLE") => {
            let bytes = decode_quoted_printable(line.value());
            let text = match charset.as_deref() {
                Some("iso-8859-1" | "windows-1252" | "latin1") => windows_1252(&bytes),
                _ => String::from_utf8_lossy(&bytes).into_owned(),
            };
            line.set_value(escape_structured(line.name(), &text));
        }
        Some("BASE64" | "B") => {
            let text: String =
                line.value().chars().filter(|char| !char.is_ascii_whitespace()).collect();
            line.set_value(text);
            line.set_parameter("ENCODING", "b");
        }
        _ => {}
    }
    line
}

/// 2.1 escapes semicolons only.
fn escape_structured(name: &str, text: &str) -> String {
    if !matches!(name, "N" | "ADR" | "ORG") {
        return escape_text(text);
    }
    let parts = split_structured(text).map(|part| escape_text(&part.replace("\\;", ";")));
    parts.collect::<Vec<_>>().join(";")
}

fn decode_quoted_printable(value: &str) -> Vec<u8> {
    let bytes = value.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = value.get(at + 1..at + 3).filter(|_| *byte == b'=');
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        at += if code.is_some() { 3 } else { 1 };
        out.push(code.unwrap_or(*byte));
    }
    out
}
