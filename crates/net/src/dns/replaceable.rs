//! The DNS of a daemon whose servers may be exchanged while it runs.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use super::{
    Dns, DnsFuture, Exchangers, HostAddresses, IpFamily, MailExchanger, SystemDns, Vouched,
};
use crate::TlsaRecord;

/// Asks the servers that were given last. A question under way goes on with those before.
pub struct ReplaceableDns {
    newest: RwLock<Arc<SystemDns>>,
}

impl ReplaceableDns {
    /// Asks these servers until they are replaced.
    pub fn new(servers: SystemDns) -> Self {
        Self { newest: RwLock::new(Arc::new(servers)) }
    }

    /// Asks others from now on.
    pub fn replace(&self, servers: SystemDns) {
        *self.newest.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(servers);
    }

    fn now(&self) -> Arc<SystemDns> {
        self.newest.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Dns for ReplaceableDns {
    fn mail_exchangers<'a>(&'a self, domain: &'a str) -> DnsFuture<'a, Vec<MailExchanger>> {
        let dns = self.now();
        Box::pin(async move { dns.mail_exchangers(domain).await })
    }

    fn addresses<'a>(&'a self, host: &'a str) -> DnsFuture<'a, Vec<IpAddr>> {
        let dns = self.now();
        Box::pin(async move { dns.addresses(host).await })
    }

    fn addresses_of<'a>(&'a self, host: &'a str, family: IpFamily) -> DnsFuture<'a, Vec<IpAddr>> {
        let dns = self.now();
        Box::pin(async move { dns.addresses_of(host, family).await })
    }

    fn texts<'a>(&'a self, name: &'a str) -> DnsFuture<'a, Vec<Vec<u8>>> {
        let dns = self.now();
        Box::pin(async move { dns.texts(name).await })
    }

    fn names(&self, address: IpAddr) -> DnsFuture<'_, Vec<String>> {
        let dns = self.now();
        Box::pin(async move { dns.names(address).await })
    }

    fn vouched_exchangers<'a>(&'a self, domain: &'a str) -> DnsFuture<'a, Vouched<Exchangers>> {
        let dns = self.now();
        Box::pin(async move { dns.vouched_exchangers(domain).await })
    }

    fn vouched_addresses<'a>(&'a self, host: &'a str) -> DnsFuture<'a, Vouched<HostAddresses>> {
        let dns = self.now();
        Box::pin(async move { dns.vouched_addresses(host).await })
    }

    fn tlsa<'a>(&'a self, name: &'a str) -> DnsFuture<'a, Vouched<Vec<TlsaRecord>>> {
        let dns = self.now();
        Box::pin(async move { dns.tlsa(name).await })
    }
}
