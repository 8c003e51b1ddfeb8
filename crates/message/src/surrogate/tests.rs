use super::*;
use crate::Summary;

fn shown(header: &str) -> String {
    String::from_utf8(surrogate_header(header.as_bytes()).into_owned()).unwrap()
}

/// RFC 6858 §2.1 to §2.4, with its own examples in place of their capitals.
#[test]
fn fields_of_the_rfc() {
    let nobody = NOBODY;
    for (field, expect) in [
        ("Subject: plain\r\n", "Subject: plain\r\n".to_owned()),
        ("Subject: gr\u{fc}\u{df}e\r\n", "Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\n".to_owned()),
        (
            "From: Fred Foo <fred@ex\u{e4}mple.com>\r\n",
            format!("From: =?utf-8?q?Fred_Foo_=28fred=40ex=C3=A4mple=2Ecom=29?=\r\n {nobody}\r\n"),
        ),
        (
            "To: fred@ex\u{e4}mple.com, Joe <joe@example.com>\r\n",
            format!(
                "To: =?utf-8?q?fred=40ex=C3=A4mple=2Ecom?=\r\n {nobody},\r\n Joe <joe@example.com>\r\n"
            ),
        ),
        (
            "cc: J\u{f6}rg \"a, b\" <\"j x\"@example.com>, bare@example.com\r\n",
            "Cc: =?utf-8?q?J=C3=B6rg_a=2C_b?=\r\n <\"j x\"@example.com>,\r\n <bare@example.com>\r\n"
                .to_owned(),
        ),
        (
            "Reply-To: fr\u{fc}nde: a@b.c, =?utf-8?q?=C3=A4?= <d@e.f>;, g@h.i\r\n",
            "Reply-To: =?utf-8?q?fr=C3=BCnde?=:\r\n <a@b.c>,\r\n =?utf-8?q?=C3=A4?=\r\n <d@e.f>;,\r\n \
             <g@h.i>\r\n"
                .to_owned(),
        ),
        (
            "Content-Disposition: attachment; filename=F\u{d6}\u{d6}\r\n",
            "Content-Disposition: attachment\r\n".to_owned(),
        ),
        (
            "Content-Type: text/plain; x=\"a;\u{e4}\"; charset=\"a\\\";b\"; name*=utf-8''%C3%A4\r\n",
            "Content-Type: text/plain;\r\n charset=\"a\\\";b\";\r\n name*=utf-8''%C3%A4\r\n"
                .to_owned(),
        ),
        ("Content-Type: t\u{e4}xt/plain; charset=x\r\n", String::new()),
        ("Message-ID: <\u{e4}@b>\r\n", String::new()),
        ("X-Note: \u{e4}\r\n more\r\nX-Other: b\r\n", "X-Other: b\r\n".to_owned()),
        ("no field \u{e4}\r\n", String::new()),
    ] {
        let expect = format!("{expect}\r\n");
        assert_eq!(shown(&format!("{field}\r\n")), expect, "{field}");
        assert!(expect.lines().all(|line| line.len() <= 998));
    }
}

/// No line begins with what belongs to the one before, and no mailbox is named that the message
/// does not name.
#[test]
fn broken_lists_stay_what_they_are() {
    for (field, expect) in [
        (
            "To: a@b, \"\": \u{e9}@c;\r\n",
            format!("To: <a@b>,\r\n \"\":\r\n =?utf-8?q?=C3=A9=40c?=\r\n {NOBODY};\r\n"),
        ),
        (
            "From: \u{e9} <x@y>, a@\"b>, <ceo@bank.test\"\r\n",
            format!(
                "From: =?utf-8?q?=C3=A9?=\r\n <x@y>,\r\n \
                 =?utf-8?q?a=40b=3E=2C_=3Cceo=40bank=2Etest?=\r\n {NOBODY}\r\n"
            ),
        ),
        (
            "From: \u{e9} <x@[192.0.2.1]>, y@[a]b\r\n",
            format!(
                "From: =?utf-8?q?=C3=A9?=\r\n <x@[192.0.2.1]>,\r\n \
                 =?utf-8?q?y=40=5Ba=5Db?=\r\n {NOBODY}\r\n"
            ),
        ),
    ] {
        assert_eq!(shown(&format!("{field}\r\n")), format!("{expect}\r\n"), "{field}");
    }
}

#[test]
fn older_charsets_stay() {
    let header = b"Subject: gr\xfc\xdfe\r\nX-A: \xc3\xa4\r\n\r\n";
    assert_eq!(&surrogate_header(header)[..], b"Subject: gr\xfc\xdfe\r\n\r\n");
    assert!(matches!(surrogate_header(b"A: b\r\n\r\n"), Cow::Borrowed(_)));
}

#[test]
fn words_are_short_and_whole() {
    let long = "\u{65e5}\u{672c}".repeat(40);
    let text = shown(&format!("Subject: {long}\r\n\r\n"));
    let words: Vec<&str> = text.trim_end().lines().collect();
    assert!(words.len() > 4 && words.iter().all(|line| line.len() <= 76), "{text}");
    let value = text.strip_prefix("Subject:").unwrap();
    assert_eq!(decode_header_text(value.trim_end().as_bytes()), long);
}

#[test]
fn parts_have_surrogates_too() {
    let header = "Subject: m\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
    let body = "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\u{e4}\r\n\
                --b\r\nContent-Disposition: attachment; filename=\"\u{e4}\"\r\n\r\nx\r\n\
                --b\r\nContent-Type: message/global\r\n\r\nSubject: \u{f6}\r\n\r\n\u{fc}\r\n--b--\r\n";
    let message = [header, body].concat();
    let parts = Summary::of(message.as_bytes(), &Limits::default()).parts;
    let found = surrogate_body(body.as_bytes(), header.len(), &parts).unwrap();
    let expect = body
        .replace("; filename=\"\u{e4}\"", "")
        .replace("Subject: \u{f6}", "Subject: =?utf-8?q?=C3=B6?=");
    assert_eq!(String::from_utf8(found).unwrap(), expect);
    for size in 1..body.len() {
        let mut headers = InnerHeaders::new(&parts, header.len());
        body.as_bytes().chunks(size).for_each(|piece| headers.push(piece));
        let mut surrogates = headers.finish();
        assert_eq!(surrogates.growth(), expect.len() as i64 - body.len() as i64);
        let mut out = Vec::new();
        body.as_bytes().chunks(size).for_each(|piece| surrogates.push(piece, &mut out));
        assert_eq!(String::from_utf8(out).unwrap(), expect, "pieces of {size}");
    }
    let plain = body.replace(['\u{e4}', '\u{f6}'], "a");
    let message = [header, &plain].concat();
    let parts = Summary::of(message.as_bytes(), &Limits::default()).parts;
    assert_eq!(surrogate_body(plain.as_bytes(), header.len(), &parts), None);
}
