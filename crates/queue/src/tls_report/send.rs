//! Who is told of a day that is over, and how: RFC 8460 §3 and §5.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use mailauth::reports::{ReportAddress, TlsFailures, TlsPolicyResult, TlsReport, report_addresses};
use net::{DnsError, HttpsContent, HttpsRequest, https};
use storage::{Address, StorageError, TlsResult};
use tokio::time::Instant;

use super::mail;
use super::tally::split_addresses;
use crate::queue::Inner;
use crate::report_days::{AGAIN_SECS, Again, DAY_SECS, day_of, offset};
use crate::report_mail::Mailed;
use crate::settings::Reporter;

/// The name of the lease that lets one daemon at a time send TLS reports.
const LEASE: &str = "tls reports";
/// Longer than one look at all.
const LEASE_SECS: i64 = 1_800;
/// LIMIT: domains that are told at one look, and how long that may take: servers that do not
/// answer keep it from ending within its lease.
const DOMAINS_MAX: usize = 500;
const LOOK_TIME: Duration = Duration::from_secs(900);
/// LIMIT: reports by mail to one domain at one look: who has many domains' reports sent to somebody
/// else floods nobody.
const MAILS_MAX: u32 = 20;
/// LIMIT: one POST, and what is read of its answer.
const POST_TIMEOUT: Duration = Duration::from_secs(60);
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What is to become of what was counted of a domain.
enum Course {
    /// It is told by mail, or there is nobody to tell.
    Over(Vec<Mailed>),
    /// The report is tried again later.
    Again,
}

/// What became of a report at its addresses.
#[derive(Default)]
struct Told {
    /// Reports to be sent by mail.
    mailed: Vec<Mailed>,
    /// Whether a POST was accepted.
    posted: bool,
    /// Whether an address did not get the report.
    failed: bool,
}

impl Told {
    /// RFC 8460 §5.5: another attempt is not required. Who has the report by one way is not sent it
    /// again for another that fails.
    fn course(self) -> Course {
        let has_none = self.mailed.is_empty() && !self.posted;
        if has_none && self.failed { Course::Again } else { Course::Over(self.mailed) }
    }
}

impl Inner {
    /// Tells every domain of the days that are over, if no other daemon does.
    pub(super) async fn tell_of_tls(
        &self,
        reporter: &Reporter,
        again: &mut Again,
    ) -> Result<(), StorageError> {
        let now = self.store.now();
        again.retain(|_, at| *at > now);
        let (today, within) = (day_of(now), now.as_secs().rem_euclid(DAY_SECS));
        let holder = self.lease_holder();
        let taken = self.store.write("tls report lease", move |tx| {
            tx.forget_tls_results(today)?;
            tx.take_lease(LEASE, &holder, LEASE_SECS)
        });
        if !taken.await?.value {
            return Ok(());
        }
        // Those that could not be told stand in nobody's way.
        let max = DOMAINS_MAX + again.len();
        let due = move |tx: &mut storage::ReadTx<'_>| tx.tls_result_domains(today, max);
        let begun = Instant::now();
        let mut mails = HashMap::new();
        for (day, domain) in self.store.read(due).await? {
            if self.shutdown.is_requested() || begun.elapsed() > LOOK_TIME {
                break;
            }
            let early = day == today - 1 && within < offset(&domain);
            if early || again.contains_key(&(day, domain.clone())) {
                continue;
            }
            if !self.report_day(reporter, day, &domain, &mut mails).await? {
                again.insert((day, domain), now.plus_secs(AGAIN_SECS));
            }
        }
        let ended = move |tx: &mut storage::WriteTx<'_>| tx.end_lease(LEASE, &holder);
        self.store.write("tls report lease", ended).await?;
        Ok(())
    }

    /// Whether a domain was told of a day, or nobody wants to hear of it.
    async fn report_day(
        &self,
        reporter: &Reporter,
        day: i64,
        domain: &str,
        mails: &mut HashMap<String, u32>,
    ) -> Result<bool, StorageError> {
        let wanted = domain.to_owned();
        let results = self.store.read(move |tx| tx.tls_results(day, &wanted)).await?;
        let report = report(reporter, day, domain, results);
        let mailed = match self.tell(reporter, &report, mails).await? {
            Course::Over(mailed) => mailed,
            Course::Again => return Ok(false),
        };
        let messages = mailed.iter().map(|one| one.message.clone()).collect();
        let ended = domain.to_owned();
        self.store
            .write_messages("tls report", messages, move |tx| {
                for one in &mailed {
                    tx.spool(one.entry.clone(), &one.message)?;
                }
                tx.end_tls_results(day, &ended)
            })
            .await?;
        Ok(true)
    }

