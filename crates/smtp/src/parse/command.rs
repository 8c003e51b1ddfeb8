//! Parsing of one command line (RFC 5321 §4.1.1), with the parameters of the extensions that are
//! served. Nothing is looked up, and no state is asked.

use crate::error::SyntaxError;
use crate::parse::parameters::{parse_mail_parameters, parse_rcpt_parameters};
use crate::parse::path::{parse_forward_path, parse_reverse_path};
use crate::types::{ClientName, MailParameters, Recipient, ReversePath};

/// The three ways to begin a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Greeting {
    /// HELO: no extensions.
    Helo,
    /// EHLO.
    Ehlo,
    /// LHLO, RFC 2033 §4.1.
    Lhlo,
}

/// A command whose arguments are valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command<'a> {
    /// HELO, EHLO, LHLO.
    Hello(Greeting, ClientName),
    /// STARTTLS.
    StartTls,
    /// AUTH with its mechanism and the initial response, still in base64.
    Auth(&'a str, Option<&'a str>),
    /// MAIL.
    Mail(ReversePath, MailParameters),
    /// RCPT.
    Rcpt(Recipient),
    /// DATA.
    Data,
    /// BDAT.
    Bdat {
        /// How many bytes follow.
        size_bytes: u64,
        /// Whether they are the last of the message.
        last: bool,
    },
    /// RSET.
    Rset,
    /// VRFY.
    Vrfy,
    /// EXPN.
    Expn,
    /// HELP.
    Help,
    /// NOOP.
    Noop,
    /// QUIT.
    Quit,
}

/// All verbs, sorted.
pub const VERBS: [&str; 15] = [
    "AUTH", "BDAT", "DATA", "EHLO", "EXPN", "HELO", "HELP", "LHLO", "MAIL", "NOOP", "QUIT", "RCPT",
    "RSET", "STARTTLS", "VRFY",
];

/// The first word of a line, which may be no verb.
pub fn verb_of(line: &[u8]) -> &[u8] {
    line.split(|&byte| byte == b' ').next().unwrap_or_default()
}

/// Parses one line, its CRLF already removed.
///
/// RFC 5321 §4.1.1: `command = verb [SP arguments] CRLF`; verbs in any case.
pub fn parse_command(line: &[u8]) -> Result<Command<'_>, SyntaxError> {
    // RFC 5321 §4.1.1: white space before the CRLF should be tolerated.
    let line = line.trim_ascii_end();
    // RFC 6531 §3.3 adds UTF-8 to the arguments, nothing else; RFC 5321 §4.1.2 forbids
    // control characters.
    let line = str::from_utf8(line).map_err(|_| SyntaxError::Characters)?;
    if line.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(SyntaxError::Characters);
    }
    let (verb, arguments) = match line.split_once(' ') {
        Some((verb, arguments)) => (verb, arguments.trim_start_matches(' ')),
        None => (line, ""),
    };
    // The longest verb has eight letters; a copy on the stack makes the match readable.
    let mut upper = [0; 8];
    let Some(name) = upper.get_mut(..verb.len()) else {
        return Err(SyntaxError::UnknownCommand);
    };
    name.copy_from_slice(verb.as_bytes());
    name.make_ascii_uppercase();
    parse_arguments(name, arguments)
}

fn parse_arguments<'a>(verb: &[u8], arguments: &'a str) -> Result<Command<'a>, SyntaxError> {
    match verb {
        b"HELO" => parse_hello(Greeting::Helo, arguments),
        b"EHLO" => parse_hello(Greeting::Ehlo, arguments),
        b"LHLO" => parse_hello(Greeting::Lhlo, arguments),
        b"STARTTLS" => without_arguments(Command::StartTls, arguments),
        b"AUTH" => parse_auth(arguments),
        b"MAIL" => parse_mail(arguments),
        b"RCPT" => parse_rcpt(arguments),
        b"DATA" => without_arguments(Command::Data, arguments),
        b"BDAT" => parse_bdat(arguments),
        b"RSET" => without_arguments(Command::Rset, arguments),
        // RFC 5321 §4.1.1.6 and §4.1.1.7: VRFY and EXPN need a string.
        b"VRFY" if arguments.is_empty() => Err(SyntaxError::Arguments),
        b"VRFY" => Ok(Command::Vrfy),
        b"EXPN" => Ok(Command::Expn),
        b"HELP" => Ok(Command::Help),
        // RFC 5321 §4.1.1.9: a parameter of NOOP is ignored.
        b"NOOP" => Ok(Command::Noop),
        b"QUIT" => without_arguments(Command::Quit, arguments),
        _ => Err(SyntaxError::UnknownCommand),
    }
}

/// RFC 5321 §4.3.2: 501 for arguments where none are allowed.
fn without_arguments<'a>(
    command: Command<'a>,
    arguments: &str,
) -> Result<Command<'a>, SyntaxError> {
    if arguments.is_empty() { Ok(command) } else { Err(SyntaxError::Arguments) }
}

/// RFC 5321 §4.1.1.1: `ehlo = "EHLO" SP ( Domain / address-literal ) CRLF`.
fn parse_hello(greeting: Greeting, arguments: &str) -> Result<Command<'_>, SyntaxError> {
    let name = ClientName::new(arguments).ok_or(SyntaxError::Arguments)?;
    Ok(Command::Hello(greeting, name))
}

