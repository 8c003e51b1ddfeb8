//! The reply to EHLO and LHLO: which extensions this session offers, and HELP.

use ids::Timestamp;
use message::date::{DateTime, format_rfc3339};
use sasl::Name;

use super::reply::render_code;

/// What is offered at this point of the session. What is offered is accepted, and the other
/// way round: the session asks the same conditions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extensions<'a> {
    /// The name of this server.
    pub(crate) hostname: &'a str,
    /// SIZE (RFC 1870 §4).
    pub(crate) message_bytes_max: u64,
    /// LIMITS RCPTMAX (RFC 9422).
    pub(crate) recipients_max: usize,
    /// LIMITS MAILMAX (RFC 9422).
    pub(crate) messages_max: u64,
    /// STARTTLS (RFC 3207 §2).
    pub(crate) starttls: bool,
    /// AUTH (RFC 4954 §3) with these; none, no AUTH.
    pub(crate) mechanisms: &'a [Name],
    /// FUTURERELEASE (RFC 4865 §3): for how many seconds, and until when.
    pub(crate) future_release: Option<(u32, Timestamp)>,
    /// DELIVERBY (RFC 2852 §2), with the least time for what goes back when it is late.
    pub(crate) deliver_by_secs_min: Option<i64>,
    /// REQUIRETLS (RFC 8689 §2), where there is TLS.
    pub(crate) require_tls: bool,
}

impl Extensions<'_> {
    /// Appends the reply; nothing of what the client sent is repeated in it.
    pub(crate) fn render(&self, out: &mut Vec<u8>) {
        // RFC 5321 §4.1.1.1: the first line names the server; one keyword a line follows.
        line(b'-', &[self.hostname], out);
        line(b'-', &["PIPELINING"], out);
        line(b'-', &["SIZE ", &self.message_bytes_max.to_string()], out);
        if self.starttls {
            // RFC 3207 §4.2: not offered again once TLS is up.
            line(b'-', &["STARTTLS"], out);
        }
        if !self.mechanisms.is_empty() {
            let names = self.mechanisms.iter().flat_map(|name| [" ", name.as_str()]);
            let parts: Vec<&str> = std::iter::once("AUTH").chain(names).collect();
            line(b'-', &parts, out);
        }
        line(b'-', &["ENHANCEDSTATUSCODES"], out);
        line(b'-', &["8BITMIME"], out);
        line(b'-', &["SMTPUTF8"], out);
        line(b'-', &["DSN"], out);
        line(b'-', &["CHUNKING"], out);
        line(b'-', &["BINARYMIME"], out);
        line(b'-', &["MT-PRIORITY"], out);
        if let Some(secs) = self.deliver_by_secs_min {
            line(b'-', &["DELIVERBY ", &secs.to_string()], out);
        }
        if self.require_tls {
            line(b'-', &["REQUIRETLS"], out);
        }
        if let Some((secs, until)) = self.future_release {
            let until = format_rfc3339(DateTime::from_unix_secs(until.as_secs()));
            line(b'-', &["FUTURERELEASE ", &secs.to_string(), " ", &until], out);
        }
        let (messages, recipients) =
            (self.messages_max.to_string(), self.recipients_max.to_string());
        line(b' ', &["LIMITS MAILMAX=", &messages, " RCPTMAX=", &recipients], out);
    }
}

/// Appends the reply to HELP, RFC 5321 §4.1.1.8.
pub(crate) fn render_help(out: &mut Vec<u8>) {
    out.extend_from_slice(
        b"214-2.0.0 Commands: EHLO HELO LHLO STARTTLS AUTH MAIL RCPT DATA BDAT\r\n\
          214 2.0.0 RSET NOOP VRFY HELP QUIT\r\n",
    );
}

fn line(separator: u8, parts: &[&str], out: &mut Vec<u8>) {
    render_code(250, separator, out);
    parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_listed_by_what_is_offered() {
        let mut extensions = Extensions {
            hostname: "mx.example.test",
            message_bytes_max: 1000,
            recipients_max: 7,
            messages_max: 9,
            starttls: true,
            mechanisms: &[],
            future_release: None,
            deliver_by_secs_min: None,
            require_tls: false,
        };
        let mut out = Vec::new();
        extensions.render(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "250-mx.example.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-STARTTLS\r\n\
             250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n\
             250-CHUNKING\r\n250-BINARYMIME\r\n250-MT-PRIORITY\r\n250 LIMITS MAILMAX=9 RCPTMAX=7\r\n"
        );
        (extensions.starttls, extensions.mechanisms) = (false, &[Name::Plain, Name::Login]);
        extensions.future_release = Some((86_400, Timestamp::from_secs(1_767_600_060)));
        (extensions.deliver_by_secs_min, extensions.require_tls) = (Some(60), true);
        let mut out = Vec::new();
        extensions.render(&mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\r\n250-AUTH PLAIN LOGIN\r\n"));
        assert!(text.contains("\r\n250-DELIVERBY 60\r\n250-REQUIRETLS\r\n"));
        assert!(text.contains("\r\n250-FUTURERELEASE 86400 2026-01-05T08:01:00Z\r\n"));
        assert!(!text.contains("STARTTLS"));
    }
}
