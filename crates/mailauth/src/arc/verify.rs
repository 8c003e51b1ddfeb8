//! Validation of an ARC chain (RFC 8617 §5.2).

use super::chain::Chain;
use crate::dkim::DkimVerdict;
use crate::dkim::key_record::Service;
use crate::dkim::verify::find_key;
use crate::dns::Budget;

/// The result of validating a chain (RFC 8617 §4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArcVerdict {
    /// The message has no chain.
    None,
    /// The chain is valid.
    Pass,
    /// The chain is broken.
    Fail,
    /// A key could not be had now.
    TempError,
}

impl ArcVerdict {
    /// The word for it in Authentication-Results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::TempError => "temperror",
        }
    }
}

/// The chain of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArcResult {
    /// The result of validation.
    pub verdict: ArcVerdict,
    /// Why the chain is not valid.
    pub reason: Option<&'static str>,
    /// For a valid chain: the domains that sealed it, the newest first, and whether DMARC passed
    /// there.
    pub sealers: Vec<(String, bool)>,
}

impl ArcResult {
    fn failed(verdict: ArcVerdict, reason: Option<&'static str>) -> Self {
        Self { verdict, reason, sealers: Vec::new() }
    }

    /// Whether DMARC passed at a sealer that is trusted, as are all after it.
    pub fn vouched_by(&self, is_trusted: impl Fn(&str) -> bool) -> bool {
        self.sealers.iter().take_while(|(domain, _)| is_trusted(domain)).any(|(_, passed)| *passed)
    }
}

pub(crate) async fn verify(
    chain: Option<&Result<Chain, &'static str>>,
    budget: &Budget<'_>,
    now_secs: u64,
) -> ArcResult {
    let chain = match chain {
        None => return ArcResult::failed(ArcVerdict::None, None),
        Some(Err(reason)) => return ArcResult::failed(ArcVerdict::Fail, Some(reason)),
        Some(Ok(chain)) => chain,
    };
    match verify_chain(chain, budget, now_secs).await {
        Ok(()) => ArcResult {
            verdict: ArcVerdict::Pass,
            reason: None,
            sealers: chain
                .seals
                .iter()
                .rev()
                .map(|seal| (seal.domain.clone(), seal.dmarc_passed))
                .collect(),
        },
        Err((DkimVerdict::TempError, reason)) => {
            ArcResult::failed(ArcVerdict::TempError, Some(reason))
        }
        Err((_, reason)) => ArcResult::failed(ArcVerdict::Fail, Some(reason)),
    }
}

async fn verify_chain(
    chain: &Chain,
    budget: &Budget<'_>,
    now_secs: u64,
) -> Result<(), (DkimVerdict, &'static str)> {
    chain.newest.verify(Service::Mail, budget, now_secs).await?;
    // RFC 8617 §5.2 step 6: every seal; the newest first, which is the one most likely to fail.
    for seal in chain.seals.iter().rev() {
        let key = find_key(Service::Mail, budget, &seal.selector, &seal.domain).await?;
        let holds = key.algorithm == seal.algorithm
            && key.algorithm.verify(&key.public_key, &chain.signed_by(seal), &seal.bytes);
        if !holds {
            return Err((DkimVerdict::Fail, "a seal does not match"));
        }
    }
    Ok(())
}
