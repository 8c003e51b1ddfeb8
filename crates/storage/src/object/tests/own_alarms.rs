//! Alarms of one's own in the events of others.

mod programs;

use std::sync::mpsc;
use std::thread;

use super::*;
use crate::sql::Dialect;
use crate::{Answering, CollectionRights, Scheduled, Transfer, TransferKind};

const NO_CONDITION: Condition<'static> =
    Condition { if_match: None, if_none_match: None, if_schedule_tag: None, tokens: &[] };

fn alarm(minutes: u32) -> String {
    format!("BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT{minutes}M\r\nEND:VALARM\r\n")
}

/// An alarm of more than 16 KiB.
fn much() -> String {
    let text = format!("DESCRIPTION:{}\r\nEND:VALARM", "x".repeat(16 * 1024));
    alarm(5).replace("END:VALARM", &text)
}

fn text(uid: &str, rest: &str) -> String {
    String::from_utf8(event(uid, &format!("{AT_NINE}{rest}"))).unwrap()
}

/// Julie, Paul and Anna; a calendar of Julie as Julie sees it, as Paul does, who may change it, and
/// as Anna does, who may read it.
struct Shared {
    julie: AccountId,
    people: [AccountId; 2],
    own: Collection,
    guests: [Collection; 2],
}

fn share_with(store: &TestStore, of: &Collection, with: AccountId, rights: CollectionRights) {
    let id = of.id;
    store.with(of.account, move |tx| tx.share_collection(id, with, rights)).unwrap();
}

fn seen_by(store: &TestStore, of: &Collection, guest: AccountId) -> Collection {
    let name = of.shared_name();
    let found = store.read(move |tx| tx.find_guest_collection(guest, Home::Calendars, &name));
    found.unwrap().unwrap()
}

fn shared(store: &TestStore) -> Shared {
    let [julie, paul, anna] = ["julie", "paul", "anna"].map(|name| store.account(name));
    let own = new_calendar(store, julie, "work");
    share_with(store, &own, paul, CollectionRights::WRITE);
    share_with(store, &own, anna, CollectionRights::READ);
    let guests = [paul, anna].map(|guest| seen_by(store, &own, guest));
    Shared { julie, people: [paul, anna], own, guests }
}

/// A PUT of whoever sees the collection.
fn write(store: &TestStore, to: &Collection, name: &str, text: &str) -> Result<Scheduled> {
    let actor = to.guest.as_ref().map_or(to.account, |guest| guest.account);
    let (to, name) = (to.clone(), ObjectName::parse(name).unwrap());
    let object = PreparedObject::calendar(text.into(), &ObjectLimits::default()).unwrap();
    store.write(move |tx| {
        tx.account_as(to.account, actor)?.put_scheduled(&to, &name, &object, &NO_CONDITION)
    })
}

/// What is seen of an object: its etag, its modseq, and its text.
fn look(
    store: &TestStore,
    at: &Collection,
    name: &'static str,
) -> Option<(String, ModSeq, String)> {
    let at = at.clone();
    let found = store.read(move |tx| {
        let Some(found) = tx.find_shown_object(&at, name)? else { return Ok(None) };
        let bytes = tx.load_shown_object(&at, found.id)?;
        Ok(Some((found.etag(), found.modseq, String::from_utf8(bytes).unwrap())))
    });
    found.unwrap()
}

fn seen(store: &TestStore, at: &Collection, name: &'static str) -> String {
    look(store, at, name).unwrap().2
}

fn rows(store: &TestStore) -> i64 {
    let count =
        store.read(|tx| tx.sql.query_one("SELECT COUNT(*) FROM own_alarms", &[], |row| row.int(0)));
    count.unwrap().unwrap()
}

