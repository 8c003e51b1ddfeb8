//! From the text of a file to a [`Config`], or to everything that is wrong with it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::options::{
    Acme, Activity, Auth, Authenticity, BlockList, Calendar, Certificate, Check, Config, Delivery,
    General, Imap, ImapClient, Limits, Listener, Log, Metrics, MtaSts, Peers, Pop3, Queue, Route,
    Rspamd, Search, Section, SentReports, Storage, Tls,
};
use crate::problem::Problems;
use crate::reader::{Source, TableReader};
use crate::value::{AcmeChallenge, Protocol, RouteTls, TlsMode, Word, is_host_name};

/// Reads a configuration. `file` is only named in problems, and its directory is where
/// relative paths start.
pub fn parse(text: &str, file: &Path) -> Result<Config, Problems> {
    let directory = file.parent().unwrap_or(Path::new(""));
    let source = Source::new(text, directory);
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
    let tls = section::<Tls>(source, root, check_tls);
    let certificates = repeated::<Certificate>(source, root, |_, _| {});
    let listeners = read_listeners(source, root);
    let mode = tls.as_ref().map(|tls| tls.mode);
    let served = listeners.as_deref().unwrap_or_default();
    let acme = section::<Acme>(source, root, |acme, reader| check_acme(acme, mode, served, reader));
    let mta_sts = section::<MtaSts>(source, root, check_mta_sts);
    let imap_clients = repeated::<ImapClient>(source, root, |_, _| {});
    let limits = section::<Limits>(source, root, check_limits);
    let auth = section::<Auth>(source, root, check_auth);
    let activity = section::<Activity>(source, root, |_, _| {});
    let queue = section::<Queue>(source, root, check_queue);
    let routes = repeated::<Route>(source, root, check_route);
    let authenticity = section::<Authenticity>(source, root, check_authenticity);
    let sent_reports = section::<SentReports>(source, root, check_sent_reports);
    let delivery = section::<Delivery>(source, root, |_, _| {});
    let peers = section::<Peers>(source, root, |_, _| {});
    let block_lists = repeated::<BlockList>(source, root, |_, _| {});
    let checks = repeated::<Check>(source, root, |_, _| {});
    let rspamd = section::<Rspamd>(source, root, |_, _| {});
    let imap = section::<Imap>(source, root, |_, _| {});
    let pop3 = section::<Pop3>(source, root, |_, _| {});
    let calendar = section::<Calendar>(source, root, check_calendar);
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
        delivery: delivery?,
        peers: peers?,
        block_lists: block_lists?,
        checks: checks?,
        rspamd: rspamd?,
        imap: imap?,
        pop3: pop3?,
        calendar: calendar?,
        log: log?,
        metrics: metrics?,
    })
}

fn keys<S: Section>() -> Vec<&'static str> {
    S::ROWS.iter().map(|row| row.key).collect()
}

fn top_keys() -> Vec<&'static str> {
    let mut known = keys::<General>();
    known.extend([Storage::NAME, Search::NAME, Tls::NAME, Listener::NAME, Limits::NAME]);
    known.extend([Auth::NAME, Imap::NAME, Pop3::NAME, Log::NAME, Metrics::NAME]);
    known.extend([ImapClient::NAME, Queue::NAME, Route::NAME, Authenticity::NAME]);
    known.extend([Certificate::NAME, Acme::NAME, MtaSts::NAME, Rspamd::NAME, SentReports::NAME]);
    known.extend([Activity::NAME, Calendar::NAME, Delivery::NAME]);
    known.extend([Peers::NAME, BlockList::NAME, Check::NAME]);
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
            check_listener(&listener, &reader, &mut taken);
            listeners.push(listener);
        }
    }
    (listeners.len() == tables.len()).then_some(listeners)
}

fn check_listener(
    listener: &Listener,
    reader: &TableReader<'_>,
    taken: &mut HashMap<SocketAddr, Protocol>,
) {
    if listener.plaintext_auth && !listener.bind.iter().all(|bind| bind.ip().is_loopback()) {
        let text = "passwords without TLS are only taken on a loopback address (127.0.0.1, [::1])";
        reader.refuse("plaintext_auth", text);
    }
    let is_imap = matches!(listener.protocol, Protocol::Imap | Protocol::Imaps);
    if !is_imap && !listener.capabilities_off.is_empty() {
        reader.refuse("capabilities_off", "only imap and imaps have capabilities to switch off");
    }
    for bind in &listener.bind {
        // Port 0 asks the system for any free port, so it is never taken.
        if bind.port() == 0 {
            continue;
        }
        if let Some(other) = taken.insert(*bind, listener.protocol) {
            reader.refuse("bind", format!("{bind} is already taken by {}", other.as_str()));
        }
    }
}

