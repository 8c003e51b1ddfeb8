//! What an attempt came to, in one line that is stored, shown to operators, and taken apart again
//! for reports.

use std::fmt;

use smtp::client::{ServerReply, Status};

/// `5.1.1 mx.x.test[192.0.2.1]:25 550 5.1.1 No such user`, or with `-` for the host where it was
/// not a host that said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// What it amounts to (RFC 3463).
    pub(crate) status: Status,
    /// The host that gave the answer; `None`: this server.
    pub(crate) host: Option<String>,
    /// The text of the answer.
    pub(crate) text: String,
}

impl Answer {
    /// An answer of this server itself.
    pub(crate) fn ours(class: u8, subject: u16, detail: u16, text: impl Into<String>) -> Self {
        Self { status: Status::new(class, subject, detail), host: None, text: text.into() }
    }

    /// It is not there by when it was to be: RFC 2852 §4.1.3.
    pub(crate) fn past_deadline() -> Self {
        Self::ours(5, 4, 7, "the time within which it was to be delivered is over")
    }

    /// A fault of this server.
    pub(crate) fn internal() -> Self {
        Self::ours(4, 3, 0, "an error in this server")
    }

    /// The answer that a server gave.
    pub(crate) fn of(host: &str, reply: &ServerReply) -> Self {
        Self { status: reply.status(), host: Some(host.to_owned()), text: reply.to_string() }
    }

    /// From the form in which it is stored.
    pub(crate) fn parse(stored: &str) -> Option<Self> {
        let mut words = stored.splitn(3, ' ');
        let mut parts = words.next()?.split('.');
        let class = parts.next()?.parse().ok()?;
        let status = Status::new(class, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let host = words.next().filter(|host| *host != "-").map(str::to_owned);
        Some(Self { status, host, text: words.next().unwrap_or_default().to_owned() })
    }

    /// The answer, cut to at most `text_bytes_max` bytes of text.
    pub(crate) fn within(mut self, text_bytes_max: usize) -> Self {
        self.text.truncate(self.text.floor_char_boundary(text_bytes_max));
        self
    }

    /// The answer for senders to whose mail it was not given: what it says of other addresses is
    /// not theirs to know.
    pub(crate) fn without_addresses(self) -> Self {
        let words = self.text.split(' ');
        let words = words.map(|word| if word.contains('@') { "(an address)" } else { word });
        let text = words.collect::<Vec<_>>().join(" ");
        Self { text, ..self }
    }

    /// Whether the mail would come back to us (RFC 3463 §3.5: X.4.6).
    pub(crate) fn is_loop(&self) -> bool {
        (self.status.subject, self.status.detail) == (4, 6)
    }

    /// The answer with another class, for a recipient that will not be tried again: RFC 3463 §2,
    /// the class tells which.
    pub(crate) fn with_class(mut self, class: u8) -> Self {
        self.status.class = class;
        self
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.as_deref().unwrap_or("-");
        write!(f, "{} {host} {}", self.status, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_to_others_names_nobody() {
        let said = Answer::ours(4, 7, 1, "450 4.7.1 <ann@x.test>: sends too much, \u{fc}");
        let told = said.clone().without_addresses();
        assert_eq!(told.text, "450 4.7.1 (an address) sends too much, \u{fc}");
        assert_eq!(said.clone().within(4).text, "450 ");
        let bytes = said.text.len();
        assert_eq!(said.within(bytes - 1).text, "450 4.7.1 <ann@x.test>: sends too much, ");
    }

    #[test]
    fn answers_survive_storage() {
        for answer in [
            Answer::ours(4, 4, 1, "connecting: timed out"),
            Answer {
                status: Status::new(5, 1, 1),
                host: Some("mx.x.test[192.0.2.1]:25".to_owned()),
                text: "550 5.1.1 No such user".to_owned(),
            },
            Answer::ours(5, 0, 0, ""),
        ] {
            assert_eq!(Answer::parse(&answer.to_string()), Some(answer));
        }
        assert_eq!(Answer::parse(""), None);
        assert_eq!(Answer::parse("queued by an older version"), None);
    }
}
