use super::*;
use crate::client::{OutboundRecipient, ReplyReader, Status, Unfit};
use crate::types::{ByMode, DeliverBy, Priority};

const FULL: &[&str] = &["PIPELINING", "SIZE 1000", "8BITMIME", "SMTPUTF8", "DSN"];

fn server(keywords: &[&str]) -> Capabilities {
    let lines = [&["mx.there.test"], keywords].concat();
    let lines = lines.iter().map(|line| (*line).to_owned()).collect();
    Capabilities::of(&ServerReply { code: 250, status: None, lines })
}

fn message(recipients: &[&str]) -> Outbound {
    Outbound {
        reverse_path: "julie@here.test".to_owned(),
        body: Body::EightBitMime,
        utf8_header: false,
        size_bytes: 100,
        ret: Some("HDRS".to_owned()),
        envelope_id: Some("q1".to_owned()),
        deliver_by: None,
        priority: None,
        require_tls: false,
        recipients: recipients
            .iter()
            .map(|path| OutboundRecipient {
                forward_path: (*path).to_owned(),
                notify: Some("FAILURE,DELAY".to_owned()),
                original: None,
            })
            .collect(),
    }
}

/// The message as who sends it converts it for a server of 7 bits.
fn in_bits_of(server: &Capabilities, message: &Outbound) -> Outbound {
    let convert = message.body == Body::EightBitMime && !server.eight_bit_mime;
    let body = if convert { Body::SevenBit } else { message.body };
    Outbound { body, ..message.clone() }
}

/// Plays replies and gives what was sent, in groups (`//` where it waits), and the outcome.
fn play(
    server: &Capabilities,
    message: &Outbound,
    reset: bool,
    replies: &[&str],
) -> (String, Outcome) {
    let message = &in_bits_of(server, message);
    let mut transaction = Transaction::new(server, message, 100, reset);
    let mut sent = String::new();
    let mut out = Vec::new();
    let mut step = transaction.start(&mut out);
    let mut replies = replies.iter();
    loop {
        sent += &String::from_utf8(std::mem::take(&mut out)).unwrap().replace("\r\n", "|");
        match step {
            Step::Done => break,
            Step::Data => sent += "(data)",
            Step::Chunk => sent += "(chunk)",
            Step::Reply(_) => {}
        }
        let Some(reply) = replies.next() else { break };
        if !sent.ends_with("//") {
            sent += "//";
        }
        let reply = ReplyReader::default().line(reply.as_bytes()).unwrap().unwrap();
        step = transaction.reply(reply, &mut out);
    }
    assert_eq!(replies.next(), None, "replies left over after {sent}");
    let usable = step == Step::Done;
    (sent, transaction.into_outcome(usable))
}

fn verdicts(outcome: &Outcome) -> Vec<String> {
    outcome
        .verdicts
        .iter()
        .map(|verdict| match verdict {
            Verdict::Accepted(reply) => format!("accepted {reply}"),
            Verdict::Refused(stage, reply) => format!("{stage:?} {reply}"),
            Verdict::Unfit(unfit) => format!("unfit {}", unfit.status),
            Verdict::Unanswered => "unanswered".to_owned(),
        })
        .collect()
}

const MAIL: &str = "MAIL FROM:<julie@here.test> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=q1|";

#[test]
fn commands_leave_together() {
    let (sent, outcome) = play(
        &server(FULL),
        &message(&["a@x.test", "b@x.test"]),
        false,
        &["250 ok", "250 ok", "550 5.1.1 no", "354 go", "250 2.0.0 queued"],
    );
    let rcpt = |path| format!("RCPT TO:<{path}> NOTIFY=FAILURE,DELAY|");
    let group = format!("{MAIL}{}{}DATA|//(data)//", rcpt("a@x.test"), rcpt("b@x.test"));
    assert_eq!(sent, group);
    assert_eq!(verdicts(&outcome), ["accepted 250 2.0.0 queued", "Rcpt 550 5.1.1 no"]);
    assert!(outcome.usable);
}

