//! CARDDAV:addressbook-query (RFC 6352 §8.6): the cards of an address book that match a filter.
//! A report that takes too long is refused; an answer cut at the limit of results says so.

use std::ops::ControlFlow;

use ical::CardFilter;
use ical::Zone;
use jiff::tz::TimeZone;
use storage::{Collection, CollectionKind, Object, ReadTx};

use super::calendar::Told;
use crate::answer::{self, Answer};
use crate::error::{DavError, Result};
use crate::exchange::Exchange;
use crate::request::{Depth, Request};
use crate::resource::Resource;
use crate::work::{Work, too_much};
use crate::xml::{AddressbookQuery, Name};

pub(crate) async fn query(
    exchange: &Exchange,
    request: &Request,
    found: Resource,
    query: AddressbookQuery,
) -> Result<Answer> {
    let Resource::Collection(owner, collection) = found else {
        return Err(DavError::forbidden(Name::dav("supported-report")));
    };
    if collection.kind != CollectionKind::AddressBook {
        return Err(DavError::forbidden(Name::dav("supported-report")));
    }
    // RFC 6352 §8.6: the depth is that of the members; there is one level of them.
    let _: Option<Depth> = request.depth()?;
    let detail = request.detail();
    let body = exchange
        .read(move |exchange, tx| {
            let work = Work::new(&exchange.settings);
            let found = find_matching(tx, &collection, &query.filter, &work)?;
            let zone = Zone::Known(TimeZone::UTC);
            let AddressbookQuery { request, limit, .. } = &query;
            let told = Told {
                owner,
                collection: *collection,
                request,
                limit: *limit,
                zone: &zone,
                detail,
            };
            told.render(exchange, tx, found)
        })
        .await?;
    Ok(answer::multistatus(body, &request.headers).await)
}

/// The cards that match, by name.
fn find_matching(
    tx: &mut ReadTx<'_>,
    collection: &Collection,
    filter: &CardFilter,
    work: &Work,
) -> Result<Vec<Object>> {
    if filter.properties.is_empty() {
        return Ok(tx.list_objects(collection.id)?);
    }
    let mut refused = None;
    let in_time = || work.go_on_in_time().is_ok();
    let found = tx.find_objects_by_bytes(collection.id, |card| {
        let is_found = filter.matches(card, &in_time);
        match work.go_on(0) {
            Ok(()) => ControlFlow::Continue(is_found),
            // What was not looked at for want of time is not told of.
            Err(error) => {
                refused = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    found.ok_or_else(|| refused.unwrap_or_else(too_much))
}
