//! One message to one server, and the server itself: connecting, and what its answers mean.

use net::{MailExchanger, TlsDemand, TlsFault};
use smtp::client::{Client, ConnectError, Host, OpeningSettings, Outcome, Stage, TlsUse, Verdict};
use storage::ClaimedRecipient;

use crate::answer::Answer;
use crate::counters::add;
use crate::hosts::{Exit, find_hosts, find_relay};
use crate::policy::{Followed, Meeting, Need, StsPolicy, Unmet, meeting};
use crate::queue::Inner;
use crate::settings::{Relay, Settings};
use crate::settle::{Confirms, End};

/// A connection, and the server at the other end.
pub(crate) struct Server {
    pub(crate) client: Client,
    /// The name and address of the server, as answers show them.
    pub(crate) name: String,
    /// Its identity was verified as the policy for the destination asks.
    certain: bool,
    /// The need of the message that it was opened for.
    need: Need,
}

impl Server {
    /// Whether a message may go over it.
    pub(crate) fn suits(&self, need: Need) -> bool {
        match need {
            Need::Arrival => true,
            Need::Policy => self.certain || self.need != Need::Arrival,
            Need::Certainty => self.certain && self.client.server().require_tls,
        }
    }

    /// Whether one of these may be named on it.
    pub(crate) fn may_name(&self, recipients: &[ClaimedRecipient]) -> bool {
        self.client.may_name(recipients.iter().map(|one| &*one.forward_path))
    }
}

impl Inner {
    /// The hosts that take mail for a destination.
    pub(crate) async fn hosts(
        &self,
        settings: &Settings,
        destination: &str,
    ) -> Result<Vec<Exit>, Answer> {
        if let Some(relay) = settings.relay_for(destination) {
            return find_relay(&*self.dns, settings, relay).await;
        }
        // RFC 5321 §5.1: hosts of one preference are tried in no order, so that they share the
        // load.
        let mut shuffle = |exchangers: &mut Vec<MailExchanger>| {
            let mut keyed: Vec<(u64, MailExchanger)> =
                exchangers.drain(..).map(|exchanger| (self.random(), exchanger)).collect();
            keyed.sort_by_key(|(key, exchanger)| (exchanger.preference, *key));
            exchangers.extend(keyed.into_iter().map(|(_, exchanger)| exchanger));
        };
        find_hosts(&*self.dns, settings, destination, &mut shuffle).await
    }

    /// Connects to the first host that takes mail, in a way that suits. The hosts were found by the
    /// same settings.
    pub(crate) async fn connect(
        &self,
        settings: &Settings,
        destination: &str,
        exits: &[Exit],
        sts: Option<&StsPolicy>,
        need: Need,
    ) -> Result<Server, Answer> {
        let relay = settings.relay_for(destination);
        let mut last = Answer::ours(4, 4, 4, "there is no host to connect to");
        let mut first = true;
        // RFC 7504 §3: the other hosts are to be tried; those that are not among these are, later.
        let has_others = exits.iter().any(|exit| exit.has_others);
        for exit in exits {
            let host = &exit.host;
            let answer = match self.meet(destination, exit, relay, sts, need).await {
                Ok(server) if server.suits(need) => {
                    add(&self.counters.connections, 1);
                    add(&self.counters.connections_tls, usize::from(server.client.is_tls()));
                    return Ok(server);
                }
                Ok(server) => {
                    self.shutdown.spawn(server.client.quit());
                    let text = "the message needs REQUIRETLS, which the server does not offer";
                    Answer { host: Some(host.to_string()), ..Answer::ours(5, 7, 30, text) }
                }
                Err(answer) => answer,
            };
            add(&self.counters.connections_failed, 1);
            tracing::debug!(%host, %answer, "a host that cannot be used");
            // What may yet succeed with one of them is not given up for what cannot with others.
            if std::mem::take(&mut first) || answer.status.class == 4 || last.status.class == 5 {
                last = answer;
            }
        }
        Err(if has_others && !last.is_loop() { last.with_class(4) } else { last })
    }

