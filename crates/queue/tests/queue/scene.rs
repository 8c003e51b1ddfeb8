//! A store with `julie@here.test`, a queue over it, and servers that it knows by routes.

use std::net::IpAddr;
use std::sync::Arc;

use ids::{ContentId, SpoolId, Timestamp};
use net::{Dns, DnsError, DnsFuture, MailExchanger, Shutdown, TlsClient};
use queue::{Queue, Relay, RelayTls, Route, Settings};
use storage::{
    Address, Content, MailboxName, NewAccount, PreparedMessage, Sorter, SpoolEntry, SpoolFilter,
    SpoolRecipient, SpoolRow, SpoolTerms, Store, Want,
};
use testkit::ManualClock;

use crate::server::Server;

/// Parameters of MAIL or RCPT, as the spool has them.
pub(crate) fn read<T: serde::de::DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).unwrap()
}

/// Knows the domains `*.test` but `nowhere.test`, and of `sts.test` and of `two.test`, which has
/// two servers, alone where they are; asked for `panic.test` it panics.
struct FewNames;

impl Dns for FewNames {
    fn mail_exchangers<'a>(&'a self, domain: &'a str) -> DnsFuture<'a, Vec<MailExchanger>> {
        let sts = MailExchanger { preference: 10, host: "mx.sts.test".to_owned() };
        let found = match domain {
            "sts.test" => Ok(vec![sts]),
            "two.test" => Ok(["first", "second"]
                .into_iter()
                .zip([10, 20])
                .map(|(name, preference)| MailExchanger {
                    preference,
                    host: format!("{name}.two.test"),
                })
                .collect()),
            "nowhere.test" => Err(DnsError::NoSuchName),
            "panic.test" => panic!("as asked"),
            _ => Err(DnsError::Temporary("no server answers".to_owned())),
        };
        Box::pin(async move { found })
    }

    fn addresses<'a>(&'a self, host: &'a str) -> DnsFuture<'a, Vec<IpAddr>> {
        let found = match host {
            "mx.sts.test" | "mta-sts.sts.test" | "first.two.test" => {
                Ok(vec![IpAddr::from([127, 0, 0, 1])])
            }
            "second.two.test" => Ok(vec![IpAddr::from([127, 0, 0, 2])]),
            _ => Err(DnsError::Temporary("no server answers".to_owned())),
        };
        Box::pin(async { found })
    }

    fn texts<'a>(&'a self, name: &'a str) -> DnsFuture<'a, Vec<Vec<u8>>> {
        let found = match name {
            "_mta-sts.sts.test" => Ok(vec![b"v=STSv1; id=1;".to_vec()]),
            _ => Err(DnsError::NoSuchName),
        };
        Box::pin(async { found })
    }
}

/// Whatever is sent to a destination goes by one visit, which waits for it.
pub(crate) fn one_long_visit(settings: &mut Settings) {
    settings.connections_per_destination_max = 1;
    settings.rest = std::time::Duration::from_secs(600);
}

pub(crate) struct Scene {
    pub(crate) store: Store,
    pub(crate) queue: Queue,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) settings: Settings,
    shutdown: Shutdown,
    _folder: tempfile::TempDir,
}

impl Scene {
    /// A queue that reaches these servers as `a.test`, `b.test` and so on.
    pub(crate) async fn new(servers: &[&Server]) -> Self {
        Self::with(servers, |_| {}).await
    }

    pub(crate) async fn with(servers: &[&Server], change: impl FnOnce(&mut Settings)) -> Self {
        Self::on(servers, change, |_| {}).await
    }

    /// The same over a store with other settings.
    pub(crate) async fn on(
        servers: &[&Server],
        change: impl FnOnce(&mut Settings),
        change_store: impl FnOnce(&mut storage::Settings),
    ) -> Self {
        Self::sorting(None, servers, change, change_store).await
    }

