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

impl OptionValue for Vec<IpAddr> {
    const TYPE: &'static str = "address, or a list of them";

    fn parse(value: &DeValue<'_>, _: &Path) -> Result<Self, String> {
        list(value, |value| {
            let written = text(value, "an address such as \"192.0.2.7\"")?;
            written.parse().map_err(|_| format!("\"{written}\" is no IP address"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_written_in_full() {
        for (written, full) in
            [("10.0.0.0/8", "10.0.0.0/8"), ("::1", "::1/128"), ("192.0.2.1", "192.0.2.1/32")]
        {
            assert_eq!(written.parse::<Network>().unwrap().to_string(), full);
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
