//! Messages side by side that are all alike, as in a mailbox whose messages are all marked read,
//! or all deleted: they are counted and changed by two statements, and no row is looked at.

use ids::{ModSeq, Uid, UidSet};
use message::flag::Flags;

use super::{FlagChange, Stored};
use crate::mailbox::Mailbox;
use crate::message_store::counts::Counts;
use crate::message_store::keywords::decode;
use crate::sql::Value;
use crate::{AccountTx, Result};

/// LIMIT: for fewer messages, looking at each costs no more than asking whether they are alike.
const MESSAGES_MIN: u64 = 64;

impl AccountTx<'_, '_> {
    /// Changes the flags of the messages `uids` if these are one range of UIDs, each of them
    /// given to a message, with equal flags, none changed after `since`.
    pub(super) fn store_flags_alike(
        &mut self,
        mailbox: &Mailbox,
        uids: &UidSet,
        change: &FlagChange,
        since: i64,
    ) -> Result<Option<Stored>> {
        let mut ranges = uids.ranges();
        let (Some(range), None) = (ranges.next(), ranges.next()) else { return Ok(None) };
        if uids.len() < MESSAGES_MIN || uids.len() > u64::from(mailbox.messages) {
            return Ok(None);
        }
        let bounds = [
            Value::Int(mailbox.id.get()),
            Value::Int(i64::from(range.start().get())),
            Value::Int(i64::from(range.end().get())),
        ];
        let Some(before) = self.flags_of_all(bounds, uids.len(), since)? else { return Ok(None) };
        let after = change.applied_to(&before);
        if after == before {
            let modseq = mailbox.highest_modseq;
            return Ok(Some(Stored { applied: uids.clone(), skipped: UidSet::new(), modseq }));
        }
        let account = self.account;
        let modseq = self.modseq(account)?;
        self.update_alike(bounds, &before, &after, modseq)?;
        let (now, then) = (Counts::of(after.system, 0), Counts::of(before.system, 0));
        let counts = now.plus(then.negative()).times(uids.len().cast_signed());
        let first = range.start().get();
        let changed = (first..=range.end().get()).map(|uid| (Uid::new(uid), after.clone()));
        self.record_flags(mailbox, changed.collect(), counts, modseq)?;
        Ok(Some(Stored { applied: uids.clone(), skipped: UidSet::new(), modseq }))
    }

    /// The flags that all `count` messages within `bounds` have, if there are so many and they do.
    fn flags_of_all(
        &mut self,
        bounds: [Value<'_>; 3],
        count: u64,
        since: i64,
    ) -> Result<Option<Flags>> {
        let [mailbox, first, last] = bounds;
        let found = self.sql.query_one(
            "SELECT flags, keywords FROM message WHERE mailbox_id = ?1 AND uid = ?2",
            &[mailbox, first],
            |row| Ok((row.int(0)?, row.text(1)?.to_owned())),
        )?;
        let Some((system, keywords)) = found else { return Ok(None) };
        let alike = self.sql.query_one(
            "SELECT COUNT(*) FROM message WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3 \
             AND flags = ?4 AND keywords = ?5 AND modseq <= ?6",
            &[mailbox, first, last, Value::Int(system), Value::Text(&keywords), Value::Int(since)],
            |row| row.int(0),
        )?;
        match alike.map(i64::cast_unsigned) == Some(count) {
            true => decode(system, &keywords).map(Some),
            false => Ok(None),
        }
    }

    fn update_alike(
        &mut self,
        bounds: [Value<'_>; 3],
        before: &Flags,
        after: &Flags,
        modseq: ModSeq,
    ) -> Result<()> {
        let [mailbox, first, last] = bounds;
        let system = Value::Int(i64::from(after.system.bits()));
        let modseq = Value::Int(modseq.get().cast_signed());
        if before.keywords() == after.keywords() {
            self.sql.execute(
                "UPDATE message SET flags = ?4, modseq = ?5 \
                 WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3",
                &[mailbox, first, last, system, modseq],
            )?;
        } else {
            self.sql.execute(
                "UPDATE message SET flags = ?4, keywords = ?5, modseq = ?6 \
                 WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3",
                &[mailbox, first, last, system, Value::Text(&after.encode_keywords()), modseq],
            )?;
        }
        Ok(())
    }
}
