//! BODY, BODYSTRUCTURE and section numbers: known answers, malformed mail, and seeded mutants
//! of both, on all of which the description and the index have to agree.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod agreement;

use std::ops::ControlFlow;

use agreement::check_agreement;
use message::{Limits, PartIndex, Summary, searchable_text};

fn lf(text: &str) -> String {
    text.replace('\n', "\r\n")
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn section<'a>(message: &'a str, summary: &Summary, number: &[u32]) -> &'a str {
    let part = summary.parts.find(number).unwrap();
    &message[part.body.start as usize..part.body.end as usize]
}

// The structure RFC 9051 §6.4.5.1 numbers.
fn complex() -> String {
    lf("Subject: complex
Content-Type: multipart/mixed; boundary=o

preamble
--o

one
--o
Content-Type: application/octet-stream
Content-Transfer-Encoding: base64

AAEC
--o
Content-Type: message/rfc822
Content-Description: three

Subject: third
Content-Type: multipart/mixed; boundary=t

--t
Content-Type: text/plain

three-one
--t
Content-Type: application/octet-stream

three-two
--t--
epilogue
--o
Content-Type: multipart/mixed; boundary=f

--f
Content-Type: image/gif; name=x.gif
Content-ID: <gif@x>
Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==
Content-Language: en (English, of course), (French
 \\)) fr (de)
Content-Location: http://x.test/
Content-Disposition: attachment; filename=x.gif; size=4

gif!
--f
Content-Type: message/rfc822

From: a@b.test

--f--
--o--
")
}

#[test]
fn sections_are_numbered_as_rfc9051_says() {
    let raw = complex();
    let summary = Summary::of(raw.as_bytes(), &Limits::default());
    check_agreement(raw.as_bytes(), &summary);
    for (number, expect) in [
        (&[1][..], "one"),
        (&[2], "AAEC"),
        (&[3, 1], "three-one"),
        (&[3, 2], "three-two"),
        (&[4, 1], "gif!"),
        (&[4, 2], "From: a@b.test\r\n"),
        (&[4, 2, 1], ""),
    ] {
        assert_eq!(section(&raw, &summary, number), expect, "{number:?}");
    }
    for number in [&[0][..], &[5], &[1, 1], &[3, 3], &[4, 2, 2], &[4, 2, 1, 1], &[u32::MAX]] {
        assert_eq!(summary.parts.find(number), None, "{number:?}");
    }
    let text = |range: std::ops::Range<u32>| &raw[range.start as usize..range.end as usize];
    let three = summary.parts.find(&[3]).unwrap();
    assert_eq!(
        text(three.mime),
        "Content-Type: message/rfc822\r\nContent-Description: three\r\n\r\n"
    );
    let inner = three.message.unwrap();
    assert_eq!(
        text(inner.header),
        "Subject: third\r\nContent-Type: multipart/mixed; boundary=t\r\n\r\n"
    );
    assert!(text(inner.text.clone()).starts_with("--t\r\n"));
    assert!(text(inner.text).ends_with("--t--\r\nepilogue"));
    let whole = summary.parts.find(&[]).unwrap();
    assert_eq!((whole.body, whole.mime), (0..raw.len() as u32, 0..0));
    assert_eq!(text(whole.message.unwrap().header), &raw[..summary.header_bytes]);
}

#[test]
fn the_complex_structure() {
    let raw = complex();
    let summary = Summary::of(raw.as_bytes(), &Limits::default());
    let nils = "NIL NIL NIL NIL NIL NIL NIL";
    let plain = "\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\"";
    let octets = "\"application\" \"octet-stream\" NIL NIL NIL";
    let gif = "\"image\" \"gif\" (\"name\" \"x.gif\") \"<gif@x>\" NIL \"7bit\" 4";
    let from = "((NIL NIL \"a\" \"b.test\"))";
    assert_eq!(
        shown(&summary.body),
        format!(
            "(({plain} 3 0)({octets} \"base64\" 4)\
             (\"message\" \"rfc822\" NIL NIL \"three\" \"7bit\" 178 (NIL \"third\" {nils} NIL) \
             ((\"text\" \"plain\" NIL NIL NIL \"7bit\" 9 0)({octets} \"7bit\" 9) \"mixed\") 12)\
             (({gif})(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 16 \
             (NIL NIL {from} {from} {from} NIL NIL NIL NIL NIL) ({plain} 0 0) 1) \"mixed\") \
             \"mixed\")"
        )
    );
    assert_eq!(
        shown(&summary.body_structure),
        format!(
            "(({plain} 3 0 NIL NIL NIL NIL)({octets} \"base64\" 4 NIL NIL NIL NIL)\
             (\"message\" \"rfc822\" NIL NIL \"three\" \"7bit\" 178 (NIL \"third\" {nils} NIL) \
             ((\"text\" \"plain\" NIL NIL NIL \"7bit\" 9 0 NIL NIL NIL NIL)\
             ({octets} \"7bit\" 9 NIL NIL NIL NIL) \"mixed\" (\"boundary\" \"t\") NIL NIL NIL) \
             12 NIL NIL NIL NIL)\
             (({gif} \"Q2hlY2sgSW50ZWdyaXR5IQ==\" (\"attachment\" (\"filename\" \"x.gif\" \
             \"size\" \"4\")) (\"en\" \"fr\") \"http://x.test/\")\
             (\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 16 \
             (NIL NIL {from} {from} {from} NIL NIL NIL NIL NIL) \
             ({plain} 0 0 NIL NIL NIL NIL) 1 NIL NIL NIL NIL) \
             \"mixed\" (\"boundary\" \"f\") NIL NIL NIL) \
             \"mixed\" (\"boundary\" \"o\") NIL NIL NIL)"
        )
    );
}

