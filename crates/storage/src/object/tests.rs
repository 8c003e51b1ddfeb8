//! Verbs on objects through both engines.

mod bounds;
mod import;
mod model;
mod own_alarms;
mod prepare;
mod race;
mod restore;

use ids::{AccountId, ModSeq};

use super::*;
use crate::collection::{
    Collection, CollectionKind, CollectionName, Home, NewCollection, ObjectName,
};
use crate::testing::{TestStore, on_both_engines, on_both_engines_with};
use crate::{LimitKind, Lock, StorageError};

pub(super) fn event(uid: &str, rest: &str) -> Vec<u8> {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x\r\nBEGIN:VEVENT\r\nUID:{uid}\r\n{rest}\
         END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    .into_bytes()
}

pub(super) fn prepared(uid: &str, rest: &str) -> PreparedObject {
    PreparedObject::calendar(event(uid, rest), &ObjectLimits::default()).unwrap()
}

pub(super) const AT_NINE: &str = "DTSTART:20260105T090000Z\r\nDTEND:20260105T100000Z\r\n";

pub(super) fn new_calendar(
    store: &TestStore,
    account: AccountId,
    name: &'static str,
) -> Collection {
    store
        .with(account, move |tx| {
            let name = CollectionName::parse(Home::Calendars, name)?;
            tx.create_collection(&name, &NewCollection::new(CollectionKind::Calendar), &[])
        })
        .unwrap()
}

fn put(
    store: &TestStore,
    calendar: &Collection,
    name: &str,
    object: PreparedObject,
) -> Result<PutOutcome> {
    put_if(store, calendar, name, object, None, None)
}

fn put_if(
    store: &TestStore,
    calendar: &Collection,
    name: &str,
    object: PreparedObject,
    if_match: Option<EtagCondition>,
    if_none_match: Option<EtagCondition>,
) -> Result<PutOutcome> {
    let (calendar, name) = (calendar.clone(), ObjectName::parse(name).unwrap());
    store.with(calendar.account, move |tx| {
        let condition = Condition {
            if_match: if_match.as_ref(),
            if_none_match: if_none_match.as_ref(),
            if_schedule_tag: None,
            tokens: &[],
        };
        tx.put_object(&calendar, &name, &object, &condition)
    })
}

fn delete(store: &TestStore, calendar: &Collection, name: &'static str) -> Result<()> {
    let calendar = calendar.clone();
    store.with(calendar.account, move |tx| tx.delete_object(&calendar, name, &Condition::default()))
}

fn etag(store: &TestStore, calendar: &Collection, name: &'static str) -> Option<String> {
    let id = calendar.id;
    store.read(move |tx| tx.find_object(id, name)).unwrap().map(|object| object.etag())
}

fn reload(store: &TestStore, calendar: &Collection) -> Collection {
    let id = calendar.id;
    store.read(move |tx| tx.load_collection(id)).unwrap()
}

#[test]
fn conditions_are_decided_where_it_is_written() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let work = new_calendar(store, julie, "work");
        let one = |name: &str| EtagCondition::OneOf(vec![name.to_owned()]);
        let first = prepared("1", AT_NINE);
        let second = prepared("1", &AT_NINE.replace("100000Z", "110000Z"));
        let refused = |outcome: Result<PutOutcome>| {
            assert!(matches!(outcome, Err(StorageError::Conflict(_))), "{outcome:?}");
        };
        let missing = Some(EtagCondition::Any);
        refused(put_if(store, &work, "a.ics", first.clone(), missing, None));
        let none = Some(EtagCondition::Any);
        let created = put_if(store, &work, "a.ics", first.clone(), None, none.clone());
        assert_eq!(created.unwrap(), PutOutcome::Created);
        assert_eq!(etag(store, &work, "a.ics"), Some(first.etag()));
        refused(put_if(store, &work, "a.ics", second.clone(), None, none));
        refused(put_if(store, &work, "a.ics", second.clone(), Some(one("x")), None));
        let before = reload(store, &work);
        let right = Some(one(&first.etag()));
        let replaced = put_if(store, &work, "a.ics", second.clone(), right, None);
        assert_eq!(replaced.unwrap(), PutOutcome::Replaced);
        let after = reload(store, &work);
        assert!(after.highest_modseq > before.highest_modseq);
        // The same bytes once more change nothing.
        assert_eq!(put(store, &work, "a.ics", second.clone()).unwrap(), PutOutcome::Replaced);
        assert_eq!(reload(store, &work), after);
        let id = work.id;
        let bytes = store.read(move |tx| {
            let object = tx.find_object(id, "a.ics")?.expect("there");
            tx.load_object(object.id)
        });
        assert_eq!(bytes.unwrap(), event("1", &AT_NINE.replace("100000Z", "110000Z")));
    });
}

