//! Reports whose signer cannot be asked for at once.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mailauth::dkim::{Signer, sign};
use mailauth::{Algorithm, SigningKey};
use net::{DnsError, DnsFuture, MailExchanger};
use testkit::ManualClock;

use super::*;

/// One key, while the DNS answers.
struct OneKey {
    text: String,
    answers: AtomicBool,
}

impl Dns for OneKey {
    fn mail_exchangers<'a>(&'a self, _: &'a str) -> DnsFuture<'a, Vec<MailExchanger>> {
        Box::pin(std::future::ready(Err(DnsError::NoSuchName)))
    }

    fn addresses<'a>(&'a self, _: &'a str) -> DnsFuture<'a, Vec<IpAddr>> {
        Box::pin(std::future::ready(Err(DnsError::NoSuchName)))
    }

    fn texts<'a>(&'a self, name: &'a str) -> DnsFuture<'a, Vec<Vec<u8>>> {
        let is_it = name == "s._domainkey.good.test";
        let answer = match self.answers.load(Ordering::Relaxed) {
            false => Err(DnsError::Temporary("a test".into())),
            true if is_it => Ok(vec![self.text.clone().into_bytes()]),
            true => Err(DnsError::NoSuchName),
        };
        Box::pin(std::future::ready(answer))
    }
}

