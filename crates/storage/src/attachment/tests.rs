//! Managed attachments through both engines.

use std::sync::Arc;

use ical::Instances;
use ids::AccountId;
use testkit::ManualClock;

use super::*;
use crate::collection::{Collection, Home, ObjectName};
use crate::object::{Condition, ObjectLimits, PreparedObject, PutOutcome, Scheduled};
use crate::testing::{TestStore, on_both_engines, on_both_engines_with};
use crate::{Answering, CollectionRights, Result, Settings, StorageError, Transfer, TransferKind};

const DAY: i64 = 24 * 60 * 60;
const AT_NINE: &str = "DTSTART:20260105T090000Z\r\nDURATION:PT1H\r\n";

/// The id of an attachment; `name` is one character of base 16.
fn id(name: &str) -> String {
    name.repeat(32)
}

fn new(name: &str, bytes: usize) -> NewAttachment {
    NewAttachment {
        managed_id: id(name),
        token: id(name),
        uri: format!("https://cal.example.test/{name}"),
        media_type: "text/plain".to_owned(),
        filename: format!("{name}.txt"),
        data: AttachmentData::new(name.repeat(bytes).into_bytes()),
    }
}

fn personal(store: &TestStore, account: AccountId) -> Collection {
    let found = store.with(account, move |tx| {
        tx.make_first_collections()?;
        tx.find_collection(account, Home::Calendars, "personal")
    });
    found.unwrap().expect("there")
}

fn event(uid: &str, lines: &str) -> PreparedObject {
    let text = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:{uid}\r\n{AT_NINE}{lines}\
         END:VEVENT\r\nEND:VCALENDAR\r\n"
    );
    PreparedObject::calendar(text.into_bytes(), &ObjectLimits::default()).unwrap()
}

fn attach(name: &str) -> String {
    format!("ATTACH;MANAGED-ID={}:https://cal.example.test/{name}\r\n", id(name))
}

/// A PUT at the word of `actor`.
fn put_as(
    store: &TestStore,
    actor: AccountId,
    calendar: &Collection,
    name: &'static str,
    object: PreparedObject,
) -> Result<Scheduled> {
    let calendar = calendar.clone();
    store.write(move |tx| {
        tx.lock_meeting(calendar.account, calendar.id, name, Some(&object))?;
        let mut tx = tx.account_as(calendar.account, actor)?;
        tx.put_scheduled(&calendar, &ObjectName::parse(name)?, &object, &Condition::default())
    })
}

fn put(store: &TestStore, calendar: &Collection, name: &'static str, object: PreparedObject) {
    let put = put_as(store, calendar.account, calendar, name, object).unwrap();
    assert!(matches!(put.outcome, PutOutcome::Created | PutOutcome::Replaced), "{put:?}");
}

fn change_as(
    store: &TestStore,
    actor: AccountId,
    calendar: &Collection,
    name: &'static str,
    action: AttachmentAction,
) -> Result<Scheduled> {
    let calendar = calendar.clone();
    let bodies = match &action {
        AttachmentAction::Add(new, _) | AttachmentAction::Update(_, new) => new.data.bodies(),
        AttachmentAction::Remove(..) => Vec::new(),
    };
    let changed = store.inner().write_with_blocking("test", bodies, move |tx| {
        tx.lock_meeting(calendar.account, calendar.id, name, None)?;
        let mut tx = tx.account_as(calendar.account, actor)?;
        let name = ObjectName::parse(name)?;
        match tx.change_attachments(&calendar, &name, &action, &Condition::default())? {
            AttachmentOutcome::Done(put) => Ok(put),
            // As protocols do: nothing of it stays.
            refused => Err(StorageError::Internal(format!("{refused:?}"))),
        }
    });
    changed.map(|committed| committed.value)
}

fn add(store: &TestStore, calendar: &Collection, name: &'static str, one: NewAttachment) {
    let action = AttachmentAction::Add(one, Instances::All);
    change_as(store, calendar.account, calendar, name, action).unwrap();
}

fn remove(store: &TestStore, calendar: &Collection, name: &'static str, one: &str) {
    let action = AttachmentAction::Remove(id(one), Instances::All);
    change_as(store, calendar.account, calendar, name, action).unwrap();
}

