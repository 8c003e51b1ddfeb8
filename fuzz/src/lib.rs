//! What each fuzz target does with its input. A target fails by panicking.
//!
//! The same functions run under libFuzzer (`cargo xtask fuzz`) and, over the committed corpora
//! and seeded mutations of them, as an ordinary test (`tests/replay.rs`, part of `cargo xtask
//! ci`).
//!
//! **Invariant:** no target reads anything but its input, so that a finding replays.

mod authenticity;
mod smtp_client;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use dav::xml::{
    Element, LockInfo, Multistatus, PropertyChange, PropertyRequest, Report, SharingRequest,
    Status, parse_acl, parse_mkcol,
};
use ical::{
    CalendarObject, CalendarSelection, Card, CardVersion, Component, RecurrenceSelection, Schedule,
    TimeRange,
};
use imap::mutf7;
use imap::parse::{Dialect, Framer, Step, parse_command, parse_section, parse_sequence_set};
use imap::render::{render_rejection, sequence_set};
use imap::url::ImapUrl;
use managesieve::parse::{Frame, Word, literal_size, without_literal};
use message::{Keys, KeysView, Limits, PartIndex, Summary, decode_part, searchable_text};
use pop3::DotStuffing;
use sasl::scram::{Hash, ScramKeys, Verifiers};
use sasl::{Answer, Channel, ChannelBindings, Mechanism, Name, Question};
use smtp::content::{Content, ContentLimits, Encoding, Fed, Framing};
use smtp::session::{Next, Session};
use smtp::{Role, Settings};
use textindex::{Asked, Block, Builder, Field, Head, Input, Needle, UNKNOWN, What, merge, search};

pub use authenticity::{mail_authenticity, mail_report, rewritten_path};
pub use smtp_client::smtp_client;

/// One target: its name, as in `fuzz_targets/` and `corpus/`, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("message_summary", message_summary),
    ("imap_command", imap_command),
    ("imap_framer_session", imap_framer_session),
    ("imap_url", imap_url),
    ("managesieve_command", managesieve_command),
    ("pop3_command", pop3_command),
    ("pop3_message", pop3_message),
    ("smtp_command", smtp_command),
    ("smtp_data", smtp_data),
    ("smtp_client", smtp_client),
    ("mail_authenticity", mail_authenticity),
    ("mail_report", mail_report),
    ("rewritten_path", rewritten_path),
    ("config_file", config_file),
    ("sasl_exchange", sasl_exchange),
    ("sieve_script", sieve_script),
    ("search_index", search_index),
    ("dav_body", dav_body),
    ("calendar_object", calendar_object),
    ("card", card),
];

/// An object is an error, or is written as it was read; what is known of it beforehand agrees with
/// what is found when one looks.
pub fn calendar_object(input: &[u8]) {
    let limits =
        ical::Limits { bytes_max: 1 << 16, occurrences_max: 2_000, ..ical::Limits::default() };
    let Ok(object) = CalendarObject::parse(input, &limits) else { return };
    let facts = object.facts(&limits);
    let zones = object.zones(jiff::tz::TimeZone::UTC, &limits);
    let Ok(schedule) = Schedule::of(&object, &zones, &limits) else { return };
    for (start, end) in [
        ("20260101T000000Z", "20260108T000000Z"),
        ("19700101T000000Z", "19700101T000001Z"),
        ("20900101T000000Z", "21000101T000000Z"),
    ] {
        let range = TimeRange::parse(Some(start), Some(end)).expect("a range");
        let overlaps = schedule.overlaps(&range).unwrap_or(false);
        let touches =
            facts.span.is_some_and(|span| span.start <= range.end && span.end >= range.start);
        assert!(touches || !overlaps, "{start} {:?}", facts.span);
        let recurrence = RecurrenceSelection::Expand(range);
        let selection = CalendarSelection { recurrence, ..CalendarSelection::default() };
        if let Ok(expanded) = selection.apply(&object, &schedule, &zones, &limits, &|| true) {
            assert!(Component::parse(&expanded.render(), &ical::Limits::default()).is_ok());
        }
    }
    let again = CalendarObject::parse(&object.calendar().render(), &ical::Limits::default());
    assert_eq!(again.map(|again| again.facts(&limits)).as_ref(), Ok(&facts));
}

