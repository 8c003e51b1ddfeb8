//! The service: one HTTP request from sign-in to answer. Here the account is authenticated, the
//! method run, errors made into answers, and all of it counted.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use auth::{AuthError, Authenticator, Protocol};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::body::{Body, Bytes};
use hyper::header::{
    AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION, ORIGIN, USER_AGENT,
};
use hyper::{Method, Response, StatusCode};
use sasl::{BearerToken, Credentials, Password};
use storage::Store;

use crate::answer::Answer;
use crate::body;
use crate::counts;
use crate::error::{DavError, Result};
use crate::exchange::Exchange;
use crate::methods;
use crate::outside;
use crate::path::Place;
use crate::request::{Request, is_here};
use crate::resource::{self, Actor};
use crate::settings::Settings;
use crate::turns::{STRANGERS, Turns};
use crate::waiting::Waiting;

/// Where a request came from.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// The address of the client, or what a trusted proxy says it is.
    pub ip: IpAddr,
    /// Whether its bytes were encrypted on the way.
    pub is_tls: bool,
}

/// WebDAV, CalDAV and CardDAV on a store. Clones are the same.
#[derive(Clone)]
pub struct DavService {
    store: Store,
    authenticator: Arc<Authenticator>,
    settings: Arc<Settings>,
    waiting: Waiting,
    turns: Turns,
}

/// Where a browser was asked from (Fetch Metadata Request Headers §2.4).
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// LIMIT: as many of the largest answers wait at a time for who reads them slowly.
const WAITING_MAX: usize = 4;

impl DavService {
    /// A service on `store`.
    pub fn new(store: Store, authenticator: Arc<Authenticator>, settings: Settings) -> Self {
        let waiting = Waiting::new(settings.answer_bytes_max.saturating_mul(WAITING_MAX));
        let turns = Turns::new(store.settings().readers).at_most(settings.account_readers_max);
        Self { store, authenticator, settings: Arc::new(settings), waiting, turns }
    }

    /// The same service, taking its turns to read from `turns`, which other services share.
    #[must_use]
    pub fn taking(self, turns: Turns) -> Self {
        let turns = turns.at_most(self.settings.account_readers_max);
        Self { turns, ..self }
    }

    /// Whether a request is for it: by its path, or at the root by its method.
    pub fn is_for<B>(request: &hyper::Request<B>) -> bool {
        let path = request.uri().path();
        let is_ours = path == "/dav" || path.starts_with("/dav/");
        is_ours
            || crate::public::is_for(path)
            || crate::attachments::is_for(path)
            || crate::timezones::is_for(path)
            || matches!(
                path,
                "/.well-known/caldav" | "/.well-known/carddav" | "/.well-known/timezone"
            )
            || (path == "/"
                && matches!(request.method().as_str(), "PROPFIND" | "OPTIONS" | "REPORT"))
    }