fn refused(outcome: Result<Scheduled>) -> String {
    outcome.unwrap_err().to_string()
}

fn text(store: &TestStore, calendar: &Collection, name: &'static str) -> String {
    let calendar = calendar.id;
    let bytes = store.read(move |tx| {
        let found = tx.find_object(calendar, name)?.expect("there");
        tx.load_object(found.id)
    });
    String::from_utf8(bytes.unwrap()).unwrap().replace("\r\n ", "")
}

/// What somebody gets by an id: the data, or why not.
fn read(store: &TestStore, actor: AccountId, one: &str) -> String {
    let one = id(one);
    let data = store.read(move |tx| {
        let found = tx.load_attachment(actor, &one)?;
        tx.load_attachment_data(&found)
    });
    match data {
        Ok(data) => String::from_utf8(data).unwrap(),
        Err(error) => error.to_string(),
    }
}

fn used(store: &TestStore, account: AccountId) -> u64 {
    store.read(move |tx| Ok(tx.load_account(account)?.used_bytes)).unwrap()
}

fn number(store: &TestStore, sql: &'static str) -> i64 {
    store.read(move |tx| tx.sql.query_one(sql, &[], |row| row.int(0))).unwrap().unwrap()
}

fn with_a_clock(change: impl Fn(&mut Settings) + Copy, test: impl Fn(&TestStore, &ManualClock)) {
    let clock = Arc::new(ManualClock::default());
    let of_store = clock.clone();
    on_both_engines_with(
        move |settings| {
            settings.clock = of_store.clone();
            change(settings);
        },
        |store| test(store, &clock),
    );
}

#[test]
fn an_attachment_is_added_updated_and_removed() {
    on_both_engines(|store| {
        let ann = store.account("ann");
        let calendar = personal(store, ann);
        put(store, &calendar, "e.ics", event("e", ""));
        let before = used(store, ann);
        add(store, &calendar, "e.ics", new("a", 3));
        let line = format!(
            "ATTACH;MANAGED-ID={};FMTTYPE=text/plain;SIZE=3;FILENAME=a.txt:\
             https://cal.example.test/a",
            id("a")
        );
        let there = text(store, &calendar, "e.ics");
        assert!(there.contains(&line), "{there}");
        assert_eq!(read(store, ann, "a"), "aaa");
        // Its data counts, beside the line.
        assert!(used(store, ann) > before + 3 + 100);
        let update = AttachmentAction::Update(id("a"), new("b", 200_000));
        change_as(store, ann, &calendar, "e.ics", update).unwrap();
        let there = text(store, &calendar, "e.ics");
        assert!(there.contains(&id("b")) && !there.contains(&id("a")), "{there}");
        assert_eq!(read(store, ann, "a"), "attachment does not exist");
        assert_eq!(read(store, ann, "b").len(), 200_000);
        remove(store, &calendar, "e.ics", "b");
        assert!(!text(store, &calendar, "e.ics").contains("ATTACH"));
        assert_eq!(used(store, ann), before);
        for (action, why) in [
            (AttachmentAction::Remove(id("b"), Instances::All), "NoAttachment"),
            (AttachmentAction::Update(id("c"), new("d", 1)), "NoAttachment"),
            (
                AttachmentAction::Add(new("d", 1), Instances::parse("20270101T000000Z").unwrap()),
                "NoInstance",
            ),
        ] {
            let refused = refused(change_as(store, ann, &calendar, "e.ics", action));
            assert!(refused.contains(why), "{refused}");
        }
        // Of what was refused nothing stayed.
        assert_eq!(number(store, "SELECT COUNT(*) FROM attachment"), 2);
    });
}

