//! Sessions over memory, on stores of both engines, command by command.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use managesieve::{ManageSieveService, Settings};
use storage::{Address, Database, Withdrawn};
use testhouse::House;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// `AUTHENTICATE` of Julie with her password.
const SIGN_IN: &str =
    "AUTHENTICATE \"PLAIN\" \"AGp1bGllQGV4YW1wbGUudGVzdAByaWdodCBwYXNzd29yZA==\"\r\n";

/// Says `wire` on a new store of each engine; what comes after the greeting.
async fn on_both_engines(change: impl Fn(&mut Settings), wire: &str, expect: &str) {
    let made = || testkit::Postgres::shared().create_database();
    let database = tokio::task::spawn_blocking(made).await.unwrap();
    for engine in [Database::Sqlite, Database::Postgres(database.url().to_owned())] {
        let house = House::build(engine, None, |settings| {
            settings.scripts_max = 3;
            settings.script_bytes_max = 100;
        });
        let house = house.await;
        let mut settings = Settings {
            plaintext_auth: true,
            script_bytes_max: 100,
            mechanisms: vec![sasl::Name::Plain],
            errors_before_login_max: 3,
            ..Settings::default()
        };
        change(&mut settings);
        assert_eq!(talk(&house, settings, wire).await, expect.replace('\n', "\r\n"));
        assert_eq!(house.close().await, Vec::<String>::new());
    }
    tokio::task::spawn_blocking(move || drop(database)).await.unwrap();
}

/// What a session answers, from the end of the greeting on.
async fn talk(house: &House, settings: Settings, wire: &str) -> String {
    let (store, authenticator) = (house.store.clone(), house.authenticator.clone());
    let service = ManageSieveService::new(store, authenticator, settings);
    let came = house.talk(Arc::new(service), wire.as_bytes(), wire.len()).await;
    let (greeting, rest) = came.split_once("OK \"Posthorn ready\"\r\n").unwrap();
    assert!(greeting.starts_with("\"IMPLEMENTATION\" \"Posthorn "), "{greeting}");
    assert!(greeting.contains("\"SASL\" \"PLAIN\"\r\n\"SIEVE\" \"fileinto reject "), "{greeting}");
    assert!(greeting.contains("\"VERSION\" \"1.0\"\r\n"), "{greeting}");
    rest.to_owned()
}

/// The life of scripts (RFC 5804 §2.5 to RFC 5804 §2.12).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_are_kept() {
    let wire = [
        SIGN_IN,
        "HAVESPACE \"a\" 100\r\nHAVESPACE \"a\" 101\r\n",
        "PUTSCRIPT \"a\" {7+}\r\nkeep;\r\n\r\n",
        "PUTSCRIPT \"b\" \"discard;\"\r\n",
        "SETACTIVE \"b\"\r\nLISTSCRIPTS\r\nSETACTIVE \"none\"\r\n",
        "GETSCRIPT \"a\"\r\nGETSCRIPT \"none\"\r\n",
        "DELETESCRIPT \"b\"\r\nRENAMESCRIPT \"b\" \"a\"\r\nRENAMESCRIPT \"b\" \"\u{e9}\"\r\n",
        "LISTSCRIPTS\r\nSETACTIVE \"\"\r\nDELETESCRIPT \"\u{e9}\"\r\nLISTSCRIPTS\r\nLOGOUT\r\n",
    ];
    let expect = "OK \"Signed in\"\nOK\n\
        NO (QUOTA/MAXSIZE) \"A script has at most 100 bytes\"\n\
        OK\nOK\nOK\n\"a\"\n\"b\" ACTIVE\nOK\nNO (NONEXISTENT) \"No such script\"\n\
        {7}\nkeep;\n\nOK\nNO (NONEXISTENT) \"No such script\"\n\
        NO (ACTIVE) \"Not done: the script is active\"\n\
        NO (ALREADYEXISTS) \"There is a script of this name already\"\nOK\n\
        \"a\"\n\"\u{e9}\" ACTIVE\nOK\nOK\nOK\n\"a\"\nOK\nOK \"Goodbye\"\n";
    on_both_engines(|_| {}, &wire.concat(), expect).await;
}

