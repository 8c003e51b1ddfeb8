//! Extensions, one file each. `relational` and `regex` are match types (see `matching`),
//! `encoded-character` is how strings are read (see `text`), and the comparators stand in
//! `comparator`.

pub(crate) mod body;
pub(crate) mod date;
pub(crate) mod duplicate;
pub(crate) mod editheader;
pub(crate) mod enclose;
pub(crate) mod enotify;
pub(crate) mod environment;
pub(crate) mod extlists;
pub(crate) mod extracttext;
pub(crate) mod fcc;
pub(crate) mod fileinto;
pub(crate) mod foreverypart;
pub(crate) mod host;
pub(crate) mod ihave;
pub(crate) mod imap4flags;
pub(crate) mod include;
pub(crate) mod index;
pub(crate) mod mailbox;
pub(crate) mod mailboxid;
pub(crate) mod mailto;
pub(crate) mod metadata;
pub(crate) mod mime;
pub(crate) mod processcalendar;
pub(crate) mod redirect_deliverby;
pub(crate) mod redirect_dsn;
pub(crate) mod reject;
pub(crate) mod replace;
pub(crate) mod spamtest;
pub(crate) mod special_use;
pub(crate) mod subaddress;
pub(crate) mod vacation;
pub(crate) mod variables;
