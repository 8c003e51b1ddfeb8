//! Accounts shared as a whole, and what is asked of them (R-SHARE-6, R-ADDR-12).

use ids::UidSet;

use super::{outcome, rights, seen};
use crate::acl::ShareRights;
use crate::testing::{mailbox_name, on_both_engines};
use crate::{AuthorsElsewhere, Authorship, Result, Sending};

#[test]
fn an_account_is_shared_as_a_whole() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let share = |names: &str| {
            let rights = ShareRights::parse(names).unwrap_or_default();
            store.write(move |tx| tx.share_account(julie, max, rights)).unwrap();
        };
        let from = crate::Address::parse("julie@example.test").unwrap();
        let may_send = || {
            let from = from.clone();
            store.read(move |tx| tx.may_send_as(max, &from)).unwrap()
        };
        let inbox = store.mailbox(julie, "INBOX");
        share("read");
        assert_eq!((rights(store, max, inbox).as_str(), may_send()), ("lrs", false));
        assert_eq!(seen(store, max).len(), 2 + 6);
        share("read,write,send-as");
        assert_eq!((rights(store, max, inbox).as_str(), may_send()), ("lrswipkxten", true));
        store.with(julie, |tx| tx.create_mailbox(&mailbox_name("New"), None)).unwrap();
        let new = store.mailbox(julie, "New");
        assert_eq!(rights(store, max, new), "lrswipkxten");
        let shares = store.read(move |tx| tx.list_shares(julie)).unwrap();
        assert_eq!(shares[0].rights.to_string(), "read,write,send-as");
        share("");
        assert_eq!((rights(store, max, inbox).as_str(), may_send()), ("", false));
        assert_eq!(seen(store, max), [""; 0]);
    });
}

#[test]
fn maintenance_closes_an_account_to_others_too() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let (inbox, own) = (store.mailbox(julie, "INBOX"), store.mailbox(max, "INBOX"));
        store.append(julie, inbox, "one", "").unwrap();
        let all = ShareRights::parse("read,write,send-as").unwrap();
        store.write(move |tx| tx.share_account(julie, max, all)).unwrap();
        let copy = || {
            store.write(move |tx| tx.copy_messages_as(max, inbox, &UidSet::all(), own).map(drop))
        };
        let from = crate::Address::parse("julie@example.test").unwrap();
        let sends = || {
            let from = from.clone();
            outcome(store.read(move |tx| tx.may_send_as(max, &from)))
        };
        let view = store.inner().open_view_blocking(julie, inbox).unwrap();
        let told = || view.snapshot().acl_changes();
        let closed = "this account is in maintenance; mail is still received";
        let of_domain = |on| store.write(move |tx| tx.set_domain_maintenance("example.test", on));
        let of_account = |on| store.with(julie, move |tx| tx.set_maintenance(on));
        type Switch<'a> = &'a dyn Fn(bool) -> Result<()>;
        for switch in [&of_account as Switch<'_>, &of_domain] {
            let before = told();
            switch(true).unwrap();
            assert_eq!((outcome(copy()).as_str(), sends().as_str()), (closed, closed));
            assert_eq!(rights(store, max, inbox), "l");
            assert_eq!(rights(store, julie, inbox), "lrswipkxtean");
            assert_eq!(seen(store, max).len(), 2 + 6);
            switch(false).unwrap();
            assert_eq!((outcome(copy()).as_str(), sends().as_str()), ("ok", "ok"));
            assert_eq!(told(), before + 2, "sessions of others are told");
        }
    });
}

