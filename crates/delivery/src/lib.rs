//! What becomes of mail that arrives, for accounts that say so: runs the active script
//! (R-FILT, RFC 5228) and the responder (R-RESP, RFC 3834), sends redirections on (R-ADDR-10), and
//! makes a [`storage::DeliveryPlan`] of it all, which storage carries out in the transaction that
//! stores the message.
//!
//! [`Deliverer`] is the [`storage::Sorter`] of a daemon. docs/decisions/003-delivery.md says why
//! scripts run before the transaction, and what keeps that exact.
//!
//! **Invariants:** a message is never lost by what a script does but discard it: what fails is kept
//! and the owner is told (R-FILT-2); nothing is sent on to an address that it came through; nobody
//! is told of a refusal whose name was perhaps taken in vain; what is signed is from whom it says.
//! **Absent:** SQL, the sending itself, Sieve, which is `responder`'s, and the clock.

mod cache;
mod calendar;
mod deliverer;
mod dispatch;
mod events;
mod ext_list;
mod filing;
mod invitations;
mod letters;
mod outgoing;
mod redirect;
mod reject;
mod respond;
mod rules;
mod script;
mod settings;
mod share_letter;
mod versions;
mod world;
mod zone;

pub use deliverer::Deliverer;
pub use events::EventRunner;
pub use invitations::Invitations;
pub use letters::{
    Letter, PasswordInvitation, Question, activity_letter, confirmation, password_letter,
};
pub use script::language;
pub use settings::{Forwarding, RedirectRule, RedirectTargets, Settings};
pub use share_letter::SecretUrls;
pub use zone::zone_exists;
