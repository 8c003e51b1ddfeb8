//! Peers counted by address: how many connections each may have.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

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

/// Counts open connections per [`AddressKey`]. One may be shared by several listeners.
///
/// **Invariant:** a key is in the table only while it has a connection, so the table is never
/// larger than the number of connections, which the listeners bound.
#[derive(Debug)]
pub struct AddressLimits {
    per_address_max: u32,
    loopback_exempt: bool,
    open: Mutex<HashMap<AddressKey, u32>>,
}

impl AddressLimits {
    /// At most `per_address_max` connections each; with `loopback_exempt` the machine's own
    /// addresses are not counted (a local webmail or proxy speaks for many people).
    pub fn new(per_address_max: u32, loopback_exempt: bool) -> Self {
        Self { per_address_max, loopback_exempt, open: Mutex::default() }
    }

    /// Takes a place for this address; `None` when it has all it may have.
    pub fn try_take(self: &Arc<Self>, address: IpAddr) -> Option<AddressPermit> {
        let key = AddressKey::of(address);
        if self.loopback_exempt && key.is_loopback() {
            return Some(AddressPermit(None));
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(key).or_default();
        if *count >= self.per_address_max {
            if *count == 0 {
                open.remove(&key);
            }
            return None;
        }
        *count += 1;
        Some(AddressPermit(Some((self.clone(), key))))
    }

    /// How many addresses have a connection now.
    pub fn len(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether no counted address has a connection now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One place taken from [`AddressLimits`]; given back when dropped.
#[derive(Debug)]
pub struct AddressPermit(Option<(Arc<AddressLimits>, AddressKey)>);

impl Drop for AddressPermit {
    fn drop(&mut self) {
        let Some((limits, key)) = self.0.take() else {
            return;
        };
        let mut open = limits.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&key);
            }
        }
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

        let none = Arc::new(AddressLimits::new(0, false));
        assert!(none.try_take(home).is_none());
        assert!(none.is_empty());
    }
}
