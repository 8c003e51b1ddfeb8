//! `replace` (RFC 5703 §5): a part of a message, or all of it, becomes something else.

use crate::capability::Capability;
use crate::compile::{Arguments, CommandRow, CompiledCommand, Compiler};
use crate::error::Trouble;
use crate::mail::Replacement;
use crate::run::{Flow, Machine, Statement};
use crate::syntax::Node;
use crate::text::Text;

pub(crate) const COMMANDS: &[CommandRow] =
    &[CommandRow { name: "replace", needs: &[Capability::Replace], compile }];

struct Replace {
    is_mime: bool,
    subject: Option<Text>,
    from: Option<Text>,
    text: Text,
}

// replace [":mime"] [":subject" string] [":from" string] <replacement: string>
fn compile(compiler: &mut Compiler<'_>, node: &Node) -> CompiledCommand {
    let mut arguments = Arguments::of(node);
    let is_mime = arguments.tag("mime").is_some();
    let subject = arguments.tagged_text(compiler, "subject")?;
    let from = arguments.tagged_text(compiler, "from")?;
    if is_mime && (subject.is_some() || from.is_some()) {
        return Err(arguments.wrong(":mime goes with neither :subject nor :from"));
    }
    let text = arguments.text(compiler, "replacement")?;
    arguments.finish()?;
    Ok(Box::new(Replace { is_mime, subject, from, text }))
}

impl Statement for Replace {
    fn run(&self, machine: &mut Machine<'_>) -> Result<Flow, Trouble> {
        let Machine { mail, state } = machine;
        let text = state.text(&self.text)?;
        let text = crate::compose::with_crlf(&text);
        let subject = self.subject.as_ref().map(|text| state.text(text)).transpose()?;
        let from = self.from.as_ref().map(|text| state.text(text)).transpose()?;
        // RFC 5703 §5: a mailbox list that is none is an error.
        if let Some(from) = &from
            && crate::base::address::addresses(from.as_bytes(), 2).is_empty()
        {
            return Err(Trouble::Value(format!("{from:?} is no address")));
        }
        let by = Replacement {
            text: &text,
            is_mime: self.is_mime,
            subject: subject.as_deref(),
            from: from.as_deref(),
        };
        let index = state.loops.last().map(|innermost| innermost.current);
        match index {
            None | Some(0) => {
                let before = mail.structure(state)?.entities().len();
                mail.replace_all(&by)?;
                let after = mail.structure(state)?.entities().len();
                let more = after.cast_signed() - before.cast_signed();
                let end = mail.structure(state)?.end_of(0);
                state.entities_changed(more, end);
            }
            Some(index) => {
                let more = mail.replace_part(index, &by, state)?;
                let end = mail.structure(state)?.end_of(index);
                state.entities_changed(more, end);
            }
        }
        Ok(Flow::Next)
    }
}
