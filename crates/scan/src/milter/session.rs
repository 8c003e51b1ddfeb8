//! One connection to a milter: negotiation, what it hears of the peer, and when.

use std::net::IpAddr;

use super::Milter;
use super::exchange::{Open, Step};
use super::wire::{action, list, push, receive, send, step, unasked};
use crate::error::ScanError;
use crate::finding::{Finding, Judgement};
use crate::mail::{Mail, Recipient};

/// The version of the protocol; version 2 is the oldest still met, and less is of no use.
const VERSION: u32 = 6;
const VERSION_MIN: u32 = 2;
/// The protocol version from which on milters know the DATA command; older ones end the connection
/// at it.
const VERSION_OF_DATA: u32 = 4;

/// The state that an SMTP session keeps for one milter.
#[derive(Default)]
pub(crate) struct MilterSession {
    open: Option<Open>,
    /// Said of the peer itself, so it holds for every message of it.
    verdict: Option<Judgement>,
    /// What the milter was told of the peer.
    told: Option<Told>,
}

#[derive(PartialEq, Eq)]
struct Told {
    helo: String,
    tls: bool,
}

/// A milter that is to hear of an envelope.
enum Ready {
    /// The milter has been told of the peer and the sender.
    Open(Open),
    /// The milter has judged already, and hears no more.
    Decided(Judgement),
}

impl MilterSession {
    /// Asks about one more recipient of a transaction, before its sender is told.
    pub(crate) async fn recipient(
        &mut self,
        milter: &Milter,
        mail: &Mail<'_>,
        recipient: &Recipient,
    ) -> Result<Judgement, ScanError> {
        let reused = self.open.is_some();
        match self.ask_recipient(milter, mail, recipient).await {
            // A milter may close between two messages, as when it was restarted.
            Err(ScanError::Connection(_)) if reused => {
                *self = Self::default();
                self.ask_recipient(milter, mail, recipient).await
            }
            outcome => outcome,
        }
    }

    async fn ask_recipient(
        &mut self,
        milter: &Milter,
        mail: &Mail<'_>,
        recipient: &Recipient,
    ) -> Result<Judgement, ScanError> {
        let mut open = match self.ready(milter, mail).await? {
            Ready::Open(open) => open,
            Ready::Decided(verdict) => return Ok(verdict),
        };
        let judgement = open.recipient(recipient).await?;
        self.open = Some(open);
        Ok(judgement)
    }

    /// What it said of the peer, or of the message of the transaction under way.
    pub(crate) fn verdict(&self) -> Option<Judgement> {
        self.verdict.clone().or_else(|| self.open.as_ref()?.verdict())
    }

    /// Tells the milter that it hears no more of the transaction under way.
    pub(crate) async fn give_up(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        open.give_up();
        if send(&mut *open.link, &mut open.out).await.is_ok() {
            self.open = Some(open);
        }
    }

    /// Has a message checked.
    pub(crate) async fn scan(
        &mut self,
        milter: &Milter,
        mail: &Mail<'_>,
    ) -> Result<Finding, ScanError> {
        let reused = self.open.is_some();
        match self.ask(milter, mail).await {
            Err(ScanError::Connection(_)) if reused => {
                *self = Self::default();
                self.ask(milter, mail).await
            }
            outcome => outcome,
        }
    }

    async fn ask(&mut self, milter: &Milter, mail: &Mail<'_>) -> Result<Finding, ScanError> {
        let mut open = match self.ready(milter, mail).await? {
            Ready::Open(open) => open,
            Ready::Decided(verdict) => return Ok(verdict.into()),
        };
        let found = open.message(mail).await?;
        self.open = Some(open);
        Ok(found)
    }

    /// Tells the milter of peer and sender, as far as it has not heard. The connection is taken
    /// out: on every way out but the last it is gone, for what state it is in is not known.
    async fn ready(&mut self, milter: &Milter, mail: &Mail<'_>) -> Result<Ready, ScanError> {
        let told = Told { helo: mail.peer.helo.to_owned(), tls: mail.peer.tls.is_some() };
        if self.told.as_ref() != Some(&told) {
            self.verdict = None;
        }
        if let Some(verdict) = &self.verdict {
            return Ok(Ready::Decided(verdict.clone()));
        }
        let kept = match self.open.take() {
            // Nor is it of one that went on talking after the message before.
            Some(mut open) => unasked(&mut *open.link).await.is_ok().then_some(open),
            None => None,
        };
        let (mut open, known) = match kept {
            Some(open) => (open, self.told.take()),
            None => (begin(milter).await?, None),
        };
        let verdict = introduce(&mut open, mail, &told, known.as_ref()).await?;
        self.told = Some(told);
        if let Some(verdict) = verdict {
            self.verdict = Some(verdict.clone());
            return Ok(Ready::Decided(verdict));
        }
        open.sender(mail).await?;
        Ok(Ready::Open(open))
    }

    /// Sends SMFIC_QUIT and closes the connection.
    pub(crate) async fn quit(self) {
        if let Some(mut open) = self.open {
            open.give_up();
            push(&mut open.out, b'Q', b"");
            // Who is gone needs no goodbye.
            let _ = send(&mut *open.link, &mut open.out).await;
        }
    }
}

/// Connects and negotiates.
async fn begin(milter: &Milter) -> Result<Open, ScanError> {
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
    let steps = if version < VERSION_OF_DATA { steps | step::NO_DATA } else { steps };
    Ok(Open { link, actions, steps, out, transaction: None })
}

/// Tells of the peer what the milter has not heard. A verdict is about the peer.
async fn introduce(
    open: &mut Open,
    mail: &Mail<'_>,
    told: &Told,
    known: Option<&Told>,
) -> Result<Option<Judgement>, ScanError> {
    if known.is_none() {
        let named = [("j", mail.hostname), ("{daemon_name}", "posthorn"), ("v", "Posthorn")];
        let flags = (step::NO_CONNECT, step::SILENT_CONNECT);
        if let Step::Done(verdict) = open.step(b'C', &named, &connect(mail), flags).await? {
            return Ok(Some(verdict));
        }
    }
    if known != Some(told) && !told.helo.is_empty() {
        // Whoever greets anew, or begins TLS, has given up what was under way.
        open.give_up();
        let tls = mail.peer.tls;
        let version = tls.map_or("", |tls| tls.version);
        let cipher = tls.map_or("", |tls| tls.cipher);
        let known = [("{tls_version}", version), ("{cipher}", cipher)];
        let data = list([mail.peer.helo]);
        let flags = (step::NO_HELO, step::SILENT_HELO);
        if let Step::Done(verdict) = open.step(b'H', &known, &data, flags).await? {
            return Ok(Some(verdict));
        }
    }
    Ok(None)
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

#[cfg(test)]
impl MilterSession {
    /// A session over a connection that has negotiated.
    pub(crate) fn over(link: Box<dyn crate::address::Link>) -> Self {
        let open = Open { link, actions: 0, steps: 0, out: Vec::new(), transaction: None };
        Self { open: Some(open), ..Self::default() }
    }
}
