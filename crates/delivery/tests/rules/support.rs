//! A store with accounts, and messages that arrive as the servers deliver them.

use std::sync::Arc;

use delivery::{Deliverer, Forwarding, RedirectTargets, Settings};
use ids::{AccountId, ContentId, Timestamp};
use mailauth::srs::SrsKey;
use mailauth::{Author, Signatory, Signing};
use storage::{
    Address, Agreement, Arrival, ArrivalParameters, Claim, Claimed, Database, Delivery, Fate,
    MailParameters, MailboxName, NewAccount, Placement, PreparedMessage, RcptParameters, Recipient,
    Resolution, ResponderBody, Role, ScriptName, Settlement, Sorter, StorageError, Store, Verdict,
    Want,
};
use testkit::ManualClock;

/// A store of one test, with the accounts `julie` (alias `info`) and `max` on `example.test`.
pub(crate) struct Scene {
    pub(crate) store: Store,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) deliverer: Deliverer,
    pub(crate) julie: AccountId,
    /// The domain that messages are known to be of.
    pub(crate) author: Option<&'static str>,
    /// With what messages come.
    pub(crate) parameters: ArrivalParameters<'static>,
    folder: tempfile::TempDir,
    database: Database,
}

/// Something that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) text: String,
    pub(crate) mail: MailParameters,
    pub(crate) rcpt: RcptParameters,
}

/// Signs and seals by saying so.
#[derive(Debug)]
pub(crate) struct Marker;

impl Signatory for Marker {
    fn sign(&self, message: Vec<u8>, _start: usize, author: Author) -> Signing<'_> {
        let mark = format!("DKIM-Signature: {author:?}\r\n").into_bytes();
        Box::pin(async move { Ok([mark, message].concat()) })
    }

    fn seal<'a>(&'a self, message: Vec<u8>, _start: usize, domain: &'a str) -> Signing<'a> {
        let mark = format!("ARC-Seal: {domain}\r\n").into_bytes();
        Box::pin(async move { Ok([mark, message].concat()) })
    }
}

/// Who a message comes from, and what was found of that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct From<'a> {
    pub(crate) reverse_path: &'a str,
    pub(crate) placement: Placement,
    pub(crate) verified: bool,
}

/// Runs a test on each engine.
pub(crate) fn on_both_engines(test: impl Fn(&mut Scene)) {
    let run = |database: Database| {
        let mut scene = Scene::new(database);
        test(&mut scene);
        assert_eq!(scene.store.check_consistency().unwrap(), []);
        scene.store.close();
    };
    run(Database::Sqlite);
    let database = testkit::Postgres::shared().create_database();
    run(Database::Postgres(database.url().to_owned()));
}

/// Waits for what never waits for the outside.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub(crate) fn name(text: &str) -> ScriptName {
    ScriptName::parse(text).unwrap()
}

/// Scripts send on to addresses that nobody asked.
pub(crate) fn free(hostname: &str) -> Settings {
    let script_redirects = RedirectTargets::Anywhere.into();
    Settings { script_redirects, ..Settings::new(hostname) }
}

fn open(
    folder: &std::path::Path,
    database: &Database,
    clock: &Arc<ManualClock>,
) -> (Store, Deliverer) {
    let mut settings = storage::Settings::new(folder, clock.clone());
    settings.database = database.clone();
    let store = Store::open(settings).unwrap();
    let key = SrsKey::new([7; 32]);
    let forwarding = Some(Forwarding { key });
    let settings = Settings { forwarding, ..free("mx.example.test") };
    let deliverer = Deliverer::new(store.clone(), settings);
    (store, deliverer)
}

