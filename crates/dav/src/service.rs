//! One request from sign-in to answer.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use auth::{AuthError, Authenticator, Protocol};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes};
use hyper::header::{
    ALLOW, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, EXPECT, HeaderMap, HeaderName,
    HeaderValue, LOCATION, ORIGIN, USER_AGENT,
};
use hyper::{Method, Response, StatusCode};
use ids::{AccountId, Timestamp};
use net::DrawnMemory;
use sasl::{BearerToken, Credentials, Password};
use storage::{
    AccountTx, Committed, PreparedMessage, QuietPushes, ReadTx, StorageError, Store, WriteTx,
};

use crate::answer::Answer;
use crate::counts;
use crate::error::{DavError, Result};
use crate::methods;
use crate::outside;
use crate::path::Place;
use crate::request::{Request, is_here};
use crate::resource::{self, Actor};
use crate::settings::Settings;
use crate::turns::Turns;
use crate::waiting::Waiting;

/// Where a request came from.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// The address.
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

/// What one request is answered with.
pub(crate) struct Session {
    pub(crate) store: Store,
    pub(crate) settings: Arc<Settings>,
    pub(crate) actor: Actor,
    /// Who is not told of what the request does.
    pub(crate) quiet: QuietPushes,
    /// Who of an account may read.
    pub(crate) turns: Turns,
}

impl DavService {
    /// A service on `store`.
    pub fn new(store: Store, authenticator: Arc<Authenticator>, settings: Settings) -> Self {
        let waiting = Waiting::new(settings.answer_bytes_max.saturating_mul(WAITING_MAX));
        let turns = Turns::new(settings.account_readers_max);
        Self { store, authenticator, settings: Arc::new(settings), waiting, turns }
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
            pass_over(&parts.headers, body).await;
            return answer;
        }
        let (place, actor, is_new) = match self.begin(&parts, peer).await {
            Ok(begun) => begun,
            Err(error) => {
                pass_over(&parts.headers, body).await;
                return Err(error);
            }
        };
        // Given back when the request is answered.
        let (body, _memory) = self.read_body(&parts, body).await?;
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
        let session = Session { store, settings, actor, quiet, turns: self.turns.clone() };
        if session.actor.is_outside() {
            return outside::run(&session, request, place).await;
        }
        if is_new {
            session.make_first_collections().await?;
        }
        session.run(request, place).await
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
            let (store, settings) = (&self.store, &self.settings);
            return Some(crate::public::answer(store, settings, method, path, headers).await);
        }
        if crate::attachments::is_for(path) {
            return Some(crate::attachments::public(&self.store, method, path, headers).await);
        }
        None
    }

    /// What is known before the body is read: where it goes, who asks, and whether for the first time.
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

    /// Bodies of objects may be larger than those of requests.
    async fn read_body<B>(
        &self,
        parts: &hyper::http::request::Parts,
        body: B,
    ) -> Result<(Vec<u8>, DrawnMemory)>
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if is_encoded(&parts.headers) {
            pass_over(&parts.headers, body).await;
            // RFC 9110 §8.4.1: what is stored is what it says it is, and not some coding of it.
            return Err(DavError::Status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let is_object = matches!(parts.method, Method::PUT | Method::POST);
        let is_attachment = is_attachment(&parts.method, &parts.uri);
        let max = match is_object {
            true if is_attachment => {
                usize::try_from(self.settings.attachments.bytes_max).unwrap_or(usize::MAX)
            }
            true => usize::try_from(self.settings.objects.bytes_max).unwrap_or(usize::MAX),
            false => self.settings.xml.bytes_max,
        };
        let too_large = || DavError::Status(StatusCode::PAYLOAD_TOO_LARGE);
        let length = parts.headers.get(CONTENT_LENGTH).and_then(|text| text.to_str().ok());
        let length = length.and_then(|text| text.parse::<u64>().ok());
        if length.is_some_and(|said| said > max as u64) {
            pass_over(&parts.headers, body).await;
            return Err(object_too_large(is_object, &parts.uri).unwrap_or_else(too_large));
        }
        let said = if body.is_end_stream() { 0 } else { length.unwrap_or(max as u64) };
        let mut memory = match self.draw_memory(said).await {
            Ok(memory) => memory,
            Err(error) => {
                pass_over(&parts.headers, body).await;
                return Err(error);
            }
        };
        let collected = Box::pin(Limited::new(body, max).collect());
        let collected = tokio::time::timeout(self.settings.body_timeout, collected)
            .await
            .map_err(|_| DavError::Status(StatusCode::REQUEST_TIMEOUT))?;
        match collected {
            Ok(body) => {
                let body = Vec::from(body.to_bytes());
                memory.keep(body.len() as u64);
                Ok((body, memory))
            }
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                Err(object_too_large(is_object, &parts.uri).unwrap_or_else(too_large))
            }
            Err(_) => Err(DavError::BAD_REQUEST),
        }
    }

    /// Memory for a body of at most so many bytes, which others may have to give back first.
    async fn draw_memory(&self, bytes: u64) -> Result<DrawnMemory> {
        let budget = &self.settings.body_memory;
        let units = match budget.try_draw(bytes) {
            Ok(drawn) => return Ok(drawn),
            Err(units) => units,
        };
        let waited = budget.wait(units).await;
        waited.ok_or(DavError::Status(StatusCode::SERVICE_UNAVAILABLE))
    }

    /// Nothing that opens a door goes over a line that others read.
    fn require_secrecy(&self, peer: Peer) -> Result<()> {
        match peer.is_tls || self.settings.plaintext_auth {
            true => Ok(()),
            false => Err(DavError::Status(StatusCode::FORBIDDEN)),
        }
    }

    /// Whether a page of somebody else has made a browser post a form (RFC 6454 §7). The browser adds
    /// the password of who looks at it, and asks nobody before. Of other methods it asks here whether
    /// it may, and is told nothing.
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

    /// Who asks, and whether for the first time.
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
            AuthError::Blocked => DavError::Status(StatusCode::FORBIDDEN),
            AuthError::Maintenance | AuthError::Unavailable => {
                DavError::Status(StatusCode::SERVICE_UNAVAILABLE)
            }
            AuthError::Throttled { retry_after_secs } => DavError::Throttled(retry_after_secs),
        })?;
        let program = text(USER_AGENT).unwrap_or_default();
        self.authenticator.note_program(&signed_in, Protocol::Http, peer.ip, program);
        let id = signed_in.account;
        let read = self.store.read(move |tx| Ok((tx.load_account(id)?, tx.has_collections(id)?)));
        let (account, has_collections) = read.await?;
        if account.mail_only {
            return Err(DavError::Status(StatusCode::FORBIDDEN));
        }
        let has_one_book = resource::has_one_book(program);
        let actor = Actor { account: Arc::new(account), has_one_book, outside: None };
        Ok((actor, !has_collections))
    }
}

