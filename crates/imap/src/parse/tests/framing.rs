//! The framer: the same answer however the bytes arrive, bounded whatever they are.

use super::*;
use crate::parse::{Frame, ParseError};
use crate::types::Tag;

/// All steps but NeedMore, with the input given in pieces of `size`.
fn steps(wire: &[u8], size: usize, limits: &Limits, signed_in: bool) -> Vec<Step> {
    let mut framer = Framer::new(limits.clone());
    if signed_in {
        framer.signed_in();
    }
    let mut steps = Vec::new();
    for piece in wire.chunks(size) {
        let mut input = piece;
        loop {
            match framer.advance(&mut input) {
                Step::NeedMore => break,
                step @ Step::End(_) => {
                    steps.push(step);
                    return steps;
                }
                step => steps.push(step),
            }
        }
        assert!(input.is_empty());
    }
    steps
}

fn small() -> Limits {
    Limits {
        line_bytes_max: 60,
        line_bytes_max_before_login: 40,
        literal_bytes_max: 20,
        literal_bytes_max_before_login: 10,
        append_bytes_max: 100,
        append_total_bytes_max: 150,
        append_messages_max: 2,
        literals_max: 4,
        skip_bytes_max: 400,
        ..Limits::default()
    }
}

fn frame(text: &str, literals: &[&str]) -> Step {
    let literals = literals.iter().map(|l| l.as_bytes().to_vec()).collect();
    Step::Command(Frame { text: text.into(), literals, bare_lf: false })
}

fn refused(tag: &str, error: ParseError) -> Step {
    Step::Refused(Rejection { tag: Tag::new(tag.as_bytes()), error })
}

fn check(wire: &str, expect: &[Step]) {
    for size in [1, 2, 3, 7, wire.len()] {
        assert_eq!(steps(wire.as_bytes(), size, &small(), true), expect, "{wire:?} by {size}");
    }
}

#[test]
fn commands_and_literals() {
    check("a NOOP\r\nb NOOP\r\n", &[frame("a NOOP", &[]), frame("b NOOP", &[])]);
    check(
        "a X {3}\r\nabc {0+}\r\n z\r\n",
        &[Step::Continue { size_bytes: 3 }, frame("a X {3}\r\n {0+}\r\n z", &["abc", ""])],
    );
    check("a X {0}\r\n\r\n", &[Step::Continue { size_bytes: 0 }, frame("a X {0}\r\n", &[""])]);
    check("a X {2+}\r\n\r\n\r\n", &[frame("a X {2+}\r\n", &["\r\n"])]);
    check("a X ~{2+}\r\nab\r\n", &[frame("a X ~{2+}\r\n", &["ab"])]);
    check("a \"{3}\r\nb\r\n", &[frame("a \"{3}", &[]), frame("b", &[])]);
    check("a \"\\\"\" {1+}\r\nx\r\n", &[frame("a \"\\\"\" {1+}\r\n", &["x"])]);
    check(
        "a {}\r\nb {x}\r\nc {1\r\n",
        &[frame("a {}", &[]), frame("b {x}", &[]), frame("c {1", &[])],
    );
    let bare = Step::Command(Frame { text: b"a NOOP".to_vec(), literals: vec![], bare_lf: true });
    check("a NOOP\nb\r\n", &[bare, frame("b", &[])]);
}

