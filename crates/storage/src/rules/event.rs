//! What happens in mailboxes and starts scripts (RFC 6785).
//!
//! An event is noted in the transaction of what happened, where a script is named for it, and
//! taken up later, so that no command waits for a script or fails with it. Each message is taken
//! out of the event in the transaction that does what the script says: once, whoever runs it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use ids::{AccountId, CollectionId, ContentId, DomainId, Timestamp, Uid, UidSet};
use message::flag::Flags;
use tokio::sync::Notify;

use super::{DeliveryPlan, ScriptName};
use crate::message_store::{FlagColumns, Sweeps};
use crate::sql::Value;
use crate::{
    AccountTx, FlagChange, MetadataEntry, MetadataScope, PreparedMessage, ReadTx, Result,
    StorageError, WriteTx,
};

/// RFC 6785 §2.3.1: the annotation that names the script, below `/shared`.
const SCRIPT_ENTRY: &str = "/imapsieve/script";

/// LIMIT: events of an account that wait; one is a command, about very many messages a few.
const EVENTS_MAX: i64 = 10_000;

/// LIMIT: ranges of UIDs in the row of an event, which is written anew for each of its messages.
const EVENT_RANGES_MAX: usize = 1_000;

/// What happened (RFC 6785 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventCause {
    /// Messages were appended.
    Append,
    /// Messages were copied or moved here.
    Copy,
    /// Flags of messages were changed.
    Flag,
}

/// The row of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventId(i64);

/// Something that happened to messages of one mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxEvent {
    /// The id of the event.
    pub id: EventId,
    /// The account that owns the mailbox.
    pub account: AccountId,
    /// The account that caused the event.
    pub actor: AccountId,
    /// The mailbox in which it happened.
    pub mailbox: CollectionId,
    /// The kind of event (RFC 6785).
    pub cause: EventCause,
    /// Names of the flags that changed, blanks between them.
    pub changed: String,
    /// The messages for which no script ran yet.
    pub uids: UidSet,
    /// When it happened.
    pub at: Timestamp,
}

/// The script for an event, and what it may ask about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventScript {
    /// The name of the script.
    pub name: ScriptName,
    /// The text of the script.
    pub text: Vec<u8>,
    /// The name of the mailbox.
    pub mailbox: String,
    /// The address of who did it; empty where that account is gone.
    pub actor: String,
}

/// What a script makes of one message that something happened to.
pub struct EventOutcome {
    /// The message that the script runs on.
    pub message: Arc<PreparedMessage>,
    /// Where copies of it are filed, and what is sent.
    pub plan: DeliveryPlan,
    /// What becomes of the flags of the message itself.
    pub original: Vec<FlagChange>,
}

/// How the daemon hears that events wait: a hint in memory, made complete by looking.
#[derive(Debug, Default)]
pub struct EventNotices {
    waiting: Mutex<BTreeSet<AccountId>>,
    signal: Notify,
}

impl EventNotices {
    pub(crate) fn note(&self, accounts: &BTreeSet<AccountId>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(accounts);
        drop(waiting);
        self.signal.notify_one();
    }

    /// Waits until something happened.
    pub async fn wait(&self) {
        self.signal.notified().await;
    }

    /// In whose mailboxes something happened since the last call.
    pub fn take(&self) -> BTreeSet<AccountId> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl EventCause {
    const fn column(self) -> i64 {
        match self {
            Self::Append => 1,
            Self::Copy => 2,
            Self::Flag => 3,
        }
    }

    fn from_column(column: i64) -> Result<Self> {
        match column {
            1 => Ok(Self::Append),
            2 => Ok(Self::Copy),
            3 => Ok(Self::Flag),
            _ => Err(StorageError::Corrupt("an event without a cause".to_owned())),
        }
    }
}

/// Whether an annotation names the script of events.
pub(crate) fn names_event_script(entry: &MetadataEntry) -> bool {
    entry.scope == MetadataScope::Shared && entry.name == SCRIPT_ENTRY
}

impl ReadTx<'_> {
    /// Accounts in whose mailboxes something happened that no script ran for.
    pub fn accounts_with_events(&mut self, limit: u32) -> Result<Vec<AccountId>> {
        self.sql.query_all(
            "SELECT DISTINCT account_id FROM mailbox_event ORDER BY account_id LIMIT ?1",
            &[Value::Int(limit.into())],
            |row| Ok(AccountId::new(row.int(0)?)),
        )
    }

    /// The first event of an account.
    pub fn next_event(&mut self, account: AccountId) -> Result<Option<MailboxEvent>> {
        self.sql.query_one(
            "SELECT id, actor_id, mailbox_id, cause, flags, uids, happened FROM mailbox_event \
             WHERE account_id = ?1 ORDER BY id LIMIT 1",
            &[Value::Int(account.get())],
            |row| {
                Ok(MailboxEvent {
                    id: EventId(row.int(0)?),
                    account,
                    actor: AccountId::new(row.int(1)?),
                    mailbox: CollectionId::new(row.int(2)?),
                    cause: EventCause::from_column(row.int(3)?)?,
                    changed: row.text(4)?.to_owned(),
                    uids: decoded(row.bytes(5)?)?,
                    at: Timestamp::from_micros(row.int(6)?),
                })
            },
        )
    }

