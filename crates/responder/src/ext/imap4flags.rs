//! `imap4flags` (RFC 5232): flags set on what is stored.

use crate::capability::Capability;
use crate::compile::{Arguments, CommandRow, CompiledCommand, CompiledTest, Compiler, TestRow};
use crate::error::{ScriptError, Trouble};
use crate::matching::MatchTags;
use crate::run::{Flow, Machine, State, Statement, Test};
use crate::syntax::Node;
use crate::text::{Text, VariableName, variable_name};

const NEEDS: &[Capability] = &[Capability::Imap4Flags];

pub(crate) const COMMANDS: &[CommandRow] = &[
    CommandRow { name: "setflag", needs: NEEDS, compile: |c, node| compile(c, node, Change::Set) },
    CommandRow { name: "addflag", needs: NEEDS, compile: |c, node| compile(c, node, Change::Add) },
    CommandRow {
        name: "removeflag",
        needs: NEEDS,
        compile: |c, node| compile(c, node, Change::Remove),
    },
];

pub(crate) const TESTS: &[TestRow] =
    &[TestRow { name: "hasflag", needs: NEEDS, compile: compile_test }];

/// `":flags" <list-of-flags: string-list>` (RFC 5232 §5)
#[derive(Debug)]
pub(crate) struct FlagsTag(Vec<Text>);

impl FlagsTag {
    pub(crate) fn take(
        arguments: &mut Arguments<'_>,
        compiler: &Compiler<'_>,
    ) -> Result<Option<Self>, ScriptError> {
        let Some(literals) = arguments.tagged_list("flags")? else { return Ok(None) };
        compiler.needs(arguments.at(), ":flags", NEEDS)?;
        Ok(Some(Self(compiler.texts(literals)?)))
    }

