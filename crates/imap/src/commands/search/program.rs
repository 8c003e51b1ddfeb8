//! Search keys made ready to be asked of each message.
//!
//! **Invariant:** [`Program::test`] answers `None` only while a key lacks what a later stage of
//! [`Program::stages`] brings.

use std::ops::Range;
use std::sync::Arc;

use ids::{ContentId, ModSeq, Timestamp};
use message::Collation;
use message::date::Day;
use message::flag::SystemFlags;
use storage::{Content, Entry, SearchTerm, Snapshot, Want};

use super::content::{KeyField, Texts};
use super::flag_tests::{FlagTest, FlagTests};
use super::rows::RowKeys;
use super::sought::{Indexed, Place, Sought, What};
use super::work::Work;
use super::{near, words};
use crate::types::{Addressing, NumberSet, SearchKey, SequenceSet};

const DAY_SECS: i64 = 24 * 60 * 60;
/// A set of numbers is halved so often in the time of one test.
const HALVINGS_A_TEST: u64 = 4;

/// What sets of numbers in the keys refer to.
pub(super) struct Sets<'s> {
    pub(super) known: &'s Snapshot,
    /// UIDs that `$` stands for.
    pub(super) saved: &'s Arc<NumberSet>,
    /// UIDs that are `\Recent` in this session.
    pub(super) recent: &'s Arc<NumberSet>,
    /// The keys that storage answered by itself.
    pub(super) rows: RowKeys,
    /// How texts are compared.
    pub(super) collation: Collation,
}

/// A message under test, with what was loaded of it so far.
pub(super) struct Facts<'f> {
    seq: u32,
    entry: &'f Entry<'f>,
    indexed: Option<Indexed<'f>>,
    texts: Texts<'f>,
}

impl<'f> Facts<'f> {
    /// What the view says, and the index if it was asked.
    pub(super) fn of_view(seq: u32, entry: &'f Entry<'f>, indexed: Option<Indexed<'f>>) -> Self {
        Self { seq, entry, indexed, texts: Texts::default() }
    }

    /// The facts with what was read of the message.
    pub(super) fn with_content(mut self, content: &'f Content, program: &'f Program) -> Self {
        let texts = Texts::of(content, program.collation);
        self.texts = if program.keeps_forms { texts.within(&program.work) } else { texts };
        self
    }
}

/// A compiled search: a search key whose sets, dates and texts are resolved, so that one message
/// can be tested without the store.
#[derive(Debug)]
pub(in crate::commands) struct Program {
    node: Node,
    collation: Collation,
    terms: Vec<SearchTerm>,
    /// Several of its keys look into texts.
    keeps_forms: bool,
    /// The budget of octets that these texts draw on.
    work: Arc<Work>,
}

#[derive(Debug)]
enum Node {
    Always(bool),
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Seqs(NumberSet),
    /// One set for all keys that mean it: it may have a range for every second message.
    Uids(Arc<NumberSet>),
    /// By number of the flag set: each distinct set of flags was tested once.
    FlagSets(Arc<[bool]>),
    /// Tested for each message, where there are too many sets of flags.
    Flags(FlagTest),
    /// Internal date in seconds.
    Received(Range<i64>),
    /// Day of the Date field.
    Sent(Range<i32>),
    Size(Range<u64>),
    ModSeqFrom(ModSeq),
    Content(Option<ContentId>),
    Sought(Sought),
}

impl Program {
    /// Compiles `key` into a program.
    pub(super) fn compile(
        key: &SearchKey,
        sets: &Sets<'_>,
        now: Timestamp,
        work: Arc<Work>,
    ) -> Self {
        let flag_tests = FlagTests::default();
        let mut compiler = Compiler { sets, now, is_fuzzy: false, flag_tests };
        let mut node = compiler.node(key);
        let mut terms = Vec::new();
        node.number(&mut terms);
        let keeps_forms = node.count_of_texts() > 1;
        Self { node, collation: sets.collation, terms, keeps_forms, work }
    }

