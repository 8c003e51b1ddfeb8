//! The queue of outgoing mail: listed, held, released, retried, removed.

use std::collections::BTreeMap;

use ids::{SpoolId, Timestamp};
use message::address::normal_domain;
use queue::{DestinationState, Queue};
use storage::{SpoolChange, SpoolFilter, SpoolRow, Urgency};

use super::access_key::instant;
use super::text::refusal;
use super::{
    Admin, QueueChange, QueueDestinationRow, QueueFilter, QueueRecipientRow, QueueRow, QueueTotals,
    Refusal, Response,
};

/// LIMIT: messages that one transaction changes.
const SLICE: usize = 200;
/// LIMIT: destinations of which what waits is read; the queue knows as many.
const DESTINATIONS: usize = 100_000;

impl Admin {
    /// What waits, in the order in which it was accepted.
    pub(super) async fn list_queue(
        &self,
        filter: QueueFilter,
        limit: usize,
    ) -> Result<Response, Refusal> {
        let now = self.store.now();
        let filter = spool_filter(filter, now)?;
        let rows = self
            .read(move |tx| tx.list_spooled(&filter, SpoolId::new(0), limit))
            .await
            .map_err(|error| refusal("queue", error))?;
        let queue = self.queue.get();
        let mut rows: Vec<QueueRow> = rows.into_iter().map(|found| row(found, now)).collect();
        let recipients = rows.iter_mut().flat_map(|row| &mut row.recipients);
        for recipient in recipients.filter(|recipient| recipient.state == "waiting") {
            recipient.domain_answer = queue.and_then(|queue| queue.answer_of(&recipient.domain));
        }
        Ok(Response::Queue(rows))
    }

    /// How much waits.
    pub(super) async fn queue_totals(&self) -> Result<Response, Refusal> {
        let now = self.store.now();
        let totals = self
            .store
            .read_through(move |tx| tx.spool_totals(now))
            .await
            .map_err(|error| refusal("queue", error))?;
        Ok(Response::QueueTotals(QueueTotals {
            messages: totals.messages,
            fresh: totals.fresh,
            scheduled: totals.scheduled,
            deferred: totals.deferred,
            active: totals.owned,
            held: totals.held,
            oldest: totals.oldest.map(instant),
        }))
    }

    /// What waits for each destination, most first, and what holds it up.
    pub(super) async fn queue_destinations(&self, limit: usize) -> Result<Response, Refusal> {
        let backlog = self
            .read(|tx| tx.spool_backlog(DESTINATIONS))
            .await
            .map_err(|error| refusal("queue", error))?;
        let now = self.store.now();
        let mut rows: BTreeMap<String, QueueDestinationRow> = BTreeMap::new();
        for one in backlog {
            let row = destination_row(&mut rows, &one.destination);
            // The beginning of time stands for "now".
            let due = if one.due.as_micros() == 0 { now } else { one.due };
            (row.waiting, row.due) = (one.recipients, Some(instant(due)));
        }
        for state in self.queue.get().map(Queue::destinations).unwrap_or_default() {
            fill_in(destination_row(&mut rows, &state.destination), &state);
        }
        let mut rows: Vec<_> = rows.into_values().collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.waiting));
        rows.truncate(limit);
        Ok(Response::QueueDestinations(rows))
    }

    /// Holds, releases, hurries or removes what the filter means.
    pub(super) async fn change_queue(
        &self,
        change: QueueChange,
        filter: QueueFilter,
    ) -> Result<Response, Refusal> {
        let filter = spool_filter(filter, self.store.now())?;
        let change = match change {
            QueueChange::Hold => SpoolChange::Hold,
            QueueChange::Release => SpoolChange::Release,
            QueueChange::Retry => SpoolChange::Retry,
            QueueChange::Remove => SpoolChange::Remove,
        };
        let (mut changed, mut after) = (0, SpoolId::new(0));
        loop {
            let slice = filter.clone();
            let (count, last) = self
                .write("queue change", move |tx| tx.change_spooled(change, &slice, after, SLICE))
                .await
                .map_err(|error| refusal("queue", error))?;
            changed += count;
            match (last, filter.id) {
                (Some(last), _) => after = last,
                (None, Some(id)) if after.get() == 0 => {
                    return Err(Refusal(format!("{}: no such message waits", id.get())));
                }
                (None, _) => return Ok(Response::QueueChanged(changed)),
            }
        }
    }
}

