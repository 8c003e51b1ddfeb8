//! One content line: name, parameters, value (RFC 5545 §3.1, RFC 6350 §3.3, RFC 6868).

use std::borrow::Cow;

use crate::error::Error;
use crate::fold::{fold, unfold};
use crate::limits::Limits;
use crate::text::unescape_text;

/// A property of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// As it was read, with its folds and its break; empty once anything was changed.
    raw: Vec<u8>,
    group: Option<String>,
    name: String,
    parameters: Vec<Parameter>,
    value: String,
}

/// A parameter of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// The name in capitals.
    pub name: String,
    /// Decoded (RFC 6868), without quotes. Of TYPE=a,b there are two.
    pub values: Vec<String>,
}

impl Line {
    /// A new property. `value` is written as it is: texts have to be escaped.
    pub fn new(name: &str, value: impl Into<String>) -> Self {
        Self {
            raw: Vec::new(),
            group: None,
            name: name.to_ascii_uppercase(),
            parameters: Vec::new(),
            value: without_breaks(value.into()),
        }
    }

    /// The line with one more parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.set_parameter(name, value);
        self
    }

    /// ```text
    /// contentline = [group "."] name *(";" param ) ":" value CRLF
    /// param       = param-name "=" param-value *("," param-value)
    /// param-value = paramtext / quoted-string
    /// ```
    /// `number` is only for errors.
    pub(crate) fn parse(raw: &[u8], number: usize, limits: &Limits) -> Result<Self, Error> {
        let bytes = unfold(raw);
        if bytes.len() > limits.line_bytes_max {
            return Err(Error::TooLarge("line"));
        }
        // RFC 5545 §3.1.4: UTF-8. What is not, stays as it is in `raw` and is not compared.
        let text = String::from_utf8_lossy(&bytes);
        let mut scan = Scan { rest: &text, limits };
        let name = scan.name().ok_or(Error::Line(number))?;
        let (group, name) = match name.split_once('.') {
            Some((group, name)) => (Some(group.to_owned()), name),
            None => (None, name),
        };
        let name = name.to_ascii_uppercase();
        let mut parameters = Vec::new();
        while scan.take(';') {
            if parameters.len() >= limits.parameters_max {
                return Err(Error::TooLarge("parameters"));
            }
            parameters.push(scan.parameter()?.ok_or(Error::Line(number))?);
        }
        if !scan.take(':') || name.is_empty() {
            return Err(Error::Line(number));
        }
        let value = scan.rest.to_owned();
        Ok(Self { raw: raw.to_vec(), group, name, parameters, value })
    }

    /// The name, in capitals.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The group before the name, in vCards (RFC 6350 §3.3).
    pub fn group(&self) -> Option<&str> {
        self.group.as_deref()
    }

    /// The value as it stands.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The value as one TEXT.
    pub fn text(&self) -> Cow<'_, str> {
        unescape_text(&self.value)
    }

    /// All parameters, in order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The value as it stands, and the parameters.
    pub(crate) fn into_value_and_parameters(self) -> (String, Vec<Parameter>) {
        (self.value, self.parameters)
    }

    /// The first value of a parameter; `name` in capitals.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|parameter| parameter.name == name);
        found.and_then(|parameter| parameter.values.first()).map(String::as_str)
    }

    /// How long it is when it is written, about where it was changed.
    pub(crate) fn written_bytes(&self) -> usize {
        if self.raw.is_empty() { self.bytes() + 4 } else { self.raw.len() }
    }

    /// How long it is, about: in bytes, without folding.
    pub(crate) fn bytes(&self) -> usize {
        let values = self.parameters.iter().map(|parameter| {
            parameter.name.len()
                + parameter.values.iter().map(|value| value.len() + 1).sum::<usize>()
        });
        self.name.len() + self.value.len() + values.sum::<usize>()
    }

    /// Puts another value; texts have to be escaped.
    pub fn set_value(&mut self, value: impl Into<String>) {
        self.raw.clear();
        self.value = without_breaks(value.into());
    }

    /// Gives it another name; `name` in capitals.
    pub fn set_name(&mut self, name: &str) {
        self.raw.clear();
        self.name = name.to_owned();
    }

    /// Puts it into a group, or out of any.
    pub fn set_group(&mut self, group: Option<String>) {
        self.raw.clear();
        self.group = group;
    }

    /// Puts a parameter in the place of those of its name.
    pub fn set_parameter(&mut self, name: &str, value: impl Into<String>) {
        self.set_parameter_values(name, vec![value.into()]);
    }

    /// Sets a parameter to several values, in place of what it had.
    pub fn set_parameter_values(&mut self, name: &str, values: Vec<String>) {
        self.raw.clear();
        let name = name.to_ascii_uppercase();
        match self.parameters.iter_mut().find(|parameter| parameter.name == name) {
            Some(parameter) => parameter.values = values,
            None => self.parameters.push(Parameter { name, values }),
        }
    }

    /// Removes every parameter of this name.
    pub fn remove_parameter(&mut self, name: &str) {
        if self.parameter(name).is_some() {
            self.raw.clear();
            self.parameters.retain(|parameter| parameter.name != name);
        }
    }

    /// Writes the line: as it was read, or folded anew.
    pub fn render(&self, out: &mut Vec<u8>) {
        if self.raw.is_empty() {
            return fold(&self.unfolded(), out);
        }
        out.extend_from_slice(&self.raw);
        // Only the last line of an object may come without its break.
        if !self.raw.ends_with(b"\n") {
            out.extend_from_slice(b"\r\n");
        }
    }

    fn unfolded(&self) -> String {
        let mut line = String::with_capacity(self.name.len() + self.value.len() + 16);
        if let Some(group) = &self.group {
            line.push_str(group);
            line.push('.');
        }
        line.push_str(&self.name);
        for parameter in &self.parameters {
            line.push(';');
            line.push_str(&parameter.name);
            for (at, value) in parameter.values.iter().enumerate() {
                line.push(if at == 0 { '=' } else { ',' });
                push_parameter_value(&mut line, value);
            }
        }
        line.push(':');
        line.push_str(&self.value);
        line
    }
}

