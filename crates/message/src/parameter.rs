//! Content-Type and Content-Disposition: a value and its parameters (RFC 2045 §5.1, RFC 2183 §2),
//! continuations and character sets decoded (RFC 2231 §3, §4).

use std::borrow::Cow;

use mail_parser::Charset;

use crate::charset::charset_of;
use crate::header::{skip_cfws, unfold};
use crate::imap_string::push_string;

/// LIMIT: real fields have up to some 10 parameters, continuations included; finding the pieces
/// of a continued one compares each with each.
const PARAMETERS_MAX: usize = 128;

/// A parameter of a header field, without quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name; ends with `*` where the value is encoded (RFC 2231 §4).
    pub name: Vec<u8>,
    /// The value, without quotes and encoding.
    pub value: Vec<u8>,
}

/// A field value: `main [ "/" sub ] *( ";" parameter )`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parameterized {
    /// The first token: a main type, a disposition.
    pub main: Vec<u8>,
    /// The subtype; empty where there is none.
    pub sub: Vec<u8>,
    /// The parameters in order.
    pub parameters: Vec<Parameter>,
}

impl Parameterized {
    /// Reads what can be read; `None` where there is not even a first token.
    pub fn parse(raw_value: &[u8]) -> Option<Self> {
        let text = unfold(raw_value);
        let mut cursor = Cursor { rest: &text };
        cursor.skip_blanks();
        let main = cursor.token().to_vec();
        if main.is_empty() {
            return None;
        }
        cursor.skip_blanks();
        let mut sub = Vec::new();
        if cursor.eat(b'/') {
            cursor.skip_blanks();
            sub = cursor.token().to_vec();
        }
        let mut pieces = Vec::new();
        while pieces.len() < PARAMETERS_MAX && cursor.skip_past(b';') {
            cursor.skip_blanks();
            let name = cursor.token().to_vec();
            cursor.skip_blanks();
            if !name.is_empty() && cursor.eat(b'=') {
                cursor.skip_blanks();
                pieces.push(Parameter { name, value: cursor.value() });
            }
        }
        Some(Self { main, sub, parameters: joined(pieces) })
    }

    /// Whether it is `main/sub`.
    pub fn is(&self, main: &str, sub: &str) -> bool {
        self.is_main(main) && self.sub.eq_ignore_ascii_case(sub.as_bytes())
    }

    /// Whether it is `main/` anything.
    pub fn is_main(&self, main: &str) -> bool {
        self.main.eq_ignore_ascii_case(main.as_bytes())
    }

    /// The value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&[u8]> {
        let is_it = |p: &&Parameter| p.name.eq_ignore_ascii_case(name.as_bytes());
        self.parameters.iter().find(is_it).map(|p| p.value.as_slice())
    }
}

/// `body-fld-param = "(" string SP string *(SP string SP string) ")" / nil` (RFC 9051 §9).
pub(crate) fn push_parameters(out: &mut Vec<u8>, parameters: &[Parameter]) {
    if parameters.is_empty() {
        out.extend_from_slice(b"NIL");
        return;
    }
    for (index, Parameter { name, value }) in parameters.iter().enumerate() {
        out.push(if index == 0 { b'(' } else { b' ' });
        push_string(out, name);
        out.push(b' ');
        push_string(out, value);
    }
    out.push(b')');
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn eat(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn split(&mut self, len: usize) -> &'a [u8] {
        let (head, rest) = self.rest.split_at_checked(len).unwrap_or((self.rest, &[]));
        self.rest = rest;
        head
    }

    // Blanks and comments.
    fn skip_blanks(&mut self) {
        self.rest = skip_cfws(self.rest);
    }

    // token of RFC 2045 §5.1, 8-bit bytes let through.
    fn token(&mut self) -> &'a [u8] {
        let is_end =
            |byte: &u8| *byte <= b' ' || *byte == 127 || b"()<>@,;:\\\"/[]?=".contains(byte);
        let len = self.rest.iter().position(is_end).unwrap_or(self.rest.len());
        self.split(len)
    }

    // QUIRK(many mailers): values that need quoting and have none, such as file names with
    // blanks, run to the next semicolon; a parenthesis in them is a comment after a blank only.
    fn value(&mut self) -> Vec<u8> {
        if self.rest.first() == Some(&b'"') {
            return self.quoted();
        }
        let mut len = 0;
        let mut after_blank = true;
        for byte in self.rest {
            match byte {
                b';' => break,
                b'(' if after_blank => break,
                _ => {}
            }
            after_blank = matches!(byte, b' ' | b'\t');
            len += 1;
        }
        self.split(len).trim_ascii().to_vec()
    }

    fn quoted(&mut self) -> Vec<u8> {
        let mut value = Vec::new();
        let mut bytes = self.rest.get(1..).unwrap_or_default().iter();
        while let Some(byte) = bytes.next() {
            match byte {
                b'"' => break,
                b'\\' => value.extend(bytes.next()),
                _ => value.push(*byte),
            }
        }
        self.rest = bytes.as_slice();
        value
    }

    fn skip_past(&mut self, byte: u8) -> bool {
        match self.rest.iter().position(|found| *found == byte) {
            Some(at) => {
                self.split(at + 1);
                true
            }
            None => false,
        }
    }
}

