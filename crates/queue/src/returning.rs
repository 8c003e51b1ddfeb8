//! Copies that an account sent on without keeping them (R-ADDR-10) and that could not be brought
//! out: where nobody hears of it, for their sender may be forged, is the null sender, or wants to
//! hear nothing, they go back to the account (RFC 5321 §6.1).
//!
//! They go through the spool, as other mail does: a full mailbox is tried again, and rules file
//! them. What they would send on once more they keep, as the copy says in Delivered-To whose it
//! was.

use std::sync::Arc;

use storage::{
    MailParameters, PreparedMessage, RcptParameters, SpoolEntry, SpoolRecipient, SpoolTerms,
    StorageError, WriteTx,
};

use crate::queue::Inner;
use crate::settle::Settling;

/// A copy on its way back.
#[derive(Debug)]
pub(crate) struct Returned {
    entry: SpoolEntry,
    message: Arc<PreparedMessage>,
}

impl Inner {
    /// What goes back of a message that failed, and of which nobody is told; `None`: it is no copy,
    /// its account has it anyway or is gone, or its text cannot be read.
    pub(crate) async fn prepare_return(
        &self,
        settling: &Settling<'_>,
    ) -> Result<Option<Returned>, StorageError> {
        let Settling { message, content, .. } = settling;
        let parameters = &message.parameters;
        let (true, Some(account)) = (parameters.unkept, message.account) else { return Ok(None) };
        if content.is_empty() {
            return Ok(None);
        }
        let address = match self.store.read(move |tx| tx.load_account(account)).await {
            Ok(account) => account.address,
            Err(StorageError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let bytes = [&content.header[..], &content.body].concat();
        let prepared = Arc::new(self.store.prepare_for_elsewhere(bytes).await?);
        let path = &message.reverse_path;
        let sender = self.before_rewriting(path).flatten().unwrap_or_else(|| path.clone());
        tracing::info!(spool = %message.id, %account, "a copy goes back to who sent it on");
        Ok(Some(Returned { entry: entry(sender, address, parameters), message: prepared }))
    }
}

/// Of what becomes of it now nobody is told either. What a script would refuse, its sender being
/// known, that script puts among the spam instead.
fn entry(reverse_path: String, forward_path: String, copy: &MailParameters) -> SpoolEntry {
    let MailParameters { body, smtputf8, requiretls, tls_optional, .. } = copy.clone();
    let parameters = MailParameters {
        body,
        smtputf8,
        requiretls,
        tls_optional,
        doubtful: true,
        ..MailParameters::default()
    };
    SpoolEntry {
        account: None,
        reverse_path,
        parameters,
        recipients: vec![SpoolRecipient { forward_path, parameters: RcptParameters::never() }],
    }
}

impl Returned {
    /// What has to be durable before it is spooled.
    pub(crate) fn message(&self) -> &Arc<PreparedMessage> {
        &self.message
    }

    /// Spools it, in the transaction that settles the copy.
    pub(crate) fn spool(self, tx: &mut WriteTx<'_>) -> storage::Result<()> {
        tx.spool_on(SpoolTerms::default(), self.entry, &self.message).map(|_| ())
    }
}
