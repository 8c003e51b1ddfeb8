//! Every verb of storage tried with every right alone, with all but one, and with none
//! (RFC 4314 §4).

use std::sync::Arc;

use ids::{AccountId, CollectionId, Uid, UidSet};

use super::{grant, outcome};
use crate::acl::{AclChange, Rights};
use crate::testing::{TestStore, flags, mailbox_name, on_both_engines};
use crate::{
    AccountTx, AnnotationChanges, AnnotationKey, Append, Delivery, FlagChange, MetadataEntry,
    MetadataScope, PreparedMessage, Result, Role, SpecialUse, StorageError, WriteTx,
};

/// Who does what to what.
#[derive(Clone)]
struct Case {
    owner: AccountId,
    actor: AccountId,
    /// The mailbox on which the actor has the rights of the row; a message is in it.
    shared: CollectionId,
    /// Another of the owner's, on which the actor has every right; a message is in it.
    open: CollectionId,
    /// The actor's own; a message is in it.
    own: CollectionId,
    message: Arc<PreparedMessage>,
}

type Act = fn(&Case, &mut WriteTx<'_>) -> Result<()>;

/// A verb, the rights that it takes, and how it is done.
type Verb = (&'static str, &'static str, Act);

fn guest<'t, 'a>(case: &Case, tx: &'t mut WriteTx<'a>) -> Result<AccountTx<'t, 'a>> {
    tx.account_as(case.owner, case.actor)
}

fn name(text: &str) -> crate::MailboxName {
    mailbox_name(&format!("Other Users/julie@example.test/{text}"))
}

fn store_flags(case: &Case, tx: &mut WriteTx<'_>, names: &str) -> Result<()> {
    let change = FlagChange::Add(flags(names));
    guest(case, tx)?.store_flags(case.shared, &UidSet::all(), change, None).map(drop)
}

fn append(case: &Case, tx: &mut WriteTx<'_>, to: CollectionId) -> Result<()> {
    guest(case, tx)?.append_message(to, &case.message, Append::default()).map(drop)
}

fn copy(case: &Case, tx: &mut WriteTx<'_>, from: CollectionId, to: CollectionId) -> Result<()> {
    tx.copy_messages_as(case.actor, from, &UidSet::all(), to).map(drop)
}

fn r#move(case: &Case, tx: &mut WriteTx<'_>, from: CollectionId, to: CollectionId) -> Result<()> {
    tx.move_messages_as(case.actor, from, &UidSet::all(), to).map(drop)
}

fn replace(case: &Case, tx: &mut WriteTx<'_>, from: CollectionId, to: CollectionId) -> Result<()> {
    let (old, append) = ((from, Uid::new(1)), Append::default());
    tx.replace_message_as(case.actor, old, to, &case.message, append).map(drop)
}

fn notes(scope: MetadataScope) -> AnnotationChanges {
    let key = AnnotationKey { entry: "/comment".to_owned(), scope };
    AnnotationChanges::from([(key, Some(b"a note".to_vec()))])
}

fn note(case: &Case, tx: &mut WriteTx<'_>, scope: MetadataScope) -> Result<()> {
    let mut tx = guest(case, tx)?;
    tx.store_annotations(case.shared, &UidSet::all(), &notes(scope), None).map(drop)
}

fn find(case: &Case, tx: &mut WriteTx<'_>, needed: Rights) -> Result<()> {
    let found = tx.find_mailbox_as(case.actor, &name("Box"), needed)?;
    found.map(drop).ok_or(StorageError::NotFound("mailbox"))
}

