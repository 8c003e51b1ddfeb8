//! Where a push goes: what a URL of a push service may be.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The parts of a URL of a push service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Name or address, without brackets.
    pub(crate) host: String,
    /// The port that goes without saying, or another.
    pub(crate) port: u16,
    /// The path with its query.
    pub(crate) path: String,
}

impl Target {
    /// RFC 8030 §8: https alone. Nobody's password is kept, and a port below 1024 other than its
    /// own belongs to something else.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let rest = url.strip_prefix("https://")?;
        let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (authority, 443),
        };
        let host = match host.strip_prefix('[') {
            Some(six) => six.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?.to_string(),
            None => host.to_ascii_lowercase(),
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
        let is_good = !host.is_empty()
            && host.bytes().all(plain)
            && (!host.contains(':') || host.parse::<Ipv6Addr>().is_ok())
            && (port == 443 || port >= 1024)
            && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        is_good.then(|| Self { host, port, path: path.to_owned() })
    }

    /// `Host`.
    pub(crate) fn authority(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        if self.port == 443 { host } else { format!("{host}:{}", self.port) }
    }

    /// RFC 6454 §6.2: what a token is for.
    pub(crate) fn origin(&self) -> String {
        format!("https://{}", self.authority())
    }
}

/// Whether an address is one of the Internet: a subscription must not reach what stands behind
/// the same wall as the server.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => is_public_four(four),
        IpAddr::V6(six) => is_public_six(six),
    }
}

fn is_public_four(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = match (a, b) {
        (0 | 10 | 127, _) | (224.., _) => true,
        (100, 64..128) | (169, 254) | (172, 16..32) | (192, 168) | (198, 18..20) => true,
        (192, 0) => c == 0 || c == 2,
        (198, 51) => c == 100,
        (203, 0) => c == 113,
        _ => false,
    };
    !is_special
}

fn is_public_six(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, ..] = address.segments();
    let [.., w, x, y, z] = address.octets();
    // RFC 6052 §2.1: an address of IPv4 behind a translator.
    if (a, b, c, d, e, f) == (0x64, 0xff9b, 0, 0, 0, 0) {
        return is_public_four(Ipv4Addr::new(w, x, y, z));
    }
    // RFC 4291 §2.4: 2000::/3 is what is given out; Teredo, 6to4 and what is for documents apart.
    let is_given_out = a & 0xe000 == 0x2000;
    is_given_out && a != 0x2002 && !(a == 0x2001 && (b < 0x200 || b == 0xdb8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        for (url, expect) in [
            ("https://a.test/x?y=1", Some(("a.test", 443, "/x?y=1", "https://a.test"))),
            ("https://A.test:8443", Some(("a.test", 8443, "/", "https://a.test:8443"))),
            (
                "https://[2001:db8::1]:2000/",
                Some(("2001:db8::1", 2000, "/", "https://[2001:db8::1]:2000")),
            ),
            ("http://a.test/", None),
            ("https://u:p@a.test/", None),
            ("https://a.test:25/", None),
            ("https://a.test/#x", None),
            ("https:///x", None),
            ("https://a b/", None),
            ("https://a.test:x/", None),
        ] {
            let found = Target::parse(url);
            let found = found.as_ref();
            let parts = found.map(|it| (it.host.as_str(), it.port, it.path.as_str(), it.origin()));
            let expect = expect.map(|(a, b, c, d)| (a, b, c, d.to_owned()));
            assert_eq!(parts, expect, "{url}");
        }
    }

    #[test]
    fn addresses_behind_the_wall_are_told() {
        for (address, expect) in [
            ("1.1.1.1", true),
            ("127.0.0.1", false),
            ("10.1.2.3", false),
            ("172.31.0.1", false),
            ("172.32.0.1", true),
            ("192.168.0.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("0.0.0.0", false),
            ("255.255.255.255", false),
            ("2606:4700::1", true),
            ("::1", false),
            ("::ffff:10.0.0.1", false),
            ("64:ff9b::0a00:1", false),
            ("64:ff9b::0101:0101", true),
            ("fd00::1", false),
            ("fe80::1", false),
            ("2002:a00:1::", false),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), expect, "{address}");
        }
    }
}
