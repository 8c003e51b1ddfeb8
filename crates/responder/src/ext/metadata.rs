//! `mboxmetadata` and `servermetadata` (RFC 5490 §3.3, RFC 5490 §4): annotations compared.

use crate::capability::Capability;
use crate::compile::{Arguments, CompiledTest, Compiler, TestRow};
use crate::error::Trouble;
use crate::matching::{MatchTags, Matcher};
use crate::run::{Machine, QUESTION_STEPS, Test};
use crate::syntax::Node;
use crate::text::Text;

const OF_MAILBOX: &[Capability] = &[Capability::MboxMetadata];
const OF_SERVER: &[Capability] = &[Capability::ServerMetadata];

pub(crate) const TESTS: &[TestRow] = &[
    TestRow { name: "metadata", needs: OF_MAILBOX, compile: |c, node| compile(c, node, true) },
    TestRow {
        name: "metadataexists",
        needs: OF_MAILBOX,
        compile: |c, node| compile_exists(c, node, true),
    },
    TestRow {
        name: "servermetadata",
        needs: OF_SERVER,
        compile: |c, node| compile(c, node, false),
    },
    TestRow {
        name: "servermetadataexists",
        needs: OF_SERVER,
        compile: |c, node| compile_exists(c, node, false),
    },
];

struct Metadata {
    // Of the server where there is none.
    mailbox: Option<Text>,
    entry: Text,
    matcher: Matcher,
}

// metadata [MATCH-TYPE] [COMPARATOR] <mailbox: string> <annotation-name: string>
//          <key-list: string-list>
fn compile(compiler: &mut Compiler<'_>, node: &Node, of_mailbox: bool) -> CompiledTest {
    let mut arguments = Arguments::of(node);
    let tags = MatchTags::take(&mut arguments, compiler)?;
    tags.refuse_lists(&arguments)?;
    let mailbox = match of_mailbox {
        true => Some(arguments.text(compiler, "mailbox")?),
        false => None,
    };
    let entry = arguments.text(compiler, "annotation")?;
    let keys = arguments.list("keys")?;
    arguments.finish()?;
    let matcher = tags.with_keys(keys, compiler)?;
    Ok(Box::new(Metadata { mailbox, entry, matcher }))
}

impl Test for Metadata {
    fn holds(&self, machine: &mut Machine<'_>) -> Result<bool, Trouble> {
        let state = &mut machine.state;
        let mailbox = self.mailbox.as_ref().map(|name| state.text(name)).transpose()?;
        let entry = state.text(&self.entry)?;
        state.charge(QUESTION_STEPS)?;
        // RFC 5490 §3.3: without such an annotation it does not hold.
        match state.env.metadata(mailbox.as_deref(), &entry) {
            Some(value) => self.matcher.any(state, [value.as_str()]),
            None => Ok(false),
        }
    }
}

struct MetadataExists {
    mailbox: Option<Text>,
    entries: Vec<Text>,
}

// metadataexists <mailbox: string> <annotation-names: string-list>
fn compile_exists(compiler: &mut Compiler<'_>, node: &Node, of_mailbox: bool) -> CompiledTest {
    let mut arguments = Arguments::of(node);
    let mailbox = match of_mailbox {
        true => Some(arguments.text(compiler, "mailbox")?),
        false => None,
    };
    let entries = arguments.texts(compiler, "annotations")?;
    arguments.finish()?;
    Ok(Box::new(MetadataExists { mailbox, entries }))
}

impl Test for MetadataExists {
    fn holds(&self, machine: &mut Machine<'_>) -> Result<bool, Trouble> {
        let state = &mut machine.state;
        let mailbox = self.mailbox.as_ref().map(|name| state.text(name)).transpose()?;
        for entry in &self.entries {
            let entry = state.text(entry)?;
            state.charge(QUESTION_STEPS)?;
            if state.env.metadata(mailbox.as_deref(), &entry).is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
