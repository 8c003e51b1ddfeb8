//! Keys that ask for flags: each is asked once of each distinct set of flags in a mailbox, however
//! often it stands in a search.

use std::collections::HashMap;
use std::sync::Arc;

use message::flag::{Flags, Keyword, SystemFlags};

/// LIMIT: answers that one search keeps, one byte for each key and set of flags: some sets are in a
/// mailbox where people set flags, as many as there are messages where a program means to.
const ANSWERS_MAX: usize = 4_000_000;

/// A question about the flags of a message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum FlagTest {
    Has(SystemFlags),
    Lacks(SystemFlags),
    Keyword(Keyword),
    Unkeyword(Keyword),
}

impl FlagTest {
    pub(super) fn is_met_by(&self, flags: &Flags) -> bool {
        match self {
            Self::Has(system) => flags.system.contains(*system),
            Self::Lacks(system) => !flags.system.contains(*system),
            Self::Keyword(keyword) => flags.has_keyword(keyword),
            Self::Unkeyword(keyword) => !flags.has_keyword(keyword),
        }
    }
}

/// The questions of a search about flags, with the answers for each set of flags by its number.
#[derive(Debug, Default)]
pub(super) struct FlagTests {
    answered: HashMap<FlagTest, Arc<[bool]>>,
    /// How many answers there are.
    kept: usize,
}

impl FlagTests {
    /// The answers for all sets of flags of a mailbox; `None` where they would be too many with
    /// those before.
    pub(super) fn answers<'f>(
        &mut self,
        test: &FlagTest,
        sets: impl ExactSizeIterator<Item = Option<&'f Flags>>,
    ) -> Option<Arc<[bool]>> {
        if let Some(known) = self.answered.get(test) {
            return Some(known.clone());
        }
        let kept = self.kept.saturating_add(sets.len());
        if kept > ANSWERS_MAX {
            return None;
        }
        let answers: Arc<[bool]> =
            sets.map(|set| set.is_some_and(|flags| test.is_met_by(flags))).collect();
        self.answered.insert(test.clone(), answers.clone());
        self.kept = kept;
        Some(answers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_answers_are_kept_and_each_once() {
        let odd = Keyword::parse(b"odd").unwrap();
        let sets = [
            Flags::default(),
            Flags::new(SystemFlags::SEEN, vec![odd.clone()]),
            Flags::new(SystemFlags::SEEN, Vec::new()),
        ];
        let all = || sets.iter().map(Some);
        let mut tests = FlagTests::default();
        let has_odd = FlagTest::Keyword(odd.clone());
        let answers = tests.answers(&has_odd, all()).unwrap();
        assert_eq!(*answers, [false, true, false]);
        let same = FlagTest::Keyword(Keyword::parse(b"ODD").unwrap());
        assert!(Arc::ptr_eq(&answers, &tests.answers(&same, all()).unwrap()));
        for (test, expect) in [
            (FlagTest::Unkeyword(odd), [true, false, true]),
            (FlagTest::Has(SystemFlags::SEEN), [false, true, true]),
            (FlagTest::Lacks(SystemFlags::SEEN), [true, false, false]),
        ] {
            assert_eq!(*tests.answers(&test, all()).unwrap(), expect, "{test:?}");
            let direct: Vec<bool> = sets.iter().map(|set| test.is_met_by(set)).collect();
            assert_eq!(direct, expect, "{test:?}");
        }
        assert_eq!(tests.kept, 12);
        let many = || (0..ANSWERS_MAX - 12).map(|_| None);
        let deleted = FlagTest::Has(SystemFlags::DELETED);
        assert_eq!(tests.answers(&deleted, many()).unwrap().len(), ANSWERS_MAX - 12);
        assert_eq!(tests.answers(&FlagTest::Has(SystemFlags::DRAFT), all()), None);
        assert!(Arc::ptr_eq(&answers, &tests.answers(&has_odd, all()).unwrap()));
    }
}
