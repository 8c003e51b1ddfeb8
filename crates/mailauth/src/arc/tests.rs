use aws_lc_rs::signature::Ed25519KeyPair;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

use super::*;
use crate::check::{Examined, Methods, Report, Sender};
use crate::crypto::{Algorithm, SigningKey};
use crate::dkim::Signer;
use crate::dkim::sign::Draft;
use crate::dmarc::Policy;
use crate::parts::Parts;
use crate::testing::{Zone, block_on};

const MESSAGE: &str =
    "From: joe@bank.example\r\nTo: list@one.example\r\nSubject: Hello\r\n\r\nHi.\r\n";

fn signer(domain: &str) -> Signer {
    let pair = Ed25519KeyPair::generate().unwrap();
    let key = SigningKey::from_pkcs8(Algorithm::Ed25519Sha256, pair.to_pkcs8v1().unwrap().as_ref());
    Signer { domain: domain.to_owned(), selector: "arc".to_owned(), key: key.unwrap() }
}

fn publish(zone: Zone, signer: &Signer) -> Zone {
    let name = format!("arc._domainkey.{}", signer.domain);
    zone.text(&name, &format!("k=ed25519; p={}", BASE64.encode(signer.key.public_key())))
}

fn check(zone: &Zone, message: &str) -> Report {
    let methods = Methods { spf: true, dkim: true, dmarc: true, arc: true };
    let sender = Sender {
        ip: "192.0.2.1".parse().unwrap(),
        helo: "mx.forwarder.example",
        mail_from: Some(("srs", "forwarder.example")),
    };
    block_on(Examined::of(message.as_bytes(), methods).check(zone, sender, 1_000))
}

/// What a hop does: it tells what it found, and seals.
fn pass_on(message: &str, signer: &Signer, results: &str) -> String {
    let host = format!("mx.{}", signer.domain);
    let told = format!("Authentication-Results: {host}; {results}\r\n{message}");
    let fields = seal(told.as_bytes(), &host, signer, 1_000).unwrap();
    fields + &told
}

fn arc_of(zone: &Zone, message: &str) -> (ArcVerdict, Option<&'static str>) {
    let found = check(zone, message).arc.unwrap();
    (found.verdict, found.reason)
}

#[test]
fn a_chain_of_two_holds_and_vouches_for_those_who_trust_it() {
    let (one, two) = (signer("one.example"), signer("two.example"));
    let zone = [&one, &two].into_iter().fold(Zone::default(), publish);
    let zone = zone.text("_dmarc.bank.example", "v=DMARC1; p=reject");
    assert_eq!(arc_of(&zone, MESSAGE), (ArcVerdict::None, None));
    let once = pass_on(MESSAGE, &one, "dmarc=pass header.from=bank.example; arc=none");
    assert_eq!(arc_of(&zone, &once), (ArcVerdict::Pass, None));
    // The list changes the subject, and seals what it makes of it.
    let changed = once.replace("Subject: Hello", "Subject: [list] Hello");
    let broken = (ArcVerdict::Fail, Some("the signature does not match"));
    assert_eq!(arc_of(&zone, &changed), broken);
    let twice = pass_on(&changed, &two, "dmarc=fail; arc=pass");
    let found = check(&zone, &twice);
    let arc = found.arc.as_ref().unwrap();
    assert_eq!(arc.verdict, ArcVerdict::Pass);
    let sealers = [("two.example".to_owned(), false), ("one.example".to_owned(), true)];
    assert_eq!(arc.sealers, sealers);
    for (trusted, policy) in [
        (&["one.example", "two.example"][..], Policy::None),
        (&["one.example"], Policy::Reject),
        (&["two.example"], Policy::Reject),
        (&[], Policy::Reject),
    ] {
        assert_eq!(found.demand(|domain| trusted.contains(&domain)).policy, policy, "{trusted:?}");
    }
    assert_eq!(
        found.render("mail.ours.example"),
        "Authentication-Results: mail.ours.example;\r\n\
         \tspf=none smtp.mailfrom=forwarder.example;\r\n\
         \tdkim=none;\r\n\
         \tdmarc=fail header.from=bank.example policy.dmarc=reject;\r\n\
         \tarc=pass\r\n"
    );
}

