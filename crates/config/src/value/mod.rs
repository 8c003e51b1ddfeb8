//! The types an option's value can have, each with its strict reading.

mod address;
mod choice;
mod endpoint;
mod media;
mod place;
mod scalar;
mod spf;
mod web;
mod word;

use std::path::Path;

use toml::de::DeValue;

pub use address::Network;
pub use choice::{
    AcmeChallenge, CheckedMail, DmarcPolicy, DnsFailure, DnssecTrust, Level, LogFormat,
    MailedInvitations, PeerAction, Protocol, RouteTls, SaslMechanism, Scanner, ScriptRedirects,
    StsMode, TlsMode, Unavailable,
};
pub use endpoint::{Endpoint, Socket};
pub use media::MediaRange;
pub use place::{Blobs, Database, Secret};
pub(crate) use scalar::is_host_name;
pub use scalar::parse_size;
pub use spf::SpfPolicy;
pub use web::WebUrl;
pub use word::Word;

/// A type an option can have.
pub(crate) trait OptionValue: Sized {
    /// What the reference calls the type.
    const TYPE: &'static str;

    /// Reads a value; the error says in one line what is expected. Relative paths start at
    /// `directory`.
    fn parse(value: &DeValue<'_>, directory: &Path) -> Result<Self, String>;
}

/// For options that may be absent; present, the value is read as its own type.
impl<T: OptionValue> OptionValue for Option<T> {
    const TYPE: &'static str = T::TYPE;

    fn parse(value: &DeValue<'_>, directory: &Path) -> Result<Self, String> {
        T::parse(value, directory).map(Some)
    }
}

/// The text of a string value, or what was expected instead.
fn text<'v>(value: &'v DeValue<'_>, expected: &str) -> Result<&'v str, String> {
    match value {
        DeValue::String(text) => Ok(text),
        other => Err(format!("expected {expected}, found {}", name_of(other))),
    }
}

fn name_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a floating-point number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Reads a list, or a single value as a list of one.
fn list<T>(
    value: &DeValue<'_>,
    one: impl Fn(&DeValue<'_>) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    match value {
        DeValue::Array(values) => values.iter().map(|value| one(value.get_ref())).collect(),
        single => Ok(vec![one(single)?]),
    }
}
