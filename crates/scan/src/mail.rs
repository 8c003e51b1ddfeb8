//! What scanners are told of a message.

use std::net::SocketAddr;

/// Where a message comes from, which decides which checks look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Another server.
    Incoming,
    /// An account that signed in.
    Outgoing,
    /// A server on this machine, over LMTP.
    Local,
}

/// The TLS of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlsOfPeer<'a> {
    /// Such as `TLSv1.3`.
    pub version: &'a str,
    /// The cipher suite.
    pub cipher: &'a str,
}

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer<'a> {
    /// Where it connects from.
    pub address: SocketAddr,
    /// Its name in the DNS, where that is known and points back.
    pub name: Option<&'a str>,
    /// What it calls itself; empty where it did not say.
    pub helo: &'a str,
    /// TLS, where it is used.
    pub tls: Option<TlsOfPeer<'a>>,
}

/// A message and its envelope.
#[derive(Debug, Clone, Copy)]
pub struct Mail<'a> {
    /// Where it comes from.
    pub origin: Origin,
    /// Who sends it.
    pub peer: Peer<'a>,
    /// The address of the account that signed in.
    pub account: Option<&'a str>,
    /// Empty for the null path.
    pub reverse_path: &'a str,
    /// One at least.
    pub recipients: &'a [String],
    /// Our name for the message.
    pub id: &'a str,
    /// Our host name.
    pub hostname: &'a str,
    /// Header and body, without our trace fields.
    pub message: &'a [u8],
}
