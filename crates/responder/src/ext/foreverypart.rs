//! The `foreverypart` and `break` commands (RFC 5703 §3): loops over the parts of a message,
//! bounded in depth.

use crate::capability::Capability;
use crate::compile::{Arguments, CommandRow, CompiledCommand, Compiler};
use crate::error::{Mistake, Trouble};
use crate::run::{Block, Flow, Loop, Machine, State, Statement};
use crate::syntax::Node;

const NEEDS: &[Capability] = &[Capability::ForEveryPart];

pub(crate) const COMMANDS: &[CommandRow] = &[
    CommandRow { name: "foreverypart", needs: NEEDS, compile },
    CommandRow { name: "break", needs: NEEDS, compile: compile_break },
];

struct ForEveryPart {
    name: Option<Box<str>>,
    block: Block,
}

// foreverypart [":name" string] block
fn compile(compiler: &mut Compiler<'_>, node: &Node) -> CompiledCommand {
    let mut arguments = Arguments::of(node);
    let name = arguments.tagged_literal("name")?.map(|literal| compiler.constant(literal));
    let name: Option<Box<str>> = name.transpose()?.map(Into::into);
    arguments.finish_arguments()?;
    if let Some(test) = node.tests.first() {
        return Err(Mistake::Arguments("foreverypart takes no test".to_owned()).at(test.at));
    }
    let Some(block) = &node.block else {
        return Err(arguments.wrong("needs a block"));
    };
    compiler.loops.push(name.clone());
    let block = compiler.block(block);
    compiler.loops.pop();
    Ok(Box::new(ForEveryPart { name, block }))
}

struct Break(Option<Box<str>>);

// break [":name" string];
fn compile_break(compiler: &mut Compiler<'_>, node: &Node) -> CompiledCommand {
    let mut arguments = Arguments::of(node);
    let name = arguments.tagged_literal("name")?.map(|literal| compiler.constant(literal));
    let name: Option<Box<str>> = name.transpose()?.map(Into::into);
    let found = match &name {
        None => !compiler.loops.is_empty(),
        // RFC 5703 §3: it is an error if no loop around it has that name.
        Some(name) => compiler.loops.iter().flatten().any(|known| known == name),
    };
    if !found {
        return Err(Mistake::Misplaced("there is no loop to break").at(node.at));
    }
    arguments.finish()?;
    Ok(Box::new(Break(name)))
}

impl Statement for Break {
    fn run(&self, _: &mut Machine<'_>) -> Result<Flow, Trouble> {
        Ok(Flow::Break(self.0.clone()))
    }
}

impl Statement for ForEveryPart {
    fn run(&self, machine: &mut Machine<'_>) -> Result<Flow, Trouble> {
        let structure = machine.mail.structure(&mut machine.state)?;
        // RFC 5703 §3: a loop inside another is over what the current part contains.
        let (start, end) = match machine.state.loops.last() {
            None => (0, structure.entities().len()),
            Some(outer) => (outer.current + 1, structure.end_of(outer.current)),
        };
        machine.state.loops.push(Loop { current: start, end, next: start + 1 });
        let flow = self.iterate(machine);
        machine.state.loops.pop();
        flow
    }
}

impl ForEveryPart {
    fn iterate(&self, machine: &mut Machine<'_>) -> Result<Flow, Trouble> {
        while machine.state.loops.last().is_some_and(|this| this.current < this.end) {
            machine.state.charge(1)?;
            match self.block.run(machine)? {
                Flow::Next => {}
                Flow::Break(None) => return Ok(Flow::Next),
                Flow::Break(name) if name == self.name => return Ok(Flow::Next),
                flow => return Ok(flow),
            }
            if let Some(this) = machine.state.loops.last_mut() {
                this.current = this.next;
                this.next += 1;
            }
        }
        Ok(Flow::Next)
    }
}

impl State<'_> {
    /// The current part was replaced: there are so many parts more, and the loop goes on at
    /// `next`.
    pub(crate) fn entities_changed(&mut self, more: isize, next: usize) {
        for around in &mut self.loops {
            around.end = around.end.saturating_add_signed(more);
        }
        if let Some(this) = self.loops.last_mut() {
            this.next = next;
        }
    }

    /// Every loop ends with the commands that run.
    pub(crate) fn end_loops(&mut self) {
        for around in &mut self.loops {
            around.end = 0;
        }
    }
}
