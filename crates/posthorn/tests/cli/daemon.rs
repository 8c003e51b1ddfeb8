//! The daemon's life: who owns the data, signals, HTTP.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;

use rustix::process::Signal;

use crate::process::{Daemon, command, done, free_port_base, http, refused};
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

#[test]
fn metrics_can_have_an_address_of_their_own() {
    let port = free_port_base();
    let site = Site::new(&format!("[metrics]\nbind = \"127.0.0.1:{port}\"\n"));
    let daemon = Daemon::serve(&site.config);
    assert_eq!(http(site.http, "GET /metrics").0, 404);
    let (status, page) = http(port, "GET /metrics");
    assert_eq!(status, 200);
    for family in [
        "posthorn_connections_active{listener=\"http\"} ",
        "posthorn_session_panics_total{listener=\"http\"} 0\n",
        "posthorn_storage_commits_total ",
        "posthorn_storage_commit_seconds_total ",
        "posthorn_sign_ins_total{result=\"failed\"} 0\n",
    ] {
        assert!(page.contains(family), "{family} in {page}");
    }
    daemon.terminate();
}

#[test]
fn systemd_is_told_of_every_turn() {
    let site = Site::new("");
    let path = site.config.with_file_name("notify.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    let told = || {
        let mut bytes = [0; 1024];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    };
    let mut command = command();
    command.env("NOTIFY_SOCKET", &path).arg("--config").arg(&site.config).arg("serve");
    let daemon = Daemon::start(command);
    assert_eq!(told(), "READY=1\n");
    daemon.signal(Signal::HUP);
    assert!(told().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(told(), "READY=1\n");
    daemon.terminate();
    assert_eq!(told(), "STOPPING=1\n");
}

#[test]
fn hang_up_reads_the_tls_files_again() {
    let listener = "[[listener]]\nprotocol = \"imaps\"\nbind = \"127.0.0.1:0\"\n";
    let site = Site::new(listener);
    let [certificate, key] =
        ["certificate.pem", "key.pem"].map(|name| site.config.with_file_name(name));
    let make = || {
        net::generate_self_signed(&certificate, &key, &["mail.example.test".to_owned()]).unwrap();
    };
    make();
    let files = format!(
        "mode = \"files\"\ncertificate = \"{}\"\nkey = \"key.pem\"\n",
        certificate.display()
    );
    let text = fs::read_to_string(&site.config).unwrap();
    fs::write(&site.config, text.replace("mode = \"self-signed\"\n", &files)).unwrap();
    let daemon = Daemon::serve(&site.config);
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("TLS files are unchanged");
    make();
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("TLS files reloaded");
    fs::write(&key, "no key").unwrap();
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("the old certificate stays in use");
    daemon.terminate();
}

#[test]
fn what_is_kept_is_private_however_long_its_path() {
    let site = Site::new("");
    // A socket address holds 107 bytes; this directory's name alone has more.
    let data = format!("data/{}", "x".repeat(150));
    let text =
        fs::read_to_string(&site.config).unwrap().replace("\"data\"", &format!("\"{data}\""));
    fs::write(&site.config, text).unwrap();
    let daemon = Daemon::serve(&site.config);
    done(&site.config, &["domain", "add", "example.test"]);
    let data = site.config.with_file_name(data);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for entry in fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
    }
    daemon.terminate();
}

#[test]
fn the_control_socket_refuses_what_it_does_not_know() {
    let site = Site::new("");
    let daemon = Daemon::serve(&site.config);
    let path = site.config.with_file_name("data/control.sock");
    for line in ["{\"unheard-of\":{}}\n", "\n", "\u{0}\u{1}\n", "{\"domain-list\":"] {
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.write_all(line.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("{\"refused\":"), "{line:?} {answer:?}");
    }
    assert!(!daemon.terminate().contains("panic"));
    assert!(!path.exists());
}
