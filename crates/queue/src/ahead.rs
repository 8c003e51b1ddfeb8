//! The texts of messages in hand, read some at a time: small ones cost more to ask for than to
//! read.

use std::collections::VecDeque;

use ids::ContentId;
use smtp::client::OutboundContent;
use storage::{ClaimedMessage, StorageError, Store, Want};
use tokio::sync::OwnedSemaphorePermit;

use crate::queue::Inner;

/// LIMIT: bytes of texts read at a time; a larger message is read alone.
const BYTES_MAX: u64 = 128 * 1024;
/// LIMIT: messages whose texts are read at a time.
const MESSAGES_MAX: usize = 16;

/// Texts that were read, in the order of their messages.
#[derive(Default)]
pub(crate) struct Ahead {
    texts: VecDeque<Result<OutboundContent, StorageError>>,
    /// The memory that these messages take, given back when the last of them is sent.
    _room: Option<OwnedSemaphorePermit>,
}

impl Ahead {
    pub(crate) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The text of the next message.
    pub(crate) fn take(&mut self) -> Result<OutboundContent, StorageError> {
        self.texts.pop_front().unwrap_or(Err(StorageError::Expunged))
    }
}

impl Inner {
    /// Reads the texts of the first of these messages.
    pub(crate) async fn read_ahead(&self, messages: &[ClaimedMessage]) -> Ahead {
        let mut bytes = 0;
        let fits = |(at, message): &(usize, &ClaimedMessage)| {
            let sum = bytes + message.size_bytes;
            let fits = *at == 0 || sum <= BYTES_MAX;
            bytes = if fits { sum } else { bytes };
            fits
        };
        let first = messages.iter().take(MESSAGES_MAX).enumerate().take_while(fits);
        let contents: Vec<ContentId> = first.map(|(_, message)| message.content).collect();
        let room = self.memory().take(bytes).await;
        let texts = match load_all(&self.store, contents.clone()).await {
            Ok(texts) => texts.into_iter().map(Ok).collect(),
            // One that cannot be read takes no other with it.
            Err(_) => {
                let mut texts = VecDeque::with_capacity(contents.len());
                for content in contents {
                    texts.push_back(load(&self.store, content).await);
                }
                texts
            }
        };
        Ahead { texts, _room: room }
    }
}

/// The text of a message.
pub(crate) async fn load(
    store: &Store,
    content: ContentId,
) -> Result<OutboundContent, StorageError> {
    load_all(store, vec![content]).await?.pop().ok_or(StorageError::Expunged)
}

async fn load_all(
    store: &Store,
    contents: Vec<ContentId>,
) -> Result<Vec<OutboundContent>, StorageError> {
    let wanted = contents.len();
    // Whoever sends a message reads it once.
    let want = Want::HEADER | Want::TEXT;
    let found = store.read_through(move |tx| tx.load_contents(&contents, want)).await?;
    if found.len() != wanted {
        return Err(StorageError::Expunged);
    }
    let text = |found: &storage::Content| OutboundContent {
        header: found.header().unwrap_or_default().to_vec(),
        body: found.text().unwrap_or_default().to_vec(),
    };
    Ok(found.iter().map(text).collect())
}
