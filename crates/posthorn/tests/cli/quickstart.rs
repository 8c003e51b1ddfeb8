//! `posthorn quickstart`, run once and again.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::process::{Daemon, command, done, free_port_base, http};

fn quickstart(directory: &Path, more: &[&str]) -> Command {
    let mut command = command();
    command.arg("quickstart").arg("--dir").arg(directory).args(more);
    command
}

/// What the ManageSieve server says first of ways to sign in, without TLS.
fn sieve_mechanisms(port: u16) -> String {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    lines.find(|line| line.starts_with("\"SASL\"")).unwrap()
}

#[test]
fn everything_on_one_machine() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("demo");
    let config = data.join("posthorn.toml");
    let base = free_port_base();
    let ports = base.to_string();

    let first = Daemon::start(quickstart(&data, &["--port-base", &ports]));
    assert!(first.printed.contains("  user@example.test   password "), "{}", first.printed);
    for port in [25, 24, 587, 465, 143, 993, 110, 995, 4190, 80] {
        let port = (base + port).to_string();
        assert!(first.printed.contains(&port), "{port} {}", first.printed);
    }
    assert_eq!(http(base + 80, "GET /readyz").0, 200);
    let mechanisms = sieve_mechanisms(base + 4190);
    assert!(mechanisms.contains("PLAIN"), "{mechanisms}");
    assert_eq!(done(&config, &["domain", "list", "--json"]).matches("name").count(), 1);
    first.terminate();

    // Again: nothing is made anew, and what was not asked for stays.
    let again = Daemon::start(quickstart(&data, &[]));
    assert!(again.printed.contains("  user@example.test\n"), "{}", again.printed);
    assert_eq!(http(base + 80, "GET /healthz").0, 200);
    again.terminate();

    // Again with wishes: another account in another domain, other ports.
    let other = free_port_base();
    let ports = other.to_string();
    let more = ["--port-base", &ports, "--account", "Julie@other.test:a:b"];
    let wishes = Daemon::start(quickstart(&data, &more));
    assert!(wishes.printed.contains("  user@example.test\n  Julie@other.test\n"));
    assert!(!wishes.printed.contains("a:b"));
    assert_eq!(http(other + 80, "GET /healthz").0, 200);
    assert_eq!(done(&config, &["domain", "list", "--json"]).matches("name").count(), 2);
    wishes.terminate();
    assert_eq!(done(&config, &["check-store"]), "ok\n");
}

#[test]
fn what_is_refused_changes_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("posthorn.toml");
    let refused = |more: &[&str]| {
        let ended = quickstart(directory.path(), more).output().unwrap();
        assert_eq!((ended.status.code(), ended.stdout.as_slice()), (Some(1), &b""[..]));
        String::from_utf8(ended.stderr).unwrap()
    };
    assert_eq!(refused(&["--domain", "no domain"]), "no domain: not a domain name\n");
    assert!(!config.exists());
    let ports = free_port_base().to_string();
    let daemon = Daemon::start(quickstart(directory.path(), &["--port-base", &ports]));
    let before = fs::read(&config).unwrap();
    let mode = fs::metadata(&config).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let other = free_port_base().to_string();
    assert!(refused(&["--port-base", &other]).contains("is in use"));
    assert_eq!(fs::read(&config).unwrap(), before);
    daemon.terminate();
}

#[test]
fn given_accounts_and_domain_are_made() {
    let directory = tempfile::tempdir().unwrap();
    let ports = free_port_base().to_string();
    let more = [
        "--port-base",
        &ports,
        "--domain",
        "demo.test",
        "--account",
        "julie@demo.test:secret",
        "--account",
        "tom@demo.test:secret2",
    ];
    let daemon = Daemon::start(quickstart(directory.path(), &more));
    let config = directory.path().join("posthorn.toml");
    let listed = done(&config, &["account", "list"]);
    assert_eq!(listed.lines().count(), 3, "{listed}");
    assert!(listed.contains("owner") && listed.contains("collaborator"), "{listed}");
    assert!(!daemon.printed.contains("example.test"), "{}", daemon.printed);
    daemon.terminate();
    // The same command line again leads to the same server.
    Daemon::start(quickstart(directory.path(), &more)).terminate();
    assert_eq!(done(&config, &["account", "list"]), listed);
}
