//! Calendars that anybody may read.

use super::*;
use crate::{CollectionRights, Condition, PutOutcome};

const TOKEN: &str = "0123456789abcdefABCDEF";

fn calendar(store: &TestStore, account: ids::AccountId, new: NewCollection) -> Collection {
    store
        .with(account, move |tx| {
            let name = CollectionName::parse(Home::Calendars, "team")?;
            tx.create_collection(&name, &new, &[])
        })
        .unwrap()
}

#[test]
fn a_token_leads_to_a_calendar_until_it_is_taken_back() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        store.with(julie, |tx| tx.make_first_collections()).unwrap();
        let team = calendar(store, julie, NewCollection::new(CollectionKind::Calendar));
        let find = |token: &'static str| store.read(move |tx| tx.find_public_calendar(token));
        assert_eq!(find(TOKEN).unwrap(), None);
        let publish = |token: &'static str| {
            let team = team.clone();
            store.with(julie, move |tx| tx.publish_calendar(&team, token))
        };
        for token in ["", "short", "0123456789abcdefABCDE/", "0123456789abcdefABCDEü"] {
            assert!(matches!(publish(token), Err(StorageError::Invalid(_))), "{token}");
        }
        assert_eq!(publish(TOKEN).unwrap(), TOKEN);
        assert_eq!(publish("another-token-of-22-characters").unwrap(), TOKEN);
        let found = find(TOKEN).unwrap().unwrap();
        assert_eq!(found.id, team.id);
        assert!(found.highest_modseq > team.highest_modseq, "programs hear of it");
        store.with(julie, |tx| tx.set_maintenance(true)).unwrap();
        assert!(matches!(find(TOKEN), Err(StorageError::Maintenance)));
        store.with(julie, |tx| tx.set_maintenance(false)).unwrap();
        store.with(julie, |tx| tx.set_blocked(true)).unwrap();
        assert_eq!(find(TOKEN).unwrap(), None);
        store.with(julie, |tx| tx.set_blocked(false)).unwrap();
        let unpublish = || {
            let team = team.clone();
            store.with(julie, move |tx| tx.unpublish_calendar(&team)).unwrap()
        };
        assert!(unpublish());
        assert!(!unpublish());
        assert_eq!(find(TOKEN).unwrap(), None);
        publish(TOKEN).unwrap();
        let gone = team.clone();
        store.with(julie, move |tx| tx.delete_collection(&gone, &[])).unwrap();
        assert_eq!(find(TOKEN).unwrap(), None);
    });
}

#[test]
fn who_may_share_may_publish() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let team = calendar(store, julie, NewCollection::new(CollectionKind::Calendar));
        let publish = || {
            let team = team.clone();
            store.write(move |tx| tx.account_as(julie, max)?.publish_calendar(&team, TOKEN))
        };
        assert!(matches!(publish(), Err(StorageError::NotFound(_))));
        for (rights, may) in [(CollectionRights::WRITE, false), (CollectionRights::SHARE, true)] {
            let id = team.id;
            store.with(julie, move |tx| tx.share_collection(id, max, rights)).unwrap();
            assert_eq!(publish().is_ok(), may);
        }
    });
}

#[test]
fn what_is_subscribed_elsewhere_holds_nothing() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let mut new = NewCollection::new(CollectionKind::Calendar);
        new.properties.source = Some(Some("https://example.test/holidays.ics".to_owned()));
        new.components = crate::Components::NONE;
        let found = calendar(store, julie, new);
        assert_eq!(found.source.as_deref(), Some("https://example.test/holidays.ics"));
        assert_eq!(store.read(move |tx| tx.default_calendar(julie)).unwrap(), None);
        let of = found.clone();
        let put = store.with(julie, move |tx| {
            let text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\n\
                        DTSTART:20260105T090000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
            let limits = crate::ObjectLimits::default();
            let object = crate::PreparedObject::calendar(text.as_bytes().to_vec(), &limits);
            let name = crate::ObjectName::parse("1.ics")?;
            tx.put_object(&of, &name, &object.unwrap(), &Condition::default())
        });
        assert_eq!(put.unwrap(), PutOutcome::WrongComponent);
        let of = found.clone();
        assert!(store.with(julie, move |tx| tx.publish_calendar(&of, TOKEN)).is_err());
        let work = store.with(julie, |tx| {
            let name = CollectionName::parse(Home::Calendars, "work")?;
            tx.create_collection(&name, &NewCollection::new(CollectionKind::Calendar), &[])
        });
        let set = |id: ids::CollectionId, source: Option<&str>| {
            let source = Some(source.map(str::to_owned));
            let change = CollectionChange { source, ..CollectionChange::default() };
            store.with(julie, move |tx| tx.update_collection(id, &change, &[]))
        };
        let work = work.unwrap().id;
        assert!(matches!(set(work, Some("https://x")), Err(StorageError::NoPermission(_))));
        assert!(matches!(set(found.id, None), Err(StorageError::NoPermission(_))));
        set(found.id, Some("https://example.test/others.ics")).unwrap();
        set(work, None).unwrap();
        for kind in [CollectionKind::Calendar, CollectionKind::AddressBook] {
            let mut new = NewCollection::new(kind);
            new.properties.source = Some(Some("https://x".to_owned()));
            let made = store.with(julie, move |tx| {
                let name = CollectionName::parse(kind.home(), "wrong")?;
                tx.create_collection(&name, &new, &[])
            });
            assert!(matches!(made, Err(StorageError::Invalid(_))), "{kind:?}");
        }
    });
}
