//! Socket addresses and networks.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::str::FromStr;

use toml::de::DeValue;

use super::{OptionValue, list, text};

/// A network: an address and how many of its leading bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// The address the network was written with.
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// How many leading bits of the address count.
    pub const fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether an address lies in the network. An IPv4 address that arrives mapped into IPv6
    /// (a socket bound to `[::]`) counts as the IPv4 address it is.
    pub fn contains(self, peer: IpAddr) -> bool {
        let (ours, theirs) = (bits(self.address.to_canonical()), bits(peer.to_canonical()));
        let prefix = u32::from(self.prefix);
        match (ours, theirs) {
            ((ours, 32), (theirs, 32)) => same_prefix(ours, theirs, prefix, 32),
            ((ours, 128), (theirs, 128)) => same_prefix(ours, theirs, prefix, 128),
            _ => false,
        }
    }
}

fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

fn same_prefix(a: u128, b: u128, prefix: u32, width: u32) -> bool {
    (a ^ b).checked_shr(width.saturating_sub(prefix)).unwrap_or(0) == 0
}

impl FromStr for Network {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, String> {
        let refusal = || format!("\"{written}\" is no network; for example 10.0.0.0/8 or ::1");
        let (address, prefix) = match written.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (written, None),
        };
        let address: IpAddr = address.parse().map_err(|_| refusal())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| refusal())?,
            None => width,
        };
        if prefix > width { Err(refusal()) } else { Ok(Self { address, prefix }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl OptionValue for Vec<Network> {
    const TYPE: &'static str = "list of networks";

    fn parse(value: &DeValue<'_>, _: &Path) -> Result<Self, String> {
        list(value, |value| text(value, "a network such as \"10.0.0.0/8\"")?.parse())
    }
}

impl OptionValue for Vec<SocketAddr> {
    const TYPE: &'static str = "address and port, or a list of them";

    fn parse(value: &DeValue<'_>, _: &Path) -> Result<Self, String> {
        let addresses = list(value, |value| {
            let written = text(value, "an address and port such as \"[::]:993\"")?;
            written.parse().map_err(|_| {
                format!("\"{written}\" is no address and port; for example 0.0.0.0:993, [::]:993")
            })
        })?;
        if addresses.is_empty() {
            return Err("expected at least one address and port".to_owned());
        }
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_what_their_prefix_says() {
        for (network, address, inside) in [
            ("10.0.0.0/8", "10.255.1.2", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::1", "::1", true),
        ] {
            let parsed: Network = network.parse().unwrap();
            assert_eq!(parsed.contains(address.parse().unwrap()), inside, "{network} {address}");
        }
    }

    #[test]
    fn networks_are_read_strictly() {
        for written in
            ["", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/", "host/8", "1.2.3.4/-1"]
        {
            assert!(written.parse::<Network>().is_err(), "{written:?}");
        }
    }
}
