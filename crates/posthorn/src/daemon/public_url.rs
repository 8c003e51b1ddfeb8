//! What the URLs of this server begin with, as others are given them.

use config::{Config, Protocol};

/// `https://mail.example.test`; with the port where it is not the usual one. Where no listener has
/// TLS, a proxy in front has it.
pub(crate) fn public_url(config: &Config) -> String {
    let https = config.listeners.iter().find(|listener| listener.protocol == Protocol::Https);
    let port = https.and_then(|listener| listener.bind.first()).map_or(443, |bind| bind.port());
    match port {
        443 => format!("https://{}", config.hostname),
        port => format!("https://{}:{port}", config.hostname),
    }
}
