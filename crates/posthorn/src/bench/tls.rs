//! TLS without a look at the certificate: servers under measurement have self-signed ones.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::Resumption;

use super::BenchError;

/// The one configuration of all connections. Sessions are not resumed: each handshake is a whole
/// one, at every server alike.
pub(super) fn client_config() -> Result<Arc<ClientConfig>, BenchError> {
    let mut config = certificate::client_config(certificate::Anyone)
        .map_err(|error| BenchError::Plan(format!("TLS: {error}")))?;
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}
