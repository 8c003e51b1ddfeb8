//! One command from frame to tagged reply: it is parsed, looked up, checked against the state and
//! what is switched off, run and answered.

use std::sync::Arc;

use net::ProtocolCounts;

use super::allowed::{needs_rights, states_of, updates_after, uses_seqs, wrong_state};
use super::{Flow, Session, stranger};
use crate::capabilities;
use crate::commands::notify;
use crate::commands::table::{Effects, Row};
use crate::commands::updates::{self, Outlet};
use crate::commands::{self, Ctx, Reply};
use crate::error::{Answer, CommandError, Result};
use crate::parse::{Frame, ParseError, Rejection, parse_command, parse_head};
use crate::render::{self, Status};
use crate::session::{OwnChange, Selected, State, Updates};
use crate::types::{Command, Tag};

impl Session {
    /// Parses, runs and answers one command.
    pub(super) async fn answer(&mut self, mut frame: Frame) -> Flow {
        if self.state.user().is_none() && !self.stranger.may_command(self.shared.store.now()) {
            return self.bye("[LIMIT] Too many commands before sign-in");
        }
        let dialect = self.enabled.dialect();
        let request = match parse_command(&mut frame, self.framer.limits(), dialect) {
            Ok(request) => request,
            Err(rejection) => {
                self.forget_search(&rejection, &frame);
                return self.reject(&rejection);
            }
        };
        self.framer.recycle(frame);
        if let Some(off) = self.switched_off(request.row, &request.command) {
            let text = format!("{off} is switched off");
            self.push(|out| render::tagged(out, &request.tag, Status::Bad, None, &text));
            self.count(request.row.name, "bad");
            return self.count_error();
        }
        if !request.row.states.contains(states_of(&self.state)) {
            let text = self.say(wrong_state(&self.state, request.row));
            self.push(|out| render::tagged(out, &request.tag, Status::Bad, None, &text));
            self.count(request.row.name, "bad");
            return self.count_error();
        }
        if self.enabled.uid_only() && uses_seqs(request.row, &request.command) {
            // RFC 9586 §3: BAD with UIDREQUIRED for every use of sequence numbers.
            let code = Some(&render::Code::UidRequired);
            let text = "Sequence numbers are not spoken any more";
            self.push(|out| render::tagged(out, &request.tag, Status::Bad, code, text));
            self.count(request.row.name, "bad");
            return self.count_error();
        }
        let mut out = Vec::new();
        // RFC 4314 §5.1.1: rights are those of this moment.
        if needs_rights(&request.command)
            && let Err(error) =
                commands::rights::refresh(&self.shared, &mut self.state, &mut out).await
        {
            let flow = self.refuse(&request.tag, request.row, error, &mut out);
            self.connection.push(&out);
            return flow;
        }
        self.connection.push(&out);
        let expunges = updates_after(request.row, &request.command);
        let result = self.run(&request.tag, request.command).await;
        // In a box, like what IDLE tells: a session that waits holds no room for either.
        Box::pin(self.finish(&request.tag, request.row, expunges, result)).await
    }

    /// RFC 9051 §6.4.4.1: a SEARCH with SAVE that is answered with NO leaves nothing saved.
    fn forget_search(&mut self, rejection: &Rejection, frame: &Frame) {
        if rejection.error == ParseError::BadCharset
            && asks_save(&frame.text)
            && let Some(selected) = self.state.selected_mut()
        {
            selected.saved = Arc::default();
        }
    }

