use std::sync::Barrier;

use ids::{AccountId, TeamId};

use super::TeamName;
use crate::acl::{AclChange, Rights};
use crate::testing::{TestStore, mailbox_name, new_account, on_both_engines, on_both_engines_with};
use crate::{
    CollectionKind, CollectionName, CollectionRights, Home, NewCollection, Result, Role, Sending,
    ShareRights, SharedWith, Sharee,
};

fn outcome<T>(result: Result<T>) -> String {
    result.map_or_else(|error| error.to_string(), |_| "ok".to_owned())
}

fn name(name: &str) -> TeamName {
    TeamName::parse(name).unwrap()
}

fn create(store: &TestStore, text: &str) -> Result<TeamId> {
    let name = name(text);
    store.write(move |tx| {
        let organisation = tx.find_organisation("example.test")?;
        tx.create_team(organisation, &name)
    })
}

fn join(store: &TestStore, team: TeamId, account: AccountId) -> Result<()> {
    store.write(move |tx| tx.add_team_member(team, account))
}

fn leave(store: &TestStore, team: TeamId, account: AccountId) -> Result<()> {
    store.write(move |tx| tx.remove_team_member(team, account))
}

/// An account on a domain of its own.
fn stranger(store: &TestStore) -> AccountId {
    store
        .write(|tx| {
            tx.create_domain("other.test")?;
            tx.create_account(new_account("eve@other.test"))
        })
        .unwrap()
}

#[test]
fn a_name_stands_once_in_its_organisation() {
    on_both_engines(|store| {
        store.account("julie");
        stranger(store);
        let sales = create(store, "Sales").unwrap();
        assert_eq!(outcome(create(store, "SALES")), "team exists already");
        let other = store.write(|tx| {
            let organisation = tx.find_organisation("other.test")?;
            tx.create_team(organisation, &name("Sales"))
        });
        let other = other.unwrap();
        let crew = create(store, "Crew").unwrap();
        let rename = |team, to: &str| {
            let to = name(to);
            outcome(store.write(move |tx| tx.rename_team(team, &to)))
        };
        assert_eq!(rename(crew, "sales"), "team exists already");
        assert_eq!(rename(sales, "sales"), "ok");
        assert_eq!(rename(crew, "Verkauf"), "ok");
        let teams = store.read(|tx| tx.list_teams()).unwrap();
        let teams: Vec<_> =
            teams.iter().map(|team| format!("{} {}", team.domain, team.name)).collect();
        assert_eq!(teams, ["example.test sales", "example.test Verkauf", "other.test Sales"]);
        let gone = store.write(|tx| tx.remove_domain("other.test"));
        assert_eq!(outcome(gone), "in use: the domain has accounts");
        store.write(move |tx| tx.remove_team(other)).unwrap();
        assert_eq!(rename(sales, "x"), "ok");
    });
}

#[test]
fn who_joins_or_leaves_has_other_rights_at_once() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let inbox = store.mailbox(julie, "INBOX");
        let team = create(store, "Sales").unwrap();
        let grant = |identifier: &str, rights: &str| {
            let (identifier, rights) = (identifier.to_owned(), Rights::parse(rights).unwrap());
            let change = AclChange::Set(rights);
            outcome(store.write(move |tx| tx.set_acl(julie, inbox, &identifier, change)))
        };
        let rights = || store.read(move |tx| tx.rights_of(max, inbox)).unwrap().to_string();
        let view = store.inner().open_view_blocking(julie, inbox).unwrap();
        let told = || view.snapshot().acl_changes();
        assert_eq!(grant("team:sales", "lrs"), "ok");
        assert_eq!(grant("-team:Sales", "s"), "ok");
        assert_eq!(grant("team:nobody", "lr"), "team does not exist");
        assert_eq!((rights().as_str(), told()), ("", 2));
        join(store, team, max).unwrap();
        assert_eq!((rights().as_str(), told()), ("lr", 3));
        assert_eq!(outcome(join(store, team, max)), "member exists already");
        assert_eq!(grant("max@example.test", "lsw"), "ok");
        assert_eq!((rights().as_str(), told()), ("lrw", 4));
        let acl = store.read(move |tx| tx.load_acl(julie, inbox)).unwrap();
        let acl: Vec<_> = acl.iter().map(|e| format!("{} {}", e.identifier, e.rights)).collect();
        for entry in ["team:Sales lrs", "-team:Sales s", "max@example.test lsw"] {
            assert!(acl.contains(&entry.to_owned()), "{acl:?}");
        }
        let owner = store.read(move |tx| tx.is_owner(julie, inbox, "team:Sales")).unwrap();
        assert!(!owner);
        leave(store, team, max).unwrap();
        assert_eq!((rights().as_str(), told()), ("lsw", 5));
        assert_eq!(outcome(leave(store, team, max)), "member does not exist");
        join(store, team, max).unwrap();
        store.write(move |tx| tx.remove_team(team)).unwrap();
        assert_eq!((rights().as_str(), told()), ("lsw", 7));
    });
}

