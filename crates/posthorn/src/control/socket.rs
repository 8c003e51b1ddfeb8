//! The control socket: one line of JSON asks, one line of JSON answers; lines before it say how far
//! the verb is.

use std::fs::{File, Permissions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use net::Shutdown;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::admin::{Admin, Progress, Request, Response, Step};
use crate::cli::Failure;

const NAME: &str = "control.sock";

/// LIMIT: the longest request holds a file of 50 MiB in base64; only the owner of the data
/// directory can make one.
const REQUEST_BYTES_MAX: u64 = 72 * 1024 * 1024;
/// LIMIT: a command writes its request at once; the largest takes its time on a busy machine.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// What comes back over the socket.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    Progress(Step),
    Done(Response),
    Refused(String),
}

/// The socket under a name that is short however long the directory's is: a socket address
/// holds only 107 bytes, the path of an open directory always fits.
fn address(directory: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{NAME}", directory.as_raw_fd()))
}

/// Connects to the daemon of a data directory.
pub(super) fn connect(directory: &Path) -> io::Result<UnixStream> {
    let directory = File::open(directory)?;
    UnixStream::connect(address(&directory))
}

/// Asks the daemon and waits for its answer, however long the verb takes.
pub(super) fn ask(
    mut stream: UnixStream,
    request: &Request,
    tell: impl Fn(Step),
) -> Result<Response, Failure> {
    let broken = |error: &dyn std::fmt::Display| {
        Failure::new(format!("the running daemon cannot be asked: {error}"))
    };
    let mut line = serde_json::to_vec(request).map_err(|error| broken(&error))?;
    line.push(b'\n');
    stream.write_all(&line).map_err(|error| broken(&error))?;
    let mut answers = BufReader::new(stream);
    loop {
        let mut answer = Vec::new();
        answers.read_until(b'\n', &mut answer).map_err(|error| broken(&error))?;
        if answer.is_empty() {
            return Err(Failure::new("the daemon gave no answer; its log says why"));
        }
        match serde_json::from_slice(&answer) {
            Ok(Answer::Progress(step)) => tell(step),
            Ok(Answer::Done(response)) => return Ok(response),
            Ok(Answer::Refused(text)) => return Err(Failure::new(text)),
            Err(_) => return Err(Failure::unexpected()),
        }
    }
}

/// Serves the socket until the end is asked for. The caller owns the directory.
pub(crate) fn serve(directory: &Path, admin: Arc<Admin>, shutdown: &Shutdown) -> io::Result<()> {
    let directory = File::open(directory)?;
    let path = address(&directory);
    // What lies there was left by a daemon that was killed; nobody else owns the directory.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    let listener = tokio::net::UnixListener::from_std(listener)?;
    let handle = shutdown.clone();
    shutdown.spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = handle.requested() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => handle.spawn(converse(stream, admin.clone())),
                Err(error) => {
                    tracing::error!(%error, "control socket");
                    // Out of file descriptors, most likely; the next try is left to later.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        // A command that finds no socket takes the lock as soon as it is free.
        let _ = std::fs::remove_file(address(&directory));
    });
    Ok(())
}

async fn converse(stream: tokio::net::UnixStream, admin: Arc<Admin>) {
    let (read, mut write) = stream.into_split();
    let mut line = Vec::new();
    let mut read = tokio::io::BufReader::new(read).take(REQUEST_BYTES_MAX);
    match timeout(REQUEST_TIMEOUT, read.read_until(b'\n', &mut line)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return tracing::debug!(%error, "control socket"),
        Err(_) => return tracing::debug!("control socket: no request came"),
    }
    if line.last() != Some(&b'\n') && line.len() as u64 >= REQUEST_BYTES_MAX {
        let answer = Answer::Refused(format!("a request has at most {REQUEST_BYTES_MAX} bytes"));
        return say(&mut write, &answer).await;
    }
    let answer = match serde_json::from_slice::<Request>(&line) {
        Ok(request) => {
            tracing::info!(request = kind(&request), "control");
            execute(&admin, request, &mut write).await
        }
        Err(_) => Answer::Refused("the running daemon does not know this; restart it".to_owned()),
    };
    say(&mut write, &answer).await;
}

/// Executes a verb; what is told of it meanwhile goes out at once. Who asked may be gone: the verb
/// is done to its end.
async fn execute(
    admin: &Admin,
    request: Request,
    write: &mut tokio::net::unix::OwnedWriteHalf,
) -> Answer {
    // LIMIT: what is told and not written yet; more is not worth waiting for.
    let (steps, mut told) = mpsc::channel(16);
    let progress = Progress::told(move |step| {
        let _ = steps.try_send(step);
    });
    let mut outcome = std::pin::pin!(admin.execute_told(request, &progress));
    let outcome = loop {
        tokio::select! {
            biased;
            Some(step) = told.recv() => say(write, &Answer::Progress(step)).await,
            outcome = &mut outcome => break outcome,
        }
    };
    while let Ok(step) = told.try_recv() {
        say(write, &Answer::Progress(step)).await;
    }
    match outcome {
        Ok(response) => Answer::Done(response),
        Err(refusal) => Answer::Refused(refusal.0),
    }
}

async fn say(write: &mut tokio::net::unix::OwnedWriteHalf, answer: &Answer) {
    let Ok(mut bytes) = serde_json::to_vec(answer) else { return };
    bytes.push(b'\n');
    if let Err(error) = write.write_all(&bytes).await {
        tracing::debug!(%error, "control socket");
    }
}

/// What a request asks for. Not with what: scripts and answers are their owners' business, codes
/// are secret.
fn kind(request: &Request) -> String {
    let text = format!("{request:?}");
    text.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_owned()
}
