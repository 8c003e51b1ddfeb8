//! Sealing of messages that are sent on (RFC 8617 §5.1): one more set of the three ARC header
//! fields.

use super::chain::{SETS_MAX, Set, push_set, read_sets};
use crate::canonical::{Canonicalization, push_field};
use crate::dkim::Signer;
use crate::dkim::sign::{Draft, push_signature};
use crate::parts::Parts;
use crate::results::{authserv_id_of, verdict_of};

/// The three fields that seal `message`, to be put on top of it. What was found of it on its way
/// in is taken from the Authentication-Results of `authserv_id` that stands in it.
///
/// `None`: there is nothing to be said (no such field), the chain cannot be gone on with, or was
/// broken before (RFC 8617 §5.1.2 lets a broken chain be left as it is).
pub fn seal(message: &[u8], authserv_id: &str, signer: &Signer, now_secs: u64) -> Option<String> {
    let parts = Parts::of(message)?;
    let ours = parts
        .named("authentication-results")
        .find(|field| authserv_id_of(field.value).is_some_and(|id| id == authserv_id))?;
    let sets = read_sets(&parts).ok()?;
    let instance = sets.len() + 1;
    let before = match (sets.is_empty(), verdict_of(ours.value, "arc").as_deref()) {
        // RFC 8617 §4.1.3: the first sealer has nothing before it.
        (true, _) => "none",
        (false, Some("pass")) => "pass",
        (false, _) => return None,
    };
    if instance > SETS_MAX {
        return None;
    }
    let value = String::from_utf8_lossy(ours.value);
    let results = format!("ARC-Authentication-Results: i={instance};{value}\r\n");
    // RFC 8617 §4.1.2: what DKIM said is covered too, as the next one sees it.
    let draft = Draft::of(&parts, &["dkim-signature"]);
    let tags = format!("i={instance};");
    let message_signature = draft.sign(&parts, "ARC-Message-Signature", &tags, signer, now_secs)?;
    let seal = seal_set(&sets, &results, &message_signature, before, signer, now_secs)?;
    // The seal stands above what it covers.
    Some(seal + &message_signature + &results)
}

/// ARC-Seal over the sets there are and a new one (RFC 8617 §5.1.1).
pub(super) fn seal_set(
    sets: &[Set<'_>],
    results: &str,
    message_signature: &str,
    before: &str,
    signer: &Signer,
    now_secs: u64,
) -> Option<String> {
    let mut field = format!(
        "ARC-Seal: i={}; a={}; cv={before};\r\n\td={}; s={};\r\n\tt={now_secs}; b=",
        sets.len() + 1,
        signer.key.algorithm().as_str(),
        signer.domain,
        signer.selector,
    );
    let mut signed = Vec::new();
    sets.iter().for_each(|set| push_set(set, &mut signed));
    for line in [results, message_signature, &field] {
        push_field(Canonicalization::Relaxed, line.as_bytes(), &mut signed);
    }
    signed.truncate(signed.len().saturating_sub(2));
    push_signature(&mut field, &signer.key.sign(&signed)?);
    Some(field)
}
