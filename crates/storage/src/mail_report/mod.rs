//! Reports of others about mail in the name of our domains. They are told again as they came:
//! nothing here depends on them.
//!
//! **Invariant:** of a domain at most [`REPORTS_MAX`] are kept, the newest; a report that comes
//! twice is there once. Which one it is, is said by what RFC 7489 §7.2.1.1 names its file by: who
//! reports, on which domain and time, and its name. What reporters call themselves is free text.

mod waiting;

pub use waiting::{WAITING_REPORT_BYTES_MAX, WaitingReport};

use ids::Timestamp;

use crate::address::parse_domain;
use crate::sql::{Row, Value};
use crate::{ReadTx, Result, WriteTx};

/// LIMIT: reports of one domain; thirty a day make a year.
const REPORTS_MAX: i64 = 10_000;

/// A report of another organisation about mail of a domain here (RFC 7489 §7.2, RFC 8460).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailReport {
    /// What the report is about: `dmarc` or `tls`.
    pub kind: String,
    /// About which domain.
    pub domain: String,
    /// The domain that reports; empty where that is not known. Of reports that were there before
    /// migration 55 it is the name.
    pub source: String,
    /// The name of the organisation that reports.
    pub reporter: String,
    /// The id that the reporter gave it.
    pub report_id: String,
    /// The time it tells of.
    pub begins: Timestamp,
    /// The end of the period that it covers.
    pub ends: Timestamp,
    /// Messages, or sessions of TLS, that passed.
    pub passed: u64,
    /// Messages or sessions that failed.
    pub failed: u64,
    /// The details, as JSON.
    pub details_json: String,
}

fn read(row: &dyn Row) -> Result<MailReport> {
    Ok(MailReport {
        kind: row.text(0)?.to_owned(),
        domain: row.text(1)?.to_owned(),
        source: row.text(2)?.to_owned(),
        reporter: row.text(3)?.to_owned(),
        report_id: row.text(4)?.to_owned(),
        begins: Timestamp::from_micros(row.int(5)?),
        ends: Timestamp::from_micros(row.int(6)?),
        passed: row.int(7)?.cast_unsigned(),
        failed: row.int(8)?.cast_unsigned(),
        details_json: row.text(9)?.to_owned(),
    })
}

impl ReadTx<'_> {
    /// Reports that tell of a time after `since`, the newest first, of one domain or of all.
    pub fn mail_reports(
        &mut self,
        domain: Option<&str>,
        since: Timestamp,
        max: usize,
    ) -> Result<Vec<MailReport>> {
        let domain = domain.map(|domain| parse_domain(domain).unwrap_or_default());
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        self.sql.query_all(
            "SELECT kind, domain, source, reporter, report_id, begins, ends, passed, failed, details \
             FROM mail_report WHERE ends > ?1 AND (?2 = '' OR domain = ?2) \
             ORDER BY ends DESC, id DESC LIMIT ?3",
            &[
                Value::Int(since.as_micros()),
                Value::Text(domain.as_deref().unwrap_or_default()),
                Value::Int(max),
            ],
            read,
        )
    }
}

impl WriteTx<'_> {
    /// Keeps a report if it is about a domain or domain alias of ours and not here yet; whether it
    /// was kept.
    pub fn put_mail_report(&mut self, report: &MailReport) -> Result<bool> {
        let Some(domain) = self.find_domain(&report.domain)? else { return Ok(false) };
        let count = |count: u64| Value::Int(i64::try_from(count).unwrap_or(i64::MAX));
        let kept = self.sql.execute(
            "INSERT INTO mail_report \
             (kind, domain, source, reporter, report_id, begins, ends, passed, failed, details) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
             ON CONFLICT (kind, domain, source, begins, ends, report_id) DO NOTHING",
            &[
                Value::Text(&report.kind),
                Value::Text(&domain.name),
                Value::Text(&report.source),
                Value::Text(&report.reporter),
                Value::Text(&report.report_id),
                Value::Int(report.begins.as_micros()),
                Value::Int(report.ends.as_micros()),
                count(report.passed),
                count(report.failed),
                Value::Text(&report.details_json),
            ],
        )?;
        self.sql.execute(
            "DELETE FROM mail_report WHERE domain = ?1 AND id <= \
             (SELECT id FROM mail_report WHERE domain = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            &[Value::Text(&domain.name), Value::Int(REPORTS_MAX)],
        )?;
        Ok(kept > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_both_engines;

    fn report(domain: &str, id: &str, ends: i64) -> MailReport {
        MailReport {
            kind: "dmarc".to_owned(),
            domain: domain.to_owned(),
            source: "reporter.test".to_owned(),
            reporter: "Reporter".to_owned(),
            report_id: id.to_owned(),
            begins: Timestamp::from_secs(ends - 10),
            ends: Timestamp::from_secs(ends),
            passed: 3,
            failed: u64::MAX,
            details_json: "[]".to_owned(),
        }
    }

    #[test]
    fn reports_are_kept_once_and_only_of_domains_here() {
        on_both_engines(|store| {
            store.account("julie");
            let put = |report: MailReport| store.write(move |tx| tx.put_mail_report(&report));
            assert!(put(report("Example.test", "1", 100)).unwrap());
            assert!(!put(report("example.test", "1", 100)).unwrap());
            assert!(!put(report("elsewhere.test", "1", 100)).unwrap());
            assert!(put(report("example.test", "2", 200)).unwrap());
            let list = |domain: Option<&'static str>, since| {
                let since = Timestamp::from_secs(since);
                let found = store.read(move |tx| tx.mail_reports(domain, since, 10)).unwrap();
                found.into_iter().map(|report| report.report_id).collect::<Vec<_>>()
            };
            assert_eq!(list(None, 0), ["2", "1"]);
            assert_eq!(list(Some("EXAMPLE.test"), 100), ["2"]);
            assert_eq!(list(Some("other.test"), 0), [""; 0]);
            let all = store.read(|tx| tx.mail_reports(None, Timestamp::from_secs(0), 1)).unwrap();
            let expected =
                MailReport { failed: i64::MAX.cast_unsigned(), ..report("example.test", "2", 200) };
            assert_eq!(all, [expected]);
        });
    }

    #[test]
    fn reporters_of_one_name_do_not_hide_each_other() {
        on_both_engines(|store| {
            store.account("julie");
            let put = |report: MailReport| store.write(move |tx| tx.put_mail_report(&report));
            let first = report("example.test", "1", 100);
            let other = MailReport { source: "another.test".to_owned(), ..first.clone() };
            let day = |begins| MailReport { begins: Timestamp::from_secs(begins), ..first.clone() };
            let renamed = MailReport { reporter: "Renamed".to_owned(), ..first.clone() };
            assert!(put(first.clone()).unwrap());
            assert!(put(other).unwrap());
            assert!(put(day(80)).unwrap());
            assert!(put(report("example.test", "1", 90)).unwrap());
            assert!(!put(renamed).unwrap());
            let all = store.read(|tx| tx.mail_reports(None, Timestamp::from_secs(0), 10)).unwrap();
            assert_eq!(all.len(), 4);
        });
    }
}
