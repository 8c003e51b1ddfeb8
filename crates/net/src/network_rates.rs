//! What one network of strangers may do in a minute, whatever number of addresses it has, and what
//! one address of it may, so that a single host does not use up what is for all.

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

/// LIMIT: networks that are counted at a time, and addresses, each some 250 bytes. Who has more of
/// them is not stopped by counting.
const PARTIES_MAX: usize = 20_000;

/// The prefix of a single address: IPv6 counts by /64 (see [`AddressKey`]).
const WHOLE: NetworkPrefix = NetworkPrefix { v4_bits: 32, v6_bits: 64 };

/// How many leading bits of an address make its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkPrefix {
    /// The leading bits of an IPv4 address; at most 32.
    pub v4_bits: u8,
    /// The leading bits of an IPv6 address; at most 64.
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

/// The things that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkAction {
    /// A connection is counted.
    Connection,
    /// A message is counted.
    Message,
    /// A recipient is counted.
    Recipient,
}

/// How much of each may be done in a minute; 0: as much as one likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateLimits {
    /// The most connections a minute; 0: no limit.
    pub connections: u32,
    /// The most messages a minute; 0: no limit.
    pub messages: u32,
    /// The most recipients a minute; 0: no limit.
    pub recipients: u32,
}

impl RateLimits {
    fn of(&self, action: NetworkAction) -> u32 {
        match action {
            NetworkAction::Connection => self.connections,
            NetworkAction::Message => self.messages,
            NetworkAction::Recipient => self.recipients,
        }
    }
}

/// How much of each a network may do, and an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NetworkRateLimits {
    /// The limits of a whole network.
    pub network: RateLimits,
    /// An IPv4 address, or an IPv6 /64.
    pub address: RateLimits,
    /// The size of a network.
    pub prefix: NetworkPrefix,
}

/// Whether an address or its network reached a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// The address by itself.
    Address,
    /// The network that the address is in.
    Network,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "address",
            Self::Network => "network",
        })
    }
}

/// An action was refused, since its network or address did too many of the kind lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMuch {
    /// Whether the address or its network reached the limit.
    pub party: Party,
    /// After how many seconds it may be done again; at least 1.
    pub secs: u64,
}

/// Counts by network and by address; one is shared by several listeners.
#[derive(Debug, Default)]
pub struct NetworkRates {
    state: Mutex<State>,
    refused: [AtomicU64; 3],
}

#[derive(Debug, Default)]
struct State {
    limits: NetworkRateLimits,
    networks: Parties,
    addresses: Parties,
}

#[derive(Debug, Default)]
struct Parties {
    buckets: HashMap<NetworkKey, [Option<TokenBucket>; 3]>,
    /// Every key of `buckets` once, the oldest first.
    order: VecDeque<NetworkKey>,
}

impl Parties {
    /// Counts what somebody does, unless `limit` is 0; the error says after how many seconds they
    /// may again.
    fn take(
        &mut self,
        key: NetworkKey,
        action: NetworkAction,
        limit: u32,
        now: Timestamp,
    ) -> Result<(), u64> {
        if limit == 0 {
            return Ok(());
        }
        let Self { buckets, order } = self;
        if !buckets.contains_key(&key) {
            order.push_back(key);
            if order.len() > PARTIES_MAX
                && let Some(oldest) = order.pop_front()
            {
                buckets.remove(&oldest);
            }
        }
        let own = buckets.entry(key).or_default();
        let Some(bucket) = own.get_mut(action as usize) else { return Ok(()) };
        bucket.get_or_insert_with(|| TokenBucket::new(limit, limit, now)).take(now)
    }

    /// Returns the token taken for an action that did not take place after all.
    fn give_back(&mut self, key: NetworkKey, action: NetworkAction) {
        let own = self.buckets.get_mut(&key).and_then(|own| own.get_mut(action as usize));
        if let Some(bucket) = own.and_then(Option::as_mut) {
            bucket.give_back();
        }
    }
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

    /// Counts what an address does, for itself and then for its network: what one host does too
    /// much is not at the cost of the others.
    pub fn take(
        &self,
        address: IpAddr,
        action: NetworkAction,
        now: Timestamp,
    ) -> Result<(), TooMuch> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { limits, networks, addresses } = &mut *state;
        let key = AddressKey::of(address);
        let (own, network) = (NetworkKey::of(key, WHOLE), NetworkKey::of(key, limits.prefix));
        let taken = addresses
            .take(own, action, limits.address.of(action), now)
            .map_err(|secs| TooMuch { party: Party::Address, secs })
            .and_then(|()| {
                let taken = networks.take(network, action, limits.network.of(action), now);
                taken.map_err(|secs| {
                    // It is not its own limit that keeps the address waiting.
                    addresses.give_back(own, action);
                    TooMuch { party: Party::Network, secs }
                })
            });
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

