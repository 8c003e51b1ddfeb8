//! The server against real stores, over memory: every transcript on both engines, and sessions
//! that do random things.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod client;
mod compress;
mod flags;
mod large;
mod limits;
mod notify;
mod random;
mod resync;
mod rights;
mod sasl;
mod scene;
mod search_index;
mod search_work;
mod seen;
mod sorting;
mod switched_off;
mod urls;

use std::path::PathBuf;

use scene::{House, Scene, settings_for_tests};
use storage::Database;
use testhouse::{Played, play_all_on_postgres, play_all_on_sqlite};
use testkit::transcript;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transcripts_on_sqlite() {
    play_all_on_sqlite(play).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transcripts_on_postgres() {
    play_all_on_postgres(play).await;
}

async fn play(path: PathBuf, database: Database) -> Played {
    let mut scene = Scene::new(House::build(database).await);
    let dialog = transcript::try_run(&path, &mut scene).await;
    Played { dialog, findings: scene.close().await }
}

/// LIMIT: of the 64 KiB an idle connection may take, TLS needs most; a session's own state, its
/// buffers aside, stays below an eighth.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_small() {
    let house = House::build(Database::Sqlite).await;
    let bytes = house.session_bytes(&house.service(settings_for_tests()));
    assert!(bytes <= 8 * 1024, "{bytes} bytes");
    assert_eq!(house.close().await, Vec::<String>::new());
}
