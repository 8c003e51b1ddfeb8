//! Calendars shared with people elsewhere.

use std::sync::{Arc, Mutex};

use ids::Timestamp;
use testkit::ManualClock;

use super::*;
use crate::object::{Object, PutOutcome};
use crate::testing::on_both_engines_with;
use crate::{
    Address, Answering, CalendarLetter, CollectionRights, Invite, Letters, LimitKind, Outsider,
    Result, Settings, ShareLetter, ShareState, SharedWith,
};

const VIEW: CollectionRights = CollectionRights::READ;
const EDIT: CollectionRights = CollectionRights::WRITE;
const SHARE: CollectionRights = CollectionRights::SHARE;

/// Keeps what is written.
#[derive(Default)]
struct Pile(Mutex<Vec<ShareLetter>>);

impl Letters for Pile {
    fn compose(&self, _: &CalendarLetter, _: Timestamp) -> Vec<u8> {
        Vec::new()
    }

    fn compose_share(&self, letter: &ShareLetter, _: Timestamp) -> Vec<u8> {
        self.0.lock().unwrap().push(letter.clone());
        format!("To: {}\r\n\r\n{}\r\n", letter.to, letter.secret).into_bytes()
    }
}

struct Post {
    pile: Arc<Pile>,
    clock: Arc<ManualClock>,
}

impl Post {
    /// The only letter since the last time.
    fn letter(&self) -> ShareLetter {
        let mut letters = std::mem::take(&mut *self.pile.0.lock().unwrap());
        assert_eq!(letters.len(), 1);
        letters.remove(0)
    }

    fn is_empty(&self) -> bool {
        self.pile.0.lock().unwrap().is_empty()
    }
}

fn with_post(change: impl Fn(&mut Settings), test: impl Fn(&TestStore, &Post)) {
    let (pile, clock) = (Arc::new(Pile::default()), Arc::new(ManualClock::default()));
    let post = Post { pile: pile.clone(), clock: clock.clone() };
    let change = |settings: &mut Settings| {
        settings.letters = Some(pile.clone());
        settings.clock = clock.clone();
        change(settings);
    };
    on_both_engines_with(change, |store| test(store, &post));
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn invite(
    store: &TestStore,
    actor: AccountId,
    of: &Collection,
    to: &str,
    rights: CollectionRights,
) -> Result<()> {
    let (owner, id, to) = (of.account, of.id, address(to));
    let invite = Invite { rights, common_name: None, summary: None };
    store.write(move |tx| {
        tx.lock_invitations(owner, actor)?;
        tx.lock_sharing([owner])?;
        tx.account_as(owner, actor)?.invite_outsider(id, &to, &invite)
    })
}

fn uninvite(store: &TestStore, actor: AccountId, of: &Collection, to: &str) -> Result<bool> {
    let (owner, id, to) = (of.account, of.id, address(to));
    store.write(move |tx| {
        tx.lock_invitations(owner, actor)?;
        tx.account_as(owner, actor)?.uninvite_outsider(id, &to)
    })
}

fn resend(store: &TestStore, of: &Collection, to: &str) -> Result<()> {
    let (id, to) = (of.id, address(to));
    store.with(of.account, move |tx| tx.resend_invitation(id, &to))
}

/// Whose secret it is.
fn whose(store: &TestStore, secret: &str) -> Option<Outsider> {
    let secret = secret.to_owned();
    store.read(move |tx| tx.find_outsider(&secret)).unwrap()
}

/// Comes with a secret for the first time.
fn come(store: &TestStore, secret: &str) -> AccountId {
    let outsider = whose(store, secret).unwrap();
    let id = outsider.id;
    store.write(move |tx| tx.accept_as_outsider(&outsider)).unwrap();
    id
}

fn rights(store: &TestStore, actor: AccountId, of: &Collection) -> CollectionRights {
    let of = of.clone();
    store.read(move |tx| tx.collection_rights(actor, &of)).unwrap()
}

fn object(extra: &str) -> PreparedObject {
    let text = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\n\
         DTSTAMP:20260101T000000Z\r\nDTSTART:20260105T090000Z\r\nDTEND:20260105T100000Z\r\n\
         SUMMARY:Talk\r\n{extra}END:VEVENT\r\nEND:VCALENDAR\r\n"
    );
    PreparedObject::calendar(text.into_bytes(), &ObjectLimits::default()).unwrap()
}