#[test]
fn limits_are_those_of_the_settings() {
    let change = |settings: &mut Settings| {
        settings.attachments = AttachmentSettings { bytes_max: 10, per_object_max: 2 };
    };
    on_both_engines_with(change, |store| {
        let ann = store.account("ann");
        let calendar = personal(store, ann);
        put(store, &calendar, "e.ics", event("e", ""));
        let more = |one, bytes| {
            let action = AttachmentAction::Add(new(one, bytes), Instances::All);
            change_as(store, ann, &calendar, "e.ics", action)
        };
        assert!(refused(more("a", 11)).contains("TooBig(10)"));
        more("a", 10).unwrap();
        more("b", 10).unwrap();
        assert!(refused(more("c", 1)).contains("TooManyAttachments"));
        // One that takes the place of another fits where that did.
        let full = used(store, ann);
        store.with(ann, move |tx| tx.set_quota(full + 5)).unwrap();
        let action = AttachmentAction::Update(id("a"), new("d", 10));
        change_as(store, ann, &calendar, "e.ics", action).unwrap();
        store.with(ann, move |tx| tx.set_quota(full - 10)).unwrap();
        remove(store, &calendar, "e.ics", "d");
        let failed = refused(more("e", 10));
        assert!(failed.starts_with("over quota"), "{failed}");
        // What is there already stays, whatever a client says of it.
        assert!(text(store, &calendar, "e.ics").contains(&id("b")));
    });
}

#[test]
fn a_put_names_only_what_is_its_clients_to_name() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        let (calendar, of_bob) = (personal(store, ann), personal(store, bob));
        put(store, &calendar, "e.ics", event("e", ""));
        add(store, &calendar, "e.ics", new("a", 3));
        let put_outcome = |actor, calendar: &Collection, lines: &str| {
            let object = event("f", lines);
            put_as(store, actor, calendar, "f.ics", object).unwrap().outcome
        };
        let unknown = PutOutcome::UnknownAttachment;
        // Invented, of another server, of another account.
        assert_eq!(put_outcome(ann, &calendar, &attach("b")), unknown);
        let foreign = "ATTACH;MANAGED-ID=97S:https://x/\r\n";
        assert_eq!(put_outcome(ann, &calendar, foreign), unknown);
        assert_eq!(put_outcome(bob, &of_bob, &attach("a")), unknown);
        // RFC 8607 §3.12.2: not by who may write there and did not make it, either.
        let id = calendar.id;
        let all = CollectionRights::WRITE;
        store.with(ann, move |tx| tx.share_collection(id, bob, all)).unwrap();
        assert_eq!(put_outcome(bob, &calendar, &attach("a")), unknown);
        // Whoever may write leaves alone what is there, and may use what they added.
        let kept = event("e", &format!("{}SUMMARY:x\r\n", attach("a")));
        let kept = put_as(store, bob, &calendar, "e.ics", kept).unwrap();
        assert_eq!(kept.outcome, PutOutcome::Replaced);
        assert!(kept.etag.is_some());
        let action = AttachmentAction::Add(new("c", 5), Instances::All);
        change_as(store, bob, &calendar, "e.ics", action).unwrap();
        assert_eq!(put_outcome(bob, &calendar, &attach("c")), PutOutcome::Created);
        // RFC 8607 §3.7: sizes that are wrong are put right.
        let wrong = attach("a").replace("MANAGED-ID", "SIZE=77;MANAGED-ID");
        let settled = put_as(store, ann, &calendar, "f.ics", event("f", &wrong)).unwrap();
        assert_eq!((settled.outcome, settled.etag), (PutOutcome::Replaced, None));
        assert!(text(store, &calendar, "f.ics").contains("SIZE=3;"));
        // It lives as long as one of both names it.
        remove(store, &calendar, "e.ics", "a");
        assert_eq!(read(store, ann, "a"), "aaa");
        assert_eq!(read(store, bob, "a"), "aaa");
        put(store, &calendar, "f.ics", event("f", ""));
        assert_eq!(read(store, ann, "a"), "attachment does not exist");
        // From a file, ids that mean nothing here are left out.
        let lines = [attach("a"), attach("b"), foreign.to_owned()].concat();
        let (to, object) = (calendar.clone(), event("i", &lines));
        store
            .with(ann, move |tx| {
                tx.import_objects(&to, &[object], crate::Duplicates::Keep).map(|_| ())
            })
            .unwrap();
        let imported = text(store, &calendar, "i.ics");
        assert_eq!(imported.matches("MANAGED-ID").count(), 1, "{imported}");
        assert_eq!(imported.matches("ATTACH").count(), 3, "{imported}");
    });
}

