//! One row per variant, with its exact bytes.

use super::*;

fn rendered(reply: Reply) -> String {
    let mut out = Vec::new();
    reply.render(&mut out);
    String::from_utf8(out).unwrap()
}

fn check(error: impl Into<CommandError>, expected: &str) {
    let error = error.into();
    assert_eq!(rendered(error.reply()), format!("{expected}\r\n"), "{error:?}");
}

#[test]
fn syntax_errors_have_their_replies() {
    let cases = [
        (SyntaxError::BareLineFeed, "500 5.5.2 A command ends with CR LF, not with LF alone"),
        (SyntaxError::LineTooLong, "500 5.5.2 Line too long"),
        (SyntaxError::Characters, "500 5.5.2 Control characters or invalid UTF-8 in command"),
        (SyntaxError::UnknownCommand, "500 5.5.1 Unknown command"),
        (SyntaxError::Arguments, "501 5.5.4 Invalid or missing arguments"),
        (SyntaxError::ReversePath, "501 5.1.7 Sender address is not valid"),
        (SyntaxError::ForwardPath, "501 5.1.3 Recipient address is not valid"),
        (SyntaxError::UnknownParameter, "555 5.5.4 Unknown parameter"),
        (SyntaxError::ParameterValue, "501 5.5.4 Invalid value of a parameter"),
    ];
    for (error, expected) in cases {
        check(error, expected);
    }
}

#[test]
fn state_errors_have_their_replies() {
    let cases = [
        (StateError::GreetFirst, "503 5.5.1 Say EHLO (LHLO in LMTP) first"),
        (StateError::NestedMail, "503 5.5.1 MAIL was given already"),
        (StateError::NeedMail, "503 5.5.1 MAIL first"),
        (StateError::NeedRecipient, "503 5.5.1 No valid recipient"),
        (StateError::Chunking, "503 5.5.1 A BDAT sequence is under way"),
        (StateError::TransactionFailed, "503 5.5.1 The transaction has failed, RSET first"),
        (StateError::BinaryNeedsBdat, "503 5.5.1 BINARYMIME needs BDAT"),
        (StateError::AlreadyDone, "503 5.5.1 That was done already"),
        (StateError::OtherProtocol, "500 5.5.1 Not a command of this protocol"),
    ];
    for (error, expected) in cases {
        check(error, expected);
    }
}

#[test]
fn refusals_have_their_replies() {
    let cases = [
        (Refusal::NotImplemented, "502 5.5.1 Not implemented"),
        (Refusal::TlsRequired, "530 5.7.0 Must issue a STARTTLS command first"),
        (Refusal::SignInRequired, "530 5.7.0 Sign in first"),
        (Refusal::AuthNotOffered, "502 5.5.1 AUTH is not offered here"),
        (Refusal::UnknownMechanism, "504 5.5.4 Unknown authentication mechanism"),
        (Refusal::AuthCancelled, "501 5.7.0 Authentication cancelled"),
        (Refusal::AuthMalformed, "501 5.5.2 Malformed authentication response"),
        (Refusal::AuthTooLong, "500 5.5.6 Authentication response too long"),
        (Refusal::BadCredentials, "535 5.7.8 Authentication credentials invalid"),
        (Refusal::SignInNotPermitted, "535 5.7.1 This account may not sign in here"),
        (Refusal::SignInThrottled, "454 4.7.0 Too many sign-ins, try later"),
        (Refusal::SignInMaintenance, "454 4.7.0 This account is in maintenance, try later"),
        (Refusal::SignInUnavailable, "454 4.7.0 Sign-in unavailable, try later"),
        (Refusal::SenderNotOwned, "550 5.7.1 This account may not send from this address"),
        (Refusal::DeadlineTooSoon, "555 5.5.4 That deadline is sooner than can be promised here"),
        (
            Refusal::TooManyHeld(20),
            "552 5.7.16 This account may have 20 messages that wait for their time",
        ),
        (Refusal::Maintenance, "450 4.7.1 Sending is closed for maintenance, try later"),
        (Refusal::SenderNeedsUtf8, "550 5.6.7 This sender needs SMTPUTF8"),
        (Refusal::RecipientNeedsUtf8, "553 5.6.7 This recipient needs SMTPUTF8"),
        (Refusal::UnknownRecipient, "550 5.1.1 No such mailbox here"),
        (Refusal::RecipientDisabled, "550 5.2.1 This mailbox takes no mail"),
        (Refusal::PostingNotPermitted, "550 5.7.2 You may not post to this list"),
        (Refusal::EmptyList, "550 5.2.4 Nobody is on this list"),
        (Refusal::MailboxFull(None), "452 4.2.2 This mailbox is full"),
        (Refusal::MailboxFull(Some(100)), "452 4.2.2 This mailbox is full, it may hold 100 bytes"),
        (Refusal::RelayDenied, "550 5.7.1 Relaying denied, that domain is not served here"),
        (Refusal::TooManyRecipients(3), "452 4.5.3 Too many recipients, 3 at a time are taken"),
        (
            Refusal::PolicyOfSender,
            "550 5.7.23 Refused by the SPF policy of the domain of the sender",
        ),
        (Refusal::MessageTooBig, "552 5.3.4 Message exceeds the maximum size"),
        (Refusal::Loop, "554 5.4.6 Too many hops, this is a mail loop"),
        (Refusal::FromNotOwned, "550 5.7.1 This account may not use the address in From or Sender"),
        (
            Refusal::ResentFromNotOwned,
            "550 5.7.1 This account may not use the address in Resent-From",
        ),
        (Refusal::BouncesOnly, "550 5.7.1 This address takes reports of delivery only"),
        (Refusal::PolicyOfAuthor, "550 5.7.1 Refused by the DMARC policy of the domain in From"),
        (Refusal::AuthorUnknown, "451 4.4.3 The domain in From cannot be checked now, try later"),
        (Refusal::NotAdded, "451 4.3.5 The checks of this server are not in order, try later"),
        (Refusal::Busy, "452 4.3.1 Too much mail at once, try later"),
        (Refusal::Lost, "451 4.3.0 Internal error, try later"),
    ];
    for (error, expected) in cases {
        check(error, expected);
    }
}

