//! Messages that are large, and clients that ask for them many times over.

use std::sync::Arc;

use imap::ImapService;
use storage::Database;
use testkit::Postgres;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::scene::{House, ask, settings_for_tests};

pub(crate) const LOGIN: &str = "LOGIN julie@example.test \"right password\"";
pub(crate) const HEADER: &str = "Subject: large\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\
                      Content-Transfer-Encoding: base64\r\n\r\n";

/// A message of about so many bytes; what its text says is only zeros.
pub(crate) fn message(bytes: usize) -> String {
    let line = format!("{}\r\n", "AAAA".repeat(19));
    format!("{HEADER}{}", line.repeat(bytes / line.len()))
}

pub(crate) async fn append(stream: &mut DuplexStream, message: &str) {
    let command = format!("fixture APPEND INBOX {{{}+}}\r\n{message}\r\n", message.len());
    stream.write_all(command.as_bytes()).await.unwrap();
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        line.push(stream.read_u8().await.unwrap());
        if line.ends_with(b"\r\n") && line.starts_with(b"* ") {
            line.clear();
        }
    }
    assert!(line.starts_with(b"fixture OK"), "{}", String::from_utf8_lossy(&line));
}

/// Reads as many bytes as `expect` has, comparing piece by piece.
pub(crate) async fn expect(stream: &mut DuplexStream, expect: &[u8]) {
    let mut piece = vec![0; 64 * 1024];
    for want in expect.chunks(piece.len()) {
        let got = &mut piece[..want.len()];
        stream.read_exact(got).await.unwrap();
        assert!(
            got == want,
            "{} for {}",
            String::from_utf8_lossy(got),
            String::from_utf8_lossy(want)
        );
    }
}

async fn expect_item(stream: &mut DuplexStream, name: &str, bytes: &str) {
    expect(stream, format!(" {name} {{{}}}\r\n", bytes.len()).as_bytes()).await;
    expect(stream, bytes.as_bytes()).await;
}

/// The most memory this process has taken so far.
fn peak_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// A message of 8 MiB, 98 times in one answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_answer_takes_the_memory_of_few_copies() {
    const TIMES: usize = 96;
    let house = House::for_messages_of(Database::Sqlite, 16 * 1024 * 1024).await;
    let mut stream = house.connect(settings_for_tests());
    ask(&mut stream, LOGIN).await;
    let message = message(8 * 1024 * 1024);
    append(&mut stream, &message).await;
    ask(&mut stream, "EXAMINE INBOX").await;
    let before = peak_bytes();
    let (text, whole) = (&message[HEADER.len()..], message.as_str());
    // The same item twice is answered once: each begins a little later than the one before.
    let mut names = String::from("BODY.PEEK[] RFC822 ");
    for number in 0..TIMES / 2 {
        names += &format!("BODY.PEEK[]<{number}.9999999> BODY.PEEK[1]<{number}.9999999> ");
    }
    let command = format!("a FETCH 1 (FLAGS {names}BINARY.SIZE[1])\r\n");
    stream.write_all(command.as_bytes()).await.unwrap();
    expect(&mut stream, b"* 1 FETCH (FLAGS (\\Recent)").await;
    expect_item(&mut stream, "BODY[]", whole).await;
    expect_item(&mut stream, "RFC822", whole).await;
    for number in 0..TIMES / 2 {
        expect_item(&mut stream, &format!("BODY[]<{number}>"), &whole[number..]).await;
        expect_item(&mut stream, &format!("BODY[1]<{number}>"), &text[number..]).await;
    }
    let decoded = text.len() / 78 * 57;
    let end = format!(" BINARY.SIZE[1] {decoded})\r\na OK FETCH completed\r\n");
    expect(&mut stream, end.as_bytes()).await;
    let more = (peak_bytes() - before) / message.len();
    assert!(more < TIMES / 4, "as much as {more} messages");
    assert_eq!(house.close().await, Vec::<String>::new());
}

