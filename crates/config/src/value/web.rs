//! The address of a web server.

use std::path::Path;

use toml::de::DeValue;

use super::scalar::is_host_name;
use super::{OptionValue, text};

/// `https://HOST[:PORT]`, without a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebUrl(String);

impl WebUrl {
    /// Its text, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl OptionValue for WebUrl {
    const TYPE: &'static str = "`https://HOST[:PORT]`";

    fn parse(value: &DeValue<'_>, _: &Path) -> Result<Self, String> {
        let written = text(value, "an address such as \"https://mail.example.test\"")?;
        let bare = written.strip_suffix('/').unwrap_or(written);
        let authority = bare.strip_prefix("https://").or_else(|| bare.strip_prefix("http://"));
        let is_valid = authority.is_some_and(|authority| {
            let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
            is_host_name(host) && port.parse::<u16>().is_ok_and(|port| port > 0)
        });
        match is_valid {
            true => Ok(Self(bare.to_owned())),
            false => Err(format!("\"{written}\" is no address: https://HOST or https://HOST:PORT")),
        }
    }
}
