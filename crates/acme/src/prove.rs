//! Proves that host names are ours (RFC 8555 §8): by http-01 and tls-alpn-01, whose answers lie in
//! storage for every daemon, or by dns-01, through a program that publishes records.

use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use net::{ChallengeFuture, TlsChallenges};
use serde_json::json;
use storage::Store;

use crate::error::AcmeError;
use crate::keeper::Keeper;
use crate::protocol::{Authorization, Challenge, Client, Order, Status, encode, sha256};
use crate::settings::ChallengeKind;

/// LIMIT: how long what proves a name stands there.
const STANDS_SECS: i64 = 3600;
/// LIMIT: how long a program may take to publish a record.
const HOOK_TIMEOUT: Duration = Duration::from_secs(300);
/// How often it is looked whether it has ended.
const HOOK_LOOK: Duration = Duration::from_millis(50);
/// LIMIT: bytes of a token that are looked up; they have some 40.
const TOKEN_BYTES_MAX: usize = 256;

/// Something that stands somewhere until the name was looked at.
#[derive(Clone)]
pub(crate) struct Published {
    kind: ChallengeKind,
    /// A token, a host, or the name of a record.
    name: String,
    value: String,
}

impl Keeper {
    /// Publishes what proves each name of an order that is not proved yet, and says so. What was
    /// published is to be withdrawn, whatever comes of it.
    pub(crate) async fn prove(
        &self,
        client: &mut Client,
        names: &str,
        order: &Order,
        published: &mut Vec<Published>,
    ) -> Result<(), AcmeError> {
        let kind = self.settings.challenge.as_str();
        for url in &order.authorizations {
            let authorization: Authorization = client.post(url, None).await?.read()?;
            if authorization.status != Status::Pending {
                continue;
            }
            let name = authorization.identifier.value;
            // Of `*.example.test` the name without the asterisk is proved.
            let ordered = |one: &str| one.strip_prefix("*.").unwrap_or(one) == name;
            if !names.split(' ').any(ordered) {
                let reason = "was not ordered".to_owned();
                return Err(AcmeError::Unproved { name, reason });
            }
            let challenge = authorization.challenges.into_iter().find(|one| one.kind == kind);
            let Some(challenge) = challenge else {
                let reason = format!("cannot be proved by {kind}");
                return Err(AcmeError::Unproved { name, reason });
            };
            let proof = self.proof(client, &name, &challenge)?;
            // A program that failed may have published it all the same.
            published.push(proof.clone());
            self.publish(proof).await?;
            // RFC 8555 §7.5.1: an empty object says that it can be looked at.
            client.post(&challenge.url, Some(&json!({}))).await?;
        }
        Ok(())
    }

    /// The name and value of the record, page or certificate that proves a host name.
    fn proof(
        &self,
        client: &Client,
        host: &str,
        challenge: &Challenge,
    ) -> Result<Published, AcmeError> {
        let kind = self.settings.challenge;
        if !is_token(&challenge.token) {
            return Err(AcmeError::Server("a challenge has no token".to_owned()));
        }
        let authorization = client.key().authorization(&challenge.token);
        let digest = sha256(authorization.as_bytes());
        let (name, value) = match kind {
            ChallengeKind::Http => (challenge.token.clone(), authorization),
            ChallengeKind::TlsAlpn => (host.to_ascii_lowercase(), hex(digest.as_ref())),
            // RFC 8555 §8.4.
            ChallengeKind::Dns => (format!("_acme-challenge.{host}"), encode(digest.as_ref())),
        };
        Ok(Published { kind, name, value })
    }

    async fn publish(&self, proof: Published) -> Result<(), AcmeError> {
        match proof.kind {
            ChallengeKind::Dns => self.hook("add", &proof).await,
            kind @ (ChallengeKind::Http | ChallengeKind::TlsAlpn) => {
                let put = self.store.write("acme proof", move |tx| {
                    tx.put_acme_challenge(kind.as_str(), &proof.name, &proof.value, STANDS_SECS)
                });
                put.await?;
                Ok(())
            }
        }
    }

    /// Takes away what was published. What cannot be taken away harms nobody.
    pub(crate) async fn withdraw(&self, published: &mut Vec<Published>) {
        for one in published.drain(..) {
            let name = one.name.clone();
            let outcome = match one.kind {
                ChallengeKind::Dns => self.hook("remove", &one).await,
                kind => {
                    let removed = self.store.write("acme proof", move |tx| {
                        tx.remove_acme_challenge(kind.as_str(), &one.name)
                    });
                    removed.await.map(|_| ()).map_err(AcmeError::from)
                }
            };
            if let Err(error) = outcome {
                tracing::warn!(%error, name, "what proved a name was not withdrawn");
            }
        }
    }

    /// Runs the operator's program; it ends once the record can be seen.
    async fn hook(&self, verb: &str, record: &Published) -> Result<(), AcmeError> {
        let hook = self.settings.hook.clone();
        let hook = hook.ok_or_else(|| AcmeError::Hook("there is none".to_owned()))?;
        let path = hook.display().to_string();
        let mut command = Command::new(hook);
        command.args([verb, &record.name, &record.value]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let ended = tokio::task::spawn_blocking(move || run(&mut command)).await;
        let what = format!("{verb} {}", record.name);
        match ended {
            Ok(Ok(Some(status))) if status.success() => Ok(()),
            Ok(Ok(Some(status))) => Err(AcmeError::Hook(format!("{what}: {status}"))),
            Ok(Ok(None)) => Err(AcmeError::Hook(format!("{what}: ended for taking too long"))),
            Ok(Err(error)) => Err(AcmeError::Hook(format!("{path}: {error}"))),
            Err(error) => Err(AcmeError::Hook(format!("{what}: {error}"))),
        }
    }
}

/// Runs a program to its end; `None` where it had to be ended.
fn run(command: &mut Command) -> std::io::Result<Option<ExitStatus>> {
    let mut child = command.spawn()?;
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun.elapsed() > HOOK_TIMEOUT {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(HOOK_LOOK);
    }
}

/// What is answered to a request for a token over HTTP (RFC 8555 §8.3), if it is waited for.
pub async fn http_answer(store: &Store, token: &str) -> Option<String> {
    if !is_token(token) {
        return None;
    }
    let token = token.to_owned();
    let kind = ChallengeKind::Http.as_str();
    store.read(move |tx| tx.find_acme_challenge(kind, &token)).await.ok().flatten()
}

/// RFC 8555 §8.3: base64url.
fn is_token(text: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=TOKEN_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_token)
}

/// What is shown to those who look over TLS, from storage.
pub struct TlsProofs {
    /// The store that the answers to challenges lie in.
    pub store: Store,
}

impl TlsChallenges for TlsProofs {
    fn find<'a>(&'a self, name: &'a str) -> ChallengeFuture<'a> {
        Box::pin(async move {
            let name = name.to_ascii_lowercase();
            let kind = ChallengeKind::TlsAlpn.as_str();
            let found = self.store.read(move |tx| tx.find_acme_challenge(kind, &name)).await;
            found.ok().flatten().and_then(|digest| unhex(&digest))
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digit = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    let bytes: Vec<u8> = (0..text.len()).step_by(2).map(digit).collect::<Option<_>>()?;
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_survive_storage() {
        let digest: [u8; 32] = std::array::from_fn(|at| (at * 9) as u8);
        assert_eq!(unhex(&hex(&digest)), Some(digest));
        for bad in ["", "00", "zz", &"0".repeat(63), "é"] {
            assert_eq!(unhex(bad), None, "{bad}");
        }
    }
}