    /// The same with somebody who decides about mail for accounts that have rules.
    pub(crate) async fn sorting(
        sorter: Option<Arc<dyn Sorter>>,
        servers: &[&Server],
        change: impl FnOnce(&mut Settings),
        change_store: impl FnOnce(&mut storage::Settings),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::default());
        let mut opened = storage::Settings::new(folder.path(), clock.clone());
        change_store(&mut opened);
        // PostgreSQL is connected to by a thread that waits.
        let opening = tokio::task::spawn_blocking(move || Store::open(opened));
        let store = opening.await.unwrap().unwrap();
        store
            .write("scene", |tx| {
                tx.create_domain("here.test")?;
                tx.create_account(NewAccount {
                    address: Address::parse("julie@here.test")?,
                    name: String::new(),
                    role: storage::Role::Owner,
                    password_hash: String::new(),
                    quota_bytes: 0,
                    mail_only: true,
                })
            })
            .await
            .unwrap();
        let mut settings = Settings::new("mail.here.test");
        settings.seed = Some(7);
        // Tests wait for visits to end; nothing rests unless one says so.
        settings.rest = std::time::Duration::ZERO;
        for (server, letter) in servers.iter().zip('a'..) {
            settings.routes.push(Route {
                domain: format!("{letter}.test"),
                relay: Relay {
                    host: server.address.ip().to_string(),
                    port: server.address.port(),
                    tls: RelayTls::Opportunistic,
                    credentials: None,
                    sources: Vec::new(),
                },
                connections_max: None,
                messages_per_minute_max: None,
            });
        }
        change(&mut settings);
        let shutdown = Shutdown::new();
        let tls = TlsClient::new(None).unwrap();
        let (own, dns) = (settings.clone(), Arc::new(FewNames));
        let queue = Queue::start_sorting(sorter, store.clone(), own, dns, tls, &shutdown);
        Self { store, queue, clock, settings, shutdown, _folder: folder }
    }

    /// Spools a message from julie.
    pub(crate) async fn send(&self, to: &[&str]) -> SpoolId {
        self.send_from("julie@here.test", to, "{}").await
    }

    pub(crate) async fn send_from(&self, from: &str, to: &[&str], parameters: &str) -> SpoolId {
        self.send_on(SpoolTerms::default(), r#"{"body":"7BIT"}"#, from, to, parameters).await
    }

    /// Spools a message with these parameters of MAIL.
    pub(crate) async fn send_on(
        &self,
        terms: SpoolTerms,
        envelope: &str,
        from: &str,
        to: &[&str],
        parameters: &str,
    ) -> SpoolId {
        let text = b"Subject: x\r\nMessage-ID: <1@here.test>\r\n\r\nHello.\r\n.dot\r\n".to_vec();
        self.spool_text(text, terms, envelope, from, to, parameters).await
    }

    /// Spools this message.
    pub(crate) async fn send_text(
        &self,
        text: &str,
        envelope: &str,
        from: &str,
        to: &str,
    ) -> SpoolId {
        let text = text.as_bytes().to_vec();
        self.spool_text(text, SpoolTerms::default(), envelope, from, &[to], "{}").await
    }

    async fn spool_text(
        &self,
        text: Vec<u8>,
        terms: SpoolTerms,
        envelope: &str,
        from: &str,
        to: &[&str],
        parameters: &str,
    ) -> SpoolId {
        let message = PreparedMessage::new(text);
        let recipient = |path: &&str| SpoolRecipient {
            forward_path: (*path).to_owned(),
            parameters: read(parameters),
        };
        let entry = SpoolEntry {
            account: None,
            reverse_path: from.to_owned(),
            parameters: read(envelope),
            recipients: to.iter().map(recipient).collect(),
        };
        self.store.write("send", move |tx| tx.spool_on(terms, entry, &message)).await.unwrap().value
    }

    pub(crate) fn advance(&self, secs: i64) -> Timestamp {
        let now = self.clock.advance_secs(secs);
        self.queue.wake();
        now
    }

    /// Waits until a visit there has nothing to do and keeps its connection.
    pub(crate) async fn rests(&self, destination: &str) {
        let rests =
            |state: &queue::DestinationState| state.destination == destination && state.resting > 0;
        while !self.queue.destinations().iter().any(rests) {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn spool(&self) -> Vec<SpoolRow> {
        let filter = SpoolFilter::default();
        self.store.read(move |tx| tx.list_spooled(&filter, SpoolId::new(0), 100)).await.unwrap()
    }

    pub(crate) async fn trace(&self, spool: SpoolId) -> Vec<String> {
        let rows = self.store.read(move |tx| tx.spool_trace(spool)).await.unwrap();
        rows.iter()
            .map(|row| format!("{} {} {}", row.event.as_str(), row.forward_path, row.answer))
            .collect()
    }

    /// Julie's INBOX.
    pub(crate) async fn inbox(&self) -> Vec<String> {
        let found = self.store.read(|tx| {
            let julie = tx.find_account(&Address::parse("julie@here.test")?)?.unwrap().id;
            Ok((julie, tx.find_mailbox(julie, &MailboxName::inbox())?.unwrap().id))
        });
        let (julie, inbox) = found.await.unwrap();
        let snapshot = self.store.open_view(julie, inbox).await.unwrap().snapshot();
        let ids: Vec<ContentId> =
            snapshot.entries(1..=snapshot.exists()).map(|(_, entry)| entry.content()).collect();
        let whole = |content: Content| {
            let bytes = [content.header().unwrap(), content.text().unwrap()].concat();
            String::from_utf8(bytes).unwrap()
        };
        let contents = self.store.read(move |tx| tx.load_contents(&ids, Want::HEADER | Want::TEXT));
        contents.await.unwrap().into_iter().map(whole).collect()
    }

    /// Ends the queue; what it leaves must be whole.
    pub(crate) async fn close(self) {
        self.shutdown.finish(std::time::Duration::from_secs(60)).await;
        let store = self.store.clone();
        let findings = tokio::task::spawn_blocking(move || {
            let findings = store.check_consistency().unwrap();
            store.close();
            findings
        });
        assert_eq!(findings.await.unwrap(), []);
    }
}
