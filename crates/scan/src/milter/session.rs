//! One connection to a milter: negotiation, what it is told, what it answers.

use std::net::IpAddr;

use message::header_fields;

use super::Milter;
use super::answer::{crlf, header_edit, require, verdict};
use super::wire::{DATA_BYTES_MAX, action, list, push, receive, send, step, texts, unasked};
use crate::address::Link;
use crate::edit::Edit;
use crate::error::ScanError;
use crate::finding::{Finding, Judgement};
use crate::mail::Mail;

/// The version of the protocol; version 2 is the oldest still met, and less is of no use.
const VERSION: u32 = 6;
const VERSION_MIN: u32 = 2;

/// LIMIT: changes to one message, bytes of all the fields in them, and of a body put in place of another.
const EDITS_MAX: usize = 1000;
const FIELDS_BYTES_MAX: usize = 1024 * 1024;
const NEW_BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// LIMIT: bytes of the name of a field, with its NUL. RFC 5322 §2.1.1 has lines of 998.
const NAME_BYTES_MAX: usize = 1000;

/// What an SMTP session keeps of a milter.
#[derive(Default)]
pub(crate) struct MilterSession {
    open: Option<Open>,
    /// Said of the peer itself, so it holds for every message of it.
    verdict: Option<Judgement>,
    /// What the milter was told of the peer.
    told: Option<Told>,
}

struct Open {
    link: Box<dyn Link>,
    actions: u32,
    steps: u32,
    out: Vec<u8>,
}

#[derive(PartialEq, Eq)]
struct Told {
    helo: String,
    tls: bool,
}

/// How a step ended.
enum Step {
    /// The next one.
    On,
    /// Nothing more of this kind.
    Skip,
    /// The milter has made up its mind.
    Done(Judgement),
}

impl MilterSession {
    /// Has a message checked.
    pub(crate) async fn scan(
        &mut self,
        milter: &Milter,
        mail: &Mail<'_>,
    ) -> Result<Finding, ScanError> {
        let told = Told { helo: mail.peer.helo.to_owned(), tls: mail.peer.tls.is_some() };
        if self.told.as_ref() != Some(&told) {
            self.verdict = None;
        }
        if let Some(verdict) = &self.verdict {
            return Ok(verdict.clone().into());
        }
        let reused = self.open.is_some();
        match self.attempt(milter, mail, &told).await {
            // A milter may close between two messages, as when it was restarted.
            Err(ScanError::Connection(_)) if reused => {
                *self = Self::default();
                self.attempt(milter, mail, &told).await
            }
            outcome => outcome,
        }
    }

    async fn attempt(
        &mut self,
        milter: &Milter,
        mail: &Mail<'_>,
        told: &Told,
    ) -> Result<Finding, ScanError> {
        // On every way out but the last the connection is gone: what state it is in is not known.
        let kept = match self.open.take() {
            // Nor is it of one that went on talking after the message before.
            Some(mut open) => unasked(&mut *open.link).await.is_ok().then_some(open),
            None => None,
        };
        let (mut open, known) = match kept {
            Some(open) => (open, self.told.take()),
            None => (Open::begin(milter).await?, None),
        };
        if let Some(verdict) = open.introduce(mail, told, known.as_ref()).await? {
            self.told = Some(Told { helo: told.helo.clone(), tls: told.tls });
            self.verdict = Some(verdict.clone());
            return Ok(verdict.into());
        }
        let found = open.message(mail).await?;
        self.told = Some(Told { helo: told.helo.clone(), tls: told.tls });
        self.open = Some(open);
        Ok(found)
    }

    /// Says goodbye.
    pub(crate) async fn quit(self) {
        if let Some(mut open) = self.open {
            push(&mut open.out, b'Q', b"");
            // Who is gone needs no goodbye.
            let _ = send(&mut *open.link, &mut open.out).await;
        }
    }
}

impl Open {
    /// Connects and negotiates.
    async fn begin(milter: &Milter) -> Result<Self, ScanError> {
        let mut link = milter.address.connect().await?;
        let mut out = Vec::new();
        let offer = [VERSION, action::OFFERED, step::OFFERED].map(u32::to_be_bytes).concat();
        push(&mut out, b'O', &offer);
        send(&mut *link, &mut out).await?;
        let answer = receive(&mut *link).await?;
        if answer.command != b'O' {
            return Err(ScanError::Protocol("the milter does not negotiate"));
        }
        let (version, rest) = answer.number()?;
        let cut_off = ScanError::Protocol("the milter's options are cut off");
        let Some((fields, _)) = rest.split_first_chunk::<8>() else { return Err(cut_off) };
        let (actions, steps) = fields.split_at(4);
        let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        let (actions, steps) = (number(actions), number(steps));
        if version < VERSION_MIN {
            return Err(ScanError::Protocol("the milter speaks a version too old"));
        }
        if actions & !action::OFFERED != 0 || steps & !step::OFFERED != 0 {
            return Err(ScanError::Protocol("the milter wants what was not offered"));
        }
        Ok(Self { link, actions, steps, out })
    }

