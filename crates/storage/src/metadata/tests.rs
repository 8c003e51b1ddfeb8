use ids::{AccountId, CollectionId};

use super::{MetadataEntry, MetadataScope};
use crate::testing::{TestStore, mailbox_name, new_account, on_both_engines, on_both_engines_with};
use crate::{Fact, Result, Role};

fn entry(scope: MetadataScope, name: &str) -> MetadataEntry {
    MetadataEntry { scope, name: name.to_owned() }
}

fn private(name: &str) -> MetadataEntry {
    entry(MetadataScope::Private, name)
}

fn shared(name: &str) -> MetadataEntry {
    entry(MetadataScope::Shared, name)
}

fn set(
    store: &TestStore,
    actor: AccountId,
    mailbox: CollectionId,
    values: &[(MetadataEntry, Option<&str>)],
) -> Result<()> {
    let values: Vec<_> = values
        .iter()
        .map(|(entry, value)| (entry.clone(), value.map(|value| value.as_bytes().to_vec())))
        .collect();
    store.write(move |tx| tx.set_metadata(actor, mailbox, &values))
}

/// `scope name=value` of everything `account` sees, what the mailbox is for aside.
fn seen(store: &TestStore, account: AccountId, mailbox: CollectionId) -> Vec<String> {
    seen_of(store, account, mailbox, |entry| !entry.is_special_use())
}

fn seen_of(
    store: &TestStore,
    account: AccountId,
    mailbox: CollectionId,
    wanted: fn(&MetadataEntry) -> bool,
) -> Vec<String> {
    let found = store.read(move |tx| tx.load_metadata(account, &[mailbox], wanted)).unwrap();
    found
        .iter()
        .map(|one| {
            let value = String::from_utf8_lossy(&one.value);
            format!("{:?} {}={value}", one.entry.scope, one.entry.name)
        })
        .collect()
}

fn outcome<T>(result: Result<T>) -> String {
    result.map_or_else(|error| error.to_string(), |_| "ok".to_owned())
}

#[test]
fn annotations_belong_to_their_mailbox() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let archive = store.mailbox(julie, "Archive");
        let (note, color) = (private("/comment"), shared("/vendor/x/color"));
        set(store, julie, archive, &[(note.clone(), Some("a")), (color.clone(), Some("b"))])
            .unwrap();
        let theirs = [(note.clone(), Some("c"))];
        assert_eq!(outcome(set(store, max, archive, &theirs)), "mailbox does not exist");
        store
            .write(move |tx| {
                let change = crate::AclChange::Set(crate::Rights::LOOKUP | crate::Rights::READ);
                tx.set_acl(julie, archive, "max@example.test", change)
            })
            .unwrap();
        set(store, max, archive, &theirs).unwrap();
        let both = ["Private /comment=a", "Shared /vendor/x/color=b"];
        assert_eq!(seen(store, julie, archive), both);
        assert_eq!(seen(store, max, archive), ["Private /comment=c", "Shared /vendor/x/color=b"]);
        store
            .with(julie, |tx| tx.rename_mailbox(&mailbox_name("Archive"), &mailbox_name("Old")))
            .unwrap();
        assert_eq!(seen(store, julie, archive), both);
        set(store, julie, archive, &[(color, None), (note, Some("d"))]).unwrap();
        assert_eq!(seen(store, julie, archive), ["Private /comment=d"]);
        store.with(julie, |tx| tx.delete_mailbox(&mailbox_name("Old"))).unwrap();
        assert_eq!(seen(store, julie, archive), [""; 0]);
        assert_eq!(outcome(set(store, julie, archive, &[])), "mailbox does not exist");
    });
}

