use ids::{AccountId, CollectionId, UidSet};

use super::ROW_BYTES;
use crate::sql::Value;
use crate::testing::{TestStore, mailbox_name, on_both_engines_with};

const TEXT: &str = "Subject: x\r\nFrom: a@b.test\r\n\r\nbody\r\n";
/// What one such message takes.
const ONE: u64 = TEXT.len() as u64 + ROW_BYTES as u64;

/// The messages that can be brought back, by mailbox and UID, and what they are counted as.
fn kept(store: &TestStore, account: AccountId) -> (Vec<(i64, i64)>, i64) {
    store
        .read(move |tx| {
            let account = [Value::Int(account.get())];
            let rows = tx.sql.query_all(
                "SELECT mailbox_id, uid FROM expunged WHERE account_id = ?1 \
                 ORDER BY expunged_at, mailbox_id, uid",
                &account,
                |row| Ok((row.int(0)?, row.int(1)?)),
            )?;
            let sql = "SELECT expunged_bytes FROM account WHERE id = ?1";
            let bytes = tx.sql.query_one(sql, &account, |row| row.int(0))?;
            Ok((rows, bytes.expect("the account is there")))
        })
        .unwrap()
}

fn fill(store: &TestStore, account: AccountId, mailbox: CollectionId, messages: u32) {
    for _ in 0..messages {
        store.append(account, mailbox, TEXT, "\\Deleted").unwrap();
    }
}

fn of(mailbox: CollectionId, uids: std::ops::RangeInclusive<i64>) -> Vec<(i64, i64)> {
    uids.map(|uid| (mailbox.get(), uid)).collect()
}

#[test]
fn the_oldest_expunged_messages_make_room() {
    on_both_engines_with(
        |settings| settings.expunged_bytes_max = 3 * ONE,
        |store| {
            let (julie, paul) = (store.account("julie"), store.account("paul"));
            store.with(julie, |tx| tx.set_quota(2 * ONE)).unwrap();
            let (inbox, other) = (store.mailbox(julie, "INBOX"), store.mailbox(paul, "INBOX"));
            fill(store, paul, other, 1);
            store.with(paul, move |tx| tx.expunge(other, None)).unwrap();
            for uid in 1..=6 {
                fill(store, julie, inbox, 1);
                store.with(julie, move |tx| tx.expunge(inbox, None)).unwrap();
                let bytes = (ONE.cast_signed() * uid).min(3 * ONE.cast_signed());
                assert_eq!(kept(store, julie), (of(inbox, (uid - 2).max(1)..=uid), bytes));
            }
            assert_eq!(kept(store, paul).0, of(other, 1..=1));
            // One that is larger than those that must go for it.
            let large = format!("{TEXT}{}", "x".repeat(TEXT.len() + 512));
            store.append(julie, inbox, &large, "\\Deleted").unwrap();
            store.with(julie, move |tx| tx.expunge(inbox, None)).unwrap();
            let left = [of(inbox, 6..=6), of(inbox, 7..=7)].concat();
            assert_eq!(kept(store, julie), (left, 3 * ONE.cast_signed()));
            // A mailbox that goes leaves no more, nor do messages that are removed otherwise.
            let name = mailbox_name("work");
            let work = store.with(julie, move |tx| tx.create_mailbox(&name, None)).unwrap().id;
            fill(store, julie, work, 2);
            store.with(julie, |tx| tx.delete_mailbox(&mailbox_name("work"))).unwrap();
            assert_eq!(kept(store, julie).0, of(work, 1..=2));
            fill(store, julie, inbox, 2);
            store.with(julie, move |tx| tx.remove_messages(inbox, &UidSet::all())).unwrap();
            assert_eq!(kept(store, julie).0.len(), 3);
        },
    );
}

#[test]
fn all_that_an_account_keeps_can_be_brought_back() {
    on_both_engines_with(
        |settings| settings.expunged_bytes_max = ONE,
        |store| {
            let julie = store.account("julie");
            let inbox = store.mailbox(julie, "INBOX");
            store.with(julie, |tx| tx.set_quota(20 * ONE)).unwrap();
            fill(store, julie, inbox, 12);
            store.with(julie, move |tx| tx.expunge(inbox, None)).unwrap();
            assert_eq!(kept(store, julie), (of(inbox, 1..=12), 12 * ONE.cast_signed()));
            // Without a quota, all of it.
            store.with(julie, |tx| tx.set_quota(0)).unwrap();
            let large = format!("{TEXT}{}", "x".repeat(512));
            for flags in ["", "", "\\Deleted"].into_iter().cycle().take(12) {
                store.append(julie, inbox, &large, flags).unwrap();
            }
            store.with(julie, move |tx| tx.expunge(inbox, None)).unwrap();
            let (rows, bytes) = kept(store, julie);
            assert_eq!(rows.first(), Some(&(inbox.get(), 1)));
            assert_eq!((rows.len(), bytes), (16, 16 * ONE.cast_signed() + 4 * 512));
            // And in steps, the last of which leaves nothing.
            store.with(julie, move |tx| tx.remove_messages(inbox, &UidSet::all())).unwrap();
            assert_eq!(kept(store, julie).0, of(inbox, 1..=24));
        },
    );
}
