//! PROPFIND (RFC 4918 §9.1): the properties of a resource and, with Depth 1, of its members. Depth
//! infinity is refused at collections.

use storage::ReadTx;

use crate::answer::{self, Answer};
use crate::describe::Describer;
use crate::error::{DavError, Result};
use crate::exchange::Exchange;
use crate::path::Place;
use crate::reports::sync_home;
use crate::request::{Depth, Detail, Request};
use crate::resource::{self, Resource};
use crate::work::{Work, too_much};
use crate::xml::{Multistatus, Name, PropertyRequest};

pub(crate) async fn run(exchange: &Exchange, request: Request, place: Place) -> Result<Answer> {
    let wanted = PropertyRequest::parse(&request.body, &exchange.settings.xml)?;
    // RFC 4918 §9.1: without the header, infinity.
    let depth = request.depth()?.unwrap_or(Depth::Infinity);
    let detail = request.detail();
    // RFC 8144 §4: the resource itself is left out.
    let without_root = request.prefers("depth-noroot") && depth == Depth::One;
    if depth != Depth::Infinity && wanted.names(&Name::dav("sync-token")) {
        sync_home::follow_at(exchange, &place, depth).await?;
    }
    let max = exchange.settings.results_max;
    let body = exchange
        .read(move |exchange, tx| {
            let found = resource::find(tx, &exchange.actor, &place)?;
            // RFC 4918 §9.1: which may be refused, of collections.
            if depth == Depth::Infinity && found.is_collection() {
                return Err(DavError::forbidden(Name::dav("propfind-finite-depth")));
            }
            let mut all = Vec::new();
            if depth == Depth::One {
                all = resource::members(tx, &exchange.actor, &found)?;
            }
            if all.len() > max {
                return Err(too_much());
            }
            if !without_root {
                all.insert(0, found);
            }
            render(exchange, tx, &all, &wanted, detail)
        })
        .await?;
    Ok(answer::multistatus(body, &request.headers).await)
}

fn render(
    exchange: &Exchange,
    tx: &mut ReadTx<'_>,
    all: &[Resource],
    wanted: &PropertyRequest,
    detail: Detail,
) -> Result<Vec<u8>> {
    let describer = Describer::new(&exchange.actor, &exchange.settings, exchange.now());
    let mut describer = describer.for_request(wanted);
    let mut multistatus = Multistatus::new();
    let work = Work::new(&exchange.settings);
    for resource in all {
        describer.read(tx, resource)?;
        let locks = describer.locks_on(resource);
        describer.described(resource, &locks, None).respond(&mut multistatus, wanted, detail);
        work.go_on(multistatus.len())?;
    }
    Ok(multistatus.finish())
}
