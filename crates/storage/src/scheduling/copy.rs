//! Copies of meetings that the server writes: where they are, and their messages in inboxes.

use std::borrow::Cow;

use ical::{CalendarObject, Component};
use ids::AccountId;

use super::of_fault;
use crate::collection::{Collection, CollectionKind, Components, Home, ObjectName};
use crate::object::{Object, ObjectId, ObjectLimits, PreparedObject, Tag};
use crate::sql::Value;
use crate::{AccountTx, ReadTx, Result, StorageError};

/// LIMIT: messages that one transaction deletes.
const PURGED_AT_ONCE: usize = 500;

/// What somebody has of a meeting.
pub(super) struct Known {
    pub(super) collection: Collection,
    pub(super) object: Object,
    pub(super) meeting: CalendarObject,
}

impl ReadTx<'_> {
    /// R-CAL-2: the calendar for invitations, or, of what it does not take, the oldest that does.
    pub(super) fn calendar_for(
        &mut self,
        account: AccountId,
        component: Components,
    ) -> Result<Option<Collection>> {
        let default = self.default_calendar(account)?;
        let mut all = self.list_collections(account, Home::Calendars)?;
        all.retain(|one| {
            one.kind == CollectionKind::Calendar && one.components.contains(component)
        });
        Ok(all.into_iter().min_by_key(|one| (Some(one.id) != default, one.created, one.id)))
    }

    /// The object of this UID in a calendar of the account's own; a scheduling object before
    /// one that is none. What cannot be read is none.
    pub(super) fn find_copy(&mut self, account: AccountId, uid: &str) -> Result<Option<Known>> {
        let found = self.sql.query_one(
            "SELECT c.name, o.name FROM collection c \
             JOIN object o ON o.collection_id = c.id AND o.uid = ?2 AND o.uid <> '' \
             WHERE c.account_id = ?1 AND c.home = 1 AND c.kind = 1 \
             ORDER BY CASE WHEN o.schedule_modseq > 0 THEN 0 ELSE 1 END, o.id LIMIT 1",
            &[Value::Int(account.get()), Value::Text(uid)],
            |row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned())),
        )?;
        let Some((calendar, name)) = found else { return Ok(None) };
        let Some(collection) = self.find_collection(account, Home::Calendars, &calendar)? else {
            return Ok(None);
        };
        let Some(object) = self.find_object(collection.id, &name)? else { return Ok(None) };
        let bytes = self.load_object(object.id)?;
        let meeting = CalendarObject::parse(&bytes, &ical::Limits::default()).ok();
        Ok(meeting.map(|meeting| Known { collection, object, meeting }))
    }

    /// Another scheduling object of this UID in the account's calendars: that of its calendar and
    /// its own name.
    pub(super) fn find_other_meeting(
        &mut self,
        account: AccountId,
        uid: &str,
        but: Option<ObjectId>,
    ) -> Result<Option<(String, String)>> {
        self.sql.query_one(
            "SELECT c.name, o.name FROM collection c \
             JOIN object o ON o.collection_id = c.id AND o.uid = ?2 AND o.uid <> '' \
             WHERE c.account_id = ?1 AND c.home = 1 AND c.kind = 1 AND o.schedule_modseq > 0 \
             AND o.id <> ?3 LIMIT 1",
            &[
                Value::Int(account.get()),
                Value::Text(uid),
                Value::Int(but.map_or(0, ObjectId::get)),
            ],
            |row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned())),
        )
    }
}

impl AccountTx<'_, '_> {
    /// What is stored of components: the bytes that were put, where they say the same.
    pub(super) fn prepare_copy(&self, calendar: &Component) -> Result<PreparedObject> {
        // R-CAL-5: large attachments are left out where a meeting arrives, and refused where
        // somebody puts one. What stands there already stays, whatever the limit has become.
        let attachment_bytes_max = u64::MAX;
        let limits = ObjectLimits { attachment_bytes_max, ..self.settings.scheduling.objects };
        PreparedObject::calendar(calendar.render(), &limits).map_err(|fault| of_fault(&fault))
    }

    /// Writes a copy: in the place of what is known, or into the calendar for invitations.
    pub(super) fn write_copy(
        &mut self,
        known: Option<&Known>,
        calendar: &Component,
        tag: Tag,
    ) -> Result<()> {
        self.write_copy_into(known, calendar, tag, None)
    }

