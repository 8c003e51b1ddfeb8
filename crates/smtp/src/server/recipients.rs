//! MAIL and RCPT: who may send as whom, and where each recipient gets its mail.

use super::desk::{From, Target};
use super::{Flow, Visit};
use crate::error::{CommandError, Refusal};
use crate::settings::Role;
use crate::types::{Envelope, ForwardPath, Recipient, ReversePath};

impl Visit<'_> {
    pub(super) async fn check_sender(&mut self, envelope: Envelope) -> Flow {
        let Some(user) = &self.user else {
            self.refuse(&Refusal::SignInRequired.into());
            return Flow::Next;
        };
        match self.server.desk.check_sender(user, &envelope).await {
            Ok(None) => {
                self.session.open(envelope, &mut self.out);
            }
            Ok(Some(farewell)) => {
                self.session.close(farewell, &mut self.out);
                return Flow::End;
            }
            Err(error) => self.refuse(&error),
        }
        Flow::Next
    }

    pub(super) async fn check_recipient(&mut self, mut recipient: Recipient) {
        // Before it is looked up: who asks for many names is bounded too.
        if let Err(error) = self.check_network() {
            return self.refuse(&error);
        }
        let found = match self.find_target(&mut recipient).await {
            Ok(target) => self.admit(&recipient).await.map(|()| target),
            Err(error) => Err(error),
        };
        match found {
            Ok(target) => {
                self.targets.push(target);
                self.session.add_recipient(recipient, &mut self.out);
            }
            Err(error) => self.refuse(&error),
        }
    }

    /// Where the recipient gets the message; a rewritten address becomes what it stands for.
    async fn find_target(&mut self, recipient: &mut Recipient) -> Result<Target, CommandError> {
        let desk = &self.server.desk;
        let envelope = self.session.envelope();
        let size_bytes = envelope.and_then(|envelope| envelope.parameters.size_bytes);
        let mut relay = self.user.is_some();
        let is_bounce = envelope.is_some_and(|e| e.reverse_path == ReversePath::Null);
        if let Some(original) = desk.find_rewritten(&recipient.path, is_bounce).await? {
            recipient.path = ForwardPath::Mailbox(original);
            relay = true;
        }
        let submitter = self.user.as_ref().map(|user| user.account);
        let poster = From {
            account: submitter,
            sender: envelope.and_then(|envelope| envelope.reverse_path.mailbox().cloned()),
            is_trusted: submitter.is_some() || self.server.settings.role == Role::Lmtp,
        };
        desk.find_target(&recipient.path, poster, relay, size_bytes).await
    }
}
