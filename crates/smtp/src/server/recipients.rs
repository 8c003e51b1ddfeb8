//! MAIL and RCPT: who may send as whom, and where each recipient gets its mail.

use ids::AccountId;
use net::ConnectionError;

use super::desk::{From, Target};
use super::{Flow, Server, Visit};
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

    pub(super) async fn check_recipient(
        &mut self,
        mut recipient: Recipient,
    ) -> Result<Flow, ConnectionError> {
        let found = match self.find_recipient(&mut recipient).await {
            // Last: what one of the checks takes is not refused by anything after it.
            Ok(target) => self.ask_of_recipient(&recipient).await?.map(|()| target),
            Err(error) => Err(error),
        };
        match found {
            Ok(target) => {
                self.targets.push(target);
                self.session.add_recipient(recipient, &mut self.out);
            }
            Err(error) => {
                self.refuse(&error);
                if error.ends_session() {
                    return Ok(Flow::End);
                }
            }
        }
        Ok(Flow::Next)
    }

    /// Where a recipient gets the message, where the client may name it.
    async fn find_recipient(&mut self, recipient: &mut Recipient) -> Result<Target, CommandError> {
        // Before it is looked up: who asks for many names is bounded too.
        self.check_network()?;
        let envelope = self.session.envelope();
        let size_bytes = envelope.and_then(|envelope| envelope.parameters.size_bytes);
        let submitter = self.user.as_ref().map(|user| user.account);
        let relay = submitter.is_some();
        let target =
            find_target(self.server, submitter, envelope, recipient, relay, size_bytes).await?;
        self.admit(recipient).await?;
        Ok(target)
    }
}

/// Where a recipient gets the message, be it named or added; elsewhere only if `relay` says so. A
/// rewritten address becomes what it stands for.
pub(super) async fn find_target(
    server: &Server,
    submitter: Option<AccountId>,
    envelope: Option<&Envelope>,
    recipient: &mut Recipient,
    mut relay: bool,
    size_bytes: Option<u64>,
) -> Result<Target, CommandError> {
    let desk = &server.desk;
    let is_bounce = envelope.is_some_and(|e| e.reverse_path == ReversePath::Null);
    if let Some(original) = desk.find_rewritten(&recipient.path, is_bounce).await? {
        recipient.path = ForwardPath::Mailbox(original);
        relay = true;
    }
    let poster = From {
        account: submitter,
        sender: envelope.and_then(|envelope| envelope.reverse_path.mailbox().cloned()),
        is_trusted: submitter.is_some() || server.settings.role == Role::Lmtp,
    };
    desk.find_target(&recipient.path, poster, relay, size_bytes).await
}
