//! The `size` test (RFC 5228 §5.9).

use crate::compile::{Arguments, CompiledTest, Compiler, TestRow};
use crate::error::Trouble;
use crate::run::{Machine, Test};
use crate::syntax::Node;

pub(crate) const TESTS: &[TestRow] = &[TestRow { name: "size", needs: &[], compile }];

enum Size {
    Over(u64),
    Under(u64),
}

// size <":over" / ":under"> <limit: number>
fn compile(_: &mut Compiler<'_>, node: &Node) -> CompiledTest {
    let mut arguments = Arguments::of(node);
    let size = match (arguments.tagged_number("over")?, arguments.tagged_number("under")?) {
        (Some(limit), None) => Size::Over(limit),
        (None, Some(limit)) => Size::Under(limit),
        _ => return Err(arguments.wrong("needs either :over or :under")),
    };
    arguments.finish()?;
    Ok(Box::new(size))
}

impl Test for Size {
    // A message of exactly the limit is neither over nor under it.
    fn holds(&self, machine: &mut Machine<'_>) -> Result<bool, Trouble> {
        let len = machine.mail.len() as u64;
        Ok(match self {
            Self::Over(limit) => len > *limit,
            Self::Under(limit) => len < *limit,
        })
    }
}
