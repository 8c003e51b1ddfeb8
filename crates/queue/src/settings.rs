//! What the binary decides about the queue. Plain values with defaults.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mailauth::Signatory;
use mailauth::srs::SrsKey;
use smtp::DmarcTally;
use smtp::client::Credentials;

/// A server that takes mail for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// A name, looked up by its addresses alone, or an address.
    pub host: String,
    /// Where it listens.
    pub port: u16,
    /// How TLS is used with it.
    pub tls: RelayTls,
    /// Whom to sign in as.
    pub credentials: Option<Credentials>,
    /// Our addresses to send from, in place of [`Settings::sources`]; none, those.
    pub sources: Vec<IpAddr>,
}

/// How TLS is used with a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayTls {
    /// Without TLS.
    Never,
    /// Where it is offered, whoever it is.
    Opportunistic,
    /// Always, and its certificate must be for its name.
    Verified,
    /// With TLS from the first byte (RFC 8314 §3.3), verified.
    Implicit,
}

/// Where mail for a domain goes instead of where its MX points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The domain in normal form; a leading dot means every domain below it, `*` all others.
    pub domain: String,
    /// The server that takes the mail of the route.
    pub relay: Relay,
    /// Connections at a time for all domains that go this way; `None`: as many as they may have.
    pub connections_max: Option<usize>,
    /// Messages a minute for all domains that go this way together; `None`: each as many as others.
    pub messages_per_minute_max: Option<u32>,
}

/// How far mail is brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// To mailboxes here and to other servers.
    World,
    /// To mailboxes here. What is for other servers stays where it is, however long.
    Here,
}

/// Everything the queue is started with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name that this server gives itself in EHLO and reports.
    pub hostname: String,
    /// How far mail is brought.
    pub reach: Reach,
    /// Signs reports with DKIM; without one no report goes by mail.
    pub signatory: Option<Arc<dyn Signatory>>,
    /// What reverse-paths are rewritten with; looked at when the queue starts. Without it, who was
    /// rewritten is not told.
    pub rewriting: Option<SrsKey>,
    /// How long a message may wait before it goes back to its sender.
    pub lifetime: Duration,
    /// How long it may wait before its sender is told; zero tells nobody.
    pub warn_after: Duration,
    /// The pause before the second attempt; it doubles with each.
    pub retry_first: Duration,
    /// The longest pause.
    pub retry_max: Duration,
    /// Connections at a time.
    pub connections_max: usize,
    /// Connections at a time to one destination.
    pub connections_per_destination_max: usize,
    /// Messages on one connection.
    pub messages_per_connection_max: u64,
    /// How long a connection with nothing to send waits for more.
    pub rest: Duration,
    /// Bytes of messages in memory at a time.
    pub memory_bytes: usize,
    /// The port of other servers.
    pub port: u16,
    /// The port of their web servers.
    pub https_port: u16,
    /// Whether policies of domains on TLS (MTA-STS) are asked for.
    pub mta_sts: bool,
    /// Messages a minute to one destination; none, as many as it takes.
    pub messages_per_minute_max: u32,
    /// Our addresses to send from, the first of each family; without any, the system chooses.
    pub sources: Vec<IpAddr>,
    /// Domains with a way of their own; the most exact name counts.
    pub routes: Vec<Route>,
    /// The sender of reports to other domains on TLS with their servers; `None`: none are sent.
    pub tls_reports: Option<Reporter>,
    /// The sender of reports to other domains on mail in their name; `None`: none are sent.
    pub dmarc_reports: Option<DmarcReporter>,
    /// The seed of random choices; `None`: a random one.
    pub seed: Option<u64>,
}

/// The sender of reports on mail in the name of other domains (RFC 7489 §7.2).
#[derive(Debug, Clone)]
pub struct DmarcReporter {
    /// The name and address that reports are sent under.
    pub reporter: Reporter,
    /// What was found since it was written down last.
    pub tally: Arc<DmarcTally>,
    /// Domains, in normal form, that are told of nothing, nor those below them.
    pub except: Vec<String>,
}

/// How this server reports to other domains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reporter {
    /// The name of the organisation in reports.
    pub organization: String,
    /// The address of its reports, of a domain here.
    pub address: String,
}

