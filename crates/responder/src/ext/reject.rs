//! The `reject` and `ereject` commands (RFC 5429): the message is refused with a reason.

use crate::action::{Action, Reject};
use crate::capability::Capability;
use crate::compile::{Arguments, CommandRow, CompiledCommand, Compiler};
use crate::error::Trouble;
use crate::run::{Flow, Machine, Statement};
use crate::syntax::Node;
use crate::text::Text;

pub(crate) const COMMANDS: &[CommandRow] = &[
    CommandRow {
        name: "reject",
        needs: &[Capability::Reject],
        compile: |compiler, node| compile(compiler, node, false),
    },
    CommandRow {
        name: "ereject",
        needs: &[Capability::Ereject],
        compile: |compiler, node| compile(compiler, node, true),
    },
];

struct RejectCommand {
    reason: Text,
    in_protocol: bool,
}

// reject <reason: string>
fn compile(compiler: &mut Compiler<'_>, node: &Node, in_protocol: bool) -> CompiledCommand {
    let mut arguments = Arguments::of(node);
    let reason = arguments.text(compiler, "reason")?;
    arguments.finish()?;
    Ok(Box::new(RejectCommand { reason, in_protocol }))
}

impl Statement for RejectCommand {
    fn run(&self, machine: &mut Machine<'_>) -> Result<Flow, Trouble> {
        let state = &mut machine.state;
        if state.event.is_imap() {
            // RFC 6785 §3.11
            return Err(Trouble::NotHere("only a message that arrives can be rejected"));
        }
        let reason = state.text(&self.reason)?.into_owned();
        state.push(Action::Reject(Reject { reason, in_protocol: self.in_protocol }))?;
        state.keeps_implicitly = false;
        Ok(Flow::Next)
    }
}
