//! How the servers of a destination must be met: what the DNS says of their certificates (DANE,
//! RFC 7672), what their domain says of them (MTA-STS, RFC 8461), what a message asks for
//! (RFC 8689), or as well as can be had (RFC 7435).

mod lookup;
mod sts;

use std::sync::Arc;

use net::{Dane, Dns, DnsError, TlsDemand, Vouched};
use smtp::client::TlsUse;

use crate::answer::Answer;
use crate::hosts::Exit;
use crate::settings::{Relay, RelayTls};

pub(crate) use lookup::StsCache;
pub(crate) use sts::{StsMode, StsPolicy};

/// What a message asks of the way it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// To get there, whatever its domain says of TLS (RFC 8689 §3).
    Arrival,
    /// The policy that the domain publishes has to be followed.
    Policy,
    /// TLS with servers that are known to be right (RFC 8689 §4.2.1).
    Certainty,
}

/// How one server is met.
#[derive(Debug, Clone)]
pub(crate) struct Meeting {
    pub(crate) tls: TlsUse,
    pub(crate) demand: TlsDemand,
    /// It is known that the server is who it should be.
    pub(crate) certain: bool,
    /// The use of TLS for a second attempt, where the first fails; `None`: no second attempt.
    pub(crate) otherwise: Option<TlsUse>,
    /// Which policy was followed.
    pub(crate) followed: Followed,
}

/// The policy by which a server is met, as reports tell it (RFC 8460 §4.4).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Followed {
    /// No published policy.
    #[default]
    Nobody,
    /// The MTA-STS policy of the domain (RFC 8461).
    Sts(StsPolicy),
    /// The TLSA records of the host (RFC 7672).
    Tlsa(Vec<net::TlsaRecord>),
}

/// Why a server is not met.
#[derive(Debug)]
pub(crate) struct Unmet {
    pub(crate) answer: Answer,
    /// Which policy failed, and how (RFC 8460 §4.3), if it was that.
    pub(crate) failed: Option<(Followed, &'static str)>,
}

impl From<Answer> for Unmet {
    fn from(answer: Answer) -> Self {
        Self { answer, failed: None }
    }
}

impl Meeting {
    fn opportunistic() -> Self {
        Self {
            tls: TlsUse::Opportunistic,
            demand: TlsDemand::Encrypted,
            certain: false,
            // RFC 7435 §3: where nothing asks for TLS, mail goes without rather than not at all.
            otherwise: Some(TlsUse::Never),
            followed: Followed::Nobody,
        }
    }

    fn demanding(demand: TlsDemand, certain: bool, followed: Followed) -> Self {
        Self { tls: TlsUse::Required, demand, certain, otherwise: None, followed }
    }

    /// Whether the DNS asks for TLS, and no more (RFC 7672 §2.2).
    pub(crate) fn is_by_unusable_records(&self) -> bool {
        matches!(self.followed, Followed::Tlsa(_)) && self.demand == TlsDemand::Encrypted
    }

    /// The terms that also satisfy the needs of a message, or the answer where none can.
    pub(crate) fn for_need(self, need: Need) -> Result<Self, Answer> {
        match need {
            Need::Policy => Ok(self),
            // RFC 8689 §4.2.2: what the domain says is followed, and passed over where it fails.
            Need::Arrival if self.certain || self.otherwise.is_none() => {
                let otherwise = (self.tls == TlsUse::Required).then_some(TlsUse::Opportunistic);
                Ok(Self { otherwise, ..self })
            }
            Need::Arrival => Ok(self),
            Need::Certainty if self.certain => Ok(Self { otherwise: None, ..self }),
            Need::Certainty => {
                let text = "no server there is known to be the right one, which the message needs";
                Err(Answer::ours(5, 7, 10, text))
            }
        }
    }

