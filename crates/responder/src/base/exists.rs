//! The `exists` test (RFC 5228 §5.5), with `:mime` (RFC 5703 §4.3).

use crate::compile::{Arguments, CompiledTest, Compiler, TestRow};
use crate::error::Trouble;
use crate::ext::mime::MimeTags;
use crate::run::{Machine, Test};
use crate::syntax::Node;
use crate::text::Text;

pub(crate) const TESTS: &[TestRow] = &[TestRow { name: "exists", needs: &[], compile }];

struct Exists {
    names: Vec<Text>,
    mime: Option<MimeTags>,
}

// exists [":mime"] [":anychild"] <header-names: string-list>
fn compile(compiler: &mut Compiler<'_>, node: &Node) -> CompiledTest {
    let mut arguments = Arguments::of(node);
    let mime = MimeTags::take(&mut arguments, compiler)?;
    let names = arguments.texts(compiler, "header names")?;
    arguments.finish()?;
    Ok(Box::new(Exists { names, mime }))
}

impl Test for Exists {
    // RFC 5228 §5.5: all of them must exist.
    fn holds(&self, machine: &mut Machine<'_>) -> Result<bool, Trouble> {
        for name in &self.names {
            let name = machine.state.text(name)?;
            machine.state.charge(machine.mail.scan_cost())?;
            let exists = match &self.mime {
                Some(mime) => mime.exists(machine, &name)?,
                None => machine.mail.named(&name).next().is_some(),
            };
            if !exists {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
