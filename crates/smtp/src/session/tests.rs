//! Dialogs with a session whose world is a closure: no sockets, no store.

use sasl::{Mechanism, Question, Step};

use super::*;
use crate::content::{Content, ContentLimits, Encoding, Fed, Framing};
use crate::types::{Body, ForwardPath, Notify, Ret};

const LINE_FEED: u8 = b'\n';

/// Plays whole byte streams against a session. Mail is taken for `*@here.test`; elsewhere only
/// from who signed in (`user` with `secret`), whose own sender is `user@here.test`.
struct Dialog {
    session: Session,
    mechanism: Option<Box<dyn Mechanism>>,
    messages: Vec<(Envelope, Vec<u8>)>,
    content: Option<(Content, Vec<u8>)>,
    closed: bool,
}

impl Dialog {
    fn new(settings: Settings) -> Self {
        let mut session = Session::new(Arc::new(settings), false);
        if session.settings().plaintext_auth {
            session.offer(vec![Name::Plain, Name::Login]);
        }
        Self { session, mechanism: None, messages: Vec::new(), content: None, closed: false }
    }

    fn with_role(role: Role) -> Self {
        Self::new(settings(role))
    }

    /// Sends `wire`, gives the replies to it.
    fn send(&mut self, wire: &[u8]) -> String {
        let mut out = Vec::new();
        let mut rest = wire;
        while !rest.is_empty() && !self.closed {
            let end = rest.iter().position(|byte| *byte == LINE_FEED).unwrap_or(rest.len() - 1);
            let (line, after) = rest.split_at(end + 1);
            rest = after;
            let next = match line.strip_suffix(b"\r\n") {
                Some(line) => self.session.line(line, &mut out),
                None => self.session.refuse_unreadable(line, SyntaxError::BareLineFeed, &mut out),
            };
            rest = self.follow(next, rest, &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    fn follow<'a>(&mut self, next: Next, rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        match next {
            Next::Command => {}
            Next::StartTls => {
                self.session.tls_started();
                self.session.offer(vec![Name::Plain, Name::Login]);
                return b"";
            }
            Next::SignIn { mechanism, initial } => {
                let mut started = sasl::start(mechanism, &sasl::Channel::default(), false, "");
                let step = started.step(initial.as_ref().map(|bytes| bytes.as_slice()));
                self.mechanism = Some(started);
                self.take_step(step, out);
            }
            Next::Respond(response) => {
                let step = self.mechanism.as_mut().unwrap().step(Some(&response));
                self.take_step(step, out);
            }
            Next::CheckSender(envelope) => {
                if envelope.reverse_path.to_string() == "<user@here.test>" {
                    self.session.open(envelope, out);
                } else {
                    self.session.refuse(&Refusal::SenderNotOwned.into(), out);
                }
            }
            Next::CheckRecipient(recipient) => self.check_recipient(recipient, out),
            Next::ReceiveData => return self.receive_data(rest, out),
            Next::ReceiveChunk { size_bytes, last } => {
                let (chunk, rest) = rest.split_at(size_bytes as usize);
                self.receive_chunk(chunk, last, out);
                return rest;
            }
            Next::DiscardChunk { size_bytes, error, replies } => {
                self.session.refuse_chunk(error, replies, out);
                return &rest[size_bytes as usize..];
            }
            Next::Close => self.closed = true,
        }
        rest
    }

    fn take_step(&mut self, step: Step, out: &mut Vec<u8>) {
        match step {
            Step::Challenge(challenge) => self.session.challenge(&challenge, out),
            Step::Ask(Question::Password(asked))
                if asked.authcid == "user" && asked.password.as_str() == "secret" =>
            {
                self.session.signed_in(out)
            }
            Step::Failed(failure) => self.session.break_off(failure, out),
            Step::Ask(_) | Step::Accepted => {
                self.session.refuse(&Refusal::BadCredentials.into(), out)
            }
        };
    }

    fn check_recipient(&mut self, recipient: Recipient, out: &mut Vec<u8>) {
        let known = match &recipient.path {
            ForwardPath::Postmaster => true,
            ForwardPath::Mailbox(mailbox) => mailbox.domain() == "here.test",
        };
        if recipient.path.to_string().starts_with("<nobody") {
            self.session.refuse(&Refusal::UnknownRecipient.into(), out);
        } else if known || self.session.protocol().signed_in {
            self.session.add_recipient(recipient, out);
        } else {
            self.session.refuse(&Refusal::RelayDenied.into(), out);
        }
    }

    fn content(&self, framing: Framing) -> Content {
        let settings = self.session.settings();
        let binary = self.session.envelope().is_some_and(|e| e.parameters.body == Body::BinaryMime);
        let limits = ContentLimits {
            message_bytes_max: settings.message_bytes_max,
            line_bytes_max: settings.message_line_bytes_max,
        };
        let encoding = if binary { Encoding::Binary } else { Encoding::Text };
        Content::new(framing, encoding, limits)
    }

    fn receive_data<'a>(&mut self, wire: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let mut content = self.content(Framing::Dotted);
        let mut message = Vec::new();
        match content.feed(wire, &mut message) {
            Fed::Ended(taken) => {
                self.end(content, message, out);
                &wire[taken..]
            }
            Fed::More => panic!("data without end"),
        }
    }

