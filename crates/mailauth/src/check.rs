//! All checks of one message: what needs its text at once ([`Examined::of`]), what needs the DNS
//! afterwards ([`Examined::check`]).

use std::net::IpAddr;

use futures_util::future::{join, join_all, join4};

use crate::arc::{self, ArcResult, chain::Chain, chain::SETS_MAX};
use crate::dkim::key_record::Service;
use crate::dkim::verify::{BodyHashes, Candidate, SIGNATURES_MAX, candidates};
use crate::dkim::{DkimResult, DkimVerdict};
use crate::dmarc::{DmarcResult, DmarcVerdict, Identities, Policy, Published};
use crate::dns::{Budget, Lookups, domain_of, is_within};
use crate::parts::{AuthorDomains, Parts};
use crate::results;
use crate::spf::{self, Client, SpfVerdict};

/// LIMIT: questions of SPF about one name. It asks ten times ten at most, where a real domain asks
/// five. Each check has its questions to itself: what one domain makes us ask is not missing where
/// another is asked about.
const SPF_QUESTIONS_MAX: u32 = 75;
/// LIMIT: a signature asks for one key, a chain for one by set and one for the message.
const DKIM_QUESTIONS_MAX: u32 = SIGNATURES_MAX as u32;
const ARC_QUESTIONS_MAX: u32 = SETS_MAX as u32 + 1;

/// The methods that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Methods {
    /// Whether SPF is checked.
    pub spf: bool,
    /// Whether DKIM signatures are checked.
    pub dkim: bool,
    /// DMARC, of what the other two found.
    pub dmarc: bool,
    /// Whether ARC chains are checked.
    pub arc: bool,
}

/// The client and the identities that it sends with.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// The address that connected.
    pub ip: IpAddr,
    /// The name in HELO.
    pub helo: &'a str,
    /// Local part and domain of the reverse-path; `None` for the null one.
    pub mail_from: Option<(&'a str, &'a str)>,
}

/// A message, as far as it has to be read.
#[derive(Debug)]
pub struct Examined {
    methods: Methods,
    authors: AuthorDomains,
    dkim: Vec<Candidate>,
    arc: Option<Result<Chain, &'static str>>,
}

/// The results of SPF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpfResult {
    /// The result for the name in HELO.
    pub helo: SpfVerdict,
    /// The name of HELO.
    pub helo_name: String,
    /// The result for the domain of the reverse-path, and that domain; `None` for the null path.
    pub mail_from: Option<(SpfVerdict, String)>,
}

/// What was found of a message; absent is what was not checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The result of SPF, if it was checked.
    pub spf: Option<SpfResult>,
    /// DKIM, signature by signature.
    pub dkim: Option<Vec<DkimResult>>,
    /// DMARC, author's domain by author's domain.
    pub dmarc: Option<Vec<DmarcResult>>,
    /// The result of ARC, if it was checked.
    pub arc: Option<ArcResult>,
}

/// What the domains of the authors ask to be done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// The strictest policy that applies.
    pub policy: Policy,
    /// Whether the message may yet turn out to be theirs, as the DNS did not answer all that was
    /// asked about them.
    pub doubtful: bool,
}

impl Default for Demand {
    fn default() -> Self {
        Self { policy: Policy::None, doubtful: false }
    }
}

impl Examined {
    /// Reads the message; takes long for a large one.
    pub fn of(message: &[u8], methods: Methods) -> Self {
        let mut hashes = BodyHashes::default();
        let Some(parts) = Parts::of(message) else {
            let authors = AuthorDomains { too_many: true, ..AuthorDomains::default() };
            return Self { methods, authors, dkim: Vec::new(), arc: None };
        };
        let dkim = if methods.dkim { candidates(&parts, &mut hashes) } else { Vec::new() };
        let arc = if methods.arc { arc::chain::read_chain(&parts, &mut hashes) } else { None };
        Self { methods, authors: parts.author_domains(), dkim, arc }
    }

    /// Asks the DNS and judges.
    pub async fn check(&self, lookups: &dyn Lookups, sender: Sender<'_>, now_secs: u64) -> Report {
        let keys = &Budget::new(lookups, DKIM_QUESTIONS_MAX);
        let chain_keys = &Budget::new(lookups, ARC_QUESTIONS_MAX);
        let methods = self.methods;
        // What the authors' domains publish is asked for at once, so that no slow server of
        // somebody else's takes the time for it.
        let (spf, dkim, arc, published) = join4(
            async { if methods.spf { Some(check_spf(lookups, sender).await) } else { None } },
            join_all(self.dkim.iter().map(|one| one.verify(Service::Mail, keys, now_secs))),
            arc::verify(self.arc.as_ref(), chain_keys, now_secs),
            async {
                let wanted = methods.dmarc;
                if wanted { Some(Published::of(lookups, &self.authors).await) } else { None }
            },
        )
        .await;
        let dmarc = match published {
            Some(published) => Some(check_dmarc(published, sender, spf.as_ref(), &dkim).await),
            None => None,
        };
        Report { spf, dkim: methods.dkim.then_some(dkim), dmarc, arc: methods.arc.then_some(arc) }
    }
}