    /// The script for what happens in a mailbox of an account. RFC 6785 §2.3.1: that of the
    /// mailbox, else that of the server; none where the one that is chosen is empty, or names no
    /// script of the account.
    fn find_event_script(
        &mut self,
        account: AccountId,
        mailbox: CollectionId,
    ) -> Result<Option<(ScriptName, Vec<u8>)>> {
        let value = self.sql.query_one(
            "SELECT value, 0 FROM metadata WHERE mailbox_id = ?1 AND scope = 0 AND entry = ?3 \
             UNION ALL SELECT d.value, 1 FROM metadata d JOIN account a ON a.id = ?2 \
             WHERE d.mailbox_id = 0 AND d.scope = -a.domain_id AND d.entry = ?3 \
             ORDER BY 2 LIMIT 1",
            &[Value::Int(mailbox.get()), Value::Int(account.get()), Value::Text(SCRIPT_ENTRY)],
            |row| Ok(row.bytes(0)?.to_vec()),
        )?;
        let name = value.as_deref().and_then(|value| std::str::from_utf8(value).ok());
        let Some(Ok(name)) = name.map(ScriptName::parse) else { return Ok(None) };
        let text = self.find_script(account, &name)?;
        Ok(text.map(|text| (name, text)))
    }

    /// The script to run for an event.
    pub fn load_event_script(&mut self, event: &MailboxEvent) -> Result<Option<EventScript>> {
        let found = self.find_event_script(event.account, event.mailbox)?;
        let Some((name, text)) = found else { return Ok(None) };
        let mailbox = self.load_mailbox(event.mailbox)?.name.as_str().to_owned();
        let actor = match self.load_account(event.actor) {
            Ok(actor) => actor.address,
            Err(StorageError::NotFound(_)) => String::new(),
            Err(error) => return Err(error),
        };
        Ok(Some(EventScript { name, text, mailbox, actor }))
    }

    /// What a message says, its size, and its flags; `None` where there is no such message.
    pub fn find_message(
        &mut self,
        mailbox: CollectionId,
        uid: Uid,
    ) -> Result<Option<(ContentId, u64, Flags)>> {
        let Some(mailbox) = self.load_mailboxes(&[mailbox])?.into_iter().next() else {
            return Ok(None);
        };
        let sweeps = Sweeps::of(&mut *self.sql, &mailbox)?;
        self.sql.query_one(
            "SELECT content_id, size_bytes, flags, keywords, modseq FROM message \
             WHERE mailbox_id = ?1 AND uid = ?2",
            &[Value::Int(mailbox.id.get()), Value::Int(uid.get().into())],
            |row| {
                let columns = FlagColumns {
                    system: row.int(2)?,
                    keywords: row.text(3)?,
                    modseq: row.int(4)?,
                };
                let now = sweeps.resolve(uid.get().into(), columns);
                let flags = crate::message_store::decode_flags(now.system, now.keywords)?;
                Ok((ContentId::new(row.int(0)?), row.int(1)?.cast_unsigned(), flags))
            },
        )
    }
}

impl WriteTx<'_> {
    /// Computes anew whether any mailbox of these accounts has a script for what happens in it:
    /// of one, or of all accounts of a domain.
    pub(crate) fn touch_event_scripts(
        &mut self,
        account: Option<AccountId>,
        domain: Option<DomainId>,
    ) -> Result<()> {
        let id = |id: Option<i64>| Value::Int(id.unwrap_or(0));
        self.sql.execute(
            "UPDATE account SET has_event_scripts = CASE WHEN EXISTS ( \
             SELECT 1 FROM metadata m JOIN mailbox b ON b.id = m.mailbox_id \
             WHERE b.account_id = account.id AND m.scope = 0 AND m.entry = ?3) \
             OR EXISTS (SELECT 1 FROM metadata d WHERE d.mailbox_id = 0 \
             AND d.scope = -account.domain_id AND d.entry = ?3) THEN 1 ELSE 0 END \
             WHERE id = ?1 OR domain_id = ?2",
            &[
                id(account.map(AccountId::get)),
                id(domain.map(DomainId::get)),
                Value::Text(SCRIPT_ENTRY),
            ],
        )?;
        Ok(())
    }
}

impl AccountTx<'_, '_> {
    /// Whether a script is named for what happens in a mailbox.
    pub(crate) fn has_event_script(&mut self, mailbox: CollectionId) -> Result<bool> {
        let account = self.account;
        Ok(self.usage.has_event_scripts && self.find_event_script(account, mailbox)?.is_some())
    }