fn check_tls(tls: &Tls, reader: &TableReader<'_>) {
    for (key, file) in [("certificate", &tls.certificate), ("key", &tls.key)] {
        match (tls.mode, file) {
            (TlsMode::Files, None) => {
                reader.refuse(key, "is missing; mode = \"files\" needs it");
            }
            (TlsMode::SelfSigned, Some(_)) => {
                reader.refuse(key, "has no effect with mode = \"self-signed\"; leave it out");
            }
            (TlsMode::Acme, Some(_)) => {
                reader.refuse(key, "has no effect with mode = \"acme\"; leave it out");
            }
            _ => {}
        }
    }
}

/// LIMIT: bytes of all names of one certificate; those who issue take a hundred names at most.
const ACME_NAMES_BYTES_MAX: usize = 2_000;

fn check_acme(
    acme: &Acme,
    mode: Option<TlsMode>,
    listeners: &[Listener],
    reader: &TableReader<'_>,
) {
    if !acme.directory.as_str().starts_with("https://") {
        reader.refuse("directory", "must begin with https://");
    }
    let (names, prefixes) = (&acme.names, &acme.domain_names);
    for name in names {
        let (wildcard, host) = match name.as_str().strip_prefix("*.") {
            Some(host) => (true, host),
            None => (false, name.as_str()),
        };
        if !is_host_name(host) {
            reader.refuse("names", format!("\"{name}\" is no host name"));
        }
        if wildcard && acme.challenge != AcmeChallenge::Dns {
            reader.refuse("names", format!("\"{name}\" can only be proved by dns-01"));
        }
    }
    if let Some(prefix) = prefixes.iter().find(|prefix| !is_host_name(prefix.as_str())) {
        reader.refuse("domain_names", format!("\"{prefix}\" is no part of a host name"));
    }
    let bytes = |words: &[Word]| words.iter().map(|word| word.as_str().len() + 1).sum::<usize>();
    if bytes(names) > ACME_NAMES_BYTES_MAX {
        reader.refuse("names", "are too many for one certificate");
    }
    // The domain's own name is up to 253 bytes for each.
    if bytes(prefixes) + prefixes.len() * 253 > ACME_NAMES_BYTES_MAX {
        reader.refuse("domain_names", "are too many for one certificate");
    }
    match (&acme.external_account, &acme.external_account_key_file) {
        (Some(_), None) => {
            reader.refuse("external_account_key_file", "is missing; external_account needs it");
        }
        (None, Some(_)) => {
            reader.refuse("external_account", "is missing; external_account_key_file needs it");
        }
        _ => {}
    }
    if mode == Some(TlsMode::Acme) {
        check_challenge(acme, listeners, reader);
    }
}

fn check_challenge(acme: &Acme, listeners: &[Listener], reader: &TableReader<'_>) {
    let serves = |protocol| listeners.iter().any(|listener| listener.protocol == protocol);
    match acme.challenge {
        AcmeChallenge::TlsAlpn if !serves(Protocol::Https) => {
            reader.refuse("challenge", "tls-alpn-01 needs a listener of protocol https");
        }
        AcmeChallenge::Http if !serves(Protocol::Http) => {
            reader.refuse("challenge", "http-01 needs a listener of protocol http");
        }
        AcmeChallenge::Dns if acme.hook.is_none() => {
            reader.refuse("hook", "is missing; dns-01 needs it");
        }
        _ => {}
    }
}

fn check_mta_sts(policy: &MtaSts, reader: &TableReader<'_>) {
    // RFC 8461 §3.2: a year at most.
    if policy.max_age.as_secs() > 31_557_600 {
        reader.refuse("max_age", "must be at most a year");
    }
    let is_pattern = |name: &str| is_host_name(name.strip_prefix("*.").unwrap_or(name));
    if let Some(name) = policy.mx.iter().find(|name| !is_pattern(name.as_str())) {
        reader.refuse("mx", format!("\"{name}\" is no host name"));
    }
}

fn check_limits(limits: &Limits, reader: &TableReader<'_>) {
    let at_least = |key: &str, value: u64, least: u64, why: &str| {
        if value < least {
            reader.refuse(key, format!("less than {least} {why}"));
        }
    };
    // RFC 5321 §4.5.3.1.4: command lines of 512 octets must be taken.
    at_least("smtp_line", limits.smtp_line, 512, "octets breaks RFC 5321");
    let within = |key: &str, value: u32, range: std::ops::RangeInclusive<u32>| {
        if !range.contains(&value) {
            reader.refuse(key, format!("not from {} to {}", range.start(), range.end()));
        }
    };
    within("network_v4", limits.network_v4, 8..=32);
    within("network_v6", limits.network_v6, 16..=64);
    // RFC 7162 §4: command lines of 8192 octets must be taken.
    at_least("imap_line", limits.imap_line, 8192, "octets breaks RFC 7162");
    // RFC 2449 §4: command lines of 255 octets must be taken.
    at_least("pop3_line", limits.pop3_line, 255, "octets breaks RFC 2449");
    // RFC 5321 §4.5.3.1.8: 100 recipients must be taken.
    at_least("recipients", limits.recipients.into(), 100, "recipients breaks RFC 5321");
    // RFC 5321 §4.5.3.1.7: messages of 64 K octets must be taken.
    at_least("message", limits.message, 64 << 10, "octets breaks RFC 5321");
    // LIMIT: message sizes travel as 32-bit numbers in IMAP (RFC 9051 §9 number).
    if limits.message > 1 << 31 {
        reader.refuse("message", "more than 2 GiB cannot be told to IMAP programs");
    }
    // RFC 5321 §4.5.3.1.6: text lines of 1000 octets must be taken.
    at_least("message_line", limits.message_line, 1000, "octets breaks RFC 5321");
    // RFC 5321 §6.3: loop detection needs a threshold of at least 100 Received fields.
    at_least("hops", limits.hops.into(), 100, "breaks RFC 5321");
    if limits.imap_append < limits.message {
        reader.refuse("imap_append", "is less than one message may have (limits.message)");
    }
    if limits.reception_memory < limits.message {
        reader.refuse("reception_memory", "is less than one message may have (limits.message)");
    }
}

