//! What every mail server is tried with: relaying in any spelling, loops, commands that come too
//! early, the least sizes of RFC 5321.

use smtp::{Role, Settings};
use tokio::io::AsyncWriteExt;

use crate::support::{Fixture, settings, without_ids};

/// The reply to RCPT with this path, from a stranger.
async fn rcpt(fixture: &Fixture, sender: &str, path: &str) -> String {
    let wire = format!("EHLO a.test\r\nMAIL FROM:{sender}\r\nRCPT TO:{path}\r\nQUIT\r\n");
    let replies = fixture.talk(settings(Role::Mx), wire.as_bytes(), wire.len()).await;
    let lines: Vec<&str> = replies.lines().collect();
    lines[lines.len() - 2].to_owned()
}

#[tokio::test]
async fn no_spelling_makes_a_relay() {
    let fixture = Fixture::new().await;
    let paths = [
        "<victim@far.test>",
        "victim@far.test",
        "<victim@far.test.>",
        // The percent hack, at a domain of ours and of others.
        "<victim%far.test@here.test>",
        "<victim%far.test@mx.here.test>",
        "<victim%far.test>",
        "<victim%far.test@[192.0.2.1]>",
        // Bangs of UUCP.
        "<far.test!victim>",
        "<far.test!victim@here.test>",
        "<here.test!far.test!victim>",
        // Source routes: RFC 5321 Appendix C has them ignored, so the last part counts.
        "<@here.test:victim@far.test>",
        "<@here.test,@mx.here.test:victim@far.test>",
        "<@mx.here.test:victim%far.test@here.test>",
        // Quoted local parts that hold an address.
        "<\"victim@far.test\"@here.test>",
        "<\"victim@far.test\">",
        "<\"victim%far.test\"@here.test>",
        "<victim@far.test@here.test>",
        "<victim@here.test@far.test>",
        // Literals, and names that are none.
        "<victim@[192.0.2.1]>",
        "<victim@[127.0.0.1]>",
        "<victim@localhost>",
        "<victim@far.test\0@here.test>",
        "<victim@far.test\r@here.test>",
        "<alice@here.test>,<victim@far.test>",
        "<alice@here.test> <victim@far.test>",
        "<victim\\@far.test@here.test>",
        "<victim@far.test(@here.test)>",
        "<victim@sub.here.test>",
        "<victim@here.test.far.test>",
    ];
    // A sender of ours, forged, helps nobody.
    for sender in ["<s@x.test>", "<>", "<alice@here.test>", "<postmaster@mx.here.test>"] {
        for path in paths {
            let reply = rcpt(&fixture, sender, path).await;
            assert!(reply.starts_with('5'), "{sender} {path}: {reply}");
        }
        assert_eq!(
            rcpt(&fixture, sender, "<alice@here.test>").await,
            "250 2.1.5 Recipient accepted"
        );
        let routed = rcpt(&fixture, sender, "<@far.test:alice@here.test>").await;
        assert_eq!(routed, "250 2.1.5 Recipient accepted", "{sender}");
    }
    assert_eq!(fixture.spool().await.len(), 0);
    fixture.close().await;
}

#[tokio::test]
async fn nothing_is_bounced_later_to_a_forged_sender() {
    let fixture = Fixture::new().await;
    // A thousand guesses are answered one by one and leave nothing to report.
    let guesses: String = (0..1000).map(|n| format!("RCPT TO:<guess{n}@here.test>\r\n")).collect();
    let wire = format!(
        "EHLO a.test\r\nMAIL FROM:<victim@far.test>\r\nRCPT TO:<bob@here.test>\r\n{guesses}QUIT\r\n"
    );
    let replies = fixture.talk(settings(Role::Mx), wire.as_bytes(), wire.len()).await;
    let limit = settings(Role::Mx).errors_max as usize;
    assert_eq!(replies.matches("550 5.1.1").count(), limit, "{replies}");
    assert_eq!(fixture.spool().await.len(), 0);
    fixture.close().await;
}

