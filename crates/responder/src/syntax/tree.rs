//! Scripts as trees, before anybody knows what their names mean.

use crate::error::Position;

/// A command or a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where its name stands.
    pub at: Position,
    /// The name as the script has it.
    pub name: Box<str>,
    /// The arguments, in order.
    pub arguments: Vec<Argument>,
    /// The tests among its arguments, which come last.
    pub tests: Vec<Node>,
    /// The commands of its block; tests have none.
    pub block: Option<Vec<Node>>,
}

/// An argument, with its place in the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// Where it begins.
    pub at: Position,
    /// The value of the argument.
    pub value: Value,
}

/// The value of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A tag without its colon.
    Tag(Box<str>),
    /// A number, with its quantifier applied.
    Number(u64),
    /// A single string.
    Text(Literal),
    /// A list of strings in brackets.
    List(Vec<Literal>),
}

/// A string of a script, its escapes undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    /// Where it begins.
    pub at: Position,
    /// The text of the string.
    pub text: Box<str>,
}
