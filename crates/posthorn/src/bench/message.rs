//! Message texts that look like mail to a parser and to a compressor.
//!
//! Words are drawn from a vocabulary with few frequent and many rare ones, as in writing; half
//! the messages carry an HTML alternative, a third are answers that quote. Signatures and ids
//! are random, as real ones are to whoever compresses them.

use fastrand::Rng;

/// Words of the vocabulary: a text of 8 kB then repeats its words about as often as real mail.
const WORDS: usize = 4_000;
/// Columns after which a line ends.
const LINE_COLUMNS: usize = 72;
/// LIMIT: headers and MIME structure alone need this much.
pub(super) const SIZE_BYTES_MIN: usize = 2_048;

const NAMES: &[&str] = &[
    "Julie Martin",
    "Max Berger",
    "Amélie Durand",
    "Tomás Novák",
    "Priya Nair",
    "Lena Hoffmann",
    "Oskar Lindqvist",
    "Grace Okafor",
    "Hiro Tanaka",
    "Sofia Rossi",
    "Daniel Weber",
    "Nora Quinn",
];
const SUBJECTS: &[&str] = &[
    "minutes of Tuesday",
    "offer for the roof",
    "your invoice",
    "travel plans",
    "new schedule",
    "release checklist",
    "photos from the lake",
    "question about the contract",
    "lunch on Friday",
    "server maintenance",
    "draft of chapter three",
    "parking spaces",
];

/// Makes one message after the other.
pub(super) struct Texts {
    rng: Rng,
    vocabulary: Vec<String>,
    size_bytes: usize,
}

impl Texts {
    /// Messages of this size; the same seed makes the same messages.
    pub(super) fn new(seed: u64, size_bytes: usize) -> Self {
        let mut rng = Rng::with_seed(seed);
        let vocabulary = (0..WORDS).map(|_| word(&mut rng)).collect();
        Self { rng, vocabulary, size_bytes: size_bytes.max(SIZE_BYTES_MIN) }
    }

    /// Makes `count` messages, all different.
    pub(super) fn take(&mut self, count: usize) -> Vec<Vec<u8>> {
        (0..count).map(|_| self.message()).collect()
    }

    /// The word that is picked most.
    pub(super) fn common_word(&self) -> &str {
        self.vocabulary.first().map_or("and", String::as_str)
    }

    /// One message: CRLF at every line end, none of them starting with a dot.
    fn message(&mut self) -> Vec<u8> {
        let mut text = String::with_capacity(self.size_bytes + 128);
        self.trace_and_names(&mut text);
        if self.rng.bool() {
            self.alternatives(&mut text);
        } else {
            text.push_str("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n");
            text.push_str("Content-Transfer-Encoding: 8bit\r\n\r\n");
            let end = self.size_bytes;
            self.prose(&mut text, end, "\r\n");
        }
        text.into_bytes()
    }

    fn trace_and_names(&mut self, text: &mut String) {
        let from = self.pick(NAMES);
        let to = self.pick(NAMES);
        let subject = self.pick(SUBJECTS);
        let answer = self.rng.u8(..) < 85;
        let (day, hour, minute) = (self.rng.u8(1..=28), self.rng.u8(..24), self.rng.u8(..60));
        let date = format!("{day} Mar 2026 {hour:02}:{minute:02}:07 +0100");
        for hop in ["mx1.example.net", "out.mail.example.org"] {
            let id = self.letters(12);
            text.push_str(&format!(
                "Received: from {hop} ({hop} [192.0.2.{}])\r\n\tby mail.example.test with ESMTPS \
                 id {id}\r\n\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384);\r\n\t{date}\r\n",
                self.rng.u8(1..250)
            ));
        }
        text.push_str("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org;\r\n");
        text.push_str(&format!("\ts=s2026; t=17{}; bh={}=;\r\n", self.digits(8), self.letters(43)));
        text.push_str("\th=From:To:Subject:Date:Message-ID:MIME-Version:Content-Type;\r\n");
        for (start, end) in [("\tb=", "\r\n"), ("\t ", "\r\n"), ("\t ", "\r\n"), ("\t ", "=\r\n")] {
            text.push_str(&format!("{start}{}{end}", self.letters(68)));
        }
        text.push_str(&format!("Date: {date}\r\nFrom: {}\r\n", mailbox(from)));
        text.push_str(&format!("To: {}\r\n", mailbox(to)));
        let prefix = if answer { "Re: " } else { "" };
        text.push_str(&format!("Subject: {prefix}{subject} {}\r\n", self.digits(4)));
        text.push_str(&format!("Message-ID: <{}@example.org>\r\n", self.letters(24)));
        if answer {
            let (first, last) = (self.letters(24), self.letters(24));
            text.push_str(&format!("In-Reply-To: <{last}@example.test>\r\n"));
            text.push_str(&format!("References: <{first}@example.org>\r\n"));
            text.push_str(&format!("\t<{last}@example.test>\r\n"));
        }
        text.push_str("User-Agent: Mozilla Thunderbird\r\nContent-Language: en-GB\r\n");
    }

