//! Every mechanism from its name to a signed-in account: a real store, a real TLS connection,
//! and clients written from the RFCs.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::panic, reason = "and says why")]

mod house;

use auth::{AuthError, Protocol, Turn};
use ids::Clock;
use sasl::{BearerToken, Credentials, Failure, Name};
use storage::{AccessKeyKind, Grant};
use testkit::client::{Binding, ScramClient};

use house::{Client, House, JULIE, outcome};

/// Names in the order they are announced.
fn names(names: &[Name]) -> String {
    names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn offers() {
    let house = House::new(true).await;
    let clear = house.clear();
    assert_eq!(names(&clear.offered()), "PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-1");
    let tls = house.tls(None).await;
    assert_eq!(
        names(&tls.offered()),
        "PLAIN LOGIN SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1 \
         OAUTHBEARER XOAUTH2"
    );
    let certified = house.tls(Some(&["julie@example.test"])).await;
    assert!(certified.offered().contains(&Name::External));
    let old = house.tls12().await;
    assert_eq!(names(&old.offered()), "PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-1 OAUTHBEARER XOAUTH2");
    let without = House::new(false).await;
    assert_eq!(names(&without.clear().offered()), "PLAIN LOGIN");
    assert!(without.begin(&without.clear(), "SCRAM-SHA-256").is_none());
    assert!(house.begin(&clear, "OAUTHBEARER").is_none());
    assert!(house.begin(&clear, "scram-sha-256").is_some());
}

#[tokio::test]
async fn scram_signs_in_and_proves_the_server() {
    let house = House::new(true).await;
    house.set_password("right password").await;
    let clear = house.clear();
    for mechanism in ["SCRAM-SHA-1", "SCRAM-SHA-256"] {
        for (name, password, expect) in [
            (JULIE, "right password", Ok(Grant::Password)),
            ("Julie%40Example.ORG", "right password", Ok(Grant::Password)),
            (JULIE, "wrong password", Err(AuthError::Wrong)),
            ("nobody@example.test", "right password", Err(AuthError::Wrong)),
            ("no address", "right password", Err(AuthError::Wrong)),
        ] {
            let client = ScramClient::new(mechanism, name, password, Binding::Unsupported);
            let turn = house.scram(&clear, mechanism, client).await;
            assert_eq!(outcome(turn), expect, "{mechanism} {name} {password}");
        }
    }
    let counts = house.authenticator.counts();
    assert_eq!((counts.signed_in, counts.wrong, counts.verified), (4, 6, 0));
}

#[tokio::test]
async fn scram_binds_to_the_channel() {
    let house = House::new(true).await;
    house.set_password("right password").await;
    let tls = house.tls(None).await;
    let other = house.tls(None).await;
    let exporter = |client: &Client| Binding::Bound("tls-exporter", client.exporter.clone());
    let end_point = Binding::Bound("tls-server-end-point", house.end_point());
    let broken: Result<Grant, Failure> = Err(Failure::ChannelBinding);
    for (mechanism, binding, expect) in [
        ("SCRAM-SHA-256-PLUS", exporter(&tls), Ok(Grant::Password)),
        ("SCRAM-SHA-1-PLUS", exporter(&tls), Ok(Grant::Password)),
        ("SCRAM-SHA-256-PLUS", end_point.clone(), Ok(Grant::Password)),
        ("SCRAM-SHA-256", Binding::Unsupported, Ok(Grant::Password)),
        // What somebody in between would bring along from the connection with the client.
        ("SCRAM-SHA-256-PLUS", exporter(&other), broken),
        // RFC 5802 §6: a client that was told of no -PLUS, though we told.
        ("SCRAM-SHA-256", Binding::NotOffered, broken),
        ("SCRAM-SHA-256-PLUS", Binding::Unsupported, broken),
    ] {
        let client = ScramClient::new(mechanism, JULIE, "right password", binding.clone());
        match (house.scram(&tls, mechanism, client).await, expect) {
            (Turn::Failed(failure), Err(expect)) => assert_eq!(failure, expect),
            (turn, expect) => {
                assert_eq!(outcome(turn).ok(), expect.ok(), "{mechanism} {binding:?}");
            }
        }
    }
    // Where none is offered, a client that could bind is let in.
    let client = ScramClient::new("SCRAM-SHA-256", JULIE, "right password", Binding::NotOffered);
    let old = house.tls12().await;
    assert_eq!(outcome(house.scram(&old, "SCRAM-SHA-256", client).await), Ok(Grant::Password));
}

#[tokio::test]
async fn nobody_can_tell_which_accounts_exist() {
    let house = House::new(true).await;
    house.set_password("right password").await;
    let clear = house.clear();
    let first = |name: &'static str| house.server_first(&clear, name);
    let mut seen = Vec::new();
    for name in [JULIE, "nobody@example.test", "paul@example.test", "no address"] {
        let (one, two) = (first(name).await, first(name).await);
        assert_ne!(one, two, "the nonces differ");
        assert_eq!(terms_of(&one), terms_of(&two));
        let (salt, iterations) = terms_of(&one).split_once(",i=").unwrap();
        assert_eq!((salt.len(), iterations), (24, "4096"), "{name}");
        let salt = salt.to_owned();
        assert!(!seen.contains(&salt), "{name}");
        seen.push(salt);
    }
    // Under the domain alias nobody has the salt they have under the domain, as Julie does.
    for name in ["julie@example.org", "nobody@example.org"] {
        let here = first(name).await;
        let there = house.server_first(&clear, &name.replace("org", "test")).await;
        assert_eq!(terms_of(&here), terms_of(&there), "{name}");
    }
}

/// Salt and iteration count of the server's first message.
fn terms_of(server_first: &str) -> &str {
    server_first.split_once(",s=").unwrap().1
}

#[tokio::test]
async fn verifiers_come_and_go_with_the_password() {
    let house = House::new(true).await;
    let clear = house.clear();
    let scram = async |password: &str| {
        let client = ScramClient::new("SCRAM-SHA-256", JULIE, password, Binding::Unsupported);
        outcome(house.scram(&clear, "SCRAM-SHA-256", client).await)
    };
    // The fixture's password was set before SCRAM; signing in with it in clear makes up for it.
    assert_eq!(scram("first password").await, Err(AuthError::Wrong));
    assert_eq!(house.plain(&clear, JULIE, "first password").await, Ok(Grant::Password));
    assert_eq!(scram("first password").await, Ok(Grant::Password));
    house.set_hash_only("second password").await;
    assert_eq!(scram("first password").await, Err(AuthError::Wrong));
    assert_eq!(scram("second password").await, Err(AuthError::Wrong));
    house.set_password("third p\u{e4}ssword").await;
    assert_eq!(scram("third p\u{e4}ssword").await, Ok(Grant::Password));
    house.block(true).await;
    assert_eq!(scram("third p\u{e4}ssword").await, Err(AuthError::Blocked));
    assert_eq!(scram("second password").await, Err(AuthError::Wrong));
}

#[tokio::test]
async fn guessing_over_scram_is_slowed_down() {
    let house = House::new(true).await;
    house.set_password("right password").await;
    let clear = house.clear();
    for _ in 0..20 {
        let client = ScramClient::new("SCRAM-SHA-1", JULIE, "a guess", Binding::Unsupported);
        let turn = house.scram(&clear, "SCRAM-SHA-1", client).await;
        assert_eq!(outcome(turn), Err(AuthError::Wrong));
    }
    let client = ScramClient::new("SCRAM-SHA-1", JULIE, "right password", Binding::Unsupported);
    let turn = house.scram(&clear, "SCRAM-SHA-1", client).await;
    assert_eq!(outcome(turn), Err(AuthError::Throttled { retry_after_secs: 5 }));
}

#[tokio::test]
async fn app_passwords_open_what_they_may() {
    let house = House::new(true).await;
    house.set_password("right password").await;
    let clear = house.clear();
    let (phone, secret) = house.add_app_password("imap,http").await;
    let (_, mailer) = house.add_app_password("submission").await;
    let granted = Ok(Grant::AccessKey(phone.id));
    assert_eq!(house.plain(&clear, JULIE, &secret).await, granted);
    assert_eq!(house.plain(&clear, "julie@example.org", &secret).await, granted);
    assert_eq!(house.plain(&clear, "paul@example.test", &secret).await, Err(AuthError::Wrong));
    assert_eq!(house.plain(&clear, JULIE, &mailer).await, Err(AuthError::Wrong));
    for (password, expect) in [
        (secret.as_str(), granted.clone()),
        (mailer.as_str(), Err(AuthError::Wrong)),
        ("right password", Ok(Grant::Password)),
    ] {
        let client = ScramClient::new("SCRAM-SHA-256", JULIE, password, Binding::Unsupported);
        let turn = house.scram(&clear, "SCRAM-SHA-256", client).await;
        assert_eq!(outcome(turn), expect, "{password}");
    }
    let used = house.find_key(&secret).await.unwrap();
    assert_eq!(used.last_used, Some(house.clock.now()));

    // Revoking it ends its sessions and no other.
    let by_key = house.signed_in(&clear, &secret).await;
    let by_password = house.signed_in(&clear, "right password").await;
    assert_eq!(house.authenticator.is_current(&by_key).await, Ok(true));
    house.revoke(AccessKeyKind::AppPassword, &phone.name).await;
    assert_eq!(house.authenticator.is_current(&by_key).await, Ok(false));
    assert_eq!(house.authenticator.is_current(&by_password).await, Ok(true));
    assert_eq!(house.plain(&clear, JULIE, &secret).await, Err(AuthError::Wrong));
}

#[tokio::test]
async fn tokens() {
    let house = House::new(true).await;
    let tls = house.tls(None).await;
    let (key, secret) = house.add_token("imap", Some(3600)).await;
    let granted = Ok(Grant::AccessKey(key.id));
    let wrong = || Err(AuthError::Wrong);
    let table = [
        ("OAUTHBEARER", format!("n,a={JULIE},\x01auth=Bearer {secret}\x01\x01"), granted.clone()),
        ("OAUTHBEARER", format!("n,,\x01host=x\x01auth=bearer {secret}\x01\x01"), granted.clone()),
        ("XOAUTH2", format!("user=Julie@Example.org\x01auth=Bearer {secret}\x01\x01"), granted),
        ("XOAUTH2", format!("user=paul@example.test\x01auth=Bearer {secret}\x01\x01"), wrong()),
        ("OAUTHBEARER", format!("n,a=nonsense,\x01auth=Bearer {secret}\x01\x01"), wrong()),
        ("OAUTHBEARER", format!("n,,\x01auth=Bearer {secret}x\x01\x01"), wrong()),
    ];
    for (mechanism, message, expect) in table {
        let mut dialog = house.begin(&tls, mechanism).unwrap();
        let mut turn = dialog.advance(&house.authenticator, Some(message.as_bytes())).await;
        if expect.is_err() {
            let Turn::Challenge(error) = turn else { panic!("{turn:?}") };
            assert!(error.starts_with(b"{\"status\":\""), "{message}");
            turn = dialog.advance(&house.authenticator, Some(b"\x01")).await;
        }
        assert_eq!(outcome(turn), expect, "{message}");
    }
    // A token is no password.
    assert_eq!(house.plain(&tls, JULIE, &secret).await, wrong());
    let session = {
        let message = format!("n,,\x01auth=Bearer {secret}\x01\x01");
        let mut dialog = house.begin(&tls, "OAUTHBEARER").unwrap();
        match dialog.advance(&house.authenticator, Some(message.as_bytes())).await {
            Turn::SignedIn(signed_in) => signed_in,
            turn => panic!("{turn:?}"),
        }
    };
    assert_eq!(house.authenticator.is_current(&session).await, Ok(true));
    house.clock.advance_secs(3600);
    assert_eq!(house.authenticator.is_current(&session).await, Ok(false));
    let (_, mailer) = house.add_token("submission", None).await;
    let message = format!("n,,\x01auth=Bearer {mailer}\x01\x01");
    for (protocol, goes) in [(Protocol::Imap, false), (Protocol::Submission, true)] {
        let mut dialog = house.begin_over(&tls, protocol, "OAUTHBEARER").unwrap();
        let turn = dialog.advance(&house.authenticator, Some(message.as_bytes())).await;
        assert_eq!(matches!(turn, Turn::SignedIn(_)), goes, "{protocol:?} {turn:?}");
    }
}

#[tokio::test]
async fn what_strangers_try_keeps_no_token_out() {
    let house = House::new(true).await;
    let (_, secret) = house.add_token("imap", None).await;
    let token = |authzid: Option<&str>, token: &str| BearerToken {
        authzid: authzid.map(str::to_owned),
        token: token.into(),
    };
    let comes = |bearer: BearerToken, peer: String| {
        let house = &house;
        async move {
            let peer = peer.parse().unwrap();
            let outcome = house.authenticator.sign_in_token(&bearer, Protocol::Imap, peer).await;
            outcome.map(|signed_in| signed_in.account)
        }
    };
    let own = || "192.0.2.1".to_owned();
    let julie = comes(token(Some(JULIE), &secret), own()).await.unwrap();
    let throttled =
        |outcome: &Result<_, AuthError>| matches!(outcome, Err(AuthError::Throttled { .. }));
    // In her name from many places, until they wait.
    let mut tries = 0;
    loop {
        let peer = format!("198.51.{}.{}", tries % 200, 1 + tries / 200);
        let outcome = comes(token(Some(JULIE), &format!("wrong{tries}")), peer).await;
        if throttled(&outcome) {
            break;
        }
        assert_eq!(outcome, Err(AuthError::Wrong));
        tries += 1;
        assert!(tries < 500);
    }
    assert_eq!(comes(token(Some(JULIE), &secret), own()).await, Ok(julie));
    // Passwords of hers, too, which keep none out from an address that was never seen either.
    let guess = |tries: usize| {
        let house = &house;
        async move {
            let credentials = Credentials {
                authzid: None,
                authcid: JULIE.to_owned(),
                password: format!("wrong{tries}").as_str().into(),
            };
            let peer = format!("203.0.{}.{}", tries % 200, 1 + tries / 200).parse().unwrap();
            let outcome = house.authenticator.sign_in(&credentials, Protocol::Imap, peer).await;
            outcome.map(|signed_in| signed_in.account)
        }
    };
    let mut tries = 0;
    while !throttled(&guess(tries).await) {
        tries += 1;
        assert!(tries < 500);
    }
    assert_eq!(comes(token(None, &secret), "198.18.0.1".to_owned()).await, Ok(julie));
    // In nobody's name from all around her, until the network waits.
    let mut tries = 0;
    loop {
        let peer = format!("192.0.2.{}", 2 + tries % 200);
        let outcome = comes(token(None, &format!("wrong{tries}")), peer).await;
        if throttled(&outcome) {
            break;
        }
        assert_eq!(outcome, Err(AuthError::Wrong));
        tries += 1;
        assert!(tries < 2_000);
    }
    assert_eq!(comes(token(None, &secret), own()).await, Ok(julie));
    assert!(throttled(&comes(token(None, &secret), "192.0.2.250".to_owned()).await));
}

#[tokio::test]
async fn certificates() {
    let house = House::new(true).await;
    let wrong = || Err(AuthError::Wrong);
    let granted = || Ok(Grant::Certificate);
    let table: [(&[&str], &str, Result<Grant, AuthError>); 8] = [
        (&["julie@example.test"], "", granted()),
        (&["Julie@Example.org"], "", granted()),
        (&["julie@example.org"], "julie@example.test", granted()),
        (&["nobody@example.test", "julie@example.test"], "", granted()),
        (&["julie@example.test"], "paul@example.test", wrong()),
        (&["julie@example.test"], "nonsense", wrong()),
        (&["nobody@example.test"], "", wrong()),
        (&["info@example.test"], "", wrong()),
    ];
    for (addresses, authzid, expect) in table {
        let client = house.tls(Some(addresses)).await;
        let mut dialog = house.begin(&client, "EXTERNAL").unwrap();
        let turn = dialog.advance(&house.authenticator, Some(authzid.as_bytes())).await;
        assert_eq!(outcome(turn), expect, "{addresses:?} {authzid}");
    }
    let both = house.tls(Some(&["paul@example.test", "julie@example.test"])).await;
    for (authzid, address) in [("", "paul@example.test"), (JULIE, JULIE)] {
        let mut dialog = house.begin(&both, "EXTERNAL").unwrap();
        match dialog.advance(&house.authenticator, Some(authzid.as_bytes())).await {
            Turn::SignedIn(signed_in) => assert_eq!(signed_in.address.to_string(), address),
            turn => panic!("{turn:?}"),
        }
    }
}

#[tokio::test]
async fn exchanges_that_break_off() {
    let house = House::new(true).await;
    let clear = house.clear();
    let mut dialog = house.begin(&clear, "SCRAM-SHA-256").unwrap();
    let turn = dialog.advance(&house.authenticator, Some(b"nonsense")).await;
    assert!(matches!(turn, Turn::Failed(Failure::Malformed)), "{turn:?}");
    // Nobody is signed in before the client has acknowledged the server's proof.
    house.set_password("right password").await;
    let client = ScramClient::new("SCRAM-SHA-256", JULIE, "right password", Binding::Unsupported);
    let (mut dialog, turn) = house.scram_until_proof(&clear, "SCRAM-SHA-256", client).await;
    assert!(matches!(turn, Turn::Challenge(_)), "{turn:?}");
    let turn = dialog.advance(&house.authenticator, Some(b"x")).await;
    assert!(matches!(turn, Turn::Failed(Failure::Malformed)), "{turn:?}");
}
