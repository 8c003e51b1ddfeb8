//! Starts the real binary and talks to it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};

/// What a finished command left behind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// The binary, with nothing of the caller's environment that would change it.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_posthorn"));
    command.env_remove("POSTHORN_CONFIG").env_remove("NOTIFY_SOCKET");
    command
}

/// Runs a command to its end.
pub(crate) fn run(config: &Path, arguments: &[&str]) -> Ended {
    run_with_input(config, arguments, "")
}

/// Runs a command that reads standard input.
pub(crate) fn run_with_input(config: &Path, arguments: &[&str], input: &str) -> Ended {
    let mut child = command()
        .arg("--config")
        .arg(config)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads nothing may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap().into()
}

/// Runs a command that must succeed; answers its output.
pub(crate) fn done(config: &Path, arguments: &[&str]) -> String {
    let ended = run(config, arguments);
    assert_eq!((ended.status, ended.stderr.as_str()), (0, ""), "{arguments:?}");
    ended.stdout
}

/// Runs a command that must fail; answers what it says.
pub(crate) fn refused(config: &Path, arguments: &[&str]) -> String {
    let ended = run(config, arguments);
    assert_eq!((ended.status, ended.stdout.as_str()), (1, ""), "{arguments:?}");
    ended.stderr
}

/// A running daemon.
pub(crate) struct Daemon {
    child: Child,
    /// What it printed up to `ready`.
    pub(crate) printed: String,
    log: Arc<Log>,
    reader: Option<JoinHandle<()>>,
}

/// What a daemon logged so far, and a way to wait for more of it.
#[derive(Default)]
struct Log {
    text: Mutex<String>,
    grown: Condvar,
}

impl Daemon {
    /// Starts it and waits for `ready`.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        let log = Arc::new(Log::default());
        let written = log.clone();
        let reader = std::thread::spawn(move || written.drain(stderr));
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut daemon = Self { child, printed: String::new(), log, reader: Some(reader) };
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap() == 0 {
                let log = daemon.whole_log();
                panic!("ended before `ready`:\n{}{log}", daemon.printed);
            }
            if line == "ready\n" {
                return daemon;
            }
            daemon.printed.push_str(&line);
        }
    }

    /// Starts `serve`.
    pub(crate) fn serve(config: &Path) -> Self {
        let mut command = command();
        command.arg("--config").arg(config).arg("serve");
        Self::start(command)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until the log holds `text`; the test run's own limit is the only one.
    pub(crate) fn wait_for_log(&self, text: &str) {
        let log = self.log.text.lock().unwrap();
        drop(self.log.grown.wait_while(log, |log| !log.contains(text)).unwrap());
    }

    /// Ends it as systemd would; answers its log.
    pub(crate) fn terminate(mut self) -> String {
        self.signal(Signal::TERM);
        let status = self.child.wait().unwrap();
        let log = self.whole_log();
        assert!(status.success(), "{status}\n{log}");
        log
    }

    /// The log of a daemon that ended.
    fn whole_log(&mut self) -> String {
        self.reader.take().unwrap().join().unwrap();
        self.log.text.lock().unwrap().clone()
    }
}

impl Drop for Daemon {
    /// After a failed assertion nothing may be left running.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Log {
    fn drain(&self, stderr: ChildStderr) {
        for line in BufReader::new(stderr).lines() {
            let mut text = self.text.lock().unwrap();
            text.push_str(&line.unwrap());
            text.push('\n');
            self.grown.notify_all();
        }
    }
}

/// The ports quickstart adds to its base.
const QUICKSTART: [u16; 11] = [24, 25, 80, 110, 143, 443, 465, 587, 993, 995, 4190];

/// A port base on which every port quickstart serves is free, and stays so: the ports lie below
/// those the kernel gives to connections and to listeners on port 0, and no test of this program
/// gets one another has.
pub(crate) fn free_port_base() -> u16 {
    static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut taken = TAKEN.lock().unwrap();
    let start = std::process::id() % 18_000;
    for step in 0..18_000 {
        let base = 10_000 + u16::try_from((start + step) % 18_000).unwrap();
        let free = |port: &u16| {
            !taken.contains(&(base + port))
                && TcpListener::bind((Ipv4Addr::LOCALHOST, base + port)).is_ok()
        };
        if QUICKSTART.iter().all(free) {
            taken.insert(base);
            taken.extend(QUICKSTART.iter().map(|port| base + port));
            return base;
        }
    }
    panic!("no free ports between 10,000 and 32,200");
}

/// One HTTP request; answers the status code and the body.
pub(crate) fn http(port: u16, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}
