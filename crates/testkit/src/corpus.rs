//! Varied mail made from a seed: what real programs send, and what broken ones do.
//!
//! The kinds take turns, so that any stretch of [`KINDS`] messages holds each of them once.
//! Every line of a message ends in CRLF, and no message holds NUL, so each may travel over SMTP
//! with 8BITMIME and through IMAP APPEND unchanged.

use fastrand::Rng;

/// What a message is an example of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One line of US-ASCII.
    Plain,
    /// Quoted-printable text with encoded words in the header.
    QuotedPrintable,
    /// Raw 8-bit text, in the header too.
    EightBit,
    /// Text and HTML.
    Alternative,
    /// Text with binary attachments in base64.
    Attachments,
    /// A forwarded message inside a message inside a message.
    Nested,
    /// Several hundred header fields, long folded ones among them.
    HugeHeader,
    /// Many small parts.
    ManyParts,
    /// A part whose boundary never comes, or comes too early.
    BrokenMime,
    /// A header that breaks the rules: no colon, no date, doubled fields.
    BrokenHeader,
    /// No header at all, only text.
    HeaderLess,
    /// A header without a body.
    BodyLess,
    /// Lines at and beyond what RFC 5322 §2.1.1 allows.
    LongLines,
    /// Lines that begin with dots, and lines that are one dot.
    Dots,
    /// A body of some hundred kilobytes.
    Large,
    /// Part of a conversation: In-Reply-To and References.
    Reply,
}

/// How many kinds there are.
pub const KINDS: usize = 16;

const ORDER: [Kind; KINDS] = [
    Kind::Plain,
    Kind::QuotedPrintable,
    Kind::EightBit,
    Kind::Alternative,
    Kind::Attachments,
    Kind::Nested,
    Kind::HugeHeader,
    Kind::ManyParts,
    Kind::BrokenMime,
    Kind::BrokenHeader,
    Kind::HeaderLess,
    Kind::BodyLess,
    Kind::LongLines,
    Kind::Dots,
    Kind::Large,
    Kind::Reply,
];

/// One message.
#[derive(Debug, Clone)]
pub struct Message {
    /// What it is an example of.
    pub kind: Kind,
    /// The message as it stands on the wire, CRLF at each line end.
    pub bytes: Vec<u8>,
}

/// An endless supply of messages; the same seed gives the same ones.
#[derive(Debug)]
pub struct Corpus {
    rng: Rng,
    next: usize,
}

impl Corpus {
    /// The messages of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { rng: Rng::with_seed(seed), next: 0 }
    }
}

impl Iterator for Corpus {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        let number = self.next;
        self.next += 1;
        let kind = ORDER[number % KINDS];
        let text = write_message(&mut self.rng, kind, number);
        Some(Message { kind, bytes: text })
    }
}

const WORDS: [&str; 24] = [
    "letter", "river", "quiet", "morning", "invoice", "meeting", "garden", "answer", "winter",
    "paper", "station", "lamp", "bridge", "music", "report", "window", "travel", "bread", "market",
    "signal", "harbour", "copper", "orchard", "ladder",
];

const PEOPLE: [(&str, &str); 6] = [
    ("Julie Favre", "julie@example.test"),
    ("\"Weber, Max\"", "max.weber@example.test"),
    ("=?UTF-8?Q?Zo=C3=AB_M=C3=BCller?=", "zoe@example.org"),
    ("", "list+bounces@lists.example.net"),
    ("=?ISO-2022-JP?B?GyRCO3NFRBsoQg==?=", "yamada@example.jp"),
    ("A \\\"B\\\" C", "\"odd local\"@example.com"),
];

fn write_message(rng: &mut Rng, kind: Kind, number: usize) -> Vec<u8> {
    match kind {
        Kind::HeaderLess => words(rng, 30).into_bytes(),
        Kind::BrokenHeader => broken_header(rng, number),
        Kind::EightBit => eight_bit(rng, number),
        _ => {
            let mut out = header(rng, number, kind);
            body(rng, kind, &mut out);
            out.into_bytes()
        }
    }
}

fn header(rng: &mut Rng, number: usize, kind: Kind) -> String {
    let mut out = String::new();
    let (day, hour, minute) = (rng.u32(1..29), rng.u32(0..24), rng.u32(0..60));
    line(&mut out, &format!("From: {}", person(rng)));
    line(&mut out, &format!("To: {}, {}", person(rng), person(rng)));
    if rng.bool() {
        line(&mut out, &format!("Cc: group one: {}, {};", person(rng), person(rng)));
    }
    line(&mut out, &format!("Subject: {}", subject(rng, number, kind)));
    line(&mut out, &format!("Date: {day:02} Mar 2026 {hour:02}:{minute:02}:00 +0100"));
    line(&mut out, &format!("Message-ID: <{number}.{:08x}@example.test>", rng.u32(..)));
    line(&mut out, "MIME-Version: 1.0");
    if kind == Kind::Reply {
        let parent = number.saturating_sub(KINDS);
        line(&mut out, &format!("In-Reply-To: <{parent}.reply@example.test>"));
        line(
            &mut out,
            &format!("References: <0.reply@example.test>\r\n\t<{parent}.reply@example.test>"),
        );
    }
    if kind == Kind::HugeHeader {
        for index in 0..rng.usize(200..500) {
            line(&mut out, &format!("X-Trace-{index}: {}", words(rng, 12).trim_end()));
        }
        let folded = vec!["a-word-to-fold"; rng.usize(500..2000)].join("\r\n ");
        line(&mut out, &format!("X-Folded: {folded}"));
    }
    out
}

