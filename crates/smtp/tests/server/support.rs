//! A server on a fresh store, reached through memory.

use std::net::SocketAddr;
use std::sync::Arc;

use auth::{AuthSettings, Authenticator, PasswordPolicy, ScramKey, ScramSettings};
use ids::{AccountId, CollectionId, ContentId, Timestamp};
use net::{Connection, ConnectionSettings, Service, Shutdown, Stream};
use sasl::Password;
use smtp::{Desk, ReceptionMemory, Role, Server, Settings};
use storage::{
    Address, Content, Database, Disposition, MailboxName, NewAccount, ReceptionCursor,
    ReceptionRow, Store, Want, WriteTx,
};
use testkit::ManualClock;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// 2026-11-23 00:00:00 UTC.
const NOW: Timestamp = Timestamp::from_secs(1_795_392_000);

pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) desk: Desk,
    pub(crate) memory: ReceptionMemory,
    pub(crate) shutdown: Shutdown,
    pub(crate) clock: Arc<ManualClock>,
    folder: tempfile::TempDir,
}

impl Fixture {
    /// Domain `here.test` with the alias `also.test`. Accounts: `alice` (alias `ally`, password
    /// `secret one`), `bob`, `full` with a quota of 100 bytes, `blocked`.
    pub(crate) async fn new() -> Self {
        Self::build(None, Database::Sqlite).await
    }

    /// The same over another database.
    pub(crate) async fn over(database: Database) -> Self {
        Self::build(None, database).await
    }

    /// The same with SCRAM.
    pub(crate) async fn with_scram() -> Self {
        let key = ScramKey::new([7; 32]);
        Self::build(Some(ScramSettings { key, iterations: 4096 }), Database::Sqlite).await
    }

    async fn build(scram: Option<ScramSettings>, database: Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(NOW));
        let mut opened = storage::Settings::new(folder.path(), clock.clone());
        opened.database = database;
        // PostgreSQL is connected to by a runtime of its own.
        let store = tokio::task::spawn_blocking(|| Store::open(opened)).await.unwrap().unwrap();
        let passwords = PasswordPolicy::default();
        let hash = passwords.hash("alice@here.test", &Password::from("secret one")).unwrap();
        store.write("fixture", move |tx| fill(tx, hash)).await.unwrap();
        let settings = AuthSettings { passwords, scram, ..AuthSettings::default() };
        let authenticator = Authenticator::new(store.clone(), clock.clone(), settings).unwrap();
        Self {
            desk: Desk::new(store.clone(), Arc::new(authenticator), "mx.here.test"),
            memory: ReceptionMemory::new(1024 * 1024),
            shutdown: Shutdown::new(),
            clock,
            store,
            folder,
        }
    }

    /// Every message in the INBOX of `address`, whole.
    pub(crate) async fn inbox(&self, address: &str) -> Vec<Vec<u8>> {
        self.mailbox(address, "INBOX").await
    }

    /// Every message in a mailbox of `address`, whole.
    pub(crate) async fn mailbox(&self, address: &str, name: &str) -> Vec<Vec<u8>> {
        let address = Address::parse(address).unwrap();
        let name = MailboxName::parse(name).unwrap();
        self.store
            .read(move |tx| {
                let account = tx.find_account(&address)?.unwrap().id;
                let mailbox = tx.find_mailbox(account, &name)?.unwrap().id;
                Ok((account, mailbox))
            })
            .await
            .map(|(account, mailbox)| self.messages(account, mailbox))
            .unwrap()
            .await
    }

    async fn messages(&self, account: AccountId, mailbox: CollectionId) -> Vec<Vec<u8>> {
        let snapshot = self.store.open_view(account, mailbox).await.unwrap().snapshot();
        let ids: Vec<ContentId> =
            snapshot.entries(1..=snapshot.exists()).map(|(_, entry)| entry.content()).collect();
        let contents = self.store.read(move |tx| tx.load_contents(&ids, Want::HEADER | Want::TEXT));
        let whole =
            |content: Content| [content.header().unwrap(), content.text().unwrap()].concat();
        contents.await.unwrap().into_iter().map(whole).collect()
    }

    /// Sender, envelope, recipient and its parameters of everything in the spool.
    pub(crate) async fn spool(&self) -> Vec<[String; 4]> {
        let database = rusqlite::Connection::open(self.folder.path().join("posthorn.db")).unwrap();
        let mut statement = database
            .prepare(
                "SELECT reverse_path, envelope, forward_path, parameters \
                 FROM spool JOIN spool_recipient ON spool_id = id ORDER BY id, ordinal",
            )
            .unwrap();
        let rows = statement
            .query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))
            .unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// What is in the spool, by message.
    pub(crate) fn spooled_contents(&self) -> Vec<ContentId> {
        let database = rusqlite::Connection::open(self.folder.path().join("posthorn.db")).unwrap();
        let mut statement = database.prepare("SELECT content_id FROM spool ORDER BY id").unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(|id| ContentId::new(id.unwrap())).collect()
    }

    /// The text of the first message in the spool.
    pub(crate) async fn spooled_text(&self) -> String {
        let content = *self.spooled_contents().first().unwrap();
        String::from_utf8(self.text_of(content).await).unwrap()
    }

    /// The text of a content.
    pub(crate) async fn text_of(&self, content: ContentId) -> Vec<u8> {
        let ids = [content];
        let contents = self.store.read(move |tx| tx.load_contents(&ids, Want::HEADER | Want::TEXT));
        let content = contents.await.unwrap().remove(0);
        [content.header().unwrap(), content.text().unwrap()].concat()
    }

    /// What is written down of receptions, the oldest first: of each the sender, whether it was put
    /// aside, and each recipient with what became of it.
    pub(crate) async fn receptions(&self) -> Vec<String> {
        let newest = ReceptionCursor::NEWEST;
        let begin = Timestamp::from_micros(0);
        let mut found = Vec::new();
        for sender in ["s@x.test", "alice@here.test"] {
            let slice = self.store.read(move |tx| tx.find_receptions(sender, begin, newest));
            found.extend(slice.await.unwrap().rows);
        }
        found.sort_by_key(|row| (row.at, row.reception.message));
        found.dedup();
        found.iter().map(shown).collect()
    }

    /// Ends everything.
    pub(crate) async fn close(self) {
        self.shutdown.begin();
        tokio::task::spawn_blocking(move || self.store.close()).await.unwrap();
    }

    /// Opens a connection; the server's half runs in a task of its own.
    pub(crate) fn connect(&self, settings: Settings) -> DuplexStream {
        self.connect_to(Server::new(settings, self.desk.clone(), self.memory.clone()))
    }

    /// The same to a server of the test's own making.
    pub(crate) fn connect_to(&self, server: Server) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let peer: SocketAddr = "192.0.2.7:4321".parse().unwrap();
        let local: SocketAddr = "192.0.2.1:25".parse().unwrap();
        let stream = Stream::memory(theirs, peer, local);
        let connection = Connection::new(stream, ConnectionSettings::default());
        let shutdown = self.shutdown.clone();
        tokio::spawn(async move { server.serve(connection, shutdown).await });
        ours
    }

    /// Sends `wire` in pieces of `step` bytes, says QUIT by closing, gives all replies.
    pub(crate) async fn talk(&self, settings: Settings, wire: &[u8], step: usize) -> String {
        Self::say(self.connect(settings), wire, step).await
    }

    /// The same with a server of the test's own making.
    pub(crate) async fn talk_to(&self, server: Server, wire: &[u8]) -> String {
        Self::say(self.connect_to(server), wire, wire.len()).await
    }

    async fn say(mut stream: DuplexStream, wire: &[u8], step: usize) -> String {
        for piece in wire.chunks(step.max(1)) {
            if stream.write_all(piece).await.is_err() {
                break;
            }
        }
        let _ = stream.shutdown().await;
        let mut replies = String::new();
        stream.read_to_string(&mut replies).await.unwrap();
        replies
    }
}