#[test]
fn rights_on_an_account_are_asked_for() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let share = |names: &str| {
            let rights = ShareRights::parse(names).unwrap_or_default();
            store.write(move |tx| tx.share_account(julie, max, rights)).unwrap();
        };
        let alias = crate::Address::parse("info@example.test").unwrap();
        let alias = || alias.clone();
        let add = || {
            let alias = alias();
            outcome(store.write(move |tx| tx.account_as(julie, max)?.add_alias(&alias)))
        };
        let remove = || {
            let alias = alias();
            outcome(store.write(move |tx| tx.account_as(julie, max)?.remove_alias(&alias)))
        };
        let refused = "not permitted: you have no right to do this";
        share("");
        assert_eq!((add().as_str(), remove().as_str()), (refused, refused));
        share("read,write,send-as,send-on-behalf,responder,filters,admin");
        assert_eq!((add().as_str(), remove().as_str()), (refused, refused));
        let inbox = store.mailbox(julie, "INBOX");
        assert_eq!(rights(store, max, inbox), "lrswipkxtean");
        share("aliases");
        assert_eq!(rights(store, max, inbox), "");
        assert_eq!((add().as_str(), add().as_str()), ("ok", "address exists already"));
        store.with(julie, |tx| tx.set_maintenance(true)).unwrap();
        assert_eq!(remove(), "this account is in maintenance; mail is still received");
        store.with(julie, |tx| tx.set_maintenance(false)).unwrap();
        assert_eq!(remove(), "ok");
        share("admin");
        assert_eq!(rights(store, max, inbox), "la");
        let acl = store.read(move |tx| tx.list_acl(julie)).unwrap();
        let acl: Vec<String> = acl
            .iter()
            .map(|(name, entry)| format!("{name} {} {}", entry.identifier, entry.rights))
            .collect();
        assert_eq!(acl.len(), 6);
        assert_eq!(acl[1], "Drafts max@example.test la");
    });
}

#[test]
fn authors_are_those_that_an_account_sends_as() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        store.account("eve");
        let address = |text: &str| crate::Address::parse(text).unwrap();
        let info = address("info@example.test");
        store.write(move |tx| tx.add_alias(julie, &info)).unwrap();
        let share = |names: &str| {
            let rights = ShareRights::parse(names).unwrap_or_default();
            store.write(move |tx| tx.share_account(julie, max, rights)).unwrap();
        };
        let check_with = |authors: &str, senders: &str, elsewhere| {
            let list =
                |text: &str| text.split_whitespace().map(address).collect::<Vec<crate::Address>>();
            let (authors, senders) = (list(authors), list(senders));
            store.read(move |tx| tx.check_authors(max, &authors, &senders, elsewhere)).unwrap()
        };
        let check =
            |authors: &str, senders: &str| check_with(authors, senders, AuthorsElsewhere::Refused);
        let sending = |from: &str| {
            let from = address(from);
            store.read(move |tx| tx.sending(max, &from)).unwrap()
        };
        let (own, hers) = ("max@example.test", "julie@example.test");
        assert_eq!((sending(own), sending(hers)), (Some(Sending::Own), None));
        assert_eq!(check(own, ""), Authorship::Permitted);
        for (authors, senders) in
            [("x@elsewhere.test", ""), ("max@example.test x@elsewhere.test", ""), (own, "x@y.test")]
        {
            assert_eq!(check(authors, senders), Authorship::Refused, "{authors}, {senders}");
            let permitted = check_with(authors, senders, AuthorsElsewhere::Permitted);
            assert_eq!(permitted, Authorship::Permitted, "{authors}, {senders}");
        }
        let on_behalf = check_with(hers, "x@y.test", AuthorsElsewhere::Permitted);
        assert_eq!(on_behalf, Authorship::Refused);
        assert_eq!(check(hers, own), Authorship::Refused);
        assert_eq!(check(own, hers), Authorship::Refused);
        share("send-on-behalf");
        assert_eq!(sending("info@example.test"), Some(Sending::OnBehalf));
        assert_eq!(check(hers, own), Authorship::Permitted);
        assert_eq!(check(hers, ""), Authorship::NeedsSender(own.to_owned()));
        for senders in
            [hers, "eve@example.test", "x@elsewhere.test", "max@example.test julie@example.test"]
        {
            assert_eq!(check(hers, senders), Authorship::Refused, "{senders}");
        }
        assert_eq!(check("julie@example.test eve@example.test", own), Authorship::Refused);
        let may = |from: &str| {
            let from = address(from);
            store.read(move |tx| tx.may_send_as(max, &from)).unwrap()
        };
        assert!(!may(hers));
        share("send-on-behalf,send-as");
        assert_eq!(sending("info@example.test"), Some(Sending::As));
        assert_eq!(check(hers, ""), Authorship::Permitted);
        assert_eq!(check(hers, hers), Authorship::Permitted);
        assert!(may(hers) && !may("julie+x@example.test"));
        share("");
        assert_eq!(check(hers, own), Authorship::Refused);
    });
}
