//! Teams and the whole organisation, as principals (RFC 3744 §2).

use std::sync::Arc;

use ids::{CollectionId, DomainId};
use storage::{ReadTx, SharedWith, Sharee, StorageError, Team};

use super::{Actor, Group, Resource};
use crate::error::{DavError, Result};

/// Whom a name in lists of rights means to whoever asks. R-SHARE-2: an external user knows of the
/// teams that they are in, and of no other.
pub(crate) fn find_sharee(
    tx: &mut ReadTx<'_>,
    actor: &Actor,
    name: &str,
) -> std::result::Result<Sharee, StorageError> {
    let organisation = tx.organisation_of(actor.id())?;
    let found = tx.find_sharee(organisation, name)?;
    let is_known = match found {
        _ if !actor.is_external() => true,
        Sharee::Account(_) => true,
        Sharee::Team(team) => tx.teams_of(actor.id())?.iter().any(|own| own.id == team),
        Sharee::Organisation => false,
    };
    is_known.then_some(found).ok_or(StorageError::NotFound("team"))
}

/// Like `find_sharee`, where rights on a collection are given anew: external users find groups
/// there that have rights already.
pub(crate) fn find_present(
    tx: &mut ReadTx<'_>,
    actor: &Actor,
    (organisation, collection): (DomainId, CollectionId),
    name: &str,
) -> std::result::Result<Sharee, StorageError> {
    let found = tx.find_sharee(organisation, name)?;
    match actor.is_external() && !tx.is_collection_shared_with(collection, found)? {
        true => find_sharee(tx, actor, name),
        false => Ok(found),
    }
}

/// A group of the organisation of whoever asks, by the name that lists of rights have for it.
pub(crate) fn find(tx: &mut ReadTx<'_>, actor: &Actor, name: &str) -> Result<Arc<Group>> {
    let group = match find_sharee(tx, actor, name) {
        Ok(Sharee::Team(team)) => {
            let team = tx.load_team(team)?;
            of_team(tx, &team)?
        }
        Ok(Sharee::Organisation) => everybody(),
        Ok(Sharee::Account(_)) | Err(StorageError::NotFound(_)) => return Err(DavError::NOT_FOUND),
        Err(error) => return Err(error.into()),
    };
    Ok(Arc::new(group))
}

/// The groups that whoever asks may know of: those of their organisation.
pub(crate) fn all(
    tx: &mut ReadTx<'_>,
    actor: &Actor,
) -> std::result::Result<Vec<Resource>, StorageError> {
    if actor.is_external() {
        return of_actor(tx, actor);
    }
    let organisation = tx.organisation_of(actor.id())?;
    let mut teams = tx.list_teams()?;
    teams.retain(|team| team.organisation == organisation);
    of_teams(tx, &teams, true)
}

/// The groups that the actor is in. R-SHARE-2: external users are not of "the whole organisation".
pub(crate) fn of_actor(
    tx: &mut ReadTx<'_>,
    actor: &Actor,
) -> std::result::Result<Vec<Resource>, StorageError> {
    let teams = tx.teams_of(actor.id())?;
    of_teams(tx, &teams, !actor.is_external())
}

fn of_teams(
    tx: &mut ReadTx<'_>,
    teams: &[Team],
    with_everybody: bool,
) -> std::result::Result<Vec<Resource>, StorageError> {
    let mut groups: Vec<Group> = with_everybody.then(everybody).into_iter().collect();
    for team in teams {
        groups.push(of_team(tx, team)?);
    }
    Ok(groups.into_iter().map(|group| Resource::Group(Arc::new(group))).collect())
}

fn everybody() -> Group {
    Group { who: SharedWith::Organisation, name: "Everybody".to_owned(), members: Vec::new() }
}

fn of_team(tx: &mut ReadTx<'_>, team: &Team) -> std::result::Result<Group, StorageError> {
    let members = tx.list_team_members(team.id)?;
    Ok(Group { who: SharedWith::Team(team.name.clone()), name: team.name.clone(), members })
}
