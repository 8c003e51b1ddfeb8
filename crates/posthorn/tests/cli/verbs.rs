//! Every verb gives the same result with a daemon running and without.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::{Daemon, done, free_port_base, refused, run, run_with_input};

/// A directory with a configuration in it.
pub(crate) struct Site {
    _directory: tempfile::TempDir,
    pub(crate) config: PathBuf,
    pub(crate) http: u16,
}

impl Site {
    pub(crate) fn new(more: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("posthorn.toml");
        let http = free_port_base() + 80;
        let text = format!(
            "hostname = \"mail.example.test\"\ndata_dir = \"data\"\n[tls]\nmode = \"self-signed\"\n\
             [[listener]]\nprotocol = \"http\"\nbind = \"127.0.0.1:{http}\"\n{more}"
        );
        fs::write(&config, text).unwrap();
        Self { _directory: directory, config, http }
    }
}

#[test]
fn without_a_daemon() {
    let site = Site::new("");
    every_verb(&site.config);
}

#[test]
fn with_a_daemon() {
    let site = Site::new("");
    let daemon = Daemon::serve(&site.config);
    every_verb(&site.config);
    let log = daemon.terminate();
    assert!(!log.contains("correct horse"), "{log}");
    assert_eq!(done(&site.config, &["check-store"]), "ok\n");
}

#[test]
fn what_a_daemon_did_is_there_without_it_and_the_other_way_round() {
    let site = Site::new("");
    done(&site.config, &["domain", "add", "before.test"]);
    let daemon = Daemon::serve(&site.config);
    done(&site.config, &["domain", "add", "during.test"]);
    let during = done(&site.config, &["domain", "list", "--json"]);
    daemon.terminate();
    assert_eq!(done(&site.config, &["domain", "list", "--json"]), during);
    assert!(during.contains("before.test") && during.contains("during.test"));
}

#[test]
fn commands_at_the_same_time_wait_for_one_another() {
    let site = Site::new("");
    done(&site.config, &["domain", "add", "example.test"]);
    std::thread::scope(|scope| {
        for i in 0..8 {
            let config = &site.config;
            scope.spawn(move || done(config, &["domain", "add", &format!("d{i}.test")]));
        }
    });
    assert_eq!(done(&site.config, &["domain", "list"]).lines().count(), 10);
}

fn every_verb(config: &Path) {
    domains(config);
    accounts(config);
    limits(config);
    aliases(config);
    mailboxes(config);
    absent_names(config);
    assert_eq!(done(config, &["check-store"]), "ok\n");
    assert_eq!(done(config, &["check-store", "--repair", "--json"]), "[]\n");
    removal(config);
}

fn domains(config: &Path) {
    assert_eq!(done(config, &["domain", "add", "Example.TEST"]), "");
    assert_eq!(done(config, &["domain", "alias", "add", "example.test", "example.invalid"]), "");
    let text = refused(config, &["domain", "add", "example.test"]);
    assert_eq!(text, "example.test: domain exists already\n");
    assert_eq!(
        done(config, &["domain", "list"]),
        "domain        accounts  aliases          maintenance  organisation\n\
         example.test  0         example.invalid               example.test\n"
    );
    assert_eq!(
        done(config, &["domain", "alias", "list", "--json"]),
        "[\n  {\n    \"alias\": \"example.invalid\",\n    \"domain\": \"example.test\"\n  }\n]\n"
    );
    // Either order: only one of the two can be the domain that is there.
    done(config, &["domain", "alias", "add", "other.invalid", "example.test"]);
    refused(config, &["domain", "alias", "add", "other.invalid", "example.test"]);
    refused(config, &["domain", "alias", "remove", "other.invalid", "example.invalid"]);
    done(config, &["domain", "alias", "remove", "other.invalid"]);
    refused(config, &["domain", "alias", "remove", "other.invalid"]);
    let records = done(config, &["domain", "dns", "example.test"]);
    assert!(records.contains("example.test. IN TXT \"v=spf1 mx -all\"\n"), "{records}");
    assert!(records.contains("example.invalid. IN TXT"), "{records}");
    let advice = "posthorn domain dkim make example.test\n";
    assert!(records.contains("; example.test has no DKIM key, ") && records.contains(advice));
    assert!(refused(config, &["domain", "dns", "absent.test"]).contains("does not exist"));
    domain_switches(config);
}