#[test]
fn what_a_team_sees_is_listed() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let team = create(store, "Sales").unwrap();
        join(store, team, max).unwrap();
        let share = |names: &str| {
            let rights = ShareRights::parse(names).unwrap_or_default();
            outcome(store.write(move |tx| tx.share_account(julie, team, rights)))
        };
        let from = crate::Address::parse("julie@example.test").unwrap();
        let sending = || {
            let from = from.clone();
            store.read(move |tx| tx.sending(max, &from)).unwrap()
        };
        let seen = || {
            let tree = store.read(move |tx| tx.list_mailboxes_as(max)).unwrap();
            let inbox = mailbox_name("Other Users/julie@example.test/INBOX");
            tree.find(&inbox).map(|entry| entry.rights.to_string())
        };
        assert_eq!(share("read,send-on-behalf"), "ok");
        assert_eq!((seen().as_deref(), sending()), (Some("lrs"), Some(Sending::OnBehalf)));
        let own = ShareRights::parse("send-as").unwrap();
        store.write(move |tx| tx.share_account(julie, max, own)).unwrap();
        assert_eq!(sending(), Some(Sending::As));
        let shares = store.read(move |tx| tx.list_shares(julie)).unwrap();
        let shares: Vec<_> = shares.iter().map(|s| format!("{} {}", s.grantee, s.rights)).collect();
        for share in ["team:Sales read,send-on-behalf", "max@example.test send-as"] {
            assert!(shares.contains(&share.to_owned()), "{shares:?}");
        }
        store.with(julie, |tx| tx.create_mailbox(&mailbox_name("New"), None)).unwrap();
        let new = store.mailbox(julie, "New");
        let rights = store.read(move |tx| tx.rights_of(max, new)).unwrap();
        assert_eq!(rights.to_string(), "lrs");
        let nobody = store.write(move |tx| tx.share_account(julie, Sharee::Organisation, own));
        assert_eq!(outcome(nobody), "invalid: a whole account is not shared with everybody");
        store.write(move |tx| tx.remove_team(team)).unwrap();
        assert_eq!((seen(), sending()), (None, Some(Sending::As)));
        store.write(move |tx| tx.remove_account(max)).unwrap();
    });
}

#[test]
fn collections_are_shared_with_teams_and_the_organisation() {
    on_both_engines(|store| {
        let (julie, max, guest) =
            (store.account("julie"), store.account("max"), store.account("guest"));
        store.with(guest, |tx| tx.set_role(Role::External)).unwrap();
        let eve = stranger(store);
        let team = create(store, "Sales").unwrap();
        let work = store
            .with(julie, |tx| {
                let name = CollectionName::parse(Home::Calendars, "work")?;
                tx.create_collection(&name, &NewCollection::new(CollectionKind::Calendar), &[])
            })
            .unwrap();
        let id = work.id;
        let share = |sharee: Sharee, rights| {
            store.with(julie, move |tx| tx.share_collection(id, sharee, rights)).unwrap();
        };
        let rights = |account| {
            let shared = work.clone();
            store.read(move |tx| tx.collection_rights(account, &shared)).unwrap()
        };
        let seen = |account| {
            let seen = store.read(move |tx| tx.list_shared_collections(account, Home::Calendars));
            seen.unwrap().len()
        };
        share(Sharee::Organisation, CollectionRights::READ);
        // R-SHARE-2.
        let all = [max, guest, eve].map(|account| (seen(account), rights(account)));
        let (read, none) = (CollectionRights::READ, CollectionRights::NONE);
        assert_eq!(all, [(1, read), (0, none), (0, none)]);
        share(team.into(), CollectionRights::SHARE);
        let changed = store.facts(move |tx| tx.add_team_member(team, guest));
        assert_eq!(changed, ["AccountUpdated", "CollectionUpdated"]);
        assert_eq!((seen(guest), rights(guest)), (1, CollectionRights::SHARE));
        let shares = store.read(move |tx| tx.list_collection_shares(id)).unwrap();
        let grantees: Vec<_> = shares.into_iter().map(|share| share.grantee).collect();
        for grantee in [SharedWith::Team("Sales".to_owned()), SharedWith::Organisation] {
            assert!(grantees.contains(&grantee), "{grantees:?}");
        }
        leave(store, team, guest).unwrap();
        assert_eq!((seen(guest), rights(guest)), (0, CollectionRights::NONE));
        store.write(move |tx| tx.remove_team(team)).unwrap();
        assert_eq!(rights(max), CollectionRights::READ);
    });
}

