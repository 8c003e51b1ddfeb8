//! `mailboxid` (RFC 9042 §6); `:mailboxid` stands with `fileinto`.

use crate::capability::Capability;
use crate::compile::{Arguments, CompiledTest, Compiler, TestRow};
use crate::error::Trouble;
use crate::run::{Machine, QUESTION_STEPS, Test};
use crate::syntax::Node;
use crate::text::Text;

pub(crate) const TESTS: &[TestRow] =
    &[TestRow { name: "mailboxidexists", needs: &[Capability::MailboxId], compile }];

struct MailboxIdExists(Vec<Text>);

// mailboxidexists <mailbox-objectids: string-list>
fn compile(compiler: &mut Compiler<'_>, node: &Node) -> CompiledTest {
    let mut arguments = Arguments::of(node);
    let ids = arguments.texts(compiler, "mailbox ids")?;
    arguments.finish()?;
    Ok(Box::new(MailboxIdExists(ids)))
}

impl Test for MailboxIdExists {
    fn holds(&self, machine: &mut Machine<'_>) -> Result<bool, Trouble> {
        let state = &mut machine.state;
        for id in &self.0 {
            let id = state.text(id)?;
            state.charge(QUESTION_STEPS)?;
            if !state.env.mailbox_id_exists(&id) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