fn subject(rng: &mut Rng, number: usize, kind: Kind) -> String {
    match (kind, rng.u32(0..4)) {
        (Kind::QuotedPrintable, _) => {
            format!("=?utf-8?Q?=C3=89t=C3=A9_{number}?= =?utf-8?B?w6kh?=")
        }
        (Kind::Reply, _) => format!("Re: [list] re: {} {number}", WORDS[number % WORDS.len()]),
        (_, 0) => format!("{}\r\n {} {number}", words(rng, 8).trim_end(), words(rng, 4).trim_end()),
        _ => format!("{:?} {number} {}", kind, words(rng, 3).trim_end()),
    }
}

fn body(rng: &mut Rng, kind: Kind, out: &mut String) {
    match kind {
        Kind::QuotedPrintable => {
            line(out, "Content-Type: text/plain; charset=\"utf-8\"; format=flowed");
            line(out, "Content-Transfer-Encoding: quoted-printable");
            line(out, "");
            line(out, "Gr=C3=BC=C3=9Fe aus Z=C3=BCrich =E2=80=94 a soft =\r\nbreak and =3D");
        }
        Kind::Alternative => multipart(rng, out, "alternative", 0, 2),
        Kind::Attachments => multipart(rng, out, "mixed", 0, 4),
        Kind::ManyParts => {
            let parts = rng.usize(50..150);
            multipart(rng, out, "mixed", 0, parts);
        }
        Kind::Nested => nested(rng, out, 3),
        Kind::BrokenMime => broken_mime(rng, out),
        Kind::BodyLess => {}
        Kind::LongLines => {
            line(out, "");
            for length in [997, 998, 999, 2000, 9000] {
                line(out, &"x".repeat(length));
            }
        }
        Kind::Dots => {
            line(out, "");
            for text in [".", "..", ".leading", "...", "end."] {
                line(out, text);
            }
        }
        Kind::Large => {
            line(out, "Content-Type: application/octet-stream; name=\"large.bin\"");
            line(out, "Content-Transfer-Encoding: base64");
            line(out, "");
            let size = rng.usize(20_000..400_000);
            base64_lines(rng, size, out);
        }
        _ => {
            line(out, "");
            for _ in 0..rng.usize(1..20) {
                let text = words(rng, 10);
                out.push_str(&text);
            }
        }
    }
}

fn multipart(rng: &mut Rng, out: &mut String, subtype: &str, depth: usize, parts: usize) {
    let boundary = format!("=_{depth}_{:08x}", rng.u32(..));
    line(out, &format!("Content-Type: multipart/{subtype};\r\n boundary=\"{boundary}\""));
    line(out, "");
    line(out, "This is the preamble, which nobody reads.");
    for part in 0..parts {
        line(out, &format!("--{boundary}"));
        leaf(rng, out, subtype, part);
    }
    line(out, &format!("--{boundary}--"));
    if rng.bool() {
        line(out, "This is the epilogue.");
    }
}

fn leaf(rng: &mut Rng, out: &mut String, subtype: &str, part: usize) {
    match (subtype, part) {
        (_, 0) => {
            line(out, "Content-Type: text/plain; charset=us-ascii");
            line(out, "");
            out.push_str(&words(rng, 20));
        }
        ("alternative", _) => {
            line(out, "Content-Type: text/html; charset=\"utf-8\"");
            line(out, "Content-Language: en, de");
            line(out, "Content-Location: http://example.test/page");
            line(out, "");
            line(out, &format!("<html><body><p>{}</p></body></html>", words(rng, 8).trim_end()));
        }
        _ => {
            line(
                out,
                "Content-Type: image/png;\r\n name*0*=UTF-8''f%C3%BCr;\r\n name*1=\" you.png\"",
            );
            line(out, "Content-Transfer-Encoding: base64");
            line(out, &format!("Content-Disposition: attachment; filename=\"part {part}.png\""));
            line(out, &format!("Content-ID: <part{part}@example.test>"));
            line(out, "Content-Description: one picture");
            line(out, "");
            let size = rng.usize(1..3000);
            base64_lines(rng, size, out);
        }
    }
}

