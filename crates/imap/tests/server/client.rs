//! A client that keeps the books RFC 9051 §5.2 and §7.5.1 ask of it, and fails where a server
//! breaks them: which UID stands behind which sequence number, and when EXPUNGE may come.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Ok,
    No,
    Bad,
    /// The server said goodbye instead.
    Bye,
}

pub(crate) struct Client {
    stream: BufReader<DuplexStream>,
    tags: u32,
    /// The UID behind each sequence number, as far as it was told; None outside a mailbox.
    pub(crate) uids: Option<Vec<Option<u32>>>,
    /// Untagged lines of the last command, literals included.
    pub(crate) lines: Vec<String>,
    /// The tagged line of the last command, without its tag.
    pub(crate) said: String,
}

impl Client {
    /// Reads the greeting and signs in.
    pub(crate) async fn sign_in(stream: DuplexStream) -> Self {
        Self::sign_in_as(stream, "julie").await
    }

    /// The same as another account of the domain.
    pub(crate) async fn sign_in_as(stream: DuplexStream, local: &str) -> Self {
        let (stream, said) = (BufReader::new(stream), String::new());
        let mut client = Self { stream, tags: 0, uids: None, lines: Vec::new(), said };
        let greeting = client.line().await.unwrap();
        assert!(greeting.starts_with("* OK"), "{greeting}");
        let login = format!("LOGIN {local}@example.test \"right password\"");
        let status = client.run(&login).await;
        assert_eq!(status, Status::Ok);
        client
    }

    /// Sends a command and reads its whole answer.
    pub(crate) async fn run(&mut self, command: &str) -> Status {
        self.run_bytes(command.as_bytes()).await
    }

    pub(crate) async fn run_bytes(&mut self, command: &[u8]) -> Status {
        self.tags += 1;
        let tag = format!("t{} ", self.tags);
        let wire = [tag.as_bytes(), command, b"\r\n"].concat();
        let text = String::from_utf8_lossy(&wire).into_owned();
        // The server may have gone.
        let _ = self.stream.get_mut().write_all(&wire).await;
        self.lines.clear();
        let name = String::from_utf8_lossy(command).to_ascii_uppercase();
        if ["SELECT ", "EXAMINE "].iter().any(|select| name.starts_with(select)) {
            self.uids = None;
        }
        loop {
            let Some(line) = self.line().await else {
                self.said.clear();
                let said = self.lines.iter().any(|line| line.starts_with("* BYE"));
                assert!(said, "the server went without a word: {text}");
                return Status::Bye;
            };
            if let Some(rest) = line.strip_prefix(&tag) {
                return self.ended(&name, rest);
            }
            self.note(&name, &line);
            self.lines.push(line);
        }
    }

    fn ended(&mut self, name: &str, rest: &str) -> Status {
        rest.clone_into(&mut self.said);
        let status = match rest.split(' ').next() {
            Some("OK") => Status::Ok,
            Some("NO") => Status::No,
            Some("BAD") => Status::Bad,
            _ => panic!("no status: {rest}"),
        };
        let selects = name.starts_with("SELECT ") || name.starts_with("EXAMINE ");
        let leaves = name.starts_with("CLOSE") || name.starts_with("UNSELECT");
        if leaves && status == Status::Ok || selects && status == Status::No {
            self.uids = None;
        }
        status
    }

    /// One response with its literals; None at the end.
    async fn line(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        loop {
            let start = bytes.len();
            let count = self.stream.read_until(b'\n', &mut bytes).await.unwrap_or(0);
            if count == 0 {
                return None;
            }
            let line = bytes.get(start..)?.strip_suffix(b"\r\n")?;
            let Some(size) = literal_size(line) else { break };
            let mut literal = vec![0; size];
            self.stream.read_exact(&mut literal).await.ok()?;
            bytes.extend_from_slice(&literal);
        }
        Some(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }

    fn note(&mut self, command: &str, line: &str) {
        if let Some(set) = line.strip_prefix("* VANISHED ") {
            return self.note_vanished(command, set);
        }
        let mut words = line.splitn(4, ' ');
        let (_, number, what, rest) = (words.next(), words.next(), words.next(), words.next());
        let Some(number) = number.and_then(|word| word.parse::<usize>().ok()) else { return };
        match what {
            Some("EXISTS") => self.note_exists(number, line),
            Some("EXPUNGE") => {
                let by_seq = ["FETCH", "STORE", "SEARCH"].iter().any(|c| command.starts_with(c));
                assert!(!by_seq, "EXPUNGE while {command:?} is answered");
                let uids = self.uids.as_mut().unwrap_or_else(|| panic!("nothing open: {line}"));
                assert!((1..=uids.len()).contains(&number), "{line} of {}", uids.len());
                uids.remove(number - 1);
            }
            Some("FETCH") => self.note_fetch(number, rest.unwrap_or_default(), line),
            _ => {}
        }
    }

    /// Each UID must be one that the client was told of, RFC 7162 §3.2.10.2; it may know it by its
    /// sequence number only.
    fn note_vanished(&mut self, command: &str, set: &str) {
        let earlier = set.starts_with("(EARLIER)");
        assert!(!earlier || command.contains("VANISHED") || command.contains("QRESYNC"), "{set}");
        if earlier {
            return;
        }
        let by_seq = ["FETCH", "STORE", "SEARCH"].iter().any(|c| command.starts_with(c));
        assert!(!by_seq, "VANISHED while {command:?} is answered");
        let uids = self.uids.as_mut().unwrap_or_else(|| panic!("nothing open: {set}"));
        for uid in set.split(',').flat_map(expand) {
            let at = uids.iter().position(|known| *known == Some(uid)).unwrap_or_else(|| {
                // Its place is between the neighbours that are known.
                let after = uids.iter().position(|known| known.is_some_and(|known| known > uid));
                let at = after.unwrap_or(uids.len()).checked_sub(1);
                at.filter(|at| uids[*at].is_none()).unwrap_or_else(|| panic!("no {uid}: {uids:?}"))
            });
            uids.remove(at);
        }
    }

    fn note_exists(&mut self, number: usize, line: &str) {
        let uids = self.uids.get_or_insert_default();
        assert!(number >= uids.len(), "{line} after {}", uids.len());
        uids.resize(number, None);
    }

    fn note_fetch(&mut self, number: usize, items: &str, line: &str) {
        let uids = self.uids.as_mut().unwrap_or_else(|| panic!("nothing open: {line}"));
        assert!((1..=uids.len()).contains(&number), "{line} of {}", uids.len());
        let after = items.split("UID ").nth(1);
        let digits = after.map(|after| after.split([' ', ')']).next().unwrap_or_default());
        let Some(uid) = digits.and_then(|digits| digits.parse().ok()) else { return };
        let place = &mut uids[number - 1];
        assert!(place.is_none_or(|known| known == uid), "{line}, and it was {place:?}");
        *place = Some(uid);
        let known: Vec<u32> = uids.iter().flatten().copied().collect();
        assert!(known.is_sorted_by(|left, right| left < right), "UIDs out of order: {known:?}");
    }
}

fn expand(range: &str) -> std::ops::RangeInclusive<u32> {
    let (first, last) = range.split_once(':').unwrap_or((range, range));
    first.parse().unwrap()..=last.parse().unwrap()
}

fn literal_size(line: &[u8]) -> Option<usize> {
    let inside = line.strip_suffix(b"}")?;
    let at = inside.iter().rposition(|&byte| byte == b'{')?;
    std::str::from_utf8(&inside[at + 1..]).ok()?.parse().ok()
}
