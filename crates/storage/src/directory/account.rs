//! Accounts: created with their first mailboxes, changed, and removed with all they own. Addresses,
//! passwords and limits have files of their own.

use ids::{AccountId, DomainId, ModSeq, Timestamp};

use super::Withdrawn;
use super::organisation::Going;
use crate::change::Fact;
use crate::mailbox::{MailboxName, SpecialUse};
use crate::sql::{Row, Value};
use crate::view::MailboxDelta;
use crate::{AccountTx, Address, ReadTx, Result, StorageError, WriteTx};

/// LIMIT: a name is shown in lists and headers; 255 bytes hold any person's.
const NAME_BYTES_MAX: usize = 255;

/// What the holder of an account may do in the organisation (R-ORG-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// May do everything in the organisation.
    Owner,
    /// Everything but what concerns owners.
    Administrator,
    /// Manages their own account and nothing else of the organisation.
    Collaborator,
    /// May use only what was shared with them.
    External,
}

impl Role {
    const NAMES: [(Self, &'static str); 4] = [
        (Self::Owner, "owner"),
        (Self::Administrator, "administrator"),
        (Self::Collaborator, "collaborator"),
        (Self::External, "external"),
    ];

    /// The role of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(role, _)| *role)
    }

    /// Its name, as stored and as written on command lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Administrator => "administrator",
            Self::Collaborator => "collaborator",
            Self::External => "external",
        }
    }
}

/// What an account is created with.
#[derive(Clone)]
pub struct NewAccount {
    /// The primary address, on a domain of the store.
    pub address: Address,
    /// The holder's name; may be empty.
    pub name: String,
    /// What the account may do in its organisation.
    pub role: Role,
    /// PHC string; empty: nobody can sign in.
    pub password_hash: String,
    /// Bytes of mail it may keep; 0: no limit.
    pub quota_bytes: u64,
    /// Whether it has mail and no calendars or contacts.
    pub mail_only: bool,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The id of the account.
    pub id: AccountId,
    /// The domain of its primary address.
    pub domain: DomainId,
    /// The primary address in normal form.
    pub address: String,
    /// The primary address as it was given.
    pub display_address: String,
    /// The holder's name.
    pub name: String,
    /// What the account may do in its organisation.
    pub role: Role,
    /// R-ADDR-12: cannot sign in anywhere.
    pub blocked: bool,
    /// R-ADDR-12: mail is received and kept, reading and sending refused.
    pub maintenance: bool,
    /// Whether it has mail and no calendars or contacts.
    pub mail_only: bool,
    /// R-ADDR-6: mail to `local+detail` goes to the mailbox `detail` where that exists.
    pub plus_to_mailbox: bool,
    /// Bytes it may keep; 0: no limit.
    pub quota_bytes: u64,
    /// Messages it may keep; 0: no limit.
    pub quota_messages: u64,
    /// Mailboxes it may have; 0: the store's limit.
    pub quota_mailboxes: u64,
    /// Bytes it keeps; a copy counts like an original.
    pub used_bytes: u64,
    /// Messages in all its mailboxes.
    pub messages: u64,
    /// How many mailboxes it has, without names that only have children.
    pub mailboxes: u64,
    /// How many aliases it has (R-ADDR-2).
    pub aliases: u64,
    /// The modification sequence of its last write transaction.
    pub modseq: ModSeq,
    /// Grows when sessions signed in before must end (R-ADDR-8).
    pub credential_version: u64,
    /// When it was created.
    pub created: Timestamp,
    /// IMAP capabilities that are switched off for it.
    pub capabilities_off: Vec<String>,
    /// It is a shared account: nobody signs in to it, and others see its mailboxes below
    /// `Shared Folders/`.
    pub is_shared: bool,
    /// R-ADDR-7: what it may not change of its own.
    pub withdrawn: Withdrawn,
}

macro_rules! select_account {
    ($rest:literal) => {
        concat!(
            "SELECT a.id, a.domain_id, a.address, a.display_address, a.name, a.role, a.blocked, ",
            "a.maintenance, a.mail_only, a.plus_to_mailbox, a.quota_bytes, a.used_bytes, ",
            "a.message_count, a.mailbox_count, a.alias_count, a.modseq, a.credential_version, ",
            "a.created, a.quota_messages, a.quota_mailboxes, a.capabilities_off, a.shared, ",
            "a.withdrawn ",
            "FROM account a ",
            $rest
        )
    };
}

