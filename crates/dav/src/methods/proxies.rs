//! PROPPATCH of who acts for somebody: DAV:group-member-set of the calendar-proxy principals
//! (calendarserver-proxy draft §5).

use storage::{Home, ReadTx, Sharee, StorageError};

use crate::error::{DavError, Result};
use crate::exchange::Exchange;
use crate::methods::preconditions::Preconditions;
use crate::path::{Place, path_of};
use crate::properties::Refused;
use crate::resource;
use crate::xml::{Element, Name, PropertyChange};

const MEMBERS: Name = Name::dav("group-member-set");

/// Sets who acts for whoever asks, or says why not.
pub(crate) async fn set(
    exchange: &Exchange,
    proxy: storage::Proxy,
    changes: &[PropertyChange],
    conditions: Preconditions,
) -> std::result::Result<(), Vec<Refused>> {
    let hrefs: Vec<String> = match changes {
        [PropertyChange::Set(set)] if set.name == MEMBERS => {
            set.elements_named(crate::xml::DAV, "href").map(Element::word).collect()
        }
        [PropertyChange::Remove(name)] if *name == MEMBERS => Vec::new(),
        _ => {
            let others = changes.iter().map(PropertyChange::name).filter(|name| **name != MEMBERS);
            return Err(others
                .map(|name| refused(name, 403, Some("cannot-modify-protected-property")))
                .collect());
        }
    };
    match write(exchange, proxy, hrefs, conditions).await {
        Ok(()) => Ok(()),
        Err(error) => Err(vec![match error {
            DavError::Failed(status, name, _) => {
                Refused { name: MEMBERS, status: status.as_u16(), failed: Some(name) }
            }
            DavError::Storage(StorageError::Limit { .. }) => refused(&MEMBERS, 507, None),
            error => refused(&MEMBERS, error.into_answer().status().as_u16(), None),
        }]),
    }
}

fn refused(name: &Name, status: u16, failed: Option<&'static str>) -> Refused {
    Refused { name: name.clone(), status, failed: failed.map(Name::dav) }
}

async fn write(
    exchange: &Exchange,
    proxy: storage::Proxy,
    hrefs: Vec<String>,
    conditions: Preconditions,
) -> Result<()> {
    let members = exchange.read(move |exchange, tx| members(exchange, tx, &hrefs)).await?;
    let locked = members.clone();
    let written = exchange.write_after(
        exchange.actor.id(),
        "dav proxies",
        move |tx| {
            tx.lock_sharing(locked.iter().filter_map(|member| match member {
                Sharee::Account(account) => Some(*account),
                Sharee::Team(_) | Sharee::Organisation => None,
            }))
        },
        move |tx| {
            conditions.check(tx, Home::Calendars)?;
            Ok(tx.set_proxies(proxy, &members)?)
        },
    );
    written.await.map_err(|error| match error {
        DavError::Storage(StorageError::Invalid(_)) => failed("allowed-principal"),
        DavError::Storage(StorageError::NotFound(_)) => failed("recognized-principal"),
        error => error,
    })
}

/// RFC 3744 §8.1.1 has names for what is wrong with principals.
fn failed(precondition: &'static str) -> DavError {
    DavError::forbidden(Name::dav(precondition))
}

/// Whom these paths name.
fn members(exchange: &Exchange, tx: &mut ReadTx<'_>, hrefs: &[String]) -> Result<Vec<Sharee>> {
    let mut all = Vec::new();
    for href in hrefs {
        let found = match Place::parse(path_of(href)) {
            Ok(Some(Place::Principal(address))) => {
                resource::find_owner(tx, &exchange.actor, &address).map(|found| found.id.into())
            }
            Ok(Some(Place::Group(name))) => {
                resource::group::find_sharee(tx, &exchange.actor, &name).map_err(DavError::from)
            }
            _ => Err(failed("recognized-principal")),
        };
        all.push(found.map_err(|error| match error {
            DavError::Storage(StorageError::NotFound(_)) | DavError::Status(_) => {
                failed("recognized-principal")
            }
            error => error,
        })?);
    }
    Ok(all)
}
