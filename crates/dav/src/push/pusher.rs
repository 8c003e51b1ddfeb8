//! Sends Web Push messages to the push services of subscriptions whose collections changed. What is
//! to be told to whom is a matter of storage; this module makes the HTTP requests, a bounded number
//! at a time, and reports what became of them.

use std::collections::HashMap;
use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request};
use ids::AccountId;
use net::{Dns, HttpsError, HttpsServer, Shutdown, TlsClient, https_exchange};
use storage::{DuePush, PushOutcome, PushTriggers, PushesUnderWay, StorageError, Store};
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use super::hosts::Hosts;
use super::target::is_public;
use super::{PushKey, Target, encrypt, message, topic};

/// LIMIT: pushes that are under way at a time, each a connection; storage bounds those of an
/// account to four, and passes over four accounts that have as many: these are all there can be.
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
    /// The `sub` claim of RFC 8292 §2.1: a `mailto:` or `https:` URL by which the operator of a
    /// push service reaches the operator of this server.
    pub contact: String,
}

/// Sends the pushes of a store. Several daemons may each run one on the same store: every push is
/// claimed by one of them.
#[derive(Clone)]
pub struct Pusher {
    store: Store,
    key: Arc<PushKey>,
    tls: TlsClient,
    dns: Arc<dyn Dns>,
    hosts: Arc<Hosts>,
    settings: PusherSettings,
}

/// Pushes that were begun.
#[derive(Default)]
struct UnderWay {
    tasks: JoinSet<()>,
    /// The account that each task tells for, by the task's id.
    of: HashMap<Id, AccountId>,
    accounts: PushesUnderWay,
}

impl UnderWay {
    fn begin(&mut self, pusher: &Pusher, push: DuePush) {
        let (pusher, account) = (pusher.clone(), push.account);
        let task = self.tasks.spawn(async move { pusher.tell(push).await });
        self.of.insert(task.id(), account);
        self.accounts.begin(account);
    }

    /// Waits until one of them is over; for ever, where there is none.
    async fn ended(&mut self) {
        let id = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            Some(Err(error)) => {
                tracing::error!(%error, "a push broke off");
                error.id()
            }
            None => return pending().await,
        };
        if let Some(account) = self.of.remove(&id) {
            self.accounts.end(account);
        }
    }
}

impl Pusher {
    /// A pusher that sends nothing until it is run.
    pub fn new(
        store: Store,
        key: Arc<PushKey>,
        tls: TlsClient,
        dns: Arc<dyn Dns>,
        settings: PusherSettings,
    ) -> Self {
        Self { store, key, tls, dns, hosts: Arc::default(), settings }
    }

    /// Tells until the shutdown begins.
    pub async fn run(self, shutdown: Shutdown) {
        let mut all_at = Instant::now();
        let mut under_way = UnderWay::default();
        loop {
            let pause = tokio::select! {
                biased;
                // What was claimed is told by another, or after the next start.
                () = shutdown.requested() => return,
                pause = self.round(&mut all_at, &mut under_way) => pause,
            };
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                // There is room for another.
                () = under_way.ended() => continue,
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

    /// Begins to tell what is due, as far as there is room; for how long there is nothing to do
    /// unless something changes or ends.
    async fn round(&self, all_at: &mut Instant, under_way: &mut UnderWay) -> Duration {
        let next = async {
            if *all_at <= Instant::now() {
                self.look_at_all().await?;
                *all_at = Instant::now() + LOOK_AT_ALL;
            }
            self.begin_due(under_way).await?;
            if under_way.tasks.len() >= AT_ONCE_MAX {
                return Ok(None);
            }
            let accounts = under_way.accounts.clone();
            self.store.read(move |tx| tx.next_push_look(&accounts)).await
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

    /// Notes in storage which subscriptions are behind the collections that changed since the last
    /// call.
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

    /// Tells all that is due now, and waits for what becomes of it; how much that was.
    ///
    /// # Errors
    /// Where storage fails.
    pub async fn tell_due(&self) -> Result<usize, StorageError> {
        let mut under_way = UnderWay::default();
        let (mut count, mut failure) = (0, None);
        loop {
            // Those under way are told all the same.
            match self.begin_due(&mut under_way).await {
                Ok(more) => count += more,
                Err(error) => failure = Some(error),
            }
            if under_way.tasks.is_empty() {
                return failure.map_or(Ok(count), Err);
            }
            under_way.ended().await;
        }
    }

    /// Begins with what is due now, as far as there is room; how much that is.
    async fn begin_due(&self, under_way: &mut UnderWay) -> Result<usize, StorageError> {
        if let Err(error) = self.note_changes().await {
            self.store.push_notices().lose();
            return Err(error);
        }
        let mut count = 0;
        // Each time an account has all that one may have, those behind it are come to.
        while let Some(room) = AT_ONCE_MAX.checked_sub(under_way.tasks.len()).filter(|it| *it > 0) {
            let (now, accounts) = (self.store.now(), under_way.accounts.clone());
            if !self.store.read(move |tx| tx.has_due_pushes(now, &accounts)).await? {
                break;
            }
            let accounts = under_way.accounts.clone();
            let claim = move |tx: &mut storage::WriteTx<'_>| tx.claim_pushes(room, &accounts);
            let claimed = self.store.write("push claim", claim).await?.value;
            if claimed.is_empty() {
                break;
            }
            count += claimed.len();
            claimed.into_iter().for_each(|push| under_way.begin(self, push));
        }
        Ok(count)
    }

    /// One push, and what became of it. Where that cannot be written it is told once more after
    /// some minutes; the others are told all the same.
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
        let authority = target.authority();
        if let Err(left) = self.hosts.ask(&authority, Instant::now()) {
            let secs = left.as_secs().saturating_add(1);
            return Ok(PushOutcome::Later(i64::try_from(secs).unwrap_or(i64::MAX)));
        }
        let addresses = timeout(TIMEOUT, self.addresses(&target)).await;
        let addresses = addresses.unwrap_or_else(|_| Err("its name is not found in time".into()));
        let server = HttpsServer {
            host: target.host.clone(),
            addresses: addresses.inspect_err(|_| self.hosts.failed(&authority, Instant::now()))?,
            body_bytes_max: ANSWER_BYTES_MAX,
            timeout: TIMEOUT,
        };
        let request = self.request(push, &target)?;
        let reply = https_exchange(&self.tls, &server, request).await;
        match &reply {
            Ok(_) | Err(HttpsError::TooLarge) => self.hosts.answered(&authority),
            Err(_) => self.hosts.failed(&authority, Instant::now()),
        }
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
