//! How TLS went with the servers of other domains, day by day, for reports to them (RFC 8460).
//!
//! **Invariant:** of a domain and a day at most [`ROWS_MAX`] kinds of results are told apart; of
//! more only what failed is.

use crate::sql::Value;
use crate::{ReadTx, Result, WriteTx};

/// LIMIT: rows of one domain and day, but for those that name no server.
const ROWS_MAX: i64 = 200;
/// LIMIT: bytes of a policy; what is longer is cut. The row's key must fit into an index.
const POLICY_BYTES_MAX: usize = 1_000;
/// LIMIT: days that are kept for a domain whose reports cannot be sent.
const DAYS_MAX: i64 = 3;

/// Sessions that went alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TlsResult {
    /// Days since 1970, UTC.
    pub day: i64,
    /// With the servers of which domain.
    pub domain: String,
    /// `sts`, `tlsa` or `no-policy-found` (RFC 8460 §4.4).
    pub policy_type: String,
    /// The lines of its policy.
    pub policy: String,
    /// What failed (RFC 8460 §4.3); empty: nothing did.
    pub result: String,
    /// The server; empty: many.
    pub host: String,
    /// The IP address of the server; empty: there were many.
    pub address: String,
}

impl ReadTx<'_> {
    /// Days and domains for which something is known of before a day, by domain.
    pub fn tls_result_domains(
        &mut self,
        before_day: i64,
        max: usize,
    ) -> Result<Vec<(i64, String)>> {
        self.sql.query_all(
            "SELECT DISTINCT day, domain FROM tls_result WHERE day < ?1 \
             ORDER BY day, domain LIMIT ?2",
            &[Value::Int(before_day), Value::Int(i64::try_from(max).unwrap_or(i64::MAX))],
            |row| Ok((row.int(0)?, row.text(1)?.to_owned())),
        )
    }

    /// What is known of a domain on a day, and of how many sessions each.
    pub fn tls_results(&mut self, day: i64, domain: &str) -> Result<Vec<(TlsResult, u64)>> {
        self.sql.query_all(
            "SELECT policy_type, policy, result, host, address, sessions FROM tls_result \
             WHERE day = ?1 AND domain = ?2 ORDER BY policy_type, policy, result, host, address",
            &[Value::Int(day), Value::Text(domain)],
            |row| {
                let result = TlsResult {
                    day,
                    domain: domain.to_owned(),
                    policy_type: row.text(0)?.to_owned(),
                    policy: row.text(1)?.to_owned(),
                    result: row.text(2)?.to_owned(),
                    host: row.text(3)?.to_owned(),
                    address: row.text(4)?.to_owned(),
                };
                Ok((result, row.int(5)?.cast_unsigned()))
            },
        )
    }
}

impl WriteTx<'_> {
    /// Adds sessions to those that went alike.
    pub fn add_tls_results(&mut self, results: &[(TlsResult, u64)]) -> Result<()> {
        for (result, sessions) in results {
            let sessions = i64::try_from(*sessions).unwrap_or(i64::MAX);
            if self.add_tls_result(result, sessions)? {
                continue;
            }
            let rows = self.sql.query_one(
                "SELECT COUNT(*) FROM tls_result WHERE day = ?1 AND domain = ?2",
                &[Value::Int(result.day), Value::Text(&result.domain)],
                |row| row.int(0),
            )?;
            let mut result = result.clone();
            if rows.unwrap_or(0) >= ROWS_MAX {
                (result.policy, result.host, result.address) = Default::default();
            }
            if !self.add_tls_result(&result, sessions)? {
                self.begin_tls_result(&result, sessions)?;
            }
        }
        Ok(())
    }

    /// Whether there were such already.
    fn add_tls_result(&mut self, result: &TlsResult, sessions: i64) -> Result<bool> {
        let mut values = values(result).to_vec();
        values.push(Value::Int(sessions));
        let added = self.sql.execute(
            "UPDATE tls_result SET sessions = sessions + ?8 WHERE day = ?1 AND domain = ?2 \
             AND policy_type = ?3 AND policy = ?4 AND result = ?5 AND host = ?6 AND address = ?7",
            &values,
        )?;
        Ok(added > 0)
    }

    fn begin_tls_result(&mut self, result: &TlsResult, sessions: i64) -> Result<()> {
        let mut values = values(result).to_vec();
        values.push(Value::Int(sessions));
        // Another daemon may have begun meanwhile.
        self.sql.execute(
            "INSERT INTO tls_result \
             (day, domain, policy_type, policy, result, host, address, sessions) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
             ON CONFLICT (day, domain, policy_type, policy, result, host, address) \
             DO UPDATE SET sessions = tls_result.sessions + ?8",
            &values,
        )?;
        Ok(())
    }

    /// Forgets what is known of a domain on a day: it was told, or nobody wants to hear it.
    pub fn end_tls_results(&mut self, day: i64, domain: &str) -> Result<()> {
        self.sql.execute(
            "DELETE FROM tls_result WHERE day = ?1 AND domain = ?2",
            &[Value::Int(day), Value::Text(domain)],
        )?;
        Ok(())
    }

    /// Forgets what is too old to be told.
    pub fn forget_tls_results(&mut self, today: i64) -> Result<u64> {
        let oldest = [Value::Int(today - DAYS_MAX)];
        self.sql.execute("DELETE FROM tls_result WHERE day < ?1", &oldest)
    }
}

