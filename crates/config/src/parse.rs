//! From the text of a file to a [`Config`], or to everything that is wrong with it.

mod check;

use std::collections::HashMap;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::options::{
    Acme, Activity, Auth, Authenticity, BlockList, Calendar, Certificate, Check, Config, Dav,
    Delivery, General, Imap, ImapClient, Limits, Listener, Log, Metrics, MtaSts, Peers, Pop3,
    Queue, Route, Rspamd, Search, Section, SentReports, Storage, Submission, Tls,
};
use crate::problem::{Problem, Problems};
use crate::reader::{Source, TableReader};

/// What a file says in words that other crates know.
#[derive(Debug, Clone, Copy)]
pub struct Vocabulary {
    /// Whether it is an IMAP capability that can be switched off.
    pub is_capability: fn(&str) -> bool,
}

impl Vocabulary {
    /// Takes every word.
    pub const ANY: Self = Self { is_capability: |_| true };
}

/// Reads the bytes of a file. `file` is only named in problems, and its directory is where
/// relative paths start.
pub fn read_file(bytes: &[u8], file: &Path, words: Vocabulary) -> Result<Config, Problems> {
    match std::str::from_utf8(bytes) {
        Ok(text) => parse_with(text, file, words),
        Err(error) => {
            let before = bytes.get(..error.valid_up_to()).unwrap_or(bytes);
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            let text = "the file holds bytes that are not UTF-8".to_owned();
            let problem = Problem { line, key: String::new(), text };
            Err(Problems { file: file.to_owned(), list: vec![problem] })
        }
    }
}

/// Reads a configuration whose words are believed.
pub fn parse(text: &str, file: &Path) -> Result<Config, Problems> {
    parse_with(text, file, Vocabulary::ANY)
}

fn parse_with(text: &str, file: &Path, words: Vocabulary) -> Result<Config, Problems> {
    let directory = file.parent().unwrap_or(Path::new(""));
    let source = Source::new(text, directory, words);
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let offset = error.span().map_or(0, |span| span.start);
        // Where a key is the matter, the error spans it; else no key is known.
        let spanned = error.span().and_then(|span| text.get(span)).unwrap_or("");
        let key = if error.message() == "duplicate key" { spanned.trim() } else { "" };
        source.report(offset, key, error.message().replace('\n', " "));
    }
    // After an error of syntax the keys are guesses, so nothing more is said about them.
    let config = if errors.is_empty() { read(&source, root.get_ref()) } else { None };
    let list = source.into_problems();
    match config {
        Some(config) if list.is_empty() => Ok(config),
        _ => Err(Problems { file: file.to_owned(), list }),
    }
}

