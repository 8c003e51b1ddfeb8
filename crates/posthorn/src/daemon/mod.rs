//! The daemon: opens the store and the listeners, keeps them going, ends them in order.
//!
//! Start: open the store, which locks the data directory; load the certificate, bind every
//! listener (all or none), then serve, then say `ready`. End, on SIGTERM or SIGINT: stop accepting,
//! let sessions say goodbye for `limits.shutdown_timeout`, cut off the rest, close the store.

mod activity;
mod agreement;
mod background;
mod certificates;
mod checks;
mod delivering;
mod dns;
mod eventing;
mod health;
mod http;
mod indexing;
mod key_file;
mod listeners;
mod log_writer;
mod logging;
mod maintenance;
mod memory;
mod metrics;
mod open;
mod password_page;
mod peers;
mod public_url;
mod pushing;
mod reload;
mod reloadable;
mod reports;
mod secret_page;
mod sending;
mod services;
mod signing;
mod system;
mod teaching;
mod tls;
mod well_known;

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use config::Config;
use net::{Ending, Shutdown};
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(crate) use open::{OpenError, in_use, open_admin};
pub(crate) use public_url::public_url;
pub(crate) use tls::{certificate_file, files as tls_files};

use self::background::Background;
use self::listeners::Listeners;
use self::logging::LevelHandle;
use self::reload::Reload;
use self::services::{Shared, Shares};
use crate::admin::Admin;
use crate::cli::{Failure, Output};
use crate::control;

/// Runs the daemon until it is asked to end. `announce` prints what is to stand before `ready`.
pub(crate) fn run(
    config: Config,
    path: &Path,
    output: &mut Output,
    announce: impl FnOnce(&mut Output) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let level = logging::start(&config.log);
    system::raise_open_files(config.limits.connections.into());
    let admin = open_admin(&config).map_err(|error| match error {
        OpenError::InUse => in_use(&config.data_dir),
        OpenError::Failed(failure) => failure,
    })?;
    let admin = Arc::new(admin);
    let store = admin.store.clone();
    let outcome = block_on(serve(config, path, level, admin, async |listeners| {
        announce(output)?;
        listeners.set_ready();
        system::notify_ready();
        match output.line("ready") {
            // Nobody wants to know; that is no reason to serve nobody.
            Err(Failure::OutputClosed) => Ok(()),
            other => other,
        }
    }));
    // The runtime and every session on it are gone; what they wrote is made durable here.
    store.close();
    outcome?
}

/// How long work on blocking threads may go on after the last session.
const BLOCKING_GRACE: std::time::Duration = std::time::Duration::from_secs(5);

/// LIMIT: how long a reload that is under way may go on when the end is asked for.
const RELOAD_AT_THE_END: std::time::Duration = std::time::Duration::from_secs(5);

/// LIMIT: threads for work that blocks, beside those of the store. Most of it waits for one of few
/// database connections or for a processor, and each thread keeps memory: four hundred of them
/// have been seen to keep seven gigabytes. What finds none waits in a queue.
const BLOCKING_THREADS_MAX: usize = 32;

/// Runs a future on a runtime of its own, on every core.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(future);
    // Work on blocking threads, such as maintenance, is not waited for much longer: the store is
    // closed next, which ends it between two transactions.
    runtime.shutdown_timeout(BLOCKING_GRACE);
    Ok(outcome)
}

