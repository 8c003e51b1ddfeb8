//! What an account wants done with mail that arrives: Sieve scripts, responders, redirections
//! (R-FILT, R-RESP, R-ADDR-10), and what has to be remembered of it.
//!
//! **Invariants:** an account has at most one active script and one active responder, whoever
//! activates them at once; a sender is answered by who claimed the answer in its transaction and
//! by nobody else; an address of others is used only once it agreed. Whatever deliveries read of
//! it changes `account.rules_version` in the same transaction.
//! **Absent:** Sieve itself, schedules as time goes by, the texts of messages.

mod answered;
mod confirmation;
mod event;
mod load;
mod local_time;
mod plan;
mod redirection;
mod responder;
mod script;
mod seen;
#[cfg(test)]
mod tests;
mod value_list;

use ids::DomainId;

use crate::sql::Value;
use crate::{AccountTx, Result, WriteTx};

pub use answered::{ANSWER_WINDOW_SECS, AnswerSource, Claimed};
pub(crate) use confirmation::new_token;
pub use confirmation::{Agreement, Confirmed, Purpose};
pub(crate) use event::names_event_script;
pub use event::{EventCause, EventId, EventNotices, EventOutcome, EventScript, MailboxEvent};
pub use load::{ActiveResponder, ActiveScript, Rules};
pub use local_time::LocalTime;
pub use plan::{
    AnswerClaim, Arrival, ArrivalParameters, CarriedOut, DeliveryPlan, Destination, Filing, Notice,
    Outgoing, SeenMark, Sorter, Sorting, Verdict,
};
pub use redirection::Redirection;
pub use responder::{Responder, ResponderBody, ResponderId, Weekdays};
pub use script::{Overwrite, Script, ScriptAuthor, ScriptName};
pub use value_list::{ValueListId, ValueListName};

impl AccountTx<'_, '_> {
    /// To be called whenever something changed that deliveries go by: makes void what they keep
    /// in memory, and computes anew whether there is anything to go by.
    pub(crate) fn touch_rules(&mut self) -> Result<()> {
        let account = Value::Int(self.account.get());
        self.sql.execute(
            "UPDATE account SET rules_version = rules_version + 1, has_rules = CASE WHEN \
             EXISTS (SELECT 1 FROM script s WHERE s.account_id = account.id AND s.active = 1) \
             OR EXISTS (SELECT 1 FROM responder r WHERE r.account_id = account.id \
                        AND r.active = 1) \
             OR EXISTS (SELECT 1 FROM redirection x WHERE x.account_id = account.id) \
             THEN 1 ELSE 0 END WHERE id = ?1",
            &[account],
        )?;
        Ok(())
    }
}

impl WriteTx<'_> {
    /// Gives every account of a domain whose addresses changed a new version of the rules that it
    /// has.
    pub(crate) fn touch_rules_of_domain(&mut self, domain: DomainId) -> Result<()> {
        self.sql.execute(
            "UPDATE account SET rules_version = rules_version + 1 \
             WHERE domain_id = ?1 AND has_rules = 1",
            &[Value::Int(domain.get())],
        )?;
        Ok(())
    }
}