#[test]
fn an_object_keeps_its_uid() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let work = new_calendar(store, julie, "work");
        put(store, &work, "a.ics", prepared("1", AT_NINE)).unwrap();
        let taken = PutOutcome::UidTaken { name: "a.ics".to_owned() };
        assert_eq!(put(store, &work, "a.ics", prepared("2", AT_NINE)).unwrap(), taken);
        let id = work.id;
        let there = store.read(move |tx| tx.find_object(id, "a.ics"));
        assert_eq!(there.unwrap().expect("there").uid, "1");
    });
}

#[test]
fn a_uid_stands_once_in_a_calendar() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let work = new_calendar(store, julie, "work");
        let home = new_calendar(store, julie, "home");
        put(store, &work, "a.ics", prepared("1", AT_NINE)).unwrap();
        let taken = PutOutcome::UidTaken { name: "a.ics".to_owned() };
        assert_eq!(put(store, &work, "b.ics", prepared("1", AT_NINE)).unwrap(), taken);
        assert_eq!(
            put(store, &home, "b.ics", prepared("1", AT_NINE)).unwrap(),
            PutOutcome::Created
        );
        let (from, to) = (work.clone(), home.clone());
        let moved = store.with(julie, move |tx| {
            let object = tx.find_object(from.id, "a.ics")?.expect("there");
            tx.move_object(&from, &object, &to, "c.ics", &Condition::default())
        });
        assert_eq!(moved.unwrap(), PutOutcome::UidTaken { name: "b.ics".to_owned() });
        let (from, to) = (work.clone(), home.clone());
        // What it replaces does not stand in its way.
        let moved = store.with(julie, move |tx| {
            let object = tx.find_object(from.id, "a.ics")?.expect("there");
            tx.move_object(&from, &object, &to, "b.ics", &Condition::default())
        });
        assert_eq!(moved.unwrap(), PutOutcome::Replaced);
        assert_eq!((reload(store, &work).objects, reload(store, &home).objects), (0, 1));
        let todo = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTODO\r\nUID:2\r\nEND:VTODO\r\nEND:VCALENDAR\r\n";
        let name = CollectionName::parse(Home::Calendars, "events").unwrap();
        let events = store.with(julie, move |tx| {
            let mut new = NewCollection::new(CollectionKind::Calendar);
            new.components = Components::EVENT;
            tx.create_collection(&name, &new, &[])
        });
        let todo = PreparedObject::calendar(todo.into(), &ObjectLimits::default()).unwrap();
        assert_eq!(put(store, &events.unwrap(), "t", todo).unwrap(), PutOutcome::WrongComponent);
    });
}

#[test]
fn who_synchronises_hears_of_each_change_once() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let work = new_calendar(store, julie, "work");
        let changes = |since: Option<ModSeq>, max| {
            let id = work.id;
            store
                .read(move |tx| {
                    let collection = tx.load_collection(id)?;
                    tx.collection_changes(&collection, since, max)
                })
                .unwrap()
        };
        let told = |changes: &CollectionChanges| match changes {
            CollectionChanges::List { put, gone, truncated, .. } => {
                let mut names: Vec<String> = put.iter().map(|object| object.name.clone()).collect();
                names.extend(gone.iter().map(|name| format!("-{name}")));
                names.extend(truncated.then(|| "...".to_owned()));
                names.join(" ")
            }
            other => format!("{other:?}"),
        };
        let start = reload(store, &work).highest_modseq;
        for name in ["a", "b", "c"] {
            put(store, &work, name, prepared(name, AT_NINE)).unwrap();
        }
        assert_eq!(told(&changes(None, 10)), "a b c");
        assert_eq!(told(&changes(Some(start), 10)), "a b c");
        let limited = changes(Some(start), 2);
        assert_eq!(told(&limited), "a b ...");
        let CollectionChanges::List { up_to, .. } = limited else { panic!("{limited:?}") };
        assert_eq!(told(&changes(Some(up_to), 2)), "c");
        let now = reload(store, &work).highest_modseq;
        put(store, &work, "d", prepared("d", AT_NINE)).unwrap();
        delete(store, &work, "d").unwrap();
        delete(store, &work, "a").unwrap();
        // RFC 6578 §3.5.2: what came and went meanwhile went.
        assert_eq!(told(&changes(Some(now), 10)), "-d -a");
        assert_eq!(told(&changes(None, 10)), "b c");
        put(store, &work, "a", prepared("a", AT_NINE)).unwrap();
        assert_eq!(told(&changes(Some(now), 10)), "a -d");
        let newest = reload(store, &work).highest_modseq;
        assert_eq!(told(&changes(Some(newest), 10)), "");
        for strange in [ModSeq::new(newest.get() + 1), ModSeq::default()] {
            assert_eq!(told(&changes(Some(strange), 10)), "TooOld");
        }
        // Two in one transaction are told together or not at all.
        let id = work.id;
        store
            .with(julie, move |tx| {
                let calendar = tx.load_collection(id)?;
                for name in ["x", "y"] {
                    let (object, name) = (prepared(name, AT_NINE), ObjectName::parse(name)?);
                    tx.put_object(&calendar, &name, &object, &Condition::default())?;
                }
                Ok(())
            })
            .unwrap();
        assert_eq!(told(&changes(Some(newest), 1)), "TooMany");
        assert_eq!(told(&changes(Some(newest), 2)), "x y");
    });
}