async fn serve(
    config: Config,
    path: &Path,
    level: LevelHandle,
    admin: Arc<Admin>,
    ready: impl AsyncFnOnce(&Listeners) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let shutdown = Shutdown::new();
    let outcome = async {
        if !config.auth.scram {
            forget_scram(&admin).await?;
        }
        let keys = match listeners::want_tls(&config) {
            true => Some(Arc::new(tls::load(&config, &admin.store)?)),
            false => None,
        };
        let dns = dns::open(&config)?;
        let background =
            Background::start(&config, admin.clone(), keys.clone(), dns.clone(), &shutdown).await?;
        let signatory = services::signatory(&config, &admin);
        let scripts = delivering::settings(&config, &admin, &signatory);
        let redirects = scripts.script_redirects.clone();
        let sorter = delivering::start(&admin, scripts.clone());
        let reports = reports::start(admin.store.clone(), dns.clone(), &shutdown);
        let shares = Shares { signatory, sorter, reports, dmarc: Arc::default() };
        let sending = sending::start(&config, &admin, dns.clone(), &shares, &shutdown)?;
        if let Some(queue) = &sending {
            // Set once: a daemon starts once.
            let _ = admin.queue.set(queue.clone());
        }
        let mut shared = Shared::new(&config, &admin, dns, shares, sending);
        shared.taught = background.taught.clone();
        shared.certificates = background.certificates.clone();
        shared.pushes = background.pushes.clone();
        let listeners = Listeners::start(&config, shared, keys.clone(), &shutdown)?;
        if let Some(keys) = &keys {
            tls::watch(keys.clone(), &shutdown);
        }
        maintenance::start(admin.store.clone(), &shutdown);
        eventing::start(&admin, scripts, &shutdown);
        indexing::start(admin.store.clone(), &shutdown)?;
        control::serve(&config.data_dir, admin.clone(), &shutdown)
            .map_err(|error| Failure::new(format!("control socket: {error}")))?;
        tracing::info!(version = env!("CARGO_PKG_VERSION"), hostname = config.hostname, "started");
        ready(&listeners).await?;
        let mut reload = Reload {
            path: path.to_owned(),
            config,
            admin,
            keys,
            level,
            listeners,
            background,
            redirects,
            is_mixed: false,
        };
        signals.until_end(&mut reload).await;
        Ok(reload.config.limits.shutdown_timeout)
    }
    .await;
    system::notify_stopping();
    let grace = outcome.as_ref().copied().unwrap_or_default();
    match shutdown.finish(grace).await {
        Ending::Clean => tracing::info!("ended"),
        Ending::CutOff(tasks) => tracing::warn!(tasks, "ended; sessions were cut off"),
    }
    outcome.map(|_| ())
}

/// Without SCRAM nothing is kept for it.
async fn forget_scram(admin: &Admin) -> Result<(), Failure> {
    let forgotten = admin.store.write("scram off", |tx| tx.drop_scram_verifiers()).await;
    match forgotten {
        Ok(forgotten) if forgotten.value == 0 => Ok(()),
        Ok(forgotten) => {
            tracing::info!(verifiers = forgotten.value, "auth.scram is off: verifiers erased");
            Ok(())
        }
        Err(error) => Err(Failure::new(format!("SCRAM verifiers: {error}"))),
    }
}

/// What the operator tells the daemon by signals.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// From here on signals no longer end the process by themselves.
    fn new() -> Result<Self, Failure> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Reloads as often as it is asked to; returns when the end is asked for.
    async fn until_end(&mut self, reload: &mut Reload) {
        loop {
            tokio::select! {
                // Who asks for a reload and then for the end gets both.
                biased;
                _ = self.hang_up.recv() => {
                    system::notify_reloading();
                    if self.reload(reload).await == Next::End {
                        return;
                    }
                    system::notify_ready();
                }
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
            }
        }
    }

    /// Reloads. Where the end is asked for meanwhile, a reload that waits for a database that does
    /// not answer does not hold it up for long.
    async fn reload(&mut self, reload: &mut Reload) -> Next {
        let mut reloading = pin!(reload.run());
        tokio::select! {
            biased;
            () = &mut reloading => return Next::Signal,
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        let _ = tokio::time::timeout(RELOAD_AT_THE_END, reloading).await;
        Next::End
    }
}

/// What the daemon does after a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Waits for the next signal.
    Signal,
    End,
}

impl Listeners {
    fn set_ready(&self) {
        self.pages.ready.store(true, Ordering::Release);
    }
}
