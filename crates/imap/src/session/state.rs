//! The states of a connection (RFC 9051 §3). Which command is allowed in which state is a matter of
//! the command table.

use ids::AccountId;

use super::Selected;

/// The account that signed in.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) account: AccountId,
}

/// The state of a connection (RFC 9051 §3).
#[derive(Debug)]
pub(crate) enum State {
    /// Before sign-in.
    NotAuthenticated,
    /// Signed in, no mailbox selected.
    Authenticated(User),
    /// A mailbox is selected.
    Selected(User, Box<Selected>),
    /// LOGOUT was given, or the session ends: only BYE is left to be sent.
    Logout,
}

impl State {
    /// The account that signed in, if one did.
    pub(crate) fn user(&self) -> Option<&User> {
        match self {
            Self::Authenticated(user) | Self::Selected(user, _) => Some(user),
            Self::NotAuthenticated | Self::Logout => None,
        }
    }

    /// The selected mailbox, if there is one.
    pub(crate) fn selected(&self) -> Option<&Selected> {
        match self {
            Self::Selected(_, selected) => Some(selected),
            _ => None,
        }
    }

    /// The selected mailbox, to be changed.
    pub(crate) fn selected_mut(&mut self) -> Option<&mut Selected> {
        match self {
            Self::Selected(_, selected) => Some(selected),
            _ => None,
        }
    }

    /// Leaves the selected state; what was selected.
    pub(crate) fn unselect(&mut self) -> Option<Box<Selected>> {
        match std::mem::replace(self, Self::Logout) {
            Self::Selected(user, selected) => {
                *self = Self::Authenticated(user);
                Some(selected)
            }
            other => {
                *self = other;
                None
            }
        }
    }

    /// Enters the selected state.
    pub(crate) fn select(&mut self, selected: Selected) {
        self.unselect();
        if let Self::Authenticated(user) = std::mem::replace(self, Self::Logout) {
            *self = Self::Selected(user, Box::new(selected));
        }
    }
}
