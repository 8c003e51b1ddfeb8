//! DAV:sync-collection of a home (RFC 6578 §3.3, level 1): which collections came, changed, went.
//!
//! A collection has changed when a property of it has, DAV:sync-token and getctag among them: what
//! changes in it is told of here by its name, and by its own report in full.

use std::collections::HashMap;
use std::sync::Arc;

use storage::{
    Account, CollectionRights, Home, HomeChanges, HomeLook, HomeMember, HomeView, ReadTx,
    StorageError,
};

use super::sync::{invalid_token, too_few, too_many};
use crate::answer::{self, Answer};
use crate::describe::Describer;
use crate::error::{DavError, Result};
use crate::exchange::Exchange;
use crate::path::{Place, collection_href, home_href};
use crate::request::{Depth, Detail, Request};
use crate::resource::{self, Actor, Resource};
use crate::work::Work;
use crate::xml::{Multistatus, Status, SyncCollection};

/// The report, of what was noted at its beginning.
pub(super) async fn run(
    exchange: &Exchange,
    request: &Request,
    (home, owner): (Home, Arc<Account>),
    sync: SyncCollection,
) -> Result<Answer> {
    let since = sync.token.as_deref().map(|token| parse_token(token).ok_or_else(invalid_token));
    let since = since.transpose()?;
    let view = follow(exchange, home, &owner).await?;
    let since = match since {
        Some((of, _)) if of != view.id => return Err(invalid_token()),
        since => since.map(|(_, seq)| seq),
    };
    let detail = request.detail();
    let body = exchange
        .read(move |exchange, tx| {
            let told = Told { exchange, home, owner, view, sync, detail };
            told.render(tx, since)
        })
        .await?;
    Ok(answer::multistatus(body, &request.headers).await)
}

/// The parameters of one sync-collection REPORT on a home.
struct Told<'s> {
    exchange: &'s Exchange,
    home: Home,
    owner: Arc<Account>,
    view: HomeView,
    sync: SyncCollection,
    detail: Detail,
}

impl Told<'_> {
    fn render(&self, tx: &mut ReadTx<'_>, since: Option<u64>) -> Result<Vec<u8>> {
        let Exchange { actor, settings, .. } = self.exchange;
        let max = self.sync.limit.unwrap_or(usize::MAX).min(settings.results_max);
        let (changes, mut truncated) = match tx.home_changes(&self.view, since, max)? {
            HomeChanges::TooOld => return Err(invalid_token()),
            HomeChanges::List { truncated: true, .. } if max == 0 => return Err(too_few()),
            HomeChanges::List { changes, truncated } => (changes, truncated),
        };
        let there = members(tx, actor, self.home, &self.owner)?;
        let there: HashMap<String, Resource> =
            there.into_iter().map(|(member, resource)| (member.name, resource)).collect();
        let describer = Describer::new(actor, settings, self.exchange.now());
        let mut describer = describer.for_request(&self.sync.request);
        let (work, mut multistatus) = (Work::new(settings), Multistatus::new());
        let count = changes.len();
        // Where all are told there is nothing behind the newest.
        let mut up_to = if truncated { since.unwrap_or(0) } else { self.view.last };
        for (told, change) in changes.into_iter().enumerate() {
            match there.get(&change.name).filter(|_| !change.is_gone) {
                Some(resource) => {
                    describer.read(tx, resource)?;
                    let locks = describer.locks_on(resource);
                    let described = describer.described(resource, &locks, None);
                    described.respond(&mut multistatus, &self.sync.request, self.detail);
                }
                // RFC 6578 §3.5.2; also what went since it was noted.
                None => {
                    let href = collection_href(self.home, &self.owner.address, &change.name);
                    multistatus.status(&href, Status::NOT_FOUND, None);
                }
            }
            if truncated {
                up_to = change.seq;
            }
            work.go_on_in_time()?;
            // Each change has a number of its own: the answer ends behind any of them.
            if told + 1 < count && !work.has_room(multistatus.len()) {
                (truncated, up_to) = (true, change.seq);
                break;
            }
        }
        if truncated {
            // RFC 6578 §3.6
            let href = home_href(self.home, &self.owner.address);
            multistatus.status(&href, Status::INSUFFICIENT_STORAGE, Some(&too_many()));
        }
        multistatus.sync_token(&token(&self.view, up_to));
        Ok(multistatus.finish())
    }
}

