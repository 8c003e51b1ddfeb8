//! PROPPATCH (RFC 4918 §9.2): sets and removes properties, all of them or none. Which properties
//! can be changed is decided in `properties`.

use std::sync::Arc;

use hyper::StatusCode;
use ids::AccountId;
use storage::{Collection, CollectionKind, Components, Home, Object, StorageError};

use crate::answer::{self, Answer};
use crate::error::{DavError, Result};
use crate::exchange::Exchange;
use crate::methods::preconditions::Preconditions;
use crate::path::{Place, path_of};
use crate::properties::{self, Refused};
use crate::request::{Detail, Request};
use crate::resource::{self, Resource};
use crate::xml::{Multistatus, Name, PropertyChange, Status};

pub(crate) async fn run(exchange: &Exchange, request: Request, place: Place) -> Result<Answer> {
    let changes = PropertyChange::parse(&request.body, &exchange.settings.xml)?;
    let conditions = Preconditions::parse(&request, &place)?;
    let named = place.clone();
    let found =
        exchange.read(move |exchange, tx| resource::find(tx, &exchange.actor, &named)).await?;
    let href = found.href();
    let asked = Asked { exchange, changes: &changes, conditions };
    let refused = match asked.change(&found).await {
        Ok(()) => Vec::new(),
        Err(Outcome::Refused(refused)) => refused,
        Err(Outcome::Failed(error)) => return Err(error),
    };
    // RFC 8144 §2.2: nothing to say where all went well.
    if refused.is_empty() && request.detail() == Detail::Minimal {
        return Ok(answer::empty(StatusCode::OK));
    }
    let mut multistatus = Multistatus::new();
    multistatus.response(&href, |response| {
        let names: Vec<&Name> = changes.iter().map(PropertyChange::name).collect();
        tell(response, &names, &refused);
    });
    Ok(answer::multistatus(multistatus.finish(), &request.headers).await)
}

/// What became of each property: refused ones with their reasons, all others depend on them.
pub(crate) fn tell(response: &mut crate::xml::Response<'_>, names: &[&Name], refused: &[Refused]) {
    for why in refused {
        response.propstat_failed(Status(why.status), why.failed.as_ref(), None, |writer| {
            writer.empty(&why.name);
        });
    }
    let status = if refused.is_empty() { Status::OK } else { Status::FAILED_DEPENDENCY };
    let mut told: Vec<&Name> = refused.iter().map(|why| &why.name).collect();
    let mut rest = Vec::new();
    for name in names {
        if !told.contains(name) {
            told.push(name);
            rest.push(*name);
        }
    }
    response.names(status, rest);
}

enum Outcome {
    Refused(Vec<Refused>),
    Failed(DavError),
}

impl<E: Into<DavError>> From<E> for Outcome {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// What is asked for, and by whom.
struct Asked<'a> {
    exchange: &'a Exchange,
    changes: &'a [PropertyChange],
    conditions: Preconditions,
}

type Changed = std::result::Result<(), Outcome>;

