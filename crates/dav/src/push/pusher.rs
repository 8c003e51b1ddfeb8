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
use tokio::time::{Instant, sleep};

use super::target::is_public;
use super::{PushKey, Target, encrypt, message, topic};

/// LIMIT: pushes that are under way at a time, each a connection.
const AT_ONCE_MAX: usize = 16;
/// LIMIT: one request, and what is read of its answer. All of a claim is over before it ends.
const TIMEOUT: Duration = Duration::from_secs(20);
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// LIMIT: how long changes are gathered before the first of them is told.
const GATHER: Duration = Duration::from_secs(1);
/// How often all subscriptions are looked at, for what a daemon that is gone did not tell.
const LOOK_AT_ALL: Duration = Duration::from_secs(600);
/// How long nothing is done after storage failed.
const AFTER_FAILURE: Duration = Duration::from_secs(10);
const PAUSE_MIN: Duration = Duration::from_millis(200);
/// RFC 8030 §5.2: how long the push service keeps it for who is away.
const TTL_SECS: u32 = 86_400;

/// What the binary decides about pushes.
#[derive(Debug, Clone)]
pub struct PusherSettings {
    /// How long after a push the next one at the same subscription may come.
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
        let mut all_at = Instant::now();
        loop {
            let pause = tokio::select! {
                biased;
                // What was claimed is told by another, or after the next start.
                () = shutdown.requested() => return,
                pause = self.round(&mut all_at) => pause,
            };
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                () = self.store.push_notices().wait() => {}
                () = sleep(pause) => continue,
            }
            // A program that brings a hundred events makes one round, not a hundred.
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                () = sleep(self.settings.delay.min(GATHER)) => {}
            }
        }
    }

    /// Tells all that is due; for how long there is nothing to do unless something changes.
    async fn round(&self, all_at: &mut Instant) -> Duration {
        let next = async {
            if *all_at <= Instant::now() {
                self.look_at_all().await?;
                *all_at = Instant::now() + LOOK_AT_ALL;
            }
            while self.tell_due().await? >= AT_ONCE_MAX {}
            self.store.read(|tx| tx.next_push_look()).await
        };
        let next = match next.await {
            Ok(next) => next,
            Err(error) => {
                tracing::warn!(%error, "pushes");
                // What was taken up may not have been looked at.
                *all_at = Instant::now() + AFTER_FAILURE;
                return AFTER_FAILURE;
            }
        };
        let until = next.map(|at| at.as_micros().saturating_sub(self.store.now().as_micros()));
        let until = until.map(|micros| Duration::from_micros(micros.max(0).cast_unsigned()));
        let until_all = all_at.saturating_duration_since(Instant::now());
        // What another daemon has in hand at this moment is still due.
        until.unwrap_or(until_all).min(until_all).max(PAUSE_MIN)
    }

    /// Looks at all subscriptions: what a daemon did not tell that is gone, and what has expired.
    async fn look_at_all(&self) -> Result<(), StorageError> {
        self.store.write("push expiry", |tx| tx.remove_expired_pushes()).await?;
        let mut after = Some(0);
        while let Some(from) = after {
            let (behind, next) = self.store.read(move |tx| tx.pushes_behind_of_all(from)).await?;
            self.note(behind).await?;
            after = next;
        }
        Ok(())
    }

    /// What changed is to be looked at.
    async fn note_changes(&self) -> Result<(), StorageError> {
        let changed = self.store.push_notices().take();
        if changed.others {
            return self.look_at_all().await;
        }
        if changed.known.is_empty() {
            return Ok(());
        }
        let behind = self.store.read(move |tx| tx.pushes_behind(&changed.known)).await?;
        self.note(behind).await
    }

    async fn note(&self, behind: Vec<i64>) -> Result<(), StorageError> {
        if !behind.is_empty() {
            self.store.write("push note", move |tx| tx.note_pushes(&behind)).await?;
        }
        Ok(())
    }

    /// Tells what is due now, at most as much as is told at a time; how much that was.
    ///
    /// # Errors
    /// Where storage fails.
    pub async fn tell_due(&self) -> Result<usize, StorageError> {
        if let Err(error) = self.note_changes().await {
            self.store.push_notices().lose();
            return Err(error);
        }
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
            if let Err(error) = told {
                tracing::error!(%error, "a push broke off");
            }
        }
        Ok(count)
    }

    /// One push, and what became of it. Where that cannot be written it is told once more after some
    /// minutes; the others are told all the same.
    async fn tell(&self, push: DuePush) {
        let outcome = match self.send(&push).await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::debug!(subscription = push.id, error, "a push failed");
                PushOutcome::Failed(None)
            }
        };
        let subscription = push.id;
        let settled = self.store.write("push", move |tx| tx.settle_push(&push, outcome)).await;
        if let Err(error) = settled {
            tracing::warn!(%error, subscription, "what became of a push is not noted");
        }
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
