//! `posthorn bench`

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{Failure, Output};
use crate::bench::{
    BenchError, Credentials, Dialect, HttpPlan, ImapPlan, ImapTest, Report, SmtpPlan, Target, Tls,
    measure_http, measure_imap, measure_smtp,
};

/// LIMIT: nobody's password is longer, and a file given by mistake is not read whole.
const PASSWORD_BYTES_MAX: u64 = 1024;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Appends, fetches, stores, copies, signs in and idles.
    Imap(ImapArguments),
    /// Delivers messages over LMTP, SMTP or submission.
    Smtp(SmtpArguments),
    /// Sends requests over HTTP, as a file has them.
    Http(HttpArguments),
}

/// Which server, what work.
#[derive(clap::Args)]
struct Common {
    /// The server's host.
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// How the connection is encrypted. Certificates are not verified.
    #[arg(long, value_enum, default_value = "off")]
    tls: Tls,
    /// Read the password from the first line of standard input.
    #[arg(long, conflicts_with = "password_file")]
    password_stdin: bool,
    /// Read the password from the first line of this file.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The size of a message.
    #[arg(long, value_name = "BYTES", default_value = "8192",
          value_parser = clap::value_parser!(u32).range(2048..=64 << 20))]
    size: u32,
    /// Numbers of connections, one row for each.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1,10",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: Vec<u32>,
    /// Repetitions of each measurement.
    #[arg(long, value_name = "N", default_value = "5",
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// What the messages are made from: the same number, the same messages.
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
    /// Write the results to this file as JSON; `-` prints them instead of the table.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(super) struct ImapArguments {
    #[command(flatten)]
    common: Common,
    /// The server's port.
    #[arg(long, default_value = "10143")]
    port: u16,
    /// The account that signs in.
    #[arg(long, value_name = "ADDRESS")]
    user: String,
    /// What to measure; all but `sort`, `search`, `first-*`, `idle` and `watch` unless
    /// named.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "TEST,…",
        default_value = "append,fetch,store,store-one,copy,select,sign-in"
    )]
    tests: Vec<ImapTest>,
    /// The mailbox to work in. It is made, and emptied if it holds another number of messages.
    #[arg(long, value_name = "NAME", default_value = "bench", value_parser = mailbox_name)]
    mailbox: String,
    /// Messages in that mailbox.
    #[arg(long, value_name = "N", default_value = "5000",
          value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    messages: u32,
    /// Messages appended to fill it; the others are copies of these [default: all of them]. For
    /// mailboxes that would take too long to fill otherwise.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    distinct: Option<u32>,
    /// Messages of one run of APPEND and of `store-one` [default: a fifth of the mailbox].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    append_messages: Option<u32>,
    /// Seconds to wait before SEARCH is measured, for servers that index behind deliveries.
    #[arg(long, value_name = "SECONDS", default_value = "0",
          value_parser = clap::value_parser!(u32).range(..=3600))]
    settle: u32,
    /// Sign-ins of one run.
    #[arg(long, value_name = "N", default_value = "500",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    sign_ins: u32,
    /// Sign-ins at once.
    #[arg(long, value_name = "N", default_value = "10",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    sign_in_connections: u32,
    /// Connections of the idle test.
    #[arg(long, value_name = "N", default_value = "2000",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    idle_connections: u32,
    /// An account whose connections wait in the watch test, with the same password; more than one
    /// if given again.
    #[arg(long = "watcher", value_name = "ADDRESS", value_parser = address)]
    watchers: Vec<String>,
    /// Connections of the watch test, of all watchers together.
    #[arg(long, value_name = "N", default_value = "10000",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    watching_connections: u32,
    /// Where the watch test delivers over LMTP.
    #[arg(long, value_name = "PORT")]
    lmtp_port: Option<u16>,
    /// The server's process, on this machine; its memory and its children's is read.
    #[arg(long)]
    pid: Option<u32>,
}

