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