    /// The capability that a command needs and that is switched off.
    fn switched_off(&self, row: &Row, command: &Command) -> Option<&'static str> {
        let settings = &self.shared.settings;
        // Nearly always nothing is, and commands are many.
        if self.off.is_empty(settings) {
            return None;
        }
        capabilities::missing(row, command, |name| self.off.contains(settings, name))
    }

    async fn run(&mut self, tag: &Tag, command: Command) -> Result<Reply> {
        let signed_in_before = self.state.user().is_some();
        let mut ctx = Ctx {
            shared: &self.shared,
            connection: &mut self.connection,
            framer: &mut self.framer,
            state: &mut self.state,
            enabled: &mut self.enabled,
            off: &mut self.off,
            notify: &mut self.notify,
            ending: &mut self.ending,
            collation: &mut self.collation,
            language: &mut self.language,
            tag,
        };
        let result = commands::run(&mut ctx, command).await;
        // Who the program is, or whose the account, may be known from here on, or be no more.
        let settings = &self.shared.settings;
        self.framer.set_unasked_bytes_max(capabilities::unasked_bytes_max(settings, &self.off));
        match (signed_in_before, self.state.user().is_some()) {
            (false, true) => {
                self.framer.signed_in();
                self.connection.set_read_timeout(self.shared.settings.idle_timeout);
            }
            (true, false) => {
                self.framer.signed_out();
                // Who signed in with success is no stranger: who comes next begins anew.
                self.stranger = stranger(&self.shared);
                self.connection.set_read_timeout(self.shared.settings.login_timeout);
            }
            _ => {}
        }
        result
    }

    /// Tells what changed meanwhile, then the tagged response. What others did to names is told
    /// behind it where the command itself turned names: a client may do that with those it knows
    /// once it reads that it is done.
    async fn finish(
        &mut self,
        tag: &Tag,
        row: &Row,
        expunges: Updates,
        result: Result<Reply>,
    ) -> Flow {
        let (mut out, mut later) = (Vec::new(), Vec::new());
        let over = self.state.selected().is_some_and(Selected::is_over);
        let expunges = if self.pipelines_seqs() { Updates::WithoutExpunge } else { expunges };
        let told = self.tell_news(expunges, &mut out, &mut later).await;
        let mut flow = match result {
            Ok(reply) if reply.is_sent => {
                self.count(row.name, "ok");
                Flow::Continue
            }
            Ok(reply) => {
                self.count(row.name, "ok");
                let completed;
                let text = if reply.text.is_empty() {
                    completed = format!("{} completed", row.name);
                    completed.as_str()
                } else {
                    reply.text
                };
                let code = reply.code.as_ref().map(commands::ReplyCode::as_code);
                render::tagged(&mut out, tag, Status::Ok, code.as_ref(), &self.say(text));
                if matches!(self.state, State::Logout) { Flow::End } else { Flow::Continue }
            }
            Err(error) => self.refuse(tag, row, error, &mut out),
        };
        if flow == Flow::Continue {
            out.append(&mut later);
        }
        // Behind the tagged response: what was carried out has not failed by it.
        if let Err(error) = told
            && flow == Flow::Continue
        {
            flow = self.leave(error, &mut out);
        }
        let flow = self.send(&out, flow).await;
        if over && flow == Flow::Continue {
            // The selected mailbox was deleted in another session: nothing sensible can be said
            // about it any more.
            return self.bye("The selected mailbox is gone");
        }
        flow
    }

    /// Tells what changed meanwhile; `later` is for behind the tagged response.
    async fn tell_news(
        &mut self,
        expunges: Updates,
        out: &mut Vec<u8>,
        later: &mut Vec<u8>,
    ) -> Result<()> {
        let Self { shared, connection, ending, state, enabled, notify, .. } = self;
        // What happened since the rights were taken away is not told.
        commands::rights::refresh_if_doubtful(shared, state, out).await?;
        if let Some(selected) = state.selected_mut() {
            let mut outlet = Outlet { connection, ending };
            updates::tell(&mut outlet, selected, *enabled, (expunges, OwnChange::Nothing), out)
                .await?;
            selected.tell_modseq(*enabled, out);
        }
        commands::recent::keep(shared, state);
        commands::annotations::refresh(shared, state, *enabled, out).await;
        commands::arrivals::tell(shared, state, *enabled, notify.as_deref(), out).await;
        if let Some(watch) = notify {
            let out = if watch.turned_names() { later } else { out };
            notify::tell_others(shared, state, enabled, notify, out).await;
        }
        Ok(())
    }

    /// Queues the end of an answer, having sent what is queued where that is much: else a client
    /// that sends many commands at once and reads nothing would have all of their answers held.
    async fn send(&mut self, out: &[u8], flow: Flow) -> Flow {
        match self.connection.write(out).await {
            Ok(()) => flow,
            Err(_) => Flow::End,
        }
    }

    /// Whether the client has sent a command with sequence numbers already: it chose them
    /// before it could read of messages expunged, so they are held back (RFC 9051 §5.5).
    fn pipelines_seqs(&mut self) -> bool {
        let waiting = self.connection.look_ahead();
        let line = waiting.split(|&byte| matches!(byte, b'\r' | b'\n')).next();
        let next = line.map(|line| parse_head(line, self.framer.limits()));
        next.is_some_and(|next| next.is_ok_and(|(_, row)| row.effects.contains(Effects::USES_SEQS)))
    }

    fn refuse(&mut self, tag: &Tag, row: &Row, error: CommandError, out: &mut Vec<u8>) -> Flow {
        let result = match error.into_answer() {
            Answer::Bad(code, text) => {
                render::tagged(out, tag, Status::Bad, code.as_ref(), &self.say(&text));
                "bad"
            }
            Answer::No(code, text) => {
                render::tagged(out, tag, Status::No, code.as_ref(), &self.say(&text));
                "no"
            }
            Answer::BadUrl(url) => {
                let code = Some(&render::Code::BadUrl(&url));
                render::tagged(out, tag, Status::No, code, "The URL names nothing here");
                "no"
            }
            Answer::Bye(text) => {
                render::untagged(out, Status::Bye, None, &self.say(&text));
                "bye"
            }
            Answer::Silence => "bye",
        };
        self.count(row.name, result);
        if result == "bye" { Flow::End } else { self.count_error() }
    }

    /// What changed could not be told: the session ends where it is to, and else hears of it with
    /// the next command.
    fn leave(&mut self, error: CommandError, out: &mut Vec<u8>) -> Flow {
        match error.into_answer() {
            Answer::Bye(text) => {
                render::untagged(out, Status::Bye, None, &self.say(&text));
                Flow::End
            }
            Answer::Silence => Flow::End,
            Answer::Bad(..) | Answer::No(..) | Answer::BadUrl(_) => Flow::Continue,
        }
    }

    /// Answers what is no command, or none that can be read.
    pub(super) fn reject(&mut self, rejection: &Rejection) -> Flow {
        let language = self.language;
        self.push(|out| render::render_rejection_in(language, out, rejection));
        self.count(ProtocolCounts::OTHER, "bad");
        self.count_error()
    }

    fn count(&self, command: &str, result: &str) {
        self.shared.counts.count_command(command.as_bytes(), result);
    }

    pub(super) fn count_error(&mut self) -> Flow {
        if self.state.user().is_some() || self.stranger.may_fail() {
            return Flow::Continue;
        }
        self.bye("[LIMIT] Too many errors before sign-in")
    }
}