#[derive(clap::Args)]
pub(super) struct SmtpArguments {
    #[command(flatten)]
    common: Common,
    /// The server's port.
    #[arg(long, default_value = "10024")]
    port: u16,
    /// What is spoken there.
    #[arg(long, value_enum, default_value = "lmtp")]
    protocol: Dialect,
    /// The account that signs in to submit.
    #[arg(long, value_name = "ADDRESS", required_if_eq("protocol", "submission"))]
    user: Option<String>,
    /// The sender of the messages [default: the account, or one elsewhere].
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    sender: Option<String>,
    /// Who gets the messages, in turn.
    #[arg(long = "recipient", value_name = "ADDRESS", required = true, value_parser = address)]
    recipients: Vec<String>,
    /// Send messages with DATA, even where the server offers CHUNKING.
    #[arg(long)]
    data: bool,
    /// Messages of one run.
    #[arg(long, value_name = "N", default_value = "1000",
          value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    messages: u32,
    /// Texts that are made, each for several messages [default: one for each]. For runs that would
    /// not fit into memory otherwise.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    distinct: Option<u32>,
}

#[derive(clap::Args)]
pub(super) struct HttpArguments {
    /// The server's host.
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// The server's port.
    #[arg(long, default_value = "10080")]
    port: u16,
    /// How the connection is encrypted. Certificates are not verified.
    #[arg(long, value_enum, default_value = "off")]
    tls: Tls,
    /// What is measured, as the table has it.
    #[arg(long, value_name = "WORDS", default_value = "requests")]
    name: String,
    /// Whole requests, each behind a line with its length in bytes.
    #[arg(long, value_name = "FILE")]
    requests: PathBuf,
    /// Send them on so many connections at once, and count how many a second; otherwise each is
    /// timed.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: Option<u32>,
    /// What the server has to answer.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "200")]
    status: Vec<u16>,
    /// Tell how often this text is in an answer.
    #[arg(long, value_name = "TEXT")]
    count: Option<String>,
    /// How often all of them are sent.
    #[arg(long, value_name = "N", default_value = "1",
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Write the results to this file as JSON; `-` prints them instead of the table.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(super) fn run(command: Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Imap(arguments) => imap(arguments, output),
        Command::Smtp(arguments) => smtp(arguments, output),
        Command::Http(arguments) => http(arguments, output),
    }
}

fn http(arguments: HttpArguments, output: &mut Output) -> Result<(), Failure> {
    let target = Target::new(&arguments.host, arguments.port, arguments.tls)?;
    let path = &arguments.requests;
    let file = fs::read(path);
    let file = file.map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    let plan = HttpPlan {
        name: arguments.name,
        requests: HttpPlan::requests_of(&file)?,
        connections: arguments.connections.map(count),
        statuses: arguments.status,
        counted: arguments.count,
        rounds: count(arguments.rounds),
    };
    show(&measure_http(&target, &plan)?, arguments.json.as_deref(), output)
}

fn imap(arguments: ImapArguments, output: &mut Output) -> Result<(), Failure> {
    let common = arguments.common;
    let target = Target::new(&common.host, arguments.port, common.tls)?;
    let append_messages = arguments.append_messages.unwrap_or(arguments.messages.div_ceil(5));
    let plan = ImapPlan {
        credentials: Credentials {
            user: arguments.user,
            password: common.password()?.ok_or_else(password_missing)?,
        },
        tests: arguments.tests,
        mailbox: arguments.mailbox,
        messages: count(arguments.messages),
        distinct: count(arguments.distinct.unwrap_or(arguments.messages)),
        append_messages: count(append_messages),
        size_bytes: count(common.size),
        connections: common.connections.iter().copied().map(count).collect(),
        rounds: count(common.rounds),
        settle_secs: arguments.settle.into(),
        sign_ins: count(arguments.sign_ins),
        sign_in_connections: count(arguments.sign_in_connections),
        idle_connections: count(arguments.idle_connections),
        watchers: arguments.watchers,
        watching_connections: count(arguments.watching_connections),
        host: common.host.clone(),
        lmtp_port: arguments.lmtp_port,
        pid: arguments.pid,
        seed: common.seed,
    };
    show(&measure_imap(&target, &plan)?, common.json.as_deref(), output)
}

