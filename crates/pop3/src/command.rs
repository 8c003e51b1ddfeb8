//! Command lines made into commands (RFC 1939 §9, RFC 2449 §3).

use sasl::Password;

/// A command with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// AUTH with a mechanism and, base64 as it stood there, the initial response (RFC 5034 §4).
    Auth {
        /// The mechanism's name.
        mechanism: String,
        /// The initial response.
        initial: Option<String>,
    },
    /// AUTH without arguments: the mechanisms are listed.
    AuthList,
    /// CAPA (RFC 2449 §5).
    Capa,
    /// DELE of a message.
    Dele(u32),
    /// LANG, to list languages or to choose one (RFC 6856 §3).
    Lang(Option<String>),
    /// LIST, of all messages or one.
    List(Option<u32>),
    /// NOOP
    Noop,
    /// PASS
    Pass(Password),
    /// QUIT
    Quit,
    /// RETR of a message.
    Retr(u32),
    /// RSET
    Rset,
    /// STAT
    Stat,
    /// STLS (RFC 2595 §4).
    Stls,
    /// TOP of a message.
    Top {
        /// The number of the message, from 1.
        number: u32,
        /// How many lines of its body.
        lines: u32,
    },
    /// UIDL, of all messages or one.
    Uidl(Option<u32>),
    /// USER
    User(String),
    /// UTF8 (RFC 6856 §2.1).
    Utf8,
}

/// The states of a session in which a command may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// AUTHORIZATION
    BeforeSignIn,
    /// TRANSACTION
    AfterSignIn,
    /// Both states.
    Always,
}

/// A command as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The command.
    pub command: Command,
    /// When it may be.
    pub allowed: Allowed,
}

/// Why a line is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// The first word means nothing.
    #[error("Unknown command")]
    UnknownCommand,
    /// APOP hashes the password with a text of the greeting: it works only where passwords are
    /// kept readable, and with MD5.
    #[error("APOP is not offered")]
    ApopNotOffered,
    /// The command needs more.
    #[error("Argument missing")]
    MissingArgument,
    /// The command takes less.
    #[error("Too many arguments")]
    SurplusArgument,
    /// A number is none.
    #[error("Argument is not a number")]
    NotANumber,
    /// RFC 6856 §2.2: names and passwords that are not UTF-8 are rejected.
    #[error("Argument is not UTF-8")]
    NotUtf8,
    /// Longer than allowed.
    #[error("Line too long")]
    LineTooLong,
}

type ParseResult = Result<Command, SyntaxError>;

struct Row {
    keyword: &'static str,
    allowed: Allowed,
    /// Given what follows the keyword and one space; `None` where nothing does.
    parse: fn(Option<&[u8]>) -> ParseResult,
}

const fn row(
    keyword: &'static str,
    allowed: Allowed,
    parse: fn(Option<&[u8]>) -> ParseResult,
) -> Row {
    Row { keyword, allowed, parse }
}

use Allowed::{AfterSignIn, Always, BeforeSignIn};

const TABLE: &[Row] = &[
    row("AUTH", BeforeSignIn, parse_auth),
    row("CAPA", Always, |rest| bare(rest, Command::Capa)),
    row("DELE", AfterSignIn, |rest| Ok(Command::Dele(parse_message(rest)?))),
    row("LANG", Always, parse_lang),
    row("LIST", AfterSignIn, |rest| Ok(Command::List(parse_optional_message(rest)?))),
    row("NOOP", AfterSignIn, |rest| bare(rest, Command::Noop)),
    row("PASS", BeforeSignIn, parse_pass),
    row("QUIT", Always, |rest| bare(rest, Command::Quit)),
    row("RETR", AfterSignIn, |rest| Ok(Command::Retr(parse_message(rest)?))),
    row("RSET", AfterSignIn, |rest| bare(rest, Command::Rset)),
    row("STAT", AfterSignIn, |rest| bare(rest, Command::Stat)),
    row("STLS", BeforeSignIn, |rest| bare(rest, Command::Stls)),
    row("TOP", AfterSignIn, parse_top),
    row("UIDL", AfterSignIn, |rest| Ok(Command::Uidl(parse_optional_message(rest)?))),
    row("USER", BeforeSignIn, parse_user),
    row("UTF8", BeforeSignIn, |rest| bare(rest, Command::Utf8)),
];

/// The keywords of all commands.
pub(crate) fn keywords() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|row| row.keyword)
}

/// The first word of a line, which may be no command.
pub(crate) fn keyword_of(line: &[u8]) -> &[u8] {
    line.split(|&byte| byte == b' ').next().unwrap_or_default()
}

