//! WebDAV-Push, up to a push service that decrypts what it is sent, and looks who says it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use aws_lc_rs::signature;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dav::{PushKey, PushSettings, Pusher, PusherSettings, Settings};
use net::{Dns, DnsFuture, MailExchanger, TlsClient, generate_self_signed};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::calendars::{AT_NINE, event};
use crate::house::{Answered, House, on_both_engines, on_both_engines_with};

const CALENDAR: &str = "/dav/calendars/julie@example.test/personal/";

pub(crate) fn pushing(settings: &mut Settings) {
    let key = PushKey::from_pkcs8(&PushKey::generate().unwrap()).unwrap();
    settings.pushes = Some(PushSettings { key: Arc::new(key), subscriptions_max: 2 });
}

pub(crate) fn body(resource: &str, key: &str, triggers: &str) -> String {
    format!(
        "<P:push-register xmlns:P=\"https://bitfire.at/webdav-push\" xmlns:D=\"DAV:\">\
         <P:subscription><P:web-push-subscription><P:push-resource>{resource}</P:push-resource>\
         <P:content-encoding>aes128gcm</P:content-encoding>\
         <P:subscription-public-key type=\"p256dh\">{key}</P:subscription-public-key>\
         <P:auth-secret>BTBZMqHH6r4Tts7J_aSIgg</P:auth-secret>\
         </P:web-push-subscription></P:subscription><P:trigger>{triggers}</P:trigger>\
         </P:push-register>"
    )
}

pub(crate) const KEY: &str =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
pub(crate) const CONTENT: &str = "<P:content-update><D:depth>1</D:depth></P:content-update>";
const PROPERTIES: &str = "<P:property-update><D:depth>0</D:depth></P:property-update>";

pub(crate) async fn register(house: &House, body: &str) -> Answered {
    house.julie("POST", "personal/", "Content-Type: application/xml", body).await
}

#[test]
fn programs_subscribe_renew_and_go() {
    on_both_engines_with(pushing, |house| async move {
        let options = house.ask("julie", "OPTIONS", CALENDAR, "", "").await;
        assert!(options.header("dav").ends_with(", webdav-push"), "{}", options.header("dav"));
        let wanted = "<D:propfind xmlns:D=\"DAV:\" xmlns:P=\"https://bitfire.at/webdav-push\"><D:prop>\
                      <P:transports/><P:topic/><P:supported-triggers/></D:prop></D:propfind>";
        let found = house.ask("julie", "PROPFIND", CALENDAR, "Depth: 0", wanted).await;
        assert!(found.text.contains("<P:vapid-public-key type=\"p256ecdsa\">B"), "{}", found.text);
        let triggers = "<P:supported-triggers><P:content-update><D:depth>1</D:depth>\
            </P:content-update><P:property-update><D:depth>0</D:depth></P:property-update>";
        assert!(found.text.contains(triggers), "{}", found.text);
        let first = register(&house, &body("https://push.test/1", KEY, CONTENT)).await;
        assert_eq!(first.status, 201, "{}", first.text);
        assert_eq!(first.header("expires"), "Thu, 08 Jan 2026 00:00:00 GMT");
        let location = first.header("location").to_owned();
        assert!(location.starts_with("/dav/push/"), "{location}");
        let again = register(&house, &body("https://push.test/1", KEY, PROPERTIES)).await;
        assert_eq!((again.status, again.header("location")), (201, location.as_str()));
        let second = register(&house, &body("https://push.test/2", KEY, CONTENT)).await;
        assert_eq!(second.status, 201);
        let third = register(&house, &body("https://push.test/3", KEY, CONTENT)).await;
        assert_eq!((third.status, third.failed()), (403, "P:push-not-available"));
        for (resource, key, triggers, why) in [
            ("http://push.test/", KEY, CONTENT, "P:invalid-subscription"),
            ("https://push.test/", "AAAA", CONTENT, "P:invalid-subscription"),
            ("https://push.test/", KEY, "", "P:no-supported-trigger"),
        ] {
            let refused = register(&house, &body(resource, key, triggers)).await;
            assert_eq!((refused.status, refused.failed()), (403, why));
        }
        assert_eq!(house.ask("paul", "DELETE", &location, "", "").await.status, 404);
        assert_eq!(house.ask("julie", "DELETE", &location, "", "").await.status, 204);
        assert_eq!(house.ask("julie", "DELETE", &location, "", "").await.status, 404);
    });
}

