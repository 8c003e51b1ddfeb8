//! The check behind `/healthz`: whether a write transaction goes through and the disk takes bytes.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use storage::Store;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// A store that takes longer is not healthy, whatever it says in the end.
const PATIENCE: Duration = Duration::from_secs(5);
/// LIMIT: each check costs a sync of the disk, so no more than one a second is made, however
/// often it is asked for.
const FRESH: Duration = Duration::from_secs(1);
/// What is written and taken away again: more than the rest a full disk gives to small files.
const PROBE_BYTES: usize = 64 * 1024;

/// The check and its last outcome.
pub(super) struct Health {
    store: Store,
    probe: PathBuf,
    last: Mutex<Option<(Instant, Outcome)>>,
}

type Outcome = Result<(), &'static str>;

impl Health {
    pub(super) fn new(store: Store, data_dir: &Path) -> Self {
        Self { store, probe: data_dir.join("health.probe"), last: Mutex::new(None) }
    }

    /// Whether a write transaction goes through and the disk of the data directory takes bytes;
    /// else why not.
    pub(super) async fn check(&self) -> Outcome {
        let mut last = self.last.lock().await;
        match *last {
            Some((at, outcome)) if at.elapsed() < FRESH => outcome,
            _ => {
                let outcome = timeout(PATIENCE, self.look()).await;
                let outcome = outcome.unwrap_or(Err("storage does not answer"));
                *last = Some((Instant::now(), outcome));
                outcome
            }
        }
    }

    async fn look(&self) -> Outcome {
        if let Err(error) = self.store.write("health check", |_| Ok(())).await {
            tracing::warn!(%error, "health check: storage takes no writes");
            return Err("storage takes no writes");
        }
        let path = self.probe.clone();
        match tokio::task::spawn_blocking(move || write_probe(&path)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                tracing::warn!(%error, "health check: the data directory takes no writes");
                Err("the data directory takes no writes")
            }
            Err(error) => {
                tracing::error!(%error, "health check");
                Err("the health check failed")
            }
        }
    }
}

fn write_probe(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    let written = file.write_all(&[0; PROBE_BYTES]).and_then(|()| file.sync_all());
    fs::remove_file(path)?;
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("health.probe");
        write_probe(&path).unwrap();
        assert!(!path.exists());
        assert!(write_probe(&directory.path().join("absent/health.probe")).is_err());
    }
}
