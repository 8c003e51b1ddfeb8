//! POST of what Apple's programs share and answer (caldav-sharing draft §5).

use hyper::{HeaderMap, StatusCode};
use ids::{AccountId, CollectionId};
use storage::{
    Account, AccountTx, Address, Collection, CollectionKind, CollectionRights, Invite, ReadTx,
    Sharee, StorageError, WriteTx,
};

use crate::answer::{self, Answer};
use crate::error::{DavError, Result};
use crate::exchange::Exchange;
use crate::methods::publish;
use crate::path::{Place, path_of};
use crate::request::Request;
use crate::resource::{self, Actor, href_of};
use crate::xml::{self, Invitation, Multistatus, Name, SharingRequest, Status, Writer};

/// Whether a POST has a body of XML.
pub(crate) fn is_xml(request: &Request) -> bool {
    let kind = request.header(hyper::header::CONTENT_TYPE.as_str()).unwrap_or_default();
    kind.to_ascii_lowercase().contains("xml")
}

/// Somebody that a sharing request names, resolved, with the rights they are to have.
enum Named {
    /// An href that names nobody who can be invited.
    Unknown(String),
    Set(AccountId, String, Invite),
    Remove(AccountId, String),
    /// Invites somebody of another server, by mail.
    SetOutside(Address, String, Invite),
    RemoveOutside(Address, String),
    /// A team or the organisation: it has the rights at once, with no invitation to accept.
    Group(Sharee, String, CollectionRights),
}

/// CS:share at a calendar or an address book.
pub(crate) async fn share(
    exchange: &Exchange,
    request: Request,
    owner: &Account,
    collection: Collection,
) -> Result<Answer> {
    let (set, remove) = match SharingRequest::parse(&request.body, &exchange.settings.xml)? {
        SharingRequest::Share { set, remove } => (set, remove),
        SharingRequest::Publish => return publish::run(exchange, owner, collection, true).await,
        SharingRequest::Unpublish => return publish::run(exchange, owner, collection, false).await,
        SharingRequest::Reply(_) => return Err(DavError::BAD_REQUEST),
    };
    let (owner, id, kind) = (owner.id, collection.id, collection.kind);
    let named = exchange.read(move |exchange, tx| {
        let actor = &exchange.actor;
        let mut named = Vec::with_capacity(set.len() + remove.len());
        for sharee in set {
            named.push(name(tx, actor, (owner, kind), sharee)?);
        }
        for href in remove {
            named.push(name_removed(tx, actor, id, href)?);
        }
        Ok(named)
    });
    let named = named.await?;
    let told: Vec<(String, bool)> = named.iter().map(Named::outcome).collect();
    apply(exchange, owner, id, named).await?;
    Ok(answer_of(&told, &request.headers).await)
}

/// Who is to get rights to a collection of this owner and kind.
fn name(
    tx: &mut ReadTx<'_>,
    actor: &Actor,
    (owner, kind): (AccountId, CollectionKind),
    sharee: xml::Sharee,
) -> Result<Named> {
    Ok(match find(tx, actor, &sharee.href)? {
        Some(Sharee::Account(account)) if account != owner => {
            Named::Set(account, sharee.href.clone(), invite(sharee))
        }
        Some(group @ (Sharee::Team(_) | Sharee::Organisation)) => {
            Named::Group(group, sharee.href, access(sharee.may_write))
        }
        Some(Sharee::Account(_)) => Named::Unknown(sharee.href),
        None => match elsewhere(tx, &sharee.href)? {
            Some(address) if kind == CollectionKind::Calendar => {
                Named::SetOutside(address, sharee.href.clone(), invite(sharee))
            }
            _ => Named::Unknown(sharee.href),
        },
    })
}

/// Who is to have rights to a collection no more.
fn name_removed(
    tx: &mut ReadTx<'_>,
    actor: &Actor,
    collection: CollectionId,
    href: String,
) -> Result<Named> {
    // Also one whose domain has become one of ours meanwhile.
    if let Some(address) = address_of(&href)
        && tx.find_outsider_of(collection, &address)?.is_some()
    {
        return Ok(Named::RemoveOutside(address, href));
    }
    Ok(match find_member(tx, actor, collection, &href)? {
        Some(Sharee::Account(account)) => Named::Remove(account, href),
        Some(group) => Named::Group(group, href, CollectionRights::NONE),
        None => Named::Unknown(href),
    })
}