#[test]
fn what_is_too_large_is_skipped_to_its_end() {
    let next = frame("b NOOP", &[]);
    let too_big = || refused("a", ParseError::LiteralTooBig);
    let big = "x".repeat(30);
    check("a X {30}\r\nb NOOP\r\n", &[too_big(), next.clone()]);
    check(&format!("a X {{30+}}\r\n{big} y\r\nb NOOP\r\n"), &[too_big(), next.clone()]);
    check(
        &format!("a X {{30+}}\r\n{big} {{3+}}\r\n\r\n\r z\r\nb NOOP\r\n"),
        &[too_big(), next.clone()],
    );
    check(&format!("a X {{30+}}\r\n{big} {{3}}\r\nb NOOP\r\n"), &[too_big(), next.clone()]);
    check("a X {999999999999999999999999}\r\nb NOOP\r\n", &[too_big(), next.clone()]);
    check("a X {999999999999+}\r\n", &[Step::End(ParseError::Flood)]);
    let long = "y".repeat(100);
    check(
        &format!("a {long}\r\nb NOOP\r\n"),
        &[refused("a", ParseError::LineTooLong), next.clone()],
    );
    check(
        &format!("a {long} {{3+}}\r\n\r\n\r\r\nb NOOP\r\n"),
        &[refused("a", ParseError::LineTooLong), next.clone()],
    );
    check(&format!("a {}", "y".repeat(500)), &[Step::End(ParseError::Flood)]);
    check(
        "a {1+}\r\nx{1+}\r\nx{1+}\r\nx{1+}\r\nx{1+}\r\nx\r\nb NOOP\r\n",
        &[refused("a", ParseError::TooMany("too many literals")), next],
    );
}

#[test]
fn messages_to_append_have_their_own_limit() {
    let body = "m".repeat(90);
    check(
        &format!("a APPEND x {{90}}\r\n{body}\r\n"),
        &[Step::Continue { size_bytes: 90 }, frame("a APPEND x {90}\r\n", &[&body])],
    );
    check(
        &format!("a append {{1+}}\r\nx (\\Seen) ~{{90+}}\r\n{body}\r\n"),
        &[frame("a append {1+}\r\n (\\Seen) ~{90+}\r\n", &["x", &body])],
    );
    check("a APPEND {90}\r\nb\r\n", &[refused("a", ParseError::LiteralTooBig), frame("b", &[])]);
    check("a APPEND x {101}\r\nb\r\n", &[refused("a", ParseError::MessageTooBig), frame("b", &[])]);
    check(
        &format!("a APPEND x {{90+}}\r\n{body} {{90+}}\r\n{body}\r\nb\r\n"),
        &[refused("a", ParseError::MessageTooBig), frame("b", &[])],
    );
    check(
        "a APPEND x {1+}\r\nm {1+}\r\nm {1+}\r\nm\r\nb\r\n",
        &[refused("a", ParseError::TooMany("too many messages")), frame("b", &[])],
    );
    let before = steps(b"a APPEND x {11}\r\nb {11}\r\n", 5, &small(), false);
    assert_eq!(
        before,
        [refused("a", ParseError::LiteralTooBig), refused("b", ParseError::LiteralTooBig)]
    );
}

#[test]
fn a_literal_can_be_refused_and_read_into() {
    let mut framer = Framer::new(small());
    let mut input = &b"a LOGIN {3}\r\n"[..];
    assert_eq!(framer.advance(&mut input), Step::Continue { size_bytes: 3 });
    assert_eq!(framer.text(), b"a LOGIN {3}\r\n");
    framer.refuse_literal();
    assert!(framer.is_between_commands());
    let mut input = &b"b X {4+}\r\nz"[..];
    assert_eq!(framer.advance(&mut input), Step::NeedMore);
    let (literal, lacks) = framer.literal_in_progress().unwrap();
    assert_eq!((literal.as_slice(), lacks), (&b"z"[..], 3));
    literal.extend_from_slice(b"abc");
    framer.literal_extended(3);
    assert_eq!(framer.advance(&mut &b"\r\n"[..]), frame("b X {4+}\r\n", &["zabc"]));
}

