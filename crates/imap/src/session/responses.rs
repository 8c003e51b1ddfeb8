//! What is told of messages gone and changed, in the words that a client speaks.

use super::Enabled;
use crate::render::{self, FetchWriter};
use crate::types::NumberSet;
use crate::view::{Diff, Entry};

/// EXPUNGE in descending order, or one VANISHED where the client knows of it
/// (RFC 7162 §3.2.10, RFC 9586 §3.4).
pub(super) fn tell_expunged(diff: &Diff, enabled: Enabled, out: &mut Vec<u8>) {
    if !enabled.vanished() {
        for seq in &diff.expunged_seqs {
            render::expunge(out, *seq);
        }
        return;
    }
    let mut uids = NumberSet::new();
    for range in diff.expunged_uids.ranges() {
        uids.insert_range(range.start().get(), range.end().get());
    }
    render::vanished(out, &uids, false);
}

/// Begins the FETCH response of a message, which is UIDFETCH to those that speak UIDs only.
pub(crate) fn begin_fetch<'o>(
    out: &'o mut Vec<u8>,
    seq: u32,
    entry: &Entry<'_>,
    enabled: Enabled,
) -> FetchWriter<'o> {
    match enabled.uid_only() {
        true => FetchWriter::begin_uid(out, entry.uid()),
        false => FetchWriter::begin(out, seq),
    }
}

/// An untagged FETCH that tells the flags of a message, with its UID, which no client minds and
/// those with CONDSTORE need (RFC 7162 §3.2.4).
pub(super) fn push_flags(
    out: &mut Vec<u8>,
    seq: u32,
    entry: &Entry<'_>,
    recent: bool,
    enabled: Enabled,
) {
    let mut fetch = begin_fetch(out, seq, entry, enabled);
    if !enabled.uid_only() {
        fetch.uid(entry.uid());
    }
    fetch.flags_rendered(entry.flags_rendered(), recent);
    if enabled.condstore() {
        fetch.modseq(entry.modseq());
    }
    fetch.finish();
}
