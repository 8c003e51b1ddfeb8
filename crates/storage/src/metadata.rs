//! Annotations of mailboxes and of the server (RFC 5464).
//!
//! A private one is seen by the account that set it; a shared one of a mailbox by everybody who
//! sees the mailbox; a shared one of the server by the accounts of one domain, whose
//! administrators set it.
//!
//! `/private/specialuse` of a mailbox is no annotation: it says, and sets, what the mailbox is for
//! (RFC 6154 §4), to its owner.

use ids::{AccountId, CollectionId};

use crate::acl::check_rights;
use crate::change::Fact;
use crate::directory::Role;
use crate::rules::names_event_script;
use crate::sql::{Row, Value};
use crate::{
    LimitKind, Mailbox, MailboxName, ReadTx, Result, Rights, ShareRights, SpecialUse, StorageError,
    WriteTx,
};

/// LIMIT: bytes of an entry's name.
const NAME_BYTES_MAX: usize = 512;

/// RFC 6154 §4: the name of the entry that tells what a mailbox is for.
const SPECIAL_USE: &str = "/specialuse";

/// The server in the place of a mailbox.
const SERVER: i64 = 0;
/// Shared by everybody who sees the mailbox.
const SHARED: i64 = 0;

/// The users who see an annotation (RFC 5464 §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MetadataScope {
    /// The account that set it.
    Private,
    /// Everybody who sees what is annotated.
    Shared,
}

/// The name of an annotation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetadataEntry {
    /// Whether the annotation is private to one account or shared.
    pub scope: MetadataScope,
    /// The name below `/private` or `/shared`, in lower case, from its slash on.
    pub name: String,
}

/// An annotation of a mailbox or of the server (RFC 5464).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The mailbox it belongs to; `None`: the server.
    pub mailbox: Option<CollectionId>,
    /// The name of the entry.
    pub entry: MetadataEntry,
    /// The value.
    pub value: Vec<u8>,
}

impl MetadataEntry {
    /// Whether it is the one that, of a mailbox, tells its special use (RFC 6154 §4).
    pub fn is_special_use(&self) -> bool {
        self.scope == MetadataScope::Private && self.name == SPECIAL_USE
    }
}

/// RFC 5464 §3.3: `l` and one of the rights on messages.
fn check_annotating(rights: Rights) -> Result<()> {
    match rights.shows_annotations() {
        true => Ok(()),
        false => check_rights(rights, Rights::LOOKUP | Rights::READ),
    }
}