#[test]
fn each_sees_their_own() {
    on_both_engines(|store| {
        let Shared { own, guests: [paul, anna], .. } = shared(store);
        let put = text("1", &alarm(5));
        let etag = write(store, &own, "a", &put).unwrap().etag.unwrap();
        let bare = text("1", "");
        assert_eq!(look(store, &own, "a").unwrap().0, etag);
        let before = look(store, &paul, "a").unwrap();
        assert_eq!(before.2, bare);
        assert_eq!(before.0.len(), etag.len());
        assert_ne!(before.0, etag);
        assert_eq!(look(store, &anna, "a"), Some(before.clone()));

        for (guest, rest) in
            [(&paul, alarm(10)), (&anna, format!("X-MOZ-LASTACK:1\r\n{}", alarm(20)))]
        {
            let text = text("1", &rest);
            let done = write(store, guest, "a", &text).unwrap();
            let after = look(store, guest, "a").unwrap();
            assert_eq!(done.outcome, PutOutcome::Replaced);
            assert_eq!((done.etag, &after.2), (Some(after.0.clone()), &text));
            assert!(after.0 != before.0 && after.1 > before.1);
            assert_eq!(reload(store, &own).highest_modseq, after.1);
            // Once more is nothing.
            let again = write(store, guest, "a", &text).unwrap();
            assert_eq!(again.etag.as_ref(), Some(&after.0));
            assert_eq!(look(store, guest, "a"), Some(after));
        }
        let (now, _, bytes) = look(store, &own, "a").unwrap();
        assert_eq!((now, bytes), (etag, put));
        // Stamps alone are written by programs with every alarm, and do not change the object.
        let stamped = text("1", &format!("DTSTAMP:20260101T000000Z\r\n{}", alarm(11)));
        assert_eq!(write(store, &paul, "a", &stamped).unwrap().etag, None);
        assert_eq!(seen(store, &paul, "a"), text("1", &alarm(11)));
        // What the owner changes leaves what others have, and the other way round.
        let moved = text("1", &format!("LOCATION:here\r\n{}", alarm(6)));
        write(store, &own, "a", &moved).unwrap();
        assert_eq!(seen(store, &paul, "a"), text("1", &format!("LOCATION:here\r\n{}", alarm(11))));
        let moved = text("1", &format!("LOCATION:there\r\n{}", alarm(12)));
        let done = write(store, &paul, "a", &moved).unwrap();
        assert_eq!(done.etag, look(store, &paul, "a").map(|seen| seen.0));
        assert_eq!(seen(store, &own, "a"), text("1", &format!("LOCATION:there\r\n{}", alarm(6))));
        let anna_sees = format!("LOCATION:there\r\nX-MOZ-LASTACK:1\r\n{}", alarm(20));
        assert_eq!(seen(store, &anna, "a"), text("1", &anna_sees));
        // None is as good as any.
        write(store, &anna, "a", &text("1", "LOCATION:there\r\n")).unwrap();
        assert_eq!((seen(store, &anna, "a"), rows(store)), (text("1", "LOCATION:there\r\n"), 1));
    });
}

#[test]
fn whoever_may_read_sets_alarms_and_no_more() {
    on_both_engines(|store| {
        let Shared { own, guests: [paul, anna], .. } = shared(store);
        write(store, &own, "a", &text("1", &alarm(5))).unwrap();
        write(store, &anna, "a", &text("1", &alarm(20))).unwrap();
        for (name, put) in [("a", text("1", "LOCATION:x\r\n")), ("b", text("2", &alarm(20)))] {
            let refused = write(store, &anna, name, &put);
            assert!(matches!(refused, Err(StorageError::NoPermission(_))), "{refused:?}");
        }
        assert_eq!(seen(store, &anna, "a"), text("1", &alarm(20)));
        // What is new has no alarms of its owner.
        let put = text("2", &alarm(30));
        let done = write(store, &paul, "b", &put).unwrap();
        assert_eq!(done.outcome, PutOutcome::Created);
        assert_eq!(done.etag, look(store, &paul, "b").map(|seen| seen.0));
        assert_eq!((seen(store, &own, "b"), seen(store, &paul, "b")), (text("2", ""), put));
        // Conditions are about what is seen.
        let etags = [&own, &paul].map(|at| look(store, at, "b").unwrap().0);
        for (etag, holds) in etags.into_iter().zip([false, true]) {
            let named = EtagCondition::OneOf(vec![etag]);
            let (to, name) = (paul.clone(), ObjectName::parse("b").unwrap());
            let object = prepared("2", &format!("{AT_NINE}{}", alarm(31)));
            let actor = to.guest.as_ref().unwrap().account;
            let done = store.write(move |tx| {
                let condition = Condition { if_match: Some(&named), ..NO_CONDITION };
                tx.account_as(to.account, actor)?.put_scheduled(&to, &name, &object, &condition)
            });
            assert_eq!(done.is_ok(), holds);
        }
    });
}

