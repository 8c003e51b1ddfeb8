//! One listener per table of the configuration, each with its service.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use config::{Config, Limits, Network, Protocol};
use dav::PushSettings;
use imap::ImapService;
use managesieve::ManageSieveService;
use net::{
    AddressLimits, ConnectionSettings, Encryption, IpNetwork, Listener, ListenerControl,
    ListenerSettings, Shutdown, TlsKeys, TlsProfile,
};
use pop3::Pop3Service;
use smtp::Role;

use super::health::Health;
use super::http::{Http, MetricsAccess, Pages};
use super::metrics::Metrics;
use super::open::{count, network_prefix};
use super::password_page::PasswordPage;
use super::reloadable::Reloadable;
use super::services::{Shared, network_rates};
use super::well_known::WellKnown;
use crate::cli::Failure;

/// Every listener that was started.
pub(super) struct Listeners {
    pub(super) pages: Arc<Pages>,
    shared: Shared,
    /// In the order of the configuration.
    running: Vec<(ListenerControl, Running)>,
    address_limits: Arc<AddressLimits>,
}

/// The service of a listener, whose limits a reload may change.
enum Running {
    Http(Arc<Reloadable<Http>>),
    Imap(Arc<Reloadable<ImapService>>),
    Pop3(Arc<Reloadable<Pop3Service>>),
    ManageSieve(Arc<Reloadable<ManageSieveService>>),
    Smtp(Arc<Reloadable<smtp::Server>>, Role),
}

/// A listener that is bound and does not serve yet.
struct Bound {
    name: String,
    configured: config::Listener,
    listener: Listener,
}

/// Whether any listener needs a certificate.
pub(super) fn want_tls(config: &Config) -> bool {
    config.listeners.iter().any(|listener| listener.protocol != Protocol::Http)
}

impl Listeners {
    /// Binds every listener, and once all are bound serves them.
    pub(super) fn start(
        config: &Config,
        shared: Shared,
        keys: Option<Arc<TlsKeys>>,
        shutdown: &Shutdown,
    ) -> Result<Self, Failure> {
        let mut binder = Binder::new(config, keys);
        let bound = binder.bind_all()?;
        let own_metrics = binder.bind_metrics()?;
        let counters = bound.iter().map(|bound| (bound.name.clone(), bound.listener.counters()));
        let pages = Arc::new(Pages {
            health: Health::new(shared.store.clone(), &config.data_dir),
            metrics: Arc::new(Metrics::new(counters.collect(), &shared)),
            ready: AtomicBool::new(false),
        });
        let address_limits = binder.address_limits.clone();
        let mut listeners = Self { pages, shared, running: Vec::new(), address_limits };
        if let Some(listener) = own_metrics {
            let service = listeners.http_of_metrics(config);
            listener.serve(Arc::new(service), shutdown);
        }
        for bound in bound {
            let addresses = bound.listener.local_addresses();
            tracing::info!(listener = bound.name, ?addresses, "listening");
            let control = bound.listener.control();
            let running = listeners.serve(bound, config, shutdown)?;
            listeners.running.push((control, running));
        }
        Ok(listeners)
    }

    fn serve(
        &self,
        bound: Bound,
        config: &Config,
        shutdown: &Shutdown,
    ) -> Result<Running, Failure> {
        let Bound { configured, listener, .. } = bound;
        Ok(match role(configured.protocol) {
            Speaks::Http => {
                let http = self.http(metrics_access(config)?, config, &configured);
                let service = Arc::new(Reloadable::new(http));
                listener.serve(service.clone(), shutdown);
                Running::Http(service)
            }
            Speaks::Imap => {
                let service = Arc::new(Reloadable::new(self.shared.imap(config, &configured)));
                listener.serve(service.clone(), shutdown);
                Running::Imap(service)
            }
            Speaks::Pop3 => {
                let service = Arc::new(Reloadable::new(self.shared.pop3(config, &configured)));
                listener.serve(service.clone(), shutdown);
                Running::Pop3(service)
            }
            Speaks::ManageSieve => {
                let service = self.shared.managesieve(config, &configured);
                let service = Arc::new(Reloadable::new(service));
                listener.serve(service.clone(), shutdown);
                Running::ManageSieve(service)
            }
            Speaks::Smtp(role) => {
                let server = self.shared.smtp(config, &configured, role);
                let service = Arc::new(Reloadable::new(server));
                listener.serve(service.clone(), shutdown);
                Running::Smtp(service, role)
            }
        })
    }

