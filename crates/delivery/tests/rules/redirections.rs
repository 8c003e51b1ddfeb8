//! R-ADDR-10.

use storage::{Address, Agreement, ArrivalParameters, Deadline, Placement, WhenLate};

use crate::support::{From, Scene, on_both_engines};

const HELLO: &str = "From: a@b.test\r\nTo: julie@example.test\r\nSubject: Hello\r\n\r\nHi\r\n";

fn redirect(scene: &Scene, target: &'static str, keep: bool) -> Agreement {
    scene.account(move |tx| tx.add_redirection(&Address::parse(target)?, keep))
}

#[test]
fn copies_are_sent_and_the_original_is_kept_or_not() {
    on_both_engines(|scene| {
        assert_eq!(redirect(scene, "max@example.test", false), Agreement::Usable);
        scene.arrive("a@b.test", "julie@example.test", HELLO);
        let sent = scene.sent();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].to, "max@example.test");
        // Rewritten, so that it passes SPF; the domain is ours.
        assert!(sent[0].from.starts_with("SRS0="), "{}", sent[0].from);
        assert!(sent[0].from.ends_with("=b.test=a@example.test"), "{}", sent[0].from);
        assert_eq!(sent[0].text, format!("Delivered-To: julie@example.test\r\n{HELLO}"));
        assert_eq!(scene.count("INBOX"), 0);
        redirect(scene, "max@example.test", true);
        scene.arrive("max@example.test", "julie@example.test", HELLO);
        assert_eq!(scene.count("INBOX"), 1);
        // A sender of ours passes as it is; so does the null sender.
        assert_eq!(scene.sent()[0].from, "max@example.test");
        scene.arrive("", "julie@example.test", HELLO);
        assert_eq!(scene.sent()[0].from, "");
    });
}

/// What is nowhere else comes back where nobody is told that it could not be brought out.
#[test]
fn copies_say_whether_the_message_is_kept() {
    on_both_engines(|scene| {
        let notes = |scene: &Scene| {
            let sent = scene.sent();
            [sent[0].mail.unkept, sent[0].mail.doubtful]
        };
        let stranger =
            |reverse_path| From { reverse_path, placement: Placement::Inbox, verified: false };
        for (keep, unkept) in [(false, true), (true, false)] {
            redirect(scene, "max@example.test", keep);
            scene.arrive("a@b.test", "julie@example.test", HELLO);
            assert_eq!(notes(scene), [unkept, false]);
            scene.arrive_from(stranger("a@b.test"), "julie@example.test", HELLO);
            assert_eq!(notes(scene), [unkept, true]);
        }
        scene.account(|tx| tx.remove_redirection(&Address::parse("max@example.test")?));
        for (script, unkept) in [
            ("redirect \"x@y.test\";", true),
            ("redirect \"x@y.test\"; keep;", false),
            (
                "require [\"fileinto\", \"mailbox\"]; redirect \"x@y.test\"; \
              fileinto :create \"Kept\";",
                false,
            ),
        ] {
            scene.script(script);
            scene.arrive("a@b.test", "julie@example.test", HELLO);
            assert_eq!(notes(scene), [unkept, false], "{script}");
        }
    });
}

#[test]
fn a_target_elsewhere_is_used_once_it_agreed() {
    on_both_engines(|scene| {
        let Agreement::Token(token) = redirect(scene, "me@home.test", false) else { panic!() };
        scene.arrive("a@b.test", "julie@example.test", HELLO);
        assert_eq!((scene.sent().len(), scene.count("INBOX")), (0, 1));
        scene.store.write_blocking("test", move |tx| tx.confirm(&token)).unwrap();
        scene.arrive("a@b.test", "julie@example.test", HELLO);
        assert_eq!((scene.sent().len(), scene.count("INBOX")), (1, 1));
    });
}

#[test]
fn loops_end_and_spam_stays() {
    on_both_engines(|scene| {
        redirect(scene, "max@example.test", false);
        let back = format!("Delivered-To: Julie@example.test\r\n{HELLO}");
        scene.arrive("a@b.test", "julie@example.test", &back);
        assert_eq!((scene.sent().len(), scene.count("INBOX")), (0, 1));
        scene.arrive_at(Placement::Junk, "a@b.test", "julie@example.test", HELLO);
        assert_eq!((scene.sent().len(), scene.count("Junk")), (0, 1));
        // By a script too: what would loop is kept.
        for script in ["redirect \"x@y.test\";", "redirect \"Info+x@example.test\";"] {
            scene.script(script);
            let before = scene.count("INBOX");
            scene.arrive("a@b.test", "julie@example.test", &back);
            assert_eq!((scene.sent().len(), scene.count("INBOX")), (0, before + 1), "{script}");
        }
    });
}

