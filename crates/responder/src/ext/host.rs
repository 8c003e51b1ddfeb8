//! Words of the program that runs scripts (see [`crate::HostWord`]).

use crate::action::{Action, Keep, Outcome};
use crate::compile::{Arguments, CompiledCommand, CompiledTest, Compiler};
use crate::error::{Mistake, Position, ScriptError, Trouble};
use crate::host::{HostArgument, HostCall, HostReply, HostWord, HostWordKind};
use crate::mail::Mail;
use crate::run::{Block, Flow, Machine, Statement, Test};
use crate::syntax::{Node, Value};
use crate::text::Text;

enum Argument {
    Tag(String),
    Number(u64),
    Texts(Vec<Text>),
}

struct Call {
    word: HostWord,
    at: Position,
    arguments: Vec<Argument>,
    block: Option<Block>,
}

pub(crate) fn compile_command(
    compiler: &mut Compiler<'_>,
    node: &Node,
    word: HostWord,
) -> CompiledCommand {
    let block = match (word.kind, &node.block) {
        (HostWordKind::Block, Some(block)) => Some(compiler.block(block)),
        (HostWordKind::Command, None) => None,
        _ => return Err(Mistake::Misplaced("this word cannot be used so").at(node.at)),
    };
    Ok(Box::new(compile(compiler, node, word, block)?))
}

pub(crate) fn compile_test(
    compiler: &mut Compiler<'_>,
    node: &Node,
    word: HostWord,
) -> CompiledTest {
    if word.kind != HostWordKind::Test {
        return Err(Mistake::Misplaced("this word is no test").at(node.at));
    }
    Ok(Box::new(compile(compiler, node, word, None)?))
}

fn compile(
    compiler: &Compiler<'_>,
    node: &Node,
    word: HostWord,
    block: Option<Block>,
) -> Result<Call, ScriptError> {
    let mut arguments = Vec::new();
    for argument in &Arguments::of(node).node.arguments {
        arguments.push(match &argument.value {
            Value::Tag(tag) => Argument::Tag(tag.to_string()),
            Value::Number(number) => Argument::Number(*number),
            Value::Text(literal) => Argument::Texts(vec![compiler.text(literal)?]),
            Value::List(list) => Argument::Texts(compiler.texts(list)?),
        });
    }
    Ok(Call { word, at: node.at, arguments, block })
}

impl Call {
    fn ask(
        &self,
        machine: &mut Machine<'_>,
        ended: Option<Result<(), &str>>,
    ) -> Result<bool, Trouble> {
        let mut arguments = Vec::with_capacity(self.arguments.len());
        for argument in &self.arguments {
            arguments.push(match argument {
                Argument::Tag(tag) => HostArgument::Tag(tag.clone()),
                Argument::Number(number) => HostArgument::Number(*number),
                Argument::Texts(texts) => {
                    let texts = machine.state.texts(texts)?;
                    HostArgument::Texts(texts.into_iter().map(Into::into).collect())
                }
            });
        }
        let message = machine.mail.render().into_owned();
        let pending = machine.pending()?;
        let call = HostCall {
            name: self.word.name,
            at: self.at,
            arguments: &arguments,
            ended,
            message: &message,
            pending: &pending,
        };
        match machine.state.env.host(&call) {
            HostReply::Next => {}
            HostReply::Holds(holds) => return Ok(holds),
            HostReply::Message { message, flags, from, to } => {
                machine.mail = Mail::new(message, machine.state.limits);
                machine.state.flags = flags;
                let envelope = machine.state.envelope.get_or_insert_default();
                (envelope.from, envelope.to) = (from.into(), to.into());
            }
            HostReply::Forget => {
                machine.state.actions.clear();
                machine.state.seen.clear();
                machine.state.keeps_implicitly = true;
                machine.state.has_vacation = false;
            }
            HostReply::Envelope(part, value) => {
                let envelope = machine.state.envelope.get_or_insert_default();
                match part {
                    "from" => envelope.from = value.into(),
                    "to" => envelope.to = value.into(),
                    _ => envelope.auth = Some(value.into()),
                }
            }
            HostReply::Now(now) => machine.state.now = now,
            HostReply::Fail(what) => return Err(Trouble::Raised(what)),
        }
        Ok(true)
    }
}

impl Machine<'_> {
    fn pending(&mut self) -> Result<Outcome, Trouble> {
        let mut pending = Outcome { actions: self.state.actions.clone(), ..Outcome::default() };
        if self.state.keeps_implicitly {
            pending.actions.push(Action::Keep(Keep {
                is_implicit: true,
                flags: self.state.flags.clone(),
                version: self.kept_version()?,
            }));
        }
        pending.versions = self.mail.versions().to_vec();
        pending.seen = self.state.seen.clone();
        Ok(pending)
    }
}

impl Test for Call {
    fn holds(&self, machine: &mut Machine<'_>) -> Result<bool, Trouble> {
        self.ask(machine, None)
    }
}

impl Statement for Call {
    fn run(&self, machine: &mut Machine<'_>) -> Result<Flow, Trouble> {
        self.ask(machine, None)?;
        let Some(block) = &self.block else { return Ok(Flow::Next) };
        // A block that fails ends; what follows it does not.
        let result = block.run(machine);
        machine.state.loops.clear();
        let told = result.map(|_| ()).map_err(|trouble| trouble.to_string());
        self.ask(machine, Some(told.as_ref().copied().map_err(String::as_str)))?;
        Ok(Flow::Next)
    }
}
