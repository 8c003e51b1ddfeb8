//! The actions of scripts, carried out.

use std::sync::atomic::{AtomicUsize, Ordering};

use delivery::{RedirectRule, RedirectTargets};
use storage::{Placement, SendingLimits, Withdrawn};

use crate::support::{From, Scene, name, on_both_engines};

const HELLO: &str = "From: a@b.test\r\nTo: julie@example.test\r\nSubject: Hello\r\n\
                     Message-ID: <1@b.test>\r\n\r\nHi\r\n";

fn arrive(scene: &Scene) -> Option<String> {
    scene.arrive("a@b.test", "julie@example.test", HELLO)
}

/// How many messages are in the inbox, in the mailbox `Work`, and sent, after one arrived.
fn after(scene: &Scene, script: &str) -> (usize, usize, usize) {
    let (inbox, work) = (scene.count("INBOX"), scene.count("Work"));
    scene.script(script);
    assert_eq!(arrive(scene), None, "{script}");
    (scene.count("INBOX") - inbox, scene.count("Work") - work, scene.sent().len())
}

/// R-ADDR-7: what an account may not do by a responder or a redirection, its script does not
/// either.
#[test]
fn scripts_do_not_do_what_was_withdrawn() {
    on_both_engines(|scene| {
        let redirect = "redirect \"x@y.test\";";
        let copy = "require \"copy\"; redirect :copy \"x@y.test\"; discard;";
        let vacation = "require \"vacation\"; vacation \"away\";";
        let withdraw = |names: &str| {
            let withdrawn = Withdrawn::parse(names).unwrap();
            scene.account(move |tx| tx.set_withdrawn(withdrawn));
        };
        assert_eq!(after(scene, redirect), (0, 0, 1));
        withdraw("redirections");
        // Nothing is lost, and the owner is told.
        assert_eq!(after(scene, redirect), (2, 0, 0));
        assert_eq!(after(scene, copy), (2, 0, 0));
        assert_eq!(after(scene, vacation), (1, 0, 1));
        withdraw("responder");
        scene.clock.advance_secs(7 * 86_400);
        assert_eq!(after(scene, vacation), (1, 0, 0));
        assert_eq!(after(scene, redirect), (0, 0, 1));
    });
}

#[test]
fn messages_are_filed_as_scripts_say() {
    on_both_engines(|scene| {
        for (script, expect) in [
            ("keep;", (1, 0, 0)),
            ("discard;", (0, 0, 0)),
            ("require [\"fileinto\", \"mailbox\"]; fileinto :create \"Work\";", (0, 1, 0)),
            ("require [\"fileinto\", \"copy\"]; fileinto :copy \"Work\";", (1, 1, 0)),
            ("require \"fileinto\"; fileinto \"Work\"; fileinto \"INBOX\"; keep;", (1, 1, 0)),
            ("redirect \"x@y.test\";", (0, 0, 1)),
            ("redirect \"x@y.test\"; redirect \"X@y.test\"; keep;", (1, 0, 1)),
            (
                "require [\"fileinto\", \"mailbox\"]; if mailboxexists \"Work\" { fileinto \
                 \"Work\"; }",
                (0, 1, 0),
            ),
            (
                "require [\"fileinto\", \"special-use\"]; fileinto :specialuse \"\\\\Archive\" \
                 \"Work\";",
                (0, 0, 0),
            ),
        ] {
            assert_eq!(after(scene, script), expect, "{script}");
        }
        assert_eq!(scene.count("Archive"), 1);
        // INBOX by its id is INBOX.
        let (julie, inbox) = (scene.julie, storage::MailboxName::inbox());
        let found = scene.store.read_blocking(move |tx| tx.find_mailbox(julie, &inbox)).unwrap();
        let id = found.unwrap().id.get();
        let script = format!(
            "require [\"fileinto\", \"mailboxid\"]; fileinto :mailboxid \"F{id}\" \"x\"; keep;"
        );
        assert_eq!(after(scene, &script), (1, 0, 0));
        // The folder-tree rules hold: a parent that is missing is a ghost.
        scene.script("require [\"fileinto\", \"mailbox\"]; fileinto :create \"a/b\";");
        arrive(scene);
        assert_eq!((scene.count("a/b"), scene.count("a")), (1, 0));
    });
}

