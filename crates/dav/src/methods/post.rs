//! POST: members that are named by the server (RFC 5995 §3.1), and what others say of theirs.

use hyper::StatusCode;
use hyper::header::{HeaderValue, LOCATION};
use storage::{CollectionKind, ObjectName, Proxy, ReadTx};

use crate::answer::Answer;
use crate::error::{DavError, Result};
use crate::exchange::Exchange;
use crate::methods::preconditions::Preconditions;
use crate::path::{Place, object_href};
use crate::request::Request;
use crate::resource::{self, Resource, Target, href_of};
use crate::xml::{Name, PushRegister};

pub(crate) async fn run(exchange: &Exchange, request: Request, place: Place) -> Result<Answer> {
    let asked = place.clone();
    let found = exchange
        .read(move |exchange, tx| {
            require_sending(exchange, tx, &place)?;
            resource::find(tx, &exchange.actor, &place)
        })
        .await?;
    if let Some(collection) = found.collection() {
        resource::require_open(collection)?;
    }
    if let Resource::Collection(owner, collection) = &found
        && super::share::is_xml(&request)
        && let Some(push) = PushRegister::parse(&request.body, &exchange.settings.xml)?
    {
        return super::push::register(exchange, push, owner, (**collection).clone()).await;
    }
    match found {
        Resource::Home(..) if super::share::is_xml(&request) => {
            super::share::reply(exchange, request).await
        }
        Resource::Collection(owner, collection)
            if super::share::is_xml(&request) && !collection.kind.is_private() =>
        {
            super::share::share(exchange, request, &owner, *collection).await
        }
        Resource::Object(owner, collection, href, object)
            if super::attachments::is_action(&request.uri)
                && collection.kind == CollectionKind::Calendar
                && exchange.settings.attachments.bytes_max > 0 =>
        {
            let conditions = Preconditions::parse(&request, &asked)?;
            let of = super::attachments::Of { owner, collection, href, object, conditions };
            let shown = request.shows().map(|zones| (zones, asked));
            let answered = super::attachments::run(exchange, request, of).await;
            super::get::or_what_is_there(exchange, answered, shown).await
        }
        Resource::Outbox(owner) => crate::scheduling::free_busy(exchange, request, owner).await,
        Resource::Collection(owner, collection)
            if request.uri.query() == Some("add-member") && !collection.kind.is_private() =>
        {
            let name = ObjectName::parse(&new_name(collection.kind)?)?;
            let href = object_href(&href_of(&owner, &collection), name.as_str());
            let home = collection.kind.home();
            // Its conditions are about what it writes: there is nothing yet.
            let names = vec![collection.name.clone(), name.as_str().to_owned()];
            let member = Place::Member(home, owner.address.clone(), names);
            let conditions = Preconditions::parse(&request, &member)?;
            let names = vec![collection.name.clone()];
            let target = Target { owner, home, names, as_guest: collection.guest.is_some() };
            let put = super::put::put(exchange, request, &target, *collection, name, conditions);
            let mut answer = put.await?;
            // RFC 5995 §3.2.2
            if let Ok(href) = HeaderValue::from_str(&href) {
                answer.headers_mut().insert(LOCATION, href);
            }
            Ok(answer)
        }
        _ => Err(DavError::Status(StatusCode::METHOD_NOT_ALLOWED)),
    }
}

/// RFC 6638 §6.2.4: who acts for somebody, and only reads, sends nothing for them. They know of the
/// outbox, which is not there for anybody else.
fn require_sending(exchange: &Exchange, tx: &mut ReadTx<'_>, place: &Place) -> Result<()> {
    let Place::Outbox(owner) = place else { return Ok(()) };
    let owner = resource::find_owner(tx, &exchange.actor, owner)?;
    match tx.proxy_of(exchange.actor.id(), owner.id)? {
        Some(Proxy::Read) => Err(DavError::forbidden(Name::dav("need-privileges"))),
        Some(Proxy::Write) | None => Ok(()),
    }
}

/// A name that nothing has.
fn new_name(kind: CollectionKind) -> Result<String> {
    let ending = match kind {
        CollectionKind::Calendar | CollectionKind::Inbox => ".ics",
        CollectionKind::AddressBook => ".vcf",
        CollectionKind::Folder | CollectionKind::Notifications => "",
    };
    Ok(format!("{}{ending}", random_uuid()?))
}

/// 128 random bits in hexadecimal digits.
pub(crate) fn random_hex() -> Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|_| DavError::Status(StatusCode::SERVICE_UNAVAILABLE))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// RFC 9562 §5.4
pub(crate) fn random_uuid() -> Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|_| DavError::Status(StatusCode::SERVICE_UNAVAILABLE))?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut uuid = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            uuid.push('-');
        }
        for nibble in [byte >> 4, byte & 15] {
            uuid.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    Ok(uuid)
}
