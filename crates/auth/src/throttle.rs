//! Slowing down who guesses passwords: per address, per network, and per account.
//!
//! Both count wrong passwords in a window. At the bound a wait begins, and every further wrong
//! password doubles it. The count of an account does not concern addresses it signed in from
//! lately, so that nobody can lock a person out by guessing at the account from elsewhere;
//! those addresses are still bounded by their own count. Nor does that of a network, where many
//! who have nothing to do with each other may be.

use ids::Timestamp;
use net::{AddressKey, NetworkKey, NetworkPrefix};

use crate::{bounded::BoundedMap, mac::Mac};

/// LIMIT: addresses and accounts whose failures are remembered at a time, each some 100 bytes.
/// Whoever has more addresses than this is not stopped by counting them.
const ENTRIES_MAX: usize = 50_000;

/// LIMIT: pairs of an account and an address it signed in from.
const FAMILIAR_MAX: usize = 100_000;

/// How long an address stays familiar to an account after a sign-in.
const FAMILIAR_SECS: i64 = 14 * 24 * 3600;

/// The first wait; it doubles with each further failure.
const FIRST_WAIT_SECS: u64 = 5;

/// The numbers of throttling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThrottleSettings {
    /// Wrong passwords from one address (IPv4, or IPv6 /64) in a window before it waits.
    pub failures_per_address_max: u32,
    /// Wrong passwords from one network in a window before addresses in it wait that are
    /// unfamiliar to the account they try; 0: networks are not counted.
    pub failures_per_network_max: u32,
    /// The size of a network.
    pub network: NetworkPrefix,
    /// Wrong passwords for one account in a window before unfamiliar addresses wait.
    pub failures_per_account_max: u32,
    /// The window, and the longest wait.
    pub window_secs: u32,
    /// Whether the machine's own addresses are not counted; for a webmail or a proxy on the
    /// same machine that speaks for everybody. The count per account concerns them all the same.
    pub loopback_exempt: bool,
}

impl Default for ThrottleSettings {
    fn default() -> Self {
        Self {
            failures_per_address_max: 20,
            failures_per_network_max: 200,
            network: NetworkPrefix::default(),
            failures_per_account_max: 50,
            window_secs: 15 * 60,
            loopback_exempt: false,
        }
    }
}

/// Wrong passwords of one address or for one account.
#[derive(Debug, Clone, Copy)]
struct Failures {
    window_start: Timestamp,
    count: u32,
    wait_until: Timestamp,
    /// The last wrong attempt. A device with an old password repeats it for weeks; that is no
    /// guessing, and need not be computed again.
    last: Mac,
}

/// Everything remembered about failures.
#[derive(Debug)]
pub(crate) struct Throttle {
    settings: ThrottleSettings,
    addresses: BoundedMap<AddressKey, Failures>,
    networks: BoundedMap<NetworkKey, Failures>,
    accounts: BoundedMap<Mac, Failures>,
    familiar: BoundedMap<(Mac, AddressKey), Timestamp>,
}

/// Whether all of these waits are over; the error says after how many seconds.
fn until<'f>(failures: impl Iterator<Item = &'f Failures>, now: Timestamp) -> Result<(), u64> {
    match failures.map(|failures| failures.wait_until).max() {
        Some(until) if until > now => {
            let micros = until.as_micros().saturating_sub(now.as_micros()).unsigned_abs();
            Err(micros.div_ceil(1_000_000))
        }
        _ => Ok(()),
    }
}

impl Throttle {
    pub(crate) fn new(settings: ThrottleSettings) -> Self {
        Self {
            settings,
            addresses: BoundedMap::new(ENTRIES_MAX),
            networks: BoundedMap::new(ENTRIES_MAX),
            accounts: BoundedMap::new(ENTRIES_MAX),
            familiar: BoundedMap::new(FAMILIAR_MAX),
        }
    }

    /// Counts by other numbers from now on; what was counted stays.
    pub(crate) fn replace_settings(&mut self, settings: ThrottleSettings) {
        self.settings = settings;
    }

    /// Whether this address may try anything now; the error says after how many seconds.
    pub(crate) fn check_address(&self, peer: AddressKey, now: Timestamp) -> Result<(), u64> {
        until(self.of_address(peer).into_iter(), now)
    }

    fn of_address(&self, peer: AddressKey) -> Option<&Failures> {
        self.addresses.find(&peer).filter(|_| self.is_counted(peer))
    }

    /// Whether this address may try this account now; the error says after how many seconds.
    pub(crate) fn check(&self, peer: AddressKey, name: &Mac, now: Timestamp) -> Result<(), u64> {
        let is_familiar = self.is_familiar(peer, name, now);
        let of_account = if is_familiar { None } else { self.accounts.find(name) };
        self.check_place(peer, name, now)?;
        until(of_account.into_iter(), now)
    }

