//! One transaction told to a milter, and what it answers.

use message::header_fields;

use super::answer::{crlf, envelope_edit, header_edit, require, verdict};
use super::wire::{DATA_BYTES_MAX, action, list, push, receive, send, step, texts, unasked};
use crate::address::Link;
use crate::edit::Edit;
use crate::error::ScanError;
use crate::finding::{Finding, Judgement, Reply};
use crate::mail::{Mail, Recipient};

/// LIMIT: changes of envelopes, beyond one for each recipient; the server takes 1,000 that are
/// added.
const ENVELOPE_EDITS_SPARE: usize = 1010;

/// LIMIT: bytes of such a change, on the average. RFC 5321 §4.5.3.1.3 has paths of 256, the rest is
/// for parameters.
const ENVELOPE_EDIT_BYTES: usize = 1024;

/// LIMIT: changes of one message, bytes of all that is in them, and of a body put in place of
/// another.
const EDITS_MAX: usize = 1000;
const FIELDS_BYTES_MAX: usize = 1024 * 1024;
const NEW_BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// LIMIT: bytes of the name of a field, with its NUL. RFC 5322 §2.1.1 has lines of 998.
const NAME_BYTES_MAX: usize = 1000;

/// A connection that was negotiated.
pub(super) struct Open {
    pub(super) link: Box<dyn Link>,
    pub(super) actions: u32,
    pub(super) steps: u32,
    /// The bytes to be sent.
    pub(super) out: Vec<u8>,
    pub(super) transaction: Option<Transaction>,
}

/// What the milter has heard of a transaction that it has not heard the end of.
pub(super) struct Transaction {
    number: u64,
    reverse_path: String,
    /// The recipients that the milter took, in order.
    recipients: Vec<String>,
    /// The milter wants to hear of no more recipients.
    skips_recipients: bool,
    /// What it said of the message already.
    verdict: Option<Judgement>,
}

/// How a step ended.
pub(super) enum Step {
    /// The next one.
    On,
    /// The milter wants no more of this kind.
    Skip,
    /// The milter has made up its mind.
    Done(Judgement),
}

impl Open {
    /// Gives up what was begun, so that something else can begin. It leaves with what follows.
    pub(super) fn give_up(&mut self) {
        if self.transaction.take().is_some() {
            push(&mut self.out, b'A', b"");
        }
    }

    /// What the milter said of the message already.
    pub(super) fn verdict(&self) -> Option<Judgement> {
        self.transaction.as_ref().and_then(|transaction| transaction.verdict.clone())
    }

    /// Begins a transaction, unless it is the one under way.
    pub(super) async fn sender(&mut self, mail: &Mail<'_>) -> Result<(), ScanError> {
        let is_under_way = self.transaction.as_ref().is_some_and(|known| {
            known.number == mail.transaction && known.reverse_path == mail.reverse_path
        });
        if is_under_way {
            return Ok(());
        }
        self.give_up();
        let account = mail.account.unwrap_or_default();
        let mut known = vec![("{mail_addr}", mail.reverse_path)];
        if !account.is_empty() {
            // What milters ask for to learn that somebody signed in.
            let mechanism = mail.mechanism.unwrap_or_default();
            known.extend([("{auth_authen}", account), ("{auth_type}", mechanism)]);
        }
        let sender = format!("<{}>", mail.reverse_path);
        let parameters = mail.parameters.iter().map(String::as_str);
        let data = list(std::iter::once(sender.as_str()).chain(parameters));
        let flags = (step::NO_MAIL, step::SILENT_MAIL);
        let verdict = match self.step(b'M', &known, &data, flags).await? {
            Step::Done(judgement) => Some(judgement),
            Step::On | Step::Skip => None,
        };
        self.transaction = Some(Transaction {
            number: mail.transaction,
            reverse_path: mail.reverse_path.to_owned(),
            recipients: Vec::new(),
            skips_recipients: false,
            verdict,
        });
        Ok(())
    }

    /// One recipient. A refusal is of this one, unless the sender was refused. Everything else but
    /// "go on" is said of the message, and ends what the milter hears of it: who accepts, or
    /// discards, at RCPT is done with the message, in Sendmail and in Postfix.
    pub(super) async fn recipient(
        &mut self,
        recipient: &Recipient,
    ) -> Result<Judgement, ScanError> {
        if let Some(verdict) = self.verdict() {
            return Ok(verdict);
        }
        let skips = self.transaction.as_ref().is_some_and(|known| known.skips_recipients);
        let step = if skips { Step::Skip } else { self.tell_recipient(recipient).await? };
        let (is_skipping, verdict) = match step {
            Step::On => (false, None),
            Step::Skip => (true, None),
            Step::Done(refusal @ (Judgement::Reject(_) | Judgement::Defer(_))) => {
                return Ok(refusal);
            }
            Step::Done(verdict) => (false, Some(verdict)),
        };
        if let Some(transaction) = &mut self.transaction {
            transaction.recipients.push(recipient.address.clone());
            transaction.skips_recipients |= is_skipping;
            transaction.verdict.clone_from(&verdict);
        }
        Ok(verdict.unwrap_or_default())
    }

    async fn tell_recipient(&mut self, recipient: &Recipient) -> Result<Step, ScanError> {
        let known = [("{rcpt_addr}", recipient.address.as_str())];
        let path = format!("<{}>", recipient.address);
        let parameters = recipient.parameters.iter().map(String::as_str);
        let data = list(std::iter::once(path.as_str()).chain(parameters));
        self.step(b'R', &known, &data, (step::NO_RCPT, step::SILENT_RCPT)).await
    }