#[tokio::test]
async fn a_message_that_goes_round_is_stopped() {
    let fixture = Fixture::new().await;
    let send = async |hops: usize| {
        let received = "Received: from a by b; Mon, 23 Nov 2026 00:00:00 +0000\r\n".repeat(hops);
        let wire = format!(
            "EHLO a.test\r\nMAIL FROM:<s@x.test>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n\
             {received}Subject: a\r\n\r\nb\r\n.\r\nQUIT\r\n"
        );
        let replies = fixture.talk(settings(Role::Mx), wire.as_bytes(), wire.len()).await;
        let lines = without_ids(&replies);
        lines.lines().rev().nth(1).unwrap().to_owned()
    };
    assert_eq!(send(100).await, "250 2.0.0 Stored");
    assert_eq!(send(101).await, "554 5.4.6 Too many hops, this is a mail loop");
    fixture.close().await;
}

/// A page can make a browser send anything behind the header fields of a request.
#[tokio::test]
async fn what_browsers_send_is_no_mail() {
    let fixture = Fixture::new().await;
    let mail = "EHLO a\r\nMAIL FROM:<s@x.test>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\nSubject: a\r\n\
                \r\nb\r\n.\r\nQUIT\r\n";
    for request in [
        "POST / HTTP/1.1",
        "GET /\r\n",
        "PRI * HTTP/2.0",
        "CONNECT mx:25 HTTP/1.1",
        "PUT / HTTP/1.1",
    ] {
        let wire = format!("{request}\r\nHost: mx.here.test:25\r\n\r\n{mail}");
        for step in [1, wire.len()] {
            let replies = fixture.talk(settings(Role::Mx), wire.as_bytes(), step).await;
            let expected = "220 mx.here.test ESMTP Posthorn\r\n\
                            421 4.7.0 This is no web server, goodbye\r\n";
            assert_eq!(replies, expected, "{request}");
        }
    }
    assert_eq!(fixture.inbox("bob@here.test").await.len(), 0);
    fixture.close().await;
}

/// RFC 2920 §3.1: what stands behind commands that end a group is taken in its turn and nothing is
/// taken for what it is not.
#[tokio::test]
async fn commands_in_one_piece_are_answered_in_their_order() {
    let fixture = Fixture::new().await;
    let mail = "MAIL FROM:<s@x.test>\r\nRCPT TO:<nobody@here.test>\r\nDATA\r\n";
    // Nobody takes it, so that what follows are commands: they do nothing that a client could not
    // have asked for by itself.
    let wire = format!(
        "EHLO a.test\r\n{mail}Subject: a\r\n\r\nMAIL FROM:<t@x.test>\r\nRSET\r\n.\r\nMAIL FROM:<u@x.test>\r\n\
         RCPT TO:<bob@here.test>\r\nDATA\r\nSubject: b\r\n\r\n.\r\nVRFY bob\r\nQUIT\r\n"
    );
    for step in [1, 7, wire.len()] {
        let replies = fixture.talk(settings(Role::Mx), wire.as_bytes(), step).await;
        let codes: Vec<&str> = replies
            .lines()
            .filter(|line| line.as_bytes().get(3) == Some(&b' '))
            .map(|line| &line[..3])
            .collect();
        let expected = [
            "220", "250", "250", "550", "503", "500", "500", "503", "250", "500", "250", "250",
            "354", "250", "252", "221",
        ];
        assert_eq!(codes, expected, "{replies}");
    }
    assert_eq!(fixture.inbox("bob@here.test").await.len(), 3);
    fixture.close().await;
}

