//! The e-mail addresses in an account's address books.

use std::collections::BTreeSet;

use ical::Component;
use ids::AccountId;

use crate::collection::Home;
use crate::{ReadTx, Result};

/// LIMIT: cards that are looked at; it happens for each message that a script asks about.
const CARDS_MAX: usize = 10_000;
/// Cards read at once.
const BATCH: usize = 200;

impl ReadTx<'_> {
    /// The addresses that stand in the account's own address books, in lower case.
    pub fn addresses_in_books(&mut self, account: AccountId) -> Result<BTreeSet<String>> {
        let mut cards = Vec::new();
        for book in self.list_collections(account, Home::AddressBooks)? {
            cards.extend(self.list_objects(book.id)?.into_iter().map(|card| card.id));
        }
        cards.truncate(CARDS_MAX);
        let mut found = BTreeSet::new();
        for batch in cards.chunks(BATCH) {
            for bytes in self.load_object_bytes(batch)?.into_values() {
                found.extend(addresses(&bytes));
            }
        }
        Ok(found)
    }
}

/// EMAIL of a card (RFC 6350 §6.4.2). What is no card has none.
fn addresses(bytes: &[u8]) -> Vec<String> {
    let Ok(card) = Component::parse(bytes, &ical::Limits::default()) else { return Vec::new() };
    let lines = card.lines.iter().filter(|line| line.name().eq_ignore_ascii_case("EMAIL"));
    let texts = lines.map(|line| line.text().trim().to_lowercase());
    texts.map(|text| text.trim_start_matches("mailto:").to_owned()).collect()
}
