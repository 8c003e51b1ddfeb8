//! Sieve scripts of an account (R-FILT-1), as ManageSieve keeps them (RFC 5804).
//!
//! Whether a script is one is for who compiles it; here it is bytes with a name.

use ids::AccountId;
use unicode_normalization::UnicodeNormalization as _;

use crate::change::Fact;
use crate::sql::Value;
use crate::{AccountTx, LimitKind, ReadTx, Result, ShareRights, StorageError};

/// LIMIT: RFC 5804 §1.6 asks for names of 128 characters.
const NAME_BYTES_MAX: usize = 512;

/// The name of a script or a responder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScriptName(String);

impl ScriptName {
    /// A name: brought into NFC, without control characters or line ends (RFC 5804 §1.6).
    ///
    /// # Errors
    /// [`StorageError::Invalid`] where it is no name.
    pub fn parse(name: &str) -> Result<Self> {
        let name: String = name.nfc().collect();
        let bad = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        match name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(bad) {
            true => Err(StorageError::Invalid("not a name: empty, too long, or with controls")),
            false => Ok(Self(name)),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn stored(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl std::fmt::Display for ScriptName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A script in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The name of the script.
    pub name: ScriptName,
    /// Whether it is the one that runs.
    pub active: bool,
    /// The size of its text in bytes.
    pub size_bytes: u64,
    /// What the text was written by.
    pub author: ScriptAuthor,
}

/// What the text of a script was written by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptAuthor {
    /// A person, in an editor.
    Person,
    /// A list of rules, and nobody changed it since.
    RuleList,
}

impl ReadTx<'_> {
    /// The scripts of an account, by name.
    pub fn list_scripts(&mut self, account: AccountId) -> Result<Vec<Script>> {
        self.sql.query_all(
            "SELECT name, active, size_bytes, of_rules FROM script WHERE account_id = ?1 ORDER BY name",
            &[Value::Int(account.get())],
            |row| {
                Ok(Script {
                    name: ScriptName::stored(row.text(0)?),
                    active: row.int(1)? != 0,
                    size_bytes: row.int(2)?.cast_unsigned(),
                    author: match row.int(3)? {
                        0 => ScriptAuthor::Person,
                        _ => ScriptAuthor::RuleList,
                    },
                })
            },
        )
    }

    /// The text of a script.
    pub fn find_script(
        &mut self,
        account: AccountId,
        name: &ScriptName,
    ) -> Result<Option<Vec<u8>>> {
        self.sql.query_one(
            "SELECT text FROM script WHERE account_id = ?1 AND name = ?2",
            &[Value::Int(account.get()), Value::Text(name.as_str())],
            |row| Ok(row.bytes(0)?.to_vec()),
        )
    }

    /// Refuses a script for which there is no room (RFC 5804 §2.5). One of its name would make
    /// room. `settings` are those of the store.
    ///
    /// # Errors
    /// [`StorageError::TooBig`] for a script that is too large, [`StorageError::Limit`] where there
    /// are too many.
    pub fn check_script_room(
        &mut self,
        account: AccountId,
        name: &ScriptName,
        size_bytes: u64,
        settings: &crate::Settings,
    ) -> Result<()> {
        let limit_bytes = settings.script_bytes_max;
        if size_bytes > limit_bytes {
            return Err(StorageError::TooBig { size_bytes, limit_bytes });
        }
        let others = self.sql.query_one(
            "SELECT COUNT(*), CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM script \
             WHERE account_id = ?1 AND name <> ?2",
            &[Value::Int(account.get()), Value::Text(name.as_str())],
            |row| Ok((row.int(0)?.cast_unsigned(), row.int(1)?.cast_unsigned())),
        )?;
        let (count, bytes) = others.unwrap_or_default();
        if count >= settings.scripts_max {
            return Err(StorageError::Limit {
                kind: LimitKind::Scripts,
                max: settings.scripts_max,
            });
        }
        let max = settings.scripts_bytes_max;
        match bytes.saturating_add(size_bytes) > max {
            true => Err(StorageError::Limit { kind: LimitKind::ScriptBytes, max }),
            false => Ok(()),
        }
    }
}

impl AccountTx<'_, '_> {
    /// Puts a script in the place of the one of its name, if there is one; that one stays active
    /// if it was (RFC 5804 §2.6).
    pub fn put_script(&mut self, name: &ScriptName, text: &[u8]) -> Result<()> {
        self.require_share(ShareRights::FILTERS)?;
        self.write_script(name, text, ScriptAuthor::Person)
    }

    /// Puts what a list of rules says in the place of what one said before. What a person wrote is
    /// not lost to a list (R-FILT-1), except where it is to be overwritten.
    ///
    /// # Errors
    /// [`StorageError::AlreadyExists`] where a person wrote a script of this name.
    pub fn put_rule_list(
        &mut self,
        name: &ScriptName,
        text: &[u8],
        overwrite: Overwrite,
    ) -> Result<()> {
        self.require_share(ShareRights::FILTERS)?;
        let account = self.account;
        if overwrite == Overwrite::RuleLists
            && self.script_author(account, name)? == Some(ScriptAuthor::Person)
        {
            return Err(StorageError::AlreadyExists("a script of this name that a person wrote"));
        }
        self.write_script(name, text, ScriptAuthor::RuleList)
    }

