//! What a visit does where a host takes nothing: the next one, or another time.

use smtp::client::Outcome;
use storage::ClaimedMessage;

use super::{Answered, Course, Visit};
use crate::answer::Answer;
use crate::counters::add;
use crate::delivery::{concerns_server, end_of};
use crate::settle::End;

/// How long what the DNS and the domain said of its hosts is gone by (RFC 1035 §3.2.1): a busy
/// destination is visited without an end.
const FOUND_SECS: i64 = 300;

impl Visit {
    /// Whether the server takes nothing now and there are others behind it, which are tried from here
    /// on: RFC 5321 §5.1. One that may have the message already is no reason to.
    pub(super) fn passes_over(&mut self, answered: &Answered) -> bool {
        let Answered { name, confirms, outcome } = answered;
        let Some(Ok(exits)) = &mut self.hosts else { return false };
        // With CHUNKING the content may stand behind a MAIL that is refused, and is refused too.
        let may_have_it = outcome.content_sent && !outcome.content_refused;
        if may_have_it || !concerns_server(outcome) {
            return false;
        }
        let place = exits.iter().position(|exit| exit.host.to_string() == *name);
        let Some(place) = place.filter(|place| place + 1 < exits.len()) else { return false };
        exits.drain(..=place);
        let mut ends = outcome.verdicts.iter();
        self.passed_over = ends.find_map(|verdict| {
            match end_of(verdict.clone(), name, *confirms, outcome.usable) {
                Some(End::Deferred(answer)) => Some(answer),
                _ => None,
            }
        });
        // Who says it of one message may take another; who ends the connection takes none.
        self.begins_anew |= outcome.usable;
        if let Some(server) = self.server.take() {
            self.inner.shutdown.spawn(server.client.quit());
        }
        true
    }

    /// Has the first host of the domain asked first again, where others were; and the domain for its
    /// hosts, after a while.
    pub(super) fn begin_anew(&mut self) {
        let now = self.inner.store.now();
        let is_old = self.found.as_ref().is_some_and(|(_, at)| at.plus_secs(FOUND_SECS) <= now);
        if std::mem::take(&mut self.begins_anew) || is_old {
            self.forget_hosts();
        }
    }

    /// Forgets the hosts, and the connection to one of them.
    pub(super) fn forget_hosts(&mut self) {
        (self.hosts, self.sts, self.passed_over, self.found) = (None, None, None, None);
        if let Some(server) = self.server.take() {
            self.inner.shutdown.spawn(server.client.quit());
        }
    }

    /// Whether a host that goes on said no to the sender alone, as far as is known: only when it says
    /// the same to another one it is the host that takes nothing now, and is left alone. Who sends too
    /// much keeps nobody else's mail.
    pub(super) fn is_about_sender(&mut self, message: &ClaimedMessage, outcome: &Outcome) -> bool {
        let sender = &message.reverse_path;
        let about_sender =
            outcome.usable && self.refused_sender.as_ref().is_none_or(|refused| refused == sender);
        self.refused_sender = about_sender.then(|| sender.clone());
        about_sender
    }

    /// No server can be used: for ever, which is so for every message, or for now, when the
    /// destination is left alone.
    pub(super) fn no_server(&self, answer: Answer, course: &mut Course) -> End {
        match (&self.passed_over, answer.status.class) {
            // Where the others never take it, one that was passed over may yet.
            (Some(said), 5) => return End::Deferred(said.clone()),
            (None, 5) => return End::Failed(answer),
            _ => {}
        }
        self.leave_alone();
        *course = Course::Over;
        End::Deferred(self.passed_over.clone().unwrap_or(answer))
    }

    pub(super) fn leave_alone(&self) {
        let (now, chance) = (self.inner.store.now(), self.inner.chance());
        self.inner.table().failed(&self.destination, now, chance);
        add(&self.inner.counters.left_alone, 1);
    }
}
