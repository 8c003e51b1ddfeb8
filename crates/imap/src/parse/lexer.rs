//! The cursor all parse functions share: atoms, numbers, strings, literals, lists.

use std::borrow::Cow;

use super::{Dialect, Frame, Limits, ParseError, Parsed, class};

/// A position in one command. Short of an error it only moves forward.
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    literals: std::slice::IterMut<'a, Vec<u8>>,
    /// The bounds that parsing keeps to.
    pub(crate) limits: &'a Limits,
    /// How mailbox names are spelled.
    pub(crate) dialect: Dialect,
}

impl<'a> Cursor<'a> {
    /// At the start of `frame`, whose literals it will move out.
    pub(crate) fn new(frame: &'a mut Frame, limits: &'a Limits, dialect: Dialect) -> Self {
        Self { rest: &frame.text, literals: frame.literals.iter_mut(), limits, dialect }
    }

    /// Over text without literals.
    pub(crate) fn over(text: &'a [u8], limits: &'a Limits, dialect: Dialect) -> Self {
        Self { rest: text, literals: [].iter_mut(), limits, dialect }
    }

    /// The next byte, not consumed.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The input that is not parsed yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes `byte` if it is next.
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((&first, rest)) if first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Takes `word` if it is next in any case.
    pub(crate) fn eat_word(&mut self, word: &[u8]) -> bool {
        match self.rest.split_at_checked(word.len()) {
            Some((head, rest)) if head.eq_ignore_ascii_case(word) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Takes `byte` or fails with `otherwise`.
    pub(crate) fn expect(&mut self, byte: u8, otherwise: &'static str) -> Parsed<()> {
        if self.eat(byte) { Ok(()) } else { Err(self.wrong(otherwise)) }
    }

    /// Takes all bytes at the front of a class.
    pub(crate) fn take_while(&mut self, class: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|&b| !class(b)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, &[]));
        self.rest = rest;
        taken
    }

    /// `SP`.
    ///
    /// QUIRK(Outlook and hand-written clients, any): two or more spaces stand where one belongs.
    pub(crate) fn sp(&mut self) -> Parsed<()> {
        self.expect(b' ', "expected a space")?;
        while self.eat(b' ') {}
        Ok(())
    }

    /// The end of the command.
    ///
    /// QUIRK(many clients, any): a space before CRLF.
    pub(crate) fn end(&mut self) -> Parsed<()> {
        while self.eat(b' ') {}
        if self.rest.is_empty() { Ok(()) } else { Err(self.wrong("unexpected text at the end")) }
    }

    /// Whether only spaces are left.
    pub(crate) fn at_end(&self) -> bool {
        self.rest.iter().all(|&b| b == b' ')
    }

    /// Whether an argument follows: a space with something behind it.
    pub(crate) fn more(&self) -> bool {
        self.peek() == Some(b' ') && !self.at_end()
    }

    /// Whether `SP byte` follows; if so, takes the space.
    pub(crate) fn sp_before(&mut self, byte: u8) -> bool {
        let mut ahead = self.rest;
        while let Some((b' ', rest)) = ahead.split_first() {
            ahead = rest;
        }
        if ahead.len() < self.rest.len() && ahead.first() == Some(&byte) {
            self.rest = ahead;
            return true;
        }
        false
    }

    /// The error for the byte at the front: what may never stand in a command is named, the
    /// rest is `otherwise`.
    pub(crate) fn wrong(&self, otherwise: &'static str) -> ParseError {
        ParseError::Syntax(match self.peek() {
            None => "unexpected end of command",
            Some(0) => "NUL is not allowed",
            Some(b'\r') => "CR without LF is not allowed",
            Some(b'\n') => "LF without CR is not allowed",
            Some(0x80..) => "8-bit characters are allowed in quoted strings and literals only",
            Some(_) => otherwise,
        })
    }