    fn write_script(&mut self, name: &ScriptName, text: &[u8], author: ScriptAuthor) -> Result<()> {
        let (account, settings) = (self.account, self.settings);
        self.check_script_room(account, name, text.len() as u64, settings)?;
        let now = self.now.as_micros();
        self.sql.execute(
            // A list that an editor puts back as it was is a list still.
            "INSERT INTO script (account_id, name, text, size_bytes, changed, of_rules) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (account_id, name) DO UPDATE SET \
             text = ?3, size_bytes = ?4, changed = ?5, failure_told = 0, \
             of_rules = CASE WHEN script.text = ?3 AND script.of_rules = 1 THEN 1 ELSE ?6 END",
            &[
                Value::Int(account.get()),
                Value::Text(name.as_str()),
                Value::Bytes(text),
                Value::Int(text.len() as i64),
                Value::Int(now),
                Value::Int(i64::from(author == ScriptAuthor::RuleList)),
            ],
        )?;
        self.touch_rules()?;
        self.record_fact(None, Fact::AccountUpdated)
    }

    /// Makes a script the one that runs, in place of the one that was; `None`: none runs
    /// (RFC 5804 §2.8).
    pub fn activate_script(&mut self, name: Option<&ScriptName>) -> Result<()> {
        self.require_share(ShareRights::FILTERS)?;
        let account = Value::Int(self.account.get());
        if let Some(name) = name {
            self.require_script(name)?;
        }
        self.sql.execute(
            "UPDATE script SET active = 0 WHERE account_id = ?1 AND active = 1",
            &[account],
        )?;
        if let Some(name) = name {
            self.sql.execute(
                "UPDATE script SET active = 1, failure_told = 0 \
                 WHERE account_id = ?1 AND name = ?2",
                &[account, Value::Text(name.as_str())],
            )?;
        }
        self.touch_rules()?;
        let name = name.map(|name| name.as_str().to_owned()).unwrap_or_default();
        self.record_fact(None, Fact::ScriptActivated { name })
    }

    /// Removes a script. RFC 5804 §2.10: not the active one.
    ///
    /// # Errors
    /// [`StorageError::InUse`] where it is active, [`StorageError::NotFound`] where there is none.
    pub fn delete_script(&mut self, name: &ScriptName) -> Result<()> {
        self.require_share(ShareRights::FILTERS)?;
        if self.require_script(name)? {
            return Err(StorageError::InUse("the script is active"));
        }
        let account = self.account;
        self.sql.execute(
            "DELETE FROM script WHERE account_id = ?1 AND name = ?2",
            &[Value::Int(account.get()), Value::Text(name.as_str())],
        )?;
        // A script may be included by the one that runs.
        self.touch_rules()?;
        self.record_fact(None, Fact::AccountUpdated)
    }

    /// Gives a script another name. RFC 5804 §2.11: the active one stays active.
    ///
    /// # Errors
    /// [`StorageError::AlreadyExists`] where the new name is taken, [`StorageError::NotFound`]
    /// where there is none of the old one.
    pub fn rename_script(&mut self, from: &ScriptName, to: &ScriptName) -> Result<()> {
        self.require_share(ShareRights::FILTERS)?;
        self.require_script(from)?;
        let account = self.account;
        if self.script_state(account, to)?.is_some() {
            return Err(StorageError::AlreadyExists("a script of this name"));
        }
        self.sql.execute(
            "UPDATE script SET name = ?3 WHERE account_id = ?1 AND name = ?2",
            &[Value::Int(account.get()), Value::Text(from.as_str()), Value::Text(to.as_str())],
        )?;
        self.touch_rules()?;
        self.record_fact(None, Fact::AccountUpdated)
    }

    /// R-FILT-2: whether the owner is to be told now that a script, the active one where none is
    /// named, failed: once for each text of it.
    pub fn claim_failure(&mut self, name: Option<&ScriptName>) -> Result<bool> {
        let account = self.account;
        if let Some(name) = name {
            let changed = self.sql.execute(
                "UPDATE script SET failure_told = 1 \
                 WHERE account_id = ?1 AND name = ?2 AND failure_told = 0",
                &[Value::Int(account.get()), Value::Text(name.as_str())],
            )?;
            return Ok(changed > 0);
        }
        let changed = self.sql.execute(
            "UPDATE script SET failure_told = 1 \
             WHERE account_id = ?1 AND active = 1 AND failure_told = 0",
            &[Value::Int(account.get())],
        )?;
        Ok(changed > 0)
    }

    /// Whether the script is active, refusing where there is none.
    fn require_script(&mut self, name: &ScriptName) -> Result<bool> {
        let account = self.account;
        self.script_state(account, name)?.ok_or(StorageError::NotFound("script"))
    }
}

/// Which scripts a list of rules may take the place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// The scripts that lists of rules were written as.
    RuleLists,
    /// Any script.
    Anything,
}

impl ReadTx<'_> {
    fn script_author(
        &mut self,
        account: AccountId,
        name: &ScriptName,
    ) -> Result<Option<ScriptAuthor>> {
        self.sql.query_one(
            "SELECT of_rules FROM script WHERE account_id = ?1 AND name = ?2",
            &[Value::Int(account.get()), Value::Text(name.as_str())],
            |row| match row.int(0)? {
                0 => Ok(ScriptAuthor::Person),
                _ => Ok(ScriptAuthor::RuleList),
            },
        )
    }

    fn script_state(&mut self, account: AccountId, name: &ScriptName) -> Result<Option<bool>> {
        self.sql.query_one(
            "SELECT active FROM script WHERE account_id = ?1 AND name = ?2",
            &[Value::Int(account.get()), Value::Text(name.as_str())],
            |row| Ok(row.int(0)? != 0),
        )
    }
}