    /// Notes something that happened to messages of a mailbox, if a script is named for it.
    pub(crate) fn note_event(
        &mut self,
        mailbox: CollectionId,
        cause: EventCause,
        uids: &UidSet,
        changed: &str,
    ) -> Result<()> {
        if !uids.is_empty() && self.has_event_script(mailbox)? {
            self.insert_events(mailbox, cause, uids, changed)?;
        }
        Ok(())
    }

    /// Notes what a script is named for; whether there was room for all of it.
    pub(crate) fn insert_events(
        &mut self,
        mailbox: CollectionId,
        cause: EventCause,
        uids: &UidSet,
        changed: &str,
    ) -> Result<bool> {
        let account = self.account;
        self.events.insert(account);
        let ranges: Vec<_> = uids.ranges().collect();
        for ranges in ranges.chunks(EVENT_RANGES_MAX) {
            let mut uids = UidSet::new();
            ranges.iter().for_each(|range| uids.insert_range(*range.start(), *range.end()));
            if !self.insert_event(mailbox, cause, &uids, changed)? {
                tracing::warn!(%account, "too many events wait for scripts: no script runs for one");
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether there was room for it.
    fn insert_event(
        &mut self,
        mailbox: CollectionId,
        cause: EventCause,
        uids: &UidSet,
        changed: &str,
    ) -> Result<bool> {
        let (account, actor, now) = (self.account, self.actor, self.now);
        let noted = self.sql.execute(
            "INSERT INTO mailbox_event \
             (account_id, mailbox_id, actor_id, cause, flags, uids, happened) \
             SELECT CAST(?1 AS BIGINT), CAST(?2 AS BIGINT), CAST(?3 AS BIGINT), \
             CAST(?4 AS BIGINT), ?5, ?6, CAST(?7 AS BIGINT) \
             WHERE (SELECT COUNT(*) FROM mailbox_event WHERE account_id = ?1) < ?8",
            &[
                Value::Int(account.get()),
                Value::Int(mailbox.get()),
                Value::Int(actor.get()),
                Value::Int(cause.column()),
                Value::Text(changed),
                Value::Bytes(&uids.encode()),
                Value::Int(now.as_micros()),
                Value::Int(EVENTS_MAX),
            ],
        )?;
        Ok(noted > 0)
    }

    /// Takes the messages of an event up to a UID out of it, and does with the last of them what
    /// a script says. Whether they were still in it: else another daemon was faster.
    pub fn settle_event(
        &mut self,
        event: &MailboxEvent,
        up_to: Uid,
        outcome: Option<&EventOutcome>,
    ) -> Result<bool> {
        if !self.take_event(event.id, up_to)? {
            return Ok(false);
        }
        let Some(outcome) = outcome else { return Ok(true) };
        if self.find_content(event.mailbox, up_to)?.is_none() {
            // It went while the script ran.
            return Ok(true);
        }
        // RFC 6785 §3.3: what is filed is a copy. RFC 5228 §2.10.6: where one cannot be made the
        // script has failed, and the message stays as it is.
        let complete = self.copy_planned(&outcome.message, &outcome.plan)?;
        for change in outcome.original.iter().filter(|_| complete) {
            let uids = UidSet::from_iter([up_to]);
            self.change_flags_quietly(event.mailbox, &uids, change.clone())?;
        }
        Ok(true)
    }

    fn take_event(&mut self, event: EventId, up_to: Uid) -> Result<bool> {
        let account = self.account;
        let key = [Value::Int(account.get()), Value::Int(event.0)];
        let left = self.sql.query_one(
            "SELECT uids FROM mailbox_event WHERE account_id = ?1 AND id = ?2",
            &key,
            |row| decoded(row.bytes(0)?),
        )?;
        let Some(left) = left else { return Ok(false) };
        let mut rest = UidSet::new();
        let mut taken = false;
        for range in left.ranges() {
            taken |= *range.start() <= up_to;
            let first = match up_to.get().checked_add(1) {
                Some(next) => (*range.start()).max(Uid::new(next)),
                None => break,
            };
            if first <= *range.end() {
                rest.insert_range(first, *range.end());
            }
        }
        let [account, event] = key;
        match (taken, rest.is_empty()) {
            (false, _) => {}
            (true, true) => {
                self.sql.execute(
                    "DELETE FROM mailbox_event WHERE account_id = ?1 AND id = ?2",
                    &[account, event],
                )?;
            }
            (true, false) => {
                self.sql.execute(
                    "UPDATE mailbox_event SET uids = ?3 WHERE account_id = ?1 AND id = ?2",
                    &[account, event, Value::Bytes(&rest.encode())],
                )?;
            }
        }
        Ok(taken)
    }
}

fn decoded(bytes: &[u8]) -> Result<UidSet> {
    UidSet::decode(bytes).ok_or_else(|| StorageError::Corrupt("the UIDs of an event".to_owned()))
}

#[cfg(test)]
mod tests;