    /// Answers a request.
    pub async fn answer<B>(&self, request: hyper::Request<B>, peer: Peer) -> Answer
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (began, method) = (Instant::now(), counts::Method::of(request.method()));
        let answer = match self.respond(request, peer).await {
            Ok(answer) => answer,
            Err(error) => error.into_answer(),
        };
        let answer = self.waiting.hold(answer).await;
        self.settings.counts.answered(method, &answer, began.elapsed());
        answer
    }

    async fn respond<B>(&self, request: hyper::Request<B>, peer: Peer) -> Result<Answer>
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        if let Some(answer) = self.answer_without_body(&parts).await {
            return answer;
        }
        let (place, actor, is_new) = self.begin(&parts, peer).await?;
        // Given back when the request is answered.
        let (body, _memory) = body::read(&self.settings, &parts, body).await?;
        self.settings.counts.received(counts::Method::of(&parts.method), body.len());
        let request =
            Request { method: parts.method, uri: parts.uri, headers: parts.headers, body };
        let store = self.store.clone();
        let quiet = methods::push::quiet(&request.headers);
        let mut settings = self.settings.clone();
        if actor.is_outside() {
            // Who has no account subscribes to nothing.
            settings = Arc::new(Settings { pushes: None, ..Settings::clone(&settings) });
        }
        let exchange = Exchange { store, settings, actor, quiet, turns: self.turns.clone() };
        if exchange.actor.is_outside() {
            return outside::run(&exchange, request, place).await;
        }
        if is_new {
            exchange.make_first_collections().await?;
        }
        exchange.run(request, place).await
    }

    /// The answer of places that need no account and read no body; none for all others.
    async fn answer_without_body(
        &self,
        parts: &hyper::http::request::Parts,
    ) -> Option<Result<Answer>> {
        let (method, path, headers) = (&parts.method, parts.uri.path(), &parts.headers);
        // RFC 6764 §5: a well-known URI leads to where programs begin.
        if path == "/.well-known/timezone" {
            return Some(Ok(redirect(crate::timezones::PATH)));
        }
        if path.starts_with("/.well-known/") {
            return Some(Ok(redirect("/dav/")));
        }
        if crate::timezones::is_for(path) {
            let query = parts.uri.query();
            return Some(Ok(crate::timezones::answer(method, path, query, headers).await));
        }
        if crate::public::is_for(path) {
            let turn = self.turns.take(STRANGERS).await;
            let (store, settings) = (&self.store, &self.settings);
            return Some(
                crate::public::answer(store, settings, turn, method, (path, headers)).await,
            );
        }
        if crate::attachments::is_for(path) {
            let turn = self.turns.take(STRANGERS).await;
            return Some(
                crate::attachments::public(&self.store, turn, method, (path, headers)).await,
            );
        }
        None
    }

    /// What is known before the body is read: where it goes, who asks, and whether for the first
    /// time.
    async fn begin(
        &self,
        parts: &hyper::http::request::Parts,
        peer: Peer,
    ) -> Result<(Place, Actor, bool)> {
        let place = Place::parse(parts.uri.path())?.ok_or(DavError::NOT_FOUND)?;
        self.require_secrecy(peer)?;
        if self.is_of_foreign_page(parts) {
            return Err(DavError::Status(StatusCode::FORBIDDEN));
        }
        if let Some(secret) = outside::secret_of(&place) {
            let actor = outside::enter(&self.store, secret).await?;
            return Ok((place, actor, false));
        }
        let (actor, is_new) = self.sign_in(&parts.headers, peer).await?;
        Ok((place, actor, is_new))
    }

    /// Fails for credentials and secret paths that came over an unencrypted connection, unless the
    /// settings allow that.
    fn require_secrecy(&self, peer: Peer) -> Result<()> {
        match peer.is_tls || self.settings.plaintext_auth {
            true => Ok(()),
            false => Err(DavError::Status(StatusCode::FORBIDDEN)),
        }
    }

    /// Whether a page of somebody else has made a browser post a form (RFC 6454 §7). The browser
    /// adds the password of who looks at it, and asks nobody before. Of other methods it asks here
    /// whether it may, and is told nothing.
    fn is_of_foreign_page(&self, parts: &hyper::http::request::Parts) -> bool {
        let text = |name| parts.headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let Some(origin) = text(ORIGIN) else { return false };
        let is_ours = match origin {
            // Calendar programs that are browsers within may have none to tell of, nor has a page
            // without an address; these say whether what they ask for comes from elsewhere.
            "null" => matches!(text(FETCH_SITE), Some("none" | "same-origin")),
            origin => is_here(origin, &parts.uri, &parts.headers, &self.settings.public_url),
        };
        parts.method == Method::POST && !is_ours
    }

    /// Authenticates the request: the actor, and whether they sign in for the first time.
    async fn sign_in(&self, headers: &HeaderMap, peer: Peer) -> Result<(Actor, bool)> {
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let header = text(AUTHORIZATION).ok_or(DavError::SignIn)?;
        let (scheme, rest) = header.split_once(' ').ok_or(DavError::SignIn)?;
        let signed_in = if scheme.eq_ignore_ascii_case("basic") {
            let credentials = basic(rest.trim()).ok_or(DavError::SignIn)?;
            self.authenticator.sign_in(&credentials, Protocol::Http, peer.ip).await
        } else if scheme.eq_ignore_ascii_case("bearer") {
            let token = Password::from(rest.trim());
            let bearer = BearerToken { authzid: None, token };
            self.authenticator.sign_in_token(&bearer, Protocol::Http, peer.ip).await
        } else {
            return Err(DavError::SignIn);
        };
        let signed_in = signed_in.map_err(|error| match error {
            AuthError::Wrong => DavError::SignIn,
            AuthError::Blocked => DavError::BLOCKED,
            AuthError::Maintenance => DavError::MAINTENANCE,
            AuthError::Unavailable => DavError::Status(StatusCode::SERVICE_UNAVAILABLE),
            AuthError::Throttled { retry_after_secs } => DavError::Throttled(retry_after_secs),
        })?;
        let program = text(USER_AGENT).unwrap_or_default();
        self.authenticator.note_program(&signed_in, Protocol::Http, peer.ip, program);
        let id = signed_in.account;
        let read = self.store.read(move |tx| Ok((tx.load_account(id)?, tx.has_collections(id)?)));
        let (account, has_collections) = read.await?;
        if account.mail_only {
            return Err(DavError::MAIL_ONLY);
        }
        let has_one_book = resource::has_one_book(program);
        let actor = Actor { account: Arc::new(account), has_one_book, outside: None };
        Ok((actor, !has_collections))
    }
}

