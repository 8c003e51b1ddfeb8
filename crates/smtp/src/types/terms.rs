//! On what terms a message is sent on: when at the earliest (RFC 4865), when at the latest
//! (RFC 2852), how soon before others (RFC 6710).

use ids::Timestamp;

/// The instant or interval until which a submission is held (RFC 4865 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// HOLDFOR: for this many seconds.
    For(u32),
    /// Until an instant.
    Until(Timestamp),
}

impl Hold {
    /// The instant, for a MAIL command that came at `now`.
    pub fn until(self, now: Timestamp) -> Timestamp {
        match self {
            Self::For(secs) => now.plus_secs(secs.into()),
            Self::Until(at) => at,
        }
    }
}

/// What happens to a message that is late: RFC 2852 §4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByMode {
    /// The sender is told, and the message stays (mode `N`).
    Notify,
    /// The message goes back to the sender (mode `R`).
    Return,
}

/// By when a message is to be delivered: RFC 2852 §4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliverBy {
    /// Seconds from the MAIL command on; of what must not be late, more than none.
    pub secs: i64,
    /// What happens when it is late.
    pub mode: ByMode,
    /// Whether the sender is told of each server that passes it on.
    pub trace: bool,
}

impl DeliverBy {
    /// The instant, for a MAIL command that came at `now`.
    pub fn deadline(self, now: Timestamp) -> Timestamp {
        now.plus_secs(self.secs)
    }
}

/// Before or behind others: RFC 6710 §5.
///
/// **Invariant:** from -9 to 9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Priority(i8);

impl Priority {
    /// A priority from -9 to 9; `None` beyond (RFC 6710 §3).
    pub fn new(value: i8) -> Option<Self> {
        (-9..=9).contains(&value).then_some(Self(value))
    }

    /// The priority as a number.
    pub const fn get(self) -> i8 {
        self.0
    }
}
