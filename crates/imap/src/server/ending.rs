//! What BYE says to a client that did not ask for the end.

use auth::{AuthError, Ended};

use crate::error::CommandError;

impl From<Ended> for CommandError {
    fn from(why: Ended) -> Self {
        Self::Bye(farewell(&why))
    }
}

/// The text of BYE.
pub(super) fn farewell(why: &Ended) -> &'static str {
    match why {
        Ended::ShuttingDown => "[UNAVAILABLE] Server is shutting down",
        Ended::SignInLate => "Sign-in took too long",
        Ended::Late => "[UNAVAILABLE] APPEND took too long",
        Ended::Credentials(why) => of_credentials(why),
    }
}

/// The text of BYE for credentials that are no longer good.
fn of_credentials(why: &AuthError) -> &'static str {
    match why {
        AuthError::Unavailable => "[UNAVAILABLE] Sign in again later",
        AuthError::Maintenance => {
            "[UNAVAILABLE] This account is in maintenance; mail is still received"
        }
        AuthError::Wrong | AuthError::Blocked | AuthError::Throttled { .. } => {
            "Credentials have changed, sign in again"
        }
    }
}
