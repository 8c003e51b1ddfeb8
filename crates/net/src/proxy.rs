//! The PROXY protocol, versions 1 and 2, as HAProxy's `proxy-protocol.txt` defines them: a
//! trusted proxy says in front of everything else who the peer really is.
//!
//! The header is read exactly, not a byte further, so that a TLS handshake may follow at once.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::{ConnectionError, TlsFacts};

/// First bytes of version 2.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// LIMIT: longest version 1 line, CRLF included, by its definition.
const LINE_BYTES_MAX: usize = 107;

/// LIMIT: most bytes taken after the fixed part of version 2; addresses need 36, the rest is
/// additions such as the TLS facts and a client certificate's name.
const ADDITIONS_BYTES_MAX: usize = 4_096;

/// What a proxy says about a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProxyHeader {
    /// The real peer and the address it connected to; `None` when the proxy speaks for itself
    /// (a health check) or does not know.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// TLS that ended at the proxy.
    pub tls: Option<TlsFacts>,
}

const UNKNOWN: ProxyHeader = ProxyHeader { addresses: None, tls: None };

/// Reads one header from the front of a stream.
pub(crate) async fn read_header<R>(stream: &mut R) -> Result<ProxyHeader, ConnectionError>
where
    R: AsyncRead + Unpin,
{
    // The shortest header of all, `PROXY UNKNOWN` CRLF, has 15 bytes: 12 are there in any case.
    let mut start = [0; 12];
    stream.read_exact(&mut start).await?;
    let header = if start == SIGNATURE {
        let mut fixed = [0; 4];
        stream.read_exact(&mut fixed).await?;
        let [version_command, family, high, low] = fixed;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length > ADDITIONS_BYTES_MAX {
            return Err(malformed());
        }
        let mut rest = vec![0; length];
        stream.read_exact(&mut rest).await?;
        parse_v2(version_command, family, &rest)
    } else if start.starts_with(b"PROXY ") {
        let mut line = start.to_vec();
        while !line.ends_with(b"\r\n") && line.len() < LINE_BYTES_MAX {
            line.push(stream.read_u8().await?);
        }
        parse_v1(&line)
    } else {
        None
    };
    header.ok_or_else(malformed)
}

fn malformed() -> ConnectionError {
    ConnectionError::Io(std::io::Error::new(
        std::io::ErrorKind::InvalidData,
        "no valid PROXY header",
    ))
}

/// `PROXY TCP4|TCP6 source destination source-port destination-port` CRLF, or
/// `PROXY UNKNOWN` followed by anything.
fn parse_v1(line: &[u8]) -> Option<ProxyHeader> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix("\r\n")?.strip_prefix("PROXY ")?;
    let mut words = line.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(UNKNOWN);
    }
    let mut address = || -> Option<IpAddr> {
        let word = words.next()?;
        match family {
            "TCP4" => word.parse().map(IpAddr::V4).ok(),
            "TCP6" => word.parse().map(IpAddr::V6).ok(),
            _ => None,
        }
    };
    let [source, destination] = [address()?, address()?];
    let mut port = || -> Option<u16> {
        let word = words.next()?;
        let plain =
            word.bytes().all(|b| b.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
        plain.then(|| word.parse().ok()).flatten()
    };
    let [source_port, destination_port] = [port()?, port()?];
    words.next().is_none().then_some(ProxyHeader {
        addresses: Some((
            SocketAddr::new(source, source_port),
            SocketAddr::new(destination, destination_port),
        )),
        tls: None,
    })
}

/// The binary form after its signature: version and command, family, then addresses and
/// additions (`rest`).
fn parse_v2(version_command: u8, family: u8, rest: &[u8]) -> Option<ProxyHeader> {
    match version_command {
        // LOCAL: whatever follows does not count.
        0x20 => return Some(UNKNOWN),
        0x21 => {}
        _ => return None,
    }
    let mut fields = Fields(rest);
    let addresses = match family {
        0x11 => {
            let [source, destination] = [fields.array::<4>()?, fields.array::<4>()?];
            Some((IpAddr::from(Ipv4Addr::from(source)), IpAddr::from(Ipv4Addr::from(destination))))
        }
        0x21 => {
            let [source, destination] = [fields.array::<16>()?, fields.array::<16>()?];
            Some((IpAddr::from(Ipv6Addr::from(source)), IpAddr::from(Ipv6Addr::from(destination))))
        }
        // Unspecified, datagrams and Unix sockets: accepted, and nothing is learnt from them.
        0x00 | 0x12 | 0x22 | 0x31 | 0x32 => return Some(UNKNOWN),
        _ => return None,
    };
    let ports = (fields.number()?, fields.number()?);
    let addresses = addresses.map(|(source, destination)| {
        (SocketAddr::new(source, ports.0), SocketAddr::new(destination, ports.1))
    });
    let mut tls = None;
    while !fields.0.is_empty() {
        let (kind, value) = fields.addition()?;
        if kind == TYPE_SSL {
            tls = parse_tls(value)?;
        }
    }
    Some(ProxyHeader { addresses, tls })
}

const TYPE_SSL: u8 = 0x20;
const SUBTYPE_SSL_VERSION: u8 = 0x21;
const SUBTYPE_SSL_CIPHER: u8 = 0x23;
const CLIENT_SSL: u8 = 0x01;

/// The TLS addition: client bits, verification result, then additions of its own. The outer
/// `None` is a malformed one, the inner one says that the peer spoke no TLS.
fn parse_tls(value: &[u8]) -> Option<Option<TlsFacts>> {
    let mut fields = Fields(value);
    let [client] = fields.array::<1>()?;
    fields.array::<4>()?;
    let mut facts = TlsFacts {
        version: "TLS".into(),
        cipher: "unknown".into(),
        group: None,
        server_name: None,
        at_proxy: true,
    };
    while !fields.0.is_empty() {
        let (kind, value) = fields.addition()?;
        // These end up in a Received field and in the log, so only harmless letters pass.
        let text = || -> Option<Box<str>> {
            let text = std::str::from_utf8(value).ok()?;
            let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
            (plain && !text.is_empty() && text.len() <= 64).then(|| text.into())
        };
        match kind {
            SUBTYPE_SSL_VERSION => facts.version = text()?,
            SUBTYPE_SSL_CIPHER => facts.cipher = text()?,
            _ => {}
        }
    }
    Some((client & CLIENT_SSL != 0).then_some(facts))
}

/// What is left of a binary header.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// Reads one type-length-value triple.
    fn addition(&mut self) -> Option<(u8, &'a [u8])> {
        let [kind] = self.array()?;
        let length = usize::from(self.number()?);
        let (value, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some((kind, value))
    }
}

#[cfg(test)]
mod tests;
