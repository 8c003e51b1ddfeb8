//! What stands in a home, as those who synchronise it know it (RFC 6578 of homes).
//!
//! That hangs on much that is not in the home: who is in a team, what others share, and how they
//! call it. So whatever changes there writes nothing here. When somebody asks what changed, the
//! home as it is is compared with the home as it was noted last, and each difference gets a number
//! of its own. Only what goes by name is noted at once: nobody would find out that it had come in
//! between.
//!
//! **Invariants:** no two members of a view have the same number, and none a larger one than was
//! given last.

use std::collections::BTreeMap;

use ids::AccountId;

use super::{Collection, CollectionKind, CollectionRights, Home};
use crate::sql::Value;
use crate::{AccountTx, ReadTx, Result, StorageError, WriteTx};

/// What is noted of calendars of others, and of them alone, since alarms in them are one's own:
/// what stands in them has other etags and sync-tokens than it had when such a home was noted
/// before.
const OWN_ALARMS: i64 = 1;

/// A home, as one account sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HomeLook {
    /// The account that looks.
    pub viewer: AccountId,
    /// The account whose home it is.
    pub owner: AccountId,
    /// Which home of that account.
    pub home: Home,
    /// R-CARD-2: with a program that sees one address book alone.
    pub narrow: bool,
}

/// A home as somebody sees it, over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HomeView {
    /// The number of the view; never used again for another.
    pub id: i64,
    /// The number of the newest change.
    pub last: u64,
    /// Changes up to this number are forgotten.
    pub horizon: u64,
}

/// A member of a home, and the value that changes whenever something a client sees of it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomeMember {
    /// The name of the member in the home.
    pub name: String,
    mark: [u8; 32],
}

impl HomeMember {
    /// A collection under the name that it has there, for somebody with these rights.
    pub fn of(collection: &Collection, name: String, rights: CollectionRights) -> Self {
        // Whatever its owner changes has another number; the rest hangs on others.
        let guest = collection.guest.as_ref();
        let numbers = [
            collection.id.get(),
            collection.highest_modseq.get().cast_signed(),
            guest.map_or(0, |guest| guest.modseq.get().cast_signed()),
            guest.map_or(0, |guest| i64::from(guest.in_maintenance)),
            rights.column(),
        ];
        let mut hash = blake3::Hasher::new();
        for number in numbers {
            hash.update(&number.to_le_bytes());
        }
        if guest.is_some() && collection.kind == CollectionKind::Calendar {
            hash.update(&OWN_ALARMS.to_le_bytes());
        }
        hash.update(collection.display_name.as_deref().unwrap_or_default().as_bytes());
        Self { name, mark: *hash.finalize().as_bytes() }
    }

    /// A member that never changes.
    pub fn fixed(name: &str) -> Self {
        Self { name: name.to_owned(), mark: [0; 32] }
    }
}

/// The answer to "what changed in the home since".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HomeChanges {
    /// The token is not known any more: the client has to read everything anew.
    TooOld,
    /// The changes, in ascending order of their numbers.
    List {
        /// The first changes.
        changes: Vec<HomeChange>,
        /// Whether there are more changes after these.
        truncated: bool,
    },
}

/// A member of a home that came, changed, or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomeChange {
    /// The name of the member in the home.
    pub name: String,
    /// Whether it went.
    pub is_gone: bool,
    /// The number of the change.
    pub seq: u64,
}

/// A member as it was noted.
struct Noted {
    mark: Vec<u8>,
    is_gone: bool,
}

impl Noted {
    fn is(&self, member: &HomeMember) -> bool {
        !self.is_gone && self.mark == member.mark
    }
}

