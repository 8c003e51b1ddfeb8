//! Leases that are lost while something is in hand: what is others' by then is not sent.

use ids::QueueDaemonId;
use storage::Database;

use crate::scene::Scene;
use crate::server::{Behaviour, Server};

/// Who waited for room for a message looks at the lease before it is sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_ran_out_in_the_line_for_memory_sends_nothing() {
    let postgres = testkit::Postgres::shared().create_database();
    for database in [Database::Sqlite, Database::Postgres(postgres.url().to_owned())] {
        let (a, b) = (Server::start().await, Server::start().await);
        a.then(Behaviour { silent: true, ..Behaviour::default() });
        // One message at a time.
        let change = |settings: &mut queue::Settings| settings.memory_bytes = 1;
        let scene = Scene::on(&[&a, &b], change, |storage| storage.database = database).await;
        scene.send(&["x@a.test"]).await;
        while a.connections() < 1 {
            tokio::task::yield_now().await;
        }
        let waiting = scene.send(&["x@b.test"]).await;
        let is_owned = |row: &storage::SpoolRow| row.id == waiting && row.recipients[0].owned;
        while !scene.spool().await.iter().any(is_owned) {
            tokio::task::yield_now().await;
        }
        let ended = |tx: &mut storage::WriteTx<'_>| tx.end_queue_daemon(QueueDaemonId::new(1));
        scene.store.write("end", ended).await.unwrap();
        // The queue hears of it, and begins again under a new number.
        scene.advance(61);
        while !scene.spool().await.iter().any(is_owned) {
            tokio::task::yield_now().await;
        }
        a.hang_up();
        // What hung up may be left alone for a while.
        scene.queue.wait_until(|counters| counters.delivered > 0 && counters.active == 0).await;
        assert_eq!(b.taken().len(), 1);
        assert!(!scene.spool().await.iter().any(|row| row.id == waiting));
        scene.close().await;
    }
}