    /// The terms for a route that the operator configured.
    pub(crate) fn by_route(relay: &Relay) -> Self {
        let (tls, demand, certain) = match relay.tls {
            RelayTls::Opportunistic => return Self::opportunistic(),
            RelayTls::Never => (TlsUse::Never, TlsDemand::Encrypted, false),
            RelayTls::Verified => (TlsUse::Required, TlsDemand::Verified, true),
            RelayTls::Implicit => (TlsUse::FromTheStart, TlsDemand::Verified, true),
        };
        Self { tls, demand, certain, otherwise: None, followed: Followed::Nobody }
    }
}

/// How a server is met, or why it is not.
pub(crate) async fn meeting(
    dns: &dyn Dns,
    exit: &Exit,
    sts: Option<&StsPolicy>,
    need: Need,
) -> Result<Meeting, Unmet> {
    let meeting = match dane(dns, exit).await {
        Some(Ok(meeting)) if !meeting.certain => beside_unusable(meeting, by_sts(exit, sts)),
        // RFC 8461 §2: where DANE applies, it decides.
        Some(dane) => dane,
        None => by_sts(exit, sts),
    };
    match meeting {
        Ok(meeting) => Ok(meeting.for_need(need)?),
        // RFC 8689 §4.2.2: the policy is passed over.
        Err(_) if need == Need::Arrival => Ok(Meeting::opportunistic()),
        Err(unmet) => Err(unmet),
    }
}

/// What the DNS says of a server's certificate; `None` where it says nothing that can be relied on.
async fn dane(dns: &dyn Dns, exit: &Exit) -> Option<Result<Meeting, Unmet>> {
    // RFC 7672 §2.2.1: without a secure MX and secure addresses, TLSA records are of no use.
    if !exit.secure {
        return None;
    }
    let port = exit.host.address.port();
    for base in &exit.bases {
        match dns.tlsa(&format!("_{port}._tcp.{base}")).await {
            Ok(Vouched { answer, secure: true }) if !answer.is_empty() => {
                return Some(Ok(by_records(exit, base, answer)));
            }
            Ok(_) | Err(DnsError::NoSuchName) => {}
            // RFC 7672 §2.1: what cannot be found out, or is bogus, is as if the server could not
            // be reached.
            Err(error) => {
                let answer = Answer::ours(4, 7, 5, format!("TLSA of {base}: {error}"));
                let failed = Some((Followed::Tlsa(Vec::new()), "dnssec-invalid"));
                return Some(Err(Unmet { answer, failed }));
            }
        }
    }
    None
}

fn by_records(exit: &Exit, base: &str, records: Vec<net::TlsaRecord>) -> Meeting {
    let followed = Followed::Tlsa(records.clone());
    match Dane::new(base, records, &exit.names) {
        Some(dane) => Meeting::demanding(TlsDemand::Dane(Arc::new(dane)), true, followed),
        // RFC 7672 §2.2: TLS all the same, whoever it is.
        None => Meeting::demanding(TlsDemand::Encrypted, false, followed),
    }
}

/// TLSA records of which none can be used say that there is TLS, and not with whom: what the domain
/// says of that (RFC 8461) is asked for beside it, and overrides nothing.
fn beside_unusable(meeting: Meeting, by_sts: Result<Meeting, Unmet>) -> Result<Meeting, Unmet> {
    let found = by_sts?;
    if found.followed == Followed::Nobody {
        return Ok(meeting);
    }
    let otherwise = found.otherwise.filter(|_| found.certain).map(|_| TlsUse::Required);
    Ok(Meeting { tls: TlsUse::Required, otherwise, ..found })
}

fn by_sts(exit: &Exit, sts: Option<&StsPolicy>) -> Result<Meeting, Unmet> {
    let Some(policy) = sts.filter(|policy| policy.mode != StsMode::None) else {
        return Ok(Meeting::opportunistic());
    };
    let named = policy.names(&exit.host.name);
    let followed = Followed::Sts(policy.clone());
    match (policy.mode, named) {
        (StsMode::Enforce, true) => Ok(Meeting::demanding(TlsDemand::Verified, true, followed)),
        // RFC 8461 §5: to a server that is not named, nothing is sent.
        (StsMode::Enforce, false) => {
            let text = "the domain's policy (MTA-STS) does not name this server";
            let answer = Answer::ours(4, 7, 5, text);
            Err(Unmet { answer, failed: Some((followed, "validation-failure")) })
        }
        // RFC 8461 §5: it is tried as if it were meant, and goes all the same.
        (StsMode::Testing | StsMode::None, true) => Ok(Meeting {
            otherwise: Some(TlsUse::Opportunistic),
            ..Meeting::demanding(TlsDemand::Verified, true, followed)
        }),
        (StsMode::Testing | StsMode::None, false) => {
            Ok(Meeting { followed, ..Meeting::opportunistic() })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use net::{DnsFuture, MailExchanger, TlsaRecord};
    use smtp::client::Host;

    use super::*;

    /// Has TLSA records at one name.
    struct OneName(&'static str, Result<Vouched<Vec<TlsaRecord>>, DnsError>);

    impl Dns for OneName {
        fn mail_exchangers<'a>(&'a self, _: &'a str) -> DnsFuture<'a, Vec<MailExchanger>> {
            Box::pin(async { Ok(Vec::new()) })
        }

        fn addresses<'a>(&'a self, _: &'a str) -> DnsFuture<'a, Vec<IpAddr>> {
            Box::pin(async { Ok(Vec::new()) })
        }

        fn tlsa<'a>(&'a self, name: &'a str) -> DnsFuture<'a, Vouched<Vec<TlsaRecord>>> {
            let found = match name == self.0 {
                true => self.1.clone(),
                false => Err(DnsError::NoSuchName),
            };
            Box::pin(async { found })
        }
    }

    fn exit(secure: bool) -> Exit {
        let name = "mx.there.test".to_owned();
        let host = Host { name: name.clone(), address: ([192, 0, 2, 1], 25).into(), source: None };
        Exit {
            host,
            secure,
            bases: vec![name],
            names: vec!["there.test".to_owned()],
            has_others: false,
        }
    }

    fn records(usage: u8, secure: bool) -> Result<Vouched<Vec<TlsaRecord>>, DnsError> {
        let record = TlsaRecord { usage, selector: 1, matching: 1, data: vec![7; 32] };
        Ok(Vouched { answer: vec![record], secure })
    }

    fn policy(mode: StsMode, pattern: &str) -> StsPolicy {
        let max_age = std::time::Duration::from_secs(86_400);
        StsPolicy { mode, max_age, patterns: vec![pattern.to_owned()] }
    }

    /// In short: what is demanded, whether it is certain, what is tried otherwise.
    async fn short(dns: &OneName, secure: bool, sts: Option<&StsPolicy>, need: Need) -> String {
        match meeting(dns, &exit(secure), sts, need).await {
            Ok(Meeting { tls, demand, certain, otherwise, .. }) => {
                let demand = match demand {
                    TlsDemand::Encrypted => "encrypted",
                    TlsDemand::Verified => "verified",
                    TlsDemand::Dane(_) => "dane",
                };
                let certain = if certain { "certain" } else { "-" };
                format!("{tls:?} {demand} {certain} {otherwise:?}")
            }
            Err(unmet) => unmet.answer.status.to_string(),
        }
    }

    #[tokio::test]
    async fn what_the_dns_vouches_for_decides() {
        let at = "_25._tcp.mx.there.test";
        let broken = || Err(DnsError::Temporary("SERVFAIL".to_owned()));
        let as_can_be = "Opportunistic encrypted - Some(Never)";
        for (name, found, secure, expect) in [
            (at, records(3, true), true, "Required dane certain None"),
            (at, records(2, true), true, "Required dane certain None"),
            // RFC 7672 §2.2: none that is usable: TLS, whoever it is.
            (at, records(1, true), true, "Required encrypted - None"),
            (at, records(3, false), true, as_can_be),
            (at, records(3, true), false, as_can_be),
            (at, broken(), true, "4.7.5"),
            (at, broken(), false, as_can_be),
            ("_25._tcp.other.test", records(3, true), true, as_can_be),
        ] {
            let dns = OneName(name, found);
            let found = short(&dns, secure, None, Need::Policy).await;
            assert_eq!(found, expect, "{name} {:?} {secure}", dns.1);
        }
        // RFC 8461 §2: MTA-STS is not asked then.
        let dns = OneName(at, records(3, true));
        let elsewhere = policy(StsMode::Enforce, "other.test");
        let found = short(&dns, true, Some(&elsewhere), Need::Policy).await;
        assert_eq!(found, "Required dane certain None");
    }

    // RFC 7672 §2.2 asks for TLS, RFC 8461 §5 for who is named: neither gives way.
    #[tokio::test]
    async fn records_of_no_use_leave_the_domain_its_say() {
        let dns = OneName("_25._tcp.mx.there.test", records(1, true));
        for (mode, pattern, expect) in [
            (StsMode::Enforce, "mx.there.test", "Required verified certain None"),
            (StsMode::Enforce, "other.test", "4.7.5"),
            (StsMode::Testing, "mx.there.test", "Required verified certain Some(Required)"),
            (StsMode::Testing, "other.test", "Required encrypted - None"),
            (StsMode::None, "mx.there.test", "Required encrypted - None"),
        ] {
            let policy = policy(mode, pattern);
            let found = short(&dns, true, Some(&policy), Need::Policy).await;
            assert_eq!(found, expect, "{mode:?} {pattern}");
        }
    }

    // RFC 7672 §3.2.2, §8.1
    #[tokio::test]
    async fn a_server_is_known_by_where_its_records_stand() {
        let dns = OneName("_25._tcp.mx.there.test", records(3, true));
        let bases = vec!["far.test".to_owned(), "mx.there.test".to_owned()];
        let exit = Exit { bases, ..exit(true) };
        let met = meeting(&dns, &exit, None, Need::Policy).await.unwrap();
        let TlsDemand::Dane(dane) = met.demand else { panic!("{met:?}") };
        assert_eq!(dane.base(), "mx.there.test");
    }

    #[tokio::test]
    async fn what_the_domain_says_is_obeyed() {
        let dns = OneName("", records(3, true));
        let as_can_be = "Opportunistic encrypted - Some(Never)";
        for (mode, pattern, expect) in [
            (StsMode::Enforce, "mx.there.test", "Required verified certain None"),
            (StsMode::Enforce, "*.there.test", "Required verified certain None"),
            (StsMode::Enforce, "other.test", "4.7.5"),
            (StsMode::Testing, "mx.there.test", "Required verified certain Some(Opportunistic)"),
            (StsMode::Testing, "other.test", as_can_be),
            (StsMode::None, "mx.there.test", as_can_be),
        ] {
            let policy = policy(mode, pattern);
            let found = short(&dns, false, Some(&policy), Need::Policy).await;
            assert_eq!(found, expect, "{mode:?} {pattern}");
        }
    }

    #[tokio::test]
    async fn messages_ask_for_more_or_less() {
        let at = "_25._tcp.mx.there.test";
        let named = policy(StsMode::Enforce, "mx.there.test");
        let other = policy(StsMode::Enforce, "other.test");
        let as_can_be = "Opportunistic encrypted - Some(Never)";
        for (found, sts, need, expect) in [
            (records(3, true), None, Need::Certainty, "Required dane certain None"),
            (records(1, true), None, Need::Certainty, "5.7.10"),
            (Err(DnsError::NoSuchName), None, Need::Certainty, "5.7.10"),
            (
                Err(DnsError::NoSuchName),
                Some(&named),
                Need::Certainty,
                "Required verified certain None",
            ),
            (
                Err(DnsError::NoSuchName),
                Some(&named),
                Need::Arrival,
                "Required verified certain Some(Opportunistic)",
            ),
            (Err(DnsError::NoSuchName), Some(&other), Need::Arrival, as_can_be),
            (Err(DnsError::NoSuchName), None, Need::Arrival, as_can_be),
            (records(3, true), None, Need::Arrival, "Required dane certain Some(Opportunistic)"),
        ] {
            let dns = OneName(at, found);
            assert_eq!(short(&dns, true, sts, need).await, expect, "{:?} {need:?}", dns.1);
        }
    }
}
