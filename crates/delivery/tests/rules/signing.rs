//! What is signed and what is sealed: R-RESP-5, R-ADDR-10.

use std::sync::Arc;

use storage::{Address, Agreement, ResponderBody};

use crate::support::{Marker, Scene, on_both_engines};

const HELLO: &str = "Authentication-Results: mx.example.test; spf=pass\r\nFrom: a@b.test\r\n\
                     To: julie@example.test\r\nSubject: Hello\r\n\r\nHi\r\n";

fn signing(scene: &mut Scene) {
    scene.set(|settings| settings.signatory = Some(Arc::new(Marker)));
}

/// The first fields of what was sent, up to the one that every message has.
fn tops(scene: &Scene) -> Vec<String> {
    scene.arrive("a@b.test", "julie@example.test", HELLO);
    let sent = scene.sent();
    sent.iter().map(|one| one.text.lines().next().unwrap().to_owned()).collect()
}

#[test]
fn answers_are_signed() {
    on_both_engines(|scene| {
        signing(scene);
        let text = "away".to_owned();
        scene.responder(ResponderBody { text, ..ResponderBody::default() });
        assert_eq!(tops(scene), ["DKIM-Signature: Account"]);
    });
}

/// R-ADDR-5: scripts answer in the name of the account, and of those who agreed to that.
#[test]
fn scripts_answer_in_no_other_name() {
    on_both_engines(|scene| {
        signing(scene);
        let own = "From: julie@example.test";
        for (tags, author) in [
            ("", own),
            (":from \"Info <info@example.test>\" ", "From: Info <info@example.test>"),
            (":from \"max@example.test\" ", own),
            (":from \"Julie <max@example.test>\" ", own),
            (":from \"boss@elsewhere.test\" ", own),
            (":from \"other@home.test\" ", "From: other@home.test"),
            (":mime :handle \"forged\" \"From: max@example.test\r\nTo: x@y\r\n\r\n", own),
        ] {
            let agreed = Address::parse("other@home.test").unwrap();
            scene.account(move |tx| tx.confirm_sender(&agreed));
            let open = if tags.ends_with(' ') || tags.is_empty() { "\"" } else { "" };
            scene.script(&format!("require \"vacation\"; vacation {tags}{open}away {author}\";"));
            scene.arrive("a@b.test", "julie@example.test", HELLO);
            let sent = scene.sent();
            let header = sent[0].text.split("\r\n\r\n").next().unwrap();
            let found: Vec<&str> =
                header.lines().filter(|line| line.starts_with("From:")).collect();
            assert_eq!(found, [author], "{tags}");
            let signed = header.starts_with("DKIM-Signature: Account\r\n");
            // Of whom agreed this server has no key.
            assert_eq!(signed, author != "From: other@home.test", "{tags}");
        }
        scene.script("require \"enotify\"; notify \"mailto:x@y.test\";");
        assert_eq!(tops(scene), ["DKIM-Signature: Account"]);
    });
}

#[test]
fn refusals_are_signed_for_the_server() {
    on_both_engines(|scene| {
        signing(scene);
        scene.script("require \"reject\"; reject \"n\u{f6}\";");
        assert_eq!(tops(scene), ["DKIM-Signature: Server"]);
    });
}

#[test]
fn copies_are_sealed_by_the_domain_of_the_account() {
    on_both_engines(|scene| {
        signing(scene);
        scene.script("redirect \"x@y.test\";");
        assert_eq!(tops(scene), ["ARC-Seal: example.test"]);
        // What a script says of the checks is not ours to seal.
        scene.script(
            "require \"editheader\"; deleteheader \"Authentication-Results\"; redirect \"x@y.test\";",
        );
        assert_eq!(tops(scene), ["Delivered-To: julie@example.test"]);
        scene.script("require \"editheader\"; addheader \"X-A\" \"b\"; redirect \"x@y.test\";");
        assert_eq!(tops(scene), ["ARC-Seal: example.test"]);
        scene.script("keep;");
        let target = Address::parse("max@example.test").unwrap();
        let added = scene.account(move |tx| tx.add_redirection(&target, true));
        assert_eq!(added, Agreement::Usable);
        assert_eq!(tops(scene), ["ARC-Seal: example.test"]);
    });
}

/// R-ADDR-5: what a script sends on stays what its author wrote, or is its owner's.
#[test]
fn scripts_make_no_message_one_of_somebody_else() {
    on_both_engines(|scene| {
        let edit = |from: &str| {
            format!(
                "require \"editheader\"; deleteheader \"From\"; addheader \"From\" \"{from}\"; \
                 redirect \"x@y.test\";"
            )
        };
        for (script, sent) in [
            (edit("Max <max@example.test>"), 0),
            (edit("none@example.test"), 0),
            (edit("ceo@partner.test"), 0),
            (edit("CEO <ceo@partner.test.>"), 0),
            (edit(&format!("{}ceo@partner.test", "julie@example.test, ".repeat(100))), 0),
            (edit("\\\"max@example.test\\\""), 0),
            (edit("<\\\"max@example.test\\\">"), 0),
            (edit("(max@example.test"), 0),
            (edit("=?utf-8?q?Max_=3Cmax=40example.test=3E?="), 0),
            (edit(&format!("{}max@example.test", "a,".repeat(101))), 0),
            (edit(&format!("<{}@a:max@example.test>", "@a,".repeat(399))), 0),
            (edit(&format!("<{}max@example.test>", "a.".repeat(1000))), 0),
            (edit("\\\"info@example.test\\\""), 1),
            (edit("Info <info@example.test>"), 1),
            (
                "require \"editheader\"; addheader \"Sender\" \"max@example.test\"; \
              redirect \"x@y.test\";"
                    .to_owned(),
                0,
            ),
            (
                "require \"replace\"; replace :from \"max@example.test\" \"Send money.\"; \
              redirect \"x@y.test\";"
                    .to_owned(),
                0,
            ),
            (
                "require \"editheader\"; addheader \"X-A\" \"b\"; redirect \"x@y.test\";"
                    .to_owned(),
                1,
            ),
        ] {
            scene.script(&script);
            let before = scene.count("INBOX");
            scene.arrive("a@b.test", "julie@example.test", HELLO);
            assert_eq!(scene.sent().len(), sent, "{script}");
            // What is not sent on is kept, and the owner told.
            assert_eq!(scene.count("INBOX") - before, if sent == 0 { 2 } else { 0 }, "{script}");
        }
    });
}
