//! What is in the spool for mailboxes here: the copy of a recipient whose mailbox filled up while
//! others got theirs.

use std::sync::Arc;

use ids::QueueDaemonId;
use message::compose::return_path;
use smtp::client::OutboundContent;
use storage::{
    Address, ClaimedMessage, ClaimedRecipient, Delivery, Fate, PreparedMessage, Recipient,
    Resolution, Settlement, StorageError,
};

use crate::answer::Answer;
use crate::counters::add;
use crate::envelope::MailParameters;
use crate::queue::Inner;
use crate::settle::{End, Settling};

impl Inner {
    /// Delivers a message to mailboxes here, each with its outcome in one transaction.
    pub(crate) async fn deliver_here(
        &self,
        daemon: QueueDaemonId,
        destination: &str,
        message: &ClaimedMessage,
        content: &OutboundContent,
    ) {
        let path = return_path(Some(&message.reverse_path)).into_bytes();
        let bytes = [&path[..], &content.header, &content.body].concat();
        let prepared = self.store.prepare(bytes).await.map(Arc::new);
        let mut ends = Vec::new();
        for recipient in &message.recipients {
            let end = match &prepared {
                Ok(prepared) => self.deliver_one(daemon, message, recipient, prepared).await,
                Err(error) => Some(End::Failed(Answer::ours(5, 3, 4, error.to_string()))),
            };
            ends.extend(end.map(|end| (recipient.clone(), end)));
        }
        if !ends.is_empty() {
            self.settle(Settling { daemon, destination, message, content, ends }).await;
        }
    }

    /// `None`: it is in its mailbox, or no longer ours.
    async fn deliver_one(
        &self,
        daemon: QueueDaemonId,
        message: &ClaimedMessage,
        recipient: &ClaimedRecipient,
        prepared: &Arc<PreparedMessage>,
    ) -> Option<End> {
        let found = match self.find_here(&recipient.forward_path).await {
            Ok(Some(found)) if found.blocked => {
                let text = "the mailbox is disabled";
                return Some(End::Failed(Answer::ours(5, 2, 1, text)));
            }
            Ok(Some(found)) => found,
            Ok(None) => {
                return Some(End::Failed(Answer::ours(5, 1, 1, "there is no such mailbox here")));
            }
            Err(error) => return Some(End::Deferred(Answer::ours(4, 3, 0, error.to_string()))),
        };
        let answer = Answer::ours(2, 0, 0, "delivered to the mailbox").to_string();
        let outcome = Settlement {
            spool: message.id,
            ordinal: recipient.ordinal,
            fate: Fate::Delivered,
            answer,
        };
        let placement = MailParameters::of(message).placement();
        let (spool, prepared, messages) = (message.id, prepared.clone(), vec![prepared.clone()]);
        let delivered = self.store.write_messages("queue delivery", messages, move |tx| {
            let delivery = Delivery { mailbox: found.detail, placement };
            tx.account(found.account)?.deliver(&prepared, delivery)?;
            match tx.settle_spooled(daemon, spool, &[outcome])?.first() {
                Some(true) => Ok(()),
                _ => Err(StorageError::Conflict("the recipient is no longer in our hands")),
            }
        });
        match delivered.await {
            Ok(_) => {
                add(&self.counters.delivered, 1);
                None
            }
            Err(StorageError::Conflict(_)) => None,
            Err(StorageError::OverQuota { .. }) => {
                Some(End::Deferred(Answer::ours(4, 2, 2, "the mailbox is full")))
            }
            Err(error) => Some(End::Deferred(Answer::ours(4, 3, 0, error.to_string()))),
        }
    }

    async fn find_here(&self, path: &str) -> storage::Result<Option<Recipient>> {
        let hostname = self.settings().hostname.clone();
        let address = Address::parse(path).ok();
        if let Some(address) = &address
            && let Resolution::Account(found) = self.store.find_recipient(address).await?
        {
            return Ok(Some(found));
        }
        // RFC 5321 §4.5.1: a postmaster exists at every domain served here, and by RFC 2142 §4
        // somebody who is told of abuse.
        let domain = match &address {
            None => hostname,
            Some(address) if address.is_role() => address.domain().to_owned(),
            Some(_) => return Ok(None),
        };
        self.store.read(move |tx| tx.postmaster(&domain)).await
    }
}
