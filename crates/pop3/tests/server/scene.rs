//! Where transcripts are played: a store with one account, and connections through memory.

use std::sync::Arc;

use auth::{AuthSettings, Authenticator, PasswordPolicy};
use ids::{AccountId, CollectionId, Uid, UidSet};
use net::{Connection, ConnectionSettings, Service, Shutdown, Stream};
use pop3::{Pop3Service, Settings};
use storage::{
    AccountTx, Address, Append, Database, MailboxName, NewAccount, PreparedMessage, Role, Store,
};
use testkit::ManualClock;
use testkit::transcript::{self, Header};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const QUICK: PasswordPolicy =
    PasswordPolicy { chars_min: 8, argon2_memory_kib: 16, argon2_passes: 1 };

/// A store with the account `julie@example.test`, password `right password`.
pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) account: AccountId,
    pub(crate) shutdown: Shutdown,
    database: Database,
    folder: tempfile::TempDir,
}

impl House {
    pub(crate) async fn build(database: Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::default());
        let store = open(&folder, &clock, &database).await;
        let new = NewAccount {
            address: Address::parse("julie@example.test").unwrap(),
            name: "Julie".to_owned(),
            role: Role::Collaborator,
            password_hash: QUICK.hash("julie@example.test", &"right password".into()).unwrap(),
            quota_bytes: 0,
            mail_only: true,
        };
        let account = store
            .write("fixture", move |tx| {
                tx.create_domain("example.test")?;
                tx.create_account(new)
            })
            .await
            .unwrap()
            .value;
        let authenticator = authenticator(&store, &clock);
        let shutdown = Shutdown::new();
        Self { store, authenticator, clock, account, shutdown, database, folder }
    }

    /// The same data after a restart.
    pub(crate) async fn restart(self) -> Self {
        let Self { store, authenticator, clock, account, shutdown, database, folder } = self;
        shutdown.begin();
        tokio::task::spawn_blocking(move || {
            store.close();
            drop((authenticator, store));
        })
        .await
        .unwrap();
        let store = loop {
            // Sessions hold the store until they have ended.
            let mut settings = storage::Settings::new(folder.path(), clock.clone());
            settings.database = database.clone();
            let opened = tokio::task::spawn_blocking(|| Store::open(settings)).await.unwrap();
            match opened {
                Ok(store) => break store,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        let authenticator = self::authenticator(&store, &clock);
        let shutdown = Shutdown::new();
        Self { store, authenticator, clock, account, shutdown, database, folder }
    }

    /// Opens a connection; the server's half runs in a task of its own.
    pub(crate) fn connect(&self, settings: Settings) -> DuplexStream {
        let service = Pop3Service::new(self.store.clone(), self.authenticator.clone(), settings);
        self.open(Arc::new(service))
    }

    /// Opens a connection to a service that has others.
    pub(crate) fn open(&self, service: Arc<Pop3Service>) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let stream = Stream::memory(
            theirs,
            "192.0.2.7:4321".parse().unwrap(),
            "192.0.2.1:110".parse().unwrap(),
        );
        let connection = Connection::new(stream, ConnectionSettings::default());
        let shutdown = self.shutdown.clone();
        tokio::spawn(async move { service.serve(connection, shutdown).await });
        ours
    }

    /// What the task of a session takes before its first command.
    pub(crate) fn session_bytes(&self) -> usize {
        let (store, authenticator) = (self.store.clone(), self.authenticator.clone());
        let service = Pop3Service::new(store, authenticator, settings_for_tests());
        let (_ours, theirs) = tokio::io::duplex(1);
        let address = "192.0.2.7:4321".parse().unwrap();
        let stream = Stream::memory(theirs, address, address);
        let connection = Connection::new(stream, ConnectionSettings::default());
        size_of_val(&service.serve(connection, self.shutdown.clone()))
    }

    /// Sends `wire` in pieces of `step` bytes, says nothing more, gives all that comes.
    pub(crate) async fn talk(&self, settings: Settings, wire: &[u8], step: usize) -> String {
        let (mut reading, mut writing) = tokio::io::split(self.connect(settings));
        let send = async {
            for piece in wire.chunks(step.max(1)) {
                if writing.write_all(piece).await.is_err() {
                    break;
                }
            }
            let _gone = writing.shutdown().await;
        };
        let mut came = Vec::new();
        let (_, read) = tokio::join!(send, reading.read_to_end(&mut came));
        read.unwrap();
        String::from_utf8_lossy(&came).into_owned()
    }

    /// Delivers a message into INBOX.
    pub(crate) async fn deliver(&self, message: Vec<u8>) {
        let message = Arc::new(PreparedMessage::new(message));
        let inbox = self.inbox().await;
        self.store
            .account_write_with(self.account, "fixture", vec![message.clone()], move |tx| {
                tx.append_message(inbox, &message, Append::default())
            })
            .await
            .unwrap();
    }

    /// Delivers the message `tests/messages/NAME.eml`.
    pub(crate) async fn deliver_file(&self, name: &str) {
        let path = format!("tests/messages/{name}.eml");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        self.deliver(text.replace('\n', "\r\n").into_bytes()).await;
    }

    /// What another session does to the account.
    pub(crate) async fn write(
        &self,
        work: impl FnOnce(&mut AccountTx<'_, '_>) -> storage::Result<()> + Send + 'static,
    ) {
        self.store.account_write(self.account, "act", work).await.unwrap();
    }

    pub(crate) async fn inbox(&self) -> CollectionId {
        let account = self.account;
        let found = self.store.read(move |tx| tx.find_mailbox(account, &MailboxName::inbox()));
        found.await.unwrap().unwrap().id
    }

    /// `uid (flags)` of each message in INBOX.
    pub(crate) async fn messages(&self) -> Vec<String> {
        let view = self.store.open_view(self.account, self.inbox().await).await.unwrap();
        let snapshot = view.snapshot();
        let entries = snapshot.entries(1..=snapshot.exists().max(1));
        entries.map(|(_, entry)| format!("{} {}", entry.uid(), entry.flags_rendered())).collect()
    }

    /// Ends the sessions; what is wrong with the store they leave.
    pub(crate) async fn close(&self) -> Vec<String> {
        self.shutdown.begin();
        let store = self.store.clone();
        let findings = tokio::task::spawn_blocking(move || {
            let findings = store.check_consistency();
            store.close();
            findings
        });
        findings.await.unwrap().unwrap().iter().map(|finding| format!("{finding:?}")).collect()
    }
}

