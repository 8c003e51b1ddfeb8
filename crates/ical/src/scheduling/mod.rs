//! iTIP (RFC 5546) as rules: what follows from a change of an object, and what becomes of an object
//! when a message comes. The base of scheduling inside a server (RFC 6638) and by mail (RFC 6047).
//!
//! | what happened | asked of |
//! |---|---|
//! | an organizer put, changed or deleted an object | [`organizer_change`] |
//! | an attendee did | [`attendee_change`] |
//! | REQUEST or CANCEL came | [`receive`] |
//! | REPLY came | [`receive_reply`]; for the copies of others, [`note_answer`] |
//! | a room answers | [`decided`] |
//! | an answer may ask others again | [`requests_anew`] |
//! | a client put what it changed before answers came | [`keep_answers`] |
//! | a client wants a message forced that there is not | [`unknown_forces`] |
//!
//! **Invariants:** a message about one instance changes nothing of the others; what is older than
//! what is known changes nothing; an attendee gets no instance without them in it.
//! **Absent:** who belongs to which account, delivery, ADD, COUNTER, DECLINECOUNTER, REFRESH and
//! PUBLISH: programs send none of them, or do not mean them.

mod attendee;
mod cancel;
mod changes;
mod decide;
mod delegation;
mod end;
mod icloud;
mod instances;
mod merge;
mod message;
mod organizer;
pub(crate) mod parts;
mod receive;
mod reply;
#[cfg(test)]
mod tests;
mod users;
mod view;

pub use attendee::{AttendeeChange, ForbiddenChange, attendee_change};
pub use decide::{Decision, decided};
pub use delegation::requests_anew;
pub use icloud::is_of_icloud;
pub use merge::keep_answers;
pub use message::{Message, Method, Outgoing};
pub use organizer::{OrganizerChange, organizer_change, organizer_change_with};
pub use receive::{Ignored, receive};
pub use reply::{note_answer, receive_reply};
pub use users::{Agent, Role, Scene, Users, set_schedule_status, unknown_forces};