fn read(row: &dyn Row) -> Result<Account> {
    let flag = |column| row.int(column).map(|value| value != 0);
    let count = |column| row.int(column).map(i64::cast_unsigned);
    Ok(Account {
        id: AccountId::new(row.int(0)?),
        domain: DomainId::new(row.int(1)?),
        address: row.text(2)?.to_owned(),
        display_address: row.text(3)?.to_owned(),
        name: row.text(4)?.to_owned(),
        role: Role::parse(row.text(5)?)
            .ok_or_else(|| StorageError::Corrupt("an account has an unknown role".to_owned()))?,
        blocked: flag(6)?,
        maintenance: flag(7)?,
        mail_only: flag(8)?,
        plus_to_mailbox: flag(9)?,
        quota_bytes: count(10)?,
        used_bytes: count(11)?,
        messages: count(12)?,
        mailboxes: count(13)?,
        aliases: count(14)?,
        modseq: ModSeq::new(count(15)?),
        credential_version: count(16)?,
        created: Timestamp::from_micros(row.int(17)?),
        quota_messages: count(18)?,
        quota_mailboxes: count(19)?,
        capabilities_off: row.text(20)?.split_ascii_whitespace().map(str::to_owned).collect(),
        is_shared: flag(21)?,
        withdrawn: Withdrawn::from_column(row.int(22)?),
    })
}

impl ReadTx<'_> {
    /// Every account, by address.
    pub fn list_accounts(&mut self) -> Result<Vec<Account>> {
        self.sql.query_all(select_account!("ORDER BY a.address"), &[], read)
    }

    /// The account of this id.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is none.
    pub fn load_account(&mut self, account: AccountId) -> Result<Account> {
        self.sql
            .query_one(select_account!("WHERE a.id = ?1"), &[Value::Int(account.get())], read)?
            .ok_or(StorageError::NotFound("account"))
    }

    /// The account whose primary address this is, also under a domain alias.
    pub fn find_account(&mut self, address: &Address) -> Result<Option<Account>> {
        self.sql.query_one(
            select_account!(
                "JOIN domain d ON a.domain_id = COALESCE(d.alias_of, d.id) \
                 JOIN address x ON x.domain_id = a.domain_id AND x.account_id = a.id \
                 WHERE d.name = ?1 AND x.local = ?2 AND x.kind = 'primary'"
            ),
            &[Value::Text(address.domain()), Value::Text(address.local())],
            read,
        )
    }
}