/// R-ADDR-7: no script does what the account may not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_do_not_get_round_what_was_withdrawn() {
    let house = House::build(Database::Sqlite, None, |_| {}).await;
    let settings = || Settings {
        plaintext_auth: true,
        mechanisms: vec![sasl::Name::Plain],
        ..Settings::default()
    };
    let withdraw = |names: &'static str| {
        house.store.write("test", move |tx| {
            let julie = tx.find_account(&Address::parse("julie@example.test")?)?.unwrap().id;
            tx.account(julie)?.set_withdrawn(Withdrawn::parse(names).unwrap())
        })
    };
    let put = |name: &str, script: &str| {
        format!("PUTSCRIPT \"{name}\" {{{}+}}\r\n{script}\r\n", script.len())
    };
    let (vacation, redirect) = ("require \"vacation\"; vacation \"x\";", "redirect \"x@y.test\";");
    let wire = format!("{SIGN_IN}{}{}LOGOUT\r\n", put("v", vacation), put("r", redirect));
    let first = "OK \"Signed in\"\r\nOK\r\nOK\r\nOK \"Goodbye\"\r\n";
    assert_eq!(talk(&house, settings(), &wire).await, first);
    withdraw("responder,redirections").await.unwrap();
    let wire = format!(
        "{SIGN_IN}{}{}{}SETACTIVE \"v\"\r\nSETACTIVE \"r\"\r\nSETACTIVE \"k\"\r\n\
         SETACTIVE \"\"\r\nLOGOUT\r\n",
        put("v", vacation),
        put("r", redirect),
        put("k", "require \"vacation\"; keep;"),
    );
    let answers = "NO \"Not possible: the script uses vacation: the right to answer is withdrawn, or \
                   not given\"\r\n";
    let sends = "NO \"Not possible: the script uses redirect: the right to send mail on is \
                 withdrawn, or not given\"\r\n";
    let expect = format!(
        "OK \"Signed in\"\r\n{answers}{sends}OK\r\n{answers}{sends}OK\r\nOK\r\nOK \"Goodbye\"\r\n"
    );
    assert_eq!(talk(&house, settings(), &wire).await, expect);
    assert_eq!(house.close().await, Vec::<String>::new());
}

/// A script with mistakes is not stored, and each is told with its place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_are_told_with_their_places() {
    let wire = [
        SIGN_IN,
        "PUTSCRIPT \"a\" {9+}\r\nkeep;\r\nif\r\n",
        "CHECKSCRIPT {21+}\r\nkeep;\r\nnothing; else;\r\n",
        "CHECKSCRIPT \"keep;\"\r\nLISTSCRIPTS\r\nLOGOUT\r\n",
    ];
    let expect = "OK \"Signed in\"\n\
        NO \"line 2, column 3: a command must end with ; or a block\"\n\
        NO {86}\nline 2, column 1: unknown command \"nothing\"\n\
        line 2, column 10: unknown command \"else\"\n\
        OK\nOK\nOK \"Goodbye\"\n";
    on_both_engines(|_| {}, &wire.concat(), expect).await;
}

/// A script that is taken with warnings is taken (RFC 5804 §1.3).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn warnings_are_told_with_their_places() {
    let wire = [
        SIGN_IN,
        "PUTSCRIPT \"a\" {20+}\r\nkeep;\r\nstop;\r\nkeep;\r\n",
        "CHECKSCRIPT {47+}\r\nrequire \"vacation\";\r\n vacation :days 1 \"away\";\r\n",
        "LISTSCRIPTS\r\nLOGOUT\r\n",
    ];
    let expect = "OK \"Signed in\"\n\
        OK (WARNINGS) {55}\nline 3, column 1: warning: nothing behind \"stop\" is run\n\
        OK (WARNINGS) \"line 2, column 2: warning: a sender is answered again after 7 days, \
        not as is said here\"\n\"a\"\nOK\nOK \"Goodbye\"\n";
    on_both_engines(|_| {}, &wire.concat(), expect).await;
}