#[test]
fn teams_are_of_one_organisation() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let aliases = ShareRights::ALIASES;
        store.write(move |tx| tx.share_account(julie, max, aliases)).unwrap();
        let eve = stranger(store);
        let inbox = store.mailbox(julie, "INBOX");
        let team = create(store, "Sales").unwrap();
        assert_eq!(
            outcome(join(store, team, eve)),
            "invalid: the account is of another organisation"
        );
        let read = ShareRights::READ;
        let shared = store.write(move |tx| tx.share_account(eve, team, read));
        assert_eq!(outcome(shared), "invalid: the team is of another organisation");
        let anyone = AclChange::Set(Rights::parse("lr").unwrap());
        store.write(move |tx| tx.set_acl(julie, inbox, "anyone", anyone)).unwrap();
        let rights = || store.read(move |tx| tx.rights_of(eve, inbox)).unwrap().to_string();
        assert_eq!(rights(), "");
        let alias = || {
            let alias = crate::Address::parse("j@other.test").unwrap();
            outcome(store.write(move |tx| tx.account_as(julie, max)?.add_alias(&alias)))
        };
        assert_eq!(alias(), "invalid: the domain is of another organisation");
        let view = store.inner().open_view_blocking(julie, inbox).unwrap();
        store.write(|tx| tx.create_domain_alias("also.test", "example.test")).unwrap();
        store.write(|tx| tx.join_organisation("example.test", "other.test")).unwrap();
        assert_eq!((rights().as_str(), view.snapshot().acl_changes()), ("lr", 2));
        assert_eq!((alias().as_str(), outcome(join(store, team, eve)).as_str()), ("ok", "ok"));
        let again = store.write(|tx| tx.join_organisation("also.test", "other.test"));
        assert_eq!(outcome(again), "invalid: the domain is a domain alias");
        let away = store.write(|tx| {
            tx.create_domain("third.test")?;
            tx.join_organisation("other.test", "third.test")
        });
        assert_eq!(outcome(away), "in use: its organisation has several domains");
        let only = store.read(|tx| tx.only_organisation());
        assert_eq!(only.unwrap(), store.read(|tx| tx.find_organisation("also.test")).unwrap());
    });
}

#[test]
fn teams_are_bounded_in_number_and_size() {
    let few = |settings: &mut crate::Settings| {
        settings.teams_max = 2;
        settings.team_members_max = 2;
    };
    on_both_engines_with(few, |store| {
        let accounts: Vec<_> =
            ["a", "b", "c", "d"].into_iter().map(|local| store.account(local)).collect();
        let race = |work: &(dyn Fn(usize) -> Result<()> + Sync)| -> usize {
            let barrier = Barrier::new(4);
            std::thread::scope(|scope| {
                let racers: Vec<_> = (0..4)
                    .map(|at| {
                        let barrier = &barrier;
                        scope.spawn(move || {
                            barrier.wait();
                            work(at).is_ok()
                        })
                    })
                    .collect();
                racers.into_iter().map(|one| usize::from(one.join().unwrap())).sum()
            })
        };
        assert_eq!(race(&|at| create(store, &format!("Team {at}")).map(drop)), 2);
        let refused = create(store, "One more");
        assert_eq!(outcome(refused), "limit of 2 reached: Teams");
        let team = store.read(|tx| Ok(tx.list_teams()?[0].id)).unwrap();
        assert_eq!(race(&|at| join(store, team, accounts[at])), 2);
        let members = store.read(move |tx| tx.list_team_members(team)).unwrap();
        assert_eq!(members.len(), 2);
        let outside = accounts.iter().find(|account| {
            let account = **account;
            store.read(move |tx| tx.teams_of(account)).unwrap().is_empty()
        });
        let refused = join(store, team, *outside.unwrap());
        assert_eq!(outcome(refused), "limit of 2 reached: TeamMembers");
    });
}
