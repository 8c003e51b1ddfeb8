//! What the client did itself since it was last told of others: of that it need not hear (RFC 5465
//! §5), but what it watches may be other mailboxes from then on.

use ids::{AccountId, ModSeq};
use storage::{Change, Fact, MailboxName, Place};

/// Transactions of the client.
#[derive(Default)]
pub(super) struct Own {
    transactions: Vec<(AccountId, ModSeq)>,
    /// The facts about mailboxes that came, went, or go by other names or rights.
    pub(super) names: Vec<Change>,
    moves: Vec<Move>,
    /// What the groups name may be other mailboxes now.
    pub(super) turns_names: bool,
}

/// A name that was renamed, with all below it.
pub(super) struct Move {
    account: AccountId,
    modseq: ModSeq,
    /// As the owner has it.
    pub(super) from: MailboxName,
    pub(super) to: MailboxName,
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
                self.names.extend(change.collection.map(|_| change.clone()));
            }
        }
    }

    /// The last transaction in an account has renamed this.
    pub(super) fn note_move(&mut self, from: Place, to: MailboxName) {
        let account = from.account;
        let mut transactions = self.transactions.iter().rev();
        if let Some(&(_, modseq)) = transactions.find(|(of, _)| *of == account) {
            self.moves.push(Move { account, modseq, from: from.name, to });
        }
    }

    /// What was renamed as one, where a fact is part of that.
    pub(super) fn find_move(&self, change: &Change) -> Option<&Move> {
        let mut moves = self.moves.iter();
        moves.find(|its| (its.account, its.modseq) == (change.account, change.modseq))
    }

    /// Whether a fact is of one of the transactions.
    pub(super) fn has(&self, change: &Change) -> bool {
        self.transactions.contains(&(change.account, change.modseq))
    }
}

/// Whether a fact is about the name of a mailbox, or about who sees it.
pub(super) fn turns_names(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::MailboxCreated
            | Fact::MailboxDeleted { .. }
            | Fact::MailboxRenamed { .. }
            | Fact::SubscriptionChanged { .. }
            | Fact::AclChanged
    )
}
