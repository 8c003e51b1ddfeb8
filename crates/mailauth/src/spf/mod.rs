//! SPF: whether a host may send for a domain (RFC 7208).
//!
//! **Invariants:** at most [`TERMS_MAX`] terms of records ask the DNS, at most [`VOID_MAX`] of
//! them in vain; a record is read to its end before any of it counts.
//! **Absent:** explanations (§6.2), which would put a stranger's words into our replies.

mod macros;
mod record;

use std::{future::Future, net::IpAddr, pin::Pin};

use crate::dns::{Budget, Family, LookupError, domain_of, is_within};

use macros::{MacroString, Values};
use record::{Directive, Mechanism, Record, in_network, is_record};

/// LIMIT: RFC 7208 §4.6.4, terms that cause look-ups.
const TERMS_MAX: u32 = 10;
/// LIMIT: RFC 7208 §4.6.4, look-ups without an answer.
const VOID_MAX: u32 = 2;
/// LIMIT: RFC 7208 §4.6.4, names that one `mx` or `ptr` looks at.
const NAMES_MAX: usize = 10;

/// RFC 7208 §2.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpfVerdict {
    /// There is no record, or no domain.
    None,
    /// The record says nothing of the host.
    Neutral,
    /// The host may.
    Pass,
    /// The host may not.
    Fail,
    /// The host probably may not.
    SoftFail,
    /// The DNS did not answer.
    TempError,
    /// The record cannot be used.
    PermError,
}

impl SpfVerdict {
    /// As Authentication-Results has it (RFC 8601 §2.7.2).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Neutral => "neutral",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::SoftFail => "softfail",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

/// The SMTP client that is checked: its address and the identities that it gave.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    /// The address that connected.
    pub ip: IpAddr,
    /// The name in HELO.
    pub helo: &'a str,
}

/// RFC 7208 §2.3: whether the host may call itself so.
pub async fn check_helo(budget: &Budget<'_>, client: Client<'_>) -> SpfVerdict {
    check(budget, client, "postmaster", client.helo).await
}

/// RFC 7208 §2.4: whether the host may send for the domain of the reverse-path.
pub async fn check_mail_from(
    budget: &Budget<'_>,
    client: Client<'_>,
    local: &str,
    domain: &str,
) -> SpfVerdict {
    check(budget, client, local, domain).await
}

async fn check(budget: &Budget<'_>, client: Client<'_>, local: &str, domain: &str) -> SpfVerdict {
    // RFC 7208 §4.3: a name of one label, a literal and no name at all have no result.
    let Some(domain) = domain_of(domain).filter(|name| name.contains('.')) else {
        return SpfVerdict::None;
    };
    let mut evaluation = Evaluation {
        budget,
        ip: client.ip.to_canonical(),
        helo: client.helo,
        local: if local.is_empty() { "postmaster" } else { local },
        sender_domain: domain.clone(),
        terms: 0,
        voids: 0,
    };
    match evaluation.check_host(domain).await {
        Ok(verdict) | Err(verdict) => verdict,
    }
}

struct Evaluation<'a> {
    budget: &'a Budget<'a>,
    ip: IpAddr,
    helo: &'a str,
    local: &'a str,
    sender_domain: String,
    terms: u32,
    voids: u32,
}

/// The error ends the whole check.
type Checked<T> = Result<T, SpfVerdict>;

