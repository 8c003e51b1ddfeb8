//! Playing a transcript: sends, expects, takes names.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::Scene;
use super::pattern::{Names, write_line};
use super::script::{Block, Edit, Expected, Item, Script, Step, literal_left};

/// LIMIT: a dialog that stands still this long has failed; nothing ever waits for it otherwise.
const PATIENCE: Duration = Duration::from_secs(120);

/// LIMIT: when rewriting, an answer is complete once nothing comes for this long.
const QUIET: Duration = Duration::from_millis(300);

/// Plays all steps. The error is `line: what differs`; the edits are empty unless `update`.
pub(super) async fn play<S: Scene>(
    script: &Script,
    scene: &mut S,
    update: bool,
) -> Result<Vec<Edit>, String> {
    let mut player = Player { open: BTreeMap::new(), names: Names::new(), edits: Vec::new() };
    for step in &script.steps {
        player.step(script, scene, step, update).await?;
    }
    player.finish().await?;
    Ok(player.edits)
}

struct Player<T> {
    open: BTreeMap<u32, Connection<T>>,
    names: Names,
    edits: Vec<Edit>,
}

struct Connection<T> {
    stream: T,
    /// Bytes that came and were not yet looked at.
    pending: Vec<u8>,
    /// Lines looked at in this block, for rewriting.
    seen: Vec<Vec<u8>>,
}

impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Player<T> {
    async fn step<S: Scene<Stream = T>>(
        &mut self,
        script: &Script,
        scene: &mut S,
        step: &Step,
        update: bool,
    ) -> Result<(), String> {
        match step {
            Step::Act { line, words } => {
                return scene.act(words).await.map_err(|reason| format!("{line}: {reason}"));
            }
            Step::Send { connection, .. }
            | Step::Close { connection }
            | Step::Eof { connection, .. }
            | Step::Expect(Block { connection, .. }) => {
                if !self.open.contains_key(connection) {
                    let stream = scene.open(*connection, &script.header).await;
                    let opened = Connection { stream, pending: Vec::new(), seen: Vec::new() };
                    self.open.insert(*connection, opened);
                }
            }
        }
        match step {
            Step::Send { connection, line, template } => {
                let bytes =
                    template.fill(&self.names).map_err(|reason| format!("{line}: {reason}"))?;
                let sent = self.connection(*connection).send(&bytes).await;
                sent.map_err(|reason| format!("{line}: cannot send: {reason}"))
            }
            Step::Close { connection } => {
                // The peer may have gone first, which is not what a close tests.
                let _ = self.connection(*connection).stream.shutdown().await;
                Ok(())
            }
            Step::Eof { connection, line } => {
                match self.connection(*connection).read_line().await? {
                    None => Ok(()),
                    Some(got) => Err(format!("{line}: expected the end, got {}", write_line(&got))),
                }
            }
            Step::Expect(block) => self.expect(block, update).await,
            Step::Act { .. } => Ok(()),
        }
    }

    fn connection(&mut self, number: u32) -> &mut Connection<T> {
        self.open.get_mut(&number).unwrap_or_else(|| panic!("connection {number} was opened"))
    }

    async fn expect(&mut self, block: &Block, update: bool) -> Result<(), String> {
        self.connection(block.connection).seen.clear();
        let mut outcome = Ok(());
        for item in &block.items {
            outcome = match item {
                Item::One(expected) => self.expect_one(block.connection, expected).await,
                Item::Group(responses) => self.expect_group(block.connection, responses).await,
            };
            if outcome.is_err() {
                break;
            }
        }
        if !update {
            return outcome;
        }
        let connection = self.connection(block.connection);
        let matched = connection.seen.len();
        connection.drain_until_quiet().await;
        if outcome.is_err() || connection.seen.len() > matched {
            let prefix = if block.connection == 1 {
                String::new()
            } else {
                format!("{} ", block.connection)
            };
            let text =
                connection.seen.iter().map(|line| prefix.clone() + &write_line(line)).collect();
            self.edits.push(Edit { lines: block.lines.clone(), text });
        }
        Ok(())
    }

    async fn expect_one(&mut self, number: u32, expected: &Expected) -> Result<(), String> {
        let line = expected.line;
        let connection =
            self.open.get_mut(&number).unwrap_or_else(|| panic!("connection {number} was opened"));
        let got = connection.read_line().await.map_err(|reason| {
            format!("{line}: {reason}\n  expected {}", expected.pattern.text())
        })?;
        let Some(got) = got else {
            let wanted = expected.pattern.text();
            return Err(format!("{line}: the server closed\n  expected {wanted}"));
        };
        if expected.repeats {
            let mut got = Some(got);
            while let Some(line) = got.take() {
                if !expected.pattern.matches(&line, &mut self.names) {
                    connection.unread(&line);
                    break;
                }
                got = connection.read_line().await?;
            }
            return Ok(());
        }
        if expected.pattern.matches(&got, &mut self.names) {
            return Ok(());
        }
        let wanted = expected.pattern.text();
        Err(format!("{line}: another answer\n  expected {wanted}\n       got {}", shown(&got)))
    }

    async fn expect_group(
        &mut self,
        number: u32,
        responses: &[Vec<Expected>],
    ) -> Result<(), String> {
        let mut left: Vec<&Vec<Expected>> = responses.iter().collect();
        while let Some(first) = left.first() {
            let line = first.first().map_or(0, |expected| expected.line);
            let connection = self.open.get_mut(&number);
            let connection = connection.unwrap_or_else(|| panic!("connection was opened"));
            let got = connection.read_response().await.map_err(|why| format!("{line}: {why}"))?;
            let fits = left.iter().position(|response| {
                let mut names = self.names.clone();
                let same = response.len() == got.len()
                    && response.iter().zip(&got).all(|(e, g)| e.pattern.matches(g, &mut names));
                if same {
                    self.names = names;
                }
                same
            });
            let Some(fits) = fits else {
                let got: Vec<String> = got.iter().map(|line| shown(line)).collect();
                let wanted: Vec<String> =
                    left.iter().flat_map(|r| r.iter().map(|e| e.pattern.text())).collect();
                return Err(format!(
                    "{line}: not in the group\n  expected one of\n    {}\n  got\n    {}",
                    wanted.join("\n    "),
                    got.join("\n    ")
                ));
            };
            left.remove(fits);
        }
        Ok(())
    }

    /// Closes our side of every connection; nothing may be left, and the server closes too.
    async fn finish(&mut self) -> Result<(), String> {
        for (number, connection) in &mut self.open {
            let _ = connection.stream.shutdown().await;
            match connection.read_line().await {
                Ok(None) => {}
                Ok(Some(line)) => {
                    return Err(format!("0: connection {number}: left over: {}", shown(&line)));
                }
                Err(reason) => return Err(format!("0: connection {number}, at the end: {reason}")),
            }
        }
        Ok(())
    }
}

impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Connection<T> {
    async fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        let write = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match timeout(PATIENCE, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("the server reads nothing for {PATIENCE:?}")),
        }
    }

    /// The next line without its line end; `None` at the end of the stream.
    async fn read_line(&mut self) -> Result<Option<Vec<u8>>, String> {
        loop {
            if let Some(at) = self.pending.iter().position(|&byte| byte == b'\n') {
                let mut line: Vec<u8> = self.pending.drain(..=at).collect();
                line.pop();
                if line.pop_if(|last| *last == b'\r').is_none() {
                    return Err(format!("a line ends in LF alone: {}", shown(&line)));
                }
                self.seen.push(line.clone());
                return Ok(Some(line));
            }
            let read = timeout(PATIENCE, self.stream.read_buf(&mut self.pending)).await;
            match read {
                Ok(Ok(0)) if self.pending.is_empty() => return Ok(None),
                Ok(Ok(0)) => {
                    return Err(format!("the server closed in a line: {}", shown(&self.pending)));
                }
                Ok(Ok(_)) => {}
                // A server that closes with input unread resets the connection.
                Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                    return Ok(None);
                }
                Ok(Err(error)) => return Err(error.to_string()),
                Err(_) => return Err(format!("nothing came for {PATIENCE:?}")),
            }
        }
    }

    /// Puts a line back that somebody else is to read.
    fn unread(&mut self, line: &[u8]) {
        self.pending.splice(0..0, [line, b"\r\n"].concat());
        self.seen.pop();
    }

    /// The next line with those that the literals in it reach over.
    async fn read_response(&mut self) -> Result<Vec<Vec<u8>>, String> {
        let mut lines = Vec::new();
        // Bytes of a literal still to come before the rest of the response.
        let mut missing: Option<usize> = None;
        loop {
            let line = self.read_line().await?.ok_or("the server closed in a group")?;
            missing = literal_left(missing, &line);
            lines.push(line);
            if missing.is_none() {
                return Ok(lines);
            }
        }
    }

    async fn drain_until_quiet(&mut self) {
        loop {
            match timeout(QUIET, self.read_line()).await {
                Ok(Ok(Some(_))) => {}
                _ => return,
            }
        }
    }
}

fn shown(line: &[u8]) -> String {
    write_line(line).trim_start_matches("S:").trim_start_matches('=').trim_start().to_owned()
}
