//! A visit: what is due at one destination is claimed and sent, message by message, over one
//! connection.

mod claiming;
mod passing;
mod transaction;

use std::collections::VecDeque;
use std::sync::Arc;

use self::claiming::Claimed;
use self::passing::RefusedSender;
use crate::ahead::Ahead;
use crate::answer::Answer;
use crate::delivery::Server;
use crate::envelope::is_binary;
use crate::hand::Hand;
use crate::hosts::Exit;
use crate::policy::{Need, StsPolicy};
use crate::queue::Inner;
use crate::settings::Settings;
use crate::settle::{End, Settling};
use ids::{QueueDaemonId, Timestamp};
use mailauth::Author;
use message::header_fields;
use smtp::client::OutboundContent;
use storage::{ClaimedMessage, ClaimedRecipient, StorageError, spool_destination};

/// How long a destination waits after storage failed.
const PAUSE_SECS: i64 = 30;

/// One visit of a daemon to a destination: it finds hosts, connects, and sends claimed messages one
/// after the other.
pub(crate) struct Visit {
    inner: Arc<Inner>,
    destination: String,
    hosts: Option<Result<Vec<Exit>, Answer>>,
    /// What the domain says of TLS, once it was looked for.
    sts: Option<Option<StsPolicy>>,
    server: Option<Server>,
    /// Whether the destination is a domain of ours, once that is known.
    here: Option<bool>,
    /// It may send a message, where only so many go a minute.
    turn: bool,
    /// The settings by which it was claimed what goes along.
    claimed_by: Option<Arc<Settings>>,
    /// The settings by which the hosts were found, and when they were.
    found: Option<(Arc<Settings>, Timestamp)>,
    /// A sender whose message was refused for now, so that no more of theirs are tried at this
    /// host.
    refused_sender: Option<RefusedSender>,
    /// Since the last claim no sender was refused: the next message is brought, whoever sent it.
    asks_again: bool,
    /// What a host said that took nothing for now; those behind it are tried.
    passed_over: Option<Answer>,
    /// It may take the next message: the hosts are looked for anew then.
    begins_anew: bool,
    hand: Arc<Hand>,
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
            here: None,
            turn: false,
            claimed_by: None,
            found: None,
            refused_sender: None,
            asks_again: false,
            passed_over: None,
            begins_anew: false,
            hand,
        }
    }

    /// Sends until nothing is due there, or it cannot go on.
    pub(crate) async fn run(mut self) {
        let mut is_called = true;
        while let Some(daemon) = self.may_go_on() {
            if !std::mem::take(&mut is_called) && self.is_done() {
                is_called = self.rest().await;
                if is_called {
                    continue;
                }
                break;
            }
            if !self.has_turn().await {
                self.inner.table().note(&self.destination, self.inner.store.now());
                break;
            }
            let Some(use_of) = self.inner.lease.use_of(daemon) else {
                is_called = true;
                continue;
            };
            self.hand.claims_under(use_of);
            self.inner.table().claiming(&self.destination);
            let claimed = match self.claim(daemon).await {
                Ok(claimed) => claimed,
                Err(error) => {
                    tracing::warn!(%error, destination = self.destination, "claiming failed");
                    self.inner.lease.doubt_claim(daemon, &error);
                    let later = self.inner.store.now().plus_secs(PAUSE_SECS);
                    self.inner.table().note(&self.destination, later);
                    break;
                }
            };
            self.learn(claimed.here);
            if claimed.here || claimed.messages.is_empty() {
                self.return_turn();
            }
            self.note_rest(&claimed);
            let goes_on = match claimed.messages.is_empty() {
                true => {
                    // What wakes it is claimed, and no longer due in the table.
                    is_called = self.rest().await;
                    is_called
                }
                false => self.send_all(daemon, claimed).await == Course::On,
            };
            if !goes_on {
                break;
            }
        }
        self.return_turn();
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

    async fn send_all(&mut self, daemon: QueueDaemonId, claimed: Claimed) -> Course {
        let here = claimed.here;
        self.hand.take(daemon, here, &claimed.messages);
        let mut messages = VecDeque::from(claimed.messages);
        let mut ahead = Ahead::default();
        while !messages.is_empty() {
            // Who is not asked for takes nobody's turn.
            let is_refused = messages.front().is_some_and(|next| self.refused(next).is_some());
            if self.may_go_on() != Some(daemon) || !(is_refused || self.has_turn().await) {
                self.give_back(daemon, messages.into()).await;
                return Course::Over;
            }
            if ahead.is_empty() {
                // Its room is given back before more is asked for.
                drop(std::mem::take(&mut ahead));
                ahead = self.inner.read_ahead(messages.make_contiguous()).await;
                // There was room once others had sent theirs, however long that took.
                if self.may_go_on() != Some(daemon) {
                    drop(ahead);
                    self.give_back(daemon, messages.into()).await;
                    return Course::Over;
                }
            }
            let Some(message) = messages.pop_front() else { break };
            self.turn &= is_refused;
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
        let deadline = message.parameters.by;
        if deadline.is_some_and(|by| by.is_over(self.inner.store.now())) {
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
        let Some(signatory) = signatory.filter(|_| message.parameters.sign) else {
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
            let end = End::Unasked(said);
            ends.extend(pending.into_iter().map(|one| (one, end.clone())));
            return (ends, course);
        }
        self.begin_anew();
        if !content.is_text() && !is_binary(&message.parameters) {
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
            if let Err(answer) = self.open_server(settings, need, &pending).await {
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

    /// Takes out whom other settings than those of the claim may send another way: all but those
    /// who are at this destination.
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

    /// A connection on which one of these can be named.
    async fn open_server(
        &mut self,
        settings: Arc<Settings>,
        need: Need,
        pending: &[ClaimedRecipient],
    ) -> Result<(), Answer> {
        // What is known of the hosts and what is demanded of them are of the same settings: the
        // password of a route is for no other host.
        if self.found.as_ref().is_some_and(|(found, _)| !Arc::ptr_eq(found, &settings)) {
            self.forget_hosts();
        }
        match self.server.take() {
            Some(server) if server.suits(need) && server.may_name(pending) => {
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

/// RFC 8689 §4.1: REQUIRETLS counts before the header field. §5: a report is not lost for it.
fn need_of(message: &ClaimedMessage) -> Need {
    let parameters = &message.parameters;
    match (parameters.requiretls, parameters.tls_optional) {
        (true, _) if message.reverse_path.is_empty() => Need::Policy,
        (true, _) => Need::Certainty,
        (false, true) => Need::Arrival,
        (false, false) => Need::Policy,
    }
}