/// A clock that went back keeps what it happened to, and nothing else.
#[test]
fn one_collection_keeps_no_other_from_being_purged() {
    let clock = std::sync::Arc::new(testkit::ManualClock::default());
    let of_store = clock.clone();
    on_both_engines_with(
        move |settings| settings.clock = of_store.clone(),
        |store| {
            let (julie, begins) = (store.account("julie"), store.inner().now());
            let [work, home] = ["work", "home"].map(|name| new_calendar(store, julie, name));
            for (calendar, name) in [(&work, "a"), (&work, "b"), (&home, "c")] {
                put(store, calendar, name, prepared(name, AT_NINE)).unwrap();
            }
            let [work_seen, home_seen] =
                [&work, &home].map(|calendar| reload(store, calendar).highest_modseq);
            clock.set(begins.plus_secs(200 * 24 * 3600));
            delete(store, &work, "a").unwrap();
            clock.set(begins);
            delete(store, &work, "b").unwrap();
            clock.advance_secs(60);
            delete(store, &home, "c").unwrap();
            clock.advance_secs(62 * 24 * 3600);
            store.inner().maintain().unwrap();
            let is_purged = |calendar: &Collection, seen| {
                let calendar = reload(store, calendar);
                let changes =
                    store.read(move |tx| tx.collection_changes(&calendar, Some(seen), 10));
                changes.unwrap() == CollectionChanges::TooOld
            };
            assert!(!is_purged(&work, work_seen) && is_purged(&home, home_seen));
        },
    );
}

#[test]
fn what_was_is_kept_for_its_time_and_told_for_its_time() {
    let clock = std::sync::Arc::new(testkit::ManualClock::default());
    let of_store = clock.clone();
    on_both_engines_with(
        move |settings| settings.clock = of_store.clone(),
        |store| {
            let julie = store.account("julie");
            let work = new_calendar(store, julie, "work");
            put(store, &work, "a", prepared("1", AT_NINE)).unwrap();
            let seen = reload(store, &work).highest_modseq;
            let first = store.inner().now();
            // What was there for a moment is not kept.
            put(store, &work, "a", prepared("1", &AT_NINE.replace("10000", "11000"))).unwrap();
            clock.advance_secs(3600);
            put(store, &work, "a", prepared("1", &AT_NINE.replace("10000", "12000"))).unwrap();
            delete(store, &work, "a").unwrap();
            let id = work.id;
            let at = first.plus_secs(60);
            let plan = store.read(move |tx| tx.restore_plan(julie, id, at)).unwrap();
            assert_eq!(plan.lost.len(), 1);
            let version = plan.lost[0].id;
            let bytes = store.read(move |tx| tx.load_version(julie, version)).unwrap();
            assert_eq!(bytes, event("1", &AT_NINE.replace("10000", "11000")));
            clock.advance_secs(31 * 24 * 3600);
            assert_eq!(store.inner().maintain().unwrap().versions, 2);
            let since = move |store: &TestStore| {
                store.read(move |tx| {
                    let collection = tx.load_collection(id)?;
                    tx.collection_changes(&collection, Some(seen), 10)
                })
            };
            assert!(matches!(since(store).unwrap(), CollectionChanges::List { .. }));
            clock.advance_secs(31 * 24 * 3600);
            store.inner().maintain().unwrap();
            assert_eq!(since(store).unwrap(), CollectionChanges::TooOld);
            let collection = reload(store, &work);
            let newest = collection.highest_modseq;
            let now = store.read(move |tx| tx.collection_changes(&collection, Some(newest), 10));
            assert!(matches!(now.unwrap(), CollectionChanges::List { .. }));
        },
    );
}