/// Cards are an error, or are cards in either version.
pub fn card(input: &[u8]) {
    let limits = ical::Limits { bytes_max: 1 << 16, ..ical::Limits::default() };
    for card in Card::parse_all(input, &limits).unwrap_or_default() {
        for version in [CardVersion::V4, CardVersion::V3] {
            let written = card.clone().in_version(version).into_component().render();
            let read = Card::parse_all(&written, &ical::Limits::default());
            assert!(read.is_ok_and(|cards| cards.len() == 1), "{}", written.escape_ascii());
        }
    }
}

/// A body is an error or a tree that is written so that it reads the same, also within an answer;
/// what a method makes of it is an error or a value.
pub fn dav_body(input: &[u8]) {
    let limits = dav::xml::Limits { bytes_max: 1 << 16, ..dav::xml::Limits::default() };
    let Ok(tree) = Element::parse(input, &limits) else { return };
    let written = tree.to_xml();
    assert_eq!(Element::parse(written.as_bytes(), &limits).as_ref(), Ok(&tree), "{written}");
    let mut answer = Multistatus::new();
    answer.response(&tree.text(), |response| {
        response.propstat(Status::OK, |properties| {
            properties.tree(&tree);
            properties.empty(&tree.name);
        });
    });
    // The answer is a few elements deeper, has more names in scope and longer references.
    let wider =
        dav::xml::Limits { depth_max: 64, namespaces_max: 100, ..dav::xml::Limits::default() };
    let answer = Element::parse(&answer.finish(), &wider).expect("answers are well-formed");
    let properties = answer.elements().flat_map(Element::elements).flat_map(Element::elements);
    let found: Vec<_> = properties.flat_map(Element::elements).collect();
    assert_eq!(found.first(), Some(&&tree));
    assert_eq!(found.get(1).map(|element| &element.name), Some(&tree.name));
    let _ = PropertyRequest::parse(input, &limits);
    let _ = PropertyChange::parse(input, &limits);
    let _ = parse_mkcol(input, &limits);
    let _ = LockInfo::parse(input, &limits);
    let _ = parse_acl(input, &limits);
    let _ = Report::parse(input, &limits);
    let _ = SharingRequest::parse(input, &limits);
}

/// What is a URL is written so that it reads the same; the date of one that expires is one.
pub fn imap_url(input: &[u8]) {
    let Some(url) = std::str::from_utf8(input).ok().and_then(ImapUrl::parse) else { return };
    let written = url.to_string();
    if let Some(date) = url.url_auth.as_ref().and_then(|auth| auth.expire.as_deref()) {
        assert!(message::date::parse_rfc3339(date.as_bytes()).is_some(), "{date}");
    }
    // What is written may be escaped where it was not, and so be longer than a URL may be.
    if let Some(again) = ImapUrl::parse(&written) {
        assert_eq!(again, url, "{written}");
    } else {
        assert!(written.len() > input.len(), "{written}");
    }
}