    /// The budget that its looks into texts draw on.
    pub(super) fn work(&self) -> &Work {
        &self.work
    }

    /// The terms of the program that the search index can answer.
    pub(super) fn terms(&self) -> &[SearchTerm] {
        &self.terms
    }

    /// Whether a message is found, as far as that can be told from `facts`.
    pub(super) fn test(&self, facts: &Facts<'_>) -> Option<bool> {
        self.node.test(facts)
    }

    /// How many tests it makes of a message at most; one that looks for a number among many counts
    /// for some.
    pub(super) fn size(&self) -> u64 {
        self.node.size()
    }

    /// What to read of messages that are still undecided, stage by stage; each includes the ones
    /// before it.
    pub(super) fn stages(&self) -> Vec<Want> {
        let seeks = |test: fn(&Place) -> bool| {
            self.node.any(&|node| matches!(node, Node::Sought(sought) if test(&sought.place)))
        };
        let keys = seeks(|place| matches!(place, Place::Key(_)))
            || self.node.any(&|node| matches!(node, Node::Sent(_)));
        // A stored key that was cut leads to the header.
        let header = seeks(|place| matches!(place, Place::Key(_) | Place::Header(_)));
        let text = seeks(|place| matches!(place, Place::Body | Place::Whole));
        let mut stages = Vec::new();
        let mut want = Want::default();
        for (is_wanted, more) in [
            (keys, Want::KEYS),
            (header, Want::HEADER),
            (text, Want::HEADER | Want::TEXT | Want::PARTS),
        ] {
            if is_wanted {
                want |= more;
                stages.push(want);
            }
        }
        stages
    }
}

struct Compiler<'c> {
    sets: &'c Sets<'c>,
    now: Timestamp,
    /// Whether the key at hand stands inside FUZZY (RFC 6203).
    is_fuzzy: bool,
    /// The keys for flags so far.
    flag_tests: FlagTests,
}

