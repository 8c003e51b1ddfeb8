//! The one resolver that everything in the daemon asks, replaced in place on reload.

use std::sync::Arc;

use config::{Config, DnssecTrust};
use net::{DnsTrust, ReplaceableDns, SetupError, SystemDns};

use crate::cli::Failure;

/// The servers of the configuration, or of the machine. Who sends needs them; else mail is taken
/// unchecked where there are none.
pub(super) fn open(config: &Config) -> Result<Option<Arc<ReplaceableDns>>, Failure> {
    match servers(config) {
        Ok(dns) => Ok(Some(Arc::new(ReplaceableDns::new(dns)))),
        Err(error) if config.queue.enabled => Err(Failure::new(format!("queue: {error}"))),
        Err(error) => {
            tracing::warn!(%error, "mail from other servers is taken unchecked");
            Ok(None)
        }
    }
}

/// Asks the servers of another configuration from now on.
pub(super) fn reopen(dns: &ReplaceableDns, config: &Config) -> Result<(), Failure> {
    let servers = servers(config).map_err(|error| Failure::new(format!("queue: {error}")))?;
    dns.replace(servers);
    Ok(())
}

fn servers(config: &Config) -> Result<SystemDns, SetupError> {
    let servers = config.queue.dns.as_deref().unwrap_or_default();
    let trust = match config.queue.dnssec {
        DnssecTrust::Loopback => DnsTrust::Loopback,
        DnssecTrust::Servers => DnsTrust::Servers,
        DnssecTrust::Nobody => DnsTrust::Nobody,
    };
    SystemDns::new(servers, trust)
}
