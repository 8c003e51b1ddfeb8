//! What other servers answer to our client.

use smtp::client::{
    Act, Capabilities, Credentials, Opening, OpeningSettings, Outbound, OutboundRecipient,
    ReplyReader, ServerReply, Step, TlsUse, Transaction, Verdict,
};
use smtp::types::Body;

/// Replies to our client: the first byte says how it is set up. It says whole lines, its password
/// in no clear text that was not asked for, and every recipient comes to an end.
pub fn smtp_client(input: &[u8]) {
    let Some((&how, text)) = input.split_first() else { return };
    let replies = replies(text);
    let mut rest = replies.iter();
    let Some(server) = open(how, &mut rest) else { return };
    let message = outbound(how);
    if message.check(&server).is_err() {
        return;
    }
    let mut out = Vec::new();
    let mut transaction = Transaction::new(&server, &message, 1000, how & 16 != 0);
    let mut step = transaction.start(&mut out);
    let mut content_sent = false;
    let whole = loop {
        if matches!(step, Step::Data | Step::Chunk) {
            assert!(!content_sent, "the content was sent twice");
            content_sent = true;
        }
        if step == Step::Done {
            break true;
        }
        let Some(reply) = rest.next() else { break false };
        step = transaction.reply(reply.clone(), &mut out);
    };
    assert_commands(&out);
    let outcome = transaction.into_outcome(whole);
    assert_eq!(outcome.verdicts.len(), message.recipients.len());
    let accepted = outcome.verdicts.iter().any(|one| matches!(one, Verdict::Accepted(_)));
    assert!(!accepted || content_sent, "taken before it was sent");
    assert!(!content_sent || outcome.content_sent);
}

/// All replies up to the first that is none.
fn replies(text: &[u8]) -> Vec<ServerReply> {
    let mut reader = ReplyReader::default();
    let mut found = Vec::new();
    for line in text.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match reader.line(line) {
            Ok(Some(reply)) => {
                assert!((200..600).contains(&reply.code));
                let shown = reply.to_string();
                assert!(!shown.contains(char::is_control), "{shown:?}");
                assert!(shown.len() < 3 * (4096 + 16_384), "{} bytes are kept", shown.len());
                found.push(reply);
            }
            Ok(None) => {}
            Err(_) => break,
        }
    }
    found
}

fn open<'r>(how: u8, replies: &mut impl Iterator<Item = &'r ServerReply>) -> Option<Capabilities> {
    let tls = [TlsUse::Never, TlsUse::Opportunistic, TlsUse::Required, TlsUse::FromTheStart];
    let tls = tls[usize::from(how & 3)];
    let credentials = (how & 4 != 0)
        .then(|| Credentials { user: "relay".to_owned(), password: "secret".to_owned() });
    let signs_in = credentials.is_some();
    let hostname = "mail.here.test".to_owned();
    let mut opening = Opening::new(OpeningSettings { hostname, tls, credentials });
    let mut out = Vec::new();
    let mut encrypted = tls == TlsUse::FromTheStart;
    let found = loop {
        let reply = replies.next()?;
        match opening.reply(reply, &mut out) {
            Act::Reply(_) => {}
            Act::StartTls => {
                encrypted = true;
                opening.tls_started(&mut out);
            }
            Act::Ready(found) => break Some(found),
            Act::Failed(failure) => {
                assert!(!failure.text.contains(char::is_control), "{:?}", failure.text);
                break None;
            }
        }
    };
    assert_commands(&out);
    let ready = found.is_some();
    assert!(!ready || encrypted || tls != TlsUse::Required, "sent without TLS");
    let asked = memchr::memmem::find(&out, b"AUTH ").is_some();
    assert!(!ready || asked == signs_in);
    found
}

fn outbound(how: u8) -> Outbound {
    let recipient = |number: u16| OutboundRecipient {
        forward_path: format!("x{number}@there.test"),
        notify: Some("FAILURE".to_owned()),
        original: Some("rfc822;x@there.test".to_owned()),
    };
    Outbound {
        reverse_path: "julie@here.test".to_owned(),
        body: if how & 8 == 0 { Body::SevenBit } else { Body::EightBitMime },
        utf8_header: false,
        size_bytes: 1000,
        ret: Some("HDRS".to_owned()),
        envelope_id: Some("q+2B1".to_owned()),
        deliver_by: None,
        priority: None,
        require_tls: false,
        recipients: (0..if how & 32 == 0 { 3 } else { 150 }).map(recipient).collect(),
    }
}

/// Lines of text that end with CRLF.
fn assert_commands(out: &[u8]) {
    for line in out.split_inclusive(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r\n").expect("a whole line");
        let text = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
        assert!(line.iter().all(text), "{}", line.escape_ascii());
    }
}