/// What DAVx5 4.5 sends: neither a trigger nor an encoding, and the URL of the subscription with
/// what it changes itself.
#[test]
fn davx5_subscribes_and_is_not_told_of_its_own() {
    let set = |settings: &mut Settings| {
        pushing(settings);
        settings.public_url = "https://dav.test".to_owned();
    };
    on_both_engines_with(set, |house| async move {
        let body = format!(
            "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?><n0:push-register \
             xmlns:n0=\"https://bitfire.at/webdav-push\"><n0:subscription>\
             <n0:web-push-subscription><n0:push-resource>https://push.test/up?id=1</n0:push-resource>\
             <n0:subscription-public-key type=\"p256dh\">{KEY}</n0:subscription-public-key>\
             <n0:auth-secret>BTBZMqHH6r4Tts7J_aSIgg</n0:auth-secret></n0:web-push-subscription>\
             </n0:subscription><n0:expires>Sun, 04 Jan 2026 00:00:00 GMT</n0:expires>\
             </n0:push-register>"
        );
        let xml = "Content-Type: application/xml; charset=utf-8";
        let answer = house.julie("POST", "personal/", xml, &body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert_eq!(answer.header("expires"), "Sun, 04 Jan 2026 00:00:00 GMT");
        // It asks for what stands there by itself: the URL is absolute.
        let location = answer.header("location").to_owned();
        let path = location.strip_prefix("https://dav.test").unwrap();
        let quiet = format!("Push-Dont-Notify: \"{location}\"");
        let put = house.julie("PUT", "personal/own", &quiet, &event("own", AT_NINE)).await;
        assert_eq!(put.status, 201);
        let behind = house.store.read(|tx| tx.pushes_behind_of_all(0)).await.unwrap();
        assert!(behind.0.is_empty());
        let empty = body.replace("</n0:subscription>", "</n0:subscription><n0:trigger/>");
        let refused = house.julie("POST", "personal/", xml, &empty).await;
        assert_eq!((refused.status, refused.failed()), (403, "P:no-supported-trigger"));
        assert_eq!(house.ask("julie", "DELETE", path, "", "").await.status, 204);
    });
}

#[test]
fn without_pushes_nobody_subscribes() {
    on_both_engines(|house| async move {
        let refused = register(&house, &body("https://push.test/1", KEY, CONTENT)).await;
        assert_eq!((refused.status, refused.failed()), (403, "P:push-not-available"));
        let options = house.ask("julie", "OPTIONS", CALENDAR, "", "").await;
        assert!(!options.header("dav").contains("push"));
    });
}

/// Every name is here.
pub(crate) struct Here;

impl Dns for Here {
    fn mail_exchangers<'a>(&'a self, _: &'a str) -> DnsFuture<'a, Vec<MailExchanger>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn addresses<'a>(&'a self, _: &'a str) -> DnsFuture<'a, Vec<IpAddr>> {
        Box::pin(std::future::ready(Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])))
    }
}

/// One request to a push service: its head in lower case, and its body.
pub(crate) async fn take(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    status: &str,
) -> (String, Vec<u8>) {
    let mut stream = acceptor.accept(stream).await.unwrap();
    let mut all = Vec::new();
    loop {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).await.unwrap();
        all.extend_from_slice(&part[..read]);
        let Some(end) = all.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(all[..end].to_vec()).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if all.len() - end - 4 == length.unwrap().parse::<usize>().unwrap() {
            let reply = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(reply.as_bytes()).await.unwrap();
            stream.shutdown().await.ok();
            return (head, all.split_off(end + 4));
        }
    }
}

async fn next(listener: &TcpListener, acceptor: &TlsAcceptor, status: &str) -> (String, Vec<u8>) {
    take(listener.accept().await.unwrap().0, acceptor, status).await
}

pub(crate) fn acceptor(folder: &std::path::Path) -> (TlsAcceptor, TlsClient) {
    let (certificate, key) = (folder.join("c.pem"), folder.join("k.pem"));
    generate_self_signed(&certificate, &key, &["push.test".to_owned()]).unwrap();
    let chain = CertificateDer::pem_file_iter(&certificate).unwrap();
    let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(&key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), TlsClient::new(Some(&certificate)).unwrap())
}

