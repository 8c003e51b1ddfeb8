//! New passwords: the policy, the normal form, the hash; and checking one against a hash.

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use sasl::Password;
use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::PasswordError;

/// LIMIT: bytes of a password in normal form; the same bound as in `sasl`.
const PASSWORD_BYTES_MAX: usize = 1_024;

/// What a new password has to be like, and how it is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// The fewest characters of a new password.
    pub chars_min: usize,
    /// Memory of one argon2id computation, in KiB.
    pub argon2_memory_kib: u32,
    /// Passes over that memory.
    pub argon2_passes: u32,
}

impl Default for PasswordPolicy {
    /// LIMIT: 19 MiB and two passes with one lane: OWASP's least recommended setting for
    /// argon2id. More would make a server with one core too slow to sign a whole office in
    /// after a restart, as each costs some tens of milliseconds of a core already.
    fn default() -> Self {
        Self { chars_min: 10, argon2_memory_kib: 19 * 1024, argon2_passes: 2 }
    }
}

impl PasswordPolicy {
    /// Checks a new password for the account of this address and makes its PHC string. Takes
    /// long by design, so not to be called on an async thread; see
    /// [`crate::Authenticator::hash_password`].
    pub fn hash(&self, address: &str, password: &Password) -> Result<String, PasswordError> {
        let prepared = self.check(address, password)?;
        let hash = self
            .argon2()
            .and_then(|argon2| argon2.hash_password(prepared.as_bytes()).ok())
            .ok_or(PasswordError::Unavailable)?;
        Ok(hash.to_string())
    }

    /// The password in its normal form, if the policy lets it pass.
    pub fn check(&self, address: &str, password: &Password) -> Result<Password, PasswordError> {
        if password.as_str().chars().any(char::is_control) {
            return Err(PasswordError::ControlCharacters);
        }
        if password.as_bytes().len() > PASSWORD_BYTES_MAX {
            return Err(PasswordError::TooLong { bytes_max: PASSWORD_BYTES_MAX });
        }
        // One character at least, whatever the setting: an empty one could never be used.
        let chars_min = self.chars_min.max(1);
        if password.as_str().chars().count() < chars_min {
            return Err(PasswordError::TooShort { chars_min });
        }
        let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
        let lower = password.as_str().to_lowercase();
        if lower == address.to_lowercase() || lower == local.to_lowercase() {
            return Err(PasswordError::IsTheAddress);
        }
        prepare(password).ok_or(PasswordError::TooLong { bytes_max: PASSWORD_BYTES_MAX })
    }

    fn argon2(&self) -> Option<Argon2<'static>> {
        let params = Params::new(self.argon2_memory_kib, self.argon2_passes, 1, None).ok()?;
        Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }

    /// A PHC string with these parameters that no password opens, for accounts that do not
    /// exist. `random` becomes its salt and its hash.
    pub(crate) fn dummy_hash(&self, random: &[u8; 24]) -> String {
        let letters: String = random
            .iter()
            .flat_map(|byte| {
                let letter = |nibble: u8| char::from(b'A' + nibble);
                [letter(byte >> 4), letter(byte & 15)]
            })
            .collect();
        // 22 letters of base64 are 16 bytes (the last of them has its unused bits clear when it
        // is `A`), 43 are 32 bytes.
        let salt = letters.get(..21).unwrap_or_default();
        let hash = letters.get(..42).unwrap_or_default();
        let (memory, passes) = (self.argon2_memory_kib, self.argon2_passes);
        format!("$argon2id$v=19$m={memory},t={passes},p=1${salt}A${hash}A")
    }
}

/// The normal form in which passwords are hashed and compared: a keyboard, a phone and a
/// program may spell the same letters differently. `None` when no stored password could ever be
/// equal.
///
/// RFC 8265 §4.2.1: OpaqueString maps other spaces to the ASCII one, applies NFC, keeps case,
/// and has no control characters. The table of unassigned code points is left out: it would
/// refuse passwords by Unicode version and protect nothing.
pub(crate) fn prepare(password: &Password) -> Option<Password> {
    let text = password.as_str();
    let prepared = if text.is_ascii() || (is_nfc(text) && !text.chars().any(is_other_space)) {
        password.clone()
    } else {
        let spaced = text.chars().map(|c| if is_other_space(c) { ' ' } else { c });
        Password::new(spaced.nfc().collect())
    };
    let text = prepared.as_str();
    // RFC 8265 §4.2.2: the empty string is no password.
    let usable =
        !text.is_empty() && text.len() <= PASSWORD_BYTES_MAX && !text.chars().any(char::is_control);
    usable.then_some(prepared)
}

