//! What the client did itself since it was last told of others: of that it need not hear (RFC 5465
//! §5), but what it watches may be other mailboxes from then on.

use std::collections::BTreeSet;

use ids::{AccountId, CollectionId, ModSeq};
use storage::{Change, Fact};

/// Transactions of the client.
#[derive(Default)]
pub(super) struct Own {
    transactions: Vec<(AccountId, ModSeq)>,
    /// The mailboxes that came, went, or go by other names or rights.
    pub(super) turned: BTreeSet<CollectionId>,
    /// What the groups name may be other mailboxes now.
    pub(super) turns_names: bool,
}

impl Own {
    pub(super) fn note(&mut self, changes: &[Change]) {
        for change in changes {
            let transaction = (change.account, change.modseq);
            if self.transactions.last() != Some(&transaction) {
                self.transactions.push(transaction);
            }
            if turns_names(&change.fact) {
                self.turns_names = true;
                self.turned.extend(change.collection);
            }
        }
    }

    /// Whether a fact is of one of the transactions.
    pub(super) fn has(&self, change: &Change) -> bool {
        self.transactions.contains(&(change.account, change.modseq))
    }
}

fn turns_names(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::MailboxCreated
            | Fact::MailboxDeleted { .. }
            | Fact::MailboxRenamed { .. }
            | Fact::SubscriptionChanged { .. }
            | Fact::AclChanged
    )
}