    fn receive_chunk(&mut self, chunk: &[u8], last: bool, out: &mut Vec<u8>) {
        let fresh = self.content(Framing::Chunked);
        let (mut content, mut message) = self.content.take().unwrap_or((fresh, Vec::new()));
        content.feed(chunk, &mut message);
        if last {
            content.finish();
            return self.end(content, message, out);
        }
        let fault = content.fault().map(|fault| Refusal::Content(fault).into());
        if fault.is_none() {
            self.content = Some((content, message));
        }
        self.session.answer_chunk(fault.map_or(Ok(()), Err), out);
    }

    fn end(&mut self, content: Content, message: Vec<u8>, out: &mut Vec<u8>) {
        let outcome = match content.fault() {
            Some(fault) => Err(Refusal::Content(fault).into()),
            None => Ok(()),
        };
        if outcome.is_ok() {
            self.messages.push((self.session.envelope().unwrap().clone(), message));
        }
        self.session.answer_message(0x2a, &outcome, out);
    }

    /// Plays lines that begin with `C: ` or `S: `.
    fn play(&mut self, script: &str) {
        let mut replies = String::new();
        for line in script.lines().map(str::trim_start).filter(|line| !line.is_empty()) {
            if let Some(command) = line.strip_prefix("C:") {
                assert_eq!(replies, "", "unexpected reply before {command:?}");
                replies = self.send(format!("{}\r\n", command.trim_start()).as_bytes());
            } else {
                let expected = line.strip_prefix("S: ").expect("a line begins with C: or S:");
                let (first, rest) = replies.split_once("\r\n").expect("a reply is missing");
                assert_eq!(first, expected);
                replies = rest.to_owned();
            }
        }
        assert_eq!(replies, "", "unexpected reply at the end");
    }
}

fn settings(role: Role) -> Settings {
    let mut settings = Settings::new(role, "mx.here.test");
    settings.starttls = true;
    settings.recipients_max = 3;
    settings.message_bytes_max = 200_000;
    settings
}

const STORED: &str = "250 2.0.0 Stored, id 000000000000002a\r\n";

#[test]
fn a_typical_transaction_as_in_rfc_5321_appendix_d_1() {
    let mut dialog = Dialog::with_role(Role::Mx);
    dialog.play(
        "C: HELO bar.com
         S: 250 mx.here.test
         C: MAIL FROM:<Smith@bar.com>
         S: 250 2.1.0 Sender accepted
         C: RCPT TO:<Jones@here.test>
         S: 250 2.1.5 Recipient accepted
         C: RCPT TO:<nobody@here.test>
         S: 550 5.1.1 No such mailbox here
         C: RCPT TO:<Brown@here.test>
         S: 250 2.1.5 Recipient accepted",
    );
    let replies = dialog.send(b"DATA\r\nBlah blah blah...\r\n..etc.\r\n.\r\nQUIT\r\n");
    let data = "354 Send the message, end with <CR><LF>.<CR><LF>\r\n";
    assert_eq!(replies, format!("{data}{STORED}221 2.0.0 Goodbye\r\n"));
    let (envelope, message) = &dialog.messages[0];
    assert_eq!(envelope.recipients.len(), 2);
    assert_eq!(message, b"Blah blah blah...\r\n.etc.\r\n");
}

