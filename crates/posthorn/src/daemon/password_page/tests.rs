use auth::{AuthSettings, PasswordPolicy, Protocol, ThrottleSettings};
use http_body_util::BodyExt;
use ids::AccountId;
use storage::{NewAccount, Role, Settings};
use testkit::ManualClock;

use super::*;

const PEER: Peer = Peer { ip: IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7)), is_tls: true };
const GONE: &str = "This link sets no password";

/// A house with one account, whose address has what is markup elsewhere.
struct House {
    page: PasswordPage,
    clock: Arc<ManualClock>,
    account: AccountId,
    _folder: tempfile::TempDir,
}

/// What was answered.
struct Answer {
    status: u16,
    head: hyper::HeaderMap,
    html: String,
}

impl Answer {
    fn title(&self) -> &str {
        let title = self.html.split("<title>").nth(1).unwrap_or_default();
        title.split("</title>").next().unwrap_or_default()
    }

    fn alert(&self) -> &str {
        let alert = self.html.split("<p role=\"alert\"><strong>").nth(1).unwrap_or_default();
        alert.split("</strong>").next().unwrap_or_default()
    }
}

async fn house() -> House {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let store = Store::open(Settings::new(folder.path(), clock.clone())).unwrap();
    let new = NewAccount {
        address: Address::parse("O'Brien&co@example.test").unwrap(),
        name: String::new(),
        role: Role::Collaborator,
        password_hash: "$argon2id$old".to_owned(),
        quota_bytes: 0,
        mail_only: false,
    };
    let made = store.write("test", |tx| {
        tx.create_domain("example.test")?;
        tx.create_account(new)
    });
    let account = made.await.unwrap().value;
    let settings = AuthSettings {
        passwords: PasswordPolicy { chars_min: 8, argon2_memory_kib: 16, argon2_passes: 1 },
        throttle: ThrottleSettings {
            failures_per_address_max: 3,
            window_secs: 60,
            ..ThrottleSettings::default()
        },
        ..AuthSettings::default()
    };
    let authenticator = Authenticator::new(store.clone(), clock.clone(), settings).unwrap();
    let page = PasswordPage {
        store,
        authenticator: Arc::new(authenticator),
        plaintext_auth: false,
        computing: Arc::default(),
    };
    House { page, clock, account, _folder: folder }
}

impl House {
    async fn link(&self, random: u8) -> String {
        let account = self.account;
        let made = self.page.store.write("test", move |tx| {
            tx.account(account)?.make_password_link(&[random; 32], 1, None)
        });
        format!("/password/{}", made.await.unwrap().value.secret)
    }

    async fn ask(&self, method: Method, path: &str, kind: &str, body: &str, peer: Peer) -> Answer {
        let request = Request::builder().method(method).uri(path).header("content-type", kind);
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        assert!(PasswordPage::is_for(&request));
        let (parts, body) = self.page.answer(request, peer).await.into_parts();
        let html = body.collect().await.unwrap().to_bytes().to_vec();
        let html = String::from_utf8(html).unwrap();
        let secret = path.rsplit('/').next().filter(|secret| secret.len() == 64);
        assert!(secret.is_none_or(|secret| !html.contains(secret)), "{html}");
        Answer { status: parts.status.as_u16(), head: parts.headers, html }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, "text/plain", "", PEER).await
    }

    async fn post(&self, path: &str, body: &str) -> Answer {
        let kind = "application/x-www-form-urlencoded";
        self.ask(Method::POST, path, kind, body, PEER).await
    }

    async fn signs_in(&self, password: &str) -> bool {
        let credentials = sasl::Credentials {
            authzid: None,
            authcid: "o'brien&co@example.test".to_owned(),
            password: password.into(),
        };
        let peer = IpAddr::from([198, 51, 100, 1]);
        self.page.authenticator.sign_in(&credentials, Protocol::Imap, peer).await.is_ok()
    }
}

#[tokio::test]
async fn the_form_is_shown_as_often_as_it_is_asked_for() {
    let house = house().await;
    let link = house.link(1).await;
    for _ in 0..5 {
        let answer = house.get(&link).await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.html,
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n\
             <title>Set your password</title>\n<h1>Set your password</h1>\n\
             <p>Here you set the password of O&#39;Brien&amp;co@example.test.</p>\n\
             <form method=\"post\">\n\
             <p><label>Account <input name=\"username\" value=\"O&#39;Brien&amp;co@example.test\" \
             autocomplete=\"username\" readonly></label></p>\n\
             <p><label>New password <input name=\"password\" type=\"password\" \
             autocomplete=\"new-password\" required autofocus></label></p>\n\
             <p><label>The same again <input name=\"again\" type=\"password\" \
             autocomplete=\"new-password\" required></label></p>\n\
             <p><button>Set the password</button></p>\n</form>\n</html>\n"
        );
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-robots-tag", "noindex"),
            (
                "content-security-policy",
                "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            ),
        ] {
            assert_eq!(answer.head[name], value);
        }
    }
    assert_eq!(house.ask(Method::HEAD, &link, "", "", PEER).await.status, 200);
}

