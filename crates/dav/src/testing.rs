//! What the tests of this crate share: requests of one account, without a network.

use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use ids::AccountId;
use storage::{Address, NewAccount, Role, Store};
use testkit::ManualClock;

use crate::answer::Answer;
use crate::exchange::Exchange;
use crate::path::Place;
use crate::request::Request;
use crate::resource::Actor;
use crate::settings::Settings;
use crate::turns::Turns;

/// Julie, alone on a store of her own.
pub(crate) struct Fixture {
    pub(crate) exchange: Exchange,
    runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::default());
        let store = Store::open(storage::Settings::new(folder.path(), clock)).unwrap();
        let julie = new_account(&store, "julie@example.test");
        let account = store.read_blocking(move |tx| tx.load_account(julie)).unwrap();
        let actor = Actor { account: Arc::new(account), has_one_book: false, outside: None };
        let exchange = Exchange {
            store,
            settings: Arc::new(Settings::default()),
            actor,
            quiet: storage::QuietPushes::None,
            turns: Turns::new(4).at_most(2),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { exchange, runtime, _folder: folder }
    }

    /// Somebody else on the same store, by way of the same service.
    pub(crate) fn exchange_of(&self, address: &str) -> Exchange {
        let store = self.exchange.store.clone();
        let id = new_account(&store, address);
        let account = store.read_blocking(move |tx| tx.load_account(id)).unwrap();
        let actor = Actor { account: Arc::new(account), has_one_book: false, outside: None };
        let (settings, turns) = (self.exchange.settings.clone(), self.exchange.turns.clone());
        Exchange { store, settings, actor, quiet: storage::QuietPushes::None, turns }
    }

    /// A request for what a collection is.
    pub(crate) fn propfind(path: &str) -> (Request, Place) {
        let place = Place::parse(path).unwrap().unwrap();
        let headers = HeaderMap::from_iter([(
            HeaderName::from_static("depth"),
            HeaderValue::from_static("0"),
        )]);
        let (method, uri) = ("PROPFIND".parse().unwrap(), path.parse().unwrap());
        (Request { method, uri, headers, body: Vec::new() }, place)
    }

    /// Runs what a method is made of.
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// The answer to a request for a path below `/dav/files/julie@example.test`.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let uri: hyper::Uri = file_href(path).parse().unwrap();
        let place = Place::parse(uri.path()).unwrap().unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, HeaderValue::from_str(value).unwrap());
        }
        let method = method.parse().unwrap();
        let request = Request { method, uri, headers: map, body: body.as_bytes().to_vec() };
        let answer = self.block_on(self.exchange.run(request, place));
        answer.unwrap_or_else(crate::error::DavError::into_answer)
    }

    /// The status alone.
    pub(crate) fn status(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> u16 {
        self.request(method, path, headers, body).status().as_u16()
    }

    /// The body of what is at a path.
    pub(crate) fn body(&self, path: &str) -> String {
        self.text(self.request("GET", path, &[], ""))
    }

    /// The body of an answer.
    pub(crate) fn text(&self, answer: Answer) -> String {
        let body = self.block_on(answer.into_body().collect()).unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }
}

/// The path of a file of Julie's.
pub(crate) fn file_href(path: &str) -> String {
    format!("/dav/files/julie@example.test{path}")
}

fn new_account(store: &Store, address: &str) -> AccountId {
    let new = NewAccount {
        address: Address::parse(address).unwrap(),
        name: String::new(),
        role: Role::Collaborator,
        password_hash: String::new(),
        quota_bytes: 0,
        mail_only: false,
    };
    let written = store.write_blocking("test", |tx| {
        if tx.find_domain("example.test")?.is_none() {
            tx.create_domain("example.test")?;
        }
        tx.create_account(new)
    });
    written.unwrap().value
}
