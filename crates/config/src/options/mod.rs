//! The option table: every key of the configuration, declared once.

use std::path::PathBuf;

use crate::WebUrl;
use crate::reader::TableReader;

/// What the documents say about one option.
pub(crate) struct Row {
    pub(crate) key: &'static str,
    pub(crate) type_name: &'static str,
    /// `required`, `optional` or `default`.
    pub(crate) presence: &'static str,
    /// The default, or an example for an option without one, as it would be written.
    pub(crate) value: &'static str,
    pub(crate) doc: &'static [&'static str],
    pub(crate) since: &'static str,
}

/// A table of the file.
pub(crate) trait Section: Sized {
    /// The key of the table, empty for the top of the file.
    const NAME: &'static str;
    /// Whether the table may stand several times, as `[[name]]`.
    const REPEATED: bool;
    /// What the documents say about the table.
    const DOC: &'static [&'static str];
    /// Its options, in the order in which they are documented.
    const ROWS: &'static [Row];

    /// Takes the options out of the table; `None` once anything in it was reported.
    fn read(reader: &mut TableReader<'_>) -> Option<Self>;
}

macro_rules! repeated {
    (table) => {
        false
    };
    (tables) => {
        true
    };
}

// Files below declare their tables by it; Rust wants a macro to stand above them.
macro_rules! sections {
    ($(
        $(#[doc = $doc:literal])*
        $count:ident $section:literal $vis:vis struct $name:ident {
            $(
                $(#[doc = $option_doc:literal])*
                $key:ident: $type:ty = $presence:ident $value:tt, since $since:literal;
            )+
        }
    )+) => {
        $(
            $(#[doc = $doc])*
            #[derive(Debug, Clone, PartialEq, Eq)]
            $vis struct $name {
                $($(#[doc = $option_doc])* pub $key: $type,)+
            }

            impl Section for $name {
                const NAME: &'static str = $section;
                const REPEATED: bool = repeated!($count);
                const DOC: &'static [&'static str] = &[$($doc),*];
                const ROWS: &'static [Row] = &[$(Row {
                    key: stringify!($key),
                    type_name: <$type as OptionValue>::TYPE,
                    presence: stringify!($presence),
                    value: stringify!($value),
                    doc: &[$($option_doc),*],
                    since: $since,
                },)+];

                fn read(reader: &mut TableReader<'_>) -> Option<Self> {
                    $(let $key: Option<$type> =
                        reader.$presence(stringify!($key), stringify!($value));)+
                    Some(Self { $($key: $key?,)+ })
                }
            }
        )+
    };
}

mod arrival;
mod limits;
mod listener;
mod programs;
mod queue;
mod server;
mod sign_in;
mod storage;
mod tls;

pub use arrival::{Authenticity, BlockList, Check, Delivery, Peers, Rspamd, Submission};
pub use limits::Limits;
pub use listener::{ImapClient, Listener};
pub use programs::{Calendar, Dav, Imap, Pop3};
pub use queue::{Queue, Route, SentReports};
pub(crate) use server::General;
pub use server::{Log, Metrics};
pub use sign_in::{Activity, Auth};
pub use storage::{Search, Storage};
pub use tls::{Acme, Certificate, MtaSts, Tls};

/// A whole configuration that passed every check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The server's name in DNS.
    pub hostname: String,
    /// Where its web server is reached.
    pub web_url: Option<WebUrl>,
    /// The directory of everything the server keeps.
    pub data_dir: PathBuf,
    /// `[storage]`
    pub storage: Storage,
    /// `[search]`
    pub search: Search,
    /// `[tls]`
    pub tls: Tls,
    /// Each `[[certificate]]`, in the order of the file.
    pub certificates: Vec<Certificate>,
    /// `[acme]`
    pub acme: Acme,
    /// `[mta_sts]`
    pub mta_sts: MtaSts,
    /// Each `[[listener]]`, in the order of the file; at least one.
    pub listeners: Vec<Listener>,
    /// Each `[[imap_client]]`, in the order of the file.
    pub imap_clients: Vec<ImapClient>,
    /// `[limits]`
    pub limits: Limits,
    /// `[auth]`
    pub auth: Auth,
    /// `[activity]`
    pub activity: Activity,
    /// `[queue]`
    pub queue: Queue,
    /// Each `[[route]]`, in the order of the file.
    pub routes: Vec<Route>,
    /// `[authenticity]`
    pub authenticity: Authenticity,
    /// `[sent_reports]`
    pub sent_reports: SentReports,
    /// `[submission]`
    pub submission: Submission,
    /// `[delivery]`
    pub delivery: Delivery,
    /// `[peers]`
    pub peers: Peers,
    /// Each `[[blocklist]]`, in the order of the file.
    pub block_lists: Vec<BlockList>,
    /// Each `[[check]]`, in the order of the file.
    pub checks: Vec<Check>,
    /// `[rspamd]`
    pub rspamd: Rspamd,
    /// `[imap]`
    pub imap: Imap,
    /// `[pop3]`
    pub pop3: Pop3,
    /// `[calendar]`
    pub calendar: Calendar,
    /// `[dav]`
    pub dav: Dav,
    /// `[log]`
    pub log: Log,
    /// `[metrics]`
    pub metrics: Metrics,
}
