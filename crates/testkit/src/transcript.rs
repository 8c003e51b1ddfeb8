//! Dialogs in text files, played against any byte stream.
//!
//! A transcript is a test: dropping a file into `tests/transcripts/` adds one. It begins with
//! comments and a header of `key: value` lines that the scene reads (state, fixture, …), then a
//! blank line, then the dialog:
//!
//! ```text
//! # RFC 9051 §6.4.5: a FETCH of one message
//! state: selected
//!
//! C: a FETCH 1 (FLAGS UID)
//! S: * 1 FETCH (FLAGS (\Seen) UID $uid)
//! S:~ a OK .*
//! 2 C: b NOOP
//! 2 S:{
//! 2 S: * 1 FETCH (UID $uid FLAGS (\Seen))
//! 2 S:~ \* [0-9]+ EXISTS
//! 2 S:}
//! ! advance 60
//! C:= raw bytes\x00\r\n
//! S:= caf\xe9
//! close
//! 2 eof
//! ```
//!
//! - A number before the letter is the connection; without one it is connection 1. A connection
//!   is opened at its first mention.
//! - `C:` sends the rest of the line and CRLF; `C:=` sends it with `\r \n \t \\ \xHH` replaced
//!   and nothing added.
//! - `S:` expects exactly this line, `S:=` the same with replacements, `S:~` a line that matches
//!   the regular expression as a whole, `S:*~` any number of such lines. One space after the mark
//!   belongs to the mark.
//! - `S:{` to `S:}` is a group whose responses come in any order. In a group a line that ends in
//!   a literal (`{5}`) is one response together with the lines the literal reaches over.
//! - `$name` (lower case) takes whatever token stands there the first time, and stands for it
//!   from then on, in `C:` lines too. `$$` is a dollar sign in plain lines, `\$` in patterns.
//! - `! words` asks the scene to do something; `close` closes our side; `eof` expects that the
//!   server closes its side.
//! - When the file ends, every connection is closed and nothing more may come from the server.
//!
//! `UPDATE=1` in the environment rewrites each block of `S:` lines that does not match with what
//! came, for a person to review.

mod pattern;
mod play;
mod script;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;

use tokio::io::{AsyncRead, AsyncWrite};

use script::Script;

/// The `key: value` lines at the head of a transcript.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header(BTreeMap<String, String>);

impl Header {
    /// The value of `key`, if the transcript gives one.
    pub fn find(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

/// What a transcript is played against. A closure that opens a connection is a scene without
/// actions.
pub trait Scene {
    /// One connection, seen from the client.
    type Stream: AsyncRead + AsyncWrite + Unpin;

    /// Opens connection `number` (from 1).
    fn open(&mut self, number: u32, header: &Header) -> impl Future<Output = Self::Stream>;

    /// Does what a `!` line asks for; an error fails the transcript.
    fn act(&mut self, words: &str) -> impl Future<Output = Result<(), String>> {
        let refused = Err(format!("this scene knows no action {words:?}"));
        async move { refused }
    }
}

impl<F, Opened, S> Scene for F
where
    F: FnMut(u32, Header) -> Opened,
    Opened: Future<Output = S>,
    S: AsyncRead + AsyncWrite + Unpin,
{
    type Stream = S;

    fn open(&mut self, number: u32, header: &Header) -> impl Future<Output = S> {
        self(number, header.clone())
    }
}

/// Plays one transcript.
///
/// # Panics
/// If the dialog is another one than the file says, with the place and both texts.
pub async fn run(path: &Path, scene: &mut impl Scene) {
    if let Err(failure) = try_run(path, scene).await {
        panic!("{failure}");
    }
}

/// Plays one transcript; the error says where and how the dialog differs.
pub async fn try_run(path: &Path, scene: &mut impl Scene) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let script = Script::parse(&text).map_err(|e| format!("{}:{e}", path.display()))?;
    let update = std::env::var_os("UPDATE").is_some_and(|value| value == "1");
    let edits = play::play(&script, scene, update)
        .await
        .map_err(|failure| format!("{}:{failure}", path.display()))?;
    if !edits.is_empty() {
        let rewritten = script::apply(&text, &edits);
        std::fs::write(path, rewritten).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(())
}

/// The transcripts in `folder`, sorted by name.
///
/// # Panics
/// If there are none: a test that plays nothing has failed.
pub fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut found: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "txt"))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{}: no transcripts here", folder.display());
    found
}

#[cfg(test)]
mod tests;
