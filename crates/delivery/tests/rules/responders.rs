//! R-RESP: a test for each sentence.

use std::thread::Scope;

use storage::{Address, Agreement, LocalTime, Placement, ResponderBody, Weekdays};

use crate::support::{Scene, name, on_both_engines};

const HELLO: &str = "From: a@b.test\r\nTo: Julie <julie@example.test>\r\nSubject: Hello\r\n\
                     Message-ID: <1@b.test>\r\nReferences: <0@b.test>\r\n\r\nHi\r\n";

fn body(text: &str) -> ResponderBody {
    ResponderBody { text: text.to_owned(), ..ResponderBody::default() }
}

/// A message to Julie with this field besides.
fn with_field(field: &str) -> String {
    format!("{field}\r\n{HELLO}")
}

/// How many answers a message got.
fn answers(scene: &Scene, from: &str, to: &str, message: &str) -> usize {
    assert_eq!(scene.arrive(from, to, message), None);
    scene.sent().len()
}

/// R-RESP-5: the form of an answer.
#[test]
fn an_answer_has_the_form_of_one() {
    on_both_engines(|scene| {
        scene.responder(ResponderBody { subject: "Away".to_owned(), ..body("I am away.") });
        assert_eq!(scene.arrive("a@b.test", "julie@example.test", HELLO), None);
        let sent = scene.sent();
        assert_eq!(sent.len(), 1);
        let answer = &sent[0];
        assert_eq!((answer.from.as_str(), answer.to.as_str()), ("", "a@b.test"));
        let (id, rest) = answer.text.split_once("Message-ID: <").unwrap();
        let (_, rest) = rest.split_once(">\r\n").unwrap();
        assert_eq!(
            [id, rest].concat(),
            "From: \"Julie\" <julie@example.test>\r\nTo: a@b.test\r\nSubject: Away\r\n\
             Date: Mon, 5 Jan 2026 08:00:00 +0000\r\n\
             In-Reply-To: <1@b.test>\r\nReferences: <0@b.test> <1@b.test>\r\n\
             Auto-Submitted: auto-replied (vacation)\r\nX-Auto-Response-Suppress: All\r\n\
             MIME-Version: 1.0\r\nContent-Type: text/plain; charset=\"utf-8\"\r\n\
             Content-Transfer-Encoding: 7bit\r\n\r\nI am away.\r\n"
        );
        // The message itself is where it belongs.
        assert_eq!(scene.count("INBOX"), 1);
    });
}

/// R-RESP-5: mail to a catch-all names nobody, and nobody reads what programs are answered,
/// whatever their reverse-path is.
#[test]
fn what_names_nobody_or_is_from_a_program_is_not_answered() {
    on_both_engines(|scene| {
        let julie = scene.julie;
        let catch_all =
            move |tx: &mut storage::WriteTx<'_>| tx.set_catch_all("example.test", Some(julie));
        scene.store.write_blocking("test", catch_all).unwrap();
        let any = "any@example.test";
        let to = |to: &str| HELLO.replace("julie@example.test", to);
        let both = with_field("Cc: any@example.test");
        let program = HELLO.replace("a@b.test", "Shop <no-reply@b.test>");
        let cases = [
            ("1@b.test", any, to(any), None),
            ("2@b.test", any, to("postmaster@example.test"), None),
            ("3@b.test", "julie@example.test", program, None),
            ("4@b.test", any, both, Some("julie@example.test")),
            ("5@b.test", "info@example.test", to("info+x@example.test"), Some("@example.test")),
        ];
        for script in [false, true] {
            if script {
                scene.script("require \"vacation\"; vacation \"away\";");
            } else {
                scene.responder(body("away"));
            }
            scene.clock.advance_secs(7 * 86_400);
            for (sender, path, message, author) in &cases {
                assert_eq!(scene.arrive(sender, path, message), None);
                let sent = scene.sent();
                assert_eq!(sent.len(), usize::from(author.is_some()), "{script}: {message}");
                let Some(author) = author else { continue };
                let text = &sent[0].text;
                let from = text.lines().find(|line| line.starts_with("From: ")).unwrap();
                assert!(from.contains(author) && !from.contains("any@"), "{text}");
            }
        }
    });
}