#[test]
fn without_pipelining_one_at_a_time() {
    let (sent, outcome) = play(
        &server(&[]),
        &message(&["a@x.test", "b@x.test"]),
        true,
        &["250 reset", "250 ok", "250 ok", "450 later", "354 go", "250 queued"],
    );
    let steps = "RSET|//MAIL FROM:<julie@here.test>|//RCPT TO:<a@x.test>|//RCPT TO:<b@x.test>|//\
                 DATA|//(data)//";
    assert_eq!(sent, steps);
    assert_eq!(verdicts(&outcome), ["accepted 250 queued", "Rcpt 450 later"]);
}

#[test]
fn chunks_follow_at_once() {
    let chunking = server(&["PIPELINING", "CHUNKING", "BINARYMIME"]);
    let binary = Outbound { body: Body::BinaryMime, ..message(&["a@x.test"]) };
    let (sent, outcome) =
        play(&chunking, &binary, true, &["250 reset", "250 ok", "250 ok", "250 queued"]);
    let group = "RSET|MAIL FROM:<julie@here.test> BODY=BINARYMIME|RCPT TO:<a@x.test>|\
                 BDAT 100 LAST|(chunk)//";
    assert_eq!(sent, group);
    assert_eq!(verdicts(&outcome), ["accepted 250 queued"]);
    let replies = ["250 ok", "550 no", "503 no recipients"];
    let (_, outcome) = play(&chunking, &binary, false, &replies);
    assert_eq!(verdicts(&outcome), ["Rcpt 550 no"]);
    assert!(outcome.usable);
}

#[test]
fn a_refused_sender_concerns_all() {
    let (_, outcome) = play(
        &server(FULL),
        &message(&["a@x.test", "b@x.test"]),
        false,
        &["451 4.3.0 busy", "503 mail first", "503 mail first", "503 mail first"],
    );
    assert_eq!(verdicts(&outcome), ["Mail 451 4.3.0 busy", "Mail 451 4.3.0 busy"]);
    assert!(outcome.usable);
}

#[test]
fn a_server_that_takes_data_for_nobody_gets_nothing() {
    let (sent, outcome) = play(
        &server(FULL),
        &message(&["a@x.test"]),
        false,
        &["250 ok", "550 no", "354 go", "554 nobody"],
    );
    assert!(sent.ends_with("DATA|//.|//"), "{sent}");
    assert_eq!(verdicts(&outcome), ["Rcpt 550 no"]);
}

#[test]
fn refusals_after_the_recipients() {
    let envelope = ["250 ok", "250 ok"];
    let after = |rest: &[&str]| {
        let replies = [&envelope[..], rest].concat();
        play(&server(FULL), &message(&["a@x.test"]), false, &replies).1
    };
    let outcome = after(&["452 4.3.1 full"]);
    assert_eq!(verdicts(&outcome), ["Data 452 4.3.1 full"]);
    let outcome = after(&["354 go", "554 5.6.0 spam"]);
    assert_eq!(verdicts(&outcome), ["End 554 5.6.0 spam"]);
    let outcome = after(&["354 go", "421 4.3.2 bye"]);
    assert_eq!(verdicts(&outcome), ["End 421 4.3.2 bye"]);
    assert!(!outcome.usable);
    // The connection broke after the content.
    let outcome = after(&["354 go"]);
    assert_eq!(verdicts(&outcome), ["unanswered"]);
    assert!(!outcome.usable);
}

// RFC 5321 §4.3.2: which replies a command has.
#[test]
fn a_reply_that_a_command_never_has_ends_it() {
    for (replies, content_sent) in [
        // Waiting for content, the server would take commands for it.
        (&["354 go"][..], false),
        (&["250 ok", "354 go"], false),
        (&["250 ok", "250 ok", "250 ok", "250 ok"], false),
        (&["250 ok", "250 ok", "550 no", "354 go", "354 go"], true),
    ] {
        let (full, two) = (server(FULL), message(&["a@x.test", "b@x.test"]));
        let (mut transaction, mut out) = (Transaction::new(&full, &two, 100, false), Vec::new());
        let mut step = transaction.start(&mut out);
        for reply in replies {
            let reply = ReplyReader::default().line(reply.as_bytes()).unwrap().unwrap();
            step = transaction.reply(reply, &mut out);
        }
        assert_eq!(step, Step::Done, "{replies:?}");
        let outcome = transaction.into_outcome(true);
        assert_eq!((outcome.usable, outcome.content_sent), (false, content_sent), "{replies:?}");
        let taken = outcome.verdicts.iter().any(|one| matches!(one, Verdict::Accepted(_)));
        assert!(!taken, "{replies:?} {outcome:?}");
    }
    // What is on its way as a chunk is listened for all the same.
    let chunking = server(&["PIPELINING", "CHUNKING"]);
    let replies = ["250 ok", "354 go", "250 ok", "250 taken"];
    let (_, outcome) = play(&chunking, &message(&["a@x.test", "b@x.test"]), false, &replies);
    assert_eq!(verdicts(&outcome), ["Rcpt 354 go", "accepted 250 taken"]);
    assert!(!outcome.usable);
}

