//! What others ask for below `/.well-known/`: proofs that a name is ours (RFC 8555 §8.3), and what
//! is said of TLS with the servers of a domain (RFC 8461 §3.3).

use std::sync::Arc;

use config::Config;
use hyper::header::HOST;
use hyper::{Method, Request};
use storage::Store;

use crate::sts;

/// RFC 8555 §8.3.
const PROOFS: &str = "/.well-known/acme-challenge/";
/// RFC 8461 §3.3.
const POLICY: &str = "/.well-known/mta-sts.txt";

/// Answers requests below `/.well-known/`. Clones are the same.
#[derive(Clone)]
pub(super) struct WellKnown {
    store: Store,
    /// The policy of every domain here; absent where nothing is said.
    policy: Option<Arc<str>>,
}

impl WellKnown {
    pub(super) fn new(store: Store, config: &Config) -> Self {
        Self { store, policy: sts::policy(config).map(Arc::from) }
    }

    /// What is answered, if there is such a thing.
    pub(super) async fn find<B>(&self, request: &Request<B>) -> Option<String> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return None;
        }
        let path = request.uri().path();
        if let Some(token) = path.strip_prefix(PROOFS) {
            return acme::http_answer(&self.store, token).await;
        }
        if path != POLICY {
            return None;
        }
        let policy = self.policy.as_ref()?;
        // HTTP/2 has the name in the URL.
        let named = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let host = request.uri().host().or(named)?;
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host).to_ascii_lowercase();
        let domain = host.strip_prefix("mta-sts.")?.to_owned();
        let found = self.store.read(move |tx| tx.find_domain(&domain)).await;
        found.ok().flatten().map(|_| policy.to_string())
    }
}