    /// Like `check` for secrets that nobody can guess, such as tokens: how many passwords were
    /// tried for this account does not count.
    pub(crate) fn check_place(
        &self,
        peer: AddressKey,
        name: &Mac,
        now: Timestamp,
    ) -> Result<(), u64> {
        let is_familiar = self.is_familiar(peer, name, now);
        let of_network = match is_familiar || !self.is_counted(peer) {
            true => None,
            false => self.networks.find(&self.network(peer)),
        };
        until(self.of_address(peer).into_iter().chain(of_network), now)
    }

    /// Whether exactly this attempt was the account's last wrong one, within the window.
    pub(crate) fn is_repetition(&self, name: &Mac, attempt: &Mac, now: Timestamp) -> bool {
        self.accounts.find(name).is_some_and(|failures| {
            failures.last == *attempt && self.is_in_window(failures.window_start, now)
        })
    }

    /// Counts a wrong attempt.
    pub(crate) fn failed(&mut self, peer: AddressKey, name: Mac, attempt: Mac, now: Timestamp) {
        if self.is_counted(peer) {
            let before = self.addresses.find(&peer).copied();
            let max = self.settings.failures_per_address_max;
            let failures = self.one_more(before, max, attempt, now);
            match self.addresses.find_mut(&peer) {
                Some(entry) => *entry = failures,
                None => self.addresses.put(peer, failures),
            }
            self.network_failed(peer, attempt, now);
        }
        let before = self.accounts.find(&name).copied();
        let max = self.settings.failures_per_account_max;
        let failures = self.one_more(before, max, attempt, now);
        self.accounts.put(name, failures);
    }

    fn network_failed(&mut self, peer: AddressKey, attempt: Mac, now: Timestamp) {
        let max = self.settings.failures_per_network_max;
        if max > 0 {
            let network = self.network(peer);
            let before = self.networks.find(&network).copied();
            let failures = self.one_more(before, max, attempt, now);
            self.networks.put(network, failures);
        }
    }

    fn network(&self, peer: AddressKey) -> NetworkKey {
        NetworkKey::of(peer, self.settings.network)
    }

    /// Forgives the address, and makes it familiar to the account.
    pub(crate) fn succeeded(&mut self, peer: AddressKey, name: Mac, now: Timestamp) {
        if let Some(failures) = self.addresses.find_mut(&peer) {
            failures.count = 0;
            failures.wait_until = now;
        }
        // An exempt address stands for anybody, so it is nobody's own.
        if self.is_counted(peer) {
            self.familiar.put((name, peer), now);
        }
    }

    fn is_counted(&self, peer: AddressKey) -> bool {
        !(self.settings.loopback_exempt && peer.is_loopback())
    }

    fn is_familiar(&self, peer: AddressKey, name: &Mac, now: Timestamp) -> bool {
        self.familiar.find(&(*name, peer)).is_some_and(|since| now < since.plus_secs(FAMILIAR_SECS))
    }

    /// A window that begins in the future (the clock was set back) is over.
    fn is_in_window(&self, start: Timestamp, now: Timestamp) -> bool {
        start <= now && now < start.plus_secs(self.settings.window_secs.into())
    }

