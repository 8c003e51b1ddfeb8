//! The keys of a mailbox, column by column.

use ids::Uid;
use message::{Collation, KeysView, SortText};

use super::texts::{TextColumn, Texts};
use super::threads::{ThreadColumn, ThreadRow};

/// Which keys are needed. The sent date always comes along.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SortWant {
    /// Texts, in the form of `collation`.
    pub texts: Vec<SortText>,
    /// How the texts are compared.
    pub collation: Collation,
    /// What [`SortKeys::thread`] tells.
    pub threads: bool,
}

/// A text in the form of a collation.
pub(super) type TextKey = (SortText, Collation);

/// The keys of messages, in rows by ascending UID.
#[derive(Debug, Clone, Default)]
pub struct SortKeys {
    uids: Vec<u32>,
    /// Seconds since 1970.
    sent: Vec<i64>,
    texts: Vec<(TextKey, TextColumn)>,
    threads: Option<ThreadColumn>,
}

/// Rows being read, before they are ranked.
pub(super) struct Rows {
    keys: SortKeys,
    texts: Vec<(TextKey, Texts)>,
}

impl SortKeys {
    /// When the message was sent in seconds since 1970, or received where its Date field tells
    /// nothing (RFC 5256 §2.2).
    pub fn sent(&self, row: usize) -> i64 {
        self.sent.get(row).copied().unwrap_or_default()
    }

    /// The rank of a text that was wanted; equal texts have equal ranks, and the empty text has
    /// rank 0. All ranks are 0 of a text that was not.
    pub fn rank(&self, text: SortText, collation: Collation, row: usize) -> u32 {
        let column = self.texts.iter().find(|(key, _)| *key == (text, collation));
        column.map_or(0, |(_, column)| column.rank(row))
    }

    /// What THREAD needs of a message, where it was wanted.
    pub fn thread(&self, row: usize) -> Option<ThreadRow<'_>> {
        self.threads.as_ref().map(|threads| threads.row(row))
    }

    /// How many distinct message ids there are.
    pub fn message_ids(&self) -> usize {
        self.threads.as_ref().map_or(0, ThreadColumn::ids)
    }

    /// Adds the rows of others, whose UIDs are higher, which were made
    /// [`beside`](Rows::beside).
    pub(super) fn append(&mut self, other: Self) {
        self.uids.extend(other.uids);
        self.sent.extend(other.sent);
        for ((_, column), (_, more)) in self.texts.iter_mut().zip(other.texts) {
            column.append(more);
        }
        if let (Some(threads), Some(more)) = (&mut self.threads, other.threads) {
            threads.append(more);
        }
    }

    pub(super) fn uids(&self) -> &[u32] {
        &self.uids
    }

    pub(super) fn has(&self, want: &SortWant) -> bool {
        let has_text = |text: &SortText| {
            self.texts.iter().any(|((known, by), _)| known == text && *by == want.collation)
        };
        want.texts.iter().all(has_text) && (!want.threads || self.threads.is_some())
    }

    /// The bytes held.
    pub(super) fn size_bytes(&self) -> usize {
        let texts: usize = self.texts.iter().map(|(_, column)| column.size_bytes()).sum();
        self.uids.capacity() * size_of::<u32>()
            + self.sent.capacity() * size_of::<i64>()
            + texts
            + self.threads.as_ref().map_or(0, ThreadColumn::size_bytes)
    }
}

impl Rows {
    /// Begins with what is known already.
    pub(super) fn after(known: SortKeys) -> Self {
        let texts = known.texts.iter().map(|(key, _)| (*key, Texts::default())).collect();
        Self { keys: known, texts }
    }

    /// Begins anew, with the columns of `known` and those of `want`.
    pub(super) fn anew(known: &SortKeys, want: &SortWant) -> Self {
        let threads = (want.threads || known.threads.is_some()).then(ThreadColumn::default);
        let mut keys = SortKeys { threads, ..SortKeys::default() };
        let wanted = want.texts.iter().map(|text| (*text, want.collation));
        for key in known.texts.iter().map(|(key, _)| *key).chain(wanted) {
            if !keys.texts.iter().any(|(known, _)| *known == key) {
                keys.texts.push((key, TextColumn::default()));
            }
        }
        Self::after(keys)
    }

    /// Empty ones with the same columns, whose keys can be appended to those of these.
    pub(super) fn beside(&self) -> Self {
        let texts = self.keys.texts.iter().map(|(key, _)| (*key, TextColumn::default()));
        let threads = self.keys.threads.as_ref().map(ThreadColumn::beside);
        Self::after(SortKeys { texts: texts.collect(), threads, ..SortKeys::default() })
    }

    /// Whether the header of a message is needed beside its keys.
    pub(super) fn needs_header(&self) -> bool {
        self.texts.iter().any(|((_, collation), _)| *collation != Collation::UnicodeCasemap)
    }

    /// Adds a message. One whose keys are gone or damaged has none.
    pub(super) fn push(&mut self, uid: Uid, received: i64, column: &[u8], header: &[u8]) {
        let view = KeysView::parse(column).ok();
        self.keys.uids.push(uid.get());
        let sent = view.as_ref().and_then(KeysView::sent_date);
        // RFC 5256 §2.2: the internal date stands in for a Date that cannot be read.
        self.keys.sent.push(sent.map_or(received, |date| date.unix_secs()));
        for ((text, collation), texts) in &mut self.texts {
            match collation {
                Collation::UnicodeCasemap => {
                    texts.push(view.as_ref().map_or("", |view| text.of_keys(view)));
                }
                other => texts.push(&text.of_header(header, *other)),
            }
        }
        if let Some(threads) = &mut self.keys.threads {
            threads.push(view.as_ref());
        }
    }

    /// The keys with all rows ranked.
    pub(super) fn finish(self) -> SortKeys {
        let Self { mut keys, texts } = self;
        for ((_, column), (_, texts)) in keys.texts.iter_mut().zip(&texts) {
            column.append(TextColumn::of(texts));
        }
        keys
    }
}