fn domain_switches(config: &Path) {
    assert_eq!(done(config, &["domain", "maintenance", "example.test"]), "");
    let listed = done(config, &["domain", "list"]);
    assert!(listed.contains("example.test  0         example.invalid  yes"), "{listed}");
    assert_eq!(done(config, &["domain", "maintenance", "example.test", "off"]), "");
    assert!(!done(config, &["domain", "list"]).contains("yes"));
    for (verb, text) in [
        (&["maintenance", "absent.test"][..], "absent.test: domain does not exist\n"),
        (&["external-mark", "absent.test", "on"], "absent.test: domain does not exist\n"),
        (&["catch-all", "absent.test"], "absent.test: domain does not exist\n"),
        (
            &["catch-all", "example.test", "x@example.test"],
            "x@example.test for example.test: account does not exist\n",
        ),
        (&["reports", "absent.test"], "absent.test: domain does not exist\n"),
    ] {
        assert_eq!(refused(config, &[&["domain"], verb].concat()), text);
    }
    let heads = "kind  domain  reporter  from  until  passed  failed\n";
    assert_eq!(done(config, &["domain", "reports", "example.test"]), heads);
}

fn accounts(config: &Path) {
    let add = |arguments: &[&str], password: &str| {
        let mut all = vec!["account", "add", "--password-stdin"];
        all.extend(arguments);
        run_with_input(config, &all, password)
    };
    let julie = ["julie@example.test", "--name", "Julie B.", "--quota", "5GiB", "--role", "owner"];
    let ended = add(&julie, "correct horse 1\n");
    assert_eq!((ended.status, ended.stdout.as_str(), ended.stderr.as_str()), (0, "", ""));
    let short = add(&["tom@example.test"], "short\n");
    assert_eq!(short.stderr, "the password needs at least 10 characters\n");
    assert_eq!(add(&["tom@example.test", "--mail-only"], "correct horse 2").status, 0);
    assert_eq!(add(&["tom@example.test"], "correct horse 2").status, 1);
    assert_eq!(add(&["tom@absent.test"], "correct horse 2").status, 1);
    assert_eq!(add(&["no address"], "correct horse 2").status, 1);
    assert_eq!(
        done(config, &["account", "list"]),
        "address             name      role          used  quota    state\n\
         julie@example.test  Julie B.  owner         0 B   5.0 GiB  active\n\
         tom@example.test              collaborator  0 B            active\n"
    );
    let passwd = ["account", "passwd", "tom@example.test", "--password-stdin"];
    assert_eq!(run_with_input(config, &passwd, "correct horse 3").status, 0);
    assert_eq!(done(config, &["account", "block", "tom@example.test"]), "");
    assert!(done(config, &["account", "show", "tom@example.test"]).contains("state     blocked\n"));
    assert_eq!(done(config, &["account", "unblock", "tom@example.test"]), "");
    assert_eq!(done(config, &["account", "maintenance", "tom@example.test"]), "");
    let shown = done(config, &["account", "show", "tom@example.test", "--json"]);
    assert!(shown.contains("\"maintenance\": true") && shown.contains("\"blocked\": false"));
    assert!(!shown.contains("argon2"));
    assert_eq!(done(config, &["account", "maintenance", "tom@example.test", "off"]), "");
    done(config, &["domain", "maintenance", "example.test"]);
    let shown = done(config, &["account", "show", "tom@example.test"]);
    assert!(shown.contains("state     maintenance (domain)\n"), "{shown}");
    assert!(done(config, &["account", "list"]).contains("maintenance (domain)"));
    done(config, &["domain", "maintenance", "example.test", "off"]);
    assert!(refused(config, &["account", "show", "x@example.test"]).contains("does not exist"));
    edits(config);
    capabilities(config);
}

