//! Every command against a mailbox of somebody else, with every right alone, with all but one, and
//! with none (RFC 4314 §4): what is refused, by which words, and that nothing has changed.

use ids::CollectionId;
use storage::{AccountTx, AclChange, Database, MailboxEntry, MailboxName, Rights};
use testkit::Postgres;

use crate::client::{Client, Status};
use crate::scene::{House, ask, settings_for_tests};

const BOX: &str = "\"Other Users/julie@example.test/Box\"";
const BELOW: &str = "\"Other Users/julie@example.test/Box/New\"";
const OPEN: &str = "\"Other Users/julie@example.test/Open\"";
const INTO: &str = "\"Other Users/julie@example.test/Box/Open\"";

/// Which rights it takes to be answered with OK; `*` any of those that MYRIGHTS asks for, `m`
/// `l` with any right on messages (RFC 5464 §3.3), nothing: it is never permitted.
type Command = (&'static str, &'static str);

/// What changes nothing but for the session.
const READING: [Command; 11] = [
    ("STATUS $BOX (MESSAGES UNSEEN SIZE)", "r"),
    ("EXAMINE $BOX", "r"),
    ("SELECT $BOX", "r"),
    ("GETQUOTAROOT $BOX", "r"),
    ("GETMETADATA $BOX /shared/comment", "m"),
    ("GETACL $BOX", "a"),
    ("LISTRIGHTS $BOX max@example.test", "a"),
    ("MYRIGHTS $BOX", "*"),
    // CATENATE reads what a URL names (RFC 4469 §3).
    ("APPEND INBOX CATENATE (URL \"/Other%20Users/julie@example.test/Box/;UID=1\")", "r"),
    ("APPEND INBOX CATENATE (URL \"/Other%20Users/julie@example.test/Box/;UID=9\")", ""),
    ("GETQUOTA julie@example.test", ""),
];

/// What would change something, and is tried where it must be refused.
const CHANGING: [Command; 14] = [
    ("APPEND $BOX {1+}\r\nx", "i"),
    ("APPEND $BOX ANNOTATION (/comment (value.shared \"x\")) {1+}\r\nx", "in"),
    ("CREATE $BELOW", "k"),
    ("CREATE \"Other Users/julie@example.test/Top\"", ""),
    ("DELETE $BOX", "x"),
    ("DELETE \"Other Users/julie@example.test/INBOX\"", ""),
    ("RENAME $BOX Mine", ""),
    ("RENAME $OPEN $INTO", "k"),
    ("RENAME $BOX \"Other Users/julie@example.test/Open/Box\"", "x"),
    ("RENAME $BOX \"Other Users/julie@example.test/Top\"", ""),
    ("SETACL $BOX max@example.test lrswipkxtean", "a"),
    ("DELETEACL $BOX anyone", "a"),
    ("SETMETADATA $BOX (/shared/comment \"x\")", "m"),
    ("SETQUOTA julie@example.test (STORAGE 1)", ""),
];

/// The same with the mailbox selected.
const CHANGING_SELECTED: [Command; 16] = [
    ("STORE 1 ANNOTATION (/comment (value.priv \"x\" value.shared \"x\"))", "n"),
    ("STORE 1 +FLAGS (\\Seen)", "s"),
    ("STORE 1 FLAGS (\\Seen)", "s"),
    ("STORE 1 -FLAGS (\\Deleted)", "t"),
    ("UID STORE 1 +FLAGS.SILENT (\\Flagged)", "w"),
    ("STORE 1 +FLAGS (Work)", "w"),
    ("STORE 1 (UNCHANGEDSINCE 9999) +FLAGS (\\Answered)", "w"),
    ("EXPUNGE", "e"),
    ("UID EXPUNGE 1", "e"),
    ("MOVE 1 INBOX", "te"),
    ("UID MOVE 1 $OPEN", "te"),
    ("COPY 1 $BOX", "i"),
    ("MOVE 1 $BOX", "ite"),
    ("REPLACE 1 $BOX {1+}\r\nx", "ite"),
    ("UID REPLACE 1 INBOX {1+}\r\nx", "te"),
    ("APPEND $BOX CATENATE (URL \";UID=1\")", "i"),
];

