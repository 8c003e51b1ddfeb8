//! What strangers say of themselves: records in the DNS, signatures, reports, rewritten addresses.

use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use mailauth::dkim::{self, DkimVerdict, Signer};
use mailauth::dns::{Answer, Family, Lookups};
use mailauth::{Algorithm, Examined, Methods, Sender, SigningKey, arc, reports, srs};
use message::address::Address;

/// Questions that one message may ask: SPF twice 75, DKIM and ARC by signature, DMARC by author.
const QUESTIONS_MAX: usize = 500;
const HOST: &str = "mx.here.test";
/// PKCS #8 of an Ed25519 key with this seed (RFC 8410 §7).
const KEY_PREFIX: &[u8] = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
const SELECTOR: &str = "own._domainkey.signer.test";
const NOW: u64 = 1_800_000_000;

/// Records before an empty line, each `PART TEXT` for all names with that part; every host has the
/// same addresses.
struct Zone<'i> {
    records: Vec<(&'i [u8], &'i [u8])>,
    own_key: Vec<u8>,
    asked: AtomicUsize,
}

impl<'i> Zone<'i> {
    fn of(text: &'i [u8], own_key: Vec<u8>) -> Self {
        let pair = |line: &'i [u8]| {
            let blank = line.iter().position(|&byte| byte == b' ')?;
            Some((&line[..blank], &line[blank + 1..]))
        };
        let records = text.split(|&byte| byte == b'\n').filter_map(pair).collect();
        Self { records, own_key, asked: AtomicUsize::new(0) }
    }

    fn answer<T: Send + 'static>(&self, found: T) -> Answer<'_, T> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(Ok(found)))
    }
}

impl Lookups for Zone<'_> {
    fn texts<'a>(&'a self, name: &'a str) -> Answer<'a, Vec<Vec<u8>>> {
        assert!(
            name.is_ascii() && name.len() <= 253 && !name.contains([' ', '\r', '\n']),
            "{name:?}"
        );
        if name == SELECTOR {
            return self.answer(vec![self.own_key.clone()]);
        }
        let has =
            |part: &[u8]| part == b"*" || memchr::memmem::find(name.as_bytes(), part).is_some();
        let found = self.records.iter().filter(|(part, _)| has(part));
        self.answer(found.map(|(_, text)| text.to_vec()).collect())
    }

    fn addresses<'a>(&'a self, _: &'a str, family: Family) -> Answer<'a, Vec<IpAddr>> {
        self.answer(match family {
            Family::V4 => vec![[192, 0, 2, 2].into()],
            Family::V6 => vec![IpAddr::from(std::net::Ipv6Addr::LOCALHOST)],
        })
    }

    fn exchangers<'a>(&'a self, name: &'a str) -> Answer<'a, Vec<String>> {
        self.answer(vec![name.to_owned(); 12])
    }

    fn names<'a>(&'a self, _: IpAddr) -> Answer<'a, Vec<String>> {
        self.answer(vec!["mx.example.net".to_owned(); 12])
    }
}

/// Everything in the zone is there at once.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        let ready = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(value) = ready {
            return value;
        }
    }
}

fn own_signer() -> Signer {
    let der = [KEY_PREFIX, &[7; 32]].concat();
    let key = SigningKey::from_pkcs8(Algorithm::Ed25519Sha256, &der).expect("a key");
    Signer { domain: "signer.test".to_owned(), selector: "own".to_owned(), key }
}

fn key_record(signer: &Signer) -> Vec<u8> {
    use base64::Engine;
    let key = base64::engine::general_purpose::STANDARD.encode(signer.key.public_key());
    format!("v=DKIM1; k=ed25519; p={key}").into_bytes()
}

