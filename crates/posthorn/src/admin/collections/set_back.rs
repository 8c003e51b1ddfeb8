//! What a restore plan came to, done in several transactions.

use ids::AccountId;
use storage::{
    Collection, Duplicates, Imported, ObjectId, PreparedObject, RestoreStep, StorageError,
};

use super::{Progress, RestoredRow, Store};

/// LIMIT: objects of one transaction; their bytes, 10 MiB of each at most, are in memory before it.
const BATCH: usize = 50;
/// LIMIT: bookings of a room that are looked at together where they stayed by themselves, while
/// everybody else waits: each is held against what is near it.
const TOGETHER_MAX: usize = 200;
/// LIMIT: bytes of the bookings that are looked at together.
const TOGETHER_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// LIMIT: how often that is done. Each time but the last, something more is set back.
const ROUNDS_MAX: usize = 10;

/// Where the bytes of an object come from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin {
    Version(i64),
    Object(ObjectId),
}

/// What is done with one name.
#[derive(Debug, Clone)]
pub(super) struct Move {
    pub(super) name: String,
    pub(super) expected: Option<String>,
    pub(super) origin: Option<Origin>,
    /// The size of what is put back, in bytes; 0 where something is only deleted.
    pub(super) size_bytes: u64,
}

/// Where what comes back goes.
pub(super) struct Target<'s> {
    pub(super) store: &'s storage::Store,
    pub(super) account: AccountId,
    pub(super) kind: Store,
    pub(super) collection: Collection,
}

impl Target<'_> {
    /// Sets names back to what they were.
    pub(super) async fn set_back(
        &self,
        moves: Vec<Move>,
        row: &mut RestoredRow,
        progress: &Progress,
    ) -> storage::Result<()> {
        let (all, mut done, mut kept) = (moves.len(), 0, Vec::new());
        for batch in batches(moves, BATCH, u64::MAX) {
            done += batch.len();
            kept.extend(self.set_batch_back(batch, row).await?);
            progress.tell(done, all);
        }
        let account = self.account;
        if self.kind == Store::Calendars && self.store.read(move |tx| tx.is_room(account)).await? {
            kept = self.set_rest_back(kept, row).await?;
        }
        row.kept.extend(kept.into_iter().map(|one| one.name));
        Ok(())
    }

    /// R-CAL-4: bookings that changed their hours are in each other's way until all of them are
    /// where they were. Those that several transactions left are tried together, until nothing more
    /// comes of it. What is left then.
    async fn set_rest_back(
        &self,
        mut rest: Vec<Move>,
        row: &mut RestoredRow,
    ) -> storage::Result<Vec<Move>> {
        for _ in 0..ROUNDS_MAX {
            let (before, mut left) = (rest.len(), Vec::new());
            for batch in batches(rest, TOGETHER_MAX, TOGETHER_BYTES_MAX) {
                left.extend(self.set_batch_back(batch, row).await?);
            }
            rest = left;
            if rest.is_empty() || rest.len() == before {
                break;
            }
        }
        Ok(rest)
    }

    /// Sets some of them back, in one transaction. Those that stay.
    async fn set_batch_back(
        &self,
        batch: Vec<Move>,
        row: &mut RestoredRow,
    ) -> storage::Result<Vec<Move>> {
        let objects = self.objects_of(&batch).await?;
        let steps = batch.iter().zip(objects).map(|(one, object)| RestoreStep {
            name: one.name.clone(),
            expected: one.expected.clone(),
            object,
        });
        let (account, target) = (self.account, self.collection.clone());
        let plan: Vec<RestoreStep> = steps.collect();
        let done = self
            .store
            .write("restore", move |tx| tx.account(account)?.restore_objects(&target, &plan));
        let kept = done.await?.value.kept;
        let (kept, done): (Vec<Move>, Vec<Move>) =
            batch.into_iter().partition(|one| kept.contains(&one.name));
        for one in done {
            match one.origin {
                Some(_) => row.restored.push(one.name),
                None => row.removed.push(one.name),
            }
        }
        Ok(kept)
    }

    /// Puts what was there into another collection.
    pub(super) async fn copy(
        &self,
        moves: Vec<Move>,
        row: &mut RestoredRow,
        progress: &Progress,
    ) -> storage::Result<()> {
        let (all, mut done) = (moves.len(), 0);
        for batch in batches(moves, BATCH, u64::MAX) {
            done += batch.len();
            let objects = self.objects_of(&batch).await?;
            let objects: Vec<PreparedObject> = objects.into_iter().flatten().collect();
            let uids: Vec<String> = objects.iter().map(|object| object.uid().to_owned()).collect();
            let (account, target) = (self.account, self.collection.clone());
            let copied = self.store.write("restore", move |tx| {
                let mut tx = tx.account(account)?;
                tx.check_import(&target, &objects, Duplicates::Keep)?;
                tx.import_objects(&target, &objects, Duplicates::Keep)
            });
            let Imported { mut kept, refused, .. } = copied.await?.value;
            // What a room has no time for stays out, too.
            kept.extend(refused);
            row.restored.extend(uids.into_iter().filter(|uid| !kept.contains(uid)));
            row.kept.extend(kept);
            progress.tell(done, all);
        }
        Ok(())
    }

    async fn objects_of(&self, batch: &[Move]) -> storage::Result<Vec<Option<PreparedObject>>> {
        let (account, kind) = (self.account, self.kind);
        let origins: Vec<Option<Origin>> = batch.iter().map(|one| one.origin).collect();
        let limits = self.store.settings().scheduling.objects;
        self.store
            .read(move |tx| {
                let prepare = |bytes| match kind {
                    Store::Calendars => PreparedObject::calendar(bytes, &limits),
                    Store::Contacts => PreparedObject::card(bytes, &limits),
                };
                let mut objects = Vec::with_capacity(origins.len());
                for origin in origins {
                    let bytes = match origin {
                        None => None,
                        Some(Origin::Version(id)) => Some(tx.load_version(account, id)?),
                        Some(Origin::Object(id)) => Some(tx.load_object(id)?),
                    };
                    let object = bytes.map(prepare).transpose();
                    // It was taken once; rules may be stricter now.
                    let invalid = StorageError::Invalid("it is not valid any more");
                    objects.push(object.map_err(|_| invalid)?);
                }
                Ok(objects)
            })
            .await
    }
}