fn check_calendar(calendar: &Calendar, reader: &TableReader<'_>) {
    // Each of them gets a copy, all in one transaction.
    if !(1..=10_000).contains(&calendar.attendees) {
        reader.refuse("attendees", "must be from 1 to 10000");
    }
    if !(1..=3600).contains(&calendar.push_delay.as_secs()) {
        reader.refuse("push_delay", "must be from 1 second to 1 hour");
    }
}

fn check_queue(queue: &Queue, reader: &TableReader<'_>) {
    if u16::try_from(queue.port).is_err() {
        reader.refuse("port", "must be at most 65535");
    }
    if u16::try_from(queue.https_port).is_err() {
        reader.refuse("https_port", "must be at most 65535");
    }
    let sources = queue.source.as_deref().unwrap_or_default();
    if [true, false].iter().any(|six| sources.iter().filter(|ip| ip.is_ipv6() == *six).count() > 1)
    {
        reader.refuse("source", "at most one address of IPv4 and one of IPv6");
    }
}

fn check_authenticity(authenticity: &Authenticity, reader: &TableReader<'_>) {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if let Some(id) = &authenticity.authserv_id
        && !id.as_str().bytes().all(is_token)
    {
        reader.refuse("authserv_id", "must be a name such as that of a host");
    }
    if authenticity.reports.as_ref().is_some_and(|reports| !is_address(reports.as_str())) {
        reader.refuse("reports", "must be an address");
    }
}

fn is_address(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
}

fn check_sent_reports(reports: &SentReports, reader: &TableReader<'_>) {
    match &reports.address {
        None if reports.tls => reader.refuse("address", "is missing; tls = true needs it"),
        None if reports.dmarc => reader.refuse("address", "is missing; dmarc = true needs it"),
        Some(address) if !is_address(address.as_str()) || !address.as_str().is_ascii() => {
            reader.refuse("address", "must be an address");
        }
        _ => {}
    }
}

fn check_route(route: &Route, reader: &TableReader<'_>) {
    match (&route.user, &route.password_file) {
        (Some(_), None) => reader.refuse("password_file", "is missing; user needs it"),
        (None, Some(_)) => reader.refuse("user", "is missing; password_file needs it"),
        _ => {}
    }
    let encrypted = matches!(route.tls, RouteTls::Verified | RouteTls::Implicit);
    if route.user.is_some() && !encrypted && !route.host.is_loopback() {
        let text = "a password is only sent with tls = \"verified\" or \"implicit\", but on the \
                    loopback";
        reader.refuse("tls", text);
    }
}

fn check_auth(auth: &Auth, reader: &TableReader<'_>) {
    // LIMIT: what the argon2 parameters are defined for, and what a server can spare.
    if !(1 << 20..=1 << 30).contains(&auth.argon2_memory) {
        reader.refuse("argon2_memory", "must lie between 1 MiB and 1 GiB");
    }
    if auth.argon2_passes > 100 {
        reader.refuse("argon2_passes", "must be at most 100");
    }
    // RFC 7677 §4: at least 4096 iterations. LIMIT: above ten million programs give up.
    if !(4_096..=10_000_000).contains(&auth.scram_iterations) {
        reader.refuse("scram_iterations", "must lie between 4096 and 10000000");
    }
    if auth.password_length > 128 {
        reader.refuse("password_length", "must be at most 128");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "hostname = \"mail.example.test\"\n[tls]\nmode = \"self-signed\"\n\
                        [[listener]]\nprotocol = \"imaps\"\nbind = \"[::]:993\"\n";

    fn problems(text: &str) -> String {
        parse(text, Path::new("p.toml")).unwrap_err().to_string()
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
                format!("{BASE}[queue]\nport = 70000\n"),
                "p.toml:8:queue.port: must be at most 65535",
            ),
            (
                BASE.replace("self-signed", "acme"),
                "p.toml:1:acme.challenge: tls-alpn-01 needs a listener of protocol https",
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
                "p.toml:1:: string values must be quoted, expected literal string",
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
