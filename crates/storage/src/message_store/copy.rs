//! COPY (RFC 9051 §6.4.7) and MOVE (RFC 9051 §6.4.8): each a few statements per run of
//! messages.

use ids::{CollectionId, ModSeq, Uid, UidSet, UidValidity};

use super::counts::{Counts, Reserved};
use super::selection::{Run, Selection};
use crate::change::Fact;
use crate::mailbox::Mailbox;
use crate::sql::Value;
use crate::view::DeltaEntry;
use crate::{AccountTx, EventCause, Result, Rights};

/// LIMIT: messages that one command copies, or moves to another account. Each is a row, however few
/// bytes of a quota it takes, and others wait until all are written.
const COPIED_MAX: u64 = 1_000_000;

/// What was copied or moved (RFC 4315 §3, COPYUID).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The UIDVALIDITY of the target mailbox.
    pub uid_validity: UidValidity,
    /// UID there, UID here; ascending on both sides.
    pub pairs: Vec<(Uid, Uid)>,
}

impl AccountTx<'_, '_> {
    /// Copies messages with flags, internal dates and annotations. UIDs that are not there are
    /// passed over; all are copied or none (RFC 9051 §6.4.7). A copy counts against the quota.
    ///
    /// # Errors
    /// [`crate::StorageError::OverQuota`] and [`crate::StorageError::Limit`] (keywords,
    /// annotations, messages): nothing is copied; [`crate::StorageError::NotFound`] where a mailbox
    /// is gone.
    pub fn copy_messages(
        &mut self,
        source: CollectionId,
        uids: &UidSet,
        target: CollectionId,
    ) -> Result<Copied> {
        let source = self.own_mailbox(source)?;
        self.require(source.id, Rights::READ)?;
        self.copy_into(source, uids, target)
    }

    /// Copies from a mailbox of any account, whose right to be read was asked for.
    pub(crate) fn copy_into(
        &mut self,
        source: Mailbox,
        uids: &UidSet,
        target: CollectionId,
    ) -> Result<Copied> {
        let into = self.own_mailbox(target)?;
        let uid_validity = into.uid_validity;
        let rights = self.require(target, Rights::INSERT)?;
        self.settle_flags(&source)?;
        let mut selection = self.select_entries(&source, uids, COPIED_MAX)?;
        if selection.rows.is_empty() {
            return Ok(Copied { uid_validity, pairs: Vec::new() });
        }
        permit(&mut selection, rights);
        let counts = Counts::of_all(&selection.rows);
        self.check_quota(counts.bytes, counts.messages)?;
        self.check_keywords(target, selection.rows.iter().map(|entry| &entry.flags))?;
        let modseq = self.add_usage(counts.bytes, counts.messages)?;
        let place = self.reserve_uids(target, counts, modseq)?;
        self.insert_copies(source.id, &selection.runs, place, modseq, rights)?;
        if self.copy_annotations(&source, &selection.runs, place, modseq, rights)? > 0 {
            let actor = self.actor;
            self.check_annotation_space(actor)?;
        }
        self.note_moved(&source, &into, selection.rows.iter().map(|entry| entry.content));
        self.record_copies(selection, place)
    }

    /// Moves messages: as [`copy_messages`](Self::copy_messages), and the originals are gone in
    /// the same transaction (RFC 9051 §6.4.8). They live on, so nothing is kept for restore and
    /// the quota is not asked.
    ///
    /// # Errors
    /// [`crate::StorageError::Limit`] for keywords of the target: nothing is moved;
    /// [`crate::StorageError::NotFound`] where a mailbox is gone.
    pub fn move_messages(
        &mut self,
        source: CollectionId,
        uids: &UidSet,
        target: CollectionId,
    ) -> Result<Copied> {
        let source = self.own_mailbox(source)?;
        let into = self.own_mailbox(target)?;
        let uid_validity = into.uid_validity;
        self.require(source.id, Rights::REMOVING)?;
        let rights = self.require(target, Rights::INSERT)?;
        self.settle_flags(&source)?;
        let mut selection = self.select_entries(&source, uids, u64::MAX)?;
        if selection.rows.is_empty() {
            return Ok(Copied { uid_validity, pairs: Vec::new() });
        }
        let gone_counts = Counts::of_all(&selection.rows);
        permit(&mut selection, rights);
        let counts = Counts::of_all(&selection.rows);
        self.check_keywords(target, selection.rows.iter().map(|entry| &entry.flags))?;
        let account = self.account;
        let modseq = self.modseq(account)?;
        let place = self.reserve_uids(target, counts, modseq)?;
        self.insert_copies(source.id, &selection.runs, place, modseq, rights)?;
        self.copy_annotations(&source, &selection.runs, place, modseq, rights)?;
        let mailbox = source.id.get();
        let mut ranges = selection.runs.iter().map(|run| run_params(mailbox, run).to_vec());
        self.sql.execute_many(
            "DELETE FROM message WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3",
            &mut ranges,
        )?;
        self.drop_annotations(&source, &selection.runs)?;
        self.add_counts(source.id, gone_counts.negative(), modseq)?;
        self.note_moved(&source, &into, selection.rows.iter().map(|entry| entry.content));
        let gone: UidSet = selection.rows.iter().map(|entry| entry.uid).collect();
        // The new messages first: were source and target one mailbox, its view learns them in
        // the order of their UIDs.
        let copied = self.record_copies(selection, place)?;
        self.record_expunged(source.id, gone)?;
        Ok(copied)
    }

