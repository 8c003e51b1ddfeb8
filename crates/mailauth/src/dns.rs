//! What the checks ask the DNS. Who answers is given to them, so that the bounds of one resolver
//! hold for all, and tests answer from a table.

use std::{
    future::Future,
    net::IpAddr,
    pin::Pin,
    sync::atomic::{AtomicU32, Ordering},
};

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// There is no such name.
    #[error("no such name")]
    NoSuchName,
    /// Nobody answered, or what came was of no use; later it may be.
    #[error("the DNS does not answer")]
    Temporary,
}

/// An answer on its way.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, LookupError>> + Send + 'a>>;

/// Which addresses are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// A records.
    V4,
    /// AAAA records.
    V6,
}

/// The DNS as these checks ask it. Names are ASCII, without a final dot. A name that exists without
/// such records has an empty answer.
pub trait Lookups: Send + Sync {
    /// TXT records, each with its strings put together.
    fn texts<'a>(&'a self, name: &'a str) -> Answer<'a, Vec<Vec<u8>>>;
    /// Addresses of a host.
    fn addresses<'a>(&'a self, name: &'a str, family: Family) -> Answer<'a, Vec<IpAddr>>;
    /// The hosts that take mail for a domain, the preferred ones first.
    fn exchangers<'a>(&'a self, name: &'a str) -> Answer<'a, Vec<String>>;
    /// The names of an address.
    fn names<'a>(&'a self, address: IpAddr) -> Answer<'a, Vec<String>>;
}

/// Asks for one message, a bounded number of times; after these nobody answers.
pub struct Budget<'r> {
    lookups: &'r dyn Lookups,
    left: AtomicU32,
}

impl<'r> Budget<'r> {
    /// At most `questions` are asked.
    pub fn new(lookups: &'r dyn Lookups, questions: u32) -> Self {
        Self { lookups, left: AtomicU32::new(questions) }
    }

    fn spend(&self) -> Result<&'r dyn Lookups, LookupError> {
        let spent = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        spent.map(|_| self.lookups).map_err(|_| LookupError::Temporary)
    }

    pub(crate) async fn texts(&self, name: &str) -> Result<Vec<Vec<u8>>, LookupError> {
        self.spend()?.texts(name).await
    }

    pub(crate) async fn addresses(
        &self,
        name: &str,
        family: Family,
    ) -> Result<Vec<IpAddr>, LookupError> {
        self.spend()?.addresses(name, family).await
    }

    pub(crate) async fn exchangers(&self, name: &str) -> Result<Vec<String>, LookupError> {
        self.spend()?.exchangers(name).await
    }

    pub(crate) async fn names(&self, address: IpAddr) -> Result<Vec<String>, LookupError> {
        self.spend()?.names(address).await
    }
}

/// A domain as it is asked for and compared: lower case, A-labels, no final dot; `None` if it is
/// none.
pub(crate) fn domain_of(text: &str) -> Option<String> {
    let name = message::address::normal_domain(text.trim_end_matches('.'));
    (name.is_ascii() && message::address::is_domain(&name)).then_some(name)
}

/// Whether `name` is `domain` or below it; both in normal form.
pub(crate) fn is_within(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
