//! What is in the spool for lists here: sent on to them, or held until now.

use std::sync::Arc;

use ids::ListId;
use message::ListMarks;
use smtp::report::{Action, Prepared, Way};
use storage::{
    Address, Fate, MailList, MailParameters, Placement, Post, Poster, PreparedMessage, Settlement,
    SpoolTerms, StorageError, Urgency,
};

use crate::answer::Answer;
use crate::counters::add;
use crate::local::Local;
use crate::queue::Inner;
use crate::settle::End;

/// The message as a list sends it.
#[derive(Clone)]
struct Posted {
    post: Post,
    message: Arc<PreparedMessage>,
}

impl Inner {
    /// Posts a message to a list; `None`: that is done, or it is no longer ours.
    pub(crate) async fn post_to_list(
        &self,
        local: &Local<'_>,
        list: ListId,
        bytes: &[u8],
    ) -> Option<End> {
        let posted = match self.prepare_posting(local, list, bytes).await {
            Ok(Ok(posted)) => posted,
            Ok(Err(refusal)) => return Some(End::Failed(refusal)),
            Err(error) => return Some(End::Deferred(Answer::ours(4, 3, 0, error.to_string()))),
        };
        let filed = match self.post_one(local, list, &posted, Way::Mailbox).await {
            // RFC 5321 §4.5.4.1: the report waits where its reader has no room.
            Err(StorageError::OverQuota { .. }) => {
                self.post_one(local, list, &posted, Way::Spool).await
            }
            filed => filed,
        };
        match filed {
            Ok(()) => {
                add(&self.counters.delivered, 1);
                None
            }
            Err(StorageError::Conflict(_)) => None,
            Err(StorageError::NotFound(_)) => {
                Some(End::Failed(Answer::ours(5, 2, 4, "nobody is on this list")))
            }
            Err(error) => Some(End::Deferred(Answer::ours(4, 3, 0, error.to_string()))),
        }
    }

    /// The message as the list sends it, or why it does not.
    async fn prepare_posting(
        &self,
        local: &Local<'_>,
        list: ListId,
        bytes: &[u8],
    ) -> storage::Result<Result<Posted, Answer>> {
        let account = local.message.account;
        let sender = Address::parse(&local.message.reverse_path).ok();
        let read = self.store.read(move |tx| {
            let poster = Poster { account, sender: sender.as_ref(), is_trusted: false };
            Ok((tx.may_post(list, poster)?, tx.load_list(list)?))
        });
        let (may_post, found) = read.await?;
        // RFC 2142 §1: whoever it is, who answers for a domain can be written to.
        let to = Address::parse(&local.recipient.forward_path);
        if !may_post && !to.is_ok_and(|to| to.is_role()) {
            return Ok(Err(Answer::ours(5, 7, 2, "the sender may not post to this list")));
        }
        let Some(marked) = put_marks(&found, bytes) else {
            return Ok(Err(Answer::ours(5, 4, 6, "the message came from this list")));
        };
        let message = Arc::new(self.store.prepare_for_elsewhere(marked).await?);
        Ok(Ok(Posted { post: post(local), message }))
    }

    async fn post_one(
        &self,
        local: &Local<'_>,
        list: ListId,
        posted: &Posted,
        way: Way,
    ) -> storage::Result<()> {
        let Posted { post, message } = posted.clone();
        let answer = Answer::ours(2, 0, 0, "posted to the list");
        let (daemon, spool, ordinal) = (local.daemon, local.message.id, local.recipient.ordinal);
        // RFC 3461 §5.2.7.1: with the list the message is where it was sent to.
        let report = self.report_success(local, Action::Delivered, &answer, way).await?;
        let reported = usize::from(report.is_some());
        let outcome =
            Settlement { spool, ordinal, fate: Fate::Delivered, answer: answer.to_string() };
        let messages = report.iter().map(Prepared::message).chain([&message]).cloned().collect();
        let written = self.store.write_messages("queue posting", messages, move |tx| {
            tx.post_to_list(list, post, &message)?;
            match tx.settle_spooled(daemon, spool, &[outcome])?.first() {
                Some(true) => report.map_or(Ok(()), |report| report.file(tx)),
                _ => Err(StorageError::Conflict("the recipient is no longer in our hands")),
            }
        });
        written.await?;
        add(&self.counters.reports, reported);
        Ok(())
    }
}

fn put_marks(list: &MailList, bytes: &[u8]) -> Option<Vec<u8>> {
    let owner = list.owner_path();
    let marks = ListMarks { address: &list.address, description: &list.description, owner: &owner };
    marks.put_on(bytes)
}

/// RFC 3461 §5.2.7.1: nothing of what the sender asked for as reports goes along.
fn post(local: &Local<'_>) -> Post {
    let MailParameters {
        body,
        smtputf8,
        priority,
        requiretls,
        tls_optional,
        quarantine,
        author,
        ..
    } = local.message.parameters.clone();
    let parameters = MailParameters {
        body,
        smtputf8,
        priority,
        requiretls,
        tls_optional,
        quarantine,
        author,
        ..MailParameters::default()
    };
    let urgency = Urgency::of_priority(priority.unwrap_or_default());
    Post {
        account: local.message.account,
        parameters,
        terms: SpoolTerms { urgency, ..SpoolTerms::default() },
        is_quarantined: local.message.parameters.placement() == Placement::Junk,
    }
}
