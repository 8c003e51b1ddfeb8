//! DMARC: whether a message is what its author's domain says of its mail (RFC 9989, which
//! replaces RFC 7489; what is found of a domain is found by walking the tree of names up, not
//! in a list of public suffixes).
//!
//! **Invariant:** a message with several authors is judged for each of their domains, and the
//! strictest counts: a second author hides no first one.

mod destination;
mod record;

use std::collections::HashMap;

pub(crate) use destination::Organizations;
pub use destination::{ReportDestination, report_destinations};
use futures_util::future::join_all;
pub use record::{Policy, PublishedPolicy};
use record::{PublicSuffix, Record, Relation};

use crate::dns::{Budget, Family, LookupError, Lookups, is_within};
use crate::parts::AuthorDomains;

/// LIMIT: domains of authors that are judged; RFC 7489 §6.6.1 leaves more than one to the receiver.
const DOMAINS_MAX: usize = 4;
/// LIMIT: RFC 9989 §4.10, names that one walk asks for.
const WALK_MAX: usize = 8;
/// LIMIT: questions about one author's domain: two walks, or a few more for signatures of others
/// in its organisation.
const QUESTIONS_MAX: u32 = 50;

/// The result of DMARC (RFC 7489 §11.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DmarcVerdict {
    /// The domain says nothing.
    None,
    /// An identity in line with the author's was authenticated.
    Pass,
    /// No identity is aligned and authenticated.
    Fail,
    /// The DNS did not answer.
    TempError,
    /// There is no author's domain, or too many.
    PermError,
}

impl DmarcVerdict {
    /// The word for it in Authentication-Results.
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
    /// Whether the message is authentic for the domain.
    pub verdict: DmarcVerdict,
    /// What the domain publishes for it.
    pub published: Option<Policy>,
    /// What it asks for this message: nothing where it passes, and unless it yet does where the
    /// verdict is [`DmarcVerdict::TempError`].
    pub policy: Policy,
    /// What reports tell of it; absent where nobody wants any.
    pub told: Option<Told>,
}

/// What an aggregate report says of a message beside what SPF and DKIM found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The domain that publishes the policy, and so gets the report.
    pub at: String,
    /// The published policy.
    pub policy: PublishedPolicy,
    /// Whether a signature in line with the author holds.
    pub dkim: bool,
    /// Whether the reverse-path in line with the author is whose it says.
    pub spf: bool,
}

/// Whom the message is said to come from, in ways that can be verified.
#[derive(Debug, Clone)]
pub(crate) struct Identities<'a> {
    /// The domain that SPF is about.
    pub(crate) spf: Option<&'a str>,
    /// The domains of signatures.
    pub(crate) dkim: Vec<&'a str>,
}

/// What the authors' domains publish, found out before it is known what was authenticated.
pub(crate) struct Published<'a> {
    authors: &'a AuthorDomains,
    domains: Vec<Author<'a>>,
}

impl<'a> Published<'a> {
    /// Asks about all authors at once, and about each with questions of its own, so that none of
    /// them hides what another publishes.
    pub(crate) async fn of(lookups: &'a dyn Lookups, authors: &'a AuthorDomains) -> Self {
        let known = if is_too_many(authors) { &[][..] } else { &authors.domains[..] };
        let domains = join_all(known.iter().map(|domain| Author::find(lookups, domain))).await;
        Self { authors, domains }
    }

    /// Judges a message by what of it `passed`, and by what is `unknown` because the DNS does not
    /// answer now.
    pub(crate) async fn judge(
        self,
        passed: &Identities<'_>,
        unknown: &Identities<'_>,
    ) -> Vec<DmarcResult> {
        let failed = |verdict, policy| DmarcResult {
            domain: String::new(),
            verdict,
            published: None,
            policy,
            told: None,
        };
        if is_too_many(self.authors) {
            // Nobody writes so but to get past this check.
            return vec![failed(DmarcVerdict::PermError, Policy::Quarantine)];
        }
        let judged = self.domains.into_iter().map(|author| author.judge(passed, unknown));
        let mut results = join_all(judged).await;
        if results.is_empty() || self.authors.unreadable {
            results.push(failed(DmarcVerdict::PermError, Policy::None));
        }
        results
    }
}

