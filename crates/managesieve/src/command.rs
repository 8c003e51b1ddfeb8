//! Commands and their arguments (RFC 5804 §2).

use storage::ScriptName;

use crate::error::{CommandError, Result};
use crate::parse::{SyntaxError, Word};

/// When a command may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowed {
    Always,
    BeforeSignIn,
    AfterSignIn,
}

/// A parsed command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Authenticate {
        mechanism: String,
        initial: Option<Vec<u8>>,
    },
    StartTls,
    Logout,
    Capability,
    HaveSpace {
        name: ScriptName,
        size_bytes: u64,
    },
    PutScript {
        name: ScriptName,
        text: Vec<u8>,
    },
    ListScripts,
    /// `None`: no script is active.
    SetActive(Option<ScriptName>),
    GetScript(ScriptName),
    DeleteScript(ScriptName),
    RenameScript {
        from: ScriptName,
        to: ScriptName,
    },
    CheckScript(Vec<u8>),
    Noop(Option<Vec<u8>>),
    Unauthenticate,
}

/// Every command by name, with the place where it may stand.
const TABLE: &[(&str, Allowed)] = &[
    ("AUTHENTICATE", Allowed::BeforeSignIn),
    ("CAPABILITY", Allowed::Always),
    ("CHECKSCRIPT", Allowed::AfterSignIn),
    ("DELETESCRIPT", Allowed::AfterSignIn),
    ("GETSCRIPT", Allowed::AfterSignIn),
    ("HAVESPACE", Allowed::AfterSignIn),
    ("LISTSCRIPTS", Allowed::AfterSignIn),
    ("LOGOUT", Allowed::Always),
    ("NOOP", Allowed::Always),
    ("PUTSCRIPT", Allowed::AfterSignIn),
    ("RENAMESCRIPT", Allowed::AfterSignIn),
    ("SETACTIVE", Allowed::AfterSignIn),
    ("STARTTLS", Allowed::BeforeSignIn),
    ("UNAUTHENTICATE", Allowed::AfterSignIn),
];

/// The names, for counting.
pub(crate) fn names() -> Vec<&'static str> {
    TABLE.iter().map(|(name, _)| *name).collect()
}

/// The name of the command that these words are, if there is one.
pub(crate) fn name_of(words: &[Word]) -> Option<(&'static str, Allowed)> {
    let Some(Word::Atom(name)) = words.first() else { return None };
    TABLE.iter().find(|(known, _)| known == name).copied()
}

/// Understands the words of a command.
pub(crate) fn parse_command(words: Vec<Word>) -> Result<Command> {
    let (name, _) = name_of(&words).ok_or(SyntaxError::UnknownCommand)?;
    let mut words = words.into_iter().skip(1);
    let arguments = [words.next(), words.next()];
    if words.next().is_some() {
        return Err(SyntaxError::Arguments.into());
    }
    let command = match (name, arguments) {
        ("AUTHENTICATE", [Some(Word::Text(mechanism)), None]) => {
            Command::Authenticate { mechanism: utf8(mechanism)?, initial: None }
        }
        ("AUTHENTICATE", [Some(Word::Text(mechanism)), Some(Word::Text(initial))]) => {
            Command::Authenticate { mechanism: utf8(mechanism)?, initial: Some(initial) }
        }
        ("STARTTLS", [None, None]) => Command::StartTls,
        ("LOGOUT", [None, None]) => Command::Logout,
        ("CAPABILITY", [None, None]) => Command::Capability,
        ("LISTSCRIPTS", [None, None]) => Command::ListScripts,
        ("UNAUTHENTICATE", [None, None]) => Command::Unauthenticate,
        ("NOOP", [None, None]) => Command::Noop(None),
        ("NOOP", [Some(Word::Text(tag)), None]) => Command::Noop(Some(tag)),
        ("HAVESPACE", [Some(Word::Text(name)), Some(Word::Number(size_bytes))]) => {
            Command::HaveSpace { name: script(name)?, size_bytes }
        }
        ("PUTSCRIPT", [Some(Word::Text(name)), Some(Word::Text(text))]) => {
            Command::PutScript { name: script(name)?, text }
        }
        // RFC 5804 §2.8: the empty name stands for none.
        ("SETACTIVE", [Some(Word::Text(name)), None]) if name.is_empty() => {
            Command::SetActive(None)
        }
        ("SETACTIVE", [Some(Word::Text(name)), None]) => Command::SetActive(Some(script(name)?)),
        ("GETSCRIPT", [Some(Word::Text(name)), None]) => Command::GetScript(script(name)?),
        ("DELETESCRIPT", [Some(Word::Text(name)), None]) => Command::DeleteScript(script(name)?),
        ("RENAMESCRIPT", [Some(Word::Text(from)), Some(Word::Text(to))]) => {
            Command::RenameScript { from: script(from)?, to: script(to)? }
        }
        ("CHECKSCRIPT", [Some(Word::Text(text)), None]) => Command::CheckScript(text),
        _ => return Err(SyntaxError::Arguments.into()),
    };
    Ok(command)
}

fn utf8(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|_| CommandError::from(SyntaxError::Arguments))
}

fn script(name: Vec<u8>) -> Result<ScriptName> {
    Ok(ScriptName::parse(&utf8(name)?)?)
}
