//! COMPRESS (RFC 4978) through a whole session, and its end with UNAUTHENTICATE (RFC 8437 §4.1).

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use storage::Database;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::scene::{House, ask, settings_for_tests};

const LOGIN: &str = "LOGIN julie@example.test \"right password\"";

/// A client that compresses.
struct Client {
    stream: DuplexStream,
    deflate: Compress,
    inflate: Decompress,
}

impl Client {
    /// Asks for compression; everything after the tagged OK is compressed.
    async fn begin(mut stream: DuplexStream) -> Self {
        stream.write_all(b"z COMPRESS DEFLATE\r\n").await.unwrap();
        let mut answer = [0; 21];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"z OK DEFLATE active\r\n");
        let deflate = Compress::new(Compression::default(), false);
        Self { stream, deflate, inflate: Decompress::new(false) }
    }

    async fn send(&mut self, text: &str) {
        let mut wire = Vec::with_capacity(text.len() + 100);
        self.deflate.compress_vec(text.as_bytes(), &mut wire, FlushCompress::Sync).unwrap();
        self.stream.write_all(&wire).await.unwrap();
    }

    /// Everything up to the line of `tag`. The server flushes: nothing is waited for in vain.
    async fn answer(&mut self, tag: &str) -> String {
        let mut plain = Vec::new();
        loop {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).await.unwrap();
            plain.reserve(64 * 1024);
            self.inflate.decompress_vec(&byte, &mut plain, FlushDecompress::Sync).unwrap();
            let text = String::from_utf8_lossy(&plain);
            let last = text.rsplit_terminator("\r\n").next().unwrap_or_default();
            if text.ends_with("\r\n") && last.starts_with(&format!("{tag} ")) {
                return text.into_owned();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compressed_session() {
    let house = House::build(Database::Sqlite).await;
    for _ in 0..40 {
        house.add("INBOX", "rfc9051", house_now(&house)).await.unwrap();
    }
    let mut stream = house.connect(settings_for_tests());
    ask(&mut stream, LOGIN).await;
    let mut client = Client::begin(stream).await;
    client.send("a COMPRESS DEFLATE\r\n").await;
    let refused = client.answer("a").await;
    assert_eq!(refused, "a BAD [COMPRESSIONACTIVE] DEFLATE is active already\r\n");
    // Commands in one piece, and one in two.
    client.send("b SELECT INBOX\r\nc FETCH 1:").await;
    client.send("40 (UID BODY.PEEK[])\r\n").await;
    assert!(client.answer("b").await.contains("* 40 EXISTS\r\n"));
    let fetched = client.answer("c").await;
    assert_eq!(fetched.matches("Subject: IMAP4rev2 WG mtg").count(), 40);
    let sent = client.inflate.total_in();
    assert!(sent * 5 < client.inflate.total_out(), "{sent} bytes");
    // What happens while it is idle comes at once and whole.
    client.send("d IDLE\r\n").await;
    client.answer("+").await;
    house.add("INBOX", "smith", house_now(&house)).await.unwrap();
    assert_eq!(client.answer("*").await, "* 41 EXISTS\r\n");
    assert_eq!(client.answer("*").await, "* 41 RECENT\r\n");
    client.send("DONE\r\ne LOGOUT\r\n").await;
    assert!(client.answer("e").await.contains("* BYE Goodbye\r\n"));
    assert_eq!(house.close().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compression_ends_with_unauthenticate() {
    let house = House::build(Database::Sqlite).await;
    let mut stream = house.connect(settings_for_tests());
    ask(&mut stream, LOGIN).await;
    let mut client = Client::begin(stream).await;
    client.send("a UNAUTHENTICATE\r\n").await;
    // RFC 8437 §3: the next command may come at once, plain.
    client.stream.write_all(format!("fixture {LOGIN}\r\n").as_bytes()).await.unwrap();
    assert_eq!(client.answer("a").await, "a OK Signed out\r\n");
    let mut rest = String::new();
    while !rest.ends_with("Signed in\r\n") {
        rest.push(char::from(client.stream.read_u8().await.unwrap()));
    }
    assert!(rest.contains("fixture OK [CAPABILITY"), "{rest}");
    // And compression may begin again.
    let mut client = Client::begin(client.stream).await;
    client.send("b NOOP\r\n").await;
    assert_eq!(client.answer("b").await, "b OK NOOP completed\r\n");
    client.stream.write_all(b"plain text is no DEFLATE\r\n").await.unwrap();
    assert_eq!(client.answer("*").await, "* BYE What came cannot be read\r\n");
    assert_eq!(house.close().await, Vec::<String>::new());
}

fn house_now(house: &House) -> ids::Timestamp {
    use ids::Clock;
    house.clock.now()
}
