//! Leases: what only one of several daemons may do at a time.
//!
//! **Invariant:** a name is held by one holder, until its lease has run out or was ended.

use crate::sql::Value;
use crate::{Result, WriteTx};

impl WriteTx<'_> {
    /// Takes or prolongs a lease for so many seconds from now; whether it is the holder's. Who
    /// works on must prolong it in time, or stop.
    pub fn take_lease(&mut self, name: &str, holder: &[u8], secs: i64) -> Result<bool> {
        let (now, until) = (self.now.as_micros(), self.now.plus_secs(secs).as_micros());
        let taken = self.sql.execute(
            "INSERT INTO lease (name, holder, expires) VALUES (?1, ?2, ?3) \
             ON CONFLICT (name) DO UPDATE SET holder = ?2, expires = ?3 \
             WHERE lease.holder = ?2 OR lease.expires <= ?4",
            &[Value::Text(name), Value::Bytes(holder), Value::Int(until), Value::Int(now)],
        )?;
        Ok(taken > 0)
    }

    /// Ends a lease, if it is the holder's: another may take it at once.
    pub fn end_lease(&mut self, name: &str, holder: &[u8]) -> Result<()> {
        self.sql.execute(
            "DELETE FROM lease WHERE name = ?1 AND holder = ?2",
            &[Value::Text(name), Value::Bytes(holder)],
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use testkit::ManualClock;

    use crate::testing::on_both_engines_with;

    #[test]
    fn one_holds_it_until_it_runs_out() {
        let clock = Arc::new(ManualClock::default());
        on_both_engines_with(
            |settings| settings.clock = clock.clone(),
            |store| {
                let take = |holder: &'static [u8]| {
                    store.write(move |tx| tx.take_lease("orders", holder, 60)).unwrap()
                };
                assert!(take(b"one"));
                assert!(!take(b"two"));
                assert!(take(b"one"));
                clock.advance_secs(59);
                assert!(!take(b"two"));
                clock.advance_secs(1);
                assert!(take(b"two"));
                assert!(!take(b"one"));
                store.write(|tx| tx.end_lease("orders", b"one")).unwrap();
                assert!(!take(b"one"));
                store.write(|tx| tx.end_lease("orders", b"two")).unwrap();
                assert!(take(b"one"));
                assert!(store.write(|tx| tx.take_lease("other", b"two", 60)).unwrap());
            },
        );
    }
}
