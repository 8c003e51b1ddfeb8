//! A DNS that answers from a table, and a way to wait without a runtime.

use std::{
    collections::HashMap,
    future::Future,
    net::IpAddr,
    pin::pin,
    task::{Context, Poll, Waker},
};

use crate::dns::{Answer, Family, LookupError, Lookups};

/// Names and what they have. A name that is nowhere does not exist.
#[derive(Default)]
pub(crate) struct Zone {
    texts: HashMap<String, Vec<Vec<u8>>>,
    addresses: HashMap<String, Vec<IpAddr>>,
    exchangers: HashMap<String, Vec<String>>,
    names: HashMap<IpAddr, Vec<String>>,
    silent: Vec<String>,
}

impl Zone {
    pub(crate) fn text(mut self, name: &str, text: &str) -> Self {
        self.texts.entry(name.to_owned()).or_default().push(text.as_bytes().to_vec());
        self
    }

    pub(crate) fn address(mut self, name: &str, address: &str) -> Self {
        self.addresses.entry(name.to_owned()).or_default().push(address.parse().unwrap());
        self
    }

    pub(crate) fn exchanger(mut self, name: &str, host: &str) -> Self {
        self.exchangers.entry(name.to_owned()).or_default().push(host.to_owned());
        self
    }

    pub(crate) fn name(mut self, address: &str, name: &str) -> Self {
        self.names.entry(address.parse().unwrap()).or_default().push(name.to_owned());
        self
    }

    /// Nobody answers for this name.
    pub(crate) fn silent(mut self, name: &str) -> Self {
        self.silent.push(name.to_owned());
        self
    }

    fn answer<T: Clone + Send + 'static>(
        &self,
        table: &HashMap<String, Vec<T>>,
        name: &str,
    ) -> Answer<'_, Vec<T>> {
        let name = name.to_ascii_lowercase();
        let exists = self.texts.contains_key(&name)
            || self.addresses.contains_key(&name)
            || self.exchangers.contains_key(&name);
        let answer = match table.get(&name) {
            _ if self.silent.contains(&name) => Err(LookupError::Temporary),
            Some(found) => Ok(found.clone()),
            None if exists => Ok(Vec::new()),
            None => Err(LookupError::NoSuchName),
        };
        Box::pin(std::future::ready(answer))
    }
}

impl Lookups for Zone {
    fn texts<'a>(&'a self, name: &'a str) -> Answer<'a, Vec<Vec<u8>>> {
        self.answer(&self.texts, name)
    }

    fn addresses<'a>(&'a self, name: &'a str, family: Family) -> Answer<'a, Vec<IpAddr>> {
        let found = self.answer(&self.addresses, name);
        let wanted = move |ip: &IpAddr| ip.is_ipv4() == (family == Family::V4);
        Box::pin(async move { Ok(found.await?.into_iter().filter(wanted).collect()) })
    }

    fn exchangers<'a>(&'a self, name: &'a str) -> Answer<'a, Vec<String>> {
        self.answer(&self.exchangers, name)
    }

    fn names<'a>(&'a self, address: IpAddr) -> Answer<'a, Vec<String>> {
        let found = self.names.get(&address).cloned();
        Box::pin(std::future::ready(found.ok_or(LookupError::NoSuchName)))
    }
}

/// Everything here is ready at once.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}
