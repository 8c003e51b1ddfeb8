//! A visit: what is due at one destination is claimed and sent, message by message, over one
//! connection.

mod passing;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::ahead::Ahead;
use crate::answer::Answer;
use crate::counters::add;
use crate::delivery::{Server, concerns_server, end_of};
use crate::envelope::{MailParameters, outbound};
use crate::hand::Hand;
use crate::hosts::Exit;
use crate::policy::{Need, StsPolicy};
use crate::queue::Inner;
use crate::settings::{Reach, Settings};
use crate::settle::{Confirms, End, Settling};
use ids::{QueueDaemonId, Timestamp};
use mailauth::Author;
use message::{Limits, header_fields, to_seven_bit};
use smtp::client::{Capabilities, Outbound, OutboundContent, Outcome, Verdict};
use smtp::types::{Body, ByMode};
use storage::{
    Claim, ClaimedMessage, ClaimedRecipient, Fate, Settlement, StorageError, spool_destination,
};

/// LIMIT: recipients in hand at a time, so that a crash leaves few for others to take over.
const CLAIM_MAX: usize = 50;
/// LIMIT: the same of those that are elsewhere and go along; together as many as each server takes of
/// one message (RFC 5321 §4.5.3.1.8).
const ALONG_MAX: usize = 50;
/// How long a destination waits after storage failed.
const PAUSE_SECS: i64 = 30;

/// One visit.
pub(crate) struct Visit {
    inner: Arc<Inner>,
    destination: String,
    hosts: Option<Result<Vec<Exit>, Answer>>,
    /// What the domain says of TLS, once it was looked for.
    sts: Option<Option<StsPolicy>>,
    server: Option<Server>,
    /// By which settings it is known what goes along.
    claimed_by: Option<Arc<Settings>>,
    /// By which settings the hosts were found, and when.
    found: Option<(Arc<Settings>, Timestamp)>,
    /// Whose message was not taken now, and nobody's since; and what was said.
    refused_sender: Option<(String, Answer)>,
    /// What a host said that took nothing for now; those behind it are tried.
    passed_over: Option<Answer>,
    /// It may take the next message: the hosts are looked for anew then.
    begins_anew: bool,
    hand: Arc<Hand>,
}

/// What a claim brought.
struct Claimed {
    messages: Vec<ClaimedMessage>,
    next_due: Option<Timestamp>,
    full: bool,
    here: bool,
}

/// What a server said to one transaction.
struct Answered {
    name: String,
    /// Who tells the sender.
    confirms: Confirms,
    outcome: Outcome,
}

impl Answered {
    /// What was said to the first recipient that is to be tried again.
    fn first_deferral(&self) -> Option<Answer> {
        self.outcome.verdicts.iter().find_map(|verdict| {
            match end_of(verdict.clone(), &self.name, self.confirms, self.outcome.usable) {
                Some(End::Deferred(answer)) => Some(answer),
                _ => None,
            }
        })
    }
}

/// Whether the visit goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    On,
    Over,
}

impl Visit {
    /// A visit that keeps what it claims in that hand.
    pub(crate) fn new(inner: Arc<Inner>, destination: String, hand: Arc<Hand>) -> Self {
        Self {
            inner,
            destination,
            hosts: None,
            sts: None,
            server: None,
            claimed_by: None,
            found: None,
            refused_sender: None,
            passed_over: None,
            begins_anew: false,
            hand,
        }
    }

    /// Sends until nothing is due there, or it cannot go on.
    pub(crate) async fn run(mut self) {
        while let Some(daemon) = self.may_go_on() {
            self.inner.table().claiming(&self.destination);
            let claimed = match self.claim(daemon).await {
                Ok(claimed) => claimed,
                Err(error) => {
                    tracing::warn!(%error, destination = self.destination, "claiming failed");
                    let later = self.inner.store.now().plus_secs(PAUSE_SECS);
                    self.inner.table().note(&self.destination, later);
                    break;
                }
            };
            self.inner.table().learn(&self.destination, claimed.here, self.inner.store.now());
            self.note_rest(&claimed);
            let goes_on = match claimed.messages.is_empty() {
                true => self.rest().await,
                false => self.send_all(daemon, claimed).await == Course::On,
            };
            if !goes_on {
                break;
            }
        }
        if let Some(server) = self.server.take() {
            server.client.quit().await;
        }
    }

