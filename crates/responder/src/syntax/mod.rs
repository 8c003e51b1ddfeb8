//! Scripts read: bytes to tokens to trees (RFC 5228 §8). What the names mean comes later.

mod lexer;
mod parser;
mod tree;

pub use parser::parse;
pub use tree::{Argument, Literal, Node, Value};