/// RFC 4954 §8: `auth-command = "AUTH" SP sasl-mech [SP initial-response]`.
fn parse_auth(arguments: &str) -> Result<Command<'_>, SyntaxError> {
    let (mechanism, initial) = match arguments.split_once(' ') {
        Some((mechanism, initial)) => (mechanism, Some(initial.trim_start_matches(' '))),
        None => (arguments, None),
    };
    // RFC 4422 §3.1: `sasl-mech = 1*20mech-char`.
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !(1..=20).contains(&mechanism.len()) || !mechanism.bytes().all(valid) {
        return Err(SyntaxError::Arguments);
    }
    if initial.is_some_and(|text| text.is_empty() || text.contains(' ')) {
        return Err(SyntaxError::Arguments);
    }
    Ok(Command::Auth(mechanism, initial))
}

/// RFC 5321 §4.1.1.2: `mail = "MAIL FROM:" Reverse-path [SP Mail-parameters]`.
fn parse_mail(arguments: &str) -> Result<Command<'_>, SyntaxError> {
    let (reverse_path, rest) = parse_reverse_path(after_keyword(arguments, "FROM:")?)?;
    Ok(Command::Mail(reverse_path, parse_mail_parameters(rest)?))
}

/// RFC 5321 §4.1.1.3: `rcpt = "RCPT TO:" ( "<Postmaster>" / Forward-path ) [SP Rcpt-parameters]`.
fn parse_rcpt(arguments: &str) -> Result<Command<'_>, SyntaxError> {
    let (path, rest) = parse_forward_path(after_keyword(arguments, "TO:")?)?;
    let (notify, original) = parse_rcpt_parameters(rest)?;
    Ok(Command::Rcpt(Recipient { path, notify, original }))
}

fn after_keyword<'a>(arguments: &'a str, keyword: &str) -> Result<&'a str, SyntaxError> {
    let (start, rest) = arguments.split_at_checked(keyword.len()).ok_or(SyntaxError::Arguments)?;
    if !start.eq_ignore_ascii_case(keyword) {
        return Err(SyntaxError::Arguments);
    }
    // QUIRK(Outlook, any): it sends `MAIL FROM: <a@b>` with a space.
    Ok(rest.trim_start_matches(' '))
}

/// RFC 3030 §2: `bdat-cmd = "BDAT" SP chunk-size [ SP end-marker ]`, `end-marker = "LAST"`.
fn parse_bdat(arguments: &str) -> Result<Command<'_>, SyntaxError> {
    let (size, last) = match arguments.split_once(' ') {
        Some((size, marker)) if marker.trim_start_matches(' ').eq_ignore_ascii_case("LAST") => {
            (size, true)
        }
        Some(_) => return Err(SyntaxError::Arguments),
        None => (arguments, false),
    };
    // RFC 3030 §2: `chunk-size = 1*DIGIT`; a sign, which `parse` takes, is not a digit.
    if !size.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(SyntaxError::Arguments);
    }
    let size_bytes = size.parse().map_err(|_| SyntaxError::Arguments)?;
    Ok(Command::Bdat { size_bytes, last })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_come_in_any_case_and_with_white_space_behind() {
        let name = |text| ClientName::new(text).unwrap();
        let cases: &[(&str, Command<'_>)] = &[
            ("ehlo mx.example.org", Command::Hello(Greeting::Ehlo, name("mx.example.org"))),
            ("HeLo [192.0.2.1]  ", Command::Hello(Greeting::Helo, name("[192.0.2.1]"))),
            ("LHLO  a", Command::Hello(Greeting::Lhlo, name("a"))),
            ("STARTTLS", Command::StartTls),
            ("auth PLAIN", Command::Auth("PLAIN", None)),
            ("AUTH LOGIN YQ==", Command::Auth("LOGIN", Some("YQ=="))),
            ("data \t", Command::Data),
            ("BDAT 86 LAST", Command::Bdat { size_bytes: 86, last: true }),
            ("bdat 0 last", Command::Bdat { size_bytes: 0, last: true }),
            ("BDAT 100000", Command::Bdat { size_bytes: 100_000, last: false }),
            ("rset", Command::Rset),
            ("VRFY postmaster", Command::Vrfy),
            ("EXPN list", Command::Expn),
            ("HELP me", Command::Help),
            ("NOOP whatever", Command::Noop),
            ("QUIT", Command::Quit),
        ];
        for (line, command) in cases {
            assert_eq!(parse_command(line.as_bytes()).as_ref(), Ok(command), "{line:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_apart() {
        use SyntaxError::{Arguments, Characters, UnknownCommand};
        let cases: &[(&[u8], SyntaxError)] = &[
            (b"", UnknownCommand),
            (b" EHLO a", UnknownCommand),
            (b"FOO", UnknownCommand),
            (b"STARTTLSX", UnknownCommand),
            (b"EHLO", Arguments),
            (b"EHLO a b", Arguments),
            (b"STARTTLS now", Arguments),
            (b"DATA x", Arguments),
            (b"RSET x", Arguments),
            (b"QUIT x", Arguments),
            (b"VRFY", Arguments),
            (b"AUTH", Arguments),
            (b"AUTH PLAIN a b", Arguments),
            (b"AUTH AVERYVERYLONGMECHANISM", Arguments),
            (b"BDAT", Arguments),
            (b"BDAT +1", Arguments),
            (b"BDAT 1 LAST x", Arguments),
            (b"BDAT 99999999999999999999", Arguments),
            (b"MAIL <a@b>", Arguments),
            (b"MAIL TO:<a@b>", Arguments),
            (b"RCPT FROM:<a@b>", Arguments),
            (b"NOOP \x01", Characters),
            (b"NOOP a\tb", Characters),
            (b"NOOP \xff", Characters),
            (b"NOOP a\rb", Characters),
            (b"NOOP a\0", Characters),
        ];
        for (line, error) in cases {
            assert_eq!(parse_command(line), Err(*error), "{:?}", String::from_utf8_lossy(line));
        }
    }
}
