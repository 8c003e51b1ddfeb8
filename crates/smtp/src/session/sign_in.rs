//! AUTH (RFC 4954): the exchange of challenges and responses within a session.

use sasl::wire;
use sasl::{Failure, Name};

use super::{Next, Session};
use crate::error::{CommandError, Refusal, StateError};
use crate::render::{Enhanced, Reply};
use crate::settings::Role;

impl Session {
    /// The mechanisms that can be used on the connection as it is now. Before this was said, and
    /// again after TLS was started, there are none.
    pub fn offer(&mut self, mechanisms: Vec<Name>) {
        self.offered = mechanisms;
    }

    /// The exchange goes on: RFC 4954 §4, 334 SP and the challenge, the space even where it is
    /// empty. The next line belongs to it.
    pub fn challenge(&mut self, challenge: &[u8], out: &mut Vec<u8>) -> Next {
        out.extend_from_slice(b"334 ");
        out.extend_from_slice(wire::encode(challenge).as_bytes());
        out.extend_from_slice(b"\r\n");
        self.in_exchange = true;
        Next::Command
    }

    /// Notes that the exchange succeeded, and answers it.
    pub fn signed_in(&mut self, out: &mut Vec<u8>) -> Next {
        self.signed_in = true;
        self.idle_commands = 0;
        // RFC 4954 §6: 235 2.7.0.
        Reply::new(235, Enhanced(2, 7, 0), "Signed in").render(out);
        Next::Command
    }

    /// The mechanisms that are announced now. Port 25 and LMTP have none.
    pub(super) fn announced(&self) -> &[Name] {
        match self.settings.role {
            Role::Submission if !self.signed_in => &self.offered,
            _ => &[],
        }
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
        if self.offered.is_empty() {
            // RFC 4954 §4: nothing is offered without TLS, except where settings say so.
            let refusal = if self.tls { Refusal::AuthNotOffered } else { Refusal::TlsRequired };
            return Err(refusal.into());
        }
        if self.hello.is_none() {
            return Err(StateError::GreetFirst.into());
        }
        // RFC 4954 §4: once per session, and never inside a transaction.
        if self.signed_in {
            return Err(StateError::AlreadyDone.into());
        }
        let name = Name::parse(mechanism.as_bytes()).filter(|name| self.offered.contains(name));
        let mechanism = name.ok_or(Refusal::UnknownMechanism)?;
        let initial = initial.map(|text| wire::decode_initial(text.as_bytes())).transpose();
        Ok(match initial {
            Ok(initial) => Next::SignIn { mechanism, initial },
            Err(failure) => self.break_off(failure, out),
        })
    }

    /// Takes the client's next line of the exchange.
    pub(super) fn respond(&mut self, line: &[u8], out: &mut Vec<u8>) -> Next {
        match wire::decode_line(line) {
            Ok(response) => Next::Respond(response),
            Err(failure) => self.break_off(failure, out),
        }
    }

    /// The exchange came to nothing.
    pub fn break_off(&mut self, failure: Failure, out: &mut Vec<u8>) -> Next {
        let refusal = match failure {
            Failure::Cancelled => Refusal::AuthCancelled,
            Failure::NotBase64 | Failure::Malformed => Refusal::AuthMalformed,
            Failure::TooLong => Refusal::AuthTooLong,
            Failure::ChannelBinding | Failure::Refused => Refusal::BadCredentials,
        };
        self.refuse(&refusal.into(), out)
    }
}
