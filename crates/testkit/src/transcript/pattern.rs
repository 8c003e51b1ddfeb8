//! What a line may look like, and the names it takes.

use std::collections::HashMap;

use regex_lite::Regex;

/// Names taken so far, and what they stand for.
pub(super) type Names = HashMap<String, Vec<u8>>;

/// Bytes that end a token a name takes.
const TOKEN_END: &[u8] = b" ()[]{}<>\",;\r\n";

/// A regular expression for such a token.
const TOKEN: &str = r#"[^ ()\[\]{}<>",;\r\n]+"#;

/// Bytes with names in them.
#[derive(Debug, Clone, Default)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone)]
enum Part {
    Bytes(Vec<u8>),
    Name(String),
}

/// What one line must be.
#[derive(Debug)]
pub(super) enum Pattern {
    Exact(Template),
    /// A regular expression in which `$name` is not yet replaced.
    Regex(String),
}

impl Template {
    /// Text as it stands, except for names and `$$`.
    pub(super) fn plain(text: &str) -> Self {
        let mut template = Self::default();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            template.push_bytes(&rest.as_bytes()[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                template.push_bytes(b"$");
                rest = after;
                continue;
            }
            match name(rest) {
                "" => template.push_bytes(b"$"),
                name => {
                    template.0.push(Part::Name(name.to_owned()));
                    rest = &rest[name.len()..];
                }
            }
        }
        template.push_bytes(rest.as_bytes());
        template
    }

    /// Text in which `\r \n \t \\ \xHH` stand for bytes; names as in plain text.
    pub(super) fn escaped(text: &str) -> Result<Self, String> {
        let mut template = Self::default();
        for part in Self::plain(text).0 {
            match part {
                Part::Bytes(bytes) => template.push_bytes(&unescape(&bytes)?),
                Part::Name(_) => template.0.push(part),
            }
        }
        Ok(template)
    }

    pub(super) fn push_bytes(&mut self, bytes: &[u8]) {
        match self.0.last_mut() {
            Some(Part::Bytes(last)) => last.extend_from_slice(bytes),
            _ if bytes.is_empty() => {}
            _ => self.0.push(Part::Bytes(bytes.to_vec())),
        }
    }

    /// The bytes, with each name replaced; the error is a name nothing was taken for.
    pub(super) fn fill(&self, names: &Names) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        for part in &self.0 {
            match part {
                Part::Bytes(bytes) => out.extend_from_slice(bytes),
                Part::Name(name) => match names.get(name) {
                    Some(value) => out.extend_from_slice(value),
                    None => return Err(format!("${name} stands for nothing yet")),
                },
            }
        }
        Ok(out)
    }

    /// How it reads in the file.
    pub(super) fn text(&self) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Part::Name(name) => format!("${name}"),
        });
        parts.collect()
    }

    fn matches(&self, line: &[u8], names: &mut Names) -> bool {
        let mut taken = Vec::new();
        let mut rest = line;
        for part in &self.0 {
            let known = match part {
                Part::Bytes(bytes) => Some(bytes),
                Part::Name(name) => names
                    .get(name)
                    .or_else(|| taken.iter().find(|(n, _)| n == name).map(|(_, value)| value)),
            };
            if let Some(known) = known {
                let Some(after) = rest.strip_prefix(known.as_slice()) else { return false };
                rest = after;
                continue;
            }
            let Part::Name(name) = part else { return false };
            let end = rest.iter().position(|b| TOKEN_END.contains(b)).unwrap_or(rest.len());
            if end == 0 {
                return false;
            }
            taken.push((name.clone(), rest[..end].to_vec()));
            rest = &rest[end..];
        }
        if rest.is_empty() {
            names.extend(taken);
        }
        rest.is_empty()
    }
}

impl Pattern {
    pub(super) fn regex(text: &str) -> Result<Self, String> {
        // Compiled here only to tell of a mistake early.
        compile(text, &Names::new())?;
        Ok(Self::Regex(text.to_owned()))
    }

    /// Whether the line (without its line end) fits; takes the new names if it does.
    pub(super) fn matches(&self, line: &[u8], names: &mut Names) -> bool {
        match self {
            Self::Exact(template) => template.matches(line, names),
            Self::Regex(text) => {
                let Ok((regex, new)) = compile(text, names) else { return false };
                let line = String::from_utf8_lossy(line);
                let Some(captures) = regex.captures(&line) else { return false };
                for name in new {
                    if let Some(found) = captures.name(&name) {
                        names.insert(name, found.as_str().as_bytes().to_vec());
                    }
                }
                true
            }
        }
    }

    /// How it reads in the file.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Exact(template) => template.text(),
            Self::Regex(text) => format!("~ {text}"),
        }
    }
}

/// The expression over a whole line, and the names that are new in it.
fn compile(text: &str, names: &Names) -> Result<(Regex, Vec<String>), String> {
    let mut source = String::from("^(?:");
    let mut new: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['$', '\\']) {
        source.push_str(&rest[..at]);
        let found = &rest[at..];
        if found.starts_with('\\') {
            let end = found.char_indices().nth(2).map_or(found.len(), |(end, _)| end);
            source.push_str(&found[..end]);
            rest = &found[end..];
            continue;
        }
        let name = name(&found[1..]);
        rest = &found[1 + name.len()..];
        if name.is_empty() {
            source.push('$');
        } else if let Some(value) = names.get(name) {
            source.push_str(&regex_lite::escape(&String::from_utf8_lossy(value)));
        } else if new.iter().any(|known| known == name) {
            return Err(format!("${name} stands twice in one pattern before it is known"));
        } else {
            source.push_str(&format!("(?P<{name}>{TOKEN})"));
            new.push(name.to_owned());
        }
    }
    source.push_str(rest);
    source.push_str(")$");
    let regex = Regex::new(&source).map_err(|error| format!("{text}: {error}"))?;
    Ok((regex, new))
}

/// The name at the beginning of `text`, or nothing. Names are in lower case, so that keywords
/// such as `$Forwarded` stand for themselves.
fn name(text: &str) -> &str {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    let in_name = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'_';
    let length = if first { text.bytes().take_while(in_name).count() } else { 0 };
    &text[..length]
}

fn unescape(text: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'r') => out.push(b'\r'),
            Some(b'n') => out.push(b'\n'),
            Some(b't') => out.push(b'\t'),
            Some(b'\\') => out.push(b'\\'),
            Some(b'x') => {
                let digits: Vec<u8> = bytes.by_ref().take(2).collect();
                let digits = String::from_utf8_lossy(&digits).into_owned();
                let value = u8::from_str_radix(&digits, 16);
                out.push(value.map_err(|_| format!("\\x{digits}: two hexadecimal digits"))?);
            }
            _ => return Err("after \\ stands r, n, t, \\ or xHH".to_owned()),
        }
    }
    Ok(out)
}

/// A line as it is written into a transcript: plain where it can be.
pub(super) fn write_line(line: &[u8]) -> String {
    let plain = line.iter().all(|&byte| (0x20..0x7f).contains(&byte));
    let mut text = String::new();
    for &byte in line {
        match byte {
            b'$' => text.push_str("$$"),
            b'\\' if !plain => text.push_str("\\\\"),
            0x20..0x7f => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    if plain { format!("S: {text}") } else { format!("S:= {text}") }
}
