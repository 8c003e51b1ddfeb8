//! Messages that a script refuses (RFC 5429): in SMTP where that is possible, else by a
//! disposition notification to the sender.

use mailauth::Author;
use message::header_fields;
use responder::Reject;
use responder::compose::Refusal;
use storage::{Arrival, Placement};

use crate::outgoing::{Letter, Stamper};
use crate::redirect::without_return_path;

/// LIMIT: bytes of a reason in a reply; RFC 5321 §4.5.3.1.5 has lines of 512.
const REASON_BYTES_MAX: usize = 400;
/// LIMIT: bytes of the refused header that the sender gets back.
const HEADER_BYTES_MAX: usize = 32 * 1024;

/// Whether the sender can be told by a message: not the null sender (RFC 5429 §2.2.1), nor who is
/// perhaps not the one who sent it (RFC 5429 §2.1), as with spam and with whatever nothing vouches
/// for.
pub(crate) fn may_notify(arrival: &Arrival<'_>) -> bool {
    !arrival.reverse_path.is_empty() && arrival.placement != Placement::Junk && arrival.verified
}

/// The reason as it can stand in a reply; `None` where the exact text has to be sent as a message,
/// and can be: RFC 5429 §2.2 prefers that to a reply that changes it.
///
/// DEVIATION(RFC 5429 §2.2): where no message can tell it, a reply with another text does, so that
/// an honest sender learns of it and nobody else is written to.
pub(crate) fn reply_text(reject: &Reject, may_notify: bool) -> Option<String> {
    let line = reject.reason.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = line.collect::<Vec<_>>().join(" ");
    let fits = line.len() <= REASON_BYTES_MAX
        && !line.is_empty()
        && line.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    match (fits, reject.in_protocol || !may_notify) {
        (true, _) => Some(line),
        // RFC 5429 §2.1.1: the reply is more important than its text.
        (false, true) => Some("The recipient refuses this message".to_owned()),
        (false, false) => None,
    }
}

/// The message that tells the sender.
pub(crate) fn notification(
    reject: &Reject,
    arrival: &Arrival<'_>,
    stamper: &Stamper<'_>,
) -> Letter<'static> {
    let message = without_return_path(arrival.message);
    let fields = header_fields(message);
    let header_len = fields.last().map_or(0, |field| field.range.end);
    let header = message.get(..header_len.min(HEADER_BYTES_MAX)).unwrap_or_default();
    let id = header_fields(message).find(|field| field.is("Message-ID"));
    let id = id.map(|field| String::from_utf8_lossy(field.value).trim().to_owned());
    let refusal = Refusal {
        host: stamper.hostname,
        recipient: arrival.forward_path,
        sender: arrival.reverse_path,
        header,
        in_reply_to: id.as_deref(),
    };
    Letter {
        account: arrival.account,
        author: Author::Server,
        reverse_path: "",
        to: vec![arrival.reverse_path.to_owned()],
        bytes: stamper.render(|stamp| reject.render(refusal, stamp)),
        claim: None,
        counted: false,
        copy: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_become_replies() {
        let long = "x".repeat(401);
        let other = Some("The recipient refuses this message");
        for (reason, in_protocol, may_notify, expect) in [
            ("no", false, true, Some("no")),
            ("no,\r\n  thanks\r\n", true, true, Some("no, thanks")),
            ("n\u{f6}", false, true, None),
            ("n\u{f6}", false, false, other),
            ("n\u{f6}", true, true, other),
            (&long, false, true, None),
            (&long, false, false, other),
            ("", true, true, other),
        ] {
            let reject = Reject { reason: reason.to_owned(), in_protocol };
            assert_eq!(reply_text(&reject, may_notify).as_deref(), expect, "{reason}");
        }
    }
}