/// Large and small, by every way of asking, with an answer that is whole or not.
async fn check_mixture(database: Database) {
    let house = House::for_messages_of(database, 4 * 1024 * 1024).await;
    let mut stream = house.connect(settings_for_tests());
    ask(&mut stream, LOGIN).await;
    let small = "Subject: small\r\n\r\nx\r\n";
    let large = message(1_500_000);
    let unknown = large.replace("base64", "x-none");
    for message in [small, &large, small, &unknown, &large] {
        append(&mut stream, message).await;
    }
    ask(&mut stream, "EXAMINE INBOX").await;
    let of = |seq: u32, message: &str| {
        format!("* {seq} FETCH (BODY[] {{{}}}\r\n{message} UID {seq})\r\n", message.len())
    };
    stream.write_all(b"a FETCH 1:* (BODY.PEEK[] UID)\r\n").await.unwrap();
    for (seq, message) in (1..).zip([small, &large, small, &unknown, &large]) {
        expect(&mut stream, of(seq, message).as_bytes()).await;
    }
    expect(&mut stream, b"a OK FETCH completed\r\n").await;
    // RFC 9051 §6.4.5: a part of unknown encoding has no BINARY; the rest is told.
    stream.write_all(b"b FETCH 3:4 (BINARY.PEEK[1] BINARY.PEEK[1]<5.3>)\r\n").await.unwrap();
    expect(&mut stream, b"* 3 FETCH (BINARY[1] {3}\r\nx\r\n BINARY[1]<5> \"\")\r\n").await;
    expect(&mut stream, b"b NO [UNKNOWN-CTE] A part has an unknown transfer encoding\r\n").await;
    stream.write_all(b"c FETCH 2 (BINARY.PEEK[1]<5.3> BODY.PEEK[9])\r\n").await.unwrap();
    expect(&mut stream, b"* 2 FETCH (BINARY[1]<5> ~{3}\r\n\0\0\0 BODY[9] NIL)\r\n").await;
    expect(&mut stream, b"c OK FETCH completed\r\n").await;
    // What is sent while it is read: ranges of every kind, from and to anywhere.
    let (text, end) = (&large[HEADER.len()..], large.len());
    let across = HEADER.len() - 5..HEADER.len() + 5;
    let items: [(String, &str); 9] = [
        ("BODY[TEXT]".to_owned(), text),
        ("BODY[1]".to_owned(), text),
        (format!("BODY[]<{}>", across.start), &large[across.clone()]),
        ("BODY[1]<700000>".to_owned(), &text[700_000..700_300]),
        ("BODY[TEXT]<0>".to_owned(), &text[..1]),
        (format!("BODY[]<{}>", end - 3), &large[end - 3..]),
        ("BODY[]<9999999>".to_owned(), ""),
        ("BODY[HEADER]".to_owned(), HEADER),
        ("RFC822.TEXT".to_owned(), text),
    ];
    let asked = format!(
        "BODY.PEEK[TEXT] BODY.PEEK[1] BODY.PEEK[]<{}.10> BODY.PEEK[1]<700000.300> \
         BODY.PEEK[TEXT]<0.1> BODY.PEEK[]<{}.50> BODY.PEEK[]<9999999.1> BODY.PEEK[HEADER] \
         RFC822.TEXT BODY.PEEK[1.2]",
        across.start,
        end - 3
    );
    stream.write_all(format!("d UID FETCH 2,5 (UID {asked})\r\n").as_bytes()).await.unwrap();
    for seq in [2, 5] {
        expect(&mut stream, format!("* {seq} FETCH (UID {seq}").as_bytes()).await;
        for (name, bytes) in &items {
            expect_item(&mut stream, name, bytes).await;
        }
        expect(&mut stream, b" BODY[1.2] NIL)\r\n").await;
    }
    expect(&mut stream, b"d OK UID FETCH completed\r\n").await;
    assert_eq!(house.close().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_and_small_in_one_answer() {
    check_mixture(Database::Sqlite).await;
    let database = Postgres::shared().create_database();
    check_mixture(Database::Postgres(database.url().to_owned())).await;
}

#[tokio::test]
async fn large_answers_share_their_memory() {
    let house = House::for_messages_of(Database::Sqlite, 4 * 1024 * 1024).await;
    let mut settings = settings_for_tests();
    settings.fetch_memory_bytes = 1024 * 1024;
    let (store, authenticator) = (house.store.clone(), house.authenticator.clone());
    let service = Arc::new(ImapService::new(store, authenticator, settings));
    let (mut one, mut two) = (house.open(service.clone()), house.open(service));
    let large = message(1_500_000);
    for stream in [&mut one, &mut two] {
        ask(stream, LOGIN).await;
    }
    append(&mut one, &large).await;
    for stream in [&mut one, &mut two] {
        ask(stream, "EXAMINE INBOX").await;
    }
    let begin = format!("* 1 FETCH (BODY[] {{{}}}\r\n", large.len());
    // The first holds all there is as long as it does not read.
    one.write_all(b"a FETCH 1 BODY.PEEK[]\r\n").await.unwrap();
    expect(&mut one, begin.as_bytes()).await;
    tokio::time::pause();
    two.write_all(b"a FETCH 1 BODY.PEEK[]\r\n").await.unwrap();
    let refused = b"a NO [UNAVAILABLE] Too much mail is being fetched, try later\r\n";
    expect(&mut two, refused).await;
    tokio::time::resume();
    let end = format!("{large})\r\na OK FETCH completed\r\n");
    expect(&mut one, end.as_bytes()).await;
    two.write_all(b"a FETCH 1 BODY.PEEK[]\r\n").await.unwrap();
    expect(&mut two, format!("{begin}{end}").as_bytes()).await;
}

/// In base64, in lines.
fn in_base64(content: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(content);
    let lines = text.as_bytes().chunks(76);
    lines.map(|line| format!("{}\r\n", String::from_utf8_lossy(line))).collect()
}

/// Parts: their type, their transfer encoding, what stands in the message, and what that is.
pub(crate) type CodedPart = (&'static str, &'static str, String, Vec<u8>);

/// Parts with NUL, with lines that get CR, with soft line breaks, damaged, and short.
pub(crate) fn parts_to_decode() -> [CodedPart; 5] {
    let noise: Vec<u8> =
        (0..400_000u32).map(|number| (number.wrapping_mul(number) / 7) as u8).collect();
    let lines: String = (0..40_000).map(|number| format!("line {number}\n")).collect();
    let no_nul: Vec<u8> = noise.iter().map(|byte| byte | 1).collect();
    let soft = "=C3=A4 words =\r\n".repeat(30_000);
    [
        ("application/x", "base64", in_base64(&noise), noise.clone()),
        (
            "text/plain",
            "base64",
            in_base64(lines.as_bytes()),
            lines.replace('\n', "\r\n").into_bytes(),
        ),
        (
            "text/plain",
            "quoted-printable",
            soft.clone(),
            soft.replace("=C3=A4", "\u{e4}").replace("=\r\n", "").into_bytes(),
        ),
        ("image/x", "base64", format!("!{}====", in_base64(&no_nul)), no_nul),
        ("text/html", "8bit", "<b>\u{e4}</b>".to_owned(), "<b>\u{e4}</b>".as_bytes().to_vec()),
    ]
}

/// A message of these parts.
pub(crate) fn in_parts(parts: &[CodedPart]) -> String {
    let mut message =
        String::from("Subject: m\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n");
    for (kind, encoding, body, _) in parts {
        message += &format!(
            "--b\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}\r\n"
        );
    }
    message + "--b--\r\n"
}

/// Parts decoded while they are read: with NUL, with lines that get CR, with soft line breaks, a
/// message, and what is damaged; whole, and cut anywhere.
async fn check_binary(database: Database) {
    let house = House::for_messages_of(database, 16 * 1024 * 1024).await;
    let mut stream = house.connect(settings_for_tests());
    ask(&mut stream, LOGIN).await;
    let parts = parts_to_decode();
    let message = in_parts(&parts);
    append(&mut stream, &message).await;
    ask(&mut stream, "EXAMINE INBOX").await;
    for (number, (.., content)) in (1..).zip(&parts) {
        let size = content.len();
        stream.write_all(format!("a FETCH 1 BINARY.SIZE[{number}]\r\n").as_bytes()).await.unwrap();
        let answer =
            format!("* 1 FETCH (BINARY.SIZE[{number}] {size})\r\na OK FETCH completed\r\n");
        expect(&mut stream, answer.as_bytes()).await;
        for (from, length) in [(0, size), (0, 100_000), (1, size), (99_999, 1), (size, 9)] {
            let (from, to) = (from.min(size), (from + length).min(size));
            let cut = &content[from..to];
            let asked = format!("a FETCH 1 BINARY.PEEK[{number}]<{from}.{length}>\r\n");
            stream.write_all(asked.as_bytes()).await.unwrap();
            let mark = if cut.contains(&0) { "~" } else { "" };
            let quoted = cut.len() <= 1000 && cut.iter().all(|byte| (0x20..0x7f).contains(byte));
            let head = match quoted {
                true => format!("* 1 FETCH (BINARY[{number}]<{from}> \""),
                false => format!("* 1 FETCH (BINARY[{number}]<{from}> {mark}{{{}}}\r\n", cut.len()),
            };
            expect(&mut stream, head.as_bytes()).await;
            expect(&mut stream, cut).await;
            let end = if quoted { "\"" } else { "" };
            expect(&mut stream, format!("{end})\r\na OK FETCH completed\r\n").as_bytes()).await;
        }
    }
    // The whole message is what it is, and of what is not there nothing is said.
    let asked = "a FETCH 1 (BINARY.PEEK[9] BINARY.SIZE[9] BINARY.SIZE[] BINARY.PEEK[])\r\n";
    stream.write_all(asked.as_bytes()).await.unwrap();
    let size = message.len();
    let head = format!(
        "* 1 FETCH (BINARY[9] NIL BINARY.SIZE[9] 0 BINARY.SIZE[] {size} BINARY[] {{{size}}}\r\n"
    );
    expect(&mut stream, head.as_bytes()).await;
    expect(&mut stream, message.as_bytes()).await;
    expect(&mut stream, b")\r\na OK FETCH completed\r\n").await;
    assert_eq!(house.close().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_are_decoded_while_they_are_read() {
    check_binary(Database::Sqlite).await;
    let database = Postgres::shared().create_database();
    check_binary(Database::Postgres(database.url().to_owned())).await;
}

/// Two clients stop reading in the middle of a part of 8 MiB; there are 2 MiB for all.
#[tokio::test]
async fn decoding_takes_the_memory_of_a_few_pieces() {
    let house = House::for_messages_of(Database::Sqlite, 16 * 1024 * 1024).await;
    let mut settings = settings_for_tests();
    settings.fetch_memory_bytes = 2 * 1024 * 1024;
    let (store, authenticator) = (house.store.clone(), house.authenticator.clone());
    let service = Arc::new(ImapService::new(store, authenticator, settings));
    let mut clients = [house.open(service.clone()), house.open(service)];
    let large = message(8 * 1024 * 1024);
    for stream in &mut clients {
        ask(stream, LOGIN).await;
    }
    append(&mut clients[0], &large).await;
    let decoded = (large.len() - HEADER.len()) / 78 * 57;
    for stream in &mut clients {
        ask(stream, "EXAMINE INBOX").await;
        stream.write_all(b"a FETCH 1 BINARY.PEEK[1]\r\n").await.unwrap();
        let head = format!("* 1 FETCH (BINARY[1] ~{{{decoded}}}\r\n");
        expect(stream, head.as_bytes()).await;
    }
    for stream in &mut clients {
        expect(stream, &vec![0; decoded]).await;
        expect(stream, b")\r\na OK FETCH completed\r\n").await;
    }
}