impl Evaluation<'_> {
    /// RFC 7208 §4: the `check_host()` function.
    fn check_host<'s>(
        &'s mut self,
        domain: String,
    ) -> Pin<Box<dyn Future<Output = Checked<SpfVerdict>> + Send + 's>> {
        Box::pin(async move {
            let Some(record) = self.find_record(&domain).await? else {
                return Ok(SpfVerdict::None);
            };
            for Directive { verdict, mechanism } in &record.directives {
                if self.matches(mechanism, &domain).await? {
                    return Ok(*verdict);
                }
            }
            let Some(redirect) = &record.redirect else {
                // RFC 7208 §4.7.
                return Ok(SpfVerdict::Neutral);
            };
            self.count_term()?;
            let target = self.expand(redirect, &domain).await?;
            match self.check_host(target).await? {
                // RFC 7208 §6.1.
                SpfVerdict::None => Err(SpfVerdict::PermError),
                verdict => Ok(verdict),
            }
        })
    }

    async fn find_record(&self, domain: &str) -> Checked<Option<Record>> {
        if domain_of(domain).is_none() {
            return Ok(None);
        }
        let texts = match self.budget.texts(domain).await {
            Ok(texts) => texts,
            Err(LookupError::NoSuchName) => return Ok(None),
            Err(LookupError::Temporary) => return Err(SpfVerdict::TempError),
        };
        let mut records = texts.iter().filter(|text| is_record(text));
        match (records.next(), records.next()) {
            (None, _) => Ok(None),
            (Some(text), None) => Record::parse(text).map(Some).ok_or(SpfVerdict::PermError),
            // RFC 7208 §4.5: several records are none that can be used.
            (Some(_), Some(_)) => Err(SpfVerdict::PermError),
        }
    }

    async fn matches(&mut self, mechanism: &Mechanism, domain: &str) -> Checked<bool> {
        match mechanism {
            Mechanism::All => Ok(true),
            Mechanism::Network(network, bits) => Ok(in_network(self.ip, *network, *bits)),
            Mechanism::Include(target) => {
                self.count_term()?;
                let target = self.expand(target, domain).await?;
                match self.check_host(target).await? {
                    SpfVerdict::Pass => Ok(true),
                    // RFC 7208 §5.2.
                    SpfVerdict::None => Err(SpfVerdict::PermError),
                    _ => Ok(false),
                }
            }
            Mechanism::A(target, prefixes) => {
                self.count_term()?;
                let target = self.target(target.as_ref(), domain).await?;
                let found = self.budget.addresses(&target, self.family()).await;
                let found = self.noted(found)?;
                Ok(found.into_iter().any(|address| prefixes.join(self.ip, address)))
            }
            Mechanism::Mx(target, prefixes) => {
                self.count_term()?;
                let target = self.target(target.as_ref(), domain).await?;
                let hosts = self.budget.exchangers(&target).await;
                let hosts = self.noted(hosts)?;
                if hosts.len() > NAMES_MAX {
                    return Err(SpfVerdict::PermError);
                }
                for host in hosts {
                    let found = self.budget.addresses(&host, self.family()).await;
                    let found = unanswered_is_empty(found)?;
                    if found.into_iter().any(|address| prefixes.join(self.ip, address)) {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Mechanism::Ptr(target) => {
                self.count_term()?;
                let target = self.target(target.as_ref(), domain).await?;
                let names = self.validated_names().await;
                Ok(names.iter().any(|name| is_within(name, &target)))
            }
            Mechanism::Exists(target) => {
                self.count_term()?;
                let target = self.expand(target, domain).await?;
                // RFC 7208 §5.7: an A record, whatever the client's address is.
                let found = self.budget.addresses(&target, Family::V4).await;
                Ok(!self.noted(found)?.is_empty())
            }
        }
    }

    fn family(&self) -> Family {
        if self.ip.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    fn count_term(&mut self) -> Checked<()> {
        self.terms += 1;
        if self.terms > TERMS_MAX { Err(SpfVerdict::PermError) } else { Ok(()) }
    }

    /// Counts look-ups that found nothing.
    fn noted<T>(&mut self, found: Result<Vec<T>, LookupError>) -> Checked<Vec<T>> {
        let found = unanswered_is_empty(found)?;
        if found.is_empty() {
            self.voids += 1;
        }
        if self.voids > VOID_MAX { Err(SpfVerdict::PermError) } else { Ok(found) }
    }

    async fn target(&mut self, spec: Option<&MacroString>, domain: &str) -> Checked<String> {
        match spec {
            Some(spec) => self.expand(spec, domain).await,
            None => Ok(domain.to_owned()),
        }
    }

    async fn expand(&mut self, spec: &MacroString, domain: &str) -> Checked<String> {
        let mut validated = None;
        if spec.needs_name() {
            let names = self.validated_names().await;
            // RFC 7208 §7.3: the domain itself, or else one below it, or else any.
            let mut best = names.iter().find(|name| *name == domain);
            best = best.or_else(|| names.iter().find(|name| is_within(name, domain)));
            validated = best.or_else(|| names.first()).cloned();
        }
        let values = Values {
            local: self.local,
            sender_domain: &self.sender_domain,
            domain,
            helo: self.helo,
            ip: self.ip,
            validated: validated.as_deref(),
        };
        Ok(spec.expand_domain(&values))
    }

    /// RFC 7208 §5.5: the client's names that have its address. Errors make no result.
    async fn validated_names(&self) -> Vec<String> {
        let mut validated = Vec::new();
        let names = self.budget.names(self.ip).await.unwrap_or_default();
        for name in names.into_iter().take(NAMES_MAX) {
            let Some(name) = domain_of(&name) else { continue };
            let found = self.budget.addresses(&name, self.family()).await.unwrap_or_default();
            if found.contains(&self.ip) {
                validated.push(name);
            }
        }
        validated
    }
}

fn unanswered_is_empty<T>(found: Result<Vec<T>, LookupError>) -> Checked<Vec<T>> {
    match found {
        Ok(found) => Ok(found),
        Err(LookupError::NoSuchName) => Ok(Vec::new()),
        Err(LookupError::Temporary) => Err(SpfVerdict::TempError),
    }
}

#[cfg(test)]
mod tests;
