//! ACL (RFC 3744 §8.1): shares a calendar, address book or folder with accounts, teams and the
//! organisation. Grants only; there is no deny, and no entry for strangers.

use hyper::StatusCode;
use ids::AccountId;
use storage::{
    Account, Address, Collection, CollectionRights, ReadTx, SharedWith, Sharee, StorageError,
};

use crate::answer::{self, Answer};
use crate::error::{DavError, Result};
use crate::exchange::Exchange;
use crate::methods::preconditions::Preconditions;
use crate::methods::put::locked_or;
use crate::path::{Place, path_of};
use crate::properties::{is_supported, rights_of};
use crate::request::Request;
use crate::resource::{self, Actor, Resource};
use crate::xml::{Ace, AcePrincipal, Name, parse_acl};

pub(crate) async fn run(exchange: &Exchange, request: Request, place: Place) -> Result<Answer> {
    let entries = parse_acl(&request.body, &exchange.settings.xml)?;
    let conditions = Preconditions::parse(&request, &place)?;
    let read = exchange.read(move |exchange, tx| {
        let found = resource::find(tx, &exchange.actor, &place)?;
        let (owner, collection) = match found {
            Resource::Collection(owner, collection) if !collection.kind.is_private() => {
                (owner, collection)
            }
            // RFC 3744 §8.1.1: what is in a collection has the rights of it by inheritance, and
            // can have none of its own; who asks for none has what they ask for.
            Resource::Object(..) if entries.is_empty() => return Ok(None),
            Resource::Object(..) => return Err(failed("no-inherited-ace-conflict")),
            _ => return Err(DavError::Status(StatusCode::METHOD_NOT_ALLOWED)),
        };
        let wanted = wanted(tx, &entries, &exchange.actor, (&owner, &collection))?;
        Ok(Some((owner.id, collection, wanted)))
    });
    let Some((owner, collection, wanted)) = read.await? else {
        return Ok(answer::empty(StatusCode::OK));
    };
    let mut accounts: Vec<AccountId> = vec![owner];
    accounts.extend(wanted.iter().filter_map(|(sharee, _)| match sharee {
        Sharee::Account(account) => Some(*account),
        Sharee::Team(_) | Sharee::Organisation => None,
    }));
    let written = exchange.write_after(
        owner,
        "dav acl",
        move |tx| tx.lock_sharing(accounts),
        move |tx| {
            conditions.check(tx, collection.kind.home())?;
            Ok(tx.set_collection_acl(collection.id, &wanted, &conditions.tokens())?)
        },
    );
    written.await.map_err(|error| match error {
        DavError::Storage(StorageError::Limit { .. }) => failed("limited-number-of-aces"),
        // Somebody went a moment ago.
        DavError::Storage(StorageError::NotFound("account" | "team")) => {
            failed("recognized-principal")
        }
        error => locked_or(error),
    })?;
    Ok(answer::empty(StatusCode::OK))
}

fn failed(precondition: &'static str) -> DavError {
    DavError::forbidden(Name::dav(precondition))
}

/// What entries come to, or the precondition (RFC 3744 §8.1.1) that they fail.
fn wanted(
    tx: &mut ReadTx<'_>,
    entries: &[Ace],
    actor: &Actor,
    place: (&Account, &Collection),
) -> Result<Vec<(Sharee, CollectionRights)>> {
    if entries.iter().any(|entry| entry.inverted) {
        return Err(failed("no-invert"));
    }
    if entries.iter().any(|entry| !entry.grants) {
        return Err(failed("grant-only"));
    }
    let mut privileges: Vec<(Sharee, Vec<Name>)> = Vec::new();
    for entry in entries {
        if !entry.privileges.iter().all(is_supported) {
            return Err(failed("not-supported-privilege"));
        }
        let Some(sharee) = sharee(tx, &entry.principal, actor, place)? else { continue };
        let names = entry.privileges.iter().cloned();
        match privileges.iter_mut().find(|(other, _)| *other == sharee) {
            Some((_, known)) => known.extend(names),
            None => privileges.push((sharee, names.collect())),
        }
    }
    // Several entries about one add up. Who may write may read, and the like: RFC 3744 §8.1.1 has
    // one name for all that a server cannot do.
    let rights = |names: &[Name]| rights_of(names).ok_or_else(|| failed("no-ace-conflict"));
    privileges.into_iter().map(|(sharee, names)| Ok((sharee, rights(&names)?))).collect()
}

/// Whom an entry is about; nobody where it is the owner, who has all rights whatever it says.
fn sharee(
    tx: &mut ReadTx<'_>,
    principal: &AcePrincipal,
    actor: &Actor,
    (owner, collection): (&Account, &Collection),
) -> Result<Option<Sharee>> {
    let href = match principal {
        AcePrincipal::Property(name) if *name == Name::dav("owner") => return Ok(None),
        AcePrincipal::Href(href) => href,
        AcePrincipal::All
        | AcePrincipal::Authenticated
        | AcePrincipal::Unauthenticated
        | AcePrincipal::Itself
        | AcePrincipal::Property(_) => return Err(failed("allowed-principal")),
    };
    let unknown = || failed("recognized-principal");
    let organisation = tx.organisation_of(owner.id)?;
    match Place::parse(path_of(href)).ok().flatten().ok_or_else(unknown)? {
        Place::Principal(address) => {
            let address = Address::parse(&address).map_err(|_| unknown())?;
            let found = tx.find_account(&address)?.ok_or_else(unknown)?;
            if found.id == owner.id {
                return Ok(None);
            }
            // Those of other organisations are no principals to the owner, nor strangers to an
            // external user (R-SHARE-2), but may have rights.
            let is_known = tx.organisation_of(found.id)? == organisation
                && (!actor.is_external() || resource::known::is_known(tx, actor, &found)?);
            match is_known
                || has_rights(tx, collection, &SharedWith::Account(found.address.clone()))?
            {
                true => Ok(Some(found.id.into())),
                false => Err(unknown()),
            }
        }
        Place::Group(name) => {
            let found =
                resource::group::find_present(tx, actor, (organisation, collection.id), &name);
            match found {
                Ok(found) => Ok(Some(found)),
                Err(StorageError::NotFound(_)) => Err(unknown()),
                Err(error) => Err(error.into()),
            }
        }
        Place::Proxy(..) => Err(failed("allowed-principal")),
        _ => Err(unknown()),
    }
}

fn has_rights(
    tx: &mut ReadTx<'_>,
    collection: &Collection,
    sharee: &SharedWith,
) -> std::result::Result<bool, StorageError> {
    let shares = tx.list_collection_shares(collection.id)?;
    Ok(shares.iter().any(|share| share.grantee == *sharee))
}
