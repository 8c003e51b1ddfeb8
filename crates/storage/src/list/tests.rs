use ids::{AccountId, ListId, SpoolId};

use super::{ListChange, NewList, Post, Poster, Posting};
use crate::testing::{TestStore, new_account, on_both_engines, on_both_engines_with};
use crate::{
    Address, PreparedMessage, Resolution, Result, Role, SpoolFilter, SpoolTerms, TeamName,
};

fn outcome<T>(result: Result<T>) -> String {
    result.map_or_else(|error| error.to_string(), |_| "ok".to_owned())
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn new(at: &str, owner: AccountId) -> NewList {
    NewList {
        address: address(at),
        description: String::new(),
        owner,
        posting: Posting::Anyone,
        team: None,
    }
}

fn create(store: &TestStore, at: &str, owner: AccountId) -> Result<ListId> {
    let new = new(at, owner);
    store.write(move |tx| tx.create_list(&new))
}

fn add(store: &TestStore, list: ListId, member: &str) -> Result<()> {
    let member = address(member);
    store.write(move |tx| tx.add_list_member(list, &member))
}

fn remove(store: &TestStore, list: ListId, member: &str) -> Result<()> {
    let member = address(member);
    store.write(move |tx| tx.remove_list_member(list, &member))
}

fn members(store: &TestStore, list: ListId) -> Vec<String> {
    let members = store.read(move |tx| tx.list_members(list)).unwrap();
    members.into_iter().map(|member| member.address).collect()
}

fn resolve(store: &TestStore, to: &str) -> Resolution {
    let to = address(to);
    store.read(move |tx| tx.resolve(&to)).unwrap()
}

/// The account that gets mail to an address.
fn account_at(store: &TestStore, to: &str) -> Option<AccountId> {
    match resolve(store, to) {
        Resolution::Account(found) => Some(found.account),
        _ => None,
    }
}

/// Posts a message; from whom it is sent, and to whom.
fn post(store: &TestStore, list: ListId, is_quarantined: bool) -> Result<Vec<String>> {
    let spool = store.write(move |tx| {
        let post = Post {
            account: None,
            parameters: crate::MailParameters::default(),
            terms: SpoolTerms::default(),
            is_quarantined,
        };
        let message = PreparedMessage::new(b"Subject: x\r\n\r\n".to_vec());
        tx.post_to_list(list, post, &message)?;
        tx.list_spooled(&SpoolFilter::default(), SpoolId::new(0), 100)
    })?;
    let last = spool.into_iter().next_back().unwrap();
    let mut paths: Vec<String> = last.recipients.into_iter().map(|one| one.forward_path).collect();
    paths.sort();
    paths.insert(0, last.reverse_path);
    Ok(paths)
}

#[test]
fn an_address_is_of_one_account_or_list() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let list = create(store, "Sales@example.test", julie).unwrap();
        let taken = "address exists already";
        assert_eq!(outcome(create(store, "sales@example.test", julie)), taken);
        assert_eq!(outcome(create(store, "julie@example.test", julie)), taken);
        let alias = address("SALES@example.test");
        assert_eq!(outcome(store.write(move |tx| tx.add_alias(julie, &alias))), taken);
        let account = new_account("sales@example.test");
        assert_eq!(outcome(store.write(|tx| tx.create_account(account))), taken);
        let own = address("j@example.test");
        store.write(move |tx| tx.add_alias(julie, &own)).unwrap();
        assert_eq!(outcome(create(store, "j@example.test", julie)), taken);
        for bad in
            ["a+b@example.test", "\"a b\"@example.test", "\u{e9}@example.test", "a..b@example.test"]
        {
            let Ok(bad) = Address::parse(bad) else { continue };
            let list = NewList { address: bad, ..new("x@example.test", julie) };
            let refused = outcome(store.write(move |tx| tx.create_list(&list)));
            assert!(refused.starts_with("invalid: the address of a list"), "{refused}");
        }
        assert_eq!(outcome(create(store, "a@elsewhere.test", julie)), "domain does not exist");
        store.write(|tx| tx.create_domain_alias("also.test", "example.test")).unwrap();
        assert_eq!(resolve(store, "sales@ALSO.test"), Resolution::List(list));
        let found = store.read(|tx| tx.find_list(&address("sales@also.test"))).unwrap().unwrap();
        assert_eq!((found.id, found.address.as_str()), (list, "Sales@example.test"));
        let used = store.write(|tx| tx.remove_domain("example.test"));
        assert_eq!(outcome(used), "in use: the domain has accounts");
        store.write(move |tx| tx.remove_list(list)).unwrap();
        assert_eq!(resolve(store, "sales@example.test"), Resolution::UnknownRecipient);
        let account = new_account("sales@example.test");
        store.write(|tx| tx.create_account(account)).unwrap();
    });
}

