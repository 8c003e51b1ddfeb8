//! The state of a run besides the message: variables, match values, actions, flags.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::action::{Action, Outcome};
use crate::env::{Delivery, DuplicateKey, Env, Envelope, Event, Location};
use crate::error::{Position, Trouble};
use crate::ext::include::Included;
use crate::mail::Mail;
use crate::run::QUESTION_STEPS;
use crate::run::variables::Variables;
use crate::text::{Piece, Text};
use crate::{Language, Limits};

/// A loop over the parts of the message, by their indices.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loop {
    pub(crate) current: usize,
    /// The one after the last.
    pub(crate) end: usize,
    /// The index at which the loop goes on.
    pub(crate) next: usize,
}

/// Everything a run keeps beside the message.
pub(crate) struct State<'r> {
    pub(crate) language: &'r Language,
    pub(crate) limits: &'r Limits,
    pub(crate) env: &'r mut dyn Env,
    pub(crate) envelope: Option<Envelope<'r>>,
    pub(crate) now: message::date::DateTime,
    pub(crate) detail_separator: char,
    pub(crate) event: Event<'r>,
    /// The command that runs.
    pub(crate) at: Position,
    /// The included script that runs.
    pub(crate) script: Option<Arc<str>>,
    pub(super) steps: u64,
    pub(crate) variables: Variables,
    pub(crate) match_values: Vec<String>,
    /// The flags of RFC 5232 §2: those that actions use by default.
    pub(crate) flags: Vec<String>,
    pub(crate) actions: Vec<Action>,
    /// How many of the actions are redirections to members of lists.
    pub(crate) listed: usize,
    pub(crate) seen: Vec<(DuplicateKey, u64)>,
    /// Whether RFC 5228 §2.10.2 still applies.
    pub(crate) keeps_implicitly: bool,
    /// Whether `processcalendar` ran.
    pub(crate) processes_calendar: bool,
    /// Whether `vacation` ran (RFC 5230 §4.7).
    pub(crate) has_vacation: bool,
    pub(crate) loops: Vec<Loop>,
    pub(crate) included: BTreeMap<(Location, String), Included>,
    pub(crate) includes_left: usize,
    pub(crate) include_depth: usize,
}

impl<'r> State<'r> {
    pub(super) fn new(
        language: &'r Language,
        delivery: &Delivery<'r>,
        env: &'r mut dyn Env,
    ) -> Self {
        Self {
            language,
            limits: &language.limits,
            env,
            envelope: delivery.envelope.clone(),
            now: delivery.now,
            detail_separator: delivery.detail_separator,
            event: delivery.event,
            at: Position::default(),
            script: None,
            steps: 0,
            variables: Variables::default(),
            match_values: Vec::new(),
            // RFC 6785 §3.8: a message in a mailbox has flags already.
            flags: match delivery.event {
                Event::Delivery => Vec::new(),
                Event::Imap(event) => event.flags.to_vec(),
            },
            actions: Vec::new(),
            listed: 0,
            seen: Vec::new(),
            keeps_implicitly: true,
            processes_calendar: false,
            has_vacation: false,
            loops: Vec::new(),
            included: BTreeMap::new(),
            includes_left: language.limits.includes_max,
            include_depth: 0,
        }
    }

    pub(super) fn into_outcome(self, mail: Mail<'_>) -> Outcome {
        Outcome {
            actions: self.actions,
            versions: mail.into_versions(),
            seen: self.seen,
            processes_calendar: self.processes_calendar,
            steps: self.steps,
        }
    }

    /// The value of a string, with its variables put in.
    pub(crate) fn text<'t>(&mut self, text: &'t Text) -> Result<Cow<'t, str>, Trouble> {
        let pieces = match text {
            Text::Fixed(text) => {
                self.charge(text.len() as u64 / 64)?;
                return Ok(Cow::Borrowed(text));
            }
            Text::Pieces(pieces) => pieces,
        };
        let mut whole = String::new();
        for piece in pieces {
            let part = match piece {
                Piece::Fixed(part) => part,
                Piece::Variable(name) => self.variables.value(name),
                Piece::Match(index) => self.match_values.get(*index).map_or("", String::as_str),
            };
            if whole.len() + part.len() > self.limits.string_bytes_max {
                return Err(Trouble::TooMuch("a string becomes too long"));
            }
            whole.push_str(part);
        }
        self.charge(1 + whole.len() as u64 / 64)?;
        Ok(Cow::Owned(whole))
    }

    /// The values of a list of strings, variables replaced.
    pub(crate) fn texts<'t>(&mut self, texts: &'t [Text]) -> Result<Vec<Cow<'t, str>>, Trouble> {
        texts.iter().map(|text| self.text(text)).collect()
    }

    /// Keeps what a pattern found in a text (RFC 5229 §3.2), the whole text being value 0.
    pub(crate) fn put_match_values(&mut self, text: &str, ranges: Vec<Range<usize>>) {
        let bounded = |text: &str| {
            let len = text.floor_char_boundary(self.limits.variable_bytes_max);
            text.get(..len).unwrap_or_default().to_owned()
        };
        let found = ranges.into_iter().map(|range| text.get(range).unwrap_or_default());
        self.match_values = std::iter::once(text)
            .chain(found)
            .take(crate::text::MATCH_VALUES_MAX + 1)
            .map(bounded)
            .collect();
    }

    /// Sets one match value.
    pub(crate) fn put_match_value(&mut self, index: usize, mut text: String) {
        text.truncate(text.floor_char_boundary(self.limits.variable_bytes_max));
        if let Some(value) = self.match_values.get_mut(index) {
            *value = text;
        }
    }

    /// Notes what is to be remembered of the message; once for each key.
    pub(crate) fn remember(&mut self, key: DuplicateKey, seconds: u64) -> Result<(), Trouble> {
        self.seen.retain(|(known, _)| *known != key);
        if self.seen.len() >= self.limits.actions_max {
            return Err(Trouble::TooMuch("too many duplicates to remember"));
        }
        self.seen.push((key, seconds));
        Ok(())
    }

    /// What a value matches in an external list, which must exist (RFC 6134 §2.2).
    pub(crate) fn list_find(&mut self, list: &str, value: &str) -> Result<Option<String>, Trouble> {
        self.charge(QUESTION_STEPS)?;
        let list = crate::ext::extlists::full_name(list);
        if !self.env.list_exists(&list) {
            return Err(Trouble::Value(format!("there is no list \"{list}\"")));
        }
        Ok(self.env.list_find(&list, value.trim()))
    }
}
