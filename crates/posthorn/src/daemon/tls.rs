//! The certificates of the configuration, read and made ready for listeners.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use acme::TlsProofs;
use config::{Config, TlsMode};
use net::{PemFiles, Shutdown, TlsKeys};
use storage::Store;

use crate::cli::Failure;

/// The file of the certificate that is not renewed by ACME, if it is there.
pub(crate) fn certificate_file(config: &Config) -> Option<PathBuf> {
    match config.tls.mode {
        TlsMode::Files => config.tls.certificate.clone(),
        TlsMode::SelfSigned => Some(config.data_dir.join("tls").join("certificate.pem")),
        TlsMode::Acme => None,
    }
}

/// Where certificate and key lie; a self-signed pair is made if it is not there yet.
pub(crate) fn files(config: &Config) -> Result<(PathBuf, PathBuf), Failure> {
    match (config.tls.mode, &config.tls.certificate, &config.tls.key) {
        (TlsMode::Files, Some(certificate), Some(key)) => Ok((certificate.clone(), key.clone())),
        // The configuration was checked: files are named with `files` and only then.
        _ => self_signed(config),
    }
}

/// How often it is looked whether the files have changed.
const LOOK: Duration = Duration::from_secs(30);

/// Loads the certificates, making the own one first if it is to be self-signed.
pub(super) fn load(config: &Config, store: &Store) -> Result<TlsKeys, Failure> {
    let (certificate, key) = files(config)?;
    let further = config
        .certificates
        .iter()
        .map(|one| PemFiles { certificate: one.certificate.clone(), key: one.key.clone() });
    let own = PemFiles { certificate, key };
    let failure = |error: net::SetupError| Failure::new(error.to_string());
    let keys = TlsKeys::load_several(own, further.collect(), config.tls.client_ca.as_deref())
        .map_err(failure)?;
    Ok(match config.tls.mode {
        TlsMode::Acme => {
            let proofs = Arc::new(TlsProofs { store: store.clone() });
            keys.named(&config.hostname).map_err(failure)?.proving(proofs)
        }
        TlsMode::Files | TlsMode::SelfSigned => keys,
    })
}

/// Takes up files that change, such as those of a certificate that another program renews.
pub(super) fn watch(keys: Arc<TlsKeys>, shutdown: &Shutdown) {
    let ending = shutdown.clone();
    shutdown.spawn(async move {
        let mut seen = keys.stamp();
        loop {
            tokio::select! {
                biased;
                () = ending.requested() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            let looking = keys.clone();
            let Ok(stamp) = tokio::task::spawn_blocking(move || looking.stamp()).await else {
                continue;
            };
            if stamp == seen {
                continue;
            }
            // Also where it fails: a certificate whose key comes a moment later is another change.
            seen = stamp;
            let reloading = keys.clone();
            match tokio::task::spawn_blocking(move || reloading.reload()).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "the old certificates stay in use"),
                Err(error) => tracing::error!(%error, "certificates cannot be reloaded"),
            }
        }
    });
}

fn self_signed(config: &Config) -> Result<(PathBuf, PathBuf), Failure> {
    let directory = config.data_dir.join("tls");
    let (certificate, key) = (directory.join("certificate.pem"), directory.join("key.pem"));
    if !certificate.exists() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(|error| Failure::new(format!("{}: {error}", directory.display())))?;
        // The loopback names let programs on the same machine check the name as well.
        let names = [config.hostname.as_str(), "localhost", "127.0.0.1", "::1"];
        let names = names.map(str::to_owned);
        net::generate_self_signed(&certificate, &key, &names)
            .map_err(|error| Failure::new(error.to_string()))?;
    }
    Ok((certificate, key))
}