/// What may be asked of a mailbox that is open to read.
const READING_SELECTED: [&str; 11] = [
    "FETCH 1 (ANNOTATION (* (value size)))",
    "FETCH 1 (FLAGS UID ENVELOPE BODY.PEEK[])",
    "SEARCH TEXT Shall",
    "SORT (SUBJECT) UTF-8 ALL",
    "THREAD REFERENCES UTF-8 ALL",
    "ESEARCH IN (selected) ALL",
    "UID FETCH 1 (PREVIEW)",
    "COPY 1 INBOX",
    "NOOP",
    "CHECK",
    "UNSELECT",
];

fn filled(command: &str) -> String {
    let names = [("$BOX", BOX), ("$BELOW", BELOW), ("$OPEN", OPEN), ("$INTO", INTO)];
    names.iter().fold(command.to_owned(), |text, (name, value)| text.replace(name, value))
}

fn permits(rights: &str, needed: &str) -> bool {
    let any = |of: &str| of.chars().any(|letter| rights.contains(letter));
    match needed {
        "" => false,
        "*" => any("lrikxa"),
        "m" => rights.contains('l') && any("rswip"),
        needed => needed.chars().all(|letter| rights.contains(letter)),
    }
}

/// Every right alone, alone beside `l` and `r`, all but one, all, and none.
fn sets_of_rights() -> Vec<String> {
    let letters = "lrswipkxtean";
    let mut sets = vec![String::new(), letters.to_owned(), "l".to_owned(), "lr".to_owned()];
    for letter in letters.chars() {
        sets.push(letter.to_string());
        sets.push(format!("lr{letter}"));
        sets.push(letters.replace(letter, ""));
    }
    sets
}

struct Stage {
    house: House,
    shared: CollectionId,
}

impl Stage {
    async fn build(database: Database) -> Self {
        let house = House::build(database).await;
        house.add_account("max").await;
        let julie = house.account;
        let made = house.store.account_write(julie, "fixture", |tx| {
            let mut ids = Vec::new();
            for name in ["Box", "Open", "Box/Hidden"] {
                ids.push(tx.create_mailbox(&MailboxName::parse(name)?, None)?.id);
            }
            Ok(ids)
        });
        let ids = made.await.unwrap().value;
        let (shared, open) = (ids[0], ids[1]);
        house.add("Box", "smith", house.store.now()).await.unwrap();
        let stage = Self { house, shared };
        stage.grant(open, "lrswipkxtean").await;
        stage
    }

    async fn grant(&self, mailbox: CollectionId, rights: &str) {
        let (julie, change) = (self.house.account, AclChange::Set(Rights::parse(rights).unwrap()));
        let write = self
            .house
            .store
            .write("fixture", move |tx| tx.set_acl(julie, mailbox, "max@example.test", change));
        write.await.unwrap();
    }

    /// `\Deleted` on the message: EXPUNGE and CLOSE would take it away.
    async fn mark(&self) {
        let (julie, shared) = (self.house.account, self.shared);
        let deleted = message::flag::Flag::parse(b"\\Deleted").unwrap();
        let change = storage::FlagChange::Replace([deleted].into_iter().collect());
        let write = self.house.store.account_write(julie, "fixture", move |tx| {
            tx.store_flags(shared, &ids::UidSet::all(), change, None)
        });
        write.await.unwrap();
    }

    /// All that belongs to the owner, as text.
    async fn state(&self) -> String {
        let (julie, shared) = (self.house.account, self.shared);
        let read = self.house.store.read(move |tx| {
            let tree = tx.list_mailboxes(julie)?;
            let line = |entry: &MailboxEntry| {
                let mailbox = entry.mailbox.as_ref();
                let counts = mailbox.map(|m| (m.messages, m.unseen, m.deleted, m.highest_modseq));
                format!("{} {:?} {counts:?}\n", entry.name, entry.subscribed)
            };
            let names: String = tree.entries.iter().map(line).collect();
            let acl = tx.load_acl(julie, shared)?;
            let metadata = tx.load_metadata(julie, &[shared], |_| true)?;
            Ok(format!("{names}{acl:?}{metadata:?}{:?}", tx.load_account(julie)?.quota_bytes))
        });
        let rows = read.await.unwrap();
        let view = self.house.store.open_view(julie, shared).await.unwrap().snapshot();
        let messages: Vec<String> = view
            .entries(1..=view.exists().max(1))
            .map(|(_, entry)| format!("{} {}", entry.uid(), entry.flags()))
            .collect();
        format!("{rows}{messages:?}")
    }

