//! `editheader` (RFC 5293): fields added to a message and taken from it.

use crate::capability::Capability;
use crate::compile::{Arguments, CommandRow, CompiledCommand, Compiler};
use crate::error::Trouble;
use crate::ext::index::IndexTags;
use crate::mail::{Which, is_field_name};
use crate::matching::{MatchTags, Matcher};
use crate::run::{Flow, Machine, Statement};
use crate::syntax::Node;
use crate::text::Text;

const NEEDS: &[Capability] = &[Capability::EditHeader];

pub(crate) const COMMANDS: &[CommandRow] = &[
    CommandRow { name: "addheader", needs: NEEDS, compile: compile_add },
    CommandRow { name: "deleteheader", needs: NEEDS, compile: compile_delete },
];

/// RFC 5293 §6: what a site may forbid. These say how the message came here, and who signed for
/// it.
const NOT_ADDED: [&str; 7] = [
    "Received",
    "Auto-Submitted",
    "Delivered-To",
    "Return-Path",
    "Authentication-Results",
    "Original-Subject",
    "Original-From",
];

struct AddHeader {
    name: Text,
    value: Text,
    last: bool,
}

// addheader [":last"] <field-name: string> <value: string>
fn compile_add(compiler: &mut Compiler<'_>, node: &Node) -> CompiledCommand {
    let mut arguments = Arguments::of(node);
    let last = arguments.tag("last").is_some();
    let name = take_name(&mut arguments, compiler)?;
    let value = arguments.text(compiler, "value")?;
    arguments.finish()?;
    Ok(Box::new(AddHeader { name, value, last }))
}

fn take_name(
    arguments: &mut Arguments<'_>,
    compiler: &Compiler<'_>,
) -> Result<Text, crate::ScriptError> {
    let name = arguments.text(compiler, "field name")?;
    match name.fixed() {
        // RFC 5293 §4: an invalid name is an error.
        Some(fixed) if !is_field_name(fixed) => {
            Err(arguments.wrong(format!("{fixed:?} is no name of a field")))
        }
        _ => Ok(name),
    }
}

fn checked(name: &str) -> Result<(), Trouble> {
    match is_field_name(name) {
        true => Ok(()),
        false => Err(Trouble::Value(format!("{name:?} is no name of a field"))),
    }
}

impl Statement for AddHeader {
    fn run(&self, machine: &mut Machine<'_>) -> Result<Flow, Trouble> {
        let Machine { mail, state } = machine;
        let name = state.text(&self.name)?;
        checked(&name)?;
        let value = state.text(&self.value)?;
        // RFC 5293 §6: an attempt that is not allowed is ignored.
        if !NOT_ADDED.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            mail.add_field(&name, &value, self.last)?;
        }
        Ok(Flow::Next)
    }
}

struct DeleteHeader {
    name: Text,
    index: IndexTags,
    patterns: Option<Matcher>,
}

// deleteheader [":index" <fieldno: number> [":last"]] [COMPARATOR] [MATCH-TYPE]
//              <field-name: string> [<value-patterns: string-list>]
fn compile_delete(compiler: &mut Compiler<'_>, node: &Node) -> CompiledCommand {
    let mut arguments = Arguments::of(node);
    let index = IndexTags::take_for(&mut arguments, compiler, Capability::EditHeader)?;
    let tags = MatchTags::take(&mut arguments, compiler)?.without_captures();
    tags.refuse_lists(&arguments)?;
    let name = take_name(&mut arguments, compiler)?;
    let patterns = match arguments.left() {
        0 => None,
        _ => Some(tags.with_keys(arguments.list("patterns")?, compiler)?),
    };
    arguments.finish()?;
    Ok(Box::new(DeleteHeader { name, index, patterns }))
}

impl Statement for DeleteHeader {
    fn run(&self, machine: &mut Machine<'_>) -> Result<Flow, Trouble> {
        let Machine { mail, state } = machine;
        let name = state.text(&self.name)?;
        checked(&name)?;
        state.charge(mail.scan_cost())?;
        let which = match self.index.ordinal() {
            None => Which::All,
            Some((ordinal, false)) => Which::First(ordinal),
            Some((ordinal, true)) => Which::Last(ordinal),
        };
        let counted = match &self.patterns {
            // A count is about all of the fields together.
            Some(matcher) if matcher.counts() => {
                let values: Vec<String> =
                    mail.named(&name).map(|field| field.text(mail).to_owned()).collect();
                Some(matcher.any(state, values.iter().map(String::as_str))?)
            }
            _ => None,
        };
        mail.delete_fields(&name, which, |value| match (&self.patterns, counted) {
            (None, _) => Ok(true),
            (Some(_), Some(counted)) => Ok(counted),
            (Some(matcher), None) => matcher.any(state, [value]),
        })?;
        Ok(Flow::Next)
    }
}