/// Unicode's space separators (category Zs) but the ASCII one.
fn is_other_space(c: char) -> bool {
    matches!(
        c,
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

/// Whether a prepared password opens this PHC string. The parameters of the string count, not
/// today's settings, so that old hashes go on working.
pub(crate) fn verify(prepared: &Password, stored_hash: &str) -> bool {
    let Ok(stored) = PasswordHash::new(stored_hash) else {
        return false;
    };
    Argon2::default().verify_password(prepared.as_bytes(), &stored).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: PasswordPolicy =
        PasswordPolicy { chars_min: 8, argon2_memory_kib: 16, argon2_passes: 1 };

    #[test]
    fn policy() {
        let long = "x".repeat(1_025);
        let umlauts = "\u{fc}".repeat(8);
        let table = [
            ("12345678", None),
            (umlauts.as_str(), None),
            ("a b c d ", None),
            ("1234567", Some(PasswordError::TooShort { chars_min: 8 })),
            ("", Some(PasswordError::TooShort { chars_min: 8 })),
            (&long, Some(PasswordError::TooLong { bytes_max: 1_024 })),
            ("1234567\n", Some(PasswordError::ControlCharacters)),
            ("Julie.Martin", Some(PasswordError::IsTheAddress)),
            ("julie.martin@example.test", Some(PasswordError::IsTheAddress)),
        ];
        for (password, expect) in table {
            let result = QUICK.check("julie.martin@Example.test", &password.into());
            assert_eq!(result.err(), expect, "{password}");
        }
        let lax = PasswordPolicy { chars_min: 0, ..QUICK };
        let empty = lax.check("a@example.test", &"".into());
        assert_eq!(empty.err(), Some(PasswordError::TooShort { chars_min: 1 }));
    }

    #[test]
    fn hashes_open_for_their_password_only() {
        let hash = QUICK.hash("a@example.test", &"zo\u{eb}\u{a0}12345".into()).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=16,t=1,p=1$"), "{hash}");
        assert_ne!(hash, QUICK.hash("a@example.test", &"zo\u{eb}\u{a0}12345".into()).unwrap());
        for (attempt, expect) in [
            ("zo\u{eb} 12345", true),
            ("zoe\u{308}\u{a0}12345", true),
            ("zoe\u{308}\u{3000}12345", true),
            ("zoe 12345", false),
            ("Zo\u{eb} 12345", false),
            ("zo\u{eb} 12345 ", false),
        ] {
            let prepared = prepare(&attempt.into()).unwrap();
            assert_eq!(verify(&prepared, &hash), expect, "{attempt:?}");
        }
        for broken in ["", "x", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv", "$argon2id$v=19$m=1"]
        {
            assert!(!verify(&"pw".into(), broken), "{broken}");
        }
    }

    #[test]
    fn what_can_never_be_right() {
        for attempt in ["", "a\0b", "a\u{7f}", "a\u{85}b", &"x".repeat(1_025)] {
            assert_eq!(prepare(&attempt.into()), None, "{attempt:?}");
        }
    }

    #[test]
    fn the_dummy_costs_the_same_and_opens_never() {
        for random in [[0; 24], [255; 24], *b"0123456789abcdefghijklmn"] {
            let dummy = QUICK.dummy_hash(&random);
            let parsed = PasswordHash::new(&dummy).unwrap();
            assert_eq!(Params::try_from(&parsed).unwrap().m_cost(), 16);
            assert_eq!(parsed.hash.unwrap().as_bytes().len(), 32);
            assert!(!verify(&"".into(), &dummy));
        }
        assert!(PasswordPolicy { argon2_memory_kib: 0, ..QUICK }.argon2().is_none());
    }
}
