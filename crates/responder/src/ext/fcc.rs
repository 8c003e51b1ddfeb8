//! `fcc` (RFC 8580): a copy of what is sent, filed.

use crate::action::Fcc;
use crate::capability::Capability;
use crate::compile::{Arguments, Compiler};
use crate::error::{ScriptError, Trouble};
use crate::ext::fileinto::PlaceTags;
use crate::ext::imap4flags::FlagsTag;
use crate::run::State;
use crate::text::Text;

/// `FCC = ":fcc" string *FCC-OPTS` (RFC 8580 §3.2)
#[derive(Debug)]
pub(crate) struct FccTags {
    name: Text,
    place: PlaceTags,
    flags: Option<FlagsTag>,
}

impl FccTags {
    pub(crate) fn take(
        arguments: &mut Arguments<'_>,
        compiler: &Compiler<'_>,
    ) -> Result<Option<Self>, ScriptError> {
        let name = arguments.tagged_text(compiler, "fcc")?;
        let place = PlaceTags::take(arguments, compiler)?;
        let flags = FlagsTag::take(arguments, compiler)?;
        let Some(name) = name else {
            return match place.are_given() || flags.is_some() {
                true => Err(arguments.wrong("these tags need :fcc")),
                false => Ok(None),
            };
        };
        compiler.needs(arguments.at(), ":fcc", &[Capability::Fcc])?;
        Ok(Some(Self { name, place, flags }))
    }

    pub(crate) fn value(&self, state: &mut State<'_>) -> Result<Fcc, Trouble> {
        let flags = match &self.flags {
            // RFC 8580 §3.1.1: the internal variable is about the message, not about its answer.
            None => Vec::new(),
            flags => FlagsTag::flags(flags.as_ref(), state)?,
        };
        Ok(Fcc { mailbox: self.place.place(&self.name, state)?, flags })
    }
}