/// LIMIT: bytes and time of a body that nobody reads. Programs ask without a password first, or at a
/// well-known URI, and send the body behind the head: a connection that is closed meanwhile fails them.
const PASSED_OVER_BYTES_MAX: usize = 64 * 1024;
const PASSED_OVER_TIME: Duration = Duration::from_secs(2);

async fn pass_over<B>(headers: &HeaderMap, body: B)
where
    B: Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // RFC 9110 §10.1.1: who waits for 100 sends nothing where the answer is another.
    if headers.contains_key(EXPECT) {
        return;
    }
    let rest = Box::pin(Limited::new(body, PASSED_OVER_BYTES_MAX).collect());
    // Whatever becomes of it, the answer is the same.
    let _ = tokio::time::timeout(PASSED_OVER_TIME, rest).await;
}

/// Whether a body is compressed, or the like.
fn is_encoded(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(CONTENT_ENCODING).iter();
    codings.into_iter().any(|coding| {
        let coding = coding.as_bytes().trim_ascii();
        !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity")
    })
}

/// Whether the body of a request is an attachment of an object in a calendar.
fn is_attachment(method: &Method, uri: &hyper::Uri) -> bool {
    *method == Method::POST
        && uri.path().starts_with("/dav/calendars/")
        && methods::attachments::is_action(uri)
}

