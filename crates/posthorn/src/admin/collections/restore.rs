//! Restores calendars and address books to an earlier instant (R-REST-2): makes the plan, and shows
//! or carries it out.

use std::collections::HashMap;

use ids::{AccountId, CollectionId, Timestamp};
use storage::{Collection, ReadTx, RestorePlan, StorageError};

use super::super::access_key::instant;
use super::super::account::{load, parse};
use super::super::text::refusal;
use super::set_back::{Move, Origin, Target};
use super::{Admin, Progress, Refusal, Response, Restore, RestoreRow, RestoredRow, Store, import};

/// What is to be restored, and where from.
struct Source {
    account: AccountId,
    /// `None`: it is gone.
    there: Option<Collection>,
    plan: RestorePlan,
}

impl Admin {
    /// Lists the collections of which something would come back, and what.
    pub(super) async fn list_restorable(
        &self,
        account: &str,
        store: Store,
        at: &str,
    ) -> Result<Response, Refusal> {
        let (address, at) = (parse(account)?, self.instant_of(account, at).await?);
        let read = self.read(move |tx| {
            let account = load(tx, &address)?;
            let mut found: Vec<(CollectionId, String, bool)> = tx
                .list_collections(account, store.home())?
                .into_iter()
                .filter(|collection| collection.kind == store.kind())
                .map(|collection| (collection.id, collection.name, false))
                .collect();
            let lost = tx.list_lost_collections(account, store.home())?;
            found.extend(lost.into_iter().map(|lost| (lost.id, lost.name, true)));
            let mut rows = Vec::new();
            for (id, collection, deleted) in found {
                let plan = tx.restore_plan(account, id, at)?;
                let [lost, changed, new] =
                    [plan.lost.len(), plan.changed.len(), plan.new.len()].map(|count| count as u64);
                if lost + changed + new > 0 {
                    rows.push(RestoreRow { store, collection, deleted, lost, changed, new });
                }
            }
            Ok(rows)
        });
        read.await.map(Response::Restorable).map_err(|error| refusal(account, error))
    }

    pub(super) async fn restore(
        &self,
        account: &str,
        restore: Restore,
        progress: &Progress,
    ) -> Result<Response, Refusal> {
        let (address, at) = (parse(account)?, self.instant_of(account, &restore.at).await?);
        let (store, name) = (restore.store, restore.collection.clone());
        let source = self.read(move |tx| {
            let account = load(tx, &address)?;
            source(tx, account, store, &name, at)
        });
        let source = source.await.map_err(|error| refusal(&restore.collection, error))?;
        let moves = moves(&source.plan, restore.lost_only, restore.into.is_some());
        let mut row = RestoredRow {
            collection: restore.into.clone().unwrap_or_else(|| restore.collection.clone()),
            at: instant(at),
            restored: Vec::new(),
            removed: Vec::new(),
            kept: Vec::new(),
            done: !restore.dry_run,
        };
        if restore.dry_run {
            for one in moves {
                match one.origin {
                    Some(_) => row.restored.push(one.name),
                    None => row.removed.push(one.name),
                }
            }
            return Ok(Response::Restored(row));
        }
        let outcome = self.carry_out(&source, restore, moves, &mut row, progress).await;
        outcome.map_err(|error| refusal(&row.collection, error))?;
        Ok(Response::Restored(row))
    }

    async fn carry_out(
        &self,
        source: &Source,
        restore: Restore,
        moves: Vec<Move>,
        row: &mut RestoredRow,
        progress: &Progress,
    ) -> storage::Result<()> {
        let (account, kind) = (source.account, restore.store);
        let is_copy = restore.into.is_some();
        let collection = match (restore.into, &source.there) {
            (Some(into), _) => self.target(account, kind, into).await?,
            (None, Some(there)) => there.clone(),
            // What is gone is made again, under the name it had.
            (None, None) => self.target(account, kind, restore.collection).await?,
        };
        let target = Target { store: &self.store, account, kind, collection };
        match is_copy {
            true => target.copy(moves, row, progress).await,
            false => target.set_back(moves, row, progress).await,
        }
    }

    async fn target(
        &self,
        account: AccountId,
        store: Store,
        name: String,
    ) -> storage::Result<Collection> {
        self.write("restore", move |tx| {
            let make = super::find(tx, account, store, Some(&name))?.is_none();
            import::place(tx, account, store, Some(&name), make, None)
        })
        .await
    }