/// A script, and after a line of `%%` a message: what is wrong is told at a place that exists, and
/// what runs ends within its steps, in the same way each time.
pub fn sieve_script(input: &[u8]) {
    let at = input.windows(4).position(|window| window == b"\n%%\n");
    let (script, message) = match at {
        Some(at) => (&input[..at + 1], &input[at + 4..]),
        None => (input, &b"From: a@b\r\nTo: c@d\r\nSubject: x\r\n\r\nbody\r\n"[..]),
    };
    let limits = responder::Limits { steps_max: 50_000, ..responder::Limits::default() };
    let language = responder::Language { limits, ..responder::Language::default() };
    let program = match responder::Program::compile(script, &language) {
        Ok(program) => program,
        Err(errors) => {
            let lines = script.iter().filter(|&&byte| byte == b'\n').count() as u32 + 1;
            assert!(!errors.is_empty());
            for error in errors {
                assert!((1..=lines).contains(&error.at.line) && error.at.column > 0, "{error}");
            }
            return;
        }
    };
    let run = || {
        let envelope = responder::Envelope {
            from: "a@b".into(),
            to: "c@d".into(),
            ..responder::Envelope::default()
        };
        let delivery = responder::Delivery {
            message,
            envelope: Some(envelope),
            now: message::date::DateTime::from_unix_secs(1_000_000_000),
            detail_separator: '+',
            event: responder::Event::Delivery,
        };
        program.run(&language, &delivery, &mut responder::EmptyEnv)
    };
    // What an expression has made of its states is kept, and not paid for again: a second run takes
    // other steps, and may end where the first one was too dear. In all else they are one.
    let (outcome, again) = (run(), run());
    let too_dear =
        |failure: &responder::Failure| matches!(failure.trouble, responder::Trouble::TooMuch(_));
    if !outcome.as_ref().is_err_and(too_dear) && !again.as_ref().is_err_and(too_dear) {
        let but_steps = |outcome: responder::Outcome| responder::Outcome { steps: 0, ..outcome };
        assert_eq!(outcome.clone().map(but_steps), again.map(but_steps));
    }
    if let Ok(outcome) = outcome {
        assert!(outcome.actions.len() <= limits.actions_max && outcome.steps <= limits.steps_max);
    }
}

/// Lines are texts, the last one a needle: what the index finds is what a scan finds, merged or
/// not. As the bytes of a segment, the same input is an error at the worst.
pub fn search_index(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut texts: Vec<String> = text.split('\n').take(64).map(str::to_owned).collect();
    let needle = texts.pop().unwrap_or_default();
    let mut builder = Builder::default();
    for (id, texts) in (0..).zip(texts.chunks(2)) {
        builder.begin(id);
        builder.add(Field::Body, texts);
    }
    let expected: Vec<bool> =
        texts.chunks(2).map(|texts| texts.iter().any(|text| text.contains(&needle))).collect();
    let (head, blocks) = builder.finish();
    assert_eq!(Head::parse(&head.encode()).as_ref(), Ok(&head));
    let mut source: BTreeMap<usize, Block> = blocks.into_iter().collect();
    let needle = Needle { field: Field::Body, what: What::Text(&needle) };
    let mut found = |asked| {
        let found = search(&head, &[needle], asked, &mut source).unwrap_or_default();
        // Of a needle of very many pieces it is not always known.
        let known = |(count, expected): (&u16, &bool)| match *count {
            UNKNOWN => *expected,
            count => count > 0,
        };
        found.iter().flatten().zip(&expected).map(known).collect::<Vec<bool>>()
    };
    assert_eq!(found(Asked::HowOften), expected);
    let found = found(Asked::Whether);
    assert_eq!(found, expected);
    let keep = vec![true; found.len()];
    let mut again = BTreeMap::new();
    let inputs = vec![Input { head: &head, keep, source: &mut source }];
    let merged = merge(inputs, &mut |number, block| {
        again.insert(number, block);
        Ok(())
    });
    assert_eq!((merged.as_ref(), &again), (Ok(&head), &source));
    let stranger = Block { terms: input.to_vec(), postings: input.to_vec() };
    let strange_head = Head::parse(input).unwrap_or(head);
    let mut source: BTreeMap<usize, Block> =
        (0..strange_head.blocks().min(8)).map(|number| (number, stranger.clone())).collect();
    let _ = search(&strange_head, &[needle], Asked::Whether, &mut source);
    let keep = vec![true; strange_head.documents().len()];
    let inputs = vec![Input { head: &strange_head, keep, source: &mut source }];
    let _ = merge(inputs, &mut |_, _| Ok(()));
}

