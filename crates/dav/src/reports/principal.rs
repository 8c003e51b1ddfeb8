//! The reports on principals (RFC 3744 §9): search by property, match, the properties of principals
//! in a list.

use std::sync::Arc;

use hyper::StatusCode;
use ical::{MatchKind, Quantifier};
use storage::{ReadTx, SharedWith};

use crate::answer::{self, Answer};
use crate::describe::Describer;
use crate::error::{DavError, Result};
use crate::exchange::Exchange;
use crate::path::Place;
use crate::properties::{Described, readers_of};
use crate::request::{Depth, Detail, Request};
use crate::resource::{self, Resource};
use crate::work::Work;
use crate::xml::{
    Element, Multistatus, Name, PrincipalMatch, PrincipalSearch, PropertyRequest, PropertySearch,
    Status, Writer,
};

/// LIMIT: principals that one answer tells of.
const FOUND_MAX: usize = 500;

/// The properties that can be searched (RFC 3744 §9.5), with what they are.
const SEARCHABLE: [(Name, &str); 5] = [
    (Name::dav("displayname"), "Name"),
    (Name::calendar_server("email-address-set"), "Mail address"),
    (Name::caldav("calendar-user-address-set"), "Calendar user address"),
    (Name::caldav("calendar-home-set"), "Calendar home"),
    (Name::caldav("calendar-user-type"), "Calendar user type"),
];

/// RFC 3744 §9.2, §9.3, §9.5: these are of one resource, with the header or without it.
fn require_depth_zero(request: &Request) -> Result<()> {
    match request.depth()? {
        None | Some(Depth::Zero) => Ok(()),
        Some(Depth::One | Depth::Infinity) => Err(DavError::BAD_REQUEST),
    }
}

/// DAV:principal-search-property-set.
pub(crate) fn searchable(request: &Request) -> Result<Answer> {
    require_depth_zero(request)?;
    let body = Writer::document(&Name::dav("principal-search-property-set"), |writer| {
        for (name, description) in &SEARCHABLE {
            writer.element(&Name::dav("principal-search-property"), |writer| {
                writer.element(&Name::dav("prop"), |writer| writer.empty(name));
                let element = Name::dav("description");
                writer.element_with(&element, &[("xml:lang", "en")], |w| w.text(description));
            });
        }
    });
    Ok(answer::xml(StatusCode::OK, body))
}

/// DAV:principal-property-search (RFC 3744 §9.4): among the accounts and teams of one's own
/// organisation, or those that an external user knows of.
pub(crate) async fn search(
    exchange: &Exchange,
    request: &Request,
    search: PrincipalSearch,
) -> Result<Answer> {
    // QUIRK(Thunderbird): it sends Depth 1, where RFC 3744 §9.4 knows 0 alone.
    let detail = request.detail();
    let body = exchange
        .read(move |exchange, tx| {
            let mut found = Vec::new();
            let people = resource::known::accounts(tx, &exchange.actor)?;
            let people = people.into_iter().map(Arc::new).map(Resource::Principal);
            // QUIRK(Python caldav, 3.6): it asks for everybody by no text at all, and breaks off
            // where one of them has no calendars, as groups have none.
            let groups = match search.searches.is_empty() {
                true => Vec::new(),
                false => resource::group::all(tx, &exchange.actor)?,
            };
            let work = Work::new(&exchange.settings);
            for resource in people.chain(groups) {
                work.go_on_in_time()?;
                if is_found(exchange, tx, &resource, &search)? {
                    found.push(resource);
                }
            }
            let max = search.limit.unwrap_or(FOUND_MAX).min(FOUND_MAX);
            let truncated = found.len() > max;
            found.truncate(max);
            render(exchange, tx, &found, &search.request, detail, truncated)
        })
        .await?;
    Ok(answer::multistatus(body, &request.headers).await)
}

fn is_found(
    exchange: &Exchange,
    tx: &mut ReadTx<'_>,
    resource: &Resource,
    search: &PrincipalSearch,
) -> Result<bool> {
    let mut describer = Describer::new(&exchange.actor, &exchange.settings, exchange.now());
    describer.read(tx, resource)?;
    let described = describer.described(resource, &[], None);
    let holds = |one: &PropertySearch| {
        // QUIRK(macOS): without properties, the names and addresses of people.
        if one.properties.is_empty() {
            return SEARCHABLE.iter().any(|(name, _)| has(&described, name, one));
        }
        one.properties.iter().all(|name| has(&described, name, one))
    };
    Ok(match search.quantifier {
        Quantifier::All => search.searches.iter().all(holds),
        Quantifier::Any => search.searches.iter().any(holds),
    })
}

/// RFC 3744 §9.4: the text of the property, without regard to case.
fn has(described: &Described<'_>, name: &Name, search: &PropertySearch) -> bool {
    let mut found = false;
    let document = Writer::document(&Name::dav("prop"), |writer| {
        found = described.write(writer, name);
    });
    let Ok(root) = Element::parse(&document, &crate::xml::Limits::default()) else { return false };
    let wanted = search.text.to_lowercase();
    found
        && texts(&root).iter().any(|text| {
            let text = text.to_lowercase();
            match search.kind {
                MatchKind::Contains => text.contains(&wanted),
                MatchKind::Equals => text == wanted,
                MatchKind::StartsWith => text.starts_with(&wanted),
                MatchKind::EndsWith => text.ends_with(&wanted),
            }
        })
}

/// All texts in an element; as deep as it was read.
fn texts(element: &Element) -> Vec<String> {
    let mut all = vec![element.word()];
    all.extend(element.elements().flat_map(texts));
    all
}

