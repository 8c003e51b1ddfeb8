//! The `mailbox` extension (RFC 5490 §3.1): the test `mailboxexists`. `:create` stands with
//! `fileinto`.

use crate::capability::Capability;
use crate::compile::{Arguments, CompiledTest, Compiler, TestRow};
use crate::error::Trouble;
use crate::run::{Machine, QUESTION_STEPS, Test};
use crate::syntax::Node;
use crate::text::Text;

pub(crate) const TESTS: &[TestRow] =
    &[TestRow { name: "mailboxexists", needs: &[Capability::Mailbox], compile }];

struct MailboxExists(Vec<Text>);

// mailboxexists <mailbox-names: string-list>
fn compile(compiler: &mut Compiler<'_>, node: &Node) -> CompiledTest {
    let mut arguments = Arguments::of(node);
    let names = arguments.texts(compiler, "mailboxes")?;
    arguments.finish()?;
    Ok(Box::new(MailboxExists(names)))
}

impl Test for MailboxExists {
    fn holds(&self, machine: &mut Machine<'_>) -> Result<bool, Trouble> {
        let state = &mut machine.state;
        for name in &self.0 {
            let name = state.text(name)?;
            state.charge(QUESTION_STEPS)?;
            if !state.env.mailbox_exists(&name) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