#[test]
fn they_are_bounded() {
    on_both_engines(|store| {
        let Shared { own, guests: [paul, _], .. } = shared(store);
        for (name, uid) in
            ["a", "b", "c", "d", "e", "f"].into_iter().zip(["1", "2", "3", "4", "5", "6"])
        {
            write(store, &own, name, &text(uid, "")).unwrap();
            let done = write(store, &paul, name, &text(uid, &alarm(5)));
            match (name, done) {
                ("f", Err(StorageError::Limit { kind, max })) => {
                    assert_eq!((kind, max), (LimitKind::OwnAlarms, 5));
                }
                ("f", other) => panic!("{other:?}"),
                (_, done) => assert!(done.unwrap().etag.is_some()),
            }
        }
        assert_eq!(seen(store, &paul, "f"), text("6", ""));
        let much = text("1", &much());
        assert_eq!(write(store, &paul, "a", &much).unwrap().outcome, PutOutcome::TooBig);
        assert_eq!(seen(store, &paul, "a"), text("1", &alarm(5)));
        // The owner's count as the object's.
        write(store, &own, "a", &much).unwrap();
        assert_eq!(seen(store, &paul, "a"), text("1", &alarm(5)));
    });
}

#[test]
fn they_go_with_what_they_are_in() {
    on_both_engines(|store| {
        let Shared { julie, people: [paul, anna], own, guests } = shared(store);
        let fill = |name: &'static str, uid: &str| {
            write(store, &own, name, &text(uid, &alarm(5))).unwrap();
            for guest in &guests {
                write(store, guest, name, &text(uid, &alarm(6))).unwrap();
            }
        };
        fill("a", "1");
        delete(store, &own, "a").unwrap();
        assert_eq!(rows(store), 0);
        fill("a", "1");
        // Something else in its place.
        write(store, &own, "b", &text("2", "")).unwrap();
        let (from, to) = (own.clone(), own.clone());
        store
            .with(julie, move |tx| {
                let object = tx.find_object(from.id, "b")?.unwrap();
                tx.move_object(&from, &object, &to, "a", &Condition::default())
            })
            .unwrap();
        assert_eq!(rows(store), 0);
        fill("c", "3");
        // Who has left it, and with whom it is shared no more.
        let id = own.id;
        store
            .write(move |tx| {
                tx.lock_sharing([julie, paul])?;
                tx.account_as(julie, paul)?.leave_collection(id)
            })
            .unwrap();
        assert_eq!(rows(store), 1);
        store
            .write(move |tx| {
                tx.lock_sharing([julie, anna])?;
                tx.account(julie)?.uninvite(id, anna)
            })
            .unwrap();
        assert_eq!(rows(store), 0);
        share_with(store, &own, paul, CollectionRights::WRITE);
        share_with(store, &own, anna, CollectionRights::READ);
        assert_eq!(seen(store, &seen_by(store, &own, paul), "c"), text("3", ""));
        fill("c", "3");
        store.write(move |tx| tx.remove_account(anna)).unwrap();
        assert_eq!(rows(store), 1);
        let other = new_calendar(store, julie, "other");
        share_with(store, &other, paul, CollectionRights::WRITE);
        write(store, &other, "a", &text("1", "")).unwrap();
        let in_other = seen_by(store, &other, paul);
        write(store, &in_other, "a", &text("1", &alarm(5))).unwrap();
        let going = own.clone();
        store.with(julie, move |tx| tx.delete_collection(&going, &[])).unwrap();
        assert_eq!(rows(store), 1);
        store.write(move |tx| tx.remove_account(julie)).unwrap();
        assert_eq!(rows(store), 0);
    });
}