    /// The flags to set: those of the tag, or those of the internal variable.
    pub(crate) fn flags(tag: Option<&Self>, state: &mut State<'_>) -> Result<Vec<String>, Trouble> {
        match tag {
            Some(Self(texts)) => read(texts, state),
            None => Ok(state.flags.clone()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Set,
    Add,
    Remove,
}

struct ChangeFlags {
    change: Change,
    // The internal variable where there is none (RFC 5232 §2).
    variable: Option<VariableName>,
    flags: Vec<Text>,
}

// setflag/addflag/removeflag [<variablename: string>] <list-of-flags: string-list>
fn compile(compiler: &mut Compiler<'_>, node: &Node, change: Change) -> CompiledCommand {
    let mut arguments = Arguments::of(node);
    let variable = match arguments.left() {
        2 => Some(take_variable(&mut arguments, compiler)?),
        _ => None,
    };
    let flags = arguments.texts(compiler, "flags")?;
    arguments.finish()?;
    Ok(Box::new(ChangeFlags { change, variable, flags }))
}

fn take_variable(
    arguments: &mut Arguments<'_>,
    compiler: &Compiler<'_>,
) -> Result<VariableName, ScriptError> {
    let literal = arguments.literal("variable")?;
    // RFC 5232 §2: a name of a variable needs the extension that knows variables.
    compiler.needs(literal.at, "a variable", &[Capability::Variables])?;
    let name = compiler.constant(literal)?;
    variable_name(&name, compiler.has(Capability::Include))
        .map_err(|mistake| mistake.at(literal.at))
}

/// The flags in some strings, each once, those that no mailbox can store left out
/// (RFC 5232 §2).
fn read(texts: &[Text], state: &mut State<'_>) -> Result<Vec<String>, Trouble> {
    let mut flags: Vec<String> = Vec::new();
    for text in texts {
        let text = state.text(text)?;
        state.charge(1 + text.len() as u64 / 16)?;
        for name in text.split_ascii_whitespace() {
            let known = flags.iter().any(|known| known.eq_ignore_ascii_case(name));
            if known || !is_flag(name) {
                continue;
            }
            if flags.len() >= state.limits.flags_max {
                return Err(Trouble::TooMuch("too many flags"));
            }
            flags.push(name.to_owned());
        }
    }
    state.charge(1 + flags.len() as u64)?;
    Ok(flags)
}

fn is_flag(name: &str) -> bool {
    match message::flag::Flag::parse(name.as_bytes()) {
        Ok(message::flag::Flag::System(flag)) => flag.names().all(|name| name != "\\Recent"),
        Ok(message::flag::Flag::Keyword(_)) => true,
        Err(_) => false,
    }
}

impl Statement for ChangeFlags {
    fn run(&self, machine: &mut Machine<'_>) -> Result<Flow, Trouble> {
        let state = &mut machine.state;
        let given = read(&self.flags, state)?;
        let mut flags: Vec<String> = match (&self.variable, self.change) {
            (_, Change::Set) => Vec::new(),
            (None, _) => std::mem::take(&mut state.flags),
            (Some(name), _) => words(state.variables.value(name)),
        };
        for flag in given {
            let place = flags.iter().position(|known| known.eq_ignore_ascii_case(&flag));
            match (self.change, place) {
                (Change::Remove, Some(at)) => {
                    flags.remove(at);
                }
                (Change::Set | Change::Add, None) => flags.push(flag),
                _ => {}
            }
        }
        if flags.len() > state.limits.flags_max {
            return Err(Trouble::TooMuch("too many flags"));
        }
        match &self.variable {
            None => state.flags = flags,
            Some(name) => state.variables.put(name, flags.join(" "), state.limits)?,
        }
        Ok(Flow::Next)
    }
}

fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_ascii_whitespace().filter(|word| is_flag(word)) {
        if !words.iter().any(|known| known.eq_ignore_ascii_case(word)) {
            words.push(word.to_owned());
        }
    }
    words
}

struct HasFlag {
    tags: MatchTags,
    variables: Option<Vec<VariableName>>,
    flags: Vec<Text>,
}

// hasflag [MATCH-TYPE] [COMPARATOR] [<variable-list: string-list>]
//         <list-of-flags: string-list>
fn compile_test(compiler: &mut Compiler<'_>, node: &Node) -> CompiledTest {
    let mut arguments = Arguments::of(node);
    let tags = MatchTags::take(&mut arguments, compiler)?;
    tags.refuse_lists(&arguments)?;
    let variables = match arguments.left() {
        2 => {
            let mut names = Vec::new();
            for literal in arguments.list("variables")? {
                compiler.needs(literal.at, "a variable", &[Capability::Variables])?;
                let name = compiler.constant(literal)?;
                let includes = compiler.has(Capability::Include);
                names.push(variable_name(&name, includes).map_err(|m| m.at(literal.at))?);
            }
            Some(names)
        }
        _ => None,
    };
    let literals = arguments.list("flags")?;
    // Patterns that are wrong are told before anything runs.
    tags.with_keys(literals, compiler)?;
    let flags = compiler.texts(literals)?;
    arguments.finish()?;
    Ok(Box::new(HasFlag { tags, variables, flags }))
}

impl Test for HasFlag {
    fn holds(&self, machine: &mut Machine<'_>) -> Result<bool, Trouble> {
        let state = &mut machine.state;
        // RFC 5232 §2: a string may hold several flags.
        let mut keys: Vec<String> = Vec::new();
        for text in &self.flags {
            let text = state.text(text)?;
            let before = keys.len();
            keys.extend(text.split_ascii_whitespace().map(str::to_owned));
            if keys.len() == before {
                keys.push(String::new());
            }
        }
        let values: Vec<String> = match &self.variables {
            None => state.flags.clone(),
            Some(names) => {
                names.iter().flat_map(|name| words(state.variables.value(name))).collect()
            }
        };
        let matcher = self.tags.with_texts(&keys, state)?;
        matcher.any(state, values.iter().map(String::as_str))
    }
}
