//! Whether mail from outside is what it says it is: SPF, DKIM, DMARC and ARC (`mailauth`), and
//! what follows from that.
//!
//! **Invariant:** a message waits for the DNS at most [`AuthenticitySettings::timeout`], and no
//! thread does; what could not be found out is told as such.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ids::Timestamp;
use mailauth::dmarc::Policy;
use mailauth::dns::{Answer, Family, LookupError, Lookups};
use mailauth::{Demand, Examined, Methods, Report, Sender};
use net::{Dns, DnsError, DnsFuture, IpFamily, IpNetwork};
use storage::Placement;
use tokio::time::Instant;

use crate::error::Refusal;

/// LIMIT: bytes of a message that are hashed between two packets; a larger one is hashed on a
/// thread of its own.
const AT_ONCE_BYTES: usize = 64 * 1024;

/// What is checked, of whom, and what follows.
#[derive(Debug, Clone)]
pub struct AuthenticitySettings {
    /// Our name in Authentication-Results.
    pub authserv_id: String,
    /// What is checked.
    pub methods: Methods,
    /// Whether policies are obeyed, or only told of.
    pub obey: bool,
    /// Whether mail is deferred whose policy cannot be had now.
    pub defer: bool,
    /// Domains whose ARC seals are believed.
    pub trusted_sealers: Vec<String>,
    /// Whose mail is not checked.
    pub trusted_networks: Vec<IpNetwork>,
    /// How long the DNS may take for one message.
    pub timeout: Duration,
}

/// The checks, as all listeners share them.
pub struct Authenticity {
    dns: Arc<dyn Dns>,
    settings: AuthenticitySettings,
}

/// What is to be done with a message that is taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Judged {
    /// Authentication-Results, with its line break.
    pub(super) field: String,
    pub(super) placement: Placement,
    /// Whether the reverse-path is whose it says.
    pub(super) verified: bool,
    /// The domain of the author, where the message is theirs for certain.
    pub(super) author: Option<String>,
}

impl Authenticity {
    /// Checks that ask `dns`.
    pub fn new(dns: Arc<dyn Dns>, settings: AuthenticitySettings) -> Self {
        Self { dns, settings }
    }

    pub(super) fn authserv_id(&self) -> &str {
        &self.settings.authserv_id
    }

    /// Whether mail from this address is checked.
    pub(super) fn concerns(&self, peer: IpAddr) -> bool {
        let Methods { spf, dkim, dmarc, arc } = self.settings.methods;
        (spf || dkim || dmarc || arc)
            && !self.settings.trusted_networks.iter().any(|network| network.contains(peer))
    }

    /// Checks the message that begins at `start` of `bytes`, which are given back.
    pub(super) async fn check(
        &self,
        bytes: Vec<u8>,
        start: usize,
        sender: Sender<'_>,
        now: Timestamp,
    ) -> (Vec<u8>, Result<Judged, Refusal>) {
        let methods = self.settings.methods;
        let large = bytes.len() > AT_ONCE_BYTES;
        let examine = move || {
            let examined = Examined::of(bytes.get(start..).unwrap_or_default(), methods);
            (bytes, examined)
        };
        let examined =
            if large { tokio::task::spawn_blocking(examine).await } else { Ok(examine()) };
        let Ok((bytes, examined)) = examined else { return (Vec::new(), Err(Refusal::Lost)) };
        let lookups = InTime { dns: &*self.dns, until: Instant::now() + self.settings.timeout };
        let now_secs = u64::try_from(now.as_secs()).unwrap_or(0);
        let report = examined.check(&lookups, sender, now_secs).await;
        let verified = sender.mail_from.is_some_and(|(_, domain)| report.vouches_for(domain));
        (bytes, self.judge(&report, verified))
    }

    fn judge(&self, report: &Report, verified: bool) -> Result<Judged, Refusal> {
        let settings = &self.settings;
        let is_trusted = |domain: &str| settings.trusted_sealers.iter().any(|t| t == domain);
        let demand = if settings.obey { report.demand(is_trusted) } else { Demand::default() };
        // RFC 7489 §6.6.3 leaves it to the receiver; RFC 7208 §2.6.6 likewise.
        let deferred = settings.defer && report.is_uncertain();
        let placement = match demand {
            Demand { policy: Policy::Reject, doubtful: false } => {
                return Err(Refusal::PolicyOfAuthor);
            }
            // Who owns the domain wants it refused unless it proves genuine, which it may yet do:
            // a name server that fails below it must not bring the message in.
            Demand { policy: Policy::Reject, doubtful: true } => {
                return Err(Refusal::AuthorUnknown);
            }
            _ if deferred => return Err(Refusal::AuthorUnknown),
            Demand { policy: Policy::Quarantine, .. } => Placement::Junk,
            Demand { policy: Policy::None, .. } => Placement::Inbox,
        };
        let author = report.authentic_author().map(str::to_owned);
        Ok(Judged { field: report.render(&settings.authserv_id), placement, verified, author })
    }
}

/// The DNS until a point in time.
struct InTime<'a> {
    dns: &'a dyn Dns,
    until: Instant,
}

impl InTime<'_> {
    fn bound<'a, T: Send + 'a>(&self, answer: DnsFuture<'a, T>) -> Answer<'a, T> {
        let until = self.until;
        Box::pin(async move {
            match tokio::time::timeout_at(until, answer).await {
                Ok(Ok(found)) => Ok(found),
                Ok(Err(DnsError::NoSuchName)) => Err(LookupError::NoSuchName),
                Ok(Err(DnsError::Temporary(_))) | Err(_) => Err(LookupError::Temporary),
            }
        })
    }
}

impl Lookups for InTime<'_> {
    fn texts<'a>(&'a self, name: &'a str) -> Answer<'a, Vec<Vec<u8>>> {
        self.bound(self.dns.texts(name))
    }

    fn addresses<'a>(&'a self, name: &'a str, family: Family) -> Answer<'a, Vec<IpAddr>> {
        let family = match family {
            Family::V4 => IpFamily::V4,
            Family::V6 => IpFamily::V6,
        };
        self.bound(self.dns.addresses_of(name, family))
    }

    fn exchangers<'a>(&'a self, name: &'a str) -> Answer<'a, Vec<String>> {
        let found = self.dns.mail_exchangers(name);
        let hosts = async move {
            let hosts = found.await?.into_iter().map(|exchanger| exchanger.host);
            // A null MX (RFC 7505 §3) is no host.
            Ok(hosts.filter(|host| !host.is_empty()).collect())
        };
        self.bound(Box::pin(hosts))
    }

    fn names<'a>(&'a self, address: IpAddr) -> Answer<'a, Vec<String>> {
        self.bound(self.dns.names(address))
    }
}
