//! Adding, updating and removing attachments of an object (RFC 8607 §3.4 to §3.6): each is a PUT of
//! the object with all that follows from one.

use ical::scheduling::Role;
use ical::{
    AttachmentFault, CalendarObject, Component, ComponentKind, Instances, ManagedAttachment,
};

use super::{NewAttachment, TEXT_BYTES_MAX, is_ours};
use crate::collection::{Collection, CollectionKind, ObjectName};
use crate::object::{Condition, PreparedObject, PutOutcome, Scheduled};
use crate::sql::Value;
use crate::{AccountTx, CollectionRights, ObjectFault, Result, StorageError};

/// A change of the attachments of an object (RFC 8607 §3.3).
#[derive(Debug, Clone)]
pub enum AttachmentAction {
    /// Add one more attachment, in these instances.
    Add(NewAttachment, Instances),
    /// Another in the place of the one that is named so, wherever it stands.
    Update(String, NewAttachment),
    /// None of this name, in these instances.
    Remove(String, Instances),
}

/// What came of it. Whatever is not [`Done`](Self::Done) is to be rolled back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttachmentOutcome {
    /// It is done; what came of the PUT that it is.
    Done(Scheduled),
    /// The object has no such instance.
    NoInstance,
    /// The object names no such attachment in these instances.
    NoAttachment,
    /// An attachment has at most so many bytes.
    TooBig(u64),
    /// What the object would be cannot be stored.
    Invalid(ObjectFault),
    /// The PUT was refused.
    Refused(PutOutcome),
}

impl AccountTx<'_, '_> {
    /// Changes the attachments of an object. After
    /// [`lock_meeting`](crate::WriteTx::lock_meeting), with the
    /// [bodies](super::AttachmentData::bodies) of what is added.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is no such object, [`StorageError::NoPermission`]
    /// outside of calendars, [`StorageError::Invalid`] where the object cannot be read.
    pub fn change_attachments(
        &mut self,
        collection: &Collection,
        name: &ObjectName,
        action: &AttachmentAction,
        condition: &Condition<'_>,
    ) -> Result<AttachmentOutcome> {
        let collection = self.require_still_there(collection, CollectionRights::WRITE)?;
        if collection.kind != CollectionKind::Calendar {
            return Err(StorageError::NoPermission("only what is in a calendar has attachments"));
        }
        let there = self.find_object(collection.id, name.as_str())?;
        condition.check(there.as_ref())?;
        let there = there.ok_or(StorageError::NotFound("object"))?;
        let bytes = self.load_object(there.id)?;
        let limits = self.settings.scheduling.objects;
        let unread = |_| StorageError::Invalid("the object cannot be read");
        let object = CalendarObject::parse(&bytes, &limits.ical).map_err(unread)?;
        if let Some(refusal) = self.refuse_attachment(&object, action)? {
            return Ok(refusal);
        }
        let changed = match edited(&object, action, &limits.ical) {
            Ok(changed) => changed,
            Err(AttachmentFault::Instance) => return Ok(AttachmentOutcome::NoInstance),
            Err(AttachmentFault::Id) => return Ok(AttachmentOutcome::NoAttachment),
        };
        let prepared = match PreparedObject::calendar(changed.render(), &limits) {
            Ok(prepared) => prepared,
            Err(fault) => return Ok(AttachmentOutcome::Invalid(fault)),
        };
        if let AttachmentAction::Add(new, _) | AttachmentAction::Update(_, new) = action {
            self.insert_attachment(new)?;
        }
        let put = self.put_scheduled(&collection, name, &prepared, condition)?;
        Ok(match put.outcome {
            PutOutcome::Created | PutOutcome::Replaced => AttachmentOutcome::Done(put),
            refused => AttachmentOutcome::Refused(refused),
        })
    }

    fn refuse_attachment(
        &mut self,
        object: &CalendarObject,
        action: &AttachmentAction,
    ) -> Result<Option<AttachmentOutcome>> {
        // RFC 5545 §3.8.1.1: others have no ATTACH.
        let kinds = [ComponentKind::Event, ComponentKind::Todo, ComponentKind::Journal];
        if !kinds.contains(&object.kind()) {
            return Ok(Some(AttachmentOutcome::Refused(PutOutcome::WrongComponent)));
        }
        let account = self.account;
        // RFC 8607 §3.12.2: attachments are the organizer's alone.
        if self.calendar_users(account)?.role(object) == Role::Attendee {
            return Ok(Some(AttachmentOutcome::Refused(PutOutcome::NotForAttendee)));
        }
        let limits = self.settings.attachments;
        let new = match action {
            AttachmentAction::Add(new, _) => {
                if object.managed_ids().len() as u64 >= limits.per_object_max {
                    return Ok(Some(AttachmentOutcome::Refused(PutOutcome::TooManyAttachments)));
                }
                new
            }
            AttachmentAction::Update(_, new) => new,
            AttachmentAction::Remove(..) => return Ok(None),
        };
        let is_too_big = new.data.size_bytes() > limits.bytes_max;
        Ok(is_too_big.then_some(AttachmentOutcome::TooBig(limits.bytes_max)))
    }

    /// The row of one that an object is about to name.
    fn insert_attachment(&mut self, new: &NewAttachment) -> Result<()> {
        let is_sound = is_ours(&new.managed_id)
            && is_ours(&new.token)
            && (1..=TEXT_BYTES_MAX).contains(&new.media_type.len())
            && new.filename.len() <= TEXT_BYTES_MAX;
        if !is_sound {
            return Err(StorageError::Invalid("this is no attachment"));
        }
        let missing = || StorageError::Internal("an attachment without its data".to_owned());
        let body = new.data.0.body.as_ref().ok_or_else(missing)?;
        let blob = self.put_body(body)?;
        let (account, creator, now) = (self.account, self.actor, self.now);
        self.sql.execute(
            "INSERT INTO attachment (account_id, creator, managed_id, token, blob_id, size_bytes, \
             media_type, filename, created, unnamed_since) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0)",
            &[
                Value::Int(account.get()),
                Value::Int(creator.get()),
                Value::Text(&new.managed_id),
                Value::Text(&new.token),
                Value::Int(blob),
                Value::Int(new.data.size_bytes().cast_signed()),
                Value::Text(&new.media_type),
                Value::Text(&new.filename),
                Value::Int(now.as_micros()),
            ],
        )?;
        Ok(())
    }
}

fn edited(
    object: &CalendarObject,
    action: &AttachmentAction,
    limits: &ical::Limits,
) -> std::result::Result<Component, AttachmentFault> {
    let line = |new: &NewAttachment| {
        let NewAttachment { managed_id, uri, media_type, filename, data, .. } = new;
        let size_bytes = data.size_bytes();
        ManagedAttachment { id: managed_id, uri, media_type, filename, size_bytes }.line()
    };
    match action {
        AttachmentAction::Add(new, instances) => {
            object.with_attachment(&line(new), instances, limits)
        }
        AttachmentAction::Update(id, new) => object.with_updated(id, &line(new)),
        AttachmentAction::Remove(id, instances) => object.without_attachment(id, instances, limits),
    }
}
