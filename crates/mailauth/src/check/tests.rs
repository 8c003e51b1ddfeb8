use super::*;
use crate::testing::{Zone, block_on};

const ALL: Methods = Methods { spf: true, dkim: true, dmarc: true, arc: true };
const FORGED: &str = "From: Boss <ceo@bank.example>\r\nSubject: pay\r\n\r\nAt once.\r\n";

/// What is found of a message that evil.example sends in the name of the bank.
fn check(zone: &Zone, message: &str) -> Report {
    let sender = Sender {
        ip: "192.0.2.1".parse().unwrap(),
        helo: "mx.evil.example",
        mail_from: Some(("x", "evil.example")),
    };
    block_on(Examined::of(message.as_bytes(), ALL).check(zone, sender, 1_000))
}

fn is_rejected(report: &Report) -> bool {
    let demand = Demand { policy: Policy::Reject, doubtful: false };
    !report.is_uncertain() && report.demand(|_| false) == demand
}

fn of_path(report: &Report) -> SpfVerdict {
    report.spf.as_ref().unwrap().mail_from.as_ref().unwrap().0
}

fn bank() -> Zone {
    Zone::default().text("_dmarc.bank.example", "v=DMARC1; p=reject")
}

#[test]
fn servers_of_the_sender_that_fail_hide_no_policy() {
    let included = bank()
        .text("evil.example", "v=spf1 include:dead.evil.example -all")
        .silent("dead.evil.example");
    let report = check(&included, FORGED);
    assert_eq!(of_path(&report), SpfVerdict::TempError);
    assert!(is_rejected(&report), "{report:?}");
    let zone = bank().silent("s._domainkey.evil.example").silent("evil.example");
    let signed = format!(
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=evil.example; s=s; h=from;\r\n \
         bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n{}",
        FORGED.replace("At once.\r\n", "")
    );
    let report = check(&zone, &signed);
    assert_eq!(report.dkim.as_ref().unwrap()[0].verdict, DkimVerdict::TempError);
    assert!(is_rejected(&report), "{report:?}");
}

#[test]
fn many_questions_about_the_sender_hide_no_policy() {
    let mut terms = String::new();
    let mut zone = bank();
    for term in 0..10 {
        terms.push_str(&format!("mx:m{term}.evil.example "));
        for host in 0..10 {
            let host = format!("h{term}-{host}.evil.example");
            zone = zone.exchanger(&format!("m{term}.evil.example"), &host);
            zone = zone.address(&host, "198.51.100.1");
        }
    }
    let record = format!("v=spf1 {terms}-all");
    let zone = zone.text("evil.example", &record).text("mx.evil.example", &record);
    let report = check(&zone, FORGED);
    assert_eq!(of_path(&report), SpfVerdict::TempError);
    assert!(is_rejected(&report), "{report:?}");
}

/// A part of the author's own domain that nobody answers for any more: a forger may name it, and a
/// genuine message may be signed by it.
#[test]
fn a_dead_delegation_of_the_author_leaves_the_policy_in_force() {
    for (dead, policy) in [("p=reject", Policy::Reject), ("p=quarantine", Policy::Quarantine)] {
        let zone = Zone::default()
            .text("_dmarc.bank.example", &format!("v=DMARC1; {dead}"))
            .silent("s._domainkey.old.bank.example")
            .silent("_dmarc.old.bank.example");
        let signed = format!(
            "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=old.bank.example; s=s;\r\n \
             h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n{}",
            FORGED.replace("At once.\r\n", "")
        );
        let report = check(&zone, &signed);
        assert!(report.is_uncertain(), "{report:?}");
        assert_eq!(report.demand(|_| false), Demand { policy, doubtful: true }, "{report:?}");
    }
}

