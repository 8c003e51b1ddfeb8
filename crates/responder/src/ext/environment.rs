//! `environment` (RFC 5183), with the items of `imapsieve` (RFC 6785 §4).

use crate::capability::Capability;
use crate::compile::{Arguments, CompiledTest, Compiler, TestRow};
use crate::env::{Event, ImapCause};
use crate::error::Trouble;
use crate::matching::{MatchTags, Matcher};
use crate::run::{Machine, State, Test};
use crate::syntax::Node;
use crate::text::Text;

pub(crate) const TESTS: &[TestRow] =
    &[TestRow { name: "environment", needs: &[Capability::Environment], compile }];

struct EnvironmentTest {
    item: Text,
    matcher: Matcher,
}

// environment [COMPARATOR] [MATCH-TYPE] <name: string> <key-list: string-list>
fn compile(compiler: &mut Compiler<'_>, node: &Node) -> CompiledTest {
    let mut arguments = Arguments::of(node);
    let tags = MatchTags::take(&mut arguments, compiler)?;
    tags.refuse_lists(&arguments)?;
    let item = arguments.text(compiler, "item")?;
    let keys = arguments.list("keys")?;
    arguments.finish()?;
    let matcher = tags.with_keys(keys, compiler)?;
    Ok(Box::new(EnvironmentTest { item, matcher }))
}

impl Test for EnvironmentTest {
    fn holds(&self, machine: &mut Machine<'_>) -> Result<bool, Trouble> {
        let state = &mut machine.state;
        let item = state.text(&self.item)?.to_ascii_lowercase();
        state.charge(5)?;
        // RFC 5183 §4: an item that is not known matches nothing.
        let Some(value) = value(state, &item) else { return Ok(false) };
        // The count is 0 for the empty string.
        let values = (!value.is_empty() || !self.matcher.counts()).then_some(value.as_str());
        self.matcher.any(state, values)
    }
}

fn value(state: &mut State<'_>, item: &str) -> Option<String> {
    if let Some(value) = state.env.environment(item) {
        return Some(value);
    }
    let known = match (item, state.event) {
        // RFC 5183 §4.1
        ("location", Event::Delivery) => "MDA",
        ("phase", Event::Delivery) => "during",
        // RFC 6785 §4.1
        ("location", Event::Imap(_)) => "MS",
        ("phase", Event::Imap(_)) => "post",
        ("name", _) => "Posthorn",
        ("version", _) => env!("CARGO_PKG_VERSION"),
        // RFC 6785 §4.2: empty where nobody acts over IMAP.
        (
            "imap.user" | "imap.email" | "imap.cause" | "imap.mailbox" | "imap.changedflags",
            Event::Delivery,
        ) => "",
        // An account signs in with its address.
        ("imap.user" | "imap.email", Event::Imap(event)) => event.user,
        ("imap.mailbox", Event::Imap(event)) => event.mailbox,
        ("imap.changedflags", Event::Imap(event)) => event.changed_flags,
        ("imap.cause", Event::Imap(event)) => match event.cause {
            ImapCause::Append => "APPEND",
            ImapCause::Copy => "COPY",
            ImapCause::Flag => "FLAG",
        },
        _ => return None,
    };
    Some(known.to_owned())
}