const VERBS: [Verb; 36] = [
    ("select", "r", |case, tx| find(case, tx, Rights::READ)),
    ("look up", "l", |case, tx| find(case, tx, Rights::LOOKUP)),
    ("read", "r", |case, tx| {
        tx.find_content_as(case.actor, case.shared, Uid::new(1))
            .map(|found| assert!(found.is_some()))
    }),
    ("append", "i", |case, tx| append(case, tx, case.shared)),
    ("copy out", "r", |case, tx| copy(case, tx, case.shared, case.own)),
    ("copy to another", "r", |case, tx| copy(case, tx, case.shared, case.open)),
    ("copy in", "i", |case, tx| copy(case, tx, case.own, case.shared)),
    ("copy from another", "i", |case, tx| copy(case, tx, case.open, case.shared)),
    ("copy within", "ri", |case, tx| copy(case, tx, case.shared, case.shared)),
    ("move out", "rte", |case, tx| r#move(case, tx, case.shared, case.own)),
    ("move to another", "rte", |case, tx| r#move(case, tx, case.shared, case.open)),
    ("move in", "i", |case, tx| r#move(case, tx, case.own, case.shared)),
    ("move from another", "i", |case, tx| r#move(case, tx, case.open, case.shared)),
    ("replace", "rite", |case, tx| replace(case, tx, case.shared, case.shared)),
    ("replace out", "rte", |case, tx| replace(case, tx, case.shared, case.own)),
    ("replace to another", "rte", |case, tx| replace(case, tx, case.shared, case.open)),
    ("replace in", "i", |case, tx| replace(case, tx, case.own, case.shared)),
    ("expunge", "re", |case, tx| guest(case, tx)?.expunge(case.shared, None).map(drop)),
    ("remove", "rte", |case, tx| {
        guest(case, tx)?.remove_messages(case.shared, &UidSet::all()).map(drop)
    }),
    ("mark seen", "rs", |case, tx| store_flags(case, tx, "\\Seen")),
    ("mark deleted", "rt", |case, tx| store_flags(case, tx, "\\Deleted")),
    ("mark flagged", "rw", |case, tx| store_flags(case, tx, "\\Flagged")),
    ("mark with a keyword", "rw", |case, tx| store_flags(case, tx, "Work")),
    ("mark with nothing", "r", |case, tx| store_flags(case, tx, "")),
    ("create below", "k", |case, tx| {
        tx.create_mailbox_as(case.actor, &name("Box/New"), None).map(drop)
    }),
    ("delete", "x", |case, tx| tx.delete_mailbox_as(case.actor, &name("Box"))),
    ("rename to another", "x", |case, tx| {
        tx.rename_mailbox_as(case.actor, &name("Box"), &name("Open/Box"))
    }),
    ("rename below", "k", |case, tx| {
        tx.rename_mailbox_as(case.actor, &name("Open"), &name("Box/Open"))
    }),
    ("set acl", "a", |case, tx| {
        let change = AclChange::Set(Rights::ALL);
        tx.set_acl(case.actor, case.shared, "max@example.test", change)
    }),
    ("load acl", "a", |case, tx| tx.load_acl(case.actor, case.shared).map(drop)),
    ("list rights", "a", |case, tx| {
        tx.is_owner(case.actor, case.shared, "max@example.test").map(drop)
    }),
    ("note privately", "r", |case, tx| note(case, tx, MetadataScope::Private)),
    ("note for all", "rn", |case, tx| note(case, tx, MetadataScope::Shared)),
    ("append with a note", "in", |case, tx| {
        let annotations = notes(MetadataScope::Shared);
        let append = Append { annotations, ..Append::default() };
        guest(case, tx)?.append_message(case.shared, &case.message, append).map(drop)
    }),
    ("annotate", "lr", |case, tx| tx.set_metadata(case.actor, case.shared, &[])),
    ("find annotated", "lr", |case, tx| {
        let found = tx.find_annotated(case.actor, &name("Box"))?;
        found.map(drop).ok_or(StorageError::NotFound("mailbox"))
    }),
];

/// What is for nobody but the account itself, whatever rights others have on its mailboxes.
const NEVER: [(&str, Act); 14] = [
    ("create at the top", |case, tx| {
        guest(case, tx)?.create_mailbox(&mailbox_name("Top"), None).map(drop)
    }),
    ("create with a use", |case, tx| {
        let wanted = Some(SpecialUse::Flagged);
        guest(case, tx)?.create_mailbox(&mailbox_name("Box/Starred"), wanted).map(drop)
    }),
    ("rename to the top", |case, tx| tx.rename_mailbox_as(case.actor, &name("Box"), &name("Top"))),
    ("rename away", |case, tx| {
        tx.rename_mailbox_as(case.actor, &name("Box"), &mailbox_name("Mine"))
    }),
    ("special use", |case, tx| {
        guest(case, tx)?.set_special_use(&mailbox_name("Box"), Some(SpecialUse::Flagged))
    }),
    ("subscribe", |case, tx| guest(case, tx)?.subscribe(&mailbox_name("Box"))),
    ("unsubscribe", |case, tx| guest(case, tx)?.unsubscribe(&mailbox_name("Box")).map(drop)),
    ("deliver", |case, tx| guest(case, tx)?.deliver(&case.message, Delivery::default()).map(drop)),
    ("name", |case, tx| guest(case, tx)?.set_name("Max")),
    ("role", |case, tx| guest(case, tx)?.set_role(Role::Owner)),
    ("quota", |case, tx| guest(case, tx)?.set_quota(0)),
    ("password", |case, tx| guest(case, tx)?.set_password_hash("")),
    ("block", |case, tx| guest(case, tx)?.set_blocked(true)),
    ("maintenance", |case, tx| guest(case, tx)?.set_maintenance(true)),
];

/// Every right alone, alone beside `l`, all but one, all, and none.
fn sets_of_rights() -> Vec<String> {
    let letters = "lrswipkxtean";
    let mut sets = vec![String::new(), letters.to_owned()];
    for letter in letters.chars() {
        sets.push(letter.to_string());
        sets.push(format!("l{letter}"));
        sets.push(letters.replace(letter, ""));
    }
    // What several verbs take, exactly and short of one.
    sets.extend(["rte", "re", "te", "lrte", "ri", "rite", "ite", "rn", "in"].map(str::to_owned));
    sets
}

/// What a verb must answer to who has `rights` and needs `needed`.
fn expected(verb: &str, needed: &str, rights: &str) -> &'static str {
    let has = |letters: &str| letters.chars().all(|letter| rights.contains(letter));
    let any_of_messages = "rswip".chars().any(|letter| rights.contains(letter));
    let permitted = match verb {
        // RFC 5464 §3.3: `l` and any right on messages.
        "annotate" | "find annotated" => has("l") && any_of_messages,
        _ => has(needed),
    };
    match (permitted, verb.starts_with("mark") && has("r"), has("l")) {
        (true, ..) => "ok",
        (_, true, _) => "not permitted: you have no right to change these flags",
        (_, _, true) => "not permitted: you have no right to do this",
        // RFC 4314 §6.
        _ => "mailbox does not exist",
    }
}

fn case(store: &TestStore) -> Case {
    let (owner, actor) = (store.account("julie"), store.account("max"));
    for name in ["Box", "Open"] {
        store.with(owner, move |tx| tx.create_mailbox(&mailbox_name(name), None)).unwrap();
    }
    let (shared, open) = (store.mailbox(owner, "Box"), store.mailbox(owner, "Open"));
    let own = store.mailbox(actor, "INBOX");
    store.append(owner, shared, "one", "\\Deleted").unwrap();
    store.append(owner, open, "two", "").unwrap();
    store.append(actor, own, "three", "").unwrap();
    grant(store, owner, open, "max@example.test", "lrswipkxtean").unwrap();
    let message = Arc::new(PreparedMessage::new(b"four".to_vec()));
    Case { owner, actor, shared, open, own, message }
}

/// Does it, and undoes what it did.
fn attempt(store: &TestStore, case: &Case, act: Act) -> String {
    let case = case.clone();
    let undone: Result<()> = store.write(move |tx| {
        act(&case, tx)?;
        Err(StorageError::Conflict("undone"))
    });
    match undone {
        Err(StorageError::Conflict("undone")) => "ok".to_owned(),
        refused => outcome(refused),
    }
}

#[test]
fn every_verb_takes_its_rights_and_no_others() {
    on_both_engines(|store| {
        let case = case(store);
        for rights in sets_of_rights() {
            grant(store, case.owner, case.shared, "max@example.test", &rights).unwrap();
            for (verb, needed, act) in VERBS {
                let found = attempt(store, &case, act);
                assert_eq!(found, expected(verb, needed, &rights), "{verb} with {rights:?}");
            }
            for (verb, act) in NEVER {
                let found = attempt(store, &case, act);
                let refused = found.starts_with("not permitted") || found.ends_with("not exist");
                assert!(refused, "{verb} with {rights:?}: {found}");
            }
        }
    });
}

#[test]
fn what_is_shown_takes_its_rights_too() {
    on_both_engines(|store| {
        let case = case(store);
        let (owner, actor, shared) = (case.owner, case.actor, case.shared);
        let entry = MetadataEntry { scope: MetadataScope::Shared, name: "/comment".to_owned() };
        let values = [(entry, Some(b"private matters".to_vec()))];
        store.write(move |tx| tx.set_metadata(owner, shared, &values)).unwrap();
        for rights in sets_of_rights() {
            grant(store, owner, shared, "max@example.test", &rights).unwrap();
            let tree = store.read(move |tx| tx.list_mailboxes_as(actor)).unwrap();
            let entry = tree.find(&name("Box"));
            assert_eq!(entry.is_some(), rights.contains('l'), "{rights:?}");
            if let Some(entry) = entry {
                assert_eq!(entry.rights, Rights::parse(&rights).unwrap());
            }
            let annotations = store.read(move |tx| tx.load_metadata(actor, &[shared], |_| true));
            let shown = expected("annotate", "", &rights) == "ok";
            assert_eq!(annotations.unwrap().len(), usize::from(shown), "{rights:?}");
            let kept = store
                .write(move |tx| tx.account_as(owner, actor)?.keep_recent(shared, Uid::new(2)));
            // RFC 4314 §5.2: who may change nothing opens it read-only.
            let changes = "switen".chars().any(|letter| rights.contains(letter));
            assert_eq!(kept.is_ok(), rights.contains('r') && changes, "{rights:?}");
        }
    });
}

/// Messages of INBOX would get into a mailbox that others may read (R-FOLD-4).
#[test]
fn nobody_else_renames_an_inbox() {
    on_both_engines(|store| {
        let case = case(store);
        let inbox = store.mailbox(case.owner, "INBOX");
        grant(store, case.owner, inbox, "max@example.test", "lxk").unwrap();
        let found = attempt(store, &case, |case, tx| {
            tx.rename_mailbox_as(case.actor, &name("INBOX"), &name("Open/Box"))
        });
        assert_eq!(found, "not permitted: this is for the account itself to do");
        let found =
            attempt(store, &case, |case, tx| tx.delete_mailbox_as(case.actor, &name("INBOX")));
        assert_eq!(found, "not permitted: INBOX cannot be deleted");
    });
}

/// What whoever has no right is answered must not depend on what there is.
#[test]
fn what_is_there_and_what_is_not_are_answered_alike() {
    on_both_engines(|store| {
        let case = case(store);
        let actor = case.actor;
        store.with(case.owner, |tx| tx.create_mailbox(&mailbox_name("Box/In"), None)).unwrap();
        let there = ["INBOX", "Box", "Box/In", "Sent", "Other Users/x"];
        let there = there.map(name);
        let nowhere = [
            name("Nowhere"),
            mailbox_name("Other Users/nobody@example.test/INBOX"),
            mailbox_name("Other Users/nobody@nowhere.test/INBOX"),
            mailbox_name("Other Users/nobody"),
            mailbox_name("Other Users"),
        ];
        let mut answers = Vec::new();
        for wanted in there.into_iter().chain(nowhere) {
            let below = mailbox_name(&format!("{wanted}/x"));
            let inner = wanted.clone();
            let found = store.read(move |tx| tx.find_mailbox_as(actor, &inner, Rights::READ));
            assert_eq!(found.unwrap(), None, "{wanted}");
            let annotated = {
                let inner = wanted.clone();
                store.read(move |tx| tx.find_annotated(actor, &inner)).unwrap()
            };
            assert_eq!(annotated, None, "{wanted}");
            let (one, two, three, four) =
                (wanted.clone(), wanted.clone(), wanted.clone(), wanted.clone());
            let using = Some(SpecialUse::Sent);
            let own = mailbox_name("Drafts");
            answers.push([
                outcome(store.write(move |tx| tx.delete_mailbox_as(actor, &one))),
                outcome(store.write(move |tx| tx.create_mailbox_as(actor, &below, using))),
                outcome(store.write(move |tx| tx.create_mailbox_as(actor, &four, None))),
                outcome(store.write(move |tx| tx.rename_mailbox_as(actor, &two, &own))),
                // A name of one's own may be moved: where to is not told.
                outcome(
                    store.write(move |tx| {
                        tx.rename_mailbox_as(actor, &mailbox_name("Drafts"), &three)
                    }),
                ),
            ]);
        }
        let none = "mailbox does not exist".to_owned();
        let stays = "not permitted: a mailbox stays in its account".to_owned();
        let alike = [none.clone(), none.clone(), none.clone(), none, stays];
        for answer in answers {
            assert_eq!(answer, alike);
        }
    });
}
