use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa,
    signature::Ed25519KeyPair,
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

use super::*;
use crate::canonical::Canonicalization;
use crate::crypto::{Algorithm, SigningKey};
use crate::dns::Budget;
use crate::parts::Parts;
use crate::testing::{Zone, block_on};

use super::key_record::Service;
use super::verify::{BodyHashes, candidates};

const MESSAGE: &str = "From: Joe SixPack <joe@football.example.com>\r\n\
                       To: Suzie Q <suzie@shopping.example.net>\r\n\
                       Subject: Is dinner ready?\r\n\
                       Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
                       Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\n\
                       Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";

fn verdicts(zone: &Zone, message: &str, now_secs: u64) -> Vec<(DkimVerdict, Option<&'static str>)> {
    let parts = Parts::of(message.as_bytes()).unwrap();
    let budget = Budget::new(zone, 100);
    candidates(&parts, &mut BodyHashes::default())
        .iter()
        .map(|candidate| block_on(candidate.verify(Service::Mail, &budget, now_secs)))
        .map(|result| (result.verdict, result.reason))
        .collect()
}

fn rsa_key() -> SigningKey {
    let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    SigningKey::from_pkcs8(Algorithm::RsaSha256, der.as_ref()).unwrap()
}

fn ed25519_key() -> SigningKey {
    let pair = Ed25519KeyPair::generate().unwrap();
    let der = pair.to_pkcs8v1().unwrap();
    SigningKey::from_pkcs8(Algorithm::Ed25519Sha256, der.as_ref()).unwrap()
}

fn signer(selector: &str, key: SigningKey) -> Signer {
    Signer { domain: "football.example.com".to_owned(), selector: selector.to_owned(), key }
}

fn publish(zone: Zone, signer: &Signer) -> Zone {
    let name = format!("{}._domainkey.{}", signer.selector, signer.domain);
    let (kind, key) = (signer.key.algorithm().key_type(), signer.key.public_key());
    zone.text(&name, &format!("v=DKIM1; k={kind}; p={}", BASE64.encode(key)))
}

// RFC 8463 §A.2 and §A.3: keys and a message signed with both.
const RFC_8463_BRISBANE: &str =
    "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const RFC_8463_TEST: &str = "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR\
                             iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC\
                             DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3\
                             Ip3G+2kryOTIKT+l/K4w3QIDAQAB";
const RFC_8463_SIGNATURES: &str = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n \
     d=football.example.com; i=@football.example.com;\r\n \
     q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n \
     subject : date : message-id : from : subject : date;\r\n \
     bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n \
     b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n \
     Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n\
     DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n \
     d=football.example.com; i=@football.example.com;\r\n \
     q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n \
     date : message-id : from : subject : date;\r\n \
     bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n \
     b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n \
     DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n \
     dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n";

#[test]
fn the_example_of_rfc_8463() {
    let zone = Zone::default()
        .text("brisbane._domainkey.football.example.com", RFC_8463_BRISBANE)
        .text("test._domainkey.football.example.com", RFC_8463_TEST);
    let message = RFC_8463_SIGNATURES.to_owned() + MESSAGE;
    let pass = (DkimVerdict::Pass, None);
    assert_eq!(verdicts(&zone, &message, 1_528_637_910), [pass, pass]);
    let changed = message.replace("dinner", "supper");
    let fail = (DkimVerdict::Fail, Some("the signature does not match"));
    assert_eq!(verdicts(&zone, &changed, 1_528_637_910), [fail, fail]);
    let changed = message.replace("hungry", "thirsty");
    let fail = (DkimVerdict::Fail, Some("the body was changed"));
    assert_eq!(verdicts(&zone, &changed, 1_528_637_910), [fail, fail]);
}

#[test]
fn what_is_signed_here_verifies_and_nothing_can_be_added() {
    let signers = [signer("rsa1", rsa_key()), signer("ed1", ed25519_key())];
    let zone = signers.iter().fold(Zone::default(), publish);
    let fields = sign(MESSAGE.as_bytes(), &signers.iter().collect::<Vec<_>>(), 1_000);
    assert!(fields.lines().all(|line| line.len() <= 78), "{fields}");
    assert!(fields.is_ascii() && fields.ends_with("\r\n"));
    let signed = format!("{fields}{MESSAGE}");
    let pass = (DkimVerdict::Pass, None);
    assert_eq!(verdicts(&zone, &signed, 1_000), [pass, pass]);
    // What servers on the way do to a message.
    for (from, to) in [
        ("Subject: Is dinner", "SUBJECT:  Is\r\n\tdinner"),
        ("From: Joe", "Received: from a by b\r\nFrom: Joe"),
        ("Joe.\r\n", "Joe.  \r\n\r\n\r\n"),
        ("game.  Are", "game. Are"),
    ] {
        assert_eq!(verdicts(&zone, &signed.replacen(from, to, 1), 1_000), [pass, pass], "{from}");
    }
    for (from, to) in [
        ("From: Joe", "From: eve@evil.example\r\nFrom: Joe"),
        ("Message-ID: <2", "Cc: x@y.example\r\nMessage-ID: <2"),
        ("Date: Fri", "Content-Type: text/html\r\nDate: Fri"),
        ("Subject: Is", "Subject: Was"),
    ] {
        let fail = (DkimVerdict::Fail, Some("the signature does not match"));
        assert_eq!(verdicts(&zone, &signed.replacen(from, to, 1), 1_000), [fail, fail], "{to}");
    }
}

