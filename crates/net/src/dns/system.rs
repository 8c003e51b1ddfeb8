//! The DNS as the servers of the system's configuration or of ours tell it, with what DNSSEC says
//! of the answers.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::{Name, RData, Record, RecordType},
};

use super::trusted::{Reply, TrustedResolver, canonical};
use super::{
    Dns, DnsError, DnsFuture, Exchangers, HostAddresses, IpFamily, MailExchanger, Vouched,
};
use crate::{SetupError, TlsaRecord};

/// LIMIT: exchangers of one domain that are looked at; large providers have five.
const EXCHANGERS_MAX: usize = 50;
/// LIMIT: addresses of one host that are looked at.
const ADDRESSES_MAX: usize = 20;
/// LIMIT: texts of one name, and names of one address, that are looked at.
const TEXTS_MAX: usize = 50;
const NAMES_MAX: usize = 20;
/// LIMIT: TLSA records of one service that are looked at.
const TLSA_MAX: usize = 50;
/// LIMIT: answers remembered.
const CACHE_ENTRIES: u64 = 10_000;
/// How long one server may take to answer, and how often it is asked.
const TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPTS: usize = 3;

/// Which servers are believed when they say that an answer was validated by DNSSEC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnsTrust {
    /// No server is believed.
    Nobody,
    /// Servers on this machine are believed, if all configured ones are there.
    Loopback,
    /// Every server is believed.
    Servers,
}

/// The DNS as the machine, or the configuration, knows it.
pub struct SystemDns {
    resolver: TokioResolver,
    /// The resolver that validates, if one is trusted; then it alone is asked.
    trusted: Option<TrustedResolver>,
}

/// Records of one kind, found somehow.
struct Found {
    records: Vec<Record>,
    secure: bool,
}

impl SystemDns {
    /// Asks these servers; without any, those of the machine (`/etc/resolv.conf`).
    ///
    /// # Errors
    /// [`SetupError::Dns`] where the configuration of the machine cannot be used.
    pub fn new(servers: &[SocketAddr], trust: DnsTrust) -> Result<Self, SetupError> {
        let provider = TokioRuntimeProvider::default();
        let failed = |error: NetError| SetupError::Dns(error.to_string());
        let (config, options) = match servers {
            [] => hickory_resolver::system_conf::read_system_conf().map_err(failed)?,
            servers => {
                let servers = servers.iter().map(name_server).collect();
                let config = ResolverConfig::from_parts(None, Vec::new(), servers);
                (config, ResolverOpts::default())
            }
        };
        let trusted = trusted(servers, &config, trust);
        let mut builder =
            TokioResolver::builder_with_config(config, provider).with_options(options);
        let options = builder.options_mut();
        options.timeout = TIMEOUT;
        options.attempts = ATTEMPTS;
        options.cache_size = CACHE_ENTRIES;
        // Names of the machine alone are nobody's mail domain.
        options.ndots = 0;
        options.edns0 = true;
        let resolver = builder.build().map_err(|error| SetupError::Dns(error.to_string()))?;
        Ok(Self { resolver, trusted })
    }

    /// Whether somebody vouches for answers.
    pub fn validates(&self) -> bool {
        self.trusted.is_some()
    }

    /// The records of a kind (`CNAME`, `MX`, `SRV`, `TXT`) at a name, as a zone file has them, but
    /// texts put together; for people who compare.
    pub async fn found(&self, name: &str, kind: &str) -> Result<Vec<String>, DnsError> {
        let kind = match kind {
            "CNAME" => RecordType::CNAME,
            "MX" => RecordType::MX,
            "SRV" => RecordType::SRV,
            "TLSA" => RecordType::TLSA,
            "TXT" => RecordType::TXT,
            _ => return Err(DnsError::NoSuchName),
        };
        let text = |data: RData| match data {
            RData::TXT(txt) => String::from_utf8_lossy(&txt.txt_data.concat()).into_owned(),
            RData::TLSA(tlsa) => TlsaRecord {
                usage: tlsa.cert_usage.into(),
                selector: tlsa.selector.into(),
                matching: tlsa.matching.into(),
                data: tlsa.cert_data,
            }
            .to_string(),
            other => other.to_string(),
        };
        let found = self.look_up(name, kind).await?.records;
        // An alias on the way is no record of the kind.
        let of_kind = found.into_iter().filter(|record| record.data.record_type() == kind);
        Ok(of_kind.map(|record| text(record.data)).take(TEXTS_MAX).collect())
    }