#[test]
fn what_comes_back_goes_to_the_owner() {
    on_both_engines(|store| {
        let (julie, max, boss) =
            (store.account("julie"), store.account("max"), store.account("boss"));
        store.with(boss, |tx| tx.set_role(Role::Owner)).unwrap();
        let list = create(store, "sales@example.test", julie).unwrap();
        assert_eq!(account_at(store, "sales+bounces@example.test"), Some(julie));
        assert_eq!(account_at(store, "sales+Owner@example.test"), Some(julie));
        assert_eq!(resolve(store, "sales+x@example.test"), Resolution::UnknownRecipient);
        let change = ListChange { owner: Some(max), ..ListChange::default() };
        store.write(move |tx| tx.update_list(list, &change)).unwrap();
        assert_eq!(account_at(store, "sales+bounces@example.test"), Some(max));
        store.write(move |tx| tx.remove_account(max)).unwrap();
        assert_eq!(account_at(store, "sales+bounces@example.test"), Some(boss), "the postmaster");
        let found = store.read(move |tx| tx.load_list(list)).unwrap();
        assert_eq!((found.owner, found.posting), (None, Posting::Anyone));
    });
}

#[test]
fn a_post_reaches_every_member_once() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let eve = store.account("eve");
        let inner = create(store, "inner@example.test", julie).unwrap();
        let outer = create(store, "outer@example.test", julie).unwrap();
        assert_eq!(outcome(post(store, outer, false)), "member does not exist");
        let alias = address("m@example.test");
        store.write(move |tx| tx.add_alias(max, &alias)).unwrap();
        add(store, inner, "M@example.test").unwrap();
        add(store, inner, "a@elsewhere.test").unwrap();
        add(store, outer, "inner@example.test").unwrap();
        add(store, outer, "A@Elsewhere.test").unwrap();
        add(store, outer, "max@example.test").unwrap();
        add(store, outer, "eve@example.test").unwrap();
        let twice = "member exists already";
        assert_eq!(outcome(add(store, outer, "m@example.test")), twice);
        assert_eq!(outcome(add(store, outer, "a@elsewhere.test")), twice);
        assert_eq!(outcome(add(store, outer, "nobody@example.test")), "address does not exist");
        let round = "invalid: the lists would be in each other";
        assert_eq!(outcome(add(store, inner, "outer@example.test")), round);
        assert_eq!(outcome(add(store, inner, "inner@example.test")), round);
        let from = "outer+bounces@example.test";
        let all = [from, "a@elsewhere.test", "eve@example.test", "max@example.test"];
        let reached = post(store, outer, false).unwrap();
        let reached: Vec<_> = reached.iter().map(|path| path.to_ascii_lowercase()).collect();
        assert_eq!(reached, all);
        // What checks found suspicious is not spread.
        assert_eq!(post(store, outer, true).unwrap(), [all[0], all[2], all[3]]);
        // An account stays when its alias goes, and is found by any address.
        let alias = address("m@example.test");
        store.write(move |tx| tx.remove_alias(max, &alias)).unwrap();
        remove(store, outer, "max@example.test").unwrap();
        store.with(eve, |tx| tx.set_blocked(true)).unwrap();
        assert_eq!(post(store, outer, false).unwrap()[2..], ["max@example.test"]);
        store.write(move |tx| tx.remove_account(max)).unwrap();
        remove(store, inner, "a@elsewhere.test").unwrap();
        assert_eq!(members(store, inner), [""; 0]);
        store.write(move |tx| tx.remove_list(inner)).unwrap();
        assert_eq!(members(store, outer), ["A@Elsewhere.test", "eve@example.test"]);
        let owner = "outer+owner@example.test";
        assert_eq!(post(store, outer, true).unwrap(), [from, owner]);
        assert_eq!(outcome(remove(store, outer, "x@y.test")), "member does not exist");
    });
}

