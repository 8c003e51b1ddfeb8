//! MTA-STS with a web server that has the policy: fetched once, kept, renewed before it expires.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ids::{Clock as _, Timestamp};
use net::{
    Connection, ConnectionSettings, Stream, TlsClient, TlsKeys, TlsProfile, generate_self_signed,
};
use tokio::net::TcpListener;

use crate::scene::Scene;
use crate::server::Server;

const POLICY: &str = "version: STSv1\r\nmode: testing\r\nmx: mx.sts.test\r\nmax_age: 86400\r\n";

/// The web server of `sts.test`.
struct Web {
    port: u16,
    trusting: TlsClient,
    asked: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Web {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        generate_self_signed(&certificate, &key, &["mta-sts.sts.test".to_owned()]).unwrap();
        let keys = Arc::new(TlsKeys::load(&certificate, &key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = asked.clone();
        let task = tokio::spawn(async move {
            while let Ok((tcp, peer)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let mut stream = Stream::tcp(tcp, peer).unwrap();
                stream.start_tls(&keys, TlsProfile::Clients).await.unwrap();
                answer(Connection::new(stream, ConnectionSettings::default())).await;
            }
        });
        let trusting = TlsClient::new(Some(&certificate)).unwrap();
        Self { port, trusting, asked, task, _folder: folder }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn answer(mut connection: Connection) {
    let mut line = b"first".to_vec();
    while !line.is_empty() {
        line.clear();
        connection.read_line(&mut line, 1000).await.unwrap();
    }
    let reply = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{POLICY}",
        POLICY.len()
    );
    connection.push(reply.as_bytes());
    connection.flush().await.unwrap();
    connection.close().await;
}

async fn fetched(scene: &Scene) -> Timestamp {
    let row = scene.store.read(|tx| tx.find_sts_policy("sts.test")).await.unwrap().unwrap();
    assert_eq!((row.id.as_str(), row.policy.as_str()), ("1", POLICY));
    row.fetched
}

async fn pass_on(scene: &Scene, count: u64) {
    scene.send(&["x@sts.test"]).await;
    scene.queue.wait_until(|done| done.delivered == count && done.active == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_renewed_while_mail_goes_on() {
    let (mail, web) = (Server::start().await, Web::start().await);
    let scene = Scene::with(&[], |settings| {
        (settings.port, settings.https_port) = (mail.address.port(), web.port);
    })
    .await;
    scene.queue.replace_tls(web.trusting.clone());
    let begin = scene.clock.now();
    pass_on(&scene, 1).await;
    assert_eq!((web.asked(), fetched(&scene).await), (1, begin));
    // What is kept is young.
    scene.advance(11 * 3600);
    pass_on(&scene, 2).await;
    assert_eq!((web.asked(), fetched(&scene).await), (1, begin));
    // RFC 8461 §3.3: half of its life is over.
    let later = scene.advance(2 * 3600);
    pass_on(&scene, 3).await;
    while fetched(&scene).await == begin {
        tokio::task::yield_now().await;
    }
    assert_eq!((web.asked(), fetched(&scene).await), (2, later));
    // Who keeps us from the web server on the day on which it would have ended gains nothing.
    web.task.abort();
    scene.advance(20 * 3600);
    pass_on(&scene, 4).await;
    assert_eq!(fetched(&scene).await, later);
    assert_eq!(mail.taken().len(), 4);
    scene.close().await;
}
