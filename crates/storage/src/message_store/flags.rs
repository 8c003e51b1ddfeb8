//! Changes of flags: STORE (RFC 9051 §6.4.6) with UNCHANGEDSINCE (RFC 7162 §3.1.3).

mod outcome;
mod write;

use std::collections::HashMap;

use ids::{CollectionId, ModSeq, Uid, UidSet};
use message::flag::{Flags, SystemFlags};

use self::outcome::{Asked, Outcome};
use super::counts::Counts;
use crate::change::Fact;
use crate::mailbox::Mailbox;
use crate::{AccountTx, EventCause, Result, Rights, StorageError};

/// LIMIT: events of one command, but for one more of each set of system flags.
const EVENTS_OF_COMMAND_MAX: usize = 100;

/// How flags are changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlagChange {
    /// `+FLAGS`
    Add(Flags),
    /// `-FLAGS`
    Remove(Flags),
    /// `FLAGS`
    Replace(Flags),
}

/// What [`AccountTx::store_flags`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Messages that are now as asked for, those included that were so before.
    pub applied: UidSet,
    /// Messages that changed after `unless_changed_since` and were left alone.
    pub skipped: UidSet,
    /// What the changed messages carry now; the mailbox's highest where none changed.
    pub modseq: ModSeq,
}

impl FlagChange {
    fn flags(&self) -> &Flags {
        match self {
            Self::Add(flags) | Self::Remove(flags) | Self::Replace(flags) => flags,
        }
    }

    /// What `before` becomes.
    pub fn applied_to(&self, before: &Flags) -> Flags {
        match self {
            Self::Add(flags) => before.union(flags),
            Self::Remove(flags) => before.difference(flags),
            Self::Replace(flags) => flags.clone(),
        }
    }

    /// The change as far as `rights` allow it; an error where they allow none of it
    /// (RFC 4314 §4).
    fn within(self, rights: Rights) -> Result<Self> {
        let (system, keywords) = rights.changeable();
        let is_empty =
            |flags: &Flags| flags.system == SystemFlags::EMPTY && flags.keywords().is_empty();
        let refusal = || StorageError::NoPermission("you have no right to change these flags");
        let permitted = |flags: Flags| {
            let asked = !is_empty(&flags);
            let flags = rights.permitted(flags);
            match asked && is_empty(&flags) {
                true => Err(refusal()),
                false => Ok(flags),
            }
        };
        Ok(match self {
            Self::Add(flags) => Self::Add(permitted(flags)?),
            Self::Remove(flags) => Self::Remove(permitted(flags)?),
            Self::Replace(flags) => {
                if system == SystemFlags::EMPTY && !keywords {
                    return Err(refusal());
                }
                Self::Replace(permitted(flags)?)
            }
        })
    }

    /// For changes of system flags alone: the bits kept and the bits set, the same whatever a
    /// message had before.
    fn mask(&self) -> Option<(SystemFlags, SystemFlags)> {
        match self {
            Self::Add(flags) if flags.keywords().is_empty() => {
                Some((SystemFlags::ALL, flags.system))
            }
            Self::Remove(flags) if flags.keywords().is_empty() => {
                Some((SystemFlags::ALL.difference(flags.system), SystemFlags::EMPTY))
            }
            _ => None,
        }
    }
}

impl AccountTx<'_, '_> {
    /// Changes flags of messages. UIDs that are not there are passed over. Messages that changed
    /// after `unless_changed_since` are left alone (RFC 7162 §3.1.3); a message that already is
    /// as asked for keeps its modseq.
    ///
    /// # Errors
    /// [`StorageError::Limit`] where the mailbox knows too many keywords,
    /// [`StorageError::NoPermission`] where no flag of the change may be changed: nothing is
    /// written. [`StorageError::NotFound`] where the mailbox is gone.
    pub fn store_flags(
        &mut self,
        mailbox: CollectionId,
        uids: &UidSet,
        change: FlagChange,
        unless_changed_since: Option<ModSeq>,
    ) -> Result<Stored> {
        let notes = self.usage.has_event_scripts;
        self.change_flags(mailbox, uids, change, unless_changed_since, notes)
    }

    /// Changes flags on behalf of a script, which starts no script (RFC 6785 §2.2.3).
    pub(crate) fn change_flags_quietly(
        &mut self,
        mailbox: CollectionId,
        uids: &UidSet,
        change: FlagChange,
    ) -> Result<()> {
        self.change_flags(mailbox, uids, change, None, false).map(|_| ())
    }

