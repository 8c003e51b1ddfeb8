//! Actions gathered: what excludes what, what counts once, and the implicit keep
//! (RFC 5228 §2.10).

use crate::action::{Action, FileInto, Keep, Redirect};
use crate::error::Trouble;
use crate::run::{Machine, State};

/// Whether an action neither delivers nor answers.
fn is_quiet(action: &Action) -> bool {
    matches!(action, Action::Notify(_) | Action::ProcessCalendar(_))
}

/// Where an address to redirect to stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whence {
    /// It stands in the script.
    Script,
    /// An external list has it.
    List,
}

impl State<'_> {
    /// Adds an action, if it goes with those there are.
    pub(crate) fn push(&mut self, action: Action) -> Result<(), Trouble> {
        // Those to members of lists have a bound of their own.
        if self.actions.len() - self.listed >= self.limits.actions_max {
            return Err(Trouble::TooMuch("too many actions"));
        }
        let rejects = |action: &Action| matches!(action, Action::Reject(_));
        // RFC 5429 §2.4: reject goes with no other action that delivers or answers.
        let conflicts = match &action {
            // RFC 5230 §4.7: nor with an answer, even one that is not due; RFC 9671 §4.9: nor with
            // a calendar message.
            Action::Reject(_) => {
                self.has_vacation
                    || self.processes_calendar
                    || self.actions.iter().any(|other| !is_quiet(other))
            }
            action if is_quiet(action) => false,
            _ => self.actions.iter().any(rejects),
        };
        if conflicts {
            return Err(Trouble::Conflict("reject goes with no other action"));
        }
        self.actions.push(action);
        Ok(())
    }

    /// RFC 5228 §2.10.3: one message is stored once in one mailbox, RFC 5293 §7: edited or not.
    /// What comes later says how.
    pub(crate) fn push_file_into(&mut self, action: FileInto) -> Result<(), Trouble> {
        let same = |other: &&mut Action| {
            matches!(other, Action::FileInto(other) if other.mailbox.name == action.mailbox.name
                && other.mailbox.special_use == action.mailbox.special_use
                && other.mailbox.mailbox_id == action.mailbox.mailbox_id)
        };
        match self.actions.iter_mut().find(same) {
            Some(Action::FileInto(other)) => {
                other.flags = action.flags;
                other.version = action.version;
                other.mailbox.create |= action.mailbox.create;
                Ok(())
            }
            _ => self.push(Action::FileInto(action)),
        }
    }

    /// Adds a keep, as filing into the inbox; a second one takes the place of the first (RFC 5228
    /// §2.10.3).
    pub(crate) fn push_keep(&mut self, action: Keep) -> Result<(), Trouble> {
        self.keeps_implicitly = false;
        let mut kept = self.actions.iter_mut().filter_map(|other| match other {
            Action::Keep(keep) => Some(keep),
            _ => None,
        });
        match kept.next() {
            Some(other) => {
                *other = action;
                Ok(())
            }
            None => self.push(Action::Keep(action)),
        }
    }

    /// RFC 5228 §4.2: one message is sent once to one address.
    pub(crate) fn push_redirect(
        &mut self,
        action: Redirect,
        whence: Whence,
    ) -> Result<(), Trouble> {
        let is_redirect = |action: &&Action| matches!(action, Action::Redirect(_));
        let same = |other: &&mut Action| {
            matches!(other, Action::Redirect(other)
                if other.address.eq_ignore_ascii_case(&action.address))
        };
        if let Some(other) = self.actions.iter_mut().find(same) {
            *other = Action::Redirect(action);
            return Ok(());
        }
        let (count, max) = match whence {
            Whence::List => (self.listed, self.limits.list_members_max),
            Whence::Script => {
                let count = self.actions.iter().filter(is_redirect).count() - self.listed;
                (count, self.limits.redirects_max)
            }
        };
        if count >= max {
            return Err(Trouble::TooMuch("too many redirections"));
        }
        self.push(Action::Redirect(action))?;
        self.listed += usize::from(whence == Whence::List);
        Ok(())
    }
}

impl Machine<'_> {
    /// The implicit keep (RFC 5228 §2.10.2), with the message as the script left it
    /// (RFC 5293 §7).
    pub(super) fn finish(&mut self) -> Result<(), Trouble> {
        if !self.state.keeps_implicitly {
            return Ok(());
        }
        let flags = self.state.flags.clone();
        let version = self.kept_version()?;
        self.state.push_keep(Keep { is_implicit: true, flags, version })
    }

    /// The version that `keep` stores.
    pub(crate) fn kept_version(&mut self) -> Result<crate::action::Version, Trouble> {
        match self.state.event {
            crate::env::Event::Delivery => self.mail.version(&mut self.state),
            // RFC 6785 §3.1: a message in a mailbox never changes.
            crate::env::Event::Imap(_) => Ok(crate::action::Version::default()),
        }
    }
}
