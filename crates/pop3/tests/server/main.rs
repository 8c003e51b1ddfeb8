//! The server against real stores, over memory and over TLS: every transcript on both engines,
//! sessions that say random things, what survives a restart, what is bounded.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod large;
mod maildrops;
mod random;
mod scene;
mod time;
mod tls;

use std::path::{Path, PathBuf};

use scene::{House, Scene};
use storage::Database;
use testkit::{Postgres, transcript};
use tokio::task::JoinSet;

/// LIMIT: stores open at a time, each with its own threads.
const PLAYED_AT_ONCE: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transcripts_on_sqlite() {
    play_all(|| None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transcripts_on_postgres() {
    play_all(|| Some(Postgres::shared().create_database())).await;
}

/// Plays every transcript, each on a store of its own, and tells of all that fail.
async fn play_all(database: fn() -> Option<testkit::Database>) {
    let mut waiting = transcript::files(Path::new("tests/transcripts")).into_iter();
    let (mut playing, mut failures) = (JoinSet::new(), Vec::new());
    loop {
        while playing.len() < PLAYED_AT_ONCE
            && let Some(path) = waiting.next()
        {
            playing.spawn(play(path, database));
        }
        let Some(outcome) = playing.join_next().await else { break };
        failures.extend(outcome.unwrap());
    }
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n\n"));
}

async fn play(path: PathBuf, database: fn() -> Option<testkit::Database>) -> Vec<String> {
    let held = tokio::task::spawn_blocking(database).await.unwrap();
    let engine = match &held {
        Some(database) => Database::Postgres(database.url().to_owned()),
        None => Database::Sqlite,
    };
    let mut scene = Scene::new(House::build(engine).await);
    let mut failures: Vec<String> =
        transcript::try_run(&path, &mut scene).await.err().into_iter().collect();
    let findings = scene.close().await;
    failures.extend(findings.iter().map(|finding| format!("{}: {finding}", path.display())));
    tokio::task::spawn_blocking(move || drop(held)).await.unwrap();
    failures
}

/// LIMIT: of the 64 KiB an idle connection may take, TLS needs most; a session's own state, its
/// buffers aside, stays far below.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_small() {
    let house = House::build(Database::Sqlite).await;
    let bytes = house.session_bytes();
    assert!(bytes <= 4 * 1024, "{bytes} bytes");
    assert_eq!(house.close().await, Vec::<String>::new());
}