fn read(source: &Source<'_>, root: &DeTable<'_>) -> Option<Config> {
    let mut top = TableReader::new(source, General::NAME, Some(root), 0);
    top.refuse_unknown(&top_keys());
    let general = General::read(&mut top);
    let storage = section::<Storage>(source, root, |_, _| {});
    let search = section::<Search>(source, root, |_, _| {});
    let tls = section::<Tls>(source, root, check::tls);
    let certificates = repeated::<Certificate>(source, root, |_, _| {});
    let listeners = read_listeners(source, root);
    let mode_at = match root.get(Tls::NAME).map(Spanned::get_ref) {
        Some(DeValue::Table(table)) => table.get("mode").map_or(0, |mode| mode.span().start),
        _ => 0,
    };
    let mode = tls.as_ref().map(|tls| (tls.mode, mode_at));
    let served = listeners.as_deref().unwrap_or_default();
    let acme =
        section::<Acme>(source, root, |acme, reader| check::acme(acme, mode, served, reader));
    let mta_sts = section::<MtaSts>(source, root, check::mta_sts);
    let imap_clients = repeated::<ImapClient>(source, root, check::imap_client);
    let limits = section::<Limits>(source, root, check::limits);
    let auth = section::<Auth>(source, root, check::auth);
    let activity = section::<Activity>(source, root, |_, _| {});
    let queue = section::<Queue>(source, root, check::queue);
    let routes = repeated::<Route>(source, root, check::route);
    let authenticity = section::<Authenticity>(source, root, check::authenticity);
    let sent_reports = section::<SentReports>(source, root, check::sent_reports);
    let submission = section::<Submission>(source, root, |_, _| {});
    let delivery = section::<Delivery>(source, root, |_, _| {});
    let peers = section::<Peers>(source, root, |_, _| {});
    let block_lists = repeated::<BlockList>(source, root, |_, _| {});
    let checks = repeated::<Check>(source, root, |_, _| {});
    let rspamd = section::<Rspamd>(source, root, |_, _| {});
    let imap = section::<Imap>(source, root, |_, _| {});
    let pop3 = section::<Pop3>(source, root, |_, _| {});
    let calendar = section::<Calendar>(source, root, check::calendar);
    let dav = section::<Dav>(source, root, check::dav);
    let log = section::<Log>(source, root, |_, _| {});
    let metrics = section::<Metrics>(source, root, |_, _| {});
    let General { hostname, web_url, data_dir } = general?;
    Some(Config {
        hostname,
        web_url,
        data_dir,
        storage: storage?,
        search: search?,
        tls: tls?,
        certificates: certificates?,
        acme: acme?,
        mta_sts: mta_sts?,
        listeners: listeners?,
        imap_clients: imap_clients?,
        limits: limits?,
        auth: auth?,
        activity: activity?,
        queue: queue?,
        routes: routes?,
        authenticity: authenticity?,
        sent_reports: sent_reports?,
        submission: submission?,
        delivery: delivery?,
        peers: peers?,
        block_lists: block_lists?,
        checks: checks?,
        rspamd: rspamd?,
        imap: imap?,
        pop3: pop3?,
        calendar: calendar?,
        dav: dav?,
        log: log?,
        metrics: metrics?,
    })
}

fn keys<S: Section>() -> Vec<&'static str> {
    S::ROWS.iter().map(|row| row.key).collect()
}

/// What may stand at the top of a file.
pub(crate) fn top_keys() -> Vec<&'static str> {
    let mut known = keys::<General>();
    known.extend([Storage::NAME, Search::NAME, Tls::NAME, Listener::NAME, Limits::NAME]);
    known.extend([Auth::NAME, Imap::NAME, Pop3::NAME, Log::NAME, Metrics::NAME]);
    known.extend([ImapClient::NAME, Queue::NAME, Route::NAME, Authenticity::NAME]);
    known.extend([Certificate::NAME, Acme::NAME, MtaSts::NAME, Rspamd::NAME, SentReports::NAME]);
    known.extend([Activity::NAME, Calendar::NAME, Dav::NAME, Delivery::NAME]);
    known.extend([Peers::NAME, BlockList::NAME, Check::NAME, Submission::NAME]);
    known
}

