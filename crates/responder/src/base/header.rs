//! `header` (RFC 5228 §5.7), with `index` (RFC 5260 §6) and `mime` (RFC 5703 §4.1).

use crate::compile::{Arguments, CompiledTest, Compiler, TestRow};
use crate::error::Trouble;
use crate::ext::index::IndexTags;
use crate::ext::mime::{MimeOption, MimeTags};
use crate::matching::{MatchTags, Matcher};
use crate::run::{Machine, Test};
use crate::syntax::Node;
use crate::text::Text;

pub(crate) const TESTS: &[TestRow] = &[TestRow { name: "header", needs: &[], compile }];

struct Header {
    names: Vec<Text>,
    matcher: Matcher,
    index: IndexTags,
    mime: Option<(MimeTags, MimeOption)>,
}

// header [MIMEOPTS] [INDEX] [COMPARATOR] [MATCH-TYPE]
//        <header-names: string-list> <key-list: string-list>
fn compile(compiler: &mut Compiler<'_>, node: &Node) -> CompiledTest {
    let mut arguments = Arguments::of(node);
    let tags = MatchTags::take(&mut arguments, compiler)?;
    let index = IndexTags::take(&mut arguments, compiler)?;
    let mime = match MimeTags::take(&mut arguments, compiler)? {
        Some(mime) => Some((mime, MimeOption::take(&mut arguments, compiler)?)),
        None => None,
    };
    let names = arguments.texts(compiler, "header names")?;
    let keys = arguments.list("keys")?;
    arguments.finish()?;
    let matcher = tags.with_keys(keys, compiler)?;
    Ok(Box::new(Header { names, matcher, index, mime }))
}

impl Test for Header {
    fn holds(&self, machine: &mut Machine<'_>) -> Result<bool, Trouble> {
        if let Some((mime, option)) = &self.mime {
            let values = mime.values(machine, &self.names, option, self.index)?;
            return self.matcher.any(&mut machine.state, values.iter().map(String::as_str));
        }
        let Machine { mail, state } = machine;
        let mut matching = self.matcher.begin(state)?;
        let mut counted = Vec::new();
        for name in &self.names {
            let name = state.text(name)?;
            state.charge(mail.scan_cost())?;
            if self.index.ordinal().is_some() {
                // RFC 5260 §6: the fields of all names are counted together.
                counted.extend(mail.named(&name));
                continue;
            }
            for field in mail.named(&name) {
                if matching.value(state, field.value(mail))? {
                    return Ok(true);
                }
            }
        }
        for field in self.index.choose(counted) {
            if matching.value(state, field.value(mail))? {
                return Ok(true);
            }
        }
        matching.finish(state)
    }
}
