//! Several daemons on one database that tell push services.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dav::{PushSettings, Pusher, PusherSettings, Settings};
use net::{Shutdown, TlsClient};
use storage::{Database, Store};
use testkit::ManualClock;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use crate::calendars::{AT_NINE, event};
use crate::house::{House, NOW, on_both_engines_with};
use crate::push::{CONTENT, Here, KEY, acceptor, body, pushing, register, take};

const SUBSCRIPTIONS: usize = 40;

fn with_many(settings: &mut Settings) {
    pushing(settings);
    let pushes = settings.pushes.clone().unwrap();
    settings.pushes = Some(PushSettings { subscriptions_max: SUBSCRIPTIONS as u64, ..pushes });
}

/// The store of a second daemon, where one can be.
async fn second(house: &House, folder: &std::path::Path) -> Option<Store> {
    let Database::Postgres(_) = &house.store.settings().database else { return None };
    let clock = Arc::new(ManualClock::default());
    clock.set(ids::Timestamp::from_secs(NOW));
    let mut settings = storage::Settings::new(folder, clock);
    settings.database = house.store.settings().database.clone();
    Some(tokio::task::spawn_blocking(|| Store::open(settings).unwrap()).await.unwrap())
}

async fn close(store: Store) {
    tokio::task::spawn_blocking(move || store.close()).await.unwrap();
}

fn pusher(store: &Store, key: &PushSettings, tls: &TlsClient) -> Pusher {
    let settings = PusherSettings {
        delay: Duration::ZERO,
        private_addresses: true,
        contact: "https://dav.example.test".to_owned(),
    };
    Pusher::new(store.clone(), key.key.clone(), tls.clone(), Arc::new(Here), settings)
}

/// A push service that takes all there is; the paths it is asked for.
fn serve(listener: TcpListener, acceptor: TlsAcceptor) -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (sender, acceptor) = (sender.clone(), acceptor.clone());
            tokio::spawn(async move {
                let (head, _) = take(stream, &acceptor, "201 Created").await;
                sender.send(head.lines().next().unwrap().to_owned()).unwrap();
            });
        }
    });
    receiver
}

async fn put(house: &House, name: &str) {
    let path = format!("personal/{name}.ics");
    let put = house.julie("PUT", &path, "", &event(name, AT_NINE)).await;
    assert_eq!(put.status, 201, "{}", put.text);
}

async fn subscribe(house: &House, origin: &str, count: usize) {
    for number in 0..count {
        let text = body(&format!("{origin}/{number}"), KEY, CONTENT);
        assert_eq!(register(house, &text).await.status, 201);
    }
}

#[test]
fn two_daemons_tell_each_change_once() {
    let kept = std::sync::Mutex::new(None);
    let set = |settings: &mut Settings| {
        with_many(settings);
        *kept.lock().unwrap() = settings.pushes.clone();
    };
    on_both_engines_with(set, |house| {
        let key = kept.lock().unwrap().clone().unwrap();
        async move {
            let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let (acceptor, tls) = acceptor(folder.path());
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let origin = format!("https://push.test:{}", listener.local_addr().unwrap().port());
            let mut asked = serve(listener, acceptor);
            subscribe(&house, &origin, SUBSCRIPTIONS).await;
            put(&house, "before").await;
            let second = second(&house, other.path()).await;
            let shutdown = Shutdown::new();
            for store in [Some(&house.store), second.as_ref()].into_iter().flatten() {
                shutdown.spawn(pusher(store, &key, &tls).run(shutdown.clone()));
            }
            let mut counts = BTreeMap::new();
            for round in 1..=3 {
                for _ in 0..SUBSCRIPTIONS {
                    *counts.entry(asked.recv().await.unwrap()).or_insert(0) += 1;
                }
                assert_eq!(counts.len(), SUBSCRIPTIONS);
                assert!(counts.values().all(|count| *count == round), "{round}: {counts:?}");
                if round < 3 {
                    put(&house, &format!("round-{round}")).await;
                }
            }
            // Until all is noted, and nothing is left to be looked at.
            while house
                .store
                .read(|tx| tx.next_push_look(&storage::PushesUnderWay::default()))
                .await
                .unwrap()
                .is_some()
            {}
            shutdown.finish(Duration::from_secs(60)).await;
            assert!(asked.try_recv().is_err());
            if let Some(second) = second {
                close(second).await;
            }
        }
    });
}

/// A daemon that cannot note what became of a push tells the others of its round all the same.
#[test]
fn what_cannot_be_noted_ends_no_round() {
    let kept = std::sync::Mutex::new(None);
    let set = |settings: &mut Settings| {
        with_many(settings);
        *kept.lock().unwrap() = settings.pushes.clone();
    };
    on_both_engines_with(set, |house| {
        let key = kept.lock().unwrap().clone().unwrap();
        async move {
            let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let Some(second) = second(&house, other.path()).await else { return };
            let (acceptor, tls) = acceptor(folder.path());
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let origin = format!("https://push.test:{}", listener.local_addr().unwrap().port());
            subscribe(&house, &origin, 2).await;
            put(&house, "one").await;
            let changed = house.store.push_notices().take();
            let behind =
                house.store.read(move |tx| tx.pushes_behind(&changed.known)).await.unwrap();
            house.store.write("test", move |tx| tx.note_pushes(&behind)).await.unwrap();
            let service = async {
                let (first, _) = listener.accept().await.unwrap();
                close(second.clone()).await;
                let (next, _) = listener.accept().await.unwrap();
                for stream in [first, next] {
                    take(stream, &acceptor, "201 Created").await;
                }
            };
            let pusher = pusher(&second, &key, &tls);
            let (told, ()) = tokio::join!(pusher.tell_due(), service);
            // Both were told, and there was nowhere to look for more.
            assert!(matches!(told, Err(storage::StorageError::Unavailable(_))), "{told:?}");
            // They come again once the claim has ended.
            let look = house
                .store
                .read(|tx| tx.next_push_look(&storage::PushesUnderWay::default()))
                .await
                .unwrap();
            assert_eq!(look, Some(ids::Timestamp::from_secs(NOW + 180)));
        }
    });
}