/// RFC 6154 §4.
#[test]
fn what_a_mailbox_is_for_is_an_entry_of_its_owner() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let [inbox, sent, drafts] =
            ["INBOX", "Sent", "Drafts"].map(|name| store.mailbox(julie, name));
        let saved = mailbox_name("Saved");
        let saved = store.with(julie, move |tx| tx.create_mailbox(&saved, None)).unwrap().id;
        let seen = |account, mailbox| seen_of(store, account, mailbox, |_| true);
        let entry = private("/specialuse");
        let put = |actor, mailbox, value: Option<&str>| {
            outcome(set(store, actor, mailbox, &[(private("/specialuse"), value)]))
        };
        let special_use = |id| store.read(move |tx| tx.load_mailbox(id)).unwrap().special_use;
        assert_eq!(seen(julie, drafts), ["Private /specialuse=\\Drafts"]);
        assert_eq!(
            put(julie, saved, Some("\\drafts")),
            "a mailbox of this special use exists already"
        );
        // All or none.
        let both = [(private("/a"), Some("b")), (entry.clone(), Some("\\Drafts"))];
        assert!(set(store, julie, saved, &both).is_err());
        assert_eq!(seen(julie, saved), [""; 0]);
        assert_eq!(put(julie, drafts, None), "ok");
        assert_eq!((special_use(drafts), seen(julie, drafts)), (None, vec![]));
        set(store, julie, saved, &both).unwrap();
        assert_eq!(special_use(saved), Some(crate::SpecialUse::Drafts));
        assert_eq!(seen(julie, saved), ["Private /a=b", "Private /specialuse=\\Drafts"]);
        let rows = store.read(|tx| {
            tx.sql.query_all("SELECT entry FROM metadata", &[], |row| Ok(row.text(0)?.to_owned()))
        });
        assert_eq!(rows.unwrap(), ["/a"]);
        assert_eq!(put(julie, inbox, Some("\\Archive")), "invalid: INBOX has no special use");
        assert_eq!(put(julie, sent, Some("\\Sent \\Junk")), "invalid: this is no special use");
        store
            .write(move |tx| {
                let change = crate::AclChange::Set(crate::Rights::LOOKUP | crate::Rights::READ);
                tx.set_acl(julie, sent, "max@example.test", change)
            })
            .unwrap();
        assert_eq!(seen(max, sent), [""; 0]);
        assert_eq!(put(max, sent, None), "not permitted: this is for the account itself to do");
        assert_eq!(special_use(sent), Some(crate::SpecialUse::Sent));
        let facts = store.facts(move |tx| tx.set_metadata(julie, sent, &[(entry, None)]));
        assert_eq!(facts.len(), 2, "{facts:?}");
    });
}

#[test]
fn a_renamed_inbox_leaves_and_takes_its_annotations() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let inbox = store.mailbox(julie, "INBOX");
        set(store, julie, inbox, &[(private("/comment"), Some("a"))]).unwrap();
        store
            .with(julie, |tx| tx.rename_mailbox(&mailbox_name("INBOX"), &mailbox_name("Old")))
            .unwrap();
        let old = store.mailbox(julie, "Old");
        assert_eq!(seen(store, julie, inbox), seen(store, julie, old));
        assert_eq!(seen(store, julie, old), ["Private /comment=a"]);
    });
}

#[test]
fn copies_of_annotations_need_room_and_are_the_owners() {
    on_both_engines_with(
        |settings| settings.metadata_bytes_max = 30,
        |store| {
            let (julie, max) = (store.account("julie"), store.account("max"));
            let inbox = store.mailbox(julie, "INBOX");
            store
                .write(move |tx| {
                    let change = crate::AclChange::Set(crate::Rights::LOOKUP | crate::Rights::READ);
                    tx.set_acl(julie, inbox, "max@example.test", change)
                })
                .unwrap();
            let both = [(private("/a"), Some("123")), (shared("/b"), Some("456"))];
            set(store, julie, inbox, &both).unwrap();
            // 28 of 30 bytes: a copy would be too much for max.
            let much = "1234567890123456789012345678";
            set(store, max, inbox, &[(private("/m"), Some(&much[2..]))]).unwrap();
            let rename = |to: &str| {
                let (from, to) = (mailbox_name("INBOX"), mailbox_name(to));
                store.with(julie, move |tx| tx.rename_mailbox(&from, &to))
            };
            rename("one").unwrap();
            let one = store.mailbox(julie, "one");
            assert_eq!(seen(store, julie, one), ["Private /a=123", "Shared /b=456"]);
            let of_max = store.read(move |tx| {
                let sql = "SELECT mailbox_id FROM metadata WHERE account_id = ?1";
                tx.sql.query_all(sql, &[crate::sql::Value::Int(max.get())], |row| row.int(0))
            });
            assert_eq!(of_max.unwrap(), [inbox.get()]);
            rename("two").unwrap();
            let limit = "limit of 30 reached: MetadataBytes";
            assert_eq!(outcome(rename("three")), limit);
            let three = mailbox_name("three");
            assert_eq!(store.read(move |tx| tx.find_mailbox(julie, &three)).unwrap(), None);
            assert_eq!(seen(store, julie, inbox), ["Private /a=123", "Shared /b=456"]);
        },
    );
}

