//! One transaction of a visit, and what its answers mean for who was named in it.

use super::{Course, Visit};
use crate::answer::Answer;
use crate::delivery::{concerns_server, end_of};
use crate::envelope::outbound;
use crate::settle::{Confirms, End};
use message::{Limits, to_seven_bit};
use smtp::client::{Capabilities, Outbound, OutboundContent, Outcome, Verdict};
use smtp::types::{Body, ByMode};
use storage::{ClaimedMessage, ClaimedRecipient};

/// What a server said to one transaction.
pub(super) struct Answered {
    pub(super) name: String,
    /// Whether this server or the next tells the sender of delivery.
    confirms: Confirms,
    pub(super) outcome: Outcome,
}

impl Answered {
    /// What was said to the first recipient that is to be tried again.
    pub(super) fn first_deferral(&self) -> Option<Answer> {
        self.outcome.verdicts.iter().find_map(|verdict| {
            match end_of(verdict.clone(), &self.name, self.confirms, self.outcome.usable) {
                Some(End::Deferred(answer)) => Some(answer),
                _ => None,
            }
        })
    }
}

impl Visit {
    /// One transaction; `None` where the connection turned out to be over before it began.
    pub(super) async fn transact(
        &mut self,
        message: &ClaimedMessage,
        recipients: &[ClaimedRecipient],
        content: &OutboundContent,
    ) -> Option<Answered> {
        let mut server = self.server.take()?;
        let now = self.inner.store.now();
        let utf8_header = is_utf8_header(message, &content.header, server.client.server());
        let mut envelope = outbound(message, recipients, utf8_header, now);
        let converted = convert(&mut envelope, content, server.client.server()).await;
        let content = converted.as_ref().unwrap_or(content);
        // RFC 1870 §6.2: with what was signed here since it came.
        envelope.size_bytes = content.len() as u64;
        let outcome = server.client.send(&envelope, content).await;
        let reused = server.client.messages() > 1;
        // RFC 5321 §4.2.5: content that was taken is taken, whatever was said to MAIL before it.
        let is_taken = outcome.verdicts.iter().any(|one| matches!(one, Verdict::Accepted(_)));
        if reused && !outcome.usable && !outcome.begun && !is_taken {
            return None;
        }
        let confirms = confirms(&envelope, server.client.server());
        let answered = Answered { name: server.name.clone(), confirms, outcome };
        let most = self.inner.settings().messages_per_connection_max;
        if !answered.outcome.usable {
            return Some(answered);
        }
        if server.client.takes_more() && server.client.messages() < most {
            self.server = Some(server);
        } else {
            // The goodbye need not be waited for.
            self.inner.shutdown.spawn(server.client.quit());
        }
        Some(answered)
    }

    /// Sorts the recipients into those that are done and those to be named again.
    pub(super) fn judge(
        &mut self,
        message: &ClaimedMessage,
        recipients: Vec<ClaimedRecipient>,
        answered: Answered,
        passed_over: bool,
        course: &mut Course,
    ) -> (Vec<(ClaimedRecipient, End)>, Vec<ClaimedRecipient>) {
        let said = answered.first_deferral();
        let Answered { name, confirms, outcome } = answered;
        if passed_over {
            tracing::info!(server = name, "it takes nothing now; the next host is tried");
        } else if concerns_server(&outcome) {
            let (reason, said) = (said.clone(), said.filter(|_| outcome.usable));
            if !said.is_some_and(|said| self.is_about_sender(message, said)) {
                self.leave_alone(reason);
                *course = Course::Over;
            }
        } else {
            self.refused_sender = None;
            self.inner.table().succeeded(&self.destination);
        }
        let (mut done, mut again) = (Vec::new(), Vec::new());
        for (recipient, verdict) in recipients.into_iter().zip(outcome.verdicts) {
            let is_unfit = matches!(verdict, Verdict::Unfit(_));
            match end_of(verdict, &name, confirms, outcome.usable) {
                Some(End::Deferred(_)) if passed_over => again.push(recipient),
                // What this host can never take, the one that was passed over may.
                Some(End::Failed(answer)) if is_unfit && self.passed_over.is_some() => {
                    done.push((recipient, End::Deferred(answer.with_class(4))));
                }
                Some(end) => done.push((recipient, end)),
                None => again.push(recipient),
            }
        }
        (done, again)
    }
}

/// Whether the header section counts as one in UTF-8 (RFC 6531 §3.2), which only some servers take.
/// QUIRK(scanners, scripts): they put bytes outside ASCII there and do not say so in MAIL; that
/// goes on as it came, to servers that know nothing of UTF-8 as well, as other servers have it.
fn is_utf8_header(message: &ClaimedMessage, header: &[u8], server: &Capabilities) -> bool {
    let is_fit = server.smtputf8 && std::str::from_utf8(header).is_ok();
    !header.is_ascii() && (message.parameters.smtputf8 || is_fit)
}

/// RFC 6152 §3 and RFC 3030 §3: what a server does not take is converted, where that can be done.
async fn convert(
    envelope: &mut Outbound,
    content: &OutboundContent,
    server: &Capabilities,
) -> Option<OutboundContent> {
    match envelope.body {
        Body::EightBitMime if !server.eight_bit_mime => {}
        Body::BinaryMime if !server.binary_mime => {}
        _ => return None,
    }
    let whole = [&content.header[..], &content.body].concat();
    let convert = move || to_seven_bit(&whole, &Limits::default());
    let bytes = tokio::task::spawn_blocking(convert).await.ok().flatten()?;
    envelope.body = Body::SevenBit;
    Some(OutboundContent { header: bytes, body: Vec::new() })
}

/// RFC 3461 §5.2.2: a server that knows DSN tells what the sender asked to be told.
/// RFC 2852 §4.1.4: the sender hears of each server that was to be traced, and of one that knows no
/// deadlines.
fn confirms(message: &Outbound, server: &Capabilities) -> Confirms {
    let by = message.deliver_by;
    let unasked =
        by.is_some_and(|by| by.trace || (!server.deliver_by && by.mode == ByMode::Notify));
    match (unasked, server.dsn) {
        (true, _) => Confirms::UsUnasked,
        (false, true) => Confirms::Server,
        (false, false) => Confirms::Us,
    }
}
