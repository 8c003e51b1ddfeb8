//! Why a sign-in or a new password was refused, by meaning; each protocol makes its own reply of
//! it.

/// Why nobody was signed in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The name or the password is wrong; which of them is not told.
    #[error("wrong user name or password")]
    Wrong,
    /// The password is right, and the account is blocked (R-ADDR-12).
    #[error("this account is blocked")]
    Blocked,
    /// The password is right, and the account or its domain is in maintenance (R-ADDR-12).
    #[error("this account is in maintenance; try again later")]
    Maintenance,
    /// Too many wrong passwords, from this address or for this account. The password was not
    /// looked at.
    #[error("too many failed sign-ins; try again in {retry_after_secs} seconds")]
    Throttled {
        /// The seconds after which trying again makes sense.
        retry_after_secs: u64,
    },
    /// It cannot be told now: storage does not answer, or there is too much to do.
    #[error("signing in is not possible just now")]
    Unavailable,
}

/// Why a password cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Fewer characters than the policy asks for.
    #[error("the password needs at least {chars_min} characters")]
    TooShort {
        /// The fewest characters that the policy allows.
        chars_min: usize,
    },
    /// More bytes than anybody types.
    #[error("the password is longer than {bytes_max} bytes")]
    TooLong {
        /// The most bytes that are taken.
        bytes_max: usize,
    },
    /// It holds control characters, which some programs cannot send.
    #[error("the password holds control characters")]
    ControlCharacters,
    /// It is the address, or the part before the `@`.
    #[error("the password is the address itself")]
    IsTheAddress,
    /// The system gave no randomness, or the parameters are out of range.
    #[error("the password could not be hashed")]
    Unavailable,
}