    /// `atom = 1*ATOM-CHAR` (RFC 9051 §9).
    pub(crate) fn atom(&mut self) -> Parsed<&'a [u8]> {
        let atom = self.take_while(class::is_atom);
        if atom.is_empty() { Err(self.wrong("expected an atom")) } else { Ok(atom) }
    }

    /// `number = 1*DIGIT`, below 2^32 (RFC 9051 §9).
    pub(crate) fn number(&mut self) -> Parsed<u32> {
        let number = self.number64()?;
        u32::try_from(number).map_err(|_| ParseError::Syntax("number too large"))
    }

    /// `nz-number` (RFC 9051 §9).
    pub(crate) fn nz_number(&mut self) -> Parsed<std::num::NonZeroU32> {
        std::num::NonZeroU32::new(self.number()?).ok_or(ParseError::Syntax("0 is not allowed here"))
    }

    /// `number64 = 1*DIGIT`, below 2^63 (RFC 9051 §9).
    pub(crate) fn number64(&mut self) -> Parsed<u64> {
        let digits = self.take_while(|b| b.is_ascii_digit());
        if digits.is_empty() {
            return Err(self.wrong("expected a number"));
        }
        let mut value: u64 = 0;
        for digit in digits {
            value = value
                .checked_mul(10)
                .and_then(|v| v.checked_add(u64::from(digit - b'0')))
                .filter(|&v| v <= i64::MAX as u64)
                .ok_or(ParseError::Syntax("number too large"))?;
        }
        Ok(value)
    }

    /// `quoted = DQUOTE *QUOTED-CHAR DQUOTE` (RFC 9051 §9). UTF-8 is taken in either dialect.
    ///
    /// QUIRK(Thunderbird, mutt): passwords and search text in UTF-8 come quoted also when
    /// nothing was enabled; RFC 3501 §9 has 7-bit only.
    fn quoted(&mut self) -> Parsed<Cow<'a, [u8]>> {
        self.expect(b'"', "expected a quoted string")?;
        let plain = self.take_while(|b| class::is_quoted(b) || b >= 0x80);
        if self.eat(b'"') {
            utf8(plain)?;
            return Ok(Cow::Borrowed(plain));
        }
        let mut unescaped = plain.to_vec();
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    self.eat(b'\\');
                    match self.peek() {
                        Some(byte @ (b'"' | b'\\')) => {
                            self.eat(byte);
                            unescaped.push(byte);
                        }
                        _ => {
                            return Err(
                                self.wrong("only \" and \\ may follow \\ in a quoted string")
                            );
                        }
                    }
                }
                None => return Err(ParseError::Syntax("quoted string without closing quote")),
                Some(_) => return Err(self.wrong("character not allowed in a quoted string")),
            }
            unescaped.extend_from_slice(self.take_while(|b| class::is_quoted(b) || b >= 0x80));
        }
        self.eat(b'"');
        utf8(&unescaped)?;
        Ok(Cow::Owned(unescaped))
    }

    /// `literal = "{" number64 ["+"] "}" CRLF *CHAR8` (RFC 9051 §9), moved out of the frame.
    pub(crate) fn literal(&mut self) -> Parsed<Vec<u8>> {
        let bytes = self.literal_bytes()?;
        // RFC 9051 §9 `CHAR8`: any octet but NUL; only literal8 may hold it.
        if bytes.contains(&0) {
            return Err(ParseError::Syntax("NUL is not allowed in a literal"));
        }
        Ok(bytes)
    }

    /// `literal8 = "~{" number64 "}" CRLF *OCTET` (RFC 9051 §9).
    ///
    /// RFC 7888 §6 allows its non-synchronizing form.
    pub(crate) fn literal8(&mut self) -> Parsed<Vec<u8>> {
        self.expect(b'~', "expected a literal8")?;
        self.literal_bytes()
    }

    fn literal_bytes(&mut self) -> Parsed<Vec<u8>> {
        self.expect(b'{', "expected a literal")?;
        self.number64()?;
        self.eat(b'+');
        self.expect(b'}', "malformed literal")?;
        // The framer leaves CRLF only where it took a literal out.
        if !self.eat_word(b"\r\n") {
            return Err(self.wrong("text after the size of a literal"));
        }
        let bytes = self.literals.next().ok_or(ParseError::Syntax("malformed literal"))?;
        Ok(std::mem::take(bytes))
    }

    /// `string = quoted / literal` (RFC 9051 §9).
    pub(crate) fn string(&mut self) -> Parsed<Cow<'a, [u8]>> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{') => self.literal().map(Cow::Owned),
            _ => Err(self.wrong("expected a string")),
        }
    }

    /// `astring = 1*ASTRING-CHAR / string` (RFC 9051 §9).
    pub(crate) fn astring(&mut self) -> Parsed<Cow<'a, [u8]>> {
        match self.peek() {
            Some(b'"' | b'{') => self.string(),
            _ => {
                let atom = self.take_while(class::is_astring);
                if atom.is_empty() {
                    return Err(self.wrong("expected a string"));
                }
                Ok(Cow::Borrowed(atom))
            }
        }
    }

    /// `nstring = string / nil` (RFC 9051 §9).
    pub(crate) fn nstring(&mut self) -> Parsed<Option<Cow<'a, [u8]>>> {
        if self.peek().is_some_and(|b| b.eq_ignore_ascii_case(&b'N')) {
            return if self.atom()?.eq_ignore_ascii_case(b"NIL") {
                Ok(None)
            } else {
                Err(ParseError::Syntax("expected a string or NIL"))
            };
        }
        self.string().map(Some)
    }

    /// An `astring` that must be UTF-8.
    pub(crate) fn astring_text(&mut self) -> Parsed<String> {
        into_text(self.astring()?)
    }

    /// A list in parentheses, `"(" [item *(SP item)] ")"`, of at most `max` items.
    pub(crate) fn list(
        &mut self,
        max: usize,
        too_many: &'static str,
        mut item: impl FnMut(&mut Self) -> Parsed<()>,
    ) -> Parsed<()> {
        self.expect(b'(', "expected (")?;
        while self.eat(b' ') {}
        let mut count = 0;
        while !self.eat(b')') {
            count += 1;
            if count > max {
                return Err(ParseError::TooMany(too_many));
            }
            item(self)?;
            if !self.sp_before(b')') && self.peek() != Some(b')') {
                self.sp()?;
            }
        }
        Ok(())
    }
}

