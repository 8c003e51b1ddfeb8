//! Finding the MTA-STS policy of a domain: the record in the DNS, the file at its web server, and
//! what is kept of both (RFC 8461 §3.3, §5.1).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ids::Timestamp;
use net::{HttpsError, HttpsReply, HttpsRequest, https};
use storage::{StorageError, StsPolicyRow};

use super::sts::{StsPolicy, parse_record};
use crate::answer::Answer;
use crate::queue::Inner;
use crate::schedule::after;

/// LIMIT: RFC 8461 §3.3 suggests 64 KiB and a minute.
const POLICY_BYTES_MAX: usize = 64 * 1024;
const FETCH_TIMEOUT: Duration = Duration::from_secs(60);
/// RFC 8461 §3.3: not more than one attempt in five minutes for what could not be fetched.
const AGAIN_SECS: i64 = 300;
/// RFC 8461 §3.3 suggests that policies are fetched anew once a day.
const REFRESH: Duration = Duration::from_secs(86_400);
/// LIMIT: domains whose policy could not be fetched that are remembered.
const FAILED_MAX: usize = 10_000;

/// Policies that could not be fetched, and when they may be asked for again.
#[derive(Debug, Default)]
pub(crate) struct StsCache {
    failed: Mutex<HashMap<String, (String, Timestamp)>>,
}

impl StsCache {
    fn may_fetch(&self, domain: &str, id: &str, now: Timestamp) -> bool {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.get(domain).is_none_or(|(known, until)| known != id || *until <= now)
    }

    fn failed(&self, domain: &str, id: &str, now: Timestamp) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.retain(|_, (_, until)| *until > now);
        if failed.len() < FAILED_MAX {
            failed.insert(domain.to_owned(), (id.to_owned(), now.plus_secs(AGAIN_SECS)));
        }
    }
}

impl Inner {
    /// The policy of a domain, if it has one. Where it cannot be known whether one is kept, the
    /// mail waits: without the policy it might go to anybody.
    pub(crate) async fn sts_policy(
        self: &Arc<Self>,
        domain: &str,
    ) -> Result<Option<StsPolicy>, Answer> {
        if !self.settings().mta_sts {
            return Ok(None);
        }
        let mut kept = self.kept_policy(domain).await.map_err(|error| {
            tracing::warn!(%error, domain, "the MTA-STS policy that is kept");
            Answer::ours(4, 3, 0, "the MTA-STS policy that is kept cannot be read now")
        })?;
        let record = match self.dns.texts(&format!("_mta-sts.{domain}")).await {
            Ok(texts) => parse_record(&texts),
            Err(error) => {
                tracing::debug!(domain, %error, "the MTA-STS record");
                None
            }
        };
        // RFC 8461 §5.1: a policy that is kept counts though the record is gone; so whoever hides
        // the record gains nothing.
        let Some(id) = record else { return Ok(kept.map(|kept| kept.policy)) };
        if let Some(kept) = kept.take_if(|kept| kept.id == id) {
            if is_aged(kept.fetched, kept.policy.max_age, self.store.now()) {
                self.refresh_policy(domain, id);
            }
            return Ok(Some(kept.policy));
        }
        let fetched = self.fetch_policy(domain, &id).await;
        Ok(fetched.or(kept.map(|kept| kept.policy)))
    }

    /// RFC 8461 §3.3: fetched anew before it has expired, so that who keeps us from the web server
    /// on that day gains nothing. The mail does not wait for it.
    fn refresh_policy(self: &Arc<Self>, domain: &str, id: String) {
        let (now, inner, domain) = (self.store.now(), self.clone(), domain.to_owned());
        if !self.sts.may_fetch(&domain, &id, now) {
            return;
        }
        // Nobody else begins meanwhile.
        self.sts.failed(&domain, &id, now);
        self.shutdown.spawn(async move {
            tokio::select! {
                biased;
                () = inner.shutdown.requested() => {}
                fetched = inner.fetch_now(&domain, &id, now) => if fetched.is_none() {
                    tracing::warn!(domain, "the MTA-STS policy that is kept could not be renewed");
                }
            }
        });
    }

    /// The policy kept for a domain, unless it has expired.
    async fn kept_policy(&self, domain: &str) -> Result<Option<Kept>, StorageError> {
        let wanted = domain.to_owned();
        let row = self.store.read(move |tx| tx.find_sts_policy(&wanted)).await?;
        let read = row.and_then(|row| Some((StsPolicy::parse(&row.policy)?, row)));
        let is_fresh =
            |policy: &StsPolicy, fetched| after(fetched, policy.max_age) > self.store.now();
        Ok(read.filter(|(policy, row)| is_fresh(policy, row.fetched)).map(|(policy, row)| Kept {
            id: row.id,
            policy,
            fetched: row.fetched,
        }))
    }

    async fn fetch_policy(&self, domain: &str, id: &str) -> Option<StsPolicy> {
        let now = self.store.now();
        if !self.sts.may_fetch(domain, id, now) {
            return None;
        }
        self.fetch_now(domain, id, now).await
    }

    async fn fetch_now(&self, domain: &str, id: &str, now: Timestamp) -> Option<StsPolicy> {
        let (text, policy) = match self.fetch_text(domain).await {
            Ok(found) => found,
            Err(Unfetched { result, text }) => {
                tracing::info!(domain, error = text, "the MTA-STS policy cannot be fetched");
                self.tally.count_fetch(domain, result, now);
                self.sts.failed(domain, id, now);
                return None;
            }
        };
        let row = StsPolicyRow { id: id.to_owned(), policy: text, fetched: now };
        let key = domain.to_owned();
        let kept = self.store.write("sts policy", move |tx| tx.put_sts_policy(&key, &row)).await;
        if let Err(error) = kept {
            tracing::warn!(%error, domain, "the MTA-STS policy could not be kept");
        }
        Some(policy)
    }

