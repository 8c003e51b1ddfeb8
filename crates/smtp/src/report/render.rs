//! A report as a message: `multipart/report` (RFC 6522) of a text for people, the fields for
//! programs (RFC 3464 §2), and the message or its header section (RFC 3461 §6.2).

use std::borrow::Cow;
use std::fmt::Write as _;

use ids::Timestamp;
use mail_builder::MessageBuilder;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::raw::Raw;
use mail_builder::mime::{BodyPart, MimePart};
use message::date::{DateTime, format_rfc5322};
use message::header_fields;
use message::xtext::decode;

use super::{Action, Line, Report};
use crate::client::Status;

/// LIMIT: a returned message is no longer than this; of a longer one its header section is.
const RETURNED_BYTES_MAX: usize = 1024 * 1024;
/// LIMIT: a returned header section.
const HEADER_BYTES_MAX: usize = 64 * 1024;
/// LIMIT: bytes of one line that are shown of what a server said; RFC 5322 §2.1.1 bounds lines.
const TEXT_BYTES_MAX: usize = 900;

/// A report in its final form.
pub(super) struct Rendered {
    pub(super) bytes: Vec<u8>,
    pub(super) eight_bit: bool,
    /// Whether it needs SMTPUTF8 (RFC 6533 §1).
    pub(super) utf8: bool,
}