/// Reads a line without its ending.
///
/// RFC 2449 §3, `command = keyword *(SP param) CRLF`; keywords in any case (RFC 1939 §3).
pub fn parse_command(line: &[u8]) -> Result<Request, SyntaxError> {
    let space = line.iter().position(|&byte| byte == b' ');
    let (keyword, rest) = match space {
        Some(at) => (line.get(..at).unwrap_or_default(), line.get(at + 1..)),
        None => (line, None),
    };
    let Some(row) = TABLE.iter().find(|row| row.keyword.as_bytes().eq_ignore_ascii_case(keyword))
    else {
        let apop = keyword.eq_ignore_ascii_case(b"APOP");
        return Err(if apop { SyntaxError::ApopNotOffered } else { SyntaxError::UnknownCommand });
    };
    Ok(Request { command: (row.parse)(rest)?, allowed: row.allowed })
}

/// The arguments. Programs leave spaces at the end of a line; nothing can be meant by them.
fn words(rest: Option<&[u8]>) -> impl Iterator<Item = &[u8]> {
    let words = rest.unwrap_or_default().split(|&byte| byte == b' ');
    words.filter(|word| !word.is_empty())
}

fn bare(rest: Option<&[u8]>, command: Command) -> ParseResult {
    require_end(&mut words(rest))?;
    Ok(command)
}

fn require_end<'a>(words: &mut impl Iterator<Item = &'a [u8]>) -> Result<(), SyntaxError> {
    words.next().map_or(Ok(()), |_| Err(SyntaxError::SurplusArgument))
}

fn parse_message(rest: Option<&[u8]>) -> Result<u32, SyntaxError> {
    parse_optional_message(rest)?.ok_or(SyntaxError::MissingArgument)
}

fn parse_optional_message(rest: Option<&[u8]>) -> Result<Option<u32>, SyntaxError> {
    let mut words = words(rest);
    let number = words.next().map(parse_number).transpose()?;
    require_end(&mut words)?;
    Ok(number)
}

/// Digits. More of them than a number here can have mean the largest: no maildrop has such a
/// message, and no message so many lines.
fn parse_number(word: &[u8]) -> Result<u32, SyntaxError> {
    word.iter().try_fold(0, |number: u32, byte| {
        let digit = char::from(*byte).to_digit(10).ok_or(SyntaxError::NotANumber)?;
        Ok(number.saturating_mul(10).saturating_add(digit))
    })
}

/// RFC 1939 §7: `TOP msg n`, both required.
fn parse_top(rest: Option<&[u8]>) -> ParseResult {
    let mut words = words(rest);
    let mut number = || parse_number(words.next().ok_or(SyntaxError::MissingArgument)?);
    let (number, lines) = (number()?, number()?);
    require_end(&mut words)?;
    Ok(Command::Top { number, lines })
}

/// RFC 5034 §5: `"AUTH" SP sasl-mech [SP initial-response]`.
///
/// QUIRK(Outlook Express, all): asks for the mechanisms by AUTH alone.
fn parse_auth(rest: Option<&[u8]>) -> ParseResult {
    let mut words = words(rest);
    let Some(mechanism) = words.next() else { return Ok(Command::AuthList) };
    let initial = words.next().map(parse_text).transpose()?;
    require_end(&mut words)?;
    Ok(Command::Auth { mechanism: parse_text(mechanism)?, initial })
}

/// RFC 6856 §3.2: a language range, `*`, or nothing.
fn parse_lang(rest: Option<&[u8]>) -> ParseResult {
    let mut words = words(rest);
    let range = words.next().map(parse_text).transpose()?;
    require_end(&mut words)?;
    Ok(Command::Lang(range))
}

/// A name is one argument, so that spaces in it belong to it (RFC 1939 §7, PASS).
fn parse_user(rest: Option<&[u8]>) -> ParseResult {
    let name = rest.filter(|name| !name.is_empty()).ok_or(SyntaxError::MissingArgument)?;
    Ok(Command::User(parse_text(name)?))
}

/// RFC 1939 §7: spaces belong to the password, those at the end too.
fn parse_pass(rest: Option<&[u8]>) -> ParseResult {
    let password = rest.filter(|text| !text.is_empty()).ok_or(SyntaxError::MissingArgument)?;
    Ok(Command::Pass(Password::new(parse_text(password)?)))
}

