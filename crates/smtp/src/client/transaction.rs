//! One message: MAIL, RCPT, DATA or BDAT, and what each recipient got for an answer. No I/O.

use std::collections::{BTreeSet, VecDeque};

use storage::spool_destination;

use super::{Capabilities, Outbound, ServerReply};
use crate::types::Body;

/// LIMIT: recipients named before their replies are read. Theirs and ours must fit what lies
/// between two machines, or both would wait for the other to read (RFC 2920 §3.1).
pub(super) const RECIPIENTS_AT_ONCE: usize = 100;

/// How long a reply may take: RFC 5321 §4.5.3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// For the greeting: 5 minutes.
    Greeting,
    /// For the reply to MAIL, RCPT and the like: 5 minutes.
    Command,
    /// For 354: 2 minutes.
    Data,
    /// For the answer to the whole message: 10 minutes.
    End,
}

impl Wait {
    /// The timeout in seconds.
    pub const fn secs(self) -> u64 {
        match self {
            Self::Greeting | Self::Command => 300,
            Self::Data => 120,
            Self::End => 600,
        }
    }
}

/// What there is to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Send what is in the buffer, read a reply, give it to [`Transaction::reply`].
    Reply(Wait),
    /// Send what is in the buffer, then the content with its dots doubled and the final one, then
    /// the same.
    Data,
    /// Send what is in the buffer, then the bare content, then the same.
    Chunk,
    /// The transaction is over.
    Done,
}

/// Where in a transaction something was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// MAIL: it concerns the server, or the sender, not the recipient.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA, before the content.
    Data,
    /// The whole message.
    End,
}

/// The outcome for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The server has it.
    Accepted(ServerReply),
    /// The server refused at this stage.
    Refused(Stage, ServerReply),
    /// The server can never take it, which it was not asked.
    Unfit(super::Unfit),
    /// The server gave no answer: the connection broke, or it takes no more recipients.
    Unanswered,
}

/// How a transaction ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// One verdict for each recipient, in their order.
    pub verdicts: Vec<Verdict>,
    /// Whether another message can follow on this connection.
    pub usable: bool,
    /// Whether content was sent: without it, nothing can have been delivered.
    pub content_sent: bool,
    /// Whether the server said that it does not take the content.
    pub content_refused: bool,
    /// Whether the server said anything to MAIL but 421: before that, the connection was over.
    pub begun: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Reset,
    Mail,
    Rcpt(usize),
    Data,
    End,
}

impl Expected {
    /// RFC 5321 §4.3.2: DATA alone is answered with 3yz, and never with 2yz. A server that says
    /// otherwise has said something more before, or less; it is not known which command it answers,
    /// nor whether it takes what comes next for commands or for content.
    fn is_never_answered_by(self, reply: &ServerReply) -> bool {
        match self {
            Self::Data => reply.is_positive(),
            Self::Reset | Self::Mail | Self::Rcpt(_) | Self::End => reply.code / 100 == 3,
        }
    }
}

/// A message on its way to a server: a state machine without I/O.
#[derive(Debug)]
pub struct Transaction<'a> {
    server: &'a Capabilities,
    message: &'a Outbound,
    /// Bytes of the content, and whether they may be sent before recipients are accepted.
    content_bytes: usize,
    expected: VecDeque<Expected>,
    verdicts: Vec<Option<Verdict>>,
    /// The next recipient to be named.
    next: usize,
    /// For each, whether it is for this transaction, not for another.
    chosen: Vec<bool>,
    /// Domains named on the connection, where the server bounds them.
    domains: BTreeSet<String>,
    mail_refused: Option<ServerReply>,
    /// Recipients that were accepted after that.
    accepted_yet: Vec<usize>,
    accepted: usize,
    content_sent: bool,
    content_refused: bool,
    usable: bool,
    begun: bool,
}