    async fn client(&self) -> Client {
        Client::sign_in_as(self.house.connect(settings_for_tests()), "max").await
    }
}

/// The words of a refusal: RFC 4314 §6: who may not look it up does not learn that it is there.
fn assert_refused(client: &Client, status: Status, rights: &str, command: &str) {
    assert_eq!(status, Status::No, "{command} with {rights:?}: {}", client.said);
    // Who may delete it knows of it.
    let may_look_up = rights.contains('l') || command.ends_with(" Mine") && rights.contains('x');
    let hides = ["NO [NONEXISTENT]", "NO [TRYCREATE]", "NO [BADURL"]
        .iter()
        .any(|start| client.said.starts_with(start));
    assert!(may_look_up || hides, "{command} with {rights:?}: {}", client.said);
    assert!(client.lines.is_empty(), "{command} with {rights:?}: {:?}", client.lines);
}

async fn outside(stage: &Stage, rights: &str) {
    let mut client = stage.client().await;
    for (command, needed) in READING {
        let status = client.run(&filled(command)).await;
        match permits(rights, needed) {
            true => assert_eq!(status, Status::Ok, "{command} with {rights:?}: {}", client.said),
            false => assert_refused(&client, status, rights, command),
        }
        client.run("UNSELECT").await;
    }
    for (command, needed) in CHANGING {
        if !permits(rights, needed) {
            let status = client.run(&filled(command)).await;
            assert_refused(&client, status, rights, command);
        }
    }
    let list =
        "LIST \"\" \"Other Users/julie@example.test/Box*\" RETURN (MYRIGHTS STATUS (MESSAGES))";
    assert_eq!(client.run(list).await, Status::Ok);
    let told = |start: &str| client.lines.iter().filter(|line| line.starts_with(start)).count();
    let (listed, counted) = (rights.contains('l'), rights.contains('l') && rights.contains('r'));
    assert_eq!(told("* LIST"), usize::from(listed), "{rights:?}: {:?}", client.lines);
    assert_eq!(told("* MYRIGHTS"), usize::from(listed), "{rights:?}");
    assert_eq!(told("* STATUS"), usize::from(counted), "{rights:?}");
    let list = format!("LIST \"\" {BOX} RETURN (METADATA (/shared/comment))");
    assert_eq!(client.run(&list).await, Status::Ok);
    let leaks = client.lines.iter().any(|line| line.contains("hers alone"));
    assert!(!leaks || permits(rights, "m"), "{rights:?}: {:?}", client.lines);
    // RFC 9590 §3: nor is it said that there is none.
    let told = client.lines.iter().any(|line| line.starts_with("* METADATA"));
    assert!(!told || permits(rights, "m"), "{rights:?}: {:?}", client.lines);
    let search = "ESEARCH IN (subtree \"Other Users\") TEXT Shall";
    assert_eq!(client.run(search).await, Status::Ok);
    let found = client.lines.iter().any(|line| line.contains("/Box\""));
    assert_eq!(found, counted, "{rights:?}: {:?}", client.lines);
}

