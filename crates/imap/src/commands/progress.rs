//! INPROGRESS (RFC 9585): a client that waits for a command is told that the server still works,
//! and how far it is where that is known.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use net::{Connection, ConnectionError};
use tokio::time::{Instant, sleep_until};

use crate::render::{self, Code, Status};
use crate::types::Tag;

/// How far a command is. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    counts: Arc<[AtomicU32; 2]>,
}

impl Progress {
    /// Begins anew with `goal` messages to look at; 0 where the number is not known.
    pub(super) fn begin(&self, goal: u32) {
        let [_, known] = &*self.counts;
        known.store(goal, Ordering::Relaxed);
    }

    /// `left` of them are still to be looked at.
    pub(super) fn left(&self, left: u32) {
        let [done, goal] = &*self.counts;
        done.fetch_max(goal.load(Ordering::Relaxed).saturating_sub(left), Ordering::Relaxed);
    }

    fn counts(&self) -> Option<(u32, u32)> {
        let [done, goal] = &*self.counts;
        let (done, goal) = (done.load(Ordering::Relaxed), goal.load(Ordering::Relaxed));
        // RFC 9585 §4: the goal is greater than the progress. Where all was looked at and the
        // command still works, nobody can say how long.
        (done < goal).then_some((done, goal))
    }
}

/// Waits for `work`, telling the client after each `silence` how far it is; without one, nothing.
///
/// # Errors
/// Where the client can't be told any more; the work is given up.
pub(super) async fn while_telling<T>(
    connection: &mut Connection,
    tag: &Tag,
    (progress, silence): (&Progress, Option<Duration>),
    work: impl Future<Output = T>,
) -> Result<T, ConnectionError> {
    let Some(silence) = silence else { return Ok(work.await) };
    let mut work = pin!(work);
    // Something may be queued since before.
    let (mut next, mut is_sent) = (Instant::now() + silence, false);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            // What is quick is heard with what was queued before; else the work goes on meanwhile.
            sent = connection.flush(), if !is_sent => {
                sent?;
                is_sent = true;
            }
            () = sleep_until(next), if is_sent => {
                let mut out = Vec::new();
                let code = Code::InProgress(tag, progress.counts());
                render::untagged(&mut out, Status::Ok, Some(&code), "Still at it");
                connection.push(&out);
                (next, is_sent) = (Instant::now() + silence, false);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use net::{ConnectionSettings, Stream};
    use tokio::io::AsyncReadExt;
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn clients_hear_that_work_goes_on() {
        let (mut ours, theirs) = tokio::io::duplex(4096);
        let address = "192.0.2.7:4321".parse().unwrap();
        let stream = Stream::memory(theirs, address, address);
        let mut connection = Connection::new(stream, ConnectionSettings::default());
        let (tag, progress) = (Tag::new(b"A1").unwrap(), Progress::default());
        let told = (&progress, Some(Duration::from_secs(10)));
        let first = "* OK [INPROGRESS (\"A1\" NIL NIL)] Still at it\r\n";
        let work = async {
            // They hear it while the work goes on.
            let mut heard = [0; 100];
            let count = ours.read(&mut heard).await.unwrap();
            assert_eq!(String::from_utf8_lossy(&heard[..count]), first);
            sleep(Duration::from_secs(1)).await;
            progress.begin(1000);
            progress.left(825);
            sleep(Duration::from_secs(10)).await;
            // It never goes back.
            progress.left(900);
            sleep(Duration::from_secs(10)).await;
            progress.left(0);
            sleep(Duration::from_secs(10)).await;
            7
        };
        assert_eq!(while_telling(&mut connection, &tag, told, work).await.unwrap(), 7);
        // What is quick is told nothing of.
        while_telling(&mut connection, &tag, told, async {}).await.unwrap();
        connection.close().await;
        let mut heard = String::new();
        ours.read_to_string(&mut heard).await.unwrap();
        assert_eq!(
            heard,
            "* OK [INPROGRESS (\"A1\" 175 1000)] Still at it\r\n\
             * OK [INPROGRESS (\"A1\" 175 1000)] Still at it\r\n\
             * OK [INPROGRESS (\"A1\" NIL NIL)] Still at it\r\n"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_queued_before_is_not_held_back() {
        let (mut ours, theirs) = tokio::io::duplex(4096);
        let address = "192.0.2.7:4321".parse().unwrap();
        let stream = Stream::memory(theirs, address, address);
        let mut connection = Connection::new(stream, ConnectionSettings::default());
        let (tag, progress) = (Tag::new(b"A1").unwrap(), Progress::default());
        connection.push(b"* 1 EXISTS\r\n");
        let work = async {
            let mut heard = [0; 12];
            ours.read_exact(&mut heard).await.unwrap();
            heard
        };
        let told = (&progress, Some(Duration::from_secs(10)));
        let heard = while_telling(&mut connection, &tag, told, work).await.unwrap();
        assert_eq!(&heard, b"* 1 EXISTS\r\n");
        connection.close().await;
        let mut more = String::new();
        ours.read_to_string(&mut more).await.unwrap();
        assert_eq!(more, "");
    }
}
