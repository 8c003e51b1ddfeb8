//! People elsewhere with whom a calendar is shared (R-SHARE-1): each comes by a secret address,
//! `/dav/calendars/outside-SECRET/`, and finds a home with this one calendar in it, a principal
//! for programs that look for one, and the whole as one file for those that only subscribe.
//!
//! Nobody signs in there: whatever name and password a program insists on sending is not looked
//! at. **Invariant:** nothing else of the server is reached, whatever a request names.

use std::sync::Arc;

use hyper::header::{CACHE_CONTROL, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY};
use hyper::{Method, StatusCode};
use ids::{DomainId, ModSeq};
use storage::{
    Account, Collection, CollectionRights, Home, Outsider, Role, ShareState, Store, Withdrawn,
};

use crate::answer::{self, Answer};
use crate::error::{DavError, Result};
use crate::exchange::Exchange;
use crate::path::{self, Place};
use crate::public;
use crate::request::Request;
use crate::resource::Actor;

/// The beginning of the segment that holds a secret, where other paths have an address. No address
/// begins so and has no `@`.
const PREFIX: &str = "outside-";
/// The name of the calendar as one file.
const FILE: &str = "calendar.ics";

/// The path that a secret leads to.
pub fn outside_path(secret: &str) -> String {
    path::home_href(Home::Calendars, &format!("{PREFIX}{secret}"))
}

/// The path of the calendar as one file.
pub fn outside_file_path(secret: &str) -> String {
    format!("{}{FILE}", outside_path(secret))
}

/// The secret that a place is named by.
pub(crate) fn secret_of(place: &Place) -> Option<&str> {
    let owner = match place {
        Place::Principal(owner)
        | Place::Proxy(owner, _)
        | Place::Home(_, owner)
        | Place::Outbox(owner)
        | Place::Member(_, owner, _) => owner,
        Place::Root
        | Place::Principals
        | Place::Group(_)
        | Place::Homes(_)
        | Place::Push(_)
        | Place::Attachment(_) => {
            return None;
        }
    };
    owner.strip_prefix(PREFIX).filter(|secret| !secret.contains('@'))
}

/// The outsider whose link holds this secret. Coming for the first time accepts the invitation.
pub(crate) async fn enter(store: &Store, secret: &str) -> Result<Actor> {
    let asked = secret.to_owned();
    let found = store.read(move |tx| tx.find_outsider(&asked)).await?;
    let outsider = found.ok_or(DavError::NOT_FOUND)?;
    if outsider.state == ShareState::Invited {
        let accepting = outsider.clone();
        let accept = move |tx: &mut storage::WriteTx<'_>| tx.accept_as_outsider(&accepting);
        store.write("dav outside", accept).await?;
    }
    let account = Arc::new(account_of(&outsider, secret));
    Ok(Actor { account, has_one_book: false, outside: Some(Arc::new(outsider)) })
}

/// What programs take for an account: its address is what its paths are made of.
fn account_of(outsider: &Outsider, secret: &str) -> Account {
    Account {
        id: outsider.id,
        // No row has the id 0.
        domain: DomainId::new(0),
        address: format!("{PREFIX}{secret}"),
        display_address: outsider.address.clone(),
        name: outsider.common_name.clone().unwrap_or_else(|| outsider.address.clone()),
        role: Role::External,
        blocked: false,
        maintenance: false,
        mail_only: false,
        plus_to_mailbox: false,
        quota_bytes: 0,
        quota_messages: 0,
        quota_mailboxes: 0,
        used_bytes: 0,
        messages: 0,
        mailboxes: 0,
        aliases: 0,
        modseq: ModSeq::default(),
        credential_version: 0,
        created: ids::Timestamp::from_micros(0),
        capabilities_off: Vec::new(),
        is_shared: false,
        withdrawn: Withdrawn::default(),
    }
}

impl Actor {
    /// Whether the actor has no account here and came by an invitation link.
    pub(crate) fn is_outside(&self) -> bool {
        self.outside.is_some()
    }

    /// Whether an outsider may invite further people.
    pub(crate) fn shares_on(&self) -> bool {
        self.outside.as_ref().is_some_and(|one| one.rights.contains(CollectionRights::SHARE))
    }

    /// What they may do with a collection itself: people elsewhere at most write into it.
    pub(crate) fn limit(&self, rights: CollectionRights) -> CollectionRights {
        if self.is_outside() { rights.and(CollectionRights::WRITE) } else { rights }
    }