fn put(
    store: &TestStore,
    actor: AccountId,
    of: &Collection,
    object: PreparedObject,
) -> Result<PutOutcome> {
    let (owner, of) = (of.account, of.clone());
    store.write(move |tx| {
        tx.lock_meeting(owner, of.id, "1.ics", Some(&object))?;
        let name = ObjectName::parse("1.ics")?;
        let mut tx = tx.account_as(owner, actor)?;
        tx.put_scheduled(&of, &name, &object, &Condition::default()).map(|put| put.outcome)
    })
}

fn listed(store: &TestStore, of: &Collection) -> Vec<(SharedWith, CollectionRights, ShareState)> {
    let id = of.id;
    let list = store.read(move |tx| tx.list_collection_shares(id)).unwrap();
    list.into_iter().map(|share| (share.grantee, share.rights, share.state)).collect()
}

fn outside(to: &str) -> SharedWith {
    SharedWith::Outside(to.to_owned())
}

#[test]
fn somebody_elsewhere_reaches_one_calendar_until_it_is_revoked() {
    with_post(
        |_| {},
        |store, post| {
            let julie = store.account("julie");
            let [work, home] = ["work", "home"].map(|name| calendar(store, julie, name));
            put(store, julie, &work, object("")).unwrap();
            invite(store, julie, &work, "Eve@Elsewhere.test", VIEW).unwrap();
            let letter = post.letter();
            assert_eq!(
                (letter.from.as_str(), letter.wish_of.as_ref()),
                ("julie@example.test", None)
            );
            assert_eq!((letter.to.as_str(), letter.rights), ("Eve@Elsewhere.test", VIEW));
            let enclosed = String::from_utf8(letter.enclosed.unwrap()).unwrap();
            assert!(enclosed.contains("SUMMARY:Talk"), "{enclosed}");
            // 160 bits, of which the store keeps no more than a hash.
            assert_eq!(letter.secret.len(), 40);
            let kept = store.read(|tx| {
                tx.sql
                    .query_one("SELECT secret FROM outsider", &[], |row| Ok(row.bytes(0)?.to_vec()))
            });
            let hash = blake3::hash(letter.secret.as_bytes());
            assert_eq!(kept.unwrap().unwrap(), hash.as_bytes());
            // Only they know whether the case of what is before the @ matters (RFC 5321 §2.4).
            let normal = || outside("eve@elsewhere.test");
            assert_eq!(listed(store, &work), [(normal(), VIEW, ShareState::Invited)]);

            assert_eq!(whose(store, "0000"), None);
            let eve = come(store, &letter.secret);
            assert_eq!(listed(store, &work), [(normal(), VIEW, ShareState::Accepted)]);
            assert_eq!(rights(store, eve, &work), VIEW);
            assert!(rights(store, eve, &home).is_empty());
            let seen = store.read(move |tx| tx.list_guest_collections(eve, Home::Calendars));
            let seen: Vec<CollectionId> = seen.unwrap().iter().map(|one| one.id).collect();
            assert_eq!(seen, [work.id]);
            let books = store.read(move |tx| tx.list_guest_collections(eve, Home::AddressBooks));
            assert_eq!(books.unwrap(), []);
            let refused = put(store, eve, &work, object("LOCATION:x\r\n"));
            assert!(matches!(refused, Err(StorageError::NoPermission(_))), "{refused:?}");
            let hidden = put(store, eve, &home, object(""));
            assert!(matches!(hidden, Err(StorageError::NotFound(_))), "{hidden:?}");

            // More, without a letter; then nothing.
            invite(store, julie, &work, "Eve@elsewhere.test", EDIT).unwrap();
            assert!(post.is_empty());
            put(store, eve, &work, object("LOCATION:x\r\n")).unwrap();
            assert!(uninvite(store, julie, &work, "Eve@elsewhere.test").unwrap());
            assert!(!uninvite(store, julie, &work, "Eve@elsewhere.test").unwrap());
            assert_eq!(whose(store, &letter.secret), None);
            assert!(rights(store, eve, &work).is_empty());
            let gone = put(store, eve, &work, object(""));
            assert!(matches!(gone, Err(StorageError::NotFound(_))), "{gone:?}");
            assert_eq!(listed(store, &work), []);
            invite(store, julie, &work, "eve@elsewhere.test", VIEW).unwrap();
            let doomed = post.letter().secret;
            let (gone, owner) = (work.clone(), julie);
            store.with(owner, move |tx| tx.delete_collection(&gone, &[])).unwrap();
            assert_eq!(whose(store, &doomed), None);
        },
    );
}