/// In their order, each of so many moves and bytes at most, but of one move at least.
fn batches(moves: Vec<Move>, moves_max: usize, bytes_max: u64) -> Vec<Vec<Move>> {
    let (mut all, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0_u64);
    for one in moves {
        let more = bytes.saturating_add(one.size_bytes);
        if !batch.is_empty() && (batch.len() >= moves_max || more > bytes_max) {
            all.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes = bytes.saturating_add(one.size_bytes);
        batch.push(one);
    }
    all.extend(Some(batch).filter(|batch| !batch.is_empty()));
    all
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ids::Timestamp;
    use storage::{Address, Condition, Home, NewAccount, ObjectName, PutOutcome, Role, Settings};
    use testkit::ManualClock;

    use super::*;
    use crate::admin::collections::restore::moves;

    /// How many bookings change places with as many others: more than one transaction sets back.
    const PAIRS: usize = 40;

    fn booking(uid: &str, hour: usize) -> PreparedObject {
        let (day, hour) = (1 + hour / 24, hour % 24);
        let text = format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x\r\nBEGIN:VEVENT\r\nUID:{uid}\r\n\
             DTSTAMP:20260101T000000Z\r\nDTSTART:202602{day:02}T{hour:02}0000Z\r\n\
             DURATION:PT1H\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        );
        PreparedObject::calendar(text.into_bytes(), &storage::ObjectLimits::default()).unwrap()
    }

    async fn put(store: &storage::Store, to: &Collection, uid: String, hour: usize) {
        let (to, object) = (to.clone(), booking(&uid, hour));
        let put = store.write("test", move |tx| {
            let mut tx = tx.account(to.account)?;
            tx.put_object(&to, &ObjectName::parse(&uid)?, &object, &Condition::default())
        });
        let outcome = put.await.unwrap().value;
        assert!(matches!(outcome, PutOutcome::Created | PutOutcome::Replaced));
    }

    #[tokio::test]
    async fn bookings_of_a_room_that_changed_places_are_set_back_however_many() {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(ManualClock::default()));
        let store = storage::Store::open(Settings::new(folder.path(), clock.clone())).unwrap();
        let made = store.write("test", |tx| {
            tx.create_domain("example.test")?;
            let room = tx.create_account(NewAccount {
                address: Address::parse("room@example.test")?,
                name: String::new(),
                role: Role::Collaborator,
                password_hash: "$argon2id$test".to_owned(),
                quota_bytes: 0,
                mail_only: false,
            })?;
            tx.make_room(room)?;
            tx.find_collection(room, Home::Calendars, "personal")
        });
        let personal = made.await.unwrap().value.unwrap();
        let (first, second) = (|n: usize| format!("a{n:02}"), |n: usize| format!("b{n:02}"));
        for number in 0..PAIRS {
            put(&store, &personal, first(number), number).await;
            put(&store, &personal, second(number), PAIRS + number).await;
        }
        let at = Timestamp::from_secs(clock.advance_secs(3_600).as_secs() - 1_800);
        for number in 0..PAIRS {
            put(&store, &personal, first(number), PAIRS + number).await;
            put(&store, &personal, second(number), number).await;
        }
        let (account, id) = (personal.account, personal.id);
        let plan = store.read(move |tx| tx.restore_plan(account, id, at)).await.unwrap();
        let moves = moves(&plan, false, false);
        assert_eq!(moves.len(), PAIRS * 2);
        let mut row = RestoredRow {
            collection: "personal".to_owned(),
            at: String::new(),
            restored: Vec::new(),
            removed: Vec::new(),
            kept: Vec::new(),
            done: true,
        };
        let kind = Store::Calendars;
        let target = Target { store: &store, account, kind, collection: personal };
        target.set_back(moves, &mut row, &Progress::silent()).await.unwrap();
        assert_eq!((row.kept, row.restored.len()), (Vec::<String>::new(), PAIRS * 2));
        let left = store.read(move |tx| tx.restore_plan(account, id, at)).await.unwrap();
        assert_eq!((left.changed.len(), left.same.len()), (0, PAIRS * 2));
        store.close();
    }

    #[test]
    fn batches_are_bounded_by_moves_and_bytes() {
        let one =
            |size_bytes| Move { name: String::new(), expected: None, origin: None, size_bytes };
        let sizes = |moves_max, bytes_max| -> Vec<usize> {
            let moves = [5, 5, 1, 30, 2].map(one).to_vec();
            batches(moves, moves_max, bytes_max).iter().map(Vec::len).collect()
        };
        assert_eq!(sizes(2, u64::MAX), [2, 2, 1]);
        assert_eq!(sizes(9, 10), [2, 1, 1, 1]);
        assert_eq!(batches(Vec::new(), 1, 1).len(), 0);
    }
}
