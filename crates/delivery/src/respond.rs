//! The out-of-office answer (R-RESP): which responder of an account answers a message, what the
//! answer says, and whom it must not go to. Sending it is the spool's.

use ids::{AccountId, Timestamp};
use mail_builder::headers::content_type::ContentType;
use mail_builder::mime::MimePart;
use mailauth::Author;
use responder::{AnswerHead, Vacation, compose};
use storage::{ANSWER_WINDOW_SECS, ActiveResponder, AnswerClaim, AnswerSource, Arrival, Placement};

use crate::outgoing::{Letter, Stamper};
use crate::rules::Ready;
use crate::zone::local;

/// Whether a responder answers at an instant: its dates and days are those of the owner's clock
/// (R-RESP-2).
fn is_on(responder: &ActiveResponder, rules: &Ready, now: Timestamp) -> bool {
    let Some((time, day)) = local(&rules.zone, now) else { return false };
    let body = &responder.body;
    body.from.as_ref().is_none_or(|from| *from <= time)
        && body.until.as_ref().is_none_or(|until| time <= *until)
        && body.weekdays.has(day)
}

/// The claim of an answer to a sender; nothing where there is to be none. The message itself has
/// not been looked at then, see [`head`].
pub(crate) fn due<'r>(
    rules: &'r Ready,
    arrival: &Arrival<'_>,
    now: Timestamp,
) -> Option<(&'r ActiveResponder, AnswerClaim)> {
    let responder = rules.responder.as_ref()?;
    // R-RESP-5: spam is not answered.
    if arrival.placement == Placement::Junk || !is_on(responder, rules, now) {
        return None;
    }
    let sender = arrival.reverse_path;
    if sender.is_empty() || responder.body.excludes(sender) {
        return None;
    }
    let claim = AnswerClaim {
        source: AnswerSource::Responder(responder.id),
        sender: sender.to_owned(),
        window_secs: ANSWER_WINDOW_SECS,
    };
    Some((responder, claim))
}

/// What an answer to a message begins with, if the message may have one.
pub(crate) fn head(rules: &Ready, arrival: &Arrival<'_>) -> Option<AnswerHead> {
    let mut is_own = |address: &str| rules.is_own(address);
    AnswerHead::of(arrival.message, arrival.reverse_path, &mut is_own)
}

/// The answer that the active responder gives, as the action of `vacation`.
pub(crate) fn answer(
    rules: &Ready,
    (responder, claim, head): (&ActiveResponder, &AnswerClaim, AnswerHead),
) -> Vacation {
    let body = &responder.body;
    let from = body.sender.as_deref().unwrap_or(&rules.address);
    let (reason, is_mime) = match body.html.is_empty() {
        true => (crlf(&body.text), false),
        false => (entity(&body.text, &body.html), true),
    };
    Vacation {
        handle: String::new(),
        seconds: ANSWER_WINDOW_SECS,
        recipient: claim.sender.clone(),
        from: compose::mailbox(&rules.name, from),
        subject: match body.subject.is_empty() {
            true => head.subject,
            false => body.subject.clone(),
        },
        reason,
        is_mime,
        in_reply_to: head.in_reply_to,
        references: head.references,
        fcc: None,
    }
}

/// An answer, of a responder or a script, on its way. RFC 3834 §3.3: its envelope sender is
/// null.
pub(crate) fn letter(
    vacation: &Vacation,
    account: AccountId,
    claim: AnswerClaim,
    stamper: &Stamper<'_>,
) -> Letter<'static> {
    Letter {
        account,
        author: Author::Account,
        reverse_path: "",
        to: vec![vacation.recipient.clone()],
        bytes: stamper.render(|stamp| vacation.render(stamp)),
        claim: Some(claim),
        counted: false,
        copy: vacation.fcc.as_ref().map(crate::filing::copy),
    }
}

/// Lines as mail has them.
fn crlf(text: &str) -> String {
    let mut lines = text.replace("\r\n", "\n").replace(['\r', '\n'], "\r\n");
    if !lines.ends_with("\r\n") {
        lines.push_str("\r\n");
    }
    lines
}

/// The texts as a MIME entity; where there are both, a reader shows the one it can
/// (RFC 2046 §5.1.4).
fn entity(text: &str, html: &str) -> String {
    let (text_lines, html_lines) = (crlf(text), crlf(html));
    let html_part = MimePart::new("text/html", html_lines);
    let entity = match text.is_empty() {
        true => html_part,
        false => {
            // No text holds its own hash.
            let hash = blake3::hash([text, html].concat().as_bytes()).to_hex();
            let boundary = format!("=_{}", hash.get(..24).unwrap_or_default());
            let kind = ContentType::new("multipart/alternative").attribute("boundary", boundary);
            MimePart::new(kind, vec![MimePart::new("text/plain", text_lines), html_part])
        }
    };
    let mut bytes = Vec::new();
    entity.write_part(&mut bytes);
    // What it writes is ASCII.
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_as_mail_has_them() {
        for (text, expect) in
            [("a\nb", "a\r\nb\r\n"), ("a\r\nb\r\n", "a\r\nb\r\n"), ("a\rb", "a\r\nb\r\n")]
        {
            assert_eq!(crlf(text), expect);
        }
        let long = entity("", &"x".repeat(2000));
        assert!(long.lines().all(|line| line.len() <= 78), "{long}");
        assert!(entity("\u{e9}", "\u{e9}").is_ascii());
    }
}