impl Asked<'_> {
    async fn change(self, found: &Resource) -> Changed {
        match found {
            Resource::Collection(owner, collection) if collection.guest.is_some() => {
                self.change_shared(owner.id, collection).await
            }
            Resource::Collection(owner, collection) => self.change_own(owner.id, collection).await,
            Resource::Object(owner, collection, _, object) => {
                self.change_object(owner.id, collection, object).await
            }
            Resource::Home(Home::AddressBooks, owner) => self.change_me_card(owner.id).await,
            Resource::Proxy(owner, proxy) if owner.id == self.exchange.actor.id() => {
                let Self { exchange, changes, conditions } = self;
                let set = super::proxies::set(exchange, (*proxy).into(), changes, conditions);
                set.await.map_err(Outcome::Refused)
            }
            // Nothing of these is anybody's to set.
            _ => Err(self.refuse_all()),
        }
    }

    /// Properties of a collection shared by somebody else are stored for its guest alone.
    async fn change_shared(self, owner: AccountId, collection: &Collection) -> Changed {
        let Self { exchange, changes, conditions } = self;
        let plan = properties::plan(changes, collection.kind).map_err(Outcome::Refused)?;
        let (id, guest, home) = (collection.id, exchange.actor.id(), collection.kind.home());
        let written = exchange
            .write_after(
                owner,
                "dav proppatch",
                move |tx| tx.lock_sharing([owner, guest]),
                move |tx| {
                    conditions.check(tx, home)?;
                    Ok(tx.update_guest_collection(id, &plan.change)?)
                },
            )
            .await;
        written.map_err(|error| too_large(error, changes))
    }

    async fn change_own(self, owner: AccountId, collection: &Collection) -> Changed {
        let Self { exchange, changes, conditions } = self;
        let plan = properties::plan(changes, collection.kind).map_err(Outcome::Refused)?;
        let default = match &plan.default_calendar {
            Some(href) => match default_calendar(exchange, href).await? {
                Some(calendar) => Some(calendar),
                None => return Err(Outcome::Refused(vec![no_default()])),
            },
            None => None,
        };
        let (id, home) = (collection.id, collection.kind.home());
        let written = exchange
            .write(owner, "dav proppatch", move |tx| {
                conditions.check(tx, home)?;
                if let Some(default) = default {
                    tx.set_default_calendar(default)?;
                }
                Ok(tx.update_collection(id, &plan.change, &conditions.tokens())?)
            })
            .await;
        written.map_err(|error| match error {
            // R-CAL-4: a calendar of a room, which cannot begin to take time.
            DavError::Storage(StorageError::Conflict(_)) => {
                let name = Name::caldav(match default {
                    Some(_) => "schedule-default-calendar-URL",
                    None => "schedule-calendar-transp",
                });
                Outcome::Refused(vec![Refused { name, status: 409, failed: None }])
            }
            error => too_large(error, changes),
        })
    }

    async fn change_object(
        self,
        owner: AccountId,
        collection: &Arc<Collection>,
        object: &Object,
    ) -> Changed {
        let Self { exchange, changes, conditions } = self;
        let dead = properties::plan_dead(changes).map_err(Outcome::Refused)?;
        let (collection, id, name) = (collection.clone(), object.id, object.name.clone());
        let written = exchange
            .write(owner, "dav proppatch", move |tx| {
                conditions.check(tx, collection.kind.home())?;
                let tokens = conditions.tokens();
                Ok(tx.update_object_properties(&collection, id, &name, &dead, &tokens)?)
            })
            .await;
        written.map_err(|error| too_large(error, changes))
    }

    async fn change_me_card(self, owner: AccountId) -> Changed {
        let Self { exchange, changes, conditions } = self;
        let href = properties::plan_me_card(changes).map_err(Outcome::Refused)?;
        let card = match href {
            Some(href) => Some(own_card(exchange, &href).await?),
            None => None,
        };
        let written = exchange.write(owner, "dav proppatch", move |tx| {
            conditions.check(tx, Home::AddressBooks)?;
            let card = card.as_ref().map(|(book, name)| (book, name.as_str()));
            Ok(tx.set_me_card(card)?)
        });
        written.await.map_err(Outcome::Failed)
    }

    fn refuse_all(&self) -> Outcome {
        let names = self.changes.iter().map(|change| change.name().clone());
        Outcome::Refused(names.map(|name| Refused { name, status: 403, failed: None }).collect())
    }
}

/// RFC 4918 §9.2.1: 507 where there is no room for a property.
fn too_large(error: DavError, changes: &[PropertyChange]) -> Outcome {
    let is_quota = matches!(error, DavError::Storage(StorageError::OverQuota { .. }));
    match error {
        DavError::Storage(
            StorageError::TooBig { .. }
            | StorageError::Limit { .. }
            | StorageError::OverQuota { .. },
        ) => {
            // RFC 4331 §6
            let failed = || is_quota.then(|| Name::dav("quota-not-exceeded"));
            let all = changes.iter().map(|change| change.name().clone());
            let refused = all.map(|name| Refused { name, status: 507, failed: failed() });
            Outcome::Refused(refused.collect())
        }
        error => Outcome::Failed(error),
    }
}

/// A card of one's own, by its path.
async fn own_card(exchange: &Exchange, href: &str) -> Result<(Collection, String)> {
    let place = Place::parse(path_of(href))?.ok_or(DavError::NOT_FOUND)?;
    let found =
        exchange.read(move |exchange, tx| resource::find(tx, &exchange.actor, &place)).await;
    match found {
        Ok(Resource::Object(_, book, _, card)) if book.account == exchange.actor.id() => {
            Ok(((*book).clone(), card.name))
        }
        _ => Err(DavError::Status(StatusCode::CONFLICT)),
    }
}

/// RFC 6638 §4.3.1.2: one of one's own calendars, for events; `None` where it is none.
async fn default_calendar(exchange: &Exchange, href: &str) -> Result<Option<ids::CollectionId>> {
    let Ok(Some(place)) = Place::parse(path_of(href)) else { return Ok(None) };
    let found =
        exchange.read(move |exchange, tx| resource::find(tx, &exchange.actor, &place)).await;
    match found {
        Ok(Resource::Collection(owner, collection)) => {
            let fits = owner.id == exchange.actor.id()
                && collection.kind == CollectionKind::Calendar
                && collection.components.contains(Components::EVENT);
            Ok(fits.then_some(collection.id))
        }
        Err(error @ DavError::Storage(_)) => Err(error),
        _ => Ok(None),
    }
}

/// RFC 6638 §4.3.1.2
fn no_default() -> Refused {
    Refused {
        name: Name::caldav("schedule-default-calendar-URL"),
        status: 403,
        failed: Some(Name::caldav("valid-schedule-default-calendar-URL")),
    }
}