/// A home as it stands, noted: what it has changed since is numbered.
async fn follow(exchange: &Exchange, home: Home, owner: &Arc<Account>) -> Result<HomeView> {
    let look = look(&exchange.actor, home, owner);
    let of_read = owner.clone();
    let noted = exchange.read(move |exchange, tx| {
        let members = noted_members(tx, &exchange.actor, home, &of_read)?;
        match tx.find_home_view(&look)? {
            Some(view) if tx.is_home_noted(&view, &members)? => Ok(Some(view)),
            _ => Ok(None),
        }
    });
    if let Some(view) = noted.await? {
        return Ok(view);
    }
    let (actor, owner) = (exchange.actor.clone(), owner.clone());
    exchange
        .write_all("note home", Vec::new(), move |tx| {
            let view = tx.lock_home_view(&look)?;
            let members = noted_members(tx, &actor, home, &owner)?;
            Ok(tx.note_home(view, &members)?)
        })
        .await
}

/// Follows the home, like the report, when PROPFIND is asked for its DAV:sync-token.
pub(crate) async fn follow_at(exchange: &Exchange, place: &Place, depth: Depth) -> Result<()> {
    if exchange.actor.is_outside() {
        return Ok(());
    }
    let (home, owner) = match place {
        Place::Home(..) => {
            let place = place.clone();
            let found =
                exchange.read(move |exchange, tx| resource::find(tx, &exchange.actor, &place));
            let Resource::Home(home, owner) = found.await? else { return Ok(()) };
            (home, owner)
        }
        Place::Homes(home) if depth == Depth::One => (*home, exchange.actor.account.clone()),
        _ => return Ok(()),
    };
    match follow(exchange, home, &owner).await {
        // Where nothing can be written, the rest can be read.
        Err(DavError::Storage(StorageError::Unavailable(_) | StorageError::NoSpace(_))) => Ok(()),
        followed => followed.map(drop),
    }
}

/// DAV:sync-token of a home, if it is noted as it stands.
pub(crate) fn find_token(
    tx: &mut ReadTx<'_>,
    actor: &Actor,
    home: Home,
    owner: &Arc<Account>,
) -> std::result::Result<Option<String>, StorageError> {
    let Some(view) = tx.find_home_view(&look(actor, home, owner))? else { return Ok(None) };
    let members = noted_members(tx, actor, home, owner)?;
    Ok(tx.is_home_noted(&view, &members)?.then(|| token(&view, view.last)))
}

fn look(actor: &Actor, home: Home, owner: &Account) -> HomeLook {
    let narrow = actor.has_one_book && home == Home::AddressBooks;
    HomeLook { viewer: actor.id(), owner: owner.id, home, narrow }
}

fn noted_members(
    tx: &mut ReadTx<'_>,
    actor: &Actor,
    home: Home,
    owner: &Arc<Account>,
) -> std::result::Result<Vec<HomeMember>, StorageError> {
    Ok(members(tx, actor, home, owner)?.into_iter().map(|(member, _)| member).collect())
}

/// The collections in a home and its outbox, as the actor sees them.
fn members(
    tx: &mut ReadTx<'_>,
    actor: &Actor,
    home: Home,
    owner: &Arc<Account>,
) -> std::result::Result<Vec<(HomeMember, Resource)>, StorageError> {
    let mut all = Vec::new();
    for resource in resource::members(tx, actor, &Resource::Home(home, owner.clone()))? {
        let member = match &resource {
            Resource::Collection(_, collection) => {
                let is_guest = collection.guest.is_some();
                let name =
                    if is_guest { collection.shared_name() } else { collection.name.clone() };
                let rights = match collection.account == actor.id() {
                    true => CollectionRights::ALL,
                    false => tx.granted_rights(actor.id(), collection)?,
                };
                HomeMember::of(collection, name, rights)
            }
            Resource::Outbox(_) => HomeMember::fixed("outbox"),
            _ => continue,
        };
        all.push((member, resource));
    }
    Ok(all)
}

fn token(view: &HomeView, seq: u64) -> String {
    format!("data:,home{}-{seq}", view.id)
}

/// Parses a token into the id of a view of the home and the sequence number reached in it.
fn parse_token(token: &str) -> Option<(i64, u64)> {
    let (view, seq) = token.strip_prefix("data:,home")?.split_once('-')?;
    let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_plain(view) || !is_plain(seq) {
        return None;
    }
    Some((view.parse().ok()?, seq.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_as_they_are_written() {
        let view = HomeView { id: 7, last: 9, horizon: 0 };
        assert_eq!(parse_token(&token(&view, 9)), Some((7, 9)));
        for strange in ["", "data:,7-9", "data:,home7", "data:,home-1-9", "data:,home7-+9"] {
            assert_eq!(parse_token(strange), None, "{strange}");
        }
    }
}
