//! What is found out about a host that brings mail from outside, before its mail is read: whether
//! it is on a list (RFC 5782), whether its address has a name that points back, whether the name
//! it gives itself exists.
//!
//! **Invariants:** all is asked at once and within one time; what the DNS does not answer is held
//! against nobody; an answer by which a list says that it does not answer is no listing.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use net::{Dns, DnsError, IpFamily, IpNetwork};
use storage::GreylistTimes;

use crate::check::CheckReply;
use crate::render::Enhanced;

/// LIMIT: names of one address whose own addresses are asked for.
const NAMES_MAX: usize = 5;

/// What is done about a host that a check finds fault with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PeerAction {
    /// Nothing is looked up.
    Off,
    /// Mail from the peer is marked.
    Mark,
    /// Mail from the peer is refused for now.
    Defer,
    /// Mail from the peer is refused.
    Refuse,
}

/// A list of addresses in the DNS.
#[derive(Debug, Clone)]
pub struct BlockList {
    /// The DNS zone of the list.
    pub zone: String,
    /// The answers that mean a listing.
    pub answers: Vec<IpNetwork>,
    /// The action for hosts on the list.
    pub action: PeerAction,
}

/// How hosts are looked at.
#[derive(Debug, Clone)]
pub struct PeerSettings {
    /// Networks of hosts that are not looked at.
    pub exempt: Vec<IpNetwork>,
    /// Lists, in order.
    pub lists: Vec<BlockList>,
    /// A name in HELO that is no host name or does not exist.
    pub helo: PeerAction,
    /// An address without a name that points back.
    pub reverse: PeerAction,
    /// Whether, and how, unknown senders are asked to come again.
    pub greylist: Option<GreylistTimes>,
    /// How long all lookups together may take.
    pub timeout: Duration,
}

/// The checks of hosts, as all connections share them.
pub struct PeerPolicy {
    dns: Arc<dyn Dns>,
    settings: PeerSettings,
}

/// What the checks of one host found.
#[derive(Debug, Default)]
pub(super) struct PeerFacts {
    /// What it called itself when it was looked at.
    pub(super) helo: String,
    /// The host name of the peer, if it resolves back to the address.
    pub(super) name: Option<String>,
    /// The marks that its messages get.
    pub(super) marks: Vec<String>,
    /// How its mail is refused.
    pub(super) refusal: Option<CheckReply>,
}

/// A fault of a host that a check found, and the configured action.
struct Fault {
    action: PeerAction,
    mark: String,
    text: String,
}

impl PeerPolicy {
    /// Checks by these settings.
    pub fn new(dns: Arc<dyn Dns>, settings: PeerSettings) -> Self {
        Self { dns, settings }
    }

    /// Whether hosts at this address are looked at.
    pub(super) fn concerns(&self, peer: IpAddr) -> bool {
        !self.settings.exempt.iter().any(|network| network.contains(peer))
    }

    pub(super) fn greylist(&self) -> Option<GreylistTimes> {
        self.settings.greylist
    }

    /// Finds out what there is to know. A host without fault costs the time of one look-up.
    pub(super) async fn look_at(&self, peer: IpAddr, helo: &str) -> PeerFacts {
        let peer = peer.to_canonical();
        let timeout = self.settings.timeout;
        let (listed, helo_fault, reverse) = tokio::join!(
            join_all(self.settings.lists.iter().map(|list| {
                let asked = tokio::time::timeout(timeout, self.is_listed(list, peer));
                async move { asked.await.unwrap_or(false).then_some(list) }
            })),
            tokio::time::timeout(timeout, self.helo_fault(peer, helo)),
            tokio::time::timeout(timeout, self.reverse(peer)),
        );
        let mut faults: Vec<Fault> = listed.into_iter().flatten().map(listing).collect();
        faults.extend(helo_fault.ok().flatten());
        let (name, reverse_fault) = reverse.unwrap_or_default();
        faults.extend(reverse_fault);
        let worst = faults.iter().filter(|fault| fault.action > PeerAction::Mark);
        // Of several of the same weight the first counts, in the order of the lists.
        let worst = worst.rev().max_by_key(|fault| fault.action);
        let refusal = worst.map(refusal);
        let marks = faults.into_iter().map(|fault| fault.mark).collect();
        PeerFacts { helo: helo.to_owned(), name, marks, refusal }
    }