    /// The same prose as text and as HTML, the HTML with its usual fat.
    fn alternatives(&mut self, text: &mut String) {
        let boundary = format!("------------{}", self.letters(24));
        text.push_str("MIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n");
        text.push_str(&format!(" boundary=\"{boundary}\"\r\n\r\n"));
        text.push_str("This is a multi-part message in MIME format.\r\n");
        text.push_str(&format!("--{boundary}\r\nContent-Type: text/plain; charset=UTF-8\r\n"));
        text.push_str("Content-Transfer-Encoding: 8bit\r\n\r\n");
        let middle = text.len() + self.size_bytes.saturating_sub(text.len()) / 2;
        self.prose(text, middle, "\r\n");
        text.push_str(&format!("--{boundary}\r\nContent-Type: text/html; charset=UTF-8\r\n"));
        text.push_str("Content-Transfer-Encoding: 8bit\r\n\r\n<!DOCTYPE html>\r\n<html><head>\r\n");
        text.push_str(
            "<meta http-equiv=\"content-type\" content=\"text/html\">\r\n</head><body>\r\n",
        );
        let end = format!("</p>\r\n</body></html>\r\n--{boundary}--\r\n");
        text.push_str("<p style=\"margin: 0px; font-family: sans-serif\">\r\n");
        let stop = self.size_bytes.saturating_sub(end.len());
        // Lines are told apart as in the text: a server that searches what people read finds the
        // same as one that searches the source.
        self.prose(text, stop, "<br>\r\n");
        text.push_str(&end);
    }

    /// Lines of words until the text is exactly that long, or was already.
    fn prose(&mut self, text: &mut String, end: usize, line_end: &str) {
        let mut quoted = false;
        while text.len() + LINE_COLUMNS + 16 < end {
            match self.rng.u8(..) {
                0..16 => quoted = !quoted,
                16..48 => text.push_str(line_end),
                _ => {}
            }
            if quoted {
                text.push_str("> ");
            }
            let start = text.len();
            while text.len() - start < LINE_COLUMNS - 12 {
                text.push_str(self.pick_word());
                text.push(' ');
            }
            text.push_str(line_end);
        }
        let fill = end.saturating_sub(text.len() + 2);
        text.extend(std::iter::repeat_n('-', fill));
        text.push_str("\r\n");
    }

    /// A word; the square makes the first ones of the vocabulary the frequent ones.
    fn pick_word(&mut self) -> &str {
        let share = self.rng.f64();
        let index = (share * share * share * WORDS as f64) as usize;
        self.vocabulary.get(index).map_or("and", String::as_str)
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from.get(self.rng.usize(..from.len())).copied().unwrap_or_default()
    }

    fn letters(&mut self, count: usize) -> String {
        (0..count).map(|_| self.rng.alphanumeric()).collect()
    }

    fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| self.rng.digit(10)).collect()
    }
}

/// A word of one to four syllables.
fn word(rng: &mut Rng) -> String {
    const STARTS: &[u8] = b"bcdfghklmnprstvw";
    const VOWELS: &[u8] = b"aeiou";
    const ENDS: &[&str] = &["", "", "n", "r", "s", "t", "ng", "l"];
    let mut word = String::new();
    for _ in 0..rng.usize(1..=4) {
        for letters in [STARTS, VOWELS] {
            word.extend(letters.get(rng.usize(..letters.len())).copied().map(char::from));
        }
        word.push_str(ENDS.get(rng.usize(..ENDS.len())).copied().unwrap_or_default());
    }
    word
}

/// A name and an address made from it. A name beyond ASCII would have to be encoded.
fn mailbox(name: &str) -> String {
    let local: String =
        name.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase()).collect();
    if name.is_ascii() {
        return format!("{name} <{local}@example.org>");
    }
    let encoded: String = name
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' => char::from(byte).to_string(),
            b' ' => "_".to_owned(),
            other => format!("={other:02X}"),
        })
        .collect();
    format!("=?utf-8?Q?{encoded}?= <{local}@example.org>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_alone_decides() {
        assert_eq!(Texts::new(7, 8192).take(20), Texts::new(7, 8192).take(20));
        assert_ne!(Texts::new(7, 8192).take(1), Texts::new(8, 8192).take(1));
    }

    #[test]
    fn every_message_has_its_size_and_form() {
        for size in [2_048, 8_192, 100_000] {
            let messages = Texts::new(1, size).take(50);
            for message in &messages {
                let text = std::str::from_utf8(message).unwrap();
                assert!(message.len().abs_diff(size) <= 128, "{} for {size}", message.len());
                assert!(text.ends_with("\r\n") && text.contains("\r\n\r\n"));
                assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
                assert!(text.split("\r\n").all(|line| line.len() <= 998 && !line.starts_with('.')));
            }
            let different: std::collections::HashSet<_> = messages.iter().collect();
            assert_eq!(different.len(), messages.len());
        }
    }

    #[test]
    fn names_beyond_ascii_are_encoded() {
        assert_eq!(mailbox("Max Berger"), "Max Berger <maxberger@example.org>");
        assert_eq!(mailbox("Amélie D"), "=?utf-8?Q?Am=C3=A9lie_D?= <amlied@example.org>");
    }
}
