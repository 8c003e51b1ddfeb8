//! CARDDAV:addressbook-query (RFC 6352 §8.6).

use ical::CardFilter;
use jiff::tz::TimeZone;
use storage::{Collection, CollectionKind, Object, ReadTx};

use super::calendar::{CHUNK, load, render};
use crate::answer::{self, Answer};
use crate::error::{DavError, Result};
use crate::request::{Depth, Request};
use crate::resource::Resource;
use crate::service::Session;
use crate::work::Work;
use crate::xml::{AddressbookQuery, Name};

pub(crate) async fn query(
    session: &Session,
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
    let brief = request.is_brief();
    let body = session
        .read(move |session, tx| {
            let work = Work::new(&session.settings);
            let found = find_matching(tx, &collection, &query.filter, &work)?;
            let zone = TimeZone::UTC;
            let AddressbookQuery { request, limit, .. } = &query;
            render(session, tx, &owner, *collection, found, request, *limit, &zone, brief)
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
    let mut all = tx.list_objects(collection.id)?;
    if !filter.properties.is_empty() {
        let mut found = Vec::new();
        for chunk in all.chunks(CHUNK) {
            work.go_on(0)?;
            let bytes = load(tx, chunk)?;
            let matching = chunk
                .iter()
                .filter(|object| bytes.get(&object.id).is_some_and(|card| filter.matches(card)));
            found.extend(matching.cloned());
        }
        all = found;
    }
    all.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(all)
}