#[test]
fn an_aborted_transaction_as_in_rfc_5321_appendix_d_2() {
    Dialog::with_role(Role::Mx).play(
        "C: EHLO bar.com
         S: 250-mx.here.test
         S: 250-PIPELINING
         S: 250-SIZE 200000
         S: 250-STARTTLS
         S: 250-ENHANCEDSTATUSCODES
         S: 250-8BITMIME
         S: 250-SMTPUTF8
         S: 250-DSN
         S: 250-CHUNKING
         S: 250-BINARYMIME
         S: 250-MT-PRIORITY
         S: 250-DELIVERBY 60
         S: 250 LIMITS MAILMAX=10000 RCPTMAX=3
         C: MAIL FROM:<Smith@bar.com>
         S: 250 2.1.0 Sender accepted
         C: RCPT TO:<Jones@here.test>
         S: 250 2.1.5 Recipient accepted
         C: RSET
         S: 250 2.0.0 Reset
         C: DATA
         S: 503 5.5.1 MAIL first
         C: QUIT
         S: 221 2.0.0 Goodbye",
    );
}

#[test]
fn commands_out_of_order_are_refused() {
    Dialog::with_role(Role::Mx).play(
        "C: MAIL FROM:<a@b>
         S: 503 5.5.1 Say EHLO (LHLO in LMTP) first
         C: RCPT TO:<a@here.test>
         S: 503 5.5.1 MAIL first
         C: LHLO bar.com
         S: 500 5.5.1 Not a command of this protocol
         C: HELO bar.com
         S: 250 mx.here.test
         C: DATA
         S: 503 5.5.1 MAIL first
         C: MAIL FROM: <a@b>
         S: 250 2.1.0 Sender accepted
         C: DATA
         S: 503 5.5.1 No valid recipient
         C: MAIL FROM:<>
         S: 503 5.5.1 MAIL was given already
         C: RCPT TO:<a@elsewhere.test>
         S: 550 5.7.1 Relaying denied, that domain is not served here
         C: RCPT TO:<Postmaster>
         S: 250 2.1.5 Recipient accepted
         C: RCPT TO:<b@here.test>
         S: 250 2.1.5 Recipient accepted
         C: RCPT TO:<c@here.test>
         S: 250 2.1.5 Recipient accepted
         C: RCPT TO:<d@here.test>
         S: 452 4.5.3 Too many recipients, 3 at a time are taken
         C: HELO again
         S: 250 mx.here.test
         C: RCPT TO:<d@here.test>
         S: 503 5.5.1 MAIL first
         C: VRFY a
         S: 252 2.5.0 Not verified, send mail to find out
         C: EXPN a
         S: 502 5.5.1 Not implemented
         C: NOOP x
         S: 250 2.0.0 OK
         C: HELP
         S: 214-2.0.0 Commands: EHLO HELO LHLO STARTTLS AUTH MAIL RCPT DATA BDAT
         S: 214 2.0.0 RSET NOOP VRFY HELP QUIT
         C: TURN
         S: 500 5.5.1 Unknown command
         C: AUTH PLAIN
         S: 502 5.5.1 AUTH is not offered here",
    );
}

