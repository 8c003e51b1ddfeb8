//! Whose locks count (RFC 4918 §6, RFC 3744 Appendix B).

use std::collections::HashMap;

use ids::AccountId;

use super::Lock;
use crate::collection::Home;
use crate::{CollectionRights, ReadTx, Result};

/// What is known of collections, by holder, home and name: whether the holder may write there, where
/// there is such a collection.
type Known = HashMap<(AccountId, i64, String), Option<bool>>;

impl ReadTx<'_> {
    /// R-SHARE-1: leaves out locks of who may not write there any more, however their rights went:
    /// taken from them, from a team of theirs, or with the team. LOCK needs what PUT needs
    /// (RFC 3744 Appendix B), and nobody whose rights ended keeps others from writing.
    ///
    /// While its owner is in maintenance (R-ADDR-12), a lock goes on counting.
    pub(super) fn retain_of_writers(
        &mut self,
        account: AccountId,
        locks: &mut Vec<Lock>,
    ) -> Result<()> {
        if locks.iter().all(|lock| lock.holder == account) {
            return Ok(());
        }
        let mut known = Known::new();
        let mut counting = Vec::with_capacity(locks.len());
        for lock in locks.drain(..) {
            if lock.holder == account || self.may_hold(account, &lock, &mut known)? {
                counting.push(lock);
            }
        }
        *locks = counting;
        Ok(())
    }

    fn may_hold(&mut self, account: AccountId, lock: &Lock, known: &mut Known) -> Result<bool> {
        for name in collection_names(lock) {
            let key = (lock.holder, lock.home.column(), name.to_owned());
            let may_write = match known.get(&key) {
                Some(may_write) => *may_write,
                None => {
                    let may_write = self.may_write(account, lock, name)?;
                    known.insert(key, may_write);
                    may_write
                }
            };
            if let Some(may_write) = may_write {
                return Ok(may_write);
            }
        }
        Ok(false)
    }

    fn may_write(&mut self, account: AccountId, lock: &Lock, name: &str) -> Result<Option<bool>> {
        let Some(collection) = self.find_collection(account, lock.home, name)? else {
            return Ok(None);
        };
        let rights = self.granted_rights(lock.holder, &collection)?;
        Ok(Some(rights.contains(CollectionRights::WRITE)))
    }
}

/// The names that the collection may have which a lock is on, or in which: folders alone stand in
/// others.
fn collection_names(lock: &Lock) -> impl Iterator<Item = &str> {
    let (first, second) = match (lock.home, lock.path.rsplit_once('/')) {
        (_, None) => (lock.path.as_str(), None),
        (Home::Files, Some((parent, _))) => (lock.path.as_str(), Some(parent)),
        (Home::Calendars | Home::AddressBooks, Some((parent, _))) => (parent, None),
    };
    std::iter::once(first).chain(second)
}