impl Report<'_> {
    /// The report, with so much of the message at most.
    pub(super) fn render(&self, returned_bytes_max: usize) -> Rendered {
        let original = self.original(returned_bytes_max);
        // RFC 6533 §3: addresses in UTF-8 have part types of their own.
        let utf8 = self.parameters.smtputf8
            && (!self.reverse_path.is_ascii()
                || self.lines.iter().any(|line| !line.forward_path.is_ascii())
                || !self.content.header.is_ascii());
        let text = self.text();
        let status =
            if utf8 { "message/global-delivery-status" } else { "message/delivery-status" };
        let returned = match (original.whole, utf8) {
            (true, true) => "message/global",
            (true, false) => "message/rfc822",
            (false, true) => "message/global-headers",
            (false, false) => "text/rfc822-headers",
        };
        let parts = vec![
            MimePart::new("text/plain", text.as_str()),
            as_it_is(status, self.fields(utf8).into_bytes()),
            as_it_is(returned, original.bytes),
        ];
        let kind = ContentType::new("multipart/report")
            .attribute("report-type", "delivery-status")
            .attribute("boundary", format!("=_report_{:016x}", self.number));
        let mut bytes = Vec::new();
        self.header().body(MimePart::new(kind, parts)).serialize(&mut bytes);
        Rendered { eight_bit: !bytes.is_ascii(), bytes, utf8 }
    }

    fn failed(&self) -> bool {
        self.lines.iter().any(|line| line.action == Action::Failed)
    }

    fn header(&self) -> MessageBuilder<'_> {
        let subject = match self.lines.first().map(|line| line.action) {
            Some(Action::Delayed) => "Your message is delayed",
            Some(Action::Delivered | Action::Relayed | Action::Expanded) if !self.failed() => {
                "Your message was delivered"
            }
            _ => "Your message could not be delivered",
        };
        let hostname = self.hostname;
        let id = format!("report.{:016x}.{}@{hostname}", self.number, self.id);
        let header = MessageBuilder::new()
            .from(("Mail Delivery System".to_owned(), format!("MAILER-DAEMON@{hostname}")))
            .to(self.reverse_path)
            .subject(subject)
            .header("Date", Raw::new(date(self.now)))
            .message_id(id);
        let header = match self.message_id() {
            Some(id) => header
                .header("In-Reply-To", Raw::new(id.clone()))
                .header("References", Raw::new(id)),
            None => header,
        };
        // RFC 3834 §5: so that nothing answers it.
        header.header("Auto-Submitted", Raw::new("auto-replied"))
    }

    /// The message's own Message-ID, if it can stand in ours as it is.
    fn message_id(&self) -> Option<String> {
        let field = header_fields(&self.content.header).find(|field| field.is("Message-ID"))?;
        let id = std::str::from_utf8(field.value).ok()?.trim();
        let fits = id.starts_with('<')
            && id.ends_with('>')
            && id.len() <= TEXT_BYTES_MAX
            && id.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| id.to_owned())
    }

    /// The part of the report that people read.
    fn text(&self) -> String {
        let mut out = format!(
            "This is the mail system at {}.\r\n\r\nYour message of {}\r\n",
            self.hostname,
            date(self.created)
        );
        for (action, words) in [
            (Action::Failed, "could not be delivered to:"),
            (Action::Delayed, "could not be delivered yet to:"),
            (Action::Delivered, "was delivered to:"),
            (Action::Relayed, "was passed on, to a server that may not confirm its delivery, for:"),
            (Action::Expanded, "was sent on to several addresses, which may not confirm it, for:"),
        ] {
            let lines: Vec<&Line> =
                self.lines.iter().filter(|line| line.action == action).collect();
            if lines.is_empty() {
                continue;
            }
            let _ = write!(out, "\r\n{words}\r\n");
            for line in lines {
                let _ = write!(out, "\r\n  <{}>\r\n", line.forward_path);
                if let Some(host) = &line.host {
                    let _ = write!(out, "    {host} said:\r\n");
                }
                let _ = write!(out, "    {}\r\n", bounded(&line.text));
            }
            if action == Action::Delayed {
                let until = date(self.until);
                let _ = write!(
                    out,
                    "\r\nYou need not do anything: it is tried again until {until}.\r\n"
                );
            }
        }
        out
    }

    /// RFC 3464 §2.2 and §2.3.
    fn fields(&self, utf8: bool) -> String {
        let (mut out, parameters) = (String::new(), &self.parameters);
        if let Some(id) = &parameters.envelope_id {
            // RFC 3464 §2.2.1: decoded from xtext.
            let _ = write!(out, "Original-Envelope-Id: {}\r\n", decode(id));
        }
        let _ = write!(out, "Reporting-MTA: dns; {}\r\n", self.hostname);
        let _ = write!(out, "Arrival-Date: {}\r\n", date(self.created));
        if let Some(by) = parameters.deliver_by {
            let _ = write!(out, "Deliver-By-Date: {}\r\n", date(by));
        }
        if let Some(hold) = &parameters.hold {
            // RFC 4865 §5.1.2: as MAIL had it.
            let _ = write!(out, "Future-Release-Request: {hold}\r\n");
        }
        for line in &self.lines {
            out.push_str("\r\n");
            self.recipient_fields(line, utf8, &mut out);
        }
        out
    }

    fn recipient_fields(&self, line: &Line, utf8: bool, out: &mut String) {
        if let Some(original) = &line.original
            && let Some((kind, address)) = original.split_once(';')
        {
            // RFC 3461 §6.3: the address as the sender wrote it.
            let address = decode(address);
            let _ = write!(out, "Original-Recipient: {kind}; {}\r\n", written(&address, utf8));
        }
        let path = &line.forward_path;
        let kind = if path.is_ascii() { "rfc822" } else { "utf-8" };
        let _ = write!(out, "Final-Recipient: {kind}; {}\r\n", written(path, utf8));
        let (action, class) = match line.action {
            Action::Failed => ("failed", 5),
            Action::Delayed => ("delayed", 4),
            Action::Delivered => ("delivered", 2),
            Action::Relayed => ("relayed", 2),
            Action::Expanded => ("expanded", 2),
        };
        // RFC 3463 §2: the class says what became of it, whatever the last answer was.
        let status = Status { class, ..line.status };
        let _ = write!(out, "Action: {action}\r\nStatus: {status}\r\n");
        if let Some(host) = &line.host {
            let name = host.split('[').next().unwrap_or(host);
            let _ = write!(out, "Remote-MTA: dns; {name}\r\n");
            let text = written(bounded(&line.text), utf8);
            let _ = write!(out, "Diagnostic-Code: smtp; {text}\r\n");
        } else if matches!(line.action, Action::Failed | Action::Delayed) {
            let text = written(bounded(&line.text), utf8);
            let _ = write!(out, "Diagnostic-Code: X-Posthorn; {text}\r\n");
        }
        // RFC 3464 §2.3.7: the last attempt, and not where there was none.
        if let Some(attempted) = line.attempted {
            let _ = write!(out, "Last-Attempt-Date: {}\r\n", date(attempted));
        }
        if line.action == Action::Delayed {
            let _ = write!(out, "Will-Retry-Until: {}\r\n", date(self.until));
        }
    }

    fn original(&self, returned_bytes_max: usize) -> Original {
        let parameters = &self.parameters;
        // RFC 3461 §4.3: RET speaks of failures only; without it, or where the message cannot
        // stand in a text, its header section is enough.
        // RFC 8689 §5: what needed TLS goes back as if RET=HDRS had been asked for.
        let full =
            parameters.ret.as_deref() == Some("FULL") && self.failed() && !parameters.requiretls;
        let fits = self.content.len() <= RETURNED_BYTES_MAX.min(returned_bytes_max);
        if full && fits && self.content.is_text() {
            let bytes = [&self.content.header[..], &self.content.body].concat();
            return Original { whole: true, bytes };
        }
        let mut bytes = Vec::new();
        for field in header_fields(&self.content.header) {
            if bytes.len() + field.line.len() > HEADER_BYTES_MAX.min(returned_bytes_max) {
                break;
            }
            bytes.extend_from_slice(field.line);
        }
        Original { whole: false, bytes }
    }
}