fn parse_text(bytes: &[u8]) -> Result<String, SyntaxError> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| SyntaxError::NotUtf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &[u8], expect: Result<Command, SyntaxError>) {
        let parsed = parse_command(line).map(|request| request.command);
        assert_eq!(parsed, expect, "{}", line.escape_ascii());
    }

    fn auth(mechanism: &str, initial: Option<&str>) -> Result<Command, SyntaxError> {
        let initial = initial.map(str::to_owned);
        Ok(Command::Auth { mechanism: mechanism.to_owned(), initial })
    }

    #[test]
    fn commands() {
        use Command::*;
        let table: &[(&[u8], Command)] = &[
            // RFC 1939 §9, in its order.
            (b"USER mrose", User("mrose".to_owned())),
            (b"PASS secret", Pass("secret".into())),
            (b"QUIT", Quit),
            (b"STAT", Stat),
            (b"LIST", List(None)),
            (b"LIST 2", List(Some(2))),
            (b"RETR 1", Retr(1)),
            (b"DELE 1", Dele(1)),
            (b"NOOP", Noop),
            (b"RSET", Rset),
            (b"TOP 1 10", Top { number: 1, lines: 10 }),
            (b"UIDL", Uidl(None)),
            (b"UIDL 2", Uidl(Some(2))),
            (b"CAPA", Capa),
            (b"STLS", Stls),
            (b"UTF8", Utf8),
            (b"LANG", Lang(None)),
            (b"LANG es", Lang(Some("es".to_owned()))),
            (b"LANG *", Lang(Some("*".to_owned()))),
            (b"sTaT", Stat),
            (b"STAT ", Stat),
            (b"LIST  ", List(None)),
            (b"list 2 ", List(Some(2))),
            (b"LIST 0", List(Some(0))),
            (b"LIST 007", List(Some(7))),
            (b"RETR 4294967296", Retr(u32::MAX)),
            (b"RETR 99999999999999999999999", Retr(u32::MAX)),
            (b"TOP 1 0", Top { number: 1, lines: 0 }),
            (b"PASS  two  words ", Pass(" two  words ".into())),
            ("PASS p\u{e4}ss".as_bytes(), Pass("p\u{e4}ss".into())),
            (b"USER julie@example.test ", User("julie@example.test ".to_owned())),
        ];
        for (line, expect) in table {
            check(line, Ok(expect.clone()));
        }
    }

    #[test]
    fn sign_in_by_sasl() {
        check(b"AUTH", Ok(Command::AuthList));
        check(b"AUTH ", Ok(Command::AuthList));
        check(b"AUTH PLAIN", auth("PLAIN", None));
        check(b"auth plain dGVzdAB0ZXN0AHRlc3Q=", auth("plain", Some("dGVzdAB0ZXN0AHRlc3Q=")));
        check(b"AUTH PLAIN =", auth("PLAIN", Some("=")));
        check(b"AUTH PLAIN = =", Err(SyntaxError::SurplusArgument));
        check(b"AUTH \xff", Err(SyntaxError::NotUtf8));
    }

    #[test]
    fn refused() {
        use SyntaxError::*;
        let table: &[(&[u8], SyntaxError)] = &[
            (b"", UnknownCommand),
            (b" STAT", UnknownCommand),
            (b"STATS", UnknownCommand),
            (b"STA", UnknownCommand),
            (b"STAT\t", UnknownCommand),
            (b"XTND XMIT", UnknownCommand),
            (b"GET / HTTP/1.1", UnknownCommand),
            (b"\x16\x03\x01", UnknownCommand),
            (b"APOP mrose c4c9334bac560ecc979e58001b3e22fb", ApopNotOffered),
            (b"STAT 1", SurplusArgument),
            (b"QUIT now", SurplusArgument),
            (b"LIST 1 2", SurplusArgument),
            (b"TOP 1 2 3", SurplusArgument),
            (b"LANG a b", SurplusArgument),
            (b"RETR", MissingArgument),
            (b"RETR ", MissingArgument),
            (b"DELE", MissingArgument),
            (b"TOP", MissingArgument),
            (b"TOP 1", MissingArgument),
            (b"USER", MissingArgument),
            (b"USER ", MissingArgument),
            (b"PASS", MissingArgument),
            (b"PASS ", MissingArgument),
            (b"RETR one", NotANumber),
            (b"RETR -1", NotANumber),
            (b"RETR +1", NotANumber),
            (b"RETR 1x", NotANumber),
            (b"TOP 1 -1", NotANumber),
            (b"LIST \xb2", NotANumber),
            (b"USER j\xfclie", NotUtf8),
            (b"PASS \xff", NotUtf8),
            (b"LANG \xff", NotUtf8),
        ];
        for (line, expect) in table {
            check(line, Err(*expect));
        }
    }

    #[test]
    fn states() {
        for (line, expect) in [
            ("USER a", BeforeSignIn),
            ("AUTH", BeforeSignIn),
            ("STLS", BeforeSignIn),
            ("UTF8", BeforeSignIn),
            ("CAPA", Always),
            ("QUIT", Always),
            ("LANG", Always),
            ("NOOP", AfterSignIn),
            ("UIDL", AfterSignIn),
        ] {
            assert_eq!(parse_command(line.as_bytes()).unwrap().allowed, expect, "{line}");
        }
    }
}
