//! What the server says it can do, which depends on the state and on TLS.

use net::Connection;

use crate::session::State;
use crate::settings::Settings;

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
    "WITHIN",
    "BINARY",
    "CONDSTORE",
    "QRESYNC",
    "UIDONLY",
    "STATUS=SIZE",
    "METADATA",
    "METADATA-SERVER",
    "LIST-METADATA",
    "QUOTA",
    "QUOTASET",
    "QUOTA=RES-STORAGE",
    "QUOTA=RES-MESSAGE",
    "QUOTA=RES-MAILBOX",
    "OBJECTID",
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
    names.retain(|name| {
        !settings.disabled_capabilities.iter().any(|off| off.eq_ignore_ascii_case(name))
    });
    names
}

/// Whether a password may be sent on this connection (RFC 9051 §11.1).
pub(crate) fn may_sign_in(settings: &Settings, connection: &Connection) -> bool {
    connection.is_tls() || settings.plaintext_auth
}