async fn inside(stage: &Stage, rights: &str) {
    let mut client = stage.client().await;
    let open = filled("SELECT $BOX");
    assert_eq!(client.run(&open).await, Status::Ok);
    for (command, needed) in CHANGING_SELECTED {
        if !permits(rights, needed) {
            let status = client.run(&filled(command)).await;
            assert_eq!(status, Status::No, "{command} with {rights:?}: {}", client.said);
            // HIGHESTMODSEQ is told once; of the message nothing is.
            let silent = client.lines.iter().all(|line| line.starts_with("* OK [HIGHESTMODSEQ "));
            assert!(silent, "{command} with {rights:?}: {:?}", client.lines);
        }
    }
    if !rights.contains('s') {
        // RFC 4314 §4: \Seen stays as it is.
        assert_eq!(client.run("FETCH 1 BODY[]").await, Status::Ok);
    }
    if !rights.contains('e') {
        assert_eq!(client.run("CLOSE").await, Status::Ok);
        assert_eq!(client.run(&open).await, Status::Ok);
    }
    for command in READING_SELECTED {
        let status = client.run(command).await;
        assert_ne!(status, Status::No, "{command} with {rights:?}: {}", client.said);
        if command.starts_with("ESEARCH") {
            let name = "MAILBOX \"Other Users/julie@example.test/Box\"";
            let named = client.lines.iter().any(|line| line.contains(name));
            // Not by the name that it has to its owner.
            assert!(named || status == Status::Bad, "{rights:?}: {:?}", client.lines);
        }
    }
    // Into it from elsewhere.
    assert_eq!(client.run("SELECT INBOX").await, Status::Ok);
    for command in ["COPY 1 $BOX", "MOVE 1 $BOX", "REPLACE 1 $BOX {1+}\r\nx"] {
        if !permits(rights, "i") {
            let status = client.run(&filled(command)).await;
            assert_refused(&client, status, rights, command);
        }
    }
}

async fn play(database: Database) {
    let stage = Stage::build(database).await;
    stage.mark().await;
    let julie = stage.house.account;
    let shared = stage.shared;
    let entry = storage::MetadataEntry {
        scope: storage::MetadataScope::Shared,
        name: "/comment".to_owned(),
    };
    let values = [(entry, Some(b"hers alone".to_vec()))];
    let write =
        stage.house.store.write("fixture", move |tx| tx.set_metadata(julie, shared, &values));
    write.await.unwrap();
    for rights in sets_of_rights() {
        stage.grant(shared, &rights).await;
        let before = stage.state().await;
        outside(&stage, &rights).await;
        if rights.contains('r') {
            inside(&stage, &rights).await;
        }
        assert_eq!(stage.state().await, before, "with {rights:?}");
    }
    assert_eq!(stage.house.close().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_takes_its_rights_on_sqlite() {
    play(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_takes_its_rights_on_postgres() {
    let database = tokio::task::spawn_blocking(|| Postgres::shared().create_database());
    let database = database.await.unwrap();
    play(Database::Postgres(database.url().to_owned())).await;
    tokio::task::spawn_blocking(move || drop(database)).await.unwrap();
}

/// A name kept before names were spelled one way is removed by itself (RFC 9051 §6.3.8).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_spelling_is_unsubscribed_alone() {
    let house = House::build(Database::Sqlite).await;
    let names = ["Julie@example.test", "julie@example.test"]
        .map(|owner| format!("Other Users/{owner}/INBOX"));
    let max = house.add_account("max").await;
    let mut owner = house.connect(settings_for_tests());
    ask(&mut owner, "LOGIN julie@example.test \"right password\"").await;
    ask(&mut owner, "SETACL INBOX max@example.test lr").await;
    let kept = names.clone().map(|name| MailboxName::parse(&name).unwrap());
    let subscribe =
        move |tx: &mut AccountTx<'_, '_>| kept.iter().try_for_each(|name| tx.subscribe(name));
    house.store.account_write(max, "fixture", subscribe).await.unwrap();
    let mut client = Client::sign_in_as(house.connect(settings_for_tests()), "max").await;
    // The second time it is another spelling of the one that is left.
    for left in [&names[1..], &[]] {
        let status = client.run(&format!("UNSUBSCRIBE \"{}\"", names[0])).await;
        assert_eq!(status, Status::Ok);
        assert_eq!(client.run("LIST (SUBSCRIBED) \"\" \"Other Users/*\"").await, Status::Ok);
        let line = |name| format!("* LIST (\\HasNoChildren \\Subscribed) \"/\" \"{name}\"");
        assert_eq!(client.lines, left.iter().map(line).collect::<Vec<_>>());
    }
    assert_eq!(house.close().await, Vec::<String>::new());
}
