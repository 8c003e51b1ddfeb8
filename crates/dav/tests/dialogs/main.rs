//! Requests and what they are answered with, on both engines.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod acl;
mod agents;
mod attachments;
mod availability;
mod bounds;
mod calendars;
mod contacts;
mod default_calendar;
mod discovery;
mod externals;
mod files;
mod homes;
mod house;
mod http;
mod invitations;
mod locks;
mod outside;
mod own_alarms;
mod preferences;
mod privileges;
mod proxies;
mod public;
mod push;
mod push_daemons;
mod quota;
mod ranges;
mod refusals;
mod scheduling;
mod shared;
mod sync;
