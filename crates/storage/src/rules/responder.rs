//! Responders (R-RESP): several saved, one active at most.

use ids::AccountId;

use super::confirmation::{Agreement, Purpose};
use super::{LocalTime, ScriptName};
use crate::change::Fact;
use crate::sql::{Row, Value};
use crate::{AccountTx, Address, LimitKind, ReadTx, Result, Sending, ShareRights, StorageError};

/// LIMIT: bytes of a subject (RFC 5322 §2.1.1).
const SUBJECT_BYTES_MAX: usize = 900;
/// LIMIT: bytes of a text or an HTML text; an answer is no newsletter.
const TEXT_BYTES_MAX: u64 = 256 * 1024;
/// LIMIT: addresses and domains that get no answer.
const EXCLUDED_MAX: u64 = 1000;
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

/// Days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weekdays(u8);

impl Weekdays {
    /// Every day.
    pub const ALL: Self = Self(127);

    const NAMES: [&'static str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

    /// `mon,tue`, in any order; `None` where one is no day or there is none.
    pub fn parse(names: &str) -> Option<Self> {
        let bits = names.split(',').try_fold(0, |bits, name| {
            let name = name.trim().to_ascii_lowercase();
            let bit = Self::NAMES.iter().position(|known| *known == name)?;
            Some(bits | 1 << bit)
        })?;
        Some(Self(bits))
    }

    /// Whether a day is among them; 0 is Monday.
    pub const fn has(self, day: u8) -> bool {
        day < 7 && self.0 & (1 << day) != 0
    }

    fn from_column(column: i64) -> Result<Self> {
        match u8::try_from(column) {
            Ok(bits @ 1..=127) => Ok(Self(bits)),
            _ => Err(StorageError::Corrupt("a responder has no days".to_owned())),
        }
    }
}

impl std::fmt::Display for Weekdays {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = Self::NAMES.iter().zip(0u8..).filter(|(_, day)| self.has(*day));
        let names: Vec<&str> = names.map(|(name, _)| *name).collect();
        f.write_str(&names.join(","))
    }
}

/// What a responder says, when, and to whom not (R-RESP-2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponderBody {
    /// The subject; empty: made of that of the message.
    pub subject: String,
    /// The text; one of the two texts is there.
    pub text: String,
    /// The same in HTML; may be empty.
    pub html: String,
    /// From when on it answers.
    pub from: Option<LocalTime>,
    /// Until when, the last second included.
    pub until: Option<LocalTime>,
    /// On which days.
    pub weekdays: Weekdays,
    /// An address other than the account's that answers come from.
    pub sender: Option<String>,
    /// Addresses and `@domain` entries that get no answer, in normal form.
    pub excluded: Vec<String>,
}

impl Default for ResponderBody {
    fn default() -> Self {
        Self {
            subject: String::new(),
            text: String::new(),
            html: String::new(),
            from: None,
            until: None,
            weekdays: Weekdays::ALL,
            sender: None,
            excluded: Vec::new(),
        }
    }
}

/// A responder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Responder {
    /// Its row; whom it answered is remembered by it.
    pub id: ResponderId,
    /// Its name.
    pub name: ScriptName,
    /// Whether it is the active one.
    pub active: bool,
    /// Everything else.
    pub body: ResponderBody,
}

impl ResponderBody {
    /// Checks every part, and brings addresses into their normal form.
    fn normalise(&mut self) -> Result<()> {
        if self.text.is_empty() && self.html.is_empty() {
            return Err(StorageError::Invalid("a responder needs a text"));
        }
        for text in [&self.text, &self.html] {
            let size_bytes = text.len() as u64;
            if size_bytes > TEXT_BYTES_MAX {
                return Err(StorageError::TooBig { size_bytes, limit_bytes: TEXT_BYTES_MAX });
            }
            if text.contains('\0') {
                return Err(StorageError::Invalid("a text with NUL"));
            }
        }
        if self.subject.len() > SUBJECT_BYTES_MAX || self.subject.chars().any(char::is_control) {
            return Err(StorageError::Invalid("the subject is too long or holds controls"));
        }
        if let (Some(from), Some(until)) = (&self.from, &self.until)
            && from > until
        {
            return Err(StorageError::Invalid("the end is before the start"));
        }
        if self.excluded.len() as u64 > EXCLUDED_MAX {
            let (kind, max) = (LimitKind::Exclusions, EXCLUDED_MAX);
            return Err(StorageError::Limit { kind, max });
        }
        for entry in &mut self.excluded {
            *entry = normal_exclusion(entry)?;
        }
        self.excluded.sort_unstable();
        self.excluded.dedup();
        if let Some(sender) = &mut self.sender {
            *sender = Address::parse(sender)?.to_string();
        }
        Ok(())
    }

    /// Whether a sender gets no answer. Details do not make another sender (R-RESP-3).
    pub fn excludes(&self, sender: &str) -> bool {
        let Ok(address) = Address::parse(sender) else { return true };
        let base = super::answered::remembered(sender);
        self.excluded.iter().any(|entry| match entry.strip_prefix('@') {
            Some(domain) => domain == address.domain(),
            None => *entry == base || *entry == address.normal_text(),
        })
    }
}

fn normal_exclusion(entry: &str) -> Result<String> {
    match entry.strip_prefix('@') {
        Some(domain) => Ok(format!("@{}", crate::address::parse_domain(domain)?)),
        None => Ok(Address::parse(entry)?.normal_text()),
    }
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

    /// A responder.
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

    /// Ends the answering of one responder, whichever is active.
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

    /// Removes a responder, and whom it answered.
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
                Value::Int(body.weekdays.0.into()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekdays_have_names() {
        for (text, expect) in [
            ("mon", Some("mon")),
            ("sun, MON,tue", Some("mon,tue,sun")),
            ("mon,tue,wed,thu,fri,sat,sun", Some("mon,tue,wed,thu,fri,sat,sun")),
            ("", None),
            ("monday", None),
            ("mon,", None),
        ] {
            let found = Weekdays::parse(text).map(|days| days.to_string());
            assert_eq!(found.as_deref(), expect, "{text}");
        }
        assert!(Weekdays::parse("sun").unwrap().has(6));
        assert!(!Weekdays::ALL.has(7));
    }

    #[test]
    fn exclusions_are_compared_in_normal_form() {
        let mut body = ResponderBody {
            text: "x".to_owned(),
            excluded: ["Boss@A.test", "@B.test", "@b\u{fc}cher.test", "x+y@c.test"]
                .map(str::to_owned)
                .to_vec(),
            ..ResponderBody::default()
        };
        body.normalise().unwrap();
        for (sender, expect) in [
            ("boss@a.test", true),
            ("boss+x@a.test", true),
            ("other@a.test", false),
            ("anybody@B.TEST", true),
            ("a@sub.b.test", false),
            ("a@xn--bcher-kva.test", true),
            ("x@c.test", false),
            ("x+y@c.test", true),
            ("no address", true),
        ] {
            assert_eq!(body.excludes(sender), expect, "{sender}");
        }
        for entry in ["", "@", "boss", "@a b"] {
            assert!(normal_exclusion(entry).is_err(), "{entry}");
        }
    }
}