fn redirect(to: &'static str) -> Answer {
    let mut answer: Answer = Response::default();
    *answer.status_mut() = StatusCode::MOVED_PERMANENTLY;
    answer.headers_mut().insert(LOCATION, HeaderValue::from_static(to));
    answer
}

/// RFC 7617 §2: the name has no colon, the password may.
fn basic(encoded: &str) -> Option<Credentials> {
    let decoded = STANDARD.decode(encoded).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (name, password) = text.split_once(':')?;
    // QUIRK(iOS 18.4): the name percent-encoded.
    let authcid = if name.contains('@') { name.to_owned() } else { name.replace("%40", "@") };
    Some(Credentials { authzid: None, authcid, password: Password::from(password) })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use auth::AuthSettings;
    use http_body_util::Full;
    use testkit::ManualClock;

    use super::*;
    use crate::testing::Fixture;

    /// Time stands still while a thread reads, and goes on where everybody waits: whoever runs into
    /// the timeout waits for a turn.
    #[test]
    fn strangers_wait_for_their_turn_at_every_listener() {
        let fixture = Fixture::new();
        let store = fixture.exchange.store.clone();
        let turns = Turns::new(4);
        let [first, second] = [2, 2].map(|account_readers_max| {
            let clock = Arc::new(ManualClock::default());
            let who = Authenticator::new(store.clone(), clock, AuthSettings::default()).unwrap();
            let settings = Settings { account_readers_max, ..Settings::default() };
            DavService::new(store.clone(), Arc::new(who), settings).taking(turns.clone())
        });
        let get = async |path: &str| {
            let request = hyper::Request::get(path).body(Full::new(Bytes::new())).unwrap();
            let peer = Peer { ip: IpAddr::from([192, 0, 2, 1]), is_tls: false };
            let asked = tokio::time::timeout(Duration::from_secs(60), second.answer(request, peer));
            asked.await.ok().map(|answer| answer.status().as_u16())
        };
        fixture.block_on(async {
            tokio::time::pause();
            for path in ["/calendars/attachments/x", "/calendars/public/x.ics"] {
                let held = (first.turns.take(STRANGERS).await, first.turns.take(STRANGERS).await);
                assert_eq!(get(path).await, None, "{path}");
                drop(held);
                assert_eq!(get(path).await, Some(404), "{path}");
            }
        });
    }
}