// A body of `octets` octets in `lines` lines.
fn body(octets: usize, lines: usize) -> String {
    let mut body = "x".repeat(octets - 2 * lines);
    body.push_str(&"\r\n".repeat(lines));
    body
}

#[test]
fn the_examples_of_rfc9051() {
    // RFC 9051 §8
    let raw = format!(
        "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\nContent-Transfer-Encoding: 7BIT\r\n\r\n{}",
        body(3028, 92)
    );
    let summary = Summary::of(raw.as_bytes(), &Limits::default());
    assert_eq!(
        shown(&summary.body),
        "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 3028 92)"
    );
    // RFC 9051 §7.5.2
    let raw = format!(
        "Content-Type: MULTIPART/MIXED; BOUNDARY=b\r\n\r\n--b\r\n\
         Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\nContent-Transfer-Encoding: 7BIT\r\n\r\n\
         {}\r\n--b\r\n\
         Content-Type: TEXT/PLAIN; CHARSET=US-ASCII; NAME=\"cc.diff\"\r\n\
         Content-ID: <960723163407.20117h@cac.washington.edu>\r\n\
         Content-Description: Compiler diff\r\nContent-Transfer-Encoding: BASE64\r\n\r\n\
         {}\r\n--b--\r\n",
        body(1152, 23),
        body(4554, 73)
    );
    let summary = Summary::of(raw.as_bytes(), &Limits::default());
    assert_eq!(
        shown(&summary.body),
        "((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 1152 23)\
         (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\" \"NAME\" \"cc.diff\") \
         \"<960723163407.20117h@cac.washington.edu>\" \"Compiler diff\" \"BASE64\" 4554 73) \
         \"MIXED\")"
    );
    check_agreement(raw.as_bytes(), &summary);
}

#[test]
fn malformed_mail_is_described_truthfully() {
    let plain = "\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\"";
    let bare = "\"text\" \"plain\" NIL NIL NIL \"7bit\"";
    let nil = "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)";
    for (raw, header_bytes, expect) in [
        ("", 0, format!("({plain} 0 0)")),
        ("no header at all", 16, format!("({plain} 0 0)")),
        ("Subject: no empty line\n", 24, format!("({plain} 0 0)")),
        ("\n\nbody", 2, format!("({plain} 6 1)")),
        ("no colon\n\nbody\n", 12, format!("({plain} 6 1)")),
        (
            "Content-Type: garbage\n\nx",
            25,
            "(\"application\" \"octet-stream\" NIL NIL NIL \"7bit\" 1)".to_owned(),
        ),
        ("Content-Type: ;;\n\nx", 20, format!("({plain} 1 0)")),
        ("Content-Type: text\n\nx", 22, format!("({bare} 1 0)")),
        ("Content-Type: multipart/mixed\n\nx", 33, format!("({bare} 1 0)")),
        ("Content-Type: multipart/mixed; boundary=b\n\nx", 45, format!("({bare} 1 0)")),
        ("Content-Type: multipart/mixed; boundary=b\n\nx\n--b--\n", 45, format!("({bare} 10 2)")),
        (
            "Content-Type: message/rfc822\n\n",
            32,
            format!("(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 0 {nil} ({plain} 0 0) 0)"),
        ),
        (
            "Content-Type: message/rfc822\n\ntext",
            32,
            format!("(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 4 {nil} ({plain} 0 0) 0)"),
        ),
        (
            "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQQ==\n",
            67,
            format!("(\"message\" \"rfc822\" NIL NIL NIL \"base64\" 6 {nil} ({plain} 6 1) 1)"),
        ),
        (
            "Content-Type: message/global\n\nSubject: x\n\ny",
            32,
            format!(
                "(\"message\" \"global\" NIL NIL NIL \"7bit\" 15 (NIL \"x\" NIL NIL NIL NIL NIL NIL NIL NIL) ({plain} 1 0) 2)"
            ),
        ),
        (
            "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\ny\n--b--",
            46,
            format!(
                "((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 15 (NIL \"x\" NIL NIL NIL NIL NIL NIL NIL NIL) ({plain} 1 0) 2) \"digest\")"
            ),
        ),
        (
            "Content-Transfer-Encoding: x-odd (why)\nContent-Type: text/plain\n\nx",
            68,
            "(\"text\" \"plain\" NIL NIL NIL \"x-odd\" 1 0)".to_owned(),
        ),
    ] {
        let raw = lf(raw);
        let summary = Summary::of(raw.as_bytes(), &Limits::default());
        assert_eq!((summary.header_bytes, shown(&summary.body)), (header_bytes, expect), "{raw}");
        check_agreement(raw.as_bytes(), &summary);
    }
}