#[test]
fn an_invitation_is_sent_again_with_another_address() {
    with_post(
        |_| {},
        |store, post| {
            let (julie, eve) = (store.account("julie"), "eve@elsewhere.test");
            let work = calendar(store, julie, "work");
            let none = resend(store, &work, eve);
            assert!(matches!(none, Err(StorageError::NotFound(_))));
            invite(store, julie, &work, eve, VIEW).unwrap();
            let first = post.letter().secret;
            let soon = resend(store, &work, eve);
            assert!(matches!(soon, Err(StorageError::NoPermission(_))), "{soon:?}");
            // Programs that invite again send again, but not at once.
            invite(store, julie, &work, eve, VIEW).unwrap();
            assert!(post.is_empty());
            post.clock.advance_secs(600);
            invite(store, julie, &work, eve, EDIT).unwrap();
            let second = post.letter();
            assert_eq!(second.rights, EDIT);
            assert_eq!(whose(store, &first), None);
            come(store, &second.secret);
            post.clock.advance_secs(600);
            invite(store, julie, &work, eve, EDIT).unwrap();
            assert!(post.is_empty(), "who is there already is not written to");
            resend(store, &work, eve).unwrap();
            let third = post.letter();
            assert_eq!((whose(store, &second.secret), third.rights), (None, EDIT));
            assert_eq!(whose(store, &third.secret).unwrap().state, ShareState::Accepted);
            store.write(move |tx| tx.remove_account(julie)).unwrap();
        },
    );
}

