//! What the values of a section may be together, beyond what each of them may be.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use crate::options::{
    Acme, Auth, Authenticity, Calendar, Dav, ImapClient, Limits, Listener, MtaSts, Queue, Route,
    SentReports, Tls,
};
use crate::reader::TableReader;
use crate::value::{AcmeChallenge, Protocol, RouteTls, TlsMode, Word, is_host_name};

pub(super) fn listener(
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
    capabilities(&listener.capabilities_off, reader);
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

pub(super) fn imap_client(client: &ImapClient, reader: &TableReader<'_>) {
    capabilities(&client.capabilities_off, reader);
}

/// Whether what is to be switched off are capabilities.
fn capabilities(names: &[Word], reader: &TableReader<'_>) {
    let is_known = reader.words().is_capability;
    if let Some(name) = names.iter().find(|name| !is_known(name.as_str())) {
        let text = format!("\"{name}\" is no IMAP capability of this server");
        reader.refuse("capabilities_off", text);
    }
}

pub(super) fn tls(tls: &Tls, reader: &TableReader<'_>) {
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

pub(super) fn acme(
    acme: &Acme,
    mode: Option<(TlsMode, usize)>,
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
    if let Some((TlsMode::Acme, at)) = mode {
        challenge(acme, listeners, at, reader);
    }
}

/// What proves names must be possible. Where the file says nothing of how, the cause is the mode,
/// which stands at the offset `mode_at`.
fn challenge(acme: &Acme, listeners: &[Listener], mode_at: usize, reader: &TableReader<'_>) {
    let refuse = |text: &str| match reader.has("challenge") {
        true => reader.refuse("challenge", text),
        false => reader.refuse_at(mode_at, "tls.mode", format!("\"acme\": {text}")),
    };
    let serves = |protocol| listeners.iter().any(|listener| listener.protocol == protocol);
    match acme.challenge {
        AcmeChallenge::TlsAlpn if !serves(Protocol::Https) => {
            refuse("tls-alpn-01 needs a listener of protocol https");
        }
        AcmeChallenge::Http if !serves(Protocol::Http) => {
            refuse("http-01 needs a listener of protocol http");
        }
        AcmeChallenge::Dns if acme.hook.is_none() => {
            reader.refuse("hook", "is missing; dns-01 needs it");
        }
        _ => {}
    }
}

pub(super) fn mta_sts(policy: &MtaSts, reader: &TableReader<'_>) {
    // RFC 8461 §3.2: a year at most.
    if policy.max_age.as_secs() > 31_557_600 {
        reader.refuse("max_age", "must be at most a year");
    }
    let is_pattern = |name: &str| is_host_name(name.strip_prefix("*.").unwrap_or(name));
    if let Some(name) = policy.mx.iter().find(|name| !is_pattern(name.as_str())) {
        reader.refuse("mx", format!("\"{name}\" is no host name"));
    }
}

pub(super) fn limits(limits: &Limits, reader: &TableReader<'_>) {
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
    // R-FOLD-1: without room for these no account can be made.
    at_least("mailboxes", limits.mailboxes.into(), 6, "leaves no room for those of a new account");
    if limits.imap_append < limits.message {
        reader.refuse("imap_append", "is less than one message may have (limits.message)");
    }
    if limits.reception_memory < limits.message {
        reader.refuse("reception_memory", "is less than one message may have (limits.message)");
    }
}

pub(super) fn calendar(calendar: &Calendar, reader: &TableReader<'_>) {
    // Each of them gets a copy, all in one transaction.
    if !(1..=10_000).contains(&calendar.attendees) {
        reader.refuse("attendees", "must be from 1 to 10000");
    }
    if !(1..=3600).contains(&calendar.push_delay.as_secs()) {
        reader.refuse("push_delay", "must be from 1 second to 1 hour");
    }
}

pub(super) fn dav(dav: &Dav, reader: &TableReader<'_>) {
    // RFC 4791 §5.2.5: what programs ordinarily write has room.
    for (key, bytes, least) in [
        ("object", dav.object, 64 << 10),
        ("request", dav.request, 64 << 10),
        ("answer", dav.answer, 1 << 20),
    ] {
        if !(least..=1 << 30).contains(&bytes) {
            let least = least >> 10;
            reader.refuse(key, format!("must be from {least} KiB to 1 GiB"));
        }
    }
    for (key, number) in [
        ("occurrences", dav.occurrences),
        ("properties", dav.properties),
        ("multiget", dav.multiget),
        ("filter_tests", dav.filter_tests),
        ("results", dav.results),
        ("collections", dav.collections),
        ("objects", dav.objects),
        ("copied_objects", dav.copied_objects),
    ] {
        if number == 0 {
            reader.refuse(key, "must be at least 1");
        }
    }
    for (key, time) in [("answer_time", dav.answer_time), ("body_time", dav.body_time)] {
        if time.as_secs() == 0 {
            reader.refuse(key, "must be at least 1 second");
        }
    }
}

pub(super) fn queue(queue: &Queue, reader: &TableReader<'_>) {
    if u16::try_from(queue.port).is_err() {
        reader.refuse("port", "must be at most 65535");
    }
    if u16::try_from(queue.https_port).is_err() {
        reader.refuse("https_port", "must be at most 65535");
    }
    source(queue.source.as_deref(), reader);
}

fn source(sources: Option<&[IpAddr]>, reader: &TableReader<'_>) {
    let sources = sources.unwrap_or_default();
    if [true, false].iter().any(|six| sources.iter().filter(|ip| ip.is_ipv6() == *six).count() > 1)
    {
        reader.refuse("source", "at most one address of IPv4 and one of IPv6");
    }
}

pub(super) fn authenticity(authenticity: &Authenticity, reader: &TableReader<'_>) {
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

pub(super) fn sent_reports(reports: &SentReports, reader: &TableReader<'_>) {
    match &reports.address {
        None if reports.tls => reader.refuse("address", "is missing; tls = true needs it"),
        None if reports.dmarc => reader.refuse("address", "is missing; dmarc = true needs it"),
        Some(address) if !is_address(address.as_str()) || !address.as_str().is_ascii() => {
            reader.refuse("address", "must be an address");
        }
        _ => {}
    }
}

pub(super) fn route(route: &Route, reader: &TableReader<'_>) {
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
    source(route.source.as_deref(), reader);
}

pub(super) fn auth(auth: &Auth, reader: &TableReader<'_>) {
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
