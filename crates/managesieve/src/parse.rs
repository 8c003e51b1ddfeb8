//! Bytes to words (RFC 5804 §4): atoms, numbers, quoted strings and literals.

/// A word of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// `atom`, in capitals.
    Atom(String),
    /// `number`
    Number(u64),
    /// `string`, quoted or as a literal.
    Text(Vec<u8>),
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// The line cannot be parsed.
    #[error("The command cannot be read")]
    Unreadable,
    /// No command has this name.
    #[error("Unknown command")]
    UnknownCommand,
    /// A command with other arguments than it takes.
    #[error("Wrong arguments")]
    Arguments,
}

/// The size of the literal that a line announces at its end: `"{" number "+}"` (RFC 5804 §4,
/// `literal-c2s`); `None`: the command ends with the line.
pub fn literal_size(line: &[u8]) -> Option<u64> {
    let open = line.iter().rposition(|&byte| byte == b'{')?;
    let inner = line.get(open + 1..)?.strip_suffix(b"}")?;
    // QUIRK(sieve-connect, Kate's editor): the plus, which RFC 5804 §4 demands of clients, is
    // left out by some; they send the literal at once all the same.
    let digits = inner.strip_suffix(b"+").unwrap_or(inner);
    // Inside a quoted string it is no literal.
    let quotes = unescaped_quotes(line.get(..open)?);
    // A size beyond 32 bits announces a literal too, for which no bound has room: were it taken
    // for the end of the command, the literal would be read as commands.
    let is_size = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    (is_size && quotes.is_multiple_of(2)).then(|| number(digits).unwrap_or(u64::MAX))
}

fn unescaped_quotes(text: &[u8]) -> usize {
    let (mut count, mut escaped) = (0, false);
    for &byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => count += 1,
            _ => {}
        }
    }
    count
}

/// RFC 5804 §4: a number has 32 bits; more is more than any bound.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 12 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A command being read: lines, and literals between them.
#[derive(Debug, Default)]
pub struct Frame {
    words: Vec<Word>,
    failed: bool,
}

/// LIMIT: words of one command; the longest has four.
const WORDS_MAX: usize = 8;

impl Frame {
    /// Takes a line, or what follows a literal, without the announcement at its end.
    pub fn line(&mut self, line: &[u8]) {
        let mut rest = line;
        loop {
            rest = skip_blanks(rest);
            if rest.is_empty() || self.failed {
                return;
            }
            match parse_word(rest) {
                Some((word, after)) if self.words.len() < WORDS_MAX => {
                    self.words.push(word);
                    rest = after;
                }
                _ => self.failed = true,
            }
        }
    }

    /// Takes a literal.
    pub fn literal(&mut self, bytes: Vec<u8>) {
        match self.words.len() < WORDS_MAX {
            true => self.words.push(Word::Text(bytes)),
            false => self.failed = true,
        }
    }

    /// The words of the whole command.
    pub fn finish(self) -> Result<Vec<Word>, SyntaxError> {
        if self.failed { Err(SyntaxError::Unreadable) } else { Ok(self.words) }
    }
}

/// A line without the literal it announces.
pub fn without_literal(line: &[u8]) -> &[u8] {
    let open = line.iter().rposition(|&byte| byte == b'{').unwrap_or(line.len());
    line.get(..open).unwrap_or_default()
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    text.get(blanks..).unwrap_or_default()
}

// quoted = <"> *1024QUOTED-CHAR <">; what follows a word is a blank or the end.
fn parse_word(text: &[u8]) -> Option<(Word, &[u8])> {
    if let Some(inner) = text.strip_prefix(b"\"") {
        let (bytes, after) = parse_quoted(inner)?;
        let ends = after.first().is_none_or(|byte| matches!(byte, b' ' | b'\t'));
        return ends.then_some((Word::Text(bytes), after));
    }
    let end = text.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    if let Some(number) = number(word) {
        return Some((Word::Number(number), after));
    }
    let is_atom = word.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
    is_atom.then(|| {
        let atom = String::from_utf8_lossy(word).to_ascii_uppercase();
        (Word::Atom(atom), after)
    })
}

fn parse_quoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => return Some((bytes, rest)),
            b'\\' => {
                // QUOTED-SPECIALS alone are escaped; others stay as they are written.
                let (&escaped, after) = rest.split_first()?;
                if matches!(escaped, b'\0' | b'\r' | b'\n') {
                    return None;
                }
                bytes.push(escaped);
                rest = after;
            }
            b'\0' | b'\r' | b'\n' => return None,
            byte => bytes.push(byte),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Option<Vec<Word>> {
        let mut frame = Frame::default();
        frame.line(line.as_bytes());
        frame.finish().ok()
    }

    #[test]
    fn lines_are_words() {
        let atom = |text: &str| Word::Atom(text.to_owned());
        let text = |text: &str| Word::Text(text.as_bytes().to_vec());
        for (line, expect) in [
            ("NOOP", Some(vec![atom("NOOP")])),
            ("noop  \"a\\\"b\\\\\" ", Some(vec![atom("NOOP"), text("a\"b\\")])),
            ("HAVESPACE \"x\" 99", Some(vec![atom("HAVESPACE"), text("x"), Word::Number(99)])),
            ("PUT \"\u{e9}\"", Some(vec![atom("PUT"), text("\u{e9}")])),
            ("", Some(vec![])),
            ("A \"open", None),
            ("A \"x\"y", None),
            ("A \"x\\\0\"", None),
            ("A (b)", None),
            ("A B C D E F G H I", None),
        ] {
            assert_eq!(words(line), expect, "{line}");
        }
    }

    #[test]
    fn literals_are_announced() {
        for (line, expect) in [
            ("PUTSCRIPT \"a\" {31+}", Some(31)),
            ("PUTSCRIPT \"a\" {31}", Some(31)),
            ("{0+}", Some(0)),
            ("x", None),
            ("\"a {3+}", None),
            ("\"a\\\" {3+}", None),
            ("\"{3+}\" {4+}", Some(4)),
            ("{+}", None),
            ("{x+}", None),
            ("{9999999999999+}", Some(u64::MAX)),
            ("{3+} ", None),
        ] {
            assert_eq!(literal_size(line.as_bytes()), expect, "{line}");
        }
        assert_eq!(without_literal(b"PUTSCRIPT \"a\" {31+}"), b"PUTSCRIPT \"a\" ");
    }
}
