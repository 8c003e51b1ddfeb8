//! The `duplicate` extension (RFC 7352): whether a message came before. [`crate::Env`] remembers
//! the marks.

use crate::capability::Capability;
use crate::compile::{Arguments, CompiledTest, Compiler, TestRow};
use crate::env::DuplicateKey;
use crate::error::Trouble;
use crate::mail::is_field_name;
use crate::run::{Machine, QUESTION_STEPS, Test};
use crate::syntax::Node;
use crate::text::Text;

pub(crate) const TESTS: &[TestRow] =
    &[TestRow { name: "duplicate", needs: &[Capability::Duplicate], compile }];

enum Id {
    Field(Text),
    Given(Text),
}

struct Duplicate {
    handle: Option<Text>,
    id: Id,
    seconds: u64,
    // Whether each message prolongs the time.
    last: bool,
}

// duplicate [":handle" <string>] [":header" <string> / ":uniqueid" <string>]
//           [":seconds" <number>] [":last"]
fn compile(compiler: &mut Compiler<'_>, node: &Node) -> CompiledTest {
    let mut arguments = Arguments::of(node);
    let handle = arguments.tagged_text(compiler, "handle")?;
    let header = arguments.tagged_text(compiler, "header")?;
    let unique_id = arguments.tagged_text(compiler, "uniqueid")?;
    let id = match (header, unique_id) {
        (Some(_), Some(_)) => {
            return Err(arguments.wrong(":header and :uniqueid exclude each other"));
        }
        (Some(header), None) => Id::Field(header),
        (None, Some(id)) => Id::Given(id),
        (None, None) => Id::Field(Text::Fixed("Message-ID".into())),
    };
    let limits = compiler.limits();
    let seconds = arguments.tagged_number("seconds")?.unwrap_or(limits.duplicate_default_secs);
    // RFC 7352 §3.3: what is too long is cut.
    if seconds > limits.duplicate_max_secs {
        let days = limits.duplicate_max_secs / 86_400;
        compiler.warn(arguments.at(), format!("messages are remembered for {days} days at most"));
    }
    let seconds = seconds.min(limits.duplicate_max_secs);
    let last = arguments.tag("last").is_some();
    arguments.finish()?;
    Ok(Box::new(Duplicate { handle, id, seconds, last }))
}

impl Test for Duplicate {
    fn holds(&self, machine: &mut Machine<'_>) -> Result<bool, Trouble> {
        let Machine { mail, state } = machine;
        if state.event.is_imap() {
            // RFC 7352 §3.4
            return Err(Trouble::NotHere("only a message that arrives can be a duplicate"));
        }
        let handle = self.handle.as_ref().map(|handle| state.text(handle)).transpose()?;
        let id = match &self.id {
            Id::Given(id) => Some(state.text(id)?.into_owned()),
            Id::Field(name) => {
                let name = state.text(name)?;
                // RFC 7352 §3.1: the first field counts; without one it is no duplicate.
                state.charge(mail.scan_cost())?;
                let field = Some(name).filter(|name| is_field_name(name));
                field.and_then(|name| mail.first(&name).map(str::to_owned))
            }
        };
        let Some(id) = id.filter(|id| !id.is_empty() && self.seconds > 0) else {
            return Ok(false);
        };
        state.charge(QUESTION_STEPS)?;
        let key = DuplicateKey { handle: handle.unwrap_or_default().into_owned(), id };
        let seen = state.env.is_duplicate(&key);
        if !seen || self.last {
            // RFC 7352 §3: remembered when the run is over, so that a test that is made twice
            // says the same twice.
            state.remember(key, self.seconds)?;
        }
        Ok(seen)
    }
}
