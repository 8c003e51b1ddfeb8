//! Invitations to collections.

use std::sync::Arc;

use super::*;
use crate::testing::on_both_engines_with;
use crate::{CollectionRights, Invite, ShareNews, ShareNotice, ShareNotices, ShareState};

/// Notices in one line.
struct Lines;

impl ShareNotices for Lines {
    fn render(&self, notice: &ShareNotice) -> Vec<u8> {
        let what = match notice.news {
            ShareNews::Invitation(state) => format!("invitation {state:?}"),
            ShareNews::Withdrawn => "withdrawn".to_owned(),
            ShareNews::Reply(state) => format!("reply {state:?}"),
        };
        let may_write = notice.rights.contains(CollectionRights::WRITE);
        let (owner, sharee) = (&notice.owner.0, &notice.sharee.0);
        let name = &notice.collection.name;
        format!("{what} {owner} {name} {sharee} {may_write}").into_bytes()
    }
}

fn with_notices(test: impl Fn(&TestStore)) {
    on_both_engines_with(|settings| settings.share_notices = Some(Arc::new(Lines)), test);
}

/// What an account has been told.
fn told(store: &TestStore, account: AccountId) -> Vec<String> {
    store
        .read(move |tx| {
            let Some(place) = tx.find_notifications(account)? else { return Ok(Vec::new()) };
            let mut all = Vec::new();
            for object in tx.list_objects(place.id)? {
                all.push(String::from_utf8(tx.load_object(object.id)?).unwrap());
            }
            Ok(all)
        })
        .unwrap()
}

fn rights(store: &TestStore, actor: AccountId, of: &Collection) -> CollectionRights {
    let of = of.clone();
    store.read(move |tx| tx.collection_rights(actor, &of)).unwrap()
}

fn invite(
    store: &TestStore,
    actor: AccountId,
    of: &Collection,
    sharee: AccountId,
    rights: CollectionRights,
) -> crate::Result<()> {
    let (owner, id) = (of.account, of.id);
    let invite = Invite { rights, common_name: None, summary: Some("Team".to_owned()) };
    store.write(move |tx| {
        tx.lock_sharing([owner, sharee])?;
        tx.account_as(owner, actor)?.invite(id, sharee, &invite)
    })
}

fn answer(
    store: &TestStore,
    sharee: AccountId,
    of: &Collection,
    accepts: bool,
) -> crate::Result<()> {
    let (owner, id) = (of.account, of.id);
    store.write(move |tx| {
        tx.lock_sharing([owner, sharee])?;
        tx.account_as(owner, sharee)?.answer_invitation(id, accepts, None)
    })
}

fn state(store: &TestStore, of: &Collection) -> Vec<ShareState> {
    let id = of.id;
    let list = store.read(move |tx| tx.list_collection_shares(id)).unwrap();
    list.into_iter().map(|share| share.state).collect()
}

#[test]
fn rights_come_with_acceptance_and_go_with_the_invitation() {
    with_notices(|store| {
        let (julie, paul) = (store.account("julie"), store.account("paul"));
        let work = calendar(store, julie, "work");
        let (view, edit) = (CollectionRights::READ, CollectionRights::WRITE);
        assert!(matches!(answer(store, paul, &work, true), Err(StorageError::NotFound(_))));
        assert!(matches!(invite(store, julie, &work, julie, view), Err(StorageError::Invalid(_))));
        invite(store, julie, &work, paul, view).unwrap();
        let who = "julie@example.test work paul@example.test";
        assert_eq!(told(store, paul), [format!("invitation Invited {who} false")]);
        assert!(rights(store, paul, &work).is_empty());
        assert_eq!(state(store, &work), [ShareState::Invited]);

        answer(store, paul, &work, true).unwrap();
        assert_eq!(rights(store, paul, &work), view);
        assert_eq!(told(store, julie), [format!("reply Accepted {who} false")]);
        assert_eq!(told(store, paul), [format!("invitation Accepted {who} false")]);
        let seen = store.read(move |tx| tx.list_guest_collections(paul, Home::Calendars)).unwrap();
        assert_eq!(seen.first().unwrap().display_name.as_deref(), Some("Team"));

        // Nobody is asked again for more or less.
        invite(store, julie, &work, paul, edit).unwrap();
        assert_eq!(rights(store, paul, &work), edit);
        assert_eq!(told(store, paul), [format!("invitation Accepted {who} true")]);
        // To say the same again is no news.
        let before = store.read(move |tx| tx.find_notifications(paul)).unwrap();
        invite(store, julie, &work, paul, edit).unwrap();
        assert_eq!(store.read(move |tx| tx.find_notifications(paul)).unwrap(), before);

        answer(store, paul, &work, false).unwrap();
        assert!(rights(store, paul, &work).is_empty());
        assert_eq!(told(store, julie), [format!("reply Declined {who} true")]);
        assert_eq!(state(store, &work), [ShareState::Declined]);
        invite(store, julie, &work, paul, edit).unwrap();
        assert_eq!(told(store, paul), [format!("invitation Invited {who} true")]);

        let (id, withdrawn) = (work.id, format!("withdrawn {who} true"));
        store.with(julie, move |tx| tx.uninvite(id, paul)).unwrap();
        assert_eq!(told(store, paul), [withdrawn]);
        assert_eq!(state(store, &work), []);
        assert!(matches!(answer(store, paul, &work, true), Err(StorageError::NotFound(_))));
    });
}

