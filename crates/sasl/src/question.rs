//! What a mechanism asks about accounts, and what it is answered.

use crate::scram::{Hash, Verifiers};
use crate::{Credentials, Password};

/// A question of a mechanism that only accounts can answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Question {
    /// Is this the password? Answered by [`Answer::Accepted`] or [`Answer::Refused`].
    Password(Credentials),
    /// What are this account's verifiers? Answered by [`Answer::Verifiers`] in any case: for
    /// accounts that do not exist, with some that nothing matches.
    Scram(ScramIdentity),
    /// The client proved that it knows the password of this verifier (its place among those of
    /// the last answer), or of none. May it sign in? `None` is answered by [`Answer::Refused`].
    Proof(Option<usize>),
    /// Is this token good? Accepted or refused.
    Token(BearerToken),
    /// May the holder of the connection's client certificate sign in, as whom the certificate
    /// says or as `authzid`? Accepted or refused.
    Certificate {
        /// Whom to act as.
        authzid: Option<String>,
    },
}

/// The answer to a [`Question`].
#[derive(Debug)]
pub enum Answer {
    /// The verifiers that SCRAM compares with.
    Verifiers(Verifiers),
    /// The credentials are good.
    Accepted,
    /// The credentials are not good.
    Refused,
}

/// The name whose verifiers SCRAM asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScramIdentity {
    /// Whom to act as (RFC 5802 §5.1, `a`).
    pub authzid: Option<String>,
    /// The name whose password is proved (`n=`), prepared with SASLprep.
    pub authcid: String,
    /// The hash that the verifiers are for.
    pub hash: Hash,
}

/// A token and whom its bearer wants to act as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BearerToken {
    /// The user; OAUTHBEARER lets it be absent, then the token tells.
    pub authzid: Option<String>,
    /// The bearer token.
    pub token: Password,
}
