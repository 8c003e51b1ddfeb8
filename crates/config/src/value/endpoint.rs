//! A server to connect to, elsewhere or on this machine.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use toml::de::DeValue;

use super::scalar::is_host_name;
use super::{OptionValue, text};

/// The port where none is written: SMTP's.
const PORT: u16 = 25;

/// A host name or an address, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    host: String,
    port: u16,
}

impl Endpoint {
    /// The name, lower case, or the address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is on this machine for certain.
    pub fn is_loopback(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl OptionValue for Endpoint {
    const TYPE: &'static str = "host, or host and port";

    fn parse(value: &DeValue<'_>, _: &Path) -> Result<Self, String> {
        let written = text(value, "a host such as \"smtp.example.net:587\"")?;
        split(written)
            .ok_or_else(|| format!("\"{written}\" is no host; for example smtp.example.net:587"))
    }
}

/// Where a program listens that helps this one: a host and a port, or a socket in the file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Socket {
    /// Over TCP.
    Inet(Endpoint),
    /// A socket file.
    Unix(PathBuf),
}

impl OptionValue for Socket {
    const TYPE: &'static str = "`HOST:PORT` or `unix:PATH`";

    fn parse(value: &DeValue<'_>, directory: &Path) -> Result<Self, String> {
        let written = text(value, "\"host:port\" or \"unix:/path\"")?;
        if let Some(path) = written.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Self::Unix(directory.join(path)));
        }
        // Where the port is SMTP's it was left out, or nobody of this kind listens there.
        split(written).filter(|endpoint| endpoint.port != PORT).map(Self::Inet).ok_or_else(|| {
            format!(
                "\"{written}\" is neither host and port nor unix:/path; for example \
                     127.0.0.1:11333"
            )
        })
    }
}

fn split(written: &str) -> Option<Endpoint> {
    if let Some(rest) = written.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        let address: std::net::Ipv6Addr = address.parse().ok()?;
        let port = match rest {
            "" => PORT,
            rest => rest.strip_prefix(':')?.parse().ok()?,
        };
        return Some(Endpoint { host: address.to_string(), port });
    }
    let (host, port) = match written.split_once(':') {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port > 0)?),
        None => (written, PORT),
    };
    is_host_name(host).then(|| Endpoint { host: host.to_ascii_lowercase(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports() {
        for (written, shown) in [
            ("Smtp.example.net", "smtp.example.net:25"),
            ("smtp.example.net:587", "smtp.example.net:587"),
            ("127.0.0.1:2525", "127.0.0.1:2525"),
            ("[::1]", "[::1]:25"),
            ("[2001:db8::1]:465", "[2001:db8::1]:465"),
        ] {
            assert_eq!(split(written).unwrap().to_string(), shown);
        }
        for written in ["", ":25", "a:0", "a:b", "a b", "[::1", "[::1]25", "::1", "a:70000"] {
            assert_eq!(split(written), None, "{written:?}");
        }
        let socket = |written: &str| {
            let quoted = format!("\"{written}\"");
            let value = DeValue::parse(&quoted).unwrap();
            Socket::parse(value.get_ref(), Path::new("/etc"))
        };
        assert_eq!(socket("unix:run/x.sock"), Ok(Socket::Unix("/etc/run/x.sock".into())));
        assert!(matches!(socket("[::1]:783"), Ok(Socket::Inet(_))));
        for written in ["localhost", "unix:", "/run/x.sock", ""] {
            assert!(socket(written).is_err(), "{written:?}");
        }
        assert!(split("127.0.0.1").unwrap().is_loopback());
        assert!(!split("localhost").unwrap().is_loopback());
    }
}