/// RFC 8291 §3.4 from the other end.
fn decrypt(message: &[u8], own: &PrivateKey, secret: &[u8]) -> String {
    let (salt, sender, record) = (&message[..16], &message[21..86], &message[86..]);
    assert_eq!(message[20], 65);
    let hmac = |key: &[u8], parts: &[&[u8]]| {
        sign(&Key::new(HMAC_SHA256, key), &parts.concat()).as_ref().to_vec()
    };
    let theirs = UnparsedPublicKey::new(&ECDH_P256, sender);
    let shared = agree(own, theirs, (), |shared| Ok(shared.to_vec())).unwrap();
    let public = own.compute_public_key().unwrap();
    let extracted = hmac(secret, &[&shared]);
    let material = hmac(&extracted, &[b"WebPush: info\0", public.as_ref(), sender, &[1]]);
    let extracted = hmac(salt, &[&material]);
    let key = hmac(&extracted, &[b"Content-Encoding: aes128gcm\0", &[1]]);
    let nonce = hmac(&extracted, &[b"Content-Encoding: nonce\0", &[1]]);
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key[..16]).unwrap());
    let nonce = Nonce::try_assume_unique_for_key(&nonce[..12]).unwrap();
    let mut record = record.to_vec();
    let plain = key.open_in_place(nonce, Aad::empty(), &mut record).unwrap();
    String::from_utf8(plain.strip_suffix(&[2]).unwrap().to_vec()).unwrap()
}

#[test]
fn a_push_service_is_told_what_it_cannot_read() {
    let kept = std::sync::Mutex::new(None);
    let set = |settings: &mut Settings| {
        pushing(settings);
        *kept.lock().unwrap() = settings.pushes.clone();
    };
    on_both_engines_with(set, |house| {
        let key = kept.lock().unwrap().clone().unwrap().key;
        async move {
            let folder = tempfile::tempdir().unwrap();
            let (acceptor, tls) = acceptor(folder.path());
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let origin = format!("https://push.test:{}", listener.local_addr().unwrap().port());
            let pusher = |private_addresses| {
                let settings = PusherSettings {
                    delay: Duration::ZERO,
                    private_addresses,
                    contact: "https://dav.example.test".to_owned(),
                };
                let (store, dns) = (house.store.clone(), Arc::new(Here));
                Pusher::new(store, key.clone(), tls.clone(), dns, settings)
            };
            let own = PrivateKey::generate(&ECDH_P256).unwrap();
            let public = own.compute_public_key().unwrap();
            let public = URL_SAFE_NO_PAD.encode(public.as_ref());
            let text = body(&format!("{origin}/x"), &public, CONTENT);
            let registered = register(&house, &text).await;
            assert_eq!(registered.status, 201, "{}", registered.text);
            let url = registered.header("location").to_owned();
            let put = async |name: &str, headers: &str| {
                let path = format!("personal/{name}.ics");
                let put = house.julie("PUT", &path, headers, &event(name, AT_NINE)).await;
                assert_eq!(put.status, 201, "{}", put.text);
            };
            put("a", &format!("Push-Dont-Notify: \"{url}\"")).await;
            assert_eq!(pusher(true).tell_due().await.unwrap(), 0);
            put("b", "").await;
            let with = pusher(true);
            let (told, (head, sent)) =
                tokio::join!(with.tell_due(), next(&listener, &acceptor, "201 Created"));
            assert_eq!(told.unwrap(), 1);
            for line in
                ["POST /x HTTP/1.1", "content-encoding: aes128gcm", "ttl: 86400", "urgency: normal"]
            {
                assert!(head.lines().any(|one| one == line), "{line}: {head}");
            }
            let secret = URL_SAFE_NO_PAD.decode("BTBZMqHH6r4Tts7J_aSIgg").unwrap();
            let message = decrypt(&sent, &own, &secret);
            assert!(message.contains("push-message") && message.contains("<D:sync-token>data:,"));
            verify(&head, &origin);
            assert_eq!(with.tell_due().await.unwrap(), 0, "once");
            // The push service knows nobody of that name any more.
            put("c", "").await;
            let (told, _) = tokio::join!(with.tell_due(), next(&listener, &acceptor, "410 Gone"));
            assert_eq!(told.unwrap(), 1);
            assert_eq!(house.ask("julie", "DELETE", &url, "", "").await.status, 404);
            // What is behind the wall is not asked.
            assert_eq!(register(&house, &text).await.status, 201);
            put("d", "").await;
            assert_eq!(pusher(false).tell_due().await.unwrap(), 1);
        }
    });
}

/// RFC 8292 §2, §3.
fn verify(head: &str, origin: &str) {
    let header = head.lines().find_map(|line| line.strip_prefix("authorization: vapid t="));
    let (token, public) = header.unwrap().split_once(", k=").unwrap();
    let (signed, signed_by) = token.rsplit_once('.').unwrap();
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let key =
        signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, decode(public));
    key.verify(signed.as_bytes(), &decode(signed_by)).unwrap();
    let claims = String::from_utf8(decode(signed.split_once('.').unwrap().1)).unwrap();
    let expect =
        format!("{{\"aud\":\"{origin}\",\"exp\":1767268800,\"sub\":\"https://dav.example.test\"}}");
    assert_eq!(claims, expect);
}