/// R-RESP-3: a sender is one person, whatever its server writes around it; the answer goes to what
/// that server takes bounces at.
#[test]
fn tags_of_servers_make_no_other_sender() {
    on_both_engines(|scene| {
        scene.responder(ResponderBody { excluded: vec!["@quiet.test".to_owned()], ..body("away") });
        let julie = "julie@example.test";
        assert_eq!(scene.arrive("prvs=1234abcdef=a@b.test", julie, HELLO), None);
        assert_eq!(scene.sent()[0].to, "prvs=1234abcdef=a@b.test");
        for again in [
            "a@b.test",
            "prvs=1235abcde0=A@b.test",
            "SRS0=HHHH=TT=b.test=a@hop.test",
            "SRS1=HHHH=hop.test==HHHH=TT=b.test=a@other.test",
            "SRS0=HHHH=TT=quiet.test=c@hop.test",
            "SRS0=HHHH=TT=example.test=julie@hop.test",
        ] {
            assert_eq!(answers(scene, again, julie, HELLO), 0, "{again}");
        }
        assert_eq!(answers(scene, "SRS0=HHHH=TT=b.test=c@hop.test", julie, HELLO), 1);
    });
}

/// R-RESP-2: plain and HTML.
#[test]
fn an_answer_has_both_texts() {
    on_both_engines(|scene| {
        scene.responder(ResponderBody { html: "<b>away</b>".to_owned(), ..body("away") });
        scene.arrive("a@b.test", "julie@example.test", HELLO);
        let text = &scene.sent()[0].text;
        assert!(text.contains("Subject: Auto: Hello\r\n"), "{text}");
        let hash = blake3::hash(b"away<b>away</b>").to_hex();
        let boundary = format!("=_{}", &hash[..24]);
        assert!(
            text.ends_with(&format!(
                "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; \
             boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n\
             Content-Type: text/plain; charset=\"utf-8\"\r\nContent-Transfer-Encoding: 7bit\r\n\r\n\
             away\r\n\r\n--{boundary}\r\nContent-Type: text/html; charset=\"utf-8\"\r\n\
             Content-Transfer-Encoding: 7bit\r\n\r\n<b>away</b>\r\n\r\n--{boundary}--\r\n"
            )),
            "{text}"
        );
    });
}

/// R-RESP-3: 7 days less a second: none; 7 days: one. A restart, case and details do not matter.
#[test]
fn a_sender_is_answered_again_after_seven_days() {
    on_both_engines(|scene| {
        scene.responder(body("away"));
        let julie = "julie@example.test";
        assert_eq!(answers(scene, "a@b.test", julie, HELLO), 1);
        for spelling in ["a@b.test", "A@B.TEST", "a+shop@b.test"] {
            assert_eq!(answers(scene, spelling, julie, HELLO), 0, "{spelling}");
        }
        assert_eq!(answers(scene, "other@b.test", julie, HELLO), 1);
        scene.restart();
        assert_eq!(answers(scene, "a@b.test", julie, HELLO), 0);
        scene.clock.advance_secs(7 * 86_400 - 1);
        assert_eq!(answers(scene, "a@b.test", julie, HELLO), 0);
        scene.clock.advance_secs(1);
        assert_eq!(answers(scene, "a@b.test", julie, HELLO), 1);
        assert_eq!(answers(scene, "a@b.test", julie, HELLO), 0);
    });
}

/// Answers that another message of the same sender gets.
fn answers_again(scene: &Scene) -> usize {
    answers(scene, "a@b.test", "julie@example.test", HELLO)
}

/// A thousand messages of one sender, twenty at a time.
fn a_thousand_arrive<'s>(scope: &'s Scope<'s, '_>, scene: &'s Scene) {
    for _ in 0..20 {
        scope.spawn(|| {
            for _ in 0..50 {
                scene.arrive("a@b.test", "julie@example.test", HELLO);
            }
        });
    }
}

/// R-RESP-3: a thousand messages at once get one answer.
#[test]
fn a_thousand_messages_at_once_get_one_answer() {
    on_both_engines(|scene| {
        scene.responder(body("away"));
        std::thread::scope(|scope| a_thousand_arrive(scope, scene));
        assert_eq!(scene.sent().len(), 1);
        assert_eq!(scene.count("INBOX"), 1000);
    });
}

