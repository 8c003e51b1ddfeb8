//! DAV:expand-property (RFC 3253 §3.8): properties of resources that properties name.

use storage::ReadTx;

use crate::answer::{self, Answer};
use crate::describe::Describer;
use crate::error::{DavError, Result};
use crate::exchange::Exchange;
use crate::path::{Place, path_of};
use crate::request::{Detail, Request};
use crate::resource::{self, Resource};
use crate::work::{Work, too_much};
use crate::xml::{
    Element, ExpandedProperty, Multistatus, Name, Status, Writer, write_need_privileges,
};

/// LIMIT: resources that one property leads to.
const HREFS_MAX: usize = 100;

/// LIMIT: how often a resource leads to another.
const DEPTH_MAX: usize = 4;

/// LIMIT: resources that one report tells of, each as often as it is led to.
const RESOURCES_MAX: usize = 1_000;

pub(crate) async fn run(
    exchange: &Exchange,
    request: &Request,
    found: Resource,
    properties: Vec<ExpandedProperty>,
) -> Result<Answer> {
    let detail = request.detail();
    let body = exchange
        .read(move |exchange, tx| {
            let mut multistatus = Multistatus::new();
            let mut walk = Walk {
                exchange,
                resources_left: RESOURCES_MAX,
                work: Work::new(&exchange.settings),
                written: 0,
            };
            let told = walk.tell(tx, &found, &properties, 0)?;
            let href = found.href();
            multistatus.response(&href, |response| {
                response.propstat(Status::OK, |writer| writer.raw(&told.found));
                for (privilege, name) in &told.withheld {
                    response.withheld(&href, privilege, [name]);
                }
                if detail == Detail::Full {
                    response.names(Status::NOT_FOUND, told.missing.iter());
                }
            });
            Ok(multistatus.finish())
        })
        .await?;
    Ok(answer::multistatus(body, &request.headers).await)
}

/// What a resource has of what is asked for.
#[derive(Default)]
struct Told {
    /// The properties that were found, as XML.
    found: String,
    missing: Vec<Name>,
    /// Properties that are not told, each with the privilege that the actor lacks for it.
    withheld: Vec<(Name, Name)>,
}

/// A report on its way from resource to resource, with what it may still cost.
struct Walk<'s> {
    exchange: &'s Exchange,
    resources_left: usize,
    work: Work,
    written: usize,
}

impl Walk<'_> {
    /// As deep as [`DEPTH_MAX`].
    fn tell(
        &mut self,
        tx: &mut ReadTx<'_>,
        resource: &Resource,
        properties: &[ExpandedProperty],
        depth: usize,
    ) -> Result<Told> {
        self.resources_left = self.resources_left.checked_sub(1).ok_or_else(too_much)?;
        let Exchange { actor, settings, .. } = self.exchange;
        let mut describer = Describer::new(actor, settings, self.exchange.now());
        describer.read(tx, resource)?;
        let locks = describer.locks_on(resource);
        let mut told = Told::default();
        for property in properties {
            let described = describer.described(resource, &locks, None);
            let mut is_there = false;
            let xml = Writer::fragment(|writer| {
                is_there = described.write(writer, &property.name);
            });
            if !is_there {
                match described.withheld(&property.name) {
                    Some(privilege) => told.withheld.push((privilege, property.name.clone())),
                    None => told.missing.push(property.name.clone()),
                }
                continue;
            }
            self.written += xml.len();
            self.work.go_on(self.written)?;
            // What a dead property says, anybody may have written: it leads nowhere.
            let leads_on = !property.within.is_empty() && described.is_live(&property.name);
            if !leads_on || depth >= DEPTH_MAX {
                told.found.push_str(&xml);
                continue;
            }
            let mut inner = Vec::new();
            for href in hrefs(&xml) {
                inner.push(self.tell_of(tx, href, &property.within, depth + 1)?);
            }
            told.found.push_str(&expanded(&property.name, &inner));
        }
        Ok(told)
    }

    /// What is told of the resource that an href leads to; `None` where there is none to be seen.
    fn tell_of(
        &mut self,
        tx: &mut ReadTx<'_>,
        href: String,
        within: &[ExpandedProperty],
        depth: usize,
    ) -> Result<(String, Option<Told>)> {
        let Some(place) = Place::parse(path_of(&href)).ok().flatten() else {
            return Ok((href, None));
        };
        match resource::find(tx, &self.exchange.actor, &place) {
            Ok(found) => {
                let told = self.tell(tx, &found, within, depth)?;
                Ok((found.href(), Some(told)))
            }
            Err(DavError::Storage(error)) => Err(error.into()),
            Err(_) => Ok((href, None)),
        }
    }
}

/// Where a property leads.
fn hrefs(property: &str) -> Vec<String> {
    let document = Writer::document(&Name::dav("prop"), |writer| writer.raw(property));
    let root = Element::parse(&document, &crate::xml::Limits::default()).ok();
    let Some(element) = root.as_ref().and_then(|root| root.elements().next()) else {
        return Vec::new();
    };
    element.elements_named(crate::xml::DAV, "href").take(HREFS_MAX).map(Element::word).collect()
}

/// RFC 3253 §3.8: in the place of each DAV:href, a DAV:response.
fn expanded(name: &Name, inner: &[(String, Option<Told>)]) -> String {
    Writer::fragment(|writer| {
        writer.element(name, |writer| {
            for (href, told) in inner {
                writer.element(&Name::dav("response"), |writer| {
                    writer.href(href);
                    match told {
                        None => {
                            writer.text_element(&Name::dav("status"), "HTTP/1.1 404 Not Found");
                        }
                        Some(told) => {
                            push_told(writer, href, told);
                        }
                    }
                });
            }
        });
    })
}

fn push_told(writer: &mut Writer, href: &str, told: &Told) {
    push_propstat(writer, "HTTP/1.1 200 OK", |writer| writer.raw(&told.found), |_| {});
    for (privilege, name) in &told.withheld {
        push_propstat(
            writer,
            "HTTP/1.1 403 Forbidden",
            |writer| writer.empty(name),
            |writer| {
                writer.element(&Name::dav("error"), |writer| {
                    write_need_privileges(writer, [(href, privilege)]);
                });
            },
        );
    }
    if !told.missing.is_empty() {
        let names = |writer: &mut Writer| told.missing.iter().for_each(|name| writer.empty(name));
        push_propstat(writer, "HTTP/1.1 404 Not Found", names, |_| {});
    }
}

fn push_propstat(
    writer: &mut Writer,
    status: &str,
    content: impl FnOnce(&mut Writer),
    why: impl FnOnce(&mut Writer),
) {
    writer.element(&Name::dav("propstat"), |writer| {
        writer.element(&Name::dav("prop"), content);
        writer.text_element(&Name::dav("status"), status);
        why(writer);
    });
}
