//! The sort keys of a mailbox as columns, one entry per message.

use ids::Uid;
use message::varint::{push_varint, take_varint, unzigzag, zigzag};
use message::{Collation, KeysView, SortText};

use super::bounds::IdLimit;
use super::texts::{TextColumn, Texts};
use super::threads::{ThreadColumn, ThreadRow};
use crate::Result;

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

/// The collation of texts that are stored: the one they have in the keys of a message.
pub(super) const STORED: Collation = Collation::UnicodeCasemap;

/// The keys of messages, in rows by ascending UID.
#[derive(Debug, Clone, Default)]
pub struct SortKeys {
    uids: Vec<u32>,
    /// Seconds since 1970.
    sent: Vec<i64>,
    texts: Vec<(TextKey, TextColumn)>,
    threads: Option<ThreadColumn>,
}

/// A column as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// UIDs and dates: what all others go by.
    Rows,
    Text(SortText),
    Threads,
}

impl Kind {
    pub(super) const ALL: [Self; 8] = [
        Self::Rows,
        Self::Text(SortText::Subject),
        Self::Text(SortText::From),
        Self::Text(SortText::To),
        Self::Text(SortText::Cc),
        Self::Text(SortText::DisplayFrom),
        Self::Text(SortText::DisplayTo),
        Self::Threads,
    ];

    /// The number of the column in database rows.
    pub(super) fn number(self) -> i64 {
        Self::ALL.iter().position(|kind| *kind == self).unwrap_or_default() as i64
    }
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

    /// Whether they have what THREAD needs.
    pub(super) fn has_threads(&self) -> bool {
        self.threads.is_some()
    }

    /// How many distinct message ids there are.
    pub fn message_ids(&self) -> usize {
        self.threads.as_ref().map_or(0, ThreadColumn::ids)
    }

    /// How many ids are named in References, each as often as it is named.
    pub(super) fn named_ids(&self) -> usize {
        self.threads.as_ref().map_or(0, ThreadColumn::named)
    }

    /// Empty ones with every column that is stored.
    pub(super) fn of_all_kinds() -> Self {
        let texts = Kind::ALL.into_iter().filter_map(|kind| match kind {
            Kind::Text(text) => Some(((text, STORED), TextColumn::default())),
            Kind::Rows | Kind::Threads => None,
        });
        Self { texts: texts.collect(), threads: Some(ThreadColumn::default()), ..Self::default() }
    }

    /// The columns as they are stored, in their order; `None` where one of them is not.
    pub(super) fn kinds(&self) -> Option<Vec<Kind>> {
        let texts = self
            .texts
            .iter()
            .map(|((text, collation), _)| (*collation == STORED).then_some(Kind::Text(*text)));
        let threads = self.threads.is_some().then_some(Some(Kind::Threads));
        [Some(Kind::Rows)].into_iter().chain(texts).chain(threads).collect()
    }

    /// A column as it is stored; `None` where there is none.
    pub(super) fn encode(&self, kind: Kind) -> Option<Vec<u8>> {
        match kind {
            Kind::Rows => Some(self.encode_rows()),
            Kind::Text(text) => {
                let mut columns = self.texts.iter().filter(|(key, _)| *key == (text, STORED));
                columns.next().map(|(_, column)| column.encode())
            }
            Kind::Threads => self.threads.as_ref().map(ThreadColumn::encode),
        }
    }

    /// Layout: how many rows there are, and of each what its UID and its date are above those of
    /// the one before.
    fn encode_rows(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(6 * self.uids.len() + 4);
        push_varint(&mut out, self.uids.len() as u64);
        let (mut last, mut before) = (0, 0i64);
        for (uid, sent) in self.uids.iter().zip(&self.sent) {
            push_varint(&mut out, u64::from(uid.wrapping_sub(last)));
            push_varint(&mut out, zigzag(sent.wrapping_sub(before)));
            (last, before) = (*uid, *sent);
        }
        out
    }

