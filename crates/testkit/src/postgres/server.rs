//! The server process: where its binaries are, who runs it, how it ends.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::Durability;

/// LIMIT: initialised and ready within a second on an idle machine; a loaded one gets two minutes.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// Stops the server and removes its directory when the pipe on its standard input closes, which
/// happens however the test process ends. `$1` is the directory, the rest the server's command.
/// TERM is "smart" shutdown to PostgreSQL and would wait for clients; INT does not.
const KEEPER: &str = r#"
trap '' INT TERM HUP
dir=$1; shift
"$@" &
server=$!
read -r _
kill -INT "$server" 2>/dev/null
wait "$server"
rm -rf "$dir"
"#;

/// A running server and the shell that ends it.
#[derive(Debug)]
pub(super) struct Server {
    keeper: Child,
    port: u16,
}

/// Who may connect to a server with TLS, and how.
const ACCESS_WITH_TLS: &str = "hostssl all scram 127.0.0.1/32 scram-sha-256\n\
                               hostssl all all 127.0.0.1/32 trust\n";

impl Server {
    pub(super) fn start(durability: Durability) -> Result<Self, String> {
        Self::start_in(settings(durability), |_, _| Ok(()))
    }

    pub(super) fn start_with_tls(certificate: &str, key: &str) -> Result<Self, String> {
        let mut settings = settings(Durability::Relaxed);
        settings.extend(["ssl=on", "ssl_cert_file=tls.crt", "ssl_key_file=tls.key"]);
        Self::start_in(settings, |user, dir| {
            let data = dir.join("data");
            let files =
                [("tls.crt", certificate), ("tls.key", key), ("pg_hba.conf", ACCESS_WITH_TLS)];
            files.iter().try_for_each(|(name, text)| write_file(user, &data.join(name), text))
        })
    }

    fn start_in(
        settings: Vec<&'static str>,
        prepare: impl FnOnce(Option<&str>, &Path) -> Result<(), String>,
    ) -> Result<Self, String> {
        let binaries = find_binaries()?;
        let user = find_user()?;
        let dir = make_directory(user.as_deref())?;
        let keep = |reason: String| {
            let _ = std::fs::remove_dir_all(&dir);
            reason
        };
        init(&binaries, user.as_deref(), &dir).map_err(keep)?;
        prepare(user.as_deref(), &dir).map_err(keep)?;
        // Another process may take the port between choosing and listening.
        let mut last = String::new();
        for _ in 0..5 {
            match Self::launch(&binaries, user.as_deref(), &dir, &settings) {
                Ok(server) => return Ok(server),
                Err(reason) => last = reason,
            }
        }
        Err(keep(last))
    }

    pub(super) fn url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}", self.port)
    }

    fn launch(
        binaries: &Path,
        user: Option<&str>,
        dir: &Path,
        settings: &[&str],
    ) -> Result<Self, String> {
        let port = free_port()?;
        let mut server = as_user(user, &binaries.join("postgres"));
        server.arg("-D").arg(dir.join("data")).arg("-k").arg(dir).arg("-p").arg(port.to_string());
        for setting in settings {
            server.arg("-c").arg(setting);
        }
        let mut keeper = Command::new("/bin/sh")
            .arg("-c")
            .arg(KEEPER)
            .arg("keeper")
            .arg(dir)
            .arg(server.get_program())
            .args(server.get_args())
            .env("LC_ALL", "C")
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("/bin/sh: {error}"))?;
        match wait_ready(&mut keeper) {
            Ok(()) => Ok(Self { keeper, port }),
            Err(reason) => {
                // The keeper would remove the directory that the next attempt needs.
                let _ = keeper.kill();
                let _ = keeper.wait();
                Err(reason)
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

fn settings(durability: Durability) -> Vec<&'static str> {
    let mut settings = vec![
        "listen_addresses=127.0.0.1",
        "max_connections=400",
        "shared_buffers=64MB",
        "log_min_messages=warning",
        "autovacuum_naptime=10min",
    ];
    if durability == Durability::Relaxed {
        settings.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"]);
    }
    settings
}

/// Waits for the line that says connections are accepted; keeps reading so that the server
/// never blocks on a full pipe.
fn wait_ready(keeper: &mut Child) -> Result<(), String> {
    let Some(stderr) = keeper.stderr.take() else {
        return Err("the server has no standard error".to_owned());
    };
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut seen = String::new();
        let mut waiting = Some(send);
        for line in BufReader::new(stderr).lines() {
            let Ok(line) = line else { break };
            if line.contains("database system is ready to accept connections") {
                waiting.take().map(|send| send.send(Ok(())));
            } else if waiting.is_some() {
                seen.push_str(&line);
                seen.push('\n');
                if line.contains("could not bind") || line.contains("FATAL") {
                    waiting.take().map(|send| send.send(Err(std::mem::take(&mut seen))));
                }
            }
        }
        if let Some(send) = waiting {
            let _ = send.send(Err(format!("the server ended:\n{seen}")));
        }
    });
    receive
        .recv_timeout(START_TIMEOUT)
        .unwrap_or_else(|_| Err(format!("not ready within {} s", START_TIMEOUT.as_secs())))
}

