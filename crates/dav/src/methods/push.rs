//! POST of P:push-register at a collection, DELETE of what came of it (draft-bitfire-webdav-push
//! §3), and what a request says of who is not to be told (Push-Dont-Notify).

use base64::Engine;
use base64::engine::DecodePaddingMode::Indifferent;
use base64::engine::GeneralPurposeConfig;
use base64::engine::general_purpose::{GeneralPurpose, URL_SAFE_NO_PAD};
use hyper::header::{EXPIRES, HeaderValue, LOCATION};
use hyper::{HeaderMap, StatusCode};
use storage::{
    Account, Collection, CollectionKind, CollectionRights, NewPush, PushTriggers, QuietPushes,
    StorageError,
};

use crate::answer::{self, Answer};
use crate::error::{DavError, Result};
use crate::exchange::Exchange;
use crate::methods::preconditions::parse_date;
use crate::path::{Place, path_of, push_href};
use crate::properties::http_date;
use crate::push::{self, Target};
use crate::xml::{Name, PUSH, PushRegister};

/// LIMIT: subscriptions that one header names.
const QUIET_MAX: usize = 100;

/// With padding or without: programs send both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(Indifferent),
);

/// Whether somebody can be told of a collection.
pub(crate) fn is_told_of(collection: &Collection, rights: CollectionRights) -> bool {
    collection.kind != CollectionKind::Notifications
        && !collection.is_directory()
        && rights.contains(CollectionRights::READ)
}

/// Registers a subscription, or renews it.
pub(super) async fn register(
    exchange: &Exchange,
    register: PushRegister,
    owner: &Account,
    collection: Collection,
) -> Result<Answer> {
    let failed = |local| DavError::forbidden(Name::known(PUSH, local));
    let Some(pushes) = exchange.settings.pushes.clone() else {
        return Err(failed("push-not-available"));
    };
    let expires = match &register.expires {
        Some(text) => Some(parse_date(text).ok_or(DavError::BAD_REQUEST)?),
        None => None,
    };
    if expires.is_some_and(|expires| expires <= exchange.now()) {
        return Err(DavError::BAD_REQUEST);
    }
    let new = new_push(register, expires).ok_or_else(|| failed("invalid-subscription"))?;
    let (owner, actor, max) = (owner.id, exchange.actor.id(), pushes.subscriptions_max);
    let registered = exchange.write_after(
        owner,
        "dav push register",
        move |tx| tx.lock_sharing([owner, actor]),
        move |tx| {
            let rights = tx.collection_rights(actor, &collection)?;
            if !is_told_of(&collection, rights) {
                return Err(DavError::forbidden(Name::known(PUSH, "push-not-available")));
            }
            Ok(tx.register_push(&collection, &new, max)?)
        },
    );
    let registered = registered.await.map_err(|error| match error {
        DavError::Storage(StorageError::Limit { .. } | StorageError::NoPermission(_)) => {
            failed("push-not-available")
        }
        DavError::Storage(StorageError::Invalid(_)) => failed("invalid-subscription"),
        error => error,
    })?;
    let mut answer = answer::empty(StatusCode::CREATED);
    let url = format!("{}{}", exchange.settings.public_url, push_href(&registered.token));
    for (name, value) in [(LOCATION, url), (EXPIRES, http_date(registered.expires))] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            answer.headers_mut().insert(name, value);
        }
    }
    Ok(answer)
}

fn new_push(register: PushRegister, expires: Option<ids::Timestamp>) -> Option<NewPush> {
    let public_key = BASE64.decode(&register.public_key).ok()?;
    let secret = BASE64.decode(&register.secret).ok().filter(|secret| secret.len() == 16)?;
    Target::parse(&register.resource)?;
    // A key that nothing can be encrypted for is none.
    push::encrypt(b"", &public_key, &secret)?;
    let mut token = [0_u8; 24];
    getrandom::fill(&mut token).ok()?;
    Some(NewPush {
        token: URL_SAFE_NO_PAD.encode(token),
        resource: register.resource,
        public_key,
        secret,
        triggers: PushTriggers { content: register.content, properties: register.properties },
        expires,
    })
}

/// Removes a subscription of who asks.
pub(super) async fn remove(exchange: &Exchange, token: String) -> Result<Answer> {
    let actor = exchange.actor.id();
    let write = move |tx: &mut storage::WriteTx<'_>| tx.remove_push(actor, &token);
    match exchange.store.write("dav push remove", write).await?.value {
        true => Ok(answer::empty(StatusCode::NO_CONTENT)),
        false => Err(DavError::NOT_FOUND),
    }
}

/// ```text
/// Push-Dont-Notify = "*" / 1#( DQUOTE registration-url DQUOTE )
/// ```
/// Whoever it names, only those of who asks are meant: nobody keeps others in the dark.
pub(crate) fn quiet(headers: &HeaderMap) -> QuietPushes {
    let mut tokens = Vec::new();
    let values = headers.get_all("push-dont-notify").iter();
    for part in values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')) {
        let url = part.trim().trim_matches('"');
        if url == "*" {
            return QuietPushes::All;
        }
        if let Ok(Some(Place::Push(token))) = Place::parse(path_of(url))
            && tokens.len() < QUIET_MAX
        {
            tokens.push(token);
        }
    }
    if tokens.is_empty() { QuietPushes::None } else { QuietPushes::Tokens(tokens) }
}
