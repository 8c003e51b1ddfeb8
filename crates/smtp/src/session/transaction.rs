//! One mail transaction: MAIL, RCPT, DATA or BDAT (RFC 5321 §3.3, RFC 3030 §2).

use super::{Next, Session};
use crate::error::{CommandError, Farewell, Refusal, StateError};
use crate::render::{Enhanced, Reply, render_stored};
use crate::settings::Role;
use crate::types::{Body, Envelope, ForwardPath, MailParameters, Recipient, ReversePath};

/// How far a mail transaction is.
#[derive(Debug)]
pub(super) enum Phase {
    /// There is no transaction.
    Idle,
    /// MAIL was accepted.
    Open(Envelope),
    /// A chunk of the message was accepted.
    Chunking(Envelope),
    /// A chunk was refused; only RSET leads on.
    Failed {
        /// How many were accepted before.
        recipients: usize,
    },
}

impl Phase {
    pub(super) fn envelope(&self) -> Option<&Envelope> {
        match self {
            Self::Open(envelope) | Self::Chunking(envelope) => Some(envelope),
            Self::Idle | Self::Failed { .. } => None,
        }
    }

    /// The envelope while it may still grow.
    fn open(&self) -> Result<&Envelope, StateError> {
        match self {
            Self::Open(envelope) => Ok(envelope),
            Self::Idle => Err(StateError::NeedMail),
            // RFC 3030 §2: DATA and BDAT cannot be used in the same transaction, and
            // recipients come before both.
            Self::Chunking(_) => Err(StateError::Chunking),
            Self::Failed { .. } => Err(StateError::TransactionFailed),
        }
    }
}

impl Session {
    /// Opens the transaction: the sender is accepted.
    pub fn open(&mut self, envelope: Envelope, out: &mut Vec<u8>) -> Next {
        self.phase = Phase::Open(envelope);
        self.transactions += 1;
        self.surplus_recipients = 0;
        let accepted = match std::mem::take(&mut self.priority_lowered) {
            false => Reply::new(250, Enhanced(2, 1, 0), "Sender accepted"),
            // RFC 6710 §4.1: X.3.6 and the new priority.
            true => Reply::new(250, Enhanced(2, 3, 6), "0 is the priority without sign-in"),
        };
        accepted.render(out);
        Next::Command
    }

    /// The recipient is accepted.
    pub fn add_recipient(&mut self, recipient: Recipient, out: &mut Vec<u8>) -> Next {
        if let Phase::Open(envelope) = &mut self.phase {
            envelope.recipients.push(recipient);
        }
        self.forgive_command();
        Reply::new(250, Enhanced(2, 1, 5), "Recipient accepted").render(out);
        Next::Command
    }

    /// A chunk that is not the last was read. After a refusal the transaction has failed.
    pub fn answer_chunk(&mut self, outcome: Result<(), CommandError>, out: &mut Vec<u8>) -> Next {
        match outcome {
            Ok(()) => {
                Reply::new(250, Enhanced(2, 0, 0), "Chunk received").render(out);
                Next::Command
            }
            Err(error) => {
                self.fail();
                self.refuse(&error, out)
            }
        }
    }

    /// A chunk that stands in the wrong place was read and thrown away.
    pub fn refuse_chunk(&mut self, error: StateError, replies: usize, out: &mut Vec<u8>) -> Next {
        let error = error.into();
        for _ in 0..replies {
            self.refuse(&error, out);
        }
        if replies == 0 {
            self.errors += 1;
        }
        Next::Command
    }

    fn fail(&mut self) {
        let recipients = self.accepted_recipients();
        self.phase = Phase::Failed { recipients };
    }

    fn accepted_recipients(&self) -> usize {
        match &self.phase {
            Phase::Idle => 0,
            Phase::Open(envelope) | Phase::Chunking(envelope) => envelope.recipients.len(),
            Phase::Failed { recipients } => *recipients,
        }
    }

    /// The message was read and is stored (under `id`) or refused, for all recipients alike.
    pub fn answer_message(
        &mut self,
        id: u64,
        outcome: &Result<(), CommandError>,
        out: &mut Vec<u8>,
    ) -> Next {
        // RFC 2033 §4.2: LMTP answers once per accepted recipient, in the order of RCPT.
        let replies = match self.settings.role {
            Role::Lmtp => self.envelope().map_or(1, |envelope| envelope.recipients.len()),
            Role::Mx | Role::Submission => 1,
        };
        for _ in 0..replies {
            self.answer_one(id, outcome, out);
        }
        self.end_message(outcome.is_ok())
    }

    /// Answers an LMTP message recipient by recipient; one outcome for each, in the order of
    /// RCPT.
    pub fn answer_each(
        &mut self,
        id: u64,
        outcomes: &[Result<(), CommandError>],
        out: &mut Vec<u8>,
    ) -> Next {
        for outcome in outcomes {
            self.answer_one(id, outcome, out);
        }
        self.end_message(outcomes.iter().any(Result::is_ok))
    }

    fn answer_one(&mut self, id: u64, outcome: &Result<(), CommandError>, out: &mut Vec<u8>) {
        match outcome {
            Ok(()) => render_stored(id, out),
            Err(error) => {
                self.refuse(error, out);
            }
        }
    }

