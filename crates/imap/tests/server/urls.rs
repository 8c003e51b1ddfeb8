//! URLs that name large texts (RFC 4467, RFC 5524).

use std::sync::Arc;
use std::time::Duration;

use imap::ImapService;
use storage::{Address, Database, NewAccount, Role, WriteTx};
use testhouse::QUICK;
use testkit::Postgres;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::large::{HEADER, LOGIN, append, expect, in_parts, message, parts_to_decode};
use crate::scene::{House, ask, settings_for_tests};

/// Has a place of the first message in INBOX authorized.
async fn authorized(stream: &mut DuplexStream, place: &str) -> String {
    let rump = format!("imap://julie@example.test/INBOX/;UID=1{place};URLAUTH=authuser");
    let command = format!("u GENURLAUTH \"{rump}\" INTERNAL\r\n");
    stream.write_all(command.as_bytes()).await.unwrap();
    let begin = format!("* GENURLAUTH \"{rump}:internal:");
    expect(stream, begin.as_bytes()).await;
    let mut token = String::new();
    while !token.ends_with('"') {
        token.push(stream.read_u8().await.unwrap().into());
    }
    expect(stream, b"\r\nu OK GENURLAUTH completed\r\n").await;
    format!("{rump}:internal:{}", token.trim_end_matches('"'))
}

/// As a literal of its exact length, a literal8 where there is NUL, or a short quoted string.
fn head_of(content: &[u8]) -> String {
    let is_quoted = content.len() <= 1000 && content.iter().all(|byte| (0x20..0x7f).contains(byte));
    match (is_quoted, content.contains(&0)) {
        (true, _) => "\"".to_owned(),
        (false, true) => format!("~{{{}}}\r\n", content.len()),
        (false, false) => format!("{{{}}}\r\n", content.len()),
    }
}

/// Every part, whole and cut anywhere, as it is stored and without its transfer encoding.
async fn check_texts(database: Database) {
    let house = House::for_messages_of(database, 16 * 1024 * 1024).await;
    let mut stream = house.connect(settings_for_tests());
    ask(&mut stream, LOGIN).await;
    let parts = parts_to_decode();
    let message = in_parts(&parts);
    append(&mut stream, &message).await;
    for (number, (_, _, stored, content)) in (1..).zip(&parts) {
        let size = content.len();
        for (from, length) in [(0, None), (0, Some(100_000)), (99_999, Some(1)), (size, Some(9))] {
            let partial =
                length.map_or(String::new(), |length| format!("/;PARTIAL={from}.{length}"));
            let url = authorized(&mut stream, &format!("/;SECTION={number}{partial}")).await;
            let cut = |bytes: &[u8]| {
                let from = from.min(bytes.len());
                let to = length.map_or(bytes.len(), |length| bytes.len().min(from + length));
                bytes[from..to].to_vec()
            };
            let command = format!("a URLFETCH \"{url}\" (\"{url}\" BINARY)\r\n");
            stream.write_all(command.as_bytes()).await.unwrap();
            let plain = cut(stored.as_bytes());
            let head = format!("* URLFETCH \"{url}\" {{{}}}\r\n", plain.len());
            expect(&mut stream, head.as_bytes()).await;
            expect(&mut stream, &plain).await;
            let decoded = cut(content);
            let head = head_of(&decoded);
            let end = if head == "\"" { "\"" } else { "" };
            let head = format!("\r\n* URLFETCH \"{url}\" (BINARY {head}");
            expect(&mut stream, head.as_bytes()).await;
            expect(&mut stream, &decoded).await;
            let end = format!("{end})\r\na OK URLFETCH completed\r\n");
            expect(&mut stream, end.as_bytes()).await;
        }
    }
    check_structures(&mut stream).await;
    // The whole, and its end.
    let url = authorized(&mut stream, "").await;
    let end = authorized(&mut stream, &format!("/;PARTIAL={}", message.len() - 7)).await;
    let command = format!("a URLFETCH (\"{url}\" BODY) \"{end}\"\r\n");
    stream.write_all(command.as_bytes()).await.unwrap();
    let head = format!("* URLFETCH \"{url}\" (BODY {{{}}}\r\n", message.len());
    expect(&mut stream, head.as_bytes()).await;
    expect(&mut stream, message.as_bytes()).await;
    let end =
        format!(")\r\n* URLFETCH \"{end}\" {{7}}\r\n--b--\r\n\r\na OK URLFETCH completed\r\n");
    expect(&mut stream, end.as_bytes()).await;
    assert_eq!(house.close().await, Vec::<String>::new());
}