#[tokio::test]
async fn a_form_sets_the_password_once() {
    let house = house().await;
    let link = house.link(1).await;
    let set =
        house.post(&link, "username=x&password=zo%C3%AB%C2%A0123+%26&again=zo%C3%AB%C2%A0123+%26");
    let set = set.await;
    assert_eq!((set.status, set.title()), (200, "Your password is set"));
    assert!(set.html.contains("<p>The password of O&#39;Brien&amp;co@example.test is the new one"));
    // In the normal form of all passwords.
    assert!(house.signs_in("zoe\u{308} 123 &").await);
    assert!(!house.signs_in("zo 123 &").await);
    for again in
        [house.get(&link).await, house.post(&link, "password=other1234&again=other1234").await]
    {
        assert_eq!((again.status, again.title()), (404, GONE));
    }
    assert!(house.signs_in("zo\u{eb} 123 &").await);
}

#[tokio::test]
async fn what_is_wrong_in_a_form_is_said_and_uses_nothing_up() {
    let house = house().await;
    let link = house.link(1).await;
    let short = "The password needs at least 8 characters.";
    let own = "The password is the address itself.";
    for (form, status, alert) in [
        ("password=long+enough&again=long+Enough", 422, "You did not write the same twice."),
        ("password=short&again=short", 422, short),
        ("password=&again=", 422, short),
        ("password=O%27brien%26co&again=O%27brien%26co", 422, own),
        ("password=1234567%00&again=1234567%00", 422, "The password holds control characters."),
        ("password=long+enough", 400, ""),
        ("", 400, ""),
    ] {
        let answer = house.post(&link, form).await;
        assert_eq!((answer.status, answer.alert()), (status, alert), "{form}");
    }
    let long = format!("password={0}&again={0}", "x".repeat(4096));
    assert_eq!(house.post(&link, &long).await.status, 413);
    let other = house.ask(Method::POST, &link, "text/plain", "password=a&again=a", PEER).await;
    assert_eq!(other.status, 415);
    let good = house.post(&link, "password=long+enough&again=long+enough").await;
    assert_eq!(good.status, 200);
    assert!(house.signs_in("long enough").await);
}

#[tokio::test]
async fn links_end_in_time_and_other_methods_are_refused() {
    let house = house().await;
    let (old, link) = (house.link(1).await, house.link(2).await);
    assert_eq!(house.get(&old).await.status, 404);
    assert_eq!(house.get(&link).await.status, 200);
    for method in [Method::PUT, Method::DELETE, Method::OPTIONS] {
        let answer = house.ask(method, &link, "", "", PEER).await;
        assert_eq!(
            (answer.status, &answer.head["allow"]),
            (405, &"GET, HEAD, POST".parse().unwrap())
        );
    }
    house.clock.advance_secs(3_600);
    assert_eq!(house.get(&link).await.status, 404);
    let late = house.post(&link, "password=long+enough&again=long+enough").await;
    assert_eq!((late.status, late.title()), (404, GONE));
    assert_eq!(house.get("/password/").await.status, 404);
}

#[tokio::test]
async fn nothing_goes_over_a_line_that_others_read() {
    let mut house = house().await;
    let link = house.link(1).await;
    let plain = Peer { is_tls: false, ..PEER };
    for method in [Method::GET, Method::POST] {
        assert_eq!(house.ask(method, &link, "", "", plain).await.status, 403);
    }
    house.page.plaintext_auth = true;
    assert_eq!(house.ask(Method::GET, &link, "", "", plain).await.status, 200);
}

/// Any page can have a browser ask for wrong ones.
#[tokio::test]
async fn wrong_links_keep_nobody_waiting() {
    let house = house().await;
    let link = house.link(1).await;
    for guess in 0..50 {
        assert_eq!(house.get(&format!("/password/{guess}")).await.status, 404);
    }
    assert_eq!(house.get(&link).await.status, 200);
    let body = "password=new+and+long&again=new+and+long";
    assert_eq!(house.post(&link, body).await.status, 200);
    assert!(house.signs_in("new and long").await);
}

#[tokio::test]
async fn one_form_of_an_account_is_answered_at_a_time() {
    let house = house().await;
    let link = house.link(1).await;
    let body = "password=new+and+long&again=new+and+long";
    let computing = house.page.computing.clone();
    computing.lock().unwrap().insert(house.account);
    let busy = house.post(&link, body).await;
    assert_eq!((busy.status, &busy.head["retry-after"]), (503, &HeaderValue::from(5)));
    assert!(computing.lock().unwrap().remove(&house.account), "whose turn it is keeps it");
    // What is wrong in a form ends its turn as well.
    assert_eq!(house.post(&link, "password=short&again=short").await.status, 422);
    assert_eq!(house.post(&link, body).await.status, 200);
    assert!(computing.lock().unwrap().is_empty());
}