    fn end_message(&mut self, stored: bool) -> Next {
        self.phase = Phase::Idle;
        self.messages += 1;
        if stored {
            // Who brings mail may go on; the bounds are for who brings none.
            self.idle_commands = 0;
            self.errors = 0;
        }
        Next::Command
    }

    /// Forgets the transaction under way.
    pub(super) fn abandon(&mut self) {
        self.phase = Phase::Idle;
    }

    pub(super) fn mail(
        &mut self,
        reverse_path: ReversePath,
        mut parameters: MailParameters,
        out: &mut Vec<u8>,
    ) -> Result<Next, CommandError> {
        if self.hello.is_none() {
            return Err(StateError::GreetFirst.into());
        }
        match self.phase {
            Phase::Idle => {}
            // RFC 5321 §4.1.4: no MAIL inside a transaction.
            Phase::Open(_) => return Err(StateError::NestedMail.into()),
            Phase::Chunking(_) => return Err(StateError::Chunking.into()),
            Phase::Failed { .. } => return Err(StateError::TransactionFailed.into()),
        }
        if self.needs_sign_in() {
            // RFC 6409 §4.3: no submission without sign-in.
            let signable = !self.offered.is_empty() || !self.settings.starttls;
            let refusal = if signable { Refusal::SignInRequired } else { Refusal::TlsRequired };
            return Err(refusal.into());
        }
        if self.messages >= self.settings.messages_max {
            return Ok(self.close(Farewell::TooManyMessages, out));
        }
        let ascii = reverse_path.mailbox().is_none_or(|mailbox| mailbox.is_ascii());
        if !ascii && !parameters.smtputf8 {
            return Err(Refusal::SenderNeedsUtf8.into());
        }
        // RFC 1870 §6.1: 552 at once for what is announced as too large.
        if parameters.size_bytes.is_some_and(|size| size > self.settings.message_bytes_max) {
            return Err(Refusal::MessageTooBig.into());
        }
        self.check_terms(&mut parameters)?;
        let at = self.now;
        let envelope = Envelope { reverse_path, parameters, at, recipients: Vec::new() };
        if self.signed_in {
            return Ok(Next::CheckSender(envelope));
        }
        Ok(self.open(envelope, out))
    }

    pub(super) fn rcpt(&mut self, recipient: Recipient) -> Result<Next, CommandError> {
        let envelope = self.phase.open()?;
        if envelope.recipients.len() >= self.settings.recipients_max {
            // RFC 5321 §4.5.3.1.10: the client sends the rest in another transaction. It may
            // have sent its whole list already; that is patience for as many again.
            if self.surplus_recipients < self.settings.recipients_max {
                self.surplus_recipients += 1;
                self.forgive_command();
            }
            return Err(Refusal::TooManyRecipients(self.settings.recipients_max).into());
        }
        let ascii = match &recipient.path {
            ForwardPath::Postmaster => true,
            ForwardPath::Mailbox(mailbox) => mailbox.is_ascii(),
        };
        if !ascii && !envelope.parameters.smtputf8 {
            return Err(Refusal::RecipientNeedsUtf8.into());
        }
        Ok(Next::CheckRecipient(recipient))
    }

    pub(super) fn data(&mut self, out: &mut Vec<u8>) -> Result<Next, CommandError> {
        let envelope = self.phase.open()?;
        if envelope.recipients.is_empty() {
            return Err(StateError::NeedRecipient.into());
        }
        // RFC 3030 §3: a BINARYMIME message cannot be sent with DATA.
        if envelope.parameters.body == Body::BinaryMime {
            return Err(StateError::BinaryNeedsBdat.into());
        }
        Reply::plain(354, "Send the message, end with <CR><LF>.<CR><LF>").render(out);
        Ok(Next::ReceiveData)
    }

    pub(super) fn bdat(&mut self, size_bytes: u64, last: bool, out: &mut Vec<u8>) -> Next {
        let settings = &self.settings;
        if size_bytes > settings.message_bytes_max.saturating_add(settings.overrun_bytes_max) {
            return self.close(Farewell::Endless, out);
        }
        // RFC 3030 §2: whatever is wrong, the chunk is read before the reply is sent.
        let discard = |error, replies| Next::DiscardChunk { size_bytes, error, replies };
        let replies = self.replies_to_chunk(last);
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Idle => discard(StateError::NeedMail, replies),
            Phase::Failed { recipients } => {
                self.phase = Phase::Failed { recipients };
                discard(StateError::TransactionFailed, replies)
            }
            Phase::Open(envelope) if envelope.recipients.is_empty() => {
                self.phase = Phase::Open(envelope);
                discard(StateError::NeedRecipient, replies)
            }
            Phase::Open(envelope) | Phase::Chunking(envelope) => {
                self.phase = Phase::Chunking(envelope);
                if size_bytes > 0 {
                    self.forgive_command();
                }
                Next::ReceiveChunk { size_bytes, last }
            }
        }
    }

    /// How many replies a chunk gets.
    fn replies_to_chunk(&self, last: bool) -> usize {
        match self.settings.role {
            // RFC 2033 §4.3: the last chunk gets one reply for each recipient that was accepted,
            // and none if there was none. Other chunks get one, as in RFC 3030 §2.
            Role::Lmtp if last => self.accepted_recipients(),
            Role::Mx | Role::Submission | Role::Lmtp => 1,
        }
    }
}