/// `text` if it is UTF-8.
pub(crate) fn utf8(text: &[u8]) -> Parsed<&str> {
    std::str::from_utf8(text).map_err(|_| ParseError::Syntax("text is not valid UTF-8"))
}

/// `text` as a String, if it is UTF-8.
pub(crate) fn into_text(text: Cow<'_, [u8]>) -> Parsed<String> {
    String::from_utf8(text.into_owned()).map_err(|_| ParseError::Syntax("text is not valid UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor<'a>(text: &'a [u8], limits: &'a Limits) -> Cursor<'a> {
        Cursor::over(text, limits, Dialect::Rev1)
    }

    #[test]
    fn strings() {
        let limits = Limits::default();
        for (text, expect) in [
            (&b"atom]x rest"[..], Ok("atom]x")),
            (b"\"\"", Ok("")),
            (b"\"a b\"", Ok("a b")),
            (b"\"a\\\"b\\\\\"", Ok("a\"b\\")),
            (b"\"\\\\\"", Ok("\\")),
            ("\"é\"".as_bytes(), Ok("é")),
            (b"\"\xe9\"", Err("text is not valid UTF-8")),
            (b"\xe9", Err("8-bit characters are allowed in quoted strings and literals only")),
            (b"\"a\\b\"", Err("only \" and \\ may follow \\ in a quoted string")),
            (b"\"abc", Err("quoted string without closing quote")),
            (b"\"a\0\"", Err("NUL is not allowed")),
            (b"\"a\rb\"", Err("CR without LF is not allowed")),
            (b"", Err("unexpected end of command")),
            (b"(", Err("expected a string")),
            (b"{3}", Err("unexpected end of command")),
            (b"{3}\r\n", Err("malformed literal")),
            (b"{x}\r\n", Err("expected a number")),
        ] {
            let found = cursor(text, &limits).astring_text();
            assert_eq!(
                found.as_deref(),
                expect.map_err(ParseError::Syntax).as_ref().map(|s| *s),
                "{text:?}"
            );
        }
    }

    #[test]
    fn numbers() {
        let limits = Limits::default();
        for (text, expect) in [
            ("0", Ok(0)),
            ("00012", Ok(12)),
            ("9223372036854775807", Ok(i64::MAX as u64)),
            ("9223372036854775808", Err("number too large")),
            ("99999999999999999999999", Err("number too large")),
            ("-1", Err("expected a number")),
        ] {
            let found = cursor(text.as_bytes(), &limits).number64();
            assert_eq!(found, expect.map_err(ParseError::Syntax), "{text}");
        }
        assert_eq!(cursor(b"4294967295", &limits).number(), Ok(u32::MAX));
        assert_eq!(
            cursor(b"4294967296", &limits).number(),
            Err(ParseError::Syntax("number too large"))
        );
    }

    #[test]
    fn lists_take_odd_spaces_and_keep_their_bound() {
        let limits = Limits::default();
        for (text, max, expect) in [
            ("()", 3, Ok(0)),
            ("( )", 3, Ok(0)),
            ("(a b)", 3, Ok(2)),
            ("( a  b )", 3, Ok(2)),
            ("(a b c d)", 3, Err(ParseError::TooMany("too many"))),
            ("(a", 3, Err(ParseError::Syntax("unexpected end of command"))),
            ("(a\"", 3, Err(ParseError::Syntax("expected a space"))),
            ("a", 3, Err(ParseError::Syntax("expected ("))),
        ] {
            let mut count = 0;
            let found = cursor(text.as_bytes(), &limits).list(max, "too many", |c| {
                count += 1;
                c.atom().map(drop)
            });
            assert_eq!(found.map(|()| count), expect, "{text}");
        }
    }
}
