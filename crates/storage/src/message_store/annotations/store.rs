//! STORE ANNOTATION (RFC 5257 §4.5), conditional too (RFC 7162 §3.1.3).

use std::collections::{BTreeMap, BTreeSet};

use ids::{CollectionId, ContentId, ModSeq, Uid, UidSet};
use message::flag::Flags;

use super::limits::{Load, check_parts, size_bytes};
use super::{AnnotationChanges, AnnotationKey, scope_of, uid_of};
use crate::change::Fact;
use crate::mailbox::Mailbox;
use crate::message_store::FlagReader;
use crate::message_store::copy::run_params;
use crate::message_store::counts::Counts;
use crate::message_store::selection::{Run, Selection, delta_entry};
use crate::sql::Value;
use crate::view::DeltaEntry;
use crate::{AccountTx, MetadataScope, Result, Rights, Stored, Want};

/// LIMIT: messages whose parts are looked at at once.
const PARTS_AT_ONCE: usize = 64;

/// A message that is stored to.
struct Row {
    entry: DeltaEntry,
    /// The message changed after the given modification sequence, and was left alone.
    skipped: bool,
}

/// What a message has of annotations so far.
#[derive(Default)]
struct Known<'c> {
    /// The annotations to be changed that the message has already.
    present: BTreeSet<&'c AnnotationKey>,
    /// The annotations among `present` that have the value to be set.
    same: BTreeSet<&'c AnnotationKey>,
    /// The load of all other annotations, by scope.
    others: BTreeMap<MetadataScope, Load>,
    /// How many rows there are of annotations whose value was removed, by scope.
    removed: BTreeMap<MetadataScope, u64>,
}

impl Known<'_> {
    /// Whether a change makes a difference.
    fn differs(&self, key: &AnnotationKey, value: Option<&[u8]>) -> bool {
        match value {
            Some(_) => !self.same.contains(key),
            None => self.present.contains(key),
        }
    }
}

/// Messages without an annotation have no entry.
type KnownByUid<'c> = BTreeMap<Uid, Known<'c>>;

impl AccountTx<'_, '_> {
    /// Sets and removes annotations of messages; all of it or nothing. UIDs that are not there are
    /// passed over, and messages that changed after `unless_changed_since` left alone; a message
    /// that already is as asked for keeps its modseq.
    pub fn store_annotations(
        &mut self,
        mailbox: CollectionId,
        uids: &UidSet,
        changes: &AnnotationChanges,
        unless_changed_since: Option<ModSeq>,
    ) -> Result<Stored> {
        let mailbox = self.own_mailbox(mailbox)?;
        // RFC 4314 §4: `r` is implied, for the mailbox is open; the answer names messages.
        self.require_annotating(mailbox.id, changes, Rights::READ)?;
        self.check_annotations(changes)?;
        // Rows written below are newer than every sweep, which would not count for them any more.
        self.settle_flags(&mailbox)?;
        let since = unless_changed_since
            .map_or(i64::MAX, |since| i64::try_from(since.get()).unwrap_or(i64::MAX));
        let mut flags = FlagReader::default();
        let selection = self.select(
            &mailbox,
            uids,
            "SELECT uid, content_id, size_bytes, flags, keywords, internal_date, modseq \
             FROM message WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3 ORDER BY uid",
            |_, row| {
                let entry = delta_entry(row, &mut flags)?;
                Ok(Row { entry, skipped: row.int(6)? > since })
            },
        )?;
        self.check_parts_of(&selection, changes)?;
        let known = self.load_known(&mailbox, &selection, changes)?;
        let (mut applied, mut skipped) = (UidSet::new(), UidSet::new());
        let mut changed = Vec::new();
        for row in &selection.rows {
            if row.skipped {
                skipped.insert(row.entry.uid);
                continue;
            }
            applied.insert(row.entry.uid);
            if changes_something(&known, row, changes) {
                self.make_room_for_annotations(&mailbox, row.entry.uid, &known, changes)?;
                changed.push((row.entry.uid, row.entry.flags.clone()));
            }
        }
        if changed.is_empty() {
            return Ok(Stored { applied, skipped, modseq: mailbox.highest_modseq });
        }
        self.check_annotations_of(changed.len(), changes)?;
        let account = self.account;
        let modseq = self.modseq(account)?;
        self.write_annotations(&mailbox, &selection, &known, changes, modseq)?;
        let actor = self.actor;
        self.check_annotation_space(actor)?;
        self.record_annotations(&mailbox, changed, modseq)?;
        Ok(Stored { applied, skipped, modseq })
    }

