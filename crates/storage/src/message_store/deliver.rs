//! Delivery of received mail into an account: which mailbox it goes into, and that it fits.

use super::PreparedMessage;
use super::append::{Append, Appended, message_counts};
use super::keywords::check_keyword_bytes;
use crate::mailbox::{MailboxName, SpecialUse};
use crate::sql::Value;
use crate::{AccountTx, ReadTx, Result, StorageError};
use ids::{AccountId, CollectionId};
use message::flag::{Flag, Flags};

/// What those who checked a message say of where it belongs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Placement {
    /// The mailbox that the owner has mail put into.
    #[default]
    Inbox,
    /// In quarantine: the mailbox that is `\Junk`. An account that has none did away with it, and
    /// gets the message as it gets others.
    Junk,
}

/// Where received mail goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Junk goes before what the address named.
    pub placement: Placement,
    /// The detail of the recipient's address (R-ADDR-6): the mailbox of that name takes the
    /// message if it exists and the account asks for it; else INBOX does, as without a detail.
    pub mailbox: Option<String>,
    /// R-ADDR-13: it is from outside, and gets the keyword that says so.
    pub is_external: bool,
}

/// The keyword of messages from outside (R-ADDR-13).
const EXTERNAL_KEYWORD: &str = "$External";

impl Delivery {
    /// `flags` with the keyword, if the message gets it.
    pub(crate) fn marked(&self, flags: &Flags) -> Flags {
        let marked = self.is_external.then(|| Flag::parse(EXTERNAL_KEYWORD.as_bytes()));
        let Some(Ok(Flag::Keyword(keyword))) = marked else { return flags.clone() };
        let mut keywords = flags.keywords().to_vec();
        keywords.push(keyword);
        Flags::new(flags.system, keywords)
    }
}

impl ReadTx<'_> {
    /// The mailbox of an account that has a special use.
    pub fn special_mailbox(
        &mut self,
        account: AccountId,
        special_use: SpecialUse,
    ) -> Result<Option<CollectionId>> {
        self.sql.query_one(
            "SELECT id FROM mailbox WHERE account_id = ?1 AND special_use = ?2",
            &[Value::Int(account.get()), Value::Text(special_use.column())],
            |row| Ok(CollectionId::new(row.int(0)?)),
        )
    }

    /// Whether a mailbox is one of the account's.
    pub fn is_mailbox_of(&mut self, account: AccountId, mailbox: CollectionId) -> Result<bool> {
        let found = self.sql.query_one(
            "SELECT 1 FROM mailbox WHERE account_id = ?1 AND id = ?2",
            &[Value::Int(account.get()), Value::Int(mailbox.get())],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }
}

impl AccountTx<'_, '_> {
    /// Delivers a message: into INBOX, the mailbox its address named, or Junk. It comes unseen, its
    /// internal date is now.
    ///
    /// # Errors
    /// [`StorageError::OverQuota`] and [`StorageError::TooBig`]: to be told to the sender, or to be
    /// tried again.
    pub fn deliver(&mut self, message: &PreparedMessage, delivery: Delivery) -> Result<Appended> {
        self.require_own()?;
        self.check_room(message)?;
        let named = self.destination(&delivery)?;
        match delivery.is_external {
            true => self.deliver_into(named, message, delivery.marked(&Flags::default())),
            false => self.insert_delivered(named, message, Append::default()),
        }
    }

    /// Delivers into a mailbox of the account, INBOX where none is named, after every check.
    /// Keywords that the mailbox has no room for are left out.
    pub(crate) fn deliver_into(
        &mut self,
        mailbox: Option<CollectionId>,
        message: &PreparedMessage,
        mut flags: Flags,
    ) -> Result<Appended> {
        if !flags.keywords().is_empty() {
            let place = match mailbox {
                Some(mailbox) => mailbox,
                None => self.inbox()?,
            };
            let few = self.check_keywords(place, std::iter::once(&flags));
            match few.and_then(|()| check_keyword_bytes(&flags)) {
                Err(StorageError::Limit { .. }) => flags = Flags::new(flags.system, Vec::new()),
                other => other?,
            }
        }
        self.insert_delivered(mailbox, message, Append { flags, ..Append::default() })
    }

    fn inbox(&mut self) -> Result<CollectionId> {
        let account = self.account;
        let found = self.find_mailbox(account, &MailboxName::inbox())?;
        found.map(|found| found.id).ok_or(StorageError::NotFound("mailbox"))
    }

    fn insert_delivered(
        &mut self,
        mailbox: Option<CollectionId>,
        message: &PreparedMessage,
        append: Append,
    ) -> Result<Appended> {
        let counts = message_counts(message, &append.flags);
        let modseq = self.add_usage(counts.bytes, 1)?;
        let place = match mailbox {
            Some(mailbox) => self.reserve_uids(mailbox, counts, modseq)?,
            None => self.reserve_uids_in_inbox(counts, modseq)?,
        };
        self.insert_message(place, message, append)
    }

    /// The mailbox it goes to; `None` is INBOX.
    pub(crate) fn destination(&mut self, delivery: &Delivery) -> Result<Option<CollectionId>> {
        if delivery.placement == Placement::Junk
            && let account = self.account
            && let Some(junk) = self.special_mailbox(account, SpecialUse::Junk)?
        {
            return Ok(Some(junk));
        }
        match &delivery.mailbox {
            Some(detail) => self.detail_mailbox(detail),
            None => Ok(None),
        }
    }

    /// The mailbox of this name, else one that differs in ASCII case only: senders and forms
    /// write addresses in lower case.
    fn detail_mailbox(&mut self, detail: &str) -> Result<Option<CollectionId>> {
        let Ok(name) = MailboxName::parse(detail) else { return Ok(None) };
        let account = Value::Int(self.account.get());
        // Columns fold ASCII only; PostgreSQL folds a parameter as the database's locale says.
        let folded = name.as_str().to_ascii_lowercase();
        self.sql.query_one(
            "SELECT m.id FROM mailbox m JOIN account a ON a.id = m.account_id \
             WHERE m.account_id = ?1 AND a.plus_to_mailbox <> 0 AND lower(m.name) = ?3 \
             ORDER BY CASE WHEN m.name = ?2 THEN 0 ELSE 1 END, m.name LIMIT 1",
            &[account, Value::Text(name.as_str()), Value::Text(&folded)],
            |row| Ok(CollectionId::new(row.int(0)?)),
        )
    }
}
