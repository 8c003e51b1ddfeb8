//! SORT against a plain one, and a client that follows sorted and searched results by what it is
//! told of them (RFC 5267 §4.3): it must always end with what a new search finds.

use std::cmp::Ordering;

use storage::Database;
use testkit::SeededRng;

use crate::client::{Client, Status};
use crate::scene::{House, settings_for_tests};

const ROUNDS: usize = 60;
const SUBJECTS: [&str; 7] =
    ["b", "Re: b", "[x] A", "Fwd: [y] re: a (fwd)", "", "\u{e9}t\u{e9}", "ETA"];
const PEOPLE: [&str; 5] = ["ann", "Bob", "bob", "zoe", ""];

/// A message as it was written.
#[derive(Debug, Clone)]
struct Mail {
    uid: u32,
    subject: &'static str,
    from: &'static str,
    to: &'static str,
    /// Seconds in an hour.
    sent: Option<u32>,
    received: u32,
    size: usize,
}

#[derive(Debug, Clone, Copy)]
enum Key {
    Arrival,
    Date,
    From,
    Size,
    Subject,
    To,
}

impl Key {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Arrival, "ARRIVAL"),
        (Self::Date, "DATE"),
        (Self::From, "FROM"),
        (Self::Size, "SIZE"),
        (Self::Subject, "SUBJECT"),
        (Self::To, "TO"),
    ];

    fn compare(self, one: &Mail, other: &Mail) -> Ordering {
        let sent = |mail: &Mail| mail.sent.unwrap_or(mail.received);
        match self {
            Self::Arrival => one.received.cmp(&other.received),
            Self::Date => sent(one).cmp(&sent(other)),
            Self::From => one.from.to_uppercase().cmp(&other.from.to_uppercase()),
            Self::Size => one.size.cmp(&other.size),
            Self::Subject => base(one.subject).cmp(base(other.subject)),
            Self::To => one.to.to_uppercase().cmp(&other.to.to_uppercase()),
        }
    }
}

/// The base subject in the form that is compared, written down for the few there are.
fn base(subject: &str) -> &'static str {
    match subject {
        "b" | "Re: b" => "B",
        "" => "",
        "ETA" => "ETA",
        "\u{e9}t\u{e9}" => "E\u{301}TE\u{301}",
        _ => "A",
    }
}

/// `["FROM REVERSE DATE", …]` and the order it means.
fn random_order(rng: &mut SeededRng) -> (String, Vec<(Key, bool)>) {
    let keys: Vec<_> = (0..rng.usize(1..4))
        .map(|_| (Key::ALL[rng.usize(0..Key::ALL.len())], rng.bool()))
        .collect();
    let words = keys.iter().map(|((_, name), reverse)| match reverse {
        true => format!("REVERSE {name}"),
        false => (*name).to_owned(),
    });
    (words.collect::<Vec<_>>().join(" "), keys.iter().map(|((key, _), rev)| (*key, *rev)).collect())
}

fn sorted(mails: &[Mail], order: &[(Key, bool)]) -> Vec<u32> {
    let mut mails = mails.to_vec();
    // Stable: equal ones stay in mailbox order.
    mails.sort_by(|one, other| {
        order.iter().fold(Ordering::Equal, |sofar, (key, reverse)| {
            let next = key.compare(one, other);
            sofar.then(if *reverse { next.reverse() } else { next })
        })
    });
    mails.iter().map(|mail| mail.uid).collect()
}

async fn append(rng: &mut SeededRng, client: &mut Client, uid: u32) -> Mail {
    let pick = |rng: &mut SeededRng| PEOPLE[rng.usize(0..PEOPLE.len())];
    let mut mail = Mail {
        uid,
        subject: SUBJECTS[rng.usize(0..SUBJECTS.len())],
        from: pick(rng),
        to: pick(rng),
        sent: rng.bool().then(|| rng.u32(0..5)),
        received: rng.u32(0..5),
        size: 0,
    };
    let mut text = String::new();
    if !mail.subject.is_empty() {
        text.push_str(&format!("Subject: {}\r\n", mail.subject));
    }
    for (field, name) in [("From", mail.from), ("To", mail.to)] {
        if !name.is_empty() {
            text.push_str(&format!("{field}: {name}@example.org\r\n"));
        }
    }
    if let Some(sent) = mail.sent {
        text.push_str(&format!("Date: 1 Jan 2026 01:00:0{sent} +0100\r\n"));
    }
    text.push_str("\r\nx");
    text.push_str(&"x".repeat(rng.usize(0..4)));
    mail.size = text.len();
    let command = format!(
        "APPEND INBOX \" 1-Jan-2026 00:00:0{} +0000\" {{{}+}}\r\n{text}",
        mail.received, mail.size
    );
    assert_eq!(client.run(&command).await, Status::Ok);
    mail
}

