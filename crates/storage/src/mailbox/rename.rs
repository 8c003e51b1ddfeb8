//! RENAME (RFC 9051 §6.3.6): a subtree moves as a whole, INBOX gives its messages away
//! (R-FOLD-4).

use std::collections::BTreeSet;

use ids::UidSet;

use super::{Mailbox, MailboxName};
use crate::acl::is_reserved;
use crate::change::Fact;
use crate::message_store::{FlagReader, delta_entry};
use crate::sql::Value;
use crate::view::DeltaEntry;
use crate::{AccountTx, Result, StorageError};

impl AccountTx<'_, '_> {
    /// Renames a mailbox or a ghost and everything below it, in one transaction. Ids, UIDs and
    /// UIDVALIDITY stay: the messages are the same under another name. Missing parents of the
    /// new name are ghosts by themselves; INBOX keeps existing and what is below it stays.
    ///
    /// DEVIATION(RFC 9051 §6.3.7): subscriptions of the names that move go with them. A program
    /// that shows only subscribed mailboxes would otherwise lose what its user renamed in
    /// another.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where nothing of that name or below it is;
    /// [`StorageError::AlreadyExists`] where a new name is taken; [`StorageError::Invalid`] into
    /// itself; [`StorageError::Limit`] where names get too long or too deep.
    pub fn rename_mailbox(&mut self, from: &MailboxName, to: &MailboxName) -> Result<()> {
        self.require_rename(from, to)?;
        if from.is_inbox() {
            // The messages would get into a mailbox with another access control list.
            self.require_own()?;
            return self.rename_inbox(to);
        }
        if to == from || to.is_below(from) {
            return Err(StorageError::Invalid("a mailbox cannot be moved into itself"));
        }
        let account = self.account;
        let mut moving = self.mailboxes_below(from)?;
        moving.extend(self.find_mailbox(account, from)?);
        if moving.is_empty() {
            return Err(StorageError::NotFound("mailbox"));
        }
        self.check_names_free(&moving, from, to)?;
        // A subtree that moves up may pass through names of its own, and the engines check
        // uniqueness row by row: it goes through a name nothing can have.
        let steps: &[(&str, &str)] = match from.is_below(to) {
            true => &[(from.as_str(), "\u{1}"), ("\u{1}", to.as_str())],
            false => &[(from.as_str(), to.as_str())],
        };
        for (from, to) in steps {
            self.rename_rows(from, to)?;
        }
        for mailbox in moving {
            let from = mailbox.name.as_str().to_owned();
            self.record_fact(Some(mailbox.id), Fact::MailboxRenamed { from })?;
        }
        self.move_subscriptions(from, to)
    }

    /// RFC 4314 §4: `x` on what moves and `k` on the new parent.
    fn require_rename(&mut self, from: &MailboxName, to: &MailboxName) -> Result<()> {
        self.require_movable(from)?;
        self.require_parent(to)?;
        match is_reserved(to) {
            true => Err(StorageError::Invalid("this name is for the mailboxes of others")),
            false => Ok(()),
        }
    }

    /// Every name that the move makes must be allowed and free; names that move away are free.
    fn check_names_free(
        &mut self,
        moving: &[Mailbox],
        from: &MailboxName,
        to: &MailboxName,
    ) -> Result<()> {
        let account = self.account;
        let mut taken = self.mailboxes_below(to)?;
        taken.extend(self.find_mailbox(account, to)?);
        let leaving: BTreeSet<&MailboxName> = moving.iter().map(|mailbox| &mailbox.name).collect();
        let taken: BTreeSet<&MailboxName> = taken
            .iter()
            .map(|mailbox| &mailbox.name)
            .filter(|name| !leaving.contains(name))
            .collect();
        // RFC 9051 §6.3.6: it is an error to rename to a name that exists; that holds for the
        // names below it too.
        if to.is_inbox() || taken.contains(to) {
            return Err(StorageError::AlreadyExists("mailbox"));
        }
        for mailbox in moving {
            if taken.contains(&mailbox.name.moved(from, to)?) {
                return Err(StorageError::AlreadyExists("mailbox"));
            }
        }
        Ok(())
    }

    fn rename_rows(&mut self, from: &str, to: &str) -> Result<()> {
        let account = Value::Int(self.account.get());
        let (first, end) = MailboxName::stored(from).range_below();
        // substr counts characters from 1.
        let rest = Value::Int(from.chars().count() as i64 + 1);
        let (from, to) = (Value::Text(from), Value::Text(to));
        self.sql.execute(
            "UPDATE mailbox SET name = ?3 WHERE account_id = ?1 AND name = ?2",
            &[account, from, to],
        )?;
        self.sql.execute(
            "UPDATE mailbox SET name = CAST(?4 AS TEXT) || substr(name, CAST(CAST(?5 AS BIGINT) AS INTEGER)) \
             WHERE account_id = ?1 AND name >= ?2 AND name < ?3",
            &[account, Value::Text(&first), Value::Text(&end), to, rest],
        )?;
        Ok(())
    }

