//! What the binary decides about one listener. Every bound on what a peer controls is here.

use std::time::Duration;

use net::PaceSettings;
use storage::AuthorsElsewhere;

/// LIMIT: what the large providers take is between 25 and 50 MiB.
const MESSAGE_BYTES_MAX: usize = 50 * 1024 * 1024;

/// What a listener is for; it decides who may send what to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Port 25: mail from anybody to accounts here.
    Mx,
    /// Ports 587 and 465: mail from signed-in accounts to anybody (RFC 6409).
    Submission,
    /// Local injection: mail to accounts here, one reply per recipient (RFC 2033).
    Lmtp,
}

/// Everything a listener is opened with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The role of the listener.
    pub role: Role,
    /// This server's name, as in the greeting and in Received.
    pub hostname: String,
    /// Whether STARTTLS is offered.
    pub starttls: bool,
    /// Whether sign-in is allowed without TLS.
    pub plaintext_auth: bool,
    /// The SASL mechanisms offered where the connection allows them, in the order of announcing.
    pub mechanisms: Vec<sasl::Name>,
    /// Bytes of a command line with its CRLF.
    pub command_line_bytes_max: usize,
    /// Accepted recipients of one message.
    pub recipients_max: usize,
    /// Bytes of one message.
    pub message_bytes_max: u64,
    /// Bytes of one line of a message.
    pub message_line_bytes_max: usize,
    /// Bytes of a message read and thrown away beyond `message_bytes_max` in order to answer
    /// it; a client that goes on after them is cut off. A BDAT announcing more is cut off.
    pub overrun_bytes_max: u64,
    /// Messages accepted on one connection.
    pub messages_max: u64,
    /// Refused commands without a message in between, before the connection is closed.
    pub errors_max: u32,
    /// Commands that bring nothing (all but accepted recipients and chunks of content) without
    /// a message in between, before the connection is closed.
    pub idle_commands_max: u32,
    /// Commands before sign-in, where sign-in is needed.
    pub commands_before_sign_in_max: u32,
    /// Received fields of a message; more are taken for a loop.
    pub received_fields_max: usize,
    /// Whether submissions may name authors that are nobody's here (R-ADDR-5).
    pub authors_elsewhere: AuthorsElsewhere,
    /// For how many seconds a submission may be held (RFC 4865); none, it is not offered.
    pub hold_secs_max: u32,
    /// How long a client may be silent between commands.
    pub idle_timeout: Duration,
    /// How long a client may be silent inside a message.
    pub data_timeout: Duration,
    /// How slowly one message may come, whatever stands between its chunks.
    pub pace: PaceSettings,
    /// How long a message waits for reception memory before it is refused for now.
    pub memory_wait: Duration,
    /// How long a client is watched for speaking before the greeting; zero does not watch.
    pub early_talker_wait: Duration,
}

impl Settings {
    /// The defaults for `role`.
    pub fn new(role: Role, hostname: impl Into<String>) -> Self {
        Self {
            role,
            hostname: hostname.into(),
            starttls: false,
            plaintext_auth: false,
            mechanisms: sasl::Name::ALL.to_vec(),
            // LIMIT: RFC 5321 §4.5.3.1.4 asks for 512, extensions for about 600 more; 4 KiB
            // leaves room for long addresses with ORCPT and costs nothing.
            command_line_bytes_max: 4096,
            // LIMIT: RFC 5321 §4.5.3.1.8 asks for at least 100; other servers send up to 1,000.
            recipients_max: 1000,
            message_bytes_max: MESSAGE_BYTES_MAX as u64,
            // LIMIT: RFC 5321 §4.5.3.1.6 asks for 1,000, yet programs put whole attachments on
            // one line. No line is held apart from its message, so the message's own bound does.
            message_line_bytes_max: MESSAGE_BYTES_MAX,
            // LIMIT: as much again as a message, so that every honest client hears the reply.
            overrun_bytes_max: 50 * 1024 * 1024,
            // LIMIT: a mailing over one connection; the client just connects again.
            messages_max: match role {
                Role::Mx | Role::Submission => 10_000,
                Role::Lmtp => 10_000_000,
            },
            // LIMIT: what Postfix allows; local injection is trusted to report its own errors.
            errors_max: if role == Role::Lmtp { 10_000 } else { 20 },
            // LIMIT: what Postfix allows; mail programs send a handful.
            idle_commands_max: if role == Role::Lmtp { 10_000 } else { 100 },
            // LIMIT: EHLO, STARTTLS, EHLO, and a few attempts at AUTH of three lines each.
            commands_before_sign_in_max: 30,
            // LIMIT: RFC 5321 §6.3 asks for at least 100.
            received_fields_max: 100,
            authors_elsewhere: AuthorsElsewhere::Refused,
            hold_secs_max: 0,
            // LIMIT: RFC 5321 §4.5.3.2.7 asks for 5 minutes.
            idle_timeout: Duration::from_secs(300),
            // LIMIT: RFC 5321 §4.5.3.2.5 has clients wait 3 minutes for each block.
            data_timeout: Duration::from_secs(300),
            pace: PaceSettings::default(),
            // LIMIT: well below the time a client waits (RFC 5321 §4.5.3.2.6).
            memory_wait: Duration::from_secs(20),
            early_talker_wait: Duration::ZERO,
        }
    }
}