#[test]
fn copies_and_moves_go_on_naming_it() {
    on_both_engines(|store| {
        let ann = store.account("ann");
        let calendar = personal(store, ann);
        put(store, &calendar, "e.ics", event("e", ""));
        put(store, &calendar, "f.ics", event("f", ""));
        add(store, &calendar, "e.ics", new("a", 3));
        add(store, &calendar, "f.ics", new("b", 3));
        let work = store.with(ann, |tx| {
            let name = crate::CollectionName::parse(Home::Calendars, "work")?;
            tx.create_collection(
                &name,
                &crate::NewCollection::new(crate::CollectionKind::Calendar),
                &[],
            )
        });
        let work = work.unwrap();
        let transfer = |kind, source: &'static str, to: &Collection, name: &'static str| {
            let (from, to) = (calendar.clone(), to.clone());
            let done = store.with(ann, move |tx| {
                let object = tx.find_object(from.id, source)?.expect("there");
                let transfer = Transfer { kind, from: &from, object: &object, to: &to, name };
                tx.transfer_scheduled(&transfer, &Condition::default(), Answering::Reply)
            });
            done.unwrap()
        };
        assert_eq!(transfer(TransferKind::Copy, "e.ics", &work, "e.ics"), PutOutcome::Created);
        // What it takes the place of names nothing any more.
        assert_eq!(transfer(TransferKind::Move, "e.ics", &calendar, "f.ics"), PutOutcome::Replaced);
        assert_eq!(read(store, ann, "a"), "aaa");
        assert_eq!(read(store, ann, "b"), "attachment does not exist");
        store.with(ann, move |tx| tx.delete_collection(&work, &[])).unwrap();
        assert_eq!(read(store, ann, "a"), "aaa");
        let gone = calendar.clone();
        store.with(ann, move |tx| tx.delete_object(&gone, "f.ics", &Condition::default())).unwrap();
        assert_eq!(read(store, ann, "a"), "attachment does not exist");
        assert_eq!(used(store, ann), 0);
    });
}

#[test]
fn who_is_invited_may_have_it_and_changes_nothing_of_it() {
    on_both_engines(|store| {
        let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| store.account(name));
        let (calendar, of_bob) = (personal(store, ann), personal(store, bob));
        let people = "ORGANIZER:mailto:ann@example.test\r\n\
                      ATTENDEE;PARTSTAT=ACCEPTED:mailto:ann@example.test\r\n\
                      ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:bob@example.test\r\n";
        put(store, &calendar, "e.ics", event("e", people));
        add(store, &calendar, "e.ics", new("a", 3));
        assert!(text(store, &of_bob, "e.ics").contains(&id("a")));
        assert_eq!(read(store, bob, "a"), "aaa");
        assert_eq!(read(store, eve, "a"), "attachment does not exist");
        assert_eq!(used(store, bob), {
            let calendar = of_bob.id;
            let size =
                move |tx: &mut crate::ReadTx<'_>| Ok(tx.load_collection(calendar)?.size_bytes);
            let inbox = store.read(move |tx| {
                Ok(tx.find_collection(bob, Home::Calendars, "inbox")?.expect("there").size_bytes)
            });
            store.read(size).unwrap() + inbox.unwrap()
        });
        // They answer without it, and keep it.
        let yes = people.replace("NEEDS-ACTION", "ACCEPTED");
        put(store, &of_bob, "e.ics", event("e", &yes));
        assert!(text(store, &of_bob, "e.ics").contains(&id("a")));
        let action = AttachmentAction::Add(new("b", 3), Instances::All);
        let failed = refused(change_as(store, bob, &of_bob, "e.ics", action));
        assert!(failed.contains("NotForAttendee"), "{failed}");
        let own = event("own", "");
        put(store, &of_bob, "own.ics", own);
        add(store, &of_bob, "own.ics", new("c", 3));
        let more = event("e", &format!("{yes}{}{}", attach("a"), attach("c")));
        let outcome = put_as(store, bob, &of_bob, "e.ics", more).unwrap().outcome;
        assert_eq!(outcome, PutOutcome::NotForAttendee);
        // What the organizer takes out is gone for all.
        remove(store, &calendar, "e.ics", "a");
        assert!(!text(store, &of_bob, "e.ics").contains(&id("a")));
        assert_eq!(read(store, bob, "a"), "attachment does not exist");
        // RFC 8607 §3.12.5: what an object names still, of somebody who is gone, is 410.
        add(store, &calendar, "e.ics", new("d", 3));
        store.write(move |tx| tx.remove_account(ann)).unwrap();
        store.inner().maintain().unwrap();
        assert_eq!(read(store, bob, "d"), StorageError::Expunged.to_string());
        assert_eq!(number(store, "SELECT COUNT(*) FROM attachment"), 1);
    });
}