    async fn meet(
        &self,
        destination: &str,
        exit: &Exit,
        relay: Option<&Relay>,
        sts: Option<&StsPolicy>,
        need: Need,
    ) -> Result<Server, Answer> {
        let meeting = match relay {
            // No message changes what the operator set.
            Some(relay) if need != Need::Certainty => Meeting::by_route(relay),
            Some(relay) => Meeting::by_route(relay).for_need(need)?,
            None => match meeting(&*self.dns, exit, sts, need).await {
                Ok(meeting) => meeting,
                Err(Unmet { answer, failed }) => {
                    if let Some((policy, result)) = failed {
                        let now = self.store.now();
                        self.tally.count(destination, &policy, (exit, None), result, now);
                    }
                    return Err(answer);
                }
            },
        };
        let host = &exit.host;
        // RFC 8460 §3: the session of a report is not reported on, nor is any other in which the
        // policy decides nothing.
        let is_counted = relay.is_none() && need != Need::Arrival;
        let counted = is_counted.then_some((destination, exit));
        let (client, certain) = self.connect_to(host, relay, &meeting, counted).await?;
        let certain = certain && client.is_tls();
        Ok(Server { client, name: host.to_string(), certain, need })
    }

    /// The connection, and whether it is known who is at its other end.
    async fn connect_to(
        &self,
        host: &Host,
        relay: Option<&Relay>,
        meeting: &Meeting,
        counted: Option<(&str, &Exit)>,
    ) -> Result<(Client, bool), Answer> {
        let mut settings = OpeningSettings {
            hostname: self.settings().hostname.clone(),
            tls: meeting.tls,
            credentials: relay.and_then(|relay| relay.credentials.clone()),
        };
        let mut source = None;
        let mut outcome = match Client::dial(host).await {
            Ok(stream) => {
                source = Some(stream.local().ip());
                Client::open(stream, &host.name, &settings, &self.tls(), &meeting.demand).await
            }
            Err(error) => Err(error),
        };
        if let Some((destination, exit)) = counted
            && let Some(result) = tls_result(&outcome, meeting, exit)
        {
            let now = self.store.now();
            self.tally.count(destination, &meeting.followed, (exit, source), result, now);
        }
        let mut certain = meeting.certain;
        let mut otherwise = meeting.otherwise;
        while let (Some(tls), Err(error)) = (otherwise, &outcome) {
            let Some(error) = tls_error(error) else { break };
            tracing::info!(%host, error, "TLS is not as it should be; sending all the same");
            (settings.tls, certain) = (tls, false);
            outcome = Client::connect(host, &settings, &self.tls(), &TlsDemand::Encrypted).await;
            otherwise = (tls == TlsUse::Opportunistic).then_some(TlsUse::Never);
        }
        let client = outcome.map_err(|error| {
            let answer = answer_of(host, error);
            // A route that leads to where no mail is taken is for the operator to mend; the mail
            // waits for it. So it does where TLS is to tell who is there: whoever says before it
            // that no mail is taken can be anybody. What leads back to us may not wait; it is found
            // behind TLS then.
            let must_be_certain = meeting.certain && meeting.otherwise.is_none();
            let may_change = relay.is_some() || must_be_certain;
            if may_change && !answer.is_loop() { answer.with_class(4) } else { answer }
        })?;
        Ok((client, certain))
    }
}

