//! Responders (R-RESP), the out-of-office answers of an account: several may be saved, one at most
//! is active.

mod body;

use ids::AccountId;

use super::confirmation::{Agreement, Purpose};
use super::{LocalTime, ScriptName};
use crate::change::Fact;
use crate::sql::{Row, Value};
use crate::{AccountTx, Address, LimitKind, ReadTx, Result, Sending, ShareRights, StorageError};

pub use body::{ResponderBody, Weekdays};

/// LIMIT: responders of one account.
const RESPONDERS_MAX: u64 = 50;

/// A responder's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResponderId(i64);

impl ResponderId {
    pub(super) fn get(self) -> i64 {
        self.0
    }
}

/// A saved responder of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Responder {
    /// The id; addresses that were answered are remembered by it.
    pub id: ResponderId,
    /// The name, unique in the account.
    pub name: ScriptName,
    /// Whether it is the active one.
    pub active: bool,
    /// The texts, period and days.
    pub body: ResponderBody,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, active, subject, text, html, from_time, until_time, weekdays, ",
            "sender, excluded FROM responder WHERE account_id = ?1 ",
            $rest
        )
    };
}

fn read(row: &dyn Row) -> Result<Responder> {
    let text = |column| row.text(column).map(str::to_owned);
    Ok(Responder {
        id: ResponderId(row.int(0)?),
        name: ScriptName::stored(row.text(1)?),
        active: row.int(2)? != 0,
        body: ResponderBody {
            subject: text(3)?,
            text: text(4)?,
            html: text(5)?,
            from: LocalTime::stored(row.text(6)?),
            until: LocalTime::stored(row.text(7)?),
            weekdays: Weekdays::from_column(row.int(8)?)?,
            sender: Some(text(9)?).filter(|sender| !sender.is_empty()),
            excluded: row.text(10)?.lines().map(str::to_owned).collect(),
        },
    })
}

