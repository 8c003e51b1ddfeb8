//! Links by which the owner of an account sets its password (R-ADDR-8). Whoever has one needs no
//! other password, so a manager makes it, and it is the manager's word: rights withdrawn from the
//! account (R-ADDR-7) do not hinder it.
//!
//! **Invariants:** of a secret only its hash is kept; an account has one link, the newest; it is
//! good for hours and once, and is erased by whatever else changes the password, blocks the account
//! or removes it.

use std::net::IpAddr;

use ids::{AccountId, Timestamp};

use super::{Account, Role, ScramVerifier};
use crate::sql::Value;
use crate::{AccountTx, ActivityKind, Address, ReadTx, Resolution, Result, StorageError, WriteTx};

/// LIMIT: hours that a link is good for at most: somebody on holiday comes back within a week.
pub const PASSWORD_LINK_HOURS_MAX: u32 = 168;

/// What it is called in errors.
const NOUN: &str = "password link";

/// A link that can be used now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordLink {
    /// The account whose password the link sets.
    pub account: AccountId,
    /// The account's primary address as it was given.
    pub address: String,
    /// When it was made.
    pub created: Timestamp,
    /// The instant from which on the link no longer works.
    pub expires: Timestamp,
    /// The account that made it; `None`: who runs the server.
    pub made_by: Option<AccountId>,
}

/// A link that was just made.
pub struct MadePasswordLink {
    /// What the link is made of, which is told this once: 64 hexadecimal digits.
    pub secret: String,
    /// The instant from which on the link no longer works.
    pub expires: Timestamp,
}

fn hash(secret: &str) -> [u8; 32] {
    *blake3::hash(secret.as_bytes()).as_bytes()
}

impl ReadTx<'_> {
    /// The link of this secret, if it can be used now. Looking uses nothing up.
    pub fn find_password_link(
        &mut self,
        secret: &str,
        now: Timestamp,
    ) -> Result<Option<PasswordLink>> {
        self.sql.query_one(
            "SELECT l.account_id, a.display_address, l.created, l.expires, l.made_by \
             FROM password_link l JOIN account a ON a.id = l.account_id \
             WHERE l.secret = ?1 AND l.expires > ?2 AND a.blocked = 0",
            &[Value::Bytes(&hash(secret)), Value::Int(now.as_micros())],
            |row| {
                Ok(PasswordLink {
                    account: AccountId::new(row.int(0)?),
                    address: row.text(1)?.to_owned(),
                    created: Timestamp::from_micros(row.int(2)?),
                    expires: Timestamp::from_micros(row.int(3)?),
                    made_by: row.opt_int(4)?.map(AccountId::new),
                })
            },
        )
    }
}

impl AccountTx<'_, '_> {
    /// Makes a link of `random` that is good for `valid_hours`, in the place of the account's older
    /// one. `sent_to` is where whoever makes it sends it in this transaction.
    ///
    /// # Errors
    /// [`StorageError::Invalid`] for hours beyond [`PASSWORD_LINK_HOURS_MAX`], for an account that
    /// is blocked or that nobody signs in to, and where the letter would come to the account itself
    /// or to nobody; [`StorageError::NoPermission`] for who does not administer the account.
    pub fn make_password_link(
        &mut self,
        random: &[u8; 32],
        valid_hours: u32,
        sent_to: Option<&Address>,
    ) -> Result<MadePasswordLink> {
        let account = self.account;
        let found = self.load_account(account)?;
        self.require_manager(&found)?;
        self.require_signs_in()?;
        if found.blocked {
            return Err(StorageError::Invalid("the account is blocked"));
        }
        if !(1..=PASSWORD_LINK_HOURS_MAX).contains(&valid_hours) {
            return Err(StorageError::Invalid("a link is good for 1 to 168 hours"));
        }
        if let Some(address) = sent_to {
            self.require_other_reader(address)?;
        }
        let secret: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let (now, made_by) = (self.now, self.is_at_word.then_some(self.actor));
        let expires = now.plus_secs(i64::from(valid_hours) * 3_600);
        self.sql.execute(
            "INSERT INTO password_link (account_id, secret, made_by, created, expires) \
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (account_id) \
             DO UPDATE SET secret = ?2, made_by = ?3, created = ?4, expires = ?5",
            &[
                Value::Int(account.get()),
                Value::Bytes(&hash(&secret)),
                made_by.map_or(Value::Null, |by| Value::Int(by.get())),
                Value::Int(now.as_micros()),
                Value::Int(expires.as_micros()),
            ],
        )?;
        let detail = self.who_made_it(made_by, sent_to)?;
        self.note_own(ActivityKind::PasswordLinkMade, &detail)?;
        Ok(MadePasswordLink { secret, expires })
    }

