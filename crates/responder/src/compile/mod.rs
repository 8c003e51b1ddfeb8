//! Trees as programs: each name looked up in a table, each argument checked
//! (RFC 5228 §2.10.5: a script with a mistake does not run at all).

mod arguments;
mod branch;
mod table;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

pub(crate) use arguments::{Arguments, Literals};
pub(crate) use branch::known_beforehand;

use crate::Language;
use crate::capability::{Capability, CapabilitySet};
use crate::error::{Mistake, Position, ScriptError, Warning};
use crate::ext::host;
use crate::host::{HostWord, HostWordKind};
use crate::run::{Block, Statement, Test};
use crate::syntax::{Literal, Node};
use crate::text::{Text, decode_characters};

/// The result of compiling a command.
pub(crate) type CompiledCommand = Result<Box<dyn Statement>, ScriptError>;
/// The result of compiling a test.
pub(crate) type CompiledTest = Result<Box<dyn Test>, ScriptError>;

/// A command that scripts can use.
pub(crate) struct CommandRow {
    pub(crate) name: &'static str,
    /// One of these must be required; none at all for the base of the language.
    pub(crate) needs: &'static [Capability],
    pub(crate) compile: fn(&mut Compiler<'_>, &Node) -> CompiledCommand,
}

/// A test that scripts can use.
pub(crate) struct TestRow {
    pub(crate) name: &'static str,
    /// One of these must be required; none at all for the base of the language.
    pub(crate) needs: &'static [Capability],
    pub(crate) compile: fn(&mut Compiler<'_>, &Node) -> CompiledTest,
}

/// The state of the compiler between commands of one script.
pub(crate) struct Compiler<'c> {
    language: &'c Language,
    required: CapabilitySet,
    mistakes: Vec<ScriptError>,
    // RFC 5228 §3.2: nothing but require may stand before require.
    requires_ended: bool,
    /// The loops around what is compiled, by their names.
    pub(crate) loops: Vec<Option<Box<str>>>,
    /// Variables that `set` named so far.
    pub(crate) variables_set: BTreeSet<Box<str>>,
    warnings: RefCell<Vec<Warning>>,
    regex_bytes: Cell<usize>,
    commands: BTreeSet<&'static str>,
}

/// A script that compiled without mistakes.
pub(crate) struct Compiled {
    pub(crate) block: Block,
    pub(crate) required: CapabilitySet,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) regex_bytes: usize,
    /// Names of the commands that stand in it.
    pub(crate) commands: BTreeSet<&'static str>,
}

/// Compiles a script that was read.
pub(crate) fn compile(nodes: &[Node], language: &Language) -> Result<Compiled, Vec<ScriptError>> {
    let mut compiler = Compiler {
        language,
        required: CapabilitySet::EMPTY,
        mistakes: Vec::new(),
        requires_ended: false,
        loops: Vec::new(),
        variables_set: BTreeSet::new(),
        warnings: RefCell::default(),
        regex_bytes: Cell::new(0),
        commands: BTreeSet::new(),
    };
    let block = compiler.block(nodes);
    let Compiler { mistakes, required, warnings, regex_bytes, commands, .. } = compiler;
    match mistakes.is_empty() {
        true => Ok(Compiled {
            block,
            required,
            warnings: warnings.into_inner(),
            regex_bytes: regex_bytes.get(),
            commands,
        }),
        false => Err(mistakes),
    }
}

