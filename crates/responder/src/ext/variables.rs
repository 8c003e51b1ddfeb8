//! `variables` (RFC 5229): `set` and `string`. How strings refer to variables stands in `text`.

use crate::capability::Capability;
use crate::compile::{Arguments, CommandRow, CompiledCommand, CompiledTest, Compiler, TestRow};
use crate::error::{ScriptError, Trouble};
use crate::matching::{MatchTags, Matcher};
use crate::run::{Flow, Machine, State, Statement, Test};
use crate::syntax::Node;
use crate::text::{Text, VariableName, variable_name};

const NEEDS: &[Capability] = &[Capability::Variables];

pub(crate) const COMMANDS: &[CommandRow] =
    &[CommandRow { name: "set", needs: NEEDS, compile: compile_set }];

pub(crate) const TESTS: &[TestRow] =
    &[TestRow { name: "string", needs: NEEDS, compile: compile_string }];

/// What happens to a value before it is stored (RFC 5229 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Modifier {
    Lower,
    Upper,
    LowerFirst,
    UpperFirst,
    QuoteWildcard,
    QuoteRegex,
    EncodeUrl,
    Length,
}

/// Name, precedence, and the extension beside `variables` that makes it known.
const MODIFIERS: [(&str, u8, Modifier, Option<Capability>); 8] = [
    ("lower", 40, Modifier::Lower, None),
    ("upper", 40, Modifier::Upper, None),
    ("lowerfirst", 30, Modifier::LowerFirst, None),
    ("upperfirst", 30, Modifier::UpperFirst, None),
    ("quotewildcard", 20, Modifier::QuoteWildcard, None),
    ("quoteregex", 20, Modifier::QuoteRegex, Some(Capability::Regex)),
    // RFC 5435 §6
    ("encodeurl", 15, Modifier::EncodeUrl, Some(Capability::Enotify)),
    ("length", 10, Modifier::Length, None),
];

/// The modifiers of one command, in the order in which they apply.
#[derive(Debug, Default)]
pub(crate) struct Modifiers(Vec<Modifier>);

impl Modifiers {
    pub(crate) fn take(
        arguments: &mut Arguments<'_>,
        compiler: &Compiler<'_>,
    ) -> Result<Self, ScriptError> {
        let mut modifiers = Vec::new();
        let mut precedences = Vec::new();
        for (name, precedence, modifier, capability) in MODIFIERS {
            let Some(at) = arguments.tag(name) else { continue };
            if let Some(capability) = capability {
                compiler.needs(at, format!(":{name}"), &[capability])?;
            }
            // RFC 5229 §4.1: two of the same precedence are an error.
            if precedences.contains(&precedence) {
                return Err(arguments.wrong("two modifiers of the same kind"));
            }
            precedences.push(precedence);
            modifiers.push(modifier);
        }
        Ok(Self(modifiers))
    }

    pub(crate) fn apply(&self, value: String, state: &mut State<'_>) -> Result<String, Trouble> {
        let mut value = value;
        for modifier in &self.0 {
            state.charge(value.len() as u64 / 8)?;
            value = modifier.apply(value);
            if value.len() > state.limits.string_bytes_max {
                return Err(Trouble::TooMuch("a string becomes too long"));
            }
        }
        Ok(value)
    }
}

impl Modifier {
    // RFC 5229 §4.1.3: only letters of ASCII have a case here.
    fn apply(self, value: String) -> String {
        let first = |change: fn(&mut u8)| {
            let mut bytes = value.clone().into_bytes();
            bytes.first_mut().map(change);
            String::from_utf8(bytes).unwrap_or_default()
        };
        match self {
            Self::Lower => value.to_ascii_lowercase(),
            Self::Upper => value.to_ascii_uppercase(),
            Self::LowerFirst => first(|byte| byte.make_ascii_lowercase()),
            Self::UpperFirst => first(|byte| byte.make_ascii_uppercase()),
            Self::QuoteWildcard => quoted(&value, "*?\\"),
            Self::QuoteRegex => quoted(&value, "\\.+*?()|[]{}^$#&-~"),
            Self::EncodeUrl => percent_encoded(&value),
            Self::Length => value.chars().count().to_string(),
        }
    }
}

