//! What `posthorn queue` says of mail for a server that is not there.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;

use serde_json::Value;

use crate::process::{Daemon, done, free_port_base, run_with_input};
use crate::verbs::Site;

/// Hands in a message of julie's, line by line.
fn submit(port: u16, to: &str, parameters: &str) {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let mut replies = BufReader::new(stream.try_clone().unwrap());
    let mut reply = |expected: &str| {
        let mut line = String::new();
        while line.is_empty() || line.get(3..4) == Some("-") {
            line.clear();
            assert_ne!(replies.read_line(&mut line).unwrap(), 0);
        }
        assert!(line.starts_with(expected), "{line}");
    };
    reply("220 ");
    let mail = format!("MAIL FROM:<julie@example.test>{parameters}");
    for (line, expected) in [
        ("EHLO here.test", "250 "),
        ("AUTH PLAIN AGp1bGllQGV4YW1wbGUudGVzdABjb3JyZWN0IGhvcnNlIDE=", "235 "),
        (&mail, "250 "),
        (&format!("RCPT TO:<{to}>"), "250 "),
        ("DATA", "354 "),
        ("From: julie@example.test\r\n\r\nHello.\r\n.", "250 "),
        ("QUIT", "221 "),
    ] {
        (&stream).write_all(format!("{line}\r\n").as_bytes()).unwrap();
        reply(expected);
    }
}

fn json(config: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&done(config, &[arguments, &["--json"]].concat())).unwrap()
}

#[test]
fn mail_that_waits_says_why() {
    let base = free_port_base();
    let (submission, nowhere) = (base + 587, base + 25);
    let site = Site::new(&format!(
        "[[listener]]\nprotocol = \"submission\"\nbind = \"127.0.0.1:{submission}\"\n\
         plaintext_auth = true\n\
         [[route]]\ndomain = \"dead.test\"\nhost = \"127.0.0.1:{nowhere}\"\n"
    ));
    let config = &site.config;
    done(config, &["domain", "add", "example.test"]);
    let add = ["account", "add", "julie@example.test", "--password-stdin"];
    assert_eq!(run_with_input(config, &add, "correct horse 1\n").status, 0);
    let daemon = Daemon::serve(config);
    submit(submission, "first@dead.test", "");
    daemon.wait_for_log("deferred");
    submit(submission, "second@dead.test", "");
    submit(submission, "later@dead.test", " HOLDFOR=86400");
    let said = format!("4.4.1 127.0.0.1[127.0.0.1]:{nowhere} ");

    let found = json(config, &["queue", "destinations"]);
    let dead = &found[0];
    assert_eq!(dead["destination"], "dead.test", "{found}");
    assert!(dead["failures"].as_u64().unwrap() > 0, "{found}");
    assert!(dead["answer"].as_str().unwrap().starts_with(&said), "{found}");
    let text = done(config, &["queue", "destinations"]);
    assert!(text.lines().next().unwrap().ends_with("last answer"), "{text}");
    assert!(text.contains(&said), "{text}");

    let listed = json(config, &["queue", "list"]);
    for (row, state) in listed.as_array().unwrap().iter().zip(["deferred", "", "scheduled"]) {
        let recipient = &row["recipients"][0];
        // When it is tried again the second has an answer of its own.
        let (key, other) = match recipient["state"].as_str().unwrap() {
            "waiting" => ("domain_answer", "answer"),
            found => {
                assert!(state.is_empty() || found == state, "{row}");
                ("answer", "domain_answer")
            }
        };
        if state != "scheduled" {
            assert!(recipient[key].as_str().unwrap().starts_with(&said), "{row}");
        }
        assert_eq!(recipient[other].as_str().unwrap_or_default(), "", "{row}");
    }

    for end in [None, Some(daemon)] {
        end.map(Daemon::terminate);
        let totals = json(config, &["queue", "stats"]);
        assert_eq!((&totals["messages"], &totals["scheduled"]), (&3.into(), &1.into()));
        let count = |key: &str| totals[key].as_u64().unwrap();
        assert_eq!(count("fresh") + count("deferred") + count("active"), 2, "{totals}");
        let text = done(config, &["queue", "stats"]);
        assert!(text.contains("\nscheduled  1\n"), "{text}");
    }
    // What was found out is with the daemon; what waits is in the store.
    let found = json(config, &["queue", "destinations"]);
    assert_eq!((&found[0]["waiting"], &found[0]["answer"]), (&3.into(), &Value::Null));
    assert_eq!(done(config, &["check-store"]), "ok\n");
}
