//! What a PUT may say of managed attachments (RFC 8607 §3.7, §3.9, §3.12.2).

use std::collections::{BTreeMap, BTreeSet};

use ical::CalendarObject;
use ids::AccountId;

use crate::object::{Object, PreparedObject, PutOutcome};
use crate::sql::Value;
use crate::{AccountTx, Result, StorageError};

/// How an object that names managed attachments is written.
pub(crate) enum Managed {
    /// The object is written as it was put.
    AsPut,
    /// This object is written in its place.
    Settled(Box<PreparedObject>),
    /// The object is not written.
    Refused(PutOutcome),
}

/// The row of an attachment.
struct Known {
    size_bytes: i64,
    account: Option<AccountId>,
    creator: AccountId,
}

impl AccountTx<'_, '_> {
    /// Whether a client may name these: those that stand in the object already, and those that
    /// were made by who names them, for this account.
    pub(crate) fn settle_attachments(
        &mut self,
        there: Option<&Object>,
        object: &PreparedObject,
    ) -> Result<Managed> {
        if object.managed().is_empty() {
            return Ok(Managed::AsPut);
        }
        let before = self.managed_before(there)?;
        let max = self.settings.attachments.per_object_max;
        let count = object.managed().len() as u64;
        // What is there already stays, whatever the limit has become.
        if count > max && count > before.len() as u64 {
            return Ok(Managed::Refused(PutOutcome::TooManyAttachments));
        }
        let mut sizes = BTreeMap::new();
        for id in object.managed() {
            let known = self.find_known(id)?;
            let is_theirs = known.as_ref().is_some_and(|known| self.may_reuse(known));
            if !before.contains(id) && !is_theirs {
                return Ok(Managed::Refused(PutOutcome::UnknownAttachment));
            }
            sizes.extend(known.map(|known| (id.clone(), known.size_bytes.to_string())));
        }
        let limits = self.settings.scheduling.objects;
        let Some(read) = object.read_again(&limits.ical) else { return Ok(Managed::AsPut) };
        // RFC 8607 §3.7: sizes that are wrong are put right.
        let settled = read.with_managed(|id, line| {
            if let (Some(size), Some(said)) = (sizes.get(id), line.parameter("SIZE"))
                && size != said
            {
                line.set_parameter("SIZE", size);
            }
        });
        let Some(settled) = settled else { return Ok(Managed::AsPut) };
        match PreparedObject::calendar(settled.render(), &limits) {
            Ok(settled) => Ok(Managed::Settled(Box::new(settled))),
            Err(_) => Err(StorageError::Invalid("the sizes of attachments cannot be put right")),
        }
    }

    /// What the stored object names, of other servers as well.
    pub(crate) fn managed_before(&mut self, there: Option<&Object>) -> Result<BTreeSet<String>> {
        let Some(there) = there else { return Ok(BTreeSet::new()) };
        let bytes = self.load_object(there.id)?;
        let limits = &self.settings.scheduling.objects.ical;
        Ok(CalendarObject::parse(&bytes, limits)
            .map_or_else(|_| BTreeSet::new(), |read| read.managed_ids()))
    }

    fn find_known(&mut self, id: &str) -> Result<Option<Known>> {
        self.sql.query_one(
            "SELECT size_bytes, account_id, creator FROM attachment WHERE managed_id = ?1",
            &[Value::Text(id)],
            |row| {
                Ok(Known {
                    size_bytes: row.int(0)?,
                    account: row.opt_int(1)?.map(AccountId::new),
                    creator: AccountId::new(row.int(2)?),
                })
            },
        )
    }

    /// RFC 8607 §3.12.2: by who made it. What a delegate adds is made for the owner of the
    /// calendar.
    fn may_reuse(&self, known: &Known) -> bool {
        known.account == Some(self.account)
            && (self.actor == known.creator || self.actor == self.account)
    }

    /// An object from a file, where ids that are not the account's mean nothing
    /// (RFC 8607 §3.12.7). `None` where it is as it was.
    pub(crate) fn without_foreign(
        &mut self,
        object: &PreparedObject,
    ) -> Result<Option<PreparedObject>> {
        let mut foreign = BTreeSet::new();
        for id in object.managed() {
            let known = self.find_known(id)?;
            if known.is_none_or(|known| known.account != Some(self.account)) {
                foreign.insert(id.clone());
            }
        }
        if foreign.is_empty() {
            return Ok(None);
        }
        let limits = self.settings.scheduling.objects;
        let Some(read) = object.read_again(&limits.ical) else { return Ok(None) };
        let plain = read.with_managed(|id, line| {
            if foreign.contains(id) {
                line.remove_parameter("MANAGED-ID");
            }
        });
        Ok(plain.and_then(|plain| PreparedObject::calendar(plain.render(), &limits).ok()))
    }
}
