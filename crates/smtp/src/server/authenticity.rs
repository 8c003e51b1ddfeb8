//! Whether mail from outside is what it says it is: SPF, DKIM, DMARC and ARC (`mailauth`), and
//! what follows from that.
//!
//! **Invariant:** a message waits for the DNS at most [`AuthenticitySettings::timeout`], and no
//! thread does; what could not be found out is told as such.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ids::Timestamp;
use mailauth::dmarc::{DmarcVerdict, Policy};
use mailauth::reports::Observation;
use mailauth::{Demand, Examined, Methods, Report, Sender, believed_author};
use net::{Dns, IpNetwork};
use storage::Placement;
use tokio::time::Instant;

use super::dmarc_tally::DmarcTally;
use super::lookups::TimedLookups;
use crate::error::Refusal;

/// LIMIT: bytes of a message that are hashed between two packets; a larger one is hashed on a
/// thread of its own.
const AT_ONCE_BYTES: usize = 64 * 1024;

/// The settings of SPF, DKIM, DMARC and ARC at reception.
#[derive(Debug, Clone)]
pub struct AuthenticitySettings {
    /// Our name in Authentication-Results.
    pub authserv_id: String,
    /// The methods that are used.
    pub methods: Methods,
    /// Whether policies are obeyed, or only told of.
    pub obey: bool,
    /// What becomes of mail that SPF says is from nowhere.
    pub disowned: Disowned,
    /// Whether mail is deferred whose policy cannot be had now.
    pub defer: bool,
    /// Domains whose ARC seals are believed.
    pub trusted_sealers: Vec<String>,
    /// The networks whose mail is not checked.
    pub trusted_networks: Vec<IpNetwork>,
    /// Names in Authentication-Results of servers in front of this one that are believed
    /// (RFC 8601 §2.5), in lower case.
    pub trusted_servers: Vec<String>,
    /// How long the DNS may take for one message.
    pub timeout: Duration,
}

/// What is done with mail whose host the domain of its sender disowns by SPF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disowned {
    /// The result is noted in Authentication-Results only.
    Mark,
    /// The message goes into Junk.
    Junk,
    /// The message is refused.
    Reject,
}

/// The checks, as all listeners share them.
pub struct Authenticity {
    dns: Arc<dyn Dns>,
    settings: AuthenticitySettings,
    tally: Option<Arc<DmarcTally>>,
}

/// A message that was checked.
pub(super) struct Checked {
    /// The bytes of the message.
    pub(super) bytes: Vec<u8>,
    pub(super) judged: Result<Judged, Refusal>,
    /// What domains that want reports are told of it, once it is known what became of it.
    pub(super) observed: Vec<Observation>,
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
        Self { dns, settings, tally: None }
    }

    /// The same checks, which count what they find for reports to other domains.
    #[must_use]
    pub fn counting(self, tally: Option<Arc<DmarcTally>>) -> Self {
        Self { tally, ..self }
    }

    pub(super) fn authserv_id(&self) -> &str {
        &self.settings.authserv_id
    }

    /// Whether mail from this address is checked.
    pub(super) fn concerns(&self, peer: IpAddr) -> bool {
        let Methods { spf, dkim, dmarc, arc } = self.settings.methods;
        (spf || dkim || dmarc || arc) && !self.is_own(peer)
    }

    /// Whether a host is a server of one's own.
    pub(super) fn is_own(&self, peer: IpAddr) -> bool {
        self.settings.trusted_networks.iter().any(|network| network.contains(peer))
    }

    /// The domain of the author of a message that was checked in front of this server, if that
    /// server is believed.
    pub(super) fn believed_author(&self, message: &[u8]) -> Option<String> {
        believed_author(message, &self.settings.trusted_servers)
    }

    /// Checks the message that begins at `start` of `bytes`, which are given back.
    pub(super) async fn check(
        &self,
        bytes: Vec<u8>,
        start: usize,
        sender: Sender<'_>,
        now: Timestamp,
    ) -> Checked {
        let methods = self.settings.methods;
        let large = bytes.len() > AT_ONCE_BYTES;
        let examine = move || {
            let examined = Examined::of(bytes.get(start..).unwrap_or_default(), methods);
            (bytes, examined)
        };
        let examined =
            if large { tokio::task::spawn_blocking(examine).await } else { Ok(examine()) };
        let Ok((bytes, examined)) = examined else {
            let judged = Err(Refusal::Lost);
            return Checked { bytes: Vec::new(), judged, observed: Vec::new() };
        };
        let lookups = TimedLookups::new(&*self.dns, Instant::now() + self.settings.timeout);
        let now_secs = u64::try_from(now.as_secs()).unwrap_or(0);
        let report = examined.check(&lookups, sender, now_secs).await;
        let verified = sender.mail_from.is_some_and(|(_, domain)| report.vouches_for(domain));
        let observed = match self.tally {
            Some(_) => self.observe(&report, sender),
            None => Vec::new(),
        };
        Checked { bytes, judged: self.judge(&report, verified), observed }
    }

    /// What is told of a message, with the reason why a policy is not obeyed.
    fn observe(&self, report: &Report, sender: Sender<'_>) -> Vec<Observation> {
        let is_trusted = |domain: &str| self.settings.trusted_sealers.iter().any(|t| t == domain);
        let vouched = report.arc.as_ref().is_some_and(|arc| arc.vouched_by(is_trusted));
        let mut observed = report.observations(sender);
        for one in &mut observed {
            let asks = one.verdict != DmarcVerdict::Pass && one.published != Policy::None;
            let reason = match () {
                () if !asks => None,
                () if !self.settings.obey => Some(("local_policy", "policies are not obeyed here")),
                // RFC 8617 §7.2.2.
                () if vouched => Some(("local_policy", "arc=pass")),
                () if one.asked != one.published => Some(("sampled_out", "the policy is on trial")),
                () => None,
            };
            one.row.reason = reason.map(|(kind, why)| (kind.to_owned(), why.to_owned()));
        }
        observed
    }

    /// Counts a message of which it is known what became of it.
    pub(super) fn count(
        &self,
        observed: Vec<Observation>,
        done: Policy,
        is_spam: bool,
        now: Timestamp,
    ) {
        let Some(tally) = &self.tally else { return };
        for one in observed {
            tally.count(one, done, is_spam, now);
        }
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
            Demand { policy: Policy::Quarantine, .. } => {
                self.judge_sender(report)?;
                Placement::Junk
            }
            Demand { policy: Policy::None, .. } => self.judge_sender(report)?,
        };
        let author = report.authentic_author().map(str::to_owned);
        Ok(Judged { field: report.render(&settings.authserv_id), placement, verified, author })
    }

    /// What SPF leads to, as it is configured.
    fn judge_sender(&self, report: &Report) -> Result<Placement, Refusal> {
        let settings = &self.settings;
        let is_trusted = |domain: &str| settings.trusted_sealers.iter().any(|t| t == domain);
        let demand = report.demand_of_sender(is_trusted);
        match (settings.disowned, demand) {
            (Disowned::Mark, _) | (_, Demand { policy: Policy::None, .. }) => Ok(Placement::Inbox),
            (Disowned::Junk, _) => Ok(Placement::Junk),
            (Disowned::Reject, Demand { doubtful: true, .. }) => Err(Refusal::AuthorUnknown),
            (Disowned::Reject, _) => Err(Refusal::PolicyOfSender),
        }
    }
}
