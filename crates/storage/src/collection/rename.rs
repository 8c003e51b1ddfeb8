//! MOVE and COPY of whole collections (RFC 4918 §9.8, §9.9) within a home.

use super::{Collection, CollectionKind, CollectionName, NewCollection};
use crate::change::Fact;
use crate::object::Condition;
use crate::sql::Value;
use crate::{
    AccountTx, Answering, CollectionChange, CollectionRights, LimitKind, Result, StorageError,
};

/// Whether what is below a folder is copied with it (RFC 4918 §9.8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyDepth {
    /// The folder alone, empty.
    Zero,
    /// The folder with everything below it.
    Infinity,
}

impl AccountTx<'_, '_> {
    /// Gives a collection, with all below it, another name in its home. What has that name goes
    /// before, if `overwrite` says so: of a calendar after
    /// [`lock_meetings_of`](crate::WriteTx::lock_meetings_of). Whether something had it.
    ///
    /// # Errors
    /// [`StorageError::NoPermission`] for the inbox, and into itself;
    /// [`StorageError::AlreadyExists`] where the name is taken and not to be overwritten;
    /// [`StorageError::InUse`] where somebody else has a lock.
    pub fn rename_collection(
        &mut self,
        collection: &Collection,
        to: &CollectionName,
        overwrite: bool,
        tokens: &[String],
    ) -> Result<bool> {
        let found = self.require_still_there(collection, CollectionRights::ALL)?;
        let (account, home) = (self.account, found.kind.home());
        if found.kind.is_private() {
            return Err(StorageError::NoPermission("the schedule inbox stays"));
        }
        if to.as_str() == found.name || is_below(to.as_str(), &found.name) {
            return Err(StorageError::NoPermission("a collection is not moved into itself"));
        }
        self.require_unlocked_below(home, &found.name, tokens)?;
        let replaced = self.make_room(&found, to, overwrite, tokens)?;
        let mut all = match home {
            super::Home::Files => self.list_folders_below(account, &found.name)?,
            super::Home::Calendars | super::Home::AddressBooks => Vec::new(),
        };
        all.push(found);
        for one in &all {
            let rest = one.name.strip_prefix(collection.name.as_str()).unwrap_or_default();
            let name = CollectionName::parse(home, &format!("{}{rest}", to.as_str()))?;
            self.sql.execute(
                "UPDATE collection SET name = ?2 WHERE id = ?1",
                &[Value::Int(one.id.get()), Value::Text(name.as_str())],
            )?;
            self.touch_collection(one.id)?;
            self.record_fact(Some(one.id), Fact::CollectionUpdated)?;
        }
        // It is as if it had gone there, and come here.
        let modseq = self.modseq(account)?.get().cast_signed();
        self.sql.execute(
            "UPDATE collection SET created_modseq = ?2 WHERE id = ?1",
            &[Value::Int(collection.id.get()), Value::Int(modseq)],
        )?;
        self.tell_folder_went(&collection.name)?;
        self.tell_home_went(account, home, &collection.name)?;
        self.tell_folder_came(to.as_str())?;
        // RFC 4918 §7.5: locks stay where they were taken.
        self.remove_locks_below(home, &collection.name)?;
        Ok(replaced)
    }

