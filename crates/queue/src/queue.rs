//! The queue's own loop: keeps the lease, looks at the spool, begins visits.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use ids::Timestamp;
use net::{Dns, Shutdown, TlsClient};
use storage::{Sorter, StorageError, Store};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::backlog::{Backlog, Counted};
use crate::counters::{Counters, CountersSnapshot};
use crate::destinations::{DESTINATIONS_MAX, DestinationState, Destinations, Waits};
use crate::dmarc_report::DmarcReports;
use crate::hand::Hand;
use crate::lease::{Lease, RENEW_SECS};
use crate::memory::Memory;
use crate::policy::StsCache;
use crate::report_days;
use crate::settings::{Reach, Settings};
use crate::sweep::Cursors;
use crate::tls_report::{Tally, TlsReports};
use crate::visit::Visit;

/// How often the whole spool is looked at: for what other daemons left or spooled.
const LOOK_SECS: i64 = 60;
/// How often what has waited too long is looked for.
const SWEEP_SECS: i64 = 60;
/// How often the search for late messages begins anew: for those that were in hand when it came by.
const SWEEP_ANEW_SECS: i64 = 3600;
/// The loop never sleeps longer, whatever the clock says.
const SLEEP_MAX: Duration = Duration::from_secs(5);

/// The running queue. Clones are the same queue.
#[derive(Clone)]
pub struct Queue {
    inner: Arc<Inner>,
}

/// What the loop, the visits and the sweep share.
pub(crate) struct Inner {
    pub(crate) store: Store,
    settings: RwLock<Arc<Settings>>,
    /// Runs the rules of accounts here; `None`: mail goes to INBOX or where its address says.
    pub(crate) sorter: Option<Arc<dyn Sorter>>,
    pub(crate) dns: Arc<dyn Dns>,
    tls: RwLock<TlsClient>,
    pub(crate) sts: StsCache,
    pub(crate) tally: Tally,
    /// A random name of this queue.
    pub(crate) holder: (u64, u64),
    pub(crate) lease: Lease,
    memory: RwLock<Memory>,
    pub(crate) counters: Counters,
    pub(crate) counted: Counted,
    pub(crate) shutdown: Shutdown,
    destinations: Mutex<Destinations>,
    chance: Mutex<fastrand::Rng>,
    signal: Notify,
    progress: Notify,
}

impl Queue {
    /// Starts the queue. It ends with the shutdown, which waits for the messages on their way.
    pub fn start(
        store: Store,
        settings: Settings,
        dns: Arc<dyn Dns>,
        tls: TlsClient,
        shutdown: &Shutdown,
    ) -> Self {
        Self::start_sorting(None, store, settings, dns, tls, shutdown)
    }

    /// Like `start`, with a sorter that runs the rules of accounts here.
    pub fn start_sorting(
        sorter: Option<Arc<dyn Sorter>>,
        store: Store,
        settings: Settings,
        dns: Arc<dyn Dns>,
        tls: TlsClient,
        shutdown: &Shutdown,
    ) -> Self {
        let chance = settings.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        let settings = Arc::new(settings);
        let inner = Arc::new(Inner {
            store,
            memory: RwLock::new(Memory::new(settings.memory_bytes)),
            destinations: Mutex::new(Destinations::new(settings.clone())),
            tally: Tally::new(settings.tls_reports.is_some()),
            settings: RwLock::new(settings),
            sorter,
            dns,
            tls: RwLock::new(tls),
            sts: StsCache::default(),
            holder: (fastrand::u64(..), fastrand::u64(..)),
            lease: Lease::default(),
            counters: Counters::default(),
            counted: Counted::default(),
            shutdown: shutdown.clone(),
            chance: Mutex::new(chance),
            signal: Notify::new(),
            progress: Notify::new(),
        });
        shutdown.spawn(run(inner.clone()));
        shutdown.spawn(report_days::run(inner.clone(), TlsReports::default()));
        shutdown.spawn(report_days::run(inner.clone(), DmarcReports::default()));
        Self { inner }
    }

