//! What a command may do in the state of a session, by its row and its arguments.

use crate::commands::table::{Effects, Row, States};
use crate::session::{State, Updates};
use crate::types::Command;

pub(super) fn states_of(state: &State) -> States {
    match state {
        State::NotAuthenticated | State::Logout => States::NOT_AUTHENTICATED,
        State::Authenticated(_) => States::AUTHENTICATED,
        State::Selected(..) => States::SELECTED,
    }
}

pub(super) fn wrong_state(state: &State, row: &Row) -> &'static str {
    match state {
        State::NotAuthenticated | State::Logout => "Sign in first",
        _ if row.states == States::NOT_AUTHENTICATED => "Already signed in",
        _ => "Select a mailbox first",
    }
}

/// Whether a command makes use of what may be done with the open mailbox, or tells of it; what
/// succeeds in every state does so whatever can be read of that (RFC 9051 §6.1, RFC 8437 §3).
/// NOOP is how a client asks for news, so it is not among these.
pub(super) fn needs_rights(command: &Command) -> bool {
    use Command::{Capability, Id, Logout, Unauthenticate};
    !matches!(command, Capability | Id(_) | Logout | Unauthenticate)
}

/// Whether a command holds sequence numbers, or asks for them.
pub(super) fn uses_seqs(row: &Row, command: &Command) -> bool {
    let in_arguments = match command {
        _ if searches_seqs(command) => true,
        Command::Select(args) | Command::Examine(args) => {
            args.qresync.as_ref().is_some_and(|params| params.seq_match.is_some())
        }
        _ => false,
    };
    in_arguments || row.effects.contains(Effects::USES_SEQS)
}

/// Whether sequence numbers are searched for.
fn searches_seqs(command: &Command) -> bool {
    let key = match command {
        Command::Search(args) => &args.key,
        Command::Sort(args) => &args.key,
        Command::Esearch(args) => &args.key,
        Command::Thread(args) => &args.key,
        _ => return false,
    };
    key.uses_seqs()
}

/// Which updates may be told after this command.
pub(super) fn updates_after(row: &Row, command: &Command) -> Updates {
    // RFC 9051 §7.5.1: a UID SEARCH whose keys hold sequence numbers is no exception.
    if row.effects.contains(Effects::MAY_EXPUNGE) && !searches_seqs(command) {
        Updates::All
    } else {
        Updates::WithoutExpunge
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::IdParams;

    #[test]
    fn who_leaves_needs_no_rights() {
        for (command, expect) in [
            (Command::Logout, false),
            (Command::Unauthenticate, false),
            (Command::Capability, false),
            (Command::Id(IdParams::default()), false),
            (Command::Noop, true),
            (Command::Idle, true),
            (Command::Expunge, true),
        ] {
            assert_eq!(needs_rights(&command), expect, "{command:?}");
        }
    }
}
