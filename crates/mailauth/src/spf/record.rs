//! Parsing of SPF records (RFC 7208 §4.5 to §6): mechanisms, qualifiers and modifiers. Nothing is
//! looked up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::SpfVerdict;
use super::macros::MacroString;

/// A record that is well-formed to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// The mechanisms, in order.
    pub(super) directives: Vec<Directive>,
    /// `redirect=`: the record to go on with if no mechanism matches.
    pub(super) redirect: Option<MacroString>,
}

/// A mechanism, and the result if it matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Directive {
    pub(super) verdict: SpfVerdict,
    pub(super) mechanism: Mechanism,
}

/// RFC 7208 §5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mechanism {
    All,
    Include(MacroString),
    A(Option<MacroString>, Prefixes),
    Mx(Option<MacroString>, Prefixes),
    Ptr(Option<MacroString>),
    Network(IpAddr, u8),
    Exists(MacroString),
}

/// `dual-cidr-length`: how many bits of addresses count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prefixes {
    four: u8,
    six: u8,
}

impl Prefixes {
    /// Whether both addresses are of one network.
    pub(super) fn join(self, one: IpAddr, other: IpAddr) -> bool {
        in_network(one, other, if one.is_ipv4() { self.four } else { self.six })
    }
}

/// Whether `address` is in the network of `bits` bits that `network` is in.
pub(super) fn in_network(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let host_bits = 32_u32.saturating_sub(bits.into());
            (a.to_bits() ^ b.to_bits()).checked_shr(host_bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let host_bits = 128_u32.saturating_sub(bits.into());
            (a.to_bits() ^ b.to_bits()).checked_shr(host_bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// RFC 7208 §4.5: whether a TXT record is one of SPF.
pub(super) fn is_record(text: &[u8]) -> bool {
    let Some((version, rest)) = text.split_at_checked(6) else { return false };
    version.eq_ignore_ascii_case(b"v=spf1") && matches!(rest.first(), None | Some(b' '))
}

impl Record {
    /// RFC 7208 §4.6: `None` for a syntax error anywhere.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok().filter(|text| text.is_ascii())?;
        let mut record = Self { directives: Vec::new(), redirect: None };
        let mut explained = false;
        for term in text.split(' ').skip(1).filter(|term| !term.is_empty()) {
            let name_end = term.find([':', '/', '=']).unwrap_or(term.len());
            let (name, argument) = term.split_at(name_end);
            let Some(value) = argument.strip_prefix('=') else {
                record.directives.push(parse_directive(name, argument)?);
                continue;
            };
            match name.to_ascii_lowercase().as_str() {
                // RFC 7208 §6: both at most once.
                "redirect" if record.redirect.is_none() => {
                    record.redirect = Some(MacroString::parse_domain(value)?);
                }
                "exp" if !explained => {
                    MacroString::parse_domain(value)?;
                    explained = true;
                }
                "redirect" | "exp" => return None,
                _ => {
                    let mut chars = name.chars();
                    let is_name = chars.next().is_some_and(|c| c.is_ascii_alphabetic())
                        && chars.all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
                    // RFC 7208 §6: modifiers that nobody knows are passed over.
                    (is_name && MacroString::parse(value).is_some()).then_some(())?;
                }
            }
        }
        Some(record)
    }
}

fn parse_directive(name: &str, argument: &str) -> Option<Directive> {
    let (verdict, name) = match name.split_at_checked(1) {
        Some(("+", name)) => (SpfVerdict::Pass, name),
        Some(("-", name)) => (SpfVerdict::Fail, name),
        Some(("~", name)) => (SpfVerdict::SoftFail, name),
        Some(("?", name)) => (SpfVerdict::Neutral, name),
        _ => (SpfVerdict::Pass, name),
    };
    let value = argument.strip_prefix(':');
    let mechanism = match name.to_ascii_lowercase().as_str() {
        "all" if argument.is_empty() => Mechanism::All,
        "include" => Mechanism::Include(MacroString::parse_domain(value?)?),
        "exists" => Mechanism::Exists(MacroString::parse_domain(value?)?),
        "a" => {
            let (domain, prefixes) = parse_host(argument)?;
            Mechanism::A(domain, prefixes)
        }
        "mx" => {
            let (domain, prefixes) = parse_host(argument)?;
            Mechanism::Mx(domain, prefixes)
        }
        "ptr" if argument.is_empty() => Mechanism::Ptr(None),
        "ptr" => Mechanism::Ptr(Some(MacroString::parse_domain(value?)?)),
        "ip4" => {
            let (address, bits) = split_prefix(value?, 32)?;
            Mechanism::Network(address.parse::<Ipv4Addr>().ok()?.into(), bits)
        }
        "ip6" => {
            let (address, bits) = split_prefix(value?, 128)?;
            Mechanism::Network(address.parse::<Ipv6Addr>().ok()?.into(), bits)
        }
        _ => return None,
    };
    Some(Directive { verdict, mechanism })
}

fn split_prefix(value: &str, bits_max: u8) -> Option<(&str, u8)> {
    match value.split_once('/') {
        Some((address, bits)) => Some((address, parse_bits(bits, bits_max)?)),
        None => Some((value, bits_max)),
    }
}

/// `[ ":" domain-spec ] [ dual-cidr-length ]`. A domain-spec may hold slashes itself.
fn parse_host(argument: &str) -> Option<(Option<MacroString>, Prefixes)> {
    let mut prefixes = Prefixes { four: 32, six: 128 };
    let mut rest = argument;
    if let Some((before, bits)) = rest.rsplit_once("//")
        && is_digits(bits)
    {
        prefixes.six = parse_bits(bits, 128)?;
        rest = before;
    }
    if let Some((before, bits)) = rest.rsplit_once('/')
        && is_digits(bits)
    {
        prefixes.four = parse_bits(bits, 32)?;
        rest = before;
    }
    match rest {
        "" => Some((None, prefixes)),
        rest => Some((Some(MacroString::parse_domain(rest.strip_prefix(':')?)?), prefixes)),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn parse_bits(text: &str, max: u8) -> Option<u8> {
    let well_formed = is_digits(text) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|bits| well_formed && *bits <= max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_told_from_other_texts() {
        for (text, good) in [
            ("v=spf1", true),
            ("v=spf1 -all", true),
            ("V=SPF1 ", true),
            ("v=spf10", false),
            ("v=spf1-all", false),
            ("v=spf", false),
            (" v=spf1", false),
        ] {
            assert_eq!(is_record(text.as_bytes()), good, "{text:?}");
        }
    }

    #[test]
    fn syntax_errors_are_found_anywhere() {
        for good in [
            "v=spf1",
            "v=spf1 +mx a:colo.example.com/28 -all",
            "v=spf1  a/24//64   ~all ",
            "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ?all",
            "v=spf1 exists:%{ir}.x.example.com redirect=_spf.%{d} moo.cow-far_out=man:dog/cat",
            "v=spf1 a:foo:bar/baz.example.com",
            "v=spf1 PTR:example.com INCLUDE:b.example exp=c.example",
        ] {
            assert!(Record::parse(good.as_bytes()).is_some(), "{good}");
        }
        for bad in [
            "v=spf1 foo",
            "v=spf1 all:x.example",
            "v=spf1 all/8",
            "v=spf1 a:",
            "v=spf1 a/33",
            "v=spf1 a/08",
            "v=spf1 a//129",
            "v=spf1 a:example.com:8080",
            "v=spf1 ip4:1.2.3.4/32/x",
            "v=spf1 ip4:1.2.3",
            "v=spf1 ip4",
            "v=spf1 ip6:1.2.3.4",
            "v=spf1 include",
            "v=spf1 include:",
            "v=spf1 redirect=a.example redirect=b.example",
            "v=spf1 exp=a.example exp=a.example",
            "v=spf1 =all",
            "v=spf1 1x=y",
            "v=spf1 x=%",
            "v=spf1 -",
            "v=spf1 --all",
            "v=spf1 a\tmx",
            "v=spf1 é",
        ] {
            assert_eq!(Record::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn networks() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for (address, network, bits, inside) in [
            ("192.0.2.200", "192.0.2.0", 24, true),
            ("192.0.3.1", "192.0.2.0", 24, false),
            ("8.8.8.8", "192.0.2.0", 0, true),
            ("192.0.2.1", "192.0.2.1", 32, true),
            ("2001:db8::1", "2001:db8:ffff::", 32, true),
            ("2001:db8::1", "::", 0, true),
            ("2001:db8::1", "2001:db8::2", 128, false),
            ("192.0.2.1", "::", 0, false),
        ] {
            assert_eq!(in_network(ip(address), ip(network), bits), inside, "{address} {network}");
        }
    }
}
