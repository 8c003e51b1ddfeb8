//! R-ADDR-10.

use storage::{Address, Agreement, Placement};

use crate::support::{Scene, on_both_engines};

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