    /// Copies a folder. Whether something had the name.
    ///
    /// # Errors
    /// [`StorageError::NoPermission`] for what is no folder, and into itself;
    /// [`StorageError::Limit`] where it holds more than is copied at once;
    /// [`StorageError::AlreadyExists`] where the name is taken and not to be overwritten.
    pub fn copy_folder(
        &mut self,
        collection: &Collection,
        to: &CollectionName,
        depth: CopyDepth,
        overwrite: bool,
        tokens: &[String],
    ) -> Result<bool> {
        let found = self.require_still_there(collection, CollectionRights::READ)?;
        self.require_own()?;
        if found.kind != CollectionKind::Folder {
            return Err(StorageError::NoPermission("only folders are copied whole"));
        }
        if to.as_str() == found.name || is_below(to.as_str(), &found.name) {
            return Err(StorageError::NoPermission("a folder is not copied into itself"));
        }
        let mut all = vec![found.clone()];
        if depth == CopyDepth::Infinity {
            let account = self.account;
            all.extend(self.list_folders_below(account, &collection.name)?);
            // Nobody else writes meanwhile.
            let max = self.settings.copied_objects_max;
            if all.iter().map(|one| one.objects).sum::<u64>() > max {
                return Err(StorageError::Limit { kind: LimitKind::Objects, max });
            }
        }
        let replaced = self.make_room(&found, to, overwrite, tokens)?;
        for one in &all {
            let rest = one.name.strip_prefix(collection.name.as_str()).unwrap_or_default();
            let name = CollectionName::parse(one.kind.home(), &format!("{}{rest}", to.as_str()))?;
            let mut new = NewCollection::new(one.kind);
            new.properties = self.properties_of(one)?;
            let copy = self.create_collection(&name, &new, tokens)?;
            if depth == CopyDepth::Infinity {
                for object in self.list_objects(one.id)? {
                    let condition = Condition { tokens, ..Condition::default() };
                    self.copy_object(one, &object, &copy, &object.name, &condition)?;
                }
            }
        }
        Ok(replaced)
    }

    fn properties_of(&mut self, collection: &Collection) -> Result<CollectionChange> {
        let dead = self.load_dead_properties(collection.id, None)?;
        Ok(CollectionChange {
            display_name: Some(collection.display_name.clone()),
            description: Some(collection.description.clone()),
            color: Some(collection.color.clone()),
            sort_order: Some(collection.sort_order),
            timezone: Some(collection.timezone.clone()),
            transparent: Some(collection.transparent),
            source: Some(collection.source.clone()),
            dead: dead.into_iter().map(|dead| (dead.name, Some(dead.value))).collect(),
        })
    }

    /// RFC 4918 §9.9.3: with Overwrite T the destination is deleted first; with F there must be
    /// none. Whether there was one.
    fn make_room(
        &mut self,
        from: &Collection,
        to: &CollectionName,
        overwrite: bool,
        tokens: &[String],
    ) -> Result<bool> {
        let (account, home) = (self.account, from.kind.home());
        self.require_place_unlocked(home, to.as_str(), None, tokens)?;
        if let Some(parent) = to.parent()
            && self.find_collection(account, home, parent)?.is_none()
        {
            return Err(StorageError::Conflict("the folder above does not exist"));
        }
        let there = self.find_collection(account, home, to.as_str())?;
        let file = self.file_at(to)?;
        match (there, file) {
            (None, None) => Ok(false),
            _ if !overwrite => Err(StorageError::AlreadyExists("collection")),
            (Some(there), _) if is_below(&from.name, &there.name) => {
                Err(StorageError::NoPermission("a folder does not replace one it is in"))
            }
            // Its meetings end (RFC 6638 §3.2.3.2).
            (Some(there), _) if there.kind == CollectionKind::Calendar => {
                self.delete_calendar_scheduled(&there, tokens, Answering::Reply).map(|()| true)
            }
            (Some(there), _) => self.delete_collection(&there, tokens).map(|()| true),
            (None, Some((parent, object))) => {
                let condition = Condition { tokens, ..Condition::default() };
                self.delete_object(&parent, &object.name, &condition).map(|()| true)
            }
        }
    }

    fn file_at(
        &mut self,
        name: &CollectionName,
    ) -> Result<Option<(Collection, crate::object::Object)>> {
        let Some((parent, leaf)) = name.as_str().rsplit_once('/') else { return Ok(None) };
        let account = self.account;
        let Some(parent) = self.find_collection(account, super::Home::Files, parent)? else {
            return Ok(None);
        };
        Ok(self.find_object(parent.id, leaf)?.map(|object| (parent, object)))
    }
}

fn is_below(name: &str, other: &str) -> bool {
    name.strip_prefix(other).is_some_and(|rest| rest.starts_with('/'))
}
