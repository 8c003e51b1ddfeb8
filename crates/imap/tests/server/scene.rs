//! Where transcripts are played: a store with one account, and connections through memory.

use std::sync::Arc;

use auth::{AuthSettings, Authenticator, PasswordPolicy, ScramKey, ScramSettings};
use ids::{AccountId, Clock, Timestamp};
use imap::{ClientRule, ImapService, Settings};
use net::{Connection, ConnectionSettings, Service, Shutdown, Stream};
use storage::{
    AccountTx, Address, Append, Database, MailboxName, NewAccount, PreparedMessage, Role,
    StorageError, Store,
};
use testkit::ManualClock;
use testkit::transcript::{self, Header};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const QUICK: PasswordPolicy =
    PasswordPolicy { chars_min: 8, argon2_memory_kib: 16, argon2_passes: 1 };
/// The first message of a transcript was received then (2025-12-01 12:00:00 UTC), each further
/// one a day later.
const FIRST_RECEIVED: i64 = 1_764_590_400;

/// The largest message, unless a test is about larger ones.
const MESSAGE_BYTES_MAX: u64 = 100_000;

/// A store with the account `julie@example.test`, password `right password`.
pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) account: AccountId,
    pub(crate) shutdown: Shutdown,
    _folder: tempfile::TempDir,
}

fn new_account(address: &str) -> NewAccount {
    NewAccount {
        address: Address::parse(address).unwrap(),
        name: String::new(),
        role: Role::Collaborator,
        password_hash: QUICK.hash(address, &"right password".into()).unwrap(),
        quota_bytes: 0,
        mail_only: true,
    }
}

impl House {
    pub(crate) async fn build(database: Database) -> Self {
        Self::build_with(database, None, MESSAGE_BYTES_MAX).await
    }

    /// The same for messages of up to so many bytes.
    pub(crate) async fn for_messages_of(database: Database, bytes: u64) -> Self {
        Self::build_with(database, None, bytes).await
    }

    /// The same with SCRAM.
    pub(crate) async fn with_scram() -> Self {
        let scram = ScramSettings { key: ScramKey::new([7; 32]), iterations: 4096 };
        Self::build_with(Database::Sqlite, Some(scram), MESSAGE_BYTES_MAX).await
    }

    async fn build_with(database: Database, scram: Option<ScramSettings>, bytes: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::default());
        let mut settings = storage::Settings::new(folder.path(), clock.clone());
        settings.database = database;
        settings.message_bytes_max = bytes;
        settings.inline_bytes_max = 1_000;
        let store = tokio::task::spawn_blocking(|| Store::open(settings)).await.unwrap().unwrap();
        let new = new_account("julie@example.test");
        let account = store
            .write("fixture", move |tx| {
                tx.create_domain("example.test")?;
                tx.create_account(new)
            })
            .await
            .unwrap()
            .value;
        let settings = AuthSettings { passwords: QUICK, scram, ..AuthSettings::default() };
        let authenticator = Authenticator::new(store.clone(), clock.clone(), settings).unwrap();
        let shutdown = Shutdown::new();
        let authenticator = Arc::new(authenticator);
        Self { store, authenticator, clock, account, shutdown, _folder: folder }
    }

    /// Opens a connection; the server's half runs in a task of its own.
    pub(crate) fn connect(&self, settings: Settings) -> DuplexStream {
        let service = ImapService::new(self.store.clone(), self.authenticator.clone(), settings);
        self.open(Arc::new(service))
    }

    /// Opens a connection to a service that has others.
    pub(crate) fn open(&self, service: Arc<ImapService>) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let stream = Stream::memory(
            theirs,
            "192.0.2.7:4321".parse().unwrap(),
            "192.0.2.1:143".parse().unwrap(),
        );
        let connection = Connection::new(stream, ConnectionSettings::default());
        let shutdown = self.shutdown.clone();
        tokio::spawn(async move { service.serve(connection, shutdown).await });
        ours
    }

    /// What the task of a session takes before its first command.
    pub(crate) fn session_bytes(&self) -> usize {
        let (store, authenticator) = (self.store.clone(), self.authenticator.clone());
        let service = ImapService::new(store, authenticator, settings_for_tests());
        let (_ours, theirs) = tokio::io::duplex(1);
        let address = "192.0.2.7:4321".parse().unwrap();
        let stream = Stream::memory(theirs, address, address);
        let connection = Connection::new(stream, ConnectionSettings::default());
        size_of_val(&service.serve(connection, self.shutdown.clone()))
    }

    /// Adds the message `tests/messages/NAME.eml`.
    pub(crate) async fn add(
        &self,
        mailbox: &str,
        name: &str,
        received: Timestamp,
    ) -> Result<(), String> {
        let path = format!("tests/messages/{name}.eml");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        let message = Arc::new(PreparedMessage::new(text.replace('\n', "\r\n").into_bytes()));
        let mailbox = MailboxName::parse(mailbox).unwrap();
        let account = self.account;
        self.store
            .account_write_with(account, "fixture", vec![message.clone()], move |tx| {
                let found = tx.find_mailbox(account, &mailbox)?;
                let mailbox = found.ok_or(StorageError::NotFound("mailbox"))?.id;
                let append = Append { internal_date: Some(received), ..Append::default() };
                tx.append_message(mailbox, &message, append)
            })
            .await
            .map_err(|error| error.to_string())?;
        Ok(())
    }

    /// Makes another account of the domain, with the same password.
    pub(crate) async fn add_account(&self, local: &str) -> AccountId {
        let new = new_account(&format!("{local}@example.test"));
        self.store.write("fixture", move |tx| tx.create_account(new)).await.unwrap().value
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

    /// Some session was told of all messages of a mailbox.
    async fn forget_recent(&self, mailbox: &str) {
        let (account, mailbox) = (self.account, MailboxName::parse(mailbox).unwrap());
        let forget = move |tx: &mut AccountTx<'_, '_>| {
            let found = tx.find_mailbox(account, &mailbox)?.unwrap();
            tx.keep_recent(found.id, found.uid_next)
        };
        self.store.account_write(account, "fixture", forget).await.unwrap();
    }
}

