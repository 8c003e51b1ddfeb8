//! Ending the daemon: stop accepting, tell the sessions, wait for them, then cut them off.

use std::time::Duration;

use tokio_util::{
    sync::{CancellationToken, WaitForCancellationFuture},
    task::TaskTracker,
};

/// A handle on the end of everything; clones are the same handle.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    requested: CancellationToken,
    aborted: CancellationToken,
    tasks: TaskTracker,
}

/// How a shutdown went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every task ended by itself.
    Clean,
    /// This many tasks were cut off when the time was over.
    CutOff(usize),
}

impl Shutdown {
    /// A handle on which nothing is requested yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The end of a part of it all: [`Self::begin`] on it ends the part alone, the end of the whole
    /// ends it too. The whole waits for its tasks; it is not to be [finished](Self::finish) itself.
    #[must_use]
    pub fn part(&self) -> Self {
        Self { requested: self.requested.child_token(), ..self.clone() }
    }

    /// Asks everything to end: listeners stop accepting, sessions say goodbye.
    pub fn begin(&self) {
        self.requested.cancel();
    }

    /// Whether the end was asked for.
    pub fn is_requested(&self) -> bool {
        self.requested.is_cancelled()
    }

    /// Resolves when the end is asked for; what an idle session waits on beside its peer.
    pub fn requested(&self) -> WaitForCancellationFuture<'_> {
        self.requested.cancelled()
    }

    /// Runs a task that [`Self::finish`] waits for, and drops when its time is over. A task
    /// that should end early watches [`Self::requested`] itself.
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let aborted = self.aborted.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                biased;
                () = task => {}
                () = aborted.cancelled() => {}
            }
        });
    }

    /// Begins the shutdown if need be, waits up to `grace` for the tasks to end by themselves,
    /// then drops those that did not.
    pub async fn finish(&self, grace: Duration) -> Ending {
        self.begin();
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_ok() {
            return Ending::Clean;
        }
        let left = self.tasks.len();
        self.aborted.cancel();
        self.tasks.wait().await;
        Ending::CutOff(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_part_ends_alone_and_with_the_whole() {
        let whole = Shutdown::new();
        let [one, other] = [whole.part(), whole.part()];
        for part in [&one, &other] {
            let seen = part.clone();
            part.spawn(async move { seen.requested().await });
        }
        one.begin();
        assert!(one.is_requested() && !other.is_requested() && !whole.is_requested());
        assert_eq!(whole.finish(Duration::from_secs(5)).await, Ending::Clean);
        assert!(other.is_requested());
    }

    #[tokio::test(start_paused = true)]
    async fn waits_then_cuts_off() {
        let polite = Shutdown::new();
        let seen = polite.clone();
        polite.spawn(async move { seen.requested().await });
        assert!(!polite.is_requested());
        assert_eq!(polite.finish(Duration::from_secs(5)).await, Ending::Clean);
        assert!(polite.is_requested());

        let stubborn = Shutdown::new();
        stubborn.spawn(std::future::pending());
        stubborn.spawn(async {});
        assert_eq!(stubborn.finish(Duration::from_secs(5)).await, Ending::CutOff(1));
    }
}