impl ReadTx<'_> {
    /// The mailbox that `name` is to `actor`, if it may see its annotations.
    pub fn find_annotated(
        &mut self,
        actor: AccountId,
        name: &MailboxName,
    ) -> Result<Option<Mailbox>> {
        let Some(found) = self.find_mailbox_as(actor, name, Rights::LOOKUP)? else {
            return Ok(None);
        };
        check_annotating(self.rights_of(actor, found.id)?)?;
        Ok(Some(found))
    }

    /// The annotations of mailboxes that `account` sees and `wanted` names, by mailbox, scope and
    /// name. Mailboxes whose annotations are not for it to see are passed over.
    pub fn load_metadata(
        &mut self,
        account: AccountId,
        mailboxes: &[CollectionId],
        wanted: impl Fn(&MetadataEntry) -> bool,
    ) -> Result<Vec<Metadata>> {
        let (mut ids, mut found) = (Vec::with_capacity(mailboxes.len()), Vec::new());
        for mailbox in self.load_mailboxes(mailboxes)? {
            let is_own = mailbox.account == account;
            if is_own || check_annotating(self.rights_of(account, mailbox.id)?).is_ok() {
                ids.push(mailbox.id.get());
            }
            if is_own {
                found.extend(special_use_of(&mailbox).filter(|found| wanted(&found.entry)));
            }
        }
        self.sql.query_in(
            "SELECT mailbox_id, scope, entry, value FROM metadata WHERE mailbox_id IN ({IN})",
            &ids,
            &mut |row| {
                found.extend(read(row, account, SHARED, &wanted)?);
                Ok(())
            },
        )?;
        found.sort_unstable_by(|left: &Metadata, right| {
            (left.mailbox, &left.entry).cmp(&(right.mailbox, &right.entry))
        });
        Ok(found)
    }

    /// In whose feed it stands what is changed of the annotations of the server that `account`
    /// shares with its domain: the oldest account of the domain. One fact is for all of them.
    pub fn find_server_feed(&mut self, account: AccountId) -> Result<AccountId> {
        let found = self.sql.query_one(
            "SELECT CAST(MIN(id) AS BIGINT) FROM account \
             WHERE domain_id = (SELECT domain_id FROM account WHERE id = ?1)",
            &[Value::Int(account.get())],
            |row| row.opt_int(0),
        )?;
        found.flatten().map(AccountId::new).ok_or(StorageError::NotFound("account"))
    }

    /// The annotations of the server that `account` sees and `wanted` names.
    pub fn load_server_metadata(
        &mut self,
        account: AccountId,
        wanted: impl Fn(&MetadataEntry) -> bool,
    ) -> Result<Vec<Metadata>> {
        let domain = -self.load_account(account)?.domain.get();
        let mut found = Vec::new();
        self.sql.query(
            "SELECT mailbox_id, scope, entry, value FROM metadata \
             WHERE mailbox_id = 0 AND scope IN (?1, ?2) ORDER BY entry",
            &[Value::Int(account.get()), Value::Int(domain)],
            &mut |row| {
                found.extend(read(row, account, domain, &wanted)?);
                Ok(())
            },
        )?;
        Ok(found)
    }
}

/// RFC 6154 §4: the attributes as LIST has them, or no value.
fn special_use_of(mailbox: &Mailbox) -> Option<Metadata> {
    let value = mailbox.special_use?.attribute().as_bytes().to_vec();
    let entry = MetadataEntry { scope: MetadataScope::Private, name: SPECIAL_USE.to_owned() };
    Some(Metadata { mailbox: Some(mailbox.id), entry, value })
}

/// The special use that a value of the entry names.
fn parse_special_use(value: Option<&[u8]>) -> Result<Option<SpecialUse>> {
    let Some(value) = value else { return Ok(None) };
    let attribute = std::str::from_utf8(value).ok().map(str::trim_ascii);
    let known = attribute.and_then(SpecialUse::parse_attribute);
    known.map(Some).ok_or(StorageError::Invalid("this is no special use"))
}

/// The row's annotation, if it is for `account`, which sees `shared` too, and wanted.
fn read(
    row: &dyn Row,
    account: AccountId,
    shared: i64,
    wanted: &impl Fn(&MetadataEntry) -> bool,
) -> Result<Option<Metadata>> {
    let scope = match row.int(1)? {
        scope if scope == shared => MetadataScope::Shared,
        scope if scope == account.get() => MetadataScope::Private,
        _ => return Ok(None),
    };
    let entry = MetadataEntry { scope, name: row.text(2)?.to_owned() };
    if !wanted(&entry) {
        return Ok(None);
    }
    let mailbox = Some(row.int(0)?).filter(|id| *id != SERVER).map(CollectionId::new);
    Ok(Some(Metadata { mailbox, entry, value: row.bytes(3)?.to_vec() }))
}

/// Where one annotation is kept.
struct Place {
    mailbox: i64,
    scope: i64,
    /// In whose space it counts; 0: nobody's.
    charged: i64,
}