    /// Waits a little for more to send, where there is a connection for it; whether it came.
    async fn rest(&self) -> bool {
        let (inner, destination) = (&self.inner, &self.destination);
        let patience = inner.settings().rest;
        if self.server.is_none() || patience.is_zero() {
            return false;
        }
        let Some(resume) = inner.table().rest(destination) else { return false };
        // What came while this connection was busy is for it now.
        inner.wake();
        tokio::select! {
            permit = resume.acquire() => {
                if let Ok(permit) = permit {
                    permit.forget();
                }
                return true;
            }
            () = tokio::time::sleep(patience) => {}
            () = inner.shutdown.requested() => {}
        }
        let resumed = inner.table().end_rest(destination);
        if resumed && let Ok(permit) = resume.try_acquire() {
            permit.forget();
        }
        resumed
    }

    fn may_go_on(&self) -> Option<QueueDaemonId> {
        let now = self.inner.store.now();
        let blocked = self.inner.table().blocked_until(&self.destination, now).is_some();
        if self.inner.shutdown.is_requested() || blocked {
            self.inner.table().note(&self.destination, now);
            return None;
        }
        let daemon = self.inner.lease.daemon(now);
        if daemon.is_none() {
            self.inner.table().note(&self.destination, now);
        }
        daemon
    }

    /// Whether another message may go there now.
    fn has_turn(&self, here: bool) -> bool {
        let (now, rate) =
            (self.inner.store.now(), self.inner.settings().rate_for(&self.destination));
        let turn = match here {
            true => Ok(()),
            false => self.inner.table().take_turn(&self.destination, rate, now),
        };
        if turn.is_err() {
            add(&self.inner.counters.paced, 1);
        }
        turn.is_ok()
    }

    async fn claim(&mut self, daemon: QueueDaemonId) -> Result<Claimed, StorageError> {
        let claim = Claim { daemon, destination: self.destination.clone(), limit: CLAIM_MAX };
        let settings = self.inner.settings();
        let reach = settings.reach;
        self.claimed_by = Some(settings.clone());
        // Who was refused is asked for again now and then, however long this visit lasts.
        self.refused_sender = None;
        let claimed = self.inner.store.write_messages("queue claim", Vec::new(), move |tx| {
            let domain = tx.find_domain(&claim.destination)?;
            // RFC 5321 §4.1.1.3: postmaster without a domain is the one of this server.
            let here = domain.is_some() || claim.destination == "postmaster";
            if !here && reach == Reach::Here {
                return Ok(Claimed { messages: Vec::new(), next_due: None, full: false, here });
            }
            let mut messages = tx.claim_spooled(&claim)?;
            let count: usize = messages.iter().map(|message| message.recipients.len()).sum();
            let full = count >= claim.limit;
            if !here && settings.takes_along(&claim.destination) {
                // RFC 5321 §4.5.4.1: one copy for all whom the same host gets it for.
                tx.claim_along(daemon, &mut messages, ALONG_MAX, |tx, other| {
                    let along = settings.goes_along(&claim.destination, other);
                    Ok(along && other != "postmaster" && tx.find_domain(other)?.is_none())
                })?;
            }
            let next_due = if full { None } else { tx.next_due_spooled(&claim.destination)? };
            Ok(Claimed { messages, next_due, full, here })
        });
        claimed.await.map(|committed| committed.value)
    }

    /// More is due than was claimed: another connection may take it.
    fn note_rest(&self, claimed: &Claimed) {
        let mut table = self.inner.table();
        if claimed.full {
            table.note(&self.destination, self.inner.store.now());
            drop(table);
            self.inner.wake();
        } else if let Some(due) = claimed.next_due {
            table.note(&self.destination, due);
        }
    }

    async fn send_all(&mut self, daemon: QueueDaemonId, claimed: Claimed) -> Course {
        let here = claimed.here;
        self.hand.take(daemon, here, &claimed.messages);
        let mut messages = VecDeque::from(claimed.messages);
        let mut ahead = Ahead::default();
        while !messages.is_empty() {
            // Who is not asked for takes nobody's turn.
            let is_refused = messages.front().is_some_and(|next| self.refused(next).is_some());
            if self.may_go_on() != Some(daemon) || !(is_refused || self.has_turn(here)) {
                self.give_back(daemon, messages.into()).await;
                return Course::Over;
            }
            if ahead.is_empty() {
                // Its room is given back before more is asked for.
                drop(std::mem::take(&mut ahead));
                ahead = self.inner.read_ahead(messages.make_contiguous()).await;
            }
            let Some(message) = messages.pop_front() else { break };
            self.hand.begin(message.id);
            let course = self.send(daemon, &message, ahead.take(), here).await;
            self.hand.end(message.id);
            if course == Course::Over {
                self.give_back(daemon, messages.into()).await;
                return Course::Over;
            }
        }
        Course::On
    }