fn is_too_many(authors: &AuthorDomains) -> bool {
    authors.too_many || authors.domains.len() > DOMAINS_MAX
}

/// The record that applies to an author's domain, and where it is published.
struct Terms {
    /// The domain of whoever it belongs to.
    own: String,
    /// The domain that the record is published at.
    at: String,
    record: Record,
    relation: Relation,
}

/// The domain of one author, with what was found for it.
struct Author<'a> {
    domain: &'a str,
    walks: Walks<'a>,
    /// `None` where nothing is published.
    terms: Result<Option<Terms>, LookupError>,
}

impl<'a> Author<'a> {
    async fn find(lookups: &'a dyn Lookups, domain: &'a str) -> Self {
        let budget = Budget::new(lookups, QUESTIONS_MAX);
        let mut walks = Walks { budget, known: HashMap::new() };
        let terms = walks.terms(domain).await;
        Self { domain, walks, terms }
    }

    async fn judge(mut self, passed: &Identities<'_>, unknown: &Identities<'_>) -> DmarcResult {
        let (domain, walks) = (self.domain, &mut self.walks);
        let result = |verdict, published, policy| DmarcResult {
            domain: domain.to_owned(),
            verdict,
            published,
            policy,
            told: None,
        };
        let terms = match &self.terms {
            Ok(Some(terms)) => terms,
            Ok(None) => return result(DmarcVerdict::None, None, Policy::None),
            Err(_) => return result(DmarcVerdict::TempError, None, Policy::None),
        };
        let (published, policy) = terms.record.policy_for(terms.relation);
        let verdict = match walks.is_aligned(domain, terms, passed).await {
            Ok(true) => DmarcVerdict::Pass,
            Err(_) => DmarcVerdict::TempError,
            // What could not be verified now might have passed; but only what is in line with the
            // author's domain counts, for the servers of any other are the sender's own.
            Ok(false) => match walks.is_aligned(domain, terms, unknown).await {
                Ok(false) => DmarcVerdict::Fail,
                Ok(true) | Err(_) => DmarcVerdict::TempError,
            },
        };
        // Who is wanted refused must not come in because a server below the domain is silent: a
        // forger may have chosen it for that.
        let policy = if verdict == DmarcVerdict::Pass { Policy::None } else { policy };
        let told = match terms.record.wants_reports {
            true => Some(walks.told(domain, terms, passed).await),
            false => None,
        };
        DmarcResult { told, ..result(verdict, Some(published), policy) }
    }
}

/// Asks for each name once.
struct Walks<'a> {
    budget: Budget<'a>,
    known: HashMap<String, Option<Record>>,
}

/// The records above a name, the nearest first.
type Found = Vec<(String, Record)>;

impl Walks<'_> {
    async fn terms(&mut self, domain: &str) -> Result<Option<Terms>, LookupError> {
        let found = self.walk(domain).await?;
        let own = organizational(domain, &found);
        let Some((at, record)) = applicable(domain, &own, &found) else { return Ok(None) };
        let relation = self.relation(domain, &at, &record).await?;
        Ok(Some(Terms { own, at, record, relation }))
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
        Terms { own, record, .. }: &Terms,
        identities: &Identities<'_>,
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
            if organizational(identity, &found) == *own {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// RFC 7489 §7.2: a report says of either whether it was in line.
    async fn told(&mut self, domain: &str, terms: &Terms, passed: &Identities<'_>) -> Told {
        let by_dkim = Identities { spf: None, dkim: passed.dkim.clone() };
        let by_spf = Identities { spf: passed.spf, dkim: Vec::new() };
        Told {
            at: terms.at.clone(),
            policy: terms.record.published(),
            dkim: self.is_aligned(domain, terms, &by_dkim).await.unwrap_or(false),
            spf: self.is_aligned(domain, terms, &by_spf).await.unwrap_or(false),
        }
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
