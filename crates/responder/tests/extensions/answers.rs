//! What is sent because of a message.

use responder::Action;

use crate::scene::{MESSAGE, World, check, check_tests, place, result, run_with};

#[test]
fn vacation() {
    let answer = "vacation coyote@desert.example.org after 604800: \
        Auto: I have a present for ☺ you from roadrunner+list@acme.example.com: gone; keep implicitly";
    check(&[
        ("require \"vacation\"; vacation \"gone\";", answer),
        (
            "require \"vacation\"; vacation :days 23 :subject \"s\" :from \"me@example.com\" \"gone\";",
            "vacation coyote@desert.example.org after 1987200: s from me@example.com: gone; keep implicitly",
        ),
        (
            "require \"vacation-seconds\"; vacation :seconds 1800 :subject \"s\" \"gone\";",
            "vacation coyote@desert.example.org after 604800: s from roadrunner+list@acme.example.com: gone; keep implicitly",
        ),
        (
            "require \"vacation\"; vacation \"a\"; vacation \"b\";",
            "line 1, column 35: vacation is used twice",
        ),
        (
            "require \"vacation-seconds\"; vacation :days 1 :seconds 1 \"a\";",
            "line 1, column 29: vacation: :days and :seconds exclude each other",
        ),
    ]);
    let script = "require \"vacation\"; vacation :addresses \"me@example.net\" \"gone\";";
    let with = |fields: &str| format!("{fields}From: a@b\r\n\r\n");
    for (fields, answered) in [
        ("To: roadrunner+list@acme.example.com\r\n", true),
        ("Cc: ME@example.net\r\n", true),
        ("To: bird@example.org\r\n", true),
        ("To: friends@example.org\r\n", false),
        ("", false),
        ("To: me@example.net\r\nAuto-Submitted: no\r\n", true),
        ("To: me@example.net\r\nAuto-Submitted: auto-generated\r\n", false),
        ("To: me@example.net\r\nAuto-Submitted: no; x=y\r\n", true),
        ("To: me@example.net\r\nList-Id: <x.y>\r\n", false),
        ("To: me@example.net\r\nPrecedence: Bulk\r\n", false),
        ("To: me@example.net\r\nX-Spam-Flag: YES\r\n", false),
    ] {
        let expect = if answered { "vacation" } else { "keep implicitly" };
        assert!(result(script, &with(fields)).starts_with(expect), "{fields}");
    }
}

#[test]
fn fcc_and_enotify() {
    check(&[
        (
            "require \"enotify\"; notify :importance \"1\" :message \"m\" \"mailto:alm@example.com\";",
            "notify 1 alm@example.com: m: From: \"Coyote\" <coyote@desert.example.org>\r\n\
             Subject: I have a present for ☺ you\r\n; keep implicitly",
        ),
        (
            "require [\"enotify\", \"variables\"]; set :encodeurl \"body_param\" \"Safe body&evil=evilbody\"; \
             notify :message \"m\" \"mailto:tim@example.com?body=${body_param}\";",
            "notify 2 tim@example.com: m: Safe body&evil=evilbody; keep implicitly",
        ),
        (
            "require \"enotify\"; notify \"xmpp:x@y\";",
            "line 1, column 20: notify: the only way to notify is mailto:",
        ),
        (
            "require \"vacation\"; vacation :fcc \"Sent\" \"x\";",
            "line 1, column 21: :fcc needs require \"fcc\"",
        ),
    ]);
    check_tests(
        "\"enotify\", \"fcc\"",
        &[
            ("valid_notify_method [\"mailto:a@b\"]", true),
            ("valid_notify_method [\"mailto:a@b\", \"http://gw.example.net/notify?test\"]", false),
            ("notify_method_capability \"mailto:a@b\" \"Online\" \"maybe\"", true),
            ("notify_method_capability \"mailto:a@b\" \"fcc\" \"yes\"", true),
            ("notify_method_capability \"mailto:a@b\" \"x\" \"\"", false),
        ],
    );
    let script = "require [\"vacation\", \"fcc\", \"mailbox\", \"imap4flags\"]; \
        vacation :fcc \"Sent\" :create :flags \"\\\\Seen\" \"x\";";
    let outcome = run_with(script, MESSAGE, &mut World::default()).unwrap();
    let Some(Action::Vacation(vacation)) = outcome.actions.first() else { panic!() };
    let fcc = vacation.fcc.as_ref().unwrap();
    assert_eq!(
        (place(&fcc.mailbox).as_str(), fcc.flags.as_slice()),
        ("Sent create", &["\\Seen".to_owned()][..])
    );
}