    fn insert_copies(
        &mut self,
        source: CollectionId,
        runs: &[Run],
        place: Reserved,
        modseq: ModSeq,
        rights: Rights,
    ) -> Result<()> {
        let now = Value::Int(self.now.as_micros());
        let (system, keywords) = rights.changeable();
        let system = Value::Int(system.bits().into());
        let keywords = Value::Int(i64::from(keywords));
        let mut before = i64::from(place.first.get()) - 1;
        let mut rows = runs.iter().map(|run| {
            let [source, first, last] = run_params(source.get(), run);
            let offset = Value::Int(before);
            before += i64::from(run.count);
            let target = Value::Int(place.mailbox.get());
            let modseq = Value::Int(modseq.get().cast_signed());
            vec![source, first, last, target, offset, now, modseq, system, keywords]
        });
        self.tx.read.sql.execute_many(
            "INSERT INTO message (mailbox_id, uid, content_id, size_bytes, flags, keywords, \
             internal_date, save_date, modseq, created_modseq) \
             SELECT CAST(?4 AS BIGINT), ?5 + row_number() OVER (ORDER BY uid), content_id, \
             size_bytes, flags & CAST(?8 AS BIGINT), \
             CASE WHEN CAST(?9 AS BIGINT) = 1 THEN keywords ELSE '' END, \
             internal_date, CAST(?6 AS BIGINT), \
             CAST(?7 AS BIGINT), CAST(?7 AS BIGINT) \
             FROM message WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3",
            &mut rows,
        )?;
        Ok(())
    }

    fn record_copies(
        &mut self,
        selection: Selection<DeltaEntry>,
        place: Reserved,
    ) -> Result<Copied> {
        let mut added = selection.rows;
        let mut pairs = Vec::with_capacity(added.len());
        for (uid, entry) in (place.first.get()..).map(Uid::new).zip(&mut added) {
            pairs.push((entry.uid, uid));
            entry.uid = uid;
        }
        // RFC 6785 §2.2.2, and RFC 6851 §3: MOVE is a COPY to its target.
        let uids: UidSet = added.iter().map(|entry| entry.uid).collect();
        self.record_added(place.mailbox, added)?;
        self.note_event(place.mailbox, EventCause::Copy, &uids, "")?;
        Ok(Copied { uid_validity: place.uid_validity, pairs })
    }

    /// Tells of messages gone, to the log and to the views.
    pub(crate) fn record_expunged(&mut self, mailbox: CollectionId, gone: UidSet) -> Result<()> {
        self.record_fact(Some(mailbox), Fact::MessagesExpunged(gone.clone()))?;
        let mut delta = self.new_delta(mailbox)?;
        delta.expunged = gone;
        self.deltas.push(delta);
        Ok(())
    }
}

/// RFC 4314 §4: only flags that may be set in the target go with the copies.
fn permit(selection: &mut Selection<DeltaEntry>, rights: Rights) {
    for entry in &mut selection.rows {
        entry.flags = rights.permitted(std::mem::take(&mut entry.flags));
    }
}

pub(super) fn run_params(mailbox: i64, run: &Run) -> [Value<'static>; 3] {
    [
        Value::Int(mailbox),
        Value::Int(i64::from(run.first.get())),
        Value::Int(i64::from(run.last.get())),
    ]
}