/// Whether a search that could not be read asks for SAVE, which is an option inside RETURN ( … )
/// alone (RFC 5182 §2.1): that stands right behind the name of the command, but for what ESEARCH
/// searches.
fn asks_save(text: &[u8]) -> bool {
    let is = |word: &[u8], name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    let words = text.split(|&b| b == b' ').filter(|word| !word.is_empty()).skip(1);
    let mut words = words.skip_while(|word| is(word, "UID"));
    let of_many = words.next().is_some_and(|name| is(name, "ESEARCH"));
    let is_return = |word: &&[u8]| is(word, "RETURN");
    let has_options = match of_many {
        true => words.any(|word| is_return(&word)),
        false => words.next().as_ref().is_some_and(is_return),
    };
    if !has_options {
        return false;
    }
    for word in words {
        let option = word.strip_prefix(b"(").unwrap_or(word);
        if is(option.strip_suffix(b")").unwrap_or(option), "SAVE") {
            return true;
        }
        if word.ends_with(b")") {
            break;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn save_is_an_option() {
        for (text, expect) in [
            ("a SEARCH RETURN (SAVE) CHARSET X ALL", true),
            ("a uid search  return ( all save ) CHARSET X ALL", true),
            ("a UID SORT RETURN (COUNT SAVE) (DATE) X ALL", true),
            ("a ESEARCH IN (selected) RETURN (SAVE) CHARSET X ALL", true),
            ("a SEARCH CHARSET X SUBJECT SAVE", false),
            ("a SEARCH RETURN () CHARSET X SUBJECT (SAVE)", false),
            ("a SEARCH RETURN (ALL) CHARSET X SUBJECT \"RETURN (SAVE)\"", false),
            ("a SEARCH CHARSET X SUBJECT RETURN (SAVE)", false),
            ("a SORT (DATE) X SUBJECT \"RETURN (SAVE)\"", false),
            ("SAVE SEARCH CHARSET X ALL", false),
            ("a SEARCH RETURN", false),
            ("", false),
        ] {
            assert_eq!(asks_save(text.as_bytes()), expect, "{text}");
        }
    }
}
