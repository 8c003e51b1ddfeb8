//! Who stands in an account's address books, as its scripts ask (RFC 6134 §2.6).

use ical::Component;
use ids::AccountId;

use super::contacts::addresses_of;
use crate::blob::codec;
use crate::sql::Value;
use crate::{Address, ReadTx, Result};

/// LIMIT: cards of before their addresses were kept that are read for one question. Maintenance
/// reads each of them once and for all.
const OLD_CARDS_MAX: i64 = 1000;

impl ReadTx<'_> {
    /// Whether an address stands in a card of the account, of one book or of any.
    pub fn is_in_books(
        &mut self,
        account: AccountId,
        book: Option<&str>,
        address: &Address,
    ) -> Result<bool> {
        Ok(self.is_known_contact(account, book, address)?
            || self.is_in_old_cards(account, book, address)?)
    }

    /// Whether an address is in a card whose addresses are kept, which is every card where mail
    /// from outside is marked.
    pub(crate) fn is_known_contact(
        &mut self,
        account: AccountId,
        book: Option<&str>,
        address: &Address,
    ) -> Result<bool> {
        let (address, name) = (address.normal_text(), book.unwrap_or_default());
        let id = Value::Int(account.get());
        let known = match book {
            None => self.sql.query_one(
                "SELECT 1 FROM card_address WHERE account_id = ?1 AND address = ?2 LIMIT 1",
                &[id, Value::Text(&address)],
                |_| Ok(()),
            )?,
            Some(_) => self.sql.query_one(
                "SELECT 1 FROM card_address k JOIN object o ON o.id = k.object_id \
                 JOIN collection c ON c.id = o.collection_id \
                 WHERE k.account_id = ?1 AND k.address = ?2 AND c.name = ?3 LIMIT 1",
                &[id, Value::Text(&address), Value::Text(name)],
                |_| Ok(()),
            )?,
        };
        Ok(known.is_some())
    }

    fn is_in_old_cards(
        &mut self,
        account: AccountId,
        book: Option<&str>,
        address: &Address,
    ) -> Result<bool> {
        let (address, name) = (address.normal_text(), book.unwrap_or_default());
        let id = Value::Int(account.get());
        let limits = ical::Limits::default();
        let old = self.sql.query_all(
            "SELECT d.codec, d.data, o.size_bytes FROM collection c \
             JOIN object o ON o.collection_id = c.id AND o.addresses_known = 0 \
             JOIN object_data d ON d.object_id = o.id \
             WHERE c.account_id = ?1 AND (?2 = '' OR c.name = ?2) LIMIT ?3",
            &[id, Value::Text(name), Value::Int(OLD_CARDS_MAX)],
            |row| {
                let bytes = codec::expand(row.int(0)?, row.bytes(1)?, row.int(2)?)?;
                let card = Component::parse(&bytes, &limits).ok();
                Ok(card.is_some_and(|card| addresses_of(&card).contains(&address)))
            },
        )?;
        Ok(old.contains(&true))
    }
}