    /// Gives what is sent from now on the routes and limits of another configuration.
    pub(super) fn take_up_sending(&self, config: &Config) -> Result<(), Failure> {
        if config.queue.enabled && self.shared.dns.is_none() {
            return Err(Failure::new("queue: no DNS servers are known"));
        }
        // What may be wrong comes first, so that all is taken up or nothing.
        let tls = super::sending::tls_client(config)?;
        let settings = super::sending::settings(config, &self.shared.dmarc)?;
        if let Some(dns) = &self.shared.dns {
            super::dns::reopen(dns, config)?;
        }
        if let Some(queue) = &self.shared.queue {
            queue.replace_tls(tls);
            queue.replace_settings(settings);
        }
        Ok(())
    }

    /// Gives what is stored from now on the limits of another configuration.
    pub(super) fn take_up_storage(&self, config: &Config) {
        let mut settings = (*self.shared.store.settings()).clone();
        let was_indexed = settings.search_index;
        super::open::set_storage_limits(&mut settings, config);
        let begins = settings.search_index && !was_indexed;
        self.shared.store.replace_settings(settings);
        if begins {
            // What came meanwhile was not noted.
            self.shared.store.index_all();
        }
    }

    /// What requests that come from now on are told of pushes.
    pub(super) fn set_pushes(&mut self, pushes: Option<PushSettings>) {
        self.shared.pushes = pushes;
    }

    /// Gives connections that come from now on the limits of another configuration, whose listeners
    /// are bound where those that serve are.
    pub(super) fn take_up(&self, config: &Config) -> Result<(), Failure> {
        // The only things that may be wrong come first, so that all is taken up or nothing.
        metrics_access(config)?;
        let doors = config.listeners.iter().map(|listener| self.door(config, listener));
        let doors = doors.collect::<Result<Vec<_>, _>>()?;
        super::system::raise_open_files(config.limits.connections.into());
        let limits = &config.limits;
        self.address_limits.set_max(limits.connections_per_address, limits.connections_per_network);
        self.shared.checks.replace(config);
        self.shared.rates.replace(network_rates(config));
        let configured = config.listeners.iter().zip(doors);
        for ((control, running), (listener, door)) in self.running.iter().zip(configured) {
            control.replace(door);
            match running {
                Running::Http(service) => {
                    service.replace(self.http(metrics_access(config)?, config, listener));
                }
                Running::Imap(service) => {
                    service.replace(self.shared.imap(config, listener));
                }
                Running::Pop3(service) => {
                    service.replace(self.shared.pop3(config, listener));
                }
                Running::ManageSieve(service) => {
                    service.replace(self.shared.managesieve(config, listener));
                }
                Running::Smtp(service, role) => {
                    service.replace(self.shared.smtp(config, listener, *role));
                }
            }
        }
        Ok(())
    }

    /// What connections to a listener are held to; where it is bound and how it encrypts it keeps.
    fn door(
        &self,
        config: &Config,
        listener: &config::Listener,
    ) -> Result<ListenerSettings, Failure> {
        let timeout = read_timeout(listener.protocol, &config.limits);
        Ok(ListenerSettings {
            proxy_from: networks(&listener.proxy_protocol)?,
            ..listener_settings(config, String::new(), timeout, self.address_limits.clone())
        })
    }

    /// All that a listener serves over HTTP.
    fn http(&self, metrics: MetricsAccess, config: &Config, listener: &config::Listener) -> Http {
        let store = self.shared.store.clone();
        Http {
            metrics,
            dav: Some(self.shared.dav(config, listener)),
            well_known: Some(WellKnown::new(store.clone(), config)),
            agreements: Some(store.clone()),
            passwords: Some(PasswordPage {
                store,
                authenticator: self.shared.authenticator.clone(),
                plaintext_auth: listener.plaintext_auth,
                computing: Arc::default(),
            }),
            ..self.http_of_metrics(config)
        }
    }

    /// What a listener serves that is for metrics alone.
    fn http_of_metrics(&self, config: &Config) -> Http {
        Http {
            pages: self.pages.clone(),
            metrics: MetricsAccess::All,
            dav: None,
            well_known: None,
            agreements: None,
            passwords: None,
            timeout: config.limits.http_timeout,
        }
    }
}

/// What a protocol of the configuration is to the crates that speak it.
enum Speaks {
    Http,
    Imap,
    Pop3,
    ManageSieve,
    Smtp(Role),
}

fn role(protocol: Protocol) -> Speaks {
    match protocol {
        Protocol::Smtp => Speaks::Smtp(Role::Mx),
        Protocol::Lmtp => Speaks::Smtp(Role::Lmtp),
        Protocol::Submission | Protocol::Submissions => Speaks::Smtp(Role::Submission),
        Protocol::Imap | Protocol::Imaps => Speaks::Imap,
        Protocol::Pop3 | Protocol::Pop3s => Speaks::Pop3,
        Protocol::ManageSieve => Speaks::ManageSieve,
        Protocol::Http | Protocol::Https => Speaks::Http,
    }
}

fn metrics_access(config: &Config) -> Result<MetricsAccess, Failure> {
    Ok(match config.metrics.bind {
        Some(_) => MetricsAccess::None,
        None => MetricsAccess::From(networks(&config.metrics.allow)?),
    })
}