#[test]
fn parameters_reach_the_envelope() {
    let mut dialog = Dialog::with_role(Role::Mx);
    dialog.send(b"EHLO a\r\n");
    dialog.play(
        "C: MAIL FROM:<a@b> SIZE=200001
         S: 552 5.3.4 Message exceeds the maximum size
         C: MAIL FROM:<\u{e9}@b>
         S: 550 5.6.7 This sender needs SMTPUTF8
         C: MAIL FROM:<a@b> REQUIRETLS
         S: 530 5.7.0 Must issue a STARTTLS command first
         C: MAIL FROM:<a@b> SIZE=10 BODY=8BITMIME RET=HDRS ENVID=QQ314159
         S: 250 2.1.0 Sender accepted
         C: RCPT TO:<\u{e9}@here.test>
         S: 553 5.6.7 This recipient needs SMTPUTF8
         C: RCPT TO:<a@here.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Bob@x
         S: 250 2.1.5 Recipient accepted",
    );
    let envelope = dialog.session.envelope().unwrap();
    assert_eq!(envelope.parameters.ret, Some(Ret::Hdrs));
    assert_eq!(envelope.parameters.size_bytes, Some(10));
    let recipient = &envelope.recipients[0];
    assert_eq!(recipient.notify, Notify::On { success: true, failure: true, delay: false });
    assert_eq!(recipient.original.as_ref().map(|o| o.as_str()), Some("rfc822;Bob@x"));
}

#[test]
fn chunks_as_in_the_examples_of_rfc_3030() {
    let mut dialog = Dialog::with_role(Role::Mx);
    dialog.send(b"EHLO ymir.claremont.edu\r\n");
    let message = b"To: Susan@random.com\r\nFrom: Sam@random.com\r\n\
                    Subject: This is a bodyless test message\r\n";
    let wire = [
        b"MAIL FROM:<Sam@Random.com>\r\nRCPT TO:<Susan@here.test>\r\nBDAT 86 LAST\r\n",
        &message[..],
        b"QUIT\r\n",
    ]
    .concat();
    let accepted = "250 2.1.0 Sender accepted\r\n250 2.1.5 Recipient accepted\r\n";
    let expected = format!("{accepted}{STORED}221 2.0.0 Goodbye\r\n");
    assert_eq!((message.len(), dialog.send(&wire)), (86, expected));
    assert_eq!(dialog.messages[0].1, message);

    let mut dialog = Dialog::with_role(Role::Mx);
    dialog.send(b"EHLO ymir.claremont.edu\r\n");
    let header = b"Content-Transfer-Encoding: binary\r\n\r\n";
    let body: Vec<u8> = (0..100_324 - header.len()).map(|at| at as u8).collect();
    let message = [&header[..], &body].concat();
    let wire = [
        b"MAIL FROM:<ned@ymir.claremont.edu> BODY=BINARYMIME\r\nRCPT TO:<g@here.test>\r\n\
          BDAT 100000\r\n",
        &message[..100_000],
        b"BDAT 324\r\n",
        &message[100_000..],
        b"BDAT 0 LAST\r\nQUIT\r\n",
    ]
    .concat();
    let chunk = "250 2.0.0 Chunk received\r\n";
    let expected = format!("{accepted}{chunk}{chunk}{STORED}221 2.0.0 Goodbye\r\n");
    assert_eq!(dialog.send(&wire), expected);
    assert_eq!(dialog.messages[0].1, message);
}

