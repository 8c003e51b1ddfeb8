//! The DNS, as everybody in the daemon asks it.

use std::sync::Arc;

use config::{Config, DnssecTrust};
use net::{DnsTrust, SystemDns};

use crate::cli::Failure;

/// The servers of the configuration, or of the machine. Who sends needs them; else mail is taken
/// unchecked where there are none.
pub(super) fn open(config: &Config) -> Result<Option<Arc<SystemDns>>, Failure> {
    let servers = config.queue.dns.as_deref().unwrap_or_default();
    let trust = match config.queue.dnssec {
        DnssecTrust::Loopback => DnsTrust::Loopback,
        DnssecTrust::Servers => DnsTrust::Servers,
        DnssecTrust::Nobody => DnsTrust::Nobody,
    };
    match SystemDns::new(servers, trust) {
        Ok(dns) => Ok(Some(Arc::new(dns))),
        Err(error) if config.queue.enabled => Err(Failure::new(format!("queue: {error}"))),
        Err(error) => {
            tracing::warn!(%error, "mail from other servers is taken unchecked");
            Ok(None)
        }
    }
}