#[test]
fn large_and_deep_mail_stays_bounded() {
    let part = "--b\r\n\r\nx\r\n";
    let many = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", part.repeat(10_000));
    let summary = Summary::of(many.as_bytes(), &Limits::default());
    assert_eq!(summary.parts.iter().count(), 10_001);
    check_agreement(many.as_bytes(), &summary);
    let beyond =
        format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", part.repeat(50_000));
    let summary = Summary::of(beyond.as_bytes(), &Limits::default());
    assert!(summary.parts.iter().count() < 20_000);
    check_agreement(beyond.as_bytes(), &summary);

    let nested = "Content-Type: message/rfc822\r\n\r\n".repeat(1000) + "x";
    let multiparts: String = (0..1000)
        .map(|level| {
            format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n")
        })
        .collect();
    for deep in [nested, multiparts] {
        let summary =
            Summary::of(deep.as_bytes(), &Limits { depth_max: 9999, ..Limits::default() });
        check_agreement(deep.as_bytes(), &summary);
        assert!(shown(&summary.body).contains("\"octet-stream\""));
        assert!(summary.body_structure.len() < 100_000);
    }

    let header = format!("Subject: {}\r\n\r\n", "x\r\n ".repeat(250_000));
    check_agreement(header.as_bytes(), &Summary::of(header.as_bytes(), &Limits::default()));
    for unit in ["a:\n", "To: <,(\r\n", "x", "To: a@b,\r\n c:", "Content-Type: a/b; c*0=\"x\r\n ;"]
    {
        let header = unit.repeat(1_000_000 / unit.len());
        let summary = Summary::of(header.as_bytes(), &Limits::default());
        check_agreement(header.as_bytes(), &summary);
        assert!(summary.envelope.len() < 4_000_000);
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let digest = "Content-Type: multipart/digest; boundary=\"a b\"\n\n--a b\n\nFrom: g: \"x\\\"y\" \
                  <a@b>, c@d;\nSubject: =?utf-8?q?=C3=A9?=\n\nx\n--a b\n\nTo: (c) <@r:x@y>\n\n--a b--\n";
    let html = "From: \"J. D\" <j@d.test>\nTo: caf\u{e9}@x\nDate: Mon, 7 Feb 1994 21:52:25 -0800\n\
                References: <a@b> <c@d>\nContent-Type: multipart/alternative; boundary=q\n\n--q\n\
                Content-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: \
                quoted-printable\n\n<p>caf=E9</p>\n--q\nContent-Type: text/plain; \
                name*0*=utf-8''%e2%98; name*1=x\n\ny\n--q--\n";
    vec![complex().into_bytes(), lf(digest).into_bytes(), lf(html).into_bytes()]
}

// Changes a few bytes, or copies, cuts or inserts runs that matter to the parsers.
fn mutate(rng: &mut fastrand::Rng, raw: &mut Vec<u8>) {
    const RUNS: [&[u8]; 16] = [
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b"--o",
        b"--o--\r\n",
        b"\r\n\r\n",
        b"\xff\xfe",
        b"\"",
        b"(",
        b";",
        b"Content-Type: message/rfc822\r\n\r\n",
        b"--t\r\n",
        b"*0*=",
        b":",
        b"<",
    ];
    for _ in 0..rng.usize(1..6) {
        let at = rng.usize(..=raw.len());
        let end = rng.usize(at..=raw.len().min(at + 40));
        match rng.u8(..5) {
            0 => raw.splice(at..at, RUNS[rng.usize(..RUNS.len())].iter().copied()).for_each(drop),
            1 => raw.drain(at..end).for_each(drop),
            2 => {
                let run = raw[at..end].to_vec();
                let to = rng.usize(..=raw.len());
                raw.splice(to..to, run).for_each(drop);
            }
            3 if at < raw.len() => raw[at] = rng.u8(..),
            _ => raw.truncate(raw.len() - rng.usize(..=raw.len().min(20))),
        }
    }
}

#[test]
fn mutants_agree() {
    let seeds = seeds();
    for seed in 0..6000u64 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut raw = seeds[rng.usize(..seeds.len())].clone();
        mutate(&mut rng, &mut raw);
        let limits = match seed % 4 {
            0 => Limits { depth_max: 3, parts_max: 4, addresses_max: 2, ..Limits::default() },
            _ => Limits::default(),
        };
        let outcome = std::panic::catch_unwind(|| {
            check_agreement(&raw, &Summary::of(&raw, &limits));
        });
        assert!(outcome.is_ok(), "seed {seed}: {}", shown(&raw));
    }
}

