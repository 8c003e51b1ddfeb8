//! The settings of an IMAP service: plain values that the binary makes from its configuration.

use std::time::Duration;

use net::PaceSettings;

use crate::parse::Limits;

/// Everything an IMAP service is given. Plain values.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name in the greeting.
    pub hostname: String,
    /// Bounds on what a client can send.
    pub limits: Limits,
    /// How long a connection may stay without signing in. Default 1 minute.
    pub login_timeout: Duration,
    /// How long a client may be silent after sign-in. RFC 9051 §5.4: at least 30 minutes.
    pub idle_timeout: Duration,
    /// How slowly the literals of one command may come after sign-in.
    pub pace: PaceSettings,
    /// Memory that messages being appended may take on all connections together; less than one
    /// APPEND may bring counts as that. Default 256 MiB.
    pub append_memory_bytes: u64,
    /// Memory that large messages on their way to clients may take on all connections together.
    /// One message that takes more takes all of it. Default 256 MiB.
    pub fetch_memory_bytes: u64,
    /// Work that one command may make for its keys, in bytes of texts looked through, beside the
    /// time that decoding them takes once; tests and rows count as so many bytes. Default 32 GiB.
    pub search_bytes_max: u64,
    /// Whether clients may sign in without TLS: loopback listeners, tests, proxies.
    pub plaintext_auth: bool,
    /// The SASL mechanisms offered where the connection allows them, in the order of announcing.
    /// Without PLAIN and LOGIN among them the LOGIN command is refused. Default: all.
    pub mechanisms: Vec<sasl::Name>,
    /// Addresses of the accounts as which submission servers sign in: they, and nobody else, may
    /// use URLs that were authorized for submission (RFC 4467 §3). Default: none.
    pub submission_servers: Vec<String>,
    /// How long a client that waits for a command hears nothing (RFC 9585). Default 10 seconds.
    pub progress_interval: Duration,
    /// Messages that one command works on (RFC 9738); 0 for no limit. Default 0.
    pub message_limit: u32,
    /// Messages that one command adds to a mailbox, where that alone is limited; 0 for no limit.
    /// Default 0.
    pub save_limit: u32,
    /// The ManageSieve server for scripts that start when something happens in mailboxes
    /// (RFC 6785 §2.1), as a `sieve:` URL. Default: none, and nothing is announced.
    pub sieve_server: Option<String>,
    /// Failed commands before sign-in until the session ends. Default 10.
    pub errors_before_login_max: u32,
    /// Commands a client may send per minute before sign-in. Default 60.
    pub commands_before_login_per_minute: u32,
    /// Capabilities that are neither announced nor allowed, for programs that misbehave.
    pub disabled_capabilities: Vec<String>,
    /// Capabilities that are switched off for programs that name themselves by ID.
    pub client_rules: Vec<ClientRule>,
}

/// What is switched off for a program that says by ID what it is (RFC 2971 §3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientRule {
    /// How its name begins, in any case.
    pub name: String,
    /// How its version begins; empty for every version.
    pub version: String,
    /// The capabilities that are neither announced nor allowed.
    pub capabilities_off: Vec<String>,
}

impl ClientRule {
    /// Whether a program of that name and version is meant.
    pub(crate) fn matches(&self, name: &str, version: &str) -> bool {
        begins(name, &self.name) && begins(version, &self.version)
    }
}

fn begins(text: &str, with: &str) -> bool {
    text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hostname: "localhost".to_owned(),
            limits: Limits::default(),
            login_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(30 * 60),
            // LIMIT: how long an APPEND may hold memory that others wait for: 50 MB over 250
            // kbit/s fit.
            pace: PaceSettings {
                time_max: Duration::from_secs(30 * 60),
                ..PaceSettings::default()
            },
            append_memory_bytes: 256 * 1024 * 1024,
            fetch_memory_bytes: 256 * 1024 * 1024,
            // LIMIT: a quarter of a minute to a minute of one processor, in pieces of one message:
            // 2,000 keys for a message of 16 MB, or for 1,600 of 10 kB that no index knows.
            search_bytes_max: 32 * 1024 * 1024 * 1024,
            plaintext_auth: false,
            mechanisms: sasl::Name::ALL.to_vec(),
            submission_servers: Vec::new(),
            // RFC 9585 §4: every 10 to 15 seconds is recommended.
            progress_interval: Duration::from_secs(10),
            message_limit: 0,
            save_limit: 0,
            sieve_server: None,
            errors_before_login_max: 10,
            commands_before_login_per_minute: 60,
            disabled_capabilities: Vec::new(),
            client_rules: Vec::new(),
        }
    }
}