/// The numbers of a set in the order they are written in.
fn numbers(set: &str) -> Vec<u32> {
    let range = |range: &str| {
        let (low, high) = range.split_once(':').unwrap_or((range, range));
        low.parse().unwrap()..=high.parse::<u32>().unwrap()
    };
    set.split(',').filter(|set| !set.is_empty()).flat_map(range).collect()
}

async fn uid_sort(client: &mut Client, order: &str, keys: &str) -> Vec<u32> {
    let command = format!("UID SORT RETURN (ALL) ({order}) UTF-8 {keys}");
    assert_eq!(client.run(&command).await, Status::Ok);
    all_of(client)
}

fn all_of(client: &Client) -> Vec<u32> {
    let line = client.lines.iter().find(|line| line.starts_with("* ESEARCH")).unwrap();
    numbers(line.split_once(" ALL ").map_or("", |(_, set)| set))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sorted_as_by_a_plain_sort() {
    let mut rng = SeededRng::from_env("sorted_as_by_a_plain_sort");
    let house = House::build(Database::Sqlite).await;
    let mut client = Client::sign_in(house.connect(settings_for_tests())).await;
    assert_eq!(client.run("SELECT INBOX").await, Status::Ok);
    let mut mails = Vec::new();
    for round in 0..ROUNDS {
        for _ in 0..rng.usize(0..4) {
            let uid = mails.last().map_or(1, |mail: &Mail| mail.uid + 1);
            mails.push(append(&mut rng, &mut client, uid).await);
        }
        assert_eq!(client.run("NOOP").await, Status::Ok);
        let (order, keys) = random_order(&mut rng);
        let found = uid_sort(&mut client, &order, "ALL").await;
        assert_eq!(found, sorted(&mails, &keys), "round {round}: {order} of {mails:#?}");
        // Few of many are read alone.
        if let Some(last) = mails.last() {
            let found = uid_sort(&mut client, &order, &format!("UID {}", last.uid)).await;
            assert_eq!(found, [last.uid], "round {round}");
        }
    }
    assert_eq!(house.close().await, Vec::<String>::new());
}

/// A list that follows what it is told.
struct Followed {
    tag: String,
    uids: Vec<u32>,
}

impl Followed {
    /// Works off the lines of an answer.
    fn follow(&mut self, lines: &[String]) {
        let start = format!("* ESEARCH (TAG \"{}\") UID ", self.tag);
        for change in lines.iter().filter_map(|line| line.strip_prefix(&start)) {
            let Some((kind, pairs)) = change.split_once(" (") else { continue };
            let words: Vec<&str> = pairs.trim_end_matches(')').split(' ').collect();
            for pair in words.chunks(2) {
                let (position, set) = (pair[0].parse::<usize>().unwrap(), numbers(pair[1]));
                match (kind, position) {
                    ("REMOVEFROM", 0) => self.uids.retain(|uid| !set.contains(uid)),
                    ("REMOVEFROM", at) => {
                        let gone: Vec<u32> = self.uids.drain(at - 1..at - 1 + set.len()).collect();
                        assert_eq!(gone, set, "{change}");
                    }
                    ("ADDTO", 0) => {
                        self.uids.extend(set);
                        self.uids.sort_unstable();
                    }
                    ("ADDTO", at) => drop(self.uids.splice(at - 1..at - 1, set)),
                    _ => panic!("{change}"),
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_can_be_followed() {
    let mut rng = SeededRng::from_env("results_can_be_followed");
    let house = House::build(Database::Sqlite).await;
    let mut clients = Vec::new();
    for _ in 0..2 {
        let mut client = Client::sign_in(house.connect(settings_for_tests())).await;
        assert_eq!(client.run("SELECT INBOX").await, Status::Ok);
        clients.push(client);
    }
    let [watcher, actor] = clients.as_mut_slice() else { panic!("two clients") };
    let mut uid = 0;
    for _ in 0..5 {
        uid += 1;
        append(&mut rng, actor, uid).await;
    }
    assert_eq!(watcher.run("NOOP").await, Status::Ok);
    let (order, _) = random_order(&mut rng);
    const KEYS: [&str; 3] = ["UNDELETED", "OR SEEN SUBJECT b", "NOT BODY xxx"];
    let mut lists = Vec::new();
    for keys in KEYS {
        for command in [
            format!("UID SORT RETURN (ALL UPDATE) ({order}) UTF-8"),
            "UID SEARCH RETURN (ALL UPDATE)".to_owned(),
        ] {
            assert_eq!(watcher.run(&format!("{command} {keys}")).await, Status::Ok);
            let line = watcher.lines.iter().find(|line| line.starts_with("* ESEARCH")).unwrap();
            let tag = line.split('"').nth(1).unwrap().to_owned();
            lists.push((Followed { tag, uids: all_of(watcher) }, command, keys));
        }
    }
    for round in 0..ROUNDS {
        for _ in 0..rng.usize(0..3) {
            let some = rng.u32(1..uid + 1);
            let flag = ["\\Deleted", "\\Seen"][rng.usize(0..2)];
            let sign = ["+", "-"][rng.usize(0..2)];
            match rng.u8(0..5) {
                0 => {
                    uid += 1;
                    append(&mut rng, actor, uid).await;
                }
                1 => assert_eq!(actor.run("EXPUNGE").await, Status::Ok),
                _ => {
                    let store = format!("UID STORE {some}:{} {sign}FLAGS ({flag})", some + 2);
                    assert_eq!(actor.run(&store).await, Status::Ok);
                }
            }
        }
        let command = ["NOOP", "FETCH 1:* FLAGS", "SEARCH ALL"][rng.usize(0..3)];
        assert_eq!(watcher.run(command).await, Status::Ok);
        lists.iter_mut().for_each(|(list, ..)| list.follow(&watcher.lines));
        // Expunges are told to commands that allow it only.
        assert_eq!(watcher.run("NOOP").await, Status::Ok);
        lists.iter_mut().for_each(|(list, ..)| list.follow(&watcher.lines));
        for (list, command, keys) in &lists {
            let command = command.replace(" UPDATE", "");
            assert_eq!(watcher.run(&format!("{command} {keys}")).await, Status::Ok);
            assert_eq!(list.uids, all_of(watcher), "round {round}: {command} {keys}");
        }
    }
    assert_eq!(house.close().await, Vec::<String>::new());
}

/// However messages are weighed, by the index or one by one: what stands in the subject is more
/// relevant than what is said once in a long text.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_most_relevant_come_first() {
    let house = House::build(Database::Sqlite).await;
    let mut client = Client::sign_in(house.connect(settings_for_tests())).await;
    for number in 1..=30 {
        let subject = if number == 17 { "needle" } else { "hay" };
        let filler = "straw ".repeat(200 + number);
        let text = format!("Subject: {subject}\r\n\r\na needle in {filler}\r\n");
        let command = format!("APPEND INBOX {{{}+}}\r\n{text}", text.len());
        assert_eq!(client.run(&command).await, Status::Ok);
    }
    assert_eq!(client.run("SELECT INBOX").await, Status::Ok);
    let command = "UID SORT RETURN (ALL RELEVANCY) (RELEVANCY) UTF-8 FUZZY TEXT needle";
    assert_eq!(client.run(command).await, Status::Ok);
    let line = client.lines.iter().find(|line| line.starts_with("* ESEARCH")).unwrap();
    let (_, rest) = line.split_once(" ALL ").unwrap();
    let (set, scores) = rest.split_once(" RELEVANCY ").unwrap();
    assert_eq!(numbers(set).first(), Some(&17), "{line}");
    assert_eq!(numbers(set).len(), 30, "{line}");
    let scores: Vec<u8> =
        scores.trim_matches(['(', ')']).split(' ').map(|score| score.parse().unwrap()).collect();
    assert_eq!((scores.len(), scores[0]), (30, 100), "{line}");
    assert!(scores.is_sorted_by(|one, next| one >= next), "{line}");
    assert_eq!(house.close().await, Vec::<String>::new());
}
