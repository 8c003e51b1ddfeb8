//! Verification: RFC 6376 §6. What needs the message is computed first and at once, what needs
//! the DNS later, so that nobody waits with a message in hand.

use std::collections::HashMap;

use aws_lc_rs::digest;
use message::Field;

use super::key_record::{KeyRecord, Service};
use super::signature::{Kind, Label, Signature, without_signature};
use crate::canonical::{Canonicalization, feed_body, push_field};
use crate::dns::{Budget, LookupError, is_within};
use crate::parts::Parts;

/// LIMIT: signatures of one message that are verified; those of the author's domain are preferred.
/// RFC 6376 §6.1 lets a verifier limit them; lists and relays add two or three.
pub const SIGNATURES_MAX: usize = 8;

/// RFC 8601 §2.7.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DkimVerdict {
    /// The signature holds.
    Pass,
    /// The signature does not hold.
    Fail,
    /// The signature holds, but not for what counts here.
    Policy,
    /// The signature cannot be evaluated.
    Neutral,
    /// The key could not be had now.
    TempError,
    /// The key cannot be used, or is not there.
    PermError,
}

impl DkimVerdict {
    /// The word for it in Authentication-Results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Policy => "policy",
            Self::Neutral => "neutral",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

/// The result of verifying one signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DkimResult {
    /// The domain and selector of the signature.
    pub label: Label,
    /// The result of verification.
    pub verdict: DkimVerdict,
    /// Why the signature does not pass.
    pub reason: Option<&'static str>,
}

/// A signature with everything its message contributes.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) label: Label,
    pub(crate) state: Result<Hashed, (DkimVerdict, &'static str)>,
}

/// A signature whose body hash is right, with the text that it signs.
#[derive(Debug, Clone)]
pub(crate) struct Hashed {
    signature: Signature,
    /// The text that was signed.
    signed: Vec<u8>,
}

/// The hashes of one body that were asked for.
#[derive(Default)]
pub(crate) struct BodyHashes(HashMap<(Canonicalization, Option<u64>), (Vec<u8>, u64)>);

impl BodyHashes {
    /// The hash, and how many bytes the canonical body has.
    fn of(&mut self, form: Canonicalization, limit: Option<u64>, body: &[u8]) -> &(Vec<u8>, u64) {
        self.0.entry((form, limit)).or_insert_with(|| {
            let mut context = digest::Context::new(&digest::SHA256);
            let mut bytes = 0_u64;
            feed_body(form, body, |piece| {
                let left = limit.unwrap_or(u64::MAX).saturating_sub(bytes);
                let part = usize::try_from(left).ok().and_then(|left| piece.get(..left));
                context.update(part.unwrap_or(piece));
                bytes = bytes.saturating_add(piece.len() as u64);
            });
            (context.finish().as_ref().to_vec(), bytes)
        })
    }
}

/// The signatures of a message, at most [`SIGNATURES_MAX`].
pub(crate) fn candidates(parts: &Parts<'_>, hashes: &mut BodyHashes) -> Vec<Candidate> {
    let authors = parts.author_domains().domains;
    // Reading a signature is cheap beside hashing for it; still there is an end.
    let fields = parts.named("dkim-signature").take(SIGNATURES_MAX * 8);
    let mut read: Vec<Read<'_>> = fields.map(|field| Read::of(field, &authors)).collect();
    read.sort_by_key(|read| read.foreign);
    read.truncate(SIGNATURES_MAX);
    let candidate = |Read { line, label, signature, .. }| {
        let signature = signature.map_err(|reason| (DkimVerdict::Neutral, reason));
        let state = signature.and_then(|signature| hash(parts, hashes, line, signature));
        Candidate { label, state }
    };
    read.into_iter().map(candidate).collect()
}

/// A signature as it stands in the message.
struct Read<'a> {
    /// Whether it is of somebody who is none of the authors.
    foreign: bool,
    line: &'a [u8],
    label: Label,
    signature: Result<Signature, &'static str>,
}

impl<'a> Read<'a> {
    fn of(field: &Field<'a>, authors: &[String]) -> Self {
        let (label, signature) = Signature::parse(field.value, Kind::Dkim);
        let domain = &label.domain;
        let mut related = authors.iter().filter(|_| !domain.is_empty());
        let foreign = !related.any(|author| is_within(author, domain) || is_within(domain, author));
        Self { foreign, line: field.line, label, signature }
    }
}

