//! The `index` extension (RFC 5260 §6): `:index` and `:last` choose one of several fields of a
//! name.

use crate::capability::Capability;
use crate::compile::{Arguments, Compiler};
use crate::error::ScriptError;

/// `[":index" <fieldno: number> [":last"]]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct IndexTags {
    ordinal: Option<usize>,
    from_end: bool,
}

impl IndexTags {
    pub(crate) fn take(
        arguments: &mut Arguments<'_>,
        compiler: &Compiler<'_>,
    ) -> Result<Self, ScriptError> {
        Self::take_for(arguments, compiler, Capability::Index)
    }

    /// Takes the tags for a test whose own extension requires them.
    pub(crate) fn take_for(
        arguments: &mut Arguments<'_>,
        compiler: &Compiler<'_>,
        capability: Capability,
    ) -> Result<Self, ScriptError> {
        let ordinal = arguments.tagged_number("index")?;
        let from_end = arguments.tag("last").is_some();
        if ordinal.is_some() || from_end {
            compiler.needs(arguments.at(), ":index", &[capability])?;
        }
        match ordinal {
            // RFC 5260 §6: :last without :index is an error.
            None if from_end => Err(arguments.wrong(":last needs :index")),
            Some(0) => Err(arguments.wrong(":index counts from 1")),
            _ => Ok(Self {
                ordinal: ordinal.map(|n| usize::try_from(n).unwrap_or(usize::MAX)),
                from_end,
            }),
        }
    }

    /// Which it is, counted from 1, and whether from the end.
    pub(crate) fn ordinal(self) -> Option<(usize, bool)> {
        self.ordinal.map(|ordinal| (ordinal, self.from_end))
    }

    /// The one of several that is meant, or all of them.
    pub(crate) fn choose<T>(self, items: Vec<T>) -> Vec<T> {
        match self.ordinal {
            None => items,
            Some(ordinal) if self.from_end => {
                items.into_iter().rev().skip(ordinal - 1).take(1).collect()
            }
            Some(ordinal) => items.into_iter().skip(ordinal - 1).take(1).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_chosen() {
        let choose =
            |ordinal, from_end| IndexTags { ordinal, from_end }.choose(vec!['a', 'b', 'c']);
        assert_eq!(choose(None, false), ['a', 'b', 'c']);
        assert_eq!(choose(Some(2), false), ['b']);
        assert_eq!(choose(Some(1), true), ['c']);
        assert!(choose(Some(4), true).is_empty());
        assert!(choose(Some(usize::MAX), false).is_empty());
    }
}