    /// Frees what was claimed and not tried.
    async fn give_back(&self, daemon: QueueDaemonId, messages: Vec<ClaimedMessage>) {
        if messages.is_empty() {
            return;
        }
        // From here on they are given back by nobody else.
        self.hand.clear();
        let messages = Arc::new(messages);
        while let Err(error) = self.return_all(daemon, messages.clone()).await {
            if !self.inner.may_pass(&error).await {
                // They stay in our hands until this daemon ends.
                tracing::warn!(%error, "what was not tried could not be given back");
                return;
            }
        }
        let (mut table, now) = (self.inner.table(), self.inner.store.now());
        table.note(&self.destination, now);
        for recipient in messages.iter().flat_map(|message| &message.recipients) {
            table.note(&spool_destination(&recipient.forward_path), now);
        }
    }

    async fn return_all(
        &self,
        daemon: QueueDaemonId,
        messages: Arc<Vec<ClaimedMessage>>,
    ) -> Result<(), StorageError> {
        let written = self.inner.store.write_messages("queue return", Vec::new(), move |tx| {
            for message in messages.iter() {
                let outcome = |recipient: &ClaimedRecipient| Settlement {
                    spool: message.id,
                    ordinal: recipient.ordinal,
                    fate: Fate::Untried,
                    answer: String::new(),
                };
                let outcomes: Vec<Settlement> = message.recipients.iter().map(outcome).collect();
                tx.settle_spooled(daemon, message.id, &outcomes)?;
            }
            Ok(())
        });
        written.await.map(|_| ())
    }

    async fn send(
        &mut self,
        daemon: QueueDaemonId,
        message: &ClaimedMessage,
        text: Result<OutboundContent, StorageError>,
        here: bool,
    ) -> Course {
        let content = match text {
            Ok(content) => content,
            Err(error) => {
                let spool = message.id;
                tracing::error!(%error, %spool, "a message cannot be read");
                let end = End::Deferred(Answer::ours(4, 3, 0, "the message cannot be read now"));
                let ends = message.recipients.iter().map(|one| (one.clone(), end.clone()));
                let ends = ends.collect();
                self.settle(daemon, message, &OutboundContent::default(), ends).await;
                return Course::On;
            }
        };
        let deadline = MailParameters::of(message).by;
        if deadline.is_some_and(|by| by.ended(self.inner.store.now())) {
            // RFC 2852 §4.1.3: no further attempt.
            let end = End::Expired(Answer::past_deadline());
            let ends = message.recipients.iter().map(|one| (one.clone(), end.clone())).collect();
            self.settle(daemon, message, &content, ends).await;
            return Course::On;
        }
        if here {
            self.inner.deliver_here(daemon, &self.destination, message, &content).await;
            return Course::On;
        }
        let content = self.signed(message, content).await;
        let (ends, course) = self.send_out(message, &content).await;
        let settled = self.settle(daemon, message, &content, ends).await;
        // What is not on stable storage may be sent again; nothing follows it from here.
        if settled { course } else { Course::Over }
    }

    /// Signs what was made in the transaction that spooled it, where nobody could (RFC 6376 §5).
    async fn signed(&self, message: &ClaimedMessage, content: OutboundContent) -> OutboundContent {
        let signatory = self.inner.settings().signatory.clone();
        let Some(signatory) = signatory.filter(|_| MailParameters::of(message).sign) else {
            return content;
        };
        let whole = [&content.header[..], &content.body].concat();
        match signatory.sign(whole, 0, Author::Account).await {
            Ok(mut header) => {
                let end = header_fields(&header).last().map_or(0, |field| field.range.end);
                let body = header.split_off(end);
                OutboundContent { header, body }
            }
            Err(_) => content,
        }
    }

    async fn settle(
        &self,
        daemon: QueueDaemonId,
        message: &ClaimedMessage,
        content: &OutboundContent,
        ends: Vec<(ClaimedRecipient, End)>,
    ) -> bool {
        let destination = &self.destination;
        self.inner.settle(Settling { daemon, destination, message, content, ends }).await
    }