fn shown(row: &ReceptionRow) -> String {
    let reception = &row.reception;
    let mut out = format!(
        "{} {:?} <{}> {:?} {}",
        reception.protocol,
        reception.user,
        reception.message_id,
        reception.placement,
        reception.size_bytes
    );
    for (path, dispositions) in reception.forward_paths.iter().zip(&row.dispositions) {
        out += &format!("; {path}:");
        for disposition in dispositions {
            out += &match disposition {
                Disposition::Refused(reply) => format!(" refused {reply}"),
                other => format!(" {}", other.as_str()),
            };
        }
    }
    out
}

pub(crate) fn settings(role: Role) -> Settings {
    let mut settings = Settings::new(role, "mx.here.test");
    settings.plaintext_auth = true;
    settings.message_bytes_max = 100_000;
    settings.message_line_bytes_max = 2000;
    settings.overrun_bytes_max = 100_000;
    settings
}

/// The replies with the ids of messages taken out.
pub(crate) fn without_ids(replies: &str) -> String {
    let mut out = String::new();
    for line in replies.split_inclusive('\n') {
        match line.split_once(", id ") {
            Some((start, _)) => out += &format!("{start}\n"),
            None => out += line,
        }
    }
    out
}

fn fill(tx: &mut WriteTx<'_>, hash: String) -> storage::Result<()> {
    tx.create_domain("here.test")?;
    tx.create_domain_alias("also.test", "here.test")?;
    let mut create = |local: &str, password_hash: String, quota_bytes| {
        tx.create_account(NewAccount {
            address: Address::parse(&format!("{local}@here.test"))?,
            name: String::new(),
            role: storage::Role::Collaborator,
            password_hash,
            quota_bytes,
            mail_only: true,
        })
    };
    let alice = create("alice", hash, 0)?;
    create("bob", String::new(), 0)?;
    create("full", String::new(), 100)?;
    let blocked = create("blocked", String::new(), 0)?;
    tx.add_alias(alice, &Address::parse("ally@here.test")?)?;
    tx.account(blocked)?.set_blocked(true)
}
