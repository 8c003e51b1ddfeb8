//! From tokens to trees (RFC 5228 §8.2). Nesting is bounded; names are not looked up.

use super::lexer::{Lexer, Token};
use super::tree::{Argument, Literal, Node, Value};
use crate::Limits;
use crate::error::{Mistake, Position, ScriptError};

/// `start = commands`
pub fn parse(script: &[u8], limits: &Limits) -> Result<Vec<Node>, ScriptError> {
    if script.len() > limits.script_bytes_max {
        return Err(Mistake::TooMuch("the script is too long").at(Position::default()));
    }
    let text = match std::str::from_utf8(script) {
        Ok(text) => text,
        Err(error) => return Err(not_utf8(script, error.valid_up_to())),
    };
    // QUIRK(Windows Notepad, all): files begin with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lexer = Lexer::new(text);
    let (at, token) = lexer.token()?;
    let mut parser = Parser {
        lexer,
        at,
        token,
        nodes_left: limits.nodes_max,
        nesting_max: limits.nesting_max.min(Limits::NESTING_CEILING),
    };
    let commands = parser.commands(0)?;
    match parser.token {
        Token::End => Ok(commands),
        _ => Err(Mistake::Syntax("a command must begin with a name").at(parser.at)),
    }
}

// RFC 5228 §2.1: scripts are UTF-8.
fn not_utf8(script: &[u8], valid: usize) -> ScriptError {
    let before = String::from_utf8_lossy(script.get(..valid).unwrap_or_default());
    let line = before.matches('\n').count() as u32 + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) as u32 + 1;
    Mistake::Syntax("this is not UTF-8").at(Position { line, column })
}

struct Parser<'s> {
    lexer: Lexer<'s>,
    at: Position,
    token: Token<'s>,
    nodes_left: usize,
    nesting_max: usize,
}