impl ReadTx<'_> {
    /// The responders of an account, by name.
    pub fn list_responders(&mut self, account: AccountId) -> Result<Vec<Responder>> {
        self.sql.query_all(select!("ORDER BY name"), &[Value::Int(account.get())], read)
    }

    /// The responder of this name, if the account has one.
    pub fn find_responder(
        &mut self,
        account: AccountId,
        name: &ScriptName,
    ) -> Result<Option<Responder>> {
        let params = [Value::Int(account.get()), Value::Text(name.as_str())];
        self.sql.query_one(select!("AND name = ?2"), &params, read)
    }

    /// The one that answers.
    pub(super) fn active_responder(&mut self, account: AccountId) -> Result<Option<Responder>> {
        self.sql.query_one(select!("AND active = 1"), &[Value::Int(account.get())], read)
    }

    pub(super) fn is_active_responder(&mut self, id: ResponderId) -> Result<bool> {
        let found = self.sql.query_one(
            "SELECT 1 FROM responder WHERE id = ?1 AND active = 1",
            &[Value::Int(id.0)],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    /// Whether answers of an account may come from an address: one of its own, or one that
    /// agreed (R-RESP-2).
    pub fn may_answer_as(&mut self, account: AccountId, sender: &Address) -> Result<bool> {
        if matches!(self.sending(account, sender), Ok(Some(Sending::Own))) {
            return Ok(true);
        }
        self.is_confirmed(account, Purpose::Sender, &sender.normal_text())
    }
}

impl AccountTx<'_, '_> {
    /// Saves a responder, which is not active. Where it names another sender, that one may have
    /// to be asked.
    pub fn add_responder(
        &mut self,
        name: &ScriptName,
        mut body: ResponderBody,
    ) -> Result<Agreement> {
        self.require_share(ShareRights::RESPONDER)?;
        body.normalise()?;
        let account = Value::Int(self.account.get());
        let count = self.sql.query_one(
            "SELECT COUNT(*) FROM responder WHERE account_id = ?1",
            &[account],
            |row| Ok(row.int(0)?.cast_unsigned()),
        )?;
        if count.unwrap_or(0) >= RESPONDERS_MAX {
            let (kind, max) = (LimitKind::Responders, RESPONDERS_MAX);
            return Err(StorageError::Limit { kind, max });
        }
        let asked = self.ask_sender(&body)?;
        let name = Value::Text(name.as_str());
        self.write_responder(
            "INSERT INTO responder (account_id, name, subject, text, html, from_time, \
             until_time, weekdays, sender, excluded, changed) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
             ON CONFLICT (account_id, name) DO NOTHING",
            name,
            &body,
        )?
        .ok_or(StorageError::AlreadyExists("a responder of this name"))?;
        Ok(asked)
    }

    /// Changes a responder. It stays active if it was, and R-RESP-4: whom it answered stays
    /// known.
    pub fn edit_responder(
        &mut self,
        name: &ScriptName,
        change: impl FnOnce(&mut ResponderBody) -> Result<()>,
    ) -> Result<Agreement> {
        self.require_share(ShareRights::RESPONDER)?;
        let mut body = self.load_responder(name)?.body;
        change(&mut body)?;
        body.normalise()?;
        let asked = self.ask_sender(&body)?;
        self.write_responder(
            "UPDATE responder SET subject = ?3, text = ?4, html = ?5, from_time = ?6, \
             until_time = ?7, weekdays = ?8, sender = ?9, excluded = ?10, changed = ?11 \
             WHERE account_id = ?1 AND name = ?2",
            Value::Text(name.as_str()),
            &body,
        )?
        .ok_or(StorageError::NotFound("responder"))?;
        Ok(asked)
    }

    /// Makes a responder the active one, in place of the one that was (R-RESP-1); `None`: none
    /// is.
    pub fn activate_responder(&mut self, name: Option<&ScriptName>) -> Result<()> {
        self.require_share(ShareRights::RESPONDER)?;
        let account = Value::Int(self.account.get());
        if let Some(name) = name {
            self.load_responder(name)?;
        }
        self.sql.execute(
            "UPDATE responder SET active = 0 WHERE account_id = ?1 AND active = 1",
            &[account],
        )?;
        if let Some(name) = name {
            self.sql.execute(
                "UPDATE responder SET active = 1 WHERE account_id = ?1 AND name = ?2",
                &[account, Value::Text(name.as_str())],
            )?;
        }
        self.responders_changed()
    }

    /// Switches off one responder, if it is the active one.
    pub fn deactivate_responder(&mut self, name: &ScriptName) -> Result<()> {
        self.require_share(ShareRights::RESPONDER)?;
        match self.load_responder(name)?.active {
            true => self.activate_responder(None),
            false => Ok(()),
        }
    }

    /// Forgets whom a responder answered, and whom scripts did (R-RESP-4).
    pub fn reset_responder(&mut self, name: &ScriptName) -> Result<()> {
        self.require_share(ShareRights::RESPONDER)?;
        let id = self.load_responder(name)?.id;
        self.forget_answered(id)?;
        self.responders_changed()
    }

    /// Deletes a responder, and the memory of whom it answered.
    pub fn remove_responder(&mut self, name: &ScriptName) -> Result<()> {
        self.require_share(ShareRights::RESPONDER)?;
        let id = self.load_responder(name)?.id;
        self.drop_answered(id)?;
        self.sql.execute("DELETE FROM responder WHERE id = ?1", &[Value::Int(id.0)])?;
        self.responders_changed()
    }

    /// Takes it as given that an address agreed to be named as the sender.
    pub fn confirm_sender(&mut self, sender: &Address) -> Result<()> {
        self.confirm_unasked(Purpose::Sender, sender)?;
        self.touch_rules()
    }

    fn load_responder(&mut self, name: &ScriptName) -> Result<Responder> {
        let account = self.account;
        self.find_responder(account, name)?.ok_or(StorageError::NotFound("responder"))
    }

    fn ask_sender(&mut self, body: &ResponderBody) -> Result<Agreement> {
        let Some(sender) = &body.sender else { return Ok(Agreement::Usable) };
        let (account, sender) = (self.account, Address::parse(sender)?);
        match self.may_answer_as(account, &sender)? {
            true => Ok(Agreement::Usable),
            false => self.ask(Purpose::Sender, &sender),
        }
    }

    /// `None` where no row was written.
    fn write_responder(
        &mut self,
        sql: &'static str,
        name: Value<'_>,
        body: &ResponderBody,
    ) -> Result<Option<()>> {
        let time = |time: &Option<LocalTime>| {
            time.as_ref().map(|time| time.as_str().to_owned()).unwrap_or_default()
        };
        let now = self.now.as_micros();
        let account = self.account;
        let written = self.sql.execute(
            sql,
            &[
                Value::Int(account.get()),
                name,
                Value::Text(&body.subject),
                Value::Text(&body.text),
                Value::Text(&body.html),
                Value::Text(&time(&body.from)),
                Value::Text(&time(&body.until)),
                Value::Int(body.weekdays.column()),
                Value::Text(body.sender.as_deref().unwrap_or_default()),
                Value::Text(&body.excluded.join("\n")),
                Value::Int(now),
            ],
        )?;
        match written {
            0 => Ok(None),
            _ => self.responders_changed().map(Some),
        }
    }

    fn responders_changed(&mut self) -> Result<()> {
        self.touch_rules()?;
        self.record_fact(None, Fact::AccountUpdated)
    }
}
