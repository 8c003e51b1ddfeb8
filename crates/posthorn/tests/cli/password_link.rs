//! Links by which owners of accounts set their passwords, with a daemon running and without.

use std::path::Path;

use crate::process::{Daemon, done, free_port_base, refused, run, run_with_input};
use crate::verbs::Site;

/// A site with a listener that people elsewhere reach, and two accounts.
fn site() -> (Site, u16) {
    let port = free_port_base() + 443;
    let site = Site::new(&format!(
        "[[listener]]\nprotocol = \"https\"\nbind = \"127.0.0.1:{port}\"\n\
         [[route]]\ndomain = \"*\"\nhost = \"127.0.0.1:1\"\n"
    ));
    accounts(&site.config);
    (site, port)
}

fn accounts(config: &Path) {
    done(config, &["domain", "add", "example.test"]);
    let add = ["account", "add", "julie@example.test", "--password-stdin"];
    assert_eq!(run_with_input(config, &add, "correct horse 1").status, 0);
    done(config, &["account", "add", "info@example.test", "--shared"]);
}

/// The secret of a link that begins as it should.
fn secret(line: &str, port: u16) -> String {
    let begins = format!("https://mail.example.test:{port}/password/");
    let secret = line.trim_end().strip_prefix(&begins).unwrap();
    assert!(secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()), "{line}");
    secret.to_owned()
}

fn make<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["account", "reset-link", "julie@example.test"], more].concat()
}

fn every_way(config: &Path, port: u16) -> Vec<String> {
    let mut secrets = vec![secret(&done(config, &make(&[])), port)];
    let shown = done(config, &make(&["--valid", "168", "--json"]));
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    secrets.push(secret(shown["link"].as_str().unwrap(), port));
    assert!(shown["expires"].as_str().unwrap().ends_with('Z') && shown.get("sent_to").is_none());
    assert_ne!(secrets[0], secrets[1]);
    let sent = done(config, &make(&["--send-to", "julie@elsewhere.test"]));
    let begins = "julie@elsewhere.test is sent a link that is good until 2";
    assert!(sent.starts_with(begins) && !sent.contains("http"), "{sent}");
    let sent = done(config, &make(&["--send-to", "julie@elsewhere.test", "--json"]));
    let sent: serde_json::Value = serde_json::from_str(&sent).unwrap();
    assert!(sent["sent_to"] == "julie@elsewhere.test" && sent.get("link").is_none(), "{sent}");
    assert_eq!(done(config, &["queue", "list"]).matches("julie@elsewhere.test").count(), 2);
    for (arguments, text) in [
        (make(&["--send-to", "julie+x@example.test"]), "comes to the account itself"),
        (make(&["--send-to", "nobody@example.test"]), "nobody here has the address"),
        (vec!["account", "reset-link", "info@example.test"], "nobody signs in to a shared"),
        (vec!["account", "reset-link", "eve@elsewhere.test"], "account does not exist"),
    ] {
        let said = refused(config, &arguments);
        assert!(said.contains(text), "{said}");
    }
    for valid in ["0", "169"] {
        assert_eq!(run(config, &make(&["--valid", valid])).status, 2);
    }
    let log = done(config, &["account", "activity", "julie@example.test"]);
    assert!(log.contains("by the operator, sent to julie@elsewhere.test"), "{log}");
    secrets
}

#[test]
fn without_a_daemon() {
    let (site, port) = site();
    every_way(&site.config, port);
    assert_eq!(done(&site.config, &["check-store"]), "ok\n");
}

#[test]
fn with_a_daemon() {
    let (site, port) = site();
    let daemon = Daemon::serve(&site.config);
    let secrets = every_way(&site.config, port);
    let log = daemon.terminate();
    assert!(secrets.iter().all(|secret| !log.contains(secret)), "{log}");
    assert_eq!(done(&site.config, &["check-store"]), "ok\n");
}

#[test]
fn where_nobody_could_open_a_link_or_no_mail_leaves_none_is_made() {
    let site = Site::new("");
    accounts(&site.config);
    let said = refused(&site.config, &make(&[]));
    let expect = "no link can be opened here: a password is set over https only (a listener of that \
                  protocol, or a web_url that begins so)\n";
    assert_eq!(said, expect);
    let text = std::fs::read_to_string(&site.config).unwrap();
    let with = |url: &str| format!("web_url = \"{url}\"\n{text}\n[queue]\nenabled = false\n");
    std::fs::write(&site.config, with("http://mail.example.test")).unwrap();
    assert_eq!(refused(&site.config, &make(&[])), expect);
    std::fs::write(&site.config, with("https://mail.example.test")).unwrap();
    let link = done(&site.config, &make(&[]));
    assert!(link.starts_with("https://mail.example.test/password/"), "{link}");
    let sent = make(&["--send-to", "julie@elsewhere.test"]);
    assert!(refused(&site.config, &sent).contains("no letter leaves this server"));
}