async fn check_dmarc(
    published: Published<'_>,
    sender: Sender<'_>,
    spf: Option<&SpfResult>,
    dkim: &[DkimResult],
) -> Vec<DmarcResult> {
    let (spf, domain) = match (spf, sender.mail_from) {
        (None, _) => (SpfVerdict::None, None),
        // RFC 7208 §2.4: of the null path the name in HELO is what counts.
        (Some(spf), None) => (spf.helo, domain_of(sender.helo)),
        (Some(spf), Some((_, domain))) => {
            let verdict = spf.mail_from.as_ref().map_or(SpfVerdict::None, |(v, _)| *v);
            (verdict, domain_of(domain))
        }
    };
    let identities = |of_spf, of_dkim| {
        let signatures = dkim.iter().filter(move |result| result.verdict == of_dkim);
        Identities {
            spf: domain.as_deref().filter(|_| spf == of_spf),
            dkim: signatures.map(|result| result.label.domain.as_str()).collect(),
        }
    };
    let passed = identities(SpfVerdict::Pass, DkimVerdict::Pass);
    let unknown = identities(SpfVerdict::TempError, DkimVerdict::TempError);
    published.judge(&passed, &unknown).await
}

async fn check_spf(lookups: &dyn Lookups, sender: Sender<'_>) -> SpfResult {
    let [of_helo, of_path] = [(); 2].map(|()| Budget::new(lookups, SPF_QUESTIONS_MAX));
    let client = Client { ip: sender.ip, helo: sender.helo };
    let mail_from = async {
        let (local, domain) = sender.mail_from?;
        Some((spf::check_mail_from(&of_path, client, local, domain).await, domain.to_owned()))
    };
    let (helo, mail_from) = join(spf::check_helo(&of_helo, client), mail_from).await;
    SpfResult { helo, helo_name: sender.helo.to_owned(), mail_from }
}

impl Report {
    /// The Authentication-Results field.
    pub fn render(&self, authserv_id: &str) -> String {
        results::render(self, authserv_id)
    }

    /// The strictest policy that applies by DMARC, unless a trusted sealer says that the message
    /// passed where it came from (RFC 8617 §7.2.1).
    pub fn demand(&self, is_trusted_sealer: impl Fn(&str) -> bool) -> Demand {
        if self.arc.as_ref().is_some_and(|arc| arc.vouched_by(is_trusted_sealer)) {
            return Demand::default();
        }
        let strictest = |doubtful: bool| {
            let results = self.dmarc.iter().flatten();
            let results = results.filter(|it| (it.verdict == DmarcVerdict::TempError) == doubtful);
            results.map(|result| result.policy).max().unwrap_or(Policy::None)
        };
        let (certain, doubtful) = (strictest(false), strictest(true));
        Demand { policy: certain.max(doubtful), doubtful: doubtful > certain }
    }

    /// Whether the domain of the sender refuses by SPF what its host sends (RFC 7208 §8.4), and
    /// nothing else says where the message is from: a message that was sent on by others comes from
    /// hosts that its sender's domain does not know.
    pub fn demand_of_sender(&self, is_trusted_sealer: impl Fn(&str) -> bool) -> Demand {
        let Some(spf) = &self.spf else { return Demand::default() };
        // RFC 7208 §2.4: of the null path the name in HELO is what counts.
        let (verdict, domain) = match &spf.mail_from {
            Some((verdict, domain)) => (*verdict, domain),
            None => (spf.helo, &spf.helo_name),
        };
        let is_sealed = self.arc.as_ref().is_some_and(|arc| arc.vouched_by(is_trusted_sealer));
        let is_genuine = self.authentic_author().is_some() || self.vouches_for(domain);
        if verdict != SpfVerdict::Fail || is_sealed || is_genuine {
            return Demand::default();
        }
        let mut signatures = self.dkim.iter().flatten();
        let is_unknown = signatures.any(|one| one.verdict == DkimVerdict::TempError);
        Demand { policy: Policy::Reject, doubtful: is_unknown || self.is_uncertain() }
    }

    /// Whether something authenticates the domain of the reverse-path: SPF, or a signature of that
    /// domain or of one above it.
    pub fn vouches_for(&self, mail_from: &str) -> bool {
        let Some(domain) = domain_of(mail_from) else { return false };
        let spf = self.spf.as_ref().and_then(|spf| spf.mail_from.as_ref());
        let mut signatures = self.dkim.iter().flatten();
        spf.is_some_and(|(verdict, _)| *verdict == SpfVerdict::Pass)
            || signatures.any(|result| {
                result.verdict == DkimVerdict::Pass && is_within(&domain, &result.label.domain)
            })
    }

    /// The domain of the author, where there is one and the message is from there for certain: by
    /// DMARC, or where the domain says nothing of that, by a signature of its own.
    pub fn authentic_author(&self) -> Option<&str> {
        let [author] = self.dmarc.as_deref()? else { return None };
        let is_signed = || {
            let mut signatures = self.dkim.iter().flatten();
            signatures
                .any(|one| one.verdict == DkimVerdict::Pass && one.label.domain == author.domain)
        };
        match author.verdict {
            DmarcVerdict::Pass => Some(&author.domain),
            DmarcVerdict::None if !author.domain.is_empty() && is_signed() => Some(&author.domain),
            _ => None,
        }
    }

    /// Whether a policy may apply that could not be found out now.
    pub fn is_uncertain(&self) -> bool {
        self.dmarc.iter().flatten().any(|result| result.verdict == DmarcVerdict::TempError)
    }
}

#[cfg(test)]
mod tests;
