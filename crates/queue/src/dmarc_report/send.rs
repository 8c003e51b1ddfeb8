//! Who is told of a day that is over: RFC 7489 §7.1 and §7.2.1.

use std::collections::HashMap;
use std::time::Duration;

use mailauth::dmarc::report_destinations;
use mailauth::reports::DmarcReport;
use smtp::TimedLookups;
use storage::{Address, DmarcCount, DmarcResult, StorageError};
use tokio::time::Instant;

use super::mail;
use crate::queue::Inner;
use crate::report_days::{AGAIN_SECS, Again, DAY_SECS, day_of, offset};
use crate::report_mail::{Mailed, Sender, TlsNeed};
use crate::settings::DmarcReporter;

/// The name of the lease that lets one daemon at a time send DMARC reports.
const LEASE: &str = "dmarc reports";
/// Longer than a domain takes; the lease is prolonged before each.
const LEASE_SECS: i64 = 900;
/// LIMIT: domains that are told at one look.
const DOMAINS_MAX: usize = 500;
/// LIMIT: reports to addresses of one domain at one look: who has many domains' reports sent to
/// somebody else floods nobody. The others go at the next.
const MAILS_MAX: u32 = 20;
/// LIMIT: how long the DNS may take for one domain.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(30);
/// LIMIT: bytes of a report as mail, whatever its receiver takes.
const MAIL_BYTES_MAX: u64 = 10 * 1024 * 1024;

/// What is to become of what was counted of a domain.
enum Course {
    /// The reports were sent, or nobody wants them.
    Over(Vec<Mailed>),
    /// They are tried again after a while.
    Later,
    /// They are tried again at the next look.
    Next,
}

impl Inner {
    /// Tells every domain of the days that are over, if no other daemon does.
    pub(super) async fn tell_dmarc(
        &self,
        reporter: &DmarcReporter,
        again: &mut Again,
    ) -> Result<(), StorageError> {
        let now = self.store.now();
        again.retain(|_, at| *at > now);
        let (today, within) = (day_of(now), now.as_secs().rem_euclid(DAY_SECS));
        if !self.take_dmarc_lease(Some(today)).await? {
            return Ok(());
        }
        let mut sent = HashMap::new();
        let mut told = 0;
        let mut last = (0, String::new());
        while told < DOMAINS_MAX && !self.shutdown.is_requested() {
            let from = last.clone();
            let due = self
                .store
                .read(move |tx| tx.dmarc_result_domains(today, (from.0, &from.1), DOMAINS_MAX));
            let due = due.await?;
            let Some(end) = due.last().cloned() else { break };
            for (day, domain) in due {
                let early = day == today - 1 && within < offset(&domain);
                if early || again.contains_key(&(day, domain.clone())) {
                    continue;
                }
                // Another daemon goes on where this one was too slow.
                if self.shutdown.is_requested() || !self.take_dmarc_lease(None).await? {
                    return Ok(());
                }
                told += 1;
                if !self.tell_dmarc_day(reporter, day, &domain, &mut sent).await? {
                    again.insert((day, domain), self.store.now().plus_secs(AGAIN_SECS));
                }
            }
            last = end;
        }
        let holder = self.lease_holder();
        let ended = move |tx: &mut storage::WriteTx<'_>| tx.end_lease(LEASE, &holder);
        self.store.write("dmarc report lease", ended).await?;
        Ok(())
    }

    async fn take_dmarc_lease(&self, today: Option<i64>) -> Result<bool, StorageError> {
        let holder = self.lease_holder();
        let taken = self.store.write("dmarc report lease", move |tx| {
            if let Some(today) = today {
                tx.forget_dmarc_results(today)?;
            }
            tx.take_lease(LEASE, &holder, LEASE_SECS)
        });
        Ok(taken.await?.value)
    }

    /// Whether a domain need not be left alone for a while.
    async fn tell_dmarc_day(
        &self,
        reporter: &DmarcReporter,
        day: i64,
        domain: &str,
        sent: &mut HashMap<String, u32>,
    ) -> Result<bool, StorageError> {
        let wanted = domain.to_owned();
        let results = self.store.read(move |tx| tx.dmarc_results(day, &wanted)).await?;
        let mailed = match self.prepare_dmarc(reporter, day, domain, results, sent).await? {
            Course::Over(mailed) => mailed,
            Course::Later => return Ok(false),
            Course::Next => return Ok(true),
        };
        let messages = mailed.iter().map(|one| one.message.clone()).collect();
        let ended = domain.to_owned();
        let written = self.store.write_messages("dmarc report", messages, move |tx| {
            // Whoever was first has told it.
            if tx.end_dmarc_results(day, &ended)? {
                for one in &mailed {
                    tx.spool(one.entry.clone(), &one.message)?;
                }
            }
            Ok(())
        });
        written.await?;
        Ok(true)
    }

