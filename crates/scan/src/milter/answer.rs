//! What a milter answers: changes of the message and of its envelope, and verdicts.

use super::wire::{Packet, action, texts};
use crate::edit::Edit;
use crate::envelope::EnvelopeEdit;
use crate::error::ScanError;
use crate::finding::{Judgement, Reply};
use crate::mail::Recipient;

/// A change of the header section.
pub(super) fn header_edit(packet: &Packet, agreed: u32) -> Result<Edit, ScanError> {
    if packet.command == b'h' {
        require(agreed, action::ADD_HEADERS)?;
        let (name, value) = pair(&packet.data)?;
        return Ok(Edit::Add { name, value });
    }
    let (number, rest) = packet.number()?;
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    let (name, value) = pair(rest)?;
    if packet.command == b'i' {
        require(agreed, action::ADD_HEADERS)?;
        return Ok(Edit::Insert { at: number, name, value });
    }
    require(agreed, action::CHANGE_HEADERS)?;
    let value = Some(value).filter(|value| !value.is_empty());
    Ok(Edit::Change { occurrence: number, name, value })
}

/// A change of the envelope.
pub(super) fn envelope_edit(packet: &Packet, agreed: u32) -> Result<EnvelopeEdit, ScanError> {
    let needed = match packet.command {
        b'+' => action::ADD_RECIPIENT,
        b'2' => action::ADD_RECIPIENT_WITH,
        b'-' => action::REMOVE_RECIPIENT,
        _ => action::CHANGE_SENDER,
    };
    require(agreed, needed)?;
    let mut texts = texts(&packet.data).into_iter();
    let address = address(&texts.next().unwrap_or_default());
    Ok(match packet.command {
        b'+' | b'2' => {
            let parameters = texts.next().unwrap_or_default();
            let parameters = parameters.split_ascii_whitespace().map(str::to_owned).collect();
            EnvelopeEdit::Add(Recipient { address, parameters })
        }
        b'-' => EnvelopeEdit::Remove(address),
        // The parameters of MAIL stay as the client gave them: they are about the message, too.
        _ => EnvelopeEdit::Sender(address),
    })
}

/// An address as milters write it, in brackets or without them.
fn address(written: &str) -> String {
    let written = written.trim();
    let inner = written.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    inner.unwrap_or(written).to_owned()
}

/// Refuses an action that was not agreed on.
pub(super) fn require(agreed: u32, action: u32) -> Result<(), ScanError> {
    match agreed & action {
        0 => Err(ScanError::Protocol("the milter does what it did not ask for")),
        _ => Ok(()),
    }
}

fn pair(data: &[u8]) -> Result<(String, String), ScanError> {
    let mut texts = texts(data).into_iter();
    match (texts.next(), texts.next()) {
        (Some(name), Some(value)) => Ok((name, value)),
        _ => Err(ScanError::Protocol("a field of the milter is cut off")),
    }
}

/// What ends a message, or a connection, before its time.
pub(super) fn verdict(packet: &Packet) -> Result<Judgement, ScanError> {
    match packet.command {
        b'a' => Ok(Judgement::Accept),
        b'r' => Ok(Judgement::Reject(Reply::reject("Message refused"))),
        b't' => Ok(Judgement::Defer(Reply::defer("Try again later"))),
        // Dropped without a word, which is not done here: who sends it is told.
        b'd' => Ok(Judgement::Quarantine("discarded by a milter".to_owned())),
        b'y' => {
            let line = texts(&packet.data).swap_remove(0);
            let reply =
                Reply::parse(&line).ok_or(ScanError::Protocol("the milter's reply is no reply"))?;
            Ok(match reply.is_temporary() {
                true => Judgement::Defer(reply),
                false => Judgement::Reject(reply),
            })
        }
        b'4' => Ok(Judgement::Defer(Reply::shut_down())),
        b'f' => Err(ScanError::Failed("connection failed".to_owned())),
        _ => Err(ScanError::Protocol("an answer that is none of a milter's")),
    }
}

/// The body with a CR before every LF.
pub(super) fn crlf(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut last = 0;
    for byte in body {
        if *byte == b'\n' && last != b'\r' {
            out.push(b'\r');
        }
        out.push(*byte);
        last = *byte;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts() {
        let of = |command: u8, data: &[u8]| {
            verdict(&Packet { command, data: data.to_vec() }).map_err(|error| error.to_string())
        };
        assert_eq!(of(b'a', b""), Ok(Judgement::Accept));
        assert_eq!(of(b'r', b""), Ok(Judgement::Reject(Reply::reject(""))));
        assert_eq!(of(b't', b""), Ok(Judgement::Defer(Reply::defer(""))));
        let said = Reply { code: 550, enhanced: (5, 7, 0), text: "No".to_owned() };
        assert_eq!(of(b'y', b"550 5.7.0 No\0"), Ok(Judgement::Reject(said)));
        let said = Reply { code: 452, enhanced: (4, 2, 2), text: "Full".to_owned() };
        assert_eq!(of(b'y', b"452 4.2.2 Full\0"), Ok(Judgement::Defer(said)));
        let said =
            Reply { code: 421, enhanced: (4, 7, 0), text: "Closing the connection".to_owned() };
        assert_eq!(of(b'4', b""), Ok(Judgement::Defer(said)));
        assert!(of(b'y', b"250 2.0.0 Fine\0").is_err());
        assert!(of(b'f', b"").is_err());
        assert!(of(b'?', b"").is_err());
    }

    #[test]
    fn changes_of_the_envelope() {
        let of = |command: u8, data: &[u8]| {
            envelope_edit(&Packet { command, data: data.to_vec() }, u32::MAX).unwrap()
        };
        let add = |address: &str, parameters: &[&str]| {
            let parameters = parameters.iter().map(|one| (*one).to_owned()).collect();
            EnvelopeEdit::Add(Recipient { address: address.to_owned(), parameters })
        };
        assert_eq!(of(b'+', b"<a@x.test>\0"), add("a@x.test", &[]));
        assert_eq!(of(b'+', b"a@x.test"), add("a@x.test", &[]));
        let both = ["NOTIFY=NEVER", "ORCPT=rfc822;b@x.test"];
        assert_eq!(
            of(b'2', b"<a@x.test>\0NOTIFY=NEVER ORCPT=rfc822;b@x.test\0"),
            add("a@x.test", &both)
        );
        assert_eq!(of(b'2', b"<a@x.test>\0"), add("a@x.test", &[]));
        assert_eq!(of(b'-', b"<a@x.test>\0"), EnvelopeEdit::Remove("a@x.test".to_owned()));
        assert_eq!(of(b'e', b"<>\0"), EnvelopeEdit::Sender(String::new()));
        assert_eq!(
            of(b'e', b"<a@x.test>\0RET=HDRS\0"),
            EnvelopeEdit::Sender("a@x.test".to_owned())
        );
        assert_eq!(of(b'e', b""), EnvelopeEdit::Sender(String::new()));
    }

    #[test]
    fn lines_get_their_cr() {
        assert_eq!(crlf(b"a\nb\r\nc\n\n"), b"a\r\nb\r\nc\r\n\r\n");
    }
}