fn quoted(value: &str, special: &str) -> String {
    let mut quoted = String::with_capacity(value.len());
    for char in value.chars() {
        if special.contains(char) {
            quoted.push('\\');
        }
        quoted.push(char);
    }
    quoted
}

// unreserved = ALPHA / DIGIT / "-" / "." / "_" / "~" (RFC 3986 §2.3) stands for itself.
fn percent_encoded(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0');
            encoded
                .extend(['%', digit(byte >> 4), digit(byte & 15)].map(|c| c.to_ascii_uppercase()));
        }
    }
    encoded
}

struct Set {
    modifiers: Modifiers,
    name: VariableName,
    value: Text,
}

// set [MODIFIER] <name: string> <value: string>
fn compile_set(compiler: &mut Compiler<'_>, node: &Node) -> CompiledCommand {
    let mut arguments = Arguments::of(node);
    let modifiers = Modifiers::take(&mut arguments, compiler)?;
    let literal = arguments.literal("name")?;
    // RFC 5229 §4: the name is a constant.
    let name = compiler.constant(literal)?;
    let name = variable_name(&name, compiler.has(Capability::Include))
        .map_err(|mistake| mistake.at(literal.at))?;
    let value = arguments.text(compiler, "value")?;
    arguments.finish()?;
    compiler.variables_set.insert(name.key.clone());
    Ok(Box::new(Set { modifiers, name, value }))
}

impl Statement for Set {
    fn run(&self, machine: &mut Machine<'_>) -> Result<Flow, Trouble> {
        let state = &mut machine.state;
        let value = state.text(&self.value)?.into_owned();
        let value = self.modifiers.apply(value, state)?;
        state.variables.put(&self.name, value, state.limits)?;
        Ok(Flow::Next)
    }
}

struct StringTest {
    sources: Vec<Text>,
    matcher: Matcher,
}

// string [MATCH-TYPE] [COMPARATOR] <source: string-list> <key-list: string-list>
fn compile_string(compiler: &mut Compiler<'_>, node: &Node) -> CompiledTest {
    let mut arguments = Arguments::of(node);
    let tags = MatchTags::take(&mut arguments, compiler)?;
    let sources = arguments.texts(compiler, "sources")?;
    let keys = arguments.list("keys")?;
    arguments.finish()?;
    let matcher = tags.with_keys(keys, compiler)?;
    Ok(Box::new(StringTest { sources, matcher }))
}

impl Test for StringTest {
    fn holds(&self, machine: &mut Machine<'_>) -> Result<bool, Trouble> {
        let state = &mut machine.state;
        let sources = state.texts(&self.sources)?;
        // RFC 5229 §5: the empty string does not count.
        let counts = self.matcher.counts();
        let values = sources.iter().filter(|source| !counts || !source.is_empty());
        self.matcher.any(state, values.map(|source| &**source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modifiers() {
        // RFC 5229 §4.1
        let value = "juMBlEd lETteRS";
        for (modifier, value, expect) in [
            (Modifier::Length, value, "15"),
            (Modifier::Length, "é€", "2"),
            (Modifier::Lower, value, "jumbled letters"),
            (Modifier::UpperFirst, value, "JuMBlEd lETteRS"),
            (Modifier::LowerFirst, "ÉA", "ÉA"),
            (Modifier::Upper, "é a", "é A"),
            (Modifier::QuoteWildcard, "Rock*\\?", "Rock\\*\\\\\\?"),
            (Modifier::EncodeUrl, "Safe body&evil=é", "Safe%20body%26evil%3D%C3%A9"),
            (Modifier::QuoteRegex, "a.b", "a\\.b"),
        ] {
            assert_eq!(modifier.apply(value.to_owned()), expect, "{value}");
        }
    }
}
