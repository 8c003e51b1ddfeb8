//! Who keeps certificates: looks what is new, orders what is due.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ids::Timestamp;
use net::{Dns, IssuedCertificate, Shutdown, TlsClient, TlsKeys};
use storage::{AcmeCertificate, AcmeState, StorageError, Store};

use crate::error::AcmeError;
use crate::obtain::{PURPOSE, certificate_id, leaf_of};
use crate::protocol::{Client, Pause, RenewalInfo};
use crate::schedule::{again, within};
use crate::settings::{Seal, Settings};

/// How often storage is looked at.
const TICK: Duration = Duration::from_secs(5);
/// The name of the lease that lets one daemon at a time order certificates.
const LEASE: &str = "acme";
/// LIMIT: how long one certificate may take; what was begun is gone on with later.
const OBTAIN_TIMEOUT: Duration = Duration::from_secs(600);
/// How long others wait for a daemon that has died at it. It is prolonged as long as something is
/// done, so that nobody else begins meanwhile.
const LEASE_SECS: i64 = 90;
/// How often the lease is prolonged while something is done.
const RENEW: Duration = Duration::from_secs(20);
/// How often the names of domains are gone through.
const NAMES_SECS: i64 = 900;
/// RFC 9773 §4.3.2: every six hours is enough, where the server does not say.
const INFORMED_SECS: i64 = 6 * 3600;
/// LIMIT: domains that get certificates of their own.
const DOMAINS_MAX: usize = 5_000;
/// LIMIT: failures after which an order is not gone on with: where it was placed, nobody may be any
/// more.
const ORDER_FAILURES_MAX: u32 = 3;
/// How long something that failed here is left alone.
const PAUSE_SECS: i64 = 60;

/// Counters of certificates, for the metrics page.
#[derive(Debug, Default)]
pub struct KeeperCounts {
    /// Certificates that were issued to it.
    pub issued: AtomicU64,
    /// Attempts to obtain a certificate that failed.
    pub failed: AtomicU64,
    /// When the first of those in use ends, in seconds of Unix time; 0: there are none.
    pub ends: AtomicI64,
}

/// Keeps the certificates of a server.
pub struct Keeper {
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    pub(crate) tls: TlsClient,
    pub(crate) seal: Arc<dyn Seal>,
    pub(crate) pause: Pause,
    keys: Arc<TlsKeys>,
    dns: Option<Arc<dyn Dns>>,
    holder: [u8; 16],
    counts: Arc<KeeperCounts>,
    memory: Mutex<Memory>,
}

/// What it knows from one look to the next.
#[derive(Default)]
struct Memory {
    /// How many certificates there were, and when the newest came.
    presented: Option<(i64, Timestamp)>,
    /// When a certificate is to be ordered next.
    due: Option<Timestamp>,
    /// When the server is to be asked for renewal information next.
    informed_due: Timestamp,
    /// When the names of domains are gone through next.
    names_due: Timestamp,
    wanted: HashSet<String>,
    /// When renewal information is asked for next, by the names of the certificate.
    informed: HashMap<String, Timestamp>,
    /// The instant before which nothing is ordered.
    paused_until: Timestamp,
}

impl Keeper {
    /// A keeper that has its certificates presented by `keys`. Names of domains are looked up in
    /// the DNS, where there is one.
    pub fn new(
        store: Store,
        settings: Settings,
        seal: Arc<dyn Seal>,
        tls: TlsClient,
        keys: Arc<TlsKeys>,
        dns: Option<Arc<dyn Dns>>,
    ) -> Result<Self, AcmeError> {
        let mut holder = [0; 16];
        getrandom::fill(&mut holder).map_err(|error| AcmeError::Key(error.to_string()))?;
        let (pause, memory) = (Pause::default(), Mutex::default());
        let counts = Arc::default();
        Ok(Self { store, settings, tls, seal, pause, keys, dns, holder, counts, memory })
    }

    /// Counts with these, such as what one before it counted with.
    #[must_use]
    pub fn counting(self, counts: Arc<KeeperCounts>) -> Self {
        Self { counts, ..self }
    }

    /// The counters of certificates and attempts, for the metrics page.
    pub fn counts(&self) -> Arc<KeeperCounts> {
        self.counts.clone()
    }