    /// Tells of the peer what the milter has not heard. A verdict is about the peer.
    async fn introduce(
        &mut self,
        mail: &Mail<'_>,
        told: &Told,
        known: Option<&Told>,
    ) -> Result<Option<Judgement>, ScanError> {
        if known.is_none() {
            self.macros(
                b'C',
                &[("j", mail.hostname), ("{daemon_name}", "posthorn"), ("v", "Posthorn")],
            );
            let data = connect(mail);
            let flags = (step::NO_CONNECT, step::SILENT_CONNECT);
            if let Step::Done(verdict) = self.step(b'C', &data, flags).await? {
                return Ok(Some(verdict));
            }
        }
        if known != Some(told) && !told.helo.is_empty() {
            let tls = mail.peer.tls;
            let version = tls.map_or("", |tls| tls.version);
            let cipher = tls.map_or("", |tls| tls.cipher);
            self.macros(b'H', &[("{tls_version}", version), ("{cipher}", cipher)]);
            let data = list([mail.peer.helo]);
            let flags = (step::NO_HELO, step::SILENT_HELO);
            if let Step::Done(verdict) = self.step(b'H', &data, flags).await? {
                return Ok(Some(verdict));
            }
        }
        Ok(None)
    }

    /// One message, from MAIL to the end of its body.
    async fn message(&mut self, mail: &Mail<'_>) -> Result<Finding, ScanError> {
        if let Some(judgement) = self.tell(mail).await? {
            // What was begun is given up, so that the next message can begin.
            push(&mut self.out, b'A', b"");
            send(&mut *self.link, &mut self.out).await?;
            return Ok(judgement.into());
        }
        unasked(&mut *self.link).await?;
        self.macros(b'E', &[("i", mail.id)]);
        push(&mut self.out, b'E', b"");
        send(&mut *self.link, &mut self.out).await?;
        self.modifications().await
    }

    /// Envelope, header and body. A judgement comes before the end.
    async fn tell(&mut self, mail: &Mail<'_>) -> Result<Option<Judgement>, ScanError> {
        if let Step::Done(judgement) = self.envelope(mail).await? {
            return Ok(Some(judgement));
        }
        let mut header_bytes = 0;
        for field in header_fields(mail.message) {
            header_bytes += field.line.len();
            if field.name.is_empty() {
                continue;
            }
            let (name, value) = self.field(&field);
            let data = [&name[..], &value[..]].concat();
            let flags = (step::NO_HEADERS, step::SILENT_HEADER);
            match self.step(b'L', &data, flags).await? {
                Step::On => {}
                Step::Skip => break,
                Step::Done(judgement) => return Ok(Some(judgement)),
            }
        }
        let flags = (step::NO_END_OF_HEADERS, step::SILENT_END_OF_HEADERS);
        if let Step::Done(judgement) = self.step(b'N', b"", flags).await? {
            return Ok(Some(judgement));
        }
        let rest = mail.message.get(header_bytes..).unwrap_or_default();
        let body = rest.strip_prefix(b"\r\n").unwrap_or(rest);
        for piece in body.chunks(DATA_BYTES_MAX) {
            match self.step(b'B', piece, (step::NO_BODY, step::SILENT_BODY)).await? {
                Step::On => {}
                Step::Skip => break,
                Step::Done(judgement) => return Ok(Some(judgement)),
            }
        }
        Ok(None)
    }

    async fn envelope(&mut self, mail: &Mail<'_>) -> Result<Step, ScanError> {
        let sender = format!("<{}>", mail.reverse_path);
        let account = mail.account.unwrap_or_default();
        let mut known = vec![("i", mail.id), ("{mail_addr}", mail.reverse_path)];
        if !account.is_empty() {
            // What milters ask for to learn that somebody signed in.
            known.extend([("{auth_authen}", account), ("{auth_type}", "PLAIN")]);
        }
        self.macros(b'M', &known);
        let flags = (step::NO_MAIL, step::SILENT_MAIL);
        if let Step::Done(judgement) = self.step(b'M', &list([sender.as_str()]), flags).await? {
            return Ok(Step::Done(judgement));
        }
        for recipient in mail.recipients {
            self.macros(b'R', &[("i", mail.id), ("{rcpt_addr}", recipient)]);
            let data = list([format!("<{recipient}>").as_str()]);
            let flags = (step::NO_RCPT, step::SILENT_RCPT);
            if let Step::Done(judgement) = self.step(b'R', &data, flags).await? {
                // To accept a recipient is not to accept the message.
                if judgement != Judgement::Accept {
                    return Ok(Step::Done(judgement));
                }
            }
        }
        self.macros(b'T', &[("i", mail.id)]);
        self.step(b'T', b"", (step::NO_DATA, step::SILENT_DATA)).await
    }

