//! Why a command is refused, by meaning. `reply.rs` has the only mapping from here to replies.

mod reply;

use storage::StorageError;

use crate::check::CheckReply;
use crate::content::ContentFault;

/// What is wrong with a command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// The line ends with LF alone, or holds one.
    #[error("line does not end with CRLF")]
    BareLineFeed,
    /// The line is longer than the limit.
    #[error("line too long")]
    LineTooLong,
    /// The line holds control characters or bytes that are not UTF-8.
    #[error("invalid characters")]
    Characters,
    /// The verb is none of ours.
    #[error("unknown command")]
    UnknownCommand,
    /// Arguments are missing, malformed, or too many.
    #[error("invalid arguments")]
    Arguments,
    /// The argument of MAIL is no reverse-path.
    #[error("invalid sender address")]
    ReversePath,
    /// The argument of RCPT is no forward-path.
    #[error("invalid recipient address")]
    ForwardPath,
    /// A parameter of MAIL or RCPT that no extension of ours defines.
    #[error("unknown parameter")]
    UnknownParameter,
    /// A parameter with a value it cannot have, or given twice.
    #[error("invalid parameter value")]
    ParameterValue,
}

/// Why a command, valid in itself, cannot stand where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// A mail command before HELO, EHLO or LHLO.
    #[error("greeting missing")]
    GreetFirst,
    /// MAIL inside a transaction.
    #[error("nested MAIL")]
    NestedMail,
    /// RCPT, DATA or BDAT without MAIL.
    #[error("no MAIL")]
    NeedMail,
    /// DATA or BDAT without a recipient.
    #[error("no recipient")]
    NeedRecipient,
    /// DATA, MAIL or RCPT between the chunks of a message.
    #[error("inside BDAT")]
    Chunking,
    /// Anything but RSET after a chunk was refused (RFC 3030 §2).
    #[error("transaction failed")]
    TransactionFailed,
    /// DATA for a message that was announced as BINARYMIME (RFC 3030 §3).
    #[error("DATA for binary content")]
    BinaryNeedsBdat,
    /// STARTTLS on a connection that has TLS, or AUTH by who is signed in.
    #[error("already done")]
    AlreadyDone,
    /// The command belongs to the other protocol: HELO and EHLO in LMTP, LHLO in SMTP.
    #[error("command of another protocol")]
    OtherProtocol,
}

