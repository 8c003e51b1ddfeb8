//! COPY and MOVE between calendars of two accounts, at the word of somebody who may write in both:
//! one's own and a shared one, most of the time.
//!
//! To each of the two owners it is as if an object came, or went, in their calendars:
//! RFC 6638 §3.2.3.4 has nothing said of what moves from calendar to calendar, and means those of
//! one. A meeting that leaves its organizer's calendars is therefore cancelled, as by programs that
//! write it there and delete it here.

use std::collections::BTreeSet;

use ical::CalendarObject;
use ids::AccountId;

use super::{Answering, Transfer, TransferKind, of_fault};
use crate::collection::{CollectionKind, CollectionRights, DeadProperty, ObjectName};
use crate::object::{Condition, Object, PreparedObject, PutOutcome};
use crate::{AttachmentPlaces, Result, StorageError, WriteTx};

/// An object on its way to another account.
struct Carried {
    object: PreparedObject,
    dead: Vec<DeadProperty>,
}

impl WriteTx<'_> {
    /// Locks everybody whom a transfer between two accounts may concern, before
    /// [`transfer_between`](Self::transfer_between).
    pub fn lock_transfer(&mut self, transfer: &Transfer<'_>) -> Result<()> {
        let (source, target) = (transfer.from.account, transfer.to.account);
        let there = self.find_object(transfer.to.id, transfer.name)?;
        let replaced = self.load_meeting(there.as_ref())?;
        let moved = match transfer.from.kind {
            CollectionKind::Calendar => {
                let bytes = self.load_object(transfer.object.id)?;
                CalendarObject::parse(&bytes, &ical::Limits::default()).ok()
            }
            _ => None,
        };
        let (mut accounts, mut mailing) = (BTreeSet::from([source, target]), BTreeSet::new());
        accounts.extend(transfer.to.keeps_alarms_of());
        for (owner, meeting) in [(source, &moved), (target, &moved), (target, &replaced)] {
            if let Some(meeting) = meeting
                && self.concerned(owner, meeting, &mut accounts)?
                && self.sends_letters()
            {
                mailing.insert(owner);
            }
        }
        // Whoever counts holds the count, and counts before any account is locked.
        mailing.into_iter().try_for_each(|owner| self.lock_sent(owner))?;
        accounts.into_iter().try_for_each(|account| self.lock_usage(account).map(drop))
    }

    /// Copies or moves an object, with its dead properties, to a collection of another account,
    /// with all that follows for others, and what is attached to it, which is found at new
    /// `places`. `condition` is about the destination. After
    /// [`lock_transfer`](Self::lock_transfer).
    pub fn transfer_between(
        &mut self,
        actor: AccountId,
        transfer: &Transfer<'_>,
        condition: &Condition<'_>,
        answering: Answering,
        places: &AttachmentPlaces,
    ) -> Result<PutOutcome> {
        let mut carried = self.take_up(actor, transfer, condition.tokens)?;
        let mut target = self.account_as(transfer.to.account, actor)?;
        let mut brought = Vec::new();
        if let Some((object, ids)) = target.bring_attachments(&carried.object, places)? {
            (carried.object, brought) = (object, ids);
        }
        // What may refuse it comes first: nobody hears of the end of what stays.
        let outcome = self.put_down(actor, transfer, &carried, condition)?;
        let is_written = matches!(outcome, PutOutcome::Created | PutOutcome::Replaced);
        if !is_written {
            self.account_as(transfer.to.account, actor)?.take_attachments_back(&brought)?;
        }
        if is_written && transfer.kind == TransferKind::Move {
            let condition = Condition { tokens: condition.tokens, ..Condition::default() };
            let mut tx = self.account_as(transfer.from.account, actor)?;
            tx.delete_scheduled(transfer.from, &transfer.object.name, &condition, answering)?;
        }
        Ok(outcome)
    }

    fn take_up(
        &mut self,
        actor: AccountId,
        transfer: &Transfer<'_>,
        tokens: &[String],
    ) -> Result<Carried> {
        let limits = &self.settings.scheduling.objects;
        let Transfer { kind, from, object, to, .. } = *transfer;
        if from.kind.is_private() || from.kind != to.kind {
            return Err(StorageError::NoPermission("the destination is of another kind"));
        }
        let mut tx = self.account_as(from.account, actor)?;
        let needed = match kind {
            TransferKind::Copy => CollectionRights::READ,
            TransferKind::Move => CollectionRights::WRITE,
        };
        let seen = from;
        let from = tx.require_still_there(from, needed)?;
        let object: Object = tx.reload_object(&from, object)?;
        if kind == TransferKind::Move {
            let name = Some(object.name.as_str());
            tx.require_place_unlocked(from.kind.home(), &from.name, name, tokens)?;
        }
        let bytes = tx.load_shown_object(seen, object.id)?;
        let prepared = match from.kind {
            CollectionKind::Calendar => PreparedObject::calendar(bytes, limits),
            CollectionKind::AddressBook => PreparedObject::card(bytes, limits),
            _ => PreparedObject::file(bytes, object.media_type.clone(), limits),
        };
        let prepared = prepared.map_err(|fault| of_fault(&fault))?;
        let dead = tx.load_dead_properties(from.id, Some(object.id))?;
        Ok(Carried { object: prepared, dead })
    }

    fn put_down(
        &mut self,
        actor: AccountId,
        transfer: &Transfer<'_>,
        carried: &Carried,
        condition: &Condition<'_>,
    ) -> Result<PutOutcome> {
        let (to, name) = (transfer.to, ObjectName::parse(transfer.name)?);
        let mut tx = self.account_as(to.account, actor)?;
        let put = tx.put_scheduled(to, &name, &carried.object, condition)?;
        if !matches!(put.outcome, PutOutcome::Created | PutOutcome::Replaced) {
            return Ok(put.outcome);
        }
        let written = tx.find_object(to.id, name.as_str())?;
        let written = written.ok_or(StorageError::NotFound("object"))?.id;
        // RFC 4918 §9.8.2: with the properties that it has, and no others.
        let before = tx.load_dead_properties(to.id, Some(written))?;
        let mut dead: Vec<(String, Option<String>)> = before
            .into_iter()
            .filter(|old| carried.dead.iter().all(|new| new.name != old.name))
            .map(|old| (old.name, None))
            .collect();
        let brought = carried.dead.iter();
        dead.extend(brought.map(|new| (new.name.clone(), Some(new.value.clone()))));
        if !dead.is_empty() {
            tx.update_object_properties(to, written, name.as_str(), &dead, condition.tokens)?;
        }
        Ok(put.outcome)
    }
}