    /// Keeps them until the shutdown.
    pub async fn run(self, shutdown: Shutdown) {
        loop {
            tokio::select! {
                biased;
                () = shutdown.requested() => break,
                // An order that is cut off is gone on with after the next start.
                () = self.round() => {}
            }
            tokio::select! {
                biased;
                () = shutdown.requested() => break,
                () = tokio::time::sleep(TICK) => {}
            }
        }
        let holder = self.holder;
        let ended = self.store.write("acme lease", move |tx| tx.end_lease(LEASE, &holder)).await;
        if let Err(error) = ended {
            tracing::debug!(%error, "the lease runs out by itself");
        }
    }

    /// Has what is new in storage presented.
    pub async fn present(&self) -> Result<(), AcmeError> {
        let state = self.store.read(|tx| tx.acme_state()).await?;
        let AcmeState { issued, newest, due } = state;
        self.memory().due = due;
        if self.memory().presented == Some((issued, newest)) {
            return Ok(());
        }
        let mut rows = self.store.read(|tx| tx.acme_certificates()).await?;
        // Of several with one name the first is presented.
        rows.sort_by_key(|row| std::cmp::Reverse(row.issued));
        let opened: Vec<IssuedCertificate> = rows.iter().filter_map(|row| self.open(row)).collect();
        let count = opened.len();
        let ends = rows.iter().filter(|row| !row.chain.is_empty()).map(|row| row.ends.as_secs());
        self.counts.ends.store(ends.min().unwrap_or(0), Ordering::Relaxed);
        self.keys.use_issued(opened).map_err(|error| AcmeError::Unusable(error.to_string()))?;
        if count > 0 {
            tracing::info!(certificates = count, "ACME certificates are in use");
        }
        self.memory().presented = Some((issued, newest));
        Ok(())
    }

    fn open(&self, row: &AcmeCertificate) -> Option<IssuedCertificate> {
        if row.chain.is_empty() {
            return None;
        }
        let Some(key_der) = self.seal.open(PURPOSE, &row.sealed_key) else {
            tracing::error!(names = row.names, "seal.key does not open the key of a certificate");
            return None;
        };
        Some(IssuedCertificate { chain_pem: row.chain.clone(), key_der })
    }

    /// One pass: takes up the certificates that storage has, then orders those that are due.
    async fn round(&self) {
        if let Err(error) = self.present().await {
            tracing::warn!(%error, "ACME certificates cannot be looked at");
            return;
        }
        if let Err(error) = self.order_due().await {
            tracing::warn!(%error, "ACME");
            self.pause_until(self.store.now().plus_secs(PAUSE_SECS));
        }
    }

    async fn order_due(&self) -> Result<(), AcmeError> {
        let now = self.store.now();
        let (names_due, quiet) = {
            let memory = self.memory();
            let names_due = memory.names_due <= now;
            let due = memory.due.is_some_and(|due| due <= now) || memory.informed_due <= now;
            (names_due, memory.paused_until > now || !(names_due || due))
        };
        if quiet {
            return Ok(());
        }
        if !self.holds_lease().await? {
            // Somebody else sees to it.
            self.pause_until(now.plus_secs(PAUSE_SECS));
            return Ok(());
        }
        tokio::select! {
            biased;
            outcome = self.order_wanted(names_due, now) => outcome,
            // What was begun is gone on with by who has it now.
            lost = self.keep_lease() => lost,
        }
    }

    /// Prolongs the lease until it is lost.
    async fn keep_lease(&self) -> Result<(), AcmeError> {
        loop {
            tokio::time::sleep(RENEW).await;
            if !self.holds_lease().await? {
                tracing::warn!("another daemon orders certificates now");
                return Ok(());
            }
        }
    }

    async fn order_wanted(&self, names_due: bool, now: Timestamp) -> Result<(), AcmeError> {
        if names_due {
            let wanted = self.wanted().await?;
            let mut memory = self.memory();
            memory.wanted = wanted;
            memory.names_due = now.plus_secs(NAMES_SECS);
        }
        let wanted = self.memory().wanted.clone();
        self.settle_rows(&wanted, now).await?;
        self.order_all(&wanted).await
    }

