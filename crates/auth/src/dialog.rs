//! One AUTHENTICATE or AUTH command under way: a mechanism, and the accounts it asks about.

use std::net::IpAddr;

use net::{AddressKey, Connection};
use sasl::{Answer, Failure, Mechanism, Name, Question, Step, offered};
use storage::Protocol;

use crate::authenticator::{ScramAttempt, SignedIn};
use crate::{AuthError, Authenticator};

/// A connection as somebody signs in over it.
#[derive(Debug, Clone)]
pub struct Link {
    /// The protocol of the session.
    pub protocol: Protocol,
    /// The IP address of the client.
    pub peer: IpAddr,
    channel: sasl::Channel,
    /// The addresses its client certificate was issued to.
    certificate: Vec<String>,
}

impl Link {
    /// What mechanisms have to know of a connection. `plaintext_auth`: passwords may be sent on
    /// it without TLS.
    pub fn new(
        authenticator: &Authenticator,
        protocol: Protocol,
        connection: &Connection,
        plaintext_auth: bool,
    ) -> Self {
        let certificate = connection.client_mail_addresses();
        let bindings = connection.channel_bindings();
        let channel = sasl::Channel {
            is_tls: connection.is_tls(),
            may_send_secrets: connection.is_tls() || plaintext_auth,
            scram: authenticator.has_scram(),
            has_certificate: !certificate.is_empty(),
            bindings: sasl::ChannelBindings {
                tls_exporter: bindings.tls_exporter,
                tls_server_end_point: bindings.tls_server_end_point,
            },
        };
        Self { protocol, peer: connection.peer().ip(), channel, certificate }
    }

    /// The configured mechanisms that can be used on this link, in the order in which they are
    /// announced.
    pub fn offered(&self, configured: &[Name]) -> Vec<Name> {
        offered(configured, &self.channel)
    }
}

/// The next step of the session.
#[derive(Debug)]
pub enum Turn {
    /// Send this, and come back with the response.
    Challenge(Vec<u8>),
    /// Somebody signed in.
    SignedIn(SignedIn),
    /// Nobody did, for this reason.
    Refused(AuthError),
    /// The client broke the mechanism off or does not speak it.
    Failed(Failure),
}

/// One exchange from the name of its mechanism to its outcome.
pub struct Dialog {
    mechanism: Box<dyn Mechanism>,
    link: Link,
    scram: Option<ScramAttempt>,
    outcome: Option<Result<SignedIn, AuthError>>,
}

impl Authenticator {
    /// Starts an exchange; `None` where the mechanism is not among those that can be used.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] where the system has no randomness.
    pub fn begin(
        &self,
        link: Link,
        configured: &[Name],
        mechanism: &[u8],
    ) -> Result<Option<Dialog>, AuthError> {
        let offered = link.offered(configured);
        let Some(name) = Name::parse(mechanism).filter(|name| offered.contains(name)) else {
            return Ok(None);
        };
        let mut random = [0; 18];
        getrandom::fill(&mut random).map_err(|_| AuthError::Unavailable)?;
        let nonce = sasl::wire::encode(&random);
        // RFC 5802 §6: whether a client that could bind to the channel was told so.
        let plus_offered = match name {
            Name::Scram { hash, .. } => offered.contains(&Name::Scram { hash, plus: true }),
            _ => false,
        };
        let mechanism = sasl::start(name, &link.channel, plus_offered, &nonce);
        Ok(Some(Dialog { mechanism, link, scram: None, outcome: None }))
    }
}

impl Dialog {
    /// Takes the client's response (`None`: there was no initial one) and says what comes next.
    pub async fn advance(
        &mut self,
        authenticator: &Authenticator,
        response: Option<&[u8]>,
    ) -> Turn {
        let mut step = self.mechanism.step(response);
        loop {
            step = match step {
                Step::Challenge(bytes) => return Turn::Challenge(bytes),
                Step::Ask(question) => match self.ask(authenticator, question).await {
                    Ok(answer) => self.mechanism.answer(answer),
                    Err(error) => return Turn::Refused(error),
                },
                Step::Accepted => return self.conclude(),
                Step::Failed(Failure::Refused) => {
                    let refused = self.outcome.take().and_then(Result::err);
                    return Turn::Refused(refused.unwrap_or(AuthError::Wrong));
                }
                Step::Failed(failure) => {
                    if failure == Failure::ChannelBinding {
                        let peer = AddressKey::of(self.link.peer);
                        tracing::warn!(%peer, "channel binding differs: is somebody in between?");
                    }
                    return Turn::Failed(failure);
                }
            };
        }
    }

    /// Finds an answer. What is no answer to whether a secret is right ends the exchange: a
    /// program told that its token is wrong would throw it away.
    async fn ask(
        &mut self,
        authenticator: &Authenticator,
        question: Question,
    ) -> Result<Answer, AuthError> {
        let Link { protocol, peer, .. } = self.link;
        let outcome = match question {
            Question::Password(credentials) => {
                authenticator.sign_in(&credentials, protocol, peer).await
            }
            Question::Scram(identity) => {
                let attempt = authenticator.find_verifiers(identity, protocol, peer).await?;
                let verifiers = attempt.verifiers();
                self.scram = Some(attempt);
                return Ok(Answer::Verifiers(verifiers));
            }
            Question::Proof(proven) => match self.scram.take() {
                Some(attempt) => authenticator.sign_in_proven(attempt, proven).await,
                None => Err(AuthError::Wrong),
            },
            Question::Token(bearer) => authenticator.sign_in_token(&bearer, protocol, peer).await,
            Question::Certificate { authzid } => {
                let names = &self.link.certificate;
                authenticator.sign_in_certificate(names, authzid.as_deref(), protocol, peer).await
            }
        };
        let answer = match &outcome {
            Ok(_) => Ok(Answer::Accepted),
            Err(AuthError::Wrong) => Ok(Answer::Refused),
            Err(error) => Err(error.clone()),
        };
        self.outcome = Some(outcome);
        answer
    }

    fn conclude(&mut self) -> Turn {
        match self.outcome.take() {
            Some(Ok(signed_in)) => Turn::SignedIn(signed_in),
            Some(Err(error)) => Turn::Refused(error),
            None => Turn::Refused(AuthError::Wrong),
        }
    }
}

impl std::fmt::Debug for Dialog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialog").field("link", &self.link).finish_non_exhaustive()
    }
}