/// A message is described, its columns are written and read back, and every part lies within it.
pub fn message_summary(input: &[u8]) {
    let limits = Limits { parts_max: 500, header_fields_max: 500, ..Limits::default() };
    let summary = Summary::of(input, &limits);
    assert!(summary.header_bytes <= input.len());
    for wire in [&summary.envelope, &summary.body, &summary.body_structure] {
        assert!(parentheses_balance(wire), "{}", wire.escape_ascii());
    }
    assert_eq!(PartIndex::decode(&summary.parts.encode()).as_ref(), Ok(&summary.parts));
    let column = summary.keys.encode();
    assert_eq!(Keys::decode(&column).as_ref(), Ok(&summary.keys));
    assert!(KeysView::parse(&column).is_ok());
    for (number, part) in summary.parts.iter() {
        let body = input.get(part.body.start as usize..part.body.end as usize);
        let body = body.unwrap_or_else(|| panic!("part {number:?} lies outside the message"));
        assert!(part.mime.start <= part.mime.end && part.mime.end as usize <= input.len());
        assert_eq!(summary.parts.find(&number).as_ref(), Some(&part));
        // A part that cannot be decoded says so; RFC 9051 §6.4.5 has UNKNOWN-CTE for it.
        let _ = decode_part(body, part.encoding);
    }
    let mut seen = 0;
    let _ = searchable_text(input, &summary.parts, &limits, &mut |text| {
        seen += text.len();
        if seen > 1 << 22 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    // What is no column of ours is refused, not believed.
    let _ = PartIndex::decode(input);
    let _ = Keys::decode(input);
    let _ = KeysView::parse(input);
}

/// RFC 9051 §9: outside quoted strings and literals, parentheses pair up.
fn parentheses_balance(wire: &[u8]) -> bool {
    let mut depth = 0_i64;
    let mut at = 0;
    while let Some(&byte) = wire.get(at) {
        match byte {
            b'"' => {
                at += 1;
                while wire.get(at).is_some_and(|&byte| byte != b'"') {
                    at += if wire[at] == b'\\' { 2 } else { 1 };
                }
            }
            b'{' => {
                let digits: Vec<u8> =
                    wire[at + 1..].iter().copied().take_while(u8::is_ascii_digit).collect();
                let size: usize = String::from_utf8_lossy(&digits).parse().unwrap_or(0);
                at += digits.len() + b"}\r\n".len() + size;
            }
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
        at += 1;
    }
    depth == 0
}

/// Commands one after the other; sets and sections survive being rendered and parsed again.
pub fn imap_command(input: &[u8]) {
    let limits = imap_limits();
    for dialect in [Dialect::Rev1, Dialect::Utf8, Dialect::Utf8Accept] {
        let mut framer = Framer::new(limits.clone());
        framer.signed_in();
        let mut rest = input;
        loop {
            match framer.advance(&mut rest) {
                Step::NeedMore | Step::End(_) => break,
                Step::Continue { .. } | Step::Line(_) => {}
                Step::Refused(rejection) => expect_one_line(&rejection),
                Step::Command(mut frame) => {
                    let mut again = frame.clone();
                    let parsed = parse_command(&mut frame, &limits, dialect);
                    assert_eq!(parse_command(&mut again, &limits, dialect), parsed);
                    if let Err(rejection) = parsed {
                        expect_one_line(&rejection);
                    }
                }
            }
        }
    }
    if let Ok(set) = parse_sequence_set(input) {
        let mut out = Vec::new();
        sequence_set(&mut out, &set);
        assert_eq!(parse_sequence_set(&out), Ok(set), "{}", out.escape_ascii());
    }
    if let Ok(section) = parse_section(input) {
        let mut out = Vec::new();
        imap::render::section(&mut out, &section);
        let inner = out.strip_prefix(b"[").and_then(|out| out.strip_suffix(b"]"));
        assert_eq!(parse_section(inner.unwrap_or(&out)), Ok(section), "{}", out.escape_ascii());
    }
    if let Ok(name) = mutf7::decode(input) {
        let mut out = Vec::new();
        mutf7::encode(&name, &mut out);
        assert_eq!(mutf7::decode(&out), Ok(name), "{}", out.escape_ascii());
    }
}

/// The first byte says in what pieces the rest arrives; the pieces must not matter.
pub fn imap_framer_session(input: &[u8]) {
    let Some((&piece, stream)) = input.split_first() else { return };
    let whole = frame_in_pieces(stream, stream.len().max(1));
    let pieces = frame_in_pieces(stream, usize::from(piece % 17) + 1);
    assert_eq!(whole, pieces);
}

/// Everything the framer says, except that it needs more.
fn frame_in_pieces(stream: &[u8], piece_bytes: usize) -> Vec<String> {
    let mut framer = Framer::new(imap_limits());
    let mut said = Vec::new();
    for piece in stream.chunks(piece_bytes) {
        let mut rest = piece;
        loop {
            match framer.advance(&mut rest) {
                Step::NeedMore => break,
                Step::End(error) => {
                    said.push(format!("end {error:?}"));
                    return said;
                }
                Step::Command(frame) => {
                    said.push(format!(
                        "{} {:?} {}",
                        frame.text.escape_ascii(),
                        frame.literals,
                        frame.bare_lf
                    ));
                    // As after a LOGIN: larger limits hold from here on.
                    framer.signed_in();
                }
                step => said.push(format!("{step:?}")),
            }
        }
        assert!(rest.is_empty(), "the framer left {} bytes", rest.len());
    }
    said
}

fn imap_limits() -> imap::parse::Limits {
    // Small enough that a fuzzer reaches the bounds.
    imap::parse::Limits { skip_bytes_max: 4096, ..imap::parse::Limits::default() }
}

fn expect_one_line(rejection: &imap::parse::Rejection) {
    let mut out = Vec::new();
    render_rejection(&mut out, rejection);
    assert!(out.ends_with(b"\r\n"), "{}", out.escape_ascii());
    assert_eq!(out.iter().filter(|&&byte| byte == b'\n').count(), 1, "{}", out.escape_ascii());
}

/// Lines as ManageSieve commands: whatever words they are, the same words come of them written
/// plainly; a literal is announced by a line only where it is no part of a string.
pub fn managesieve_command(input: &[u8]) {
    for line in input.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let size = literal_size(line);
        let mut frame = Frame::default();
        frame.line(if size.is_some() { without_literal(line) } else { line });
        let Ok(words) = frame.finish() else { continue };
        let mut plain = Vec::new();
        for word in &words {
            plain.push(b' ');
            match word {
                Word::Atom(name) => plain.extend_from_slice(name.as_bytes()),
                Word::Number(number) => plain.extend_from_slice(number.to_string().as_bytes()),
                Word::Text(text) => {
                    plain.push(b'"');
                    for &byte in text {
                        if matches!(byte, b'"' | b'\\') {
                            plain.push(b'\\');
                        }
                        plain.push(byte);
                    }
                    plain.push(b'"');
                }
            }
        }
        assert_eq!(literal_size(&plain), None, "{}", line.escape_ascii());
        let mut frame = Frame::default();
        frame.line(&plain);
        let again = frame.finish();
        assert_eq!(again.as_ref(), Ok(&words), "{}", line.escape_ascii());
    }
}

/// Lines as POP3 commands: each is one, the same with its name in another case, or is told what
/// is wrong with it in one line.
pub fn pop3_command(input: &[u8]) {
    for line in input.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let parsed = pop3::parse_command(line);
        let name = line.iter().position(|&byte| byte == b' ').unwrap_or(line.len());
        let (name, rest) = line.split_at(name);
        let lower = [&name.to_ascii_lowercase(), rest].concat();
        assert_eq!(pop3::parse_command(&lower), parsed, "{}", line.escape_ascii());
        if let Err(error) = parsed {
            let text = error.to_string();
            assert!(text.len() < 100 && !text.contains(['\r', '\n']) && !text.starts_with('['));
        }
    }
}

/// The first two bytes say where the header ends and how much TOP asks for. A client that takes
/// LF for a line end, as most do, gets the message back, and nothing in it can end its response.
pub fn pop3_message(input: &[u8]) {
    let [at, lines, message @ ..] = input else { return };
    let (header, body) = message.split_at(usize::from(*at).min(message.len()));
    let mut expected: Vec<u8> =
        message.iter().map(|&byte| if byte == 0 { 0x80 } else { byte }).collect();
    if !expected.is_empty() && !expected.ends_with(b"\r\n") {
        expected.extend_from_slice(b"\r\n");
    }
    let received = receive_pop3(&sent_pop3(&[header, body]));
    assert_eq!(received, expected, "{}", received.escape_ascii());
    assert_eq!(pop3::octets(header, body), expected.len() as u64);
    let (mut top, mut left) = (header.to_vec(), u32::from(*lines));
    if body.is_empty() || left == 0 {
        pop3::end_header(&mut top);
    }
    let end = pop3::top_of(body, &mut left);
    let received = receive_pop3(&sent_pop3(&[&top, &body[..end]]));
    let count = |text: &[u8]| text.iter().filter(|&&byte| byte == b'\n').count();
    // The empty line, and the line end that a piece of a line gets.
    assert!(count(&received) <= count(header) + usize::from(*lines) + 2);
}

/// What a server sends of a message behind the first line of its response.
fn sent_pop3(pieces: &[&[u8]]) -> Vec<u8> {
    let (mut stuffing, mut wire) = (DotStuffing::default(), Vec::new());
    pieces.iter().for_each(|piece| stuffing.push(piece, &mut wire));
    wire.extend_from_slice(stuffing.end());
    wire
}

/// The message in a multi-line response (RFC 1939 §3), by a client that takes LF for a line end.
fn receive_pop3(wire: &[u8]) -> Vec<u8> {
    let mut received = Vec::new();
    let mut lines = wire.split_inclusive(|&byte| byte == b'\n');
    for line in lines.by_ref() {
        if matches!(line, b".\r\n" | b".\n") {
            break;
        }
        received.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
    assert_eq!(lines.next(), None, "ended before its end: {}", wire.escape_ascii());
    assert!(wire.ends_with(b".\r\n"));
    received
}

/// Lines to an SMTP session of each role: every line gets replies of whole lines, or a request.
pub fn smtp_command(input: &[u8]) {
    for role in [Role::Mx, Role::Submission, Role::Lmtp] {
        let mut session = Session::new(Arc::new(smtp_settings(role)), false);
        session.offer(Name::ALL.to_vec());
        let mut out = Vec::new();
        session.render_greeting(&mut out);
        for line in input.split(|&byte| byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let _ = smtp::parse::parse_command(line);
            match session.line(line, &mut out) {
                Next::SignIn { .. } | Next::Respond(_) => session.challenge(b"", &mut out),
                _ => Next::Command,
            };
        }
        for line in out.split_inclusive(|&byte| byte == b'\n') {
            assert!(line.ends_with(b"\r\n"), "{}", line.escape_ascii());
            assert!(line[..3].iter().all(u8::is_ascii_digit), "{}", line.escape_ascii());
            // RFC 5321 §4.5.3.1.5: 512 octets with code and CRLF.
            assert!(line.len() <= 512, "{} octets: {}", line.len(), line.escape_ascii());
        }
    }
}

/// The first byte chooses a mechanism and who answers its questions; each line after it is a
/// response in base64. Nobody is signed in whom nobody was asked about, and an exchange that is
/// over stays so.
pub fn sasl_exchange(input: &[u8]) {
    let Some((&how, lines)) = input.split_first() else { return };
    let name = Name::ALL[usize::from(how) % Name::ALL.len()];
    let bindings = ChannelBindings {
        tls_exporter: Some(vec![1; 32]),
        tls_server_end_point: Some(vec![2; 32]),
    };
    let channel = Channel { bindings, ..Channel::default() };
    let mut mechanism = sasl::start(name, &channel, how & 64 != 0, "3rfcNHYJY1ZVvWVs7j");
    let agrees = how & 128 != 0;
    let mut accepted = false;
    let mut step = mechanism.step(None);
    for line in lines.split(|&byte| byte == b'\n') {
        step = match step {
            sasl::Step::Ask(question) => {
                accepted =
                    agrees && !matches!(question, Question::Scram(_) | Question::Proof(None));
                mechanism.answer(answer(&question, accepted))
            }
            sasl::Step::Accepted => {
                assert!(accepted, "{name:?} signed somebody in");
                return expect_over(&mut *mechanism);
            }
            sasl::Step::Failed(_) => return expect_over(&mut *mechanism),
            sasl::Step::Challenge(_) => match sasl::wire::decode_line(line) {
                Ok(response) => mechanism.step(Some(&response)),
                Err(_) => return,
            },
        };
    }
}

fn answer(question: &Question, agrees: bool) -> Answer {
    match question {
        Question::Scram(identity) => {
            let bytes = identity.hash.output_bytes();
            assert!(matches!((identity.hash, bytes), (Hash::Sha1, 20) | (Hash::Sha256, 32)));
            let keys = ScramKeys { stored: vec![3; bytes].into(), server: vec![4; bytes].into() };
            Answer::Verifiers(Verifiers { salt: vec![5; 16], iterations: 4096, keys: vec![keys] })
        }
        _ if agrees => Answer::Accepted,
        _ => Answer::Refused,
    }
}

fn expect_over(mechanism: &mut dyn Mechanism) {
    let again = mechanism.step(Some(b""));
    assert!(matches!(again, sasl::Step::Failed(_)), "{again:?}");
}

/// Message content, whole and in pieces: the same end, the same bytes, the same fault; and
/// nothing with a bare CR or LF gets through.
pub fn smtp_data(input: &[u8]) {
    let Some((&how, stream)) = input.split_first() else { return };
    let framing = if how & 1 == 0 { Framing::Dotted } else { Framing::Chunked };
    let encoding = if how & 2 == 0 { Encoding::Text } else { Encoding::Binary };
    let read = |piece_bytes: usize| {
        let limits = ContentLimits { message_bytes_max: 4096, line_bytes_max: 200 };
        let mut content = Content::new(framing, encoding, limits);
        let mut out = Vec::new();
        let mut taken = 0;
        for piece in stream.chunks(piece_bytes) {
            match content.feed(piece, &mut out) {
                Fed::More => taken += piece.len(),
                Fed::Ended(count) => {
                    return (out, Some(taken + count), content.fault(), content.message_bytes());
                }
            }
        }
        content.finish();
        (out, None, content.fault(), content.message_bytes())
    };
    let whole = read(stream.len().max(1));
    let pieces = read(usize::from(how >> 2) + 1);
    assert_eq!(whole.1, pieces.1, "the end");
    assert_eq!(whole.2, pieces.2, "the fault");
    if whole.2.is_none() {
        assert_eq!(whole.0, pieces.0, "the bytes");
        assert_eq!(whole.3, whole.0.len() as u64, "the count");
        if encoding == Encoding::Text {
            assert!(only_crlf(&whole.0), "{}", whole.0.escape_ascii());
        }
    }
}

fn only_crlf(text: &[u8]) -> bool {
    let bare_lf = text
        .iter()
        .enumerate()
        .any(|(at, &byte)| byte == b'\n' && (at == 0 || text[at - 1] != b'\r'));
    let bare_cr = text.windows(2).any(|pair| pair[0] == b'\r' && pair[1] != b'\n');
    !bare_lf && !bare_cr
}

fn smtp_settings(role: Role) -> Settings {
    Settings { plaintext_auth: true, recipients_max: 5, ..Settings::new(role, "mail.example.test") }
}

/// A configuration is read, or told what is wrong with it at a line that exists.
pub fn config_file(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Err(problems) = config::parse(&text, Path::new("fuzz.toml")) {
        assert!(!problems.list.is_empty());
        let lines = text.matches('\n').count() + 1;
        for problem in &problems.list {
            assert!((1..=lines).contains(&problem.line), "{problem:?} of {lines} lines");
            assert!(!problem.text.contains('\n'), "{problem:?}");
        }
    }
}
