//! The chain against scripted scanners: what they are told, what they answer, and every way in
//! which they fail.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod envelopes;
mod failures;
mod milter;
mod peers;

use std::sync::Arc;
use std::time::Duration;

use scan::{
    Chain, Check, EnvelopeChanges, Mail, OnFailure, Origin, Outcome, Peer, Recipient, Scanner,
    ScannerAddress, TlsOfPeer,
};

const MESSAGE: &[u8] = b"From: a@x.test\r\nSubject: one\r\n two\r\n\r\nBody\r\n.line\r\n";

/// A check of everything that defers where it fails.
fn check(scanner: Scanner) -> Check {
    Check {
        name: "scripted".to_owned(),
        scanner,
        origins: vec![Origin::Incoming, Origin::Outgoing],
        size_bytes_max: 10_000,
        timeout: Duration::from_secs(60),
        on_failure: OnFailure::Defer,
        refuses: true,
        quarantines: true,
        counters: Arc::default(),
    }
}

fn chain(check: Check) -> Chain {
    Chain::new(vec![check])
}

fn mail(recipients: &[Recipient]) -> Mail<'_> {
    Mail {
        origin: Origin::Incoming,
        peer: Peer {
            address: "192.0.2.7:4321".parse().unwrap(),
            name: None,
            helo: "client.test",
            tls: Some(TlsOfPeer { version: "TLSv1.3", cipher: "AES" }),
        },
        account: None,
        mechanism: None,
        transaction: 1,
        reverse_path: "a@x.test",
        parameters: &[],
        recipients,
        id: "0001",
        hostname: "mx.test",
        message: MESSAGE,
    }
}

fn to(recipients: &[&str]) -> Vec<Recipient> {
    recipients.iter().copied().map(Recipient::from).collect()
}

/// A message that is taken as it is.
fn accepted() -> Outcome {
    Outcome::Accept { changed: None, quarantine: false, envelope: EnvelopeChanges::default() }
}

/// An address where nobody listens.
fn nobody() -> ScannerAddress {
    ScannerAddress::Unix("/nonexistent/scanner.sock".into())
}
