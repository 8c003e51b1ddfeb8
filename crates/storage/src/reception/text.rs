//! A reception as its row has it: a line of the message and one of each recipient, their parts
//! between tabs. It takes no more than copying them, and is read by splitting it.

use std::fmt::Write;

use ids::{CollectionId, SpoolId, Uid};

use super::{Disposition, Reception};
use crate::{Placement, Result, StorageError};

/// LIMIT: bytes of a Message-ID that are kept; RFC 5322 §2.1.1 recommends lines of 78.
const MESSAGE_ID_BYTES_MAX: usize = 250;
/// LIMIT: bytes of a reply that are kept; those of ours are shorter.
const REPLY_BYTES_MAX: usize = 500;

/// The text of a row.
pub(super) fn render(reception: &Reception, dispositions: &[Vec<Disposition>]) -> String {
    let paths: usize = reception.forward_paths.iter().map(|path| path.len() + 32).sum();
    let mut out = String::with_capacity(256 + paths);
    // Writing to a String does not fail.
    let _ = write!(out, "{:016x}", reception.message);
    let placement = match reception.placement {
        Placement::Inbox => "",
        Placement::Junk => "junk",
    };
    let texts = [&reception.protocol, &reception.peer, &reception.user, &reception.reverse_path];
    for text in texts {
        push(&mut out, text);
    }
    push(&mut out, message_id(&reception.message_id));
    let _ = write!(out, "\t{}\t{placement}", reception.size_bytes);
    for (at, path) in reception.forward_paths.iter().enumerate() {
        out.push('\n');
        push_plain(&mut out, path);
        for disposition in dispositions.get(at).into_iter().flatten() {
            push_disposition(&mut out, disposition);
        }
    }
    out
}

fn push_disposition(out: &mut String, disposition: &Disposition) {
    let _ = match disposition {
        Disposition::Stored { mailbox, uid } => write!(out, "\ts{}.{}", mailbox.get(), uid.get()),
        Disposition::Queued(spool) => write!(out, "\tq{}", spool.get()),
        Disposition::Posted(spool) => write!(out, "\tl{}", spool.get()),
        Disposition::SentOn(spool) => write!(out, "\tf{}", spool.get()),
        Disposition::Answered(spool) => write!(out, "\ta{}", spool.get()),
        Disposition::Discarded => write!(out, "\td"),
        Disposition::Refused(reply) => {
            out.push_str("\tr");
            push_plain(out, cut(reply, REPLY_BYTES_MAX));
            Ok(())
        }
    };
}

/// A Message-ID, cut to the length that is kept.
pub(crate) fn message_id(text: &str) -> &str {
    cut(text, MESSAGE_ID_BYTES_MAX)
}

fn cut(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or(text)
}

fn push(out: &mut String, text: &str) {
    out.push('\t');
    push_plain(out, text);
}

/// Peers choose what stands in quoted local parts and in Message-ID.
fn push_plain(out: &mut String, text: &str) {
    // PostgreSQL takes no NUL, and what parts parts must stand in none.
    match text.contains(char::is_control) {
        false => out.push_str(text),
        true => out.extend(text.chars().map(|char| if char.is_control() { '?' } else { char })),
    }
}

/// The message and what became of it, from the text of a row.
pub(crate) fn read(text: &str) -> Result<(Reception, Vec<Vec<Disposition>>)> {
    let mut lines = text.split('\n');
    let head: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    let [number, protocol, peer, user, reverse_path, message_id, size_bytes, placement] = head[..]
    else {
        return Err(corrupt());
    };
    let mut reception = Reception {
        message: u64::from_str_radix(number, 16).map_err(|_| corrupt())?,
        protocol: protocol.to_owned(),
        peer: peer.to_owned(),
        user: user.to_owned(),
        reverse_path: reverse_path.to_owned(),
        message_id: message_id.to_owned(),
        size_bytes: size_bytes.parse().map_err(|_| corrupt())?,
        placement: if placement == "junk" { Placement::Junk } else { Placement::Inbox },
        forward_paths: Vec::new(),
    };
    let mut dispositions = Vec::new();
    for line in lines {
        let mut parts = line.split('\t');
        reception.forward_paths.push(parts.next().unwrap_or_default().to_owned());
        dispositions.push(parts.map(read_disposition).collect::<Result<_>>()?);
    }
    Ok((reception, dispositions))
}

fn read_disposition(part: &str) -> Result<Disposition> {
    let kind = part.chars().next().ok_or_else(corrupt)?;
    let rest = part.get(kind.len_utf8()..).unwrap_or_default();
    let spool = || rest.parse().map(SpoolId::new).map_err(|_| corrupt());
    Ok(match kind {
        's' => {
            let (mailbox, uid) = rest.split_once('.').ok_or_else(corrupt)?;
            let uid = Uid::new(uid.parse().map_err(|_| corrupt())?);
            let mailbox = CollectionId::new(mailbox.parse().map_err(|_| corrupt())?);
            Disposition::Stored { mailbox, uid }
        }
        'q' => Disposition::Queued(spool()?),
        'l' => Disposition::Posted(spool()?),
        'f' => Disposition::SentOn(spool()?),
        'a' => Disposition::Answered(spool()?),
        'd' => Disposition::Discarded,
        'r' => Disposition::Refused(rest.to_owned()),
        _ => return Err(corrupt()),
    })
}

fn corrupt() -> StorageError {
    StorageError::Corrupt("a reception that cannot be read".to_owned())
}
