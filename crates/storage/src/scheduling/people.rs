//! Calendar users (RFC 5545 §3.3.3): which account or outside address a calendar address means.

use ical::scheduling::Users;
use ids::AccountId;

use crate::sql::Value;
use crate::{Address, ReadTx, Result};

/// Where somebody is reached.
#[derive(Debug)]
pub(super) enum Reach {
    /// They get messages in the calendars of this account.
    Here(AccountId),
    /// They get messages by mail, at this address.
    Mail(Address),
    /// Messages cannot reach them.
    Nowhere,
}

impl ReadTx<'_> {
    /// Every address of an account, as calendars name it; the primary one first.
    pub fn calendar_addresses(&mut self, account: AccountId) -> Result<Vec<String>> {
        self.sql.query_all(
            "SELECT x.local, d.name FROM address x \
             JOIN domain d ON COALESCE(d.alias_of, d.id) = x.domain_id \
             WHERE x.account_id = ?1 AND x.kind IN ('primary', 'alias') \
             ORDER BY CASE WHEN x.kind = 'primary' AND d.alias_of IS NULL THEN 0 ELSE 1 END, \
             d.name, x.local",
            &[Value::Int(account.get())],
            |row| Ok(format!("mailto:{}@{}", row.text(0)?, row.text(1)?)),
        )
    }

    /// The account with calendars that an address is of.
    pub fn find_calendar_user(&mut self, address: &Address) -> Result<Option<AccountId>> {
        match self.reach(&format!("mailto:{}", address.normal_text()))? {
            Reach::Here(account) => Ok(Some(account)),
            Reach::Mail(_) | Reach::Nowhere => Ok(None),
        }
    }

    /// The calendar user addresses of an account, normalised for comparison.
    pub(crate) fn calendar_users(&mut self, account: AccountId) -> Result<Users> {
        Ok(Users::new(&self.calendar_addresses(account)?))
    }

    /// How the user of this address is reached.
    pub(super) fn reach(&mut self, user: &str) -> Result<Reach> {
        let Some(address) = mail_address(user) else { return Ok(Reach::Nowhere) };
        let found = self.sql.query_one(
            "SELECT a.id, a.mail_only, a.shared, a.blocked FROM domain d \
             JOIN address x ON x.domain_id = COALESCE(d.alias_of, d.id) AND x.local = ?2 \
             JOIN account a ON a.id = x.account_id WHERE d.name = ?1",
            &[Value::Text(address.domain()), Value::Text(address.local())],
            |row| {
                let has_calendars = row.int(1)? == 0 && row.int(2)? == 0 && row.int(3)? == 0;
                Ok(has_calendars.then_some(AccountId::new(row.int(0)?)))
            },
        )?;
        match found {
            Some(Some(account)) => Ok(Reach::Here(account)),
            Some(None) => Ok(Reach::Mail(address)),
            // A detail, a catch-all, or elsewhere: as with mail.
            None => match self.resolve(&address)? {
                crate::Resolution::UnknownRecipient => Ok(Reach::Nowhere),
                _ => Ok(Reach::Mail(address)),
            },
        }
    }
}

/// RFC 6068 §2: an address, without header fields.
pub(super) fn mail_address(user: &str) -> Option<Address> {
    let (scheme, rest) = user.trim().split_at_checked(7)?;
    if !scheme.eq_ignore_ascii_case("mailto:") {
        return None;
    }
    Address::parse(rest.split('?').next()?).ok()
}