/// RFC 5524 §3.2: what is told of a part is true of its data as they are told.
async fn check_structures(stream: &mut DuplexStream) {
    let parts = parts_to_decode();
    for (number, kind, encoding, is_text) in [
        (1, "\"application\" \"x\"", "binary", false),
        (2, "\"text\" \"plain\"", "7bit", true),
        // Its lines were soft; one is left, which is too long.
        (3, "\"text\" \"plain\"", "binary", true),
        (4, "\"image\" \"x\"", "binary", false),
    ] {
        let content = &parts[number - 1].3;
        let lines = content.iter().filter(|byte| **byte == b'\n').count();
        let lines = if is_text { format!(" {lines}") } else { String::new() };
        let url = authorized(stream, &format!("/;SECTION={number}")).await;
        let command = format!("a URLFETCH (\"{url}\" BODYPARTSTRUCTURE BINARY)\r\n");
        stream.write_all(command.as_bytes()).await.unwrap();
        let head = format!(
            "* URLFETCH \"{url}\" (BODYPARTSTRUCTURE ({kind} NIL NIL NIL \"{encoding}\" \
             {}{lines} NIL NIL NIL NIL)) (BINARY {}",
            content.len(),
            head_of(content)
        );
        expect(stream, head.as_bytes()).await;
        expect(stream, content).await;
        expect(stream, b")\r\na OK URLFETCH completed\r\n").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_of_urls_are_sent_while_they_are_read() {
    check_texts(Database::Sqlite).await;
    let database = Postgres::shared().create_database();
    check_texts(Database::Postgres(database.url().to_owned())).await;
}

/// Two clients stop reading in the middle of a part of 4 MiB; there are 2 MiB for all, and of what
/// messages being appended share not enough for both.
#[tokio::test]
async fn a_url_takes_the_memory_of_a_few_pieces() {
    let house = House::for_messages_of(Database::Sqlite, 16 * 1024 * 1024).await;
    let mut settings = settings_for_tests();
    settings.fetch_memory_bytes = 2 * 1024 * 1024;
    settings.append_memory_bytes = 0;
    settings.limits.append_total_bytes_max = 6 * 1024 * 1024;
    let (store, authenticator) = (house.store.clone(), house.authenticator.clone());
    let service = Arc::new(ImapService::new(store, authenticator, settings));
    let mut clients = [house.open(service.clone()), house.open(service)];
    let large = message(4 * 1024 * 1024);
    for stream in &mut clients {
        ask(stream, LOGIN).await;
    }
    append(&mut clients[0], &large).await;
    let decoded = (large.len() - HEADER.len()) / 78 * 57;
    let url = authorized(&mut clients[0], "/;SECTION=1").await;
    for stream in &mut clients {
        let command = format!("a URLFETCH (\"{url}\" BINARY)\r\n");
        stream.write_all(command.as_bytes()).await.unwrap();
        let head = format!("* URLFETCH \"{url}\" (BINARY ~{{{decoded}}}\r\n");
        // Where there is too little memory the answer is another, and shorter.
        let begun = expect(stream, head.as_bytes());
        tokio::time::timeout(Duration::from_secs(100), begun).await.unwrap();
    }
    for stream in &mut clients {
        expect(stream, &vec![0; decoded]).await;
        expect(stream, b")\r\na OK URLFETCH completed\r\n").await;
    }
}

/// R-ADDR-12, RFC 4467 §7: maintenance of a domain keeps its mail from those who have URLs of it,
/// wherever they are.
#[tokio::test]
async fn nobody_reads_mail_of_a_domain_in_maintenance() {
    let house = House::build(Database::Sqlite).await;
    let new = NewAccount {
        address: Address::parse("max@elsewhere.test").unwrap(),
        name: String::new(),
        role: Role::Collaborator,
        password_hash: QUICK.hash("max@elsewhere.test", &"right password".into()).unwrap(),
        quota_bytes: 0,
        mail_only: true,
    };
    let create = move |tx: &mut WriteTx<'_>| {
        tx.create_domain("elsewhere.test")?;
        tx.create_account(new)
    };
    house.store.write("fixture", create).await.unwrap();
    let mut julie = house.connect(settings_for_tests());
    ask(&mut julie, LOGIN).await;
    append(&mut julie, "a: b\r\n\r\nc").await;
    let url = authorized(&mut julie, "").await;
    drop(julie);
    let mut max = house.connect(settings_for_tests());
    ask(&mut max, "LOGIN max@elsewhere.test \"right password\"").await;
    let fetched =
        format!("* URLFETCH \"{url}\" {{9}}\r\na: b\r\n\r\nc\r\nf OK URLFETCH completed\r\n");
    let nothing = format!("* URLFETCH \"{url}\" NIL\r\nf OK URLFETCH completed\r\n");
    for (maintenance, answer) in [(false, &fetched), (true, &nothing), (false, &fetched)] {
        let set =
            move |tx: &mut WriteTx<'_>| tx.set_domain_maintenance("example.test", maintenance);
        house.store.write("fixture", set).await.unwrap();
        max.write_all(format!("f URLFETCH \"{url}\"\r\n").as_bytes()).await.unwrap();
        expect(&mut max, answer.as_bytes()).await;
        if maintenance {
            let command = format!("p APPEND INBOX CATENATE (URL \"{url}\")\r\n");
            max.write_all(command.as_bytes()).await.unwrap();
            expect(&mut max, format!("p NO [BADURL \"{url}\"]").as_bytes()).await;
            expect(&mut max, b" The URL names nothing here\r\n").await;
        }
    }
    assert_eq!(house.close().await, Vec::<String>::new());
}
