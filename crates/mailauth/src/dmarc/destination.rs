//! Who is sent the reports on a domain: RFC 7489 §6.2 (the addresses), §7.1 (whether they agree).
//!
//! **Invariant:** nobody gets reports on a domain of others who did not say so in the DNS.

use std::collections::HashMap;

use super::{QUESTIONS_MAX, Walks, organizational};
use crate::dns::{Budget, LookupError, Lookups, domain_of};
use crate::reports::{ReportAddress, report_address};
use crate::tags::Tags;

/// LIMIT: RFC 7489 §6.2, addresses that get reports: at least two.
const DESTINATIONS_MAX: usize = 3;
/// LIMIT: addresses that are looked at.
const ADDRESSES_MAX: usize = 10;

/// Where reports are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportDestination {
    /// The address that reports go to.
    pub address: String,
    /// The domain of the address, in normal form.
    pub domain: String,
    /// How large a message may be there.
    pub bytes_max: Option<u64>,
}

/// The destinations of reports on mail for which the record at `domain` counts; none if there is no
/// such record any more.
pub async fn report_destinations(
    lookups: &dyn Lookups,
    domain: &str,
) -> Result<Vec<ReportDestination>, LookupError> {
    let mut walks = Walks { budget: Budget::new(lookups, QUESTIONS_MAX), known: HashMap::new() };
    let texts = texts(&walks.budget, &format!("_dmarc.{domain}")).await?;
    let records: Vec<Tags<'_>> = texts.iter().filter_map(|text| tags(text)).collect();
    // RFC 7489 §6.6.3: several records are none.
    let [record] = records.as_slice() else { return Ok(Vec::new()) };
    let mut found: Vec<ReportDestination> = Vec::new();
    for wanted in destinations(record.find("rua").unwrap_or_default()) {
        let confirmed = if walks.belongs_to(&wanted.domain, domain).await? {
            vec![wanted]
        } else {
            confirm(&walks.budget, domain, wanted).await?
        };
        for one in confirmed {
            if !found.iter().any(|known| known.address == one.address) {
                found.push(one);
            }
        }
    }
    found.truncate(DESTINATIONS_MAX);
    Ok(found)
}

/// Which domains are whose (RFC 9989 §4.10), as far as a bounded number of questions tells.
pub(crate) struct Organizations<'a>(Walks<'a>);

impl<'a> Organizations<'a> {
    pub(crate) fn new(lookups: &'a dyn Lookups) -> Self {
        let budget = Budget::new(lookups, QUESTIONS_MAX);
        Self(Walks { budget, known: HashMap::new() })
    }

    /// Whether both are the same organisation's.
    pub(crate) async fn is_same(&mut self, one: &str, other: &str) -> Result<bool, LookupError> {
        self.0.belongs_to(one, other).await
    }
}

impl Walks<'_> {
    /// Whether both are the same organisation's.
    async fn belongs_to(&mut self, name: &str, domain: &str) -> Result<bool, LookupError> {
        if name == domain {
            return Ok(true);
        }
        let (own, other) = (self.walk(domain).await?, self.walk(name).await?);
        Ok(organizational(domain, &own) == organizational(name, &other))
    }
}

/// RFC 7489 §7.1: whether somebody elsewhere takes reports on a domain, and at which addresses.
async fn confirm(
    budget: &Budget<'_>,
    domain: &str,
    wanted: ReportDestination,
) -> Result<Vec<ReportDestination>, LookupError> {
    let name = format!("{domain}._report._dmarc.{}", wanted.domain);
    let texts = texts(budget, &name).await?;
    let records: Vec<Tags<'_>> = texts.iter().filter_map(|text| tags(text)).collect();
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let Some(instead) = records.iter().find_map(|record| record.find("rua")) else {
        return Ok(vec![wanted]);
    };
    let instead = destinations(instead);
    // RFC 7489 §7.1: who sends us on to a third host gets nothing, nor does that host.
    let stays = !instead.is_empty() && instead.iter().all(|one| one.domain == wanted.domain);
    Ok(if stays { instead } else { Vec::new() })
}

async fn texts(budget: &Budget<'_>, name: &str) -> Result<Vec<Vec<u8>>, LookupError> {
    match budget.texts(name).await {
        Err(LookupError::NoSuchName) => Ok(Vec::new()),
        other => other,
    }
}

/// The tags of a DMARC record.
fn tags(text: &[u8]) -> Option<Tags<'_>> {
    let tags = Tags::parse_forgiving(std::str::from_utf8(text).ok()?)?;
    (tags.first() == Some(("v", "DMARC1"))).then_some(tags)
}

/// `dmarc-uri *(*WSP "," *WSP dmarc-uri)` (RFC 7489 §6.4)
fn destinations(uris: &str) -> Vec<ReportDestination> {
    uris.split(',').take(ADDRESSES_MAX).filter_map(destination).collect()
}