    /// A field as milters have it: LF for CRLF, and the blank behind the colon only where asked. One
    /// that is longer than they take is cut, or nobody would look at its message.
    fn field(&self, field: &message::Field<'_>) -> (Vec<u8>, Vec<u8>) {
        let clean = |text: &[u8], bytes_max: usize| -> Vec<u8> {
            let kept = text.iter().filter(|byte| !matches!(**byte, b'\r' | 0));
            kept.copied().take(bytes_max - 1).chain([0]).collect()
        };
        let value = match self.steps & step::LEADING_SPACE {
            0 => field.value.strip_prefix(b" ").unwrap_or(field.value),
            _ => field.value,
        };
        let name = clean(field.name, NAME_BYTES_MAX);
        let value = clean(value, DATA_BYTES_MAX - name.len());
        (name, value)
    }

    fn macros(&mut self, command: u8, known: &[(&str, &str)]) {
        let pairs = known.iter().filter(|(_, value)| !value.is_empty());
        let mut data = vec![command];
        data.extend(list(pairs.flat_map(|(name, value)| [*name, *value])));
        push(&mut self.out, b'D', &data);
    }

    /// One command, unless the milter wants none of its kind, and its answer, if there is one.
    async fn step(
        &mut self,
        command: u8,
        data: &[u8],
        (unwanted, silent): (u32, u32),
    ) -> Result<Step, ScanError> {
        if self.steps & unwanted != 0 {
            return Ok(Step::On);
        }
        // Taken for the answer to this command, what was said before it would shift all answers that
        // follow: that to one message would count for another.
        unasked(&mut *self.link).await?;
        push(&mut self.out, command, data);
        if self.steps & silent != 0 {
            // It leaves with the next that is answered, unless it grows large.
            if self.out.len() > DATA_BYTES_MAX {
                send(&mut *self.link, &mut self.out).await?;
            }
            return Ok(Step::On);
        }
        send(&mut *self.link, &mut self.out).await?;
        loop {
            let packet = receive(&mut *self.link).await?;
            match packet.command {
                b'p' => {}
                b'c' => return Ok(Step::On),
                b's' => return Ok(Step::Skip),
                _ => return Ok(Step::Done(verdict(&packet)?)),
            }
        }
    }

    /// What the milter says at the end: changes, then a verdict.
    async fn modifications(&mut self) -> Result<Finding, ScanError> {
        let mut found = Finding::default();
        let mut body: Option<Vec<u8>> = None;
        let mut fields_bytes = 0;
        loop {
            let packet = receive(&mut *self.link).await?;
            match packet.command {
                b'p' => {}
                b'h' | b'i' | b'm' => {
                    fields_bytes += packet.data.len();
                    found.edits.push(header_edit(&packet, self.actions)?);
                }
                b'b' => {
                    require(self.actions, action::CHANGE_BODY)?;
                    let body = body.get_or_insert_default();
                    body.extend_from_slice(&packet.data);
                    if body.len() > NEW_BODY_BYTES_MAX {
                        return Err(ScanError::Protocol("the milter's new body is too large"));
                    }
                }
                b'q' => {
                    require(self.actions, action::QUARANTINE)?;
                    let reason = texts(&packet.data).swap_remove(0);
                    found.judgement = Judgement::Quarantine(reason);
                }
                b'c' | b'a' => {
                    // Bodies come with CRLF from those who follow the protocol.
                    found.edits.extend(body.take().map(|body| Edit::Body(crlf(&body))));
                    return Ok(found);
                }
                _ => return Ok(verdict(&packet)?.into()),
            }
            if found.edits.len() > EDITS_MAX || fields_bytes > FIELDS_BYTES_MAX {
                return Err(ScanError::Protocol("the milter changes too much"));
            }
        }
    }
}

/// The packet of a connection: name, family, port, address.
fn connect(mail: &Mail<'_>) -> Vec<u8> {
    let ip = mail.peer.address.ip().to_canonical();
    let unnamed = format!("[{ip}]");
    let mut data = list([mail.peer.name.unwrap_or(&unnamed)]);
    data.push(match ip {
        IpAddr::V4(_) => b'4',
        IpAddr::V6(_) => b'6',
    });
    data.extend_from_slice(&mail.peer.address.port().to_be_bytes());
    data.extend(list([ip.to_string().as_str()]));
    data
}