impl ReadTx<'_> {
    /// The view of somebody who asked before.
    pub fn find_home_view(&mut self, look: &HomeLook) -> Result<Option<HomeView>> {
        self.sql.query_one(
            "SELECT id, last, horizon FROM home_view \
             WHERE viewer_id = ?1 AND owner_id = ?2 AND home = ?3 AND narrow = ?4",
            &look.key(),
            |row| {
                let (last, horizon) = (row.int(1)?.cast_unsigned(), row.int(2)?.cast_unsigned());
                Ok(HomeView { id: row.int(0)?, last, horizon })
            },
        )
    }

    /// Whether the home is noted as one with just these members.
    pub fn is_home_noted(&mut self, view: &HomeView, members: &[HomeMember]) -> Result<bool> {
        let noted = self.noted_members(view)?;
        let there = noted.values().filter(|noted| !noted.is_gone).count();
        let is_noted =
            |member: &HomeMember| noted.get(&member.name).is_some_and(|noted| noted.is(member));
        Ok(there == members.len() && members.iter().all(is_noted))
    }

    /// What changed after `since`, or with `None` all that is there; `max` changes, the first ones.
    pub fn home_changes(
        &mut self,
        view: &HomeView,
        since: Option<u64>,
        max: usize,
    ) -> Result<HomeChanges> {
        if since.is_some_and(|since| since < view.horizon || since > view.last) {
            return Ok(HomeChanges::TooOld);
        }
        // RFC 6578 §3.4: who begins is told of nothing that went.
        let tells_gone = i64::from(since.is_some());
        let limit = i64::try_from(max).unwrap_or(i64::MAX).saturating_add(1);
        let mut changes = self.sql.query_all(
            "SELECT name, gone, seq FROM home_member WHERE view_id = ?1 AND seq > ?2 \
             AND gone <= ?3 ORDER BY seq LIMIT ?4",
            &[
                Value::Int(view.id),
                Value::Int(since.unwrap_or(0).cast_signed()),
                Value::Int(tells_gone),
                Value::Int(limit),
            ],
            |row| {
                let (is_gone, seq) = (row.int(1)? != 0, row.int(2)?.cast_unsigned());
                Ok(HomeChange { name: row.text(0)?.to_owned(), is_gone, seq })
            },
        )?;
        let truncated = changes.len() > max;
        changes.truncate(max);
        Ok(HomeChanges::List { changes, truncated })
    }

    fn noted_members(&mut self, view: &HomeView) -> Result<BTreeMap<String, Noted>> {
        let all = self.sql.query_all(
            "SELECT name, mark, gone FROM home_member WHERE view_id = ?1",
            &[Value::Int(view.id)],
            |row| {
                let noted = Noted { mark: row.bytes(1)?.to_vec(), is_gone: row.int(2)? != 0 };
                Ok((row.text(0)?.to_owned(), noted))
            },
        )?;
        Ok(all.into_iter().collect())
    }
}

impl HomeLook {
    fn key(&self) -> [Value<'static>; 4] {
        [
            Value::Int(self.viewer.get()),
            Value::Int(self.owner.get()),
            Value::Int(self.home.column()),
            Value::Int(i64::from(self.narrow)),
        ]
    }
}