/// What goes with the account ?1, and what names it.
const OWNED: &[&str] = &[
    "DELETE FROM message WHERE mailbox_id IN (SELECT id FROM mailbox WHERE account_id = ?1)",
    "DELETE FROM flag_sweep WHERE mailbox_id IN (SELECT id FROM mailbox WHERE account_id = ?1)",
    "DELETE FROM annotation WHERE mailbox_id IN (SELECT id FROM mailbox WHERE account_id = ?1)",
    "DELETE FROM annotation WHERE scope = ?1",
    "DELETE FROM expunged WHERE account_id = ?1",
    "DELETE FROM acl WHERE mailbox_id IN (SELECT id FROM mailbox WHERE account_id = ?1)",
    "DELETE FROM acl WHERE grantee = ?1",
    "DELETE FROM account_share WHERE account_id = ?1 OR grantee = ?1",
    "DELETE FROM team_member WHERE account_id = ?1",
    "DELETE FROM list_member WHERE account_id = ?1",
    "UPDATE mail_list SET owner = NULL WHERE owner = ?1",
    "DELETE FROM metadata WHERE mailbox_id IN (SELECT id FROM mailbox WHERE account_id = ?1)",
    "DELETE FROM metadata WHERE account_id = ?1",
    "DELETE FROM url_key WHERE mailbox_id IN (SELECT id FROM mailbox WHERE account_id = ?1)",
    "DELETE FROM url_key WHERE account_id = ?1",
    "DELETE FROM card_address WHERE account_id = ?1",
    "DELETE FROM attachment_use WHERE object_id IN (SELECT o.id FROM object o \
     JOIN collection c ON c.id = o.collection_id WHERE c.account_id = ?1)",
    // Maintenance erases them with their blobs.
    "UPDATE attachment SET account_id = NULL, unnamed_since = 0 WHERE account_id = ?1",
    "DELETE FROM own_alarms WHERE account_id = ?1",
    "DELETE FROM own_alarms WHERE object_id IN (SELECT o.id FROM object o \
     JOIN collection c ON c.id = o.collection_id WHERE c.account_id = ?1)",
    "DELETE FROM object_data WHERE object_id IN (SELECT o.id FROM object o \
     JOIN collection c ON c.id = o.collection_id WHERE c.account_id = ?1)",
    "DELETE FROM object WHERE collection_id IN (SELECT id FROM collection WHERE account_id = ?1)",
    "DELETE FROM object_gone WHERE collection_id IN (SELECT id FROM collection WHERE account_id = ?1)",
    "DELETE FROM dead_property WHERE collection_id IN (SELECT id FROM collection WHERE account_id = ?1)",
    "DELETE FROM collection_share WHERE collection_id IN (SELECT id FROM collection WHERE account_id = ?1)",
    "DELETE FROM collection_share WHERE grantee = ?1",
    "DELETE FROM collection_overlay WHERE account_id = ?1 OR collection_id IN (SELECT id FROM collection WHERE account_id = ?1)",
    "DELETE FROM overlay_property WHERE account_id = ?1 OR collection_id IN (SELECT id FROM collection WHERE account_id = ?1)",
    "DELETE FROM calendar_proxy WHERE account_id = ?1 OR grantee = ?1",
    "DELETE FROM object_version WHERE account_id = ?1",
    "DELETE FROM dav_lock WHERE account_id = ?1 OR holder = ?1",
    "DELETE FROM outsider WHERE collection_id IN (SELECT id FROM collection WHERE account_id = ?1)",
    "DELETE FROM outside_letter WHERE account_id = ?1",
    "DELETE FROM public_calendar WHERE collection_id IN (SELECT id FROM collection WHERE account_id = ?1)",
    "DELETE FROM push_subscription WHERE account_id = ?1 OR collection_id IN (SELECT id FROM collection WHERE account_id = ?1)",
    "DELETE FROM meeting_letter WHERE account_id = ?1",
    "DELETE FROM home_member WHERE view_id IN \
     (SELECT id FROM home_view WHERE viewer_id = ?1 OR owner_id = ?1)",
    "DELETE FROM home_view WHERE viewer_id = ?1 OR owner_id = ?1",
    "DELETE FROM collection WHERE account_id = ?1",
    "DELETE FROM sort_column WHERE block_id IN (SELECT b.id FROM sort_block b \
     JOIN mailbox m ON m.id = b.mailbox_id WHERE m.account_id = ?1)",
    "DELETE FROM sort_block WHERE mailbox_id IN (SELECT id FROM mailbox WHERE account_id = ?1)",
    "DELETE FROM mailbox WHERE account_id = ?1",
    "DELETE FROM subscription WHERE account_id = ?1",
    "DELETE FROM address WHERE account_id = ?1",
    "DELETE FROM scram_verifier WHERE account_id = ?1",
    "DELETE FROM access_key WHERE account_id = ?1",
    // Who goes takes along what they handed out.
    "DELETE FROM password_link WHERE account_id = ?1 OR made_by = ?1",
    "DELETE FROM sending WHERE account_id = ?1",
    "DELETE FROM sent_on WHERE account_id = ?1",
    "DELETE FROM activity WHERE account_id = ?1",
    "DELETE FROM sign_in_place WHERE account_id = ?1",
    "DELETE FROM activity_told WHERE account_id = ?1",
    "DELETE FROM list_value WHERE list_id IN (SELECT id FROM value_list WHERE account_id = ?1)",
    "DELETE FROM value_list WHERE account_id = ?1",
    "DELETE FROM script WHERE account_id = ?1",
    "DELETE FROM responder WHERE account_id = ?1",
    "DELETE FROM answered WHERE account_id = ?1",
    "DELETE FROM seen WHERE account_id = ?1",
    "DELETE FROM mailbox_event WHERE account_id = ?1",
    "DELETE FROM redirection WHERE account_id = ?1",
    "DELETE FROM confirmation WHERE account_id = ?1",
    "DELETE FROM room WHERE account_id = ?1",
    "UPDATE domain SET catch_all = NULL WHERE catch_all = ?1",
    "UPDATE spool SET account_id = NULL WHERE account_id = ?1",
    "UPDATE search_segment SET state = 2 WHERE account_id = ?1",
    "DELETE FROM account WHERE id = ?1",
];

