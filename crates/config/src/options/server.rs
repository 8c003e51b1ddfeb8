//! What the server is and tells: its name, its log, its metrics.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::{Row, Section};
use crate::reader::TableReader;
use crate::value::{Level, LogFormat, Network, OptionValue, WebUrl};

sections! {
    /// What stands at the top of the file, before the first table.
    table "" pub(crate) struct General {
        /// The name under which this server is known in DNS. It stands in greetings, in
        /// Received headers and in the self-signed certificate.
        /// A change takes effect with the next start.
        hostname: String = required "mail.example.test", since "0.1";

        /// Where people reach the listeners of protocol `https` (or `http`, behind a proxy). It
        /// stands in links of letters, such as the one that asks an address whether mail may be
        /// sent on to it. Without it, `https://` and `hostname`.
        web_url: Option<WebUrl> = optional "https://mail.example.test", since "0.1";

        /// The directory of everything the server keeps: the SQLite database, the bytes of
        /// messages, the control socket, the self-signed certificate. Only the user of the
        /// daemon may read it. A relative path, here and everywhere in this file, starts at
        /// the directory of the configuration file.
        /// A change takes effect with the next start.
        data_dir: PathBuf = default "/var/lib/posthorn", since "0.1";
    }

    /// The log, on standard error. It never holds a password or the text of a message.
    table "log" pub struct Log {
        /// How much is logged.
        level: Level = default "info", since "0.1";

        /// `plain` for people, `json` for programs: one object a line.
        /// A change takes effect with the next start.
        format: LogFormat = default "plain", since "0.1";
    }

    /// Measurements for Prometheus, at `/metrics`.
    table "metrics" pub struct Metrics {
        /// Addresses and ports of their own for `/metrics`. Without it, the listeners of
        /// protocol `http` answer it.
        /// A change takes effect with the next start.
        bind: Option<Vec<SocketAddr>> = optional "127.0.0.1:9464", since "0.1";

        /// Networks that may read `/metrics` from the listeners of protocols `http` and
        /// `https`. Whoever
        /// reaches `bind` may read it there.
        allow: Vec<Network> = default ["127.0.0.0/8", "::1"], since "0.1";
    }
}
