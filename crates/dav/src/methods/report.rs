//! REPORT (RFC 3253 §3.6).

use crate::answer::Answer;
use crate::error::Result;
use crate::path::Place;
use crate::reports;
use crate::request::Request;
use crate::resource;
use crate::session::Session;
use crate::xml::Report;

pub(crate) async fn run(session: &Session, request: Request, place: Place) -> Result<Answer> {
    let report = Report::parse(&request.body, &session.settings.xml)?;
    let is_about_time = matches!(report, Report::FreeBusyQuery(_));
    let found = session
        .read(move |session, tx| match is_about_time {
            true => resource::find_for_free_busy(tx, &session.actor, &place),
            false => resource::find(tx, &session.actor, &place),
        })
        .await?;
    if let Some(collection) = found.collection() {
        resource::require_open(collection)?;
    }
    match report {
        Report::CalendarQuery(query) => {
            reports::calendar::query(session, &request, found, query).await
        }
        Report::CalendarMultiget(multiget) | Report::AddressbookMultiget(multiget) => {
            reports::multiget::run(session, &request, found, multiget).await
        }
        Report::FreeBusyQuery(range) => reports::free_busy::query(session, found, range).await,
        Report::SyncCollection(sync) => reports::sync::run(session, &request, found, sync).await,
        Report::ExpandProperty(properties) => {
            reports::expand::run(session, &request, found, properties).await
        }
        Report::PrincipalSearch(search) => {
            reports::principal::search(session, &request, search).await
        }
        Report::PrincipalMatch(matching) => {
            reports::principal::matching(session, &request, found, matching).await
        }
        Report::AclPrincipalPropSet(wanted) => {
            reports::principal::of_acl(session, &request, found, wanted).await
        }
        Report::PrincipalSearchPropertySet => Ok(reports::principal::searchable()),
        Report::AddressbookQuery(query) => {
            reports::address_book::query(session, &request, found, query).await
        }
    }
}