/// Scripts of two accounts that send on to each other cannot take away what ends their loop.
#[test]
fn scripts_cannot_hide_a_loop() {
    on_both_engines(|scene| {
        let before = format!("Delivered-To: max@example.test\r\n{HELLO}");
        for script in [
            "require \"editheader\"; deleteheader \"Delivered-To\"; redirect \"x@y.test\";",
            "require \"enclose\"; enclose \"see below\"; redirect \"x@y.test\";",
        ] {
            scene.script(script);
            scene.arrive("a@b.test", "julie@example.test", &before);
            let sent = scene.sent();
            let trace = "Delivered-To: julie@example.test\r\nDelivered-To: max@example.test\r\n";
            assert!(sent[0].text.starts_with(trace), "{script} {sent:?}");
        }
        // Nor can many accounts multiply a message without end.
        let fields = |count: usize| -> String {
            (0..count).map(|at| format!("Delivered-To: a{at}@b.test\r\n")).collect()
        };
        for (count, sent) in [(7, 1), (8, 0)] {
            let message = format!("{}{HELLO}", fields(count));
            scene.arrive("a@b.test", "julie@example.test", &message);
            assert_eq!((scene.sent().len(), scene.count("INBOX")), (sent, 1 - sent), "{count}");
        }
    });
}

/// RFC 6009 §6, RFC 6009 §7: who asks to be told is the sender.
#[test]
fn copies_of_scripts_have_terms_of_their_own() {
    on_both_engines(|scene| {
        let at = scene.store.now().plus_secs(3600);
        let deadline = Deadline { at, when_late: WhenLate::Notify, trace: false };
        scene.parameters = ArrivalParameters {
            notify: Some("NEVER"),
            original: Some("rfc822;J+2Bx@example.com"),
            envelope_id: Some("Q+2B1"),
            deadline: Some(deadline),
            ..scene.parameters
        };
        let in_600 = at.plus_secs(-3000);
        let by = |when_late, at, trace| Some(Deadline { at, when_late, trace });
        for (tags, from, notify, envid, expect) in [
            ("", "max@example.test", Some("NEVER"), Some("Q+2B1"), by(WhenLate::Notify, at, false)),
            (":notify \"FAILURE\"", "julie@example.test", Some("FAILURE"), None, None),
            (":ret \"HDRS\"", "julie@example.test", None, None, None),
            (
                ":bytimerelative 600",
                "julie@example.test",
                None,
                None,
                by(WhenLate::Return, in_600, false),
            ),
            (
                ":bytimeabsolute \"${at}\" :bymode \"notify\" :bytrace",
                "julie@example.test",
                None,
                None,
                by(WhenLate::Notify, at, true),
            ),
        ] {
            scene.script(&format!(
                "require [\"redirect-dsn\", \"redirect-deliverby\", \"envelope\", \
                 \"envelope-deliverby\", \"variables\"]; \
                 if envelope :matches \"bytimeabsolute\" \"*\" {{ set \"at\" \"${{1}}\"; }}\
                 redirect {tags} \"x@y.test\";"
            ));
            assert_eq!(scene.arrive("max@example.test", "julie@example.test", HELLO), None);
            let sent = scene.sent();
            assert_eq!((sent.len(), sent[0].from.as_str()), (1, from), "{tags}");
            let (mail, rcpt) = (&sent[0].mail, &sent[0].rcpt);
            assert_eq!((rcpt.notify.as_deref(), mail.envid.as_deref()), (notify, envid), "{tags}");
            assert_eq!(mail.by, expect, "{tags}");
            // RFC 3461 §5.2.7.2: what the sender wrote to is known to it alone.
            let original = tags.is_empty().then_some("rfc822;J+2Bx@example.com");
            assert_eq!(rcpt.orcpt.as_deref(), original, "{tags}");
        }
        // The null sender stays: nobody is to hear of what becomes of reports.
        scene.arrive("", "julie@example.test", HELLO);
        assert_eq!(scene.sent()[0].from, "");
    });
}

/// RFC 6009 §4, RFC 6009 §5
#[test]
fn scripts_see_what_the_sender_asked_for() {
    on_both_engines(|scene| {
        let at = scene.store.now().plus_secs(-5);
        scene.parameters = ArrivalParameters {
            original: Some("rfc822;max+2Bx@example.com"),
            envelope_id: Some("Q+2B1"),
            deadline: Some(Deadline { at, when_late: WhenLate::Notify, trace: false }),
            ..scene.parameters
        };
        scene.script(
            "require [\"envelope\", \"envelope-dsn\", \"envelope-deliverby\", \"imap4flags\"]; \
             if envelope \"orcpt\" \"rfc822;max+x@example.com\" { addflag \"a\"; } \
             if envelope \"envid\" \"Q+1\" { addflag \"b\"; } \
             if envelope \"bytimerelative\" \"-5\" { addflag \"c\"; } \
             if allof (envelope \"bymode\" \"notify\", envelope \"bytrace\" \"\") { addflag \"d\"; }",
        );
        scene.arrive("max@example.test", "julie@example.test", HELLO);
        assert!(
            scene.mailbox("INBOX")[0].starts_with("(a b c d) "),
            "{:?}",
            scene.mailbox("INBOX")
        );
    });
}