    /// RFC 8460 §3: to each address of the domain's record.
    async fn tell(
        &self,
        reporter: &Reporter,
        report: &TlsReport,
        mails: &mut HashMap<String, u32>,
    ) -> Result<Course, StorageError> {
        let domain = report.domain.as_str();
        let addresses = match self.dns.texts(&format!("_smtp._tls.{domain}")).await {
            Ok(texts) => report_addresses(&texts),
            Err(DnsError::NoSuchName) => Vec::new(),
            Err(error) => {
                tracing::debug!(domain, %error, "who is told of TLS");
                return Ok(Course::Again);
            }
        };
        let mut told = Told::default();
        for address in &addresses {
            match address {
                ReportAddress::Mail(address) => {
                    let Ok(address) = Address::parse(address) else { continue };
                    let sent = mails.entry(address.domain().to_owned()).or_insert(0);
                    *sent += 1;
                    if *sent > MAILS_MAX {
                        continue;
                    }
                    let made = mail::prepare(self, reporter, report, &address).await?;
                    told.failed |= made.is_none();
                    told.mailed.extend(made);
                }
                ReportAddress::Https(url) => match self.post(url, report).await {
                    Ok(()) => {
                        tracing::info!(domain, url, "report of TLS");
                        told.posted = true;
                    }
                    Err(error) => {
                        tracing::info!(domain, url, error, "a report of TLS was not taken");
                        told.failed = true;
                    }
                },
            }
        }
        Ok(told.course())
    }

    /// RFC 8460 §5.4.
    async fn post(&self, url: &str, report: &TlsReport) -> Result<(), String> {
        let rest = url.get("https://".len()..).unwrap_or_default();
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        // A user or a port of its own has no place in what anybody can publish.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
        if authority.is_empty() || !authority.bytes().all(plain) {
            return Err("it is no URL that is used here".to_owned());
        }
        let found = self.dns.addresses(authority).await.map_err(|error| error.to_string())?;
        let port = self.settings().https_port;
        let request = HttpsRequest {
            addresses: found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect(),
            host: authority.to_ascii_lowercase(),
            path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
            content: Some(HttpsContent {
                content_type: "application/tlsrpt+gzip",
                encoding: None,
                bytes: report.packed(),
            }),
            body_bytes_max: ANSWER_BYTES_MAX,
            timeout: POST_TIMEOUT,
        };
        let reply = https(&self.tls(), &request).await.map_err(|error| error.to_string())?;
        match reply.status {
            200..300 => Ok(()),
            status => Err(format!("status {status}")),
        }
    }
}

/// What was counted, as it is told.
fn report(
    reporter: &Reporter,
    day: i64,
    domain: &str,
    results: Vec<(TlsResult, u64)>,
) -> TlsReport {
    let mut policies: BTreeMap<(String, String), TlsPolicyResult> = BTreeMap::new();
    for (row, sessions) in results {
        let key = (row.policy_type.clone(), row.policy.clone());
        let lines = || row.policy.lines().map(str::to_owned).collect();
        let policy = policies.entry(key).or_insert_with(|| TlsPolicyResult {
            kind: row.policy_type.clone(),
            lines: lines(),
            ..TlsPolicyResult::default()
        });
        if row.result.is_empty() {
            policy.succeeded = policy.succeeded.saturating_add(sessions);
            continue;
        }
        let (server, ours) = split_addresses(&row.address);
        let (address, source) = (server.to_owned(), ours.to_owned());
        let (result, host) = (row.result, row.host);
        policy.failures.push(TlsFailures { result, host, address, source, sessions });
    }
    let begins = day * DAY_SECS;
    TlsReport {
        organization: reporter.organization.clone(),
        contact: reporter.address.clone(),
        // RFC 8460 §5.1: alike for all who are told of it.
        id: format!("{begins}.{domain}"),
        begins,
        ends: begins + DAY_SECS - 1,
        domain: domain.to_owned(),
        policies: policies.into_values().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_told_by_policy() {
        let reporter = Reporter {
            organization: "here.test".to_owned(),
            address: "reports@here.test".to_owned(),
        };
        let row = |policy: &str, result: &str| TlsResult {
            day: 2,
            domain: "there.test".to_owned(),
            policy_type: if policy.is_empty() { "no-policy-found" } else { "sts" }.to_owned(),
            policy: policy.to_owned(),
            result: result.to_owned(),
            host: String::new(),
            address: if result.is_empty() { "" } else { "192.0.2.1 198.51.100.7" }.to_owned(),
        };
        let results =
            vec![(row("", ""), 2), (row("a\nb", ""), 3), (row("a\nb", "certificate-expired"), 1)];
        let report = report(&reporter, 2, "there.test", results);
        assert_eq!((report.begins, report.ends), (172_800, 259_199));
        assert_eq!(report.policies.len(), 2);
        assert_eq!(report.policies[0].succeeded, 2);
        let second = &report.policies[1];
        assert_eq!((second.lines.len(), second.succeeded), (2, 3));
        let failure = &second.failures[0];
        assert_eq!((failure.address.as_str(), failure.sessions), ("192.0.2.1", 1));
        assert_eq!(failure.source, "198.51.100.7");
    }

    #[test]
    fn who_has_a_report_is_not_sent_it_again() {
        for (posted, failed, again) in
            [(true, true, false), (true, false, false), (false, true, true), (false, false, false)]
        {
            let course = Told { posted, failed, ..Told::default() }.course();
            assert_eq!(matches!(course, Course::Again), again, "{posted} {failed}");
        }
    }
}