    /// Takes up other settings, for what is begun from now on. The chance and who signs stay.
    pub fn replace_settings(&self, settings: Settings) {
        let mut current = self.inner.settings.write().unwrap_or_else(PoisonError::into_inner);
        let signatory = current.signatory.clone();
        let rewriting = current.rewriting.clone();
        let settings = Arc::new(Settings { signatory, rewriting, ..settings });
        self.inner.tally.set_counting(settings.tls_reports.is_some());
        let was = std::mem::replace(&mut *current, settings.clone());
        drop(current);
        if was.memory_bytes != settings.memory_bytes {
            // What is on its way keeps its room in the memory of before.
            let mut memory = self.inner.memory.write().unwrap_or_else(PoisonError::into_inner);
            *memory = Memory::new(settings.memory_bytes);
        }
        self.inner.table().limit(settings);
        self.inner.wake();
    }

    /// Has servers verified by others from now on.
    pub fn replace_tls(&self, tls: TlsClient) {
        *self.inner.tls.write().unwrap_or_else(PoisonError::into_inner) = tls;
    }

    /// What is known of each destination with something to do, by name.
    pub fn destinations(&self) -> Vec<DestinationState> {
        let mut states = self.inner.table().states(self.inner.store.now());
        states.sort_by(|one, other| one.destination.cmp(&other.destination));
        states
    }

    /// Why a destination could not be reached last, where it was not since.
    pub fn answer_of(&self, destination: &str) -> Option<String> {
        self.inner.table().reason(destination).map(|answer| answer.to_string())
    }

    /// How many recipients wait for each cause.
    pub fn waits(&self) -> Waits {
        self.inner.table().waits(self.inner.store.now())
    }

    /// How much waited when it was counted last: about once a minute.
    pub fn backlog(&self) -> Backlog {
        self.inner.counted.backlog(self.inner.store.now())
    }

    /// What it has done so far.
    pub fn counters(&self) -> CountersSnapshot {
        self.inner.counters.snapshot()
    }

    /// Waits until the counters are as `condition` wants them.
    pub async fn wait_until(&self, condition: impl Fn(CountersSnapshot) -> bool) {
        loop {
            let mut progress = std::pin::pin!(self.inner.progress.notified());
            // From here on no progress is missed.
            progress.as_mut().enable();
            if condition(self.counters()) {
                return;
            }
            progress.await;
        }
    }

    /// Has it look at its clock now.
    pub fn wake(&self) {
        self.inner.wake();
    }
}

impl Inner {
    /// The settings in use now.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The memory for messages that are read from now on.
    pub(crate) fn memory(&self) -> Memory {
        self.memory.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The TLS client with the trust anchors in use now.
    pub(crate) fn tls(&self) -> TlsClient {
        self.tls.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn table(&self) -> MutexGuard<'_, Destinations> {
        self.destinations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wake(&self) {
        self.signal.notify_one();
    }

    /// The counters have changed.
    pub(crate) fn progressed(&self) {
        self.progress.notify_waiters();
    }

    /// Between 0 and 1.
    pub(crate) fn chance(&self) -> f64 {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner).f64()
    }

    pub(crate) fn random(&self) -> u64 {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner).u64(..)
    }

    /// Learns what waits, from the rows.
    async fn look(&self) -> Result<(), StorageError> {
        let adopt =
            || self.store.write_messages("queue adopt", Vec::new(), |tx| tx.adopt_spooled());
        while adopt().await?.value > 0 {}
        self.store.write_messages("queue count", Vec::new(), |tx| tx.gather_waiting()).await?;
        let backlog = self.store.read(|tx| tx.spool_backlog(DESTINATIONS_MAX)).await?;
        let waiting: u64 = backlog.iter().map(|one| one.recipients).sum();
        self.counters.waiting.store(waiting, Ordering::Relaxed);
        self.counters.destinations.store(backlog.len() as u64, Ordering::Relaxed);
        let mut table = self.table();
        table.forget_idle(self.store.now());
        for one in &backlog {
            table.note(&one.destination, one.due);
        }
        Ok(())
    }

    /// Takes in what this daemon spooled since.
    fn hear(&self) {
        let noticed = self.store.spool_notices().take();
        let mut table = self.table();
        for (destination, due) in noticed {
            // Only an operator makes something due at the beginning of time.
            if due == Timestamp::default() {
                table.unblock(&destination);
            }
            table.note(&destination, due);
        }
    }

