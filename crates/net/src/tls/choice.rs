//! Which certificate a client gets, by the server name it sends (RFC 6066 §3): one for that very
//! name, else a wildcard, else the server's own.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// A certificate with its key, ready to be presented.
#[derive(Debug)]
pub(super) struct Presented {
    key: Arc<CertifiedKey>,
    /// `tls-server-end-point`.
    pub(super) end_point: Option<Arc<[u8]>>,
    names: Vec<String>,
}

impl Presented {
    pub(super) fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        provider: &CryptoProvider,
    ) -> Result<Self, rustls::Error> {
        let leaf = chain.first().ok_or(rustls::Error::NoCertificatesPresented)?;
        let names = certificate::host_names(leaf);
        let end_point = certificate::end_point(leaf).map(Arc::from);
        let key = Arc::new(CertifiedKey::from_der(chain, key, provider)?);
        Ok(Self { key, end_point, names })
    }
}

/// The certificates by the names they are for.
#[derive(Debug)]
pub(super) struct Choice {
    /// For clients that ask for nothing, or for nothing we have.
    own: Arc<Presented>,
    /// Lower case; `*.` stands for one label.
    by_name: HashMap<String, Arc<Presented>>,
}

impl Choice {
    /// Of several with one name the first counts. The first of all is the server's own, but for
    /// one with `own_name` further down; `None` where there are none.
    pub(super) fn new(presented: Vec<Presented>, own_name: Option<&str>) -> Option<Self> {
        let presented: Vec<Arc<Presented>> = presented.into_iter().map(Arc::new).collect();
        let first = presented.first()?.clone();
        let mut by_name = HashMap::new();
        for one in &presented {
            for name in &one.names {
                by_name.entry(name.clone()).or_insert_with(|| one.clone());
            }
        }
        let mut own = first;
        if let Some(name) = own_name {
            let has = |one: &&Arc<Presented>| one.names.iter().any(|other| other == name);
            // What was made at the first start, which has it too, was only for the meantime.
            if let Some(issued) = presented.iter().skip(1).find(has) {
                own = issued.clone();
                by_name.insert(name.to_owned(), own.clone());
            }
        }
        Some(Self { own, by_name })
    }

    pub(super) fn find(&self, name: Option<&str>) -> &Presented {
        let Some(name) = name.map(str::to_ascii_lowercase) else { return &self.own };
        let wildcard = || {
            // RFC 9525 §6.3: the wildcard is one whole label, the leftmost.
            let (_, parent) = name.split_once('.')?;
            self.by_name.get(&format!("*.{parent}"))
        };
        self.by_name.get(&name).or_else(wildcard).unwrap_or(&self.own)
    }
}

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.find(hello.server_name()).key.clone())
    }
}