/// RFC 6533 §3: what is not ASCII stands as `\x{E9}` where the fields have to be ASCII.
fn written(text: &str, utf8: bool) -> Cow<'_, str> {
    if utf8 || text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    for char in text.chars() {
        let _ = match char.is_ascii() {
            true => write!(out, "{char}"),
            false => write!(out, "\\x{{{:X}}}", u32::from(char)),
        };
    }
    Cow::Owned(out)
}

/// A part whose bytes stand as they are.
fn as_it_is(media_type: &'static str, bytes: Vec<u8>) -> MimePart<'static> {
    let encoding = if bytes.is_ascii() { "7bit" } else { "8bit" };
    MimePart::new(media_type, BodyPart::Binary(bytes.into())).transfer_encoding(encoding)
}

struct Original {
    whole: bool,
    bytes: Vec<u8>,
}

fn date(at: Timestamp) -> String {
    format_rfc5322(DateTime::from_unix_secs(at.as_secs()))
}

fn bounded(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::super::Parameters;
    use super::*;
    use crate::client::OutboundContent;

    /// One of `forward_path`, refused by its server.
    fn refused(forward_path: &str, original: Option<&str>) -> Line {
        Line {
            forward_path: forward_path.to_owned(),
            original: original.map(str::to_owned),
            action: Action::Failed,
            status: Status::new(5, 1, 1),
            host: Some("mx.x.test[192.0.2.1]:25".to_owned()),
            text: "550 5.1.1 No such user".to_owned(),
            attempted: Some(Timestamp::from_secs(1_767_600_060)),
        }
    }

    /// A line about a failure that this server itself reports, with no remote host.
    fn ours(action: Action, status: (u16, u16), text: &str) -> Line {
        let status = Status::new(4, status.0, status.1);
        Line { action, status, host: None, text: text.to_owned(), ..refused("a@x.test", None) }
    }

    fn render(parameters: Parameters, lines: Vec<Line>, header: &str) -> String {
        let content = OutboundContent { header: header.into(), body: b"Hello.\r\n".to_vec() };
        let report = Report {
            hostname: "mail.here.test",
            signatory: None,
            reverse_path: "julie@here.test",
            parameters,
            created: Timestamp::from_secs(1_767_600_000),
            content: &content,
            lines,
            now: Timestamp::from_secs(1_767_600_060),
            until: Timestamp::from_secs(1_768_032_000),
            id: "7".to_owned(),
            number: 0xabc,
        };
        String::from_utf8(report.render(usize::MAX).bytes).unwrap()
    }

    fn full() -> Parameters {
        Parameters { ret: Some("FULL".to_owned()), ..Parameters::default() }
    }

    const HEADER: &str = "Subject: x\r\nMessage-ID: <1@here.test>\r\n\r\n";

    #[test]
    fn a_failure_in_full() {
        let line = refused("a@x.test", Some("rfc822;A+2Bb@x.test"));
        let parameters = Parameters { envelope_id: Some("q+2B1".to_owned()), ..full() };
        let text = render(parameters, vec![line], HEADER);
        let expect = "From: \"Mail Delivery System\" <MAILER-DAEMON@mail.here.test>\r\n\
            To: <julie@here.test>\r\n\
            Subject: Your message could not be delivered\r\n\
            Date: Mon, 5 Jan 2026 08:01:00 +0000\r\n\
            Message-ID: <report.0000000000000abc.7@mail.here.test>\r\n\
            In-Reply-To: <1@here.test>\r\n\
            References: <1@here.test>\r\n\
            Auto-Submitted: auto-replied\r\n\
            MIME-Version: 1.0\r\n\
            Content-Type: multipart/report; report-type=\"delivery-status\";\r\n\
            \x20boundary=\"=_report_0000000000000abc\"\r\n\
            \r\n\
            --=_report_0000000000000abc\r\n\
            Content-Type: text/plain; charset=\"utf-8\"\r\n\
            Content-Transfer-Encoding: 7bit\r\n\
            \r\n\
            This is the mail system at mail.here.test.\r\n\
            \r\n\
            Your message of Mon, 5 Jan 2026 08:00:00 +0000\r\n\
            \r\n\
            could not be delivered to:\r\n\
            \r\n  <a@x.test>\r\n\
            \x20   mx.x.test[192.0.2.1]:25 said:\r\n\
            \x20   550 5.1.1 No such user\r\n\
            \r\n\
            --=_report_0000000000000abc\r\n\
            Content-Type: message/delivery-status\r\n\
            Content-Transfer-Encoding: 7bit\r\n\
            \r\n\
            Original-Envelope-Id: q+1\r\n\
            Reporting-MTA: dns; mail.here.test\r\n\
            Arrival-Date: Mon, 5 Jan 2026 08:00:00 +0000\r\n\
            \r\n\
            Original-Recipient: rfc822; A+b@x.test\r\n\
            Final-Recipient: rfc822; a@x.test\r\n\
            Action: failed\r\n\
            Status: 5.1.1\r\n\
            Remote-MTA: dns; mx.x.test\r\n\
            Diagnostic-Code: smtp; 550 5.1.1 No such user\r\n\
            Last-Attempt-Date: Mon, 5 Jan 2026 08:01:00 +0000\r\n\
            \r\n\
            --=_report_0000000000000abc\r\n\
            Content-Type: message/rfc822\r\n\
            Content-Transfer-Encoding: 7bit\r\n\
            \r\n\
            Subject: x\r\nMessage-ID: <1@here.test>\r\n\r\nHello.\r\n\
            \r\n--=_report_0000000000000abc--\r\n";
        assert_eq!(text, expect);
    }

    #[test]
    fn a_delay_returns_the_header_only() {
        let line = ours(Action::Delayed, (4, 1), "connecting: timed out");
        let text = render(full(), vec![line], HEADER);
        for part in [
            "Subject: Your message is delayed\r\n",
            "Action: delayed\r\nStatus: 4.4.1\r\n",
            "Diagnostic-Code: X-Posthorn; connecting: timed out\r\n",
            "Will-Retry-Until: Sat, 10 Jan 2026 08:00:00 +0000\r\n",
            "Content-Type: text/rfc822-headers\r\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("Hello."));
    }

    #[test]
    fn what_was_not_tried_now_says_when_it_was() {
        let of = |attempted| {
            let late = ours(Action::Delayed, (4, 1), "connecting: timed out");
            render(Parameters::default(), vec![Line { attempted, ..late }], HEADER)
        };
        let text = of(Some(Timestamp::from_secs(1_767_600_030)));
        assert!(text.contains("Last-Attempt-Date: Mon, 5 Jan 2026 08:00:30 +0000\r\n"), "{text}");
        let text = of(None);
        assert!(!text.contains("Last-Attempt-Date"), "{text}");
    }

    #[test]
    fn what_has_failed_in_the_end_has_a_status_of_failure() {
        let line = ours(Action::Failed, (4, 7), "it was tried for too long");
        let text = render(Parameters::default(), vec![line], HEADER);
        assert!(text.contains("Status: 5.4.7\r\n"));
    }

    #[test]
    fn a_success_returns_the_header_only() {
        for (action, subject, fields) in [
            (Action::Delivered, "was delivered", "Action: delivered\r\nStatus: 2.0.0\r\nLast-"),
            (Action::Relayed, "was delivered", "Action: relayed\r\nStatus: 2.0.0\r\nLast-"),
            (Action::Expanded, "was delivered", "Action: expanded\r\nStatus: 2.0.0\r\nLast-"),
        ] {
            let text = render(full(), vec![ours(action, (0, 0), action.text())], HEADER);
            assert!(text.contains(&format!("Subject: Your message {subject}\r\n")), "{text}");
            assert!(text.contains(fields), "{text}");
            assert!(text.contains("Content-Type: text/rfc822-headers\r\n"), "{text}");
            assert!(!text.contains("Hello."));
        }
    }

    #[test]
    fn addresses_in_utf8_have_types_of_their_own() {
        // RFC 6533 §3
        let line = refused("ü@x.test", None);
        let parameters = Parameters { smtputf8: true, ..Parameters::default() };
        let text = render(parameters, vec![line], HEADER);
        for part in [
            "Content-Type: message/global-delivery-status\r\n",
            "Final-Recipient: utf-8; ü@x.test\r\n",
            "Content-Type: message/global-headers\r\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn fields_are_ascii_where_utf8_was_not_asked_for() {
        let mut line = refused("ü@x.test", Some("utf-8;é@y.test"));
        line.text = "550 5.1.1 Niemand heißt so".to_owned();
        let text = render(Parameters::default(), vec![line], HEADER);
        for part in [
            "Content-Type: message/delivery-status\r\nContent-Transfer-Encoding: 7bit\r\n",
            "Original-Recipient: utf-8; \\x{E9}@y.test\r\n",
            "Final-Recipient: utf-8; \\x{FC}@x.test\r\n",
            "Diagnostic-Code: smtp; 550 5.1.1 Niemand hei\\x{DF}t so\r\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn nothing_of_others_breaks_a_line() {
        let line = refused("a@x.test", Some("rfc822;a+0D+0ABcc:+20b"));
        let parameters =
            Parameters { envelope_id: Some("a+0D+0Ab".to_owned()), ..Parameters::default() };
        let text = render(parameters, vec![line], "Message-ID: <a\r\n b>\r\n\r\n");
        assert!(text.contains("Original-Recipient: rfc822; a??Bcc: b\r\n"));
        assert!(text.contains("Original-Envelope-Id: a??b\r\n"));
        assert!(!text.contains("In-Reply-To"));
    }
}