    fn of_networks(network: RateLimits) -> NetworkRates {
        NetworkRates::new(NetworkRateLimits { network, ..NetworkRateLimits::default() })
    }

    #[test]
    fn a_network_waits_as_one_and_others_do_not() {
        use NetworkAction::{Message, Recipient};
        let rates = of_networks(RateLimits { messages: 2, ..RateLimits::default() });
        let at = Timestamp::from_secs;
        assert_eq!(rates.take(ip("192.0.2.1"), Message, at(100)), Ok(()));
        assert_eq!(rates.take(ip("192.0.2.2"), Message, at(100)), Ok(()));
        let too_much = TooMuch { party: Party::Network, secs: 30 };
        assert_eq!(rates.take(ip("192.0.2.3"), Message, at(100)), Err(too_much));
        assert_eq!(rates.take(ip("192.0.3.1"), Message, at(100)), Ok(()));
        // What has no limit is not counted.
        assert_eq!(rates.take(ip("192.0.2.3"), Recipient, at(100)), Ok(()));
        assert_eq!(rates.take(ip("192.0.2.3"), Message, at(130)), Ok(()));
        assert_eq!(rates.refused(), [0, 1, 0]);
        rates.replace(NetworkRateLimits::default());
        assert_eq!(rates.take(ip("192.0.2.1"), Message, at(130)), Ok(()));
    }

    /// R-SMTP-5: a host that does too much leaves its neighbours what they may.
    #[test]
    fn an_address_waits_alone() {
        use NetworkAction::Message;
        for (first, again, neighbour, last) in [
            ("192.0.2.0", "::ffff:192.0.2.0", "192.0.2.1", "192.0.2.2"),
            ("2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:2::1", "2001:db8:0:3::1"),
        ] {
            let network = RateLimits { messages: 3, ..RateLimits::default() };
            let address = RateLimits { messages: 2, ..RateLimits::default() };
            let prefix = NetworkPrefix::default();
            let rates = NetworkRates::new(NetworkRateLimits { network, address, prefix });
            let now = Timestamp::from_secs(100);
            assert_eq!(rates.take(ip(first), Message, now), Ok(()));
            assert_eq!(rates.take(ip(again), Message, now), Ok(()));
            for _ in 0..10 {
                let too_much = TooMuch { party: Party::Address, secs: 30 };
                assert_eq!(rates.take(ip(first), Message, now), Err(too_much), "{first}");
            }
            assert_eq!(rates.take(ip(neighbour), Message, now), Ok(()));
            let too_much = TooMuch { party: Party::Network, secs: 20 };
            assert_eq!(rates.take(ip(last), Message, now), Err(too_much), "{last}");
            assert_eq!(rates.refused(), [0, 11, 0]);
        }
    }

    /// What its network may not do now costs an address nothing.
    #[test]
    fn an_address_pays_only_for_what_it_does() {
        use NetworkAction::Message;
        let network = RateLimits { messages: 2, ..RateLimits::default() };
        let address = RateLimits { messages: 1, ..RateLimits::default() };
        let prefix = NetworkPrefix::default();
        let rates = NetworkRates::new(NetworkRateLimits { network, address, prefix });
        let at = Timestamp::from_secs;
        assert_eq!(rates.take(ip("192.0.2.1"), Message, at(100)), Ok(()));
        assert_eq!(rates.take(ip("192.0.2.2"), Message, at(100)), Ok(()));
        let too_much = TooMuch { party: Party::Network, secs: 30 };
        for _ in 0..2 {
            assert_eq!(rates.take(ip("192.0.2.3"), Message, at(100)), Err(too_much));
        }
        assert_eq!(rates.take(ip("192.0.2.3"), Message, at(130)), Ok(()));
        assert_eq!(rates.refused(), [0, 2, 0]);
    }

    #[test]
    fn memory_is_bounded() {
        let one = RateLimits { messages: 1, ..RateLimits::default() };
        let prefix = NetworkPrefix::default();
        let rates = NetworkRates::new(NetworkRateLimits { network: one, address: one, prefix });
        for network in 0..u32::try_from(PARTIES_MAX).unwrap() + 10 {
            let address = IpAddr::V4(Ipv4Addr::from(network << 8));
            rates.take(address, NetworkAction::Message, Timestamp::from_secs(1)).unwrap();
        }
        let state = rates.state.lock().unwrap();
        for parties in [&state.networks, &state.addresses] {
            assert_eq!((parties.buckets.len(), parties.order.len()), (PARTIES_MAX, PARTIES_MAX));
        }
    }
}
