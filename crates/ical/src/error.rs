//! Why something is no iCalendar object, vCard or value.

use std::fmt;

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// A line that is no content line (RFC 5545 §3.1); its number, from 1.
    Line(usize),
    /// END without BEGIN, another END than BEGIN, or none; the number of the line.
    Nesting(usize),
    /// No component, or something before BEGIN or after END; the number of the line.
    NotAnObject(usize),
    /// More than [`Limits`](crate::Limits) allow.
    TooLarge(&'static str),
    /// A value that is not of its type; the type.
    Value(&'static str),
    /// A recurrence rule that cannot be followed; the part.
    Rule(&'static str),
    /// An expansion that would cost too much.
    Endless,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number} is no content line"),
            Self::Nesting(number) => write!(f, "line {number} ends no open component"),
            Self::NotAnObject(number) => write!(f, "line {number} stands outside of an object"),
            Self::TooLarge(what) => write!(f, "too many or too large: {what}"),
            Self::Value(kind) => write!(f, "not a {kind}"),
            Self::Rule(part) => write!(f, "a recurrence rule with an impossible {part}"),
            Self::Endless => f.write_str("a recurrence that takes too long to expand"),
        }
    }
}

impl std::error::Error for Error {}
