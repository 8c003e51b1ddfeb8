//! Variables while a script runs (RFC 5229 §3): its own, and those all scripts share
//! (RFC 6609 §3.4).

use std::collections::{BTreeMap, BTreeSet};

use crate::Limits;
use crate::error::Trouble;
use crate::text::VariableName;

type Values = BTreeMap<Box<str>, String>;

/// The variables of a run.
#[derive(Debug, Default)]
pub(crate) struct Variables {
    own: Values,
    global: Values,
    /// Names that mean a global variable in the script that runs.
    shared: BTreeSet<Box<str>>,
    bytes: usize,
}

/// Variables of a script that waits for one it included.
#[derive(Debug)]
pub(crate) struct Waiting {
    own: Values,
    shared: BTreeSet<Box<str>>,
}

impl Variables {
    /// RFC 5229 §3: a variable that was never set is the empty string.
    pub(crate) fn value(&self, name: &VariableName) -> &str {
        let global = name.is_global || self.shared.contains(&name.key);
        let values = if global { &self.global } else { &self.own };
        values.get(&name.key).map_or("", String::as_str)
    }

    pub(crate) fn put(
        &mut self,
        name: &VariableName,
        mut value: String,
        limits: &Limits,
    ) -> Result<(), Trouble> {
        // RFC 5229 §6: what is too long is cut.
        value.truncate(value.floor_char_boundary(limits.variable_bytes_max));
        let count = self.own.len() + self.global.len();
        let global = name.is_global || self.shared.contains(&name.key);
        let values = if global { &mut self.global } else { &mut self.own };
        let before = values.get(&name.key).map_or(0, |old| old.len() + name.key.len());
        if before == 0 && !values.contains_key(&name.key) && count >= limits.variables_max {
            return Err(Trouble::TooMuch("too many variables"));
        }
        self.bytes = self.bytes.saturating_sub(before) + value.len() + name.key.len();
        if self.bytes > limits.variables_bytes_max {
            return Err(Trouble::TooMuch("the variables hold too much"));
        }
        values.insert(name.key.clone(), value);
        Ok(())
    }

    /// Makes a name mean the global variable (RFC 6609 §3.4.1).
    pub(crate) fn share(&mut self, key: &str) {
        self.shared.insert(key.into());
    }

    /// Begins an included script, which has none of its own.
    pub(crate) fn enter(&mut self) -> Waiting {
        Waiting { own: std::mem::take(&mut self.own), shared: std::mem::take(&mut self.shared) }
    }

    /// Goes back to the script that waits.
    pub(crate) fn leave(&mut self, waiting: Waiting) {
        let gone: usize = self.own.iter().map(|(key, value)| key.len() + value.len()).sum();
        self.bytes = self.bytes.saturating_sub(gone);
        self.own = waiting.own;
        self.shared = waiting.shared;
    }
}
