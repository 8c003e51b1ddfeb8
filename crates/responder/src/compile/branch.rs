//! `if`, `elsif`, `else` (RFC 5228 §3.1), and what `ihave` makes known of them beforehand
//! (RFC 5463 §4).

use crate::compile::{Arguments, CompiledCommand, Compiler};
use crate::error::{Mistake, ScriptError, Trouble};
use crate::run::{Block, Flow, Machine, Statement, Test};
use crate::syntax::{Node, Value};

/// Tests with the blocks that run where they hold.
struct Branches {
    branches: Vec<(Box<dyn Test>, Block)>,
    otherwise: Option<Block>,
}

impl Statement for Branches {
    fn run(&self, machine: &mut Machine<'_>) -> Result<Flow, Trouble> {
        for (test, block) in &self.branches {
            if test.holds(machine)? {
                return block.run(machine);
            }
        }
        match &self.otherwise {
            Some(block) => block.run(machine),
            None => Ok(Flow::Next),
        }
    }
}

/// Compiles an `if` with all that belongs to it, which is taken from `rest`.
pub(super) fn compile(
    compiler: &mut Compiler<'_>,
    node: &Node,
    rest: &mut &[Node],
) -> CompiledCommand {
    let mut branches = Branches { branches: Vec::new(), otherwise: None };
    let mut mistake = branch(compiler, node, &mut branches).err();
    while let Some((next, after)) = rest.split_first() {
        if next.name.eq_ignore_ascii_case("elsif") {
            mistake = mistake.or(branch(compiler, next, &mut branches).err());
        } else if next.name.eq_ignore_ascii_case("else") {
            *rest = after;
            mistake = mistake.or(otherwise(compiler, next, &mut branches).err());
            break;
        } else {
            break;
        }
        *rest = after;
    }
    mistake.map_or(Ok(Box::new(branches)), Err)
}

fn branch(
    compiler: &mut Compiler<'_>,
    node: &Node,
    branches: &mut Branches,
) -> Result<(), ScriptError> {
    Arguments::of(node).finish_arguments()?;
    let Some(block) = &node.block else {
        return Err(Mistake::Arguments(format!("{} needs a block", node.name)).at(node.at));
    };
    let [test] = node.tests.as_slice() else {
        return Err(Mistake::Arguments(format!("{} needs one test", node.name)).at(node.at));
    };
    // RFC 5463 §4: what only an extension that is not there would understand is passed over.
    if known_beforehand(compiler, test) == Some(false) {
        return Ok(());
    }
    let test = compiler.test(test);
    let block = compiler.block(block);
    branches.branches.push((test?, block));
    Ok(())
}

fn otherwise(
    compiler: &mut Compiler<'_>,
    node: &Node,
    branches: &mut Branches,
) -> Result<(), ScriptError> {
    Arguments::of(node).finish_arguments()?;
    let Some(block) = &node.block else {
        return Err(Mistake::Arguments("else needs a block".to_owned()).at(node.at));
    };
    if let Some(test) = node.tests.first() {
        return Err(Mistake::Arguments("else takes no test".to_owned()).at(test.at));
    }
    branches.otherwise = Some(compiler.block(block));
    Ok(())
}

/// What a test says in every run, as far as `ihave` alone decides it.
pub(crate) fn known_beforehand(compiler: &Compiler<'_>, test: &Node) -> Option<bool> {
    let mut inner = test.tests.iter().map(|inner| known_beforehand(compiler, inner));
    match test.name.to_ascii_lowercase().as_str() {
        "ihave" if compiler.has(crate::Capability::Ihave) => {
            let offered = |name: &str| compiler.ihave(name);
            match &test.arguments.first()?.value {
                Value::Text(literal) => Some(offered(&literal.text)),
                Value::List(list) => Some(list.iter().all(|literal| offered(&literal.text))),
                _ => None,
            }
        }
        "not" => inner.next().flatten().map(|known| !known),
        "allof" => inner.any(|known| known == Some(false)).then_some(false),
        "anyof" => inner.all(|known| known == Some(false)).then_some(false),
        _ => None,
    }
}
