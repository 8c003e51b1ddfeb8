//! The out-of-office answer (R-RESP).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ids::Timestamp;
use responder::{AnswerHead, Vacation, compose};
use storage::{
    ANSWER_WINDOW_SECS, ActiveResponder, AnswerClaim, AnswerSource, Arrival, Outgoing, Placement,
};

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

/// The claim of an answer to a message, and what the answer begins with; nothing where there is
/// to be none.
pub(crate) fn due<'r>(
    rules: &'r Ready,
    arrival: &Arrival<'_>,
    now: Timestamp,
) -> Option<(&'r ActiveResponder, AnswerClaim, AnswerHead)> {
    let responder = rules.responder.as_ref()?;
    // R-RESP-5: spam is not answered.
    if arrival.placement == Placement::Junk || !is_on(responder, rules, now) {
        return None;
    }
    let sender = arrival.reverse_path;
    if sender.is_empty() || responder.body.excludes(sender) {
        return None;
    }
    let mut is_own = |address: &str| rules.is_own(address);
    let head = AnswerHead::of(arrival.message, sender, arrival.forward_path, &mut is_own)?;
    let claim = AnswerClaim {
        source: AnswerSource::Responder(responder.id),
        sender: sender.to_owned(),
        window_secs: ANSWER_WINDOW_SECS,
    };
    Some((responder, claim, head))
}

/// The answer.
pub(crate) fn answer(
    rules: &Ready,
    arrival: &Arrival<'_>,
    (responder, claim, head): (&ActiveResponder, AnswerClaim, AnswerHead),
    stamper: &Stamper<'_>,
) -> Outgoing {
    let body = &responder.body;
    let from = body.sender.as_deref().unwrap_or(&rules.address);
    let (reason, is_mime) = match (body.text.is_empty(), body.html.is_empty()) {
        (_, true) => (crlf(&body.text), false),
        (true, false) => (part("text/html", &body.html), true),
        (false, false) => (alternative(&body.text, &body.html), true),
    };
    let vacation = Vacation {
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
    };
    send(&vacation, arrival, claim, stamper)
}

/// An answer, of a responder or a script, on its way. RFC 3834 §3.3: its envelope sender is
/// null.
pub(crate) fn send(
    vacation: &Vacation,
    arrival: &Arrival<'_>,
    claim: AnswerClaim,
    stamper: &Stamper<'_>,
) -> Outgoing {
    let letter = Letter {
        account: arrival.account,
        reverse_path: "",
        to: vec![vacation.recipient.clone()],
        bytes: stamper.render(|stamp| vacation.render(stamp)),
        claim: Some(claim),
        copy: vacation.fcc.as_ref().map(crate::filing::copy),
    };
    letter.outgoing()
}

/// Lines as mail has them.
fn crlf(text: &str) -> String {
    let mut lines = text.replace("\r\n", "\n").replace(['\r', '\n'], "\r\n");
    if !lines.ends_with("\r\n") {
        lines.push_str("\r\n");
    }
    lines
}

/// A text as a MIME entity.
fn part(media_type: &str, text: &str) -> String {
    let mut entity = format!(
        "Content-Type: {media_type}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    );
    let encoded = STANDARD.encode(crlf(text));
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(76));
        entity.push_str(line);
        entity.push_str("\r\n");
        rest = after;
    }
    entity
}

/// Both texts, of which a reader shows the one it can (RFC 2046 §5.1.4). Base64 holds no boundary.
fn alternative(text: &str, html: &str) -> String {
    let boundary = "=_alternative";
    format!(
        "Content-Type: multipart/alternative; boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n{}\
         --{boundary}\r\n{}--{boundary}--\r\n",
        part("text/plain", text),
        part("text/html", html)
    )
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
        let long = part("text/html", &"x".repeat(200));
        assert!(long.lines().all(|line| line.len() <= 76));
    }
}
