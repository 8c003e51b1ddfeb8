//! REPORT (RFC 3253 §3.6): reads the body and hands it to the report that it names. Reports are in
//! `reports`.

use crate::answer::Answer;
use crate::error::Result;
use crate::exchange::Exchange;
use crate::path::Place;
use crate::reports;
use crate::request::Request;
use crate::resource;
use crate::xml::Report;

pub(crate) async fn run(exchange: &Exchange, request: Request, place: Place) -> Result<Answer> {
    let report = Report::parse(&request.body, &exchange.settings.xml)?;
    let is_about_time = matches!(report, Report::FreeBusyQuery(_));
    let found = exchange
        .read(move |exchange, tx| match is_about_time {
            true => resource::find_for_free_busy(tx, &exchange.actor, &place),
            false => resource::find(tx, &exchange.actor, &place),
        })
        .await?;
    if let Some(collection) = found.collection() {
        resource::require_open(collection)?;
    }
    match report {
        Report::CalendarQuery(query) => {
            reports::calendar::query(exchange, &request, found, query).await
        }
        Report::CalendarMultiget(multiget) | Report::AddressbookMultiget(multiget) => {
            reports::multiget::run(exchange, &request, found, multiget).await
        }
        Report::FreeBusyQuery(range) => reports::free_busy::query(exchange, found, range).await,
        Report::SyncCollection(sync) => reports::sync::run(exchange, &request, found, sync).await,
        Report::ExpandProperty(properties) => {
            reports::expand::run(exchange, &request, found, properties).await
        }
        Report::PrincipalSearch(search) => {
            reports::principal::search(exchange, &request, search).await
        }
        Report::PrincipalMatch(matching) => {
            reports::principal::matching(exchange, &request, found, matching).await
        }
        Report::AclPrincipalPropSet(wanted) => {
            reports::principal::of_acl(exchange, &request, found, wanted).await
        }
        Report::PrincipalSearchPropertySet => reports::principal::searchable(&request),
        Report::AddressbookQuery(query) => {
            reports::address_book::query(exchange, &request, found, query).await
        }
    }
}
