//! What mail asks the DNS: where a domain takes it, where a host is, what a domain says of itself.
//!
//! [`Dns`] is a trait, so that tests answer from a table; [`SystemDns`] asks real servers, with a
//! cache, within bounds of time and number.

mod replaceable;
mod system;
#[cfg(test)]
mod tests;
mod trusted;

use std::{net::IpAddr, pin::Pin};

use crate::TlsaRecord;

pub use replaceable::ReplaceableDns;
pub use system::{DnsTrust, SystemDns};

/// A host that takes mail for a domain (RFC 5321 §5.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MailExchanger {
    /// Lower is tried first.
    pub preference: u16,
    /// Its name, lower case without the final dot; empty where the domain takes no mail
    /// (RFC 7505 §3).
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

/// Which addresses of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpFamily {
    /// A records.
    V4,
    /// AAAA records.
    V6,
}

/// An answer on its way.
pub type DnsFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, DnsError>> + Send + 'a>>;

/// An answer, and whether DNSSEC vouches for all of it (RFC 4035 §4.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched<T> {
    /// The answer of the server.
    pub answer: T,
    /// Whether it is secure.
    pub secure: bool,
}

impl<T> Vouched<T> {
    /// An answer that no DNSSEC validation vouches for.
    pub fn by_nobody(answer: T) -> Self {
        Self { answer, secure: false }
    }
}

/// The hosts that take mail for a domain (RFC 5321 §5.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exchangers {
    /// The MX records; none where the domain exists without any.
    pub records: Vec<MailExchanger>,
    /// The domain's name behind all aliases.
    pub canonical: String,
}

/// Where a host is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostAddresses {
    /// IPv6 and IPv4.
    pub addresses: Vec<IpAddr>,
    /// Its name behind all aliases, as far as is vouched for: its own, where DNSSEC says that it is
    /// an alias and of what, and nothing of what stands there (RFC 7672 §2.2.2, "insecure CNAME").
    pub canonical: String,
}

/// The DNS, as far as mail needs it. Tests put their own in place.
pub trait Dns: Send + Sync + 'static {
    /// The MX records of a domain (A-labels); empty where it exists without any.
    fn mail_exchangers<'a>(&'a self, domain: &'a str) -> DnsFuture<'a, Vec<MailExchanger>>;

    /// The addresses of a host, IPv6 and IPv4; empty where it exists without any.
    fn addresses<'a>(&'a self, host: &'a str) -> DnsFuture<'a, Vec<IpAddr>>;

    /// The addresses of a host of one family; empty where it exists without any.
    fn addresses_of<'a>(&'a self, host: &'a str, family: IpFamily) -> DnsFuture<'a, Vec<IpAddr>> {
        let all = self.addresses(host);
        let wanted = move |address: &IpAddr| address.is_ipv4() == (family == IpFamily::V4);
        Box::pin(async move { Ok(all.await?.into_iter().filter(wanted).collect()) })
    }

    /// The TXT records of a name, each with its strings put together; empty where it exists
    /// without any.
    fn texts<'a>(&'a self, _name: &'a str) -> DnsFuture<'a, Vec<Vec<u8>>> {
        Box::pin(std::future::ready(Err(DnsError::NoSuchName)))
    }

    /// The names that an address is said to have.
    fn names(&self, _address: IpAddr) -> DnsFuture<'_, Vec<String>> {
        Box::pin(std::future::ready(Err(DnsError::NoSuchName)))
    }

    /// The MX records, and whether DNSSEC vouches for them.
    fn vouched_exchangers<'a>(&'a self, domain: &'a str) -> DnsFuture<'a, Vouched<Exchangers>> {
        Box::pin(async {
            let records = self.mail_exchangers(domain).await?;
            Ok(Vouched::by_nobody(Exchangers { records, canonical: domain.to_owned() }))
        })
    }

    /// The addresses, and whether DNSSEC vouches for them, or for the alias that leads to them.
    fn vouched_addresses<'a>(&'a self, host: &'a str) -> DnsFuture<'a, Vouched<HostAddresses>> {
        Box::pin(async {
            let addresses = self.addresses(host).await?;
            Ok(Vouched::by_nobody(HostAddresses { addresses, canonical: host.to_owned() }))
        })
    }

    /// The TLSA records at a name (RFC 6698 §3); empty where there are none.
    fn tlsa<'a>(&'a self, _name: &'a str) -> DnsFuture<'a, Vouched<Vec<TlsaRecord>>> {
        Box::pin(async { Ok(Vouched::by_nobody(Vec::new())) })
    }
}