#[test]
fn flags_and_changed_headers_are_stored() {
    on_both_engines(|scene| {
        scene.script(
            "require [\"imap4flags\", \"editheader\"]; addheader \"X-Seen\" \"by a script\"; \
             setflag [\"\\\\Seen\", \"Work\", \"not a flag\"]; keep;",
        );
        arrive(scene);
        let inbox = scene.mailbox("INBOX");
        assert_eq!(inbox.len(), 1);
        assert!(inbox[0].starts_with("(\\Seen a flag not Work) "), "{inbox:?}");
        assert!(inbox[0].contains("X-Seen: by a script\r\n"), "{inbox:?}");
    });
}

#[test]
fn quarantined_mail_is_kept_in_junk() {
    on_both_engines(|scene| {
        scene.script(
            "require [\"relational\", \"spamtest\", \"comparator-i;ascii-numeric\"];\
             if spamtest :value \"ge\" :comparator \"i;ascii-numeric\" \"5\" { keep; }",
        );
        scene.arrive_at(Placement::Junk, "a@b.test", "julie@example.test", HELLO);
        assert_eq!((scene.count("INBOX"), scene.count("Junk")), (0, 1));
    });
}

/// R-FILT-2: whatever fails, the message is kept, and the owner told once.
#[test]
fn a_failing_script_keeps_the_message_and_tells_its_owner_once() {
    on_both_engines(|scene| {
        let told = |scene: &Scene| {
            let inbox = scene.mailbox("INBOX");
            inbox.iter().filter(|one| one.contains("Subject: Your mail filter failed")).count()
        };
        for (round, (script, trouble)) in [
            (
                "require \"fileinto\"; fileinto \"Missing\";",
                "the mailbox \"Missing\" does not exist",
            ),
            ("require \"nonsense\"; discard;", "line 1, column 9"),
            ("require \"fileinto\"; fileinto \"a//b\";", "fileinto names no valid mailbox"),
            ("require [\"ihave\"]; error \"on purpose\";", "on purpose"),
            ("require \"include\"; include :personal \"absent\"; discard;", "absent"),
        ]
        .into_iter()
        .enumerate()
        {
            let before = scene.count("INBOX");
            scene.script(script);
            arrive(scene);
            arrive(scene);
            assert_eq!(told(scene), round + 1, "{script}");
            assert_eq!(scene.count("INBOX"), before + 3, "{script}");
            let last = scene.mailbox("INBOX");
            assert!(last.iter().any(|one| one.contains(trouble)), "{trouble} {last:?}");
        }
    });
}

#[test]
fn a_refusal_is_said_in_the_protocol_or_sent() {
    on_both_engines(|scene| {
        scene.script("require \"ereject\"; ereject \"not\r\nyou\";");
        assert_eq!(arrive(scene).as_deref(), Some("not you"));
        assert_eq!((scene.count("INBOX"), scene.sent().len()), (0, 0));
        // A text that a reply cannot hold is sent whole.
        scene.script("require \"reject\"; reject \"n\u{f6}\";");
        assert_eq!(arrive(scene), None);
        let sent = scene.sent();
        assert_eq!((sent.len(), scene.count("INBOX")), (1, 0));
        assert_eq!((sent[0].from.as_str(), sent[0].to.as_str()), ("", "a@b.test"));
        assert!(sent[0].text.contains("report-type=\"disposition-notification\""));
        assert!(!sent[0].text.contains("Return-Path"));
    });
}