#[test]
fn only_who_may_share_invites_and_an_operator_is_obeyed_at_once() {
    with_notices(|store| {
        let [julie, paul, ann] = ["julie", "paul", "ann"].map(|name| store.account(name));
        let work = calendar(store, julie, "work");
        let id = work.id;
        let (view, edit, all) =
            (CollectionRights::READ, CollectionRights::WRITE, CollectionRights::SHARE);
        assert!(matches!(invite(store, paul, &work, ann, view), Err(StorageError::NotFound(_))));
        store.with(julie, move |tx| tx.share_collection(id, paul, edit)).unwrap();
        assert!(matches!(
            invite(store, paul, &work, ann, view),
            Err(StorageError::NoPermission(_))
        ));
        store.with(julie, move |tx| tx.share_collection(id, paul, all)).unwrap();
        invite(store, paul, &work, ann, view).unwrap();
        assert!(rights(store, ann, &work).is_empty());
        // An operator asks nobody.
        store.with(julie, move |tx| tx.share_collection(id, ann, view)).unwrap();
        assert_eq!(rights(store, ann, &work), view);
        // Programs that know of reading and writing alone take nothing from who may do more.
        invite(store, julie, &work, paul, edit).unwrap();
        assert_eq!(rights(store, paul, &work), all);
        invite(store, julie, &work, paul, view).unwrap();
        assert_eq!(rights(store, paul, &work), view);

        let inbox = store.with(julie, |tx| {
            tx.make_first_collections()?;
            let account = tx.id();
            tx.find_collection(account, Home::Calendars, "inbox")
        });
        let inbox = inbox.unwrap().unwrap();
        assert!(matches!(
            invite(store, julie, &inbox, ann, view),
            Err(StorageError::NoPermission(_))
        ));
        store.with(julie, move |tx| tx.share_collection(id, ann, CollectionRights::NONE)).unwrap();
        let last = told(store, ann);
        assert_eq!(last, ["withdrawn julie@example.test work ann@example.test false"]);
    });
}

#[test]
fn accounts_from_before_get_their_notifications() {
    with_notices(|store| {
        let julie = store.account("julie");
        store
            .write(move |tx| {
                tx.sql.execute("UPDATE account SET collections_made = 1", &[])?;
                Ok(())
            })
            .unwrap();
        let name = |name: &str| {
            // As it was when nobody kept it for the server.
            let name = CollectionName::parse_any(Home::Calendars, name).unwrap();
            let new = NewCollection::new(CollectionKind::Calendar);
            store.with(julie, move |tx| tx.create_collection(&name, &new, &[])).unwrap()
        };
        name("notifications");
        store.with(julie, |tx| tx.make_first_collections()).unwrap();
        assert_eq!(calendars(store, julie), ["notifications", "notifications-2"]);
        let found = store.read(move |tx| tx.find_notifications(julie)).unwrap().unwrap();
        assert_eq!(found.name, "notifications-2");
        assert!(matches!(
            store.with(julie, move |tx| tx.delete_collection(&found, &[])),
            Err(StorageError::NoPermission(_))
        ));
    });
}
