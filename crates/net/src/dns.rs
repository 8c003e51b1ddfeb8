//! What sending mail asks the DNS: where a domain takes its mail, and where a host is.
//!
//! [`Dns`] is a trait, so that tests answer from a table; [`SystemDns`] asks real servers, with a
//! cache, within bounds of time and number.

use std::{
    net::{IpAddr, SocketAddr},
    pin::Pin,
    time::Duration,
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::{Name, RData, RecordType},
};

use crate::SetupError;

/// LIMIT: exchangers of one domain that are looked at; large providers have five.
const EXCHANGERS_MAX: usize = 50;
/// LIMIT: addresses of one host that are looked at.
const ADDRESSES_MAX: usize = 20;
/// LIMIT: answers remembered.
const CACHE_ENTRIES: u64 = 10_000;
/// How long one server may take to answer, and how often it is asked.
const TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPTS: usize = 3;

/// A host that takes mail for a domain (RFC 5321 §5.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MailExchanger {
    /// Lower is tried first.
    pub preference: u16,
    /// Its name, lower case without the final dot; empty where the domain takes no mail (RFC
    /// 7505 §3).
    pub host: String,
}

/// Why the DNS did not answer a question.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// There is no such name, and that is the answer.
    #[error("the name does not exist")]
    NoSuchName,
    /// No server answered, or none could: later one may.
    #[error("the DNS does not answer: {0}")]
    Temporary(String),
}

/// An answer on its way.
pub type DnsFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, DnsError>> + Send + 'a>>;

/// Who answers.
pub trait Dns: Send + Sync + 'static {
    /// The MX records of a domain (A-labels); empty where it exists without any.
    fn mail_exchangers<'a>(&'a self, domain: &'a str) -> DnsFuture<'a, Vec<MailExchanger>>;
    /// The addresses of a host, IPv6 and IPv4; empty where it exists without any.
    fn addresses<'a>(&'a self, host: &'a str) -> DnsFuture<'a, Vec<IpAddr>>;
}

/// The DNS as the machine, or the configuration, knows it.
pub struct SystemDns {
    resolver: TokioResolver,
}

impl SystemDns {
    /// Asks these servers; without any, those of the machine (`/etc/resolv.conf`).
    pub fn new(servers: &[SocketAddr]) -> Result<Self, SetupError> {
        let provider = TokioRuntimeProvider::default();
        let builder = if servers.is_empty() {
            TokioResolver::builder(provider)
        } else {
            let servers = servers.iter().map(name_server).collect();
            let config = ResolverConfig::from_parts(None, Vec::new(), servers);
            Ok(TokioResolver::builder_with_config(config, provider))
        };
        let mut builder = builder.map_err(|error| SetupError::Dns(error.to_string()))?;
        let options = builder.options_mut();
        options.timeout = TIMEOUT;
        options.attempts = ATTEMPTS;
        options.cache_size = CACHE_ENTRIES;
        // Names of the machine alone are nobody's mail domain.
        options.ndots = 0;
        options.edns0 = true;
        let resolver = builder.build().map_err(|error| SetupError::Dns(error.to_string()))?;
        Ok(Self { resolver })
    }

    async fn look_up(&self, name: &str, kind: RecordType) -> Result<Vec<RData>, DnsError> {
        // Of an absolute name only that itself is asked, not what it would be inside a domain of
        // the machine's search list.
        let name = Name::from_ascii(format!("{}.", name.trim_end_matches('.')));
        // RFC 1035 §2.3.4: what is too long for a name names nothing.
        let Ok(name) = name else { return Err(DnsError::NoSuchName) };
        match self.resolver.lookup(name, kind).await {
            Ok(found) => Ok(found.answers().iter().map(|record| record.data.clone()).collect()),
            Err(error) if error.is_nx_domain() => Err(DnsError::NoSuchName),
            Err(error) => no_records(&error),
        }
    }

    async fn addresses_of(&self, host: &str) -> Result<Vec<IpAddr>, DnsError> {
        let (six, four) =
            tokio::join!(self.look_up(host, RecordType::AAAA), self.look_up(host, RecordType::A));
        let (six, four) = match (six, four) {
            (Ok(six), Ok(four)) => (six, four),
            // Servers that do not know AAAA do not keep mail from going over IPv4, nor the
            // other way round.
            (Ok(found), Err(_)) | (Err(_), Ok(found)) if !found.is_empty() => (found, Vec::new()),
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        let address = |data: RData| match data {
            RData::A(four) => Some(IpAddr::V4(four.0)),
            RData::AAAA(six) => Some(IpAddr::V6(six.0)),
            _ => None,
        };
        Ok(six.into_iter().chain(four).filter_map(address).take(ADDRESSES_MAX).collect())
    }

    async fn exchangers_of(&self, domain: &str) -> Result<Vec<MailExchanger>, DnsError> {
        let found = self.look_up(domain, RecordType::MX).await?;
        let exchanger = |data: RData| match data {
            RData::MX(mx) => Some(MailExchanger {
                preference: mx.preference,
                host: mx.exchange.to_ascii().trim_end_matches('.').to_ascii_lowercase(),
            }),
            _ => None,
        };
        let mut exchangers: Vec<MailExchanger> = found.into_iter().filter_map(exchanger).collect();
        exchangers.sort();
        exchangers.truncate(EXCHANGERS_MAX);
        Ok(exchangers)
    }
}

/// The name is there, of this kind nothing is: an empty answer. Everything else may pass.
fn no_records(error: &NetError) -> Result<Vec<RData>, DnsError> {
    use hickory_resolver::{net::DnsError as Kind, proto::op::ResponseCode};
    match error {
        NetError::Dns(Kind::NoRecordsFound(none))
            if none.response_code == ResponseCode::NoError =>
        {
            Ok(Vec::new())
        }
        other => Err(DnsError::Temporary(other.to_string())),
    }
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
    for connection in &mut connections {
        connection.port = address.port();
    }
    NameServerConfig::new(address.ip(), true, connections)
}

impl Dns for SystemDns {
    fn mail_exchangers<'a>(&'a self, domain: &'a str) -> DnsFuture<'a, Vec<MailExchanger>> {
        Box::pin(self.exchangers_of(domain))
    }

    fn addresses<'a>(&'a self, host: &'a str) -> DnsFuture<'a, Vec<IpAddr>> {
        Box::pin(self.addresses_of(host))
    }
}