/// How TLS went, as reports tell it (RFC 8460 §4.3); `None` where it did not come to that. Empty:
/// nothing failed.
fn tls_result(
    outcome: &Result<Client, ConnectError>,
    meeting: &Meeting,
    exit: &Exit,
) -> Option<&'static str> {
    if let Followed::Sts(policy) = &meeting.followed
        && !policy.names(&exit.host.name)
    {
        return Some("validation-failure");
    }
    Some(match outcome {
        // RFC 8460 §4.3.2.1: none of the records can be used, so that nobody is known by them.
        Ok(client) if client.is_tls() && meeting.is_by_unusable_records() => "tlsa-invalid",
        Ok(client) if client.is_tls() => "",
        // RFC 8460 §4.3.1.
        Ok(_) => "starttls-not-supported",
        Err(ConnectError::Refused(failure)) if failure.is_no_tls() => "starttls-not-supported",
        Err(ConnectError::Handshake { fault, .. }) => match (fault, &meeting.demand) {
            (TlsFault::Expired, _) => "certificate-expired",
            (TlsFault::WrongName, _) => "certificate-host-mismatch",
            (TlsFault::Untrusted, TlsDemand::Verified) => "certificate-not-trusted",
            // RFC 8460 §4.3.2.1: what the DNS says is not what is presented.
            (TlsFault::Untrusted | TlsFault::Other, _) => "validation-failure",
        },
        Err(ConnectError::Broken(_) | ConnectError::Refused(_)) => return None,
    })
}

/// What was wrong with TLS, if it was that.
fn tls_error(error: &ConnectError) -> Option<&str> {
    match error {
        ConnectError::Handshake { text, .. } => Some(text),
        // RFC 3463 §3.8: X.7.5 is the state machine's word for a server without TLS.
        ConnectError::Refused(failure) if failure.is_no_tls() => Some(&failure.text),
        ConnectError::Broken(_) | ConnectError::Refused(_) => None,
    }
}

fn answer_of(host: &Host, error: ConnectError) -> Answer {
    let said_by = |status, text| Answer { status, host: Some(host.to_string()), text };
    match error {
        ConnectError::Broken(text) => {
            let Answer { status, text, .. } = Answer::ours(4, 4, 1, text);
            said_by(status, text)
        }
        ConnectError::Handshake { text, .. } => {
            let Answer { status, text, .. } = Answer::ours(4, 7, 5, format!("TLS: {text}"));
            said_by(status, text)
        }
        ConnectError::Refused(failure) => said_by(failure.status, failure.text),
    }
}

/// What an outcome means for one recipient; `None` for one that is to be named again in another
/// transaction.
pub(crate) fn end_of(
    verdict: Verdict,
    server: &str,
    confirms: Confirms,
    usable: bool,
) -> Option<End> {
    Some(match verdict {
        Verdict::Accepted(reply) => End::Sent { answer: Answer::of(server, &reply), confirms },
        Verdict::Refused(_, reply) if reply.is_permanent() => {
            End::Failed(Answer::of(server, &reply))
        }
        Verdict::Refused(_, reply) => End::Deferred(Answer::of(server, &reply)),
        Verdict::Unfit(unfit) => End::Failed(Answer {
            status: unfit.status,
            host: Some(server.to_owned()),
            text: unfit.text.to_owned(),
        }),
        Verdict::Unanswered if usable => return None,
        Verdict::Unanswered => {
            let Answer { status, text, .. } =
                Answer::ours(4, 4, 2, "the connection was lost before an answer came");
            End::Deferred(Answer { status, host: Some(server.to_owned()), text })
        }
    })
}

/// Whether an outcome says more of the server than of the message: it was not let in, or the
/// connection ended.
pub(crate) fn concerns_server(outcome: &Outcome) -> bool {
    let nobody = !outcome.verdicts.iter().any(|one| matches!(one, Verdict::Accepted(_)));
    let not_now = outcome.verdicts.iter().any(|one| match one {
        Verdict::Refused(stage, reply) => {
            reply.is_farewell() || (*stage == Stage::Mail && !reply.is_permanent())
        }
        Verdict::Unanswered => !outcome.usable,
        Verdict::Accepted(_) | Verdict::Unfit(_) => false,
    });
    nobody && not_now
}
