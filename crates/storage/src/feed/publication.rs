//! What a transaction did, as the feed is told it or reads it.

use std::collections::{BTreeMap, BTreeSet};

use ids::{AccountId, CollectionId, ModSeq, Timestamp};

use crate::sql::{Sql, Value};
use crate::view::{MailboxDelta, Snapshot, load_delta_rows};
use crate::{Change, Changes, Lesson, Result, StorageError, change_log};

/// What one transaction did, for the feed.
#[derive(Debug, Default)]
pub(crate) struct Publication {
    pub(crate) changes: Vec<Change>,
    pub(crate) deltas: Vec<MailboxDelta>,
    pub(crate) modseqs: BTreeMap<AccountId, ModSeq>,
    /// Destinations for which something was spooled, and when it is due. Only this daemon's queue
    /// hears of it so.
    pub(crate) spooled: BTreeMap<String, Timestamp>,
    /// What moving messages says of them, for who teaches a filter.
    pub(crate) lessons: Vec<Lesson>,
    /// In whose mailboxes something happened that scripts run for. Likewise.
    pub(crate) events: BTreeSet<AccountId>,
}

/// Reads from the database for the feed; blocks.
pub(crate) trait FeedReader: Send + Sync {
    /// The account's newest modification sequence.
    fn modseq(&self, account: AccountId) -> Result<ModSeq>;
    /// What was committed after `since`, up to the newest commit; `None` if the log no longer
    /// reaches back that far. The second value is the account's newest modification sequence.
    fn since(&self, account: AccountId, since: ModSeq) -> Result<Option<(Publication, ModSeq)>>;
    /// A mailbox of `account` as it is now.
    fn snapshot(&self, account: AccountId, mailbox: CollectionId) -> Result<Snapshot>;
}

/// [`FeedReader::since`] in one read transaction.
pub(crate) fn read_since(
    sql: &mut (dyn Sql + '_),
    account: AccountId,
    since: ModSeq,
) -> Result<Option<(Publication, ModSeq)>> {
    let newest = read_modseq(sql, account)?;
    let Changes::List(changes) = change_log::since(sql, account, None, since)? else {
        return Ok(None);
    };
    let mut publication = Publication::default();
    for change in &changes {
        publication.deltas.extend(load_delta_rows(sql, change)?);
    }
    publication.changes = changes;
    Ok(Some((publication, newest)))
}

/// [`FeedReader::modseq`] in a read transaction.
pub(crate) fn read_modseq(sql: &mut (dyn Sql + '_), account: AccountId) -> Result<ModSeq> {
    let modseq = sql.query_one(
        "SELECT modseq FROM account WHERE id = ?1",
        &[Value::Int(account.get())],
        |row| row.int(0),
    )?;
    Ok(ModSeq::new(modseq.ok_or(StorageError::NotFound("account"))? as u64))
}