/// COPY or MOVE.
fn transfer(
    store: &TestStore,
    kind: TransferKind,
    from: (&Collection, &'static str),
    to: (&Collection, &'static str),
    actor: AccountId,
) {
    let done = try_transfer(store, kind, from, to, actor).unwrap();
    assert!(matches!(done, PutOutcome::Created | PutOutcome::Replaced), "{done:?}");
}

fn try_transfer(
    store: &TestStore,
    kind: TransferKind,
    (from, name): (&Collection, &'static str),
    (to, new): (&Collection, &'static str),
    actor: AccountId,
) -> Result<PutOutcome> {
    let (from, to) = (from.clone(), to.clone());
    store.write(move |tx| {
        let object = tx.find_object(from.id, name)?.unwrap();
        let transfer = Transfer { kind, from: &from, object: &object, to: &to, name: new };
        if from.account == to.account {
            let mut tx = tx.account_as(from.account, actor)?;
            return tx.transfer_scheduled(&transfer, &NO_CONDITION, Answering::Silent);
        }
        tx.lock_transfer(&transfer)?;
        tx.transfer_between(actor, &transfer, &NO_CONDITION, Answering::Silent, &|_| None)
    })
}

#[test]
fn what_is_carried_is_what_is_seen() {
    on_both_engines(|store| {
        let Shared { julie, people: [paul, _], own, guests: [as_paul, as_anna] } = shared(store);
        let private = new_calendar(store, paul, "mine");
        write(store, &own, "a", &text("1", &alarm(5))).unwrap();
        write(store, &as_paul, "a", &text("1", &alarm(6))).unwrap();
        write(store, &as_anna, "a", &text("1", &alarm(7))).unwrap();
        let (copy, moves) = (TransferKind::Copy, TransferKind::Move);
        transfer(store, copy, (&as_paul, "a"), (&private, "a"), paul);
        assert_eq!(seen(store, &private, "a"), text("1", &alarm(6)));
        write(store, &private, "b", &text("2", &alarm(8))).unwrap();
        transfer(store, moves, (&private, "b"), (&as_paul, "b"), paul);
        assert_eq!(seen(store, &as_paul, "b"), text("2", &alarm(8)));
        assert_eq!(seen(store, &own, "b"), text("2", ""));
        assert_eq!(seen(store, &as_anna, "b"), text("2", ""));
        // Between two calendars of Julie.
        let other = new_calendar(store, julie, "other");
        share_with(store, &other, paul, CollectionRights::WRITE);
        let in_other = seen_by(store, &other, paul);
        transfer(store, copy, (&as_paul, "a"), (&in_other, "a"), paul);
        assert_eq!(seen(store, &other, "a"), text("1", ""));
        assert_eq!(seen(store, &in_other, "a"), text("1", &alarm(6)));
        assert_eq!(seen(store, &own, "a"), text("1", &alarm(5)));
        transfer(store, copy, (&as_paul, "a"), (&other, "a"), paul);
        assert_eq!(seen(store, &other, "a"), text("1", &alarm(6)));
        assert_eq!(seen(store, &in_other, "a"), text("1", ""));
        transfer(store, moves, (&as_paul, "a"), (&in_other, "a"), paul);
        assert_eq!(seen(store, &other, "a"), text("1", &alarm(5)));
        assert_eq!(seen(store, &in_other, "a"), text("1", &alarm(6)));
        // Its owner copies what is the owner's.
        transfer(store, copy, (&other, "a"), (&own, "c"), julie);
        assert_eq!(seen(store, &own, "c"), text("1", &alarm(5)));
        assert_eq!(seen(store, &as_paul, "c"), text("1", ""));
        // What is too much of one's own is so by every way.
        write(store, &own, "d", &text("4", &much())).unwrap();
        let refused = try_transfer(store, copy, (&own, "d"), (&in_other, "d"), paul);
        assert!(matches!(refused, Err(StorageError::TooBig { .. })), "{refused:?}");
        assert!(look(store, &other, "d").is_none());
        write(store, &private, "d", &text("4", &much())).unwrap();
        let refused = try_transfer(store, copy, (&private, "d"), (&in_other, "d"), paul);
        assert_eq!(refused.unwrap(), PutOutcome::TooBig);
    });
}

#[test]
fn versions_are_of_the_object() {
    on_both_engines(|store| {
        let Shared { julie, own, guests: [paul, _], .. } = shared(store);
        write(store, &own, "a", &text("1", &alarm(5))).unwrap();
        write(store, &paul, "a", &text("1", &alarm(6))).unwrap();
        let object = prepared("1", &format!("{AT_NINE}LOCATION:x\r\n{}", alarm(7)));
        let step = crate::RestoreStep {
            name: "a".to_owned(),
            expected: etag(store, &own, "a"),
            object: Some(object),
        };
        let to = own.clone();
        let done = store.with(julie, move |tx| tx.restore_objects(&to, &[step])).unwrap();
        assert_eq!(done.put, 1);
        assert_eq!(seen(store, &own, "a"), text("1", &format!("LOCATION:x\r\n{}", alarm(7))));
        assert_eq!(seen(store, &paul, "a"), text("1", &format!("LOCATION:x\r\n{}", alarm(6))));
    });
}

/// Which of these accounts are locked by who is about to put something there.
fn locked_for(store: &TestStore, at: &Collection, accounts: [AccountId; 3]) -> Vec<AccountId> {
    let at = at.clone();
    let ((is_locked, locked), (look, looked)) = (mpsc::channel(), mpsc::channel::<()>());
    thread::scope(|scope| {
        scope.spawn(move || {
            let done = store.write(move |tx| {
                tx.lock_place(&at, "a", None)?;
                is_locked.send(()).unwrap();
                looked.recv().unwrap();
                Ok(())
            });
            done.unwrap();
        });
        locked.recv().unwrap();
        let free = store.write(|tx| {
            let sql = "SELECT id FROM account ORDER BY id FOR UPDATE SKIP LOCKED";
            tx.sql.query_all(sql, &[], |row| Ok(AccountId::new(row.int(0)?)))
        });
        look.send(()).unwrap();
        let free = free.unwrap();
        accounts.into_iter().filter(|account| !free.contains(account)).collect()
    })
}

#[test]
fn a_guest_is_locked_with_the_owner() {
    on_both_engines(|store| {
        // With one writer nobody is locked.
        if store.read(|tx| Ok(tx.sql.dialect())).unwrap() == Dialect::Sqlite {
            return;
        }
        let Shared { julie, people: [paul, anna], own, guests } = shared(store);
        let all = [julie, paul, anna];
        assert_eq!(locked_for(store, &own, all), []);
        assert_eq!(locked_for(store, &guests[0], all), [julie, paul]);
        assert_eq!(locked_for(store, &guests[1], all), [julie, anna]);
    });
}

#[test]
fn what_is_damaged_is_found() {
    on_both_engines(|store| {
        let Shared { own, guests: [paul, _], .. } = shared(store);
        write(store, &own, "a", &text("1", "")).unwrap();
        write(store, &paul, "a", &text("1", &alarm(6))).unwrap();
        let check = || {
            let found = store.inner().check_consistency().unwrap();
            found.into_iter().map(|finding| finding.invariant).collect::<Vec<_>>()
        };
        assert!(check().is_empty());
        let julie = own.account.get();
        store
            .write(move |tx| {
                let id = crate::sql::Value::Int(julie);
                tx.sql.execute("UPDATE own_alarms SET account_id = ?1", &[id]).map(drop)
            })
            .unwrap();
        assert_eq!(check(), ["own-alarms"]);
        let guest = paul.guest.unwrap().account.get();
        store
            .write(move |tx| {
                let (id, data) = (crate::sql::Value::Int(guest), crate::sql::Value::Bytes(b"x"));
                let sql = "UPDATE own_alarms SET account_id = ?1, data = ?2";
                tx.sql.execute(sql, &[id, data]).map(drop)
            })
            .unwrap();
        assert_eq!(check(), ["object-data"]);
        store.write(|tx| tx.sql.execute("DELETE FROM own_alarms", &[]).map(drop)).unwrap();
    });
}
