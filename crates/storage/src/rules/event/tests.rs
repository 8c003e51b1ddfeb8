use ids::{AccountId, CollectionId, Uid, UidSet};
use message::flag::Flags;

use super::{EventCause, MailboxEvent};
use crate::testing::{TestStore, flags, on_both_engines, uids};
use crate::{
    AclChange, FlagChange, MetadataEntry, MetadataScope, Rights, ScriptName, ShareRights,
    StorageError, Withdrawn,
};

const TEXT: &[u8] = b"Subject: a\r\n\r\nb\r\n";

fn name(text: &str) -> ScriptName {
    ScriptName::parse(text).unwrap()
}

fn entry() -> MetadataEntry {
    MetadataEntry { scope: MetadataScope::Shared, name: "/imapsieve/script".to_owned() }
}

impl TestStore {
    fn name_script(&self, actor: AccountId, mailbox: Option<CollectionId>, value: Option<&str>) {
        let values = [(entry(), value.map(|value| value.as_bytes().to_vec()))];
        self.write(move |tx| match mailbox {
            Some(mailbox) => tx.set_metadata(actor, mailbox, &values),
            None => tx.set_server_metadata(actor, &values),
        })
        .unwrap();
    }

    fn add_one(&self, account: AccountId, mailbox: CollectionId) -> Uid {
        self.append_bytes(account, mailbox, TEXT, Flags::default()).unwrap().uid
    }

    /// The next event, and everything in it taken out.
    fn take_next(&self, account: AccountId) -> Option<MailboxEvent> {
        let event = self.read(move |tx| tx.next_event(account)).unwrap()?;
        let (taken, up_to) = (event.clone(), Uid::new(u32::MAX));
        let is_ours = self.with(account, move |tx| tx.settle_event(&taken, up_to, None)).unwrap();
        assert!(is_ours);
        Some(event)
    }
}

/// RFC 6785 §2.2: what happens is noted where a script is named, with who did it.
#[test]
fn what_happens_is_noted_where_a_script_is_named() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let (inbox, sent) = (store.mailbox(julie, "INBOX"), store.mailbox(julie, "Sent"));
        store.with(julie, |tx| tx.put_script(&name("s"), b"keep;")).unwrap();
        store.add_one(julie, inbox);
        assert_eq!(store.take_next(julie), None);
        store.name_script(julie, Some(inbox), Some("s"));
        let uid = store.add_one(julie, inbox);
        let event = store.take_next(julie).unwrap();
        assert_eq!((event.cause, event.mailbox, event.actor), (EventCause::Append, inbox, julie));
        assert_eq!(event.uids, UidSet::from_iter([uid]));
        assert_eq!(store.inner().event_notices().take().into_iter().collect::<Vec<_>>(), [julie]);
        // Messages of which the same flags changed are one event.
        let all = uids("1:2");
        let set = all.clone();
        let store_flags = move |change: FlagChange, set: UidSet| {
            store
                .with(julie, move |tx| tx.store_flags(inbox, &set, change, None).map(|_| ()))
                .unwrap();
        };
        store_flags(FlagChange::Add(flags("\\Seen")), uids("1"));
        let event = store.take_next(julie).unwrap();
        assert_eq!((event.cause, event.changed.as_str()), (EventCause::Flag, "\\Seen"));
        store_flags(FlagChange::Replace(flags("\\Seen $Mine")), set);
        let found = [store.take_next(julie).unwrap(), store.take_next(julie).unwrap()];
        let mut found = found.map(|event| (event.changed, event.uids));
        found.sort_by(|left, right| left.0.cmp(&right.0));
        assert_eq!(found[0], ("$Mine".to_owned(), uids("1")));
        assert_eq!(found[1].1, uids("2"));
        // What changes nothing is no event.
        store_flags(FlagChange::Add(flags("\\Seen")), all.clone());
        assert_eq!(store.take_next(julie), None);
        // COPY and MOVE are events of the target.
        store.name_script(julie, Some(inbox), None);
        store.name_script(julie, Some(sent), Some("s"));
        store
            .write(move |tx| tx.copy_messages_as(julie, inbox, &uids("1"), sent).map(|_| ()))
            .unwrap();
        let event = store.take_next(julie).unwrap();
        assert_eq!((event.cause, event.mailbox), (EventCause::Copy, sent));
        store
            .write(move |tx| tx.move_messages_as(julie, inbox, &uids("2"), sent).map(|_| ()))
            .unwrap();
        assert_eq!(store.take_next(julie).unwrap().cause, EventCause::Copy);
        assert_eq!(store.take_next(julie), None);
    });
}