#[test]
fn quotas_and_numbers_hold() {
    on_both_engines_with(
        |settings| settings.objects_max = 2,
        |store| {
            let julie = store.account("julie");
            let work = new_calendar(store, julie, "work");
            let size = event("1", AT_NINE).len() as u64;
            put(store, &work, "a", prepared("1", AT_NINE)).unwrap();
            store.with(julie, move |tx| tx.set_quota(size + 10)).unwrap();
            let over = put(store, &work, "b", prepared("2", AT_NINE));
            assert!(matches!(over, Err(StorageError::OverQuota { .. })));
            let longer = prepared("1", &format!("{AT_NINE}SUMMARY:long\r\n"));
            assert!(put(store, &work, "a", longer).is_err());
            store.with(julie, |tx| tx.set_quota(0)).unwrap();
            put(store, &work, "b", prepared("2", AT_NINE)).unwrap();
            let many = put(store, &work, "c", prepared("3", AT_NINE));
            let kind = LimitKind::Objects;
            assert!(matches!(many, Err(StorageError::Limit { kind: k, max: 2 }) if k == kind));
            assert_eq!(store.read(move |tx| tx.load_account(julie)).unwrap().used_bytes, 2 * size);
            assert_eq!(reload(store, &work).size_bytes, 2 * size);
        },
    );
}

#[test]
fn locks_keep_others_out() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let work = new_calendar(store, julie, "work");
        put(store, &work, "a", prepared("1", AT_NINE)).unwrap();
        let lock = |object: Option<&'static str>, token: &str, exclusive: bool, deep: bool| {
            let (calendar, token) = (work.clone(), token.to_owned());
            store.with(julie, move |tx| {
                let wanted = Lock {
                    token,
                    home: Home::Calendars,
                    path: String::new(),
                    deep,
                    exclusive,
                    holder: julie,
                    owner: String::new(),
                    timeout_secs: 60,
                    expires: ids::Timestamp::default(),
                };
                tx.lock(&calendar, object, &wanted)
            })
        };
        let put_with = |name: &'static str, text: &str, tokens: &[&str]| {
            let (calendar, object) = (work.clone(), prepared(name, text));
            let tokens: Vec<String> = tokens.iter().map(|&token| token.to_owned()).collect();
            store.with(julie, move |tx| {
                let condition = Condition { tokens: &tokens, ..Condition::default() };
                tx.put_object(&calendar, &ObjectName::parse(name)?, &object, &condition)
            })
        };
        let is_locked =
            |outcome: Result<PutOutcome>| matches!(outcome, Err(StorageError::InUse(_)));
        lock(Some("a"), "t1", true, false).unwrap();
        assert!(lock(Some("a"), "t2", false, false).is_err());
        assert!(lock(None, "t2", true, true).is_err());
        assert!(is_locked(put_with("a", AT_NINE, &[])));
        assert!(is_locked(put_with("a", AT_NINE, &["t0"])));
        assert!(!is_locked(put_with("a", AT_NINE, &["t1"])));
        put_with("b", AT_NINE, &[]).unwrap();
        store.with(julie, |tx| tx.unlock(Home::Calendars, "work/a", "t1")).unwrap();
        assert!(!is_locked(put_with("a", AT_NINE, &[])));
        // RFC 4918 §7.4: the collection alone keeps new members out, not changes of old ones.
        lock(None, "t3", false, false).unwrap();
        lock(None, "t4", false, false).unwrap();
        assert!(is_locked(put_with("c", AT_NINE, &[])));
        put_with("b", &AT_NINE.replace("10000", "12000"), &[]).unwrap();
        put_with("c", AT_NINE, &["t4"]).unwrap();
        let whole = work.clone();
        let deleted = store.with(julie, move |tx| tx.delete_collection(&whole, &[]));
        assert!(deleted.is_err());
    });
}
