//! Lines, limits, time-outs and STARTTLS, over memory.

use tokio::io::DuplexStream;

use super::{input::SKIP_BYTES_MAX, *};
use crate::tls::tests::{Authority, connect, pair};

fn connection() -> (Connection, DuplexStream) {
    let (stream, theirs) = pair();
    let settings = ConnectionSettings { output_bytes_max: 100, ..Default::default() };
    (Connection::new(stream, settings), theirs)
}

/// One word for each result, with the line.
fn word(result: Result<LineEnding, ConnectionError>, line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    match result {
        Ok(ending) => format!("{ending:?} {line}"),
        Err(error) => format!("{error:?} {line}"),
    }
}

/// Feeds the pieces one after the other and reads lines of at most 5 bytes to the end.
async fn lines(pieces: &[&[u8]]) -> Vec<String> {
    let (mut connection, mut theirs) = connection();
    let feed = async {
        for piece in pieces {
            theirs.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        drop(theirs);
    };
    let read = async {
        let mut seen = Vec::new();
        loop {
            let mut line = Vec::new();
            let result = connection.read_line(&mut line, 5).await;
            let end = matches!(result, Err(ConnectionError::Closed));
            seen.push(word(result, &line));
            if end {
                return seen;
            }
        }
    };
    tokio::join!(read, feed).0
}

#[tokio::test]
async fn lines_in_any_pieces() {
    let table: &[(&[u8], &[&str])] = &[
        (b"", &["Closed "]),
        (b"abc\r\n", &["CrLf abc", "Closed "]),
        (b"abc\n", &["Lf abc", "Closed "]),
        (b"\r\n\n", &["CrLf ", "Lf ", "Closed "]),
        (b"a\rb\r\nc\r\r\n", &["CrLf a\rb", "CrLf c\r", "Closed "]),
        (b"abcde\r\nabcde\n", &["CrLf abcde", "Lf abcde", "Closed "]),
        (b"abcdef\r\nok\r\n", &["LineTooLong ", "CrLf ok", "Closed "]),
        (b"abcdefghijk\nok\r\n", &["LineTooLong ", "CrLf ok", "Closed "]),
        (b"abcde\r\r\nok\r\n", &["LineTooLong ", "CrLf ok", "Closed "]),
        (b"abc\r\nde", &["CrLf abc", "Closed de"]),
        (b"\r", &["Closed \r"]),
        (b"a\0\xff\r\n", &["CrLf a\0\u{fffd}", "Closed "]),
    ];
    for (input, expect) in table {
        assert_eq!(lines(&[input]).await, *expect, "{input:?}");
        let bytes: Vec<&[u8]> = input.chunks(1).collect();
        assert_eq!(lines(&bytes).await, *expect, "{input:?} in single bytes");
        let pairs: Vec<&[u8]> = input.chunks(2).collect();
        assert_eq!(lines(&pairs).await, *expect, "{input:?} in pairs");
    }
}

#[tokio::test]
async fn endless_lines_are_given_up() {
    let (mut connection, mut theirs) = connection();
    let feed = async {
        for _ in 0..=SKIP_BYTES_MAX / 1024 {
            if theirs.write_all(&[b'x'; 1024]).await.is_err() {
                break;
            }
        }
    };
    let mut line = b"kept".to_vec();
    let (result, ()) = tokio::join!(connection.read_line(&mut line, 5), feed);
    assert_eq!(word(result, &line), "Flood kept");
}

#[tokio::test]
async fn dropped_reads_go_on() {
    let (mut connection, mut theirs) = connection();
    let mut line = b"before ".to_vec();
    for piece in [b"ab".as_slice(), b"cd\r"] {
        theirs.write_all(piece).await.unwrap();
        tokio::select! {
            biased;
            _ = connection.read_line(&mut line, 5) => unreachable!("no line yet"),
            () = std::future::ready(()) => {}
        }
    }
    assert_eq!(line, b"before abcd\r");
    theirs.write_all(b"\nrest").await.unwrap();
    let result = connection.read_line(&mut line, 5).await;
    assert_eq!(word(result, &line), "CrLf before abcd");
    assert_eq!(connection.buffered(), b"rest");
}

#[tokio::test]
async fn bodies_stream() {
    let (mut connection, mut theirs) = connection();
    theirs.write_all(b"A1 APPEND {10}\r\n0123456789)\r\nA2").await.unwrap();
    let mut line = Vec::new();
    connection.read_line(&mut line, 100).await.unwrap();
    assert_eq!(connection.fill().await.unwrap(), b"0123456789)\r\nA2");
    connection.consume(4);
    let mut body = b"0123".to_vec();
    connection.read_exact(&mut body, 6).await.unwrap();
    assert_eq!(body, b"0123456789");
    line.clear();
    connection.read_line(&mut line, 100).await.unwrap();
    assert_eq!(line, b")");
    // Consuming more than there is takes what there is.
    connection.consume(usize::MAX);
    assert_eq!(connection.buffered(), b"");
    drop(theirs);
    let end = connection.read_exact(&mut body, 1).await;
    assert!(matches!(end, Err(ConnectionError::Closed)));
}

#[tokio::test]
async fn an_idle_connection_holds_no_memory() {
    let (mut connection, mut theirs) = connection();
    let mut line = Vec::with_capacity(1_000);
    connection.output.release();
    theirs.write_all(&[b"x".repeat(4_000), b"\r\n".to_vec()].concat()).await.unwrap();
    connection.read_line(&mut line, 5_000).await.unwrap();
    line.clear();
    connection.push(b"OK\r\n");
    tokio::select! {
        biased;
        _ = connection.read_line(&mut line, 5_000) => unreachable!("no line yet"),
        () = std::future::ready(()) => {}
    }
    assert_eq!(line.capacity(), 0);
    assert_eq!(connection.input.capacity(), 0);
    assert_eq!(connection.output.capacity(), 0);
}

#[tokio::test]
async fn replies_leave_together_when_reading_waits() {
    let (mut connection, mut theirs) = connection();
    theirs.write_all(b"one\r\ntwo\r\n").await.unwrap();
    let mut line = Vec::new();
    connection.read_line(&mut line, 5).await.unwrap();
    connection.push(b"250 one\r\n");
    connection.read_line(&mut line, 5).await.unwrap();
    assert!(!connection.output.is_empty());
    fmt::Write::write_fmt(&mut connection, format_args!("250 {}\r\n", "two")).unwrap();
    tokio::select! {
        biased;
        _ = connection.read_line(&mut line, 5) => unreachable!("no line yet"),
        () = std::future::ready(()) => {}
    }
    let mut seen = [0; 18];
    theirs.read_exact(&mut seen).await.unwrap();
    assert_eq!(&seen, b"250 one\r\n250 two\r\n");
}

#[tokio::test]
async fn large_output_passes_through() {
    let (stream, mut theirs) = pair();
    let settings = ConnectionSettings { output_bytes_max: 100, ..Default::default() };
    let mut connection = Connection::new(stream, settings);
    let body: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let write = async {
        connection.push(b"start");
        connection.write(&body).await.unwrap();
        for piece in body.chunks(99) {
            connection.write(piece).await.unwrap();
            assert!(connection.output.capacity() < 300);
        }
        connection.close().await;
    };
    let read = async {
        let mut seen = Vec::new();
        theirs.read_to_end(&mut seen).await.unwrap();
        drop(theirs);
        seen
    };
    let ((), seen) = tokio::join!(write, read);
    assert_eq!(seen, [b"start", &body[..], &body].concat());
}

#[tokio::test(start_paused = true)]
async fn silence_is_timed_even_across_dropped_reads() {
    let (mut connection, mut theirs) = connection();
    connection.set_read_timeout(Duration::from_secs(60));
    let mut line = Vec::new();
    theirs.write_all(b"half").await.unwrap();
    for _ in 0..2 {
        tokio::select! {
            _ = connection.read_line(&mut line, 5) => unreachable!("no line yet"),
            () = tokio::time::sleep(Duration::from_secs(25)) => {}
        }
    }
    let before = Instant::now();
    let result = connection.read_line(&mut line, 5).await;
    assert_eq!(word(result, &line), "TimedOut half");
    assert_eq!(before.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn slow_readers_are_cut_off() {
    let (ours, mut theirs) = tokio::io::duplex(10);
    let address: SocketAddr = "192.0.2.7:1".parse().unwrap();
    let settings = ConnectionSettings {
        output_bytes_max: 100,
        write_timeout: Duration::from_secs(60),
        ..Default::default()
    };
    let mut connection = Connection::new(Stream::memory(ours, address, address), settings);
    let read = async {
        // One byte every ten seconds keeps moving, and is still too slow for 100 bytes.
        loop {
            tokio::time::sleep(Duration::from_secs(10)).await;
            theirs.read_exact(&mut [0]).await.unwrap();
        }
    };
    let before = Instant::now();
    let result = tokio::select! {
        result = connection.write(&[b'x'; 1_000]) => result,
        () = read => unreachable!("reads for ever"),
    };
    assert!(matches!(result, Err(ConnectionError::TimedOut)), "{result:?}");
    assert_eq!(before.elapsed().as_secs(), 60);
}

#[tokio::test]
async fn start_tls_keeps_the_connection() {
    let authority = Authority::new();
    let (stream, mut theirs) = pair();
    let mut connection = Connection::new(stream, ConnectionSettings::default())
        .with_start_tls(authority.keys.clone(), TlsProfile::Relays);
    assert!(connection.can_start_tls());
    let serve = async {
        connection.push(b"220 go\r\n");
        connection.start_tls().await.unwrap();
        assert!(connection.is_tls() && !connection.can_start_tls());
        let mut line = Vec::new();
        connection.read_line(&mut line, 100).await.unwrap();
        assert_eq!(line, b"EHLO inside");
        connection.push(b"250 inside\r\n");
        connection.close().await;
    };
    let talk = async {
        let mut go = [0; 8];
        theirs.read_exact(&mut go).await.unwrap();
        assert_eq!(&go, b"220 go\r\n");
        let mut tls = connect(authority.client(), theirs).await.unwrap();
        tls.write_all(b"EHLO inside\r\n").await.unwrap();
        let mut reply = Vec::new();
        tls.read_to_end(&mut reply).await.unwrap();
        assert_eq!(reply, b"250 inside\r\n");
    };
    tokio::join!(serve, talk);
}

#[tokio::test(start_paused = true)]
async fn start_tls_refuses_what_does_not_belong() {
    let authority = Authority::new();
    let upgradable = || {
        let (stream, theirs) = pair();
        let connection = Connection::new(stream, ConnectionSettings::default())
            .with_start_tls(authority.keys.clone(), TlsProfile::Relays);
        (connection, theirs)
    };
    // A command right behind STARTTLS is an injection, not a part of the session.
    let (mut connection, mut theirs) = upgradable();
    theirs.write_all(b"STARTTLS\r\nMAIL FROM:<evil@example.test>\r\n").await.unwrap();
    let mut line = Vec::new();
    connection.read_line(&mut line, 100).await.unwrap();
    connection.push(b"220 go\r\n");
    let result = connection.start_tls().await;
    assert!(matches!(result, Err(ConnectionError::PlaintextBeforeTls)), "{result:?}");
    assert!(!connection.is_tls());

    // One that comes later is no handshake.
    let (mut connection, mut theirs) = upgradable();
    theirs.write_all(b"MAIL FROM:<evil@example.test>\r\n").await.unwrap();
    let result = connection.start_tls().await;
    assert!(matches!(result, Err(ConnectionError::Handshake(_))), "{result:?}");
    let after = connection.fill().await.map(<[u8]>::to_vec);
    assert!(matches!(after, Err(ConnectionError::Io(_))), "{after:?}");

    // Silence ends too.
    let (mut connection, _theirs) = upgradable();
    let result = connection.start_tls().await;
    assert!(matches!(result, Err(ConnectionError::TimedOut)), "{result:?}");

    let (stream, _theirs) = pair();
    let mut plain = Connection::new(stream, ConnectionSettings::default());
    assert!(!plain.can_start_tls());
    assert!(matches!(plain.start_tls().await, Err(ConnectionError::Handshake(_))));
}

#[tokio::test]
async fn the_bare_stream_is_handed_over_only_untouched() {
    let (connection, _theirs) = connection();
    assert!(connection.into_stream().is_some());

    let (mut connection, mut theirs) = self::connection();
    theirs.write_all(b"x").await.unwrap();
    connection.fill().await.unwrap();
    assert!(connection.into_stream().is_none());
}

/// Inflates what the server sends, and deflates what is sent to it.
struct Peer {
    stream: DuplexStream,
    inflate: flate2::Decompress,
    deflate: flate2::Compress,
}

impl Peer {
    fn new(stream: DuplexStream) -> Self {
        let deflate = flate2::Compress::new(flate2::Compression::default(), false);
        Self { stream, inflate: flate2::Decompress::new(false), deflate }
    }

    async fn send(&mut self, text: &[u8]) {
        let mut wire = Vec::with_capacity(text.len() + 100);
        self.deflate.compress_vec(text, &mut wire, flate2::FlushCompress::Sync).unwrap();
        self.stream.write_all(&wire).await.unwrap();
    }

    async fn receive(&mut self, count: usize) -> Vec<u8> {
        let mut plain = Vec::with_capacity(count + 1);
        while plain.len() < count {
            // One at a time: what follows the last may be plain.
            let mut wire = [0; 1];
            let arrived = self.stream.read(&mut wire).await.unwrap();
            let flush = flate2::FlushDecompress::Sync;
            self.inflate.decompress_vec(&wire[..arrived], &mut plain, flush).unwrap();
        }
        plain
    }
}

#[tokio::test]
async fn compression_begins_and_ends_where_it_is_told() {
    let (mut connection, mut theirs) = connection();
    connection.push(b"plain\r\n");
    connection.start_compression().await.unwrap();
    let mut plain = [0; 7];
    theirs.read_exact(&mut plain).await.unwrap();
    assert_eq!(&plain, b"plain\r\n");
    let mut peer = Peer::new(theirs);
    // Longer than the queue, so that it goes out in several pieces.
    let long = "* 1 FETCH (FLAGS ())\r\n".repeat(100);
    let talk = async {
        peer.send(b"a NOOP\r\n").await;
        assert_eq!(peer.receive(long.len() + 4).await, [long.as_bytes(), b"ok\r\n"].concat());
        peer.send(b"end\r\n").await;
        peer.stream.write_all(b"after\r\n").await.unwrap();
        assert_eq!(peer.receive(4).await, b"bye\r");
        peer
    };
    let serve = async {
        let mut line = Vec::new();
        connection.read_line(&mut line, 100).await.unwrap();
        assert_eq!(line, b"a NOOP");
        connection.write(long.as_bytes()).await.unwrap();
        connection.push(b"ok\r\n");
        line.clear();
        connection.read_line(&mut line, 100).await.unwrap();
        assert_eq!(line, b"end");
        connection.push(b"bye\r");
        connection.stop_compression().await.unwrap();
        connection.push(b"plain\n");
        line.clear();
        connection.read_line(&mut line, 100).await.unwrap();
        assert_eq!(line, b"after");
        connection.flush().await.unwrap();
    };
    let (mut peer, ()) = tokio::join!(talk, serve);
    let mut plain = [0; 6];
    peer.stream.read_exact(&mut plain).await.unwrap();
    assert_eq!(&plain, b"plain\n");
}

#[tokio::test(start_paused = true)]
async fn an_idle_compressed_connection_holds_no_buffer() {
    let (mut connection, theirs) = connection();
    connection.start_compression().await.unwrap();
    let mut peer = Peer::new(theirs);
    connection.push(&[b'x'; 3000]);
    let reading = tokio::time::timeout(Duration::from_millis(20), connection.fill());
    let (waited, _) = tokio::join!(reading, peer.receive(3000));
    assert!(waited.is_err());
    assert_eq!((connection.input.capacity(), connection.output.capacity()), (0, 0));
}