/// RFC 6376 §3.7: what is hashed.
pub(crate) fn hash(
    parts: &Parts<'_>,
    hashes: &mut BodyHashes,
    line: &[u8],
    signature: Signature,
) -> Result<Hashed, (DkimVerdict, &'static str)> {
    let (body_hash, body_bytes) = hashes.of(signature.body_form, signature.body_bytes, parts.body);
    if signature.body_bytes.is_some_and(|signed| signed > *body_bytes) {
        return Err((DkimVerdict::Fail, "l= is beyond the end of the body"));
    }
    if *body_hash != signature.body_hash {
        return Err((DkimVerdict::Fail, "the body was changed"));
    }
    // RFC 6376 §8.2: what follows the signed part is anybody's, so the message as it is shown is
    // not what was signed.
    if signature.body_bytes.is_some_and(|signed| signed < *body_bytes) {
        return Err((DkimVerdict::Policy, "l= leaves the end of the body unsigned"));
    }
    let mut signed = Vec::new();
    let form = signature.header_form;
    push_named_fields(parts, &signature.names, form, &mut signed);
    push_field(form, &without_signature(line), &mut signed);
    // RFC 6376 §3.7: the last field goes without its line break.
    signed.truncate(signed.len().saturating_sub(2));
    Ok(Hashed { signature, signed })
}

/// RFC 6376 §5.4.2: of several fields of a name the last is taken first; a name with no field left
/// stands for nothing.
pub(crate) fn push_named_fields(
    parts: &Parts<'_>,
    names: &[String],
    form: Canonicalization,
    out: &mut Vec<u8>,
) {
    let mut taken: HashMap<&str, usize> = HashMap::new();
    for name in names {
        let count = taken.entry(name).or_default();
        if let Some(field) = parts.named(name).rev().nth(*count) {
            push_field(form, field.line, out);
        }
        *count += 1;
    }
}

impl Candidate {
    pub(crate) async fn verify(
        &self,
        service: Service,
        budget: &Budget<'_>,
        now_secs: u64,
    ) -> DkimResult {
        let outcome = match &self.state {
            Ok(hashed) => hashed.verify(service, budget, now_secs).await,
            Err(failed) => Err(*failed),
        };
        let (verdict, reason) = match outcome {
            Ok(()) => (DkimVerdict::Pass, None),
            Err((verdict, reason)) => (verdict, Some(reason)),
        };
        DkimResult { label: self.label.clone(), verdict, reason }
    }
}

impl Hashed {
    pub(crate) async fn verify(
        &self,
        service: Service,
        budget: &Budget<'_>,
        now_secs: u64,
    ) -> Result<(), (DkimVerdict, &'static str)> {
        let signature = &self.signature;
        // RFC 8460 §3: a report must not be signed with "l=", wherever that says the body ends.
        if service == Service::TlsReports && signature.body_bytes.is_some() {
            return Err((DkimVerdict::Policy, "l= in the signature of a report"));
        }
        if signature.expires.is_some_and(|expires| expires < now_secs) {
            return Err((DkimVerdict::Fail, "the signature has expired"));
        }
        let key = find_key(service, budget, &signature.selector, &signature.domain).await?;
        if key.algorithm != signature.algorithm {
            return Err((DkimVerdict::PermError, "the key is of another type"));
        }
        // RFC 6376 §3.6.1, flag "s".
        if key.strict && signature.identity != signature.domain {
            return Err((DkimVerdict::PermError, "i= is not d="));
        }
        if key.algorithm.verify(&key.public_key, &self.signed, &signature.bytes) {
            return Ok(());
        }
        // RFC 6376 §3.6.1, flag "y": of a domain that tries DKIM out a broken signature is none.
        // DEVIATION(RFC 6376 §3.6.1): one that holds counts; many domains leave the flag on for
        // years, and their mail is what it says it is.
        let verdict = if key.testing { DkimVerdict::Neutral } else { DkimVerdict::Fail };
        Err((verdict, "the signature does not match"))
    }
}

/// RFC 6376 §6.1.2.
pub(crate) async fn find_key(
    service: Service,
    budget: &Budget<'_>,
    selector: &str,
    domain: &str,
) -> Result<KeyRecord, (DkimVerdict, &'static str)> {
    let texts = match budget.texts(&format!("{selector}._domainkey.{domain}")).await {
        Ok(texts) => texts,
        Err(LookupError::Temporary) => {
            return Err((DkimVerdict::TempError, "the key cannot be had now"));
        }
        Err(LookupError::NoSuchName) => Vec::new(),
    };
    let mut failed = "there is no key";
    for text in &texts {
        match KeyRecord::parse(text, service) {
            Ok(key) => return Ok(key),
            Err(reason) => failed = reason,
        }
    }
    Err((DkimVerdict::PermError, failed))
}