impl Compiler<'_> {
    /// The parser bounds how deep keys are nested.
    fn node(&mut self, key: &SearchKey) -> Node {
        use SearchKey as K;
        match key {
            K::All => Node::Always(true),
            K::And(keys) => Node::All(keys.iter().map(|key| self.node(key)).collect()),
            K::Or(left, right) => Node::Any(vec![self.node(left), self.node(right)]),
            K::Not(key) => Node::Not(Box::new(self.node(key))),
            K::Seqs(set) => self.numbers(set, Addressing::Seq),
            K::Uids(set) => self.numbers(set, Addressing::Uid),
            K::Saved(uids) => Node::Uids(uids.clone()),
            K::Has(flags) => self.flags(FlagTest::Has(*flags)),
            K::Lacks(flags) => self.flags(FlagTest::Lacks(*flags)),
            K::Keyword(keyword) => self.flags(FlagTest::Keyword(keyword.clone())),
            K::Unkeyword(keyword) => self.flags(FlagTest::Unkeyword(keyword.clone())),
            K::Recent => self.recent(),
            // RFC 3501 §6.4.4: NEW is RECENT UNSEEN.
            K::New => {
                Node::All(vec![self.recent(), self.flags(FlagTest::Lacks(SystemFlags::SEEN))])
            }
            K::Old => Node::Not(Box::new(self.recent())),
            K::Before(day) => Node::Received(i64::MIN..day_start(*day)),
            K::On(day) => Node::Received(day_start(*day)..day_end(*day)),
            K::Since(day) => Node::Received(day_start(*day)..i64::MAX),
            K::SavedBefore(_) | K::SavedOn(_) | K::SavedSince(_) | K::ThreadId(_) => {
                Node::Uids(self.sets.rows.uids_of(key).unwrap_or_default())
            }
            K::Annotation(criterion) => {
                let found = Node::Uids(self.sets.rows.uids_of(key).unwrap_or_default());
                match criterion.value {
                    Some(_) => found,
                    None => Node::Not(Box::new(found)),
                }
            }
            // RFC 8514 §4.3: every message, as save dates are kept.
            K::SaveDateSupported => Node::Always(true),
            K::SentBefore(day) => Node::Sent(i32::MIN..day.get()),
            K::SentOn(day) => Node::Sent(day.get()..day.get().saturating_add(1)),
            K::SentSince(day) => Node::Sent(day.get()..i32::MAX),
            // RFC 5032 §2: both include the very second.
            K::Older(secs) => Node::Received(i64::MIN..self.ago(*secs).saturating_add(1)),
            K::Younger(secs) => Node::Received(self.ago(*secs)..i64::MAX),
            K::Larger(bytes) => Node::Size(bytes.saturating_add(1)..u64::MAX),
            K::Smaller(bytes) => Node::Size(0..*bytes),
            K::ModSeq(modseq) => Node::ModSeqFrom(*modseq),
            K::EmailId(id) => Node::Content(content_id(id)),
            K::Fuzzy(key) => {
                let before = std::mem::replace(&mut self.is_fuzzy, true);
                let node = self.node(key);
                self.is_fuzzy = before;
                node
            }
            K::Bcc(text) => self.text(text, &Place::Key(KeyField::Bcc)),
            K::Cc(text) => self.text(text, &Place::Key(KeyField::Cc)),
            K::From(text) => self.text(text, &Place::Key(KeyField::From)),
            K::To(text) => self.text(text, &Place::Key(KeyField::To)),
            K::Subject(text) => self.text(text, &Place::Key(KeyField::Subject)),
            K::Header { field, value } => self.text(value, &Place::Header(field.clone())),
            K::Body(text) => self.text(text, &Place::Body),
            K::Text(text) => self.text(text, &Place::Whole),
        }
    }

    /// A node that seeks a text. RFC 6203 §3: fuzzily, it is found where each of its words is or
    /// one spelled nearly so, wherever in the field they stand.
    fn text(&self, text: &str, place: &Place) -> Node {
        let collation = self.sets.collation;
        let node = |what| Node::Sought(Sought::new(place.clone(), what, collation));
        let fuzzy = match self.is_fuzzy {
            true => words(text, collation),
            false => Vec::new(),
        };
        let word = |word: String| match near(&word) {
            Some(near) => Node::Any(vec![node(What::Text(word)), node(What::Near(near))]),
            None => node(What::Text(word)),
        };
        match fuzzy.is_empty() {
            true => node(What::Text(collation.search_form(text).into_owned())),
            false => Node::All(fuzzy.into_iter().map(word).collect()),
        }
    }

    fn numbers(&self, set: &SequenceSet, by: Addressing) -> Node {
        // RFC 9051 §6.4.4.1: `$` means the same messages, whatever numbers they are named by.
        if set.is_saved() {
            return Node::Uids(self.sets.saved.clone());
        }
        let known = self.sets.known;
        match by {
            // DEVIATION(RFC 9051 §9): a number above the last message is no error here: the set
            // is a condition, which such a number does not fulfil, and clients search in ranges
            // that they have not looked up.
            Addressing::Seq => Node::Seqs(set.seqs_within(known.exists())),
            Addressing::Uid => {
                let last = known.by_seq(known.exists());
                let largest = last.map_or(0, |entry| entry.uid().get());
                Node::Uids(Arc::new(set.resolve_uids(largest)))
            }
        }
    }

    fn recent(&self) -> Node {
        Node::Uids(self.sets.recent.clone())
    }

    fn flags(&mut self, test: FlagTest) -> Node {
        let known = self.sets.known;
        let sets = (0..known.flag_sets()).map(|set| known.flags_of_set(set));
        match self.flag_tests.answers(&test, sets) {
            Some(answers) => Node::FlagSets(answers),
            None => Node::Flags(test),
        }
    }

    fn ago(&self, secs: u32) -> i64 {
        self.now.as_secs().saturating_sub(i64::from(secs))
    }
}

