//! All checks of one message: what needs its text at once ([`Examined::of`]), what needs the DNS
//! afterwards ([`Examined::check`]).

use std::net::IpAddr;

use futures_util::future::{join, join_all, join3};

use crate::arc::{self, ArcResult, chain::Chain};
use crate::dkim::verify::{BodyHashes, Candidate, candidates};
use crate::dkim::{DkimResult, DkimVerdict};
use crate::dmarc::{self, DmarcResult, DmarcVerdict, Identities, Policy};
use crate::dns::{Budget, Lookups, domain_of};
use crate::parts::{AuthorDomains, Parts};
use crate::results;
use crate::spf::{self, Client, SpfVerdict};

/// LIMIT: questions about one message. SPF asks ten times ten at most, where a real domain asks
/// five; signatures and chains add one each, DMARC three.
const QUESTIONS_MAX: u32 = 150;

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Methods {
    /// SPF.
    pub spf: bool,
    /// DKIM.
    pub dkim: bool,
    /// DMARC, of what the other two found.
    pub dmarc: bool,
    /// ARC.
    pub arc: bool,
}

/// Who sent, and as whom.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// The address that connected.
    pub ip: IpAddr,
    /// What it called itself.
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

/// What SPF found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpfResult {
    /// For the name in HELO.
    pub helo: SpfVerdict,
    /// That name.
    pub helo_name: String,
    /// For the domain of the reverse-path.
    pub mail_from: Option<(SpfVerdict, String)>,
}

/// What was found of a message; absent is what was not checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// SPF.
    pub spf: Option<SpfResult>,
    /// DKIM, signature by signature.
    pub dkim: Option<Vec<DkimResult>>,
    /// DMARC, author's domain by author's domain.
    pub dmarc: Option<Vec<DmarcResult>>,
    /// ARC.
    pub arc: Option<ArcResult>,
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
        let budget = &Budget::new(lookups, QUESTIONS_MAX);
        let methods = self.methods;
        let (spf, dkim, arc) = join3(
            async { if methods.spf { Some(check_spf(budget, sender).await) } else { None } },
            join_all(self.dkim.iter().map(|candidate| candidate.verify(budget, now_secs))),
            arc::verify(self.arc.as_ref(), budget, now_secs),
        )
        .await;
        let dmarc = if methods.dmarc {
            Some(self.check_dmarc(budget, sender, spf.as_ref(), &dkim).await)
        } else {
            None
        };
        Report { spf, dkim: methods.dkim.then_some(dkim), dmarc, arc: methods.arc.then_some(arc) }
    }

    async fn check_dmarc(
        &self,
        budget: &Budget<'_>,
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
        let passed = dkim.iter().filter(|result| result.verdict == DkimVerdict::Pass);
        let signers: Vec<&str> = passed.map(|result| result.label.domain.as_str()).collect();
        let identities = Identities {
            spf: domain.as_deref().filter(|_| spf == SpfVerdict::Pass),
            dkim: &signers,
            uncertain: spf == SpfVerdict::TempError
                || dkim.iter().any(|result| result.verdict == DkimVerdict::TempError),
        };
        dmarc::check(budget, &self.authors, identities).await
    }
}

async fn check_spf(budget: &Budget<'_>, sender: Sender<'_>) -> SpfResult {
    let client = Client { ip: sender.ip, helo: sender.helo };
    let mail_from = async {
        let (local, domain) = sender.mail_from?;
        Some((spf::check_mail_from(budget, client, local, domain).await, domain.to_owned()))
    };
    let (helo, mail_from) = join(spf::check_helo(budget, client), mail_from).await;
    SpfResult { helo, helo_name: sender.helo.to_owned(), mail_from }
}

impl Report {
    /// The Authentication-Results field.
    pub fn render(&self, authserv_id: &str) -> String {
        results::render(self, authserv_id)
    }

    /// The strictest policy that applies by DMARC, unless a trusted sealer says that the message
    /// passed where it came from (RFC 8617 §7.2.1).
    pub fn policy(&self, is_trusted_sealer: impl Fn(&str) -> bool) -> Policy {
        let policies = self.dmarc.iter().flatten().map(|result| result.policy);
        let policy = policies.max().unwrap_or(Policy::None);
        let vouched = self.arc.as_ref().is_some_and(|arc| arc.vouched_by(is_trusted_sealer));
        if vouched { Policy::None } else { policy }
    }

    /// Whether a policy may apply that could not be found out now.
    pub fn is_uncertain(&self) -> bool {
        self.dmarc.iter().flatten().any(|result| result.verdict == DmarcVerdict::TempError)
    }
}