    /// The address that they are written to.
    pub(crate) fn mail_address(&self) -> &str {
        self.outside.as_ref().map_or(&self.account.address, |outsider| &outsider.address)
    }

    /// A collection of somebody else by the path that they came by.
    pub(crate) fn seen_by(&self, mut collection: Collection) -> Collection {
        if let (Some(guest), true) = (&mut collection.guest, self.is_outside()) {
            guest.address.clone_from(&self.account.address);
        }
        collection
    }
}

/// Answers a request of somebody elsewhere.
pub(crate) async fn run(exchange: &Exchange, request: Request, place: Place) -> Result<Answer> {
    let answered = match (&request.method, &place) {
        (&Method::GET | &Method::HEAD, Place::Home(Home::Calendars, owner)) => {
            // Who follows the link in a browser gets something that calendar programs open.
            let mut answer = answer::empty(StatusCode::SEE_OTHER);
            let file = format!("{}{FILE}", path::home_href(Home::Calendars, owner));
            if let Ok(file) = HeaderValue::from_str(&file) {
                answer.headers_mut().insert(LOCATION, file);
            }
            Ok(answer)
        }
        (&Method::GET | &Method::HEAD, Place::Member(Home::Calendars, _, names))
            if names.as_slice() == [FILE] =>
        {
            whole(exchange, &request).await
        }
        (method, place) if permits(method.as_str(), place) => {
            exchange.run(request, place.clone()).await
        }
        _ => Err(DavError::Status(StatusCode::FORBIDDEN)),
    };
    let mut answer = answered?;
    let headers = answer.headers_mut();
    // The address is a secret: nothing that is linked from there is to learn it, nor is it found.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    Ok(answer)
}

/// What may be done: with objects what they have the right to; the collection itself stays as it
/// is, and can be shared on.
fn permits(method: &str, place: &Place) -> bool {
    let in_home =
        |levels| matches!(place, Place::Member(Home::Calendars, _, names) if names.len() == levels);
    match method {
        "OPTIONS" | "PROPFIND" | "REPORT" => true,
        "GET" | "HEAD" | "PUT" | "DELETE" => in_home(2),
        "POST" => in_home(1),
        _ => false,
    }
}

/// The calendar in one file, as whoever subscribes reads it.
async fn whole(exchange: &Exchange, request: &Request) -> Result<Answer> {
    let outsider = exchange.actor.outside.clone().ok_or(DavError::NOT_FOUND)?;
    let find = move |tx: &mut storage::ReadTx<'_>| {
        let found = tx.load_collection(outsider.collection)?;
        tx.as_guest(outsider.id, found)
    };
    let turn = exchange.turns.take(exchange.actor.id()).await;
    let Exchange { store, settings, .. } = exchange;
    public::serve(store, settings, turn, &request.headers, find, public::Shown::Everything).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_stand_where_addresses_do() {
        for (path, expect) in [
            ("/dav/calendars/outside-12ab/", Some("12ab")),
            ("/dav/calendars/outside-12ab/shared-5/1.ics", Some("12ab")),
            ("/dav/principals/outside-12ab/", Some("12ab")),
            ("/dav/calendars/outside-12ab@example.test/", None),
            ("/dav/calendars/julie@example.test/outside-12ab/", None),
            ("/dav/", None),
        ] {
            let place = Place::parse(path).unwrap().unwrap();
            assert_eq!(secret_of(&place), expect, "{path}");
        }
        assert_eq!(outside_path("12ab"), "/dav/calendars/outside-12ab/");
        assert_eq!(outside_file_path("12ab"), "/dav/calendars/outside-12ab/calendar.ics");
    }

    #[test]
    fn the_collection_stays_as_it_is() {
        let place = |path: &str| Place::parse(path).unwrap().unwrap();
        let home = place("/dav/calendars/outside-1/");
        let calendar = place("/dav/calendars/outside-1/shared-5/");
        let object = place("/dav/calendars/outside-1/shared-5/1.ics");
        for (method, of_home, of_calendar, of_object) in [
            ("PROPFIND", true, true, true),
            ("REPORT", true, true, true),
            ("PUT", false, false, true),
            ("DELETE", false, false, true),
            ("POST", false, true, false),
            ("PROPPATCH", false, false, false),
            ("MKCALENDAR", false, false, false),
            ("MOVE", false, false, false),
            ("COPY", false, false, false),
            ("LOCK", false, false, false),
            ("ACL", false, false, false),
        ] {
            let found = [&home, &calendar, &object].map(|place| permits(method, place));
            assert_eq!(found, [of_home, of_calendar, of_object], "{method}");
        }
    }
}