#[test]
fn a_farewell_ends_it_at_once() {
    let (_, outcome) = play(
        &server(FULL),
        &message(&["a@x.test", "b@x.test"]),
        false,
        &["250 ok", "421 4.3.2 bye"],
    );
    assert_eq!(verdicts(&outcome), ["Rcpt 421 4.3.2 bye", "unanswered"]);
    assert!(!outcome.usable);
}

#[test]
fn too_many_recipients_come_again() {
    // RFC 9422 §4.2
    let limited = server(&["PIPELINING", "LIMITS RCPTMAX=1"]);
    let two = message(&["a@x.test", "b@x.test"]);
    let (sent, outcome) =
        play(&limited, &two, false, &["250 ok", "250 ok", "354 go", "250 queued"]);
    assert!(!sent.contains("b@x.test"));
    assert_eq!(verdicts(&outcome), ["accepted 250 queued", "unanswered"]);
    // RFC 5321 §4.5.3.1.10
    let replies = ["250 ok", "250 ok", "452 4.5.3 too many", "354 go", "250 queued"];
    let (_, outcome) = play(&server(FULL), &two, false, &replies);
    assert_eq!(verdicts(&outcome), ["accepted 250 queued", "unanswered"]);
}

/// RFC 9422 §4: RCPTDOMAINMAX counts what was named on the connection before, too.
#[test]
fn further_domains_come_again() {
    let limited = server(&["PIPELINING", "LIMITS RCPTDOMAINMAX=2"]);
    let paths = ["a@x.test", "b@y.test", "c@Z.test", "d@X.test"];
    let ok = ["250 ok", "250 ok", "250 ok", "250 ok", "354 go", "250 queued"];
    let (sent, outcome) = play(&limited, &message(&paths), false, &ok);
    assert!(!sent.contains("Z.test") && sent.contains("d@X.test"), "{sent}");
    let taken = "accepted 250 queued";
    assert_eq!(verdicts(&outcome), [taken, taken, "unanswered", taken]);
    let replies = ["452 4.5.3 not now", "250 ok", "250 ok", "250 ok", "503 nobody"];
    let (_, outcome) = play(&limited, &message(&paths), false, &replies);
    // Where the sender is refused, it is for all.
    assert_eq!(verdicts(&outcome), ["Mail 452 4.5.3 not now"; 4]);
    let message = &in_bits_of(&limited, &message(&paths));
    let before = BTreeSet::from(["x.test".to_owned(), "z.test".to_owned()]);
    let mut transaction =
        Transaction::new(&limited, message, 100, false).with_domains(before.clone());
    let mut out = Vec::new();
    transaction.start(&mut out);
    let sent = String::from_utf8(out).unwrap();
    let named: Vec<&str> = sent.lines().filter(|line| line.starts_with("RCPT")).collect();
    assert_eq!(named, ["RCPT TO:<a@x.test>", "RCPT TO:<c@Z.test>", "RCPT TO:<d@X.test>"]);
    assert_eq!(transaction.take_domains(), before);
}