/// RFC 6785 §2.3.1: the mailbox's entry goes before the server's, empty or not.
#[test]
fn the_entry_of_the_mailbox_goes_first() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        store.write(move |tx| tx.account(julie)?.set_role(crate::Role::Administrator)).unwrap();
        let inbox = store.mailbox(julie, "INBOX");
        let happens = |expect: bool| {
            store.add_one(julie, inbox);
            assert_eq!(store.take_next(julie).is_some(), expect);
        };
        store.with(julie, |tx| tx.put_script(&name("s"), b"keep;")).unwrap();
        store.name_script(julie, None, Some("s"));
        happens(true);
        // Accounts made later have it too.
        let max = store.account("max");
        let theirs = store.mailbox(max, "INBOX");
        store.with(max, |tx| tx.put_script(&name("s"), b"keep;")).unwrap();
        store.add_one(max, theirs);
        assert!(store.take_next(max).is_some());
        store.name_script(julie, Some(inbox), Some(""));
        happens(false);
        store.name_script(julie, Some(inbox), Some("none"));
        happens(false);
        store.name_script(julie, Some(inbox), None);
        happens(true);
        store.name_script(julie, None, None);
        happens(false);
    });
}

/// The row of an event is written anew for each of its messages.
#[test]
fn what_is_about_very_many_ranges_is_several_events() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let inbox = store.mailbox(julie, "INBOX");
        store.with(julie, |tx| tx.put_script(&name("s"), b"keep;")).unwrap();
        store.name_script(julie, Some(inbox), Some("s"));
        let odd = |uids: std::ops::Range<u32>| -> UidSet {
            uids.map(|number| Uid::new(2 * number + 1)).collect()
        };
        let all = odd(0..2_001);
        store.with(julie, move |tx| tx.note_event(inbox, EventCause::Copy, &all, "x")).unwrap();
        for part in [odd(0..1_000), odd(1_000..2_000), odd(2_000..2_001)] {
            let event = store.take_next(julie).unwrap();
            assert_eq!((event.uids, event.changed.as_str()), (part, "x"));
        }
        assert_eq!(store.take_next(julie), None);
    });
}

/// Each message is taken out of an event once.
#[test]
fn messages_are_taken_once() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let (inbox, sent) = (store.mailbox(julie, "INBOX"), store.mailbox(julie, "Sent"));
        store.with(julie, |tx| tx.put_script(&name("s"), b"keep;")).unwrap();
        for _ in 0..5 {
            store.add_one(julie, inbox);
        }
        store.name_script(julie, Some(sent), Some("s"));
        store
            .write(move |tx| tx.copy_messages_as(julie, inbox, &uids("1:5"), sent).map(|_| ()))
            .unwrap();
        let event = store.read(move |tx| tx.next_event(julie)).unwrap().unwrap();
        let settle = |up_to: u32| {
            let event = event.clone();
            let settled =
                store.with(julie, move |tx| tx.settle_event(&event, Uid::new(up_to), None));
            settled.unwrap()
        };
        let left = || {
            let next = store.read(move |tx| tx.next_event(julie)).unwrap();
            next.map(|event| event.uids)
        };
        assert!(settle(1) && !settle(1));
        assert_eq!(left(), Some(uids("2:5")));
        assert!(settle(3) && !settle(2));
        assert_eq!(left(), Some(uids("4:5")));
        assert!(settle(5) && !settle(5));
        assert_eq!(left(), None);
    });
}

/// Rights on a mailbox do not let anybody choose what runs in the name of its owner (R-ADDR-7,
/// R-SHARE-6).
#[test]
fn a_script_is_named_by_who_may_change_filters() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let inbox = store.mailbox(julie, "INBOX");
        store.with(julie, |tx| tx.put_script(&name("s"), b"keep;")).unwrap();
        let all = AclChange::Set(Rights::parse("lrswipkxte").unwrap());
        store.write(move |tx| tx.set_acl(julie, inbox, "max@example.test", all)).unwrap();
        let set = |actor, entry: MetadataEntry| {
            let values = [(entry, Some(b"s".to_vec()))];
            store.write(move |tx| tx.set_metadata(actor, inbox, &values))
        };
        let other = MetadataEntry { name: "/comment".to_owned(), ..entry() };
        set(max, other).unwrap();
        assert!(matches!(set(max, entry()), Err(StorageError::NoPermission(_))));
        store.add_one(julie, inbox);
        assert_eq!(store.take_next(julie), None);
        let share = ShareRights::parse("read,filters").unwrap();
        store.write(move |tx| tx.share_account(julie, max, share)).unwrap();
        store.write(move |tx| tx.set_acl(julie, inbox, "max@example.test", all)).unwrap();
        set(max, entry()).unwrap();
        let withdrawn = Withdrawn::FILTERS;
        store.with(julie, move |tx| tx.set_withdrawn(withdrawn)).unwrap();
        for actor in [julie, max] {
            assert!(matches!(set(actor, entry()), Err(StorageError::NoPermission(_))));
        }
    });
}