/// `dmarc-uri = URI [ "!" 1*DIGIT [ "k" / "m" / "g" / "t" ] ]`
fn destination(uri: &str) -> Option<ReportDestination> {
    let (uri, bytes_max) = match uri.trim().split_once('!') {
        None => (uri, None),
        // RFC 7489 §6.2: an exclamation mark in an address is encoded.
        Some((uri, size)) => (uri, Some(size_of(size)?)),
    };
    let Some(ReportAddress::Mail(address)) = report_address(uri) else { return None };
    let (local, domain) = address.rsplit_once('@')?;
    let domain = domain_of(domain)?;
    Some(ReportDestination { address: format!("{local}@{domain}"), domain, bytes_max })
}

fn size_of(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|char: char| char.is_ascii_alphabetic());
    let unit: u64 = match text.get(digits.len()..)?.to_ascii_lowercase().as_str() {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        "t" => 1 << 40,
        _ => return None,
    };
    Some(digits.parse::<u64>().ok()?.saturating_mul(unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Zone, block_on};

    fn found(zone: &Zone, domain: &str) -> Vec<String> {
        let found = block_on(report_destinations(zone, domain)).unwrap();
        let line = |one: ReportDestination| match one.bytes_max {
            Some(bytes) => format!("{} {bytes}", one.address),
            None => one.address,
        };
        found.into_iter().map(line).collect()
    }

    #[test]
    fn a_domain_names_its_own_addresses() {
        let zone = Zone::default()
            .text("_dmarc.a.test", "v=DMARC1; rua=mailto:d@A.test!10m , MAILTO:e@mail.a.test!2k")
            .text("_dmarc.a.test", "v=spf1 -all")
            .text("_dmarc.two.test", "v=DMARC1; rua=mailto:d@two.test")
            .text("_dmarc.two.test", "v=DMARC1; p=none; rua=mailto:d@two.test")
            .text("_dmarc.odd.test", "v=DMARC1; rua=https://odd.test/,mailto:d!x@odd.test,mailto:d")
            .text("_dmarc.same.test", "v=DMARC1; rua=mailto:d@same.test,mailto:d@SAME.test");
        assert_eq!(found(&zone, "a.test"), ["d@a.test 10485760", "e@mail.a.test 2048"]);
        assert_eq!(found(&zone, "two.test"), [""; 0]);
        assert_eq!(found(&zone, "odd.test"), [""; 0]);
        assert_eq!(found(&zone, "none.test"), [""; 0]);
        assert_eq!(found(&zone, "same.test"), ["d@same.test"]);
        let silent = Zone::default().silent("_dmarc.a.test");
        assert_eq!(block_on(report_destinations(&silent, "a.test")), Err(LookupError::Temporary));
    }

    // RFC 7489 §7.1, with its names.
    #[test]
    fn who_is_elsewhere_has_to_agree() {
        let record = "v=DMARC1; p=none; rua=mailto:reports@red.example.net";
        let asks = || Zone::default().text("_dmarc.blue.example.com", record);
        let at = "blue.example.com._report._dmarc.red.example.net";
        assert_eq!(found(&asks(), "blue.example.com"), [""; 0]);
        for (answer, expected) in [
            ("v=DMARC1", &["reports@red.example.net"][..]),
            ("v=DMARC1;", &["reports@red.example.net"]),
            ("v=spf1 -all", &[]),
            ("v=DMARC1; rua=mailto:blue@red.example.net!1k", &["blue@red.example.net 1024"]),
            ("v=DMARC1; rua=mailto:x@victim.example", &[]),
            ("v=DMARC1; rua=mailto:x@red.example.net,mailto:y@victim.example", &[]),
        ] {
            let zone = asks().text(at, answer);
            assert_eq!(found(&zone, "blue.example.com"), expected, "{answer}");
        }
        let unknown = asks().silent(at);
        assert!(block_on(report_destinations(&unknown, "blue.example.com")).is_err());
        // One suffix is not one organisation.
        let suffix = Zone::default()
            .text("_dmarc.co.test", "v=DMARC1; psd=y")
            .text("_dmarc.a.co.test", "v=DMARC1; rua=mailto:r@b.co.test");
        assert_eq!(found(&suffix, "a.co.test"), [""; 0]);
    }

    #[test]
    fn addresses_are_bounded() {
        let many: Vec<_> = (0..20).map(|n| format!("mailto:{n}@a.test")).collect();
        let record = format!("v=DMARC1; rua={}", many.join(","));
        let zone = Zone::default().text("_dmarc.a.test", &record);
        assert_eq!(found(&zone, "a.test"), ["0@a.test", "1@a.test", "2@a.test"]);
    }
}