    /// One message, after its sender, to the end of its body.
    pub(super) async fn message(&mut self, mail: &Mail<'_>) -> Result<Finding, ScanError> {
        let judgement = match self.recipients(mail).await? {
            Some(judgement) => Some(judgement),
            None => self.content(mail).await?,
        };
        if let Some(judgement) = judgement {
            self.give_up();
            send(&mut *self.link, &mut self.out).await?;
            return Ok(judgement.into());
        }
        unasked(&mut *self.link).await?;
        self.macros(b'E', &[("i", mail.id)]);
        push(&mut self.out, b'E', b"");
        send(&mut *self.link, &mut self.out).await?;
        self.transaction = None;
        self.modifications(mail.recipients.len()).await
    }

    /// The recipients, where the milter has not heard of all of them: it failed, or was restarted,
    /// since it was asked of each. One that a check after it refused it goes on to believe in, as
    /// it does with Sendmail and Postfix: told anew, it would count everything twice.
    async fn recipients(&mut self, mail: &Mail<'_>) -> Result<Option<Judgement>, ScanError> {
        if let Some(verdict) = self.verdict() {
            return Ok(Some(verdict));
        }
        let told = self.transaction.as_ref().map_or(&[][..], |known| &known.recipients[..]);
        let mut heard = told.iter();
        if mail.recipients.iter().all(|one| heard.any(|address| *address == one.address)) {
            return Ok(None);
        }
        if !told.is_empty() {
            self.give_up();
            self.sender(mail).await?;
        }
        for recipient in mail.recipients {
            let judgement = self.recipient(recipient).await?;
            let is_refused = matches!(judgement, Judgement::Reject(_) | Judgement::Defer(_));
            if is_refused && mail.recipients.len() > 1 && self.verdict().is_none() {
                // Its sender was told that this one is taken. When it comes again, it is told of
                // each.
                return Ok(Some(Judgement::Defer(Reply::defer("Try again later"))));
            }
            if is_refused {
                return Ok(Some(judgement));
            }
        }
        Ok(self.verdict())
    }

    /// Header and body. A judgement comes before the end.
    async fn content(&mut self, mail: &Mail<'_>) -> Result<Option<Judgement>, ScanError> {
        let flags = (step::NO_DATA, step::SILENT_DATA);
        if let Step::Done(judgement) = self.step(b'T', &[("i", mail.id)], b"", flags).await? {
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
            match self.step(b'L', &[], &data, flags).await? {
                Step::On => {}
                Step::Skip => break,
                Step::Done(judgement) => return Ok(Some(judgement)),
            }
        }
        let flags = (step::NO_END_OF_HEADERS, step::SILENT_END_OF_HEADERS);
        if let Step::Done(judgement) = self.step(b'N', &[], b"", flags).await? {
            return Ok(Some(judgement));
        }
        let rest = mail.message.get(header_bytes..).unwrap_or_default();
        let body = rest.strip_prefix(b"\r\n").unwrap_or(rest);
        let flags = (step::NO_BODY, step::SILENT_BODY);
        for piece in body.chunks(DATA_BYTES_MAX) {
            match self.step(b'B', &[], piece, flags).await? {
                Step::On => {}
                Step::Skip => break,
                Step::Done(judgement) => return Ok(Some(judgement)),
            }
        }
        Ok(None)
    }

    /// A field as milters have it: LF for CRLF, and the blank behind the colon only where asked.
    /// One that is longer than they take is cut, or nobody would look at its message.
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

    /// One command with its macros, unless the milter wants none of its kind, and its answer, if
    /// there is one. Macros alone would pile up until something else is sent, which may be never.
    pub(super) async fn step(
        &mut self,
        command: u8,
        macros: &[(&str, &str)],
        data: &[u8],
        (unwanted, silent): (u32, u32),
    ) -> Result<Step, ScanError> {
        if self.steps & unwanted != 0 {
            return Ok(Step::On);
        }
        // Taken for the answer to this command, what was said before it would shift all answers
        // that follow: that to one message would count for another.
        unasked(&mut *self.link).await?;
        if !macros.is_empty() {
            self.macros(command, macros);
        }
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

    /// What the milter says at the end of a message for so many: changes, then a verdict.
    async fn modifications(&mut self, recipients: usize) -> Result<Finding, ScanError> {
        let mut found = Finding::default();
        let mut body: Option<Vec<u8>> = None;
        let (mut fields_bytes, mut envelope_bytes) = (0, 0);
        // It may take away everybody, and others in their place.
        let envelope_edits_max = recipients.saturating_add(ENVELOPE_EDITS_SPARE);
        let envelope_bytes_max = envelope_edits_max.saturating_mul(ENVELOPE_EDIT_BYTES);
        loop {
            let packet = receive(&mut *self.link).await?;
            match packet.command {
                b'p' => {}
                b'h' | b'i' | b'm' => {
                    fields_bytes += packet.data.len();
                    found.edits.push(header_edit(&packet, self.actions)?);
                }
                b'+' | b'2' | b'-' | b'e' => {
                    envelope_bytes += packet.data.len();
                    found.envelope.push(envelope_edit(&packet, self.actions)?);
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
            if found.edits.len() > EDITS_MAX
                || fields_bytes > FIELDS_BYTES_MAX
                || found.envelope.len() > envelope_edits_max
                || envelope_bytes > envelope_bytes_max
            {
                return Err(ScanError::Protocol("the milter changes too much"));
            }
        }
    }
}
