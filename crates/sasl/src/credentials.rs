//! What a finished exchange hands over, and the type that holds a secret.

use std::fmt;

use zeroize::Zeroizing;

/// A password as the peer sent it. Wiped from memory when dropped, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes over the text of a password.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The password itself, for hashing and comparing only.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The UTF-8 bytes of the password.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self::new(text.to_owned())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Who somebody says they are, whom they want to act as, and their proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Whom to act as (RFC 4422 §3.4.1); `None` when the peer left it empty, which means
    /// "derive it from `authcid`".
    pub authzid: Option<String>,
    /// The name that the password is of.
    pub authcid: String,
    /// The password that was sent.
    pub password: Password,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_holds_no_secret() {
        let credentials = Credentials {
            authzid: None,
            authcid: "julie@example.test".into(),
            password: Password::from("correct horse"),
        };
        let printed = format!("{credentials:?} {:#?}", credentials.password);
        assert!(!printed.contains("horse"), "{printed}");
        assert!(printed.contains("Password(…)"), "{printed}");
    }
}