/// The configuration's networks as `net` has them; both accept the same.
fn networks(networks: &[Network]) -> Result<Vec<IpNetwork>, Failure> {
    networks.iter().map(|network| network.to_string().parse().map_err(Failure::new)).collect()
}

/// Binds listeners one by one.
struct Binder<'a> {
    config: &'a Config,
    keys: Option<Arc<TlsKeys>>,
    address_limits: Arc<AddressLimits>,
    /// How many listeners of a protocol there are so far.
    named: HashMap<Protocol, u32>,
}

impl<'a> Binder<'a> {
    fn new(config: &'a Config, keys: Option<Arc<TlsKeys>>) -> Self {
        let per_address = config.limits.connections_per_address;
        // Webmail, proxies and tests connect from the machine itself, for many people at once.
        let address_limits = AddressLimits::new(per_address, true)
            .per_network(config.limits.connections_per_network, network_prefix(config));
        let address_limits = Arc::new(address_limits);
        Self { config, keys, address_limits, named: HashMap::new() }
    }

    fn bind_all(&mut self) -> Result<Vec<Bound>, Failure> {
        let mut bound = Vec::new();
        for listener in &self.config.listeners {
            let protocol = listener.protocol;
            let name = self.name(protocol);
            let settings = ListenerSettings {
                bind: listener.bind.clone(),
                encryption: self.encryption(protocol),
                proxy_from: networks(&listener.proxy_protocol)?,
                ..self.settings(name.clone(), read_timeout(protocol, &self.config.limits))
            };
            let configured = listener.clone();
            bound.push(Bound { name, configured, listener: bind(settings)? });
        }
        Ok(bound)
    }

    fn bind_metrics(&self) -> Result<Option<Listener>, Failure> {
        let Some(addresses) = &self.config.metrics.bind else { return Ok(None) };
        let timeout = self.config.limits.http_timeout;
        let settings = ListenerSettings {
            bind: addresses.clone(),
            ..self.settings("metrics".to_owned(), timeout)
        };
        bind(settings).map(Some)
    }

    fn settings(&self, name: String, read_timeout: Duration) -> ListenerSettings {
        listener_settings(self.config, name, read_timeout, self.address_limits.clone())
    }

    /// `imaps` for the first listener of a protocol, `imaps-2` for the next.
    fn name(&mut self, protocol: Protocol) -> String {
        let number = self.named.entry(protocol).or_insert(0);
        *number += 1;
        match *number {
            1 => protocol.as_str().to_owned(),
            number => format!("{}-{number}", protocol.as_str()),
        }
    }

    fn encryption(&self, protocol: Protocol) -> Encryption {
        let Some(keys) = self.keys.clone() else { return Encryption::None };
        match protocol {
            Protocol::Smtp => Encryption::StartTls(keys, TlsProfile::Relays),
            Protocol::Lmtp
            | Protocol::Submission
            | Protocol::Imap
            | Protocol::Pop3
            | Protocol::ManageSieve => Encryption::StartTls(keys, TlsProfile::Clients),
            Protocol::Submissions | Protocol::Imaps | Protocol::Pop3s => {
                Encryption::Implicit(keys, TlsProfile::Clients)
            }
            Protocol::Http => Encryption::None,
            Protocol::Https => Encryption::Implicit(keys, TlsProfile::Http),
        }
    }
}

/// The settings all listeners share; without addresses and without encryption.
fn listener_settings(
    config: &Config,
    name: String,
    read_timeout: Duration,
    address_limits: Arc<AddressLimits>,
) -> ListenerSettings {
    let limits = &config.limits;
    ListenerSettings {
        name,
        bind: Vec::new(),
        encryption: Encryption::None,
        proxy_from: Vec::new(),
        connections_max: count(limits.connections),
        address_limits,
        connection: ConnectionSettings {
            read_timeout,
            write_timeout: limits.write_timeout,
            handshake_timeout: limits.tls_handshake_timeout,
            ..ConnectionSettings::default()
        },
    }
}

fn bind(settings: ListenerSettings) -> Result<Listener, Failure> {
    let name = settings.name.clone();
    Listener::bind(settings).map_err(|error| Failure::new(format!("{name}: {error}")))
}

/// How long a peer may be silent; a session changes it as it goes on.
fn read_timeout(protocol: Protocol, limits: &Limits) -> Duration {
    match protocol {
        Protocol::Smtp | Protocol::Lmtp | Protocol::Submission | Protocol::Submissions => {
            limits.smtp_timeout
        }
        Protocol::Imap
        | Protocol::Imaps
        | Protocol::Pop3
        | Protocol::Pop3s
        | Protocol::ManageSieve => limits.sign_in_timeout,
        Protocol::Http | Protocol::Https => limits.http_timeout,
    }
}
