//! `extracttext` (RFC 5703 §7): the text of a part in a variable.

use std::borrow::Cow;

use crate::capability::Capability;
use crate::compile::{Arguments, CommandRow, CompiledCommand, Compiler};
use crate::error::{Mistake, Trouble};
use crate::ext::variables::Modifiers;
use crate::mail::{EntityKind, Markup};
use crate::run::{Flow, Machine, Statement};
use crate::syntax::Node;
use crate::text::{VariableName, variable_name};

pub(crate) const COMMANDS: &[CommandRow] =
    &[CommandRow { name: "extracttext", needs: &[Capability::ExtractText], compile }];

struct ExtractText {
    modifiers: Modifiers,
    first: Option<u64>,
    variable: VariableName,
}

// extracttext [MODIFIER] [":first" number] <varname: string>
fn compile(compiler: &mut Compiler<'_>, node: &Node) -> CompiledCommand {
    let mut arguments = Arguments::of(node);
    compiler.needs(node.at, "extracttext", &[Capability::Variables])?;
    let modifiers = Modifiers::take(&mut arguments, compiler)?;
    let first = arguments.tagged_number("first")?;
    let literal = arguments.literal("variable")?;
    let name = compiler.constant(literal)?;
    let variable = variable_name(&name, compiler.has(Capability::Include))
        .map_err(|mistake| mistake.at(literal.at))?;
    // RFC 5703 §7
    if compiler.loops.is_empty() {
        return Err(Mistake::Misplaced("extracttext stands in foreverypart").at(node.at));
    }
    arguments.finish()?;
    Ok(Box::new(ExtractText { modifiers, first, variable }))
}

impl Statement for ExtractText {
    fn run(&self, machine: &mut Machine<'_>) -> Result<Flow, Trouble> {
        let Machine { mail, state } = machine;
        let current = state.loops.last().map(|innermost| innermost.current);
        let structure = mail.structure(state)?;
        let entity = current.and_then(|index| structure.entities().get(index));
        // RFC 5703 §7: what cannot be decoded is the empty string.
        let text = match entity {
            Some(entity) if entity.kind != EntityKind::Multipart => {
                structure.text(entity, Markup::Removed, state)?.unwrap_or_default()
            }
            _ => Cow::Borrowed(""),
        };
        state.charge(1 + text.len() as u64 / 64)?;
        let text: String = match self.first {
            Some(first) => {
                text.chars().take(usize::try_from(first).unwrap_or(usize::MAX)).collect()
            }
            None => text.into_owned(),
        };
        let text = self.modifiers.apply(text, state)?;
        state.variables.put(&self.variable, text, state.limits)?;
        Ok(Flow::Next)
    }
}