    async fn is_listed(&self, list: &BlockList, peer: IpAddr) -> bool {
        let name = format!("{}.{}", backwards(peer), list.zone);
        let Ok(answers) = self.dns.addresses_of(&name, IpFamily::V4).await else { return false };
        // Lists answer so where they do not answer the resolver, or the question was wrong.
        let refused = |answer: &IpAddr| matches!(answer, IpAddr::V4(v4) if is_error(*v4));
        if answers.iter().any(refused) {
            tracing::warn!(zone = list.zone, ?answers, "the list does not answer this resolver");
            return false;
        }
        answers.iter().any(|answer| list.answers.iter().any(|wanted| wanted.contains(*answer)))
    }

    /// RFC 5321 §4.1.4: that a name in HELO is another host's is no reason to refuse mail, and is
    /// not asked here; that it is no name at all may be.
    async fn helo_fault(&self, peer: IpAddr, helo: &str) -> Option<Fault> {
        let action = self.settings.helo;
        if action == PeerAction::Off {
            return None;
        }
        let fault = |mark: &str| {
            let text = format!("The name given in HELO is {mark}");
            Some(Fault { action, mark: format!("helo={}", mark.replace(' ', "-")), text })
        };
        if let Some(literal) = helo.strip_prefix('[') {
            let literal = literal.trim_end_matches(']');
            let literal = literal.strip_prefix("IPv6:").unwrap_or(literal);
            let own = literal.parse::<IpAddr>().is_ok_and(|own| own.to_canonical() == peer);
            return if own { None } else { fault("not its address") };
        }
        if !helo.trim_end_matches('.').contains('.') || helo.parse::<IpAddr>().is_ok() {
            return fault("no host name");
        }
        match self.dns.addresses(helo).await {
            Err(DnsError::NoSuchName) => fault("unknown"),
            Ok(_) | Err(DnsError::Temporary(_)) => None,
        }
    }

    /// The name of an address that points back to it.
    async fn reverse(&self, peer: IpAddr) -> (Option<String>, Option<Fault>) {
        let action = self.settings.reverse;
        if action == PeerAction::Off {
            return (None, None);
        }
        let fault = |mark: &str, text: &str| {
            let mark = format!("reverse={mark}");
            (None, Some(Fault { action, mark, text: text.to_owned() }))
        };
        let names = match self.dns.names(peer).await {
            Ok(names) => names,
            Err(DnsError::NoSuchName) => Vec::new(),
            Err(DnsError::Temporary(_)) => return (None, None),
        };
        if names.is_empty() {
            return fault("missing", "Your address has no name in the DNS");
        }
        let mut doubtful = false;
        for name in names.into_iter().take(NAMES_MAX) {
            match self.dns.addresses(&name).await {
                Ok(found) if found.contains(&peer) => return (Some(name), None),
                Ok(_) | Err(DnsError::NoSuchName) => {}
                Err(DnsError::Temporary(_)) => doubtful = true,
            }
        }
        match doubtful {
            true => (None, None),
            false => fault("unconfirmed", "The name of your address does not point back to it"),
        }
    }
}

fn listing(list: &BlockList) -> Fault {
    Fault {
        action: list.action,
        mark: format!("listed={}", list.zone),
        text: format!("Your address is listed by {}", list.zone),
    }
}

fn refusal(fault: &Fault) -> CheckReply {
    // RFC 3463 §3.8: X.7.1, delivery not authorized.
    match fault.action {
        PeerAction::Refuse => {
            CheckReply { code: 554, enhanced: Enhanced(5, 7, 1), text: fault.text.clone() }
        }
        PeerAction::Off | PeerAction::Mark | PeerAction::Defer => {
            CheckReply { code: 451, enhanced: Enhanced(4, 7, 1), text: fault.text.clone() }
        }
    }
}

/// Answers in 127.255.255.0/24 tell of errors, as the large lists do it.
fn is_error(answer: Ipv4Addr) -> bool {
    answer.octets()[..3] == [127, 255, 255]
}

/// RFC 5782: octets, or nibbles, from the last to the first.
fn backwards(peer: IpAddr) -> String {
    let parts: Vec<String> = match peer {
        IpAddr::V4(v4) => v4.octets().iter().rev().map(u8::to_string).collect(),
        IpAddr::V6(v6) => {
            let nibbles = v6.octets().into_iter().rev().flat_map(|byte| [byte & 15, byte >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}")).collect()
        }
    };
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_asked_for_backwards() {
        assert_eq!(backwards("192.0.2.99".parse().unwrap()), "99.2.0.192");
        // RFC 5782 has this example.
        assert_eq!(
            backwards("2001:db8:1:2:3:4:567:89ab".parse().unwrap()),
            "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2"
        );
    }
}