fn render(
    exchange: &Exchange,
    tx: &mut ReadTx<'_>,
    found: &[Resource],
    wanted: &PropertyRequest,
    detail: Detail,
    truncated: bool,
) -> Result<Vec<u8>> {
    let mut multistatus = Multistatus::new();
    for resource in found {
        // What is read differs from one owner to the next.
        let mut describer = Describer::new(&exchange.actor, &exchange.settings, exchange.now());
        describer.read(tx, resource)?;
        let locks = describer.locks_on(resource);
        describer.described(resource, &locks, None).respond(&mut multistatus, wanted, detail);
    }
    if truncated {
        let failed = Name::dav("number-of-matches-within-limits");
        let href = crate::path::principals_href();
        multistatus.status(&href, Status::INSUFFICIENT_STORAGE, Some(&failed));
    }
    Ok(multistatus.finish())
}

/// DAV:principal-match (RFC 3744 §9.3): members that are whoever asks, or that name them.
pub(crate) async fn matching(
    exchange: &Exchange,
    request: &Request,
    found: Resource,
    matching: PrincipalMatch,
) -> Result<Answer> {
    require_depth_zero(request)?;
    // RFC 3744 §9.3: members at any depth; whoever is a principal stands in one place.
    let found = match found {
        Resource::Root if matching.property.is_none() => Resource::Principals,
        found => found,
    };
    let detail = request.detail();
    let body = exchange
        .read(move |exchange, tx| {
            let own = crate::path::principal_href(&exchange.actor.account.address);
            let mut all = resource::members(tx, &exchange.actor, &found)?;
            if matches!(found, Resource::Principals) {
                all.extend(resource::group::of_actor(tx, &exchange.actor)?);
            }
            let mut kept = Vec::new();
            let work = Work::new(&exchange.settings);
            for resource in all.drain(..) {
                work.go_on_in_time()?;
                let is_it = match &matching.property {
                    // Of groups, those that whoever asks is in.
                    None => resource.href() == own || matches!(resource, Resource::Group(_)),
                    Some(name) => {
                        let search = PropertySearch {
                            properties: vec![name.clone()],
                            text: own.clone(),
                            kind: MatchKind::Equals,
                        };
                        let mut describer =
                            Describer::new(&exchange.actor, &exchange.settings, exchange.now());
                        describer.read(tx, &resource)?;
                        has(&describer.described(&resource, &[], None), name, &search)
                    }
                };
                if is_it {
                    kept.push(resource);
                }
            }
            render(exchange, tx, &kept, &matching.request, detail, false)
        })
        .await?;
    Ok(answer::multistatus(body, &request.headers).await)
}

/// DAV:acl-principal-prop-set (RFC 3744 §9.2): of those that the resource's list names.
pub(crate) async fn of_acl(
    exchange: &Exchange,
    request: &Request,
    found: Resource,
    wanted: PropertyRequest,
) -> Result<Answer> {
    require_depth_zero(request)?;
    let detail = request.detail();
    let body = exchange
        .read(move |exchange, tx| {
            let mut all = Vec::new();
            if let Some(owner) = found.owner() {
                all.push(Resource::Principal(owner.clone()));
            }
            if found.collection().is_none() {
                require_own(exchange, &found)?;
                for href in readers_of(&found) {
                    let place = Place::parse(&href)?.ok_or(DavError::NOT_FOUND)?;
                    match resource::find(tx, &exchange.actor, &place) {
                        Ok(reader) => all.push(reader),
                        Err(DavError::Storage(error)) => return Err(error.into()),
                        // R-SHARE-2: to an external user, everybody is no principal.
                        Err(_) => {}
                    }
                }
            }
            // RFC 3744 §5.5.4: what is in a collection has its list.
            if let Some(collection) = found.collection() {
                let rights = tx.collection_rights(exchange.actor.id(), collection)?;
                // RFC 3744 §9.2: DAV:read-acl is needed.
                if !exchange.actor.limit(rights).contains(storage::CollectionRights::SHARE) {
                    return Err(DavError::Lacks(vec![(found.href(), Name::dav("read-acl"))]));
                }
                for share in tx.list_collection_shares(collection.id)? {
                    if !share.state.has_rights() {
                        continue;
                    }
                    let found = match &share.grantee {
                        SharedWith::Account(address) => {
                            resource::find_owner(tx, &exchange.actor, address)
                                .map(Resource::Principal)
                        }
                        // No principal.
                        SharedWith::Outside(_) => continue,
                        group => resource::group::find(tx, &exchange.actor, &group.to_string())
                            .map(Resource::Group),
                    };
                    match found {
                        Ok(grantee) => all.push(grantee),
                        Err(DavError::Storage(error)) => return Err(error.into()),
                        // Of another organisation: there is no principal of them to be seen.
                        Err(_) => {}
                    }
                }
            }
            render(exchange, tx, &all, &wanted, detail, false)
        })
        .await?;
    Ok(answer::multistatus(body, &request.headers).await)
}

/// RFC 3744 §9.2: DAV:read-acl is needed, which of what the server keeps for somebody they alone
/// have.
fn require_own(exchange: &Exchange, found: &Resource) -> Result<()> {
    let actor = &exchange.actor;
    match found.owner().is_some_and(|owner| owner.id == actor.id() && !actor.is_outside()) {
        true => Ok(()),
        false => Err(DavError::Lacks(vec![(found.href(), Name::dav("read-acl"))])),
    }
}
