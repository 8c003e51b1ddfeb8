//! The settings of ManageSieve: plain values that the binary makes from its configuration.

use std::sync::Arc;
use std::time::Duration;

use responder::Language;

/// Everything a ManageSieve service is given. Plain values.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name in the greeting.
    pub hostname: String,
    /// Bytes of a command line with its CRLF, literals aside. Default 8 KiB: a SASL response in
    /// a quoted string, or a script's name beside its literal.
    pub line_bytes_max: usize,
    /// Bytes of a literal before sign-in. Default 8 KiB.
    pub literal_bytes_max_before_login: u64,
    /// Bytes of a script.
    pub script_bytes_max: u64,
    /// How long a connection may stay without signing in. Default 1 minute.
    pub login_timeout: Duration,
    /// How long a client may be silent after sign-in. RFC 5804 §1.4: at least 30 minutes.
    pub idle_timeout: Duration,
    /// Whether clients may sign in without TLS: loopback listeners, tests, proxies.
    pub plaintext_auth: bool,
    /// The SASL mechanisms offered where the connection allows them, in the order of announcing.
    pub mechanisms: Vec<sasl::Name>,
    /// Failed commands before sign-in until the session ends. Default 10.
    pub errors_before_login_max: u32,
    /// Commands a client may send per minute before sign-in. Default 60.
    pub commands_before_login_per_minute: u32,
    /// The Sieve language that scripts may use.
    pub language: Arc<Language>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hostname: "localhost".to_owned(),
            line_bytes_max: 8 * 1024,
            literal_bytes_max_before_login: 8 * 1024,
            script_bytes_max: 1 << 20,
            login_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(30 * 60),
            plaintext_auth: false,
            mechanisms: sasl::Name::ALL.to_vec(),
            errors_before_login_max: 10,
            commands_before_login_per_minute: 60,
            language: Arc::new(Language::default()),
        }
    }
}
