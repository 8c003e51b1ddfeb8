//! `spamtest`, `spamtestplus`, `virustest` (RFC 5235): what was found about a message before.

use crate::capability::Capability;
use crate::compile::{Arguments, CompiledTest, Compiler, TestRow};
use crate::error::Trouble;
use crate::matching::{MatchTags, Matcher};
use crate::run::{Machine, Test};
use crate::syntax::Node;

pub(crate) const TESTS: &[TestRow] = &[
    TestRow {
        name: "spamtest",
        needs: &[Capability::Spamtest, Capability::SpamtestPlus],
        compile: compile_spam,
    },
    TestRow { name: "virustest", needs: &[Capability::Virustest], compile: compile_virus },
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Spam,
    SpamPercent,
    Virus,
}

struct VerdictTest {
    verdict: Verdict,
    matcher: Matcher,
}

// spamtest [":percent"] [COMPARATOR] [MATCH-TYPE] <value: string>
fn compile_spam(compiler: &mut Compiler<'_>, node: &Node) -> CompiledTest {
    let mut arguments = Arguments::of(node);
    let percent = arguments.tag_of(compiler, "percent", Capability::SpamtestPlus)?.is_some();
    let verdict = if percent { Verdict::SpamPercent } else { Verdict::Spam };
    compile(compiler, arguments, verdict)
}

// virustest [COMPARATOR] [MATCH-TYPE] <value: string>
fn compile_virus(compiler: &mut Compiler<'_>, node: &Node) -> CompiledTest {
    compile(compiler, Arguments::of(node), Verdict::Virus)
}

fn compile(
    compiler: &mut Compiler<'_>,
    mut arguments: Arguments<'_>,
    verdict: Verdict,
) -> CompiledTest {
    let tags = MatchTags::take(&mut arguments, compiler)?;
    tags.refuse_lists(&arguments)?;
    let key = arguments.literal("value")?;
    arguments.finish()?;
    let matcher = tags.with_keys(std::slice::from_ref(key), compiler)?;
    Ok(Box::new(VerdictTest { verdict, matcher }))
}

impl Test for VerdictTest {
    fn holds(&self, machine: &mut Machine<'_>) -> Result<bool, Trouble> {
        let state = &mut machine.state;
        state.charge(10)?;
        let value = match self.verdict {
            Verdict::Spam => Some(state.env.spam_value().min(10)).filter(|value| *value > 0),
            Verdict::SpamPercent => state.env.spam_percent().map(|value| value.min(100)),
            Verdict::Virus => Some(state.env.virus_value().min(5)).filter(|value| *value > 0),
        };
        // RFC 5235 §3.1: what was not tested is 0, and counts as none.
        let counts = self.matcher.counts();
        let text = value.unwrap_or(0).to_string();
        let values = if counts && value.is_none() { None } else { Some(text.as_str()) };
        self.matcher.any(state, values)
    }
}