fn values(result: &TlsResult) -> [Value<'_>; 7] {
    let mut end = result.policy.len().min(POLICY_BYTES_MAX);
    while !result.policy.is_char_boundary(end) {
        end -= 1;
    }
    [
        Value::Int(result.day),
        Value::Text(&result.domain),
        Value::Text(&result.policy_type),
        Value::Text(result.policy.get(..end).unwrap_or_default()),
        Value::Text(&result.result),
        Value::Text(&result.host),
        Value::Text(&result.address),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_both_engines;

    fn result(day: i64, result: &str, host: &str) -> TlsResult {
        TlsResult {
            day,
            domain: "there.test".to_owned(),
            policy_type: "sts".to_owned(),
            policy: "version: STSv1\nmode: testing".to_owned(),
            result: result.to_owned(),
            host: host.to_owned(),
            address: String::new(),
        }
    }

    #[test]
    fn sessions_are_summed_up_and_ended_by_day() {
        on_both_engines(|store| {
            let add = |results: Vec<(TlsResult, u64)>| {
                store.write(move |tx| tx.add_tls_results(&results)).unwrap();
            };
            add(vec![(result(1, "", ""), 3), (result(1, "certificate-expired", "mx"), 1)]);
            add(vec![(result(1, "", ""), 4), (result(2, "", ""), 1)]);
            let of = |day| store.read(move |tx| tx.tls_results(day, "there.test")).unwrap();
            let first = vec![(result(1, "", ""), 7), (result(1, "certificate-expired", "mx"), 1)];
            assert_eq!(of(1), first);
            let days = |before| store.read(move |tx| tx.tls_result_domains(before, 9)).unwrap();
            assert_eq!(days(2), [(1, "there.test".to_owned())]);
            assert_eq!(days(3).len(), 2);
            store.write(|tx| tx.end_tls_results(1, "there.test")).unwrap();
            assert_eq!(days(9), [(2, "there.test".to_owned())]);
            assert_eq!(store.write(|tx| tx.forget_tls_results(5)).unwrap(), 0);
            assert_eq!(store.write(|tx| tx.forget_tls_results(6)).unwrap(), 1);
        });
    }

    #[test]
    fn kinds_are_bounded() {
        on_both_engines(|store| {
            let many: Vec<_> = (0..ROWS_MAX + 50)
                .map(|n| (result(1, "validation-failure", &format!("mx{n}")), 1))
                .collect();
            let long = TlsResult { policy: "é".repeat(POLICY_BYTES_MAX), ..result(2, "", "") };
            store.write(move |tx| tx.add_tls_results(&many)).unwrap();
            store.write(move |tx| tx.add_tls_results(&[(long, 1)])).unwrap();
            let found = store.read(|tx| tx.tls_results(1, "there.test")).unwrap();
            assert_eq!(found.len() as i64, ROWS_MAX + 1);
            assert_eq!(found.iter().map(|(_, sessions)| *sessions).sum::<u64>(), 250);
            assert!(found.iter().any(|(row, sessions)| row.host.is_empty() && *sessions == 50));
            let cut = store.read(|tx| tx.tls_results(2, "there.test")).unwrap();
            assert_eq!(cut[0].0.policy.len(), POLICY_BYTES_MAX);
        });
    }
}