    /// Writes what is wanted, and forgets what is of no use.
    async fn settle_rows(&self, wanted: &HashSet<String>, now: Timestamp) -> Result<(), AcmeError> {
        let wanted = wanted.clone();
        let written = self.store.write("acme names", move |tx| {
            for mut row in tx.acme_certificates()? {
                let none = row.chain.is_empty();
                match wanted.contains(&row.names) {
                    // It was not wanted for a while.
                    true if !none && row.due == row.ends => row.due = now,
                    true => continue,
                    false if none || row.ends <= now => {
                        tx.remove_acme_certificate(&row.names)?;
                        continue;
                    }
                    // It is presented as long as it is good, and not renewed.
                    false => row.due = row.ends,
                }
                tx.put_acme_certificate(&row)?;
            }
            wanted.iter().try_for_each(|names| tx.want_acme_certificate(names))
        });
        written.await?;
        Ok(())
    }

    async fn order_all(&self, wanted: &HashSet<String>) -> Result<(), AcmeError> {
        let mut rows = self.store.read(|tx| tx.acme_certificates()).await?;
        rows.retain(|row| wanted.contains(&row.names));
        let own = self.settings.names.join(" ");
        // The server's own name first: all of mail hangs on it.
        rows.sort_by_key(|row| row.names != own);
        let now = self.store.now();
        if !rows.iter().any(|row| row.due <= now || self.is_uninformed(row, now)) {
            self.plan_questions();
            return Ok(());
        }
        let mut client = match self.client().await {
            Ok(client) => client,
            Err(error) => {
                tracing::debug!(%error, "the ACME server");
                self.memory().informed_due = now.plus_secs(PAUSE_SECS);
                for row in rows.iter().filter(|row| row.due <= now) {
                    self.failed(row.clone(), &error).await?;
                }
                return Ok(());
            }
        };
        for mut row in rows {
            let now = self.store.now();
            if self.memory().paused_until > now || !self.holds_lease().await? {
                return Ok(());
            }
            if row.due > now && self.is_uninformed(&row, now) {
                self.inform(&client, &mut row).await?;
            }
            if row.due <= now {
                self.order_one(&mut client, row).await?;
            }
        }
        self.plan_questions();
        Ok(())
    }

    /// Plans when renewal information is asked for next.
    fn plan_questions(&self) {
        let later = self.store.now().plus_secs(INFORMED_SECS);
        let mut memory = self.memory();
        let Memory { informed, wanted, .. } = &mut *memory;
        informed.retain(|names, _| wanted.contains(names));
        let next = informed.values().min().copied().unwrap_or(later);
        memory.informed_due = next;
    }

    async fn order_one(
        &self,
        client: &mut Client,
        mut row: AcmeCertificate,
    ) -> Result<(), AcmeError> {
        let mut published = Vec::new();
        let obtaining = self.obtain(client, &mut row, &mut published);
        let outcome = match tokio::time::timeout(OBTAIN_TIMEOUT, obtaining).await {
            Ok(outcome) => outcome,
            Err(_) => Err(AcmeError::TimedOut),
        };
        self.withdraw(&mut published).await;
        if let Err(error) = outcome {
            let first = row.failures == 0;
            if let AcmeError::Refused(problem) = &error
                && problem.is("accountDoesNotExist")
            {
                self.forget_account().await?;
                // It is made anew at the next look, and that is not waited for once.
                if first {
                    (row.failures, row.problem) = (1, bounded(&error.to_string()));
                    return self.keep(&row).await;
                }
            }
            return self.failed(row, &error).await;
        }
        self.keep(&row).await?;
        self.counts.issued.fetch_add(1, Ordering::Relaxed);
        tracing::info!(names = row.names, "a certificate was issued");
        self.present().await
    }

    async fn failed(&self, mut row: AcmeCertificate, error: &AcmeError) -> Result<(), AcmeError> {
        tracing::warn!(names = row.names, %error, "no certificate");
        self.counts.failed.fetch_add(1, Ordering::Relaxed);
        row.failures = row.failures.saturating_add(1);
        row.problem = bounded(&error.to_string());
        if error.ends_order() || row.failures > ORDER_FAILURES_MAX {
            row.order_url.clear();
            row.order_key.clear();
        }
        let said = self.pause.take();
        let now = self.store.now();
        let pause = again(row.failures, said, fastrand::f64()).as_secs();
        row.due = now.plus_secs(i64::try_from(pause).unwrap_or(i64::MAX / 2));
        if let Some(secs) = said {
            // RFC 8555 §6.6: it is the account that waits, not the name.
            self.pause_until(now.plus_secs(i64::try_from(secs).unwrap_or(i64::MAX / 2)));
        }
        self.keep(&row).await
    }