impl WriteTx<'_> {
    /// The view, which nobody else changes until the end of the transaction. What is to be noted is
    /// read after this.
    pub fn lock_home_view(&mut self, look: &HomeLook) -> Result<HomeView> {
        self.sql.execute(
            "INSERT INTO home_view (viewer_id, owner_id, home, narrow) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (viewer_id, owner_id, home, narrow) DO UPDATE SET last = home_view.last",
            &look.key(),
        )?;
        self.find_home_view(look)?.ok_or(StorageError::NotFound("home"))
    }

    /// Notes what is in a home now. After [`lock_home_view`](Self::lock_home_view).
    pub fn note_home(&mut self, mut view: HomeView, members: &[HomeMember]) -> Result<HomeView> {
        let mut noted = self.noted_members(&view)?;
        let before = view.last;
        for member in members {
            let same = noted.remove(&member.name).is_some_and(|noted| noted.is(member));
            if !same {
                view.last += 1;
                self.note_member(&view, member, false)?;
            }
        }
        for (name, noted) in noted {
            if !noted.is_gone {
                view.last += 1;
                self.note_member(&view, &HomeMember::fixed(&name), true)?;
            }
        }
        if view.last > before {
            self.sql.execute(
                "UPDATE home_view SET last = ?2 WHERE id = ?1",
                &[Value::Int(view.id), Value::Int(view.last.cast_signed())],
            )?;
        }
        Ok(view)
    }

    fn note_member(&mut self, view: &HomeView, member: &HomeMember, is_gone: bool) -> Result<()> {
        let now = self.now.as_micros();
        self.sql.execute(
            "INSERT INTO home_member (view_id, name, mark, seq, gone, at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (view_id, name) DO UPDATE SET \
             mark = excluded.mark, seq = excluded.seq, gone = excluded.gone, at = excluded.at",
            &[
                Value::Int(view.id),
                Value::Text(&member.name),
                Value::Bytes(&member.mark),
                Value::Int(view.last.cast_signed()),
                Value::Int(i64::from(is_gone)),
                Value::Int(now),
            ],
        )?;
        Ok(())
    }

    /// RFC 6578 §3.5.2: what has this name in a home of `owner` goes, and whoever synchronises the
    /// home is told so, even if they were never told that it came.
    pub(super) fn tell_home_went(
        &mut self,
        owner: AccountId,
        home: Home,
        name: &str,
    ) -> Result<()> {
        if name.contains('/') {
            return Ok(());
        }
        let now = self.now.as_micros();
        let (owner, home) = (Value::Int(owner.get()), Value::Int(home.column()));
        self.sql.execute(
            "UPDATE home_view SET last = last + 1 WHERE owner_id = ?1 AND home = ?2",
            &[owner, home],
        )?;
        self.sql.execute(
            "INSERT INTO home_member (view_id, name, mark, seq, gone, at) \
             SELECT v.id, ?3, ?4, v.last, 1, ?5 FROM home_view v \
             WHERE v.owner_id = ?1 AND v.home = ?2 ON CONFLICT (view_id, name) DO UPDATE SET \
             mark = excluded.mark, seq = excluded.seq, gone = excluded.gone, at = excluded.at",
            &[owner, home, Value::Text(name), Value::Bytes(&[0; 32]), Value::Int(now)],
        )?;
        Ok(())
    }
}

impl AccountTx<'_, '_> {
    /// Notes that a collection of the account went from the home of a sharee.
    pub(super) fn tell_guest_went(
        &mut self,
        collection: &Collection,
        guest: AccountId,
    ) -> Result<()> {
        self.tell_home_went(guest, collection.kind.home(), &collection.shared_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_both_engines;

    /// The mark of a member, computed anew as it is for all but calendars of others.
    fn marked(collection: &Collection, more: &[i64]) -> [u8; 32] {
        let guest = collection.guest.as_ref().map_or(0, |guest| guest.modseq.get().cast_signed());
        let (id, modseq) = (collection.id.get(), collection.highest_modseq.get().cast_signed());
        let rights = CollectionRights::READ.column();
        let mut hash = blake3::Hasher::new();
        for number in [id, modseq, guest, 0, rights].iter().chain(more) {
            hash.update(&number.to_le_bytes());
        }
        hash.update(collection.display_name.as_deref().unwrap_or_default().as_bytes());
        *hash.finalize().as_bytes()
    }

    #[test]
    fn calendars_of_others_alone_are_noted_anew() {
        on_both_engines(|store| {
            let [julie, paul] = ["julie", "paul"].map(|name| store.account(name));
            store.with(julie, |tx| tx.make_first_collections()).unwrap();
            for (home, more) in [(Home::Calendars, &[1][..]), (Home::AddressBooks, &[])] {
                let owned = store.read(move |tx| tx.list_collections(julie, home)).unwrap();
                let own = owned.into_iter().find(|one| !one.kind.is_private()).unwrap();
                let id = own.id;
                store
                    .with(julie, move |tx| tx.share_collection(id, paul, CollectionRights::READ))
                    .unwrap();
                let own = store.read(move |tx| tx.load_collection(id)).unwrap();
                let seen = store.read(move |tx| tx.list_guest_collections(paul, home)).unwrap();
                for (one, more) in [(&own, &[][..]), (&seen[0], more)] {
                    let member = HomeMember::of(one, "x".to_owned(), CollectionRights::READ);
                    assert_eq!(member.mark, marked(one, more), "{home:?}");
                }
            }
        });
    }
}
