//! What becomes of a message that was read: its checks, its signature, and its delivery or refusal.

use std::sync::Arc;

use mailauth::dmarc::Policy;
use mailauth::reports::Observation;
use mailauth::{Author, Sender};
use net::MessageResult;
use storage::{Placement, QuotaResource, Reception, StorageError};

use super::authenticity::Judged;
use super::calendar_copy::CalendarCopy;
use super::delivery::{Changed, Delivery, Outcomes};
use super::incoming::Incoming;
use super::origin::origin;
use super::removal::{Origin, is_removed};
use super::trace::note_refusal;
use super::{Flow, Visit, log_refusal};
use crate::error::{CommandError, Refusal};
use crate::header::{HeaderFacts, remove_fields};
use crate::settings::Role;

/// LIMIT: two signatures take some 1,600 bytes; names that are there many times take more.
const SIGNATURES_BYTES: usize = 4096;

impl Visit<'_> {
    /// Judges a message that was read, stores it, and answers.
    pub(super) async fn finish(&mut self, mut incoming: Incoming) -> Flow {
        let id = incoming.id;
        let size_bytes = incoming.content.message_bytes();
        let judged = self.judge(&mut incoming).await;
        let mut reception = None;
        let outcome = match judged {
            Ok(()) => self.take(incoming, &mut reception).await,
            Err(error) => {
                reception = self.describe(&incoming, size_bytes);
                self.tell(incoming.observed, &Err(&error), Policy::Reject, false);
                Err(error)
            }
        };
        self.count(&outcome, size_bytes);
        match outcome {
            Ok(outcomes) if self.server.settings.role == Role::Lmtp => {
                outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).for_each(log_refusal);
                self.session.answer_each(id, &outcomes, &mut self.out);
            }
            // Only LMTP has an answer for each recipient; see `Desk::deliver`.
            Ok(_) => {
                self.session.answer_message(id, &Ok(()), &mut self.out);
            }
            Err(error) => {
                log_refusal(&error);
                note_refusal(&self.server.desk, reception, &error).await;
                let ends_session = error.ends_session();
                self.session.answer_message(id, &Err(error), &mut self.out);
                if ends_session {
                    return Flow::End;
                }
            }
        }
        Flow::Next
    }

    /// Has the content checked of a message that may be stored, and stores it.
    async fn take(
        &mut self,
        mut incoming: Incoming,
        reception: &mut Option<Arc<Reception>>,
    ) -> Result<Outcomes, CommandError> {
        // Before checks see it, which may sign it, and before it is signed here.
        self.shorten_lines(&mut incoming).await?;
        let observed = std::mem::take(&mut incoming.observed);
        let by_policy = incoming.placement;
        let checked = self.check_content(&mut incoming).await;
        let is_refused = matches!(checked, Err(CommandError::Checked(_)));
        let is_spam = is_refused || incoming.placement != by_policy;
        if checked.is_ok() && incoming.readdressed.is_some() {
            // Only now does it go elsewhere, perhaps.
            self.shorten_lines(&mut incoming).await?;
        }
        *reception = self.describe(&incoming, incoming.content.message_bytes());
        let outcome = match checked {
            Ok(()) => self.deliver(incoming, reception.clone()).await,
            Err(error) => Err(error),
        };
        let done = match by_policy {
            Placement::Junk => Policy::Quarantine,
            Placement::Inbox => Policy::None,
        };
        self.tell(observed, &outcome.as_ref().map(drop), done, is_spam);
        outcome
    }

    /// Counts for reports to others what a message was found to be. One that is to come again is
    /// counted then.
    fn tell(
        &self,
        observed: Vec<Observation>,
        outcome: &Result<(), &CommandError>,
        done: Policy,
        is_spam: bool,
    ) {
        let desk = &self.server.desk;
        let (Some(authenticity), false) = (desk.authenticity(), observed.is_empty()) else {
            return;
        };
        if !outcome.is_err_and(|error| error.reply().is_temporary()) {
            authenticity.count(observed, done, is_spam, desk.now());
        }
    }

    /// Counts a message; over LMTP once for each recipient, as it is answered.
    fn count(&self, outcome: &Result<Outcomes, CommandError>, size_bytes: u64) {
        let counts = &self.server.counts;
        let result = |outcome: Result<(), &CommandError>| match outcome {
            Ok(()) => MessageResult::Stored,
            Err(error) if error.reply().is_temporary() => MessageResult::Deferred,
            Err(_) => MessageResult::Refused,
        };
        match outcome {
            Ok(outcomes) if self.server.settings.role == Role::Lmtp => {
                let each = outcomes.iter().map(|outcome| outcome.as_ref().copied());
                each.for_each(|outcome| counts.count_message(result(outcome)));
            }
            Ok(_) => counts.count_message(MessageResult::Stored),
            Err(error) => counts.count_message(result(Err(error))),
        }
        if outcome.is_ok() {
            counts.count_message_bytes(size_bytes);
        }
    }

    /// Says whether the message may be stored; completes a submission.
    async fn judge(&mut self, incoming: &mut Incoming) -> Result<(), CommandError> {
        if let Some(refusal) = incoming.refusal() {
            return Err(refusal.into());
        }
        self.copy_report(incoming).await;
        let settings = &self.server.settings;
        let content = incoming.buffer.bytes.get(incoming.trace_bytes..).unwrap_or_default();
        let facts = HeaderFacts::of(content);
        incoming.tls_optional = facts.tls_optional;
        incoming.message_id = facts.message_id;
        // RFC 5321 §6.3: loops are found by counting Received.
        if facts.received_fields > settings.received_fields_max {
            return Err(Refusal::Loop.into());
        }
        let mut sender = None;
        if let Some(user) = &self.user {
            let origin =
                origin(&self.server.desk, user.account, content, settings.authors_elsewhere)
                    .await?;
            (incoming.signable, sender) = (origin.is_own, origin.sender);
        }
        let submitted = self.user.is_some();
        // Before anything is checked: what is judged and believed is what is stored.
        if facts.is_text {
            incoming.end_header();
        }
        let found = self.check_authenticity(incoming).await?;
        let believed = self.believed_author(incoming);
        let authserv_id = self.server.desk.authserv_id();
        let origin = Origin::from(settings.role);
        remove_fields(&mut incoming.buffer.bytes, incoming.trace_bytes, |field| {
            // RFC 5322 §3.6: there is one Sender at most.
            is_removed(field, origin, authserv_id) || sender.is_some() && field.is("Sender")
        });
        if submitted {
            incoming.complete(facts.has_date, &settings.hostname, sender);
        }
        if let Some(field) = self.peer_field() {
            let at = incoming.trace_bytes;
            incoming.buffer.bytes.splice(at..at, field.into_bytes());
        }
        incoming.verified = submitted;
        // Where nothing is checked here, who brings it has done that: whoever signed in, what is in
        // front of us, a network that the operator trusts.
        incoming.is_believed = match &found {
            Some(judged) => judged.verified,
            None => !self.is_in_our_name().await?,
        };
        if incoming.signable {
            let content = incoming.buffer.bytes.get(incoming.trace_bytes..).unwrap_or_default();
            incoming.author = mailauth::author_domain(content);
        }
        if !submitted && found.is_none() {
            incoming.author = believed;
        }
        if let Some(Judged { field, placement, verified, author }) = found {
            (incoming.placement, incoming.verified) = (placement, verified);
            incoming.author = author;
            incoming.put_above_trace(&field).await?;
        }
        Ok(())
    }

    /// Whether a stranger names a sender of ours, where nobody looks whether that is true. Who
    /// sends in our name signs in (R-ADDR-5).
    async fn is_in_our_name(&mut self) -> Result<bool, CommandError> {
        let desk = &self.server.desk;
        let is_unchecked = self.server.settings.role == Role::Mx && desk.authenticity().is_none();
        let envelope = self.session.envelope();
        let sender = envelope.and_then(|envelope| envelope.reverse_path.mailbox()).cloned();
        match sender {
            Some(sender) if is_unchecked && self.user.is_none() => desk.is_ours(sender).await,
            _ => Ok(false),
        }
    }

    /// Signs a submission in its final form (RFC 6376 §5).
    async fn sign(&mut self, incoming: &mut Incoming) -> Result<(), Refusal> {
        let Some(signatory) = self.server.desk.signatory() else { return Ok(()) };
        incoming.buffer.reserve(SIGNATURES_BYTES).await?;
        let bytes = std::mem::take(&mut incoming.buffer.bytes);
        let start = incoming.trace_bytes;
        let signed = signatory.sign(bytes, start, Author::Account).await;
        incoming.buffer.bytes = signed.map_err(|_| Refusal::Lost)?;
        Ok(())
    }

    /// Finds out whether a message from another server is what it says it is.
    async fn check_authenticity(
        &mut self,
        incoming: &mut Incoming,
    ) -> Result<Option<Judged>, CommandError> {
        let Some(authenticity) = self.server.desk.authenticity() else { return Ok(None) };
        let peer = self.connection.peer().ip();
        let (Role::Mx, Some(envelope)) = (self.server.settings.role, self.session.envelope())
        else {
            return Ok(None);
        };
        if !authenticity.concerns(peer) {
            return Ok(None);
        }
        let sender = Sender {
            ip: peer,
            helo: self.session.client().map_or("", |client| client.as_str()),
            mail_from: envelope.reverse_path.mailbox().map(|path| (path.local(), path.domain())),
        };
        let bytes = std::mem::take(&mut incoming.buffer.bytes);
        let now = self.server.desk.now();
        let checked = authenticity.check(bytes, incoming.trace_bytes, sender, now).await;
        (incoming.buffer.bytes, incoming.observed) = (checked.bytes, checked.observed);
        Ok(Some(checked.judged?))
    }

    /// Who the author of a message is, where a server of one's own brings it that checked it. As it
    /// came: fields with our name are still there, which such a server may share.
    fn believed_author(&self, incoming: &Incoming) -> Option<String> {
        let authenticity = self.server.desk.authenticity()?;
        let is_checked = match self.server.settings.role {
            Role::Lmtp => true,
            Role::Mx => authenticity.is_own(self.connection.peer().ip()),
            Role::Submission => false,
        };
        let message = incoming.buffer.bytes.get(incoming.trace_bytes..)?;
        is_checked.then(|| authenticity.believed_author(message))?
    }

    /// R-ADDR-11: people of ours are told the limit, strangers that there is one.
    fn with_limit(&self, error: CommandError) -> CommandError {
        match error {
            CommandError::Storage(StorageError::OverQuota {
                resource: QuotaResource::Bytes,
                limit,
                ..
            }) if self.user.is_some() => Refusal::MailboxFull(Some(limit)).into(),
            other => other,
        }
    }

    async fn deliver(
        &mut self,
        mut incoming: Incoming,
        reception: Option<Arc<Reception>>,
    ) -> Result<Outcomes, CommandError> {
        if incoming.signable {
            self.sign(&mut incoming).await?;
        }
        // The buffer gives its part of the budget back when this returns.
        let bytes = std::mem::take(&mut incoming.buffer.bytes);
        let Some(given) = self.session.envelope() else { return Ok(Vec::new()) };
        let mut targets = std::mem::take(&mut self.targets);
        let mut readdressed = incoming.readdressed.take();
        let named = targets.len();
        let mut changed = Changed { named, added_from: named, removed: 0 };
        if let Some(new) = &mut readdressed {
            targets = std::mem::take(&mut new.targets);
            (changed.added_from, changed.removed) = (new.added_from, new.removed.len());
        }
        let envelope = readdressed.as_ref().map_or(given, |new| &new.envelope);
        let (size_bytes, recipients) = (bytes.len(), targets.len());
        // What was put aside is not believed.
        let report = incoming.report.take().filter(|_| incoming.placement == Placement::Inbox);
        let calendar = CalendarCopy::of(&incoming, &bytes, &targets);
        let delivery = Delivery {
            id: incoming.id,
            bytes,
            return_path_bytes: incoming.return_path_bytes,
            envelope,
            targets,
            placement: incoming.placement,
            author: incoming.author.clone(),
            eight_bit: incoming.eight_bit || incoming.content.is_eight_bit(),
            tls_optional: incoming.tls_optional,
            verified: incoming.verified,
            is_believed: incoming.is_believed,
            submitter: self.user.as_ref().map(|user| user.account),
            role: self.server.settings.role,
            reception,
            changed,
        };
        let delivered = self.server.desk.deliver(delivery).await;
        let delivered = delivered.map_err(|error| self.with_limit(error))?;
        if let Some(user) = &self.user {
            self.server.desk.note_sent(user.account);
        }
        if let Some(calendar) = calendar {
            calendar.give(&self.server.desk, &delivered).await;
        }
        if let (Some(inbox), Some(copy)) = (self.server.desk.report_inbox(), report) {
            inbox.give(copy.bytes);
        }
        let id = format_args!("{:016x}", incoming.id);
        tracing::info!(message = %id, size_bytes, recipients, "message stored");
        Ok(match readdressed {
            Some(new) => new.answers(delivered.outcomes),
            None => delivered.outcomes,
        })
    }
}