struct Fixture {
    reader: Reader,
    dns: Arc<OneKey>,
    clock: Arc<ManualClock>,
    key: SigningKey,
    _folder: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_secs(1_795_392_000)));
        let store = Store::open(storage::Settings::new(folder.path(), clock.clone())).unwrap();
        store.write("test", |tx| tx.create_domain("example.test")).await.unwrap();
        let document = Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let public = STANDARD.encode(pair.public_key().as_ref());
        let key = SigningKey::from_pkcs8(Algorithm::Ed25519Sha256, document.as_ref()).unwrap();
        let text = format!("v=DKIM1; k=ed25519; p={public}");
        let dns = Arc::new(OneKey { text, answers: AtomicBool::new(false) });
        let judged = Arc::new(Semaphore::new(JUDGED_MAX));
        let again = Arc::new(Semaphore::new(AGAIN_MAX));
        let asked: Arc<dyn Dns> = dns.clone();
        let reader = Reader { store, dns: Some(asked), judged, again, shutdown: Shutdown::new() };
        Self { reader, dns, clock, key, _folder: folder }
    }

    fn signed(self, id: &str) -> (Self, Vec<u8>) {
        let report = format!(
            r#"{{"organization-name":"Good","report-id":"{id}","contact-info":"tls@good.test",
            "date-range":{{"start-datetime":"2026-11-22T00:00:00Z",
            "end-datetime":"2026-11-22T23:59:59Z"}},
            "policies":[{{"policy":{{"policy-type":"sts","policy-domain":"example.test"}}}}]}}"#
        );
        let message = format!(
            "From: tls@good.test\r\nContent-Type: application/tlsrpt+json\r\n\r\n{}\r\n",
            report.replace('\n', "\r\n")
        );
        let Self { reader, dns, clock, key, _folder } = self;
        let signer = Signer { domain: "good.test".to_owned(), selector: "s".to_owned(), key };
        let fields = sign(message.as_bytes(), &[&signer], 1_795_391_000);
        let fixture = Self { reader, dns, clock, key: signer.key, _folder };
        (fixture, (fields + &message).into_bytes())
    }

    /// Those that are known, after everything under way.
    async fn known(&self) -> Vec<String> {
        drop(self.reader.judged.acquire_many(JUDGED_MAX as u32).await.unwrap());
        drop(self.reader.again.acquire_many(AGAIN_MAX as u32).await.unwrap());
        let since = Timestamp::from_secs(0);
        let found = self.reader.store.read(move |tx| tx.mail_reports(None, since, 10)).await;
        found.unwrap().into_iter().map(|one| format!("{} {}", one.source, one.report_id)).collect()
    }

    async fn due(&self) -> Option<Timestamp> {
        self.reader.store.read(|tx| tx.waiting_report_due()).await.unwrap()
    }

    fn answers(&self, answers: bool) {
        self.dns.answers.store(answers, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_report_waits_for_the_dns() {
    let (fixture, message) = Fixture::new().await.signed("one");
    fixture.reader.read(message).await;
    assert_eq!(fixture.known().await, [""; 0]);
    let due = fixture.due().await.unwrap();
    fixture.reader.look_again().await;
    assert_eq!((fixture.known().await.len(), fixture.due().await), (0, Some(due)));

    // Nobody answers yet.
    fixture.clock.set(due);
    fixture.reader.look_again().await;
    assert_eq!(fixture.known().await, [""; 0]);
    let later = fixture.due().await.unwrap();
    assert!(later > due);

    fixture.clock.set(later);
    fixture.answers(true);
    fixture.reader.look_again().await;
    assert_eq!(fixture.known().await, ["good.test one"]);
    assert_eq!(fixture.due().await, None);
}

#[tokio::test]
async fn a_report_is_given_up_in_the_end() {
    let (fixture, message) = Fixture::new().await.signed("one");
    fixture.reader.read(message).await;
    let mut looks = 0;
    fixture.known().await;
    while let Some(due) = fixture.due().await {
        looks += 1;
        fixture.clock.set(due);
        fixture.reader.look_again().await;
        assert_eq!(fixture.known().await, [""; 0]);
    }
    assert_eq!(looks, 5);
}

#[tokio::test]
async fn what_is_known_at_once_does_not_wait() {
    let (fixture, message) = Fixture::new().await.signed("one");
    fixture.answers(true);
    fixture.reader.read(message.clone()).await;
    assert_eq!(fixture.known().await, ["good.test one"]);
    let changed =
        String::from_utf8(message).unwrap().replace("report-id\":\"one", "report-id\":\"two");
    fixture.reader.read(changed.into_bytes()).await;
    assert_eq!((fixture.known().await.len(), fixture.due().await), (1, None));
}

/// One that comes while too many are judged is not lost.
#[tokio::test]
async fn more_than_are_judged_at_once_wait() {
    let (fixture, message) = Fixture::new().await.signed("one");
    fixture.answers(true);
    let all = fixture.reader.judged.clone().acquire_many_owned(JUDGED_MAX as u32).await.unwrap();
    fixture.reader.read(message).await;
    let due = fixture.due().await.unwrap();
    drop(all);
    fixture.clock.set(due);
    fixture.reader.look_again().await;
    assert_eq!(fixture.known().await, ["good.test one"]);
}

/// What another daemon put off is left to those who can ask.
#[tokio::test]
async fn without_the_dns_what_waits_is_left_alone() {
    let (mut fixture, message) = Fixture::new().await.signed("one");
    fixture.reader.read(message).await;
    fixture.known().await;
    let due = fixture.due().await.unwrap();
    fixture.clock.set(due);
    let dns = fixture.reader.dns.take();
    assert!(!fixture.reader.look_again().await);
    assert_eq!(fixture.due().await, Some(due));

    fixture.reader.dns = dns;
    fixture.answers(true);
    assert!(fixture.reader.look_again().await);
    assert_eq!(fixture.known().await, ["good.test one"]);
}

/// A shutdown during the last look leaves it for later.
#[tokio::test]
async fn a_last_look_is_had_once_more_where_it_was_cut_off() {
    let (fixture, message) = Fixture::new().await.signed("one");
    fixture.reader.read(message).await;
    fixture.known().await;
    for _ in 0..4 {
        fixture.clock.set(fixture.due().await.unwrap());
        assert!(fixture.reader.look_again().await);
        fixture.known().await;
    }
    fixture.clock.set(fixture.due().await.unwrap());
    // Taken, and nothing more.
    assert!(fixture.reader.take_due().await.unwrap().unwrap().is_last);
    fixture.clock.set(fixture.due().await.unwrap());
    fixture.answers(true);
    assert!(fixture.reader.look_again().await);
    assert_eq!(fixture.known().await, ["good.test one"]);
    assert_eq!(fixture.due().await, None);
}