/// Why policy says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// EXPN.
    #[error("not implemented")]
    NotImplemented,
    /// The command needs TLS first.
    #[error("TLS required")]
    TlsRequired,
    /// MAIL before sign-in on a submission port.
    #[error("sign-in required")]
    SignInRequired,
    /// AUTH on a port or in a state where it is not offered.
    #[error("AUTH is not offered")]
    AuthNotOffered,
    /// An AUTH mechanism that is not ours.
    #[error("unknown mechanism")]
    UnknownMechanism,
    /// The client cancelled AUTH with `*`.
    #[error("AUTH cancelled")]
    AuthCancelled,
    /// A response of the exchange is no base64 or breaks the mechanism's form.
    #[error("malformed AUTH response")]
    AuthMalformed,
    /// A response of the exchange is too long.
    #[error("AUTH response too long")]
    AuthTooLong,
    /// Wrong name or password.
    #[error("credentials refused")]
    BadCredentials,
    /// The account exists and may not sign in here (blocked, or an app password's limits).
    #[error("sign-in not permitted")]
    SignInNotPermitted,
    /// Too many failed sign-ins; later.
    #[error("sign-in throttled")]
    SignInThrottled,
    /// The account is in maintenance (R-ADDR-12).
    #[error("sign-in during maintenance")]
    SignInMaintenance,
    /// Sign-in cannot be checked now.
    #[error("sign-in unavailable")]
    SignInUnavailable,
    /// R-ADDR-5: the sender is not an address of the account.
    #[error("sender address not owned")]
    SenderNotOwned,
    /// The message is to be there sooner than can be promised (RFC 2852 §3).
    #[error("deadline too soon")]
    DeadlineTooSoon,
    /// The account has as many messages held for later as it may, which is that (RFC 4865 §6).
    #[error("too many messages held")]
    TooManyHeld(u64),
    /// R-ADDR-12: sending is switched off by maintenance.
    #[error("maintenance")]
    Maintenance,
    /// A sender outside ASCII without SMTPUTF8.
    #[error("sender needs SMTPUTF8")]
    SenderNeedsUtf8,
    /// A recipient outside ASCII without SMTPUTF8.
    #[error("recipient needs SMTPUTF8")]
    RecipientNeedsUtf8,
    /// No mailbox of this name at a domain of ours.
    #[error("unknown recipient")]
    UnknownRecipient,
    /// The mailbox takes no mail.
    #[error("recipient disabled")]
    RecipientDisabled,
    /// The mailbox is full, which has so many bytes; strangers are not told how many.
    #[error("mailbox full")]
    MailboxFull(Option<u64>),
    /// The list takes nothing from who posts.
    #[error("posting not permitted")]
    PostingNotPermitted,
    /// Nobody is on the list.
    #[error("a list without members")]
    EmptyList,
    /// A domain that is not ours, from who did not sign in.
    #[error("relay denied")]
    RelayDenied,
    /// More recipients than that.
    #[error("too many recipients")]
    TooManyRecipients(usize),
    /// The message is, or was announced as, larger than the limit.
    #[error("message too big")]
    MessageTooBig,
    /// The message has passed too many servers.
    #[error("mail loop")]
    Loop,
    /// The header section names a sender the account may not use (R-ADDR-5).
    #[error("From address not owned")]
    FromNotOwned,
    /// Likewise, of who sent the message again (RFC 5322 §3.6.6).
    #[error("Resent-From address not owned")]
    ResentFromNotOwned,
    /// The content breaks a rule of its form.
    #[error("content refused: {0:?}")]
    Content(ContentFault),
    /// A rewritten address of ours takes bounces, and this is none.
    #[error("rewritten address takes bounces only")]
    BouncesOnly,
    /// The author's domain wants the message refused (DMARC).
    #[error("refused by the policy of the author's domain")]
    PolicyOfAuthor,
    /// The domain of the sender disowns the host (RFC 7208 §8.4).
    #[error("refused by the policy of the sender")]
    PolicyOfSender,
    /// Whether the author's domain wants the message refused cannot be found out now.
    #[error("the policy of the author's domain is unknown")]
    AuthorUnknown,
    /// A recipient that a check adds cannot have the message: a fault of this server.
    #[error("a recipient cannot be added")]
    NotAdded,
    /// No memory is left for messages in reception.
    #[error("reception memory used up")]
    Busy,
    /// The message was lost here before it was stored.
    #[error("message lost")]
    Lost,
}

/// Why the connection is closed, with a last reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Farewell {
    /// QUIT.
    #[error("QUIT")]
    Quit,
    /// The client was silent for too long.
    #[error("timed out")]
    TimedOut,
    /// The daemon ends.
    #[error("shutting down")]
    ShuttingDown,
    /// Too many refused commands.
    #[error("too many errors")]
    TooManyErrors,
    /// Too many commands that do nothing, or too many before signing in.
    #[error("too many commands")]
    TooManyCommands,
    /// The password the client signed in with is no longer good (R-ADDR-8), or the account is
    /// blocked.
    #[error("signed out")]
    SignedOut,
    /// The client spoke before the greeting.
    #[error("spoke before the greeting")]
    EarlyTalker,
    /// The client speaks HTTP.
    #[error("a request of HTTP")]
    WebClient,
    /// Too many connections.
    #[error("too many connections")]
    TooManyConnections,
    /// The connection has brought as many messages as it may.
    #[error("too many messages")]
    TooManyMessages,
    /// A BDAT whose size is not known: what follows cannot be told from commands.
    #[error("lost the place in the stream")]
    OutOfSync,
    /// A line or a message without end.
    #[error("endless input")]
    Endless,
}

/// Every way a command fails.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The line is wrong.
    #[error("syntax: {0}")]
    Syntax(#[from] SyntaxError),
    /// The line is right in the wrong place.
    #[error("state: {0}")]
    WrongState(#[from] StateError),
    /// Policy says no.
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    /// A check of the content says no.
    #[error("check: {} {}", .0.code, .0.text)]
    Checked(CheckReply),
    /// The recipient's script refuses the message (RFC 5429), for this reason in printable ASCII.
    #[error("rejected by the recipient")]
    Rejected(String),
    /// Storage says no.
    #[error("storage: {0}")]
    Storage(#[from] StorageError),
}
