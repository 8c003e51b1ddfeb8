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
/// the same wall as the server. No block of the registries of special-purpose addresses
/// (RFC 6890 §2.2) is, not even those that are reached from everywhere: what answers there is often
/// the nearest, and none of them is a push service's.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => is_public_four(four),
        IpAddr::V6(six) => is_public_six(six),
    }
}

fn is_public_four(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = match (a, b, c) {
        (0 | 10 | 127 | 224.., ..) => true,
        (100, 64..128, _) | (169, 254, _) | (172, 16..32, _) | (192, 168, _) => true,
        // RFC 6890, RFC 7535, RFC 7450, RFC 7526, RFC 7534
        (192, 0, 0) | (192, 31, 196) | (192, 52, 193) | (192, 88, 99) | (192, 175, 48) => true,
        // RFC 2544
        (198, 18..20, _) => true,
        // RFC 5737
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => true,
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
    // RFC 4291 §2.4: 2000::/3 is what is given out.
    let is_given_out = a & 0xe000 == 0x2000;
    let is_special = match (a, b, c) {
        // RFC 2928, with Teredo and all else within; RFC 3849
        (0x2001, 0..0x200 | 0xdb8, _) => true,
        // RFC 3056
        (0x2002, ..) => true,
        // RFC 7534
        (0x2620, 0x4f, 0x8000) => true,
        // RFC 9637
        (0x3fff, 0..0x1000, _) => true,
        _ => false,
    };
    is_given_out && !is_special
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
    /// The first and the last address of each block of the two registries, and what is beside it.
    #[test]
    fn special_blocks_are_not_of_the_internet() {
        for (first, last, beside) in [
            ("0.0.0.0", "0.255.255.255", "1.0.0.0"),
            ("10.0.0.0", "10.255.255.255", "11.0.0.0"),
            ("100.64.0.0", "100.127.255.255", "100.128.0.0"),
            ("127.0.0.0", "127.255.255.255", "128.0.0.0"),
            ("169.254.0.0", "169.254.255.255", "169.255.0.0"),
            ("172.16.0.0", "172.31.255.255", "172.32.0.0"),
            ("192.0.0.0", "192.0.0.255", "192.0.1.0"),
            ("192.0.2.0", "192.0.2.255", "192.0.3.0"),
            ("192.31.196.0", "192.31.196.255", "192.31.197.0"),
            ("192.52.193.0", "192.52.193.255", "192.52.194.0"),
            ("192.88.99.0", "192.88.99.255", "192.88.100.0"),
            ("192.168.0.0", "192.168.255.255", "192.169.0.0"),
            ("192.175.48.0", "192.175.48.255", "192.175.49.0"),
            ("198.18.0.0", "198.19.255.255", "198.20.0.0"),
            ("198.51.100.0", "198.51.100.255", "198.51.101.0"),
            ("203.0.113.0", "203.0.113.255", "203.0.114.0"),
            ("224.0.0.0", "255.255.255.255", "223.255.255.255"),
            ("::", "::1", "2606:4700::"),
            ("::ffff:0:0", "::ffff:ffff:ffff", "64:ff9b::101:101"),
            ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "2606:4700::"),
            ("100::", "100::ffff:ffff:ffff:ffff", "2606:4700::"),
            ("100:0:0:1::", "100::1:ffff:ffff:ffff:ffff", "2606:4700::"),
            ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"),
            ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"),
            ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"),
            ("2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", "2620:4f:8001::"),
            ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"),
            ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2606:4700::"),
            ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2606:4700::"),
            ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2606:4700::"),
            ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2606:4700::"),
        ] {
            let found = [first, last, beside].map(|text| is_public(text.parse().unwrap()));
            assert_eq!(found, [false, false, true], "{first} {last} {beside}");
        }
    }
}
