//! What one network of strangers may do in a minute, whatever number of addresses it has.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use ids::Timestamp;

use crate::{AddressKey, TokenBucket};

/// LIMIT: networks that are counted at a time, each some 250 bytes. Who has more of them is not
/// stopped by counting.
const NETWORKS_MAX: usize = 20_000;

/// How many leading bits of an address make its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkPrefix {
    /// Of IPv4; at most 32.
    pub v4_bits: u8,
    /// Of IPv6; at most 64.
    pub v6_bits: u8,
}

impl Default for NetworkPrefix {
    fn default() -> Self {
        Self { v4_bits: 24, v6_bits: 56 }
    }
}

/// A network of one party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NetworkKey(IpAddr);

impl NetworkKey {
    /// The network that an address is in.
    pub fn of(address: AddressKey, prefix: NetworkPrefix) -> Self {
        match address.ip() {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix.v4_bits.min(32)));
                Self(Ipv4Addr::from(u32::from(v4) & mask.unwrap_or(0)).into())
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix.v6_bits.min(64)));
                Self(Ipv6Addr::from(u128::from(v6) & mask.unwrap_or(0)).into())
            }
        }
    }
}

impl fmt::Display for NetworkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkAction {
    /// A connection.
    Connection,
    /// A message.
    Message,
    /// A recipient of one.
    Recipient,
}

/// How much of each a network may do in a minute; 0: as much as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NetworkRateLimits {
    /// Connections.
    pub connections: u32,
    /// Messages.
    pub messages: u32,
    /// Recipients.
    pub recipients: u32,
    /// What a network is.
    pub prefix: NetworkPrefix,
}

impl NetworkRateLimits {
    fn of(&self, action: NetworkAction) -> u32 {
        match action {
            NetworkAction::Connection => self.connections,
            NetworkAction::Message => self.messages,
            NetworkAction::Recipient => self.recipients,
        }
    }
}

/// Counts by network; one is shared by several listeners.
#[derive(Debug, Default)]
pub struct NetworkRates {
    state: Mutex<State>,
    refused: [AtomicU64; 3],
}

#[derive(Debug, Default)]
struct State {
    limits: NetworkRateLimits,
    networks: HashMap<NetworkKey, [Option<TokenBucket>; 3]>,
    /// Every key of `networks` once, the oldest first.
    order: VecDeque<NetworkKey>,
}

impl NetworkRates {
    /// Counts against these limits.
    pub fn new(limits: NetworkRateLimits) -> Self {
        Self { state: Mutex::new(State { limits, ..State::default() }), ..Self::default() }
    }

    /// Other limits from now on; what was counted is forgotten.
    pub fn replace(&self, limits: NetworkRateLimits) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.limits != limits {
            *state = State { limits, ..State::default() };
        }
    }

    /// Counts what an address does; the error says after how many seconds its network may again.
    pub fn take(&self, address: IpAddr, action: NetworkAction, now: Timestamp) -> Result<(), u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = state.limits.of(action);
        if limit == 0 {
            return Ok(());
        }
        let key = NetworkKey::of(AddressKey::of(address), state.limits.prefix);
        let State { networks, order, .. } = &mut *state;
        if !networks.contains_key(&key) {
            order.push_back(key);
            if order.len() > NETWORKS_MAX
                && let Some(oldest) = order.pop_front()
            {
                networks.remove(&oldest);
            }
        }
        let buckets = networks.entry(key).or_default();
        let Some(bucket) = buckets.get_mut(action as usize) else { return Ok(()) };
        let taken = bucket.get_or_insert_with(|| TokenBucket::new(limit, limit, now)).take(now);
        if taken.is_err()
            && let Some(refused) = self.refused.get(action as usize)
        {
            refused.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }

    /// How often something was refused: connections, messages, recipients.
    pub fn refused(&self) -> [u64; 3] {
        self.refused.each_ref().map(|count| count.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_have_a_network() {
        for (address, v4_bits, v6_bits, expect) in [
            ("192.0.2.7", 24, 56, "192.0.2.0"),
            ("192.0.2.7", 32, 56, "192.0.2.7"),
            ("192.0.2.7", 0, 56, "0.0.0.0"),
            ("2001:db8:1:2ff::7", 24, 56, "2001:db8:1:200::"),
            ("2001:db8:1:2ff::7", 24, 64, "2001:db8:1:2ff::"),
            ("2001:db8:1:2ff::7", 24, 0, "::"),
        ] {
            let key =
                NetworkKey::of(AddressKey::of(ip(address)), NetworkPrefix { v4_bits, v6_bits });
            assert_eq!(key.to_string(), expect);
        }
    }

    #[test]
    fn a_network_waits_as_one_and_others_do_not() {
        use NetworkAction::{Message, Recipient};
        let limits = NetworkRateLimits { messages: 2, ..NetworkRateLimits::default() };
        let rates = NetworkRates::new(limits);
        let at = Timestamp::from_secs;
        assert_eq!(rates.take(ip("192.0.2.1"), Message, at(100)), Ok(()));
        assert_eq!(rates.take(ip("192.0.2.2"), Message, at(100)), Ok(()));
        assert_eq!(rates.take(ip("192.0.2.3"), Message, at(100)), Err(30));
        assert_eq!(rates.take(ip("192.0.3.1"), Message, at(100)), Ok(()));
        // What has no limit is not counted.
        assert_eq!(rates.take(ip("192.0.2.3"), Recipient, at(100)), Ok(()));
        assert_eq!(rates.take(ip("192.0.2.3"), Message, at(130)), Ok(()));
        assert_eq!(rates.refused(), [0, 1, 0]);
        rates.replace(NetworkRateLimits::default());
        assert_eq!(rates.take(ip("192.0.2.1"), Message, at(130)), Ok(()));
    }

    #[test]
    fn memory_is_bounded() {
        let rates = NetworkRates::new(NetworkRateLimits { messages: 1, ..Default::default() });
        for network in 0..u32::try_from(NETWORKS_MAX).unwrap() + 10 {
            let address = IpAddr::V4(Ipv4Addr::from(network << 8));
            rates.take(address, NetworkAction::Message, Timestamp::from_secs(1)).unwrap();
        }
        assert_eq!(rates.state.lock().unwrap().networks.len(), NETWORKS_MAX);
    }
}