    /// Like `write_copy`, with the name of the calendar that new objects go into.
    pub(super) fn write_copy_into(
        &mut self,
        known: Option<&Known>,
        calendar: &Component,
        tag: Tag,
        into: Option<&str>,
    ) -> Result<()> {
        let object = self.prepare_copy(calendar)?;
        if let Some(Known { collection, object: there, .. }) = known {
            let name = ObjectName::parse(&there.name)?;
            // Counts may have changed in this transaction.
            let collection = self.load_collection(collection.id)?;
            return self.write_object(&collection, Some(there), &name, &object, tag).map(|_| ());
        }
        let account = self.account;
        let collection = match into {
            Some(name) => {
                let found = self.find_collection(account, Home::Calendars, name)?;
                found.filter(|one| one.components.contains(object.component()))
            }
            None => self.calendar_for(account, object.component())?,
        };
        let collection = collection.ok_or(StorageError::NotFound("calendar"))?;
        // A UID stands once in a calendar.
        let there = self.find_object_by_uid(collection.id, object.uid())?;
        let name = match &there {
            Some(there) => ObjectName::parse(&there.name)?,
            None => self.name_for(&collection, object.uid())?,
        };
        self.write_object(&collection, there.as_ref(), &name, &object, tag).map(|_| ())
    }

    /// A name of what has this UID, which nothing has yet.
    fn name_for(&mut self, collection: &Collection, uid: &str) -> Result<ObjectName> {
        let account = self.account;
        let (hash, modseq) = (blake3::hash(uid.as_bytes()).to_hex(), self.modseq(account)?);
        // The last has a number that nobody knew before.
        for name in [uid, &hash, &format!("{hash}-{}", modseq.get())] {
            if let Ok(name) = ObjectName::parse(&format!("{name}.ics"))
                && self.find_object(collection.id, name.as_str())?.is_none()
            {
                return Ok(name);
            }
        }
        Err(StorageError::Invalid("every name of the meeting is taken"))
    }

    /// Deletes messages from before an instant, some at a time. How many.
    pub(crate) fn purge_inbox(&mut self, before: i64) -> Result<u64> {
        let account = self.account;
        let Some(inbox) = self.find_collection(account, Home::Calendars, "inbox")? else {
            return Ok(0);
        };
        let mut old = self.list_objects(inbox.id)?;
        old.retain(|object| object.created.as_micros() < before);
        old.truncate(PURGED_AT_ONCE);
        for object in &old {
            self.erase_object(&inbox, object)?;
        }
        Ok(old.len() as u64)
    }

    /// Puts a message into the inbox, for programs to tell of it (RFC 6638 §4). Where there is no
    /// room, the calendar says it all the same.
    pub(super) fn put_in_inbox(&mut self, message: &[u8]) -> Result<()> {
        let account = self.account;
        let Some(inbox) = self.find_collection(account, Home::Calendars, "inbox")? else {
            return Ok(());
        };
        let limits = &self.settings.scheduling.objects;
        let message = with_small_attachments(message, limits).into_owned();
        let Ok(object) = PreparedObject::message(message, limits) else {
            return Ok(());
        };
        // A transaction may bring several messages, which differ.
        let modseq = self.modseq(account)?.get();
        let name = format!("{modseq}-{}.ics", object.etag());
        let name = ObjectName::parse(&name)?;
        let there = self.find_object(inbox.id, name.as_str())?;
        match self.write_object(&inbox, there.as_ref(), &name, &object, Tag::None) {
            Ok(_) | Err(StorageError::OverQuota { .. } | StorageError::Limit { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// R-CAL-5: a message without the inline attachments that are too large.
fn with_small_attachments<'m>(message: &'m [u8], limits: &ObjectLimits) -> Cow<'m, [u8]> {
    let bytes_max = limits.attachment_bytes_max;
    if message.len() as u64 > bytes_max
        && let Ok(mut calendar) = Component::parse(message, &limits.ical)
        && calendar.drop_large_attachments(bytes_max)
    {
        return Cow::Owned(calendar.render());
    }
    Cow::Borrowed(message)
}