/// Settings that reach their limits soon.
pub(crate) fn settings_for_tests() -> Settings {
    Settings {
        hostname: "mail.example.test".to_owned(),
        plaintext_auth: true,
        commands_before_login_per_minute: 20,
        errors_before_login_max: 4,
        ..Settings::default()
    }
}

/// One transcript's house and what it set.
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

    /// `mailboxes: a, b/c` and `messages: one two` (into INBOX), which some session was told of
    /// unless `recent: yes`.
    async fn fill(&mut self, header: &Header) {
        if std::mem::replace(&mut self.is_filled, true) {
            return;
        }
        for local in header.find("accounts").into_iter().flat_map(|names| names.split(", ")) {
            let new = new_account(&format!("{local}@example.test"));
            self.house.store.write("fixture", move |tx| tx.create_account(new)).await.unwrap();
        }
        let account = self.house.account;
        for name in header.find("mailboxes").into_iter().flat_map(|names| names.split(", ")) {
            let name = MailboxName::parse(name).unwrap();
            let created = self
                .house
                .store
                .account_write(account, "fixture", move |tx| tx.create_mailbox(&name, None));
            created.await.unwrap();
        }
        let messages = header.find("messages").unwrap_or_default().split_whitespace();
        for (day, name) in (0..).zip(messages) {
            let received = Timestamp::from_secs(FIRST_RECEIVED + day * 86_400);
            self.house.add("INBOX", name, received).await.unwrap();
        }
        if header.find("recent") != Some("yes") {
            self.house.forget_recent("INBOX").await;
        }
    }
}

fn settings(header: &Header) -> Settings {
    let mut settings = settings_for_tests();
    settings.plaintext_auth = header.find("plaintext_auth") != Some("no");
    if let Some(names) = header.find("disabled") {
        settings.disabled_capabilities = names.split(", ").map(str::to_owned).collect();
    }
    for rule in header.find("rules").into_iter().flat_map(|rules| rules.split(", ")) {
        let (program, off) = rule.split_once('=').unwrap();
        let (name, version) = program.split_once('/').unwrap_or((program, ""));
        settings.client_rules.push(ClientRule {
            name: name.to_owned(),
            version: version.to_owned(),
            capabilities_off: off.split('+').map(str::to_owned).collect(),
        });
    }
    let number = |key: &str| header.find(key).map_or(0, |number| number.parse().unwrap());
    (settings.message_limit, settings.save_limit) = (number("message_limit"), number("save_limit"));
    if let Some(addresses) = header.find("submission_servers") {
        settings.submission_servers = addresses.split(", ").map(str::to_owned).collect();
    }
    if let Some(bytes) = header.find("line_bytes_max") {
        settings.limits.line_bytes_max = bytes.parse().unwrap();
    }
    if let Some(bytes) = header.find("skip_bytes_max") {
        settings.limits.skip_bytes_max = bytes.parse().unwrap();
    }
    settings
}