    /// RFC 5257 §3.2.1: an entry of a part that a message does not have is an error.
    fn check_parts_of(
        &mut self,
        selection: &Selection<Row>,
        changes: &AnnotationChanges,
    ) -> Result<()> {
        if changes.keys().all(|key| key.part().is_none()) {
            return Ok(());
        }
        let rows: Vec<ContentId> = selection.rows.iter().map(|row| row.entry.content).collect();
        for contents in rows.chunks(PARTS_AT_ONCE) {
            for content in self.passing_by().load_contents(contents, Want::PARTS)? {
                if let Some(parts) = content.parts() {
                    check_parts(parts, changes.keys())?;
                }
            }
        }
        Ok(())
    }

    fn load_known<'c>(
        &mut self,
        mailbox: &Mailbox,
        selection: &Selection<Row>,
        changes: &'c AnnotationChanges,
    ) -> Result<KnownByUid<'c>> {
        let mut all = KnownByUid::new();
        if !mailbox.annotated {
            return Ok(all);
        }
        let actor = Value::Int(self.actor.get());
        for run in &selection.runs {
            let [mailbox, first, last] = run_params(mailbox.id.get(), run);
            self.sql.query(
                "SELECT uid, entry, scope, size_bytes, value FROM annotation \
                 WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3 AND scope IN (0, ?4)",
                &[mailbox, first, last, actor],
                &mut |row| {
                    let scope = scope_of(row.int(2)?);
                    let known = all.entry(uid_of(row)?).or_default();
                    let Some(value) = row.opt_bytes(4)? else {
                        *known.removed.entry(scope).or_default() += 1;
                        return Ok(());
                    };
                    let key = AnnotationKey { entry: row.text(1)?.to_owned(), scope };
                    let Some((key, wanted)) = changes.get_key_value(&key) else {
                        known.others.entry(scope).or_default().add(row.int(3)?);
                        return Ok(());
                    };
                    known.present.insert(key);
                    if wanted.as_deref() == Some(value) {
                        known.same.insert(key);
                    }
                    Ok(())
                },
            )?;
        }
        Ok(all)
    }

    /// Refuses what would be too many, and forgets what was removed where its rows are in the way.
    fn make_room_for_annotations(
        &mut self,
        mailbox: &Mailbox,
        uid: Uid,
        known: &KnownByUid<'_>,
        changes: &AnnotationChanges,
    ) -> Result<()> {
        let known = known.get(&uid);
        for scope in [MetadataScope::Private, MetadataScope::Shared] {
            let set = Load::of(changes, scope);
            let others = known.and_then(|known| known.others.get(&scope)).copied();
            let load = set.plus(others.unwrap_or_default());
            let removed = known.and_then(|known| known.removed.get(&scope)).copied().unwrap_or(0);
            if set.count > 0 {
                self.check_load(load)?;
            }
            if load.count + removed >= self.settings.annotations_max {
                let key = AnnotationKey { entry: String::new(), scope };
                let scope = Value::Int(key.column(self.actor));
                let (mailbox, uid) = (Value::Int(mailbox.id.get()), Value::Int(uid.get().into()));
                self.sql.execute(
                    "DELETE FROM annotation WHERE mailbox_id = ?1 AND uid = ?2 AND scope = ?3 \
                     AND value IS NULL",
                    &[mailbox, uid, scope],
                )?;
            }
        }
        Ok(())
    }

    /// One statement per change and message for which it makes a difference, and one per run of
    /// messages that changed.
    fn write_annotations(
        &mut self,
        mailbox: &Mailbox,
        selection: &Selection<Row>,
        known: &KnownByUid<'_>,
        changes: &AnnotationChanges,
        modseq: ModSeq,
    ) -> Result<()> {
        let modseq = Value::Int(modseq.get().cast_signed());
        for (key, value) in changes {
            let differs = |row: &&Row| {
                !row.skipped
                    && match known.get(&row.entry.uid) {
                        Some(known) => known.differs(key, value.as_deref()),
                        None => value.is_some(),
                    }
            };
            let uids = selection.rows.iter().filter(differs).map(|row| row.entry.uid);
            let scope = Value::Int(key.column(self.actor));
            let named = [Value::Int(mailbox.id.get()), Value::Text(&key.entry), scope, modseq];
            match value {
                Some(value) => {
                    self.put_values(uids, named, size_bytes(&key.entry, value), value)?
                }
                None => self.remove_values(uids, named)?,
            }
        }
        self.note_annotated(mailbox)?;
        let touched = runs_where(selection, |row| changes_something(known, row, changes));
        let mut rows = touched.iter().map(|run| {
            let mut params = run_params(mailbox.id.get(), run).to_vec();
            params.push(modseq);
            params
        });
        self.sql.execute_many(
            "UPDATE message SET modseq = ?4 WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3",
            &mut rows,
        )?;
        Ok(())
    }

    fn put_values(
        &mut self,
        uids: impl Iterator<Item = Uid>,
        named: [Value<'_>; 4],
        size_bytes: i64,
        value: &[u8],
    ) -> Result<()> {
        let account = Value::Int(self.account.get());
        let mut rows = uids.map(|uid| {
            let mut params = named.to_vec();
            let uid = Value::Int(uid.get().into());
            params.extend([uid, Value::Bytes(value), Value::Int(size_bytes), account]);
            params
        });
        self.sql.execute_many(
            "INSERT INTO annotation (mailbox_id, entry, scope, modseq, uid, value, size_bytes, \
             account_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
             ON CONFLICT (mailbox_id, uid, entry, scope) DO UPDATE SET \
             value = excluded.value, size_bytes = excluded.size_bytes, modseq = excluded.modseq",
            &mut rows,
        )?;
        Ok(())
    }

    fn remove_values(
        &mut self,
        uids: impl Iterator<Item = Uid>,
        named: [Value<'_>; 4],
    ) -> Result<()> {
        let mut rows = uids.map(|uid| {
            let mut params = named.to_vec();
            params.push(Value::Int(uid.get().into()));
            params
        });
        self.sql.execute_many(
            "UPDATE annotation SET value = NULL, size_bytes = 0, modseq = ?4 \
             WHERE mailbox_id = ?1 AND entry = ?2 AND scope = ?3 AND uid = ?5",
            &mut rows,
        )?;
        Ok(())
    }

    fn record_annotations(
        &mut self,
        mailbox: &Mailbox,
        changed: Vec<(Uid, Flags)>,
        modseq: ModSeq,
    ) -> Result<()> {
        self.add_counts(mailbox.id, Counts::default(), modseq)?;
        let uids: UidSet = changed.iter().map(|(uid, _)| *uid).collect();
        self.record_fact(Some(mailbox.id), Fact::AnnotationsChanged(uids))?;
        let mut delta = self.new_delta(mailbox.id)?;
        // The flags they have already: what a view learns is that the messages changed.
        delta.flags = changed;
        self.deltas.push(delta);
        Ok(())
    }
}

fn changes_something(known: &KnownByUid<'_>, row: &Row, changes: &AnnotationChanges) -> bool {
    !row.skipped
        && match known.get(&row.entry.uid) {
            Some(known) => changes.iter().any(|(key, value)| known.differs(key, value.as_deref())),
            None => changes.values().any(Option::is_some),
        }
}

/// The runs of those rows of `selection` that `is_wanted` picks.
fn runs_where(selection: &Selection<Row>, is_wanted: impl Fn(&Row) -> bool) -> Vec<Run> {
    let mut found: Vec<Run> = Vec::new();
    let mut rows = selection.rows.iter();
    for run in &selection.runs {
        let mut beside = false;
        for row in rows.by_ref().take(run.count as usize) {
            let is_wanted = is_wanted(row);
            let uid = row.entry.uid;
            match found.last_mut().filter(|_| beside) {
                Some(last) if is_wanted => {
                    last.last = uid;
                    last.count += 1;
                }
                _ if is_wanted => found.push(Run { first: uid, last: uid, count: 1 }),
                _ => {}
            }
            beside = is_wanted;
        }
    }
    found
}
