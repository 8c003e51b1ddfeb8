//! The daemon's life: who owns the data, signals, HTTP.

use std::fs;

use rustix::process::Signal;

use crate::process::{Daemon, command, done, http, refused};
use crate::verbs::Site;

#[test]
fn a_second_daemon_is_refused() {
    let site = Site::new("");
    let daemon = Daemon::serve(&site.config);
    let text = refused(&site.config, &["serve"]);
    assert!(text.contains("is in use"), "{text}");
    daemon.terminate();
    Daemon::serve(&site.config).terminate();
}

#[test]
fn a_killed_daemon_leaves_nothing_in_the_way() {
    let site = Site::new("");
    let daemon = Daemon::serve(&site.config);
    daemon.signal(Signal::KILL);
    drop(daemon);
    done(&site.config, &["domain", "add", "example.test"]);
    let daemon = Daemon::serve(&site.config);
    assert!(done(&site.config, &["domain", "list"]).contains("example.test"));
    daemon.terminate();
}

#[test]
fn operators_read_health_and_metrics() {
    let site = Site::new("");
    let daemon = Daemon::serve(&site.config);
    for (request, status, body) in [
        ("GET /healthz", 200, "ok\n"),
        ("HEAD /healthz", 200, ""),
        ("GET /readyz", 200, "ready\n"),
        ("POST /healthz", 405, "method not allowed\n"),
        ("GET /", 404, "not found\n"),
    ] {
        assert_eq!(http(site.http, request), (status, body.to_owned()), "{request}");
    }
    let (status, page) = http(site.http, "GET /metrics");
    assert_eq!(status, 200);
    assert!(page.contains("posthorn_connections_accepted_total{listener=\"http\"} 6\n"), "{page}");
    assert!(page.ends_with("# EOF\n"));
    daemon.terminate();
}

#[test]
fn metrics_are_for_those_they_are_allowed_to() {
    let site = Site::new("[metrics]\nallow = [\"192.0.2.0/24\"]\n");
    let daemon = Daemon::serve(&site.config);
    assert_eq!(http(site.http, "GET /metrics").0, 404);
    daemon.terminate();
}

#[test]
fn hang_up_takes_up_what_can_change_and_names_what_cannot() {
    let site = Site::new("");
    let daemon = Daemon::serve(&site.config);
    let changed = fs::read_to_string(&site.config).unwrap().replace("mail.example", "mx.example")
        + "[log]\nlevel = \"debug\"\n";
    fs::write(&site.config, changed).unwrap();
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("configuration reloaded");
    let log = daemon.terminate();
    assert!(log.contains("takes effect with the next start"), "{log}");
    assert!(log.contains("hostname"), "{log}");
}

#[test]
fn a_reload_of_a_bad_file_changes_nothing() {
    let site = Site::new("");
    let daemon = Daemon::serve(&site.config);
    fs::write(&site.config, "hostnam = 3\n").unwrap();
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("the old configuration stays in use");
    let log = daemon.terminate();
    assert!(log.contains("posthorn.toml:1:hostnam"), "{log}");
}

#[test]
fn json_logs_are_one_object_a_line() {
    let site = Site::new("[log]\nformat = \"json\"\n");
    let log = Daemon::serve(&site.config).terminate();
    assert!(log.lines().count() > 1);
    assert!(log.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{log}");
}

#[test]
fn a_port_in_use_is_named() {
    let site = Site::new("");
    let daemon = Daemon::serve(&site.config);
    let other = site.config.with_file_name("other.toml");
    let text = fs::read_to_string(&site.config).unwrap().replace("\"data\"", "\"data2\"");
    fs::write(&other, text).unwrap();
    let ended = command().arg("--config").arg(&other).arg("serve").output().unwrap();
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        stderr.contains(&format!("http: cannot listen on 127.0.0.1:{}", site.http)),
        "{stderr}"
    );
    daemon.terminate();
}