#[test]
fn many_recipients_go_in_groups() {
    let paths: Vec<String> = (0..150).map(|at| format!("r{at}@x.test")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let mut replies = vec!["250 ok"; 151];
    replies.extend(["354 go", "250 queued"]);
    let (sent, outcome) = play(&server(FULL), &message(&paths), false, &replies);
    let groups: Vec<usize> = sent.split("//").map(|group| group.matches("RCPT").count()).collect();
    assert_eq!(groups, [100, 50, 0, 0]);
    assert!(outcome.verdicts.iter().all(|verdict| matches!(verdict, Verdict::Accepted(_))));
}

#[test]
fn what_a_server_cannot_take_is_not_sent() {
    let check = |keywords: &[&str], message: &Outbound, expect: &[&str]| {
        let server = server(keywords);
        let mut transaction = Transaction::new(&server, message, 100, false);
        let step = transaction.start(&mut Vec::new());
        let outcome = transaction.into_outcome(true);
        assert_eq!(verdicts(&outcome), expect);
        step
    };
    let large = Outbound { size_bytes: 1001, ..message(&["a@x.test"]) };
    assert_eq!(check(FULL, &large, &["unfit 5.3.4"]), Step::Done);
    let binary = Outbound { body: Body::BinaryMime, ..message(&["a@x.test"]) };
    assert_eq!(check(&["CHUNKING"], &binary, &["unfit 5.6.1"]), Step::Done);
    assert_eq!(check(&[], &message(&["a@x.test"]), &["unfit 5.6.3"]), Step::Done);
    let header = Outbound { utf8_header: true, ..message(&["a@x.test"]) };
    assert_eq!(check(&["8BITMIME"], &header, &["unfit 5.6.7"]), Step::Done);
    // One address needs SMTPUTF8, the other does not.
    let mixed = message(&["ü@x.test", "a@x.test"]);
    check(&["8BITMIME"], &mixed, &["unfit 5.6.7", "unanswered"]);
}

#[test]
fn domains_are_written_as_the_server_reads_them() {
    let umlaut = Outbound { ret: None, envelope_id: None, ..message(&["a@bücher.example"]) };
    let (sent, _) = play(&server(&["PIPELINING"]), &umlaut, false, &[]);
    assert!(sent.contains("RCPT TO:<a@xn--bcher-kva.example>|"), "{sent}");
    let (sent, _) = play(&server(&["PIPELINING", "SMTPUTF8"]), &umlaut, false, &[]);
    assert!(
        sent.contains("MAIL FROM:<julie@here.test> SMTPUTF8|RCPT TO:<a@bücher.example>|"),
        "{sent}"
    );
}

#[test]
fn terms_are_passed_on_to_who_knows_them() {
    let by = |secs, mode, trace| Some(DeliverBy { secs, mode, trace });
    let with = |deliver_by, notify: Option<&str>| {
        let mut message = message(&["a@x.test"]);
        (message.ret, message.envelope_id) = (None, None);
        message.deliver_by = deliver_by;
        message.priority = Priority::new(-3);
        message.recipients[0].notify = notify.map(str::to_owned);
        message
    };
    let sent = |keywords: &[&str], message: &Outbound| {
        play(&server(keywords), message, false, &["550 no"]).0
    };
    let all = &["DELIVERBY 60", "MT-PRIORITY", "DSN"];
    let line = sent(all, &with(by(98, ByMode::Return, true), None));
    assert_eq!(line, "MAIL FROM:<julie@here.test> BY=98;RT MT-PRIORITY=-3|//");
    let line = sent(&[], &with(by(98, ByMode::Notify, false), None));
    assert_eq!(line, "MAIL FROM:<julie@here.test>|//");
    // RFC 2852 §4.1.4.1: what must not be late goes to nobody who does not know of it.
    let late = Unfit {
        status: Status::new(5, 3, 3),
        text: "the server cannot promise to deliver the message in time",
    };
    for keywords in [&["DSN"][..], &["DELIVERBY 99"]] {
        let message = with(by(98, ByMode::Return, false), None);
        let (line, outcome) = play(&server(keywords), &message, false, &[]);
        assert_eq!((&*line, outcome.verdicts), ("", vec![Verdict::Unfit(late.clone())]));
    }
    // RFC 2852 §4.1.4.2: one that does not know of it is asked to tell of delays.
    for (notify, expect) in [
        (None, " NOTIFY=FAILURE,DELAY"),
        (Some("SUCCESS"), " NOTIFY=SUCCESS,DELAY"),
        (Some("NEVER"), " NOTIFY=NEVER"),
    ] {
        let message = with(by(98, ByMode::Notify, false), notify);
        let dsn = server(&["DSN", "PIPELINING"]);
        let (line, _) = play(&dsn, &message, false, &["250 ok", "550 no", "503 no"]);
        assert!(line.contains(&format!("RCPT TO:<a@x.test>{expect}|")), "{line}");
    }
}

#[test]
fn what_needs_tls_goes_on_with_the_same_need() {
    let message = Outbound { require_tls: true, ..message(&["a@x.test"]) };
    let needs = server(&["REQUIRETLS"]);
    let (line, _) = play(&needs, &message, false, &["550 no"]);
    assert!(line.contains(" REQUIRETLS|"), "{line}");
    let (line, outcome) = play(&server(&[]), &message, false, &[]);
    assert_eq!(line, "");
    assert!(matches!(&outcome.verdicts[..], [Verdict::Unfit(unfit)]
        if unfit.status == Status::new(5, 7, 30)));
    // RFC 8689 §5: a report goes on all the same.
    let report = Outbound { reverse_path: String::new(), ..message };
    let (line, _) = play(&server(&[]), &report, false, &["550 no"]);
    assert_eq!(line, "MAIL FROM:<>|//");
}

/// What a server says between something that is no reply and its goodbye; the verdicts in short.
fn heard(first: &[&str], rest: &[&str]) -> Vec<String> {
    let server = server(&["PIPELINING", "CHUNKING"]);
    let message = in_bits_of(&server, &message(&["a@x.test", "b@x.test"]));
    let mut transaction = Transaction::new(&server, &message, 100, false);
    let mut out = Vec::new();
    assert_eq!(transaction.start(&mut out), Step::Chunk);
    let reply = |text: &&str| ReplyReader::default().line(text.as_bytes()).unwrap().unwrap();
    for text in first {
        transaction.reply(reply(text), &mut out);
    }
    assert!(transaction.is_content_out());
    transaction.hear_out(rest.iter().map(reply).collect());
    let outcome = transaction.into_outcome(false);
    assert!(outcome.begun && !outcome.usable);
    let short = |verdict: Verdict| match verdict {
        Verdict::Accepted(_) => "accepted".to_owned(),
        Verdict::Refused(stage, reply) => format!("{stage:?} {}", reply.code),
        Verdict::Unfit(_) => "unfit".to_owned(),
        Verdict::Unanswered => "-".to_owned(),
    };
    outcome.verdicts.into_iter().map(short).collect()
}

#[test]
fn what_a_server_has_is_known_past_what_is_no_reply() {
    for (first, rest, verdicts) in [
        // In place of the reply to the first recipient.
        (&["250 ok"][..], &["250 ok", "250 taken"][..], ["-", "accepted"]),
        // Beside all replies.
        (&["250 ok"], &["250 ok", "250 ok", "250 taken"], ["accepted", "accepted"]),
        (&["250 ok"], &["550 no", "250 ok", "250 taken"], ["Rcpt 550", "accepted"]),
        // In place of the reply to MAIL.
        (&[], &["250 ok", "250 ok", "250 taken"], ["accepted", "accepted"]),
        (&[], &["250 ok", "250 ok", "451 no"], ["End 451", "End 451"]),
        (&["250 ok", "250 ok"], &["250 taken"], ["accepted", "-"]),
        // Neither: nothing is known.
        (&["250 ok"], &["250 taken"], ["-", "-"]),
        (&["250 ok"], &["250 1", "250 2", "250 3", "250 4"], ["-", "-"]),
        (&["250 ok", "250 ok", "250 ok"], &[], ["-", "-"]),
    ] {
        assert_eq!(heard(first, rest), verdicts, "{first:?} {rest:?}");
    }
}

#[test]
fn a_server_that_goes_on_after_it_said_no_is_listened_to() {
    let server = server(&["PIPELINING", "CHUNKING"]);
    for (replies, verdicts) in [
        (&["250 ok", "421 bye", "250 ok", "250 taken"][..], [421, 250]),
        (&["450 no", "250 ok", "250 ok", "250 taken"], [250, 250]),
        (&["450 no", "503 first", "250 ok", "250 taken"], [450, 250]),
        (&["450 no", "503 first", "503 first", "503 first"], [450, 450]),
    ] {
        let (_, outcome) = play(&server, &message(&["a@x.test", "b@x.test"]), false, replies);
        let code = |verdict: &Verdict| match verdict {
            Verdict::Accepted(reply) | Verdict::Refused(_, reply) => reply.code,
            Verdict::Unfit(_) | Verdict::Unanswered => 0,
        };
        let codes: Vec<u16> = outcome.verdicts.iter().map(code).collect();
        assert_eq!(codes, verdicts, "{replies:?}");
    }
}