    /// Parses the instant to restore to, in the time zone of the account.
    async fn instant_of(&self, account: &str, text: &str) -> Result<Timestamp, Refusal> {
        let address = parse(account)?;
        let zone = self.read(move |tx| {
            let account = load(tx, &address)?;
            tx.time_zone(account)
        });
        let zone = zone.await.map_err(|error| refusal(account, error))?;
        let now = self.store.now();
        let wrong = || {
            Refusal(format!(
                "\"{text}\" is neither like 24h or 7d nor a date like 2026-01-31 10:00"
            ))
        };
        let at = parse_instant(text, &zone, now).ok_or_else(wrong)?;
        let days = self.store.settings().expunged_retention_days;
        if at > now {
            return Err(Refusal(format!("\"{text}\" is yet to come")));
        }
        match at < now.plus_secs(-i64::from(days) * 24 * 60 * 60) {
            true => Err(Refusal(format!("what was is known for the last {days} days"))),
            false => Ok(at),
        }
    }
}

/// The one that is there counts before one of the same name that is gone; of these, the last.
fn source(
    tx: &mut ReadTx<'_>,
    account: AccountId,
    store: Store,
    name: &str,
    at: Timestamp,
) -> storage::Result<Source> {
    let there = super::find(tx, account, store, Some(name))?;
    let id = match &there {
        Some(there) => there.id,
        None => {
            let lost = tx.list_lost_collections(account, store.home())?;
            let lost = lost.into_iter().filter(|lost| lost.name == name);
            let last = lost.max_by_key(|lost| lost.until);
            last.ok_or(StorageError::NotFound("calendar or address book of that name"))?.id
        }
    };
    let plan = tx.restore_plan(account, id, at)?;
    Ok(Source { account, there, plan })
}

/// What goes comes first: what comes back may have its UID.
pub(super) fn moves(plan: &RestorePlan, lost_only: bool, is_copy: bool) -> Vec<Move> {
    let mut moves = Vec::new();
    if !lost_only && !is_copy {
        moves.extend(plan.new.iter().map(|new| Move {
            name: new.name.clone(),
            expected: Some(new.etag()),
            origin: None,
            size_bytes: 0,
        }));
    }
    moves.extend(plan.lost.iter().map(|lost| Move {
        name: lost.name.clone(),
        expected: None,
        origin: Some(Origin::Version(lost.id)),
        size_bytes: lost.size_bytes,
    }));
    if !lost_only {
        moves.extend(plan.changed.iter().map(|(then, now)| Move {
            name: then.name.clone(),
            expected: Some(now.etag()),
            origin: Some(Origin::Version(then.id)),
            size_bytes: then.size_bytes,
        }));
    }
    if is_copy && !lost_only {
        moves.extend(plan.same.iter().map(|same| Move {
            name: same.name.clone(),
            expected: None,
            origin: Some(Origin::Object(same.id)),
            size_bytes: same.size_bytes,
        }));
    }
    moves
}

/// `24h` and `7d` ago, an instant with its offset, or a date and time in the account's zone.
fn parse_instant(text: &str, zone: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    let units = HashMap::from([('h', 3_600), ('d', 24 * 3_600)]);
    if let Some(unit) = text.chars().last().and_then(|last| units.get(&last))
        && let Some(count) = text.get(..text.len() - 1).and_then(|count| count.parse::<u16>().ok())
    {
        return Some(now.plus_secs(-i64::from(count) * unit));
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp::from_secs(at.as_second()));
    }
    let local = match text.parse::<jiff::civil::Date>() {
        Ok(date) if text.len() == 10 => date.to_datetime(jiff::civil::Time::midnight()),
        _ => text.parse::<jiff::civil::DateTime>().ok()?,
    };
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let at = zone.to_timestamp(local).ok()?;
    Some(Timestamp::from_secs(at.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read() {
        let now = Timestamp::from_secs(1_795_392_000);
        for (text, ago) in [
            ("24h", Some(86_400)),
            ("7d", Some(604_800)),
            ("h", None),
            ("-1d", None),
            ("ü", None),
            ("", None),
            ("70000d", None),
        ] {
            let at = parse_instant(text, "Europe/Vienna", now);
            assert_eq!(at, ago.map(|ago| now.plus_secs(-ago)), "{text}");
        }
        for (text, at) in [
            ("2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z"),
            ("2026-11-01T00:00+01:00", "2026-10-31T23:00:00Z"),
            ("2026-11-01", "2026-10-31T23:00:00Z"),
            ("2026-07-01 10:00", "2026-07-01T08:00:00Z"),
            ("2026-07-01T10:00:05", "2026-07-01T08:00:05Z"),
        ] {
            assert_eq!(instant(parse_instant(text, "Europe/Vienna", now).unwrap()), at, "{text}");
        }
    }
}