fn edits(config: &Path) {
    let tom = "tom@example.test";
    let shown = || done(config, &["account", "show", tom]);
    let edit = |change: &[&str]| done(config, &[&["account", "edit", tom], change].concat());
    edit(&["--name", "Tom", "--quota", "1MiB", "--role", "external", "--plus-to-mailbox", "on"]);
    done(config, &["account", "time-zone", tom, "Europe/Zurich"]);
    assert_eq!(
        shown(),
        "address   tom@example.test\nname      Tom\nrole      external\nmail only yes\nshared\n\
         used      0 B\nquota     1.0 MiB\nstate     active\naliases\nimap off\nwithdrawn\n\
         plus      mailbox\nzone      Europe/Zurich\n"
    );
    edit(&["--quota", "none"]);
    assert!(shown().contains("name      Tom\nrole      external\n"));
    edit(&["--name", "", "--role", "collaborator", "--plus-to-mailbox", "off"]);
    done(config, &["account", "time-zone", tom, ""]);
    assert!(
        shown().contains("name\nrole      collaborator\n") && shown().contains("quota     none")
    );
    assert!(shown().contains("plus\nzone      UTC\n"));
    assert_eq!(
        refused(config, &["account", "edit", "x@example.test", "--name", "X"]),
        "x@example.test: account does not exist\n"
    );
    let long = "x".repeat(2_000);
    assert!(refused(config, &["account", "edit", tom, "--name", &long]).contains("too long"));
}

fn capabilities(config: &Path) {
    let switch = |state: &str, names: &[&str]| {
        let verb = ["account", "capability", "tom@example.test", state];
        done(config, &[&verb, names].concat());
        let shown = done(config, &["account", "show", "tom@example.test"]);
        shown.lines().find_map(|line| line.strip_prefix("imap off")).unwrap().trim().to_owned()
    };
    assert_eq!(switch("off", &["qresync", "COMPRESS=DEFLATE"]), "COMPRESS=DEFLATE QRESYNC");
    assert_eq!(switch("off", &["IDLE"]), "COMPRESS=DEFLATE IDLE QRESYNC");
    assert_eq!(switch("on", &["compress=deflate"]), "IDLE QRESYNC");
    assert_eq!(switch("on", &[]), "");
    assert_eq!(
        refused(config, &["account", "capability", "tom@example.test", "off", "QRESYNCX"]),
        "QRESYNCX: no IMAP capability of this server\n"
    );
}