/// Reads a table that stands at most once; absent, every option has its default.
fn section<S: Section>(
    source: &Source<'_>,
    root: &DeTable<'_>,
    check: impl Fn(&S, &TableReader<'_>),
) -> Option<S> {
    let found = root.get(S::NAME);
    let table = match found.map(Spanned::get_ref) {
        None => None,
        Some(DeValue::Table(table)) => Some(table),
        Some(_) => {
            let offset = found.map_or(0, |value| value.span().start);
            source.report(offset, S::NAME, format!("expected a table: [{}]", S::NAME));
            return None;
        }
    };
    let offset = found.map_or(0, |value| value.span().start);
    read_table(source, table, offset, check)
}

fn read_table<S: Section>(
    source: &Source<'_>,
    table: Option<&DeTable<'_>>,
    offset: usize,
    check: impl Fn(&S, &TableReader<'_>),
) -> Option<S> {
    let mut reader = TableReader::new(source, S::NAME, table, offset);
    reader.refuse_unknown(&keys::<S>());
    let section = S::read(&mut reader)?;
    check(&section, &reader);
    Some(section)
}

/// Reads a table that stands as often as it is wanted, or not at all.
fn repeated<S: Section>(
    source: &Source<'_>,
    root: &DeTable<'_>,
    check: impl Fn(&S, &TableReader<'_>),
) -> Option<Vec<S>> {
    let Some(found) = root.get(S::NAME) else { return Some(Vec::new()) };
    let DeValue::Array(tables) = found.get_ref() else {
        let text = format!("expected a list of tables: [[{}]]", S::NAME);
        source.report(found.span().start, S::NAME, text);
        return None;
    };
    let mut read = Vec::new();
    for value in tables.iter() {
        let offset = value.span().start;
        let DeValue::Table(table) = value.get_ref() else {
            source.report(offset, S::NAME, format!("expected a table: [[{}]]", S::NAME));
            continue;
        };
        read.extend(read_table::<S>(source, Some(table), offset, &check));
    }
    (read.len() == tables.len()).then_some(read)
}

fn read_listeners(source: &Source<'_>, root: &DeTable<'_>) -> Option<Vec<Listener>> {
    let found = root.get(Listener::NAME);
    let offset = found.map_or(0, |value| value.span().start);
    let Some(DeValue::Array(tables)) = found.map(Spanned::get_ref) else {
        let text = match found {
            Some(_) => "expected a list of tables: [[listener]]",
            None => "no [[listener]] stands in the file, so nothing would be served",
        };
        source.report(offset, Listener::NAME, text);
        return None;
    };
    if tables.is_empty() {
        source.report(offset, Listener::NAME, "the list is empty, so nothing would be served");
        return None;
    }
    let mut listeners = Vec::new();
    let mut taken = HashMap::new();
    for value in tables.iter() {
        let offset = value.span().start;
        let DeValue::Table(table) = value.get_ref() else {
            source.report(offset, Listener::NAME, "expected a table: [[listener]]");
            continue;
        };
        let mut reader = TableReader::new(source, Listener::NAME, Some(table), offset);
        reader.refuse_unknown(&keys::<Listener>());
        if let Some(listener) = Listener::read(&mut reader) {
            check::listener(&listener, &reader, &mut taken);
            listeners.push(listener);
        }
    }
    (listeners.len() == tables.len()).then_some(listeners)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "hostname = \"mail.example.test\"\n[tls]\nmode = \"self-signed\"\n\
                        [[listener]]\nprotocol = \"imaps\"\nbind = \"[::]:993\"\n";

    fn problems(text: &str) -> String {
        let words = Vocabulary { is_capability: |word| word == "IDLE" };
        read_file(text.as_bytes(), Path::new("p.toml"), words).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_text_is_told_with_its_line() {
        let bytes = [BASE.as_bytes(), b"# caf\xe9\n"].concat();
        let problems = read_file(&bytes, Path::new("p.toml"), Vocabulary::ANY).unwrap_err();
        assert_eq!(problems.to_string(), "p.toml:7: the file holds bytes that are not UTF-8");
    }

    #[test]
    fn the_least_configuration_has_every_default() {
        let config = parse(BASE, Path::new("/etc/posthorn/p.toml")).unwrap();
        assert_eq!(config.data_dir, Path::new("/var/lib/posthorn"));
        assert_eq!(config.limits.message, 50 << 20);
        assert_eq!(config.listeners.len(), 1);
        assert_eq!(config.listeners[0].bind, ["[::]:993".parse().unwrap()]);
        assert!(!config.listeners[0].plaintext_auth);
        assert_eq!(config.metrics.allow.len(), 2);
    }

    #[test]
    fn relative_paths_start_at_the_file() {
        let text = format!("data_dir = \"data\"\n{BASE}");
        let config = parse(&text, Path::new("/etc/posthorn/p.toml")).unwrap();
        assert_eq!(config.data_dir, Path::new("/etc/posthorn/data"));
    }

    #[test]
    fn problems_name_file_line_and_key() {
        for (text, expected) in [
            (
                format!("hostnam = 1\n{BASE}"),
                "p.toml:1:hostnam: unknown key; was `hostname` meant?",
            ),
            (
                format!("{BASE}[limits]\nmessage = 5\n"),
                "p.toml:8:limits.message: expected a size such as \"50 MiB\", found an integer",
            ),
            (
                format!("{BASE}plaintext_auth = true\n"),
                "p.toml:7:listener.plaintext_auth: passwords without TLS are only taken on a \
                 loopback address (127.0.0.1, [::1])",
            ),
            (
                format!(
                    "{BASE}[[listener]]\nprotocol = \"imap\"\nbind = [\"[::]:143\", \"[::]:993\"]"
                ),
                "p.toml:9:listener.bind: [::]:993 is already taken by imaps",
            ),
            (
                format!("{BASE}[[listener]]\nprotocol = \"imap\"\n"),
                "p.toml:7:listener.bind: is missing; for example: bind = \"[::]:993\"",
            ),
            (
                format!(
                    "{BASE}[[route]]\ndomain = \"*\"\nhost = \"smtp.example.net:587\"\n\
                     tls = \"never\"\nuser = \"u\"\npassword_file = \"p\"\n"
                ),
                "p.toml:10:route.tls: a password is only sent with tls = \"verified\" or \
                 \"implicit\", but on the loopback",
            ),
            (
                format!("{BASE}[authenticity]\nauthserv_id = \"a b\"\n"),
                "p.toml:8:authenticity.authserv_id: must be a name such as that of a host",
            ),
            (
                format!("{BASE}[limits]\nmailboxes = 5\n"),
                "p.toml:8:limits.mailboxes: less than 6 leaves no room for those of a new account",
            ),
            (
                format!("{BASE}[queue]\nport = 70000\n"),
                "p.toml:8:queue.port: must be at most 65535",
            ),
            (
                format!("{BASE}capabilities_off = [\"IDLE\", \"IDEL\"]\n"),
                "p.toml:7:listener.capabilities_off: \"IDEL\" is no IMAP capability of this server",
            ),
            (
                format!("{BASE}[[imap_client]]\nname = \"x\"\ncapabilities_off = [\"IDEL\"]\n"),
                "p.toml:9:imap_client.capabilities_off: \"IDEL\" is no IMAP capability of this \
                 server",
            ),
            (
                BASE.replace("self-signed", "acme"),
                "p.toml:3:tls.mode: \"acme\": tls-alpn-01 needs a listener of protocol https",
            ),
            (
                format!("{}[acme]\nchallenge = \"http-01\"\n", BASE.replace("self-signed", "acme")),
                "p.toml:8:acme.challenge: http-01 needs a listener of protocol http",
            ),
            (
                BASE.replace("self-signed", "files"),
                "p.toml:2:tls.certificate: is missing; mode = \"files\" needs it\n\
                 p.toml:2:tls.key: is missing; mode = \"files\" needs it",
            ),
            (
                format!("{BASE}[storage]\ndatabase = \"postgresql://u:pw@h/n\"\n"),
                "p.toml:8:storage.database: a password may not stand here; put it into a file and \
                 name that in storage.database_password_file",
            ),
            (
                BASE.replace("\"mail.example.test\"", "\'\'\'a\nb\'\'\'"),
                "p.toml:1:hostname: \"a\u{fffd}b\" is no host name; write it as in DNS, \
                 mail.example.test",
            ),
            (
                "hostname = \n".to_owned(),
                "p.toml:1: string values must be quoted, expected literal string",
            ),
        ] {
            assert_eq!(problems(&text), expected);
        }
    }

    #[test]
    fn every_problem_is_listed_in_the_order_of_lines() {
        let text = "hostname = \"a b\"\nlog = 3\n[limits]\nrecipients = 5\nmesage = 3\n";
        let found = problems(text);
        let keys: Vec<_> = found.lines().filter_map(|line| line.split(": ").next()).collect();
        assert_eq!(
            keys,
            [
                "p.toml:1:hostname",
                "p.toml:1:tls.certificate",
                "p.toml:1:tls.key",
                "p.toml:1:listener",
                "p.toml:2:log",
                "p.toml:4:limits.recipients",
                "p.toml:5:limits.mesage",
            ]
        );
    }

    #[test]
    fn every_built_in_default_passes_its_own_checks() {
        // A default that does not would be reported as a problem of the least configuration.
        parse(BASE, Path::new("p.toml")).unwrap();
    }
}
