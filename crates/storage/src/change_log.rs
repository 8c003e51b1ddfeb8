//! The change feed as rows: one per fact, keyed by account, modification sequence and ordinal.

use ids::{AccountId, CollectionId, ModSeq, Timestamp, UidSet};

use crate::sql::{Row, Sql, Value};
use crate::{Change, Changes, Fact, MetadataEntry, MetadataScope, Result, StorageError};

/// How a fact is stored: its number, its UIDs, its text.
struct Stored<'a> {
    kind: i64,
    uids: Option<Vec<u8>>,
    detail: Option<&'a str>,
}

// Numbers are part of the stored format: never reuse one.
const MAILBOX_CREATED: i64 = 1;
const MAILBOX_RENAMED: i64 = 2;
const MAILBOX_DELETED: i64 = 3;
const MAILBOX_UPDATED: i64 = 4;
const SUBSCRIBED: i64 = 5;
const UNSUBSCRIBED: i64 = 6;
const MESSAGES_ADDED: i64 = 7;
const FLAGS_CHANGED: i64 = 8;
const MESSAGES_EXPUNGED: i64 = 9;
const CREDENTIALS_CHANGED: i64 = 10;
const ACCOUNT_UPDATED: i64 = 11;
const PRIVATE_METADATA: i64 = 12;
const SHARED_METADATA: i64 = 13;
const ACL_CHANGED: i64 = 14;
const SCRIPT_ACTIVATED: i64 = 15;
const COLLECTION_CREATED: i64 = 16;
const COLLECTION_UPDATED: i64 = 17;
const COLLECTION_DELETED: i64 = 18;
const OBJECT_PUT: i64 = 19;
const OBJECT_DELETED: i64 = 20;
const ANNOTATIONS_CHANGED: i64 = 21;
const URL_KEY_RESET: i64 = 22;

fn stored(fact: &Fact) -> Stored<'_> {
    let plain = |kind| Stored { kind, uids: None, detail: None };
    let text = |kind, detail| Stored { kind, uids: None, detail: Some(detail) };
    let uids = |kind, set: &UidSet| Stored { kind, uids: Some(set.encode()), detail: None };
    match fact {
        Fact::MailboxCreated => plain(MAILBOX_CREATED),
        Fact::MailboxRenamed { from } => text(MAILBOX_RENAMED, from),
        Fact::MailboxDeleted { name } => text(MAILBOX_DELETED, name),
        Fact::MailboxUpdated => plain(MAILBOX_UPDATED),
        Fact::AclChanged => plain(ACL_CHANGED),
        Fact::UrlKeyReset => plain(URL_KEY_RESET),
        Fact::SubscriptionChanged { name, subscribed: true } => text(SUBSCRIBED, name),
        Fact::SubscriptionChanged { name, subscribed: false } => text(UNSUBSCRIBED, name),
        Fact::MetadataChanged { entry } => match entry.scope {
            MetadataScope::Private => text(PRIVATE_METADATA, &entry.name),
            MetadataScope::Shared => text(SHARED_METADATA, &entry.name),
        },
        Fact::MessagesAdded(set) => uids(MESSAGES_ADDED, set),
        Fact::FlagsChanged(set) => uids(FLAGS_CHANGED, set),
        Fact::AnnotationsChanged(set) => uids(ANNOTATIONS_CHANGED, set),
        Fact::MessagesExpunged(set) => uids(MESSAGES_EXPUNGED, set),
        Fact::CollectionCreated => plain(COLLECTION_CREATED),
        Fact::CollectionUpdated => plain(COLLECTION_UPDATED),
        Fact::CollectionDeleted { name } => text(COLLECTION_DELETED, name),
        Fact::ObjectPut { name } => text(OBJECT_PUT, name),
        Fact::ObjectDeleted { name } => text(OBJECT_DELETED, name),
        Fact::CredentialsChanged => plain(CREDENTIALS_CHANGED),
        Fact::AccountUpdated => plain(ACCOUNT_UPDATED),
        Fact::ScriptActivated { name } => text(SCRIPT_ACTIVATED, name),
    }
}

