//! DMARC: whether a message is what its author's domain says of its mail (RFC 9989, which
//! replaces RFC 7489; what is found of a domain is found by walking the tree of names up, not
//! in a list of public suffixes).
//!
//! **Invariant:** a message with several authors is judged for each of their domains, and the
//! strictest counts: a second author hides no first one.

mod record;

use std::collections::HashMap;

pub use record::Policy;
use record::{PublicSuffix, Record, Relation};

use crate::dns::{Budget, Family, LookupError, is_within};
use crate::parts::AuthorDomains;

/// LIMIT: domains of authors that are judged; RFC 7489 §6.6.1 leaves more than one to the receiver.
const DOMAINS_MAX: usize = 4;
/// LIMIT: RFC 9989 §4.10, names that one walk asks for.
const WALK_MAX: usize = 8;

/// What DMARC says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DmarcVerdict {
    /// The domain says nothing.
    None,
    /// An identity in line with the author's was authenticated.
    Pass,
    /// None was.
    Fail,
    /// The DNS did not answer.
    TempError,
    /// There is no author's domain, or too many.
    PermError,
}

impl DmarcVerdict {
    /// As Authentication-Results has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

/// What DMARC says for one author's domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DmarcResult {
    /// The author's domain; empty where there is none.
    pub domain: String,
    /// Whether it is the domain's own mail.
    pub verdict: DmarcVerdict,
    /// What the domain publishes for it.
    pub published: Option<Policy>,
    /// What it asks for this message: nothing where it passes.
    pub policy: Policy,
}

/// What was authenticated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identities<'a> {
    /// The domain that SPF passed for.
    pub(crate) spf: Option<&'a str>,
    /// The domains of signatures that hold.
    pub(crate) dkim: &'a [&'a str],
    /// One of both could not be found out now.
    pub(crate) uncertain: bool,
}

/// Judges a message.
pub(crate) async fn check(
    budget: &Budget<'_>,
    authors: &AuthorDomains,
    identities: Identities<'_>,
) -> Vec<DmarcResult> {
    let failed =
        |verdict, policy| DmarcResult { domain: String::new(), verdict, published: None, policy };
    if authors.too_many || authors.domains.len() > DOMAINS_MAX {
        // Nobody writes so but to get past this check.
        return vec![failed(DmarcVerdict::PermError, Policy::Quarantine)];
    }
    let mut walks = Walks { budget, known: HashMap::new() };
    let mut results = Vec::new();
    for domain in &authors.domains {
        results.push(walks.judge(domain, identities).await);
    }
    if results.is_empty() || authors.unreadable {
        results.push(failed(DmarcVerdict::PermError, Policy::None));
    }
    results
}

/// Asks for each name once.
struct Walks<'a> {
    budget: &'a Budget<'a>,
    known: HashMap<String, Option<Record>>,
}

/// The records above a name, the nearest first.
type Found = Vec<(String, Record)>;

