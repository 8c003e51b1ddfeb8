//! APPEND (RFC 9051 §6.3.12) and the writing of a new message that delivery shares.

use ids::{CollectionId, Timestamp, Uid, UidSet, UidValidity};
use message::flag::Flags;

use super::counts::{Counts, Reserved};
use super::keywords::check_keyword_bytes;
use super::{AnnotationChanges, PreparedMessage};
use crate::change::Fact;
use crate::sql::Value;
use crate::view::DeltaEntry;
use crate::{AccountTx, EventCause, Result, Rights, StorageError};

/// How a message is added.
#[derive(Debug, Clone, Default)]
pub struct Append {
    /// The flags of the new message.
    pub flags: Flags,
    /// INTERNALDATE; the current instant where absent (RFC 9051 §6.3.12).
    pub internal_date: Option<Timestamp>,
    /// The annotations of the new message (RFC 5257 §4.7).
    pub annotations: AnnotationChanges,
}

/// Where a message ended up (RFC 4315 §3, APPENDUID).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The mailbox that the message was put into.
    pub mailbox: CollectionId,
    /// The UIDVALIDITY of that mailbox.
    pub uid_validity: UidValidity,
    /// The UID of the message.
    pub uid: Uid,
}

impl AccountTx<'_, '_> {
    /// Adds a message to a mailbox of the account. Several calls in one transaction are added
    /// together or not at all (RFC 3502 §6.3.11).
    ///
    /// # Errors
    /// [`StorageError::OverQuota`], [`StorageError::TooBig`], and [`StorageError::Limit`] for
    /// keywords and annotations, before anything is written; [`StorageError::NotFound`] where the
    /// mailbox is gone.
    pub fn append_message(
        &mut self,
        mailbox: CollectionId,
        message: &PreparedMessage,
        mut append: Append,
    ) -> Result<Appended> {
        append.flags = self.require(mailbox, Rights::INSERT)?.permitted(append.flags);
        self.check_room(message)?;
        self.check_keywords(mailbox, std::iter::once(&append.flags))?;
        check_keyword_bytes(&append.flags)?;
        self.check_new_annotations(mailbox, message, &append.annotations)?;
        let counts = message_counts(message, &append.flags);
        let modseq = self.add_usage(counts.bytes, 1)?;
        let place = self.reserve_uids(mailbox, counts, modseq)?;
        let appended = self.insert_message(place, message, append)?;
        // RFC 6785 §2.2.1
        let uids = UidSet::from_iter([appended.uid]);
        self.note_event(mailbox, EventCause::Append, &uids, "")?;
        Ok(appended)
    }

    /// Everything that may refuse a message, before anything is written (R-ADDR-11).
    pub(super) fn check_room(&self, message: &PreparedMessage) -> Result<()> {
        self.check_message_size(message)?;
        self.check_quota(message.size_bytes.cast_signed(), 1)
    }

    /// Writes the message under a UID that was reserved, and tells of it.
    pub(super) fn insert_message(
        &mut self,
        place: Reserved,
        message: &PreparedMessage,
        append: Append,
    ) -> Result<Appended> {
        let content = self.put_content(message)?;
        let account = self.account;
        let modseq = self.modseq(account)?;
        let now = self.now;
        let entry = DeltaEntry {
            uid: place.first,
            content,
            internal_date: append.internal_date.unwrap_or(now),
            size_bytes: size_column(message)?,
            flags: append.flags,
        };
        self.sql.execute(
            "INSERT INTO message (mailbox_id, uid, content_id, size_bytes, flags, keywords, \
             internal_date, save_date, modseq, created_modseq) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)",
            &[
                Value::Int(place.mailbox.get()),
                Value::Int(i64::from(entry.uid.get())),
                Value::Int(content.get()),
                Value::Int(i64::from(entry.size_bytes)),
                Value::Int(i64::from(entry.flags.system.bits())),
                Value::Text(&entry.flags.encode_keywords()),
                Value::Int(entry.internal_date.as_micros()),
                Value::Int(now.as_micros()),
                Value::Int(modseq.get().cast_signed()),
            ],
        )?;
        let uid = entry.uid;
        if !append.annotations.is_empty() {
            self.insert_annotations(place.mailbox, uid, modseq, &append.annotations)?;
        }
        self.record_added(place.mailbox, vec![entry])?;
        Ok(Appended { mailbox: place.mailbox, uid_validity: place.uid_validity, uid })
    }

    /// Tells of new messages, to the log and to the views.
    pub(crate) fn record_added(
        &mut self,
        mailbox: CollectionId,
        added: Vec<DeltaEntry>,
    ) -> Result<()> {
        let uids: UidSet = added.iter().map(|entry| entry.uid).collect();
        self.record_fact(Some(mailbox), Fact::MessagesAdded(uids))?;
        let mut delta = self.new_delta(mailbox)?;
        delta.added = added;
        self.deltas.push(delta);
        Ok(())
    }
}

pub(super) fn message_counts(message: &PreparedMessage, flags: &Flags) -> Counts {
    Counts { bytes: message.size_bytes.cast_signed(), ..Counts::of(flags.system, 0) }
}

/// RFC822.SIZE has 32 bits in RFC 3501 and in every view; settings may allow no larger message.
fn size_column(message: &PreparedMessage) -> Result<u32> {
    u32::try_from(message.size_bytes).map_err(|_| StorageError::TooBig {
        size_bytes: message.size_bytes,
        limit_bytes: u64::from(u32::MAX),
    })
}
