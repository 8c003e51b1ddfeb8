//! What a visit does where a host takes nothing: the next one, or another time.

use std::sync::Arc;

use storage::ClaimedMessage;

use super::transaction::Answered;
use super::{Course, Visit};
use crate::answer::Answer;
use crate::counters::add;
use crate::delivery::concerns_server;
use crate::settings::Settings;
use crate::settle::End;

/// LIMIT: how long what the DNS and the domain said of its hosts is gone by, whatever the TTL
/// (RFC 1035 §3.2.1): a busy destination is visited without an end.
const FOUND_SECS: i64 = 300;

/// A sender whose messages a host refuses for now.
pub(super) struct RefusedSender {
    sender: String,
    /// The reply that refused the sender.
    said: Answer,
    /// The settings by which the host was found.
    settings: Arc<Settings>,
}

impl Visit {
    /// Whether the server takes nothing now and there are others behind it, which are tried from
    /// here on: RFC 5321 §5.1. One that may have the message already is no reason to.
    pub(super) fn passes_over(&mut self, answered: &Answered) -> bool {
        let Answered { name, outcome, .. } = answered;
        let Some(Ok(exits)) = &mut self.hosts else { return false };
        // With CHUNKING the content may stand behind a MAIL that is refused, and is refused too.
        let may_have_it = outcome.content_sent && !outcome.content_refused;
        if may_have_it || !concerns_server(outcome) {
            return false;
        }
        let place = exits.iter().position(|exit| exit.host.to_string() == *name);
        let Some(place) = place.filter(|place| place + 1 < exits.len()) else { return false };
        exits.drain(..=place);
        self.passed_over = answered.first_deferral();
        // Who says it of one message may take another; who ends the connection takes none.
        self.begins_anew |= outcome.usable;
        self.part();
        true
    }

    /// Has the first host of the domain asked first again, where others were; and the domain for
    /// its hosts, after a while.
    pub(super) fn begin_anew(&mut self) {
        let now = self.inner.store.now();
        let is_old = self.found.as_ref().is_some_and(|(_, at)| at.plus_secs(FOUND_SECS) <= now);
        if is_old {
            self.forget_hosts();
        } else if std::mem::take(&mut self.begins_anew) {
            (self.hosts, self.passed_over) = (None, None);
            self.part();
        }
    }

    /// Forgets the hosts, and the connection to one of them.
    pub(super) fn forget_hosts(&mut self) {
        (self.hosts, self.sts, self.passed_over, self.found) = (None, None, None, None);
        self.begins_anew = false;
        self.part();
    }

    fn part(&mut self) {
        if let Some(server) = self.server.take() {
            self.inner.shutdown.spawn(server.client.quit());
        }
    }

    /// What was said to the sender of a message, where that is known: more of theirs is not brought
    /// before somebody else's was taken, so that a thousand letters are not a thousand refusals.
    pub(super) fn refused(&self, message: &ClaimedMessage) -> Option<Answer> {
        if self.asks_again {
            return None;
        }
        let refused = self.refused_by(&self.inner.settings())?;
        (refused.sender == message.reverse_path).then(|| refused.said.clone())
    }

    /// The sender that the hosts of these settings refused: other hosts may say something else.
    fn refused_by(&self, settings: &Arc<Settings>) -> Option<&RefusedSender> {
        self.refused_sender.as_ref().filter(|refused| Arc::ptr_eq(&refused.settings, settings))
    }

    /// Whether a host that goes on said no to the sender alone, as far as is known: only when it
    /// says the same to another one it is the host that takes nothing now, and is left alone. Who
    /// sends too much keeps nobody else's mail.
    pub(super) fn is_about_sender(&mut self, message: &ClaimedMessage, said: Answer) -> bool {
        let sender = &message.reverse_path;
        let found = self.found.as_ref().map(|(settings, _)| settings.clone());
        let settings = found.unwrap_or_else(|| self.inner.settings());
        let about_sender =
            self.refused_by(&settings).is_none_or(|refused| refused.sender == *sender);
        let refused = || RefusedSender { sender: sender.clone(), said, settings };
        self.refused_sender = about_sender.then(refused);
        self.asks_again &= !about_sender;
        about_sender
    }

    /// No server can be used: for ever, which is so for every message, or for now, when the
    /// destination is left alone.
    pub(super) fn no_server(
        &mut self,
        message: &ClaimedMessage,
        answer: Answer,
        course: &mut Course,
    ) -> End {
        let is_permanent = answer.status.class == 5;
        let Some(said) = self.passed_over.clone() else {
            if is_permanent {
                return End::Failed(answer);
            }
            self.leave_alone(Some(answer.clone()));
            *course = Course::Over;
            return End::Deferred(answer);
        };
        // Where the others never take it, one that was passed over may yet; where they cannot be
        // reached, it may take somebody else's.
        let is_theirs = self.begins_anew && self.is_about_sender(message, said.clone());
        if !is_permanent && !is_theirs {
            self.leave_alone(Some(said.clone()));
            *course = Course::Over;
        }
        End::Deferred(said)
    }

    /// Leaves the destination alone for a while, for this reason, which waiting messages get as
    /// their answer.
    pub(super) fn leave_alone(&self, reason: Option<Answer>) {
        let (now, chance) = (self.inner.store.now(), self.inner.chance());
        self.inner.table().failed(&self.destination, reason, now, chance);
        add(&self.inner.counters.left_alone, 1);
    }
}