#[test]
fn broken_chains_are_told_apart() {
    let one = signer("one.example");
    let zone = publish(Zone::default(), &one);
    let once = pass_on(MESSAGE, &one, "dmarc=pass; arc=none");
    let twice = pass_on(&once, &one, "dmarc=fail; arc=pass");
    assert_eq!(arc_of(&zone, &twice), (ArcVerdict::Pass, None));
    let first_seal = once.find("ARC-Message").unwrap();
    for (message, reason) in [
        (once.replace("dmarc=pass", "dmarc=none"), "a seal does not match"),
        (once.replace("Hi.", "Ho."), "the body was changed"),
        (once.replace("cv=none", "cv=pass"), "cv= does not fit"),
        (once.replace("cv=none", "cv=fail"), "a sealer found the chain broken"),
        (once.replace("cv=none", "cv=maybe"), "malformed cv="),
        (once.replace("cv=none;", "cv=none; h=from;"), "h= in a seal"),
        (once[first_seal..].to_owned(), "a set is incomplete"),
        (twice.replace("i=1", "i=3"), "an instance is missing"),
        (twice.replace("i=1", "i=2"), "an instance is there twice"),
        (twice.replace("i=1", "i=0"), "malformed instance"),
        (once.replace("d=one.example", "d=nowhere.example"), "there is no key"),
        (once.repeat(51).replace("\r\n\r\nHi.", ""), "too many sets"),
    ] {
        assert_eq!(arc_of(&zone, &message), (ArcVerdict::Fail, Some(reason)), "{message}");
    }
    let silent = publish(Zone::default(), &one).silent("arc._domainkey.one.example");
    let later = (ArcVerdict::TempError, Some("the key cannot be had now"));
    assert_eq!(arc_of(&silent, &once), later);
}

#[test]
fn only_what_was_checked_here_is_sealed() {
    let one = signer("one.example");
    let seal_of = |message: &str| seal(message.as_bytes(), "mx.one.example", &one, 1_000);
    assert_eq!(seal_of(MESSAGE), None);
    let other = format!("Authentication-Results: mx.other.example; arc=none\r\n{MESSAGE}");
    assert_eq!(seal_of(&other), None);
    // A chain that was not found to hold is not gone on with.
    let once = pass_on(MESSAGE, &one, "arc=none");
    let told = |arc| format!("Authentication-Results: mx.one.example; arc={arc}\r\n{once}");
    assert!(seal_of(&told("pass")).is_some());
    assert_eq!(seal_of(&told("fail")), None);
    assert_eq!(seal_of(&told("temperror")), None);
}

/// What a trusted sealer vouched for is given another author: its signature names From once, and of
/// several the last is meant (RFC 6376 §5.4.2).
#[test]
fn an_author_added_later_is_not_vouched_for() {
    let one = signer("one.example");
    let zone = publish(Zone::default(), &one);
    let zone = zone.text("_dmarc.victim.example", "v=DMARC1; p=reject");
    let once = pass_on(MESSAGE, &one, "dmarc=pass header.from=bank.example; arc=none");
    // Signed by one who names each field once.
    let results = "ARC-Authentication-Results: i=1; mx.one.example; dmarc=pass\r\n";
    let parts = Parts::of(MESSAGE.as_bytes()).unwrap();
    let names = ["from", "to", "subject"].map(str::to_owned).to_vec();
    let draft = Draft::of_names(&parts, names);
    let signature = draft.sign(&parts, "ARC-Message-Signature", "i=1;", &one, 1_000).unwrap();
    let seal = seal::seal_set(&[], results, &signature, "none", &one, 1_000).unwrap();
    let once_named = format!("{seal}{signature}{results}{MESSAGE}");
    assert_eq!(arc_of(&zone, &once_named), (ArcVerdict::Pass, None));
    for genuine in [once, once_named] {
        let forged = format!("From: ceo@victim.example\r\n{genuine}");
        let found = check(&zone, &forged);
        assert_eq!(found.arc.as_ref().unwrap().verdict, ArcVerdict::Fail);
        assert_eq!(found.demand(|domain| domain == "one.example").policy, Policy::Reject);
    }
}