#[test]
fn content_faults_have_their_replies() {
    let cases = [
        (ContentFault::TooBig, "552 5.3.4 Message exceeds the maximum size"),
        (ContentFault::BareCr, "554 5.6.0 Bare CR is not allowed"),
        (ContentFault::BareLf, "554 5.6.0 Bare LF is not allowed"),
        (ContentFault::Nul, "554 5.6.0 NUL is not allowed"),
        (ContentFault::LineTooLong, "554 5.6.0 A line of the message is too long"),
    ];
    for (error, expected) in cases {
        check(Refusal::Content(error), expected);
    }
}

#[test]
fn farewells_have_their_replies() {
    let cases = [
        (Farewell::Quit, "221 2.0.0 Goodbye"),
        (Farewell::TimedOut, "421 4.4.2 Timed out, goodbye"),
        (Farewell::ShuttingDown, "421 4.3.2 Shutting down, come again later"),
        (Farewell::TooManyErrors, "421 4.7.0 Too many errors, goodbye"),
        (Farewell::TooManyCommands, "421 4.7.0 Too many commands, goodbye"),
        (Farewell::SignedOut, "421 4.7.0 Sign in again"),
        (Farewell::EarlyTalker, "554 5.5.0 You spoke before the greeting, goodbye"),
        (Farewell::TooManyConnections, "421 4.7.0 Too many connections, come again later"),
        (Farewell::TooManyMessages, "421 4.7.0 Enough messages, connect again for more"),
        (Farewell::OutOfSync, "421 4.5.4 Size of BDAT not understood, goodbye"),
        (Farewell::WebClient, "421 4.7.0 This is no web server, goodbye"),
        (Farewell::Endless, "421 4.7.0 Endless input, goodbye"),
    ];
    for (farewell, expected) in cases {
        assert_eq!(rendered(farewell.reply()), format!("{expected}\r\n"));
    }
}

#[test]
fn storage_errors_have_their_replies() {
    let text = || "detail that stays here".to_owned();
    let quota =
        StorageError::OverQuota { resource: storage::QuotaResource::Bytes, used: 1, limit: 1 };
    let size = StorageError::TooBig { size_bytes: 2, limit_bytes: 1 };
    let limit = StorageError::Limit { kind: storage::LimitKind::Uids, max: 1 };
    let internal = "451 4.3.0 Internal error, try later";
    let cases = [
        (StorageError::NotFound("account"), "550 5.1.1 No such mailbox here"),
        (StorageError::AlreadyExists("a"), internal),
        (StorageError::NoPermission("a"), "550 5.2.1 This mailbox takes no mail"),
        (quota, "452 4.2.2 This mailbox is full"),
        (size, "552 5.3.4 Message exceeds the maximum size"),
        (limit, "452 4.3.1 A limit of the mail store is reached"),
        (StorageError::Conflict("a"), internal),
        (StorageError::InUse("a"), internal),
        (StorageError::Expunged, internal),
        (StorageError::Invalid("a"), "554 5.6.0 The message cannot be stored"),
        (StorageError::Unavailable(text()), "451 4.3.0 The mail store is not available, try later"),
        (StorageError::NoSpace(text()), "452 4.3.1 The mail store has no room, try later"),
        (StorageError::Corrupt(text()), internal),
        (StorageError::Internal(text()), internal),
    ];
    for (error, expected) in cases {
        check(error, expected);
    }
}
