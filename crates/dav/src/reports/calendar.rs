//! CALDAV:calendar-query (RFC 4791 §7.8): the objects of a calendar that match a filter. What rows
//! tell of their times decides first; data is read only where that does not suffice.

use std::collections::HashMap;
use std::sync::Arc;

use ical::{ComponentFilter, Zone};
use storage::{Account, Collection, CollectionKind, Components, Match, Object, ObjectId, ReadTx};

use super::pieces::pieces;
use crate::address_data;
use crate::answer::{self, Answer};
use crate::calendar_data::{self, floating};
use crate::describe::Describer;
use crate::error::{DavError, Result};
use crate::exchange::Exchange;
use crate::request::{Depth, Detail, Request};
use crate::resource::{Resource, href_of};
use crate::work::Work;
use crate::xml::{CalendarQuery, Multistatus, Name, PropertyRequest, QueryZone, Status};

pub(crate) async fn query(
    exchange: &Exchange,
    request: &Request,
    found: Resource,
    mut query: CalendarQuery,
) -> Result<Answer> {
    query.request.send_zones(request.zones());
    let Resource::Collection(owner, collection) = found else {
        return Err(DavError::forbidden(Name::dav("supported-report")));
    };
    if !matches!(collection.kind, CollectionKind::Calendar | CollectionKind::Inbox) {
        return Err(DavError::forbidden(Name::dav("supported-report")));
    }
    // RFC 4791 §7.8: depth 0 is the collection, which no filter matches. QUIRK(CalDav
    // Synchronizer): sends it all the same, and means its members.
    let _: Option<Depth> = request.depth()?;
    if let Some(QueryZone::Id(id)) = &query.zone
        && Zone::named(id).is_none()
    {
        // RFC 7809 §3.1.6: who asks says it with CALDAV:timezone then.
        return Err(DavError::forbidden(Name::caldav("valid-timezone")));
    }
    let detail = request.detail();
    let body = exchange
        .read(move |exchange, tx| {
            let zone = floating(query.zone.as_ref(), collection.timezone.as_deref());
            let work = Work::new(&exchange.settings);
            let found = find_matching(exchange, tx, &collection, &query.filter, &zone, &work)?;
            let CalendarQuery { request, limit, .. } = &query;
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

/// The objects that match, by name.
fn find_matching(
    exchange: &Exchange,
    tx: &mut ReadTx<'_>,
    collection: &Collection,
    filter: &ComponentFilter,
    zone: &Zone,
    work: &Work,
) -> Result<Vec<Object>> {
    let before = filter.preselection();
    let (sure, doubtful) = match (before.kind, &before.range) {
        (Some(kind), Some(range)) => {
            let components = Components::of(kind.name()).unwrap_or_default();
            let window = calendar_data::window(range);
            split(tx.find_in_range(collection.id, components, &window)?, before.is_all)
        }
        (kind, _) => {
            let components = kind.and_then(|kind| Components::of(kind.name()));
            let mut all = tx.list_objects(collection.id)?;
            all.retain(|object| components.is_none_or(|wanted| wanted.contains(object.component)));
            if before.is_all { (all, Vec::new()) } else { (Vec::new(), all) }
        }
    };
    let mut found = sure;
    let limits = &exchange.settings.objects.ical;
    for chunk in pieces(&doubtful, |object| object.size_bytes) {
        let bytes = load(tx, collection, chunk)?;
        for object in chunk {
            let bytes = bytes.get(&object.id);
            if bytes.is_some_and(|bytes| calendar_data::matches(bytes, filter, zone, limits, work))
            {
                found.push(object.clone());
            }
            // What was not looked at for want of time is not told of.
            work.go_on(0)?;
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    tx.show_objects(collection, &mut found)?;
    Ok(found)
}

/// Splits objects into those that match whatever the rest of the filter says, and those whose data
/// has to be looked at.
fn split(ranged: Vec<storage::Ranged>, nothing_else: bool) -> (Vec<Object>, Vec<Object>) {
    let (mut sure, mut doubtful) = (Vec::new(), Vec::new());
    for one in ranged {
        match one.is {
            Match::Yes if nothing_else => sure.push(one.object),
            Match::Yes | Match::Maybe => doubtful.push(one.object),
        }
    }
    (sure, doubtful)
}

/// What a query is answered from.
pub(super) struct Told<'q> {
    /// Whose collection it is.
    pub(super) owner: Arc<Account>,
    pub(super) collection: Collection,
    /// What is asked for of each object.
    pub(super) request: &'q PropertyRequest,
    /// How many objects the client wants to hear of.
    pub(super) limit: Option<usize>,
    /// The zone of floating times.
    pub(super) zone: &'q Zone,
    pub(super) detail: Detail,
}

impl Told<'_> {
    /// Tells of what was found, with as much of each object as is asked for.
    pub(super) fn render(
        self,
        exchange: &Exchange,
        tx: &mut ReadTx<'_>,
        mut found: Vec<Object>,
    ) -> Result<Vec<u8>> {
        let Self { owner, collection, request, limit, zone, detail } = self;
        let href: Arc<str> = href_of(&owner, &collection).into();
        let max = limit.unwrap_or(usize::MAX).min(exchange.settings.results_max);
        let truncated = found.len() > max;
        found.truncate(max);
        let shared = Arc::new(collection);
        let mut multistatus = Multistatus::new();
        let describer = Describer::new(&exchange.actor, &exchange.settings, exchange.now());
        let mut describer = describer.for_request(request);
        let mut work = Work::new(&exchange.settings);
        for chunk in pieces(&found, |object| object.size_bytes) {
            let resources: Vec<Resource> = chunk
                .iter()
                .map(|object| {
                    let (owner, shared, href) = (owner.clone(), shared.clone(), href.clone());
                    Resource::Object(owner, shared, href, Box::new(object.clone()))
                })
                .collect();
            let data = match wants_data(request) {
                true => load(tx, &shared, chunk)?,
                false => HashMap::new(),
            };
            for resource in &resources {
                describer.read(tx, resource)?;
                let data = select(exchange, resource, &data, request, zone, &mut work)?;
                let locks = describer.locks_on(resource);
                let described = describer.described(resource, &locks, data.as_deref());
                described.respond(&mut multistatus, request, detail);
                work.go_on(multistatus.len())?;
            }
        }
        if truncated {
            // RFC 5323 §5.17, as RFC 6352 §8.6.2 has it: the answer is cut, and says so.
            let failed = Name::dav("number-of-matches-within-limits");
            multistatus.status(&href, Status::INSUFFICIENT_STORAGE, Some(&failed));
        }
        Ok(multistatus.finish())
    }
}

/// Whether the data of objects is asked for.
pub(super) fn wants_data(request: &PropertyRequest) -> bool {
    request.calendar_data.is_some() || request.address_data.is_some()
}

/// The bytes of objects of a collection, as they are seen there.
fn load(
    tx: &mut ReadTx<'_>,
    collection: &Collection,
    objects: &[Object],
) -> Result<HashMap<ObjectId, Vec<u8>>> {
    let ids: Vec<ObjectId> = objects.iter().map(|object| object.id).collect();
    let mut found = tx.load_object_bytes(&ids)?;
    tx.show_bytes(collection, &ids, &mut found)?;
    Ok(found)
}

/// What was asked for of an object's data. What cannot be given has cost as much as the most that
/// can.
pub(crate) fn select(
    exchange: &Exchange,
    resource: &Resource,
    data: &HashMap<ObjectId, Vec<u8>>,
    request: &PropertyRequest,
    zone: &Zone,
    work: &mut Work,
) -> Result<Option<String>> {
    let Resource::Object(_, collection, _, object) = resource else { return Ok(None) };
    let limits = &exchange.settings.objects.ical;
    let bytes = data.get(&object.id);
    if collection.kind == CollectionKind::AddressBook {
        let (Some(wanted), Some(bytes)) = (&request.address_data, bytes) else { return Ok(None) };
        return address_data::select(bytes, wanted, limits);
    }
    let Some(wanted) = &request.calendar_data else { return Ok(None) };
    // RFC 4791 §7.8: CALDAV:supported-calendar-data.
    let is_calendar = wanted.content_type.as_deref().is_none_or(|kind| kind == "text/calendar");
    if !is_calendar || wanted.version.as_deref().is_some_and(|version| version != "2.0") {
        return Err(DavError::forbidden(Name::caldav("supported-calendar-data")));
    }
    let Some(bytes) = bytes else { return Ok(None) };
    let selected = calendar_data::select(bytes, wanted, zone, limits, work);
    if selected.is_none() {
        work.waste(limits.bytes_max);
    }
    Ok(selected)
}
