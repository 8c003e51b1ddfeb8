//! The sets of ARC fields on a message: RFC 8617 §4.

use crate::canonical::{Canonicalization, push_field};
use crate::crypto::Algorithm;
use crate::dkim::signature::{Kind, Signature, without_signature};
use crate::dkim::verify::{BodyHashes, Hashed, hash};
use crate::dns::domain_of;
use crate::parts::Parts;
use crate::tags::{Tags, decode_base64};

/// LIMIT: RFC 8617 §4.2.1.
pub(crate) const SETS_MAX: usize = 50;

/// What a sealer says of the chain before it: `cv=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    None,
    Pass,
    Fail,
}

/// The three fields of one instance, as they stand in the message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Set<'a> {
    pub(super) results: &'a [u8],
    pub(super) message_signature: &'a [u8],
    pub(super) seal: &'a [u8],
}

/// A seal, and what it covers.
#[derive(Debug, Clone)]
pub(crate) struct Seal {
    pub(crate) domain: String,
    pub(crate) selector: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) bytes: Vec<u8>,
    /// How much of [`Chain::sealed`] it covers.
    before_bytes: usize,
    /// What it covers beyond that: its own set, its signature taken out.
    own: Vec<u8>,
    /// Whether this sealer found that DMARC passed.
    pub(crate) dmarc_passed: bool,
}

/// A chain that is complete, for keys to be tried on.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    /// The first instance first.
    pub(crate) seals: Vec<Seal>,
    /// The newest signature of the message.
    pub(crate) newest: Hashed,
    /// The sets, one after the other, which every seal covers a part of.
    sealed: Vec<u8>,
}

impl Chain {
    /// The text that a seal was made of.
    pub(crate) fn signed_by(&self, seal: &Seal) -> Vec<u8> {
        let before = self.sealed.get(..seal.before_bytes).unwrap_or_default();
        [before, &seal.own].concat()
    }
}

/// The chain of a message: none, one to verify, or why it is broken.
pub(crate) fn read_chain(
    parts: &Parts<'_>,
    hashes: &mut BodyHashes,
) -> Option<Result<Chain, &'static str>> {
    let sets = match read_sets(parts) {
        Ok(sets) if sets.is_empty() => return None,
        Ok(sets) => sets,
        Err(reason) => return Some(Err(reason)),
    };
    Some(prepare(parts, hashes, &sets))
}

/// RFC 8617 §5.2 step 2: each instance from one on has one of each field.
pub(super) fn read_sets<'a>(parts: &Parts<'a>) -> Result<Vec<Set<'a>>, &'static str> {
    let names = ["arc-authentication-results", "arc-message-signature", "arc-seal"];
    let count = parts.count("arc-seal");
    if names.iter().any(|name| parts.count(name) != count) {
        return Err("a set is incomplete");
    }
    if count > SETS_MAX {
        return Err("too many sets");
    }
    let mut columns: [Vec<Option<&[u8]>>; 3] = std::array::from_fn(|_| vec![None; count]);
    for (name, column) in names.iter().zip(&mut columns) {
        for field in parts.named(name) {
            let instance = instance_of(field.value).ok_or("malformed instance")?;
            let place = column.get_mut(instance - 1).ok_or("an instance is missing")?;
            if place.replace(field.line).is_some() {
                return Err("an instance is there twice");
            }
        }
    }
    let [results, message_signatures, seals] = columns;
    let rows = results.into_iter().zip(message_signatures).zip(seals);
    let set = |((results, message_signature), seal)| {
        Some(Set { results: results?, message_signature: message_signature?, seal: seal? })
    };
    rows.map(set).collect::<Option<Vec<_>>>().ok_or("an instance is missing")
}

/// `i=` at the beginning of a results field, anywhere in the others; from 1 on.
fn instance_of(value: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(value).ok()?;
    let spec = text
        .split(';')
        .find(|spec| spec.split_once('=').is_some_and(|(name, _)| name.trim() == "i"))?;
    let digits = spec.split_once('=')?.1.trim();
    let is_number = digits.len() <= 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|instance| is_number && *instance > 0)
}

fn prepare(
    parts: &Parts<'_>,
    hashes: &mut BodyHashes,
    sets: &[Set<'_>],
) -> Result<Chain, &'static str> {
    let mut seals = Vec::new();
    let mut sealed = Vec::new();
    for (at, set) in sets.iter().enumerate() {
        let (seal, before) = read_seal(set, sealed.len())?;
        // RFC 8617 §5.2 steps 1 and 3.
        match before {
            Before::None if at == 0 => {}
            Before::Pass if at > 0 => {}
            Before::Fail => return Err("a sealer found the chain broken"),
            Before::None | Before::Pass => return Err("cv= does not fit"),
        }
        seals.push(seal);
        push_set(set, &mut sealed);
    }
    let newest = sets.last().ok_or("there is no set")?.message_signature;
    let (_, signature) = Signature::parse(value_of(newest), Kind::Arc);
    let signature = signature?;
    // RFC 6376 §8.15: an author put above the signed one would be vouched for with it.
    if parts.count("from") > signature.names.iter().filter(|name| *name == "from").count() {
        return Err("a From is not signed");
    }
    let newest = hash(parts, hashes, newest, signature).map_err(|(_, reason)| reason)?;
    Ok(Chain { seals, newest, sealed })
}

/// The value of a field from its line.
fn value_of(line: &[u8]) -> &[u8] {
    let colon = memchr::memchr(b':', line);
    colon.and_then(|colon| line.get(colon + 1..)).unwrap_or_default()
}

fn read_seal(set: &Set<'_>, before_bytes: usize) -> Result<(Seal, Before), &'static str> {
    let text = std::str::from_utf8(value_of(set.seal)).ok();
    let tags = text.and_then(Tags::parse).ok_or("malformed seal")?;
    // RFC 8617 §4.1.3: a seal that says what it covers is none.
    if tags.find("h").is_some() {
        return Err("h= in a seal");
    }
    let before = match tags.find("cv").map(str::to_ascii_lowercase).as_deref() {
        Some("none") => Before::None,
        Some("pass") => Before::Pass,
        Some("fail") => Before::Fail,
        _ => return Err("malformed cv="),
    };
    let domain = tags.find("d").and_then(domain_of).ok_or("malformed seal")?;
    let selector = tags.find("s").and_then(domain_of).ok_or("malformed seal")?;
    let algorithm = tags.find("a").and_then(Algorithm::from_name).ok_or("unknown algorithm")?;
    let bytes = tags.find("b").and_then(decode_base64).ok_or("malformed seal")?;
    let mut own = Vec::new();
    push_results_and_signature(set, &mut own);
    push_field(Canonicalization::Relaxed, &without_signature(set.seal), &mut own);
    own.truncate(own.len().saturating_sub(2));
    let dmarc_passed = crate::results::passes(value_of(set.results), "dmarc");
    Ok((Seal { domain, selector, algorithm, bytes, before_bytes, own, dmarc_passed }, before))
}

fn push_results_and_signature(set: &Set<'_>, out: &mut Vec<u8>) {
    push_field(Canonicalization::Relaxed, set.results, out);
    push_field(Canonicalization::Relaxed, set.message_signature, out);
}

/// RFC 8617 §5.1.1: the order in which sets are sealed.
pub(super) fn push_set(set: &Set<'_>, out: &mut Vec<u8>) {
    push_results_and_signature(set, out);
    push_field(Canonicalization::Relaxed, set.seal, out);
}