/// RFC 9051 §6.4.4: "disregarding time and timezone"; internal dates are shown in UTC.
pub(super) fn day_start(day: Day) -> i64 {
    i64::from(day.get()).saturating_mul(DAY_SECS)
}

pub(super) fn day_end(day: Day) -> i64 {
    day_start(day).saturating_add(DAY_SECS)
}

/// The content that an EMAILID of ours names.
fn content_id(id: &str) -> Option<ContentId> {
    id.strip_prefix('M')?.parse().ok().map(ContentId::new)
}

impl Node {
    /// The parser bounds how deep keys are nested.
    fn size(&self) -> u64 {
        match self {
            Self::All(nodes) | Self::Any(nodes) => 1 + nodes.iter().map(Self::size).sum::<u64>(),
            Self::Not(node) => 1 + node.size(),
            // Halving a set takes as long as a test after some times.
            Self::Seqs(set) => 1 + halvings(set) / HALVINGS_A_TEST,
            Self::Uids(set) => 1 + halvings(set) / HALVINGS_A_TEST,
            _ => 1,
        }
    }

    /// How many keys look into texts.
    fn count_of_texts(&self) -> usize {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().map(Self::count_of_texts).sum(),
            Self::Not(node) => node.count_of_texts(),
            Self::Sought(_) => 1,
            _ => 0,
        }
    }

    fn number(&mut self, terms: &mut Vec<SearchTerm>) {
        match self {
            Self::All(nodes) | Self::Any(nodes) => {
                nodes.iter_mut().for_each(|node| node.number(terms));
            }
            Self::Not(node) => node.number(terms),
            Self::Sought(sought) => sought.number(terms),
            _ => {}
        }
    }

    fn any(&self, test: &dyn Fn(&Node) -> bool) -> bool {
        test(self)
            || match self {
                Self::All(nodes) | Self::Any(nodes) => nodes.iter().any(|node| node.any(test)),
                Self::Not(node) => node.any(test),
                _ => false,
            }
    }

    fn test(&self, facts: &Facts<'_>) -> Option<bool> {
        let (entry, texts) = (facts.entry, &facts.texts);
        match self {
            Self::Always(answer) => Some(*answer),
            Self::All(nodes) => combine(nodes, facts, false),
            Self::Any(nodes) => combine(nodes, facts, true),
            Self::Not(node) => node.test(facts).map(|answer| !answer),
            Self::Seqs(set) => Some(set.contains(facts.seq)),
            Self::Uids(set) => Some(set.contains(entry.uid().get())),
            Self::FlagSets(sets) => Some(sets.get(entry.flag_set()).copied().unwrap_or(false)),
            Self::Flags(test) => Some(test.is_met_by(entry.flags())),
            Self::Received(secs) => Some(secs.contains(&entry.internal_date().as_secs())),
            Self::Sent(days) => {
                texts.sent_day().map(|day| day.is_some_and(|day| days.contains(&day)))
            }
            Self::Size(bytes) => Some(bytes.contains(&u64::from(entry.size_bytes()))),
            Self::ModSeqFrom(modseq) => Some(entry.modseq() >= *modseq),
            Self::Content(id) => Some(*id == Some(entry.content())),
            Self::Sought(sought) => sought.test(facts.indexed, texts),
        }
    }
}

/// How often a set is halved until it is known whether a number is in it.
fn halvings(set: &NumberSet) -> u64 {
    set.ranges().len().checked_ilog2().unwrap_or_default().into()
}

/// One node that answers `decisive` decides; else the first one that does not know.
fn combine(nodes: &[Node], facts: &Facts<'_>, decisive: bool) -> Option<bool> {
    let mut answer = Some(!decisive);
    for node in nodes {
        match node.test(facts) {
            Some(found) if found == decisive => return Some(decisive),
            Some(_) => {}
            None => answer = None,
        }
    }
    answer
}
