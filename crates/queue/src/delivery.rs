//! One message to one server, and the server itself: connecting, and what its answers mean.

use net::{MailExchanger, TlsDemand};
use smtp::client::{Client, ConnectError, Host, OpeningSettings, Outcome, Stage, TlsUse, Verdict};

use crate::answer::Answer;
use crate::counters::add;
use crate::hosts::{find_hosts, find_relay};
use crate::queue::Inner;
use crate::settings::{Relay, RelayTls};
use crate::settle::{Confirms, End};

/// A connection, and whom it is with.
pub(crate) struct Server {
    pub(crate) client: Client,
    /// As it stands in answers.
    pub(crate) name: String,
}

impl Inner {
    /// The hosts that take mail for a destination.
    pub(crate) async fn hosts(&self, destination: &str) -> Result<Vec<Host>, Answer> {
        if let Some(relay) = self.settings.relay_for(destination) {
            return find_relay(&*self.dns, &self.settings, relay).await;
        }
        // RFC 5321 §5.1: hosts of one preference are tried in no order, so that they share the
        // load.
        let mut shuffle = |exchangers: &mut Vec<MailExchanger>| {
            let mut keyed: Vec<(u64, MailExchanger)> =
                exchangers.drain(..).map(|exchanger| (self.random(), exchanger)).collect();
            keyed.sort_by_key(|(key, exchanger)| (exchanger.preference, *key));
            exchangers.extend(keyed.into_iter().map(|(_, exchanger)| exchanger));
        };
        find_hosts(&*self.dns, &self.settings, destination, &mut shuffle).await
    }

    /// Connects to the first host that takes mail.
    pub(crate) async fn connect(
        &self,
        destination: &str,
        hosts: &[Host],
    ) -> Result<Server, Answer> {
        let relay = self.settings.relay_for(destination);
        let mut last = Answer::ours(4, 4, 4, "there is no host to connect to");
        for host in hosts {
            match self.connect_to(host, relay).await {
                Ok(client) => {
                    add(&self.counters.connections, 1);
                    add(&self.counters.connections_tls, usize::from(client.is_tls()));
                    return Ok(Server { client, name: host.to_string() });
                }
                Err(answer) => {
                    add(&self.counters.connections_failed, 1);
                    tracing::debug!(%host, %answer, "a host that cannot be used");
                    last = answer;
                }
            }
        }
        Err(last)
    }

    async fn connect_to(&self, host: &Host, relay: Option<&Relay>) -> Result<Client, Answer> {
        let tls = relay.map_or(RelayTls::Opportunistic, |relay| relay.tls);
        let (tls_use, demand) = match tls {
            RelayTls::Never => (TlsUse::Never, TlsDemand::Encrypted),
            RelayTls::Opportunistic => (TlsUse::Opportunistic, TlsDemand::Encrypted),
            RelayTls::Verified => (TlsUse::Required, TlsDemand::Verified),
            RelayTls::Implicit => (TlsUse::FromTheStart, TlsDemand::Verified),
        };
        let mut settings = OpeningSettings {
            hostname: self.settings.hostname.clone(),
            tls: tls_use,
            credentials: relay.and_then(|relay| relay.credentials.clone()),
        };
        let first = Client::connect(host, &settings, &self.tls, demand).await;
        let outcome = match first {
            // RFC 7435 §3: where nothing asks for TLS, mail goes without rather than not at all.
            Err(ConnectError::Handshake(error)) if tls == RelayTls::Opportunistic => {
                tracing::info!(%host, error, "TLS failed; sending without");
                settings.tls = TlsUse::Never;
                Client::connect(host, &settings, &self.tls, demand).await
            }
            other => other,
        };
        let said_by = |status, text| Answer { status, host: Some(host.to_string()), text };
        outcome.map_err(|error| match error {
            ConnectError::Broken(text) => {
                let Answer { status, text, .. } = Answer::ours(4, 4, 1, text);
                said_by(status, text)
            }
            ConnectError::Handshake(text) => {
                let Answer { status, text, .. } = Answer::ours(4, 7, 5, format!("TLS: {text}"));
                said_by(status, text)
            }
            ConnectError::Refused(failure) => said_by(failure.status, failure.text),
        })
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