impl Settings {
    /// The defaults for a server of this name.
    pub fn new(hostname: impl Into<String>) -> Self {
        Self {
            hostname: hostname.into(),
            reach: Reach::World,
            signatory: None,
            rewriting: None,
            // RFC 5321 §4.5.4.1: at least four to five days.
            lifetime: Duration::from_secs(5 * 86_400),
            warn_after: Duration::from_secs(4 * 3600),
            retry_first: Duration::from_secs(300),
            retry_max: Duration::from_secs(4 * 3600),
            connections_max: 200,
            connections_per_destination_max: 20,
            messages_per_connection_max: 100,
            // LIMIT: servers that keep idle connections for less are rare.
            rest: Duration::from_secs(2),
            memory_bytes: 256 * 1024 * 1024,
            port: 25,
            https_port: 443,
            mta_sts: true,
            messages_per_minute_max: 0,
            sources: Vec::new(),
            routes: Vec::new(),
            tls_reports: None,
            dmarc_reports: None,
            seed: None,
        }
    }

    /// The relay for a destination, if it does not go by MX.
    pub(crate) fn relay_for(&self, destination: &str) -> Option<&Relay> {
        self.route_for(destination).map(|route| &route.relay)
    }

    /// The bound on connections of the way to a destination, and what that is called.
    pub(crate) fn bound_for(&self, destination: &str) -> Option<(&str, usize)> {
        let route = self.route_for(destination)?;
        Some((&route.domain, route.connections_max?.max(1)))
    }

    /// Messages a minute to a destination; none, as many as it takes.
    pub(crate) fn rate_for(&self, destination: &str) -> u32 {
        let own = self.route_for(destination).and_then(|route| route.messages_per_minute_max);
        own.unwrap_or(self.messages_per_minute_max)
    }

    /// The way to a destination whose messages a minute are bounded together, as it is called.
    pub(crate) fn paced_way(&self, destination: &str) -> Option<&str> {
        let route = self.route_for(destination)?;
        route.messages_per_minute_max.map(|_| route.domain.as_str())
    }

    /// Whether mail for other destinations goes along with mail for this one: where a route names
    /// it, and how many messages a minute its domain gets is not bounded by itself.
    pub(crate) fn takes_along(&self, destination: &str) -> bool {
        let is_paced = self.messages_per_minute_max > 0 && self.paced_way(destination).is_none();
        self.route_for(destination).is_some() && !is_paced
    }

    /// Whether mail for `other` goes the way of mail for `destination`, which a route names.
    pub(crate) fn goes_along(&self, destination: &str, other: &str) -> bool {
        let ways = self.route_for(destination).zip(self.route_for(other));
        ways.is_some_and(|(one, other)| std::ptr::eq(one, other))
    }

    fn route_for(&self, destination: &str) -> Option<&Route> {
        let matches = |route: &&Route| match route.domain.strip_prefix('.') {
            Some(parent) => {
                destination.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.'))
            }
            None => route.domain == destination || route.domain == "*",
        };
        self.routes.iter().filter(matches).max_by_key(|route| match route.domain.as_str() {
            "*" => (0, false),
            // A name itself is more exact than all below a name of the same length.
            name => (name.len(), !name.starts_with('.')),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay(host: &str) -> Relay {
        let (host, tls) = (host.to_owned(), RelayTls::Opportunistic);
        Relay { host, port: 25, tls, credentials: None, sources: Vec::new() }
    }

    #[test]
    fn the_most_exact_route_counts() {
        let mut settings = Settings::new("mail.here.test");
        assert_eq!(settings.relay_for("x.test"), None);
        for (domain, host) in
            [("*", "smart"), ("x.test", "a"), (".x.test", "b"), (".y.x.test", "c"), (".test", "d")]
        {
            settings.routes.push(Route {
                domain: domain.to_owned(),
                relay: relay(host),
                connections_max: (host == "smart").then_some(3),
                messages_per_minute_max: (host == "b").then_some(7),
            });
        }
        for (destination, host) in [
            ("x.test", "a"),
            ("z.x.test", "b"),
            ("y.x.test", "b"),
            ("z.y.x.test", "c"),
            ("ax.test", "d"),
            ("x.example", "smart"),
        ] {
            let found = settings.relay_for(destination).map(|relay| relay.host.as_str());
            assert_eq!(found, Some(host), "{destination}");
        }
        assert_eq!((settings.rate_for("z.x.test"), settings.rate_for("x.test")), (7, 0));
        assert_eq!(settings.paced_way("z.x.test"), Some(".x.test"));
        assert_eq!(settings.paced_way("x.test"), None);
        assert_eq!(settings.bound_for("x.example"), Some(("*", 3)));
        assert_eq!(settings.bound_for("x.test"), None);
    }
}
