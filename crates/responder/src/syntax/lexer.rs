//! Scripts as tokens (RFC 5228 §8.1).
//!
//! **Invariant:** each byte is looked at once; positions count characters.

use crate::error::{Mistake, Position, ScriptError};

/// A token of the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'s> {
    /// `identifier = (ALPHA / "_") *(ALPHA / DIGIT / "_")`
    Identifier(&'s str),
    /// `tag = ":" identifier`, without its colon.
    Tag(&'s str),
    /// `number = 1*DIGIT [ QUANTIFIER ]`
    Number(u64),
    /// `quoted-string / multi-line`, its escapes undone.
    Text(String),
    /// One of `; , ( ) [ ] { }`.
    Mark(u8),
    /// The end of the script.
    End,
}

/// Reads tokens off a script.
pub(super) struct Lexer<'s> {
    text: &'s str,
    at: usize,
    position: Position,
}

impl<'s> Lexer<'s> {
    pub(super) fn new(text: &'s str) -> Self {
        Self { text, at: 0, position: Position::default() }
    }

    /// The next token and where it begins.
    pub(super) fn token(&mut self) -> Result<(Position, Token<'s>), ScriptError> {
        self.skip_white_space()?;
        let at = self.position;
        let Some(first) = self.peek() else { return Ok((at, Token::End)) };
        let token = match first {
            b';' | b',' | b'(' | b')' | b'[' | b']' | b'{' | b'}' => {
                self.bump();
                Token::Mark(first)
            }
            b'"' => Token::Text(self.quoted(at)?),
            b':' => {
                self.bump();
                match self.identifier() {
                    "" => return Err(Mistake::Syntax("a name must follow the colon").at(at)),
                    name => Token::Tag(name),
                }
            }
            b'0'..=b'9' => Token::Number(self.number(at)?),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                let name = self.identifier();
                if name.eq_ignore_ascii_case("text") && self.peek() == Some(b':') {
                    Token::Text(self.multi_line(at)?)
                } else {
                    Token::Identifier(name)
                }
            }
            _ => return Err(Mistake::Syntax("a character that means nothing here").at(at)),
        };
        Ok((at, token))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'s str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn bump(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        if byte == b'\n' {
            self.position = Position { line: self.position.line + 1, column: 1 };
        } else if byte & 0xC0 != 0x80 {
            // The bytes that continue a character do not count.
            self.position.column += 1;
        }
        Some(byte)
    }

    // A whole character; at one always, since what is skipped is ASCII.
    fn bump_char(&mut self) -> Option<char> {
        let char = self.rest().chars().next()?;
        for _ in 0..char.len_utf8() {
            self.bump();
        }
        Some(char)
    }

    // white-space = 1*(SP / CRLF / HTAB) / comment
    // DEVIATION(RFC 5228 §8.1): lines may end with LF alone, as every editor but one writes them.
    fn skip_white_space(&mut self) -> Result<(), ScriptError> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r' | b'\n') => {
                    self.bump();
                }
                Some(b'#') => self.skip_line(),
                Some(b'/') if self.rest().starts_with("/*") => self.skip_bracket_comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn skip_line(&mut self) {
        while self.bump().is_some_and(|byte| byte != b'\n') {}
    }

    // bracket-comment = "/*" *not-star 1*STAR *(not-star-slash *not-star 1*STAR) "/"
    fn skip_bracket_comment(&mut self) -> Result<(), ScriptError> {
        let at = self.position;
        self.bump();
        self.bump();
        while let Some(byte) = self.bump() {
            if byte == b'*' && self.peek() == Some(b'/') {
                self.bump();
                return Ok(());
            }
        }
        Err(Mistake::Syntax("a comment has no end").at(at))
    }

    fn identifier(&mut self) -> &'s str {
        let rest = self.rest();
        let is_end = |(at, byte): (usize, u8)| {
            !(byte == b'_' || byte.is_ascii_alphabetic() || (at > 0 && byte.is_ascii_digit()))
        };
        let len = rest.bytes().enumerate().position(is_end).unwrap_or(rest.len());
        self.at += len;
        self.position.column += len as u32;
        rest.get(..len).unwrap_or_default()
    }

    // QUANTIFIER = "K" / "M" / "G"
    fn number(&mut self, at: Position) -> Result<u64, ScriptError> {
        const TOO_LARGE: Mistake = Mistake::TooMuch("a number is too large");
        let mut number = 0u64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            self.bump();
            let sum = number.checked_mul(10).and_then(|n| n.checked_add(u64::from(digit - b'0')));
            number = sum.ok_or(TOO_LARGE.at(at))?;
        }
        let shift = match self.peek() {
            Some(b'k' | b'K') => 10,
            Some(b'm' | b'M') => 20,
            Some(b'g' | b'G') => 30,
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'_') => {
                return Err(Mistake::Syntax("a number ends with K, M, G or a digit").at(at));
            }
            _ => return Ok(number),
        };
        self.bump();
        if matches!(self.peek(), Some(b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'0'..=b'9')) {
            return Err(Mistake::Syntax("a number ends with K, M, G or a digit").at(at));
        }
        number.checked_mul(1 << shift).ok_or(TOO_LARGE.at(at))
    }

    // quoted-string = DQUOTE quoted-text DQUOTE
    fn quoted(&mut self, at: Position) -> Result<String, ScriptError> {
        self.bump();
        let mut text = String::new();
        loop {
            match self.bump_char() {
                None => return Err(Mistake::Syntax("a string has no end").at(at)),
                Some('"') => return Ok(text),
                // RFC 5228 §2.4.2: the backslash before any other character is ignored.
                Some('\\') => match self.bump_char() {
                    None => return Err(Mistake::Syntax("a string has no end").at(at)),
                    Some(char) => push(&mut text, char),
                },
                Some(char) => push(&mut text, char),
            }
        }
    }

    // multi-line = "text:" *(SP / HTAB) (hash-comment / CRLF)
    //              *(multiline-literal / multiline-dotstart) "." CRLF
    fn multi_line(&mut self, at: Position) -> Result<String, ScriptError> {
        self.bump();
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.bump();
        }
        match self.peek() {
            Some(b'#' | b'\r' | b'\n') => self.skip_line(),
            _ => return Err(Mistake::Syntax("the text must begin on the next line").at(at)),
        }
        let mut text = String::new();
        while self.peek().is_some() {
            let rest = self.rest();
            let line = rest.split_inclusive('\n').next().unwrap_or(rest);
            for _ in 0..line.len() {
                self.bump();
            }
            let content = line.strip_suffix('\n').unwrap_or(line);
            let content = content.strip_suffix('\r').unwrap_or(content);
            if content == "." {
                return Ok(text);
            }
            // RFC 5228 §2.4.2: a dot before another one is taken away; before anything else it
            // is a mistake that is let pass.
            let stuffed = content.starts_with("..");
            text.push_str(if stuffed { content.get(1..).unwrap_or_default() } else { content });
            text.push_str("\r\n");
        }
        Err(Mistake::Syntax("a text has no end: a line with a single dot").at(at))
    }
}

