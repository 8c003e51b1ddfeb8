//! From the configuration to the settings of the queue: routes, limits, reports and TLS.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use config::{Config, RouteTls, Word};
use net::{DnsTrust, ReplaceableDns, Shutdown, SystemDns, TlsClient};
use queue::{DmarcReporter, Queue, Reach, Relay, RelayTls, Reporter, Route, Settings};
use smtp::DmarcTally;
use smtp::client::Credentials;

use super::open::{count, read_secret};
use super::services::{Shares, bytes};
use crate::admin::Admin;
use crate::cli::Failure;

/// Where a name server would be asked that nobody asks.
const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53);

/// Starts the queue. With `queue.enabled = false` it brings mail to mailboxes here alone: answers
/// and redirections among accounts go on.
pub(super) fn start(
    config: &Config,
    admin: &Admin,
    dns: Option<Arc<ReplaceableDns>>,
    shares: &Shares,
    shutdown: &Shutdown,
) -> Result<Option<Queue>, Failure> {
    let failure = |error: net::SetupError| Failure::new(format!("queue: {error}"));
    if !config.queue.enabled {
        tracing::info!("queue.enabled is false: mail for other servers waits");
    }
    let dns = match dns {
        Some(dns) => dns,
        None if config.queue.enabled => {
            return Err(Failure::new("queue: no DNS servers are known"));
        }
        // Nothing is looked up for mailboxes here.
        None => {
            let nobody = SystemDns::new(&[NOBODY], DnsTrust::Nobody).map_err(failure)?;
            Arc::new(ReplaceableDns::new(nobody))
        }
    };
    let tls = tls_client(config)?;
    let settings = Settings {
        signatory: Some(shares.signatory.clone()),
        rewriting: Some(admin.seal_key.srs()),
        ..settings(config, &shares.dmarc)?
    };
    let sorter = Some(shares.sorter.clone());
    Ok(Some(Queue::start_sorting(sorter, admin.store.clone(), settings, dns, tls, shutdown)))
}

/// The TLS client with the trust anchors of the configuration.
pub(super) fn tls_client(config: &Config) -> Result<TlsClient, Failure> {
    let trusted_ca = config.queue.trusted_ca.as_deref();
    TlsClient::new(trusted_ca).map_err(|error| Failure::new(format!("queue: {error}")))
}

/// The queue's part of the configuration; `dmarc` is what others are told of.
pub(super) fn settings(config: &Config, dmarc: &Arc<DmarcTally>) -> Result<Settings, Failure> {
    let queue = &config.queue;
    let mut settings = Settings {
        reach: if queue.enabled { Reach::World } else { Reach::Here },
        lifetime: queue.lifetime,
        warn_after: if queue.warnings { queue.warn_after } else { std::time::Duration::ZERO },
        retry_first: queue.retry_first,
        retry_max: queue.retry_max,
        connections_max: count(queue.connections),
        connections_per_destination_max: count(queue.connections_per_destination),
        messages_per_connection_max: queue.messages_per_connection.into(),
        memory_bytes: bytes(queue.memory),
        port: u16::try_from(queue.port).unwrap_or(u16::MAX),
        https_port: u16::try_from(queue.https_port).unwrap_or(u16::MAX),
        mta_sts: queue.mta_sts,
        messages_per_minute_max: queue.messages_per_minute.unwrap_or(0),
        sources: queue.source.clone().unwrap_or_default(),
        tls_reports: reporter(config).filter(|_| config.sent_reports.tls),
        dmarc_reports: dmarc_reporter(config, dmarc).filter(|_| tells_of_dmarc(config)),
        ..Settings::new(config.hostname.clone())
    };
    for route in &config.routes {
        settings.routes.push(Route {
            domain: match route.domain.as_str() {
                "*" => "*".to_owned(),
                domain => message::address::normal_domain(domain),
            },
            relay: relay(route)?,
            connections_max: route.connections.map(count),
            messages_per_minute_max: route.messages_per_minute,
        });
    }
    Ok(settings)
}

/// Whether others are told of mail in their name, and so whether it is counted.
pub(super) fn tells_of_dmarc(config: &Config) -> bool {
    config.sent_reports.dmarc && config.queue.enabled
}

fn dmarc_reporter(config: &Config, tally: &Arc<DmarcTally>) -> Option<DmarcReporter> {
    let except = config.sent_reports.except.iter();
    Some(DmarcReporter {
        reporter: reporter(config)?,
        tally: tally.clone(),
        except: except.map(|name| message::address::normal_domain(name.as_str())).collect(),
    })
}

/// The name and address that reports are sent under, if any are.
fn reporter(config: &Config) -> Option<Reporter> {
    let address = config.sent_reports.address.as_ref()?;
    let domain = address.as_str().rsplit_once('@').map_or("", |(_, domain)| domain);
    let organization = config.sent_reports.organization.as_ref();
    Some(Reporter {
        organization: organization.map_or(domain, Word::as_str).to_owned(),
        address: address.to_string(),
    })
}

fn relay(route: &config::Route) -> Result<Relay, Failure> {
    let credentials = match (&route.user, &route.password_file) {
        (Some(user), Some(file)) => {
            Some(Credentials { user: user.to_string(), password: read_secret(file)? })
        }
        _ => None,
    };
    Ok(Relay {
        host: route.host.host().to_owned(),
        port: route.host.port(),
        tls: match route.tls {
            RouteTls::Opportunistic => RelayTls::Opportunistic,
            RouteTls::Verified => RelayTls::Verified,
            RouteTls::Implicit => RelayTls::Implicit,
            RouteTls::Never => RelayTls::Never,
        },
        credentials,
        sources: route.source.clone().unwrap_or_default(),
    })
}
