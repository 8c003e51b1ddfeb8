//! Transcripts, each on a store of its own.

use std::path::{Path, PathBuf};

use storage::Database;
use testkit::{Postgres, transcript};
use tokio::task::JoinSet;

/// LIMIT: stores open at a time, each with its own threads.
const PLAYED_AT_ONCE: usize = 6;

/// How a transcript went.
#[derive(Debug)]
pub struct Played {
    /// How the dialog differs, where it does.
    pub dialog: Result<(), String>,
    /// What is wrong with the store it left.
    pub findings: Vec<String>,
}

/// Plays every transcript on SQLite, and tells of all that fail.
pub async fn play_all_on_sqlite<F>(play: fn(PathBuf, Database) -> F)
where
    F: Future<Output = Played> + Send + 'static,
{
    play_all(|| None, play).await;
}

/// Plays every transcript on PostgreSQL, and tells of all that fail.
pub async fn play_all_on_postgres<F>(play: fn(PathBuf, Database) -> F)
where
    F: Future<Output = Played> + Send + 'static,
{
    play_all(|| Some(Postgres::shared().create_database()), play).await;
}

async fn play_all<F>(database: fn() -> Option<testkit::Database>, play: fn(PathBuf, Database) -> F)
where
    F: Future<Output = Played> + Send + 'static,
{
    let mut waiting = transcript::files(Path::new("tests/transcripts")).into_iter();
    let (mut playing, mut failures) = (JoinSet::new(), Vec::new());
    loop {
        while playing.len() < PLAYED_AT_ONCE
            && let Some(path) = waiting.next()
        {
            playing.spawn(play_one(path, database, play));
        }
        let Some(outcome) = playing.join_next().await else { break };
        failures.extend(outcome.unwrap());
    }
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n\n"));
}

async fn play_one<F>(
    path: PathBuf,
    database: fn() -> Option<testkit::Database>,
    play: fn(PathBuf, Database) -> F,
) -> Vec<String>
where
    F: Future<Output = Played>,
{
    let held = tokio::task::spawn_blocking(database).await.unwrap();
    let engine = match &held {
        Some(database) => Database::Postgres(database.url().to_owned()),
        None => Database::Sqlite,
    };
    let Played { dialog, findings } = play(path.clone(), engine).await;
    let mut failures: Vec<String> = dialog.err().into_iter().collect();
    failures.extend(findings.iter().map(|finding| format!("{}: {finding}", path.display())));
    tokio::task::spawn_blocking(move || drop(held)).await.unwrap();
    failures
}

/// The message `tests/messages/NAME.eml` of the crate that is tested, its lines with CRLF.
pub fn message_file(name: &str) -> Vec<u8> {
    let path = format!("tests/messages/{name}.eml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    text.replace('\n', "\r\n").into_bytes()
}