struct Piece<'a> {
    base: &'a [u8],
    // RFC 2231 §3: the number of a continuation; a value in one piece is its own first.
    section: u32,
    // RFC 2231 §4: percent-encoded.
    extended: bool,
    value: &'a [u8],
}

// parameter name of RFC 2231 §7: attribute [ "*" section ] [ "*" ]
fn piece(parameter: &Parameter) -> Option<Piece<'_>> {
    let star = parameter.name.iter().position(|&byte| byte == b'*')?;
    let (base, suffix) = parameter.name.split_at_checked(star)?;
    let suffix = suffix.strip_prefix(b"*")?;
    let (digits, extended) = match suffix.strip_suffix(b"*") {
        Some(digits) => (digits, true),
        None => (suffix, suffix.is_empty()),
    };
    let section = match digits {
        [] => 0,
        digits => std::str::from_utf8(digits).ok()?.parse().ok()?,
    };
    (!base.is_empty()).then_some(Piece { base, section, extended, value: &parameter.value })
}

// Puts the pieces of continued parameters together where the first of them stands. RFC 9051
// §7.5.2: decoded to UTF-8; as "foo" where that is ASCII, else as "foo*". Who writes both forms
// means the extended one (RFC 6266 §4.3): where both become one name, the plain one is left out.
fn joined(parameters: Vec<Parameter>) -> Vec<Parameter> {
    if !parameters.iter().any(|parameter| parameter.name.contains(&b'*')) {
        return parameters;
    }
    let mut done: Vec<&[u8]> = Vec::new();
    let mut joined: Vec<(usize, Parameter)> = Vec::new();
    for (at, parameter) in parameters.iter().enumerate() {
        let Some(first) = piece(parameter) else { continue };
        if done.iter().any(|base| base.eq_ignore_ascii_case(first.base)) {
            continue;
        }
        done.push(first.base);
        let mut pieces: Vec<Piece<'_>> = parameters.iter().filter_map(piece).collect();
        pieces.retain(|piece| piece.base.eq_ignore_ascii_case(first.base));
        pieces.sort_by_key(|piece| piece.section);
        joined.push((at, join(first.base, &pieces)));
    }
    let is_joined =
        |name: &[u8]| joined.iter().any(|(_, joined)| joined.name.eq_ignore_ascii_case(name));
    let plain = parameters
        .iter()
        .enumerate()
        .filter(|(_, parameter)| piece(parameter).is_none() && !is_joined(&parameter.name));
    let mut all: Vec<(usize, Parameter)> =
        plain.map(|(at, parameter)| (at, parameter.clone())).collect();
    all.append(&mut joined);
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, parameter)| parameter).collect()
}

