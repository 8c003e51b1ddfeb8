//! A service on a store of each engine, and somebody who asks it.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use auth::{AuthSettings, Authenticator, PasswordPolicy};
use base64::Engine;
use dav::{DavService, Peer, Settings};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{HeaderMap, Request};
use storage::{Address, CalendarLetter, Database, Letters, NewAccount, Role, ShareLetter, Store};
use testkit::ManualClock;

const QUICK: PasswordPolicy =
    PasswordPolicy { chars_min: 1, argon2_memory_kib: 16, argon2_passes: 1 };

/// 2026-01-01T00:00:00Z
pub(crate) const NOW: i64 = 1_767_225_600;

pub(crate) struct House {
    service: DavService,
    pub(crate) store: Store,
    post: Arc<Post>,
}

/// Mail on its way to people elsewhere.
#[derive(Default)]
struct Post {
    invitations: Mutex<Vec<ShareLetter>>,
    meetings: Mutex<Vec<String>>,
}

impl Letters for Post {
    fn compose(&self, letter: &CalendarLetter, _: ids::Timestamp) -> Vec<u8> {
        self.meetings.lock().unwrap().push(format!("{} {}", letter.to, letter.method));
        format!("To: {}\r\n\r\n", letter.to).into_bytes()
    }

    fn compose_share(&self, letter: &ShareLetter, _: ids::Timestamp) -> Vec<u8> {
        self.invitations.lock().unwrap().push(letter.clone());
        format!("To: {}\r\n\r\n", letter.to).into_bytes()
    }
}

/// What came of a request.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answered {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The only element in DAV:error.
    pub(crate) fn failed(&self) -> &str {
        let root = self.text.split_once("<D:error").map_or("", |(_, rest)| rest);
        let inside = root.split_once('>').map_or("", |(_, rest)| rest);
        inside.trim_start_matches('<').split([' ', '/', '>']).next().unwrap_or("")
    }
}

/// Runs `test` on a house of each engine; whatever it did, its store must be consistent.
pub(crate) fn on_both_engines<F: Future<Output = ()>>(test: impl Fn(Arc<House>) -> F) {
    on_both_engines_with(|_| {}, test);
}

/// The same with settings of its own.
pub(crate) fn on_both_engines_with<F: Future<Output = ()>>(
    set: impl Fn(&mut Settings),
    test: impl Fn(Arc<House>) -> F,
) {
    let run = |database| {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::default());
        clock.set(ids::Timestamp::from_secs(NOW));
        let mut settings = storage::Settings::new(folder.path(), clock.clone());
        settings.database = database;
        settings.share_notices = Some(Arc::new(dav::Notifications));
        let post = Arc::new(Post::default());
        settings.letters = Some(post.clone());
        let store = Store::open(settings).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let settings = AuthSettings { passwords: QUICK, ..AuthSettings::default() };
            let authenticator = Authenticator::new(store.clone(), clock, settings).unwrap();
            let mut settings = Settings { plaintext_auth: true, ..Settings::default() };
            set(&mut settings);
            let service = DavService::new(store.clone(), Arc::new(authenticator), settings);
            let house = Arc::new(House { service, store: store.clone(), post });
            for name in ["julie", "paul"] {
                house.move_in(name).await;
            }
            test(house).await;
        });
        assert_eq!(store.check_consistency().unwrap(), []);
        store.close();
    };
    run(Database::Sqlite);
    let database = testkit::Postgres::shared().create_database();
    run(Database::Postgres(database.url().to_owned()));
}

impl House {
    async fn move_in(&self, name: &str) {
        self.move_in_at(name, "example.test").await;
    }

    /// The invitations that were sent since the last time.
    pub(crate) fn sent(&self) -> Vec<ShareLetter> {
        std::mem::take(&mut *self.post.invitations.lock().unwrap())
    }

    /// The messages about meetings that were sent by mail since the last time: to whom, and which.
    pub(crate) fn mailed(&self) -> Vec<String> {
        std::mem::take(&mut *self.post.meetings.lock().unwrap())
    }

