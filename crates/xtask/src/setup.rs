//! Installs what the tests need and a fresh Debian machine lacks.

use std::path::PathBuf;

use crate::shell;

/// What to install for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The mail programs and the database that tests run against.
    Tests,
    /// Beyond that, the servers that benchmarks compare with.
    Benchmarks,
}

/// A program and the Debian package that brings it.
const FOR_TESTS: &[(&str, &str)] = &[
    ("swaks", "swaks"),
    ("curl", "curl"),
    ("mbsync", "isync"),
    ("mutt", "mutt"),
    ("offlineimap", "offlineimap3"),
    ("getmail", "getmail6"),
    ("fetchmail", "fetchmail"),
    ("postfix", "postfix"),
    ("nsd", "nsd"),
    ("opendkim-testmsg", "opendkim-tools"),
    ("unbound", "unbound"),
    ("ldns-signzone", "ldnsutils"),
    ("aerc", "aerc"),
    ("imapfilter", "imapfilter"),
    ("thunderbird", "thunderbird"),
    ("msmtp", "msmtp"),
    ("gsasl", "gsasl"),
    // What accounts are copied from and to; no daemon of it is used.
    ("dovecot", "dovecot-imapd"),
    // What mail is checked by.
    ("rspamd", "rspamd"),
    ("clamd", "clamav-daemon"),
    ("clamav-milter", "clamav-milter"),
    ("opendkim", "opendkim"),
    ("/usr/lib/python3/dist-packages/Milter/__init__.py", "python3-milter"),
    // What works with files over WebDAV.
    ("litmus", "litmus"),
    ("sieve-connect", "sieve-connect"),
    ("cadaver", "cadaver"),
    ("mount.davfs", "davfs2"),
    // A server of ACME made for tests.
    ("pebble", "pebble"),
    ("strace", "strace"),
    ("setpriv", "util-linux"),
    ("python3", "python3"),
];

const FOR_BENCHMARKS: &[(&str, &str)] = &[("/usr/lib/dovecot/lmtp", "dovecot-lmtpd")];

/// Outside Python packages, all of them in a venv of our own.
const PYTHON_PACKAGES: &[&str] = &[
    "IMAPClient==3.0.1",
    "moto[server]==5.2.5",
    // Signatures and seals of mail, with what they need for Ed25519, results and the DNS.
    "dkimpy==1.1.8",
    "PyNaCl==1.6.2",
    "authres==1.2.0",
    "dnspython==2.9.2",
    // Calendars and address books in step with folders of files.
    "vdirsyncer==0.20.0",
    // Scripts edited over ManageSieve.
    "managesieve==0.8.1",
    // Invitations.
    "caldav==3.6.0",
    // It only finds its own time zones again where vobject is there, which it does not ask for.
    "caldav-server-tester==1.7.0",
    "vobject==0.9.9",
    // What recurrences are compared with.
    "python-dateutil==2.9.0.post0",
    "recurring-ical-events==3.8.2",
    // A server that takes mail from who signs in.
    "aiosmtpd==1.4.6",
    // What Thunderbird is told by.
    "marionette_driver==3.4.0",
    // A chat program of phones that speaks IMAP and submission.
    "deltachat-rpc-server==2.65.0",
    "deltachat-rpc-client==2.65.0",
    // Events, tasks and contacts on two machines.
    "khal==0.14.1",
    "todoman==4.7.0",
    "khard==0.22.0",
];

/// Installs what is missing; does nothing where nothing is.
pub(crate) fn run(purpose: Purpose) -> Result<(), String> {
    let missing = missing_packages(purpose);
    if !missing.is_empty() {
        install(&missing)?;
    }
    install_python_packages()?;
    println!("setup: ok");
    Ok(())
}

/// The Python with the packages the tests import.
pub(crate) fn venv_python() -> PathBuf {
    shell::target_dir().join("venv/bin/python3")
}

fn missing_packages(purpose: Purpose) -> Vec<&'static str> {
    let mut wanted = FOR_TESTS.to_vec();
    if purpose == Purpose::Benchmarks {
        wanted.extend(FOR_BENCHMARKS);
    }
    let mut missing: Vec<&str> = wanted
        .into_iter()
        .filter(|(program, _)| shell::find_program(program).is_none())
        .map(|(_, package)| package)
        .collect();
    let postgresql =
        std::fs::read_dir("/usr/lib/postgresql").is_ok_and(|mut dir| dir.next().is_some());
    if !postgresql && shell::find_program("initdb").is_none() {
        missing.push("postgresql");
    }
    // swaks only recommends what it needs for TLS.
    for (program, args, package) in [
        ("python3", ["-c", "import ensurepip, venv"], "python3-venv"),
        ("perl", ["-MNet::SSLeay", "-e1"], "libnet-ssleay-perl"),
    ] {
        let done = shell::command(program, &args).output();
        if !done.is_ok_and(|output| output.status.success()) {
            missing.push(package);
        }
    }
    missing
}

fn install(packages: &[&str]) -> Result<(), String> {
    let apt = |args: &[&str]| {
        let mut words = vec!["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"];
        words.extend(["-o", "DPkg::Lock::Timeout=300", "-q", "-y"]);
        words.extend(args);
        if !is_root() {
            words.insert(0, "sudo");
        }
        shell::run(shell::command(words[0], &words[1..]))
    };
    if shell::find_program("apt-get").is_none() {
        return Err(format!("please install: {}", packages.join(" ")));
    }
    apt(&["update"])?;
    let mut args = vec!["install", "--no-install-recommends"];
    args.extend(packages);
    apt(&args)
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

fn install_python_packages() -> Result<(), String> {
    let python = venv_python();
    let imports = shell::command(
        &python.to_string_lossy(),
        &[
            "-c",
            "import imapclient, moto.server, dkim, nacl, authres, vdirsyncer, managesieve, caldav, \
             caldav_server_tester, vobject, khal, todoman, khard, deltachat_rpc_client, \
             marionette_driver, recurring_ical_events, dateutil, aiosmtpd",
        ],
    )
    .output();
    if imports.is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    let venv = shell::target_dir().join("venv");
    shell::run(shell::command("python3", &["-m", "venv", &venv.to_string_lossy()]))?;
    let mut args = vec!["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    args.extend(PYTHON_PACKAGES);
    shell::run(shell::command(&python.to_string_lossy(), &args))
}
