//! Where transcripts are played: a store with one account, and connections through memory.

use std::ops::Deref;
use std::sync::Arc;

use ids::{CollectionId, Uid, UidSet};
use pop3::{Pop3Service, Settings};
use storage::{Append, Database, MailboxName, PreparedMessage};
use testhouse::message_file;
use testkit::transcript::{self, Header};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// A store with the account `julie@example.test`, password `right password`, served over POP3.
pub(crate) struct House(testhouse::House);

impl Deref for House {
    type Target = testhouse::House;

    fn deref(&self) -> &testhouse::House {
        &self.0
    }
}

impl House {
    pub(crate) async fn build(database: Database) -> Self {
        Self(testhouse::House::build(database, None, |_| {}).await)
    }

    /// The same data after a restart.
    pub(crate) async fn restart(self) -> Self {
        Self(self.0.restart().await)
    }

    /// Opens a connection; the server's half runs in a task of its own.
    pub(crate) fn connect(&self, settings: Settings) -> DuplexStream {
        self.open(Arc::new(self.service(settings)))
    }

    /// A service on this store.
    pub(crate) fn service(&self, settings: Settings) -> Pop3Service {
        Pop3Service::new(self.store.clone(), self.authenticator.clone(), settings)
    }

    /// Sends `wire` in pieces of `step` bytes, says nothing more, gives all that comes.
    pub(crate) async fn talk(&self, settings: Settings, wire: &[u8], step: usize) -> String {
        self.0.talk(Arc::new(self.service(settings)), wire, step).await
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
        self.deliver(message_file(name)).await;
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
            "password" => house.set_password(rest).await,
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