    /// Begins the visits that may begin.
    fn begin_visits(self: &Arc<Self>) {
        let now = self.store.now();
        if self.lease.daemon(now).is_none() {
            return;
        }
        loop {
            let Some(destination) = self.table().begin_visit(now) else { return };
            let inner = self.clone();
            self.counters.active.fetch_add(1, Ordering::Relaxed);
            self.shutdown.spawn(async move {
                // Dropped at the end, however the visit ends.
                let _ending = Ending { inner: inner.clone(), destination: destination.clone() };
                let hand = Arc::new(Hand::default());
                let visit = Visit::new(inner.clone(), destination.clone(), hand.clone());
                if let Err(panic) = net::isolate(visit.run()).await {
                    inner.recover(&destination, &hand, &panic).await;
                }
            });
        }
    }

    /// How long the loop may sleep.
    fn pause(&self, times: &Times) -> Duration {
        let now = self.store.now();
        // Without a lease nothing begins, whatever is due.
        let visit = self.lease.daemon(now).and_then(|_| self.table().next());
        let next = [Some(times.lease), Some(times.look), Some(times.sweep), visit];
        let next = next.into_iter().flatten().min().unwrap_or(now);
        let micros = u64::try_from(next.as_micros() - now.as_micros()).unwrap_or(0);
        Duration::from_micros(micros).clamp(Duration::from_millis(1), SLEEP_MAX)
    }
}

/// Tells the table that a visit is over.
struct Ending {
    inner: Arc<Inner>,
    destination: String,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.inner.counters.active.fetch_sub(1, Ordering::Relaxed);
        let now = self.inner.store.now();
        self.inner.table().end_visit(&self.destination, now);
        self.inner.progressed();
        self.inner.wake();
    }
}

/// When what is done next.
struct Times {
    lease: Timestamp,
    look: Timestamp,
    sweep: Timestamp,
    sweep_anew: Timestamp,
}

async fn run(inner: Arc<Inner>) {
    let start = inner.store.now();
    let mut times = Times { lease: start, look: start, sweep: start, sweep_anew: start };
    let mut sweeping: Option<tokio::task::JoinHandle<Cursors>> = None;
    let mut cursors = Cursors::default();
    while !inner.shutdown.is_requested() {
        let now = inner.store.now();
        if now >= times.lease {
            times.lease = now.plus_secs(RENEW_SECS);
            match inner.lease.keep(&inner.store).await {
                Ok(()) => {}
                // A new number, at once.
                Err(StorageError::Conflict(_)) => times.lease = now,
                Err(error) => {
                    tracing::warn!(%error, "the queue has no lease");
                    times.lease = now.plus_secs(1);
                }
            }
        }
        if now >= times.look {
            times.look = now.plus_secs(LOOK_SECS);
            inner.begin_count();
            if let Err(error) = inner.look().await {
                tracing::warn!(%error, "the queue cannot be looked at");
                times.look = now.plus_secs(1);
            }
        }
        inner.hear();
        if let Some(done) = sweeping.take_if(|sweeping| sweeping.is_finished()) {
            cursors = done.await.unwrap_or_default();
        }
        if now >= times.sweep && sweeping.is_none() {
            times.sweep = now.plus_secs(SWEEP_SECS);
            if now >= times.sweep_anew {
                times.sweep_anew = now.plus_secs(SWEEP_ANEW_SECS);
                cursors = Cursors::default();
            }
            sweeping = Some(tokio::spawn(sweep(inner.clone(), cursors)));
        }
        inner.begin_visits();
        tokio::select! {
            () = inner.shutdown.requested() => {}
            () = inner.signal.notified() => {}
            () = inner.store.spool_notices().wait() => {}
            () = sleep(inner.pause(&times)) => {}
        }
    }
    if let Some(sweeping) = sweeping {
        // It looks at the shutdown between two messages.
        let _ = sweeping.await;
    }
    while inner.counters.active.load(Ordering::Relaxed) > 0 {
        inner.signal.notified().await;
    }
    inner.lease.end(&inner.store).await;
}

async fn sweep(inner: Arc<Inner>, mut cursors: Cursors) -> Cursors {
    // What nobody tries is not late.
    if inner.settings().reach == Reach::Here {
        return cursors;
    }
    let Some(daemon) = inner.lease.daemon(inner.store.now()) else { return cursors };
    let Some(_use) = inner.lease.use_of(daemon) else { return cursors };
    if let Err(error) = inner.sweep(daemon, &mut cursors).await {
        tracing::warn!(%error, "late mail could not be looked for");
    }
    inner.progressed();
    inner.wake();
    cursors
}