fn object_too_large(is_object: bool, uri: &hyper::Uri) -> Option<DavError> {
    use crate::xml::Name;
    let path = uri.path();
    let name = match () {
        () if !is_object => return None,
        // RFC 8607 §3.11
        () if is_attachment(&Method::POST, uri) => Name::caldav("max-attachment-size"),
        () if path.starts_with("/dav/calendars/") => Name::caldav("max-resource-size"),
        () if path.starts_with("/dav/addressbooks/") => Name::carddav("max-resource-size"),
        () => return None,
    };
    Some(DavError::forbidden(name))
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

/// What a change was refused for that is no error of storage.
#[derive(Clone, Default)]
struct Refusal(Arc<Mutex<Option<DavError>>>);

impl Refusal {
    /// What storage is told. It may run the change again, whose last outcome counts.
    fn keep<T>(&self, outcome: Result<T>) -> storage::Result<T> {
        *self.lock() = None;
        outcome.map_err(|error| match error {
            DavError::Storage(error) => error,
            error => {
                *self.lock() = Some(error);
                StorageError::Conflict("refused")
            }
        })
    }

    fn or<T>(self, written: storage::Result<Committed<T>>) -> Result<T> {
        match written {
            Ok(committed) => Ok(committed.value),
            Err(error) => Err(self.lock().take().unwrap_or(DavError::Storage(error))),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<DavError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    pub(crate) fn now(&self) -> Timestamp {
        self.store.now()
    }

    /// Reads in one snapshot, when it is the account's turn.
    pub(crate) async fn read<T, F>(&self, closure: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Self, &mut ReadTx<'_>) -> Result<T> + Send + 'static,
    {
        let session = Self {
            store: self.store.clone(),
            settings: self.settings.clone(),
            actor: self.actor.clone(),
            quiet: QuietPushes::None,
            turns: self.turns.clone(),
        };
        let turn = self.turns.take(self.actor.id()).await;
        // What is wrong with a request is no error of storage.
        self.store
            .read(move |tx| {
                // Until it has read, also where the client has gone meanwhile.
                let _turn = turn;
                match closure(&session, tx) {
                    Ok(value) => Ok(Ok(value)),
                    Err(DavError::Storage(error)) => Err(error),
                    Err(error) => Ok(Err(error)),
                }
            })
            .await?
    }

    /// Changes what is `owner`'s, at the word of who asks. An error of any kind changes nothing.
    pub(crate) async fn write<T, F>(
        &self,
        owner: AccountId,
        label: &'static str,
        closure: F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut AccountTx<'_, '_>) -> Result<T> + Send + 'static,
    {
        self.write_after(owner, label, |_| Ok(()), closure).await
    }

    /// The same, after `lock` has locked whoever else it is about.
    pub(crate) async fn write_after<T, L, F>(
        &self,
        owner: AccountId,
        label: &'static str,
        lock: L,
        closure: F,
    ) -> Result<T>
    where
        T: Send + 'static,
        L: FnOnce(&mut WriteTx<'_>) -> storage::Result<()> + Send + 'static,
        F: FnOnce(&mut AccountTx<'_, '_>) -> Result<T> + Send + 'static,
    {
        self.write_bodies(owner, label, Vec::new(), lock, closure).await
    }

    /// The same for what names `bodies`, which are durable before.
    pub(crate) async fn write_bodies<T, L, F>(
        &self,
        owner: AccountId,
        label: &'static str,
        bodies: Vec<Arc<PreparedMessage>>,
        lock: L,
        closure: F,
    ) -> Result<T>
    where
        T: Send + 'static,
        L: FnOnce(&mut WriteTx<'_>) -> storage::Result<()> + Send + 'static,
        F: FnOnce(&mut AccountTx<'_, '_>) -> Result<T> + Send + 'static,
    {
        let (actor, quiet) = (self.actor.id(), self.quiet.clone());
        self.write_all(label, bodies, move |tx| {
            lock(tx)?;
            let mut tx = tx.account_as(owner, actor)?;
            let knowing = tx.up_to_date_pushes(&quiet)?;
            let value = closure(&mut tx)?;
            tx.quiet_pushes(&knowing)?;
            Ok(value)
        })
        .await
    }

    /// Changes what is of several, and names `bodies`. An error of any kind changes nothing.
    pub(crate) async fn write_all<T, F>(
        &self,
        label: &'static str,
        bodies: Vec<Arc<PreparedMessage>>,
        closure: F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    {
        let refusal = Refusal::default();
        let kept = refusal.clone();
        let written = self.store.write_with(label, bodies, move |tx| kept.keep(closure(tx))).await;
        refusal.or(written)
    }

    /// Changes one object of `owner`'s, with all that follows for others, and no account, address or
    /// domain, after `lock` has locked whoever it is about. Both closures may run more than once, each
    /// time after all they did before was rolled back. An error of any kind changes nothing.
    pub(crate) async fn write_object<T, L, F>(
        &self,
        owner: AccountId,
        label: &'static str,
        lock: L,
        closure: F,
    ) -> Result<T>
    where
        T: Send + 'static,
        L: Fn(&mut WriteTx<'_>) -> storage::Result<()> + Send + 'static,
        F: Fn(&mut AccountTx<'_, '_>) -> Result<T> + Send + 'static,
    {
        let (actor, quiet) = (self.actor.id(), self.quiet.clone());
        let refusal = Refusal::default();
        let kept = refusal.clone();
        let change = move |tx: &mut WriteTx<'_>| {
            lock(tx)?;
            let mut tx = tx.account_as(owner, actor)?;
            let knowing = tx.up_to_date_pushes(&quiet)?;
            let value = closure(&mut tx)?;
            tx.quiet_pushes(&knowing)?;
            Ok(value)
        };
        let written =
            self.store.deliver_messages(label, Vec::new(), move |tx| kept.keep(change(tx)));
        refusal.or(written.await)
    }

    /// Whoever comes for the first time has a calendar and an address book.
    async fn make_first_collections(&self) -> Result<()> {
        let id = self.actor.id();
        self.write(id, "first collections", |tx| Ok(tx.make_first_collections()?)).await
    }

    pub(crate) async fn run(&self, request: Request, place: Place) -> Result<Answer> {
        let asked = place.clone();
        let error = match self.run_method(request, place).await {
            Err(error) if error.is_not_allowed() => error,
            answered => return answered,
        };
        // RFC 9110 §15.5.6: it says which methods are.
        let methods = HeaderValue::from_static(self.methods_at(asked).await);
        let mut answer = error.into_answer();
        answer.headers_mut().insert(ALLOW, methods);
        Ok(answer)
    }

    async fn run_method(&self, request: Request, place: Place) -> Result<Answer> {
        if let Place::Attachment(id) = &place {
            return methods::attachments::of_path(self, request, id).await;
        }
        match request.method.as_str() {
            "OPTIONS" => self.options(place).await,
            "PROPFIND" => methods::propfind::run(self, request, place).await,
            "PROPPATCH" => methods::proppatch::run(self, request, place).await,
            "ACL" => methods::acl::run(self, request, place).await,
            "REPORT" => methods::report::run(self, request, place).await,
            "GET" | "HEAD" => methods::get::run(self, request, place).await,
            "PUT" => methods::put::run(self, request, place).await,
            "POST" => methods::post::run(self, request, place).await,
            "DELETE" => methods::delete::run(self, request, place).await,
            "COPY" | "MOVE" => methods::copy_move::run(self, request, place).await,
            "MKCOL" | "MKCALENDAR" => methods::mkcol::run(self, request, place).await,
            "LOCK" => methods::lock::run(self, request, place).await,
            "UNLOCK" => methods::lock::unlock(self, request, place).await,
            _ => Err(DavError::Status(StatusCode::METHOD_NOT_ALLOWED)),
        }
    }

    async fn options(&self, place: Place) -> Result<Answer> {
        Ok(methods::options::run(self.methods_at(place).await, &self.settings))
    }

    /// The methods of what is at a place.
    async fn methods_at(&self, place: Place) -> &'static str {
        let found = self.read(move |session, tx| resource::find(tx, &session.actor, &place)).await;
        match &found {
            Ok(found) => methods::options::allowed(found),
            Err(_) => methods::options::ANYTHING,
        }
    }
}
