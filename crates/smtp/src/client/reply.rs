//! What a server answers: RFC 5321 §4.2, RFC 2034 §4.

use std::fmt;

/// LIMIT: bytes that are kept of one line of a reply. RFC 5321 §4.5.3.1.5 allows 512; some say
/// more.
pub(super) const LINE_BYTES_MAX: usize = 2048;
/// LIMIT: lines that are kept of one reply; the longest answers to EHLO have some twenty.
const LINES_KEPT_MAX: usize = 100;
/// LIMIT: lines that are read of one reply: what stands behind the first ones says nothing, but its
/// end is waited for.
const LINES_MAX: usize = 100_000;
/// LIMIT: bytes of the text that is kept of a reply.
const TEXT_BYTES_MAX: usize = 4096;

/// An enhanced status code (RFC 3463 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// 2: done, 4: not now, 5: never.
    pub class: u8,
    /// The subject, the second number of the status (RFC 3463 §3).
    pub subject: u16,
    /// The detail, the third number of the status (RFC 3463 §2).
    pub detail: u16,
}

impl Status {
    /// A code of our own.
    pub const fn new(class: u8, subject: u16, detail: u16) -> Self {
        Self { class, subject, detail }
    }

    /// `status-code = class "." subject "." detail` at the start of a text, and what follows it.
    fn split_off(text: &str) -> Option<(Self, &str)> {
        let (code, rest) = text.split_once(' ').unwrap_or((text, ""));
        let mut parts = code.split('.');
        let mut part = || {
            let digits = parts.next()?;
            let valid =
                (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse::<u16>().ok().filter(|_| valid)
        };
        let (class, subject, detail) = (part()?, part()?, part()?);
        let class = u8::try_from(class).ok().filter(|class| matches!(class, 2 | 4 | 5))?;
        parts.next().is_none().then_some((Self { class, subject, detail }, rest))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// A whole reply.
///
/// **Invariant:** the code is between 200 and 599; the text is one line without control
/// characters, so that it can stand in a log or a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerReply {
    /// The three digits.
    pub code: u16,
    /// The enhanced code, where there was one that agrees with them.
    pub status: Option<Status>,
    /// The texts of all lines, separated by line feeds; enhanced codes taken out.
    pub lines: Vec<String>,
}

impl ServerReply {
    /// Takes up the text of a line; how many bytes of it are kept.
    fn keep(&mut self, text: &[u8]) -> usize {
        let text = printable(text);
        let (status, text) = match Status::split_off(&text) {
            // RFC 2034 §4: the first digits of both codes are the same.
            Some((status, rest)) if u16::from(status.class) == self.code / 100 => {
                (Some(status), rest)
            }
            _ => (None, text.as_str()),
        };
        self.status = self.status.or(status);
        self.lines.push(text.to_owned());
        text.len()
    }

    /// Whether the reply is a 2xx.
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// Whether the reply is a 5xx.
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// 421: the server closes the connection (RFC 5321 §3.8).
    pub fn is_farewell(&self) -> bool {
        self.code == 421
    }

    /// The enhanced code, or what the digits alone say.
    pub fn status(&self) -> Status {
        self.status.unwrap_or(match self.code {
            // RFC 7504 §6.
            521 => Status::new(5, 3, 2),
            556 => Status::new(5, 1, 10),
            code => Status::new((code / 100) as u8, 0, 0),
        })
    }
}

/// As one line: `550 5.1.1 No such user`.
impl fmt::Display for ServerReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(status) = self.status {
            write!(f, " {status}")?;
        }
        self.lines.iter().filter(|line| !line.is_empty()).try_for_each(|line| write!(f, " {line}"))
    }
}

/// What is no reply. The connection is of no more use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplyFault {
    /// A line that does not begin with three digits and a blank or hyphen.
    #[error("the server's answer is not SMTP")]
    Malformed,
    /// Lines of one reply with different codes.
    #[error("the lines of the server's answer disagree")]
    Inconsistent,
    /// More lines than anybody needs.
    #[error("the server's answer does not end")]
    Endless,
}

/// Puts lines together to replies.
#[derive(Debug, Default)]
pub struct ReplyReader {
    under_way: Option<ServerReply>,
    lines: usize,
    text_bytes: usize,
}