fn join(base: &[u8], pieces: &[Piece<'_>]) -> Parameter {
    let (mut charset, mut language): (&[u8], &[u8]) = (b"", b"");
    let mut bytes = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let mut value = piece.value;
        if piece.extended {
            // RFC 2231 §4: charset'language'text in the first piece only.
            let mut parts = value.splitn(3, |&byte| byte == b'\'');
            if let (0, Some(label), Some(tag), Some(text)) =
                (index, parts.next(), parts.next(), parts.next())
            {
                (charset, language, value) = (label, tag, text);
            }
            push_percent_decoded(&mut bytes, value);
        } else {
            bytes.extend_from_slice(value);
        }
    }
    let Some(text) = decoded(charset, &bytes) else {
        return extended(base, [charset, language], &bytes);
    };
    if text.is_ascii() {
        return Parameter { name: base.to_vec(), value: text.as_bytes().to_vec() };
    }
    extended(base, [b"UTF-8", b""], text.as_bytes())
}

// `None` where the character set is not known or the bytes are none of it: who can read them is to
// get them as they are. RFC 2231 §4 lets the character set be left out.
fn decoded<'b>(label: &[u8], bytes: &'b [u8]) -> Option<Cow<'b, str>> {
    let charset = match label {
        b"" => Charset::default(),
        label => charset_of(label)?,
    };
    let (text, is_malformed) = charset.decode_checked(bytes);
    (!is_malformed).then_some(text)
}

// extended-other-values of RFC 2231 §7, in one piece.
fn extended(base: &[u8], [charset, language]: [&[u8]; 2], bytes: &[u8]) -> Parameter {
    let mut value = [charset, language, b""].join(&b'\'');
    push_percent_encoded(&mut value, bytes);
    Parameter { name: [base, b"*"].concat(), value }
}

fn push_percent_decoded(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        let hex = |at: usize| tail.get(at).and_then(|digit| (*digit as char).to_digit(16));
        match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
}