fn init(binaries: &Path, user: Option<&str>, dir: &Path) -> Result<(), String> {
    let output = as_user(user, &binaries.join("initdb"))
        // Not C, whose rules for letters end with ASCII: what depends on them must show.
        .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"])
        .args(["--no-sync", "-D"])
        .arg(dir.join("data"))
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("initdb: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("initdb failed:\n{}", String::from_utf8_lossy(&output.stderr)))
}

/// The newest version under `/usr/lib/postgresql`, else whatever `PATH` has.
fn find_binaries() -> Result<PathBuf, String> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    found.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    found
        .into_iter()
        .rev()
        .map(|(_, dir)| dir)
        .chain(std::env::split_paths(&path))
        .find(|dir| dir.join("postgres").is_file() && dir.join("initdb").is_file())
        .ok_or_else(|| {
            "no PostgreSQL here; `cargo xtask setup` or `apt-get install postgresql` installs it"
                .to_owned()
        })
}

/// PostgreSQL refuses to run as root: then somebody else must run it.
fn find_user() -> Result<Option<String>, String> {
    let uid = std::fs::metadata("/proc/self").map_err(|error| format!("/proc/self: {error}"))?;
    if uid.uid() != 0 {
        return Ok(None);
    }
    ["postgres", "nobody"]
        .into_iter()
        .find(|name| lookup(name).is_some())
        .map(|name| Some(name.to_owned()))
        .ok_or_else(|| "neither the user postgres nor nobody exists".to_owned())
}

/// The user and group number of a name in `/etc/passwd`.
fn lookup(name: &str) -> Option<(u32, u32)> {
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
    })
}

fn as_user(user: Option<&str>, program: &Path) -> Command {
    match user.and_then(lookup) {
        None => Command::new(program),
        Some((uid, gid)) => {
            let mut command = Command::new("setpriv");
            command
                .arg(format!("--reuid={uid}"))
                .arg(format!("--regid={gid}"))
                .args(["--clear-groups", "--"])
                .arg(program);
            command
        }
    }
}

fn make_directory(user: Option<&str>) -> Result<PathBuf, String> {
    let dir = tempfile::Builder::new()
        .prefix("posthorn-pg-")
        .tempdir_in("/tmp")
        .map_err(|error| format!("/tmp: {error}"))?
        .keep();
    let prepared =
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o700)).and_then(|()| {
            match user.and_then(lookup) {
                Some((uid, gid)) => std::os::unix::fs::chown(&dir, Some(uid), Some(gid)),
                None => Ok(()),
            }
        });
    prepared.map(|()| dir.clone()).map_err(|error| format!("{}: {error}", dir.display()))
}

/// A file that only the server's user reads.
fn write_file(user: Option<&str>, path: &Path, text: &str) -> Result<(), String> {
    let written = std::fs::write(path, text)
        .and_then(|()| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)))
        .and_then(|()| match user.and_then(lookup) {
            Some((uid, gid)) => std::os::unix::fs::chown(path, Some(uid), Some(gid)),
            None => Ok(()),
        });
    written.map_err(|error| format!("{}: {error}", path.display()))
}

fn free_port() -> Result<u16, String> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port on 127.0.0.1: {error}"))
}
