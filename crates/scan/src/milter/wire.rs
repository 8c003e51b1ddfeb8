//! Packets: a length of four bytes, a command, its data.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadBuf};

use crate::address::Link;
use crate::error::ScanError;

/// LIMIT: bytes of one packet from a milter. A body comes in pieces of up to 64 KiB, a milter
/// may agree on 1 MiB.
const PACKET_BYTES_MAX: u32 = 1024 * 1024 + 1;

/// Bytes of data in one packet that every milter takes: libmilter closes the connection at more.
pub(super) const DATA_BYTES_MAX: usize = 65535;

/// What is offered to a milter, and what it may ask for.
pub(super) mod action {
    pub(in crate::milter) const ADD_HEADERS: u32 = 0x1;
    pub(in crate::milter) const CHANGE_BODY: u32 = 0x2;
    pub(in crate::milter) const ADD_RECIPIENT: u32 = 0x4;
    pub(in crate::milter) const REMOVE_RECIPIENT: u32 = 0x8;
    pub(in crate::milter) const CHANGE_HEADERS: u32 = 0x10;
    pub(in crate::milter) const QUARANTINE: u32 = 0x20;
    pub(in crate::milter) const CHANGE_SENDER: u32 = 0x40;
    /// A recipient with parameters of RCPT.
    pub(in crate::milter) const ADD_RECIPIENT_WITH: u32 = 0x80;
    pub(in crate::milter) const OFFERED: u32 = ADD_HEADERS
        | CHANGE_BODY
        | ADD_RECIPIENT
        | REMOVE_RECIPIENT
        | CHANGE_HEADERS
        | QUARANTINE
        | CHANGE_SENDER
        | ADD_RECIPIENT_WITH;
}

/// Steps that a milter can do without, or does not answer.
pub(super) mod step {
    pub(in crate::milter) const NO_CONNECT: u32 = 0x1;
    pub(in crate::milter) const NO_HELO: u32 = 0x2;
    pub(in crate::milter) const NO_MAIL: u32 = 0x4;
    pub(in crate::milter) const NO_RCPT: u32 = 0x8;
    pub(in crate::milter) const NO_BODY: u32 = 0x10;
    pub(in crate::milter) const NO_HEADERS: u32 = 0x20;
    pub(in crate::milter) const NO_END_OF_HEADERS: u32 = 0x40;
    pub(in crate::milter) const SILENT_HEADER: u32 = 0x80;
    pub(in crate::milter) const NO_UNKNOWN: u32 = 0x100;
    pub(in crate::milter) const NO_DATA: u32 = 0x200;
    pub(in crate::milter) const SKIP: u32 = 0x400;
    pub(in crate::milter) const SILENT_CONNECT: u32 = 0x1000;
    pub(in crate::milter) const SILENT_HELO: u32 = 0x2000;
    pub(in crate::milter) const SILENT_MAIL: u32 = 0x4000;
    pub(in crate::milter) const SILENT_RCPT: u32 = 0x8000;
    pub(in crate::milter) const SILENT_DATA: u32 = 0x1_0000;
    pub(in crate::milter) const SILENT_UNKNOWN: u32 = 0x2_0000;
    pub(in crate::milter) const SILENT_END_OF_HEADERS: u32 = 0x4_0000;
    pub(in crate::milter) const SILENT_BODY: u32 = 0x8_0000;
    pub(in crate::milter) const LEADING_SPACE: u32 = 0x10_0000;
    pub(in crate::milter) const OFFERED: u32 = NO_CONNECT
        | NO_HELO
        | NO_MAIL
        | NO_RCPT
        | NO_BODY
        | NO_HEADERS
        | NO_END_OF_HEADERS
        | SILENT_HEADER
        | NO_UNKNOWN
        | NO_DATA
        | SKIP
        | SILENT_CONNECT
        | SILENT_HELO
        | SILENT_MAIL
        | SILENT_RCPT
        | SILENT_DATA
        | SILENT_UNKNOWN
        | SILENT_END_OF_HEADERS
        | SILENT_BODY
        | LEADING_SPACE;
}