    async fn look_up(&self, name: &str, kind: RecordType) -> Result<Found, DnsError> {
        if let Some(trusted) = &self.trusted {
            let Reply { records, secure } = trusted.ask(name, kind).await?;
            return Ok(Found { records, secure });
        }
        // Of an absolute name only that itself is asked, not what it would be inside a domain of
        // the machine's search list.
        let name = Name::from_ascii(format!("{}.", name.trim_end_matches('.')));
        // RFC 1035 §2.3.4: what is too long for a name names nothing.
        let Ok(name) = name else { return Err(DnsError::NoSuchName) };
        let records = match self.resolver.lookup(name, kind).await {
            Ok(found) => found.answers().to_vec(),
            Err(error) if error.is_nx_domain() => return Err(DnsError::NoSuchName),
            Err(error) => no_records(&error)?,
        };
        Ok(Found { records, secure: false })
    }

    async fn all_addresses_of(&self, host: &str) -> Result<Vouched<HostAddresses>, DnsError> {
        let (six, four) =
            tokio::join!(self.look_up(host, RecordType::AAAA), self.look_up(host, RecordType::A));
        let found = match (six, four) {
            (Ok(six), Ok(four)) => Found {
                secure: six.secure && four.secure,
                records: six.records.into_iter().chain(four.records).collect(),
            },
            // Servers that do not know AAAA do not keep mail from going over IPv4, nor the
            // other way round.
            (Ok(found), Err(_)) | (Err(_), Ok(found)) if !found.records.is_empty() => found,
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        let canonical = canonical(host, &found.records);
        let addresses = found.records.into_iter().filter_map(address).take(ADDRESSES_MAX).collect();
        Ok(Vouched { answer: HostAddresses { addresses, canonical }, secure: found.secure })
    }

    async fn addresses_of_family(
        &self,
        host: &str,
        family: IpFamily,
    ) -> Result<Vec<IpAddr>, DnsError> {
        let kind = match family {
            IpFamily::V4 => RecordType::A,
            IpFamily::V6 => RecordType::AAAA,
        };
        let found = self.look_up(host, kind).await?.records;
        Ok(found.into_iter().filter_map(address).take(ADDRESSES_MAX).collect())
    }

    async fn texts_of(&self, name: &str) -> Result<Vec<Vec<u8>>, DnsError> {
        let found = self.look_up(name, RecordType::TXT).await?.records;
        let text = |record: Record| match record.data {
            RData::TXT(txt) => Some(txt.txt_data.concat()),
            _ => None,
        };
        Ok(found.into_iter().filter_map(text).take(TEXTS_MAX).collect())
    }

    async fn names_of(&self, address: IpAddr) -> Result<Vec<String>, DnsError> {
        // RFC 1035 §3.5 and RFC 3596 §2.5: where the names of addresses stand.
        let found = self.look_up(&reverse_name(address), RecordType::PTR).await?.records;
        let name = |record: Record| match record.data {
            RData::PTR(name) => Some(name.to_ascii().trim_end_matches('.').to_ascii_lowercase()),
            _ => None,
        };
        Ok(found.into_iter().filter_map(name).take(NAMES_MAX).collect())
    }

    /// RFC 7672 §2.2.2: where nobody vouches for the addresses, TLSA records may yet stand at the
    /// host's own name, if that is an alias by the word of a signed zone. Where it is none, nobody
    /// vouches for its zone, and it is not asked any further.
    async fn vouched_addresses_of(&self, host: &str) -> Result<Vouched<HostAddresses>, DnsError> {
        let mut found = self.all_addresses_of(host).await?;
        let is_alias = !found.answer.canonical.eq_ignore_ascii_case(host.trim_end_matches('.'));
        if self.validates() && !found.secure && is_alias {
            found.secure = self.look_up(host, RecordType::CNAME).await?.secure;
            found.answer.canonical = host.to_owned();
        }
        Ok(found)
    }

    async fn exchangers_of(&self, domain: &str) -> Result<Vouched<Exchangers>, DnsError> {
        let found = self.look_up(domain, RecordType::MX).await?;
        let canonical = canonical(domain, &found.records);
        let exchanger = |record: Record| match record.data {
            RData::MX(mx) => Some(MailExchanger {
                preference: mx.preference,
                host: mx.exchange.to_ascii().trim_end_matches('.').to_ascii_lowercase(),
            }),
            _ => None,
        };
        let mut records: Vec<MailExchanger> =
            found.records.into_iter().filter_map(exchanger).collect();
        records.sort();
        records.truncate(EXCHANGERS_MAX);
        Ok(Vouched { answer: Exchangers { records, canonical }, secure: found.secure })
    }

    async fn tlsa_of(&self, name: &str) -> Result<Vouched<Vec<TlsaRecord>>, DnsError> {
        let found = match self.look_up(name, RecordType::TLSA).await {
            Ok(found) => found,
            // A name that is not there has no records.
            Err(DnsError::NoSuchName) => return Ok(Vouched::by_nobody(Vec::new())),
            Err(error) => return Err(error),
        };
        let record = |record: Record| match record.data {
            RData::TLSA(tlsa) => Some(TlsaRecord {
                usage: tlsa.cert_usage.into(),
                selector: tlsa.selector.into(),
                matching: tlsa.matching.into(),
                data: tlsa.cert_data,
            }),
            _ => None,
        };
        let records = found.records.into_iter().filter_map(record).take(TLSA_MAX).collect();
        Ok(Vouched { answer: records, secure: found.secure })
    }
}

fn address(record: Record) -> Option<IpAddr> {
    match record.data {
        RData::A(four) => Some(IpAddr::V4(four.0)),
        RData::AAAA(six) => Some(IpAddr::V6(six.0)),
        _ => None,
    }
}

fn reverse_name(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(four) => {
            let [a, b, c, d] = four.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(six) => {
            let bytes = six.octets().into_iter().rev();
            let digits = bytes.map(|byte| format!("{:x}.{:x}.", byte & 15, byte >> 4));
            digits.collect::<String>() + "ip6.arpa"
        }
    }
}

fn trusted(
    servers: &[SocketAddr],
    config: &ResolverConfig,
    trust: DnsTrust,
) -> Option<TrustedResolver> {
    let of_machine = config.name_servers().iter().map(|server| SocketAddr::new(server.ip, 53));
    let asked: Vec<SocketAddr> =
        if servers.is_empty() { of_machine.collect() } else { servers.to_vec() };
    let vouching = match trust {
        DnsTrust::Nobody => false,
        DnsTrust::Loopback => asked.iter().all(|server| server.ip().is_loopback()),
        DnsTrust::Servers => true,
    };
    (vouching && !asked.is_empty()).then(|| TrustedResolver::new(asked))
}

/// The name is there, of this kind nothing is: an empty answer. Everything else may pass.
fn no_records(error: &NetError) -> Result<Vec<Record>, DnsError> {
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
        Box::pin(async { self.exchangers_of(domain).await.map(|found| found.answer.records) })
    }

