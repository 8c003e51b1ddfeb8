//! `extlists` (RFC 6134): lists kept elsewhere. `:list` is a match type (see `matching`).

use crate::capability::Capability;
use crate::compile::{Arguments, CompiledTest, Compiler, TestRow};
use crate::error::Trouble;
use crate::run::{Machine, QUESTION_STEPS, Test};
use crate::syntax::Node;
use crate::text::Text;

pub(crate) const TESTS: &[TestRow] =
    &[TestRow { name: "valid_ext_list", needs: &[Capability::ExtLists], compile }];

struct ValidExtList(Vec<Text>);

// valid_ext_list <ext-list-names: string-list> (RFC 6134 §2.7)
fn compile(compiler: &mut Compiler<'_>, node: &Node) -> CompiledTest {
    let mut arguments = Arguments::of(node);
    let names = arguments.texts(compiler, "lists")?;
    arguments.finish()?;
    Ok(Box::new(ValidExtList(names)))
}

impl Test for ValidExtList {
    fn holds(&self, machine: &mut Machine<'_>) -> Result<bool, Trouble> {
        let state = &mut machine.state;
        for name in &self.0 {
            let name = state.text(name)?;
            state.charge(QUESTION_STEPS)?;
            if !state.env.list_exists(&full_name(&name)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// RFC 6134 §2.5: a name that begins with a colon is short for one of Sieve's own.
pub(crate) fn full_name(name: &str) -> String {
    match name.strip_prefix(':') {
        Some(rest) => format!("urn:ietf:params:sieve:{rest}"),
        None => name.to_owned(),
    }
}