#[test]
fn who_may_post_is_asked() {
    on_both_engines(|store| {
        let (julie, max, eve) =
            (store.account("julie"), store.account("max"), store.account("eve"));
        let other = store
            .write(|tx| {
                tx.create_domain("other.test")?;
                tx.create_account(new_account("x@other.test"))
            })
            .unwrap();
        let list = create(store, "sales@example.test", julie).unwrap();
        add(store, list, "max@example.test").unwrap();
        add(store, list, "a@elsewhere.test").unwrap();
        let may = |account: Option<AccountId>, sender: &str, is_trusted| {
            let sender = (!sender.is_empty()).then(|| address(sender));
            store
                .read(move |tx| {
                    let poster = Poster { account, sender: sender.as_ref(), is_trusted };
                    tx.may_post(list, poster)
                })
                .unwrap()
        };
        let (own, member) = ("eve@example.test", "max@example.test");
        // Account and sender; whether anybody, the organisation and members may.
        let cases = [
            (None, "", false, [false, false, false]),
            (None, "b@elsewhere.test", false, [true, false, false]),
            (None, "A@elsewhere.test", false, [true, true, true]),
            // Nobody has shown to be max.
            (None, member, false, [true, false, false]),
            (None, member, true, [true, true, true]),
            (None, "max+x@example.test", true, [true, true, true]),
            (None, own, true, [true, true, false]),
            (Some(eve), own, true, [true, true, false]),
            (Some(eve), member, true, [true, true, true]),
            (Some(max), member, true, [true, true, true]),
            (Some(max), "c@elsewhere.test", false, [true, true, true]),
            (Some(julie), "julie@example.test", true, [true, true, true]),
            (Some(other), "x@other.test", true, [true, false, false]),
        ];
        for (at, posting) in
            [Posting::Anyone, Posting::Organisation, Posting::Members].into_iter().enumerate()
        {
            let change = ListChange { posting: Some(posting), ..ListChange::default() };
            store.write(move |tx| tx.update_list(list, &change)).unwrap();
            for (account, sender, is_trusted, expect) in cases {
                let found = may(account, sender, is_trusted);
                assert_eq!(found, expect[at], "{posting:?} {account:?} {sender} {is_trusted}");
            }
        }
    });
}

#[test]
fn a_team_has_an_address() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let team = store
            .write(move |tx| {
                let organisation = tx.only_organisation()?;
                let team = tx.create_team(organisation, &TeamName::parse("Sales")?)?;
                tx.add_team_member(team, max)?;
                Ok(team)
            })
            .unwrap();
        let of_team = NewList { team: Some(team), ..new("sales@example.test", julie) };
        let again = of_team.clone();
        let list = store.write(move |tx| tx.create_list(&of_team)).unwrap();
        let refused = store.write(move |tx| tx.create_list(&again));
        assert_eq!(outcome(refused), "an address of the team exists already");
        assert_eq!(
            outcome(add(store, list, "julie@example.test")),
            "invalid: who is on this list is who is in its team"
        );
        assert_eq!(members(store, list), ["max@example.test"]);
        assert_eq!(post(store, list, false).unwrap()[1..], ["max@example.test"]);
        store.write(move |tx| tx.add_team_member(team, julie)).unwrap();
        assert_eq!(
            post(store, list, false).unwrap()[1..],
            ["julie@example.test", "max@example.test"]
        );
        let found = store.read(move |tx| tx.load_list(list)).unwrap();
        assert_eq!((found.members, found.team_name.as_deref()), (2, Some("Sales")));
        let used = store.write(move |tx| tx.remove_team(team));
        assert_eq!(outcome(used), "in use: a list is made of the team");
        store.write(move |tx| tx.remove_list(list)).unwrap();
        store.write(move |tx| tx.remove_team(team)).unwrap();
    });
}

#[test]
fn redirections_through_lists_do_not_come_back() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let list = create(store, "sales@example.test", julie).unwrap();
        add(store, list, "max@example.test").unwrap();
        let redirect = |account, to: &str| {
            let to = address(to);
            outcome(store.with(account, move |tx| tx.add_redirection(&to, true)))
        };
        let back = "invalid: mail would come back: the target leads here";
        assert_eq!(redirect(max, "sales@example.test"), back);
        assert_eq!(redirect(julie, "sales@example.test"), "ok");
        assert_eq!(redirect(max, "julie@example.test"), back);
    });
}

#[test]
fn lists_are_bounded() {
    let few = |settings: &mut crate::Settings| {
        settings.lists_max = 1;
        settings.list_members_max = 2;
    };
    on_both_engines_with(few, |store| {
        let julie = store.account("julie");
        let list = create(store, "sales@example.test", julie).unwrap();
        let refused = create(store, "more@example.test", julie);
        assert_eq!(outcome(refused), "limit of 1 reached: Lists");
        add(store, list, "a@elsewhere.test").unwrap();
        add(store, list, "b@elsewhere.test").unwrap();
        let refused = add(store, list, "c@elsewhere.test");
        assert_eq!(outcome(refused), "limit of 2 reached: ListMembers");
        assert_eq!(members(store, list), ["a@elsewhere.test", "b@elsewhere.test"]);
    });
}