fn fact(kind: i64, uids: Option<&[u8]>, detail: Option<&str>) -> Result<Fact> {
    let name = || {
        detail
            .map(str::to_owned)
            .ok_or_else(|| StorageError::Corrupt(format!("change of kind {kind} without a name")))
    };
    let set = || {
        uids.and_then(UidSet::decode)
            .ok_or_else(|| StorageError::Corrupt(format!("change of kind {kind} without UIDs")))
    };
    Ok(match kind {
        MAILBOX_CREATED => Fact::MailboxCreated,
        MAILBOX_RENAMED => Fact::MailboxRenamed { from: name()? },
        MAILBOX_DELETED => Fact::MailboxDeleted { name: name()? },
        MAILBOX_UPDATED => Fact::MailboxUpdated,
        ACL_CHANGED => Fact::AclChanged,
        URL_KEY_RESET => Fact::UrlKeyReset,
        SUBSCRIBED => Fact::SubscriptionChanged { name: name()?, subscribed: true },
        UNSUBSCRIBED => Fact::SubscriptionChanged { name: name()?, subscribed: false },
        PRIVATE_METADATA => {
            let entry = MetadataEntry { scope: MetadataScope::Private, name: name()? };
            Fact::MetadataChanged { entry }
        }
        SHARED_METADATA => {
            let entry = MetadataEntry { scope: MetadataScope::Shared, name: name()? };
            Fact::MetadataChanged { entry }
        }
        MESSAGES_ADDED => Fact::MessagesAdded(set()?),
        FLAGS_CHANGED => Fact::FlagsChanged(set()?),
        ANNOTATIONS_CHANGED => Fact::AnnotationsChanged(set()?),
        MESSAGES_EXPUNGED => Fact::MessagesExpunged(set()?),
        COLLECTION_CREATED => Fact::CollectionCreated,
        COLLECTION_UPDATED => Fact::CollectionUpdated,
        COLLECTION_DELETED => Fact::CollectionDeleted { name: name()? },
        OBJECT_PUT => Fact::ObjectPut { name: name()? },
        OBJECT_DELETED => Fact::ObjectDeleted { name: name()? },
        CREDENTIALS_CHANGED => Fact::CredentialsChanged,
        ACCOUNT_UPDATED => Fact::AccountUpdated,
        SCRIPT_ACTIVATED => Fact::ScriptActivated { name: name()? },
        _ => return Err(StorageError::Corrupt(format!("change of unknown kind {kind}"))),
    })
}

/// Writes one fact; `ordinal` counts the facts of one transaction and account from 0.
pub(crate) fn append(
    sql: &mut dyn Sql,
    change: &Change,
    ordinal: usize,
    now: Timestamp,
) -> Result<()> {
    let stored = stored(&change.fact);
    sql.execute(
        "INSERT INTO change (account_id, modseq, ordinal, collection_id, kind, uids, detail, at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        &[
            Value::Int(change.account.get()),
            Value::Int(change.modseq.get() as i64),
            Value::Int(ordinal as i64),
            change.collection.map_or(Value::Null, |id| Value::Int(id.get())),
            Value::Int(stored.kind),
            stored.uids.as_deref().map_or(Value::Null, Value::Bytes),
            stored.detail.map_or(Value::Null, Value::Text),
            Value::Int(now.as_micros()),
        ],
    )?;
    Ok(())
}

/// Every fact of `account` after `since`, in commit order, of one collection if given.
pub(crate) fn since(
    sql: &mut dyn Sql,
    account: AccountId,
    collection: Option<CollectionId>,
    since: ModSeq,
) -> Result<Changes> {
    if is_too_old(sql, account, since)? {
        return Ok(Changes::TooOld);
    }
    let changes = sql.query_all(
        "SELECT modseq, collection_id, kind, uids, detail FROM change \
         WHERE account_id = ?1 AND modseq > ?2 ORDER BY modseq, ordinal",
        &[Value::Int(account.get()), Value::Int(since.get() as i64)],
        |row| read(account, row),
    )?;
    Ok(Changes::List(match collection {
        None => changes,
        wanted => changes.into_iter().filter(|change| change.collection == wanted).collect(),
    }))
}

/// The UIDs expunged from a mailbox after `since`; `None` where the log no longer reaches back
/// that far.
pub(crate) fn expunged_since(
    sql: &mut dyn Sql,
    account: AccountId,
    mailbox: CollectionId,
    since: ModSeq,
) -> Result<Option<UidSet>> {
    if is_too_old(sql, account, since)? {
        return Ok(None);
    }
    let sets = sql.query_all(
        "SELECT uids FROM change WHERE account_id = ?1 AND modseq > ?2 \
         AND collection_id = ?3 AND kind = ?4 ORDER BY modseq, ordinal",
        &[
            Value::Int(account.get()),
            Value::Int(since.get().cast_signed()),
            Value::Int(mailbox.get()),
            Value::Int(MESSAGES_EXPUNGED),
        ],
        |row| fact(MESSAGES_EXPUNGED, row.opt_bytes(0)?, None),
    )?;
    let mut expunged = UidSet::new();
    for set in &sets {
        if let Fact::MessagesExpunged(set) = set {
            expunged.extend_set(set);
        }
    }
    Ok(Some(expunged))
}