    fn change_flags(
        &mut self,
        mailbox: CollectionId,
        uids: &UidSet,
        change: FlagChange,
        unless_changed_since: Option<ModSeq>,
        notes: bool,
    ) -> Result<Stored> {
        let mailbox = self.own_mailbox(mailbox)?;
        // RFC 4314 §4: `r` is implied, for the mailbox is open; the answer names messages.
        let rights = self.require(mailbox.id, Rights::READ)?;
        let change = change.within(rights)?;
        let since = unless_changed_since
            .map_or(i64::MAX, |since| i64::try_from(since.get()).unwrap_or(i64::MAX));
        let adds =
            !matches!(change, FlagChange::Remove(_)) && !change.flags().keywords().is_empty();
        if adds {
            self.check_keywords(mailbox.id, std::iter::once(change.flags()))?;
        }
        let asked = Asked { change: &change, adds_keywords: adds, rights, since, notes };
        let (selection, counts) = self.outcomes(&mailbox, uids, &asked)?;
        let (mut applied, mut skipped) = (UidSet::new(), UidSet::new());
        for row in &selection.rows {
            match row.skipped {
                true => skipped.insert(row.uid),
                false => applied.insert(row.uid),
            }
        }
        if selection.rows.iter().all(|row| row.after.is_none()) {
            return Ok(Stored { applied, skipped, modseq: mailbox.highest_modseq });
        }
        let account = self.account;
        let modseq = self.modseq(account)?;
        self.write_flags(&mailbox, &selection, change.mask(), modseq, since)?;
        let changing = selection.rows.iter().filter(|row| row.after.is_some());
        self.note_flagged(mailbox.id, &change, changing.map(|row| row.uid))?;
        if notes {
            self.note_flags(mailbox.id, &selection.rows)?;
        }
        let changed = selection.rows.into_iter().filter_map(|row| Some((row.uid, row.after?)));
        self.record_flags(&mailbox, changed.collect(), counts, modseq)?;
        Ok(Stored { applied, skipped, modseq })
    }

    /// RFC 6785 §4.5: an event names the flags that changed; messages of which the same ones did
    /// are one event, and so are all others where there are too many.
    fn note_flags(&mut self, mailbox: CollectionId, rows: &[Outcome]) -> Result<()> {
        if !self.has_event_script(mailbox)? {
            return Ok(());
        }
        // What changed is the same for messages that had and have the same flags.
        let place = |flags: &Flags| (flags.system.bits(), flags.keywords().as_ptr());
        let mut known: HashMap<_, usize> = HashMap::new();
        let mut changed: Vec<(Flags, UidSet)> = Vec::new();
        for row in rows {
            if let (Some(before), Some(after)) = (&row.before, &row.after) {
                let at = *known.entry((place(before), place(after))).or_insert_with(|| {
                    let flags = after.difference(before).union(&before.difference(after));
                    index_of(&mut changed, flags)
                });
                if let Some((_, uids)) = changed.get_mut(at) {
                    uids.insert(row.uid);
                }
            }
        }
        for (flags, uids) in changed {
            let names = flags.to_string();
            let names = names.trim_matches(['(', ')']);
            if !self.insert_events(mailbox, EventCause::Flag, &uids, names)? {
                break;
            }
        }
        Ok(())
    }

    fn record_flags(
        &mut self,
        mailbox: &Mailbox,
        changed: Vec<(Uid, Flags)>,
        counts: Counts,
        modseq: ModSeq,
    ) -> Result<()> {
        self.add_counts(mailbox.id, counts, modseq)?;
        let uids: UidSet = changed.iter().map(|(uid, _)| *uid).collect();
        self.record_fact(Some(mailbox.id), Fact::FlagsChanged(uids))?;
        let mut delta = self.new_delta(mailbox.id)?;
        delta.flags = changed;
        self.deltas.push(delta);
        Ok(())
    }
}

/// Where messages whose `flags` changed belong. Where there are too many kinds, those of which the
/// same system flags changed are together, for that is what scripts mostly ask.
fn index_of(changed: &mut Vec<(Flags, UidSet)>, flags: Flags) -> usize {
    if let Some(at) = changed.iter().position(|(known, _)| *known == flags) {
        return at;
    }
    let many = changed.iter_mut().enumerate().skip(EVENTS_OF_COMMAND_MAX);
    let alike =
        many.map(|(at, (known, _))| (at, known)).find(|(_, known)| known.system == flags.system);
    if let Some((at, known)) = alike {
        *known = known.union(&flags);
        return at;
    }
    changed.push((flags, UidSet::new()));
    changed.len() - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::flags;

    #[test]
    fn what_changed_in_too_many_ways_is_one_event() {
        let mut changed = Vec::new();
        for number in 0..EVENTS_OF_COMMAND_MAX {
            assert_eq!(index_of(&mut changed, flags(&format!("k{number}"))), number);
        }
        assert_eq!(index_of(&mut changed, flags("K3")), 3);
        assert_eq!(index_of(&mut changed, flags("one")), EVENTS_OF_COMMAND_MAX);
        assert_eq!(index_of(&mut changed, flags("\\Seen two")), EVENTS_OF_COMMAND_MAX + 1);
        assert_eq!(index_of(&mut changed, flags("three")), EVENTS_OF_COMMAND_MAX);
        assert_eq!(index_of(&mut changed, flags("\\Seen")), EVENTS_OF_COMMAND_MAX + 1);
        let more: Vec<_> = changed[EVENTS_OF_COMMAND_MAX..].iter().map(|(one, _)| one).collect();
        assert_eq!(more, [&flags("one three"), &flags("\\Seen two")]);
    }
}
