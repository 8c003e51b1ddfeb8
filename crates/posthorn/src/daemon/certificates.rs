//! From the configuration to the keeper of ACME certificates, and its start.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use acme::{ChallengeKind, ExternalAccount, Keeper, KeeperCounts, Settings};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use config::{AcmeChallenge, Config, TlsMode, Word};
use net::{Dns, ReplaceableDns, Shutdown, TlsClient, TlsKeys};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::open::read_secret;
use crate::admin::Admin;
use crate::cli::Failure;

/// The keeper of certificates; absent where they do not come by ACME.
pub(super) fn keeper(
    config: &Config,
    admin: &Admin,
    keys: Option<&Arc<TlsKeys>>,
    dns: Option<Arc<ReplaceableDns>>,
) -> Result<Option<Keeper>, Failure> {
    let Some(keys) = keys.filter(|_| config.tls.mode == TlsMode::Acme) else {
        return Ok(None);
    };
    let failure = |error: &dyn std::fmt::Display| Failure::new(format!("acme: {error}"));
    let tls = TlsClient::new(config.acme.trusted_ca.as_deref()).map_err(|e| failure(&e))?;
    let (store, seal) = (admin.store.clone(), Arc::new(admin.seal_key.clone()));
    let dns = dns.map(|dns| dns as Arc<dyn Dns>);
    let keeper = Keeper::new(store, settings(config)?, seal, tls, keys.clone(), dns);
    keeper.map(Some).map_err(|error| failure(&error))
}

/// Has the certificates there are presented, and begins to keep them.
pub(super) async fn start(keeper: Keeper, shutdown: &Shutdown) -> Result<(), Failure> {
    let presented = keeper.present().await;
    shutdown.spawn(keeper.run(shutdown.clone()));
    presented.map_err(|error| Failure::new(format!("acme: {error}")))
}

fn settings(config: &Config) -> Result<Settings, Failure> {
    let acme = &config.acme;
    let mut names = vec![config.hostname.to_ascii_lowercase()];
    for name in lower(&acme.names) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let external_account = match (&acme.external_account, &acme.external_account_key_file) {
        (Some(id), Some(file)) => {
            let text = read_secret(file)?;
            let key =
                URL_SAFE_NO_PAD.decode(text.trim().trim_end_matches('=')).map_err(|error| {
                    Failure::new(format!("acme.external_account_key_file: no base64url: {error}"))
                })?;
            Some(ExternalAccount { id: id.to_string(), key })
        }
        _ => None,
    };
    Ok(Settings {
        directory: acme.directory.to_string(),
        contact: acme.contact.as_ref().map(Word::to_string),
        external_account,
        challenge: match acme.challenge {
            AcmeChallenge::TlsAlpn => ChallengeKind::TlsAlpn,
            AcmeChallenge::Http => ChallengeKind::Http,
            AcmeChallenge::Dns => ChallengeKind::Dns,
        },
        hook: acme.hook.clone(),
        names,
        prefixes: lower(&acme.domain_names),
    })
}

fn lower(words: &[Word]) -> Vec<String> {
    words.iter().map(|word| word.as_str().to_ascii_lowercase()).collect()
}

/// What was issued, for the metrics page.
pub(super) struct CertificateMetrics {
    pub(super) counts: Arc<KeeperCounts>,
}

impl fmt::Debug for CertificateMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateMetrics").finish_non_exhaustive()
    }
}

impl Collector for CertificateMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let KeeperCounts { issued, failed, ends } = &*self.counts;
        for (name, help, value) in [
            ("certificates_issued", "Certificates issued by ACME", issued),
            ("certificates_failed", "Attempts to have one issued that failed", failed),
        ] {
            let descriptor = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            ConstCounter::new(value.load(Ordering::Relaxed)).encode(descriptor)?;
        }
        let help = "When the first certificate by ACME ends, in Unix time; 0 where there is none";
        let descriptor =
            encoder.encode_descriptor("certificate_ends", help, None, MetricType::Gauge)?;
        ConstGauge::new(ends.load(Ordering::Relaxed)).encode(descriptor)
    }
}