    fn move_subscriptions(&mut self, from: &MailboxName, to: &MailboxName) -> Result<()> {
        let account = Value::Int(self.account.get());
        let (first, end) = from.range_below();
        let names = self.sql.query_all(
            "SELECT name FROM subscription WHERE account_id = ?1 \
             AND (name = ?2 OR (name >= ?3 AND name < ?4)) ORDER BY name",
            &[account, Value::Text(from.as_str()), Value::Text(&first), Value::Text(&end)],
            |row| Ok(MailboxName::stored(row.text(0)?)),
        )?;
        for name in &names {
            self.sql.execute(
                "DELETE FROM subscription WHERE account_id = ?1 AND name = ?2",
                &[account, Value::Text(name.as_str())],
            )?;
            self.record_subscription(name, false)?;
        }
        for name in &names {
            // Only a name of nothing can become too long here; it is dropped.
            let Ok(moved) = name.moved(from, to) else { continue };
            let added = self.sql.execute(
                "INSERT INTO subscription (account_id, name) VALUES (?1, ?2) \
                 ON CONFLICT (account_id, name) DO NOTHING",
                &[account, Value::Text(moved.as_str())],
            )?;
            if added > 0 {
                self.record_subscription(&moved, true)?;
            }
        }
        Ok(())
    }

    /// RFC 9051 §6.3.6: renaming INBOX moves its messages to a new mailbox, leaves INBOX empty
    /// and what is below it alone. The messages keep their UIDs under a UIDVALIDITY of their
    /// own; INBOX goes on counting where it was.
    fn rename_inbox(&mut self, to: &MailboxName) -> Result<()> {
        let account = self.account;
        let inbox = self
            .find_mailbox(account, &MailboxName::inbox())?
            .ok_or(StorageError::NotFound("mailbox"))?;
        let created = self.insert_mailbox(to, None, inbox.uid_next)?;
        self.record_fact(Some(created.id), Fact::MailboxCreated)?;
        self.subscribe_if_room(to)?;
        self.copy_metadata(account, inbox.id, created.id)?;
        self.settle_flags(&inbox)?;
        let (source, target) = (Value::Int(inbox.id.get()), Value::Int(created.id.get()));
        let mut flags = FlagReader::default();
        let added: Vec<DeltaEntry> = self.sql.query_all(
            "SELECT uid, content_id, size_bytes, flags, keywords, internal_date FROM message \
             WHERE mailbox_id = ?1 ORDER BY uid",
            &[source],
            |row| delta_entry(row, &mut flags),
        )?;
        if added.is_empty() {
            return Ok(());
        }
        let modseq = self.modseq(account)?;
        let modseq = Value::Int(modseq.get().cast_signed());
        let now = Value::Int(self.now.as_micros());
        self.sql.execute(
            // RFC 8514 §3: they come into that mailbox now.
            "UPDATE message SET mailbox_id = ?2, modseq = ?3, created_modseq = ?3, save_date = ?4 \
             WHERE mailbox_id = ?1",
            &[source, target, modseq, now],
        )?;
        self.sql.execute(
            "UPDATE annotation SET mailbox_id = ?2, modseq = ?3 WHERE mailbox_id = ?1",
            &[source, target, modseq],
        )?;
        self.sql.execute(
            "UPDATE mailbox SET message_count = ?2, unseen_count = ?3, deleted_count = ?4, \
             size_bytes = ?5, highest_modseq = ?6, \
             recent_uid = (SELECT i.recent_uid FROM mailbox i WHERE i.id = ?7), \
             annotated = (SELECT i.annotated FROM mailbox i WHERE i.id = ?7) WHERE id = ?1",
            &[
                target,
                Value::Int(i64::from(inbox.messages)),
                Value::Int(i64::from(inbox.unseen)),
                Value::Int(i64::from(inbox.deleted)),
                Value::Int(inbox.size_bytes.cast_signed()),
                modseq,
                source,
            ],
        )?;
        self.sql.execute(
            "UPDATE mailbox SET message_count = 0, unseen_count = 0, deleted_count = 0, \
             size_bytes = 0, highest_modseq = ?2 WHERE id = ?1",
            &[source, modseq],
        )?;
        let uids: UidSet = added.iter().map(|entry| entry.uid).collect();
        self.record_added(created.id, added)?;
        self.record_expunged(inbox.id, uids)
    }
}
