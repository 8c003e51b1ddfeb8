use super::*;

#[test]
fn authors_are_found_however_they_are_written() {
    let cases: &[(&str, &[&str])] = &[
        ("a@b", &["a@b"]),
        ("A <a@b>", &["a@b"]),
        ("\"x, <c@d>\" <a@b>, e@f", &["a@b", "e@f"]),
        ("(c@d) a@b (nested (comment) \\) here)", &["a@b"]),
        ("team: a@b, C <c@d>;", &["a@b", "c@d"]),
        ("a . b @ c", &["a.b@c"]),
        ("\"a b\"@c", &["\"a b\"@c"]),
        ("<a@b> x@y", &["a@b"]),
        ("=?utf-8?q?x?= <a@b>,\r\n c@d", &["a@b", "c@d"]),
        ("undisclosed-recipients:;", &[]),
        ("", &[]),
        ("\"open", &[]),
        ("(open a@b", &[]),
        ("<a@b", &["a@b"]),
        (",,;a@b", &["a@b"]),
    ];
    for (value, expected) in cases {
        let header = format!("Subject: x@y\r\nFrom: {value}\r\n\r\nFrom: body@x\r\n");
        let found = Originators::of(header.as_bytes(), 10).authors;
        let found: Vec<String> = found.iter().map(Address::to_string).collect();
        assert_eq!(found, *expected, "{value:?}");
    }
    let long = format!("{}@b", "a".repeat(300));
    // What mail programs show all the same is looked at, and nothing else is signed.
    for (value, expected, unreadable) in [
        ("<@route.test:a@b>", &["a@b"][..], false),
        ("c@d, <@route.test:a@b>", &["c@d", "a@b"], false),
        ("<a..b@c>", &["\"a..b\"@c"], false),
        ("\u{e9}@b", &["\u{e9}@b"], false),
        (long.as_str(), &[], true),
        ("\"a@b\"", &["a@b"], false),
        ("x <\"a@b\">", &["a@b"], false),
        ("(a@b", &[], true),
        ("=?utf-8?q?X_=3Ca=40b=3E?=", &[], true),
        ("c@d, =?utf-8?q?a=40b?=", &["c@d"], true),
        ("root", &[], false),
    ] {
        let found = Originators::of(format!("From: {value}\r\n").as_bytes(), 10);
        let authors: Vec<String> = found.authors.iter().map(Address::to_string).collect();
        assert_eq!(authors, expected, "{value}");
        assert_eq!(found.unreadable, unreadable, "{value}");
    }
    let both = b"From: a@b, c@d\r\nSender: e@f\r\nsender: g@h\r\n";
    assert_eq!(Originators::of(both, 2).len(), 2);
    let found = Originators::of(both, 10);
    assert_eq!((found.authors.len(), found.senders.len()), (2, 2));
}

#[test]
fn who_sent_a_message_again_last_is_found() {
    // The authors and the senders.
    type Named<'n> = (&'n [&'n str], &'n [&'n str]);
    let cases: &[(&str, Option<Named<'_>>)] = &[
        ("From: a@b\r\n", None),
        ("Resent-To: a@b\r\nFrom: c@d\r\n", None),
        ("Resent-From: nobody\r\nFrom: c@d\r\n", None),
        ("Resent-From: <a@b;>\r\nFrom: c@d\r\n", Some((&[], &[]))),
        ("X: y\r\nresent-from: A <a@b>\r\nFrom: c@d\r\n", Some((&["a@b"], &[]))),
        (
            "Resent-From: a@b\r\nResent-Date: x\r\nRESENT-SENDER: c@d\r\n",
            Some((&["a@b"], &["c@d"])),
        ),
        // Who sent it again before is no business of the last one.
        ("Resent-From: a@b\r\nResent-From: c@d\r\nResent-Sender: e@f\r\n", Some((&["a@b"], &[]))),
        ("Resent-From: a@b\r\nReceived: x\r\nResent-Sender: c@d\r\n", Some((&["a@b"], &[]))),
        ("Resent-To: a@b\r\nReceived: x\r\nResent-From: c@d\r\n", None),
        ("From: a@b\r\n\r\nResent-From: c@d\r\n", None),
    ];
    for (header, expected) in cases {
        let text = |list: &[Address]| list.iter().map(Address::to_string).collect::<Vec<_>>();
        let found = Originators::resent(header.as_bytes(), 10);
        let found = found.map(|found| (text(&found.authors), text(&found.senders)));
        let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
        let expected = expected.map(|(authors, senders)| (owned(authors), owned(senders)));
        assert_eq!(found, expected, "{header:?}");
    }
}

/// What a reader may see where there is no address is noted, and so is that reading stopped.
#[test]
fn what_cannot_be_read_is_doubted() {
    let routed = |count: usize| format!("<{}@a:bob@here.test>", "@a,".repeat(count));
    let many = (0..200).map(|n| format!("{n};")).collect::<String>();
    for (value, doubtful, is_cut) in [
        ("a@b", &[][..], false),
        ("Bob <bob@here.test;>", &["here.test"][..], false),
        ("<bob@here.test.>", &["here.test"], false),
        ("<\u{1}bob@here.test>", &["here.test"], false),
        (
            "bob@=?utf-8?b?aGVyZS50ZXN0?=",
            &["aGVyZS50ZXN0", "b", "here.test", "utf-8", "utf-8baGVyZS50ZXN0"],
            false,
        ),
        ("<bob@here.test@;>", &["here.test"], false),
        ("\"bob@here.test\"@y.test", &["here.test"], false),
        ("=?utf-8?q?bob=40here.test?=", &["here.test"], false),
        ("(bob@here.test", &["here.test"], false),
        (&routed(399), &[], false),
        (&format!("<{}bob@here.test>", "a.".repeat(2000)), &[], true),
        (&format!("x@y, {} <@r.test:bob@here.test>", "g:;".repeat(6)), &[], true),
    ] {
        for name in ["From", "Sender"] {
            let found = Originators::of(format!("{name}: {value}\r\n").as_bytes(), 11);
            let domains: Vec<&str> = found.doubtful.iter().map(String::as_str).collect();
            assert_eq!((domains.as_slice(), found.is_cut), (doubtful, is_cut), "{value}");
        }
    }
    let found = Originators::of(format!("From: <a@{many}>\r\n").as_bytes(), 11);
    assert!(found.is_cut && found.unreadable);
    let found = Originators::of(b"From: bob@here.test\xff\r\n", 11);
    assert!(found.unreadable && found.doubtful.contains("here.test"));
    let routed = Originators::of(format!("Sender: {}\r\n", routed(399)).as_bytes(), 11);
    assert_eq!(routed.senders, [Address::of("bob", "here.test").unwrap()]);
}
