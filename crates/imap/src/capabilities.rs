//! What the server says it can do, which depends on the state and on TLS.

use std::borrow::Cow;

use auth::{Link, Protocol};
use net::Connection;
use sasl::Name;

use crate::server::Shared;
use crate::session::{State, SwitchedOff};
use crate::settings::Settings;

mod needed;

pub(crate) use needed::missing;

/// Capabilities that are announced in every state.
const ALWAYS: &[&str] = &["IMAP4rev2", "IMAP4rev1", "LITERAL+", "SASL-IR", "ID", "ENABLE"];

/// Announced after sign-in too; clients that ask before may plan with them.
const MAIL: &[&str] = &[
    "IDLE",
    "COMPRESS=DEFLATE",
    "NAMESPACE",
    "UIDPLUS",
    "UNSELECT",
    "CHILDREN",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "SPECIAL-USE",
    "CREATE-SPECIAL-USE",
    // QUIRK(Outlook, 2013): lists mailboxes with XLIST where that is announced.
    "XLIST",
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
    "LANGUAGE",
    "CONTEXT=SEARCH",
    "CONTEXT=SORT",
    "PARTIAL",
    "WITHIN",
    "BINARY",
    "CONDSTORE",
    "QRESYNC",
    "UIDONLY",
    "NOTIFY",
    "INPROGRESS",
    "STATUS=SIZE",
    "REPLACE",
    "CATENATE",
    "URLAUTH",
    "URLAUTH=BINARY",
    "URL-PARTIAL",
    "ACL",
    "RIGHTS=texkn",
    "LIST-MYRIGHTS",
    "ANNOTATE-EXPERIMENT-1",
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

/// Announced after sign-in only.
const SIGNED_IN: &[&str] = &["APPENDLIMIT", "UNAUTHENTICATE"];

/// Whether this server knows a capability of that name, in any case, so that it can be switched
/// off; with the names of families, such as AUTH.
pub fn is_capability(name: &str) -> bool {
    let others = ["STARTTLS", "MESSAGELIMIT", "SAVELIMIT", "IMAPSIEVE"];
    let known = [ALWAYS, MAIL, SIGNED_IN, &others].into_iter().flatten().copied();
    let known = known.chain(Name::ALL.map(Name::as_capability));
    let is = |wanted: &str| wanted.eq_ignore_ascii_case(name);
    known.into_iter().any(|known| is(known) || known.split_once('=').is_some_and(|(f, _)| is(f)))
}

/// The capabilities of a connection in this state, those switched off left out.
pub(crate) fn names(
    shared: &Shared,
    connection: &Connection,
    state: &State,
    off: &SwitchedOff,
) -> Vec<Cow<'static, str>> {
    let settings = &shared.settings;
    let mut names = ALWAYS.to_vec();
    if state.user().is_none() {
        if connection.can_start_tls() {
            names.push("STARTTLS");
        }
        let offered = link(shared, connection).offered(&settings.mechanisms);
        names.extend(offered.into_iter().map(Name::as_capability));
        if !may_log_in(settings, connection, off) {
            // RFC 9051 §6.2.3: LOGIN would be refused.
            names.push("LOGINDISABLED");
        }
    }
    names.extend(MAIL);
    if state.user().is_some() {
        names.extend(SIGNED_IN);
    }
    // RFC 6785 §2.1
    let scripts = settings.sieve_server.iter().map(|server| format!("IMAPSIEVE={server}"));
    let limits = limits(settings, off).into_iter().chain(scripts).map(Cow::Owned);
    let mut names: Vec<Cow<'static, str>> =
        names.into_iter().map(Cow::Borrowed).chain(limits).collect();
    names.retain(|name| !off.contains(settings, name));
    names
}

/// RFC 9738 §3: one of the two, or none: the one that holds.
fn limits(settings: &Settings, off: &SwitchedOff) -> Option<String> {
    let (messages, saved) = (settings.message_limit, settings.save_limit);
    [("MESSAGELIMIT", messages), ("SAVELIMIT", saved)]
        .into_iter()
        .find(|(name, limit)| *limit > 0 && !off.contains(settings, name))
        .map(|(name, limit)| format!("{name}={limit}"))
}

/// Whether a password may be sent on this connection (RFC 9051 §11.1).
pub(crate) fn may_sign_in(settings: &Settings, connection: &Connection) -> bool {
    connection.is_tls() || settings.plaintext_auth
}

/// Whether LOGIN may be used on this connection.
pub(crate) fn may_log_in(settings: &Settings, connection: &Connection, off: &SwitchedOff) -> bool {
    let is_off = |name: &Name| off.contains(settings, name.as_capability());
    may_sign_in(settings, connection) && !login_mechanisms(settings).iter().all(is_off)
}

/// The mechanisms that send passwords: where one of them may be used, LOGIN may.
pub(crate) fn login_mechanisms(settings: &Settings) -> Vec<Name> {
    let sends = |name: &Name| matches!(name, Name::Plain | Name::Login);
    settings.mechanisms.iter().copied().filter(sends).collect()
}

/// How many octets a literal may have that the server has not asked for (RFC 7888); `None`: there
/// may be none.
pub(crate) fn unasked_bytes_max(settings: &Settings, off: &SwitchedOff) -> Option<u64> {
    let is_off = |name| off.contains(settings, name);
    match is_off("LITERAL+") {
        false => Some(u64::MAX),
        // RFC 9051 §4.3: IMAP4rev2 has LITERAL-.
        true => (!is_off("IMAP4rev2")).then_some(4096),
    }
}

/// The connection as somebody signs in over it.
pub(crate) fn link(shared: &Shared, connection: &Connection) -> Link {
    let plaintext_auth = shared.settings.plaintext_auth;
    Link::new(&shared.authenticator, Protocol::Imap, connection, plaintext_auth)
}