#[test]
fn chunks_in_the_wrong_place_are_read_and_refused() {
    let mut dialog = Dialog::with_role(Role::Mx);
    dialog.send(b"EHLO a\r\n");
    let replies = dialog.send(b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n");
    assert_eq!(replies, "503 5.5.1 MAIL first\r\n250 2.0.0 OK\r\n");
    dialog.send(b"MAIL FROM:<a@b> BODY=BINARYMIME\r\n");
    let replies = dialog.send(b"BDAT 6\r\nQUIT\r\n");
    assert_eq!(replies, "503 5.5.1 No valid recipient\r\n");
    dialog.send(b"RCPT TO:<a@here.test>\r\n");
    assert_eq!(dialog.send(b"DATA\r\n"), "503 5.5.1 BINARYMIME needs BDAT\r\n");
    // A bare line feed in the header section fails the transaction, until RSET.
    assert_eq!(dialog.send(b"BDAT 4\r\na\nb\n"), "554 5.6.0 Bare LF is not allowed\r\n");
    let failed = "503 5.5.1 The transaction has failed, RSET first\r\n";
    assert_eq!(dialog.send(b"BDAT 6 LAST\r\nQUIT\r\n"), failed);
    assert_eq!(dialog.send(b"DATA\r\n"), failed);
    assert_eq!(dialog.send(b"MAIL FROM:<a@b>\r\n"), failed);
    assert_eq!(dialog.send(b"RSET\r\n"), "250 2.0.0 Reset\r\n");
    dialog.send(b"MAIL FROM:<a@b>\r\nRCPT TO:<a@here.test>\r\n");
    assert_eq!(dialog.send(b"BDAT 2\r\na\r"), "250 2.0.0 Chunk received\r\n");
    let chunking = "503 5.5.1 A BDAT sequence is under way\r\n";
    assert_eq!(dialog.send(b"RCPT TO:<b@here.test>\r\n"), chunking);
    assert_eq!(dialog.send(b"DATA\r\n"), chunking);
    assert_eq!(dialog.send(b"BDAT 1 LAST\r\n\n"), STORED);
    assert_eq!(dialog.messages[0].1, b"a\r\n");
    assert_eq!(dialog.send(b"BDAT 1 LAST\r\nx"), "503 5.5.1 MAIL first\r\n");
    let lost = "421 4.5.4 Size of BDAT not understood, goodbye\r\n";
    assert_eq!(dialog.send(b"BDAT x\r\nQUIT\r\n"), lost);
    assert!(dialog.closed);
}

#[test]
fn nothing_is_smuggled_through_data() {
    let ends: &[&[u8]] = &[
        b"\n.\n",
        b"\n.\r\n",
        b"\r.\r",
        b"\r.\r\n",
        b"\r\n.\n",
        b"\r\n.\r",
        b"\r\n.\r\r\n",
        b"\r\r\n.\n",
        b"\n\n.\r\n",
        b"\r\n\0.\r\n",
        b"\r\n.\0\r\n",
        b"\r\n.\r\0\n",
    ];
    for end in ends {
        let mut dialog = Dialog::with_role(Role::Mx);
        dialog.send(b"EHLO a\r\n");
        let transaction = b"MAIL FROM:<a@b>\r\nRCPT TO:<a@here.test>\r\nDATA\r\n";
        let wire =
            [transaction, &b"Subject: a\r\n\r\nx"[..], end, transaction, b"b\r\n.\r\nNOOP\r\n"];
        let replies = dialog.send(&wire.concat());
        let codes: Vec<&str> = replies.lines().map(|line| &line[..3]).collect();
        assert_eq!(codes, ["250", "250", "354", "554", "250"], "{end:?}");
        assert_eq!(dialog.messages.len(), 0);
    }
}

#[test]
fn submission_needs_tls_and_a_sign_in() {
    let mut dialog = Dialog::with_role(Role::Submission);
    let extensions = dialog.send(b"EHLO a\r\n");
    assert!(extensions.contains("STARTTLS") && !extensions.contains("AUTH"));
    dialog.play(
        "C: AUTH PLAIN AHVzZXIAc2VjcmV0
         S: 530 5.7.0 Must issue a STARTTLS command first
         C: MAIL FROM:<user@here.test>
         S: 530 5.7.0 Must issue a STARTTLS command first
         C: STARTTLS now
         S: 501 5.5.4 Invalid or missing arguments",
    );
    // What is sent along with STARTTLS is never looked at.
    let replies = dialog.send(b"STARTTLS\r\nEHLO evil\r\nAUTH PLAIN AHVzZXIAc2VjcmV0\r\n");
    assert_eq!(replies, "220 2.0.0 Ready to start TLS\r\n");
    assert_eq!(dialog.session.client(), None);
    dialog.play(
        "C: AUTH PLAIN AHVzZXIAc2VjcmV0
         S: 503 5.5.1 Say EHLO (LHLO in LMTP) first",
    );
    let extensions = dialog.send(b"EHLO a\r\n");
    assert!(extensions.contains("AUTH PLAIN LOGIN") && !extensions.contains("STARTTLS"));
    dialog.play(
        "C: STARTTLS
         S: 503 5.5.1 That was done already
         C: MAIL FROM:<user@here.test>
         S: 530 5.7.0 Sign in first
         C: AUTH SCRAM-SHA-1
         S: 504 5.5.4 Unknown authentication mechanism
         C: AUTH PLAIN
         S: 334\x20
         C: *
         S: 501 5.7.0 Authentication cancelled
         C: AUTH PLAIN !!!
         S: 501 5.5.2 Malformed authentication response
         C: AUTH PLAIN AHVzZXIAd3Jvbmc=
         S: 535 5.7.8 Authentication credentials invalid
         C: AUTH LOGIN dXNlcg==
         S: 334 UGFzc3dvcmQ6
         C: c2VjcmV0
         S: 235 2.7.0 Signed in
         C: AUTH PLAIN AHVzZXIAc2VjcmV0
         S: 503 5.5.1 That was done already
         C: MAIL FROM:<other@here.test>
         S: 550 5.7.1 This account may not send from this address
         C: MAIL FROM:<user@here.test>
         S: 250 2.1.0 Sender accepted
         C: RCPT TO:<a@elsewhere.test>
         S: 250 2.1.5 Recipient accepted",
    );
    assert_eq!(dialog.session.protocol().name(), "ESMTPSA");
}

#[test]
fn lmtp_answers_once_per_recipient() {
    let mut dialog = Dialog::with_role(Role::Lmtp);
    dialog.play(
        "C: EHLO a
         S: 500 5.5.1 Not a command of this protocol
         C: HELO a
         S: 500 5.5.1 Not a command of this protocol",
    );
    dialog.send(b"LHLO a\r\n");
    // RFC 2033 §4.2: all recipients refused, so DATA must fail with 503.
    dialog.play(
        "C: MAIL FROM:<>
         S: 250 2.1.0 Sender accepted
         C: RCPT TO:<nobody@here.test>
         S: 550 5.1.1 No such mailbox here
         C: DATA
         S: 503 5.5.1 No valid recipient
         C: RSET
         S: 250 2.0.0 Reset",
    );
    let start = b"MAIL FROM:<>\r\nRCPT TO:<a@here.test>\r\nRCPT TO:<b@here.test>\r\n";
    dialog.send(start);
    let replies = dialog.send(b"DATA\r\nx\r\n.\r\n");
    assert_eq!(replies.split_once("\r\n").map(|(_, rest)| rest), Some(&*STORED.repeat(2)));
    dialog.send(start);
    let refused = "554 5.6.0 NUL is not allowed\r\n".repeat(2);
    assert_eq!(dialog.send(b"BDAT 1 LAST\r\n\0"), refused);
}

#[test]
fn lmtp_answers_the_last_chunk_once_per_recipient_also_when_it_failed() {
    let failed = "503 5.5.1 The transaction has failed, RSET first\r\n";
    let mut dialog = Dialog::with_role(Role::Lmtp);
    dialog.send(b"LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@here.test>\r\nRCPT TO:<b@here.test>\r\n");
    assert_eq!(dialog.send(b"BDAT 5\r\na\nb\r\n"), "554 5.6.0 Bare LF is not allowed\r\n");
    assert_eq!(dialog.send(b"BDAT 1\r\nx"), failed);
    assert_eq!(dialog.send(b"BDAT 3 LAST\r\nabc"), failed.repeat(2));
    assert_eq!(dialog.send(b"RSET\r\n"), "250 2.0.0 Reset\r\n");
    dialog.send(b"MAIL FROM:<>\r\nRCPT TO:<nobody@here.test>\r\n");
    assert_eq!(dialog.send(b"BDAT 5 LAST\r\nhello"), "");
    assert_eq!(dialog.send(b"BDAT 5\r\nhello"), "503 5.5.1 No valid recipient\r\n");
    assert_eq!(dialog.send(b"RSET\r\nBDAT 5 LAST\r\nhello"), "250 2.0.0 Reset\r\n");
}

#[test]
fn commands_count_in_every_phase() {
    let over = "421 4.7.0 Too many commands, goodbye\r\n";
    let mut limits = settings(Role::Mx);
    (limits.idle_commands_max, limits.errors_max) = (7, 100);
    for idle in ["NOOP", "VRFY a", "HELP", "RCPT TO:<nobody@here.test>", "BDAT 0"] {
        let mut dialog = Dialog::new(limits.clone());
        dialog
            .send(b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@here.test>\r\nRCPT TO:<b@here.test>\r\n");
        // Content is no idle command, however small its chunks: it has bounds of its own.
        let chunks = if idle.starts_with("RCPT") { 0 } else { 20 };
        for _ in 0..chunks {
            assert_eq!(dialog.send(b"BDAT 1\r\nx"), "250 2.0.0 Chunk received\r\n");
        }
        for _ in 0..5 {
            dialog.send(format!("{idle}\r\n").as_bytes());
            assert!(!dialog.closed, "{idle}");
        }
        assert_eq!(dialog.send(b"NOOP\r\n"), over, "{idle}");
    }
    // A client that sends its whole list before it reads a reply is not cut off.
    let mut dialog = Dialog::new(limits);
    dialog.send(b"EHLO a\r\nMAIL FROM:<>\r\n");
    dialog.send(&b"RCPT TO:<a@here.test>\r\n".repeat(6));
    assert_eq!(dialog.send(b"DATA\r\n.\r\n").lines().count(), 2);
    assert_eq!(dialog.messages.len(), 1);
}

#[test]
fn a_chunk_whose_line_cannot_be_read_ends_the_session() {
    let lost = "421 4.5.4 Size of BDAT not understood, goodbye\r\n";
    let mut dialog = Dialog::with_role(Role::Mx);
    assert_eq!(dialog.send(b"bdat 6\nNOOP\r\n"), lost);
    let mut dialog = Dialog::with_role(Role::Mx);
    let mut out = Vec::new();
    dialog.session.refuse_unreadable(b"BDAT", SyntaxError::LineTooLong, &mut out);
    assert_eq!(out, lost.as_bytes());
}

#[test]
fn patience_ends() {
    let mut limits = settings(Role::Mx);
    limits.errors_max = 2;
    Dialog::new(limits).play(
        "C: FOO
         S: 500 5.5.1 Unknown command
         C: FOO
         S: 500 5.5.1 Unknown command
         C: NOOP
         S: 421 4.7.0 Too many errors, goodbye",
    );
    let mut limits = settings(Role::Mx);
    limits.idle_commands_max = 2;
    Dialog::new(limits).play(
        "C: NOOP
         S: 250 2.0.0 OK
         C: NOOP
         S: 250 2.0.0 OK
         C: NOOP
         S: 421 4.7.0 Too many commands, goodbye",
    );
    let mut limits = settings(Role::Submission);
    limits.commands_before_sign_in_max = 1;
    Dialog::new(limits).play(
        "C: NOOP
         S: 250 2.0.0 OK
         C: NOOP
         S: 421 4.7.0 Too many commands, goodbye",
    );
    let mut limits = settings(Role::Mx);
    limits.messages_max = 1;
    let mut dialog = Dialog::new(limits);
    dialog.send(b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@here.test>\r\nDATA\r\n.\r\n");
    assert_eq!(dialog.messages.len(), 1);
    let reply = dialog.send(b"MAIL FROM:<>\r\n");
    assert_eq!(reply, "421 4.7.0 Enough messages, connect again for more\r\n");
    let mut dialog = Dialog::with_role(Role::Mx);
    let reply = dialog.send(b"BDAT 99999999999 LAST\r\nx");
    assert_eq!(reply, "421 4.7.0 Endless input, goodbye\r\n");
}

#[test]
fn holds_are_for_submission_alone() {
    let mut held = settings(Role::Submission);
    held.hold_secs_max = 86_400;
    let mut dialog = Dialog::new(held);
    dialog.session.tls_started();
    dialog.session.offer(vec![Name::Plain]);
    dialog.session.set_time(ids::Timestamp::from_secs(1_767_600_000));
    let greeting = dialog.send(b"EHLO a\r\nAUTH PLAIN AHVzZXIAc2VjcmV0\r\n");
    assert!(greeting.contains("250-FUTURERELEASE 86400 2026-01-06T08:00:00Z\r\n"), "{greeting}");
    let bad = "501 5.5.4 Invalid value of a parameter\r\n";
    let good = "250 2.1.0 Sender accepted\r\n250 2.0.0 Reset\r\n";
    for (parameters, reply) in [
        ("HOLDFOR=86400", good),
        ("HOLDFOR=86401", bad),
        ("HOLDUNTIL=2026-01-06T08:00:00Z", good),
        ("HOLDUNTIL=2026-01-06T08:00:01Z", bad),
        // RFC 4865 §5.2.2: the deadline is not before the release.
        ("HOLDFOR=600 BY=600;R", good),
        ("HOLDFOR=601 BY=600;N", bad),
    ] {
        let line = format!("MAIL FROM:<user@here.test> {parameters}\r\nRSET\r\n");
        let replies = dialog.send(line.as_bytes());
        let reset = reply.strip_suffix("250 2.0.0 Reset\r\n").is_some();
        let expect = if reset { reply.to_owned() } else { format!("{reply}250 2.0.0 Reset\r\n") };
        assert_eq!(replies, expect, "{parameters}");
    }
    let mut mx = settings(Role::Mx);
    mx.hold_secs_max = 86_400;
    let mut dialog = Dialog::new(mx);
    assert!(!dialog.send(b"EHLO a\r\n").contains("FUTURERELEASE"));
    let refused = dialog.send(b"MAIL FROM:<a@b.test> HOLDFOR=1\r\n");
    assert_eq!(refused, "555 5.5.4 Unknown parameter\r\n");
}

#[test]
fn terms_are_judged_by_who_asks() {
    let mut dialog = Dialog::with_role(Role::Mx);
    dialog.send(b"EHLO a\r\n");
    dialog.play(
        "C: MAIL FROM:<a@b.test> MT-PRIORITY=4
         S: 250 2.3.6 0 is the priority without sign-in
         C: RSET
         S: 250 2.0.0 Reset
         C: MAIL FROM:<a@b.test> MT-PRIORITY=-4
         S: 250 2.1.0 Sender accepted
         C: RSET
         S: 250 2.0.0 Reset
         C: MAIL FROM:<a@b.test> BY=59;R
         S: 555 5.5.4 That deadline is sooner than can be promised here
         C: MAIL FROM:<a@b.test> BY=-59;N
         S: 250 2.1.0 Sender accepted
         C: RSET
         S: 250 2.0.0 Reset
         C: MAIL FROM:<a@b.test> REQUIRETLS
         S: 530 5.7.0 Must issue a STARTTLS command first",
    );
    let mut dialog = Dialog::with_role(Role::Mx);
    dialog.session.tls_started();
    assert!(dialog.send(b"EHLO a\r\n").contains("250-REQUIRETLS\r\n"));
    let taken = dialog.send(b"MAIL FROM:<a@b.test> REQUIRETLS\r\n");
    assert_eq!(taken, "250 2.1.0 Sender accepted\r\n");
    let mut dialog = Dialog::with_role(Role::Lmtp);
    assert!(!dialog.send(b"LHLO a\r\n").contains("DELIVERBY"));
    let refused = dialog.send(b"MAIL FROM:<a@b.test> BY=100;N\r\n");
    assert_eq!(refused, "555 5.5.4 Unknown parameter\r\n");
}

#[test]
fn unreadable_lines_are_answered() {
    let mut dialog = Dialog::with_role(Role::Mx);
    let bare = "500 5.5.2 A command ends with CR LF, not with LF alone\r\n";
    assert_eq!(dialog.send(b"EHLO a\n"), bare);
    assert_eq!(dialog.session.client(), None);
    let mut out = Vec::new();
    dialog.session.refuse_unreadable(b"NOOP", SyntaxError::LineTooLong, &mut out);
    assert_eq!(out, b"500 5.5.2 Line too long\r\n");
}