// attribute-char of RFC 2231 §7 stands for itself.
fn push_percent_encoded(out: &mut Vec<u8>, bytes: &[u8]) {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`{|}~".contains(&byte) {
            out.push(byte);
        } else {
            let digit = |nibble: u8| b"0123456789ABCDEF".get(usize::from(nibble)).copied();
            out.push(b'%');
            out.extend(digit(byte >> 4));
            out.extend(digit(byte & 15));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, main: &str, sub: &str, parameters: &str) {
        let found = Parameterized::parse(raw.as_bytes()).unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!((text(&found.main).as_str(), text(&found.sub).as_str()), (main, sub), "{raw}");
        let mut out = Vec::new();
        push_parameters(&mut out, &found.parameters);
        assert_eq!(text(&out), parameters, "{raw}");
    }

    #[test]
    fn types_and_parameters() {
        check(
            " text/plain; charset=us-ascii (Plain text)",
            "text",
            "plain",
            "(\"charset\" \"us-ascii\")",
        );
        check("text/plain; charset=\"us-\\ascii\"", "text", "plain", "(\"charset\" \"us-ascii\")");
        check(
            "Multipart / Mixed (x;y) ;\r\n boundary=\"a;b\"; x=1",
            "Multipart",
            "Mixed",
            "(\"boundary\" \"a;b\" \"x\" \"1\")",
        );
        check(
            "attachment; filename=my file (1).pdf",
            "attachment",
            "",
            "(\"filename\" \"my file\")",
        );
        check(
            "attachment; filename=my(1).pdf ;;; =x; y; z =2",
            "attachment",
            "",
            "(\"filename\" \"my(1).pdf\" \"z\" \"2\")",
        );
        check("text", "text", "", "NIL");
        check("text/; a=\"open", "text", "", "(\"a\" \"open\")");
        check("a/b; c=\"\"; d=", "a", "b", "(\"c\" \"\" \"d\" \"\")");
        for raw in ["", " ", ";", "/plain", "(comment", "\"quoted\""] {
            assert_eq!(Parameterized::parse(raw.as_bytes()), None, "{raw}");
        }
    }

    #[test]
    fn continuations_and_charsets() {
        // RFC 2231 §3, §4 and §4.1
        check(
            "message/external-body; access-type=URL;\r\n URL*0=\"ftp://\";\r\n URL*1=\"cs.utk.edu/pub\"",
            "message",
            "external-body",
            "(\"access-type\" \"URL\" \"URL\" \"ftp://cs.utk.edu/pub\")",
        );
        check(
            "application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
            "application",
            "x-stuff",
            "(\"title\" \"This is ***fun***\")",
        );
        check(
            "application/x-stuff; title*0*=us-ascii'en'This%20is%20even%20more%20;\r\n \
               title*1*=%2A%2A%2Afun%2A%2A%2A%20;\r\n title*2=\"isn't it!\"",
            "application",
            "x-stuff",
            "(\"title\" \"This is even more ***fun*** isn't it!\")",
        );
        check(
            "attachment; filename*=iso-8859-1''caf%E9%20x.txt",
            "attachment",
            "",
            "(\"filename*\" \"UTF-8''caf%C3%A9%20x.txt\")",
        );
        check(
            "a/b; f*1=b; x=y; F*0*=utf-8''%e2%98; f*2*=%95",
            "a",
            "b",
            "(\"f*\" \"utf-8''%E2%98b%95\" \"x\" \"y\")",
        );
        check(
            "a/b; *=x; f*z=1; f*99999999999=2",
            "a",
            "b",
            "(\"*\" \"x\" \"f*z\" \"1\" \"f*99999999999\" \"2\")",
        );
        check("a/b; f*=100%", "a", "b", "(\"f\" \"100%\")");
    }

    #[test]
    fn of_two_forms_with_one_name_the_extended_one_counts() {
        for (parameters, expect) in [
            ("filename=\"r.pdf\"; filename*=UTF-8''r.pdf", "(\"filename\" \"r.pdf\")"),
            ("f*=utf-8''new; x=y; F=old", "(\"f\" \"new\" \"x\" \"y\")"),
            ("f=old; f*0=n; x=y; f*1=ew", "(\"f\" \"new\" \"x\" \"y\")"),
            (
                "f=cafe; f*=utf-8''caf%c3%a9; x=1; x=2",
                "(\"f\" \"cafe\" \"f*\" \"UTF-8''caf%C3%A9\" \"x\" \"1\" \"x\" \"2\")",
            ),
        ] {
            check(&format!("a/b; {parameters}"), "a", "b", expect);
        }
    }

    #[test]
    fn what_cannot_be_decoded_stays_as_it_is() {
        for (parameters, expect) in [
            ("f*=cp932''%93%FA%96%7B.pdf", "(\"f*\" \"UTF-8''%E6%97%A5%E6%9C%AC.pdf\")"),
            ("f*=cp850''caf%82", "(\"f*\" \"UTF-8''caf%C3%A9\")"),
            ("f*=cp437'en'%e1%20x", "(\"f*\" \"cp437'en'%E1%20x\")"),
            ("f*0*=x-y'de'%01a; f*1=\"b c\"; f*2*=%ff", "(\"f*\" \"x-y'de'%01ab%20c%FF\")"),
            ("f*=utf-8''%c3", "(\"f*\" \"utf-8''%C3\")"),
            ("f*=shift_jis'ja'%93", "(\"f*\" \"shift_jis'ja'%93\")"),
            ("f*=''%ff", "(\"f*\" \"''%FF\")"),
            ("f*0=a; f*1*=%e9", "(\"f*\" \"''a%E9\")"),
            // The replacement character itself.
            ("f*=utf-8''%ef%bf%bd", "(\"f*\" \"UTF-8''%EF%BF%BD\")"),
        ] {
            check(&format!("a/b; {parameters}"), "a", "b", expect);
        }
    }

    #[test]
    fn parameters_are_bounded() {
        let raw = format!("a/b{}", "; f*0=x".repeat(1000));
        assert_eq!(Parameterized::parse(raw.as_bytes()).unwrap().parameters.len(), 1);
        let raw = format!("a/b{}", "; f=x".repeat(1000));
        assert_eq!(Parameterized::parse(raw.as_bytes()).unwrap().parameters.len(), 128);
    }
}
