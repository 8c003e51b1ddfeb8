//! The settings of POP3: plain values that the binary makes from its configuration.

use std::time::Duration;

/// Everything a POP3 service is given. Plain values.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name in the greeting.
    pub hostname: String,
    /// Bytes of a command line with its CRLF. RFC 2449 §4: at least 255. Default 4 KiB.
    pub line_bytes_max: usize,
    /// How long a connection may stay without signing in. Default 1 minute.
    pub login_timeout: Duration,
    /// How long a client may be silent after sign-in. RFC 1939 §3: at least 10 minutes.
    pub idle_timeout: Duration,
    /// Whether clients may sign in without TLS: loopback listeners, tests, proxies.
    pub plaintext_auth: bool,
    /// The SASL mechanisms offered where the connection allows them, in the order of announcing.
    /// Without PLAIN and LOGIN among them USER is refused. Default: all.
    pub mechanisms: Vec<sasl::Name>,
    /// Failed commands before sign-in until the session ends. Default 10.
    pub errors_before_login_max: u32,
    /// Commands a client may send per minute before sign-in. Default 60.
    pub commands_before_login_per_minute: u32,
    /// Memory that large messages on their way to clients may take on all connections together.
    /// Default 256 MiB.
    pub retrieval_memory_bytes: u64,
    /// Whether messages that were retrieved get `\Seen` at QUIT. Default no: a machine that
    /// collects mail is not somebody who has read it.
    pub retrieving_marks_seen: bool,
    /// Whether clients that did not ask for UTF8 get surrogates of messages with UTF-8 in headers.
    /// Default no.
    pub surrogates: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hostname: "localhost".to_owned(),
            line_bytes_max: 4096,
            login_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(10 * 60),
            plaintext_auth: false,
            mechanisms: sasl::Name::ALL.to_vec(),
            errors_before_login_max: 10,
            commands_before_login_per_minute: 60,
            retrieval_memory_bytes: 256 * 1024 * 1024,
            retrieving_marks_seen: false,
            surrogates: false,
        }
    }
}
