//! MIME fields that mail-parser misreads: the parts behind them are found, and what such a
//! message can make of it is bounded.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod agreement;

use agreement::check_agreement;
use message::{Limits, PartIndex, Summary};

fn summary(raw: &str) -> Summary {
    let summary = Summary::of(raw.as_bytes(), &Limits::default());
    check_agreement(raw.as_bytes(), &summary);
    assert_eq!(PartIndex::of(raw.as_bytes(), &Limits::default()), summary.parts);
    summary
}

fn structure(raw: &str) -> String {
    String::from_utf8(summary(raw).body_structure).unwrap()
}

fn section<'a>(raw: &'a str, number: &[u32]) -> &'a str {
    let part = summary(raw).parts.find(number).unwrap();
    &raw[part.body.start as usize..part.body.end as usize]
}

// Each of the types that are misread, inside the one before it.
const NESTED: &str = "Subject: x\r\n\
    Content-Type: multipart/mixed; boundary\r\n =\"a\"\r\n\r\n\
    --a\r\n\r\none\r\n\
    --a\r\nContent-Type: multipart/alternative; (\\)) boundary=b\r\n\r\n\
    --b\r\nContent-Type: message/rfc822 (\\)); name=\"y.eml\"\r\n\r\n\
    Subject: y\r\nContent-Type: multipart/related; x=\"a\\ \"; boundary (c)=\"c;d\"\r\n\r\n\
    --c;d\r\nContent-Type: text/html\r\n\r\n<p>two</p>\r\n--c;d--\r\n\
    --b--\r\n\
    --a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nthree\r\n--a--\r\n";

#[test]
fn containers_inside_each_other() {
    let text = |size: usize| {
        format!(
            "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" {size} 0 NIL NIL NIL NIL)"
        )
    };
    let html = "(\"text\" \"html\" NIL NIL NIL \"7bit\" 10 0 NIL NIL NIL NIL)";
    let related = format!("({html} \"related\" (\"x\" \"a \" \"boundary\" \"c;d\") NIL NIL NIL)");
    let at = |number: &[u32]| section(NESTED, number).len();
    let lines = section(NESTED, &[2, 1]).matches('\n').count();
    let inner = format!(
        "(\"message\" \"rfc822\" (\"name\" \"y.eml\") NIL NIL \"7bit\" {} \
         (NIL \"y\" NIL NIL NIL NIL NIL NIL NIL NIL) {related} {lines} NIL NIL NIL NIL)",
        at(&[2, 1])
    );
    let alternative = format!("({inner} \"alternative\" (\"boundary\" \"b\") NIL NIL NIL)");
    let utf8 = "(\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \"7bit\" 5 0 NIL NIL NIL NIL)";
    let expect =
        format!("({}{alternative}{utf8} \"mixed\" (\"boundary\" \"a\") NIL NIL NIL)", text(3));
    assert_eq!(structure(NESTED), expect);
    for (number, body) in [(&[1][..], "one"), (&[2, 1, 1], "<p>two</p>"), (&[3], "three")] {
        assert_eq!(section(NESTED, number), body);
    }
    let keys = summary(NESTED).keys;
    assert_eq!(keys.preview, "one");
    assert_eq!(keys.attachments, ["y.eml"]);
    assert!(keys.has_attachments);
}

#[test]
fn each_spelling_by_itself() {
    for value in [
        "multipart/mixed; boundary\r\n =\"b\"",
        "multipart/mixed; boundary (c)=\"b\"",
        "multipart/mixed; (\\)) boundary=b",
        "multipart/mixed; x=\"a\\ \"; boundary=b",
        // Nothing is wrong with these two.
        "multipart/mixed; boundary=\"b\"",
        "Multipart/Mixed (x;y) ;\r\n boundary=b",
    ] {
        for end in ["\r\n", "\n"] {
            let raw = format!(
                "Content-Type: {value}\n\n--b\n\none\n--b\nContent-Type: text/html\n\ntwo\n--b--\n"
            );
            let raw = raw.replace("\r\n", "\n").replace('\n', end);
            assert_eq!(section(&raw, &[1]), "one", "{raw}");
            assert_eq!(section(&raw, &[2]), "two", "{raw}");
            assert_eq!(summary(&raw).keys.preview, "one", "{raw}");
        }
    }
}

#[test]
fn encodings_behind_a_comment() {
    let raw = "Content-Type: text/plain\r\n\
        Content-Transfer-Encoding: (here) base64\r\n\r\naGVsbG8=\r\n";
    assert_eq!(structure(raw), "(\"text\" \"plain\" NIL NIL NIL \"base64\" 10 1 NIL NIL NIL NIL)");
    assert_eq!(summary(raw).keys.preview, "hello");
    // An encoded message stays closed.
    let raw = "Content-Type: message/rfc822\r\n\
        Content-Transfer-Encoding: (here)\r\n base64\r\n\r\nU3ViamVjdDogeA0KDQp4\r\n";
    let part = summary(raw).parts.find(&[1, 1]).unwrap();
    assert_eq!((part.body.len(), part.encoding), (22, message::Encoding::Identity));
}

#[test]
fn what_cannot_be_spelled_is_a_text() {
    for value in
        ["multipart/mixed; x=\"\\ \"; boundary=\"a\\\"\"", "multipart/mixed;boundary\r\n ="]
    {
        let raw = format!("Content-Type: {value}\r\n\r\n--a\"\r\n\r\none\r\n--a\"--\r\n");
        assert!(structure(&raw).starts_with("(\"text\" \"plain\" "), "{raw}");
    }
}

#[test]
fn misread_containers_are_bounded() {
    let mut raw = String::new();
    for level in 0..64 {
        raw += &format!(
            "Content-Type: multipart/mixed; boundary (c)=b{level}x\r\n\r\n--b{level}x\r\n"
        );
    }
    raw += "\r\nx\r\n";
    // Eight rounds open eight of them; what is deeper is a text.
    let found = structure(&raw);
    let expect = format!("{}\"text\" \"plain\" ", "(".repeat(9));
    assert!(found.starts_with(&expect), "{found}");
    // As many beside each other are found in one round.
    let part =
        "--a\r\nContent-Type: multipart/mixed; boundary (c)=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n";
    let raw =
        format!("Content-Type: multipart/mixed; boundary=a\r\n\r\n{}--a--\r\n", part.repeat(64));
    assert_eq!(section(&raw, &[64, 1]), "x");
}

#[test]
fn mutants_agree() {
    const RUNS: [&str; 12] = [
        "\r\n ",
        " (c)",
        "(\\))",
        "\"a\\ \"",
        "; x=",
        "\r\n--a\r\n",
        "\r\n--b\r\n",
        "Content-Type: multipart/mixed; boundary =a\r\n\r\n",
        "Content-Type: message/rfc822 (\\))\r\n\r\n",
        "Content-Transfer-Encoding: (c) base64\r\n",
        "\0",
        "\r\n\r\n",
    ];
    for seed in 0..2000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut raw = NESTED.to_owned();
        for _ in 0..rng.usize(1..5) {
            let (at, end) = (rng.usize(..=raw.len()), rng.usize(..=raw.len()));
            match rng.bool() {
                true => raw.insert_str(at, RUNS[rng.usize(..RUNS.len())]),
                false => drop(raw.drain(at..end.clamp(at, raw.len().min(at + 20)))),
            }
        }
        let outcome = std::panic::catch_unwind(|| summary(&raw));
        assert!(outcome.is_ok(), "seed {seed}: {raw}");
    }
}