    async fn fetch_text(&self, domain: &str) -> Result<(String, StsPolicy), Unfetched> {
        let host = format!("mta-sts.{domain}");
        let found = self.dns.addresses(&host).await.map_err(Unfetched::by_fault)?;
        let port = self.settings().https_port;
        let request = HttpsRequest {
            addresses: found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect(),
            host,
            path: "/.well-known/mta-sts.txt".to_owned(),
            content: None,
            body_bytes_max: POLICY_BYTES_MAX,
            timeout: FETCH_TIMEOUT,
        };
        let reply = https(&self.tls(), &request).await.map_err(Unfetched::from)?;
        read(reply)
    }
}

/// Why there is no policy, as reports tell it (RFC 8460 §4.3.2.2) and as the log does.
#[derive(Debug, PartialEq, Eq)]
struct Unfetched {
    result: &'static str,
    text: String,
}

impl Unfetched {
    fn by_fault(error: impl std::fmt::Display) -> Self {
        Self { result: "sts-policy-fetch-error", text: error.to_string() }
    }

    fn invalid(error: impl std::fmt::Display) -> Self {
        Self { result: "sts-policy-invalid", text: error.to_string() }
    }
}

impl From<HttpsError> for Unfetched {
    fn from(error: HttpsError) -> Self {
        match error {
            HttpsError::Tls(_) => Self { result: "sts-webpki-invalid", text: error.to_string() },
            // LIMIT: what is too large is no policy.
            HttpsError::TooLarge => Self::invalid(error),
            HttpsError::Connect(_) | HttpsError::Http(_) | HttpsError::TimedOut => {
                Self::by_fault(error)
            }
        }
    }
}

/// The MTA-STS policy kept for a domain.
struct Kept {
    id: String,
    policy: StsPolicy,
    fetched: Timestamp,
}

/// Whether a policy is fetched anew: after half of its life, and once a day (RFC 8461 §3.3).
fn is_aged(fetched: Timestamp, max_age: Duration, now: Timestamp) -> bool {
    after(fetched, (max_age / 2).min(REFRESH)) <= now
}

/// RFC 8461 §3.3: 200 and no redirect, of type text/plain.
fn read(reply: HttpsReply) -> Result<(String, StsPolicy), Unfetched> {
    let kind = reply.content_type.split(';').next().unwrap_or_default().trim();
    if reply.status != 200 || !kind.eq_ignore_ascii_case("text/plain") {
        return Err(Unfetched::by_fault(format!("status {}, type {kind}", reply.status)));
    }
    let text = String::from_utf8(reply.body).map_err(Unfetched::invalid)?;
    let policy = StsPolicy::parse(&text).ok_or_else(|| Unfetched::invalid("it is no policy"))?;
    Ok((text, policy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_fetched_anew_before_they_expire() {
        const HOUR: u64 = 3600;
        for (max_age_hours, age_hours, aged) in [
            (24, 11, false),
            (24, 12, true),
            (24 * 30, 23, false),
            (24 * 30, 24, true),
            (0, 0, true),
        ] {
            let fetched = Timestamp::from_secs(1_000_000);
            let max_age = Duration::from_secs(max_age_hours * HOUR);
            let now = after(fetched, Duration::from_secs(age_hours * HOUR));
            assert_eq!(is_aged(fetched, max_age, now), aged, "{max_age_hours} {age_hours}");
        }
    }

    // RFC 8460 §4.3.2.2
    #[test]
    fn what_keeps_a_policy_from_being_had_is_told_apart() {
        let reply = |status, content_type: &str, body: &[u8]| HttpsReply {
            status,
            content_type: content_type.to_owned(),
            body: body.to_vec(),
        };
        let good = b"version: STSv1\nmode: none\nmax_age: 1\n";
        assert!(read(reply(200, "text/plain; charset=utf-8", good)).is_ok());
        for (status, kind, body, result) in [
            // RFC 8461 §3.3: a redirect is not followed.
            (301, "text/plain", &good[..], "sts-policy-fetch-error"),
            (404, "text/html", b"<html>", "sts-policy-fetch-error"),
            (200, "text/html", good, "sts-policy-fetch-error"),
            (200, "text/plain", b"version: STSv1\n", "sts-policy-invalid"),
            (200, "text/plain", b"\xff", "sts-policy-invalid"),
        ] {
            let found = read(reply(status, kind, body)).unwrap_err();
            assert_eq!(found.result, result, "{status} {kind} {body:?}");
        }
        for (error, result) in [
            (HttpsError::Tls("unknown issuer".to_owned()), "sts-webpki-invalid"),
            (HttpsError::Connect("refused".to_owned()), "sts-policy-fetch-error"),
            (HttpsError::TimedOut, "sts-policy-fetch-error"),
            (HttpsError::TooLarge, "sts-policy-invalid"),
        ] {
            assert_eq!(Unfetched::from(error).result, result);
        }
    }

    #[test]
    fn what_was_asked_for_is_left_alone_for_a_while() {
        let cache = StsCache::default();
        let now = Timestamp::from_secs(1_000_000);
        cache.failed("a.test", "1", now);
        assert!(!cache.may_fetch("a.test", "1", now.plus_secs(AGAIN_SECS - 1)));
        assert!(cache.may_fetch("a.test", "1", now.plus_secs(AGAIN_SECS)));
        // Another id is another policy.
        assert!(cache.may_fetch("a.test", "2", now) && cache.may_fetch("b.test", "1", now));
    }
}
