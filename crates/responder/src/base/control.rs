//! `stop`, `true`, `false`, `not`, `allof`, `anyof` (RFC 5228 §3, RFC 5228 §5).

use crate::compile::known_beforehand;
use crate::compile::{Arguments, CommandRow, CompiledTest, Compiler, TestRow};
use crate::error::{Mistake, ScriptError, Trouble};
use crate::run::{Flow, Machine, Statement, Test};
use crate::syntax::Node;

pub(crate) const COMMANDS: &[CommandRow] = &[CommandRow {
    name: "stop",
    needs: &[],
    compile: |_, node| {
        Arguments::of(node).finish()?;
        Ok(Box::new(Stop))
    },
}];

pub(crate) const TESTS: &[TestRow] = &[
    TestRow { name: "true", needs: &[], compile: |_, node| constant(node, true) },
    TestRow { name: "false", needs: &[], compile: |_, node| constant(node, false) },
    TestRow { name: "not", needs: &[], compile: compile_not },
    TestRow {
        name: "allof",
        needs: &[],
        compile: |compiler, node| Ok(Box::new(AllOf(compile_list(compiler, node)?))),
    },
    TestRow {
        name: "anyof",
        needs: &[],
        compile: |compiler, node| Ok(Box::new(AnyOf(compile_list(compiler, node)?))),
    },
];

/// A command that was of use while the script was compiled.
pub(crate) struct Nothing;

impl Statement for Nothing {
    fn run(&self, _: &mut Machine<'_>) -> Result<Flow, Trouble> {
        Ok(Flow::Next)
    }
}

struct Stop;

impl Statement for Stop {
    fn run(&self, _: &mut Machine<'_>) -> Result<Flow, Trouble> {
        Ok(Flow::Stop)
    }
}

struct Constant(bool);
struct Not(Box<dyn Test>);
struct AllOf(Vec<Box<dyn Test>>);
struct AnyOf(Vec<Box<dyn Test>>);

fn constant(node: &Node, holds: bool) -> CompiledTest {
    Arguments::of(node).finish()?;
    Ok(Box::new(Constant(holds)))
}

fn compile_not(compiler: &mut Compiler<'_>, node: &Node) -> CompiledTest {
    Arguments::of(node).finish_arguments()?;
    match node.tests.as_slice() {
        [test] => Ok(Box::new(Not(compiler.test(test)?))),
        _ => Err(Mistake::Arguments("not needs one test".to_owned()).at(node.at)),
    }
}

fn compile_list(
    compiler: &mut Compiler<'_>,
    node: &Node,
) -> Result<Vec<Box<dyn Test>>, ScriptError> {
    Arguments::of(node).finish_arguments()?;
    if node.tests.is_empty() {
        return Err(Mistake::Arguments(format!("{} needs tests", node.name)).at(node.at));
    }
    let mut tests = Vec::with_capacity(node.tests.len());
    for test in &node.tests {
        tests.push(compiler.test(test)?);
        // RFC 5463 §4: what follows an ihave that never holds is never looked at.
        if node.name.eq_ignore_ascii_case("allof")
            && known_beforehand(compiler, test) == Some(false)
        {
            break;
        }
    }
    Ok(tests)
}

impl Test for Constant {
    fn holds(&self, _: &mut Machine<'_>) -> Result<bool, Trouble> {
        Ok(self.0)
    }
}

impl Test for Not {
    fn holds(&self, machine: &mut Machine<'_>) -> Result<bool, Trouble> {
        Ok(!self.0.holds(machine)?)
    }
}

impl Test for AllOf {
    // RFC 5229 §3.2: tests are evaluated from left to right, and only as far as needed.
    fn holds(&self, machine: &mut Machine<'_>) -> Result<bool, Trouble> {
        for test in &self.0 {
            machine.state.charge(1)?;
            if !test.holds(machine)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Test for AnyOf {
    fn holds(&self, machine: &mut Machine<'_>) -> Result<bool, Trouble> {
        for test in &self.0 {
            machine.state.charge(1)?;
            if test.holds(machine)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
