//! The only mapping from what went wrong to what the client is told.

use std::borrow::Cow;

use storage::{LimitKind, StorageError};

use super::{CommandError, Farewell, Refusal, StateError, SyntaxError};
use crate::content::ContentFault;
use crate::render::{Enhanced, Reply};

impl CommandError {
    /// The reply that tells the client.
    pub fn reply(&self) -> Reply {
        match self {
            Self::Syntax(error) => syntax_reply(*error),
            Self::WrongState(error) => state_reply(*error),
            Self::Refused(refusal) => refusal_reply(*refusal),
            Self::Checked(reply) => reply.reply(),
            Self::Rejected(reason) => rejected_reply(reason),
            Self::Storage(error) => storage_reply(error),
        }
    }

    /// Whether the connection is closed behind the reply, as RFC 5321 §3.8 has 421.
    pub fn ends_session(&self) -> bool {
        matches!(self, Self::Checked(reply) if reply.code == 421)
    }
}

// RFC 5429 §2.1.1: 550 with 5.7.1, and the reason; RFC 3463 §3.8.
fn rejected_reply(reason: &str) -> Reply {
    worded(550, Enhanced(5, 7, 1), reason.to_owned())
}

fn worded(code: u16, enhanced: Enhanced, text: String) -> Reply {
    Reply { code, enhanced: Some(enhanced), text: Cow::Owned(text) }
}

// RFC 3463 §3.3: X.2.2 mailbox full, a persistent transient failure: the owner can make room. How
// much it may hold is nothing to strangers.
fn full_reply(limit: Option<u64>) -> Reply {
    match limit {
        Some(bytes) => {
            let text = format!("This mailbox is full, it may hold {bytes} bytes");
            worded(452, Enhanced(4, 2, 2), text)
        }
        None => Reply::new(452, Enhanced(4, 2, 2), "This mailbox is full"),
    }
}

fn syntax_reply(error: SyntaxError) -> Reply {
    // RFC 3463 §3.6: 5.5.1 invalid command, 5.5.2 syntax error, 5.5.4 invalid arguments.
    match error {
        SyntaxError::BareLineFeed => {
            Reply::new(500, Enhanced(5, 5, 2), "A command ends with CR LF, not with LF alone")
        }
        // RFC 5321 §4.5.3.1.9: 500 for a line that is too long.
        SyntaxError::LineTooLong => Reply::new(500, Enhanced(5, 5, 2), "Line too long"),
        SyntaxError::Characters => {
            Reply::new(500, Enhanced(5, 5, 2), "Control characters or invalid UTF-8 in command")
        }
        SyntaxError::UnknownCommand => Reply::new(500, Enhanced(5, 5, 1), "Unknown command"),
        SyntaxError::Arguments => {
            Reply::new(501, Enhanced(5, 5, 4), "Invalid or missing arguments")
        }
        // RFC 3463 §3.2: 5.1.7 and 5.1.3 are about the syntax of the two addresses.
        SyntaxError::ReversePath => {
            Reply::new(501, Enhanced(5, 1, 7), "Sender address is not valid")
        }
        SyntaxError::ForwardPath => {
            Reply::new(501, Enhanced(5, 1, 3), "Recipient address is not valid")
        }
        // RFC 5321 §4.1.1.11: 555 for parameters that are not recognised.
        SyntaxError::UnknownParameter => Reply::new(555, Enhanced(5, 5, 4), "Unknown parameter"),
        SyntaxError::ParameterValue => {
            Reply::new(501, Enhanced(5, 5, 4), "Invalid value of a parameter")
        }
    }
}

fn state_reply(error: StateError) -> Reply {
    let text = match error {
        // RFC 5321 §4.1.4: 503 for commands out of order.
        StateError::GreetFirst => "Say EHLO (LHLO in LMTP) first",
        StateError::NestedMail => "MAIL was given already",
        StateError::NeedMail => "MAIL first",
        // RFC 2033 §4.2 demands 503 here for LMTP; RFC 5321 §3.3 permits it for SMTP.
        StateError::NeedRecipient => "No valid recipient",
        StateError::Chunking => "A BDAT sequence is under way",
        StateError::TransactionFailed => "The transaction has failed, RSET first",
        StateError::BinaryNeedsBdat => "BINARYMIME needs BDAT",
        StateError::AlreadyDone => "That was done already",
        // RFC 2033 §4.1: no positive reply to HELO and EHLO in LMTP.
        StateError::OtherProtocol => {
            return Reply::new(500, Enhanced(5, 5, 1), "Not a command of this protocol");
        }
    };
    Reply::new(503, Enhanced(5, 5, 1), text)
}