/// R-RESP-4: reset clears the memory; editing and switching do not.
#[test]
fn only_a_reset_clears_the_memory() {
    on_both_engines(|scene| {
        scene.responder(body("away"));
        assert_eq!(answers_again(scene), 1);
        scene.account(|tx| {
            tx.edit_responder(&name("away"), |body| {
                body.text = "still away".to_owned();
                Ok(())
            })
        });
        assert_eq!(answers_again(scene), 0);
        scene.account(|tx| tx.deactivate_responder(&name("away")));
        assert_eq!(answers_again(scene), 0);
        scene.account(|tx| tx.activate_responder(Some(&name("away"))));
        assert_eq!(answers_again(scene), 0);
        scene.account(|tx| tx.reset_responder(&name("away")));
        assert_eq!(answers_again(scene), 1);
        assert_eq!(answers_again(scene), 0);
    });
}

/// R-RESP-1: one is active, and only that one answers.
#[test]
fn the_active_responder_answers() {
    on_both_engines(|scene| {
        scene.responder(body("first"));
        scene.account(|tx| {
            tx.add_responder(&name("other"), body("second"))?;
            tx.activate_responder(Some(&name("other")))
        });
        scene.arrive("a@b.test", "julie@example.test", HELLO);
        let sent = scene.sent();
        assert_eq!(sent.len(), 1);
        assert!(sent[0].text.ends_with("\r\n\r\nsecond\r\n"));
    });
}

/// R-RESP-2: dates, times and days, on the owner's clock. The clock of the test shows Monday
/// 2026-01-05 08:00 UTC, which is 21:00 in Auckland.
#[test]
fn a_responder_answers_when_it_is_to() {
    let start = |text: &str| LocalTime::parse_start(text).ok();
    let end = |text: &str| LocalTime::parse_end(text).ok();
    on_both_engines(|scene| {
        scene.responder(body("away"));
        for (zone, from, until, days, expect) in [
            ("", "2026-01-05T08:00", "", "mon", 1),
            ("", "2026-01-05T08:00:01", "", "mon", 0),
            ("", "", "2026-01-05", "mon,sun", 1),
            ("", "", "2026-01-05T08:00:00", "mon", 1),
            ("", "", "2026-01-05T07:59", "mon", 0),
            ("", "", "2026-01-04", "mon", 0),
            ("", "", "", "tue,wed,thu,fri,sat,sun", 0),
            ("Pacific/Auckland", "2026-01-05T21:00", "", "mon", 1),
            ("Pacific/Auckland", "2026-01-05T21:00:01", "", "mon", 0),
            ("Pacific/Kiritimati", "", "2026-01-05", "mon", 1),
            ("America/Los_Angeles", "2026-01-05T00:00", "", "mon", 1),
            ("Pacific/Honolulu", "", "", "mon", 0),
            ("Pacific/Honolulu", "", "", "sun", 1),
        ] {
            let case = format!("{zone} {from} {until} {days}");
            let (from, until) = (start(from), end(until));
            let weekdays = Weekdays::parse(days).unwrap();
            scene.account(move |tx| {
                tx.set_time_zone(zone)?;
                tx.reset_responder(&name("away"))?;
                tx.edit_responder(&name("away"), |body| {
                    (body.from, body.until, body.weekdays) = (from, until, weekdays);
                    Ok(())
                })
            });
            let found = answers(scene, "a@b.test", "julie@example.test", HELLO);
            assert_eq!(found, expect, "{case}");
        }
    });
}

/// R-RESP-2: addresses and domains that get no answer.
#[test]
fn excluded_senders_get_no_answer() {
    on_both_engines(|scene| {
        let excluded = vec!["boss@b.test".to_owned(), "@partner.test".to_owned()];
        scene.responder(ResponderBody { excluded, ..body("away") });
        for (from, expect) in [
            ("Boss@B.test", 0),
            ("boss+x@b.test", 0),
            ("a@partner.test", 0),
            ("a@sub.partner.test", 1),
            ("a@b.test", 1),
        ] {
            assert_eq!(answers(scene, from, "julie@example.test", HELLO), expect, "{from}");
        }
    });
}

