//! What `mailauth` asks, answered by the resolver of the daemon.

use std::net::IpAddr;

use mailauth::dns::{Answer, Family, LookupError, Lookups};
use net::{Dns, DnsError, DnsFuture, IpFamily};
use tokio::time::Instant;

/// The DNS until a point in time.
pub struct TimedLookups<'a> {
    dns: &'a dyn Dns,
    until: Instant,
}

impl<'d> TimedLookups<'d> {
    /// What is not answered by then is not answered.
    pub fn new(dns: &'d dyn Dns, until: Instant) -> Self {
        Self { dns, until }
    }

    fn bound<'a, T: Send + 'a>(&self, answer: DnsFuture<'a, T>) -> Answer<'a, T> {
        let until = self.until;
        Box::pin(async move {
            match tokio::time::timeout_at(until, answer).await {
                Ok(Ok(found)) => Ok(found),
                Ok(Err(DnsError::NoSuchName)) => Err(LookupError::NoSuchName),
                Ok(Err(DnsError::Temporary(_))) | Err(_) => Err(LookupError::Temporary),
            }
        })
    }
}

impl Lookups for TimedLookups<'_> {
    fn texts<'a>(&'a self, name: &'a str) -> Answer<'a, Vec<Vec<u8>>> {
        self.bound(self.dns.texts(name))
    }

    fn addresses<'a>(&'a self, name: &'a str, family: Family) -> Answer<'a, Vec<IpAddr>> {
        let family = match family {
            Family::V4 => IpFamily::V4,
            Family::V6 => IpFamily::V6,
        };
        self.bound(self.dns.addresses_of(name, family))
    }

    fn exchangers<'a>(&'a self, name: &'a str) -> Answer<'a, Vec<String>> {
        let found = self.dns.mail_exchangers(name);
        let hosts = async move {
            let hosts = found.await?.into_iter().map(|exchanger| exchanger.host);
            // A null MX (RFC 7505 §3) is no host.
            Ok(hosts.filter(|host| !host.is_empty()).collect())
        };
        self.bound(Box::pin(hosts))
    }

    fn names<'a>(&'a self, address: IpAddr) -> Answer<'a, Vec<String>> {
        self.bound(self.dns.names(address))
    }
}