impl Scene {
    fn new(database: Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::default());
        let (store, deliverer) = open(folder.path(), &database, &clock);
        let julie = store
            .write_blocking("test", |tx| {
                tx.create_domain("example.test")?;
                tx.create_account(new_account("max@example.test"))?;
                let julie = tx.create_account(new_account("julie@example.test"))?;
                tx.account(julie)?.set_name("Julie")?;
                tx.add_alias(julie, &Address::parse("info@example.test")?)?;
                Ok(julie)
            })
            .unwrap()
            .value;
        let parameters = ArrivalParameters { body: "7BIT", ..ArrivalParameters::default() };
        Self { store, clock, deliverer, julie, author: None, parameters, folder, database }
    }

    /// Everything is closed and opened again.
    pub(crate) fn restart(&mut self) {
        self.store.close();
        let nowhere = tempfile::tempdir().unwrap();
        let (store, deliverer) = open(nowhere.path(), &Database::Sqlite, &self.clock);
        // The old ones give up their directory before it is opened again.
        self.store = store;
        self.deliverer = deliverer;
        let (store, deliverer) = open(self.folder.path(), &self.database, &self.clock);
        self.store = store;
        self.deliverer = deliverer;
    }

    pub(crate) fn account<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut storage::AccountTx<'_, '_>) -> storage::Result<T> + Send + 'static,
    ) -> T {
        self.store.account_write_blocking(self.julie, "test", Vec::new(), work).unwrap().value
    }

    /// Makes this Julie's script.
    pub(crate) fn script(&self, text: &str) {
        let text = text.to_owned();
        self.account(move |tx| {
            tx.put_script(&name("main"), text.as_bytes())?;
            tx.activate_script(Some(&name("main")))
        });
    }

    /// Makes this Julie's responder, and has it answer.
    pub(crate) fn responder(&self, body: ResponderBody) {
        self.account(move |tx| {
            let added = tx.add_responder(&name("away"), body)?;
            assert_eq!(added, Agreement::Usable);
            tx.activate_responder(Some(&name("away")))
        });
    }

    /// From here on, with other settings.
    pub(crate) fn set(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = free("mx.example.test");
        change(&mut settings);
        self.deliverer = Deliverer::new(self.store.clone(), settings);
    }

    pub(crate) fn recipient(&self, address: &str) -> Recipient {
        let address = Address::parse(address).unwrap();
        match wait(self.store.find_recipient(&address)).unwrap() {
            Resolution::Account(found) => found,
            other => panic!("{other:?}"),
        }
    }

    /// A message arrives. What it was refused with.
    pub(crate) fn arrive(&self, from: &str, to: &str, message: &str) -> Option<String> {
        self.arrive_at(Placement::Inbox, from, to, message)
    }

    pub(crate) fn arrive_at(
        &self,
        placement: Placement,
        from: &str,
        to: &str,
        message: &str,
    ) -> Option<String> {
        let from = From { reverse_path: from, placement, verified: true };
        self.arrive_from(from, to, message)
    }

    pub(crate) fn arrive_from(&self, from: From<'_>, to: &str, message: &str) -> Option<String> {
        self.take_in(from, to, message, false)
    }

    /// A message arrives that others took already, so that it cannot be refused any more.
    pub(crate) fn arrive_too_late(&self, from: From<'_>, to: &str, message: &str) {
        assert_eq!(self.take_in(from, to, message, true), None);
    }

    fn take_in(&self, from: From<'_>, to: &str, message: &str, late: bool) -> Option<String> {
        let From { reverse_path: from, placement, verified } = from;
        let found = self.recipient(to);
        let bytes = format!("Return-Path: <{from}>\r\n{message}").into_bytes();
        let prepared = Arc::new(PreparedMessage::new(bytes.clone()));
        let delivery = Delivery { placement, mailbox: found.detail.clone(), ..Delivery::default() };
        for _ in 0..5 {
            let Some(rules) = found.rules else {
                let (prepared, messages) = (prepared.clone(), vec![prepared.clone()]);
                let work =
                    move |tx: &mut storage::AccountTx<'_, '_>| tx.deliver(&prepared, delivery);
                self.store.account_write_blocking(found.account, "test", messages, work).unwrap();
                return None;
            };
            let arrival = Arrival {
                account: found.account,
                rules,
                message: &bytes,
                reverse_path: from,
                forward_path: to,
                placement,
                author: self.author,
                verified,
                is_believed: verified,
                parameters: self.parameters,
            };
            let plan = match wait(self.deliverer.sort(arrival)).unwrap() {
                Verdict::Do(plan) => plan,
                Verdict::Refuse { instead, .. } if late => instead,
                Verdict::Refuse { reason, .. } => return Some(reason),
            };
            let (kept, prepared, delivery) = (plan.clone(), prepared.clone(), delivery.clone());
            let messages = plan.messages().cloned().collect();
            let done =
                self.store.account_write_blocking(found.account, "test", messages, move |tx| {
                    tx.deliver_planned(&prepared, &plan, &delivery)
                });
            match done {
                Ok(done) => {
                    let claimed: Vec<Claimed> = done.value.claimed;
                    self.deliverer.settled(found.account, &kept, &claimed);
                    return None;
                }
                Err(StorageError::Conflict(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        panic!("sorted again and again")
    }

    /// `flags text` of every message in a mailbox of Julie's.
    pub(crate) fn mailbox(&self, mailbox: &str) -> Vec<String> {
        let (julie, mailbox) = (self.julie, MailboxName::parse(mailbox).unwrap());
        let found = self.store.read_blocking(move |tx| tx.find_mailbox(julie, &mailbox)).unwrap();
        let Some(found) = found else { return vec!["(no mailbox)".to_owned()] };
        let view = self.store.open_view_blocking(julie, found.id).unwrap();
        let snapshot = view.snapshot();
        let entries = snapshot.entries(1..=snapshot.exists().max(1));
        let shown = entries.map(|(_, entry)| {
            let shown = format!("{} {}", entry.flags(), self.content(entry.content()));
            shown.trim_start_matches("() ").trim().to_owned()
        });
        shown.collect()
    }

    /// How many messages there are in it.
    pub(crate) fn count(&self, mailbox: &str) -> usize {
        self.mailbox(mailbox).iter().filter(|one| *one != "(no mailbox)").count()
    }

    fn content(&self, content: ContentId) -> String {
        let want = Want::HEADER | Want::TEXT;
        let found = self.store.read_blocking(move |tx| tx.load_contents(&[content], want)).unwrap();
        let found = found.first().unwrap();
        let bytes = [found.header().unwrap(), found.text().unwrap()].concat();
        String::from_utf8(bytes).unwrap()
    }

    /// What was sent since the last call.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        let backlog = self.store.read_blocking(|tx| tx.spool_backlog(100)).unwrap();
        let claimed = self.store.write_blocking("test", move |tx| {
            let daemon = tx.register_queue_daemon(Timestamp::from_secs(i64::from(u32::MAX)))?;
            let mut all = Vec::new();
            for one in backlog {
                let destination = one.destination;
                all.extend(tx.claim_spooled(&Claim { daemon, destination, limit: 100 })?);
            }
            Ok((daemon, all))
        });
        let mut sent = Vec::new();
        let (daemon, messages) = claimed.unwrap().value;
        for message in messages {
            for recipient in &message.recipients {
                sent.push(Sent {
                    from: message.reverse_path.clone(),
                    to: recipient.forward_path.clone(),
                    text: self.content(message.content),
                    mail: message.parameters.clone(),
                    rcpt: recipient.parameters.clone(),
                });
            }
            self.store
                .write_blocking("test", move |tx| {
                    let ends = message.recipients.iter().map(|recipient| {
                        let ordinal = recipient.ordinal;
                        let (fate, answer) = (Fate::Delivered, String::new());
                        Settlement { spool: message.id, ordinal, fate, answer }
                    });
                    tx.settle_spooled(daemon, message.id, &ends.collect::<Vec<_>>())
                })
                .unwrap();
        }
        sent.sort_by(|a: &Sent, b| (&a.from, &a.to, &a.text).cmp(&(&b.from, &b.to, &b.text)));
        sent
    }
}

fn new_account(address: &str) -> NewAccount {
    NewAccount {
        address: Address::parse(address).unwrap(),
        name: String::new(),
        role: Role::Collaborator,
        password_hash: "$argon2id$test".to_owned(),
        quota_bytes: 0,
        mail_only: false,
    }
}
