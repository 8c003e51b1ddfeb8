//! SEARCH answers the same whatever part of a mailbox the search index knows.

use storage::Database;
use testkit::Postgres;

use crate::client::{Client, Status};
use crate::scene::{House, settings_for_tests};

const MESSAGES: usize = 40;

const SEARCHES: &[&str] = &[
    "BODY \"quick brown\"",
    "BODY number",
    "BODY \"n 1\"",
    "BODY q",
    "BODY resume",
    "TEXT SUBJECT",
    "TEXT \"item 1\"",
    "NOT BODY fox",
    "OR BODY \"number 3\" SUBJECT 4",
    "SUBJECT \"item 2\" BODY quick",
    "FROM sender3",
    "NOT FROM sender",
    "HEADER X-Other 7",
    "HEADER X-Other \"\"",
    "NOT HEADER Subject 1",
    "1:20 TEXT tail",
    "FUZZY BODY \"brown number\"",
    "FUZZY BODY \"browm nubmer\"",
    "FUZZY TEXT senders",
    "FUZZY HEADER Subject itme",
    "HEADER Subject item",
    "HEADER Subject \": item\"",
    "HEADER Subject \" 1\"",
    "HEADER Subject subject",
    "HEADER Subject \"item 1\"",
    "HEADER From \"<sender3@\"",
    "HEADER X-Absent \"\"",
    "CHARSET UTF-8 BODY {4+}\r\n東x",
    "BODY \"\"",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_index_changes_no_answer() {
    check(Database::Sqlite).await;
    let database = Postgres::shared().create_database();
    check(Database::Postgres(database.url().to_owned())).await;
}

async fn check(database: Database) {
    let house = House::build(database).await;
    let mut client = Client::sign_in(house.connect(settings_for_tests())).await;
    for number in 0..MESSAGES {
        append(&mut client, number).await;
    }
    assert_eq!(client.run("SELECT INBOX").await, Status::Ok);
    let comparators = ["i;unicode-casemap", "i;ascii-casemap", "i;octet"];
    let before = answers(&mut client, &comparators).await;
    assert_eq!(before[0].0, "* SEARCH 3 7 11 15 19 23 27 31 35 39");
    assert_ne!(before[4].0, before[SEARCHES.len() + 4].0, "accents are ignored in one of them");
    index(&house).await;
    assert_eq!(house.store.statistics().indexed, MESSAGES as u64);
    assert_eq!(answers(&mut client, &comparators).await, before);
    // Half of it is not known to the index.
    for number in 0..MESSAGES {
        append(&mut client, number).await;
    }
    assert_eq!(client.run("NOOP").await, Status::Ok);
    let half = answers(&mut client, &comparators).await;
    index(&house).await;
    assert_eq!(answers(&mut client, &comparators).await, half);
    assert_eq!(house.close().await, Vec::<String>::new());
}

/// However much the index knows, the order is the same, and what is equal keeps its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_index_changes_no_rank() {
    let house = House::build(Database::Sqlite).await;
    let mut client = Client::sign_in(house.connect(settings_for_tests())).await;
    for number in 1..=24 {
        let text = match number {
            5 => "needle needle straw",
            9 => "needel straw straw",
            _ => "needle straw straw",
        };
        let text = format!("Subject: {number}\r\n\r\n{text}\r\n");
        let command = format!("APPEND INBOX {{{}+}}\r\n{text}", text.len());
        assert_eq!(client.run(&command).await, Status::Ok);
        if number == 20 {
            index(&house).await;
        }
    }
    assert_eq!(client.run("SELECT INBOX").await, Status::Ok);
    let expect = "* SORT 5 1 2 3 4 6 7 8 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 9";
    for _ in 0..2 {
        assert_eq!(client.run("SORT (RELEVANCY) UTF-8 FUZZY BODY needle").await, Status::Ok);
        assert_eq!(client.lines.concat(), expect);
        // Few are not looked up in the index.
        assert_eq!(client.run("SORT (RELEVANCY) UTF-8 1:9 FUZZY BODY needle").await, Status::Ok);
        assert_eq!(client.lines.concat(), "* SORT 5 1 2 3 4 6 7 8 9");
        assert_eq!(client.run("SEARCH BODY needle").await, Status::Ok);
        assert!(!client.lines.concat().contains(" 9"), "{:?}", client.lines);
        index(&house).await;
    }
    assert_eq!(house.close().await, Vec::<String>::new());
}

async fn append(client: &mut Client, number: usize) {
    let text = match number % 4 {
        0 => format!("Résumé fox 東x number {number}\r\n"),
        1 => format!("nothing but tail {number}\r\n"),
        2 => format!("The quick brown fox number {number} {}\r\n", "tail ".repeat(50)),
        _ => format!("resume QUICK\r\nbrown fox number {number}\r\n"),
    };
    let message = format!(
        "From: Sender{} <sender{number}@example.org>\r\nSubject: Item {number}\r\n\
         X-Other: {}\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 8bit\r\n\r\n{text}",
        number % 5,
        number * 3,
    );
    let command = format!("APPEND INBOX {{{}+}}\r\n{message}", message.len());
    assert_eq!(client.run(&command).await, Status::Ok);
}

/// What each search answers, and how it ends, by each comparator.
async fn answers(client: &mut Client, comparators: &[&str]) -> Vec<(String, Status)> {
    let mut answers = Vec::new();
    for comparator in comparators {
        assert_eq!(client.run(&format!("COMPARATOR {comparator}")).await, Status::Ok);
        for search in SEARCHES {
            let status = client.run(&format!("SEARCH {search}")).await;
            answers.push((client.lines.concat(), status));
        }
    }
    answers
}

async fn index(house: &House) {
    house.clock.advance_secs(60);
    let store = house.store.clone();
    tokio::task::spawn_blocking(move || store.index(&|| false)).await.unwrap().unwrap();
}
