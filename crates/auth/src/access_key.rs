//! App passwords and tokens: made of randomness, recognised by their form.

use sasl::Password;
use storage::AccessKeyKind;
use zeroize::Zeroizing;

use crate::AuthError;

/// Letters and digits that nobody takes for another; each stands for five random bits. No
/// spaces: people copy those wrongly, and some programs cut them off.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// 120 bits: beyond guessing, and still to be typed on a phone.
const APP_PASSWORD_LETTERS: usize = 24;

/// Letters of a token: 260 bits.
const TOKEN_LETTERS: usize = 52;

/// A secret that was just made. It is shown once; afterwards only its hash is known.
pub struct NewSecret {
    /// The secret, to be shown once.
    pub secret: Password,
    /// The hash, which storage keeps.
    pub hash: [u8; 32],
}

impl NewSecret {
    /// Makes one.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] where the system has no randomness.
    pub fn make(kind: AccessKeyKind) -> Result<Self, AuthError> {
        let (prefix, letters) = form(kind);
        let mut random = Zeroizing::new([0; TOKEN_LETTERS]);
        getrandom::fill(&mut *random).map_err(|_| AuthError::Unavailable)?;
        let mut text = String::with_capacity(prefix.len() + letters);
        text.push_str(prefix);
        for byte in random.iter().take(letters) {
            let letter = ALPHABET.get(usize::from(byte & 31)).copied().unwrap_or_default();
            text.push(char::from(letter));
        }
        let secret = Password::new(text);
        Ok(Self { hash: hash(&secret), secret })
    }
}

/// The hash of a secret: without salt and without effort, because secrets are random and as good
/// as never the same.
pub(crate) fn hash(secret: &Password) -> [u8; 32] {
    *blake3::hash(secret.as_bytes()).as_bytes()
}

/// Whether a password has the form of an app password. People's own may have it by a miracle.
pub(crate) fn is_like_app_password(password: &Password) -> bool {
    let (prefix, letters) = form(AccessKeyKind::AppPassword);
    let rest = password.as_bytes().strip_prefix(prefix.as_bytes());
    rest.is_some_and(|rest| {
        rest.len() == letters && rest.iter().all(|byte| ALPHABET.contains(byte))
    })
}

fn form(kind: AccessKeyKind) -> (&'static str, usize) {
    match kind {
        AccessKeyKind::AppPassword => ("app_", APP_PASSWORD_LETTERS),
        AccessKeyKind::Token => ("token_", TOKEN_LETTERS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_have_their_form() {
        let app = NewSecret::make(AccessKeyKind::AppPassword).unwrap();
        assert!(is_like_app_password(&app.secret));
        assert_eq!(app.secret.as_str().len(), 28);
        assert_eq!(app.hash, hash(&app.secret));
        let token = NewSecret::make(AccessKeyKind::Token).unwrap();
        assert_eq!(token.secret.as_str().len(), 58);
        assert!(!is_like_app_password(&token.secret));
        let other = NewSecret::make(AccessKeyKind::Token).unwrap();
        assert_ne!(token.hash, other.hash);
        for text in ["", "app_", "app_aaaaaaaaaaaaaaaaaaaaaaa", "app_aaaaaaaaaaaaaaaaaaaaaaal"] {
            assert!(!is_like_app_password(&text.into()), "{text}");
        }
        assert!(is_like_app_password(&"app_aaaaaaaaaaaaaaaaaaaaaaaa".into()));
    }
}
