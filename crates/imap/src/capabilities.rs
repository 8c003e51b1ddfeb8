//! What the server says it can do, which depends on the state and on TLS.

use net::Connection;

use crate::session::State;
use crate::settings::Settings;
use crate::types::{Command, SearchKey, SearchReturn, SortKey, ThreadAlgorithm};

/// Announced always.
const ALWAYS: &[&str] = &["IMAP4rev2", "IMAP4rev1", "LITERAL+", "SASL-IR", "ID", "ENABLE"];

/// Announced after sign-in too; clients that ask before may plan with them.
const MAIL: &[&str] = &[
    "IDLE",
    "NAMESPACE",
    "UIDPLUS",
    "UNSELECT",
    "CHILDREN",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "SPECIAL-USE",
    "CREATE-SPECIAL-USE",
    "MOVE",
    "MULTIAPPEND",
    "ESEARCH",
    "SEARCHRES",
    "SORT",
    "SORT=DISPLAY",
    "THREAD=ORDEREDSUBJECT",
    "THREAD=REFERENCES",
    "ESORT",
    "MULTISEARCH",
    "SEARCH=FUZZY",
    "I18NLEVEL=2",
    "CONTEXT=SEARCH",
    "CONTEXT=SORT",
    "PARTIAL",
    "WITHIN",
    "BINARY",
    "CONDSTORE",
    "QRESYNC",
    "UIDONLY",
    "STATUS=SIZE",
    "REPLACE",
    "CATENATE",
    "METADATA",
    "METADATA-SERVER",
    "LIST-METADATA",
    "QUOTA",
    "QUOTASET",
    "QUOTA=RES-STORAGE",
    "QUOTA=RES-MESSAGE",
    "QUOTA=RES-MAILBOX",
    "OBJECTID",
    "SAVEDATE",
    "PREVIEW",
    "UTF8=ACCEPT",
];

/// The capabilities of a connection in this state, those switched off left out.
pub(crate) fn names(
    settings: &Settings,
    connection: &Connection,
    state: &State,
) -> Vec<&'static str> {
    let mut names = ALWAYS.to_vec();
    if state.user().is_none() {
        if connection.can_start_tls() {
            names.push("STARTTLS");
        }
        if may_sign_in(settings, connection) {
            names.extend(["AUTH=PLAIN", "AUTH=LOGIN"]);
        } else {
            // RFC 9051 §6.2.3: LOGIN would be refused without TLS.
            names.push("LOGINDISABLED");
        }
    }
    names.extend(MAIL);
    if state.user().is_some() {
        names.push("APPENDLIMIT");
    }
    names.retain(|name| !is_off(settings, name));
    names
}

/// Whether a capability is switched off.
pub(crate) fn is_off(settings: &Settings, name: &str) -> bool {
    settings.disabled_capabilities.iter().any(|off| off.eq_ignore_ascii_case(name))
}

/// A capability that `command` needs and that is switched off.
pub(crate) fn switched_off(settings: &Settings, command: &Command) -> Option<&'static str> {
    if settings.disabled_capabilities.is_empty() {
        return None;
    }
    needed(command).into_iter().find(|name| is_off(settings, name))
}

/// The extensions of searching that a command makes use of.
fn needed(command: &Command) -> Vec<&'static str> {
    match command {
        Command::Search(args) => {
            needed_to_search(&args.key, args.returns, ["ESEARCH", "CONTEXT=SEARCH"])
        }
        Command::Esearch(args) => {
            let mut names = vec!["MULTISEARCH"];
            names.extend(needed_to_search(&args.key, args.returns, ["ESEARCH", "CONTEXT=SEARCH"]));
            names
        }
        Command::Sort(args) => {
            let mut names = vec!["SORT"];
            names.extend(needed_to_search(&args.key, args.returns, ["ESORT", "CONTEXT=SORT"]));
            let displays = |key| matches!(key, SortKey::DisplayFrom | SortKey::DisplayTo);
            if args.criteria.iter().any(|criterion| displays(criterion.key)) {
                names.push("SORT=DISPLAY");
            }
            names
        }
        Command::Thread(args) => {
            let mut names = needed_to_search(&args.key, None, ["ESEARCH", "CONTEXT=SEARCH"]);
            names.push(match args.algorithm {
                ThreadAlgorithm::OrderedSubject => "THREAD=ORDEREDSUBJECT",
                ThreadAlgorithm::References => "THREAD=REFERENCES",
            });
            names
        }
        Command::CancelUpdate(_) => vec!["CONTEXT=SEARCH"],
        Command::Comparator(_) => vec!["I18NLEVEL=2"],
        Command::Fetch(args) if args.partial.is_some() => vec!["PARTIAL"],
        _ => Vec::new(),
    }
}

/// The same for keys and result options; `extended` and `context` are the capabilities that stand
/// for RETURN and for following its results.
fn needed_to_search(
    key: &SearchKey,
    returns: Option<SearchReturn>,
    [extended, context]: [&'static str; 2],
) -> Vec<&'static str> {
    let asked = returns.unwrap_or_default();
    let within = |key: &SearchKey| matches!(key, SearchKey::Older(_) | SearchKey::Younger(_));
    let used = [
        (returns.is_some(), extended),
        (asked.save, "SEARCHRES"),
        (asked.partial.is_some(), "PARTIAL"),
        (asked.context || asked.update, context),
        (asked.relevancy || key.is_fuzzy(), "SEARCH=FUZZY"),
        (key.any(&mut |key| within(key)), "WITHIN"),
    ];
    used.into_iter().filter(|(is_used, _)| *is_used).map(|(_, name)| name).collect()
}

/// Whether a password may be sent on this connection (RFC 9051 §11.1).
pub(crate) fn may_sign_in(settings: &Settings, connection: &Connection) -> bool {
    connection.is_tls() || settings.plaintext_auth
}