/// A break would end the line: whoever writes one into a value writes a property of their own.
fn without_breaks(mut value: String) -> String {
    if memchr::memchr2(b'\r', b'\n', value.as_bytes()).is_some() {
        value.retain(|char| char != '\r' && char != '\n');
    }
    value
}

/// RFC 6868 §3: `^n`, `^^` and `^'` stand for what a quoted string cannot hold.
fn push_parameter_value(line: &mut String, value: &str) {
    let quoted = value.contains([':', ';', ',']) || value.is_empty();
    if quoted {
        line.push('"');
    }
    for char in value.chars() {
        match char {
            '\n' => line.push_str("^n"),
            '^' => line.push_str("^^"),
            '"' => line.push_str("^'"),
            char if char.is_control() && char != '\t' => {}
            char => line.push(char),
        }
    }
    if quoted {
        line.push('"');
    }
}

/// RFC 6868 §3.2.
fn decode_parameter_value(value: &str) -> String {
    let mut decoded = String::with_capacity(value.len());
    let mut chars = value.chars().peekable();
    while let Some(char) = chars.next() {
        let meant = match (char, chars.peek()) {
            ('^', Some('n')) => '\n',
            ('^', Some('^')) => '^',
            ('^', Some('\'')) => '"',
            _ => {
                decoded.push(char);
                continue;
            }
        };
        chars.next();
        decoded.push(meant);
    }
    decoded
}

struct Scan<'l> {
    rest: &'l str,
    limits: &'l Limits,
}

impl<'l> Scan<'l> {
    fn take(&mut self, char: char) -> bool {
        match self.rest.strip_prefix(char) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// The text up to the first character at which `ends` holds; these are ASCII.
    fn until(&mut self, ends: impl Fn(u8) -> bool) -> &'l str {
        let end = self.rest.bytes().position(|byte| byte.is_ascii() && ends(byte));
        let end = end.unwrap_or(self.rest.len());
        let (part, rest) = self.rest.split_at(end);
        self.rest = rest;
        part
    }

