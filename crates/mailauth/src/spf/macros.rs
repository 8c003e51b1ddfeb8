//! Macros of SPF records (RFC 7208 §7), expanded with the facts of a session.

use std::net::IpAddr;

/// A part of a macro string.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Expand(Expand),
}

/// `%{…}`
#[derive(Debug, Clone, PartialEq, Eq)]
struct Expand {
    /// The letter of the macro, in lower case.
    letter: char,
    /// Written in upper case, which asks for URL escapes.
    escaped: bool,
    /// How many parts are kept, counted from the right.
    keep: Option<usize>,
    reversed: bool,
    delimiters: String,
}

/// `macro-string` of RFC 7208 §7.1, in a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MacroString(Vec<Part>);

/// What letters stand for (RFC 7208 §7.2).
pub(super) struct Values<'a> {
    pub(super) local: &'a str,
    pub(super) sender_domain: &'a str,
    pub(super) domain: &'a str,
    pub(super) helo: &'a str,
    pub(super) ip: IpAddr,
    /// Looked up only where a string needs it.
    pub(super) validated: Option<&'a str>,
}

impl MacroString {
    /// Parses a macro string; `None` if it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(char) = rest.chars().next() {
            if char == '%' {
                let (part, after) = parse_macro(rest)?;
                parts.push(part);
                rest = after;
                continue;
            }
            // macro-literal = %x21-24 / %x26-7E
            let end = rest.find('%').unwrap_or(rest.len());
            let (literal, after) = rest.split_at(end);
            if !literal.bytes().all(|byte| byte.is_ascii_graphic()) {
                return None;
            }
            parts.push(Part::Literal(literal.to_owned()));
            rest = after;
        }
        Some(Self(parts))
    }

    /// `domain-spec = macro-string domain-end`.
    pub(super) fn parse_domain(text: &str) -> Option<Self> {
        let parsed = Self::parse(text)?;
        let ends = match parsed.0.last()? {
            Part::Expand(_) => true,
            Part::Literal(literal) => ends_with_top_label(literal),
        };
        ends.then_some(parsed)
    }

    /// Whether `%{p}` occurs.
    pub(super) fn needs_name(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Expand(Expand { letter: 'p', .. })))
    }

    /// RFC 7208 §7.3; a name longer than the DNS permits loses labels on its left.
    pub(super) fn expand_domain(&self, values: &Values<'_>) -> String {
        let mut name = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(literal) => name += literal,
                Part::Expand(expand) => name += &expand.apply(values),
            }
        }
        let name = name.trim_end_matches('.');
        let mut name = name;
        while name.len() > 253 {
            match name.split_once('.') {
                Some((_, shorter)) => name = shorter,
                None => return String::new(),
            }
        }
        name.to_ascii_lowercase()
    }
}

/// `domain-end = ( "." toplabel [ "." ] )`; `toplabel` is not all digits.
fn ends_with_top_label(literal: &str) -> bool {
    let literal = literal.strip_suffix('.').unwrap_or(literal);
    let Some((_, top)) = literal.rsplit_once('.') else { return false };
    !top.is_empty()
        && !top.starts_with('-')
        && !top.ends_with('-')
        && top.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && top.bytes().any(|byte| !byte.is_ascii_digit())
}

/// The macro that `text` begins with, and what follows it.
fn parse_macro(text: &str) -> Option<(Part, &str)> {
    for (macro_text, stands_for) in [("%%", "%"), ("%_", " "), ("%-", "%20")] {
        if let Some(after) = text.strip_prefix(macro_text) {
            return Some((Part::Literal(stands_for.to_owned()), after));
        }
    }
    let (inside, after) = text.strip_prefix("%{")?.split_once('}')?;
    let mut chars = inside.chars();
    let letter = chars.next()?;
    // "c", "r" and "t" are for explanations only.
    if !"slodiphv".contains(letter.to_ascii_lowercase()) {
        return None;
    }
    let rest = chars.as_str();
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, rest) = rest.split_at(digits);
    let keep = match digits {
        "" => None,
        digits => match digits.parse::<usize>() {
            Ok(0) => return None,
            Ok(keep) => Some(keep),
            Err(_) => Some(usize::MAX),
        },
    };
    let (reversed, delimiters) = match rest.strip_prefix(['r', 'R']) {
        Some(delimiters) => (true, delimiters),
        None => (false, rest),
    };
    if !delimiters.chars().all(|char| ".-+,/_=".contains(char)) {
        return None;
    }
    let expand = Expand {
        letter: letter.to_ascii_lowercase(),
        escaped: letter.is_ascii_uppercase(),
        keep,
        reversed,
        delimiters: if delimiters.is_empty() { ".".to_owned() } else { delimiters.to_owned() },
    };
    Some((Part::Expand(expand), after))
}