#[test]
fn what_is_shared_on_is_less_and_ends_with_who_has_done_it() {
    with_post(
        |_| {},
        |store, post| {
            let (julie, max) = (store.account("julie"), store.account("max"));
            let work = calendar(store, julie, "work");
            let (eve, dan) = ("eve@elsewhere.test", "dan@elsewhere.test");
            invite(store, julie, &work, eve, EDIT).unwrap();
            let actor = come(store, &post.letter().secret);
            let refused = invite(store, actor, &work, dan, VIEW);
            assert!(matches!(refused, Err(StorageError::NoPermission(_))), "{refused:?}");
            // An operator is obeyed to the letter, programs take nothing.
            let (id, to) = (work.id, address(eve));
            let grant = move |rights| {
                let (to, invite) =
                    (to.clone(), Invite { rights, common_name: None, summary: None });
                store.with(julie, move |tx| tx.invite_outsider(id, &to, &invite)).unwrap();
            };
            grant(SHARE);
            invite(store, julie, &work, eve, EDIT).unwrap();
            assert_eq!(rights(store, actor, &work), SHARE);

            invite(store, actor, &work, dan, SHARE).unwrap();
            let letter = post.letter();
            assert_eq!(letter.wish_of.as_deref(), Some(eve));
            assert_eq!((letter.from.as_str(), letter.rights), ("julie@example.test", EDIT));
            let dans = come(store, &letter.secret);
            // They have a say in nothing else.
            let (own, of) = (address("max@example.test"), work.clone());
            for done in [
                invite(store, dans, &work, "ida@elsewhere.test", VIEW),
                invite(store, actor, &work, "max@example.test", VIEW),
                invite(store, actor, &work, eve, EDIT),
                store.write(move |tx| {
                    tx.account_as(julie, actor)?.uninvite_outsider(id, &own).map(drop)
                }),
                store.write(move |tx| tx.account_as(julie, actor)?.share_collection(id, max, VIEW)),
                store.write(move |tx| {
                    let token = "abcdefghijklmnopqrstuvwxyz";
                    tx.account_as(julie, actor)?.publish_calendar(&of, token).map(drop)
                }),
                store
                    .write(move |tx| tx.account_as(julie, actor)?.set_collection_acl(id, &[], &[])),
                store.write(move |tx| {
                    let change = CollectionChange {
                        display_name: Some(Some("x".to_owned())),
                        ..CollectionChange::default()
                    };
                    tx.account_as(julie, actor)?.update_collection(id, &change, &[])
                }),
            ] {
                let is_refused = matches!(
                    done,
                    Ok(()) | Err(StorageError::NoPermission(_) | StorageError::NotFound(_))
                );
                assert!(is_refused, "{done:?}");
            }
            let all = [(outside(dan), EDIT), (outside(eve), SHARE)];
            let there: Vec<_> =
                listed(store, &work).into_iter().map(|one| (one.0, one.1)).collect();
            assert_eq!(there, all);
            let found = store.read(move |tx| tx.load_collection(id)).unwrap();
            assert_eq!(found.display_name, None);

            grant(EDIT);
            assert!(rights(store, dans, &work).is_empty());
            assert_eq!(rights(store, actor, &work), EDIT);
            // What somebody with an account says is theirs from then on.
            grant(SHARE);
            invite(store, actor, &work, dan, VIEW).unwrap();
            post.letter();
            invite(store, julie, &work, dan, VIEW).unwrap();
            uninvite(store, julie, &work, eve).unwrap();
            assert_eq!(listed(store, &work), [(outside(dan), VIEW, ShareState::Invited)]);
        },
    );
}

#[test]
fn people_elsewhere_speak_for_nobody() {
    with_post(
        |_| {},
        |store, post| {
            let (julie, max) = (store.account("julie"), store.account("max"));
            let work = calendar(store, julie, "work");
            store.with(max, |tx| tx.make_first_collections()).unwrap();
            invite(store, julie, &work, "eve@elsewhere.test", EDIT).unwrap();
            let eve = come(store, &post.letter().secret);
            let meeting = "ORGANIZER:mailto:julie@example.test\r\n\
                ATTENDEE:mailto:julie@example.test\r\nATTENDEE:mailto:max@example.test\r\n";
            let refused = put(store, eve, &work, object(meeting));
            assert!(matches!(refused, Err(StorageError::NoPermission(_))), "{refused:?}");
            let inbox = |store: &TestStore| -> Vec<Object> {
                let found = store.read(move |tx| {
                    let inbox = tx.find_collection(max, Home::Calendars, "inbox")?.unwrap();
                    tx.list_objects(inbox.id)
                });
                found.unwrap()
            };
            assert_eq!(inbox(store).len(), 0);
            put(store, julie, &work, object(meeting)).unwrap();
            assert_eq!(inbox(store).len(), 1);
            let of = work.clone();
            let refused = store.write(move |tx| {
                tx.lock_meeting(julie, of.id, "1.ics", None)?;
                let condition = Condition::default();
                let mut tx = tx.account_as(julie, eve)?;
                tx.delete_scheduled(&of, "1.ics", &condition, Answering::Reply)
            });
            assert!(matches!(refused, Err(StorageError::NoPermission(_))), "{refused:?}");
            assert_eq!(inbox(store).len(), 1);
        },
    );
}

