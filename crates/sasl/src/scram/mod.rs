//! SCRAM-SHA-1 and SCRAM-SHA-256, with and without channel binding (RFC 5802, RFC 7677).
//!
//! The client sends its name and a nonce; the server answers with the account's salt; the client
//! proves that it knows the password without sending it; and the server proves that it keeps
//! the verifier, as the last challenge, which the client acknowledges with an empty response.

mod message;
mod verifier;

use crate::{Answer, ChannelBindings, Failure, Mechanism, Question, ScramIdentity, Step};

pub use verifier::{Hash, ScramKeys, Verifiers};

pub(crate) use message::parse_saslname;

use message::{Binding, ClientFinal, ClientFirst};

/// A SCRAM exchange.
pub(crate) struct Scram {
    hash: Hash,
    plus: bool,
    plus_offered: bool,
    bindings: ChannelBindings,
    nonce: String,
    state: State,
}

/// The message that is expected next.
enum State {
    First,
    /// The account's verifiers.
    Verifiers(ClientFirst),
    Final(Started),
    /// Whether the account that proved itself may sign in; with our own proof.
    Verdict(Option<Vec<u8>>),
    Acknowledgement,
    Finished,
}

/// An exchange whose first messages went both ways.
struct Started {
    first: ClientFirst,
    /// Both nonces, one after the other.
    nonce: String,
    server_first: String,
    verifiers: Verifiers,
}

impl Scram {
    pub(crate) fn new(
        hash: Hash,
        plus: bool,
        plus_offered: bool,
        bindings: ChannelBindings,
        nonce: &str,
    ) -> Self {
        Self { hash, plus, plus_offered, bindings, nonce: nonce.to_owned(), state: State::First }
    }

    fn first(&mut self, message: &[u8]) -> Result<Step, Failure> {
        let first = ClientFirst::parse(message)?;
        self.check_binding(&first.binding)?;
        let identity = ScramIdentity {
            authzid: first.authzid.clone(),
            authcid: first.authcid.clone(),
            hash: self.hash,
        };
        self.state = State::Verifiers(first);
        Ok(Step::Ask(Question::Scram(identity)))
    }

    /// RFC 5802 §6: what the client says about channel binding has to agree with the mechanism
    /// it chose, and with what it was offered.
    fn check_binding(&self, binding: &Binding) -> Result<(), Failure> {
        let agrees = match binding {
            Binding::Bound(name) => self.plus && self.bindings.find(name).is_some(),
            Binding::Unsupported => !self.plus,
            // The client could bind and believes that we cannot, yet we said we can: somebody
            // took the -PLUS names out of what we said.
            Binding::NotOffered => !self.plus && !self.plus_offered,
        };
        if agrees { Ok(()) } else { Err(Failure::ChannelBinding) }
    }

    fn server_first(&mut self, first: ClientFirst, verifiers: Verifiers) -> Step {
        let nonce = format!("{}{}", first.nonce, self.nonce);
        let salt = crate::wire::encode(&verifiers.salt);
        let server_first = format!("r={nonce},s={salt},i={}", verifiers.iterations);
        let challenge = server_first.clone().into_bytes();
        self.state = State::Final(Started { first, nonce, server_first, verifiers });
        Step::Challenge(challenge)
    }

    fn last(&mut self, started: &Started, message: &[u8]) -> Result<Step, Failure> {
        let last = ClientFinal::parse(message)?;
        // RFC 5802 §5.1: the nonce of the client's last message is ours and its own.
        if last.nonce != started.nonce.as_bytes() {
            return Err(Failure::Malformed);
        }
        if last.binding != self.binding_input(&started.first) {
            return Err(Failure::ChannelBinding);
        }
        let signed = [
            started.first.bare.as_slice(),
            b",",
            started.server_first.as_bytes(),
            b",",
            last.without_proof,
        ]
        .concat();
        let proven = started.verifiers.find_proven(self.hash, &signed, &last.proof);
        let signature = proven.and_then(|at| started.verifiers.sign(self.hash, at, &signed));
        self.state = State::Verdict(signature);
        Ok(Step::Ask(Question::Proof(proven)))
    }

    /// RFC 5802 §7, `cbind-input = gs2-header [ cbind-data ]`.
    fn binding_input(&self, first: &ClientFirst) -> Vec<u8> {
        let data = match &first.binding {
            Binding::Bound(name) => self.bindings.find(name).unwrap_or_default(),
            Binding::Unsupported | Binding::NotOffered => b"",
        };
        [first.gs2_header.as_slice(), data].concat()
    }
}

impl Mechanism for Scram {
    fn step(&mut self, response: Option<&[u8]>) -> Step {
        let outcome = match (std::mem::replace(&mut self.state, State::Finished), response) {
            (State::First, None) => {
                self.state = State::First;
                Ok(Step::Challenge(Vec::new()))
            }
            (State::First, Some(message)) => self.first(message),
            (State::Final(started), Some(message)) => self.last(&started, message),
            // RFC 4422 §3.7: additional data went out as a challenge, as none of the protocols
            // has room for it in its success; the response is empty.
            (State::Acknowledgement, Some(b"")) => Ok(Step::Accepted),
            _ => Err(Failure::Malformed),
        };
        outcome.unwrap_or_else(Step::Failed)
    }

    fn answer(&mut self, answer: Answer) -> Step {
        match (std::mem::replace(&mut self.state, State::Finished), answer) {
            (State::Verifiers(first), Answer::Verifiers(verifiers)) => {
                self.server_first(first, verifiers)
            }
            (State::Verdict(Some(signature)), Answer::Accepted) => {
                self.state = State::Acknowledgement;
                let text = crate::wire::encode(&signature);
                Step::Challenge(format!("v={text}").into_bytes())
            }
            // RFC 5802 §5.1: the server's last message is optional where it says no, and saying
            // why would cost a round trip.
            _ => Step::Failed(Failure::Refused),
        }
    }
}

#[cfg(test)]
mod tests;
