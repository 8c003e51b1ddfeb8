//! Greylisting (RFC 6647): a sender that nobody knows is asked to come again, which programs that
//! send junk seldom do. A network that came again is known from then on.
//!
//! **Invariant:** of one network only so many senders wait at a time, and every row expires.

use std::net::IpAddr;

use ids::Timestamp;

use crate::sql::Value;
use crate::{ReadTx, Result, WriteTx};

/// LIMIT: senders and recipients of one network that wait at a time; a large provider has some
/// hundred. More of them are asked to come again without being remembered.
const WAITING_MAX: i64 = 1000;

/// How long things take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GreylistTimes {
    /// How long an unknown sender has to wait.
    pub delay_secs: i64,
    /// How long after its first attempt it may come again.
    pub window_secs: i64,
    /// How long a network stays known after it last sent something.
    pub lifetime_secs: i64,
}

/// What greylisting tells attempts apart by: the network of the client, and both paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Triplet {
    network: [u8; 32],
    key: [u8; 32],
}

/// What to do about a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Greylisted {
    /// Take its mail.
    Pass,
    /// Have it come again after so many seconds.
    Wait(i64),
}

impl Triplet {
    /// RFC 6647: of the peer its network counts, IPv4 /24 or IPv6 /64, because large senders
    /// come again from another host.
    pub fn new(peer: IpAddr, sender: &str, recipient: &str) -> Self {
        let mut network = blake3::Hasher::new();
        match peer.to_canonical() {
            IpAddr::V4(v4) => network.update(&v4.octets()[..3]),
            IpAddr::V6(v6) => network.update(&v6.octets()[..8]),
        };
        let mut key = network.clone();
        for part in [sender, recipient] {
            key.update(b"\0").update(part.to_lowercase().as_bytes());
        }
        Self { network: network.finalize().into(), key: key.finalize().into() }
    }
}

impl ReadTx<'_> {
    /// Whether the network is known, and for so long that nothing need be written.
    pub fn is_known_network(
        &mut self,
        triplet: &Triplet,
        times: GreylistTimes,
        now: Timestamp,
    ) -> Result<bool> {
        let known = self.known_until(triplet)?;
        Ok(known.is_some_and(|until| until > now.plus_secs(times.lifetime_secs / 2)))
    }

    fn known_until(&mut self, triplet: &Triplet) -> Result<Option<Timestamp>> {
        self.sql.query_one(
            "SELECT expires FROM greylist WHERE key = ?1 AND passed = 1",
            &[Value::Bytes(&triplet.network)],
            |row| Ok(Timestamp::from_micros(row.int(0)?)),
        )
    }
}