// Line breaks in strings are CRLF, however the script has them.
fn push(text: &mut String, char: char) {
    if char == '\n' && !text.ends_with('\r') {
        text.push('\r');
    }
    text.push(char);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let mut lexer = Lexer::new(text);
        let mut found = Vec::new();
        loop {
            match lexer.token() {
                Ok((_, Token::End)) => return found,
                Ok((at, token)) => {
                    found.push(format!("{}:{} {token:?}", at.line, at.column));
                }
                Err(error) => {
                    found.push(error.to_string());
                    return found;
                }
            }
        }
    }

    #[test]
    fn tokens() {
        for (text, expect) in [
            ("keep;", &["1:1 Identifier(\"keep\")", "1:5 Mark(59)"][..]),
            (
                "# c\n\tif :over 1K",
                &["2:2 Identifier(\"if\")", "2:5 Tag(\"over\")", "2:11 Number(1024)"],
            ),
            ("/* \n * é /*/x", &["2:9 Identifier(\"x\")"]),
            ("\"é\\\"\\\\\\a\" x", &["1:1 Text(\"é\\\"\\\\a\")", "1:11 Identifier(\"x\")"]),
            ("\"a\nb\r\nc\"", &["1:1 Text(\"a\\r\\nb\\r\\nc\")"]),
            (
                "text: # why\r\na\r\n..b\n.c\r\n.\r\n;",
                &["1:1 Text(\"a\\r\\n.b\\r\\n.c\\r\\n\")", "6:1 Mark(59)"],
            ),
            ("text:\n.\n", &["1:1 Text(\"\")"]),
            ("text :a", &["1:1 Identifier(\"text\")", "1:6 Tag(\"a\")"]),
            ("_a9 9", &["1:1 Identifier(\"_a9\")", "1:5 Number(9)"]),
        ] {
            assert_eq!(shown(text), expect, "{text}");
        }
    }

    #[test]
    fn mistakes() {
        for (text, expect) in [
            ("  \"a", "line 1, column 3: a string has no end"),
            ("\"a\\", "line 1, column 1: a string has no end"),
            ("/* a *", "line 1, column 1: a comment has no end"),
            ("text:\na\n", "line 1, column 1: a text has no end: a line with a single dot"),
            ("text: a\n.\n", "line 1, column 1: the text must begin on the next line"),
            ("18446744073709551616", "line 1, column 1: a number is too large"),
            ("18446744073709551615G", "line 1, column 1: a number is too large"),
            ("1x", "line 1, column 1: a number ends with K, M, G or a digit"),
            ("1KB", "line 1, column 1: a number ends with K, M, G or a digit"),
            (": x", "line 1, column 1: a name must follow the colon"),
            ("é", "line 1, column 1: a character that means nothing here"),
            ("/", "line 1, column 1: a character that means nothing here"),
        ] {
            assert_eq!(shown(text), [expect], "{text}");
        }
    }
}
