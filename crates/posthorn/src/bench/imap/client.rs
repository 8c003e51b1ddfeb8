//! One IMAP connection that reads only as much of a reply as it has to count.

use super::super::BenchError;
use super::super::target::{Credentials, Target};
use super::super::wire::Wire;

/// What a command's untagged responses came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// How many FETCH responses came.
    pub(super) fetches: u64,
    /// How many EXPUNGE responses came.
    pub(super) expunges: u64,
    /// Numbers in SEARCH, SORT and THREAD responses.
    pub(super) ordered: u64,
    /// The last number of messages told.
    pub(super) exists: Option<u64>,
    /// Whether `LITERAL+` or `LITERAL-` stood in a CAPABILITY response.
    literals: Literals,
}

/// Which literals may go out without waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Literals {
    #[default]
    Synchronizing,
    /// LITERAL- (RFC 7888 §5).
    Small,
    /// LITERAL+: literals of any size.
    Any,
}

/// LIMIT: RFC 7888 §5, the most a LITERAL- server takes unasked.
const SMALL_LITERAL_BYTES_MAX: usize = 4096;

/// A connection to the server measured.
pub(super) struct Client {
    wire: Wire,
    tag: u32,
    literals: Literals,
    out: Vec<u8>,
}

impl Client {
    /// Connects, reads the greeting and goes under TLS if the target wants it.
    pub(super) fn connect(target: &Target) -> Result<Self, BenchError> {
        let wire = target.connect()?;
        let mut client = Self { wire, tag: 0, literals: Literals::default(), out: Vec::new() };
        let greeting = client.wire.line()?;
        if !greeting.starts_with(b"* OK") {
            return Err(BenchError::refused("the connection", greeting));
        }
        if target.wants_starttls() {
            client.command("STARTTLS")?;
            client.wire = target.encrypt(client.wire)?;
        }
        Ok(client)
    }

    /// Signs in and asks nothing else.
    pub(super) fn sign_in(&mut self, credentials: &Credentials) -> Result<(), BenchError> {
        let user = quoted(&credentials.user)?;
        let password = quoted(&credentials.password)?;
        // The reply names the step, which must not hold the password.
        self.run("LOGIN", &format!("LOGIN {user} {password}")).map(|_| ())
    }

    /// Connects, signs in and learns how literals may be sent.
    pub(super) fn open(target: &Target, credentials: &Credentials) -> Result<Self, BenchError> {
        let mut client = Self::connect(target)?;
        client.sign_in(credentials)?;
        client.literals = client.command("CAPABILITY")?.literals;
        Ok(client)
    }

    /// Sends a command and reads to the end of its reply, which must be OK.
    pub(super) fn command(&mut self, command: &str) -> Result<Counts, BenchError> {
        self.run(command, command)
    }