/// R-ADDR-11.
fn limits(config: &Path) {
    let tom = "tom@example.test";
    let show = |more: &[&str]| done(config, &[&["account", "limits", tom], more].concat());
    let rows = |messages: &str, recipients: &str, redirections: &str| {
        format!(
            "sent today              0\nmessages per day        {messages}\n\
             recipients per message  {recipients}\nredirections            {redirections}\n"
        )
    };
    assert_eq!(show(&[]), rows("default", "default", "default"));
    assert_eq!(show(&["--redirections", "1"]), rows("default", "default", "1"));
    let add = ["redirect", "add", tom, "one@other.test", "--confirmed"];
    done(config, &add);
    let text = refused(config, &["redirect", "add", tom, "two@other.test", "--confirmed"]);
    assert!(text.ends_with("an account has at most 1 redirections\n"), "{text}");
    // What is not named stays as it is.
    assert_eq!(show(&["--messages-per-day", "5"]), rows("5", "default", "1"));
    let json = show(&["--recipients-per-message", "none", "--json"]);
    for part in
        [r#""messages_per_day": 5"#, r#""recipients_per_message": 0"#, r#""redirections": 1"#]
    {
        assert!(json.contains(part), "{json}");
    }
    done(config, &["redirect", "remove", tom, "one@other.test"]);
    let back = ["--messages-per-day", "--recipients-per-message", "--redirections"];
    let back: Vec<&str> = back.into_iter().flat_map(|option| [option, "default"]).collect();
    assert_eq!(show(&back), rows("default", "default", "default"));
}

fn aliases(config: &Path) {
    let tom = "tom@example.test";
    for i in 0..50 {
        done(config, &["alias", "add", tom, &format!("tom{i}@example.test")]);
    }
    assert_eq!(
        refused(config, &["alias", "add", tom, "tom50@example.test"]),
        "tom50@example.test for tom@example.test: an account has at most 50 aliases\n"
    );
    assert_eq!(done(config, &["alias", "list", tom]).lines().count(), 50);
    done(config, &["alias", "remove", tom, "tom7@example.test"]);
    assert!(!done(config, &["alias", "list", tom]).contains("tom7@"));
    // An alias shows the account it belongs to; an address with a detail does not.
    assert!(done(config, &["account", "show", "tom8@example.test"]).contains(tom));
    refused(config, &["account", "show", "tom+x@example.test"]);
    refused(config, &["alias", "add", tom, "julie@example.test"]);
    // A local part is one at the domain of the primary address.
    done(config, &["alias", "add", tom, "tom7"]);
    assert!(done(config, &["alias", "list", tom]).contains("tom7@example.test\n"));
    done(config, &["alias", "remove", tom, "tom7"]);
    assert!(!done(config, &["alias", "list", tom]).contains("tom7@"));
    assert_eq!(
        refused(config, &["alias", "add", tom, "a b"]),
        "a b: not an e-mail address, nor a local part\n"
    );
    let taken = refused(config, &["alias", "add", tom, "julie+shop@example.test"]);
    assert!(taken.contains("what stands before the + is somebody else's"), "{taken}");
}

fn mailboxes(config: &Path) {
    let tom = "tom@example.test";
    done(config, &["mailbox", "create", tom, "Projekte/Füße/2026"]);
    let listed = done(config, &["mailbox", "list", tom]);
    let names: Vec<_> = listed.lines().filter_map(|line| line.split("  ").next()).collect();
    assert_eq!(
        names,
        [
            "mailbox",
            "INBOX",
            "Archive",
            "Drafts",
            "Junk",
            "Projekte",
            "Projekte/Füße",
            "Projekte/Füße/2026",
            "Sent",
            "Trash",
        ]
    );
    done(config, &["mailbox", "rename", tom, "Projekte/Füße", "Projekte/Hände"]);
    assert!(done(config, &["mailbox", "list", tom]).contains("Projekte/Hände/2026"));
    refused(config, &["mailbox", "delete", tom, "Projekte"]);
    done(config, &["mailbox", "delete", tom, "Projekte/Hände/2026"]);
    assert!(!done(config, &["mailbox", "list", tom]).contains("Projekte"));
    refused(config, &["mailbox", "delete", tom, "INBOX"]);
    refused(config, &["mailbox", "create", tom, "a//b"]);
    let stats = done(config, &["mailbox", "stats", tom, "INBOX"]);
    assert_eq!(stats, "mailbox  messages  unseen  size\nINBOX    0         0       0 B\n");
    refused(config, &["mailbox", "stats", tom, "absent"]);
}

/// What is not there, or cannot be read, is named.
fn absent_names(config: &Path) {
    let tom = "tom@example.test";
    for (arguments, text) in [
        (&["responder", "activate", tom, "away"][..], "away of tom@example.test: responder"),
        (&["responder", "deactivate", tom, "away"], "away of tom@example.test: responder"),
        (&["responder", "edit", tom, "away"], "away of tom@example.test: responder"),
        (&["responder", "reset", tom, "away"], "away of tom@example.test: responder"),
        (&["responder", "remove", tom, "away"], "away of tom@example.test: responder"),
        (&["sieve", "get", tom, "mine"], "mine of tom@example.test: script"),
        (&["sieve", "check", tom, "mine"], "mine of tom@example.test: script"),
        (&["sieve", "activate", tom, "mine"], "mine of tom@example.test: script"),
        (&["sieve", "remove", tom, "mine"], "mine of tom@example.test: script"),
        (&["sieve", "rules", "get", tom], "rules of tom@example.test: script"),
        (&["app-password", "revoke", tom, "phone"], "phone of tom@example.test: app password"),
        (&["token", "revoke", tom, "ci"], "ci of tom@example.test: token"),
        (
            &["redirect", "remove", tom, "x@other.test"],
            "x@other.test for tom@example.test: redirection",
        ),
    ] {
        assert_eq!(refused(config, arguments), format!("{text} does not exist\n"));
    }
    let file = config.with_file_name("away.txt");
    fs::write(&file, "I am away.\n").unwrap();
    let add = ["responder", "add", tom, "away", "--text-file", file.to_str().unwrap()];
    for (option, value, text) in [
        ("--from-date", "tomorrow", "invalid: not a date or time such as 2026-07-01T08:00"),
        ("--until-date", "2026-02-30", "invalid: there is no such date or time"),
        ("--sender", "me", "invalid: not an e-mail address"),
        ("--exclude", "boss", "invalid: not an e-mail address"),
        ("--exclude", "@", "invalid: not an e-mail address"),
    ] {
        let told = refused(config, &[&add[..], &[option, value]].concat());
        assert_eq!(told, format!("{value}: {text}\n"));
    }
    for verb in ["show", "hold", "release", "retry", "remove"] {
        let told = refused(config, &["queue", verb, "999"]);
        assert!(told.starts_with("999: no such message waits"), "{told}");
        assert_eq!(refused(config, &["queue", verb, "x"]), "x: no number of a message\n");
    }
    assert_eq!(done(config, &["queue", "hold", "--all"]), "0 recipients\n");
}

fn removal(config: &Path) {
    let julie = "julie@example.test";
    let kept = format!("{julie}: not permitted: an organisation keeps its last owner\n");
    assert_eq!(refused(config, &["account", "remove", julie]), kept);
    assert_eq!(refused(config, &["account", "edit", julie, "--role", "administrator"]), kept);
    refused(config, &["domain", "remove", "example.test"]);
    done(config, &["account", "remove", "tom@example.test"]);
    done(config, &["account", "remove", "julie@example.test"]);
    done(config, &["domain", "alias", "remove", "example.test", "example.invalid"]);
    done(config, &["domain", "remove", "example.test"]);
    assert_eq!(done(config, &["domain", "list", "--json"]), "[]\n");
    assert_eq!(done(config, &["check-store"]), "ok\n");
}

#[test]
fn wrong_usage_is_status_2() {
    let site = Site::new("");
    for arguments in [
        &["account", "add"][..],
        &["account", "add", "julie@example.test"],
        &["account", "add", "julie@example.test", "--password", "x"],
        &["account", "add", "julie@example.test", "--password-stdin", "--quota", "5"],
        &["unheard-of"],
        &["quickstart", "--account", "julie@example.test"],
        // The port of ManageSieve would be none.
        &["quickstart", "--port-base", "61346"],
        &["account", "edit", "julie@example.test"],
        &["domain", "reports", "--days", "0"],
    ] {
        assert_eq!(run(&site.config, arguments).status, 2, "{arguments:?}");
    }
}

#[test]
fn the_version_names_what_is_built_in() {
    let printed = done(Path::new("unused.toml"), &["version"]);
    assert!(printed.starts_with(concat!("posthorn ", env!("CARGO_PKG_VERSION"), "\ncommit ")));
    assert!(printed.contains("\nengines sqlite postgresql\n"));
    assert!(printed.ends_with(
        "\nprotocols smtp lmtp submission submissions imap imaps pop3 pop3s managesieve http https\n"
    ));
    assert!(done(Path::new("unused.toml"), &["version", "--json"]).contains("\"commit\""));
}
