//! `include` (RFC 6609): scripts that use others, and variables they share.
//!
//! DEVIATION(RFC 6609 §3.5): inside `foreverypart` an included script sees the whole message in
//! tests without `:mime`, as the including script does.

use std::sync::Arc;

use crate::capability::Capability;
use crate::compile::{Arguments, CommandRow, CompiledCommand, Compiler};
use crate::env::Location;
use crate::error::{Mistake, Trouble};
use crate::program::Program;
use crate::run::{Flow, Machine, QUESTION_STEPS, State, Statement};
use crate::syntax::Node;
use crate::text::{is_identifier, variable_name};

const NEEDS: &[Capability] = &[Capability::Include];

pub(crate) const COMMANDS: &[CommandRow] = &[
    CommandRow { name: "include", needs: NEEDS, compile },
    CommandRow {
        name: "return",
        needs: NEEDS,
        compile: |_, node| {
            Arguments::of(node).finish()?;
            Ok(Box::new(Return))
        },
    },
    CommandRow { name: "global", needs: NEEDS, compile: compile_global },
];

/// LIMIT: RFC 5804 §1.6, characters of a script's name.
const NAME_CHARS_MAX: usize = 128;

/// A script that a run included, or tried to.
#[derive(Debug, Clone)]
pub(crate) struct Included {
    program: Result<Arc<Program>, String>,
    /// Whether it is among the scripts that run.
    is_running: bool,
}

struct Include {
    location: Location,
    name: String,
    once: bool,
    optional: bool,
}

// include [LOCATION] [":once"] [":optional"] <value: string>
fn compile(compiler: &mut Compiler<'_>, node: &Node) -> CompiledCommand {
    let mut arguments = Arguments::of(node);
    let location = match (arguments.tag("personal"), arguments.tag("global")) {
        (Some(_), Some(_)) => {
            return Err(arguments.wrong(":personal and :global exclude each other"));
        }
        (None, Some(_)) => Location::Global,
        (_, None) => Location::Personal,
    };
    let once = arguments.tag("once").is_some();
    let optional = arguments.tag("optional").is_some();
    let literal = arguments.literal("script")?;
    // RFC 6609 §3.2: the name is a constant, and one that ManageSieve would take.
    let name = compiler.constant(literal)?;
    let is_name = !name.is_empty()
        && name.chars().count() <= NAME_CHARS_MAX
        && !name.contains(|char: char| {
            char.is_control() || matches!(char, '/' | '\u{2028}' | '\u{2029}')
        });
    if !is_name {
        return Err(Mistake::Value(format!("{name:?} is no name of a script")).at(literal.at));
    }
    arguments.finish()?;
    Ok(Box::new(Include { location, name, once, optional }))
}

impl Statement for Include {
    fn run(&self, machine: &mut Machine<'_>) -> Result<Flow, Trouble> {
        let key = (self.location, self.name.clone());
        let state = &mut machine.state;
        let known = state.included.get(&key).cloned();
        let Some(included) = known.clone().or_else(|| self.load(state)) else {
            return match self.optional {
                true => Ok(Flow::Next),
                false => Err(Trouble::Include(format!("there is no script \"{}\"", self.name))),
            };
        };
        // RFC 6609 §3.2: what runs already counts as included.
        if self.once && known.is_some() {
            return Ok(Flow::Next);
        }
        if included.is_running {
            return Err(Trouble::Include(format!("the script \"{}\" includes itself", self.name)));
        }
        let program = included.program.clone().map_err(Trouble::Include)?;
        self.enter(state, &program)?;
        state.included.insert(key.clone(), Included { is_running: true, ..included.clone() });
        let waiting = state.variables.enter();
        // RFC 6609 §3.4: nor does it see, or change, what the last test found here.
        let match_values = std::mem::take(&mut state.match_values);
        let script = state.script.replace(self.name.as_str().into());
        let at = state.at;
        let flow = program.block().run(machine)?;
        let state = &mut machine.state;
        state.variables.leave(waiting);
        state.match_values = match_values;
        state.included.insert(key, included);
        state.script = script;
        state.at = at;
        state.include_depth -= 1;
        match flow {
            Flow::Stop => Ok(Flow::Stop),
            _ => Ok(Flow::Next),
        }
    }
}

impl Include {
    fn load(&self, state: &mut State<'_>) -> Option<Included> {
        let program = state.env.program(self.location, &self.name, state.language)?;
        let program =
            program.map_err(|mistake| format!("in the script \"{}\": {mistake}", self.name));
        Some(Included { program, is_running: false })
    }

    fn enter(&self, state: &mut State<'_>, program: &Program) -> Result<(), Trouble> {
        let left = state.includes_left.checked_sub(1);
        state.includes_left = left.ok_or(Trouble::TooMuch("too many scripts are included"))?;
        state.include_depth += 1;
        if state.include_depth > state.limits.include_depth_max {
            return Err(Trouble::TooMuch("scripts include each other too deep"));
        }
        state.charge(QUESTION_STEPS + program.compiling_cost())
    }
}

struct Return;

impl Statement for Return {
    fn run(&self, _: &mut Machine<'_>) -> Result<Flow, Trouble> {
        Ok(Flow::Return)
    }
}

struct Global(Vec<Box<str>>);

// global <value: string-list> (RFC 6609 §3.4.1)
fn compile_global(compiler: &mut Compiler<'_>, node: &Node) -> CompiledCommand {
    compiler.needs(node.at, "global", &[Capability::Variables])?;
    let mut arguments = Arguments::of(node);
    let mut keys = Vec::new();
    for literal in arguments.list("variables")? {
        let name = compiler.constant(literal)?;
        if !is_identifier(&name) {
            return Err(Mistake::Value(format!("{name:?} is no name of a variable")).at(literal.at));
        }
        let key = variable_name(&name, false).map_err(|mistake| mistake.at(literal.at))?.key;
        // A variable that the script set before is its own.
        if compiler.variables_set.contains(&key) {
            let what = format!("the variable \"{name}\" was set before");
            return Err(Mistake::Value(what).at(literal.at));
        }
        keys.push(key);
    }
    arguments.finish()?;
    Ok(Box::new(Global(keys)))
}

impl Statement for Global {
    fn run(&self, machine: &mut Machine<'_>) -> Result<Flow, Trouble> {
        for key in &self.0 {
            machine.state.variables.share(key);
        }
        Ok(Flow::Next)
    }
}