/// RFC 5429 §2.1, §2.2.1: not the null sender, nor whom spam names, nor whom nothing vouches for.
/// They are refused in the protocol; where that is too late, the message is among the spam.
#[test]
fn a_refusal_is_sent_to_nobody_who_may_not_be_the_sender() {
    on_both_engines(|scene| {
        scene.script("require \"reject\"; reject \"n\u{f6}\";");
        let verified =
            From { reverse_path: "a@b.test", placement: Placement::Inbox, verified: true };
        for from in [
            From { reverse_path: "", ..verified },
            From { placement: Placement::Junk, ..verified },
            From { verified: false, ..verified },
        ] {
            let refused = scene.arrive_from(from, "julie@example.test", HELLO);
            assert_eq!(refused.as_deref(), Some("The recipient refuses this message"), "{from:?}");
            let junk = scene.count("Junk");
            scene.arrive_too_late(from, "julie@example.test", HELLO);
            assert_eq!((scene.count("Junk"), scene.count("INBOX")), (junk + 1, 0), "{from:?}");
        }
        scene.arrive_too_late(verified, "julie@example.test", HELLO);
        assert_eq!((scene.count("Junk"), scene.sent().len()), (3, 1));
    });
}

/// R-ADDR-10, R-ADDR-11.
#[test]
fn scripts_send_on_so_much_and_where_they_may() {
    on_both_engines(|scene| {
        let limits = SendingLimits { messages_max: Some(2), ..SendingLimits::default() };
        let julie = scene.julie;
        scene.store.write_blocking("test", move |tx| tx.set_sending_limits(julie, limits)).unwrap();
        let rule = RedirectRule::from(RedirectTargets::Anywhere);
        scene.set(|settings| settings.script_redirects = rule.clone());
        scene.script("redirect \"x@y.test\";");
        for (sent, kept) in [(1, 0), (1, 0), (0, 2), (0, 3)] {
            arrive(scene);
            // The third time, the owner is told besides.
            assert_eq!((scene.sent().len(), scene.count("INBOX")), (sent, kept));
        }
        scene.clock.advance_secs(86_400);
        arrive(scene);
        assert_eq!((scene.sent().len(), scene.count("INBOX")), (1, 3));
        // Whoever has a clone of the rule goes by it at once.
        rule.set(RedirectTargets::Agreed);
        arrive(scene);
        assert_eq!((scene.sent().len(), scene.count("INBOX")), (0, 4));
        scene.script("redirect \"max@example.test\";");
        arrive(scene);
        assert_eq!((scene.sent().len(), scene.count("INBOX")), (1, 4));
    });
}

#[test]
fn notices_are_sent_and_copies_filed() {
    on_both_engines(|scene| {
        scene.script(
            "require [\"enotify\", \"vacation\", \"fcc\", \"mailbox\"]; \
             notify :message \"news\" \"mailto:max@example.test\"; \
             vacation :fcc \"Answers\" :create \"away\";",
        );
        arrive(scene);
        let sent = scene.sent();
        let to: Vec<&str> = sent.iter().map(|one| one.to.as_str()).collect();
        assert_eq!(to, ["a@b.test", "max@example.test"]);
        assert!(sent[1].text.contains("Auto-Submitted: auto-notified\r\n"));
        assert_eq!(scene.mailbox("Answers"), [sent[0].text.trim()]);
        // No second answer, so no second copy.
        arrive(scene);
        assert_eq!(scene.count("Answers"), 1);
    });
}

/// RFC 7352: what comes twice at once is found as surely as what comes later.
#[test]
fn duplicates_are_found_under_races() {
    on_both_engines(|scene| {
        scene.script("require \"duplicate\"; if duplicate { discard; }");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        arrive(scene);
                    }
                });
            }
        });
        assert_eq!(scene.count("INBOX"), 1);
        scene.clock.advance_secs(7 * 86_400);
        arrive(scene);
        assert_eq!(scene.count("INBOX"), 2);
    });
}

#[test]
fn scripts_include_others() {
    on_both_engines(|scene| {
        let included = "require \"fileinto\"; fileinto \"Archive\";";
        scene.account(move |tx| tx.put_script(&name("part"), included.as_bytes()));
        scene.script("require \"include\"; include \"part\";");
        arrive(scene);
        assert_eq!((scene.count("Archive"), scene.count("INBOX")), (1, 0));
    });
}