fn nested(rng: &mut Rng, out: &mut String, depth: usize) {
    if depth == 0 {
        multipart(rng, out, "alternative", depth, 2);
        return;
    }
    let boundary = format!("nest-{depth}-{:04x}", rng.u16(..));
    line(out, &format!("Content-Type: multipart/mixed; boundary={boundary}"));
    line(out, "");
    line(out, &format!("--{boundary}"));
    line(out, "");
    out.push_str(&words(rng, 6));
    line(out, &format!("--{boundary}"));
    line(out, "Content-Type: message/rfc822");
    line(out, "Content-Disposition: inline");
    line(out, "");
    let inner = header(rng, depth, Kind::Nested);
    out.push_str(&inner);
    nested(rng, out, depth - 1);
    line(out, "");
    line(out, &format!("--{boundary}--"));
}

fn broken_mime(rng: &mut Rng, out: &mut String) {
    let parameter = ["boundary=\"never\"", "boundary=", "", "boundary=\"a\"; boundary=\"b\""];
    let chosen = parameter[rng.usize(0..parameter.len())];
    line(out, &format!("Content-Type: multipart/mixed; {chosen}"));
    line(out, "Content-Transfer-Encoding: base64");
    line(out, "");
    line(out, "--a");
    line(out, "Content-Type: multipart/mixed; boundary=\"a\"");
    line(out, "");
    line(out, "--a--");
    line(out, "--a");
    line(out, "Content-Type: text/plain; charset=no-such-charset; =;;");
    line(out, "Content-Transfer-Encoding: base64");
    line(out, "");
    line(out, "!!! this is not base64 ===");
}

fn broken_header(rng: &mut Rng, number: usize) -> Vec<u8> {
    let mut out = String::new();
    line(&mut out, &format!("Subject: first {number}"));
    line(&mut out, "Subject: second");
    line(&mut out, "this line has no colon");
    line(&mut out, "From: <unclosed@example.test");
    line(&mut out, "From: @@@, ;;; (((");
    line(&mut out, "To: undisclosed recipients:;");
    line(&mut out, "Date: the day before yesterday");
    line(&mut out, "Message-ID: none");
    line(&mut out, "Content-Type: ; charset");
    line(&mut out, "Empty:");
    line(&mut out, "Space : before the colon");
    line(&mut out, "");
    out.push_str(&words(rng, 10));
    out.into_bytes()
}

fn eight_bit(rng: &mut Rng, number: usize) -> Vec<u8> {
    let mut out = header(rng, number, Kind::EightBit).into_bytes();
    out.extend_from_slice(b"X-Latin: caf\xe9 \xff\xfe\r\nX-Utf8: \xc3\xa9t\xc3\xa9\r\n");
    out.extend_from_slice(b"Content-Type: text/plain; charset=iso-8859-1\r\n");
    out.extend_from_slice(b"Content-Transfer-Encoding: 8bit\r\n\r\n");
    for _ in 0..rng.usize(1..10) {
        out.extend((0..60).map(|_| rng.u8(0xa0..=0xff)));
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn person(rng: &mut Rng) -> String {
    let (name, address) = PEOPLE[rng.usize(0..PEOPLE.len())];
    if name.is_empty() { address.to_owned() } else { format!("{name} <{address}>") }
}

/// One line of `count` words with its line end.
fn words(rng: &mut Rng, count: usize) -> String {
    let chosen: Vec<&str> = (0..count).map(|_| WORDS[rng.usize(0..WORDS.len())]).collect();
    chosen.join(" ") + "\r\n"
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push_str("\r\n");
}

/// Random bytes in base64, 76 characters a line: RFC 2045 §6.8.
fn base64_lines(rng: &mut Rng, size_bytes: usize, out: &mut String) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (index, _) in (0..size_bytes.div_ceil(3) * 4).enumerate() {
        out.push(char::from(ALPHABET[rng.usize(0..64)]));
        if index % 76 == 75 {
            out.push_str("\r\n");
        }
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_makes_one_corpus() {
        let draw = |seed| Corpus::new(seed).take(40).map(|m| m.bytes).collect::<Vec<_>>();
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }

    #[test]
    fn every_line_ends_in_crlf_and_none_holds_nul() {
        for message in Corpus::new(1).take(10 * KINDS) {
            let bytes = &message.bytes;
            assert!(bytes.ends_with(b"\r\n"), "{:?}", message.kind);
            assert!(!bytes.contains(&0), "{:?}", message.kind);
            for (at, &byte) in bytes.iter().enumerate() {
                match byte {
                    b'\n' => assert_eq!(bytes[at - 1], b'\r', "{:?}", message.kind),
                    b'\r' => assert_eq!(bytes[at + 1], b'\n', "{:?}", message.kind),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn kinds_take_turns() {
        let kinds: Vec<Kind> = Corpus::new(9).take(KINDS).map(|m| m.kind).collect();
        assert_eq!(kinds, ORDER);
    }
}
