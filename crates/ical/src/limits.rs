//! The bounds on one calendar object or card: bytes, lines, nesting, and the work of an expansion.

/// Bounds on what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an object.
    pub bytes_max: usize,
    /// Content lines of an object, with those that begin and end components.
    pub lines_max: usize,
    /// Bytes of one line, unfolded.
    pub line_bytes_max: usize,
    /// Parameters of one line, and values of one parameter.
    pub parameters_max: usize,
    /// Components within components.
    pub depth_max: usize,
    /// Periods of a rule that are looked at without any time coming of them, until the rule
    /// counts as ended: a rule may name a day that never is.
    pub idle_periods_max: usize,
    /// Days and times that the rules of one component are tried with, all together, before an
    /// expansion gives up: BYSETPOS throws away most of what the rest of a rule makes.
    pub candidates_max: usize,
    /// Times that one expansion looks at before it gives up; RDATE and overridden ones as well.
    pub occurrences_max: usize,
}

impl Limits {
    /// Bounds that suit every use.
    pub const DEFAULT: Self = Self {
        bytes_max: 10 << 20,
        lines_max: 200_000,
        line_bytes_max: 10 << 20,
        parameters_max: 200,
        depth_max: 16,
        // The Mondays among the days that end a leap February are up to forty years apart.
        idle_periods_max: 60_000,
        // A birthday is found up to the end of the calendar with a quarter of it.
        candidates_max: 1_000_000,
        occurrences_max: 200_000,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
