//! `special-use` (RFC 8579 §3); `:specialuse` stands with `fileinto`.

use crate::capability::Capability;
use crate::compile::{Arguments, CompiledTest, Compiler, TestRow};
use crate::error::Trouble;
use crate::ext::fileinto::check_special_use;
use crate::run::{Machine, QUESTION_STEPS, Test};
use crate::syntax::Node;
use crate::text::Text;

pub(crate) const TESTS: &[TestRow] =
    &[TestRow { name: "specialuse_exists", needs: &[Capability::SpecialUse], compile }];

struct SpecialUseExists {
    mailbox: Option<Text>,
    attributes: Vec<Text>,
}

// specialuse_exists [<mailbox: string>] <special-use-attrs: string-list>
fn compile(compiler: &mut Compiler<'_>, node: &Node) -> CompiledTest {
    let mut arguments = Arguments::of(node);
    let mailbox = match arguments.left() {
        2 => Some(arguments.text(compiler, "mailbox")?),
        _ => None,
    };
    let attributes = arguments.texts(compiler, "special uses")?;
    for attribute in attributes.iter().filter_map(Text::fixed) {
        check_special_use(attribute).map_err(|trouble| arguments.wrong(trouble.to_string()))?;
    }
    arguments.finish()?;
    Ok(Box::new(SpecialUseExists { mailbox, attributes }))
}

impl Test for SpecialUseExists {
    fn holds(&self, machine: &mut Machine<'_>) -> Result<bool, Trouble> {
        let state = &mut machine.state;
        let mailbox = self.mailbox.as_ref().map(|name| state.text(name)).transpose()?;
        for attribute in &self.attributes {
            let attribute = state.text(attribute)?;
            check_special_use(&attribute)?;
            state.charge(QUESTION_STEPS)?;
            if !state.env.special_use_exists(mailbox.as_deref(), &attribute) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
