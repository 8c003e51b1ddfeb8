//! Where transcripts are played: a store with one account, and connections through memory.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use auth::{ScramKey, ScramSettings};
use ids::{Clock, Timestamp, Uid, UidSet};
use imap::{ClientRule, ImapService, Settings};
use message::flag::{Flag, Flags};
use storage::{
    AccountTx, Append, Database, FlagChange, MailboxName, PreparedMessage, Role, StorageError,
};
use testhouse::message_file;
use testkit::transcript::{self, Header};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// The first message of a transcript was received then (2025-12-01 12:00:00 UTC), each further
/// one a day later.
const FIRST_RECEIVED: i64 = 1_764_590_400;

/// The largest message, unless a test is about larger ones.
const MESSAGE_BYTES_MAX: u64 = 100_000;

/// A store with the account `julie@example.test`, password `right password`, served over IMAP.
pub(crate) struct House(testhouse::House);

impl Deref for House {
    type Target = testhouse::House;

    fn deref(&self) -> &testhouse::House {
        &self.0
    }
}

impl House {
    pub(crate) async fn build(database: Database) -> Self {
        Self::for_messages_of(database, MESSAGE_BYTES_MAX).await
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
        let change = |settings: &mut storage::Settings| settings.message_bytes_max = bytes;
        Self(testhouse::House::build(database, scram, change).await)
    }

    /// Opens a connection; the server's half runs in a task of its own.
    pub(crate) fn connect(&self, settings: Settings) -> DuplexStream {
        self.open(Arc::new(self.service(settings)))
    }

    /// A service on this store.
    pub(crate) fn service(&self, settings: Settings) -> ImapService {
        ImapService::new(self.store.clone(), self.authenticator.clone(), settings)
    }

    /// Adds the message `tests/messages/NAME.eml`.
    pub(crate) async fn add(
        &self,
        mailbox: &str,
        name: &str,
        received: Timestamp,
    ) -> Result<(), String> {
        let message = Arc::new(PreparedMessage::new(message_file(name)));
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
    /// Ends the transaction that others wait for, once it is dropped.
    held: Option<std::sync::mpsc::Sender<()>>,
}

impl Scene {
    pub(crate) fn new(house: House) -> Self {
        Self { house, is_filled: false, held: None }
    }

    /// Ends the sessions; what is wrong with the store they leave.
    pub(crate) async fn close(self) -> Vec<String> {
        // Where a transcript failed, somebody may wait still.
        drop(self.held);
        self.house.close().await
    }

    /// `mailboxes: a, b/c` and `messages: one two` (into INBOX), which some session was told of
    /// unless `recent: yes`.
    async fn fill(&mut self, header: &Header) {
        if std::mem::replace(&mut self.is_filled, true) {
            return;
        }
        for local in header.find("accounts").into_iter().flat_map(|names| names.split(", ")) {
            self.house.add_account(local).await;
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
    // What is not about it gets none of it, however slow the machine.
    let millis = header.find("progress_millis").map_or(600_000, |millis| millis.parse().unwrap());
    settings.progress_interval = Duration::from_millis(millis);
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
    /// `quota BYTES`, `role administrator`, `capability off NAMES`, `capability on`, `maintain`,
    /// `shutdown`, `hold` the account, so that who writes waits, and `release`; `hold FLAG` gives
    /// the first message of INBOX that flag before it is released.
    async fn act(&mut self, words: &str) -> Result<(), String> {
        let words: Vec<&str> = words.split(' ').collect();
        let house = &self.house;
        match words.as_slice() {
            ["deliver", name, mailbox] => house.add(mailbox, name, house.clock.now()).await?,
            ["advance", secs] => {
                house.clock.advance_secs(secs.parse().map_err(|_| "not a number")?);
            }
            ["password", new] => house.set_password(new).await,
            ["maintenance", onoff] => {
                let on = *onoff == "on";
                house.write(move |tx| tx.set_maintenance(on)).await;
            }
            ["quota", bytes] => {
                let bytes = bytes.parse().map_err(|_| "not a number")?;
                house.write(move |tx| tx.set_quota(bytes)).await;
            }
            ["capability", _onoff, names @ ..] => {
                let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
                house.write(move |tx| tx.set_capabilities_off(&names)).await;
            }
            ["maintain"] => {
                let store = house.store.clone();
                tokio::task::spawn_blocking(move || store.maintain()).await.unwrap().unwrap();
            }
            ["role", role] => {
                let role = Role::parse(role).ok_or("not a role")?;
                house.write(move |tx| tx.set_role(role)).await;
            }
            ["hold", flags @ ..] => {
                let (release, released) = std::sync::mpsc::channel();
                let (tell, holds) = tokio::sync::oneshot::channel();
                let (store, account) = (house.store.clone(), house.account);
                let flag = |flag: &&str| Flag::parse(flag.as_bytes()).unwrap();
                let flags: Flags = flags.iter().map(flag).collect();
                self.held = Some(release);
                std::thread::spawn(move || {
                    store.account_write_blocking(account, "hold", Vec::new(), move |tx| {
                        let _ = tell.send(());
                        let _ = released.recv();
                        if flags == Flags::default() {
                            return Ok(());
                        }
                        let inbox = tx.find_mailbox(account, &MailboxName::inbox())?.unwrap().id;
                        let first = UidSet::from_iter([Uid::new(1)]);
                        tx.store_flags(inbox, &first, FlagChange::Add(flags), None).map(drop)
                    })
                });
                holds.await.map_err(|_| "nobody holds the account")?;
            }
            ["release"] => drop(self.held.take()),
            ["shutdown"] => house.shutdown.begin(),
            _ => return Err(format!("this scene knows no action {words:?}")),
        }
        Ok(())
    }
}

/// Sends a command and reads all of its answer, and not a byte more.
pub(crate) async fn ask(stream: &mut DuplexStream, command: &str) {
    let tagged = tagged_of(stream, command).await;
    assert!(tagged.starts_with("fixture OK"), "{command}: {tagged}");
}

/// The tagged response to a command.
pub(crate) async fn tagged_of(stream: &mut DuplexStream, command: &str) -> String {
    stream.write_all(format!("fixture {command}\r\n").as_bytes()).await.unwrap();
    // The end of the line before, where the answer is the first line of all.
    let mut answer = b"\r\n".to_vec();
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        answer.push(byte[0]);
        let line_start = answer.windows(10).rposition(|window| window == b"\r\nfixture ");
        if byte[0] == b'\n'
            && let Some(at) = line_start
        {
            return String::from_utf8_lossy(&answer[at + 2..]).into_owned();
        }
    }
}
