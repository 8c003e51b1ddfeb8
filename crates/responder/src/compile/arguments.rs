//! The arguments of one command or test, taken one after the other by what understands them.
//!
//! **Invariant:** what nobody took is a mistake: see [`Arguments::finish`].

use crate::capability::Capability;
use crate::compile::Compiler;
use crate::error::{Mistake, Position, ScriptError};
use crate::syntax::{Argument, Literal, Node, Value};
use crate::text::Text;

/// Strings with their places, as a list or a single one.
pub(crate) type Literals<'n> = &'n [Literal];

/// The arguments of one node.
pub(crate) struct Arguments<'n> {
    pub(crate) node: &'n Node,
    taken: Vec<bool>,
    // Where the next positional argument may stand.
    next: usize,
    // Where the first of them stood.
    first: Option<usize>,
}

impl<'n> Arguments<'n> {
    pub(crate) fn of(node: &'n Node) -> Self {
        Self { node, taken: vec![false; node.arguments.len()], next: 0, first: None }
    }

    /// Where the command or test stands.
    pub(crate) fn at(&self) -> Position {
        self.node.at
    }

    /// A mistake in the arguments, told where the command stands.
    pub(crate) fn wrong(&self, what: impl Into<String>) -> ScriptError {
        Mistake::Arguments(format!("{}: {}", self.node.name, what.into())).at(self.at())
    }

    // The index of a tag that nobody took.
    fn find(&self, name: &str) -> Option<usize> {
        self.node.arguments.iter().enumerate().position(|(index, argument)| {
            let free = self.taken.get(index) == Some(&false);
            free && matches!(&argument.value, Value::Tag(tag) if tag.eq_ignore_ascii_case(name))
        })
    }