impl Compiler<'_> {
    /// Whether the script required it.
    pub(crate) fn has(&self, capability: Capability) -> bool {
        self.required.has(capability)
    }

    pub(crate) fn limits(&self) -> &crate::Limits {
        &self.language.limits
    }

    /// Something that one of `any_of` makes known must have been required.
    pub(crate) fn needs(
        &self,
        at: Position,
        what: impl Into<String>,
        any_of: &[Capability],
    ) -> Result<(), ScriptError> {
        match any_of.first() {
            Some(first) if !any_of.iter().any(|capability| self.has(*capability)) => {
                Err(Mistake::NotRequired { what: what.into(), capability: first.name() }.at(at))
            }
            _ => Ok(()),
        }
    }

    /// Makes a capability known, if it is offered.
    pub(crate) fn require(&mut self, name: &str) -> bool {
        let offered = self.offers(name);
        if let (true, Some(capability)) = (offered, Capability::find(name)) {
            self.required.insert(capability);
            // RFC 6131 §2: vacation-seconds includes vacation. RFC 5235 §3.2: spamtestplus
            // includes spamtest.
            match capability {
                Capability::VacationSeconds => self.required.insert(Capability::Vacation),
                Capability::SpamtestPlus => self.required.insert(Capability::Spamtest),
                _ => {}
            }
        }
        offered
    }

    /// Whether a capability of this name is offered.
    pub(crate) fn offers(&self, name: &str) -> bool {
        let known = Capability::find(name);
        known.is_some_and(|capability| self.language.capabilities.has(capability))
            || self.language.host_capability.is_some_and(|host| host == name)
    }

    /// Whether `ihave` holds for a capability. RFC 5463 §4: never for what changes how a script
    /// is read, unless it was required as well.
    pub(crate) fn ihave(&self, name: &str) -> bool {
        match Capability::find(name) {
            Some(known @ (Capability::Variables | Capability::EncodedCharacter)) => self.has(known),
            _ => self.offers(name),
        }
    }

    /// A string with what the script's extensions make of it.
    pub(crate) fn text(&self, literal: &Literal) -> Result<Text, ScriptError> {
        let told = |mistake: Mistake| mistake.at(literal.at);
        let decoded = match self.has(Capability::EncodedCharacter) && literal.text.contains("${") {
            true => decode_characters(&literal.text).map_err(told)?,
            false => literal.text.to_string(),
        };
        match self.has(Capability::Variables) && decoded.contains("${") {
            true => Text::with_variables(&decoded, self.has(Capability::Include)).map_err(told),
            false => Ok(Text::Fixed(decoded.into())),
        }
    }

    pub(crate) fn texts(&self, literals: Literals<'_>) -> Result<Vec<Text>, ScriptError> {
        literals.iter().map(|literal| self.text(literal)).collect()
    }

    /// A string in which variables may not be used.
    pub(crate) fn constant(&self, literal: &Literal) -> Result<String, ScriptError> {
        match self.text(literal)? {
            Text::Fixed(text) => Ok(text.into()),
            Text::Pieces(_) => {
                Err(Mistake::Value("variables cannot be used here".to_owned()).at(literal.at))
            }
        }
    }

    /// Tells the author something; as many times as mistakes are told.
    pub(crate) fn warn(&self, at: Position, text: impl Into<String>) {
        let mut warnings = self.warnings.borrow_mut();
        if warnings.len() < self.limits().mistakes_max {
            warnings.push(Warning { at, text: text.into() });
        }
    }

    /// Counts a regular expression, all of which together have a bound.
    pub(crate) fn charge_regex(&self, at: Position, bytes: usize) -> Result<(), ScriptError> {
        let sum = self.regex_bytes.get().saturating_add(bytes);
        self.regex_bytes.set(sum);
        match sum > self.limits().regexes_bytes_max {
            true => Err(Mistake::TooMuch("the regular expressions are too many").at(at)),
            false => Ok(()),
        }
    }

    fn tell(&mut self, error: ScriptError) {
        if self.mistakes.len() < self.limits().mistakes_max {
            self.mistakes.push(error);
        }
    }

    /// The commands of a block. Mistakes are kept; one command's do not hide those of the next.
    pub(crate) fn block(&mut self, nodes: &[Node]) -> Block {
        let mut block = Block::default();
        let mut rest = nodes;
        while let Some((node, after)) = rest.split_first() {
            if self.mistakes.len() >= self.limits().mistakes_max {
                // Nobody would be told of more, and each may take long to find.
                break;
            }
            rest = after;
            let compiled = if node.name.eq_ignore_ascii_case("if") {
                self.requires_ended = true;
                branch::compile(self, node, &mut rest)
            } else {
                self.command(node)
            };
            match compiled {
                Ok(statement) => {
                    block.push(node.at, statement);
                    self.warn_of_unreached(node, rest);
                }
                Err(error) => self.tell(error),
            }
        }
        block
    }

    /// Warns of commands behind one that ends the script or the loop around it: they never run.
    fn warn_of_unreached(&self, node: &Node, rest: &[Node]) {
        const ENDS: [&str; 4] = ["stop", "error", "return", "break"];
        let ends = ENDS.iter().any(|name| node.name.eq_ignore_ascii_case(name));
        if ends && let Some(next) = rest.first() {
            self.warn(next.at, format!("nothing behind \"{}\" is run", node.name));
        }
    }

    fn command(&mut self, node: &Node) -> CompiledCommand {
        let name = node.name.to_ascii_lowercase();
        if name == "require" {
            return self.require_command(node);
        }
        self.requires_ended = true;
        let Some(row) = table::find_command(&name) else {
            return match self.host_word(&name, false) {
                Some(word) => host::compile_command(self, node, word),
                None => {
                    let name = node.name.to_string();
                    Err(Mistake::Unknown { kind: "command", name }.at(node.at))
                }
            };
        };
        self.needs(node.at, &*node.name, row.needs)?;
        self.commands.insert(row.name);
        (row.compile)(self, node)
    }

    /// Compiles a test.
    pub(crate) fn test(&mut self, node: &Node) -> CompiledTest {
        let name = node.name.to_ascii_lowercase();
        if let Some(block) = &node.block {
            let at = block.first().map_or(node.at, |first| first.at);
            return Err(Mistake::Misplaced("a test takes no block").at(at));
        }
        let Some(row) = table::find_test(&name) else {
            return match self.host_word(&name, true) {
                Some(word) => host::compile_test(self, node, word),
                None => {
                    let name = node.name.to_string();
                    Err(Mistake::Unknown { kind: "test", name }.at(node.at))
                }
            };
        };
        self.needs(node.at, &*node.name, row.needs)?;
        (row.compile)(self, node)
    }

    fn host_word(&self, name: &str, is_test: bool) -> Option<HostWord> {
        let is_it =
            |word: &HostWord| word.name == name && (word.kind == HostWordKind::Test) == is_test;
        self.language.host_words.iter().copied().find(is_it)
    }

    // require <capabilities: string-list>
    fn require_command(&mut self, node: &Node) -> CompiledCommand {
        if self.requires_ended {
            return Err(Mistake::Misplaced("require must come first").at(node.at));
        }
        let mut arguments = Arguments::of(node);
        let names = arguments.list("capabilities")?;
        arguments.finish()?;
        for literal in names {
            if !self.require(&literal.text) {
                let name = literal.text.to_string();
                self.tell(Mistake::Unknown { kind: "capability", name }.at(literal.at));
            }
        }
        Ok(Box::new(crate::base::control::Nothing))
    }
}