#[test]
fn what_is_too_much_changes_nothing() {
    let small = |settings: &mut crate::Settings| {
        settings.metadata_value_bytes_max = 4;
        settings.metadata_entries_max = 2;
        settings.metadata_bytes_max = 20;
    };
    on_both_engines_with(small, |store| {
        let julie = store.account("julie");
        let (inbox, sent) = (store.mailbox(julie, "INBOX"), store.mailbox(julie, "Sent"));
        let both = [(private("/a"), Some("1234")), (private("/b"), Some("12345"))];
        assert_eq!(outcome(set(store, julie, inbox, &both)), "5 bytes are more than the 4 allowed");
        assert_eq!(seen(store, julie, inbox), [""; 0]);
        let two = [(private("/a"), Some("1")), (private("/b"), Some("1"))];
        set(store, julie, inbox, &two).unwrap();
        let third = [(private("/c"), Some("1"))];
        let limit = "limit of 2 reached: MetadataEntries";
        assert_eq!(outcome(set(store, julie, inbox, &third)), limit);
        assert_eq!(outcome(set(store, julie, inbox, &[(private("/a"), Some("2"))])), "ok");
        assert_eq!(outcome(set(store, julie, inbox, &[(shared("/c"), Some("1"))])), "ok");
        let much = [(shared("/long"), Some("1234")), (shared("/d"), Some("1234"))];
        let limit = "limit of 20 reached: MetadataBytes";
        assert_eq!(outcome(set(store, julie, sent, &much)), limit);
        assert_eq!(seen(store, julie, sent), [""; 0]);
        // 18 of 20 bytes: what is replaced makes room for what replaces it.
        for (value, expect) in [("1234", "ok"), ("123", "ok"), ("", "ok"), ("1234", "ok")] {
            let long = [(shared("/long"), Some(value))];
            assert_eq!(outcome(set(store, julie, inbox, &long)), expect, "{value}");
        }
        assert_eq!(outcome(set(store, julie, sent, &[(shared("/d"), Some("1"))])), limit);
    });
}

#[test]
fn the_server_is_annotated_for_one_domain() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let eve = store
            .write(|tx| {
                tx.create_domain("other.test")?;
                tx.create_account(new_account("eve@other.test"))
            })
            .unwrap();
        let write = |actor, entry: MetadataEntry| {
            let values = [(entry, Some(b"x".to_vec()))];
            outcome(store.write(move |tx| tx.set_server_metadata(actor, &values)))
        };
        let seen = |account| {
            store.read(move |tx| tx.load_server_metadata(account, |_| true)).unwrap().len()
        };
        let refused = "not permitted: only administrators annotate the server for others";
        assert_eq!(write(julie, shared("/comment")), refused);
        assert_eq!(write(julie, private("/vendor/x/y")), "ok");
        assert_eq!((seen(julie), seen(max), seen(eve)), (1, 0, 0));
        store.with(julie, |tx| tx.set_role(Role::Administrator)).unwrap();
        assert_eq!(write(julie, shared("/comment")), "ok");
        assert_eq!((seen(julie), seen(max), seen(eve)), (2, 1, 0));
        // RFC 5465 §5.7: what all of the domain see stands in one feed, whoever has set it.
        store.with(max, |tx| tx.set_role(Role::Administrator)).unwrap();
        let values = [private("/a"), shared("/b")].map(|entry| (entry, Some(b"x".to_vec())));
        let changes = store.write_committed(move |tx| tx.set_server_metadata(max, &values));
        let told: Vec<_> = changes.iter().map(|change| (change.account, &change.fact)).collect();
        let [a, b] = [private("/a"), shared("/b")].map(|entry| Fact::MetadataChanged { entry });
        assert_eq!(told, [(max, &a), (julie, &b)]);
        let feed = |account| store.read(move |tx| tx.find_server_feed(account)).unwrap();
        assert_eq!([julie, max, eve].map(feed), [julie, julie, eve]);
        store.write(move |tx| tx.remove_account(julie)).unwrap();
        assert_eq!((seen(max), seen(eve), feed(max)), (3, 0, max));
    });
}