/// R-RESP-5: who and what gets no answer.
#[test]
fn machines_lists_and_spam_get_no_answer() {
    on_both_engines(|scene| {
        scene.responder(body("away"));
        let julie = "julie@example.test";
        for from in [
            "",
            "MAILER-DAEMON@b.test",
            "noreply@b.test",
            "no-reply+x@b.test",
            "DoNotReply@b.test",
            "bounces-123@b.test",
            "list-request@b.test",
            "owner-list@b.test",
            // Its own addresses.
            "julie@example.test",
            "Info@example.test",
            "julie+x@example.test",
        ] {
            assert_eq!(answers(scene, from, julie, HELLO), 0, "{from}");
        }
        for field in [
            "Auto-Submitted: auto-generated",
            "Auto-Submitted: auto-replied (vacation)",
            "Auto-submitted: AUTO-NOTIFIED; owner-email=\"x@y\"",
            "List-Id: <list.b.test>",
            "List-Unsubscribe: <mailto:x@b.test>",
            "List-Anything: x",
            "Precedence: bulk",
            "Precedence: Junk",
            "precedence: list",
            "X-Spam-Flag: YES",
            "X-Auto-Response-Suppress: OOF",
        ] {
            assert_eq!(answers(scene, "a@b.test", julie, &with_field(field)), 0, "{field}");
        }
        for message in [
            "To: list@b.test\r\nSubject: x\r\n\r\n",
            "Subject: x\r\n\r\n",
            "To: undisclosed-recipients:;\r\n\r\n",
            "To: \"julie@example.test\" <other@b.test>\r\n\r\n",
        ] {
            assert_eq!(answers(scene, "a@b.test", julie, message), 0, "{message}");
        }
        scene.arrive_at(Placement::Junk, "a@b.test", julie, HELLO);
        assert_eq!(scene.sent().len(), 0);
        assert!(scene.count("Junk") == 1);
        // None of them counted as an answer.
        for (from, message) in [
            ("a@b.test", with_field("Auto-Submitted: no")),
            ("b@b.test", with_field("Precedence: normal")),
            ("c@b.test", "Cc: x@y.test, INFO@example.test\r\n\r\n".to_owned()),
            ("d@b.test", "To: julie+shop@example.test\r\n\r\n".to_owned()),
            ("e@b.test", "Resent-To: julie@example.test\r\n\r\n".to_owned()),
        ] {
            assert_eq!(answers(scene, from, julie, &message), 1, "{from}");
        }
    });
}

/// R-RESP-3: what is not active any more answers nobody, and what is active again knows whom it
/// answered.
#[test]
fn a_responder_that_is_off_answers_nobody() {
    on_both_engines(|scene| {
        scene.responder(body("away"));
        assert_eq!(answers_again(scene), 1);
        scene.clock.advance_secs(7 * 86_400);
        scene.account(|tx| tx.deactivate_responder(&name("away")));
        assert_eq!(answers_again(scene), 0);
        scene.account(|tx| tx.activate_responder(Some(&name("away"))));
        assert_eq!(answers_again(scene), 1);
    });
}

/// R-RESP-2: answers come from another address once that agreed, and from the account till then.
#[test]
fn another_sender_is_used_once_it_agreed() {
    on_both_engines(|scene| {
        let sender = Some("office@other.test".to_owned());
        let added = scene.account(move |tx| {
            let added = tx.add_responder(&name("away"), ResponderBody { sender, ..body("away") });
            tx.activate_responder(Some(&name("away")))?;
            added
        });
        let Agreement::Token(token) = added else { panic!("{added:?}") };
        let sender_of_answer = |scene: &Scene, from: &str| {
            scene.arrive(from, "julie@example.test", HELLO);
            let sent = scene.sent();
            assert_eq!(sent[0].from, "");
            sent[0].text.lines().next().unwrap().to_owned()
        };
        let own = "From: \"Julie\" <julie@example.test>";
        assert_eq!(sender_of_answer(scene, "a@b.test"), own);
        scene.store.write_blocking("test", move |tx| tx.confirm(&token)).unwrap();
        let other = "From: \"Julie\" <office@other.test>";
        assert_eq!(sender_of_answer(scene, "c@b.test"), other);
    });
}