fn refusal_reply(refusal: Refusal) -> Reply {
    let (code, enhanced, text) = match refusal {
        // RFC 5321 §4.2.4: 502 for commands that are known and not implemented.
        Refusal::NotImplemented => (502, Enhanced(5, 5, 1), "Not implemented"),
        // RFC 3207 §4: 530 for commands that need TLS first.
        Refusal::TlsRequired => (530, Enhanced(5, 7, 0), "Must issue a STARTTLS command first"),
        // RFC 4954 §6: 530 5.7.0 asks for authentication.
        Refusal::SignInRequired => (530, Enhanced(5, 7, 0), "Sign in first"),
        Refusal::AuthNotOffered => (502, Enhanced(5, 5, 1), "AUTH is not offered here"),
        // RFC 4954 §4: 504 5.5.4 for a mechanism that is not supported.
        Refusal::UnknownMechanism => (504, Enhanced(5, 5, 4), "Unknown authentication mechanism"),
        // RFC 4954 §4: 501 for a cancelled exchange and for what is no base64.
        Refusal::AuthCancelled => (501, Enhanced(5, 7, 0), "Authentication cancelled"),
        Refusal::AuthMalformed => (501, Enhanced(5, 5, 2), "Malformed authentication response"),
        // RFC 4954 §6: 500 5.5.6 for a line that is too long.
        Refusal::AuthTooLong => (500, Enhanced(5, 5, 6), "Authentication response too long"),
        // RFC 4954 §6: 535 5.7.8 for wrong credentials, whatever is wrong with them.
        Refusal::BadCredentials => (535, Enhanced(5, 7, 8), "Authentication credentials invalid"),
        Refusal::SignInNotPermitted => {
            (535, Enhanced(5, 7, 1), "This account may not sign in here")
        }
        // RFC 4954 §6: 454 4.7.0 for a temporary failure.
        Refusal::SignInThrottled => (454, Enhanced(4, 7, 0), "Too many sign-ins, try later"),
        Refusal::SignInMaintenance => {
            (454, Enhanced(4, 7, 0), "This account is in maintenance, try later")
        }
        Refusal::SignInUnavailable => (454, Enhanced(4, 7, 0), "Sign-in unavailable, try later"),
        // RFC 6409 §6.1 lets a submission server enforce who sends as whom.
        Refusal::SenderNotOwned => {
            (550, Enhanced(5, 7, 1), "This account may not send from this address")
        }
        Refusal::FromNotOwned => {
            (550, Enhanced(5, 7, 1), "This account may not use the address in From or Sender")
        }
        Refusal::ResentFromNotOwned => {
            (550, Enhanced(5, 7, 1), "This account may not use the address in Resent-From")
        }
        // RFC 2852 §3: 55z for less time than announced.
        Refusal::DeadlineTooSoon => {
            (555, Enhanced(5, 5, 4), "That deadline is sooner than can be promised here")
        }
        // RFC 4865 §6: 552 and X.7.16.
        Refusal::TooManyHeld(max) => {
            let text = format!("This account may have {max} messages that wait for their time");
            return worded(552, Enhanced(5, 7, 16), text);
        }
        Refusal::Maintenance => {
            (450, Enhanced(4, 7, 1), "Sending is closed for maintenance, try later")
        }
        // RFC 6531 §3.5: 550 for MAIL, 553 for RCPT.
        Refusal::SenderNeedsUtf8 => (550, Enhanced(5, 6, 7), "This sender needs SMTPUTF8"),
        Refusal::RecipientNeedsUtf8 => (553, Enhanced(5, 6, 7), "This recipient needs SMTPUTF8"),
        // RFC 3463 §3.2: X.1.1 bad destination mailbox address.
        Refusal::UnknownRecipient => (550, Enhanced(5, 1, 1), "No such mailbox here"),
        // RFC 3463 §3.3: X.2.1 mailbox disabled.
        Refusal::RecipientDisabled => (550, Enhanced(5, 2, 1), "This mailbox takes no mail"),
        Refusal::MailboxFull(limit) => return full_reply(limit),
        // RFC 3463 §3.8: X.7.2, mailing list expansion prohibited; §3.3: X.2.4, expansion problem.
        Refusal::PostingNotPermitted => (550, Enhanced(5, 7, 2), "You may not post to this list"),
        Refusal::EmptyList => (550, Enhanced(5, 2, 4), "Nobody is on this list"),
        // RFC 5321 §3.6.2: 550 for a relay that policy denies.
        Refusal::RelayDenied => {
            (550, Enhanced(5, 7, 1), "Relaying denied, that domain is not served here")
        }
        // RFC 5321 §4.5.3.1.10: 452, and the client sends the rest in another transaction.
        Refusal::TooManyRecipients(max) => {
            let text = format!("Too many recipients, {max} at a time are taken");
            return worded(452, Enhanced(4, 5, 3), text);
        }
        Refusal::MessageTooBig => return content_reply(ContentFault::TooBig),
        // RFC 3463 §3.5: X.4.6 routing loop detected; RFC 5321 §6.3 counts Received fields.
        Refusal::Loop => (554, Enhanced(5, 4, 6), "Too many hops, this is a mail loop"),
        Refusal::Content(fault) => return content_reply(fault),
        Refusal::BouncesOnly => {
            (550, Enhanced(5, 7, 1), "This address takes reports of delivery only")
        }
        // RFC 7489 §10.3: 550 5.7.1 for what a policy refuses.
        Refusal::PolicyOfAuthor => {
            (550, Enhanced(5, 7, 1), "Refused by the DMARC policy of the domain in From")
        }
        // RFC 7372 §3.2: X.7.23 in place of the 5.7.1 of RFC 7208 §8.4.
        Refusal::PolicyOfSender => {
            (550, Enhanced(5, 7, 23), "Refused by the SPF policy of the domain of the sender")
        }
        // RFC 7208 §2.6.6: 451 4.4.3 while the DNS does not answer.
        Refusal::AuthorUnknown => {
            (451, Enhanced(4, 4, 3), "The domain in From cannot be checked now, try later")
        }
        // RFC 3463 §3.4: X.3.5 system incorrectly configured. Nothing is wrong with whom the client
        // named, so it may try again.
        Refusal::NotAdded => {
            (451, Enhanced(4, 3, 5), "The checks of this server are not in order, try later")
        }
        // RFC 3463 §3.4: X.3.1 mail system full.
        Refusal::Busy => (452, Enhanced(4, 3, 1), "Too much mail at once, try later"),
        Refusal::Lost => (451, Enhanced(4, 3, 0), "Internal error, try later"),
    };
    Reply::new(code, enhanced, text)
}

