//! The server against real stores, over memory: every transcript on both engines.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod scene;

use std::path::Path;

use scene::{House, Scene};
use storage::Database;
use testkit::{Postgres, transcript};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transcripts_on_sqlite() {
    play_all(|| (Database::Sqlite, None)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transcripts_on_postgres() {
    play_all(|| {
        let database = Postgres::shared().create_database();
        (Database::Postgres(database.url().to_owned()), Some(database))
    })
    .await;
}

/// Plays every transcript, each on a store of its own, and tells of all that fail.
async fn play_all(database: impl Fn() -> (Database, Option<testkit::Database>)) {
    let mut failures = Vec::new();
    for path in transcript::files(Path::new("tests/transcripts")) {
        let (engine, held) = database();
        let mut scene = Scene::new(House::build(engine).await);
        if let Err(failure) = transcript::try_run(&path, &mut scene).await {
            failures.push(failure);
        }
        failures.extend(scene.close(&path).await);
        drop(held);
    }
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n\n"));
}
