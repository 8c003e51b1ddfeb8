//! `enclose` (RFC 5703 §6): the message becomes an attachment of another.

use crate::capability::Capability;
use crate::compile::{Arguments, CommandRow, CompiledCommand, Compiler};
use crate::error::Trouble;
use crate::mail::Cover;
use crate::run::{Flow, Machine, Statement};
use crate::syntax::Node;
use crate::text::Text;

pub(crate) const COMMANDS: &[CommandRow] =
    &[CommandRow { name: "enclose", needs: &[Capability::Enclose], compile }];

struct Enclose {
    subject: Option<Text>,
    fields: Vec<Text>,
    text: Text,
}

// enclose <:subject string> <:headers string-list> string
fn compile(compiler: &mut Compiler<'_>, node: &Node) -> CompiledCommand {
    let mut arguments = Arguments::of(node);
    let subject = arguments.tagged_text(compiler, "subject")?;
    let fields = arguments.tagged_list("headers")?.unwrap_or_default();
    let fields = compiler.texts(fields)?;
    let text = arguments.text(compiler, "text")?;
    arguments.finish()?;
    Ok(Box::new(Enclose { subject, fields, text }))
}

impl Statement for Enclose {
    fn run(&self, machine: &mut Machine<'_>) -> Result<Flow, Trouble> {
        let Machine { mail, state } = machine;
        let text = state.text(&self.text)?;
        let text = crate::compose::with_crlf(&text);
        let fields = state.texts(&self.fields)?;
        state.charge(fields.len() as u64 * mail.scan_cost())?;
        let subject = self.subject.as_ref().map(|text| state.text(text)).transpose()?;
        let from = state.envelope.as_ref().map(|envelope| envelope.to.to_string());
        let cover = Cover {
            subject: subject.as_deref(),
            fields: &fields,
            text: &text,
            from: from.as_deref().unwrap_or("<>"),
        };
        mail.enclose(&cover, state)?;
        // Loops were over the parts of another message.
        state.end_loops();
        Ok(Flow::Next)
    }
}