fn content_reply(fault: ContentFault) -> Reply {
    match fault {
        // RFC 1870 §6.3 and RFC 3463 §3.4: X.3.4 message too big for the system.
        ContentFault::TooBig => {
            Reply::new(552, Enhanced(5, 3, 4), "Message exceeds the maximum size")
        }
        // RFC 3463 §3.7: X.6.0 other media error; RFC 5321 §2.3.8 forbids both.
        ContentFault::BareCr => Reply::new(554, Enhanced(5, 6, 0), "Bare CR is not allowed"),
        ContentFault::BareLf => Reply::new(554, Enhanced(5, 6, 0), "Bare LF is not allowed"),
        ContentFault::Nul => Reply::new(554, Enhanced(5, 6, 0), "NUL is not allowed"),
        ContentFault::LineTooLong => {
            Reply::new(554, Enhanced(5, 6, 0), "A line of the message is too long")
        }
    }
}

fn storage_reply(error: &StorageError) -> Reply {
    match error {
        StorageError::NotFound(_) => refusal_reply(Refusal::UnknownRecipient),
        StorageError::NoPermission(_) => refusal_reply(Refusal::RecipientDisabled),
        StorageError::Maintenance => refusal_reply(Refusal::Maintenance),
        // Whose mailbox it is, and who asks, is not known here.
        StorageError::OverQuota { .. } => full_reply(None),
        StorageError::TooBig { .. } => content_reply(ContentFault::TooBig),
        StorageError::Limit { kind: LimitKind::ScheduledMessages, max } => {
            refusal_reply(Refusal::TooManyHeld(*max))
        }
        // R-ADDR-11. Tomorrow there is room again.
        StorageError::Limit { kind: LimitKind::SentMessages, max } => {
            let text = format!("This account may send {max} messages a day, try again tomorrow");
            worded(450, Enhanced(4, 7, 1), text)
        }
        // RFC 3463 §3.6: X.5.3 too many recipients.
        StorageError::Limit { kind: LimitKind::SentRecipients, max } => {
            let text = format!("This account may write to {max} recipients at a time");
            worded(550, Enhanced(5, 5, 3), text)
        }
        // RFC 3463 §3.4: X.3.1 mail system full: something countable is used up.
        StorageError::Limit { .. } => {
            Reply::new(452, Enhanced(4, 3, 1), "A limit of the mail store is reached")
        }
        StorageError::Invalid(_) => {
            Reply::new(554, Enhanced(5, 6, 0), "The message cannot be stored")
        }
        StorageError::Unavailable(_) => {
            Reply::new(451, Enhanced(4, 3, 0), "The mail store is not available, try later")
        }
        // RFC 5321 §4.2.2: 452 insufficient system storage; RFC 3463 §3.4: X.3.1.
        StorageError::NoSpace(_) => {
            Reply::new(452, Enhanced(4, 3, 1), "The mail store has no room, try later")
        }
        StorageError::AlreadyExists(_)
        | StorageError::Conflict(_)
        | StorageError::InUse(_)
        | StorageError::Expunged
        | StorageError::Corrupt(_)
        | StorageError::Internal(_) => {
            Reply::new(451, Enhanced(4, 3, 0), "Internal error, try later")
        }
    }
}

