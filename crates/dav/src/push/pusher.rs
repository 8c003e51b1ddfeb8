//! Tells push services what changed.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request};
use net::{Dns, HttpsServer, Shutdown, TlsClient, https_exchange};
use storage::{DuePush, PushOutcome, PushTriggers, StorageError, Store};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::target::is_public;
use super::{PushKey, Target, encrypt, message, topic};

/// LIMIT: pushes that are under way at a time, each a connection.
const AT_ONCE_MAX: usize = 16;
/// LIMIT: one request, and what is read of its answer. All of a claim is over before it ends.
const TIMEOUT: Duration = Duration::from_secs(20);
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// RFC 8030 §5.2: how long the push service keeps it for who is away.
const TTL_SECS: u32 = 86_400;

/// What the binary decides about pushes.
#[derive(Debug, Clone)]
pub struct PusherSettings {
    /// How long changes are gathered: from one push to the next, and how often it is looked.
    pub delay: Duration,
    /// Whether push services may have addresses that are not public.
    pub private_addresses: bool,
    /// A URL of whom the operator of a push service may turn to.
    pub contact: String,
}

/// Who tells. Several daemons may on one store: each push is one's.
#[derive(Clone)]
pub struct Pusher {
    store: Store,
    key: Arc<PushKey>,
    tls: TlsClient,
    dns: Arc<dyn Dns>,
    settings: PusherSettings,
}

impl Pusher {
    /// One that does nothing yet.
    pub fn new(
        store: Store,
        key: Arc<PushKey>,
        tls: TlsClient,
        dns: Arc<dyn Dns>,
        settings: PusherSettings,
    ) -> Self {
        Self { store, key, tls, dns, settings }
    }

    /// Tells until the shutdown begins.
    pub async fn run(self, shutdown: Shutdown) {
        loop {
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                () = sleep(self.settings.delay) => {}
            }
            loop {
                let told = tokio::select! {
                    biased;
                    // What was claimed is told by another, or after the next start.
                    () = shutdown.requested() => return,
                    told = self.tell_due() => told,
                };
                match told {
                    Ok(told) if told >= AT_ONCE_MAX => {}
                    Ok(_) => break,
                    Err(error) => {
                        tracing::warn!(%error, "pushes");
                        break;
                    }
                }
            }
        }
    }

    /// Tells what is due now, at most as much as is told at a time; how much that was.
    ///
    /// # Errors
    /// Where storage fails.
    pub async fn tell_due(&self) -> Result<usize, StorageError> {
        let now = self.store.now();
        if !self.store.read(move |tx| tx.has_due_pushes(now)).await? {
            return Ok(0);
        }
        let claim = |tx: &mut storage::WriteTx<'_>| tx.claim_pushes(AT_ONCE_MAX);
        let claimed = self.store.write("push claim", claim).await?.value;
        let count = claimed.len();
        let mut tasks = JoinSet::new();
        for push in claimed {
            let pusher = self.clone();
            tasks.spawn(async move { pusher.tell(push).await });
        }
        while let Some(told) = tasks.join_next().await {
            told.unwrap_or_else(|error| Err(StorageError::Internal(error.to_string())))?;
        }
        Ok(count)
    }

    async fn tell(&self, push: DuePush) -> Result<(), StorageError> {
        let outcome = match self.send(&push).await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::debug!(subscription = push.id, error, "a push failed");
                PushOutcome::Failed(None)
            }
        };
        self.store.write("push", move |tx| tx.settle_push(&push, outcome)).await?;
        Ok(())
    }

    async fn send(&self, push: &DuePush) -> Result<PushOutcome, String> {
        let Some(target) = Target::parse(&push.resource) else { return Ok(PushOutcome::Gone) };
        let server = HttpsServer {
            host: target.host.clone(),
            addresses: self.addresses(&target).await?,
            body_bytes_max: ANSWER_BYTES_MAX,
            timeout: TIMEOUT,
        };
        let request = self.request(push, &target)?;
        let reply = https_exchange(&self.tls, &server, request).await;
        let reply = reply.map_err(|error| error.to_string())?;
        let asked = reply.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let asked = asked.and_then(|secs| secs.trim().parse().ok());
        Ok(match reply.status().as_u16() {
            200..300 => {
                let secs = i64::try_from(self.settings.delay.as_secs()).unwrap_or(i64::MAX);
                PushOutcome::Told(secs)
            }
            // RFC 8030 §7.3: it is over.
            404 | 410 => PushOutcome::Gone,
            status => {
                tracing::debug!(subscription = push.id, status, "a push was not taken");
                // RFC 8030 §8.4: how long it wants to be left alone.
                PushOutcome::Failed(asked)
            }
        })
    }

    async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, String> {
        let mut all = match target.host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => self.dns.addresses(&target.host).await.map_err(|error| error.to_string())?,
        };
        all.retain(|address| self.settings.private_addresses || is_public(*address));
        match all.is_empty() {
            true => Err("it has no public address".to_owned()),
            false => Ok(all.into_iter().map(|ip| SocketAddr::new(ip, target.port)).collect()),
        }
    }

    fn request(&self, push: &DuePush, target: &Target) -> Result<Request<Full<Bytes>>, String> {
        let body = message(&self.key, push.collection, push.modseq, push.changed);
        let body = encrypt(&body, &push.public_key, &push.secret).ok_or("it is not encrypted")?;
        let token =
            self.key.authorization(&target.origin(), &self.settings.contact, self.store.now());
        let PushTriggers { content, properties } = push.changed;
        Request::builder()
            .method(Method::POST)
            .uri(&target.path)
            .header(HOST, target.authority())
            .header(USER_AGENT, "Posthorn")
            .header(AUTHORIZATION, token.ok_or("nothing is signed")?)
            .header(CONTENT_TYPE, "application/xml; charset=\"UTF-8\"")
            .header(CONTENT_ENCODING, "aes128gcm")
            .header("ttl", TTL_SECS)
            // RFC 8030 §5.3: what a colour is now can wait.
            .header("urgency", if content { "normal" } else { "low" })
            .header("topic", self.replaces(push, content, properties))
            .body(Full::from(body))
            .map_err(|error| error.to_string())
    }

    /// RFC 8030 §5.4: 32 characters at most. What a message replaces says the same of the same.
    fn replaces(&self, push: &DuePush, content: bool, properties: bool) -> String {
        let kind = u8::from(content) | u8::from(properties) << 1;
        format!("{}-{kind}", topic(&self.key, push.collection))
    }
}