    async fn prepare_dmarc(
        &self,
        reporter: &DmarcReporter,
        day: i64,
        domain: &str,
        results: Vec<(DmarcResult, DmarcCount)>,
        sent: &mut HashMap<String, u32>,
    ) -> Result<Course, StorageError> {
        if is_excepted(domain, &reporter.except) || looks_abusive(&results) {
            tracing::info!(domain, "no report on mail in its name: excepted, or it sends spam");
            return Ok(Course::Over(Vec::new()));
        }
        let report = report(reporter, day, domain, results);
        if report.rows.is_empty() {
            return Ok(Course::Over(Vec::new()));
        }
        let lookups = TimedLookups::new(&*self.dns, Instant::now() + LOOKUP_TIMEOUT);
        let destinations = match report_destinations(&lookups, domain).await {
            Ok(destinations) => destinations,
            Err(error) => {
                tracing::debug!(domain, %error, "who is told of mail in its name");
                return Ok(Course::Later);
            }
        };
        let is_full = |whose: &String| sent.get(whose).is_some_and(|sent| *sent >= MAILS_MAX);
        if destinations.iter().any(|one| is_full(&one.domain)) {
            return Ok(Course::Next);
        }
        let sender = Sender::new(self, &reporter.reporter);
        let mut mailed = Vec::new();
        for destination in destinations {
            let Ok(address) = Address::parse(&destination.address) else { continue };
            let text = mail::render(&report, &sender, &address.to_string());
            let (bytes, is_signed) = self.signed(text).await;
            if !is_signed {
                // RFC 7489 §7.2.1.1: reports have to pass DMARC themselves.
                let address = &reporter.reporter.address;
                tracing::warn!(address, "reports are not sent: no key signs for this address");
                return Ok(Course::Later);
            }
            // RFC 7489 §7.2.1: what is too large for an address is not sent there.
            if bytes.len() as u64 > destination.bytes_max.unwrap_or(MAIL_BYTES_MAX) {
                tracing::info!(domain, to = destination.address, "a report is too large");
                continue;
            }
            *sent.entry(destination.domain).or_insert(0) += 1;
            mailed.push(Mailed::new(self, bytes, &address, TlsNeed::Usual).await?);
        }
        Ok(Course::Over(mailed))
    }
}

/// Whether a domain, or one above it, is told of nothing.
fn is_excepted(domain: &str, except: &[String]) -> bool {
    except.iter().any(|above| {
        domain
            .strip_suffix(above.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

/// Who sends spam in its own name would learn from a report what got through: of the mail that was
/// the domain's for certain, at least half was unwanted. What others forge is not held against it.
fn looks_abusive(results: &[(DmarcResult, DmarcCount)]) -> bool {
    let mut sum = DmarcCount::default();
    results.iter().for_each(|(_, count)| sum.add(*count));
    sum.spam > 0 && sum.spam.saturating_mul(2) >= sum.genuine
}

/// What was counted, as it is told.
fn report(
    reporter: &DmarcReporter,
    day: i64,
    domain: &str,
    results: Vec<(DmarcResult, DmarcCount)>,
) -> DmarcReport {
    let mut rows = Vec::new();
    let mut unlisted = 0_u64;
    for (result, count) in results {
        match serde_json::from_str(&result.details) {
            Ok(row) => rows.push((row, count.messages)),
            Err(_) => unlisted = unlisted.saturating_add(count.messages),
        }
    }
    let begins = day * DAY_SECS;
    DmarcReport {
        organization: reporter.reporter.organization.clone(),
        contact: reporter.reporter.address.clone(),
        id: report_id(begins, domain),
        begins,
        ends: begins + DAY_SECS - 1,
        domain: domain.to_owned(),
        rows,
        unlisted,
    }
}

/// RFC 7489 §7.2.1.1: letters and digits. What stands between labels is told by capitals, which a
/// domain in normal form has none of: two domains of one day have two ids, and with them two
/// Message-IDs, where somebody gets the reports of both.
fn report_id(begins: i64, domain: &str) -> String {
    let letter = |char: char| match char {
        '.' => 'D',
        '-' => 'H',
        other if other.is_ascii_alphanumeric() => other,
        _ => 'X',
    };
    format!("{begins}{}", domain.chars().map(letter).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_domain_has_an_id_of_its_own() {
        let ids = ["a.bc.test", "ab.c.test", "a-bc.test"].map(|domain| report_id(172_800, domain));
        assert_eq!(ids, ["172800aDbcDtest", "172800abDcDtest", "172800aHbcDtest"]);
    }

    #[test]
    fn who_sends_spam_looks_abusive_and_who_is_forged_does_not() {
        let result = DmarcResult { day: 1, domain: "a.test".to_owned(), details: String::new() };
        for (messages, genuine, spam, expected) in [
            (10, 0, 0, false),
            (10, 10, 0, false),
            (10, 10, 4, false),
            (10, 10, 5, true),
            (1, 1, 1, true),
            (100, 4, 2, true),
        ] {
            let count = DmarcCount { messages, genuine, spam };
            assert_eq!(looks_abusive(&[(result.clone(), count)]), expected, "{count:?}");
        }
    }

    #[test]
    fn exceptions_are_domains_and_what_is_below() {
        let except = ["a.test".to_owned()];
        for (domain, expected) in
            [("a.test", true), ("x.a.test", true), ("xa.test", false), ("test", false)]
        {
            assert_eq!(is_excepted(domain, &except), expected, "{domain}");
        }
    }
}
