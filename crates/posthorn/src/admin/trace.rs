//! What happened to messages, from their reception to their end.

use std::collections::{BTreeSet, HashMap};

use ids::{CollectionId, SpoolId, Timestamp};
use storage::{
    Disposition, Placement, ReceptionCursor, ReceptionRow, SpoolFilter, StorageError, TraceRow,
};

use super::access_key::instant;
use super::text::refusal;
use super::{Admin, QueueTraceCame, QueueTraceRow, Refusal, Response};

/// LIMIT: events that a search shows.
const EVENTS: usize = 1000;
/// LIMIT: messages of the queue whose events a search shows with their reception.
const SPOOLED: usize = 200;

/// The receptions that match, and events of the queue.
#[derive(Default)]
struct Found {
    receptions: Vec<ReceptionRow>,
    spooled: Vec<TraceRow>,
}

/// Mailboxes by id: how each is called, and the address of its account.
type Names = HashMap<CollectionId, (String, String)>;

impl Admin {
    /// What happened to one message, by its number, or to those of a Message-ID, or from or to an
    /// address, within the last `days`.
    pub(super) async fn trace_queue(
        &self,
        of: &str,
        days: Option<u32>,
    ) -> Result<Response, Refusal> {
        let found = match (message_number(of), of.parse()) {
            (Some(message), _) => self.trace_message(message).await,
            (None, Ok(spool)) => self.trace_spooled(SpoolId::new(spool)).await,
            (None, Err(_)) => self.trace_text(of, days).await,
        };
        let found = found.map_err(|error| refusal(of, error))?;
        let names = self.mailbox_names(&found.receptions).await;
        let names = names.map_err(|error| refusal(of, error))?;
        Ok(Response::QueueTrace(events(found, &names)))
    }

    /// Looks for a message by the number in the reply that accepted it.
    async fn trace_message(&self, message: u64) -> storage::Result<Found> {
        let reception = self.read(move |tx| tx.reception(message)).await?;
        let receptions: Vec<_> = reception.into_iter().collect();
        let spooled = self.traces_of(&receptions, &BTreeSet::new()).await?;
        Ok(Found { receptions, spooled })
    }

    /// Looks for a message by its number in the queue.
    async fn trace_spooled(&self, spool: SpoolId) -> storage::Result<Found> {
        self.read(move |tx| {
            let spooled = tx.spool_trace(spool)?;
            let accepted = match spooled.first() {
                Some(first) => Some(first.accepted),
                None => {
                    let filter = SpoolFilter { id: Some(spool), ..SpoolFilter::default() };
                    let waiting = tx.list_spooled(&filter, SpoolId::new(0), 1)?;
                    waiting.first().map(|row| row.created)
                }
            };
            let reception = match accepted {
                Some(accepted) => tx.reception_of_spooled(spool, accepted)?,
                None => None,
            };
            Ok(Found { receptions: reception.into_iter().collect(), spooled })
        })
        .await
    }

    /// Looks for the latest messages with this Message-ID or address.
    async fn trace_text(&self, of: &str, days: Option<u32>) -> storage::Result<Found> {
        let wanted = of.trim_start_matches('<').trim_end_matches('>').to_owned();
        let days = days.map(|days| self.store.now().plus_secs(-i64::from(days) * 24 * 60 * 60));
        let since = days.unwrap_or(Timestamp::from_micros(0));
        let address = wanted.clone();
        let mut spooled = self.read(move |tx| tx.find_spool_traces(&address, EVENTS)).await?;
        spooled.retain(|row| row.at >= since);
        let mut receptions = Vec::new();
        let mut cursor = Some(ReceptionCursor::NEWEST);
        // Each step is a snapshot of its own, so that a long search keeps no old state alive.
        while let Some(at) = cursor.filter(|_| receptions.len() < EVENTS) {
            let text = wanted.clone();
            let slice = self.read(move |tx| tx.find_receptions(&text, since, at)).await?;
            receptions.extend(slice.rows.into_iter().map(|row| narrowed(row, &wanted)));
            cursor = slice.next;
        }
        let known = spooled.iter().map(|row| row.spool).collect();
        spooled.extend(self.traces_of(&receptions, &known).await?);
        Ok(Found { receptions, spooled })
    }

    /// What became of what these put into the queue, but for what is known.
    async fn traces_of(
        &self,
        receptions: &[ReceptionRow],
        known: &BTreeSet<SpoolId>,
    ) -> storage::Result<Vec<TraceRow>> {
        let spooled = receptions.iter().flat_map(ReceptionRow::spooled);
        let spooled: BTreeSet<SpoolId> =
            spooled.filter(|spool| !known.contains(spool)).take(SPOOLED).collect();
        self.read(move |tx| {
            let mut rows = Vec::new();
            for spool in spooled {
                rows.extend(tx.spool_trace(spool)?);
            }
            Ok(rows)
        })
        .await
    }