    /// A group and a name. RFC 5545 §3.1 allows letters, digits and hyphens; underscores and
    /// blanks have been seen, and harm nothing.
    fn name(&mut self) -> Option<&'l str> {
        let name = self.until(|byte| matches!(byte, b';' | b':' | b'=' | b'"' | b','));
        (!name.is_empty()).then_some(name)
    }

    fn parameter(&mut self) -> Result<Option<Parameter>, Error> {
        let Some(name) = self.name() else { return Ok(None) };
        let name = name.trim().to_ascii_uppercase();
        if !self.take('=') {
            // RFC 6350 knows no such thing, vCard 2.1 does: `TEL;HOME;VOICE:` are types.
            let values = vec![name];
            return Ok(Some(Parameter { name: "TYPE".to_owned(), values }));
        }
        let mut values = Vec::new();
        loop {
            if values.len() >= self.limits.parameters_max {
                return Err(Error::TooLarge("values of a parameter"));
            }
            let Some(value) = self.parameter_value() else { return Ok(None) };
            values.push(value);
            if !self.take(',') {
                return Ok(Some(Parameter { name, values }));
            }
        }
    }

    fn parameter_value(&mut self) -> Option<String> {
        if !self.take('"') {
            return Some(decode_parameter_value(
                self.until(|byte| matches!(byte, b';' | b':' | b',')),
            ));
        }
        let value = self.until(|byte| byte == b'"');
        self.take('"').then(|| decode_parameter_value(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Line, Error> {
        Line::parse(text.as_bytes(), 7, &Limits::default())
    }

    fn rewritten(line: &Line) -> String {
        let mut changed = line.clone();
        changed.set_value(line.value().to_owned());
        let mut out = Vec::new();
        changed.render(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_of_the_standards() {
        let line = parse(
            "ATTENDEE;RSVP=TRUE;ROLE=REQ-PARTICIPANT;DELEGATED-TO=\"mailto:a@example.org\",\
             \"mailto:b@example.org\":mailto:jsmith@example.com\r\n",
        )
        .unwrap();
        assert_eq!(line.name(), "ATTENDEE");
        assert_eq!(line.parameter("RSVP"), Some("TRUE"));
        let delegates = &line.parameters()[2].values;
        assert_eq!(delegates, &["mailto:a@example.org", "mailto:b@example.org"]);
        assert_eq!(line.value(), "mailto:jsmith@example.com");
        let written = rewritten(&line);
        assert_eq!(parse(&written).unwrap().parameters(), line.parameters());

        let line = parse("item1.TEL;type=\"voice,home\";PREF=1:tel:+1").unwrap();
        assert_eq!((line.group(), line.name(), line.value()), (Some("item1"), "TEL", "tel:+1"));
        // RFC 6868 §3.2, its example.
        let line =
            parse("ATTENDEE;CN=George Herman ^'Babe^' Ruth:mailto:babe@example.com").unwrap();
        assert_eq!(line.parameter("CN"), Some("George Herman \"Babe\" Ruth"));
        assert_eq!(
            rewritten(&line),
            "ATTENDEE;CN=George Herman ^'Babe^' Ruth:mailto:babe@example.com\r\n"
        );
        let line = parse("TEL;HOME;VOICE:1").unwrap();
        assert_eq!(line.parameters().len(), 2);
    }

    #[test]
    fn what_is_no_line() {
        for text in ["", ":", "SUMMARY", "A;B=\"c:d", ";A=b:c", "A;=b:c", "A;B=\"c\"d:e"] {
            assert_eq!(parse(text), Err(Error::Line(7)), "{text}");
        }
        let many = "A".to_owned() + &";B=c".repeat(201) + ":d";
        assert_eq!(parse(&many), Err(Error::TooLarge("parameters")));
    }

    #[test]
    fn what_is_untouched_is_written_as_it_was() {
        let raw = b"summary ; LANGUAGE = de:gr\xc3\r\n \xb6\xc3\x9fe\n";
        let line = Line::parse(raw, 1, &Limits::default()).unwrap();
        let mut out = Vec::new();
        line.render(&mut out);
        assert_eq!(out, raw);
        assert_eq!(line.value(), "größe");
    }

    #[test]
    fn values_cannot_break_out() {
        let line = Line::new("SUMMARY", "a\r\nATTENDEE:b").with("CN", "x\"\r\n:y");
        let mut out = Vec::new();
        line.render(&mut out);
        assert_eq!(out, b"SUMMARY;CN=\"x^'^n:y\":aATTENDEE:b\r\n");
    }
}
