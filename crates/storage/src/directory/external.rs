//! The external mark (R-ADDR-13): which mail is from outside, in the eyes of who gets it.

use ids::{AccountId, DomainId};

use crate::sql::Value;
use crate::{Address, ReadTx, Result, WriteTx};

impl ReadTx<'_> {
    /// Whether a message is external to an account: who handed it in is no account of the
    /// organisation, and of those it is from, one is neither of a domain of the organisation nor
    /// in a card of the account's. One that names nobody is from outside.
    pub fn is_external(
        &mut self,
        recipient: AccountId,
        submitter: Option<AccountId>,
        senders: &[Address],
    ) -> Result<bool> {
        let organisation = self.organisation_of(recipient)?;
        if let Some(submitter) = submitter
            && self.organisation_of(submitter)? == organisation
        {
            return Ok(false);
        }
        for sender in senders {
            if !self.is_of(sender, organisation)?
                && !self.is_known_contact(recipient, None, sender)?
            {
                return Ok(true);
            }
        }
        Ok(senders.is_empty())
    }

    fn is_of(&mut self, sender: &Address, organisation: DomainId) -> Result<bool> {
        let target = self.find_target(sender.domain())?;
        Ok(target.is_some_and(|target| target.organisation == organisation))
    }
}

impl WriteTx<'_> {
    /// Whether mail to the organisation of a domain is marked, from the next message on.
    pub fn set_external_mark(&mut self, domain: &str, on: bool) -> Result<()> {
        let organisation = self.find_organisation(domain)?;
        if on {
            self.know_addresses(organisation)?;
        }
        self.sql.execute(
            "UPDATE domain SET external_mark = ?2 WHERE organisation = ?1",
            &[Value::Int(organisation.get()), Value::Int(i64::from(on))],
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ids::AccountId;

    use crate::testing::{TestStore, new_account, on_both_engines};
    use crate::{
        Address, Collection, CollectionKind, CollectionName, Condition, Delivery, Home,
        NewCollection, ObjectLimits, ObjectName, PreparedMessage, PreparedObject, Resolution,
        Result,
    };

    fn external(store: &TestStore, to: AccountId, by: Option<AccountId>, from: &[&str]) -> bool {
        let from: Vec<Address> = from.iter().map(|one| Address::parse(one).unwrap()).collect();
        store.read(move |tx| tx.is_external(to, by, &from)).unwrap()
    }

    fn book(store: &TestStore, account: AccountId, name: &'static str) -> Collection {
        store
            .with(account, move |tx| {
                let name = CollectionName::parse(Home::AddressBooks, name)?;
                tx.create_collection(&name, &NewCollection::new(CollectionKind::AddressBook), &[])
            })
            .unwrap()
    }

    fn put(store: &TestStore, book: &Collection, name: &'static str, emails: &str) -> Result<()> {
        let text =
            format!("BEGIN:VCARD\r\nVERSION:4.0\r\nUID:{name}\r\nFN:x\r\n{emails}END:VCARD\r\n");
        let card = PreparedObject::card(text.into_bytes(), &ObjectLimits::default()).unwrap();
        let book = book.clone();
        store.with(book.account, move |tx| {
            tx.put_object(&book, &ObjectName::parse(name)?, &card, &Condition::default()).map(drop)
        })
    }

    #[test]
    fn strangers_are_external() {
        on_both_engines(|store| {
            let (julie, max) = (store.account("julie"), store.account("max"));
            store.write(|tx| tx.create_domain_alias("also.test", "example.test")).unwrap();
            let eve = store
                .write(|tx| {
                    tx.create_domain("other.test")?;
                    tx.create_account(new_account("eve@other.test"))
                })
                .unwrap();
            let friends = book(store, julie, "friends");
            put(
                store,
                &friends,
                "a",
                "EMAIL:Friend@Far.test\r\nitem1.EMAIL;TYPE=work:w@far.test\r\n",
            )
            .unwrap();
            for (by, from, expect) in [
                (None, &["x@example.test"][..], false),
                (None, &["x@ALSO.test"], false),
                (None, &["eve@other.test"], true),
                (None, &["friend@far.test", "W@far.test"], false),
                (None, &["friend@far.test", "y@far.test"], true),
                (None, &[], true),
                (Some(max), &["y@far.test"], false),
                (Some(eve), &["y@far.test"], true),
            ] {
                assert_eq!(external(store, julie, by, from), expect, "{by:?} {from:?}");
            }
            assert!(
                external(store, max, None, &["friend@far.test"]),
                "julie's friend is not max's"
            );
            store.write(|tx| tx.join_organisation("other.test", "example.test")).unwrap();
            assert!(!external(store, julie, None, &["eve@other.test"]));
        });
    }

    #[test]
    fn addresses_follow_their_cards() {
        on_both_engines(|store| {
            let julie = store.account("julie");
            let (one, two) = (book(store, julie, "one"), book(store, julie, "two"));
            let known = |address: &str| !external(store, julie, None, &[address]);
            put(store, &one, "a", "EMAIL:a@far.test\r\nEMAIL:mailto:b@far.test\r\nEMAIL:none\r\n")
                .unwrap();
            assert!(known("a@far.test") && known("b@far.test"));
            put(store, &one, "a", "EMAIL:c@far.test\r\n").unwrap();
            assert!(!known("a@far.test") && known("c@far.test"));
            let (from, to) = (one.clone(), two.clone());
            store
                .with(julie, move |tx| {
                    let object = tx.find_object(from.id, "a")?.unwrap();
                    tx.copy_object(&from, &object, &to, "b", &Condition::default())
                })
                .unwrap();
            let from = one.clone();
            store
                .with(julie, move |tx| tx.delete_object(&from, "a", &Condition::default()))
                .unwrap();
            assert!(known("c@far.test"), "the copy has it");
            store.with(julie, move |tx| tx.delete_collection(&two, &[])).unwrap();
            assert!(!known("c@far.test"));
            put(store, &one, "a", "EMAIL:a@far.test\r\n").unwrap();
            // A card of a store from before addresses were kept.
            store
                .write(|tx| {
                    tx.sql.execute("DELETE FROM card_address", &[])?;
                    tx.sql.execute("UPDATE object SET addresses_known = 0", &[])
                })
                .unwrap();
            assert!(!known("a@far.test"));
            let far = Address::parse("a@far.test").unwrap();
            let asked = |book| {
                let far = far.clone();
                store.read(move |tx| tx.is_in_books(julie, book, &far)).unwrap()
            };
            assert!(asked(None) && asked(Some("one")) && !asked(Some("none")));
            store.inner().maintain().unwrap();
            assert!(known("a@far.test") && asked(Some("one")) && !asked(Some("none")));
            store.write(|tx| tx.set_external_mark("example.test", true)).unwrap();
            assert!(known("a@far.test"));
            store.write(move |tx| tx.remove_account(julie)).unwrap();
        });
    }

    #[test]
    fn the_mark_is_asked_for_from_the_next_message_on() {
        on_both_engines(|store| {
            let julie = store.account("julie");
            let marks = || {
                let to = Address::parse("julie+x@example.test").unwrap();
                match store.read(move |tx| tx.resolve(&to)).unwrap() {
                    Resolution::Account(found) => found.marks_external,
                    other => panic!("{other:?}"),
                }
            };
            let set = |domain: &'static str, on| {
                store.write(move |tx| tx.set_external_mark(domain, on)).unwrap();
            };
            assert!(!marks());
            set("example.test", true);
            store.write(|tx| tx.create_domain_alias("also.test", "example.test")).unwrap();
            assert!(marks());
            let inbox = store.mailbox(julie, "INBOX");
            for is_external in [true, false] {
                let message = PreparedMessage::new(b"Subject: x\r\n\r\n".to_vec());
                let delivery = Delivery { is_external, ..Delivery::default() };
                store.with(julie, move |tx| tx.deliver(&message, delivery)).unwrap();
            }
            assert_eq!(store.messages(inbox), ["1 ($External)", "2 ()"]);
            set("also.test", false);
            assert!(!marks());
        });
    }
}