#[test]
fn what_nobody_could_verify_is_not_signed() {
    let signer = signer("ed1", ed25519_key());
    for message in [" b=x\r\nFrom: a@b\r\n\r\n".to_owned(), "To: a\r\n".repeat(300) + MESSAGE] {
        assert_eq!(sign(message.as_bytes(), &[&signer], 1_000), "");
    }
}

#[test]
fn keys_decide() {
    let signer = signer("s", rsa_key());
    let fields = sign(MESSAGE.as_bytes(), &[&signer], 1_000);
    let signed = format!("{fields}{MESSAGE}");
    let name = "s._domainkey.football.example.com";
    let key = BASE64.encode(signer.key.public_key());
    for (zone, verdict, reason) in [
        (Zone::default(), DkimVerdict::PermError, Some("there is no key")),
        (Zone::default().silent(name), DkimVerdict::TempError, Some("the key cannot be had now")),
        (Zone::default().text(name, "p="), DkimVerdict::PermError, Some("the key was revoked")),
        (
            Zone::default().text(name, RFC_8463_BRISBANE),
            DkimVerdict::PermError,
            Some("the key is of another type"),
        ),
        (
            Zone::default().text(name, RFC_8463_TEST),
            DkimVerdict::Fail,
            Some("the signature does not match"),
        ),
        (
            Zone::default().text(name, &RFC_8463_TEST.replace("k=rsa", "t=y")),
            DkimVerdict::Neutral,
            Some("the signature does not match"),
        ),
        (Zone::default().text(name, "x").text(name, &format!("p={key}")), DkimVerdict::Pass, None),
    ] {
        assert_eq!(verdicts(&zone, &signed, 1_000), [(verdict, reason)]);
    }
}

/// A signature made by hand, to have tags that [`sign`] never writes.
fn signed_with(tags: &str, message: &str, key: &SigningKey) -> String {
    let parts = Parts::of(message.as_bytes()).unwrap();
    let mut hash = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let length = tags.split_once("l=").map(|(_, l)| l.trim_end_matches(';').parse().unwrap());
    let mut body = Vec::new();
    crate::canonical::feed_body(Canonicalization::Relaxed, parts.body, |p| body.extend(p));
    hash.update(&body[..length.unwrap_or(body.len())]);
    let hash = BASE64.encode(hash.finish().as_ref());
    let field = format!(
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=football.example.com; s=s; \
         {tags} h=from; bh={hash}; b="
    );
    let mut text = Vec::new();
    let from = parts.named("from").next().unwrap().line;
    crate::canonical::push_field(Canonicalization::Relaxed, from, &mut text);
    crate::canonical::push_field(Canonicalization::Relaxed, field.as_bytes(), &mut text);
    text.truncate(text.len() - 2);
    format!("{field}{}\r\n{message}", BASE64.encode(key.sign(&text).unwrap()))
}

#[test]
fn times_and_lengths_decide() {
    let signer = signer("s", rsa_key());
    let zone = publish(Zone::default(), &signer);
    let expired = (DkimVerdict::Fail, Some("the signature has expired"));
    let open = (DkimVerdict::Policy, Some("l= leaves the end of the body unsigned"));
    let beyond = (DkimVerdict::Fail, Some("l= is beyond the end of the body"));
    for (tags, expected) in [
        ("t=900; x=1000;", (DkimVerdict::Pass, None)),
        ("t=900; x=999;", expired),
        ("l=54;", (DkimVerdict::Pass, None)),
        ("l=4;", open),
        ("l=0;", open),
    ] {
        let signed = signed_with(tags, MESSAGE, &signer.key);
        assert_eq!(verdicts(&zone, &signed, 1_000), [expected], "{tags}");
    }
    // RFC 8460 §3: a report is signed as a whole or not at all.
    let whole = signed_with("l=54;", MESSAGE, &signer.key);
    let parts = Parts::of(whole.as_bytes()).unwrap();
    let [candidate] = <[_; 1]>::try_from(candidates(&parts, &mut BodyHashes::default())).unwrap();
    let budget = Budget::new(&zone, 100);
    let as_report = block_on(candidate.verify(Service::TlsReports, &budget, 1_000));
    let length = Some("l= in the signature of a report");
    assert_eq!((as_report.verdict, as_report.reason), (DkimVerdict::Policy, length));
    let signed = signed_with("l=54;", MESSAGE, &signer.key).replace("l=54", "l=55");
    assert_eq!(verdicts(&zone, &signed, 1_000), [beyond]);
}

#[test]
fn only_so_many_are_verified_and_the_authors_come_first() {
    let signer = signer("s", ed25519_key());
    let zone = publish(Zone::default(), &signer);
    let ours = sign(MESSAGE.as_bytes(), &[&signer], 1_000);
    let others = "DKIM-Signature: v=1; a=rsa-sha256; d=other.example; s=x; h=from; bh=; b=\r\n";
    let message = others.repeat(30) + &ours + MESSAGE;
    let found = verdicts(&zone, &message, 1_000);
    assert_eq!(found.len(), SIGNATURES_MAX);
    assert_eq!(found[0], (DkimVerdict::Pass, None));
}