/// RFC 7208 §8.4 and §8.5
#[test]
fn a_sender_whose_domain_disowns_the_host_is_refused() {
    let refused = Demand { policy: Policy::Reject, doubtful: false };
    for (record, demand) in [
        ("v=spf1 -all", refused),
        ("v=spf1 ~all", Demand::default()),
        ("v=spf1 ?all", Demand::default()),
        ("v=spf1 ip4:192.0.2.1 -all", Demand::default()),
        ("v=spf1 nonsense -all", Demand::default()),
    ] {
        let report = check(&Zone::default().text("evil.example", record), FORGED);
        assert_eq!(report.demand_of_sender(|_| false), demand, "{record}: {report:?}");
    }
    // Whether it is the author's, after all, is not known now.
    let zone = Zone::default().text("evil.example", "v=spf1 -all").silent("_dmarc.bank.example");
    let demand = check(&zone, FORGED).demand_of_sender(|_| false);
    assert_eq!(demand, Demand { doubtful: true, ..refused });
}

/// Who sends mail on comes from hosts that the domain of its sender does not know.
#[test]
fn what_was_sent_on_and_is_genuine_is_not_refused() {
    let zone = Zone::default().text("evil.example", "v=spf1 -all");
    let disowned = check(&zone, FORGED);
    let genuine = |domain: &str, verdict| {
        let mut report = disowned.clone();
        let author = &mut report.dmarc.as_mut().unwrap()[0];
        (author.domain, author.verdict) = (domain.to_owned(), verdict);
        report.demand_of_sender(|_| false)
    };
    assert_eq!(genuine("bank.example", DmarcVerdict::Pass), Demand::default());
    assert_eq!(genuine("bank.example", DmarcVerdict::Fail).policy, Policy::Reject);
}

#[test]
fn a_sender_is_vouched_for_by_spf() {
    let zone = bank().text("evil.example", "v=spf1 ip4:192.0.2.1 -all");
    let report = check(&zone, FORGED);
    assert!(report.vouches_for("evil.example"));
    let report = check(&bank(), FORGED);
    assert!(!report.vouches_for("evil.example"));
}

#[test]
fn domains_that_want_reports_are_told_what_was_found() {
    let wanted = "v=DMARC1; p=reject; sp=none; pct=50; fo=1:d; rua=mailto:d@bank.example";
    let zone = Zone::default()
        .text("_dmarc.bank.example", wanted)
        .text("_dmarc.quiet.example", "v=DMARC1; p=reject")
        .text("evil.example", "v=spf1 ip4:192.0.2.1 -all");
    let sender = Sender {
        ip: "192.0.2.1".parse().unwrap(),
        helo: "mx.evil.example",
        mail_from: Some(("x", "evil.example")),
    };
    let message = FORGED.replace("ceo@bank.example", "a@news.bank.example, b@quiet.example");
    let told = check(&zone, &message).observations(sender);
    let [one] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((one.domain.as_str(), one.verdict), ("bank.example", DmarcVerdict::Fail));
    assert_eq!((one.published, one.asked), (Policy::None, Policy::None));
    let row = &one.row;
    assert_eq!((row.source.as_str(), row.dkim, row.spf), ("192.0.2.1", false, false));
    assert_eq!(row.header_from, "news.bank.example");
    assert_eq!(row.envelope_from, "evil.example");
    let path = (row.path.domain.as_str(), row.path.scope.as_str(), row.path.result.as_str());
    assert_eq!(path, ("evil.example", "mfrom", "pass"));
    assert_eq!((row.policy.percent, row.policy.failure_options.as_str()), (50, "1:d"));
    assert_eq!((row.policy.policy, row.policy.subdomains), (Policy::Reject, Policy::None));
    // A path in line with the author.
    let own = check(&zone, &FORGED.replace("bank.example", "evil.example"));
    assert_eq!(own.observations(sender), []);
    let zone = zone.text("_dmarc.evil.example", "v=DMARC1; rua=mailto:d@evil.example");
    let own = check(&zone, &FORGED.replace("bank.example", "evil.example"));
    let told = own.observations(Sender { mail_from: Some(("x", "evil.example")), ..sender });
    assert_eq!(
        (told[0].verdict, told[0].row.spf, told[0].row.dkim),
        (DmarcVerdict::Pass, true, false)
    );
}
