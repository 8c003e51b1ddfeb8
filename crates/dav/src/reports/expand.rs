//! DAV:expand-property (RFC 3253 §3.8): properties of resources that properties name.

use storage::ReadTx;

use crate::answer::{self, Answer};
use crate::describe::Describer;
use crate::error::Result;
use crate::path::{Place, path_of};
use crate::request::Request;
use crate::resource::{self, Resource};
use crate::service::Session;
use crate::xml::{Element, ExpandedProperty, Multistatus, Name, Status, Writer};

/// LIMIT: resources that one property leads to.
const HREFS_MAX: usize = 100;

/// LIMIT: how often a resource leads to another.
const DEPTH_MAX: usize = 4;

pub(crate) async fn run(
    session: &Session,
    request: &Request,
    found: Resource,
    properties: Vec<ExpandedProperty>,
) -> Result<Answer> {
    let brief = request.is_brief();
    let body = session
        .read(move |session, tx| {
            let mut multistatus = Multistatus::new();
            let told = tell(session, tx, &found, &properties, 0)?;
            multistatus.response(&found.href(), |response| {
                response.propstat(Status::OK, |writer| writer.raw(&told.found));
                if !brief {
                    response.names(Status::NOT_FOUND, told.missing.iter());
                }
            });
            Ok(multistatus.finish())
        })
        .await?;
    Ok(answer::multistatus(body, &request.headers))
}

/// What a resource has of what is asked for.
#[derive(Default)]
struct Told {
    /// XML.
    found: String,
    missing: Vec<Name>,
}

/// As deep as [`DEPTH_MAX`].
fn tell(
    session: &Session,
    tx: &mut ReadTx<'_>,
    resource: &Resource,
    properties: &[ExpandedProperty],
    depth: usize,
) -> Result<Told> {
    let mut describer = Describer::new(&session.actor, &session.settings, session.now());
    describer.read(tx, resource)?;
    let locks = describer.locks_on(resource);
    let mut told = Told::default();
    for property in properties {
        let described = describer.described(resource, &locks, None);
        let document = written(&described, &property.name);
        let Some(element) = document else {
            told.missing.push(property.name.clone());
            continue;
        };
        if property.within.is_empty() || depth >= DEPTH_MAX {
            told.found.push_str(&element.to_xml());
            continue;
        }
        let hrefs = element.elements_named(crate::xml::DAV, "href").take(HREFS_MAX);
        let hrefs: Vec<String> = hrefs.map(Element::word).collect();
        let mut inner = Vec::new();
        for href in hrefs {
            inner.push(tell_of(session, tx, href, &property.within, depth + 1)?);
        }
        told.found.push_str(&expanded(&property.name, &inner));
    }
    Ok(told)
}

/// What is told of the resource that an href leads to; `None` where there is none to be seen.
fn tell_of(
    session: &Session,
    tx: &mut ReadTx<'_>,
    href: String,
    within: &[ExpandedProperty],
    depth: usize,
) -> Result<(String, Option<Told>)> {
    let Some(place) = Place::parse(path_of(&href)).ok().flatten() else {
        return Ok((href, None));
    };
    match resource::find(tx, &session.actor, &place) {
        Ok(found) => {
            let told = tell(session, tx, &found, within, depth)?;
            Ok((found.href(), Some(told)))
        }
        Err(crate::error::DavError::Storage(error)) => Err(error.into()),
        Err(_) => Ok((href, None)),
    }
}

/// The property as an element that stands for itself.
fn written(described: &crate::properties::Described<'_>, name: &Name) -> Option<Element> {
    let mut found = false;
    let document = Writer::document(&Name::dav("prop"), |writer| {
        found = described.write(writer, name);
    });
    let root = found.then(|| Element::parse(&document, &crate::xml::Limits::default()).ok())??;
    root.elements().next().cloned()
}

/// RFC 3253 §3.8: in the place of each DAV:href, a DAV:response.
fn expanded(name: &Name, inner: &[(String, Option<Told>)]) -> String {
    let document = Writer::document(&Name::dav("prop"), |writer| {
        writer.element(name, |writer| {
            for (href, told) in inner {
                writer.element(&Name::dav("response"), |writer| {
                    writer.href(href);
                    match told {
                        None => {
                            writer.text_element(&Name::dav("status"), "HTTP/1.1 404 Not Found");
                        }
                        Some(told) => {
                            push_propstat(writer, "HTTP/1.1 200 OK", |w| w.raw(&told.found));
                            if !told.missing.is_empty() {
                                push_propstat(writer, "HTTP/1.1 404 Not Found", |writer| {
                                    told.missing.iter().for_each(|name| writer.empty(name));
                                });
                            }
                        }
                    }
                });
            }
        });
    });
    let root = Element::parse(&document, &crate::xml::Limits::default()).ok();
    root.and_then(|root| root.elements().next().map(Element::to_xml)).unwrap_or_default()
}

fn push_propstat(writer: &mut Writer, status: &str, content: impl FnOnce(&mut Writer)) {
    writer.element(&Name::dav("propstat"), |writer| {
        writer.element(&Name::dav("prop"), content);
        writer.text_element(&Name::dav("status"), status);
    });
}
