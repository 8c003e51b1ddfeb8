//! What the server says it can do (RFC 2449 §5).

use auth::{Link, Protocol};
use net::Connection;
use sasl::Name;

use crate::server::Shared;
use crate::settings::Settings;

/// Announced always. RFC 2449 §6.7: nothing here deletes mail by itself, so EXPIRE says NEVER.
/// RFC 6856 §2.2: with USER, names and passwords may be UTF-8.
const ALWAYS: &[&str] = &[
    "TOP",
    "UIDL",
    "RESP-CODES",
    "AUTH-RESP-CODE",
    "PIPELINING",
    "EXPIRE NEVER",
    "UTF8 USER",
    "LANG",
    concat!("IMPLEMENTATION Posthorn-", env!("CARGO_PKG_VERSION")),
];

/// Appends the capability list of a connection.
pub(crate) fn render(
    out: &mut Vec<u8>,
    shared: &Shared,
    connection: &Connection,
    is_signed_in: bool,
) {
    out.extend_from_slice(b"+OK Capabilities follow\r\n");
    // RFC 2449 §5: what is announced before sign-in is announced after it too.
    if may_say_password(&shared.settings, connection) {
        out.extend_from_slice(b"USER\r\n");
    }
    let mechanisms = mechanisms(shared, connection);
    if !mechanisms.is_empty() {
        out.extend_from_slice(b"SASL");
        for mechanism in mechanisms {
            out.push(b' ');
            out.extend_from_slice(mechanism.as_str().as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }
    // RFC 2595 §4: STLS says that the command is permitted in the current state.
    if !is_signed_in && connection.can_start_tls() {
        out.extend_from_slice(b"STLS\r\n");
    }
    for capability in ALWAYS {
        out.extend_from_slice(capability.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
}

/// The SASL mechanisms that can be used on a connection.
pub(crate) fn mechanisms(shared: &Shared, connection: &Connection) -> Vec<Name> {
    link(shared, connection).offered(&shared.settings.mechanisms)
}

/// The connection as somebody signs in over it.
pub(crate) fn link(shared: &Shared, connection: &Connection) -> Link {
    let plaintext_auth = shared.settings.plaintext_auth;
    Link::new(&shared.authenticator, Protocol::Pop3, connection, plaintext_auth)
}

/// Whether USER and PASS may be used: where a mechanism that sends passwords may be.
pub(crate) fn may_say_password(settings: &Settings, connection: &Connection) -> bool {
    let sends = |name: &Name| matches!(name, Name::Plain | Name::Login);
    may_sign_in(settings, connection) && settings.mechanisms.iter().any(sends)
}

/// Whether a password may be sent on this connection (RFC 5034 §4: not without TLS, except
/// where the operator says so).
pub(crate) fn may_sign_in(settings: &Settings, connection: &Connection) -> bool {
    connection.is_tls() || settings.plaintext_auth
}
