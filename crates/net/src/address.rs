//! Peers counted by address: how many connections each may have.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::{NetworkKey, NetworkPrefix};

/// One party as far as limits go: an IPv4 address, or an IPv6 /64, which is the least a
/// provider hands to one customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressKey(IpAddr);

impl AddressKey {
    /// The party this address belongs to. IPv4 in IPv6 dress counts as IPv4.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(IpAddr::V4(v4)),
            IpAddr::V6(v6) => {
                let network = u128::from(v6) & !u128::from(u64::MAX);
                Self(IpAddr::V6(Ipv6Addr::from(network)))
            }
        }
    }

    /// The address, or the first of the /64.
    pub(crate) fn ip(self) -> IpAddr {
        self.0
    }

    /// Whether this is the machine itself.
    pub fn is_loopback(self) -> bool {
        // The /64 of ::1 is ::/64, of which nothing else is ever a peer.
        matches!(self.0, IpAddr::V4(v4) if v4.is_loopback())
            || self.0 == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    }
}

impl std::fmt::Display for AddressKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => write!(f, "{v4}"),
            IpAddr::V6(v6) => write!(f, "{v6}/64"),
        }
    }
}

/// Counts open connections per [`AddressKey`], and per network. One may be shared by several
/// listeners.
///
/// **Invariant:** a key is in a table only while it has a connection, so no table is ever larger
/// than the number of connections, which the listeners bound.
#[derive(Debug)]
pub struct AddressLimits {
    per_address_max: AtomicU32,
    per_network_max: AtomicU32,
    prefix: NetworkPrefix,
    loopback_exempt: bool,
    open: Mutex<Open>,
}

/// Connections that are open.
#[derive(Debug, Default)]
struct Open {
    addresses: HashMap<AddressKey, u32>,
    networks: HashMap<NetworkKey, u32>,
}

/// Counts one more, if that is within the bound.
fn add<K: Eq + std::hash::Hash + Copy>(table: &mut HashMap<K, u32>, key: K, max: u32) -> bool {
    let count = table.entry(key).or_default();
    if *count >= max {
        if *count == 0 {
            table.remove(&key);
        }
        return false;
    }
    *count += 1;
    true
}

fn subtract<K: Eq + std::hash::Hash + Copy>(table: &mut HashMap<K, u32>, key: K) {
    if let Some(count) = table.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            table.remove(&key);
        }
    }
}

impl AddressLimits {
    /// At most `per_address_max` connections each; with `loopback_exempt` the machine's own
    /// addresses are not counted (a local webmail or proxy speaks for many people).
    pub fn new(per_address_max: u32, loopback_exempt: bool) -> Self {
        Self {
            per_address_max: AtomicU32::new(per_address_max),
            per_network_max: AtomicU32::new(u32::MAX),
            prefix: NetworkPrefix::default(),
            loopback_exempt,
            open: Mutex::default(),
        }
    }

    /// At most so many connections of one network besides.
    pub fn per_network(self, per_network_max: u32, prefix: NetworkPrefix) -> Self {
        Self { per_network_max: AtomicU32::new(per_network_max), prefix, ..self }
    }

    /// Other bounds for connections that come from now on.
    pub fn set_max(&self, per_address: u32, per_network: u32) {
        self.per_address_max.store(per_address, Ordering::Relaxed);
        self.per_network_max.store(per_network, Ordering::Relaxed);
    }

    /// Takes a place for this address; `None` when it, or its network, has all it may have.
    pub fn try_take(self: &Arc<Self>, address: IpAddr) -> Option<AddressPermit> {
        let key = AddressKey::of(address);
        if self.loopback_exempt && key.is_loopback() {
            return Some(AddressPermit(None));
        }
        let network = NetworkKey::of(key, self.prefix);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if !add(&mut open.addresses, key, self.per_address_max.load(Ordering::Relaxed)) {
            return None;
        }
        if !add(&mut open.networks, network, self.per_network_max.load(Ordering::Relaxed)) {
            subtract(&mut open.addresses, key);
            return None;
        }
        Some(AddressPermit(Some((self.clone(), key))))
    }

    /// How many addresses have a connection now.
    pub fn len(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).addresses.len()
    }

    /// Whether no counted address has a connection now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A connection's place among those that [`AddressLimits`] allows its address; given back when
/// dropped.
#[derive(Debug)]
pub struct AddressPermit(Option<(Arc<AddressLimits>, AddressKey)>);

impl Drop for AddressPermit {
    fn drop(&mut self) {
        let Some((limits, key)) = self.0.take() else {
            return;
        };
        let mut open = limits.open.lock().unwrap_or_else(PoisonError::into_inner);
        subtract(&mut open.addresses, key);
        subtract(&mut open.networks, NetworkKey::of(key, limits.prefix));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        for (address, expect) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::", "2001:db8:1:2::/64"),
            ("::1", "::/64"),
        ] {
            assert_eq!(AddressKey::of(address.parse().unwrap()).to_string(), expect);
        }
        assert!(AddressKey::of("::1".parse().unwrap()).is_loopback());
        assert!(AddressKey::of("127.0.0.9".parse().unwrap()).is_loopback());
        assert!(!AddressKey::of("2001:db8::1".parse().unwrap()).is_loopback());
    }

    #[test]
    fn places_come_back() {
        let limits = Arc::new(AddressLimits::new(2, true));
        let home: IpAddr = "2001:db8::1".parse().unwrap();
        let neighbour: IpAddr = "2001:db8::2".parse().unwrap();
        let other: IpAddr = "2001:db8:0:1::1".parse().unwrap();
        let first = limits.try_take(home).unwrap();
        let _second = limits.try_take(neighbour).unwrap();
        assert!(limits.try_take(home).is_none());
        assert!(limits.try_take(other).is_some());
        drop(first);
        let third = limits.try_take(home).unwrap();
        assert!(limits.try_take(home).is_none());
        for _ in 0..10 {
            std::mem::forget(limits.try_take("127.0.0.1".parse().unwrap()).unwrap());
        }
        assert_eq!(limits.len(), 1);
        drop((_second, third));
        assert!(limits.is_empty());

        let prefix = NetworkPrefix { v4_bits: 24, v6_bits: 48 };
        let limits = Arc::new(AddressLimits::new(2, true).per_network(3, prefix));
        let held: Vec<_> =
            (0..4).map(|last: u8| limits.try_take([192, 0, 2, last].into())).collect();
        assert_eq!(held.iter().filter(|one| one.is_some()).count(), 3);
        assert!(limits.try_take([192, 0, 3, 1].into()).is_some());
        drop(held);
        assert!(limits.is_empty() && limits.open.lock().unwrap().networks.is_empty());

        let none = Arc::new(AddressLimits::new(0, false));
        assert!(none.try_take(home).is_none());
        assert!(none.is_empty());
    }
}