/// Records, an empty line, a message: it is judged with a bounded number of questions, the verdict is
/// one field, and what is signed here verifies, whatever stands in it.
pub fn mail_authenticity(input: &[u8]) {
    let end = memchr::memmem::find(input, b"\n\n").unwrap_or(input.len());
    let (records, message) = input.split_at(end);
    let message = message.get(2..).unwrap_or_default();
    let signer = own_signer();
    let zone = Zone::of(records, key_record(&signer));
    judge(&zone, message);
    let fields = dkim::sign(message, &[&signer], NOW);
    if fields.is_empty() {
        return;
    }
    assert_field(&fields);
    let signed = [fields.as_bytes(), message].concat();
    let methods = Methods { spf: false, dkim: true, dmarc: false, arc: false };
    let sender =
        Sender { ip: IpAddr::from(std::net::Ipv6Addr::LOCALHOST), helo: "", mail_from: None };
    let report = block_on(Examined::of(&signed, methods).check(&zone, sender, NOW));
    let found = report.dkim.expect("DKIM was asked for");
    // Of many signatures not all are looked at.
    let mut ours = found.iter().filter(|one| one.label.domain == signer.domain).peekable();
    if ours.peek().is_some() {
        let held = ours.any(|one| one.verdict == DkimVerdict::Pass);
        assert!(held, "{found:?}: {}", signed.escape_ascii());
    }
}

fn judge(zone: &Zone<'_>, message: &[u8]) {
    let methods = Methods { spf: true, dkim: true, dmarc: true, arc: true };
    let examined = Examined::of(message, methods);
    let sender = Sender {
        ip: [192, 0, 2, 1].into(),
        helo: "mx.example.net",
        mail_from: Some(("julie", "example.net")),
    };
    let report = block_on(examined.check(zone, sender, NOW));
    let asked = zone.asked.load(Ordering::Relaxed);
    assert!(asked <= QUESTIONS_MAX, "{asked} questions");
    let field = report.render(HOST);
    assert_field(&field);
    let _ = (report.demand(|_| false), report.is_uncertain());
    let told = [field.as_bytes(), message].concat();
    if let Some(fields) = arc::seal(&told, HOST, &own_signer(), NOW) {
        assert!(fields.ends_with("\r\n"));
    }
}

/// Header fields of ours: folded where a line breaks, ASCII, nothing that is no text.
fn assert_field(field: &str) {
    let lines: Vec<&str> = field.strip_suffix("\r\n").expect("an end").split("\r\n").collect();
    for (at, line) in lines.iter().enumerate() {
        assert!(
            line.bytes().all(|byte| byte.is_ascii_graphic() || b" \t".contains(&byte)),
            "{line:?}"
        );
        assert!(!line.trim().is_empty(), "{field:?}");
        assert!(at == 0 || line.starts_with(['\t', ' ']), "{field:?}");
    }
}

/// A message as a report is read or is an error; what is kept of it is bounded and is text.
pub fn mail_report(input: &[u8]) {
    for report in reports::read(input).into_iter().flatten() {
        assert!(report.rows.len() <= reports::ROWS_MAX);
        let own = [&report.domain, &report.reporter, &report.id];
        let rows = report.rows.iter().flat_map(|row| [&row.host, &row.result, &row.subject]);
        for text in own.into_iter().chain(rows) {
            assert!(text.len() <= 256 && !text.contains(char::is_control), "{text:?}");
        }
    }
}

/// A path that is rewritten is turned back into itself, and only what was made with the key is
/// turned back.
pub fn rewritten_path(input: &[u8]) {
    let Ok(address) = Address::parse_path(input) else { return };
    let (key, day) = (srs::SrsKey::new([7; 32]), 1000);
    assert!(srs::reverse(&address, &key, day).is_err(), "{address} was made with the key");
    let Some(rewritten) = srs::forward(&address, "here.test", &key, day) else { return };
    assert!(srs::is_rewritten(&rewritten), "{rewritten}");
    // One that only looks rewritten may name a domain that is none, to which nothing comes back.
    if !srs::is_rewritten(&address) {
        assert_eq!(srs::reverse(&rewritten, &key, day), Ok(address), "{rewritten}");
    }
    assert!(srs::reverse(&rewritten, &srs::SrsKey::new([8; 32]), day).is_err());
}