impl WriteTx<'_> {
    /// Notes that the sender is there, and says what to do about it.
    pub fn greylist(&mut self, triplet: &Triplet, times: GreylistTimes) -> Result<Greylisted> {
        let now = self.now;
        if self.known_until(triplet)?.is_some_and(|until| until > now) {
            self.know_network(triplet, times)?;
            return Ok(Greylisted::Pass);
        }
        let first = self.sql.query_one(
            "SELECT first FROM greylist WHERE key = ?1 AND passed = 0 AND expires > ?2",
            &[Value::Bytes(&triplet.key), Value::Int(now.as_micros())],
            |row| Ok(Timestamp::from_micros(row.int(0)?)),
        )?;
        let Some(first) = first else {
            self.begin_waiting(triplet, times)?;
            return Ok(Greylisted::Wait(times.delay_secs));
        };
        let waited = now.as_secs() - first.as_secs();
        if waited < times.delay_secs {
            return Ok(Greylisted::Wait(times.delay_secs - waited));
        }
        self.sql.execute(
            "DELETE FROM greylist WHERE network = ?1 AND passed = 0",
            &[Value::Bytes(&triplet.network)],
        )?;
        self.know_network(triplet, times)?;
        Ok(Greylisted::Pass)
    }

    fn know_network(&mut self, triplet: &Triplet, times: GreylistTimes) -> Result<()> {
        let expires = self.now.plus_secs(times.lifetime_secs);
        self.put_greylist(&triplet.network, triplet, 1, expires)
    }

    fn begin_waiting(&mut self, triplet: &Triplet, times: GreylistTimes) -> Result<()> {
        let waiting = self.sql.query_one(
            "SELECT COUNT(*) FROM greylist WHERE network = ?1 AND passed = 0",
            &[Value::Bytes(&triplet.network)],
            |row| row.int(0),
        )?;
        if waiting.unwrap_or(0) >= WAITING_MAX {
            return Ok(());
        }
        let expires = self.now.plus_secs(times.window_secs);
        self.put_greylist(&triplet.key, triplet, 0, expires)
    }

    fn put_greylist(
        &mut self,
        key: &[u8; 32],
        triplet: &Triplet,
        passed: i64,
        expires: Timestamp,
    ) -> Result<()> {
        let now = self.now.as_micros();
        self.sql.execute(
            "INSERT INTO greylist (key, network, first, passed, expires) \
             VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (key) DO UPDATE SET first = ?3, passed = ?4, expires = ?5",
            &[
                Value::Bytes(key),
                Value::Bytes(&triplet.network),
                Value::Int(now),
                Value::Int(passed),
                Value::Int(expires.as_micros()),
            ],
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ids::Clock;
    use testkit::ManualClock;

    use super::*;
    use crate::testing::{TestStore, on_both_engines_with};

    const TIMES: GreylistTimes =
        GreylistTimes { delay_secs: 300, window_secs: 3600, lifetime_secs: 100_000 };

    fn triplet(peer: &str, sender: &str) -> Triplet {
        Triplet::new(peer.parse().unwrap(), sender, "julie@example.test")
    }

    fn with_clock(test: impl Fn(&TestStore, &ManualClock)) {
        let clock = Arc::new(ManualClock::default());
        on_both_engines_with(
            |settings| settings.clock = clock.clone(),
            |store| test(store, &clock),
        );
    }

    fn ask(store: &TestStore, triplet: &Triplet) -> Greylisted {
        let triplet = triplet.clone();
        store.write(move |tx| tx.greylist(&triplet, TIMES)).unwrap()
    }

    #[test]
    fn networks_are_told_apart() {
        let table = [
            ("192.0.2.1", "192.0.2.254", true),
            ("192.0.2.1", "192.0.3.1", false),
            ("192.0.2.1", "::ffff:192.0.2.9", true),
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ];
        for (one, other, same) in table {
            assert_eq!(triplet(one, "a@b") == triplet(other, "A@B"), same, "{one} {other}");
        }
        assert_ne!(triplet("192.0.2.1", "a@b"), triplet("192.0.2.1", "c@b"));
    }

    #[test]
    fn who_comes_again_in_time_is_known() {
        with_clock(|store, clock| {
            let sender = triplet("192.0.2.1", "a@x.test");
            let known = |store: &TestStore| {
                let (sender, now) = (sender.clone(), clock.now());
                store.read(move |tx| tx.is_known_network(&sender, TIMES, now)).unwrap()
            };
            assert_eq!(ask(store, &sender), Greylisted::Wait(300));
            clock.advance_secs(100);
            assert_eq!(ask(store, &sender), Greylisted::Wait(200));
            // Another sender of the network begins for itself.
            let other = triplet("192.0.2.2", "b@x.test");
            assert_eq!(ask(store, &other), Greylisted::Wait(300));
            clock.advance_secs(200);
            assert!(!known(store));
            assert_eq!(ask(store, &sender), Greylisted::Pass);
            assert!(known(store));
            assert_eq!(ask(store, &other), Greylisted::Pass);
            assert_eq!(ask(store, &triplet("192.0.3.1", "a@x.test")), Greylisted::Wait(300));
            // Past the half of its time the network is noted anew, and so stays known.
            clock.advance_secs(60_000);
            assert!(!known(store));
            assert_eq!(ask(store, &other), Greylisted::Pass);
            clock.advance_secs(60_000);
            assert_eq!(ask(store, &other), Greylisted::Pass);
            clock.advance_secs(100_001);
            assert_eq!(ask(store, &other), Greylisted::Wait(300));
            // Too late: it begins anew.
            clock.advance_secs(3601);
            assert_eq!(ask(store, &other), Greylisted::Wait(300));
        });
    }

    #[test]
    fn rows_are_bounded_and_expire() {
        with_clock(|store, clock| {
            store
                .write(|tx| {
                    for number in 0..WAITING_MAX + 10 {
                        let triplet = triplet("192.0.2.1", &format!("{number}@x.test"));
                        tx.greylist(&triplet, TIMES)?;
                    }
                    Ok(())
                })
                .unwrap();
            let count = |store: &TestStore| {
                store
                    .read(|tx| {
                        tx.sql.query_one("SELECT COUNT(*) FROM greylist", &[], |row| row.int(0))
                    })
                    .unwrap()
            };
            assert_eq!(count(store), Some(WAITING_MAX));
            clock.advance_secs(3601);
            store.inner().maintain().unwrap();
            assert_eq!(count(store), Some(0));
        });
    }
}
