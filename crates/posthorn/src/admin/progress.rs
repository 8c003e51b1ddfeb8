//! Progress of a verb that takes a while, told to whoever waits for it.

use std::fmt;

/// Progress: how many of how many steps are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Step {
    pub(crate) done: u64,
    pub(crate) of: u64,
}

/// Whom it is told.
pub(crate) struct Progress(Box<dyn Fn(Step) + Send + Sync>);

impl Progress {
    /// Somebody who hears of each step.
    pub(crate) fn told(tell: impl Fn(Step) + Send + Sync + 'static) -> Self {
        Self(Box::new(tell))
    }

    /// A progress that nobody listens to.
    pub(crate) fn silent() -> Self {
        Self::told(|_| {})
    }

    /// Says how far it is.
    pub(super) fn tell(&self, done: usize, of: usize) {
        (self.0)(Step { done: done as u64, of: of as u64 });
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}
