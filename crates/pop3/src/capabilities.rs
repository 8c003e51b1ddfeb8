//! What the server says it can do (RFC 2449 §5).

use net::Connection;

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
    settings: &Settings,
    connection: &Connection,
    is_signed_in: bool,
) {
    out.extend_from_slice(b"+OK Capabilities follow\r\n");
    // RFC 2449 §5: what is announced before sign-in is announced after it too.
    if may_sign_in(settings, connection) {
        out.extend_from_slice(b"USER\r\nSASL");
        for mechanism in mechanisms() {
            out.push(b' ');
            out.extend_from_slice(mechanism.as_bytes());
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

/// The SASL mechanisms there are.
pub(crate) fn mechanisms() -> impl Iterator<Item = &'static str> {
    sasl::MECHANISMS.iter().map(|name| name.as_str())
}

/// Whether a password may be sent on this connection (RFC 5034 §4: not without TLS, except
/// where the operator says so).
pub(crate) fn may_sign_in(settings: &Settings, connection: &Connection) -> bool {
    connection.is_tls() || settings.plaintext_auth
}
