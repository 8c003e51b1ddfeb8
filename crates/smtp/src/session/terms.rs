//! On what terms a message may be sent on, as this session offers them.

use ids::Timestamp;

use super::Session;
use crate::error::{CommandError, Refusal, SyntaxError};
use crate::settings::Role;
use crate::types::{ByMode, DeliverBy, Hold, MailParameters, Priority};

/// LIMIT: RFC 2852 §3: what is to go back when it is late has this long; whether it is late is
/// looked at once a minute.
const DELIVER_BY_SECS_MIN: i64 = 60;

impl Session {
    /// FUTURERELEASE, as announced: RFC 4865 §4.2 has it on submission ports alone.
    pub(super) fn future_release(&self) -> Option<(u32, Timestamp)> {
        let secs = self.settings.hold_secs_max;
        let offered = self.settings.role == Role::Submission && secs > 0;
        offered.then(|| (secs, self.now.plus_secs(secs.into())))
    }

    /// DELIVERBY, as announced. RFC 2852 has it for SMTP alone.
    pub(super) fn deliver_by_secs_min(&self) -> Option<i64> {
        (self.settings.role != Role::Lmtp).then_some(DELIVER_BY_SECS_MIN)
    }

    /// Whether what MAIL asked for is offered; a priority that is not is lowered.
    pub(super) fn check_terms(
        &mut self,
        parameters: &mut MailParameters,
    ) -> Result<(), CommandError> {
        let deadline = parameters.deliver_by.map(|by| by.deadline(self.now));
        if let Some(hold) = parameters.hold {
            self.check_hold(hold, deadline)?;
        }
        if let Some(by) = parameters.deliver_by {
            self.check_deadline(by)?;
        }
        if parameters.require_tls && !self.tls {
            // RFC 8689 §2: it is only for sessions with TLS.
            return Err(Refusal::TlsRequired.into());
        }
        // RFC 6710 §4.1: nobody who is not trusted comes before others.
        let untrusted = self.settings.role == Role::Mx;
        self.priority_lowered =
            untrusted && parameters.priority.is_some_and(|asked| asked > Priority::default());
        if self.priority_lowered {
            parameters.priority = None;
        }
        Ok(())
    }

    fn check_hold(&self, hold: Hold, deadline: Option<Timestamp>) -> Result<(), SyntaxError> {
        let (secs, latest) = self.future_release().ok_or(SyntaxError::UnknownParameter)?;
        let until = hold.until(self.now);
        let too_long = match hold {
            Hold::For(asked) => asked > secs,
            Hold::Until(at) => at > latest,
        };
        // RFC 4865 §4.2: 501 5.5.4 for more than announced; §5.2.2: nor behind the deadline.
        if too_long || deadline.is_some_and(|deadline| until > deadline) {
            return Err(SyntaxError::ParameterValue);
        }
        Ok(())
    }

    fn check_deadline(&self, by: DeliverBy) -> Result<(), CommandError> {
        let least = self.deliver_by_secs_min().ok_or(SyntaxError::UnknownParameter)?;
        if by.mode == ByMode::Return && by.secs < least {
            return Err(Refusal::DeadlineTooSoon.into());
        }
        Ok(())
    }
}
