//! Policies of other domains on TLS with their servers (MTA-STS, RFC 8461 §3.3), kept so that who
//! suppresses them for a while gains nothing.

use ids::Timestamp;

use crate::sql::Value;
use crate::{ReadTx, Result, WriteTx};

/// RFC 8461 §3.2: none is good for longer than a year, so none is kept for longer.
const KEPT_SECS: i64 = 366 * 86_400;

/// A policy as it was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StsPolicyRow {
    /// The id that the DNS gave it.
    pub id: String,
    /// The text of the policy.
    pub policy: String,
    /// When it was fetched.
    pub fetched: Timestamp,
}

impl ReadTx<'_> {
    /// The policy of a domain that was fetched last.
    pub fn find_sts_policy(&mut self, domain: &str) -> Result<Option<StsPolicyRow>> {
        self.sql.query_one(
            "SELECT id, policy, fetched FROM sts_policy WHERE domain = ?1",
            &[Value::Text(domain)],
            |row| {
                Ok(StsPolicyRow {
                    id: row.text(0)?.to_owned(),
                    policy: row.text(1)?.to_owned(),
                    fetched: Timestamp::from_micros(row.int(2)?),
                })
            },
        )
    }
}

impl WriteTx<'_> {
    /// Keeps the policy of a domain in place of the one before; what is too old goes.
    pub fn put_sts_policy(&mut self, domain: &str, row: &StsPolicyRow) -> Result<()> {
        let oldest = self.now.plus_secs(-KEPT_SECS).as_micros();
        self.sql.execute("DELETE FROM sts_policy WHERE fetched < ?1", &[Value::Int(oldest)])?;
        self.sql.execute(
            "INSERT INTO sts_policy (domain, id, policy, fetched) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (domain) DO UPDATE SET id = ?2, policy = ?3, fetched = ?4",
            &[
                Value::Text(domain),
                Value::Text(&row.id),
                Value::Text(&row.policy),
                Value::Int(row.fetched.as_micros()),
            ],
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ids::Clock as _;
    use testkit::ManualClock;

    use super::*;
    use crate::testing::on_both_engines_with;

    #[test]
    fn policies_are_kept_for_a_year() {
        let clock = Arc::new(ManualClock::default());
        on_both_engines_with(
            |settings| settings.clock = clock.clone(),
            |store| {
                let put = |domain: &'static str, id: &str| {
                    let (id, fetched) = (id.to_owned(), clock.now());
                    let row = StsPolicyRow { id, policy: "version: STSv1\n".to_owned(), fetched };
                    store.write(move |tx| tx.put_sts_policy(domain, &row)).unwrap();
                };
                let id = |domain: &'static str| {
                    let row = store.read(move |tx| tx.find_sts_policy(domain)).unwrap();
                    row.map(|row| row.id)
                };
                put("a.test", "1");
                put("a.test", "2");
                assert_eq!((id("a.test").as_deref(), id("b.test")), (Some("2"), None));
                clock.advance_secs(KEPT_SECS + 1);
                put("b.test", "1");
                assert_eq!((id("a.test"), id("b.test").as_deref()), (None, Some("1")));
            },
        );
    }
}
