//! What scanners are told of a message: its peer, its envelope and its bytes.

use std::net::SocketAddr;

/// Where a message comes from, which decides which checks look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It comes from another server.
    Incoming,
    /// An account that signed in.
    Outgoing,
    /// A server on this machine, over LMTP.
    Local,
}

/// The TLS of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlsOfPeer<'a> {
    /// The version, such as `TLSv1.3`.
    pub version: &'a str,
    /// The cipher suite.
    pub cipher: &'a str,
}

/// The client that sends the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer<'a> {
    /// The address and port that it connects from.
    pub address: SocketAddr,
    /// Its name in the DNS, where that is known and points back.
    pub name: Option<&'a str>,
    /// What it calls itself; empty where it did not say.
    pub helo: &'a str,
    /// TLS, where it is used.
    pub tls: Option<TlsOfPeer<'a>>,
}

/// A recipient of the message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recipient {
    /// The address, without brackets.
    pub address: String,
    /// The parameters of its RCPT, such as `NOTIFY=NEVER`.
    pub parameters: Vec<String>,
}

impl From<&str> for Recipient {
    fn from(address: &str) -> Self {
        Self { address: address.to_owned(), parameters: Vec::new() }
    }
}

/// A message and its envelope; or the envelope alone, as far as it is known, before there is a
/// message.
#[derive(Debug, Clone, Copy)]
pub struct Mail<'a> {
    /// Where it comes from.
    pub origin: Origin,
    /// The client that sends the message.
    pub peer: Peer<'a>,
    /// The address of the account that signed in.
    pub account: Option<&'a str>,
    /// The mechanism by which it signed in.
    pub mechanism: Option<&'a str>,
    /// Tells the transactions of a connection apart.
    pub transaction: u64,
    /// The reverse-path; empty for the null path.
    pub reverse_path: &'a str,
    /// The parameters of MAIL, such as `BODY=8BITMIME`.
    pub parameters: &'a [String],
    /// One at least, where there is a message; none is needed before.
    pub recipients: &'a [Recipient],
    /// Our name for the message; empty before there is one.
    pub id: &'a str,
    /// Our host name.
    pub hostname: &'a str,
    /// Header and body, without our trace fields.
    pub message: &'a [u8],
}