    fn one_more(
        &self,
        before: Option<Failures>,
        max: u32,
        attempt: Mac,
        now: Timestamp,
    ) -> Failures {
        let (window_start, count) = match before {
            Some(before) if self.is_in_window(before.window_start, now) => {
                (before.window_start, before.count.saturating_add(1))
            }
            _ => (now, 1),
        };
        let wait_secs = match count.checked_sub(max) {
            None => 0,
            // LIMIT: the shift cannot overflow, and is far beyond any window.
            Some(beyond) => {
                (FIRST_WAIT_SECS << beyond.min(40)).min(self.settings.window_secs.into())
            }
        };
        let wait_until = now.plus_secs(i64::try_from(wait_secs).unwrap_or(i64::MAX));
        Failures { window_start, count, wait_until, last: attempt }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: ThrottleSettings = ThrottleSettings {
        failures_per_address_max: 3,
        failures_per_network_max: 0,
        network: NetworkPrefix { v4_bits: 24, v6_bits: 56 },
        failures_per_account_max: 5,
        window_secs: 60,
        loopback_exempt: true,
    };

    fn address(last: u8) -> AddressKey {
        AddressKey::of([192, 0, 2, last].into())
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    /// Fails `times` from one address at one moment, each time with another account.
    fn fail(throttle: &mut Throttle, peer: AddressKey, name: Mac, times: u8, secs: i64) {
        for round in 0..times {
            throttle.failed(peer, name, [round; 32], at(secs));
        }
    }

    #[test]
    fn waits_per_address_double_and_end() {
        let mut throttle = Throttle::new(SETTINGS);
        let check = |throttle: &Throttle, secs| throttle.check(address(1), &[9; 32], at(secs));
        for (name, expect) in [(1, Ok(())), (2, Ok(())), (3, Err(5)), (4, Err(10)), (5, Err(20))] {
            throttle.failed(address(1), [name; 32], [0; 32], at(100));
            assert_eq!(check(&throttle, 100), expect, "after {name}");
        }
        assert_eq!(check(&throttle, 119), Err(1));
        assert_eq!(check(&throttle, 120), Ok(()));
        for name in 6..50 {
            throttle.failed(address(1), [name; 32], [0; 32], at(120));
        }
        // The longest wait is the window.
        assert_eq!(check(&throttle, 120), Err(60));
        assert_eq!(throttle.check(address(2), &[9; 32], at(120)), Ok(()));
        // A new window begins anew.
        throttle.failed(address(1), [7; 32], [0; 32], at(200));
        assert_eq!(check(&throttle, 200), Ok(()));
        // Success forgives.
        fail(&mut throttle, address(1), [8; 32], 3, 200);
        assert!(check(&throttle, 200).is_err());
        throttle.succeeded(address(1), [8; 32], at(200));
        assert_eq!(check(&throttle, 200), Ok(()));
    }

    #[test]
    fn waits_per_account_spare_familiar_addresses() {
        let mut throttle = Throttle::new(SETTINGS);
        let julie = [1; 32];
        throttle.succeeded(address(1), julie, at(50));
        for peer in 10..15 {
            throttle.failed(address(peer), julie, [peer; 32], at(100));
        }
        assert_eq!(throttle.check(address(20), &julie, at(100)), Err(5));
        assert_eq!(throttle.check(address(20), &[2; 32], at(100)), Ok(()));
        assert_eq!(throttle.check(address(1), &julie, at(100)), Ok(()));
        // The familiar address has its own bound.
        fail(&mut throttle, address(1), julie, 3, 100);
        assert!(throttle.check(address(1), &julie, at(100)).is_err());
        // Familiarity ends.
        let later = 50 + FAMILIAR_SECS;
        for peer in 10..15 {
            throttle.failed(address(peer), julie, [peer; 32], at(later));
        }
        assert_eq!(throttle.check(address(1), &julie, at(later)), Err(5));
    }

    #[test]
    fn waits_per_network_spare_familiar_addresses() {
        let mut throttle =
            Throttle::new(ThrottleSettings { failures_per_network_max: 6, ..SETTINGS });
        let julie = [1; 32];
        throttle.succeeded(address(1), julie, at(50));
        for guess in 10..16 {
            assert_eq!(throttle.check(address(guess), &[guess; 32], at(100)), Ok(()));
            throttle.failed(address(guess), [guess; 32], [guess; 32], at(100));
        }
        // Another address of the same network, another name.
        assert_eq!(throttle.check(address(99), &[2; 32], at(100)), Err(5));
        assert_eq!(
            throttle.check(AddressKey::of([192, 0, 3, 1].into()), &[2; 32], at(100)),
            Ok(())
        );
        assert_eq!(throttle.check(address(1), &julie, at(100)), Ok(()));
        // Who signs in forgives nothing to the rest.
        throttle.succeeded(address(1), julie, at(100));
        assert_eq!(throttle.check(address(99), &[2; 32], at(100)), Err(5));
    }

    #[test]
    fn the_same_mistake_again_is_known() {
        let mut throttle = Throttle::new(SETTINGS);
        let [julie, old, other] = [[1; 32], [2; 32], [3; 32]];
        assert!(!throttle.is_repetition(&julie, &old, at(100)));
        throttle.failed(address(1), julie, old, at(100));
        assert!(throttle.is_repetition(&julie, &old, at(159)));
        assert!(!throttle.is_repetition(&julie, &old, at(160)));
        assert!(!throttle.is_repetition(&julie, &old, at(99)));
        assert!(!throttle.is_repetition(&julie, &other, at(100)));
        assert!(!throttle.is_repetition(&other, &old, at(100)));
    }

    #[test]
    fn loopback_is_exempt_by_setting() {
        let home = AddressKey::of([127, 0, 0, 1].into());
        for (loopback_exempt, expect) in [(true, Ok(())), (false, Err(10))] {
            let mut throttle = Throttle::new(ThrottleSettings { loopback_exempt, ..SETTINGS });
            fail(&mut throttle, home, [1; 32], 4, 100);
            assert_eq!(throttle.check(home, &[2; 32], at(100)), expect);
            // The account's own count holds in any case, and loopback is never familiar then.
            throttle.succeeded(home, [1; 32], at(100));
            fail(&mut throttle, home, [1; 32], 2, 100);
            let expect = if loopback_exempt { Err(10) } else { Ok(()) };
            assert_eq!(throttle.check(home, &[1; 32], at(100)), expect);
        }
    }

    #[test]
    fn tables_are_bounded() {
        let mut throttle = Throttle::new(SETTINGS);
        for n in 0..=u32::try_from(ENTRIES_MAX).unwrap() {
            let mut name = [0; 32];
            name[..4].copy_from_slice(&n.to_le_bytes());
            let peer = AddressKey::of(std::net::Ipv4Addr::from(n).into());
            throttle.failed(peer, name, [0; 32], at(100));
        }
        assert_eq!(throttle.addresses.len(), ENTRIES_MAX);
        assert_eq!(throttle.accounts.len(), ENTRIES_MAX);
    }
}
