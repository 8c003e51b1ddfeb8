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

/// A script may name any author; only those of the account are signed for.
#[test]
fn only_own_authors_of_scripts_are_signed_for() {
    on_both_engines(|scene| {
        signing(scene);
        for (from, top) in [
            ("", "DKIM-Signature: Account"),
            (":from \"Info <info@example.test>\" ", "DKIM-Signature: Account"),
            (":from \"max@example.test\" ", "From: max@example.test"),
            (":from \"Julie <max@example.test>\" ", "From: Julie <max@example.test>"),
        ] {
            scene.script(&format!("require \"vacation\"; vacation {from}\"away {top}\";"));
            assert_eq!(tops(scene), [top], "{from}");
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