impl WriteTx<'_> {
    /// Creates an account with INBOX and, with their special uses, Drafts, Sent, Junk, Trash and
    /// Archive, all subscribed (R-FOLD-1).
    ///
    /// # Errors
    /// [`StorageError::AlreadyExists`] where anything has the address (R-ADDR-3),
    /// [`StorageError::NotFound`] where the domain is none of ours.
    pub fn create_account(&mut self, new: NewAccount) -> Result<AccountId> {
        check_name(&new.name)?;
        let quota_bytes = bytes_column(new.quota_bytes)?;
        let (domain, _) = self.lock_real_domain(new.address.domain())?;
        let address = new.address.normal_text();
        let display = new.address.to_string();
        let now = self.now.as_micros();
        let id = self.sql.query_one(
            "INSERT INTO account (domain_id, address, display_address, name, role, \
             password_hash, credential_version, quota_bytes, mail_only, created) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?8, ?9) \
             ON CONFLICT (address) DO NOTHING RETURNING id",
            &[
                Value::Int(domain.get()),
                Value::Text(&address),
                Value::Text(&display),
                Value::Text(&new.name),
                Value::Text(new.role.as_str()),
                Value::Text(&new.password_hash),
                Value::Int(quota_bytes),
                Value::Int(i64::from(new.mail_only)),
                Value::Int(now),
            ],
            |row| row.int(0),
        )?;
        let id = id.map(AccountId::new).ok_or(StorageError::AlreadyExists("address"))?;
        self.insert_address(domain, &new.address, id, "primary")?;
        // A statement of its own: an account of this address that was being removed meanwhile
        // has raised the floor by now.
        self.sql.execute(
            "UPDATE account SET uid_validity_last = (SELECT value FROM uid_validity_floor) \
             WHERE id = ?1",
            &[Value::Int(id.get())],
        )?;
        // The domain may name a script for what happens in mailboxes.
        self.touch_event_scripts(Some(id), None)?;
        let mut account = self.account(id)?;
        account.create_mailbox(&MailboxName::inbox(), None)?;
        for special_use in SpecialUse::OF_NEW_ACCOUNTS {
            let name = MailboxName::parse(special_use.mailbox_name())?;
            account.create_mailbox(&name, Some(special_use))?;
        }
        self.touch_directory(id)?;
        Ok(id)
    }

    /// Removes an account with everything that is its own. Mail it has spooled still goes out;
    /// bytes that nothing names any more are given back by maintenance. One fact outlives it in
    /// the change log, so that its sessions on every daemon end.
    ///
    /// # Errors
    /// [`StorageError::NoPermission`] for the last owner of an organisation that has other accounts
    /// (R-ORG-1).
    pub fn remove_account(&mut self, account: AccountId) -> Result<()> {
        let mailboxes = self.account(account)?.real_mailboxes()?;
        if self.load_account(account)?.role == Role::Owner {
            self.let_go_of_owner(account, Going::Removed)?;
        }
        self.leave_directory(account)?;
        let modseq = self.modseq(account)?;
        self.record(account, None, Fact::CredentialsChanged)?;
        for mailbox in &mailboxes {
            let mut delta = MailboxDelta::new(account, mailbox.id, modseq);
            delta.deleted = true;
            self.deltas.push(delta);
        }
        let id = Value::Int(account.get());
        self.raise_uid_validity_floor(id)?;
        self.sql.execute(
            "DELETE FROM change WHERE account_id = ?1 AND modseq < ?2",
            &[id, Value::Int(modseq.get().cast_signed())],
        )?;
        OWNED.iter().try_for_each(|sql| self.sql.execute(sql, &[id]).map(drop))
    }

    /// What an account of the same address gets later must be above what this one had
    /// (RFC 9051 §2.3.1.1, R-FOLD-6).
    fn raise_uid_validity_floor(&mut self, account: Value<'_>) -> Result<()> {
        let last = self
            .sql
            .query_one("SELECT uid_validity_last FROM account WHERE id = ?1", &[account], |row| {
                row.int(0)
            })?
            .ok_or(StorageError::NotFound("account"))?;
        self.sql.execute(
            "UPDATE uid_validity_floor SET value = ?1 WHERE value < ?1",
            &[Value::Int(last)],
        )?;
        Ok(())
    }
}