/// A script that takes long runs to its end, elsewhere.
#[test]
fn long_scripts_run_as_well() {
    on_both_engines(|scene| {
        let rules: String = (0..3000)
            .map(|n| format!("if header :contains \"subject\" \"none {n}\" {{ discard; stop; }}\n"))
            .collect();
        scene.script(&format!("require \"fileinto\";\n{rules}fileinto \"Archive\";"));
        arrive(scene);
        assert_eq!(scene.count("Archive"), 1);
    });
}

#[test]
fn nothing_is_lost_under_load() {
    on_both_engines(|scene| {
        scene.script("require [\"fileinto\", \"mailbox\"]; fileinto :create \"Work\";");
        let arrived = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        arrive(scene);
                        arrived.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(scene.count("Work"), arrived.into_inner());
    });
}

/// RFC 6134: whoever stands in the owner's address books is in a list.
#[test]
fn the_address_book_is_a_list() {
    on_both_engines(|scene| {
        let card = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:A\r\nN:A;;;;\r\nUID:1\r\n\
                    item1.EMAIL;TYPE=HOME:A@b.test\r\nEND:VCARD\r\n";
        let limits = storage::ObjectLimits::default();
        let card = storage::PreparedObject::card(card.as_bytes().to_vec(), &limits).unwrap();
        scene.account(move |tx| {
            tx.make_first_collections()?;
            let account = tx.id();
            let books = tx.list_collections(account, storage::Home::AddressBooks)?;
            let condition = storage::Condition::default();
            let name = storage::ObjectName::parse("1.vcf")?;
            tx.put_object(&books[0], &name, &card, &condition).map(|_| ())
        });
        let known = "require [\"extlists\", \"fileinto\"]; \
                     if address :list \"from\" \":addrbook:default\" { fileinto \"Archive\"; }";
        scene.script(known);
        arrive(scene);
        scene.arrive("c@d.test", "julie@example.test", "From: c@d.test\r\n\r\n");
        assert_eq!((scene.count("Archive"), scene.count("INBOX")), (1, 1));
        // Nobody sends to everybody in it.
        scene.script("require \"extlists\"; redirect :list \":addrbook:default\";");
        arrive(scene);
        assert_eq!(scene.sent().len(), 0);
    });
}

/// RFC 6134: lists of the owner and of the operator, and a circle of people.
#[test]
fn lists_of_values_are_asked_and_written_to() {
    on_both_engines(|scene| {
        let name = |text: &str| storage::ValueListName::parse(text).unwrap();
        let values = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        scene.account(move |tx| {
            tx.put_value_list(
                &name("urn:example:circle"),
                &values(&["max@example.test", "info@example.test"]),
            )
        });
        let common = move |tx: &mut storage::WriteTx<'_>| {
            tx.put_common_value_list(&name("tag:example.test,2026:known"), &values(&["A@B.test"]))
        };
        scene.store.write_blocking("test", common).unwrap();
        scene.script(
            "require [\"extlists\", \"imap4flags\", \"variables\", \"fileinto\"]; \
             if valid_ext_list \"urn:example:none\" { addflag \"wrong\"; } \
             if allof (valid_ext_list \"urn:example:circle\", \
                       header :list \"from\" \"tag:example.test,2026:known\", \
                       string :is \"${0}\" \"A@B.test\") { addflag \"known\"; }",
        );
        scene.arrive("a@b.test", "julie@example.test", "From: Ann <a@b.test>\r\n\r\n");
        assert!(scene.mailbox("INBOX")[0].starts_with("(known) "), "{:?}", scene.mailbox("INBOX"));
        // What is the owner's own address gets nothing again, and the message is kept.
        scene.script("require \"extlists\"; redirect :list \"urn:example:circle\";");
        arrive(scene);
        let sent = scene.sent();
        assert_eq!(sent.iter().map(|sent| &sent.to).collect::<Vec<_>>(), ["max@example.test"]);
        assert_eq!(scene.count("INBOX"), 2);
    });
}