    fn addresses<'a>(&'a self, host: &'a str) -> DnsFuture<'a, Vec<IpAddr>> {
        Box::pin(async { self.all_addresses_of(host).await.map(|found| found.answer.addresses) })
    }

    fn addresses_of<'a>(&'a self, host: &'a str, family: IpFamily) -> DnsFuture<'a, Vec<IpAddr>> {
        Box::pin(self.addresses_of_family(host, family))
    }

    fn texts<'a>(&'a self, name: &'a str) -> DnsFuture<'a, Vec<Vec<u8>>> {
        Box::pin(self.texts_of(name))
    }

    fn names(&self, address: IpAddr) -> DnsFuture<'_, Vec<String>> {
        Box::pin(self.names_of(address))
    }

    fn vouched_exchangers<'a>(&'a self, domain: &'a str) -> DnsFuture<'a, Vouched<Exchangers>> {
        Box::pin(self.exchangers_of(domain))
    }

    fn vouched_addresses<'a>(&'a self, host: &'a str) -> DnsFuture<'a, Vouched<HostAddresses>> {
        Box::pin(self.vouched_addresses_of(host))
    }

    fn tlsa<'a>(&'a self, name: &'a str) -> DnsFuture<'a, Vouched<Vec<TlsaRecord>>> {
        Box::pin(self.tlsa_of(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_asked_for_backwards() {
        for (address, name) in [
            ("192.0.2.7", "7.2.0.192.in-addr.arpa"),
            ("::ffff:192.0.2.7", "7.2.0.192.in-addr.arpa"),
            (
                "2001:db8::567:89ab",
                "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
            ),
        ] {
            assert_eq!(reverse_name(address.parse().unwrap()), name);
        }
    }
}