/// A script is never taken for commands, whatever went wrong before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_are_never_commands() {
    let put = "PUTSCRIPT \"a\" \"keep;\"\r\n";
    let long =
        format!("CHECKSCRIPT \"{}\" {{21+}}\r\nDELETESCRIPT \"a\"\r\n\r\n", "x".repeat(9000));
    for bad in [
        &long,
        "CHECKSCRIPT {4294967317+}\r\nDELETESCRIPT \"a\"\r\n\r\n",
        "CHECKSCRIPT {99999999999999999999+}\r\nDELETESCRIPT \"a\"\r\n\r\n",
    ] {
        let wire = format!("{SIGN_IN}{put}{bad}");
        let expect = "OK \"Signed in\"\nOK\nBYE (QUOTA/MAXSIZE) \"Too much to read\"\n";
        on_both_engines(|_| {}, &wire, expect).await;
    }
    // What is thrown away for its size is no command either; nor is what nobody asked for.
    let script = "DELETESCRIPT \"a\"\r\n".repeat(10);
    let wire = format!(
        "{SIGN_IN}{put}CHECKSCRIPT {{{}+}}\r\n{script}\r\nNOOP {{17+}}\r\nDELETESCRIPT \"a\" \
         {{0+}}\r\n\r\nLISTSCRIPTS\r\n",
        script.len()
    );
    let expect = "OK \"Signed in\"\nOK\n\
        NO (QUOTA/MAXSIZE) \"The literal is larger than what is taken\"\n\
        NO \"Wrong arguments\"\n\"a\"\nOK\n";
    on_both_engines(|_| {}, &wire, expect).await;
}

/// RFC 5804 §2.2: before TLS nobody signs in, and what came with STARTTLS counts for nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_injected_before_tls_end_the_connection() {
    let keys = tempfile::tempdir().unwrap();
    let (certificate, key) = (keys.path().join("cert.pem"), keys.path().join("key.pem"));
    net::generate_self_signed(&certificate, &key, &["sieve.example.test".to_owned()]).unwrap();
    let keys = Arc::new(net::TlsKeys::load(&certificate, &key).unwrap());
    let listener = net::Listener::bind(net::ListenerSettings {
        name: "managesieve".to_owned(),
        bind: vec!["127.0.0.1:0".parse().unwrap()],
        encryption: net::Encryption::StartTls(keys, net::TlsProfile::Clients),
        proxy_from: Vec::new(),
        connections_max: 10,
        address_limits: Arc::new(net::AddressLimits::new(10, true)),
        connection: net::ConnectionSettings::default(),
    })
    .unwrap();
    let address = listener.local_addresses()[0];
    let house = House::build(Database::Sqlite, None, |_| {}).await;
    let (store, authenticator) = (house.store.clone(), house.authenticator.clone());
    let service = ManageSieveService::new(store, authenticator, Settings::default());
    listener.serve(Arc::new(service), &house.shutdown);
    for (wire, expect) in [
        (SIGN_IN, "NO (ENCRYPT-NEEDED) \"Sign-in needs TLS, say STARTTLS first\"\r\n"),
        ("STARTTLS\r\nNOOP\r\n", "BYE \"Nothing may come before the handshake\"\r\n"),
    ] {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(wire.as_bytes()).await.unwrap();
        if wire == SIGN_IN {
            stream.shutdown().await.unwrap();
        }
        let mut came = String::new();
        stream.read_to_string(&mut came).await.unwrap();
        let (greeting, rest) = came.split_once("OK \"Posthorn ready\"\r\n").unwrap();
        assert!(greeting.contains("\"SASL\" \"\"\r\n"), "{greeting}");
        assert!(greeting.contains("\"STARTTLS\"\r\n"), "{greeting}");
        assert_eq!(rest, expect);
    }
}

