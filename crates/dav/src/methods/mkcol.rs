//! MKCALENDAR (RFC 4791 §5.3.1) and MKCOL with properties or without (RFC 4918 §9.3, RFC 5689).

use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use storage::{CollectionKind, CollectionName, Components, Home, NewCollection, StorageError};

use crate::answer::{self, Answer};
use crate::error::{DavError, Result};
use crate::exchange::Exchange;
use crate::methods::preconditions::Preconditions;
use crate::methods::proppatch::tell;
use crate::methods::put::locked_or;
use crate::path::Place;
use crate::properties::{self, Refused};
use crate::request::Request;
use crate::resource;
use crate::xml::{Multistatus, Name, parse_mkcol};

pub(crate) async fn run(exchange: &Exchange, request: Request, place: Place) -> Result<Answer> {
    let makes_calendar = request.method.as_str() == "MKCALENDAR";
    require_xml(&request)?;
    let properties = parse_mkcol(&request.body, &exchange.settings.xml)?;
    let conditions = Preconditions::parse(&request, &place)?;
    let target = exchange
        .read(move |exchange, tx| match resource::find(tx, &exchange.actor, &place) {
            // RFC 4918 §9.3.1: 405 where something is.
            Ok(_) => Err(DavError::Failed(
                StatusCode::METHOD_NOT_ALLOWED,
                Name::dav("resource-must-be-null"),
                None,
            )),
            Err(DavError::Status(StatusCode::NOT_FOUND)) => {
                resource::find_target(tx, &exchange.actor, place)
            }
            Err(error) => Err(error),
        })
        .await?;
    let wrong_place = || match makes_calendar {
        true => DavError::forbidden(Name::caldav("calendar-collection-location-ok")),
        false => DavError::Status(StatusCode::FORBIDDEN),
    };
    if makes_calendar && target.home != Home::Calendars {
        return Err(wrong_place());
    }
    if target.home != Home::Files && target.names.len() > 1 {
        // RFC 4918 §9.3.1: 409 where what is above is not there; calendars hold no collections.
        return Err(wrong_place());
    }
    let plan = match properties::plan_new(&properties) {
        Ok(plan) => plan,
        Err(refused) => return Ok(refusal(makes_calendar, &properties, &refused, &request).await),
    };
    let kind = match (makes_calendar, plan.kind) {
        (true, None | Some(Some(CollectionKind::Calendar | CollectionKind::Folder))) => {
            CollectionKind::Calendar
        }
        (false, Some(Some(kind))) => kind,
        (false, None) => CollectionKind::Folder,
        (_, _) => return Err(DavError::forbidden(Name::dav("valid-resourcetype"))),
    };
    if kind.home() != target.home {
        return Err(DavError::forbidden(Name::dav("valid-resourcetype")));
    }
    let name = CollectionName::parse(target.home, &target.collection_name())?;
    let mut new = NewCollection::new(kind);
    new.properties = plan.change;
    if let (CollectionKind::Calendar, Some(components)) = (kind, plan.components) {
        new.components = components;
    }
    if exchange.actor.has_one_book && kind == CollectionKind::AddressBook {
        let (name, value) = resource::MADE_BY_CONTACTS;
        new.properties.dead.push((name.to_owned(), Some(value.to_owned())));
    }
    if new.properties.source.is_some() && kind == CollectionKind::Calendar {
        // Nothing is put into what is read elsewhere.
        new.components = Components::NONE;
    }
    let home = target.home;
    let made = exchange
        .write(target.owner.id, "dav mkcol", move |tx| {
            conditions.check(tx, home)?;
            Ok(tx.create_collection(&name, &new, &conditions.tokens())?)
        })
        .await;
    made.map_err(|error| match error {
        DavError::Storage(StorageError::Conflict(_)) => DavError::Status(StatusCode::CONFLICT),
        error => locked_or(error),
    })?;
    let mut answer = answer::empty(StatusCode::CREATED);
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(answer)
}

/// RFC 4918 §9.3.1: 415 for a body that is not understood.
fn require_xml(request: &Request) -> Result<()> {
    if request.body.is_empty() {
        return Ok(());
    }
    match request.header(CONTENT_TYPE.as_str()) {
        Some(kind) if !kind.to_ascii_lowercase().contains("xml") => {
            Err(DavError::Status(StatusCode::UNSUPPORTED_MEDIA_TYPE))
        }
        _ => Ok(()),
    }
}

/// RFC 5689 §3, RFC 4791 §5.3.1.2: nothing was made; why, property by property.
async fn refusal(
    makes_calendar: bool,
    properties: &[crate::xml::Element],
    refused: &[Refused],
    request: &Request,
) -> Answer {
    // One precondition says it all where there is only one property that fails.
    if let [Refused { failed: Some(failed), status: 403, name }] = refused
        && failed.local() == "supported-calendar-component"
    {
        tracing::debug!(%name, "refused");
        return DavError::forbidden(failed.clone()).into_answer();
    }
    let root = match makes_calendar {
        true => Name::caldav("mkcalendar-response"),
        false => Name::dav("mkcol-response"),
    };
    let mut multistatus = Multistatus::with_root(root);
    let names: Vec<&Name> = properties.iter().map(|element| &element.name).collect();
    multistatus.propstats(|response| tell(response, &names, refused));
    let mut answer = answer::multistatus(multistatus.finish(), &request.headers).await;
    *answer.status_mut() = match makes_calendar {
        true => StatusCode::MULTI_STATUS,
        false => StatusCode::FAILED_DEPENDENCY,
    };
    answer
}