#[test]
fn invitations_are_bounded() {
    let change = |settings: &mut Settings| {
        (settings.outsiders_max, settings.outside_letters_max) = (2, 3);
    };
    with_post(change, |store, post| {
        let julie = store.account("julie");
        let work = calendar(store, julie, "work");
        let to = |number: u32| format!("{number}@elsewhere.test");
        let ask = |number| invite(store, julie, &work, &to(number), VIEW);
        ask(1).unwrap();
        ask(2).unwrap();
        let kind = |done: Result<()>| match done {
            Err(StorageError::Limit { kind, .. }) => kind,
            done => unreachable!("{done:?}"),
        };
        assert_eq!(kind(ask(3)), LimitKind::Outsiders);
        uninvite(store, julie, &work, &to(1)).unwrap();
        ask(3).unwrap();
        uninvite(store, julie, &work, &to(2)).unwrap();
        // Whoever invites and revokes again and again writes no more letters for it.
        assert_eq!(kind(ask(4)), LimitKind::OutsideLetters);
        post.clock.advance_secs(86_400);
        ask(4).unwrap();
        let inside = invite(store, julie, &work, "nobody@example.test", VIEW);
        assert!(matches!(inside, Err(StorageError::NotFound(_))), "{inside:?}");
        let book = store.with(julie, |tx| {
            let name = CollectionName::parse(Home::AddressBooks, "book")?;
            tx.create_collection(&name, &NewCollection::new(CollectionKind::AddressBook), &[])
        });
        let refused = invite(store, julie, &book.unwrap(), &to(5), VIEW);
        assert!(matches!(refused, Err(StorageError::NoPermission(_))), "{refused:?}");
    });
}

#[test]
fn maintenance_and_blocking_close_the_door() {
    with_post(
        |_| {},
        |store, post| {
            let julie = store.account("julie");
            let work = calendar(store, julie, "work");
            invite(store, julie, &work, "eve@elsewhere.test", VIEW).unwrap();
            let secret = post.letter().secret;
            store.with(julie, |tx| tx.set_maintenance(true)).unwrap();
            let asked = secret.clone();
            let shut = store.read(move |tx| tx.find_outsider(&asked));
            assert!(matches!(shut, Err(StorageError::Maintenance)), "{shut:?}");
            store.with(julie, |tx| tx.set_maintenance(false)).unwrap();
            assert!(whose(store, &secret).is_some());
            store.with(julie, |tx| tx.set_blocked(true)).unwrap();
            assert_eq!(whose(store, &secret), None);
        },
    );
}

#[test]
fn who_is_elsewhere_is_told_what_changes() {
    let change = |settings: &mut Settings| {
        settings.tells_of_sharing = true;
        settings.outside_letters_max = 4;
    };
    with_post(change, |store, post| {
        let julie = store.account("julie");
        let work = calendar(store, julie, "work");
        invite(store, julie, &work, "eve@elsewhere.test", VIEW).unwrap();
        let eve = come(store, &post.letter().secret);
        invite(store, julie, &work, "eve@elsewhere.test", SHARE).unwrap();
        let letter = post.letter();
        assert_eq!((letter.news, letter.rights), (ShareLetterNews::Changed, SHARE));
        assert_eq!((letter.secret.as_str(), letter.enclosed), ("", None));
        // The same once more is no news.
        invite(store, julie, &work, "eve@elsewhere.test", SHARE).unwrap();
        assert!(post.is_empty());
        invite(store, eve, &work, "dan@elsewhere.test", VIEW).unwrap();
        assert_eq!(post.letter().news, ShareLetterNews::Invitation);
        // Those whom they invited lose it, too: one letter more may be sent today, and it ends all
        // the same.
        assert!(uninvite(store, julie, &work, "eve@elsewhere.test").unwrap());
        let letter = post.letter();
        assert_eq!(
            (letter.to.as_str(), letter.news),
            ("dan@elsewhere.test", ShareLetterNews::Ended)
        );
        assert_eq!(listed(store, &work), []);
    });
}