impl Farewell {
    /// The last reply.
    pub fn reply(self) -> Reply {
        match self {
            // RFC 5321 §4.1.1.10: 221 and then the connection is closed.
            Self::Quit => Reply::new(221, Enhanced(2, 0, 0), "Goodbye"),
            // RFC 3463 §3.5: X.4.2 bad connection.
            Self::TimedOut => Reply::new(421, Enhanced(4, 4, 2), "Timed out, goodbye"),
            // RFC 5321 §3.8: 421 when the server is shut down.
            Self::ShuttingDown => {
                Reply::new(421, Enhanced(4, 3, 2), "Shutting down, come again later")
            }
            Self::TooManyErrors => Reply::new(421, Enhanced(4, 7, 0), "Too many errors, goodbye"),
            Self::TooManyCommands => {
                Reply::new(421, Enhanced(4, 7, 0), "Too many commands, goodbye")
            }
            Self::SignedOut => Reply::new(421, Enhanced(4, 7, 0), "Sign in again"),
            // RFC 5321 §3.1: 554 in place of 220, though the client may still say QUIT.
            Self::EarlyTalker => {
                Reply::new(554, Enhanced(5, 5, 0), "You spoke before the greeting, goodbye")
            }
            Self::TooManyConnections => {
                Reply::new(421, Enhanced(4, 7, 0), "Too many connections, come again later")
            }
            Self::TooManyMessages => {
                Reply::new(421, Enhanced(4, 7, 0), "Enough messages, connect again for more")
            }
            Self::OutOfSync => {
                Reply::new(421, Enhanced(4, 5, 4), "Size of BDAT not understood, goodbye")
            }
            Self::WebClient => Reply::new(421, Enhanced(4, 7, 0), "This is no web server, goodbye"),
            Self::Endless => Reply::new(421, Enhanced(4, 7, 0), "Endless input, goodbye"),
        }
    }
}

#[cfg(test)]
mod tests;