    /// How the mailboxes are called in which messages were stored; those that are gone are not.
    async fn mailbox_names(&self, receptions: &[ReceptionRow]) -> storage::Result<Names> {
        let dispositions = receptions.iter().flat_map(|row| row.dispositions.iter().flatten());
        let mailboxes: BTreeSet<CollectionId> = dispositions
            .filter_map(|one| match one {
                Disposition::Stored { mailbox, .. } => Some(*mailbox),
                _ => None,
            })
            .collect();
        self.read(move |tx| {
            let mut names = Names::new();
            for mailbox in mailboxes {
                let found = match tx.load_mailbox(mailbox) {
                    Err(StorageError::NotFound(_)) => continue,
                    found => found?,
                };
                let account = tx.load_account(found.account)?;
                let name = found.name.as_str().to_owned();
                names.insert(mailbox, (name, account.address.to_string()));
            }
            Ok(names)
        })
        .await
    }
}

/// The number of a message as replies have it: sixteen hexadecimal digits.
fn message_number(text: &str) -> Option<u64> {
    let is_number = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_number.then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

/// The reception as the search for address `wanted` shows it. Where `wanted` is one of the
/// recipients and not the sender, the other recipients and what became of them are left out.
fn narrowed(mut row: ReceptionRow, wanted: &str) -> ReceptionRow {
    let is_wanted = |path: &str| path.eq_ignore_ascii_case(wanted);
    let reception = &mut row.reception;
    if reception.forward_paths.iter().any(|path| is_wanted(path))
        && !is_wanted(&reception.reverse_path)
    {
        let mut paths = reception.forward_paths.iter();
        row.dispositions.retain(|_| paths.next().is_some_and(|path| is_wanted(path)));
        reception.forward_paths.retain(|path| is_wanted(path));
    }
    row
}

/// Everything in the order in which it happened.
fn events(found: Found, names: &Names) -> Vec<QueueTraceRow> {
    let mut rows: Vec<(Timestamp, QueueTraceRow)> = Vec::new();
    for reception in &found.receptions {
        rows.extend(received(reception, names).map(|row| (reception.at, row)));
    }
    // What happened to one message at one instant stands as it was written.
    let mut spooled = found.spooled;
    spooled.sort_by_key(|row| row.at);
    rows.extend(spooled.into_iter().map(|row| (row.at, spooled_event(row))));
    rows.sort_by_key(|(at, _)| *at);
    let too_many = rows.len().saturating_sub(EVENTS);
    rows.drain(..too_many);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn spooled_event(row: TraceRow) -> QueueTraceRow {
    QueueTraceRow {
        id: Some(row.spool.get()),
        came: None,
        at: instant(row.at),
        accepted: instant(row.accepted),
        event: row.event.as_str().to_owned(),
        sender: row.reverse_path,
        recipient: row.forward_path,
        answer: row.answer,
    }
}

/// One event for each thing that became of a message for each recipient.
fn received(row: &ReceptionRow, names: &Names) -> impl Iterator<Item = QueueTraceRow> {
    let reception = &row.reception;
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let came = QueueTraceCame {
        message: format!("{:016x}", reception.message),
        protocol: reception.protocol.clone(),
        peer: reception.peer.clone(),
        user: some(&reception.user),
        message_id: some(&reception.message_id),
        size_bytes: reception.size_bytes,
        quarantined: reception.placement == Placement::Junk,
    };
    let by_recipient = reception.forward_paths.iter().zip(&row.dispositions);
    by_recipient.flat_map(move |(path, dispositions)| {
        let came = came.clone();
        dispositions.iter().map(move |disposition| QueueTraceRow {
            id: disposition.spool().map(SpoolId::get),
            came: Some(came.clone()),
            at: instant(row.at),
            accepted: instant(row.at),
            event: disposition.as_str().to_owned(),
            sender: reception.reverse_path.clone(),
            recipient: path.clone(),
            answer: answer(disposition, path, names),
        })
    })
}

fn answer(disposition: &Disposition, path: &str, names: &Names) -> String {
    match disposition {
        Disposition::Stored { mailbox, uid } => match names.get(mailbox) {
            Some((name, account)) if account.eq_ignore_ascii_case(path) => {
                format!("in {name}, UID {uid}")
            }
            Some((name, account)) => format!("in {name} of {account}, UID {uid}"),
            None => format!("in a mailbox that is gone, UID {uid}"),
        },
        Disposition::Refused(reply) => reply.clone(),
        Disposition::Discarded => String::new(),
        Disposition::Queued(spool)
        | Disposition::Posted(spool)
        | Disposition::SentOn(spool)
        | Disposition::Answered(spool) => format!("in the queue as {spool}"),
    }
}