    /// Lets Julie keep so many bytes; 0: as many as she likes. What she has.
    pub(crate) async fn limit_julie(&self, bytes: u64) -> u64 {
        let julie = Address::parse("julie@example.test").unwrap();
        let set = self.store.write("test", move |tx| {
            let julie = tx.find_account(&julie)?.unwrap();
            tx.account(julie.id)?.set_quota(bytes)?;
            Ok(julie.used_bytes)
        });
        set.await.unwrap().value
    }

    /// An account more; the domain as well where there is none yet.
    pub(crate) async fn move_in_at(&self, name: &str, domain: &'static str) {
        let address = format!("{name}@{domain}");
        let new = NewAccount {
            address: Address::parse(&address).unwrap(),
            name: name.to_owned(),
            role: Role::Collaborator,
            password_hash: QUICK.hash(&address, &"secret".into()).unwrap(),
            quota_bytes: 0,
            mail_only: false,
        };
        let made = self.store.write("test", move |tx| {
            if tx.find_domain(domain)?.is_none() {
                tx.create_domain(domain)?;
            }
            tx.create_account(new)
        });
        made.await.unwrap();
    }

    /// A team of these.
    pub(crate) async fn team(&self, name: &'static str, members: &'static [&'static str]) {
        let made = self.store.write("test", move |tx| {
            let organisation = tx.only_organisation()?;
            let team = tx.create_team(organisation, &storage::TeamName::parse(name)?)?;
            for member in members {
                let address = Address::parse(&format!("{member}@example.test")).unwrap();
                let member = tx.find_account(&address)?.unwrap().id;
                tx.add_team_member(team, member)?;
            }
            Ok(())
        });
        made.await.unwrap();
    }

    /// Gives somebody rights to a calendar of Julie.
    pub(crate) async fn share(
        &self,
        calendar: &'static str,
        with: &str,
        rights: storage::CollectionRights,
    ) {
        let [julie, with] = ["julie@example.test", with].map(|text| Address::parse(text).unwrap());
        let shared = self.store.write("test", move |tx| {
            let julie = tx.find_account(&julie)?.unwrap().id;
            let with = tx.find_account(&with)?.unwrap().id;
            let found = tx.find_collection(julie, storage::Home::Calendars, calendar)?.unwrap();
            tx.account(julie)?.share_collection(found.id, with, rights)
        });
        shared.await.unwrap();
    }

    /// Says what somebody elsewhere may do with a calendar of Julie.
    pub(crate) async fn grant_elsewhere(
        &self,
        calendar: &'static str,
        with: &str,
        rights: storage::CollectionRights,
    ) {
        let [julie, with] = ["julie@example.test", with].map(|text| Address::parse(text).unwrap());
        let invite = storage::Invite { rights, common_name: None, summary: None };
        let shared = self.store.write("test", move |tx| {
            let julie = tx.find_account(&julie)?.unwrap().id;
            let found = tx.find_collection(julie, storage::Home::Calendars, calendar)?.unwrap();
            tx.account(julie)?.invite_outsider(found.id, &with, &invite)
        });
        shared.await.unwrap();
    }

    /// A request of `name`, or of nobody where that is empty. `method` is followed by the path;
    /// headers stand one a line.
    pub(crate) async fn ask(
        &self,
        name: &str,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> Answered {
        let mut request = Request::builder().method(method).uri(path);
        if !name.is_empty() {
            let pair = format!("{name}@example.test:secret");
            let basic = base64::engine::general_purpose::STANDARD.encode(pair);
            request = request.header("authorization", format!("Basic {basic}"));
        }
        for header in headers.lines() {
            let (name, value) = header.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        let peer = Peer { ip: IpAddr::from([192, 0, 2, 1]), is_tls: false };
        let (parts, body) = self.service.answer(request, peer).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        Answered { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    /// [`ask`](Self::ask) of Julie, below her calendars.
    pub(crate) async fn julie(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> Answered {
        let path = format!("/dav/calendars/julie@example.test/{path}");
        self.ask("julie", method, &path, headers, body).await
    }

    /// [`ask`](Self::ask) of Julie, below her files.
    pub(crate) async fn file(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> Answered {
        let path = format!("/dav/files/julie@example.test/{path}");
        self.ask("julie", method, &path, headers, body).await
    }
}