impl WriteTx<'_> {
    /// Sets annotations of a mailbox at the word of `actor`, all or none; `None` as a value
    /// removes. `/private/specialuse` gives the mailbox a special use, if the actor is its owner.
    ///
    /// # Errors
    /// Those of [`AccountTx::set_special_use`](crate::AccountTx::set_special_use);
    /// [`StorageError::Limit`] and [`StorageError::TooBig`] beyond what there may be.
    pub fn set_metadata(
        &mut self,
        actor: AccountId,
        mailbox: CollectionId,
        values: &[(MetadataEntry, Option<Vec<u8>>)],
    ) -> Result<()> {
        let owner = self.load_mailbox(mailbox)?.account;
        self.lock_accounts([actor, owner])?;
        // The mailbox may have gone before its account was locked.
        check_annotating(self.rights_of(actor, mailbox)?)?;
        for (entry, value) in values {
            if entry.is_special_use() {
                self.set_special_use_entry((actor, owner), mailbox, entry, value.as_deref())?;
                continue;
            }
            if names_event_script(entry) {
                // It says what runs in the name of the owner, whose filters it changes.
                self.account_as(owner, actor)?.require_share(ShareRights::FILTERS)?;
            }
            let (scope, charged) = match entry.scope {
                MetadataScope::Private => (actor.get(), actor),
                MetadataScope::Shared => (SHARED, owner),
            };
            let place = Place { mailbox: mailbox.get(), scope, charged: charged.get() };
            if self.put_metadata(&place, &entry.name, value.as_deref())? {
                let fact = Fact::MetadataChanged { entry: entry.clone() };
                self.record(charged, Some(mailbox), fact)?;
                if names_event_script(entry) {
                    self.touch_event_scripts(Some(owner), None)?;
                }
            }
        }
        Ok(())
    }

    fn set_special_use_entry(
        &mut self,
        (actor, owner): (AccountId, AccountId),
        mailbox: CollectionId,
        entry: &MetadataEntry,
        value: Option<&[u8]>,
    ) -> Result<()> {
        let special_use = parse_special_use(value)?;
        let mailbox = self.load_mailbox(mailbox)?;
        self.account_as(owner, actor)?.set_special_use(&mailbox.name, special_use)?;
        if mailbox.special_use != special_use {
            let fact = Fact::MetadataChanged { entry: entry.clone() };
            self.record(owner, Some(mailbox.id), fact)?;
        }
        Ok(())
    }

    /// Sets annotations of the server at the word of `actor`, all or none. Shared ones are for
    /// administrators to set (RFC 5464 §3.3) and seen in their domain.
    ///
    /// # Errors
    /// [`StorageError::NoPermission`] where one is shared and the actor is no administrator;
    /// [`StorageError::Limit`] beyond what there may be.
    pub fn set_server_metadata(
        &mut self,
        actor: AccountId,
        values: &[(MetadataEntry, Option<Vec<u8>>)],
    ) -> Result<()> {
        let account = self.load_account(actor)?;
        let is_shared = |entry: &MetadataEntry| entry.scope == MetadataScope::Shared;
        let feed = match values.iter().any(|(entry, _)| is_shared(entry)) {
            true => self.find_server_feed(actor)?,
            false => actor,
        };
        self.lock_accounts([actor, feed])?;
        for (entry, value) in values {
            let place = match entry.scope {
                MetadataScope::Private => {
                    Place { mailbox: SERVER, scope: actor.get(), charged: actor.get() }
                }
                MetadataScope::Shared => {
                    if !matches!(account.role, Role::Owner | Role::Administrator) {
                        return Err(StorageError::NoPermission(
                            "only administrators annotate the server for others",
                        ));
                    }
                    Place { mailbox: SERVER, scope: -account.domain.get(), charged: 0 }
                }
            };
            if self.put_metadata(&place, &entry.name, value.as_deref())? {
                let fact = Fact::MetadataChanged { entry: entry.clone() };
                self.record(if is_shared(entry) { feed } else { actor }, None, fact)?;
                if names_event_script(entry) {
                    self.touch_event_scripts(None, Some(account.domain))?;
                }
            }
        }
        Ok(())
    }

    /// Sets or removes one value; whether anything changed.
    fn put_metadata(&mut self, place: &Place, name: &str, value: Option<&[u8]>) -> Result<bool> {
        let (mailbox, scope) = (Value::Int(place.mailbox), Value::Int(place.scope));
        let key = [mailbox, scope, Value::Text(name)];
        let Some(value) = value else {
            let removed = self.sql.execute(
                "DELETE FROM metadata WHERE mailbox_id = ?1 AND scope = ?2 AND entry = ?3",
                &key,
            )?;
            return Ok(removed > 0);
        };
        self.check_metadata(place, name, value)?;
        self.sql.execute(
            "INSERT INTO metadata (mailbox_id, scope, entry, value, size_bytes, account_id) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (mailbox_id, scope, entry) \
             DO UPDATE SET value = ?4, size_bytes = ?5",
            &[
                mailbox,
                scope,
                Value::Text(name),
                Value::Bytes(value),
                Value::Int((name.len() + value.len()) as i64),
                Value::Int(place.charged),
            ],
        )?;
        Ok(true)
    }

    /// Refuses what is too big, too many or too much.
    fn check_metadata(&mut self, place: &Place, name: &str, value: &[u8]) -> Result<()> {
        let settings = self.settings;
        let (size_bytes, limit_bytes) = (value.len() as u64, settings.metadata_value_bytes_max);
        if size_bytes > limit_bytes {
            return Err(StorageError::TooBig { size_bytes, limit_bytes });
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(StorageError::Invalid("the name of the annotation is too long"));
        }
        let (count, bytes) = self
            .sql
            .query_one(
                "SELECT (SELECT COUNT(*) FROM metadata \
                 WHERE mailbox_id = ?1 AND scope = ?2 AND entry <> ?3), \
                 (SELECT CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM metadata \
                 WHERE account_id = ?4 AND account_id <> 0 \
                 AND NOT (mailbox_id = ?1 AND scope = ?2 AND entry = ?3))",
                &[
                    Value::Int(place.mailbox),
                    Value::Int(place.scope),
                    Value::Text(name),
                    Value::Int(place.charged),
                ],
                |row| Ok((row.int(0)?.cast_unsigned(), row.int(1)?.cast_unsigned())),
            )?
            .unwrap_or_default();
        let (kind, max) = (LimitKind::MetadataEntries, settings.metadata_entries_max);
        if count >= max {
            return Err(StorageError::Limit { kind, max });
        }
        let (kind, max) = (LimitKind::MetadataBytes, settings.metadata_bytes_max);
        if bytes + size_bytes + name.len() as u64 > max {
            return Err(StorageError::Limit { kind, max });
        }
        Ok(())
    }

    /// RFC 5464 §4.1: renaming INBOX copies its annotations, what is shared and what is private to
    /// `owner`. What others noted of INBOX they see there still, and it would count in their space.
    ///
    /// # Errors
    /// [`StorageError::Limit`] where the copies have no room.
    pub(crate) fn copy_metadata(
        &mut self,
        owner: AccountId,
        from: CollectionId,
        to: CollectionId,
    ) -> Result<()> {
        let (owner, from) = (Value::Int(owner.get()), Value::Int(from.get()));
        let copied = self.sql.execute(
            "INSERT INTO metadata (mailbox_id, scope, entry, value, size_bytes, account_id) \
             SELECT CAST(?2 AS BIGINT), scope, entry, value, size_bytes, account_id \
             FROM metadata WHERE mailbox_id = ?1 AND scope IN (?3, 0) AND account_id = ?3",
            &[from, Value::Int(to.get()), owner],
        )?;
        if copied == 0 {
            return Ok(());
        }
        let bytes = self.sql.query_one(
            "SELECT CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM metadata \
             WHERE account_id = ?1",
            &[owner],
            |row| Ok(row.int(0)?.cast_unsigned()),
        )?;
        let (kind, max) = (LimitKind::MetadataBytes, self.settings.metadata_bytes_max);
        match bytes.unwrap_or_default() > max {
            // The transaction is rolled back.
            true => Err(StorageError::Limit { kind, max }),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