#[test]
fn damaged_columns_do_not_panic() {
    let raw = complex();
    let column = Summary::of(raw.as_bytes(), &Limits::default()).parts.encode();
    assert!(column.len() < 80);
    for len in 0..column.len() {
        assert!(PartIndex::decode(&column[..len]).is_err());
    }
    let mut rng = fastrand::Rng::with_seed(3);
    for _ in 0..20_000 {
        let mut column = column.clone();
        let at = rng.usize(..column.len());
        column[at] = rng.u8(..);
        if let Ok(parts) = PartIndex::decode(&column) {
            assert_eq!(PartIndex::decode(&parts.encode()).as_ref(), Ok(&parts));
            let _ = parts.iter().count();
        }
    }
}

#[test]
fn every_text_is_searched() {
    for (raw, expect) in [
        (seeds()[2].clone(), &["café", "y"][..]),
        (
            seeds()[1].clone(),
            &["From: g: \"x\\\"y\" <a@b>, c@d;", "Subject: é", "x", "To: (c) <@r:x@y>", ""],
        ),
        (b"no header".to_vec(), &[""]),
    ] {
        let summary = Summary::of(&raw, &Limits::default());
        let mut texts = Vec::new();
        let whole = searchable_text(&raw, &summary.parts, &Limits::default(), &mut |text| {
            texts.push(text.trim().to_owned());
            ControlFlow::Continue(())
        });
        assert_eq!(
            (texts.as_slice(), whole),
            (
                &expect.iter().map(|t| t.to_string()).collect::<Vec<_>>()[..],
                ControlFlow::Continue(())
            )
        );
    }
}

#[test]
fn keys_of_a_message() {
    let raw = lf("Date: Mon, 7 Feb 1994 21:52:25 -0800 (PST)
From: =?utf-8?q?Ren=C3=A9?= Dupont <Rene@X.test>
To: team: a@b, c@d;
Cc: \"C\" <see@d>
Subject: [list] Re: =?utf-8?q?caf=C3=A9?=
Message-ID: <\"1\"@x>
In-Reply-To: <0@x> <y@z>
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html

<html><style>p{}</style><p>Hello&nbsp;<b>you</b></p>
--b
Content-Type: application/pdf; name=\"=?utf-8?q?r=C3=A9sum=C3=A9?=.pdf\"

x
--b--
");
    let keys = Summary::of(raw.as_bytes(), &Limits::default()).keys;
    assert_eq!(
        keys.sent_date.map(|date| (date.unix_secs(), date.offset_mins())),
        Some((760_686_745, -480))
    );
    assert_eq!((keys.base_subject.as_str(), keys.is_reply), ("CAFE\u{301}", true));
    assert_eq!((keys.from_mailbox.as_str(), keys.to_mailbox.as_str()), ("RENE", "TEAM"));
    assert_eq!((keys.cc_mailbox.as_str(), keys.display_to.as_str()), ("SEE", "TEAM"));
    assert_eq!(keys.display_from, "RENE\u{301} DUPONT");
    assert_eq!(keys.message_id.as_deref(), Some("1@x"));
    assert_eq!(keys.ancestors(), ["0@x"]);
    assert_eq!(keys.from, "René Dupont <Rene@X.test>");
    assert_eq!(keys.subject, "[list] Re: café");
    assert_eq!(keys.preview, "Hello you");
    assert_eq!(keys.attachments, ["résumé.pdf"]);
    assert!(keys.has_attachments && !keys.is_cut);
    let several = lf("To:\nTo: a@b\nCc: c@d\nTo: e(f)@g\nBcc: h@i\nBcc: j@k\n\n");
    let keys = Summary::of(several.as_bytes(), &Limits::default()).keys;
    assert_eq!((keys.to.as_str(), keys.bcc.as_str()), ("a@b, e(f)@g e@g", "h@i, j@k"));
    assert_eq!((keys.cc.as_str(), keys.to_mailbox.as_str()), ("c@d", "A"));
    let long = lf(&format!("To: {}\n\n{}", "a@b, ".repeat(9999), "word ".repeat(999)));
    let keys = Summary::of(long.as_bytes(), &Limits::default()).keys;
    assert!(keys.is_cut && keys.to.len() <= 16_384);
    assert_eq!(keys.preview.chars().count(), 199);
}
