//! What a visit does where a host takes nothing: the next one, or another time.

use super::{Answered, Course, Visit};
use crate::answer::Answer;
use crate::counters::add;
use crate::delivery::{concerns_server, end_of};
use crate::settle::End;

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

    /// Has the first host of the domain asked first again.
    pub(super) fn begin_anew(&mut self) {
        if std::mem::take(&mut self.begins_anew) {
            (self.hosts, self.passed_over) = (None, None);
            if let Some(server) = self.server.take() {
                self.inner.shutdown.spawn(server.client.quit());
            }
        }
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
