//! `vacation` (RFC 5230) and `vacation-seconds` (RFC 6131): an answer to the sender.
//!
//! Whether the sender was answered not long ago is not asked here: who executes the action
//! claims the answer (R-RESP-3).

use std::collections::HashSet;

use crate::action::{Action, Vacation};
use crate::answer::{self, AnswerHead, SUBJECT_CHARS_MAX};
use crate::capability::Capability;
use crate::compile::{Arguments, CommandRow, CompiledCommand, Compiler};
use crate::error::{ScriptError, Trouble};
use crate::ext::fcc::FccTags;
use crate::mail::Mail;
use crate::run::{Flow, Machine, State, Statement};
use crate::syntax::Node;
use crate::text::Text;

pub(crate) const COMMANDS: &[CommandRow] =
    &[CommandRow { name: "vacation", needs: &[Capability::Vacation], compile }];

const DAY_SECS: u64 = 86_400;

struct VacationCommand {
    seconds: u64,
    subject: Option<Text>,
    from: Option<Text>,
    addresses: Vec<Text>,
    is_mime: bool,
    handle: Option<Text>,
    reason: Text,
    fcc: Option<FccTags>,
}

// vacation [FCC] [":days" number | ":seconds" number] [":subject" string] [":from" string]
//          [":addresses" string-list] [":mime"] [":handle" string] <reason: string>
fn compile(compiler: &mut Compiler<'_>, node: &Node) -> CompiledCommand {
    let mut arguments = Arguments::of(node);
    let seconds = take_seconds(&mut arguments, compiler)?;
    let subject = arguments.tagged_text(compiler, "subject")?;
    let from = arguments.tagged_text(compiler, "from")?;
    if let Some(fixed) = from.as_ref().and_then(Text::fixed) {
        // RFC 5230 §4.3: an address that is none is an error.
        crate::base::actions::parse_address(fixed)
            .map_err(|trouble| arguments.wrong(trouble.to_string()))?;
    }
    let addresses = compiler.texts(arguments.tagged_list("addresses")?.unwrap_or_default())?;
    let is_mime = arguments.tag("mime").is_some();
    let handle = arguments.tagged_text(compiler, "handle")?;
    let fcc = FccTags::take(&mut arguments, compiler)?;
    let reason = arguments.text(compiler, "reason")?;
    arguments.finish()?;
    Ok(Box::new(VacationCommand {
        seconds,
        subject,
        from,
        addresses,
        is_mime,
        handle,
        reason,
        fcc,
    }))
}

fn take_seconds(
    arguments: &mut Arguments<'_>,
    compiler: &Compiler<'_>,
) -> Result<u64, ScriptError> {
    let days = arguments.tagged_number("days")?;
    let seconds = arguments.tagged_number("seconds")?;
    if seconds.is_some() {
        compiler.needs(arguments.at(), ":seconds", &[Capability::VacationSeconds])?;
    }
    let limits = compiler.limits();
    let asked = match (days, seconds) {
        // RFC 6131 §2
        (Some(_), Some(_)) => return Err(arguments.wrong(":days and :seconds exclude each other")),
        (Some(days), None) => days.saturating_mul(DAY_SECS),
        (None, Some(seconds)) => seconds,
        (None, None) => limits.vacation_default_secs,
    };
    // RFC 5230 §4.1: what the site does not allow is cut.
    let secs = asked.clamp(limits.vacation_min_secs, limits.vacation_max_secs);
    if secs != asked {
        let days = secs / DAY_SECS;
        let text = format!("a sender is answered again after {days} days, not as is said here");
        compiler.warn(arguments.at(), text);
    }
    Ok(secs)
}

impl Statement for VacationCommand {
    fn run(&self, machine: &mut Machine<'_>) -> Result<Flow, Trouble> {
        let Machine { mail, state } = machine;
        if state.event.is_imap() {
            // RFC 6785 §3.11
            return Err(Trouble::NotHere("only a message that arrives can be answered"));
        }
        // RFC 5230 §4.7: a second one is an error, whatever became of the first, and so is one
        // after a refusal.
        if state.actions.iter().any(|action| matches!(action, Action::Reject(_))) {
            return Err(Trouble::Conflict("reject goes with no other action"));
        }
        if std::mem::replace(&mut state.has_vacation, true) {
            return Err(Trouble::Conflict("vacation is used twice"));
        }
        let Some(envelope) = state.envelope.clone() else { return Ok(Flow::Next) };
        let mut extra = HashSet::new();
        for address in &self.addresses {
            state.charge(1)?;
            extra.insert(state.text(address)?.to_ascii_lowercase());
        }
        state.charge(100)?;
        let mut is_own = |address: &str| {
            extra.contains(&address.to_ascii_lowercase()) || state.env.is_own_address(address)
        };
        if !answer::may_answer(mail, &envelope.from, &mut is_own) {
            return Ok(Flow::Next);
        }
        let answer = self.answer(mail, state, &envelope.from, &envelope.to)?;
        state.push(Action::Vacation(Box::new(answer)))?;
        Ok(Flow::Next)
    }
}

impl VacationCommand {
    fn answer(
        &self,
        mail: &Mail<'_>,
        state: &mut State<'_>,
        sender: &str,
        recipient: &str,
    ) -> Result<Vacation, Trouble> {
        let mut optional = |text: &Option<Text>| -> Result<Option<String>, Trouble> {
            text.as_ref().map(|text| Ok(state.text(text)?.into_owned())).transpose()
        };
        let subject = optional(&self.subject)?;
        let from = optional(&self.from)?;
        let handle = optional(&self.handle)?;
        let reason = state.text(&self.reason)?.into_owned();
        if let Some(from) = &from {
            crate::base::actions::parse_address(from)?;
        }
        // RFC 5230 §4.2: without a handle, what is said tells answers apart.
        let handle = handle.map(|handle| format!("handle:{handle}")).unwrap_or_else(|| {
            let mime = if self.is_mime { "mime" } else { "text" };
            let (subject, from) = (subject.as_deref(), from.as_deref());
            format!("{}\0{}\0{mime}\0{reason}", subject.unwrap_or(""), from.unwrap_or(""))
        });
        let head = AnswerHead::new(mail);
        let subject = subject.map(|subject| crate::compose::shortened(&subject, SUBJECT_CHARS_MAX));
        Ok(Vacation {
            handle,
            seconds: self.seconds,
            recipient: sender.to_owned(),
            from: from.unwrap_or_else(|| recipient.to_owned()),
            subject: subject.unwrap_or(head.subject),
            reason,
            is_mime: self.is_mime,
            in_reply_to: head.in_reply_to,
            references: head.references,
            fcc: self.fcc.as_ref().map(|tags| tags.value(state)).transpose()?,
        })
    }
}
