//! The e-mail addresses in address books, by which it is known who is no stranger (R-ADDR-13).

use std::collections::BTreeSet;

use ical::Component;
use ids::{AccountId, DomainId};

use crate::blob::codec;
use crate::sql::Value;
use crate::{AccountTx, Address, Result, WriteTx};

/// LIMIT: addresses of one card that are known; a group of people has more, which are theirs.
const ADDRESSES_MAX: usize = 100;
/// Cards of before that are read at a time.
const CARDS: i64 = 200;

/// The addresses of a card, in normal form; what is none is passed over.
pub(super) fn addresses_of(card: &Component) -> Vec<String> {
    let texts = card.lines_named("EMAIL").map(|line| line.text());
    let found = texts.filter_map(|text| {
        let text = text.trim();
        let bare = text.get(..7).filter(|start| start.eq_ignore_ascii_case("mailto:"));
        let text = text.get(bare.map_or(0, str::len)..)?;
        Address::parse(text).ok().map(|address| address.normal_text())
    });
    let distinct: BTreeSet<String> = found.take(ADDRESSES_MAX).collect();
    distinct.into_iter().collect()
}

impl AccountTx<'_, '_> {
    /// Writes the addresses of a card in the place of those it had.
    pub(super) fn write_addresses(&mut self, object: i64, addresses: &[String]) -> Result<()> {
        self.erase_addresses(object)?;
        let account = self.account;
        let mut rows = addresses.iter().map(|address| {
            vec![Value::Int(account.get()), Value::Text(address), Value::Int(object)]
        });
        if !addresses.is_empty() {
            self.sql.execute_many(
                "INSERT INTO card_address (account_id, address, object_id) VALUES (?1, ?2, ?3)",
                &mut rows,
            )?;
        }
        Ok(())
    }

    pub(super) fn erase_addresses(&mut self, object: i64) -> Result<()> {
        self.sql.execute("DELETE FROM card_address WHERE object_id = ?1", &[Value::Int(object)])?;
        Ok(())
    }

    /// Reads the addresses of cards that were there before addresses were kept, some at a time;
    /// whether there were any.
    pub(crate) fn read_old_addresses(&mut self) -> Result<bool> {
        let account = self.account;
        let limits = ical::Limits::default();
        let cards = self.sql.query_all(
            "SELECT o.id, d.codec, d.data, o.size_bytes FROM collection c \
             JOIN object o ON o.collection_id = c.id AND o.addresses_known = 0 \
             JOIN object_data d ON d.object_id = o.id WHERE c.account_id = ?1 LIMIT ?2",
            &[Value::Int(account.get()), Value::Int(CARDS)],
            |row| {
                let bytes = codec::expand(row.int(1)?, row.bytes(2)?, row.int(3)?)?;
                // It was taken as a card once, so it is one.
                let card = Component::parse(&bytes, &limits).ok();
                Ok((row.int(0)?, card.map(|card| addresses_of(&card)).unwrap_or_default()))
            },
        )?;
        for (object, addresses) in &cards {
            self.write_addresses(*object, addresses)?;
            self.sql.execute(
                "UPDATE object SET addresses_known = 1 WHERE id = ?1",
                &[Value::Int(*object)],
            )?;
        }
        Ok(!cards.is_empty())
    }
}

impl WriteTx<'_> {
    /// Makes sure that the addresses of every card of an organisation are known.
    pub(crate) fn know_addresses(&mut self, organisation: DomainId) -> Result<()> {
        let accounts = self.sql.query_all(
            "SELECT DISTINCT a.id FROM domain d JOIN account a ON a.domain_id = d.id \
             JOIN collection c ON c.account_id = a.id \
             JOIN object o ON o.collection_id = c.id AND o.addresses_known = 0 \
             WHERE d.organisation = ?1 ORDER BY 1",
            &[Value::Int(organisation.get())],
            |row| Ok(AccountId::new(row.int(0)?)),
        )?;
        for account in accounts {
            while self.account(account)?.read_old_addresses()? {}
        }
        Ok(())
    }
}
