//! Special uses of mailboxes (RFC 6154 §2). Each is had by one mailbox of an account at most, so
//! that programs agree on where a sent message goes.

use crate::change::Fact;
use crate::mailbox::MailboxName;
use crate::sql::Value;
use crate::{AccountTx, Result, StorageError};

/// The special use of a mailbox (RFC 6154).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpecialUse {
    /// `\Drafts`: messages not yet sent.
    Drafts,
    /// `\Sent`: copies of messages sent.
    Sent,
    /// `\Junk`: unwanted mail.
    Junk,
    /// `\Trash`: messages deleted.
    Trash,
    /// `\Archive`: messages put away.
    Archive,
    /// `\All`: every message.
    All,
    /// `\Flagged`: messages marked for attention.
    Flagged,
}

impl SpecialUse {
    /// The special uses that a new account has a mailbox for (R-FOLD-1).
    pub(crate) const OF_NEW_ACCOUNTS: [Self; 5] =
        [Self::Drafts, Self::Sent, Self::Junk, Self::Trash, Self::Archive];

    const ALL: [Self; 7] = [
        Self::Drafts,
        Self::Sent,
        Self::Junk,
        Self::Trash,
        Self::Archive,
        Self::All,
        Self::Flagged,
    ];

    /// The attribute as it stands in LIST (RFC 6154 §2).
    pub fn attribute(self) -> &'static str {
        match self {
            Self::Drafts => "\\Drafts",
            Self::Sent => "\\Sent",
            Self::Junk => "\\Junk",
            Self::Trash => "\\Trash",
            Self::Archive => "\\Archive",
            Self::All => "\\All",
            Self::Flagged => "\\Flagged",
        }
    }

    /// The special use of this attribute, in any case.
    pub fn parse_attribute(attribute: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.attribute().eq_ignore_ascii_case(attribute))
    }

    /// The mailbox a new account has for it.
    pub(crate) fn mailbox_name(self) -> &'static str {
        self.attribute().trim_start_matches('\\')
    }

    /// As stored; an empty column is `None`.
    pub(crate) fn from_column(column: &str) -> Result<Option<Self>> {
        if column.is_empty() {
            return Ok(None);
        }
        let found = Self::ALL.into_iter().find(|known| known.column() == column);
        found
            .map(Some)
            .ok_or_else(|| StorageError::Corrupt("a mailbox has an unknown special use".to_owned()))
    }

    pub(crate) fn column(self) -> &'static str {
        match self {
            Self::Drafts => "drafts",
            Self::Sent => "sent",
            Self::Junk => "junk",
            Self::Trash => "trash",
            Self::Archive => "archive",
            Self::All => "all",
            Self::Flagged => "flagged",
        }
    }
}

impl AccountTx<'_, '_> {
    /// Gives a mailbox a special use, or takes it away. Another mailbox that has it keeps it:
    /// [`StorageError::AlreadyExists`].
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is no such mailbox.
    pub fn set_special_use(
        &mut self,
        name: &MailboxName,
        special_use: Option<SpecialUse>,
    ) -> Result<()> {
        let account = self.account;
        let mailbox = self.find_mailbox(account, name)?.ok_or(StorageError::NotFound("mailbox"))?;
        self.require_own()?;
        if mailbox.special_use == special_use {
            return Ok(());
        }
        self.check_special_use_free(name, special_use)?;
        self.sql.execute(
            "UPDATE mailbox SET special_use = ?2 WHERE id = ?1",
            &[
                Value::Int(mailbox.id.get()),
                Value::Text(special_use.map_or("", SpecialUse::column)),
            ],
        )?;
        self.record_fact(Some(mailbox.id), Fact::MailboxUpdated)
    }

    /// Refuses a second mailbox of one special use; INBOX has none (RFC 6154 §2 knows none
    /// for it, and programs file into what has one).
    pub(super) fn check_special_use_free(
        &mut self,
        name: &MailboxName,
        special_use: Option<SpecialUse>,
    ) -> Result<()> {
        let Some(special_use) = special_use else { return Ok(()) };
        if name.is_inbox() {
            return Err(StorageError::Invalid("INBOX has no special use"));
        }
        let account = Value::Int(self.account.get());
        let taken = self.sql.query_one(
            "SELECT id FROM mailbox WHERE account_id = ?1 AND special_use = ?2",
            &[account, Value::Text(special_use.column())],
            |row| row.int(0),
        )?;
        match taken {
            None => Ok(()),
            Some(_) => Err(StorageError::AlreadyExists("a mailbox of this special use")),
        }
    }
}
