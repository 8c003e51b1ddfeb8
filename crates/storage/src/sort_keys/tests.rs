mod bounds;
mod stored;

use std::sync::Arc;

use ids::{AccountId, CollectionId, UidSet};
use message::{Collation, SortText};

use super::{MailboxKeys, SortWant};
use crate::testing::{TestStore, on_both_engines, on_both_engines_with, uids};
use crate::{Snapshot, Store};

const COLLATION: Collation = Collation::UnicodeCasemap;

fn want() -> SortWant {
    SortWant {
        texts: vec![SortText::Subject, SortText::From],
        threads: true,
        ..SortWant::default()
    }
}

fn keys(store: &Store, snapshot: &Arc<Snapshot>, want: &SortWant) -> MailboxKeys {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let all: Vec<u32> = (1..=snapshot.exists()).collect();
    runtime.block_on(store.sort_keys(snapshot, &all, want)).unwrap()
}

/// Whatever was kept from before, the keys are those of a store that knows nothing yet.
fn check(store: &TestStore, snapshot: &Arc<Snapshot>, expect: &[(&str, &str, usize)]) {
    let found = keys(store.inner(), snapshot, &want());
    let rank = |text, seq| found.keys().rank(text, COLLATION, found.row(seq));
    assert_eq!(snapshot.exists() as usize, expect.len());
    for (seq, (subject, from, ancestors)) in (1..).zip(expect) {
        for (other, (other_subject, other_from, _)) in (1..).zip(expect) {
            assert_eq!(
                rank(SortText::Subject, seq).cmp(&rank(SortText::Subject, other)),
                subject.cmp(other_subject)
            );
            assert_eq!(
                rank(SortText::From, seq).cmp(&rank(SortText::From, other)),
                from.cmp(other_from)
            );
        }
        let thread = found.keys().thread(found.row(seq)).unwrap();
        assert_eq!(thread.ancestors.len(), *ancestors, "message {seq}");
    }
}

fn append(store: &TestStore, account: AccountId, inbox: CollectionId, head: &str) {
    store.append(account, inbox, &format!("{head}\r\n\r\nx\r\n"), "\\Deleted").unwrap();
}

#[test]
fn keys_follow_the_mailbox() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let inbox = store.mailbox(account, "INBOX");
        let view = store.inner().open_view_blocking(account, inbox).unwrap();
        check(store, &view.snapshot(), &[]);
        append(store, account, inbox, "Subject: b\r\nFrom: z@x.test");
        append(
            store,
            account,
            inbox,
            "Subject: Re: a\r\nFrom: Y@x.test\r\nReferences: <1@x> <2@x>",
        );
        check(store, &view.snapshot(), &[("B", "Z", 0), ("A", "Y", 2)]);
        append(store, account, inbox, "Subject: aa\r\nIn-Reply-To: <1@x>");
        let three = view.snapshot();
        check(store, &three, &[("B", "Z", 0), ("A", "Y", 2), ("AA", "", 1)]);
        store.with(account, move |tx| tx.expunge(inbox, Some(&uids("2")))).unwrap();
        append(store, account, inbox, "X: no subject");
        let now = view.snapshot();
        check(store, &now, &[("B", "Z", 0), ("AA", "", 1), ("", "", 0)]);
        // A session that still shows what was expunged.
        check(store, &three, &[("B", "Z", 0), ("A", "Y", 2), ("AA", "", 1)]);
        let held = Arc::new(now.with_expunged_of(&three));
        check(store, &held, &[("B", "Z", 0), ("A", "Y", 2), ("AA", "", 1), ("", "", 0)]);
    });
}

#[test]
fn other_collations_read_headers() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let inbox = store.mailbox(account, "INBOX");
        let view = store.inner().open_view_blocking(account, inbox).unwrap();
        for subject in ["a", "B", "A", "\u{e9}", "\u{c9}"] {
            append(store, account, inbox, &format!("Subject: {subject}"));
        }
        for (collation, expect) in [
            (Collation::UnicodeCasemap, [1, 2, 1, 3, 3]),
            (Collation::AsciiCasemap, [1, 2, 1, 4, 3]),
            (Collation::Octet, [3, 2, 1, 5, 4]),
        ] {
            let want =
                SortWant { texts: vec![SortText::Subject], collation, ..SortWant::default() };
            let found = keys(store.inner(), &view.snapshot(), &want);
            let ranks = [1, 2, 3, 4, 5]
                .map(|seq| found.keys().rank(SortText::Subject, collation, found.row(seq)));
            assert_eq!(ranks, expect, "{collation:?}");
        }
    });
}

#[test]
fn the_cache_keeps_its_bound() {
    on_both_engines_with(
        |settings| settings.sort_keys_bytes_max = 1000,
        |store| {
            let account = store.account("julie");
            for name in ["INBOX", "Drafts", "Sent"] {
                let mailbox = store.mailbox(account, name);
                let view = store.inner().open_view_blocking(account, mailbox).unwrap();
                for number in 0..3 {
                    append(store, account, mailbox, &format!("Subject: {number}"));
                    let found = keys(store.inner(), &view.snapshot(), &want());
                    let rank =
                        found.keys().rank(SortText::Subject, COLLATION, found.row(number + 1));
                    assert_eq!(rank, number + 1);
                    assert!(store.inner().sort_key_cache().bytes() <= 1000);
                }
            }
        },
    );
}

#[test]
fn few_messages_are_read_alone() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let inbox = store.mailbox(account, "INBOX");
        let view = store.inner().open_view_blocking(account, inbox).unwrap();
        for number in 0..40 {
            append(store, account, inbox, &format!("Subject: {}", 90 - number));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for known in [false, true] {
            let (snapshot, want) = (view.snapshot(), want());
            let few = store.inner().sort_keys(&snapshot, &[7, 30], &want);
            let found = runtime.block_on(few).unwrap();
            let rank = |seq| found.keys().rank(SortText::Subject, COLLATION, found.row(seq));
            assert!(rank(7) > rank(30));
            let in_memory = if known { 40 } else { 2 };
            assert_eq!(found.keys().uids().len(), in_memory);
            keys(store.inner(), &snapshot, &want);
        }
    });
}

#[test]
fn rows_of_messages_long_gone_are_given_up() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let inbox = store.mailbox(account, "INBOX");
        let view = store.inner().open_view_blocking(account, inbox).unwrap();
        let text = "Subject: x\r\n\r\nbody\r\n";
        for _ in 0..1100 {
            store.append(account, inbox, text, "\\Deleted").unwrap();
        }
        let all = keys(store.inner(), &view.snapshot(), &want());
        assert_eq!(all.keys().uids().len(), 1100);
        let mut gone = UidSet::new();
        gone.insert_range(ids::Uid::new(2), ids::Uid::new(1100));
        store.with(account, move |tx| tx.expunge(inbox, Some(&gone))).unwrap();
        append(store, account, inbox, "Subject: y");
        let left = keys(store.inner(), &view.snapshot(), &want());
        assert_eq!(left.keys().uids(), [1, 1101]);
    });
}
