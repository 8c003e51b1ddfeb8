//! Why bytes are no calendar object that can be stored, by the precondition of RFC 4791 §5.3.2.1
//! that fails.

use std::fmt;

use crate::error::Error;

/// What is wrong; each fails a precondition of RFC 4791 §5.3.2.1 (of RFC 7529 §10 the last).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invalid {
    /// No iCalendar, or with values that are none: CALDAV:valid-calendar-data.
    Data(Error),
    /// A text that is not UTF-8, or lacks what it needs: CALDAV:valid-calendar-data.
    Lacks(&'static str),
    /// The components cannot form one resource: CALDAV:valid-calendar-object-resource.
    Object(&'static str),
    /// The calendar scale is not Gregorian: CALDAV:supported-calendar-data.
    Scale,
    /// A rule in a calendar that is not known: CALDAV:supported-rscale.
    RuleScale,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(error) => fmt::Display::fmt(error, f),
            Self::Lacks(what) => write!(f, "without {what}"),
            Self::Object(what) => write!(f, "no calendar object: {what}"),
            Self::Scale => f.write_str("another calendar than the Gregorian"),
            Self::RuleScale => f.write_str("a rule in a calendar that is not known"),
        }
    }
}

impl std::error::Error for Invalid {}

impl From<Error> for Invalid {
    fn from(error: Error) -> Self {
        match error {
            Error::Rule("RSCALE") => Self::RuleScale,
            error => Self::Data(error),
        }
    }
}