async fn open(folder: &tempfile::TempDir, clock: &Arc<ManualClock>, database: &Database) -> Store {
    let mut settings = storage::Settings::new(folder.path(), clock.clone());
    settings.database = database.clone();
    settings.inline_bytes_max = 1_000;
    tokio::task::spawn_blocking(|| Store::open(settings)).await.unwrap().unwrap()
}

fn authenticator(store: &Store, clock: &Arc<ManualClock>) -> Arc<Authenticator> {
    let settings = AuthSettings { passwords: QUICK, ..AuthSettings::default() };
    Arc::new(Authenticator::new(store.clone(), clock.clone(), settings).unwrap())
}

/// Settings that reach their limits soon.
pub(crate) fn settings_for_tests() -> Settings {
    Settings {
        hostname: "pop.example.test".to_owned(),
        plaintext_auth: true,
        commands_before_login_per_minute: 20,
        errors_before_login_max: 4,
        ..Settings::default()
    }
}

/// One transcript's house.
pub(crate) struct Scene {
    house: House,
    is_filled: bool,
}

impl Scene {
    pub(crate) fn new(house: House) -> Self {
        Self { house, is_filled: false }
    }

    /// Ends the sessions; what is wrong with the store they leave.
    pub(crate) async fn close(self) -> Vec<String> {
        self.house.close().await
    }

    /// `messages: one two` lie in INBOX.
    async fn fill(&mut self, header: &Header) {
        if std::mem::replace(&mut self.is_filled, true) {
            return;
        }
        for name in header.find("messages").unwrap_or_default().split_whitespace() {
            self.house.deliver_file(name).await;
        }
    }
}

fn settings(header: &Header) -> Settings {
    let mut settings = settings_for_tests();
    settings.plaintext_auth = header.find("plaintext_auth") != Some("no");
    settings.retrieving_marks_seen = header.find("mark_seen") == Some("yes");
    settings.surrogates = header.find("surrogates") == Some("yes");
    if let Some(bytes) = header.find("line_bytes_max") {
        settings.line_bytes_max = bytes.parse().unwrap();
    }
    settings
}

impl transcript::Scene for Scene {
    type Stream = DuplexStream;

    /// `state: connected` gives the greeting, `state: transaction` (the default) what follows
    /// the sign-in.
    async fn open(&mut self, _number: u32, header: &Header) -> DuplexStream {
        self.fill(header).await;
        let mut stream = self.house.connect(settings(header));
        if header.find("state") != Some("connected") {
            sign_in(&mut stream).await;
        }
        stream
    }

    /// `deliver NAME`, `expunge UID`, `flag UID`, `messages 1 (), 2 (\Seen)`, `advance SECONDS`,
    /// `password NEW`, `blocked`, `maintenance on|off`, `shutdown`.
    async fn act(&mut self, words: &str) -> Result<(), String> {
        let house = &self.house;
        let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
        match verb {
            "deliver" => house.deliver_file(rest).await,
            "expunge" => {
                let inbox = house.inbox().await;
                let uid: u32 = rest.parse().map_err(|_| "not a number")?;
                let uids = UidSet::from_range(Uid::new(uid)..=Uid::new(uid));
                house.write(move |tx| tx.remove_messages(inbox, &uids).map(drop)).await;
            }
            "messages" => {
                let found = house.messages().await.join(", ");
                if found != rest {
                    return Err(format!("there are {found}"));
                }
            }
            "advance" => {
                house.clock.advance_secs(rest.parse().map_err(|_| "not a number")?);
            }
            "password" => {
                let hash = QUICK.hash("julie@example.test", &rest.into()).unwrap();
                house.write(move |tx| tx.set_password_hash(&hash)).await;
            }
            "blocked" => house.write(|tx| tx.set_blocked(true)).await,
            "maintenance" => {
                let on = rest == "on";
                house.write(move |tx| tx.set_maintenance(on)).await;
            }
            "shutdown" => house.shutdown.begin(),
            _ => return Err(format!("this scene knows no action {words:?}")),
        }
        Ok(())
    }
}

/// Reads the greeting and signs in.
pub(crate) async fn sign_in(stream: &mut DuplexStream) {
    assert_eq!(line(stream).await, "+OK pop.example.test Posthorn ready");
    for command in ["USER julie@example.test", "PASS right password"] {
        stream.write_all(format!("{command}\r\n").as_bytes()).await.unwrap();
        let reply = line(stream).await;
        assert!(reply.starts_with("+OK"), "{command}: {reply}");
    }
}

/// The next line, and not a byte more.
pub(crate) async fn line(stream: &mut DuplexStream) -> String {
    let mut bytes = Vec::new();
    while bytes.last() != Some(&b'\n') {
        bytes.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(bytes).unwrap().trim_end().to_owned()
}