/// Does what is to become of everybody, in one transaction.
async fn apply(
    exchange: &Exchange,
    owner: AccountId,
    collection: CollectionId,
    named: Vec<Named>,
) -> Result<()> {
    let mut accounts: Vec<AccountId> = named.iter().filter_map(Named::account).collect();
    accounts.push(owner);
    let writes =
        named.iter().any(|one| matches!(one, Named::SetOutside(..) | Named::RemoveOutside(..)));
    let actor = exchange.actor.id();
    let lock = move |tx: &mut WriteTx<'_>| {
        if writes {
            tx.lock_invitations(owner, actor)?;
        }
        tx.lock_sharing(accounts)
    };
    let written = exchange.write_after(owner, "dav share", lock, move |tx| {
        Ok(named.into_iter().try_for_each(|one| one.apply(tx, collection))?)
    });
    written.await
}

/// Nothing where all was done; else, as Calendar Server tells it, each with what became of it.
async fn answer_of(told: &[(String, bool)], request: &HeaderMap) -> Answer {
    if told.iter().all(|(_, is_done)| *is_done) {
        return answer::empty(StatusCode::OK);
    }
    let mut multistatus = Multistatus::new();
    for (href, is_done) in told {
        let status = if *is_done { Status::OK } else { Status::FORBIDDEN };
        multistatus.status(href, status, None);
    }
    answer::multistatus(multistatus.finish(), request).await
}

impl Named {
    fn apply(self, tx: &mut AccountTx<'_, '_>, collection: CollectionId) -> storage::Result<()> {
        match self {
            Self::Set(account, _, invite) => tx.invite(collection, account, &invite)?,
            Self::Remove(account, _) => {
                tx.uninvite(collection, account)?;
            }
            Self::SetOutside(address, _, invite) => {
                tx.invite_outsider(collection, &address, &invite)?;
            }
            Self::RemoveOutside(address, _) => {
                tx.uninvite_outsider(collection, &address)?;
            }
            Self::Group(group, _, rights) => {
                tx.share_collection(collection, group, rights)?;
            }
            Self::Unknown(_) => {}
        }
        Ok(())
    }

    fn account(&self) -> Option<AccountId> {
        match self {
            Self::Unknown(_) | Self::Group(..) | Self::SetOutside(..) | Self::RemoveOutside(..) => {
                None
            }
            Self::Set(account, ..) | Self::Remove(account, _) => Some(*account),
        }
    }

    fn outcome(&self) -> (String, bool) {
        match self {
            Self::Unknown(href) => (href.clone(), false),
            Self::Set(_, href, _)
            | Self::Remove(_, href)
            | Self::SetOutside(_, href, _)
            | Self::RemoveOutside(_, href)
            | Self::Group(_, href, _) => (href.clone(), true),
        }
    }
}

fn invite(sharee: xml::Sharee) -> Invite {
    Invite {
        rights: access(sharee.may_write),
        common_name: sharee.common_name,
        summary: sharee.summary,
    }
}

fn access(may_write: bool) -> CollectionRights {
    if may_write { CollectionRights::WRITE } else { CollectionRights::READ }
}

/// RFC 6068 §2, without header fields.
fn after_mailto(href: &str) -> Option<&str> {
    let (scheme, rest) = href.trim().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case("mailto:").then_some(rest.trim())
}

fn address_of(href: &str) -> Option<Address> {
    Address::parse(after_mailto(href)?).ok()
}

/// An address that is of no domain of ours (R-SHARE-1).
fn elsewhere(tx: &mut ReadTx<'_>, href: &str) -> Result<Option<Address>> {
    match address_of(href) {
        Some(address) if tx.is_elsewhere(&address)? => Ok(Some(address)),
        _ => Ok(None),
    }
}