    /// Sends one message to all its recipients there, in as many transactions as the server
    /// wants.
    async fn send_out(
        &mut self,
        message: &ClaimedMessage,
        content: &OutboundContent,
    ) -> (Vec<(ClaimedRecipient, End)>, Course) {
        let mut pending = message.recipients.clone();
        let mut ends = Vec::new();
        let mut course = Course::On;
        if let Some(said) = self.refused(message) {
            let end = End::Deferred(said);
            ends.extend(pending.into_iter().map(|one| (one, end.clone())));
            return (ends, course);
        }
        self.begin_anew();
        if !content.is_text() && !MailParameters::of(message).is_binary() {
            // RFC 5321 §2.3.8: bare CR and LF are not sent; nothing that came by SMTP has them.
            let end = End::Failed(Answer::ours(5, 6, 0, "the message has bare CR or LF"));
            ends.extend(pending.into_iter().map(|one| (one, end.clone())));
            return (ends, course);
        }
        let need = need_of(message);
        while !pending.is_empty() && course == Course::On {
            let settings = self.inner.settings();
            let others = self.part_from_others(&settings, &mut pending);
            ends.extend(others.into_iter().map(|one| (one, End::Untried)));
            if pending.is_empty() {
                break;
            }
            if let Err(answer) = self.open_server(settings, need).await {
                let end = self.no_server(message, answer, &mut course);
                ends.extend(pending.drain(..).map(|one| (one, end.clone())));
                break;
            }
            let before = pending.len();
            let Some(outcome) = self.transact(message, &pending, content).await else {
                // The server ended the connection after the message before, as it may: another.
                continue;
            };
            let passed_over = self.passes_over(&outcome);
            let (done, again) = self.judge(message, pending, outcome, passed_over, &mut course);
            ends.extend(done);
            pending = again;
            if pending.len() == before && !passed_over {
                let answer = Answer::ours(4, 5, 3, "the server takes none of the recipients now");
                ends.extend(pending.drain(..).map(|one| (one, End::Deferred(answer.clone()))));
            }
        }
        let rest = pending.into_iter().map(|one| (one, End::Untried));
        ends.extend(rest);
        (ends, course)
    }

    /// Takes out whom other settings than those of the claim may send another way: all but those who
    /// are at this destination.
    fn part_from_others(
        &self,
        settings: &Arc<Settings>,
        pending: &mut Vec<ClaimedRecipient>,
    ) -> Vec<ClaimedRecipient> {
        if self.claimed_by.as_ref().is_some_and(|by| Arc::ptr_eq(by, settings)) {
            return Vec::new();
        }
        let is_own =
            |one: &ClaimedRecipient| spool_destination(&one.forward_path) == self.destination;
        let (own, others) = std::mem::take(pending).into_iter().partition(is_own);
        *pending = own;
        others
    }

    /// One transaction; `None` where the connection turned out to be over before it began.
    async fn transact(
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

    /// Who is done, and who is to be named again.
    fn judge(
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

    async fn open_server(&mut self, settings: Arc<Settings>, need: Need) -> Result<(), Answer> {
        // What is known of the hosts and what is demanded of them are of the same settings: the
        // password of a route is for no other host.
        if self.found.as_ref().is_some_and(|(found, _)| !Arc::ptr_eq(found, &settings)) {
            self.forget_hosts();
        }
        match self.server.take() {
            Some(server) if server.suits(need) => {
                self.server = Some(server);
                return Ok(());
            }
            Some(server) => {
                self.inner.shutdown.spawn(server.client.quit());
            }
            None => {}
        }
        let hosts = match self.hosts.take() {
            Some(hosts) => hosts,
            None => {
                self.found = Some((settings.clone(), self.inner.store.now()));
                self.inner.hosts(&settings, &self.destination).await
            }
        };
        let hosts = self.hosts.insert(hosts).clone()?;
        let routed = settings.relay_for(&self.destination).is_some();
        if self.sts.is_none() && !routed {
            self.sts = Some(self.inner.sts_policy(&self.destination).await?);
        }
        let sts = self.sts.as_ref().and_then(Option::as_ref);
        let server = self.inner.connect(&settings, &self.destination, &hosts, sts, need).await?;
        self.server = Some(server);
        Ok(())
    }
}

/// Whether the header section counts as one in UTF-8 (RFC 6531 §3.2), which only some servers take.
/// QUIRK(scanners, scripts): they put bytes outside ASCII there and do not say so in MAIL; that goes on
/// as it came, to servers that know nothing of UTF-8 as well, as other servers have it.
fn is_utf8_header(message: &ClaimedMessage, header: &[u8], server: &Capabilities) -> bool {
    let is_fit = server.smtputf8 && std::str::from_utf8(header).is_ok();
    !header.is_ascii() && (MailParameters::of(message).smtputf8 || is_fit)
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

/// RFC 8689 §4.1: REQUIRETLS counts before the header field. §5: a report is not lost for it.
fn need_of(message: &ClaimedMessage) -> Need {
    let parameters = MailParameters::of(message);
    match (parameters.requiretls, parameters.tls_optional) {
        (true, _) if message.reverse_path.is_empty() => Need::Policy,
        (true, _) => Need::Certainty,
        (false, true) => Need::Arrival,
        (false, false) => Need::Policy,
    }
}

/// RFC 3461 §5.2.2: a server that knows DSN tells what the sender asked to be told. RFC 2852 §4.1.4:
/// the sender hears of each server that was to be traced, and of one that knows no deadlines.
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