    fn decode_rows(mut bytes: &[u8]) -> Option<Self> {
        let rest = &mut bytes;
        let count = take_varint(rest)?;
        let (mut keys, mut last, mut before) = (Self::default(), 0u32, 0i64);
        for _ in 0..count {
            let gap = u32::try_from(take_varint(rest)?).ok().filter(|gap| *gap > 0)?;
            last = last.checked_add(gap)?;
            before = before.wrapping_add(unzigzag(take_varint(rest)?));
            keys.uids.push(last);
            keys.sent.push(before);
        }
        rest.is_empty().then_some(keys)
    }

    /// Puts columns together as they were stored, the rows first; `None` where one is damaged.
    pub(super) fn decode(columns: &[(Kind, Vec<u8>)]) -> Option<Self> {
        let mut keys = Self::default();
        for (kind, bytes) in columns {
            match kind {
                Kind::Rows => keys = Self::decode_rows(bytes)?,
                Kind::Text(text) => {
                    let column = TextColumn::decode(bytes, keys.uids.len())?;
                    keys.texts.push(((*text, STORED), column));
                }
                Kind::Threads => {
                    keys.threads = Some(ThreadColumn::decode(bytes, keys.uids.len())?);
                }
            }
        }
        Some(keys)
    }

    /// Keeps the rows whose UIDs `live` has, ascending.
    pub(super) fn retain(&mut self, live: impl IntoIterator<Item = u32>) {
        let mut live = live.into_iter().peekable();
        let mut is_live = |uid: u32| {
            while live.next_if(|other| *other < uid).is_some() {}
            live.next_if_eq(&uid).is_some()
        };
        let kept: Vec<bool> = self.uids.iter().map(|uid| is_live(*uid)).collect();
        if kept.iter().all(|is_kept| *is_kept) {
            return;
        }
        let pick = |at: usize| kept.get(at).copied().unwrap_or_default();
        let mut at = 0..;
        self.uids.retain(|_| at.next().is_some_and(pick));
        let mut at = 0..;
        self.sent.retain(|_| at.next().is_some_and(pick));
        self.texts.iter_mut().for_each(|(_, column)| column.retain(&kept));
        if let Some(threads) = &mut self.threads {
            threads.retain(&kept);
        }
    }

    /// Puts together the rows of several, whose UIDs ascend from one to the next, which have the
    /// same columns: two by two, so that no text is moved more often than there are doublings.
    ///
    /// # Errors
    /// [`StorageError::Limit`](crate::StorageError::Limit) where they name too many ids.
    pub(super) fn join(mut parts: Vec<Self>, limit: IdLimit) -> Result<Option<Self>> {
        while parts.len() > 1 {
            let mut pairs = std::mem::take(&mut parts).into_iter();
            while let Some(mut one) = pairs.next() {
                if let Some(other) = pairs.next() {
                    one.append(other, limit)?;
                }
                parts.push(one);
            }
        }
        Ok(parts.pop())
    }

    /// Adds the rows of others, whose UIDs are higher, which have the same columns. Where they
    /// name too many ids, what is left means nothing.
    pub(super) fn append(&mut self, other: Self, limit: IdLimit) -> Result<()> {
        if let (Some(threads), Some(more)) = (&mut self.threads, other.threads) {
            threads.append(more, limit)?;
        }
        self.uids.extend(other.uids);
        self.sent.extend(other.sent);
        for ((_, column), (_, more)) in self.texts.iter_mut().zip(other.texts) {
            column.append(more);
        }
        Ok(())
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
        let threads = self.keys.threads.as_ref().map(|_| ThreadColumn::default());
        Self::after(SortKeys { texts: texts.collect(), threads, ..SortKeys::default() })
    }

    /// The keys that were known before these were added.
    pub(super) fn known(&self) -> &SortKeys {
        &self.keys
    }

    /// [`StorageError::Limit`](crate::StorageError::Limit) where they name too many ids.
    pub(super) fn check(&self, limit: IdLimit) -> Result<()> {
        limit.check(self.keys.message_ids(), self.keys.named_ids())
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