/// R-RESP-6: a script's `vacation` has the same memory; one message gets one answer.
#[test]
fn scripts_and_responders_share_the_memory() {
    const VACATION: &str = "require \"vacation\"; vacation :handle \"h\" \"script\";";
    on_both_engines(|scene| {
        scene.responder(body("responder"));
        scene.script(VACATION);
        let julie = "julie@example.test";
        scene.arrive("a@b.test", julie, HELLO);
        let sent = scene.sent();
        assert_eq!(sent.len(), 1);
        assert!(sent[0].text.ends_with("\r\n\r\nscript\r\n"));
        assert_eq!(sent[0].from, "");
        assert_eq!(answers(scene, "A+x@b.test", julie, HELLO), 0);
        // Nor does the responder answer whom the script did, nor after a restart.
        let silence = |tx: &mut storage::AccountTx<'_, '_>| tx.activate_script(None);
        scene.account(silence);
        assert_eq!(answers(scene, "a@b.test", julie, HELLO), 0);
        scene.restart();
        scene.clock.advance_secs(7 * 86_400 - 1);
        assert_eq!(answers(scene, "a@b.test", julie, HELLO), 0);
        scene.clock.advance_secs(1);
        assert_eq!(answers(scene, "a@b.test", julie, HELLO), 1);
        // And the other way round.
        scene.script(VACATION);
        assert_eq!(answers(scene, "a@b.test", julie, HELLO), 0);
        scene.clock.advance_secs(7 * 86_400);
        assert_eq!(answers(scene, "a@b.test", julie, HELLO), 1);
        // Another text under the same handle is the same answer (RFC 5230 §4.2).
        scene.script("require \"vacation\"; vacation :handle \"h\" \"other\";");
        assert_eq!(answers(scene, "a@b.test", julie, HELLO), 0);
        // R-RESP-3: no script answers sooner, whatever it says (RFC 6131 §2).
        scene.script("require \"vacation\"; vacation :days 1 :handle \"h\" \"other\";");
        scene.clock.advance_secs(7 * 86_400 - 1);
        assert_eq!(answers(scene, "a@b.test", julie, HELLO), 0);
    });
}

/// R-RESP-6: a thousand messages at once get one answer, of the script or of the responder,
/// whichever is switched on and off meanwhile.
#[test]
fn a_thousand_messages_get_one_answer_of_both() {
    on_both_engines(|scene| {
        scene.responder(body("responder"));
        scene.script("require \"vacation\"; vacation \"script\";");
        std::thread::scope(|scope| {
            a_thousand_arrive(scope, scene);
            scope.spawn(|| {
                for round in 0..20 {
                    let script = (round % 2 == 1).then(|| name("main"));
                    scene.account(move |tx| tx.activate_script(script.as_ref()));
                }
            });
        });
        assert_eq!(scene.sent().len(), 1);
        assert_eq!(scene.count("INBOX"), 1000);
    });
}

/// R-RESP-5: what a script discards or takes for spam is neither answered nor sent on, and a
/// script can neither answer nor send on what the checks took for spam.
#[test]
fn what_scripts_do_away_with_gets_no_answer() {
    on_both_engines(|scene| {
        scene.responder(body("away"));
        scene.account(|tx| tx.add_redirection(&Address::parse("max@example.test")?, true));
        let julie = "julie@example.test";
        for (script, expect) in [
            ("require \"enotify\"; notify \"mailto:x@y.test\"; discard;", 1),
            ("require \"fileinto\"; fileinto \"Junk\";", 0),
            ("require [\"fileinto\", \"vacation\"]; vacation \"a\"; fileinto \"Junk\";", 0),
            ("keep;", 2),
        ] {
            scene.script(script);
            scene.arrive("a@b.test", julie, HELLO);
            assert_eq!(scene.sent().len(), expect, "{script}");
        }
        scene.script("redirect \"x@y.test\";");
        let before = scene.count("Junk");
        scene.arrive_at(Placement::Junk, "c@b.test", julie, HELLO);
        assert_eq!((scene.sent().len(), scene.count("Junk")), (0, before + 1));
    });
}