/// What may not be sent is refused, and the session goes on or ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bounds_hold() {
    let wire = [
        "LISTSCRIPTS\r\n",
        SIGN_IN,
        "PUTSCRIPT \"a\" {101+}\r\n",
        &"#".repeat(101),
        "\r\nNOOP \"x\"\r\nFETCH\r\nSETACTIVE\r\nNOOP {1+}\r\n\"\r\nSETACTIVE \"a\u{7f}\"\r\n",
        "UNAUTHENTICATE\r\nLISTSCRIPTS\r\nPUTSCRIPT \"a\" {9999999+}\r\n",
    ];
    let expect = "NO \"Sign in first\"\nOK \"Signed in\"\n\
        NO (QUOTA/MAXSIZE) \"The literal is larger than what is taken\"\n\
        OK (TAG \"x\") \"Done\"\nNO \"Unknown command\"\nNO \"Wrong arguments\"\n\
        OK (TAG \"\\\"\") \"Done\"\n\
        NO \"Not possible: not a name: empty, too long, or with controls\"\n\
        OK \"Nobody is signed in\"\nNO \"Sign in first\"\n\
        BYE (QUOTA/MAXSIZE) \"Too much to read\"\n";
    on_both_engines(|_| {}, &wire.concat(), expect).await;
    let expect = "NO \"Wrong name or password\"\nNO \"Authentication cancelled\"\n\
                  NO \"Unknown command\"\nBYE \"Too many errors\"\n";
    let wire = "AUTHENTICATE \"PLAIN\" \"AGp1bGllQGV4YW1wbGUudGVzdAB3cm9uZyBwYXNzd29yZA==\"\r\n\
                AUTHENTICATE \"PLAIN\" \"*\"\r\nNO\r\n";
    on_both_engines(|_| {}, wire, expect).await;
}

/// Fifteen bytes ask for a script: who asks for many and reads none is answered no further than a
/// connection holds.
#[tokio::test]
async fn scripts_that_nobody_reads_do_not_pile_up() {
    let house = House::build(Database::Sqlite, None, |_| {}).await;
    let mechanisms = vec![sasl::Name::Plain];
    let settings = Settings { plaintext_auth: true, mechanisms, ..Settings::default() };
    let (store, authenticator) = (house.store.clone(), house.authenticator.clone());
    let service = Arc::new(ManageSieveService::new(store, authenticator, settings));
    let mut stream = house.open(service.clone());
    let script = format!("# {}\r\nkeep;\r\n", "x".repeat(50_000));
    let put = format!("PUTSCRIPT \"a\" {{{}+}}\r\n{script}\r\n", script.len());
    stream.write_all(format!("{SIGN_IN}{put}NOOP \"put\"\r\n").as_bytes()).await.unwrap();
    let (mut came, done) = (Vec::new(), b"OK (TAG \"put\") \"Done\"\r\n");
    while !came.ends_with(done) {
        came.push(stream.read_u8().await.unwrap());
    }
    let wire = ["GETSCRIPT \"a\"\r\n".repeat(50), "PUTSCRIPT \"b\" \"keep;\"\r\n".to_owned()];
    stream.write_all(wire.concat().as_bytes()).await.unwrap();
    // Nothing can be sent any more.
    drop(stream);
    while Arc::strong_count(&service) > 1 {
        tokio::task::yield_now().await;
    }
    let account = house.account;
    let scripts = house.store.read(move |tx| tx.list_scripts(account)).await.unwrap();
    let names: Vec<_> = scripts.iter().map(|script| script.name.as_str()).collect();
    assert_eq!(names, ["a"]);
}