/// Commands without end whose replies nobody reads: the connection stops being read instead.
#[tokio::test(start_paused = true)]
async fn replies_that_nobody_reads_are_not_piled_up() {
    let fixture = Fixture::new().await;
    let patient = Settings { idle_commands_max: u32::MAX, ..settings(Role::Mx) };
    let mut stream = fixture.connect(patient);
    let many = b"NOOP\r\n".repeat(10_000);
    let mut sent = 0_usize;
    // What fits into the pipes of the test, into the buffers of one connection, and no more.
    while let Ok(written) =
        tokio::time::timeout(std::time::Duration::from_secs(30), stream.write(&many)).await
    {
        sent += written.unwrap();
        assert!(sent < 4 << 20, "{sent} bytes of commands are taken");
    }
    fixture.close().await;
}

/// RFC 5321 §4.5.3.1: what a server must take at the least.
#[tokio::test]
async fn the_least_sizes_are_taken() {
    let fixture = Fixture::new().await;
    // §4.5.3.1.1, §4.5.3.1.2 and §4.5.3.1.3: local parts of 64 octets, paths of 256.
    let local = "l".repeat(64);
    let label = "d".repeat(62);
    let domain = format!("{label}.{label}.{label}.t");
    let sender = format!("<{}@{domain}>", &local[..256 - 3 - domain.len()]);
    assert_eq!(sender.len(), 256);
    assert_eq!(rcpt(&fixture, &sender, "<bob@here.test>").await, "250 2.1.5 Recipient accepted");
    let long = format!("<{local}@here.test>");
    assert_eq!(rcpt(&fixture, "<>", &long).await, "550 5.1.1 No such mailbox here");
    // §4.5.3.1.6 and §4.5.3.1.8: text lines of 1,000 octets, 100 recipients.
    let recipients = "RCPT TO:<bob@here.test>\r\n".repeat(100);
    let line = "x".repeat(998);
    let wire = format!(
        "EHLO a.test\r\nMAIL FROM:<s@x.test>\r\n{recipients}DATA\r\nSubject: a\r\n\r\n{line}\r\n\
         .\r\nQUIT\r\n"
    );
    let replies =
        fixture.talk(Settings::new(Role::Mx, "mx.here.test"), wire.as_bytes(), 4096).await;
    assert_eq!(replies.matches("250 2.1.5").count(), 100, "{replies}");
    assert!(replies.contains("\r\n250 2.0.0 Stored"), "{replies}");
    fixture.close().await;
}

/// RFC 5321 §4.5.3.1: what is longer than anybody has to take is refused in its place, and the
/// session goes on.
#[tokio::test]
async fn what_is_too_long_is_refused_in_its_place() {
    let fixture = Fixture::new().await;
    // §4.5.3.1.3 and §4.5.3.1.10: a path of 257 octets.
    let domain = format!("{0}.{0}.{0}.{0}.test", "d".repeat(60));
    let long = format!("<{}@{domain}>", "l".repeat(257 - 3 - domain.len()));
    assert_eq!(long.len(), 257);
    let reply = rcpt(&fixture, "<>", &long).await;
    assert!(reply.starts_with("501 5.1.3 "), "{reply}");
    // §4.5.3.1.2: a domain of 256 octets.
    let domain = format!("{0}.{0}.{0}.{0}.{0}", "d".repeat(51));
    let reply = rcpt(&fixture, "<>", &format!("<l@{domain}>")).await;
    assert!(reply.starts_with("501 5.1.3 "), "{reply}");
    // §4.5.3.1.10: more recipients than are taken; those before get the message.
    let limits = Settings { recipients_max: 100, ..settings(Role::Mx) };
    let recipients = "RCPT TO:<bob@here.test>\r\n".repeat(103);
    let wire = format!(
        "EHLO a.test\r\nMAIL FROM:<s@x.test>\r\n{recipients}DATA\r\nSubject: a\r\n\r\nx\r\n.\r\nQUIT\r\n"
    );
    let replies = fixture.talk(limits, wire.as_bytes(), 4096).await;
    assert_eq!(replies.matches("\r\n250 2.1.5").count(), 100, "{replies}");
    assert_eq!(replies.matches("\r\n452 4.5.3").count(), 3, "{replies}");
    assert!(replies.contains("\r\n250 2.0.0 Stored"), "{replies}");
    fixture.close().await;
}