fn smtp(arguments: SmtpArguments, output: &mut Output) -> Result<(), Failure> {
    let common = arguments.common;
    let target = Target::new(&common.host, arguments.port, common.tls)?;
    let credentials = match arguments.user {
        Some(user) => {
            let password = common.password()?.ok_or_else(password_missing)?;
            Some(Credentials { user, password })
        }
        None => None,
    };
    let sender = match (arguments.sender, &credentials) {
        (Some(sender), _) => sender,
        (None, Some(credentials)) => credentials.user.clone(),
        (None, None) => "bench@example.org".to_owned(),
    };
    let plan = SmtpPlan {
        dialect: arguments.protocol,
        credentials,
        sender,
        recipients: arguments.recipients,
        messages: count(arguments.messages),
        distinct: count(arguments.distinct.unwrap_or(arguments.messages)),
        size_bytes: count(common.size),
        connections: common.connections.iter().copied().map(count).collect(),
        rounds: count(common.rounds),
        seed: common.seed,
        data: arguments.data,
    };
    show(&measure_smtp(&target, &plan)?, common.json.as_deref(), output)
}

fn show(report: &Report, json: Option<&Path>, output: &mut Output) -> Result<(), Failure> {
    match json {
        Some(path) if path.as_os_str() == "-" => return output.json(report),
        Some(path) => {
            let text = serde_json::to_string_pretty(report)
                .map_err(|error| Failure::new(format!("cannot write JSON: {error}")))?;
            fs::write(path, text + "\n")
                .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        }
        None => {}
    }
    let number = |number: f64| format!("{number:.precision$}", precision = decimals(number));
    let rows = report.rows.iter().map(|row| {
        let unit = row.unit.as_str().to_owned();
        [row.name.clone(), number(row.median), number(row.best), unit]
    });
    output.table(["measured", "median", "best", "unit"], rows)
}

/// Three digits tell two servers apart; more would be noise.
fn decimals(number: f64) -> usize {
    match number.abs() {
        0.0..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    }
}

impl Common {
    fn password(&self) -> Result<Option<String>, Failure> {
        let (text, name) = if self.password_stdin {
            (first_line(io::stdin()), "standard input".to_owned())
        } else if let Some(path) = &self.password_file {
            (fs::File::open(path).and_then(first_line), path.display().to_string())
        } else {
            return Ok(None);
        };
        match text {
            Ok(password) if !password.is_empty() => Ok(Some(password)),
            Ok(_) => Err(Failure::new(format!("{name} holds no password"))),
            Err(error) => Err(Failure::new(format!("{name}: {error}"))),
        }
    }
}

fn first_line(source: impl Read) -> io::Result<String> {
    let mut text = String::new();
    source.take(PASSWORD_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn password_missing() -> Failure {
    Failure::Usage("a password is needed: --password-stdin or --password-file FILE".to_owned())
}

/// A number of the command line as one to count with.
fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// An atom, so that it can stand in commands as it is.
fn mailbox_name(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    if text.is_empty() || !text.bytes().all(fits) {
        return Err("letters, digits and - _ . / only".to_owned());
    }
    Ok(text.to_owned())
}

/// Something that can stand between < and > as it is.
fn address(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"<>".contains(&byte);
    if !text.contains('@') || !text.bytes().all(fits) {
        return Err("an address, such as julie@example.test".to_owned());
    }
    Ok(text.to_owned())
}

impl From<BenchError> for Failure {
    fn from(error: BenchError) -> Self {
        Self::new(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_about_three_digits() {
        let shown = |number: f64| format!("{number:.precision$}", precision = decimals(number));
        let all = [0.5, 4.512, 46.27, 135.4, 21_000.7, -3.0].map(shown);
        assert_eq!(all, ["0.50", "4.51", "46.3", "135", "21001", "-3.00"]);
    }

    #[test]
    fn what_goes_into_commands_cannot_leave_its_place() {
        assert!(mailbox_name("bench-1").is_ok());
        for name in ["", "a b", "a\r\nb", "a\"", "*"] {
            assert!(mailbox_name(name).is_err(), "{name:?}");
        }
        assert!(address("julie@example.test").is_ok());
        for text in ["", "julie", "a@b>", "a b@c", "a@b\r\nDATA"] {
            assert!(address(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_first_line_is_the_password() {
        assert_eq!(first_line(&b"secret\nmore"[..]).unwrap(), "secret");
        assert_eq!(first_line(&b"secret\r\n"[..]).unwrap(), "secret");
        assert_eq!(first_line(&b""[..]).unwrap(), "");
    }
}
