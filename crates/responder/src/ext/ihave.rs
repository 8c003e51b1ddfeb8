//! `ihave` (RFC 5463): what is there is used, what is not is passed over.

use crate::capability::Capability;
use crate::compile::{Arguments, CommandRow, CompiledCommand, CompiledTest, Compiler, TestRow};
use crate::error::Trouble;
use crate::run::{Flow, Machine, Statement, Test};
use crate::syntax::Node;
use crate::text::Text;

pub(crate) const COMMANDS: &[CommandRow] =
    &[CommandRow { name: "error", needs: &[Capability::Ihave], compile: compile_error }];

pub(crate) const TESTS: &[TestRow] =
    &[TestRow { name: "ihave", needs: &[Capability::Ihave], compile: compile_test }];

struct Raise(Text);

// error <message: string> (RFC 5463 §5)
fn compile_error(compiler: &mut Compiler<'_>, node: &Node) -> CompiledCommand {
    let mut arguments = Arguments::of(node);
    let message = arguments.text(compiler, "message")?;
    arguments.finish()?;
    Ok(Box::new(Raise(message)))
}

impl Statement for Raise {
    fn run(&self, machine: &mut Machine<'_>) -> Result<Flow, Trouble> {
        Err(Trouble::Raised(machine.state.text(&self.0)?.into_owned()))
    }
}

struct Known(bool);

// ihave <capabilities: string-list> (RFC 5463 §4)
fn compile_test(compiler: &mut Compiler<'_>, node: &Node) -> CompiledTest {
    let mut arguments = Arguments::of(node);
    let mut names = Vec::new();
    for literal in arguments.list("capabilities")? {
        names.push(compiler.constant(literal)?);
    }
    arguments.finish()?;
    let all = names.iter().all(|name| compiler.ihave(name));
    if all {
        // RFC 5463 §4: from here on they are as good as required.
        for name in &names {
            compiler.require(name);
        }
    }
    Ok(Box::new(Known(all)))
}

impl Test for Known {
    fn holds(&self, _: &mut Machine<'_>) -> Result<bool, Trouble> {
        Ok(self.0)
    }
}
