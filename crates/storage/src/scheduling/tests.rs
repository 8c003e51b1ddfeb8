//! Meetings between accounts, through both engines.

mod answers;
mod attached;
mod between;
mod delegation;
mod fixture;
mod instances;
mod invitations;
mod limits;
mod mail;
mod room_changes;
mod room_time;
mod room_work;
mod rooms;
mod transfers;
