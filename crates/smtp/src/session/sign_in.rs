//! AUTH (RFC 4954).

use sasl::{Exchange, Failure};

use super::{Next, Session};
use crate::error::{CommandError, Refusal, StateError};
use crate::render::{Enhanced, Reply};
use crate::settings::Role;

impl Session {
    /// The credentials were right.
    pub fn signed_in(&mut self, out: &mut Vec<u8>) -> Next {
        self.signed_in = true;
        self.idle_commands = 0;
        // RFC 4954 §6: 235 2.7.0.
        Reply::new(235, Enhanced(2, 7, 0), "Signed in").render(out);
        Next::Command
    }

    /// Whether AUTH is offered now. Port 25 and LMTP never do.
    pub(super) fn offers_auth(&self) -> bool {
        // RFC 4954 §4: PLAIN is not offered without TLS, except where settings say so.
        self.settings.role == Role::Submission && (self.tls || self.settings.plaintext_auth)
    }

    pub(super) fn sign_in(
        &mut self,
        mechanism: &str,
        initial: Option<&str>,
        out: &mut Vec<u8>,
    ) -> Result<Next, CommandError> {
        if self.settings.role != Role::Submission {
            return Err(Refusal::AuthNotOffered.into());
        }
        if !self.offers_auth() {
            return Err(Refusal::TlsRequired.into());
        }
        if self.hello.is_none() {
            return Err(StateError::GreetFirst.into());
        }
        // RFC 4954 §4: once per session, and never inside a transaction.
        if self.signed_in {
            return Err(StateError::AlreadyDone.into());
        }
        let started = Exchange::start(mechanism.as_bytes(), initial.map(str::as_bytes));
        let (exchange, reply) = started.ok_or(Refusal::UnknownMechanism)?;
        Ok(self.exchange_step(exchange, reply, out))
    }

    /// Takes the client's next line of the exchange.
    pub(super) fn respond(
        &mut self,
        mut exchange: Exchange,
        line: &[u8],
        out: &mut Vec<u8>,
    ) -> Next {
        let reply = exchange.respond(line);
        self.exchange_step(exchange, reply, out)
    }

    fn exchange_step(&mut self, exchange: Exchange, reply: sasl::Reply, out: &mut Vec<u8>) -> Next {
        match reply {
            sasl::Reply::Continue(challenge) => {
                // RFC 4954 §4: 334 SP and the challenge, the space even where it is empty.
                out.extend_from_slice(b"334 ");
                out.extend_from_slice(challenge.as_bytes());
                out.extend_from_slice(b"\r\n");
                self.exchange = Some(exchange);
                Next::Command
            }
            sasl::Reply::Credentials(credentials) => Next::SignIn(credentials),
            sasl::Reply::Failed(failure) => {
                let refusal = match failure {
                    Failure::Cancelled => Refusal::AuthCancelled,
                    Failure::NotBase64 | Failure::Malformed => Refusal::AuthMalformed,
                    Failure::TooLong => Refusal::AuthTooLong,
                    Failure::ChannelBinding | Failure::Refused => Refusal::BadCredentials,
                };
                self.refuse(&refusal.into(), out)
            }
        }
    }
}