impl ReplyReader {
    /// Takes one line without its ending; the reply once it is whole.
    ///
    /// RFC 5321 §4.2: `Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code
    /// [ SP textstring ] CRLF`.
    pub fn line(&mut self, line: &[u8]) -> Result<Option<ServerReply>, ReplyFault> {
        let (digits, rest) = line.split_at_checked(3).ok_or(ReplyFault::Malformed)?;
        let code = reply_code(digits).ok_or(ReplyFault::Malformed)?;
        let (last, text) = match rest.split_first() {
            // QUIRK(some servers): the code alone, without the blank that RFC 5321 §4.2 has.
            None => (true, rest),
            Some((b' ', text)) => (true, text),
            Some((b'-', text)) => (false, text),
            Some(_) => return Err(ReplyFault::Malformed),
        };
        self.lines += 1;
        if self.lines > LINES_MAX {
            return Err(ReplyFault::Endless);
        }
        let reply =
            self.under_way.get_or_insert(ServerReply { code, status: None, lines: Vec::new() });
        if reply.code != code {
            return Err(ReplyFault::Inconsistent);
        }
        if self.lines <= LINES_KEPT_MAX && self.text_bytes < TEXT_BYTES_MAX {
            self.text_bytes += reply.keep(text);
        }
        if !last {
            return Ok(None);
        }
        (self.lines, self.text_bytes) = (0, 0);
        Ok(self.under_way.take())
    }
}

/// RFC 5321 §4.2: `Reply-code = %x32-35 %x30-35 %x30-39`; the second digit is taken as it comes.
fn reply_code(digits: &[u8]) -> Option<u16> {
    let valid = matches!(digits.first(), Some(b'2'..=b'5'))
        && digits.iter().all(|digit| digit.is_ascii_digit());
    std::str::from_utf8(digits).ok().filter(|_| valid)?.parse().ok()
}

/// What can stand in a log and in a report: no control characters, nothing that is not UTF-8.
fn printable(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.trim().chars().map(|char| if char.is_control() { '?' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Result<Option<ServerReply>, ReplyFault> {
        let mut reader = ReplyReader::default();
        let mut last = Ok(None);
        for line in lines {
            last = reader.line(line.as_bytes());
            if last != Ok(None) {
                break;
            }
        }
        last
    }

    #[test]
    fn replies_are_put_together() {
        let cases: &[(&[&str], &str)] = &[
            (&["250 2.1.0 Sender ok"], "250 2.1.0 Sender ok"),
            (&["250"], "250"),
            (&["250 "], "250"),
            (&["354 Go on"], "354 Go on"),
            (&["550-5.1.1 No such", "550 5.1.1 user"], "550 5.1.1 No such user"),
            (&["250-a", "250-", "250 b"], "250 a b"),
            // RFC 2034 §4: a code of another class is no enhanced code.
            (&["250 5.1.1 strange"], "250 5.1.1 strange"),
            (&["451 4.7.1"], "451 4.7.1"),
            (&["250 2.1 x"], "250 2.1 x"),
            (&["250 \u{1b}[31mred"], "250 ?[31mred"),
        ];
        for (lines, expect) in cases {
            assert_eq!(read(lines).unwrap().unwrap().to_string(), *expect, "{lines:?}");
        }
        let greylisted = read(&["450 4.2.0 Later"]).unwrap().unwrap();
        assert_eq!(greylisted.status(), Status::new(4, 2, 0));
        assert_eq!(read(&["550 no"]).unwrap().unwrap().status(), Status::new(5, 0, 0));
        assert_eq!(read(&["556 no"]).unwrap().unwrap().status(), Status::new(5, 1, 10));
        assert_eq!(read(&["250 5.1.1 x"]).unwrap().unwrap().status, None);
    }

    #[test]
    fn what_is_no_reply_is_told() {
        for line in ["", "25", "HTTP/1.1 400 Bad Request", "650 x", "150 x", "2 0 x", "250_x"] {
            assert_eq!(read(&[line]), Err(ReplyFault::Malformed), "{line:?}");
        }
        assert_eq!(read(&["250-a", "251 b"]), Err(ReplyFault::Inconsistent));
        assert_eq!(read(&["250-a"; LINES_MAX + 1]), Err(ReplyFault::Endless));
        assert_eq!(read(&["250-a"; LINES_MAX]), Ok(None));
    }

    #[test]
    fn texts_are_bounded() {
        let long = format!("250-{}", "x".repeat(LINE_BYTES_MAX));
        let mut reader = ReplyReader::default();
        for _ in 0..99 {
            assert_eq!(reader.line(long.as_bytes()), Ok(None));
        }
        let reply = reader.line(b"250 end").unwrap().unwrap();
        assert!(reply.to_string().len() < TEXT_BYTES_MAX + LINE_BYTES_MAX);
        let many = [vec!["250-"; 60_000], vec!["250 end"]].concat();
        assert_eq!(read(&many).unwrap().unwrap().lines.len(), LINES_KEPT_MAX);
    }
}
