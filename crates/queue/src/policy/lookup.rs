//! Finding the MTA-STS policy of a domain: the record in the DNS, the file at its web server, and
//! what is kept of both (RFC 8461 §3.3, §5.1).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ids::Timestamp;
use net::{HttpsReply, HttpsRequest, https};
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
    /// The policy of a domain, if it has one. Where it cannot be known whether one is kept, the mail
    /// waits: without the policy it might go to anybody.
    pub(crate) async fn sts_policy(&self, domain: &str) -> Result<Option<StsPolicy>, Answer> {
        if !self.settings().mta_sts {
            return Ok(None);
        }
        let kept = self.kept_policy(domain).await.map_err(|error| {
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
        let Some(id) = record else { return Ok(kept.map(|(_, policy)| policy)) };
        if let Some((known, policy)) = &kept
            && *known == id
        {
            return Ok(Some(policy.clone()));
        }
        let fetched = self.fetch_policy(domain, &id).await;
        Ok(fetched.or(kept.map(|(_, policy)| policy)))
    }

    /// What is kept and not too old.
    async fn kept_policy(&self, domain: &str) -> Result<Option<(String, StsPolicy)>, StorageError> {
        let wanted = domain.to_owned();
        let row = self.store.read(move |tx| tx.find_sts_policy(&wanted)).await?;
        let read = row.and_then(|row| Some((StsPolicy::parse(&row.policy)?, row)));
        let is_fresh =
            |policy: &StsPolicy, fetched| after(fetched, policy.max_age) > self.store.now();
        Ok(read.filter(|(policy, row)| is_fresh(policy, row.fetched)).map(|(p, row)| (row.id, p)))
    }

    async fn fetch_policy(&self, domain: &str, id: &str) -> Option<StsPolicy> {
        let now = self.store.now();
        if !self.sts.may_fetch(domain, id, now) {
            return None;
        }
        let (text, policy) = match self.fetch_text(domain).await {
            Ok(found) => found,
            Err(error) => {
                tracing::info!(domain, error, "the MTA-STS policy cannot be fetched");
                self.tally.count_fetch(domain, now);
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

    async fn fetch_text(&self, domain: &str) -> Result<(String, StsPolicy), String> {
        let host = format!("mta-sts.{domain}");
        let found = self.dns.addresses(&host).await.map_err(|error| error.to_string())?;
        let port = self.settings().https_port;
        let request = HttpsRequest {
            addresses: found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect(),
            host,
            path: "/.well-known/mta-sts.txt".to_owned(),
            content: None,
            body_bytes_max: POLICY_BYTES_MAX,
            timeout: FETCH_TIMEOUT,
        };
        let reply = https(&self.tls, &request).await.map_err(|error| error.to_string())?;
        read(reply)
    }
}

/// RFC 8461 §3.3: 200 and no redirect, of type text/plain.
fn read(reply: HttpsReply) -> Result<(String, StsPolicy), String> {
    let kind = reply.content_type.split(';').next().unwrap_or_default().trim();
    if reply.status != 200 || !kind.eq_ignore_ascii_case("text/plain") {
        return Err(format!("status {}, type {kind}", reply.status));
    }
    let text = String::from_utf8(reply.body).map_err(|error| error.to_string())?;
    let policy = StsPolicy::parse(&text).ok_or("it is no policy")?;
    Ok((text, policy))
}
