//! What a scanner says of a message: its judgement, changes of the message and of its envelope.

use crate::edit::Edit;
use crate::envelope::EnvelopeEdit;

/// LIMIT: bytes of a reply text; RFC 5321 §4.5.3.1.5 bounds the line at 512.
const TEXT_BYTES_MAX: usize = 400;

/// What a scanner says, and what it wants changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finding {
    /// Changes, in order. They are made where the message is taken.
    pub edits: Vec<Edit>,
    /// Changes of the envelope, made where the message is taken.
    pub envelope: Vec<EnvelopeEdit>,
    /// What is to become of the message.
    pub judgement: Judgement,
}

/// What is to become of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Judgement {
    /// The message is taken.
    #[default]
    Accept,
    /// The message is taken, and marked as spam.
    Spam,
    /// The message is to be kept apart, for this reason.
    Quarantine(String),
    /// The message is refused for now.
    Defer(Reply),
    /// The message is refused.
    Reject(Reply),
}

impl From<Judgement> for Finding {
    fn from(judgement: Judgement) -> Self {
        Self { judgement, ..Self::default() }
    }
}

/// How a message is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// 4yz or 5yz. Behind 421 the connection is closed (RFC 5321 §3.8).
    pub code: u16,
    /// The enhanced code, of the same class (RFC 3463 §2).
    pub enhanced: (u8, u8, u8),
    /// The text of the reply: one line of printable ASCII.
    pub text: String,
}

impl Reply {
    /// RFC 3463 §3.8: X.7.1, delivery not authorized, for now.
    pub(crate) fn defer(text: &str) -> Self {
        Self { code: 451, enhanced: (4, 7, 1), text: printable(text, "Try again later") }
    }

    /// RFC 5321 §3.8: 421, behind which the connection is closed; RFC 3463 §3.8: X.7.0, as Postfix
    /// has it.
    pub(crate) fn shut_down() -> Self {
        Self { code: 421, enhanced: (4, 7, 0), text: "Closing the connection".to_owned() }
    }

    /// RFC 3463 §3.8: X.7.1, message refused.
    pub(crate) fn reject(text: &str) -> Self {
        Self { code: 554, enhanced: (5, 7, 1), text: printable(text, "Message refused") }
    }

    /// A reply in a scanner's own words: a code, perhaps an enhanced code of its class, a text.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (code, rest) = line.split_at_checked(3)?;
        let code: u16 = code.parse().ok()?;
        if !(400..600).contains(&code) || !(rest.is_empty() || rest.starts_with([' ', '-'])) {
            return None;
        }
        let class = if code < 500 { 4 } else { 5 };
        let rest = rest.get(1..).unwrap_or_default();
        let (first, after) = rest.split_once(' ').unwrap_or((rest, ""));
        let (enhanced, text) = match enhanced(first) {
            Some(found) if found.0 == class => (found, after),
            _ => ((class, 7, 1), rest),
        };
        let text = printable(text, if class == 4 { "Try again later" } else { "Message refused" });
        Some(Self { code, enhanced, text })
    }

    /// Whether it may be tried again.
    pub fn is_temporary(&self) -> bool {
        self.code < 500
    }
}

/// RFC 3463 §2: `status-code`, each part of one to three digits.
fn enhanced(written: &str) -> Option<(u8, u8, u8)> {
    let mut parts = written.split('.').map(|part| part.parse::<u8>().ok());
    let found = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(found)
}

/// The first line of a text, as far as it may stand in a reply.
fn printable(text: &str, otherwise: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let shown = line.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' });
    let shown: String = shown.take(TEXT_BYTES_MAX).collect();
    let shown = shown.trim();
    if shown.is_empty() { otherwise.to_owned() } else { shown.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_of_scanners_are_made_to_fit() {
        for (line, expected) in [
            ("550 5.7.1 No", Some((550, (5, 7, 1), "No"))),
            ("451 4.3.0 Wait\r\n250 OK", Some((451, (4, 3, 0), "Wait"))),
            ("554 5.7.1", Some((554, (5, 7, 1), "Message refused"))),
            ("450 5.7.1 mixed", Some((450, (4, 7, 1), "5.7.1 mixed"))),
            ("550 plain words", Some((550, (5, 7, 1), "plain words"))),
            ("550-5.1.1 first", Some((550, (5, 1, 1), "first"))),
            ("550 5.7.1 \u{fc}ber\u{7}", Some((550, (5, 7, 1), "?ber?"))),
            ("250 2.0.0 OK", None),
            ("55", None),
            ("5500", None),
            ("abc", None),
            ("", None),
        ] {
            let found = Reply::parse(line);
            let found = found.as_ref().map(|r| (r.code, r.enhanced, r.text.as_str()));
            assert_eq!(found, expected, "{line:?}");
        }
        assert_eq!(printable(&"x".repeat(1000), "").len(), TEXT_BYTES_MAX);
    }
}
