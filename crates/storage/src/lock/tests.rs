//! Locks of others than the owner, through both engines.

use super::*;
use crate::CollectionRights;
use crate::collection::{CollectionKind, CollectionName, NewCollection};
use crate::testing::{Counting, TestStore, on_both_engines};

fn folder(store: &TestStore, account: AccountId, name: &'static str) -> Collection {
    store
        .with(account, move |tx| {
            let name = CollectionName::parse(Home::Files, name)?;
            tx.create_collection(&name, &NewCollection::new(CollectionKind::Folder), &[])
        })
        .unwrap()
}

fn share(store: &TestStore, folder: &Collection, with: AccountId, rights: CollectionRights) {
    let id = folder.id;
    store.with(folder.account, move |tx| tx.share_collection(id, with, rights)).unwrap();
}

fn lock(
    store: &TestStore,
    folder: &Collection,
    object: Option<String>,
    token: &str,
    holder: AccountId,
) {
    let (folder, token) = (folder.clone(), token.to_owned());
    let wanted = Lock {
        token,
        home: Home::Files,
        path: String::new(),
        deep: false,
        exclusive: true,
        holder,
        owner: String::new(),
        timeout_secs: 3600,
        expires: Timestamp::default(),
    };
    let done = store.write(move |tx| {
        tx.account_as(folder.account, holder)?.lock(&folder, object.as_deref(), &wanted).map(drop)
    });
    done.unwrap();
}

/// Tokens of the locks that count, and with how many statements they are found out.
fn counting(store: &TestStore, account: AccountId) -> (Vec<String>, usize) {
    store
        .read(move |tx| {
            let mut counting = Counting { sql: &mut *tx.sql, count: 0 };
            let blobs = tx.blobs;
            let mut tx =
                ReadTx { sql: &mut counting, blobs, contents: None, index: None, others_max: 0 };
            let locks = tx.list_locks(account, Timestamp::default())?;
            Ok((locks.into_iter().map(|lock| lock.token).collect(), counting.count))
        })
        .unwrap()
}

#[test]
fn rights_where_a_lock_is_are_asked_for_once() {
    on_both_engines(|store| {
        let [julie, paul] = ["julie", "paul"].map(|name| store.account(name));
        let outer = folder(store, julie, "docs");
        let inner = folder(store, julie, "docs/inner");
        for folder in [&outer, &inner] {
            share(store, folder, paul, CollectionRights::WRITE);
        }
        for number in 0..30 {
            let token = format!("t{number:02}");
            lock(store, &outer, Some(format!("{number}.txt")), &token, paul);
        }
        lock(store, &inner, None, "u", paul);
        let (all, statements) = counting(store, julie);
        assert_eq!(all.len(), 31);
        assert!(statements <= 6, "{statements}");
        // A folder has rights of its own, whatever it stands in.
        share(store, &outer, paul, CollectionRights::READ);
        assert_eq!(counting(store, julie).0, ["u"]);
        share(store, &outer, paul, CollectionRights::WRITE);
        share(store, &inner, paul, CollectionRights::READ);
        assert_eq!(counting(store, julie).0.len(), 30);
    });
}

/// What was changed without them does not count as locked again.
#[test]
fn a_lock_that_did_not_count_when_somebody_wrote_is_gone() {
    on_both_engines(|store| {
        let [julie, paul] = ["julie", "paul"].map(|name| store.account(name));
        let docs = folder(store, julie, "docs");
        let rights = |rights| share(store, &docs, paul, rights);
        let check = |is_below: bool| {
            let done = store.with(julie, move |tx| match is_below {
                false => tx.require_unlocked(Home::Files, "docs", Some("1.txt"), &[]),
                true => tx.require_unlocked_below(Home::Files, "docs", &[]),
            });
            !matches!(done, Err(StorageError::InUse(_)))
        };
        for is_below in [false, true] {
            rights(CollectionRights::WRITE);
            for name in ["1", "2"] {
                lock(store, &docs, Some(format!("{name}.txt")), name, paul);
            }
            assert!(!check(is_below));
            // Nothing was written meanwhile.
            rights(CollectionRights::READ);
            rights(CollectionRights::WRITE);
            assert_eq!(counting(store, julie).0, ["1", "2"]);
            rights(CollectionRights::READ);
            assert!(check(is_below));
            rights(CollectionRights::WRITE);
            let left: &[&str] = if is_below { &[] } else { &["2"] };
            assert_eq!(counting(store, julie).0, left);
            store.with(julie, |tx| tx.remove_locks_below(Home::Files, "docs")).unwrap();
        }
    });
}
