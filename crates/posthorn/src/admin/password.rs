//! A password on its way from the operator to the hash.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A password in clear. It is written to the control socket and nowhere else.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Password(String);

impl Password {
    /// Wraps what was typed.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The password itself.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_it() {
        assert_eq!(format!("{:?}", Password::new("s3cret")), "Password(hidden)");
    }
}
