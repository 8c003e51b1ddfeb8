//! Where the lines of the log go: to standard error, those of one moment together.
//!
//! A line for each message that arrives would cost the thread that received it a write. So lines
//! that tell of the usual wait a few milliseconds for more, with a thread that writes them; what is
//! wrong is written at once, behind what waits.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// LIMIT: how long a line waits.
const PAUSE: Duration = Duration::from_millis(5);
/// LIMIT: what waits; who logs more waits for it to be written.
const WAITING_BYTES_MAX: usize = 256 * 1024;

/// Lines that wait, and who writes them.
#[derive(Clone)]
pub(super) struct LogWriter {
    shared: Arc<Shared>,
}

struct Shared {
    waiting: Mutex<Waiting>,
    /// There is something to write, or the end has come.
    some: Condvar,
}

struct Waiting {
    out: Box<dyn Write + Send>,
    lines: Vec<u8>,
    /// Whether there is no thread, or it is to end: lines are written at once.
    is_direct: bool,
}

impl Waiting {
    /// Nobody is left to be told where the log cannot be written.
    fn write(&mut self) {
        let _ = self.out.write_all(&self.lines);
        self.lines.clear();
    }
}

impl LogWriter {
    /// Starts the thread.
    pub(super) fn start(out: impl Write + Send + 'static) -> Self {
        let waiting = Waiting { out: Box::new(out), lines: Vec::new(), is_direct: false };
        let shared = Arc::new(Shared { waiting: Mutex::new(waiting), some: Condvar::new() });
        let writer = shared.clone();
        let thread = std::thread::Builder::new().name("log".to_owned()).spawn(move || writer.run());
        let log = Self { shared };
        log.shared.lock().is_direct = thread.is_err();
        log
    }

    /// Writes what waits; from here on lines are written at once.
    pub(super) fn finish(&self) {
        let mut waiting = self.shared.lock();
        waiting.is_direct = true;
        waiting.write();
        self.shared.some.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut waiting = self.lock();
        while !waiting.is_direct {
            if waiting.lines.is_empty() {
                waiting = self.some.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            drop(waiting);
            std::thread::sleep(PAUSE);
            waiting = self.lock();
            waiting.write();
        }
    }
}

/// A line of the log that is being written.
pub(super) struct Line<'w> {
    log: &'w LogWriter,
    is_urgent: bool,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut waiting = self.log.shared.lock();
        let was_empty = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(bytes);
        if self.is_urgent || waiting.is_direct || waiting.lines.len() > WAITING_BYTES_MAX {
            waiting.write();
        } else if was_empty {
            self.log.shared.some.notify_one();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for LogWriter {
    type Writer = Line<'w>;

    fn make_writer(&'w self) -> Line<'w> {
        Line { log: self, is_urgent: true }
    }

    fn make_writer_for(&'w self, metadata: &Metadata<'_>) -> Line<'w> {
        Line { log: self, is_urgent: *metadata.level() <= Level::WARN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_urgent_comes_at_once_and_behind_what_waits() {
        let sink = Sink::default();
        let log = LogWriter::start(sink.clone());
        let put = |is_urgent, line: &str| {
            Line { log: &log, is_urgent }.write_all(line.as_bytes()).unwrap();
        };
        let written = || String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        put(false, "usual\n");
        put(true, "wrong\n");
        assert_eq!(written(), "usual\nwrong\n");
        put(false, "more\n");
        log.finish();
        assert_eq!(written(), "usual\nwrong\nmore\n");
        put(false, "the end\n");
        assert_eq!(written(), "usual\nwrong\nmore\nthe end\n");
    }

    #[test]
    fn what_waits_comes_by_itself() {
        let (sender, lines) = std::sync::mpsc::channel();
        struct Channel(std::sync::mpsc::Sender<Vec<u8>>);
        impl Write for Channel {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
                Ok(bytes.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let log = LogWriter::start(Channel(sender));
        Line { log: &log, is_urgent: false }.write_all(b"usual\n").unwrap();
        assert_eq!(lines.recv().unwrap(), b"usual\n");
        log.finish();
    }
}