    fn take(&mut self, index: usize) -> Option<&'n Argument> {
        let argument = self.node.arguments.get(index)?;
        match self.taken.get_mut(index) {
            Some(taken) if !*taken => *taken = true,
            _ => return None,
        }
        Some(argument)
    }

    /// Whether the tag is there, and where.
    pub(crate) fn tag(&mut self, name: &str) -> Option<Position> {
        let index = self.find(name)?;
        self.take(index).map(|argument| argument.at)
    }

    /// Like `tag`, for a tag that an extension adds.
    pub(crate) fn tag_of(
        &mut self,
        compiler: &Compiler<'_>,
        name: &str,
        capability: Capability,
    ) -> Result<Option<Position>, ScriptError> {
        let found = self.tag(name);
        if let Some(at) = found {
            compiler.needs(at, format!(":{name}"), &[capability])?;
        }
        Ok(found)
    }

    // The argument that belongs to a tag.
    fn tagged(&mut self, name: &str) -> Result<Option<&'n Argument>, ScriptError> {
        let Some(index) = self.find(name) else { return Ok(None) };
        let tag = self.take(index).map_or(self.at(), |argument| argument.at);
        match self.take(index + 1) {
            Some(argument) => Ok(Some(argument)),
            None => Err(Mistake::Arguments(format!(":{name} needs an argument")).at(tag)),
        }
    }

    /// `:name <text>`
    pub(crate) fn tagged_literal(
        &mut self,
        name: &str,
    ) -> Result<Option<&'n Literal>, ScriptError> {
        match self.tagged(name)? {
            None => Ok(None),
            Some(Argument { value: Value::Text(literal), .. }) => Ok(Some(literal)),
            Some(other) => Err(Mistake::Arguments(format!(":{name} needs a string")).at(other.at)),
        }
    }

    /// `:name <text>`, of which variables may be a part.
    pub(crate) fn tagged_text(
        &mut self,
        compiler: &Compiler<'_>,
        name: &str,
    ) -> Result<Option<Text>, ScriptError> {
        self.tagged_literal(name)?.map(|literal| compiler.text(literal)).transpose()
    }

    /// `:name <string-list>`
    pub(crate) fn tagged_list(&mut self, name: &str) -> Result<Option<Literals<'n>>, ScriptError> {
        match self.tagged(name)? {
            None => Ok(None),
            Some(Argument { value: Value::Text(literal), .. }) => {
                Ok(Some(std::slice::from_ref(literal)))
            }
            Some(Argument { value: Value::List(list), .. }) => Ok(Some(list)),
            Some(other) => Err(Mistake::Arguments(format!(":{name} needs strings")).at(other.at)),
        }
    }

    /// `:name <number>`
    pub(crate) fn tagged_number(&mut self, name: &str) -> Result<Option<u64>, ScriptError> {
        match self.tagged(name)? {
            None => Ok(None),
            Some(Argument { value: Value::Number(number), .. }) => Ok(Some(*number)),
            Some(other) => Err(Mistake::Arguments(format!(":{name} needs a number")).at(other.at)),
        }
    }

    // The next argument that is no tag, and that no tag took.
    fn positional(&mut self) -> Option<&'n Argument> {
        while let Some(argument) = self.node.arguments.get(self.next) {
            if self.taken.get(self.next) == Some(&false) {
                self.first = self.first.or(Some(self.next));
                return Some(argument);
            }
            self.next += 1;
        }
        None
    }

    /// How many positional arguments are left, as far as it is known by now.
    pub(crate) fn left(&self) -> usize {
        let free = |(argument, taken): &(&Argument, &bool)| {
            !**taken && !matches!(argument.value, Value::Tag(_))
        };
        self.node.arguments.iter().zip(&self.taken).filter(free).count()
    }

    /// The next positional argument, a string.
    pub(crate) fn literal(&mut self, what: &str) -> Result<&'n Literal, ScriptError> {
        match self.positional() {
            Some(Argument { value: Value::Text(literal), .. }) => {
                self.take(self.next);
                Ok(literal)
            }
            found => Err(self.expected(found, what, "a string")),
        }
    }

    /// The next positional argument, a string of which variables may be a part.
    pub(crate) fn text(
        &mut self,
        compiler: &Compiler<'_>,
        what: &str,
    ) -> Result<Text, ScriptError> {
        let literal = self.literal(what)?;
        compiler.text(literal)
    }

    /// The next positional argument, a string list or a single string.
    pub(crate) fn list(&mut self, what: &str) -> Result<Literals<'n>, ScriptError> {
        match self.positional() {
            Some(Argument { value: Value::Text(literal), .. }) => {
                self.take(self.next);
                Ok(std::slice::from_ref(literal))
            }
            Some(Argument { value: Value::List(list), .. }) => {
                self.take(self.next);
                Ok(list)
            }
            found => Err(self.expected(found, what, "a list of strings")),
        }
    }

    /// The next positional argument, a string list of which variables may be a part.
    pub(crate) fn texts(
        &mut self,
        compiler: &Compiler<'_>,
        what: &str,
    ) -> Result<Vec<Text>, ScriptError> {
        compiler.texts(self.list(what)?)
    }

    fn expected(&self, found: Option<&Argument>, what: &str, kind: &str) -> ScriptError {
        match found {
            Some(Argument { at, value: Value::Tag(tag) }) => {
                Mistake::Unknown { kind: "tag", name: format!(":{tag}") }.at(*at)
            }
            Some(argument) => {
                Mistake::Arguments(format!("{}: the {what} must be {kind}", self.node.name))
                    .at(argument.at)
            }
            None => self.wrong(format!("the {what} is missing")),
        }
    }

    /// Everything must have been taken, and the node have `tests` tests and no block.
    pub(crate) fn finish(self) -> Result<(), ScriptError> {
        self.finish_arguments()?;
        match (self.node.tests.first(), &self.node.block) {
            (Some(test), _) => {
                Err(Mistake::Arguments(format!("{} takes no test", self.node.name)).at(test.at))
            }
            (None, Some(_)) => Err(self.wrong("takes no block")),
            (None, None) => Ok(()),
        }
    }

    /// Every argument must have been taken; tests and block are looked at elsewhere.
    pub(crate) fn finish_arguments(&self) -> Result<(), ScriptError> {
        // RFC 5228 §2.6.2: tags come before the arguments that have their meaning by their order.
        let mut after = self.node.arguments.iter().skip(self.first.unwrap_or(usize::MAX));
        let late = after.find(|argument| matches!(argument.value, Value::Tag(_)));
        if let Some(late) = late {
            let what = format!("{}: tags come before other arguments", self.node.name);
            return Err(Mistake::Arguments(what).at(late.at));
        }
        let mut pairs = self.node.arguments.iter().zip(&self.taken);
        let Some((argument, _)) = pairs.find(|(_, taken)| !**taken) else { return Ok(()) };
        Err(match &argument.value {
            Value::Tag(tag) if self.node.arguments.iter().any(|other| {
                other.at != argument.at
                    && matches!(&other.value, Value::Tag(name) if name.eq_ignore_ascii_case(tag))
            }) =>
            {
                Mistake::Arguments(format!(":{tag} is given twice")).at(argument.at)
            }
            Value::Tag(tag) => {
                Mistake::Unknown { kind: "tag", name: format!(":{tag}") }.at(argument.at)
            }
            _ => Mistake::Arguments(format!("{} has an argument too many", self.node.name))
                .at(argument.at),
        })
    }
}