/// Whom an address or the path of a principal names, if they have calendars here.
fn find(tx: &mut ReadTx<'_>, actor: &Actor, href: &str) -> Result<Option<Sharee>> {
    if actor.is_outside() {
        // They share with others elsewhere alone, and learn of nobody here.
        return Ok(None);
    }
    if let Some(mailto) = after_mailto(href) {
        return Ok(match Address::parse(mailto) {
            Ok(address) => tx.find_calendar_user(&address)?.map(Sharee::Account),
            Err(_) => None,
        });
    }
    let found = match Place::parse(path_of(href)) {
        Ok(Some(Place::Principal(owner))) => resource::find_owner(tx, actor, &owner)
            .map(|found| (!found.mail_only).then_some(found.id.into())),
        Ok(Some(Place::Group(name))) => {
            resource::group::find_sharee(tx, actor, &name).map(Some).map_err(DavError::from)
        }
        _ => return Ok(None),
    };
    match found {
        Ok(found) => Ok(found),
        Err(DavError::Storage(StorageError::NotFound(_))) => Ok(None),
        Err(DavError::Storage(error)) => Err(error.into()),
        Err(_) => Ok(None),
    }
}

/// Finds a sharee among those that the collection may be shared with already.
fn find_member(
    tx: &mut ReadTx<'_>,
    actor: &Actor,
    collection: CollectionId,
    href: &str,
) -> Result<Option<Sharee>> {
    let Ok(Some(Place::Group(name))) = Place::parse(path_of(href)) else {
        return find(tx, actor, href);
    };
    if actor.is_outside() {
        return Ok(None);
    }
    let organisation = tx.organisation_of(actor.id())?;
    match resource::group::find_present(tx, actor, (organisation, collection), &name) {
        Ok(found) => Ok(Some(found)),
        Err(StorageError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// CS:invite-reply at a home of one's own.
pub(crate) async fn reply(exchange: &Exchange, request: Request) -> Result<Answer> {
    let SharingRequest::Reply(reply) =
        SharingRequest::parse(&request.body, &exchange.settings.xml)?
    else {
        return Err(DavError::BAD_REQUEST);
    };
    let (accepts, summary) = (reply.accepted, reply.summary.clone());
    let found = exchange.read(move |exchange, tx| invitation(tx, &exchange.actor, &reply)).await?;
    let collection = found.ok_or(DavError::Status(StatusCode::FORBIDDEN))?;
    let (owner, guest) = (collection.account, exchange.actor.id());
    let seen = exchange
        .write_after(
            owner,
            "dav invite-reply",
            move |tx| tx.lock_sharing([owner, guest]),
            move |tx| {
                tx.answer_invitation(collection.id, accepts, summary.as_deref())?;
                let collection = tx.load_collection(collection.id)?;
                Ok(tx.as_guest(guest, collection)?)
            },
        )
        .await;
    let seen = seen.map_err(|error| match error {
        // It was withdrawn a moment ago.
        DavError::Storage(StorageError::NotFound(_)) => DavError::Status(StatusCode::FORBIDDEN),
        error => error,
    })?;
    let Some(seen) = seen.filter(|_| accepts) else { return Ok(answer::empty(StatusCode::OK)) };
    let href = href_of(&exchange.actor.account, &seen);
    let body = Writer::document(&Name::calendar_server("shared-as"), |writer| writer.href(&href));
    Ok(answer::xml(StatusCode::OK, body))
}

/// What an answer is about: by what the invitation is known by, or by where the collection is.
fn invitation(
    tx: &mut ReadTx<'_>,
    actor: &Actor,
    reply: &Invitation,
) -> Result<Option<Collection>> {
    if let Some(uid) = &reply.in_reply_to
        && let Some(found) = tx.find_invitation(actor.id(), uid)?
    {
        return Ok(Some(found));
    }
    let Some(host) = &reply.host_href else { return Ok(None) };
    Ok(match Place::parse(path_of(host)) {
        Ok(Some(Place::Member(home, owner, names))) => match Address::parse(&owner) {
            Ok(owner) => tx.find_invitation_to(actor.id(), &owner, home, &names.join("/"))?,
            Err(_) => None,
        },
        _ => None,
    })
}
