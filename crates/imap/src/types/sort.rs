//! Arguments of SORT and THREAD (RFC 5256 §3, §5).

use super::{
    Addressing, AnnotationEntry, AnnotationScope, FetchAttribute, SearchKey, SearchReturn,
};

/// The keys by which messages are ordered (RFC 5256 §3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SortKey {
    /// `ANNOTATION entry value.…` (RFC 5257 §4.9).
    Annotation(AnnotationEntry, AnnotationScope),
    /// `ARRIVAL`: internal date and time.
    Arrival,
    /// `CC`: local part of the first Cc address.
    Cc,
    /// `DATE`: the sent date in UTC.
    Date,
    /// `DISPLAYFROM` (RFC 5957 §4).
    DisplayFrom,
    /// `DISPLAYTO` (RFC 5957 §4).
    DisplayTo,
    /// `FROM`: local part of the first From address.
    From,
    /// `RELEVANCY` (RFC 6203 §6): the most relevant first.
    Relevancy,
    /// `SIZE` in octets.
    Size,
    /// `SUBJECT`: the base subject.
    Subject,
    /// `TO`: local part of the first To address.
    To,
}

/// `["REVERSE" SP] sort-key` (RFC 5256 §5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortCriterion {
    /// The attribute that is compared.
    pub key: SortKey,
    /// Whether the order is descending.
    pub reverse: bool,
}

/// `SORT [RETURN (…)] (criteria) charset keys` and `UID SORT`.
#[derive(Debug, Clone, PartialEq)]
pub struct SortArgs {
    /// Whether sequence numbers or UIDs are answered.
    pub by: Addressing,
    /// None without RETURN: answered with SORT.
    pub returns: Option<SearchReturn>,
    /// What UPDATE asks for of messages that come to the results (RFC 5465 §7).
    pub fetch: Vec<FetchAttribute>,
    /// At least one, the most important first.
    pub criteria: Vec<SortCriterion>,
    /// The search program: only messages that match are sorted.
    pub key: SearchKey,
}

/// How THREAD puts messages together (RFC 5256 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThreadAlgorithm {
    /// `ORDEREDSUBJECT`.
    OrderedSubject,
    /// `REFERENCES`.
    References,
}

/// `THREAD algorithm charset keys` and `UID THREAD`.
#[derive(Debug, Clone, PartialEq)]
pub struct ThreadArgs {
    /// Whether sequence numbers or UIDs are answered.
    pub by: Addressing,
    /// The threading algorithm.
    pub algorithm: ThreadAlgorithm,
    /// The search program: only messages that match are threaded.
    pub key: SearchKey,
}