#[test]
fn what_nothing_names_can_come_back_for_a_while() {
    with_a_clock(
        |_| {},
        |store, clock| {
            let ann = store.account("ann");
            let calendar = personal(store, ann);
            clock.advance_secs(DAY);
            put(store, &calendar, "e.ics", event("e", ""));
            put(store, &calendar, "f.ics", event("f", ""));
            // One data, two attachments.
            for (name, one) in [("e.ics", "a"), ("f.ics", "b")] {
                let data = AttachmentData::new(vec![7; 100_000]);
                add(store, &calendar, name, NewAttachment { data, ..new(one, 1) });
            }
            assert_eq!(number(store, "SELECT COUNT(*) FROM blob"), 1);
            clock.advance_secs(DAY);
            let with = text(store, &calendar, "e.ics");
            remove(store, &calendar, "e.ics", "a");
            clock.advance_secs(29 * DAY);
            store.inner().maintain().unwrap();
            // As a restore does it.
            let restored =
                PreparedObject::calendar(with.into_bytes(), &ObjectLimits::default()).unwrap();
            let back = |object: PreparedObject| {
                let calendar = calendar.clone();
                let put = store.with(ann, move |tx| {
                    let name = ObjectName::parse("e.ics")?;
                    tx.put_object(&calendar, &name, &object, &Condition::default())
                });
                assert_eq!(put.unwrap(), PutOutcome::Replaced);
            };
            back(restored.clone());
            assert_eq!(read(store, ann, "a").len(), 100_000);
            remove(store, &calendar, "e.ics", "a");
            clock.advance_secs(31 * DAY);
            assert_eq!(store.inner().maintain().unwrap().blobs, 0);
            assert_eq!(number(store, "SELECT COUNT(*) FROM attachment"), 1);
            back(restored);
            assert_eq!(read(store, ann, "a"), StorageError::Expunged.to_string());
            remove(store, &calendar, "f.ics", "b");
            clock.advance_secs(31 * DAY);
            assert_eq!(store.inner().maintain().unwrap().blobs, 1);
            assert_eq!(number(store, "SELECT COUNT(*) FROM blob"), 0);
        },
    );
}

#[test]
fn what_nothing_names_has_a_bound() {
    let change = |settings: &mut Settings| settings.version_bytes_max = 10_000;
    with_a_clock(change, |store, clock| {
        let ann = store.account("ann");
        let calendar = personal(store, ann);
        put(store, &calendar, "e.ics", event("e", ""));
        for one in ["a", "b", "c"] {
            add(store, &calendar, "e.ics", new(one, 4_000));
            clock.advance_secs(1);
            remove(store, &calendar, "e.ics", one);
        }
        let kept = "SELECT COUNT(*) FROM attachment WHERE unnamed_since > 0";
        assert_eq!(number(store, kept), 2);
        assert_eq!(store.inner().maintain().unwrap().blobs, 1);
        assert_eq!(number(store, "SELECT COUNT(*) FROM attachment"), 2);
    });
}

#[test]
fn a_token_leads_to_it_as_long_as_it_is_named() {
    on_both_engines(|store| {
        let ann = store.account("ann");
        let calendar = personal(store, ann);
        put(store, &calendar, "e.ics", event("e", ""));
        add(store, &calendar, "e.ics", new("a", 3));
        let found = |token: String| store.read(move |tx| tx.find_public_attachment(&token));
        let there = found(id("a")).unwrap().unwrap();
        assert_eq!((there.size_bytes, there.filename.as_str()), (3, "a.txt"));
        assert_eq!(found(id("b")).unwrap(), None);
        assert_eq!(found("'%".to_owned()).unwrap(), None);
        store.with(ann, |tx| tx.set_maintenance(true)).unwrap();
        assert!(matches!(found(id("a")), Err(StorageError::Maintenance)));
        store.with(ann, |tx| tx.set_maintenance(false)).unwrap();
        remove(store, &calendar, "e.ics", "a");
        assert_eq!(found(id("a")).unwrap(), None);
    });
}

