//! Arguments of SELECT and EXAMINE (RFC 9051 §6.3.2) with those of QRESYNC (RFC 7162 §3.2.5).

use ids::{ModSeq, UidValidity};

use super::{MailboxName, SequenceSet};

/// `SELECT mailbox [(params)]` and `EXAMINE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectArgs {
    /// The mailbox to open.
    pub mailbox: MailboxName,
    /// `CONDSTORE` (RFC 7162 §3.1.8).
    pub condstore: bool,
    /// `ANNOTATE` (RFC 5257 §4.2): changes of annotations are told.
    pub annotate: bool,
    /// `QRESYNC (…)` (RFC 7162 §3.2.5).
    pub qresync: Option<QresyncParams>,
}

/// What a client remembers of a mailbox (RFC 7162 §3.2.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QresyncParams {
    /// The UIDVALIDITY it saw last.
    pub uid_validity: UidValidity,
    /// The modseq it knows everything up to.
    pub modseq: ModSeq,
    /// The UIDs it knows, free of `*`; None is all of them.
    pub known_uids: Option<SequenceSet>,
    /// Sequence numbers and the UIDs they had (RFC 7162 §3.2.5.2).
    pub seq_match: Option<SeqMatch>,
}

/// Pairs of sequence number and UID, both free of `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeqMatch {
    /// Sequence numbers, ascending.
    pub seqs: SequenceSet,
    /// The UID of each.
    pub uids: SequenceSet,
}
