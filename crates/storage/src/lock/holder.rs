//! Whose locks count (RFC 4918 §6, RFC 3744 Appendix B).

use std::collections::{HashMap, HashSet};

use ids::AccountId;

use super::Lock;
use crate::collection::Home;
use crate::sql::Value;
use crate::{CollectionRights, ReadTx, Result};

/// What is known while the locks of an account are looked at: each question is asked once, however
/// many of them there are.
#[derive(Default)]
struct Known {
    /// The locked places that are folders, once one stood in another.
    folders: Option<HashSet<String>>,
    /// Whether a holder may write in a collection, by holder, home and name.
    may_write: HashMap<(AccountId, i64, String), bool>,
}

impl ReadTx<'_> {
    /// R-SHARE-1: leaves out locks of who may not write there any more, however their rights went:
    /// taken from them, from a team of theirs, or with the team. LOCK needs what PUT needs
    /// (RFC 3744 Appendix B), and nobody whose rights ended keeps others from writing. Those that
    /// were left out.
    ///
    /// While its owner is in maintenance (R-ADDR-12), a lock goes on counting.
    pub(super) fn retain_of_writers(
        &mut self,
        account: AccountId,
        locks: &mut Vec<Lock>,
    ) -> Result<Vec<Lock>> {
        if locks.iter().all(|lock| lock.holder == account) {
            return Ok(Vec::new());
        }
        let mut known = Known::default();
        let (mut counting, mut others) = (Vec::with_capacity(locks.len()), Vec::new());
        for lock in locks.drain(..) {
            match lock.holder == account || self.may_hold(account, &lock, &mut known)? {
                true => counting.push(lock),
                false => others.push(lock),
            }
        }
        *locks = counting;
        Ok(others)
    }

    fn may_hold(&mut self, account: AccountId, lock: &Lock, known: &mut Known) -> Result<bool> {
        let name = match (lock.home, lock.path.rsplit_once('/')) {
            (_, None) => lock.path.as_str(),
            (Home::Calendars | Home::AddressBooks, Some((parent, _))) => parent,
            // Folders alone stand in others.
            (Home::Files, Some((parent, _))) => {
                let folders = match &mut known.folders {
                    Some(folders) => folders,
                    none => none.insert(self.locked_folders(account)?),
                };
                if folders.contains(&lock.path) { &lock.path } else { parent }
            }
        };
        let key = (lock.holder, lock.home.column(), name.to_owned());
        if let Some(may_write) = known.may_write.get(&key) {
            return Ok(*may_write);
        }
        let may_write = match self.find_collection(account, lock.home, name)? {
            Some(collection) => {
                let rights = self.granted_rights(lock.holder, &collection)?;
                rights.contains(CollectionRights::WRITE)
            }
            None => false,
        };
        known.may_write.insert(key, may_write);
        Ok(may_write)
    }

    /// Which of the locked places are folders.
    fn locked_folders(&mut self, account: AccountId) -> Result<HashSet<String>> {
        let names = self.sql.query_all(
            "SELECT DISTINCT c.name FROM dav_lock l JOIN collection c \
             ON c.account_id = l.account_id AND c.home = l.home AND c.name = l.path \
             WHERE l.account_id = ?1 AND l.home = ?2",
            &[Value::Int(account.get()), Value::Int(Home::Files.column())],
            |row| Ok(row.text(0)?.to_owned()),
        )?;
        Ok(names.into_iter().collect())
    }
}