/// What happened to a calendar, an address book or a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// Whether objects in it came, changed or went, and whether it changed itself.
    Known { content: bool, properties: bool },
    /// The log no longer reaches back that far.
    TooOld,
}

/// What happened to a collection after `since`.
pub(crate) fn collection_since(
    sql: &mut dyn Sql,
    account: AccountId,
    collection: CollectionId,
    since: ModSeq,
) -> Result<Since> {
    if is_too_old(sql, account, since)? {
        return Ok(Since::TooOld);
    }
    let (mut content, mut properties) = (false, false);
    sql.query(
        "SELECT DISTINCT kind FROM change \
         WHERE account_id = ?1 AND modseq > ?2 AND collection_id = ?3",
        &[
            Value::Int(account.get()),
            Value::Int(since.get().cast_signed()),
            Value::Int(collection.get()),
        ],
        &mut |row| {
            match row.int(0)? {
                OBJECT_PUT | OBJECT_DELETED => content = true,
                COLLECTION_UPDATED => properties = true,
                _ => {}
            }
            Ok(())
        },
    )?;
    Ok(Since::Known { content, properties })
}

/// Whether the log begins after `since`.
fn is_too_old(sql: &mut dyn Sql, account: AccountId, since: ModSeq) -> Result<bool> {
    let horizon = sql
        .query_one(
            "SELECT horizon FROM account WHERE id = ?1",
            &[Value::Int(account.get())],
            |row| row.int(0),
        )?
        .ok_or(StorageError::NotFound("account"))?;
    Ok(since.get().cast_signed() < horizon)
}

fn read(account: AccountId, row: &dyn Row) -> Result<Change> {
    Ok(Change {
        account,
        modseq: ModSeq::new(row.int(0)? as u64),
        collection: row.opt_int(1)?.map(CollectionId::new),
        fact: fact(row.int(2)?, row.opt_bytes(3)?, row.opt_text(4)?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_survives_its_stored_form() {
        let set: UidSet = [3, 4, 9].into_iter().map(ids::Uid::new).collect();
        let name = "Ä/b".to_owned();
        for original in [
            Fact::MailboxCreated,
            Fact::MailboxRenamed { from: name.clone() },
            Fact::MailboxDeleted { name: name.clone() },
            Fact::MailboxUpdated,
            Fact::AclChanged,
            Fact::UrlKeyReset,
            Fact::SubscriptionChanged { name: name.clone(), subscribed: true },
            Fact::SubscriptionChanged { name: name.clone(), subscribed: false },
            Fact::MetadataChanged {
                entry: MetadataEntry { scope: MetadataScope::Private, name: name.clone() },
            },
            Fact::ScriptActivated { name: name.clone() },
            Fact::CollectionCreated,
            Fact::CollectionUpdated,
            Fact::CollectionDeleted { name: name.clone() },
            Fact::ObjectPut { name: name.clone() },
            Fact::ObjectDeleted { name: name.clone() },
            Fact::MetadataChanged { entry: MetadataEntry { scope: MetadataScope::Shared, name } },
            Fact::MessagesAdded(set.clone()),
            Fact::FlagsChanged(set.clone()),
            Fact::AnnotationsChanged(set.clone()),
            Fact::MessagesExpunged(set),
            Fact::CredentialsChanged,
            Fact::AccountUpdated,
        ] {
            let row = stored(&original);
            let back = fact(row.kind, row.uids.as_deref(), row.detail).expect("well formed");
            assert_eq!(back, original);
        }
    }

    #[test]
    fn damaged_rows_are_named_corrupt() {
        for (kind, uids, detail) in [
            (0, None, None),
            (99, None, None),
            (7, None, None),
            (7, Some(&[0x80][..]), None),
            (2, None, None),
        ] {
            assert!(matches!(fact(kind, uids, detail), Err(StorageError::Corrupt(_))), "{kind}");
        }
    }
}