/// A packet from a milter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) command: u8,
    pub(super) data: Vec<u8>,
}

impl Packet {
    /// A number at the start, and what follows it.
    pub(super) fn number(&self) -> Result<(u32, &[u8]), ScanError> {
        let (number, rest) = self.data.split_first_chunk::<4>().ok_or(CUT_OFF)?;
        Ok((u32::from_be_bytes(*number), rest))
    }
}

const CUT_OFF: ScanError = ScanError::Protocol("a packet of the milter is cut off");

/// The texts of a list that are each ended by NUL; the last end may be missing.
pub(super) fn texts(data: &[u8]) -> Vec<String> {
    let data = data.strip_suffix(b"\0").unwrap_or(data);
    data.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned()).collect()
}

/// A list of texts, each with its NUL. A NUL inside one would begin another, so it goes.
pub(super) fn list<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut data = Vec::new();
    for text in texts {
        data.extend(text.bytes().filter(|byte| *byte != 0));
        data.push(0);
    }
    data
}

/// Adds a packet to what will be sent.
pub(super) fn push(out: &mut Vec<u8>, command: u8, data: &[u8]) {
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX - 1) + 1;
    out.extend_from_slice(&length.to_be_bytes());
    out.push(command);
    out.extend_from_slice(data);
}

/// Sends what has gathered.
pub(super) async fn send(link: &mut dyn Link, out: &mut Vec<u8>) -> Result<(), ScanError> {
    link.write_all(out).await?;
    out.clear();
    link.flush().await?;
    Ok(())
}

/// Fails where the milter has said something that nobody asked for, or has closed, as far as that
/// has arrived.
pub(super) async fn unasked(link: &mut dyn Link) -> Result<(), ScanError> {
    let mut byte = [0];
    let mut buffer = ReadBuf::new(&mut byte);
    let look =
        |context: &mut Context<'_>| match Pin::new(&mut *link).poll_read(context, &mut buffer) {
            Poll::Pending => Poll::Ready(Ok(())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                Poll::Ready(Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()))
            }
            Poll::Ready(Ok(())) => {
                Poll::Ready(Err(ScanError::Protocol("the milter says something unasked")))
            }
        };
    poll_fn(look).await
}

/// Waits for a packet.
pub(super) async fn receive(link: &mut dyn Link) -> Result<Packet, ScanError> {
    let length = link.read_u32().await?;
    if !(1..=PACKET_BYTES_MAX).contains(&length) {
        return Err(ScanError::Protocol("a packet of the milter is empty or too long"));
    }
    let command = link.read_u8().await?;
    let mut data = Vec::new();
    let rest = u64::from(length - 1);
    link.take(rest).read_to_end(&mut data).await?;
    if data.len() as u64 != rest {
        return Err(CUT_OFF);
    }
    Ok(Packet { command, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_texts() {
        assert_eq!(list(["a", "b\0c", ""]), b"a\0bc\0\0");
        assert_eq!(texts(b"a\0b\0"), ["a", "b"]);
        assert_eq!(texts(b"a\0b"), ["a", "b"]);
        assert_eq!(texts(b"a\0\0"), ["a", ""]);
        assert_eq!(texts(b""), [""]);
    }

    #[tokio::test]
    async fn packets_are_bounded() {
        let mut out = Vec::new();
        push(&mut out, b'C', b"data");
        assert_eq!(out, b"\0\0\0\x05Cdata");
        let parsed = receive(&mut tokio::io::join(&out[..], tokio::io::sink())).await.unwrap();
        assert_eq!(parsed, Packet { command: b'C', data: b"data".to_vec() });
        for wrong in [&b"\0\0\0\0"[..], b"\x7f\xff\xff\xffC", b"\0\0\0\x05Cdat", b"\0\0", b""] {
            assert!(receive(&mut tokio::io::join(wrong, tokio::io::sink())).await.is_err());
        }
    }
}