impl Expand {
    fn apply(&self, values: &Values<'_>) -> String {
        let text = match self.letter {
            's' => format!("{}@{}", values.local, values.sender_domain),
            'l' => values.local.to_owned(),
            'o' => values.sender_domain.to_owned(),
            'd' => values.domain.to_owned(),
            'i' => dotted(values.ip),
            'p' => values.validated.unwrap_or("unknown").to_owned(),
            'v' if values.ip.is_ipv4() => "in-addr".to_owned(),
            'v' => "ip6".to_owned(),
            _ => values.helo.to_owned(),
        };
        let mut parts: Vec<&str> = text.split(|c| self.delimiters.contains(c)).collect();
        if self.reversed {
            parts.reverse();
        }
        let skipped = parts.len().saturating_sub(self.keep.unwrap_or(usize::MAX));
        let text = parts.get(skipped..).unwrap_or_default().join(".");
        if self.escaped { escape(&text) } else { text }
    }
}

/// `%{i}`: of IPv6 every hexadecimal digit apart.
fn dotted(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(four) => four.to_string(),
        IpAddr::V6(six) => {
            let digits = six.octets().into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
            digits.map(|digit| format!("{digit:x}")).collect::<Vec<_>>().join(".")
        }
    }
}

/// RFC 3986 §2.3: all but unreserved characters.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped += &format!("%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str, ip: &str) -> Option<String> {
        let values = Values {
            local: "strong-bad",
            sender_domain: "email.example.com",
            domain: "email.example.com",
            helo: "mx.example.org",
            ip: ip.parse().unwrap(),
            validated: Some("mx.example.org"),
        };
        MacroString::parse(text).map(|parsed| parsed.expand_domain(&values))
    }

    #[test]
    fn the_examples_of_rfc_7208() {
        // RFC 7208 §7.4.
        for (text, expected) in [
            ("%{s}", "strong-bad@email.example.com"),
            ("%{o}", "email.example.com"),
            ("%{d}", "email.example.com"),
            ("%{d4}", "email.example.com"),
            ("%{d3}", "email.example.com"),
            ("%{d2}", "example.com"),
            ("%{d1}", "com"),
            ("%{dr}", "com.example.email"),
            ("%{d2r}", "example.email"),
            ("%{l}", "strong-bad"),
            ("%{l-}", "strong.bad"),
            ("%{lr}", "strong-bad"),
            ("%{lr-}", "bad.strong"),
            ("%{l1r-}", "strong"),
            ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
            ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
            ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
            ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
            ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
            ("%{h}.%%%_%-%{S}", "mx.example.org.% %20strong-bad%40email.example.com"),
        ] {
            assert_eq!(expand(text, "192.0.2.3").as_deref(), Some(expected), "{text}");
        }
        assert_eq!(
            expand("%{ir}.%{v}._spf.%{d2}", "2001:db8::cb01").as_deref(),
            Some(
                "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2\
                 .ip6._spf.example.com"
            )
        );
    }

    #[test]
    fn what_is_no_macro_is_an_error() {
        for bad in ["%", "%a", "%{", "%{}", "%{x}", "%{c}", "%{d0}", "%{d2x}", "%{d;}", "a b", "é"]
        {
            assert_eq!(MacroString::parse(bad), None, "{bad:?}");
        }
        for (text, good) in [
            ("example.com", true),
            ("example.com.", true),
            ("%{d}", true),
            (".com", true),
            ("a.%{d2}", true),
            ("%{d}.c-m", true),
            ("com", false),
            ("example.1", false),
            ("example.-a", false),
            ("example.com..", false),
            ("%{d}.", false),
            ("", false),
        ] {
            assert_eq!(MacroString::parse_domain(text).is_some(), good, "{text:?}");
        }
    }

    #[test]
    fn names_that_are_too_long_lose_their_left() {
        let long = format!("{}%{{d}}", "abcdefghi.".repeat(30));
        let name = expand(&long, "192.0.2.3").unwrap();
        assert_eq!(name.len(), 247);
        assert!(name.starts_with("abcdefghi.") && name.ends_with(".email.example.com"));
    }
}
