//! CALDAV:calendar-multiget (RFC 4791 §7.9) and CARDDAV:addressbook-multiget (RFC 6352 §8.7):
//! members by their hrefs, with 404 for those that are not there.

use std::collections::HashMap;
use std::sync::Arc;

use ical::Zone;
use ids::CollectionId;
use storage::{Account, Collection, Object, ObjectId, ReadTx};

use super::calendar::{select, wants_data};
use super::pieces::pieces;
use crate::answer::{self, Answer};
use crate::calendar_data::floating;
use crate::describe::Describer;
use crate::error::{DavError, Result};
use crate::exchange::Exchange;
use crate::path::{Place, path_of};
use crate::request::{Detail, Request};
use crate::resource::{self, Resource, Target, href_of};
use crate::work::Work;
use crate::xml::{Multiget, Multistatus, Name, Status};

/// LIMIT: objects that are looked up at a time.
const CHUNK: usize = 200;

pub(crate) async fn run(
    exchange: &Exchange,
    request: &Request,
    found: Resource,
    mut multiget: Multiget,
) -> Result<Answer> {
    multiget.request.send_zones(request.zones());
    if !matches!(found, Resource::Collection(..) | Resource::Home(..)) {
        return Err(DavError::forbidden(Name::dav("supported-report")));
    }
    let detail = request.detail();
    let body =
        exchange.read(move |exchange, tx| render(exchange, tx, &found, &multiget, detail)).await?;
    Ok(answer::multistatus(body, &request.headers).await)
}

/// A collection, the path of its members, and where their floating times are looked at from.
#[derive(Clone)]
struct Shelf {
    owner: Arc<Account>,
    collection: Arc<Collection>,
    path: Arc<str>,
    zone: Zone,
}

fn render(
    exchange: &Exchange,
    tx: &mut ReadTx<'_>,
    found: &Resource,
    multiget: &Multiget,
    detail: Detail,
) -> Result<Vec<u8>> {
    let above = found.href();
    let mut multistatus = Multistatus::new();
    let describer = Describer::new(&exchange.actor, &exchange.settings, exchange.now());
    let mut describer = describer.for_request(&multiget.request);
    let mut shelves: HashMap<String, Option<Shelf>> = HashMap::new();
    let mut work = Work::new(&exchange.settings);
    let mut told: std::collections::HashSet<&str> = std::collections::HashSet::new();
    let hrefs: Vec<&String> = multiget.hrefs.iter().filter(|href| told.insert(href)).collect();
    for chunk in hrefs.chunks(CHUNK) {
        let objects = look_up(exchange, tx, chunk, &above, &mut shelves)?;
        let asked: Vec<_> = chunk.iter().zip(objects).collect();
        for piece in pieces(&asked, |(_, found)| found.as_ref().map_or(0, |it| it.1.size_bytes)) {
            let data = match wants_data(&multiget.request) {
                true => load(tx, piece)?,
                false => HashMap::new(),
            };
            for (href, object) in piece {
                let Some((Shelf { owner, collection, path, zone }, object)) = object.clone() else {
                    // RFC 4791 §7.9: 404 for what is not there. The href is the client's own.
                    multistatus.status(path_of(href), Status::NOT_FOUND, None);
                    work.go_on(multistatus.len())?;
                    continue;
                };
                let resource = Resource::Object(owner, collection, path, Box::new(object));
                describer.read(tx, &resource)?;
                let data = select(exchange, &resource, &data, &multiget.request, &zone, &mut work)?;
                let locks = describer.locks_on(&resource);
                let described = describer.described(&resource, &locks, data.as_deref());
                described.respond(&mut multistatus, &multiget.request, detail);
                work.go_on(multistatus.len())?;
            }
        }
    }
    Ok(multistatus.finish())
}

/// The bytes of objects of several collections, as they are seen there.
fn load<H>(
    tx: &mut ReadTx<'_>,
    piece: &[(H, Option<(Shelf, Object)>)],
) -> Result<HashMap<ObjectId, Vec<u8>>> {
    let found = || piece.iter().filter_map(|(_, found)| found.as_ref());
    let ids: Vec<ObjectId> = found().map(|(_, object)| object.id).collect();
    let mut bytes = tx.load_object_bytes(&ids)?;
    let mut of_others: HashMap<CollectionId, (&Collection, Vec<ObjectId>)> = HashMap::new();
    for (shelf, object) in found().filter(|(shelf, _)| shelf.collection.guest.is_some()) {
        let collection = &*shelf.collection;
        of_others.entry(collection.id).or_insert((collection, Vec::new())).1.push(object.id);
    }
    for (collection, ids) in of_others.into_values() {
        tx.show_bytes(collection, &ids, &mut bytes)?;
    }
    Ok(bytes)
}

/// The objects at these paths, in their order; those of one collection with one question.
fn look_up(
    exchange: &Exchange,
    tx: &mut ReadTx<'_>,
    hrefs: &[&String],
    above: &str,
    shelves: &mut HashMap<String, Option<Shelf>>,
) -> Result<Vec<Option<(Shelf, Object)>>> {
    let mut wanted: Vec<Option<(String, String)>> = Vec::with_capacity(hrefs.len());
    let mut by_shelf: HashMap<String, Vec<String>> = HashMap::new();
    for href in hrefs {
        let place = Place::parse(path_of(href)).ok().flatten();
        let Some(Place::Member(home, owner, names)) = place else {
            wanted.push(None);
            continue;
        };
        let Some((name, collection)) = names.split_last() else {
            wanted.push(None);
            continue;
        };
        let key = format!("{home:?}/{owner}/{}", collection.join("/"));
        if !shelves.contains_key(&key) {
            let shelf = find_shelf(exchange, tx, home, &owner, collection, above)?;
            shelves.insert(key.clone(), shelf);
        }
        by_shelf.entry(key.clone()).or_default().push(name.clone());
        wanted.push(Some((key, name.clone())));
    }
    let mut found: HashMap<String, HashMap<String, Object>> = HashMap::new();
    for (key, names) in by_shelf {
        if let Some(Some(shelf)) = shelves.get(&key) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let mut objects = tx.find_objects(shelf.collection.id, &names)?;
            tx.show_objects(&shelf.collection, objects.values_mut())?;
            found.insert(key, objects);
        }
    }
    Ok(wanted
        .into_iter()
        .map(|one| {
            let (key, name) = one?;
            // Hrefs that are written otherwise may name the same.
            let object = found.get(&key)?.get(&name)?.clone();
            Some((shelves.get(&key)?.clone()?, object))
        })
        .collect())
}

/// RFC 4791 §7.9: members of the resource that the report is about, at any depth.
fn find_shelf(
    exchange: &Exchange,
    tx: &mut ReadTx<'_>,
    home: storage::Home,
    owner: &str,
    collection: &[String],
    above: &str,
) -> Result<Option<Shelf>> {
    let owner = match resource::find_owner(tx, &exchange.actor, owner) {
        Ok(owner) => owner,
        Err(DavError::Storage(error)) => return Err(error.into()),
        Err(_) => return Ok(None),
    };
    let target = Target::resolve(tx, &exchange.actor, home, owner, collection.to_vec())?;
    let name = target.collection_name();
    let found = resource::find_collection(tx, &exchange.actor, &target, &name)?;
    let Some(found) = found else { return Ok(None) };
    resource::require_open(&found)?;
    let href = href_of(&target.owner, &found);
    if !href.starts_with(above) {
        return Ok(None);
    }
    let zone = floating(None, found.timezone.as_deref());
    Ok(Some(Shelf { owner: target.owner, collection: Arc::new(found), path: href.into(), zone }))
}