impl<'s> Parser<'s> {
    fn advance(&mut self) -> Result<Token<'s>, ScriptError> {
        let (at, token) = self.lexer.token()?;
        self.at = at;
        Ok(std::mem::replace(&mut self.token, token))
    }

    fn eat(&mut self, mark: u8) -> Result<bool, ScriptError> {
        if self.token != Token::Mark(mark) {
            return Ok(false);
        }
        self.advance()?;
        Ok(true)
    }

    fn expect(&mut self, mark: u8, what: &'static str) -> Result<(), ScriptError> {
        if self.eat(mark)? { Ok(()) } else { Err(Mistake::Syntax(what).at(self.at)) }
    }

    fn count(&mut self, depth: usize) -> Result<(), ScriptError> {
        if depth > self.nesting_max {
            return Err(Mistake::TooMuch("nested too deep").at(self.at));
        }
        let left = self.nodes_left.checked_sub(1);
        self.nodes_left =
            left.ok_or(Mistake::TooMuch("the script has too many parts").at(self.at))?;
        Ok(())
    }

    // commands = *command
    fn commands(&mut self, depth: usize) -> Result<Vec<Node>, ScriptError> {
        let mut commands = Vec::new();
        while let Token::Identifier(_) = self.token {
            let mut command = self.head(depth)?;
            if self.eat(b'{')? {
                command.block = Some(self.commands(depth + 1)?);
                self.expect(b'}', "a block must end with }")?;
            } else {
                self.expect(b';', "a command must end with ; or a block")?;
            }
            commands.push(command);
        }
        Ok(commands)
    }

    // What commands and tests have in common:
    // identifier arguments; arguments = *argument [ test / test-list ]
    fn head(&mut self, depth: usize) -> Result<Node, ScriptError> {
        self.count(depth)?;
        let at = self.at;
        let name = match self.advance()? {
            Token::Identifier(name) => name.into(),
            _ => return Err(Mistake::Syntax("a test must begin with a name").at(at)),
        };
        let mut node = Node { at, name, arguments: Vec::new(), tests: Vec::new(), block: None };
        while let Some(argument) = self.argument(depth)? {
            node.arguments.push(argument);
        }
        if self.eat(b'(')? {
            loop {
                node.tests.push(self.head(depth + 1)?);
                if !self.eat(b',')? {
                    break;
                }
            }
            self.expect(b')', "a list of tests must end with )")?;
        } else if let Token::Identifier(_) = self.token {
            node.tests.push(self.head(depth + 1)?);
        }
        Ok(node)
    }

    // argument = string-list / number / tag
    fn argument(&mut self, depth: usize) -> Result<Option<Argument>, ScriptError> {
        let at = self.at;
        if !matches!(self.token, Token::Tag(_) | Token::Number(_) | Token::Text(_))
            && self.token != Token::Mark(b'[')
        {
            return Ok(None);
        }
        self.count(depth)?;
        let value = match self.advance()? {
            Token::Tag(name) => Value::Tag(name.into()),
            Token::Number(number) => Value::Number(number),
            Token::Text(text) => Value::Text(Literal { at, text: text.into() }),
            _ => Value::List(self.list(depth)?),
        };
        Ok(Some(Argument { at, value }))
    }

    // string-list = "[" string *("," string) "]"
    fn list(&mut self, depth: usize) -> Result<Vec<Literal>, ScriptError> {
        let mut list = Vec::new();
        loop {
            self.count(depth)?;
            let at = self.at;
            match self.advance()? {
                Token::Text(text) => list.push(Literal { at, text: text.into() }),
                _ => return Err(Mistake::Syntax("a list must hold strings").at(at)),
            }
            if !self.eat(b',')? {
                self.expect(b']', "a list must end with ]")?;
                return Ok(list);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<Node>, ScriptError> {
        parse(text.as_bytes(), &Limits::default())
    }

    // The tree on one line.
    fn shown(nodes: &[Node]) -> String {
        let mut text = String::new();
        for node in nodes {
            text.push_str(&node.name);
            for argument in &node.arguments {
                match &argument.value {
                    Value::Tag(name) => text.push_str(&format!(" :{name}")),
                    Value::Number(number) => text.push_str(&format!(" {number}")),
                    Value::Text(literal) => text.push_str(&format!(" {:?}", literal.text)),
                    Value::List(list) => text.push_str(&format!(" [{}]", list.len())),
                }
            }
            for test in &node.tests {
                text.push_str(&format!(" ({})", shown(std::slice::from_ref(test))));
            }
            if let Some(block) = &node.block {
                text.push_str(&format!(" {{{}}}", shown(block)));
            }
            text.push(';');
        }
        text
    }

    #[test]
    fn trees() {
        for (text, expect) in [
            ("", ""),
            ("keep;", "keep;"),
            ("\u{feff}keep;", "keep;"),
            ("require [\"a\",\"b\"] ; stop;", "require [2];stop;"),
            (
                "if not anyof (size :over 1M, true) { discard; } else { keep; }",
                "if (not (anyof (size :over 1048576;) (true;););) {discard;};else {keep;};",
            ),
            ("a {} b \"x\" :t 1;", "a {};b \"x\" :t 1;"),
        ] {
            assert_eq!(shown(&parsed(text).unwrap()), expect, "{text}");
        }
    }

    #[test]
    fn mistakes() {
        for (text, expect) in [
            ("keep", "line 1, column 5: a command must end with ; or a block"),
            ("if true {", "line 1, column 10: a block must end with }"),
            ("}", "line 1, column 1: a command must begin with a name"),
            ("x [];", "line 1, column 4: a list must hold strings"),
            ("x [\"a\" \"b\"];", "line 1, column 8: a list must end with ]"),
            ("if (true;", "line 1, column 9: a list of tests must end with )"),
            ("if ();", "line 1, column 5: a test must begin with a name"),
            ("\n keep keep \"", "line 2, column 12: a string has no end"),
        ] {
            assert_eq!(parsed(text).unwrap_err().to_string(), expect, "{text}");
        }
        let error = parse(b"# \xc3\xa9\nk\xff", &Limits::default()).unwrap_err();
        assert_eq!(error.to_string(), "line 2, column 2: this is not UTF-8");
    }

    #[test]
    fn bounds() {
        let limits =
            Limits { nesting_max: 3, nodes_max: 10, script_bytes_max: 99, ..Limits::default() };
        let told = |text: &str| parse(text.as_bytes(), &limits).unwrap_err().to_string();
        assert_eq!(told("a{b{c{d{e;}}}}"), "line 1, column 9: nested too deep");
        assert_eq!(told("a not not not not x;"), "line 1, column 15: nested too deep");
        assert_eq!(
            told("a;b;c;d;e;f;g;h;i;j;k;"),
            "line 1, column 21: the script has too many parts"
        );
        assert_eq!(told(&" ".repeat(100)), "line 1, column 1: the script is too long");
        // Ten thousand levels end early, and neither way overflows a stack.
        let deep = "if not ".repeat(10_000);
        assert!(parsed(&deep).is_err());
        assert!(parsed(&"a{".repeat(10_000)).is_err());
    }
}