impl AccountTx<'_, '_> {
    /// R-ADDR-12: while on, mail is received and kept, reading and sending refused.
    pub fn set_maintenance(&mut self, maintenance: bool) -> Result<()> {
        let changes = self.changes.len();
        self.set_flag(
            "UPDATE account SET maintenance = ?2 WHERE id = ?1 AND maintenance <> ?2",
            maintenance,
        )?;
        match self.changes.len() == changes {
            true => Ok(()),
            false => self.tx.record_acl_of(self.account),
        }
    }

    /// R-ADDR-6: whether mail to `local+detail` goes to the mailbox `detail` where that exists.
    pub fn set_plus_to_mailbox(&mut self, plus_to_mailbox: bool) -> Result<()> {
        self.set_flag(
            "UPDATE account SET plus_to_mailbox = ?2 WHERE id = ?1 AND plus_to_mailbox <> ?2",
            plus_to_mailbox,
        )
    }

    /// The holder's name.
    pub fn set_name(&mut self, name: &str) -> Result<()> {
        check_name(name)?;
        let account = self.account;
        let before = self.load_account(account)?.name;
        self.set_column(
            "UPDATE account SET name = ?2 WHERE id = ?1 AND name <> ?2",
            Value::Text(name),
        )?;
        if before != name {
            self.touch_directory(account)?;
        }
        self.touch_rules()
    }

    /// The role.
    ///
    /// # Errors
    /// [`StorageError::NoPermission`] if it takes the last owner from an organisation (R-ORG-1).
    pub fn set_role(&mut self, role: Role) -> Result<()> {
        self.require_own()?;
        let account = self.account;
        let before = self.load_account(account)?.role;
        if before == Role::Owner && role != Role::Owner {
            self.let_go_of_owner(account, Going::Demoted)?;
        }
        self.set_column(
            "UPDATE account SET role = ?2 WHERE id = ?1 AND role <> ?2",
            Value::Text(role.as_str()),
        )?;
        match (before == Role::External) == (role == Role::External) {
            true => Ok(()),
            false => self.touch_directory(account),
        }
    }

    /// Whether the account is nobody's, such as `info@`: its mailboxes are seen below `Shared
    /// Folders/`, and change their names for everybody who sees them.
    pub fn set_shared(&mut self, shared: bool) -> Result<()> {
        if shared {
            self.drop_password_link()?;
        }
        self.set_flag("UPDATE account SET shared = ?2 WHERE id = ?1 AND shared <> ?2", shared)
    }

    fn set_flag(&mut self, sql: &'static str, value: bool) -> Result<()> {
        self.set_column(sql, Value::Int(i64::from(value)))
    }

    /// Sets an attribute; records a fact only if it had another value.
    pub(crate) fn set_column(&mut self, sql: &'static str, value: Value<'_>) -> Result<()> {
        self.require_own()?;
        let account = Value::Int(self.account.get());
        match self.sql.execute(sql, &[account, value])? {
            0 => Ok(()),
            _ => self.record_fact(None, Fact::AccountUpdated),
        }
    }
}

/// A number of bytes as a column holds it.
pub(super) fn bytes_column(bytes: u64) -> Result<i64> {
    i64::try_from(bytes).map_err(|_| StorageError::Invalid("the quota is too large"))
}

fn check_name(name: &str) -> Result<()> {
    if name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        return Err(StorageError::Invalid("the name is too long or holds control characters"));
    }
    Ok(())
}

// The hash must not reach a log.
impl std::fmt::Debug for NewAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewAccount")
            .field("address", &self.address)
            .field("name", &self.name)
            .field("role", &self.role)
            .field("quota_bytes", &self.quota_bytes)
            .field("mail_only", &self.mail_only)
            .finish_non_exhaustive()
    }
}
