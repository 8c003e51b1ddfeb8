use super::*;
use crate::testing::{Zone, block_on};

fn nobody() -> Identities<'static> {
    Identities { spf: None, dkim: Vec::new() }
}

fn run(
    zone: &Zone,
    authors: &AuthorDomains,
    passed: &Identities<'_>,
    unknown: &Identities<'_>,
) -> Vec<DmarcResult> {
    block_on(async { Published::of(zone, authors).await.judge(passed, unknown).await })
}

fn judge(zone: &Zone, author: &str, spf: Option<&str>, dkim: &[&str]) -> (DmarcVerdict, Policy) {
    let authors = AuthorDomains { domains: vec![author.to_owned()], ..AuthorDomains::default() };
    let results = run(zone, &authors, &Identities { spf, dkim: dkim.to_vec() }, &nobody());
    assert_eq!(results.len(), 1);
    (results[0].verdict, results[0].policy)
}

/// An author's domain, what SPF and DKIM authenticated, and what follows.
type Case = (&'static str, Option<&'static str>, &'static [&'static str], DmarcVerdict, Policy);

#[test]
fn alignment_and_policies() {
    use DmarcVerdict::{Fail, None, Pass};
    let zone = Zone::default()
        .text("_dmarc.bank.example", "v=DMARC1; p=reject; sp=quarantine; np=reject")
        .address("news.bank.example", "192.0.2.1")
        .text("_dmarc.strict.example", "v=DMARC1; p=quarantine; adkim=s; aspf=s")
        .text("_dmarc.twice.example", "v=DMARC1; p=reject")
        .text("_dmarc.twice.example", "v=DMARC1; p=none")
        .text("_dmarc.co.example", "v=DMARC1; p=none; sp=quarantine; psd=y")
        .text("_dmarc.shop.co.example", "v=DMARC1; p=reject")
        .text("_dmarc.dept.uni.example", "v=DMARC1; p=reject; psd=n")
        .text("_dmarc.uni.example", "v=DMARC1; p=none");
    let cases: &[Case] = &[
        ("bank.example", Some("bank.example"), &[], Pass, Policy::None),
        ("bank.example", Some("bounce.bank.example"), &[], Pass, Policy::None),
        ("bank.example", Option::None, &["x.example", "mail.bank.example"], Pass, Policy::None),
        ("news.bank.example", Option::None, &["bank.example"], Pass, Policy::None),
        ("bank.example", Some("evilbank.example"), &["example"], Fail, Policy::Reject),
        ("news.bank.example", Some("x.example"), &[], Fail, Policy::Quarantine),
        ("nothing.bank.example", Option::None, &[], Fail, Policy::Reject),
        ("strict.example", Some("strict.example"), &[], Pass, Policy::None),
        (
            "strict.example",
            Some("a.strict.example"),
            &["b.strict.example"],
            Fail,
            Policy::Quarantine,
        ),
        ("twice.example", Option::None, &[], None, Policy::None),
        ("silent.test", Option::None, &[], None, Policy::None),
        // Names registered under one suffix have nothing to do with each other.
        ("shop.co.example", Option::None, &["other.co.example"], Fail, Policy::Reject),
        ("mail.shop.co.example", Option::None, &["shop.co.example"], Pass, Policy::None),
        ("new.co.example", Option::None, &["shop.co.example"], Fail, Policy::Quarantine),
        ("new.co.example", Option::None, &["mail.new.co.example"], Pass, Policy::None),
        // A part of an organisation that wants to be its own.
        ("x.dept.uni.example", Option::None, &["uni.example"], Fail, Policy::Reject),
        ("x.dept.uni.example", Option::None, &["dept.uni.example"], Pass, Policy::None),
    ];
    for (author, spf, dkim, verdict, policy) in cases {
        let found = judge(&zone, author, *spf, dkim);
        assert_eq!(found, (*verdict, *policy), "{author} {spf:?} {dkim:?}");
    }
}

#[test]
fn long_names_take_eight_questions() {
    let zone = Zone::default()
        .text("_dmarc.h.i.j.k.example", "v=DMARC1; p=reject")
        .text("_dmarc.b.c.d.e.f.g.h.i.j.k.example", "v=DMARC1; p=none");
    let found = judge(&zone, "a.b.c.d.e.f.g.h.i.j.k.example", Option::None, &[]);
    assert_eq!(found, (DmarcVerdict::Fail, Policy::Reject));
    let mut walks = Walks { budget: Budget::new(&zone, 8), known: HashMap::new() };
    let name = "a.b.c.d.e.f.g.h.i.j.k.l.m.n.example";
    assert!(block_on(walks.walk(name)).unwrap().is_empty());
    assert_eq!(walks.known.len(), 8);
}

#[test]
fn several_authors_count_each() {
    let zone = Zone::default().text("_dmarc.bank.example", "v=DMARC1; p=reject");
    let run = |authors: AuthorDomains| {
        run(&zone, &authors, &Identities { spf: Some("own.example"), dkim: Vec::new() }, &nobody())
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let authors = AuthorDomains {
        domains: names(&["own.example", "bank.example"]),
        ..AuthorDomains::default()
    };
    let found: Vec<_> = run(authors).iter().map(|r| (r.verdict, r.policy)).collect();
    let expected = [(DmarcVerdict::None, Policy::None), (DmarcVerdict::Fail, Policy::Reject)];
    assert_eq!(found, expected);
    let many = AuthorDomains {
        domains: names(&["a.example", "b.example", "c.example", "d.example", "e.example"]),
        ..AuthorDomains::default()
    };
    let found = run(many);
    assert_eq!((found[0].verdict, found[0].policy), (DmarcVerdict::PermError, Policy::Quarantine));
    let found = run(AuthorDomains::default());
    assert_eq!((found[0].verdict, found[0].policy), (DmarcVerdict::PermError, Policy::None));
    let silent = Zone::default().silent("_dmarc.a.example");
    assert_eq!(
        judge(&silent, "a.example", Option::None, &[]),
        (DmarcVerdict::TempError, Policy::None)
    );
}

/// What SPF and DKIM could not find out, for mail from bank.example and strict.example.
type Unknown = (&'static str, Option<&'static str>, &'static [&'static str], DmarcVerdict);

#[test]
fn only_what_is_in_line_can_be_uncertain() {
    use DmarcVerdict::{Fail, TempError};
    let zone = Zone::default()
        .text("_dmarc.bank.example", "v=DMARC1; p=reject")
        .text("_dmarc.strict.example", "v=DMARC1; p=reject; adkim=s; aspf=s");
    let cases: &[Unknown] = &[
        ("bank.example", Some("evil.example"), &["evil.example", "evilbank.example"], Fail),
        ("bank.example", Some("bounce.bank.example"), &[], TempError),
        ("bank.example", Option::None, &["evil.example", "bank.example"], TempError),
        ("strict.example", Some("a.strict.example"), &["b.strict.example"], Fail),
        ("strict.example", Some("strict.example"), &[], TempError),
    ];
    for (author, spf, dkim, verdict) in cases {
        let authors =
            AuthorDomains { domains: vec![(*author).to_owned()], ..AuthorDomains::default() };
        let unknown = Identities { spf: *spf, dkim: dkim.to_vec() };
        let found = run(&zone, &authors, &nobody(), &unknown);
        // The policy stands in either case: that a server is silent proves nothing.
        let found = (found[0].verdict, found[0].policy);
        assert_eq!(found, (*verdict, Policy::Reject), "{author} {spf:?}");
    }
}