    /// Who runs the server may make one, and who administers the account: that of an owner only
    /// another owner, for an administrator would become one by it.
    fn require_manager(&mut self, account: &Account) -> Result<()> {
        let actor = self.actor;
        let may = !self.is_at_word
            || (self.administers(actor, account)?
                && (account.role != Role::Owner || self.load_account(actor)?.role == Role::Owner));
        match may {
            true => Ok(()),
            false => Err(StorageError::NoPermission("this is for an administrator to do")),
        }
    }

    /// Refuses a letter that nobody could read who has no password.
    fn require_other_reader(&mut self, address: &Address) -> Result<()> {
        let account = self.account;
        match self.resolve(address)? {
            Resolution::Account(found) if found.account == account => Err(StorageError::Invalid(
                "mail to that address comes to the account itself, where nobody without its \
                 password reads it",
            )),
            Resolution::UnknownRecipient => {
                Err(StorageError::Invalid("nobody here has the address the link is to be sent to"))
            }
            Resolution::Account(found) if self.load_account(found.account)?.blocked => {
                Err(StorageError::Invalid("whom the link is to be sent to is blocked"))
            }
            // Each of its members would have the account.
            Resolution::List(_) => {
                Err(StorageError::Invalid("a link is sent to one person, and not to a list"))
            }
            Resolution::Account(_) | Resolution::Relay => Ok(()),
        }
    }

    /// What the log of the account says of a link.
    fn who_made_it(
        &mut self,
        made_by: Option<AccountId>,
        sent_to: Option<&Address>,
    ) -> Result<String> {
        let who = match made_by {
            Some(by) => self.load_account(by)?.address,
            None => "the operator".to_owned(),
        };
        Ok(match sent_to {
            Some(address) => format!("by {who}, sent to {address}"),
            None => format!("by {who}"),
        })
    }

    /// Erases the account's link: something else was decided about its password.
    pub(crate) fn drop_password_link(&mut self) -> Result<()> {
        let account = Value::Int(self.account.get());
        let sql = "DELETE FROM password_link WHERE account_id = ?1";
        self.sql.execute(sql, &[account]).map(drop)
    }
}

impl WriteTx<'_> {
    /// Sets the password of the account that a link is for, as
    /// [`set_password_hash`](AccountTx::set_password_hash) does, with what SCRAM compares with, and
    /// erases the link. `peer` is where it was used from. Of several at once one wins.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where no link of this secret can be used.
    pub fn use_password_link(
        &mut self,
        secret: &str,
        password_hash: &str,
        scram: Option<&ScramVerifier>,
        peer: IpAddr,
    ) -> Result<AccountId> {
        let now = self.now;
        let found = self.find_password_link(secret, now)?.ok_or(StorageError::NotFound(NOUN))?;
        let mut account = self.account(found.account)?;
        // The account is locked only now: another may have used or replaced it in between.
        let erased = account.sql.execute(
            "DELETE FROM password_link WHERE account_id = ?1 AND secret = ?2 AND expires > ?3",
            &[
                Value::Int(found.account.get()),
                Value::Bytes(&hash(secret)),
                Value::Int(now.as_micros()),
            ],
        )?;
        if erased == 0 {
            return Err(StorageError::NotFound(NOUN));
        }
        account.replace_password(password_hash, Some(peer))?;
        if let Some(verifier) = scram {
            account.put_scram_verifier(None, verifier)?;
        }
        Ok(found.account)
    }
}

#[cfg(test)]
mod tests;