impl transcript::Scene for Scene {
    type Stream = DuplexStream;

    /// `user2: max` signs connection 2 in as another account of `accounts: max, eve`.
    /// `state: connected` gives the greeting, `state: authenticated` (the default) what follows
    /// LOGIN, `state: selected` what follows SELECT INBOX. `enable: X` enables before that.
    async fn open(&mut self, number: u32, header: &Header) -> DuplexStream {
        self.fill(header).await;
        let mut stream = self.house.connect(settings(header));
        let state = header.find("state").unwrap_or("authenticated");
        if state == "connected" {
            return stream;
        }
        let user = header.find(&format!("user{number}")).unwrap_or("julie");
        ask(&mut stream, &format!("LOGIN {user}@example.test \"right password\"")).await;
        if let Some(extensions) = header.find("enable") {
            ask(&mut stream, &format!("ENABLE {extensions}")).await;
        }
        if state == "selected" {
            ask(&mut stream, "SELECT INBOX").await;
        }
        stream
    }

    /// `deliver MESSAGE MAILBOX`, `advance SECONDS`, `password NEW`, `maintenance on`,
    /// `quota BYTES`, `role administrator`, `capability off NAMES`, `capability on`, `maintain`, `shutdown`.
    async fn act(&mut self, words: &str) -> Result<(), String> {
        let words: Vec<&str> = words.split(' ').collect();
        let (house, account) = (&self.house, self.house.account);
        match words.as_slice() {
            ["deliver", name, mailbox] => house.add(mailbox, name, house.clock.now()).await?,
            ["advance", secs] => {
                house.clock.advance_secs(secs.parse().map_err(|_| "not a number")?);
            }
            ["password", new] => {
                let hash = QUICK.hash("julie@example.test", &(*new).into()).unwrap();
                let write = move |tx: &mut storage::AccountTx<'_, '_>| tx.set_password_hash(&hash);
                house.store.account_write(account, "act", write).await.unwrap();
            }
            ["maintenance", onoff] => {
                let on = *onoff == "on";
                let write = move |tx: &mut storage::AccountTx<'_, '_>| tx.set_maintenance(on);
                house.store.account_write(account, "act", write).await.unwrap();
            }
            ["quota", bytes] => {
                let bytes = bytes.parse().map_err(|_| "not a number")?;
                let write = move |tx: &mut storage::AccountTx<'_, '_>| tx.set_quota(bytes);
                house.store.account_write(account, "act", write).await.unwrap();
            }
            ["capability", _onoff, names @ ..] => {
                let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
                let write =
                    move |tx: &mut storage::AccountTx<'_, '_>| tx.set_capabilities_off(&names);
                house.store.account_write(account, "act", write).await.unwrap();
            }
            ["maintain"] => {
                let store = house.store.clone();
                tokio::task::spawn_blocking(move || store.maintain()).await.unwrap().unwrap();
            }
            ["role", role] => {
                let role = Role::parse(role).ok_or("not a role")?;
                let write = move |tx: &mut storage::AccountTx<'_, '_>| tx.set_role(role);
                house.store.account_write(account, "act", write).await.unwrap();
            }
            ["shutdown"] => house.shutdown.begin(),
            _ => return Err(format!("this scene knows no action {words:?}")),
        }
        Ok(())
    }
}

/// Sends a command and reads all of its answer, and not a byte more.
pub(crate) async fn ask(stream: &mut DuplexStream, command: &str) {
    stream.write_all(format!("fixture {command}\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        answer.push(byte[0]);
        let line_start = answer.windows(10).rposition(|window| window == b"\r\nfixture ");
        if byte[0] == b'\n'
            && let Some(at) = line_start
        {
            let tagged = String::from_utf8_lossy(&answer[at + 2..]).into_owned();
            assert!(tagged.starts_with("fixture OK"), "{command}: {tagged}");
            return;
        }
    }
}