#[test]
fn lines_that_are_no_commands() {
    let mut framer = Framer::new(small());
    let mut input = &b"DO"[..];
    assert_eq!(framer.advance_line(&mut input), Step::NeedMore);
    let mut input = &b"NE\r\n*\n{3}\r\na NOOP\r\n"[..];
    assert_eq!(framer.advance_line(&mut input), Step::Line(b"DONE".to_vec()));
    assert_eq!(framer.advance_line(&mut input), Step::Line(b"*".to_vec()));
    assert_eq!(framer.advance_line(&mut input), Step::Line(b"{3}".to_vec()));
    assert_eq!(framer.advance(&mut input), frame("a NOOP", &[]));
    let long = "z".repeat(50);
    for text in [format!("{long}\r\n"), format!("{long}{long}\r\n")] {
        let mut framer = Framer::new(small());
        let mut found = Vec::new();
        for byte in text.as_bytes() {
            found.push(framer.advance_line(&mut std::slice::from_ref(byte)));
        }
        found.retain(|step| *step != Step::NeedMore);
        assert_eq!(found, [Step::Refused(Rejection { tag: None, error: ParseError::LineTooLong })]);
    }
    // A command where none was waited for: what it announces is no line either.
    let refused = Step::Refused(Rejection { tag: None, error: ParseError::LineTooLong });
    let wire = format!("{long}{long} {{8+}}\r\nb NOOP\r\n\r\na NOOP\r\n");
    for piece in [1, 7, wire.len()] {
        let mut framer = Framer::new(small());
        let mut steps = Vec::new();
        for mut input in wire.as_bytes().chunks(piece) {
            while !input.is_empty() {
                let step = match steps.is_empty() {
                    true => framer.advance_line(&mut input),
                    false => framer.advance(&mut input),
                };
                steps.extend((step != Step::NeedMore).then_some(step));
            }
        }
        assert_eq!(steps, [refused.clone(), frame("a NOOP", &[])], "{piece}");
    }
}

#[test]
fn any_stream_gives_the_same_steps_in_any_pieces() {
    let mut rng = fastrand::Rng::with_seed(23);
    let words = [
        "a ",
        "APPEND ",
        "x ",
        "{3}",
        "{3+}",
        "{30+}",
        "{200}",
        "\r\n",
        "\r\n",
        "\r\n",
        "\n",
        "\"",
        "\\",
        "yyyyyyyyyyyyyyy",
        "~",
        "{0+}\r\n",
    ];
    for round in 0..3000 {
        let wire: String =
            (0..rng.usize(1..40)).map(|_| words[rng.usize(0..words.len())]).collect();
        let whole = steps(wire.as_bytes(), wire.len(), &small(), true);
        for size in [1, 2, 5, 16] {
            assert_eq!(
                steps(wire.as_bytes(), size, &small(), true),
                whole,
                "round {round}: {wire:?}"
            );
        }
    }
}

#[test]
fn the_largest_id_fits_before_sign_in() {
    // RFC 2971 §3.3, with every octet escaped.
    let pair = format!("\"{}\" \"{}\" ", "\\\"".repeat(30), "\\\"".repeat(1024));
    let text = format!("a ID ({})", pair.repeat(30).trim_end());
    let wire = format!("{text}\r\n");
    let found = steps(wire.as_bytes(), 8192, &Limits::default(), false);
    assert_eq!(found, [frame(&text, &[])]);
    let [Step::Command(found)] = found.as_slice() else { return };
    let parsed = parse_command(&mut found.clone(), &Limits::default(), Dialect::Rev1);
    assert!(matches!(parsed.unwrap().command, Command::Id(params) if params.0.len() == 30));
}

#[test]
fn a_command_given_up_is_skipped() {
    let mut framer = Framer::new(small());
    framer.signed_in();
    let mut input: &[u8] = b"a APPEND b {5+}\r\nhel";
    assert_eq!(framer.advance(&mut input), Step::NeedMore);
    assert_eq!(framer.literal_bytes(), 3);
    framer.give_up(ParseError::NoMemory);
    assert_eq!(framer.literal_bytes(), 0);
    let mut input: &[u8] = b"lo {4+}\r\nmore\r\nb NOOP\r\n";
    assert_eq!(framer.advance(&mut input), refused("a", ParseError::NoMemory));
    assert_eq!(framer.advance(&mut input), frame("b NOOP", &[]));
}