impl<'a> Transaction<'a> {
    /// Begins one; `reset` where another one before it was left half way. `content_bytes` is how
    /// long the content is.
    pub fn new(
        server: &'a Capabilities,
        message: &'a Outbound,
        content_bytes: usize,
        reset: bool,
    ) -> Self {
        let mut expected = VecDeque::new();
        if reset {
            expected.push_back(Expected::Reset);
        }
        Self {
            server,
            message,
            content_bytes,
            expected,
            verdicts: vec![None; message.recipients.len()],
            next: 0,
            chosen: vec![false; message.recipients.len()],
            domains: BTreeSet::new(),
            mail_refused: None,
            accepted_yet: Vec::new(),
            accepted: 0,
            content_sent: false,
            content_refused: false,
            usable: true,
            begun: false,
        }
    }

    /// The transaction on a connection on which these domains were named before.
    pub fn with_domains(self, domains: BTreeSet<String>) -> Self {
        Self { domains, ..self }
    }

    /// The domains named on the connection until now, where the server bounds them.
    pub fn take_domains(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.domains)
    }

    /// The first step.
    pub fn start(&mut self, out: &mut Vec<u8>) -> Step {
        if let Err(unfit) = self.message.check(self.server) {
            self.verdicts.fill(Some(Verdict::Unfit(unfit)));
            return Step::Done;
        }
        for (recipient, verdict) in self.message.recipients.iter().zip(&mut self.verdicts) {
            if let Err(unfit) = Outbound::check_recipient(recipient, self.server) {
                *verdict = Some(Verdict::Unfit(unfit));
            }
        }
        self.choose();
        if !self.expected.is_empty() {
            out.extend_from_slice(b"RSET\r\n");
            if !self.server.pipelining {
                return Step::Reply(Wait::Command);
            }
        }
        if self.next_recipient().is_none() {
            return Step::Done;
        }
        self.message.render_mail(self.server, out);
        self.expected.push_back(Expected::Mail);
        self.fill(out)
    }

    /// Takes one reply.
    pub fn reply(&mut self, reply: ServerReply, out: &mut Vec<u8>) -> Step {
        let Some(expected) = self.expected.pop_front() else { return Step::Done };
        let out_of_step = expected.is_never_answered_by(&reply);
        self.usable &= !reply.is_farewell() && !out_of_step;
        self.begun |= expected == Expected::Mail && self.usable;
        if out_of_step && !self.is_content_out() {
            return self.finish();
        }
        match expected {
            Expected::Reset if self.server.pipelining => {}
            Expected::Reset => {
                self.message.render_mail(self.server, out);
                self.expected.push_back(Expected::Mail);
            }
            Expected::Mail if reply.is_positive() => {}
            Expected::Mail => self.mail_refused = Some(reply),
            Expected::Rcpt(at) => self.judge_recipient(at, reply),
            Expected::Data => return self.answer_to_data(reply, out),
            Expected::End => {
                self.conclude(&reply);
                return self.finish();
            }
        }
        // RFC 5321 §3.8: after 421 the connection ends. A server that goes on all the same says
        // what becomes of the content it has been sent.
        if !self.usable && !self.is_content_out() {
            return self.finish();
        }
        self.go_on(out)
    }

    /// Whether content is on its way and not answered: where the server says something that is no
    /// reply, it may have the message all the same.
    pub fn is_content_out(&self) -> bool {
        self.content_sent && self.expected.back() == Some(&Expected::End)
    }

    /// Takes all that the server said between something that was no reply and its goodbye, which
    /// stands last. It tells what the server has where each command has one answer: the other was
    /// one of them, or stood beside them. Else nothing is known, and all is left as it is.
    pub fn hear_out(&mut self, mut replies: Vec<ServerReply>) {
        // The connection had begun, whatever was said to MAIL.
        (self.usable, self.begun) = (false, true);
        let mut expected = std::mem::take(&mut self.expected);
        if replies.len() + 1 == expected.len() {
            if let Some(Expected::Rcpt(at)) = expected.pop_front()
                && let Some(verdict) = self.verdicts.get_mut(at)
            {
                *verdict = Some(Verdict::Unanswered);
            }
        } else if replies.len() != expected.len() {
            return;
        }
        for (expected, reply) in expected.into_iter().zip(replies.drain(..)) {
            match expected {
                Expected::Mail if !reply.is_positive() => self.mail_refused = Some(reply),
                Expected::Rcpt(at) => self.judge_recipient(at, reply),
                Expected::End => self.conclude(&reply),
                Expected::Reset | Expected::Mail | Expected::Data => {}
            }
        }
        self.finish();
    }

    /// How it ended: what was not answered until then is not.
    pub fn into_outcome(self, usable: bool) -> Outcome {
        let verdict = |verdict: Option<Verdict>| verdict.unwrap_or(Verdict::Unanswered);
        Outcome {
            verdicts: self.verdicts.into_iter().map(verdict).collect(),
            usable: usable && self.usable,
            content_sent: self.content_sent,
            content_refused: self.content_refused,
            begun: self.begun,
        }
    }

    /// Whether the server waits for RSET before it takes another message.
    pub fn needs_reset(&self) -> bool {
        self.mail_refused.is_some() || self.accepted == 0
    }

    fn go_on(&mut self, out: &mut Vec<u8>) -> Step {
        if let Some(next) = self.expected.front() {
            return Step::Reply(match next {
                Expected::Data => Wait::Data,
                Expected::End => Wait::End,
                Expected::Reset | Expected::Mail | Expected::Rcpt(_) => Wait::Command,
            });
        }
        if self.mail_refused.is_some() {
            return self.finish();
        }
        self.fill(out)
    }

    /// Appends the next commands: as many as may stand together (RFC 2920 §3.1).
    fn fill(&mut self, out: &mut Vec<u8>) -> Step {
        // Without PIPELINING, MAIL stands alone, and so does each RCPT.
        let together = if self.server.pipelining { RECIPIENTS_AT_ONCE } else { 1 };
        if self.expected.is_empty() || self.server.pipelining {
            for _ in 0..together {
                let Some(at) = self.next_recipient() else { break };
                if let Some(recipient) = self.message.recipients.get(at) {
                    self.message.render_rcpt(recipient, self.server, out);
                }
                self.expected.push_back(Expected::Rcpt(at));
                self.next = at + 1;
            }
        }
        let all_named = self.next_recipient().is_none();
        if !all_named || !(self.expected.is_empty() || self.server.pipelining) {
            return Step::Reply(Wait::Command);
        }
        self.ask_for_content(out)
    }

    fn ask_for_content(&mut self, out: &mut Vec<u8>) -> Step {
        let waiting = !self.expected.is_empty();
        if self.accepted == 0 && !waiting {
            return self.finish();
        }
        if self.server.chunking {
            // RFC 3030 §4.2: a chunk may follow the recipients at once. A large one is kept until
            // somebody wants it.
            if waiting && self.content_bytes > super::connection::EAGER_BYTES_MAX {
                return Step::Reply(Wait::Command);
            }
            self.content_sent = true;
            out.extend_from_slice(format!("BDAT {} LAST\r\n", self.content_bytes).as_bytes());
            self.expected.push_back(Expected::End);
            return Step::Chunk;
        }
        debug_assert_ne!(self.message.body, Body::BinaryMime, "checked at the start");
        out.extend_from_slice(b"DATA\r\n");
        self.expected.push_back(Expected::Data);
        Step::Reply(if waiting { Wait::Command } else { Wait::Data })
    }

    /// RFC 9422 §4: more recipients than RCPTMAX, and those of more domains than RCPTDOMAINMAX, are
    /// for another transaction; the latter on another connection.
    fn choose(&mut self) {
        let most =
            |max: Option<u64>| max.and_then(|max| usize::try_from(max).ok()).unwrap_or(usize::MAX);
        let mut left = most(self.server.recipients_max);
        let domains_max = self.server.domains_max.map(|max| most(Some(max)));
        for (at, recipient) in self.message.recipients.iter().enumerate() {
            let (Some(None), Some(chosen)) = (self.verdicts.get(at), self.chosen.get_mut(at))
            else {
                continue;
            };
            if left == 0 {
                break;
            }
            if let Some(max) = domains_max {
                let domain = spool_destination(&recipient.forward_path);
                if self.domains.len() >= max && !self.domains.contains(&domain) {
                    continue;
                }
                self.domains.insert(domain);
            }
            (*chosen, left) = (true, left - 1);
        }
    }

    /// The next recipient that is named in this transaction.
    fn next_recipient(&self) -> Option<usize> {
        let is_next = |at: &usize| {
            self.chosen.get(*at) == Some(&true) && matches!(self.verdicts.get(*at), Some(None))
        };
        (self.next..self.chosen.len()).find(is_next)
    }

    fn judge_recipient(&mut self, at: usize, reply: ServerReply) {
        if self.mail_refused.is_some() {
            self.accepted_yet.extend(reply.is_positive().then_some(at));
            return;
        }
        // RFC 5321 §3.4: 251 is taken as well.
        if reply.is_positive() {
            self.accepted += 1;
        } else if let Some(verdict) = self.verdicts.get_mut(at) {
            // RFC 5321 §4.5.3.1.10: 452, or 552 by mistake, says that there are too many; those
            // named later get the same, and come in another transaction.
            *verdict = Some(match reply.code {
                452 | 552 if self.accepted > 0 => Verdict::Unanswered,
                _ => Verdict::Refused(Stage::Rcpt, reply),
            });
        }
    }

    fn answer_to_data(&mut self, reply: ServerReply, out: &mut Vec<u8>) -> Step {
        if reply.code / 100 == 3 && self.usable {
            self.expected.push_back(Expected::End);
            if self.accepted == 0 || self.mail_refused.is_some() {
                // RFC 2920 §3.1: a server that takes DATA without a recipient is sent nothing.
                out.extend_from_slice(b".\r\n");
                return Step::Reply(Wait::End);
            }
            self.content_sent = true;
            return Step::Data;
        }
        if self.accepted > 0 && self.mail_refused.is_none() {
            self.give(&Verdict::Refused(Stage::Data, reply));
            // The transaction is still open at the server.
            self.accepted = 0;
        }
        self.finish()
    }

    /// The answer to the whole message.
    fn conclude(&mut self, reply: &ServerReply) {
        self.content_refused = !reply.is_positive();
        // RFC 5321 §4.2.5: with a positive answer here the server has the message, whatever it said
        // of its sender before.
        if reply.is_positive() && self.content_sent {
            for at in &self.accepted_yet {
                if let Some(verdict) = self.verdicts.get_mut(*at) {
                    *verdict = Some(Verdict::Accepted(reply.clone()));
                }
            }
        }
        if self.accepted == 0 || self.mail_refused.is_some() {
            return;
        }
        if reply.is_positive() {
            self.give(&Verdict::Accepted(reply.clone()));
        } else {
            self.give(&Verdict::Refused(Stage::End, reply.clone()));
        }
    }

    /// Gives a verdict to all that were named and have none.
    fn give(&mut self, verdict: &Verdict) {
        let named = self.verdicts.iter_mut().zip(&self.chosen).take(self.next);
        named
            .filter(|(found, chosen)| **chosen && found.is_none())
            .for_each(|(found, _)| *found = Some(verdict.clone()));
    }

    fn finish(&mut self) -> Step {
        if let Some(reply) = &self.mail_refused {
            let verdict = Verdict::Refused(Stage::Mail, reply.clone());
            let open = self.verdicts.iter_mut().filter(|verdict| verdict.is_none());
            open.for_each(|found| *found = Some(verdict.clone()));
        }
        Step::Done
    }
}

#[cfg(test)]
mod tests;