#[test]
fn what_breaks_the_rules_is_found() {
    on_both_engines(|store| {
        let ann = store.account("ann");
        let calendar = personal(store, ann);
        put(store, &calendar, "e.ics", event("e", ""));
        add(store, &calendar, "e.ics", new("a", 3));
        for (harm, mend, invariant) in [
            (
                "UPDATE attachment SET unnamed_since = 0",
                "UPDATE attachment SET unnamed_since = NULL",
                "attachment-named",
            ),
            (
                "UPDATE object SET attachments = 2",
                "UPDATE object SET attachments = 1",
                "attachment-named",
            ),
            (
                "UPDATE attachment SET size_bytes = 4",
                "UPDATE attachment SET size_bytes = 3",
                "attachment-data",
            ),
        ] {
            store.write(move |tx| tx.sql.execute(harm, &[])).unwrap();
            let found = store.inner().check_consistency().unwrap();
            assert!(found.iter().any(|one| one.invariant == invariant), "{found:?}");
            store.write(move |tx| tx.sql.execute(mend, &[])).unwrap();
        }
    });
}

/// Brings an event of somebody else's calendar into one's own.
fn bring(
    store: &TestStore,
    actor: AccountId,
    (from, to): (&Collection, &Collection),
    kind: TransferKind,
    one: &'static str,
) -> Result<PutOutcome> {
    let (from, to) = (from.clone(), to.clone());
    store.write(move |tx| {
        let object = tx.find_object(from.id, "e.ics")?.expect("there");
        let transfer = Transfer { kind, from: &from, object: &object, to: &to, name: "e.ics" };
        tx.lock_transfer(&transfer)?;
        let places = move |_: &str| {
            let uri = format!("https://cal.example.test/{one}");
            Some(AttachmentPlace { managed_id: id(one), token: id(one), uri })
        };
        tx.transfer_between(actor, &transfer, &Condition::default(), Answering::Reply, &places)
    })
}

#[test]
fn what_is_attached_comes_along_into_another_account() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        let (of_ann, of_bob) = (personal(store, ann), personal(store, bob));
        let shared = of_ann.id;
        let rights = CollectionRights::WRITE;
        store.with(ann, move |tx| tx.share_collection(shared, bob, rights)).unwrap();
        put(store, &of_ann, "e.ics", event("e", ""));
        add(store, &of_ann, "e.ics", new("a", 100_000));

        // The quota of who gets it counts, and nothing stays of what has no room.
        store.with(bob, |tx| tx.set_quota(50_000)).unwrap();
        let refused = bring(store, bob, (&of_ann, &of_bob), TransferKind::Move, "b");
        assert!(matches!(refused, Err(StorageError::OverQuota { .. })), "{refused:?}");
        assert_eq!(number(store, "SELECT COUNT(*) FROM attachment"), 1);
        assert_eq!(read(store, ann, "a").len(), 100_000);
        store.with(bob, |tx| tx.set_quota(0)).unwrap();

        let copied = bring(store, bob, (&of_ann, &of_bob), TransferKind::Copy, "b");
        assert_eq!(copied.unwrap(), PutOutcome::Created);
        let line = format!(
            "ATTACH;MANAGED-ID={};FMTTYPE=text/plain;SIZE=100000;FILENAME=a.txt:\
             https://cal.example.test/b\r\n",
            id("b")
        );
        let there = text(store, &of_bob, "e.ics");
        assert!(there.contains(&line) && !there.contains(&id("a")), "{there}");
        assert!(used(store, bob) > 100_000);
        // The data is kept once; each has it by names of their own.
        assert_eq!(number(store, "SELECT COUNT(*) FROM blob"), 1);
        remove(store, &of_ann, "e.ics", "a");
        assert_eq!(read(store, bob, "b").len(), 100_000);
        assert!(used(store, ann) < 100_000);

        // Back again, in the place of what is there.
        let moved = bring(store, bob, (&of_bob, &of_ann), TransferKind::Move, "c");
        assert_eq!(moved.unwrap(), PutOutcome::Replaced);
        assert_eq!(used(store, bob), 0);
        assert_eq!(read(store, ann, "c").len(), 100_000);
        assert_eq!(read(store, bob, "b"), "attachment does not exist");
    });
}
