//! The certificate of the configuration, made ready.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;

use config::{Config, TlsMode};
use net::TlsKeys;

use crate::cli::Failure;

/// Where certificate and key lie; a self-signed pair is made if it is not there yet.
pub(crate) fn files(config: &Config) -> Result<(PathBuf, PathBuf), Failure> {
    match (config.tls.mode, &config.tls.certificate, &config.tls.key) {
        (TlsMode::Files, Some(certificate), Some(key)) => Ok((certificate.clone(), key.clone())),
        // The configuration was checked: files are named with `files` and only then.
        _ => self_signed(config),
    }
}

/// Loads the certificate, making it first if it is to be self-signed.
pub(super) fn load(config: &Config) -> Result<Arc<TlsKeys>, Failure> {
    let (certificate, key) = files(config)?;
    TlsKeys::load_asking(&certificate, &key, config.tls.client_ca.as_deref())
        .map(Arc::new)
        .map_err(|error| Failure::new(error.to_string()))
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