impl Walks<'_> {
    async fn judge(&mut self, domain: &str, identities: Identities<'_>) -> DmarcResult {
        let result = |verdict, published, policy| DmarcResult {
            domain: domain.to_owned(),
            verdict,
            published,
            policy,
        };
        let temporary = result(DmarcVerdict::TempError, None, Policy::None);
        let Ok(found) = self.walk(domain).await else { return temporary };
        let own = organizational(domain, &found);
        let Some((at, record)) = applicable(domain, &own, &found) else {
            return result(DmarcVerdict::None, None, Policy::None);
        };
        let Ok(aligned) = self.is_aligned(domain, &own, &record, identities).await else {
            return temporary;
        };
        let Ok(relation) = self.relation(domain, &at, &record).await else { return temporary };
        let (published, policy) = record.policy_for(relation);
        if aligned {
            return result(DmarcVerdict::Pass, Some(published), Policy::None);
        }
        // What could not be verified now might have passed.
        if identities.uncertain {
            return result(DmarcVerdict::TempError, Some(published), Policy::None);
        }
        result(DmarcVerdict::Fail, Some(published), policy)
    }

    /// RFC 9989 §4.10: the tree walk.
    async fn walk(&mut self, domain: &str) -> Result<Found, LookupError> {
        let mut found = Found::new();
        let mut name = domain;
        for step in 0..WALK_MAX {
            if let Some(record) = self.record_at(name).await? {
                let ends = record.suffix != PublicSuffix::Unknown;
                found.push((name.to_owned(), record));
                if ends {
                    break;
                }
            }
            let labels = name.split('.').count();
            // RFC 9989 §4.10: of a long name the second step is at seven labels.
            let skipped = if step == 0 && labels >= WALK_MAX { labels + 1 - WALK_MAX } else { 1 };
            match name.splitn(skipped + 1, '.').nth(skipped) {
                Some(shorter) => name = shorter,
                None => break,
            }
        }
        Ok(found)
    }

    async fn record_at(&mut self, name: &str) -> Result<Option<Record>, LookupError> {
        if let Some(known) = self.known.get(name) {
            return Ok(known.clone());
        }
        let texts = match self.budget.texts(&format!("_dmarc.{name}")).await {
            Err(LookupError::NoSuchName) => Vec::new(),
            other => other?,
        };
        let mut records = texts.iter().filter_map(|text| Record::parse(text));
        // RFC 9989 §4.10: several records are none.
        let record = records.next().filter(|_| records.next().is_none());
        self.known.insert(name.to_owned(), record.clone());
        Ok(record)
    }

    /// RFC 7489 §3.1: whether what was authenticated is in line with the author's domain.
    async fn is_aligned(
        &mut self,
        domain: &str,
        own: &str,
        record: &Record,
        identities: Identities<'_>,
    ) -> Result<bool, LookupError> {
        let spf = identities.spf.map(|spf| (spf, record.spf_strict));
        let dkim = identities.dkim.iter().map(|dkim| (*dkim, record.dkim_strict));
        let mut wanted: Vec<(&str, bool)> = dkim.chain(spf).collect();
        // What needs no question comes first.
        wanted.sort_by_key(|(identity, _)| *identity != domain);
        for (identity, strict) in wanted {
            if identity == domain {
                return Ok(true);
            }
            // Only names below the same organisation's can be in line.
            if strict || !is_within(identity, own) {
                continue;
            }
            let found = self.walk(identity).await?;
            if organizational(identity, &found) == own {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn relation(
        &self,
        domain: &str,
        at: &str,
        record: &Record,
    ) -> Result<Relation, LookupError> {
        if at == domain {
            return Ok(Relation::Itself);
        }
        if !record.tells_absent_apart() {
            return Ok(Relation::Below);
        }
        // A name that does not exist, whatever is asked of it.
        match self.budget.addresses(domain, Family::V4).await {
            Ok(_) => Ok(Relation::Below),
            Err(LookupError::NoSuchName) => Ok(Relation::Absent),
            Err(error) => Err(error),
        }
    }
}

/// RFC 9989 §4.10.2: the domain of whoever `domain` belongs to.
fn organizational(domain: &str, found: &Found) -> String {
    if let Some((name, _)) = found.iter().find(|(_, r)| r.suffix == PublicSuffix::No) {
        return name.clone();
    }
    let suffix = found.iter().find(|(name, r)| r.suffix == PublicSuffix::Yes && name != domain);
    if let Some((suffix, _)) = suffix {
        // One label below.
        let rest = domain.strip_suffix(suffix.as_str()).unwrap_or_default();
        let label = rest.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
        return format!("{label}.{suffix}");
    }
    found.last().map_or_else(|| domain.to_owned(), |(name, _)| name.clone())
}

/// RFC 9989 §4.10.1: the domain's own record, else that of its organisation, else that of the
/// suffix it is registered under.
fn applicable(domain: &str, own: &str, found: &Found) -> Option<(String, Record)> {
    let at = |name: &str| found.iter().find(|(known, _)| known == name).cloned();
    let suffix = || found.iter().find(|(_, r)| r.suffix == PublicSuffix::Yes).cloned();
    at(domain).or_else(|| at(own)).or_else(suffix)
}

#[cfg(test)]
mod tests;