    /// A command whose failure does not matter, such as deleting what may not be there.
    pub(super) fn attempt(&mut self, command: &str) -> Result<(), BenchError> {
        match self.command(command) {
            Ok(_) | Err(BenchError::Refused { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// APPEND of one message, acknowledged.
    pub(super) fn append(&mut self, mailbox: &str, message: &[u8]) -> Result<(), BenchError> {
        self.tag += 1;
        let size = message.len();
        let at_once = match self.literals {
            Literals::Any => true,
            Literals::Small => size <= SMALL_LITERAL_BYTES_MAX,
            Literals::Synchronizing => false,
        };
        let sign = if at_once { "+" } else { "" };
        let command = format!("b{} APPEND {mailbox} (\\Seen) {{{size}{sign}}}\r\n", self.tag);
        self.out.clear();
        self.out.extend_from_slice(command.as_bytes());
        if !at_once {
            self.wire.send(&self.out)?;
            self.continuation("APPEND")?;
            self.out.clear();
        }
        self.out.extend_from_slice(message);
        self.out.extend_from_slice(b"\r\n");
        self.wire.send(&self.out)?;
        self.finish("APPEND").map(|_| ())
    }

    /// Starts IDLE and leaves the connection in it.
    pub(super) fn idle(&mut self) -> Result<(), BenchError> {
        self.tag += 1;
        self.wire.send(format!("b{} IDLE\r\n", self.tag).as_bytes())?;
        self.continuation("IDLE")
    }

    /// Reads until the server has told how many messages there are.
    pub(super) fn wait_for_exists(&mut self) -> Result<(), BenchError> {
        while !self.wire.line()?.ends_with(b" EXISTS") {}
        Ok(())
    }

    fn run(&mut self, step: &str, command: &str) -> Result<Counts, BenchError> {
        self.tag += 1;
        self.wire.send(format!("b{} {command}\r\n", self.tag).as_bytes())?;
        self.finish(step)
    }

    fn continuation(&mut self, step: &str) -> Result<(), BenchError> {
        loop {
            let line = self.wire.line()?;
            match line.first() {
                Some(b'+') => return Ok(()),
                Some(b'*') => {}
                _ => return Err(BenchError::refused(step, line)),
            }
        }
    }

    /// Reads responses up to the tagged one.
    fn finish(&mut self, step: &str) -> Result<Counts, BenchError> {
        let tag = format!("b{} ", self.tag);
        let mut counts = Counts::default();
        loop {
            let line = self.wire.line()?;
            if let Some(status) = line.strip_prefix(tag.as_bytes()) {
                if status.starts_with(b"OK") {
                    return Ok(counts);
                }
                return Err(BenchError::refused(step, status));
            }
            let Some(response) = line.strip_prefix(b"* ") else {
                return Err(BenchError::refused(step, line));
            };
            counts.count(response);
            let mut literal = literal_size(line);
            while let Some(size) = literal {
                self.wire.skip(size)?;
                literal = literal_size(self.wire.line()?);
            }
        }
    }
}

impl Counts {
    fn count(&mut self, response: &[u8]) {
        let digits = response.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, word) = response.split_at_checked(digits).unwrap_or_default();
        match word {
            _ if word.starts_with(b" FETCH") => self.fetches += 1,
            b" EXPUNGE" => self.expunges += 1,
            _ if [&b"SORT"[..], b"THREAD", b"SEARCH"].iter().any(|name| word.starts_with(name)) => {
                let numbers = word.split(|byte| !byte.is_ascii_digit());
                self.ordered += numbers.filter(|number| !number.is_empty()).count() as u64;
            }
            b" EXISTS" => self.exists = parse_number(number),
            _ if word.starts_with(b"CAPABILITY ") => {
                for capability in word.split(|byte| *byte == b' ') {
                    match capability {
                        b"LITERAL+" => self.literals = Literals::Any,
                        b"LITERAL-" if self.literals == Literals::Synchronizing => {
                            self.literals = Literals::Small;
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

/// The size of the literal that a line announces at its end.
fn literal_size(line: &[u8]) -> Option<u64> {
    let before = line.strip_suffix(b"}")?;
    let open = memchr::memrchr(b'{', before)?;
    parse_number(before.get(open + 1..)?)
}

fn parse_number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// RFC 9051 §9, `quoted`.
fn quoted(text: &str) -> Result<String, BenchError> {
    if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        let text = "a user or password beyond printable ASCII cannot be measured with";
        return Err(BenchError::Plan(text.to_owned()));
    }
    Ok(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_seen_at_the_end_of_lines_only() {
        for (line, size) in [
            (&b"* 1 FETCH (BODY[] {8192}"[..], Some(8192)),
            (b"* 1 FETCH (BINARY[] ~{0}", Some(0)),
            (b"* 1 FETCH (FLAGS ({5}))", None),
            (b"* OK {}", None),
            (b"* OK {12a}", None),
            (b"* OK {99999999999999999999999}", None),
            (b"12}", None),
            (b"", None),
        ] {
            assert_eq!(literal_size(line), size, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn responses_are_counted() {
        let mut counts = Counts::default();
        for response in [
            &b"1 FETCH (FLAGS ())"[..],
            b"2 FETCH (FLAGS ())",
            b"7 EXISTS",
            b"3 EXPUNGE",
            b"6 EXISTS",
            b"FLAGS (\\Seen)",
            b"CAPABILITY IMAP4rev1 LITERAL+ LITERAL- IDLE",
            b"OK [UIDNEXT 4] x",
            b"SORT 12 1 3",
            b"SEARCH 2 84",
            b"THREAD (2)(3 6 (4 23)(44 7 96))",
            b"",
        ] {
            counts.count(response);
        }
        let (fetches, expunges, ordered) = (2, 1, 13);
        let (exists, literals) = (Some(6), Literals::Any);
        let expected = Counts { fetches, expunges, ordered, exists, literals };
        assert_eq!(counts, expected);
    }

    #[test]
    fn passwords_are_quoted() {
        assert_eq!(quoted("a\"b\\c").unwrap(), "\"a\\\"b\\\\c\"");
        assert!(quoted("two\r\nlines").is_err());
        assert!(quoted("é").is_err());
    }
}
