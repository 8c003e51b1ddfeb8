//! The steps of a run: whatever takes time is charged some, and a run that would take more than its
//! limit fails.

use crate::error::Trouble;
use crate::run::State;

/// What a question that the store has to answer costs: about 10 microseconds.
pub(crate) const QUESTION_STEPS: u64 = 500;

impl State<'_> {
    /// Pays for some steps.
    pub(crate) fn charge(&mut self, steps: u64) -> Result<(), Trouble> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > self.limits.steps_max {
            return Err(Trouble::TooMuch("the script takes too long"));
        }
        Ok(())
    }
}