fn destination_row<'a>(
    rows: &'a mut BTreeMap<String, QueueDestinationRow>,
    destination: &str,
) -> &'a mut QueueDestinationRow {
    rows.entry(destination.to_owned()).or_insert_with(|| QueueDestinationRow {
        destination: destination.to_owned(),
        waiting: 0,
        due: None,
        connections: None,
        resting: None,
        connections_allowed: None,
        failures: None,
        left_alone_until: None,
        answer: None,
        messages_per_minute: None,
        next_message: None,
        limit: None,
    })
}

/// Fills in what the running queue knows of a destination.
fn fill_in(row: &mut QueueDestinationRow, state: &DestinationState) {
    row.connections = Some(state.connections as u64);
    row.resting = Some(state.resting as u64);
    row.connections_allowed = Some(state.allowed as u64);
    row.failures = Some(state.failures.into());
    row.left_alone_until = state.blocked_until.map(instant);
    row.answer.clone_from(&state.answer);
    row.messages_per_minute = state.per_minute;
    row.next_message = state.paced_until.map(instant);
    let limit = match state {
        DestinationState { blocked_until: Some(_), .. } => Some("back-off"),
        DestinationState { paced_until: Some(_), .. } => Some("rate"),
        DestinationState { is_full: true, .. } => Some("connections"),
        DestinationState { .. } => None,
    };
    row.limit = limit.map(str::to_owned);
}

fn spool_filter(filter: QueueFilter, now: Timestamp) -> Result<SpoolFilter, Refusal> {
    let id = filter.id.map(|id| id.parse().map(SpoolId::new).map_err(|_| id));
    let id = id.transpose().map_err(|id| Refusal(format!("{id}: no number of a message")))?;
    Ok(SpoolFilter {
        id,
        reverse_path: filter.sender,
        forward_path: filter.recipient,
        destination: filter.domain.map(|domain| normal_domain(&domain)),
        held: filter.held,
        begins_after: filter.scheduled.then_some(now),
    })
}

fn row(row: SpoolRow, now: Timestamp) -> QueueRow {
    let scheduled = row.begins.is_some_and(|begins| begins > now);
    let urgency = row.recipients.first().map(|one| one.urgency).unwrap_or_default();
    QueueRow {
        id: row.id.get(),
        sender: row.reverse_path,
        accepted: instant(row.created),
        scheduled: row.begins.map(instant),
        deadline: row.deadline.map(instant),
        urgency: match urgency {
            Urgency::Urgent => "urgent",
            Urgency::Normal => "normal",
            Urgency::Bulk => "bulk",
        }
        .to_owned(),
        size_bytes: row.size_bytes,
        recipients: row
            .recipients
            .into_iter()
            .map(|recipient| QueueRecipientRow {
                state: match (
                    recipient.held,
                    recipient.owned,
                    recipient.attempts > 0 || !recipient.answer.is_empty(),
                ) {
                    (true, ..) => "held",
                    (_, true, _) => "active",
                    (.., false) if scheduled => "scheduled",
                    (.., false) => "waiting",
                    _ => "deferred",
                }
                .to_owned(),
                recipient: recipient.forward_path,
                domain: recipient.destination,
                attempts: recipient.attempts,
                // The beginning of time stands for "now".
                next_attempt: instant(recipient.due.max(row.created)),
                last_attempt: recipient.attempted.map(instant),
                answer: recipient.answer,
                domain_answer: None,
            })
            .collect(),
    }
}