    /// RFC 9773 §4.2: those who issue may want it renewed earlier.
    async fn inform(&self, client: &Client, row: &mut AcmeCertificate) -> Result<(), AcmeError> {
        let now = self.store.now();
        let mut next = INFORMED_SECS;
        if let Some(id) = leaf_of(&row.chain).and_then(|leaf| certificate_id(&leaf)) {
            match client.renewal_info(&id).await {
                Ok(Some(reply)) => {
                    // RFC 9773 §4.3.2: the server says when to ask again, and once a day is the
                    // least.
                    let said = reply.retry_after().and_then(|secs| i64::try_from(secs).ok());
                    next = said.unwrap_or(next).clamp(60, 86_400);
                    let window = reply.read::<RenewalInfo>().ok().and_then(|info| info.window());
                    // Who has a moment within the window keeps it.
                    if let Some((start, end)) = window
                        && row.due.as_secs() > end
                    {
                        row.due = within(start, end, fastrand::f64());
                        tracing::info!(names = row.names, "the server suggests to renew earlier");
                        self.keep(row).await?;
                    }
                }
                Ok(None) => next = 86_400,
                Err(error) => tracing::debug!(%error, names = row.names, "renewal information"),
            }
        }
        self.memory().informed.insert(row.names.clone(), now.plus_secs(next));
        Ok(())
    }

    /// Whether it is time to ask how long a certificate is good for.
    fn is_uninformed(&self, row: &AcmeCertificate, now: Timestamp) -> bool {
        let memory = self.memory();
        !row.chain.is_empty() && memory.informed.get(&row.names).is_none_or(|next| *next <= now)
    }

    /// The names that belong together, each with a space between.
    async fn wanted(&self) -> Result<HashSet<String>, AcmeError> {
        let mut wanted = HashSet::from([self.settings.names.join(" ")]);
        if self.settings.prefixes.is_empty() {
            return Ok(wanted);
        }
        let domains = self.store.read(|tx| tx.list_domains()).await?;
        for domain in domains.into_iter().take(DOMAINS_MAX) {
            let mut names = Vec::new();
            for prefix in &self.settings.prefixes {
                let name = format!("{prefix}.{}", domain.name);
                if !self.settings.names.contains(&name) && self.is_there(&name).await {
                    names.push(name);
                }
            }
            if !names.is_empty() {
                wanted.insert(names.join(" "));
            }
        }
        Ok(wanted)
    }

    /// Whether a name leads anywhere: who orders for names that do not is soon refused altogether.
    async fn is_there(&self, name: &str) -> bool {
        let Some(dns) = &self.dns else { return false };
        dns.addresses(name).await.is_ok_and(|found| !found.is_empty())
    }

    async fn holds_lease(&self) -> Result<bool, StorageError> {
        let holder = self.holder;
        let taken =
            self.store.write("acme lease", move |tx| tx.take_lease(LEASE, &holder, LEASE_SECS));
        Ok(taken.await?.value)
    }

    pub(crate) async fn keep(&self, row: &AcmeCertificate) -> Result<(), AcmeError> {
        let row = row.clone();
        self.store.write("acme certificate", move |tx| tx.put_acme_certificate(&row)).await?;
        Ok(())
    }

    fn pause_until(&self, until: Timestamp) {
        self.memory().paused_until = until;
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// LIMIT: bytes of what is kept of a problem.
const PROBLEM_BYTES_MAX: usize = 1_000;

fn bounded(text: &str) -> String {
    let mut bounded = String::new();
    for char in text.chars().map(|char| if char.is_control() { ' ' } else { char }) {
        if bounded.len() + char.len_utf8() > PROBLEM_BYTES_MAX {
            break;
        }
        bounded.push(char);
    }
    bounded
}
