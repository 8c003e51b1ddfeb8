//! `fileinto` (RFC 5228 §4.1), and what says which mailbox is meant: `:copy` (RFC 3894),
//! `:create` (RFC 5490 §3.2), `:specialuse` (RFC 8579 §4), `:mailboxid` (RFC 9042 §4).

use crate::action::{FileInto, Place};
use crate::capability::Capability;
use crate::compile::{Arguments, CommandRow, CompiledCommand, Compiler};
use crate::error::{ScriptError, Trouble};
use crate::ext::imap4flags::FlagsTag;
use crate::run::{Flow, Machine, State, Statement};
use crate::syntax::Node;
use crate::text::Text;

pub(crate) const COMMANDS: &[CommandRow] =
    &[CommandRow { name: "fileinto", needs: &[Capability::Fileinto], compile }];

struct FileIntoCommand {
    place: PlaceTags,
    name: Text,
    copy: bool,
    flags: Option<FlagsTag>,
}

// fileinto [":copy"] [":create"] [":flags" <list>] [":specialuse" <string>]
//          [":mailboxid" <string>] <mailbox: string>
fn compile(compiler: &mut Compiler<'_>, node: &Node) -> CompiledCommand {
    let mut arguments = Arguments::of(node);
    let copy = arguments.tag_of(compiler, "copy", Capability::Copy)?.is_some();
    let place = PlaceTags::take(&mut arguments, compiler)?;
    let flags = FlagsTag::take(&mut arguments, compiler)?;
    let name = arguments.text(compiler, "mailbox")?;
    if let Some(fixed) = name.fixed() {
        check_name(fixed).map_err(|trouble| arguments.wrong(trouble.to_string()))?;
    }
    arguments.finish()?;
    Ok(Box::new(FileIntoCommand { place, name, copy, flags }))
}

impl Statement for FileIntoCommand {
    fn run(&self, machine: &mut Machine<'_>) -> Result<Flow, Trouble> {
        let mailbox = self.place.place(&self.name, &mut machine.state)?;
        let flags = FlagsTag::flags(self.flags.as_ref(), &mut machine.state)?;
        let version = machine.mail.version(&mut machine.state)?;
        machine.state.push_file_into(FileInto { mailbox, flags, version })?;
        // RFC 3894 §3: with :copy the implicit keep stays.
        machine.state.keeps_implicitly &= self.copy;
        Ok(Flow::Next)
    }
}

// What no mailbox can be named, wherever it is kept. The store decides about the rest.
fn check_name(name: &str) -> Result<(), Trouble> {
    if name.is_empty() || name.contains(|char: char| char.is_control()) {
        return Err(Trouble::Value(format!("{name:?} is no name of a mailbox")));
    }
    Ok(())
}

/// The tags that say which mailbox is meant, beside its name.
#[derive(Debug, Default)]
pub(crate) struct PlaceTags {
    create: bool,
    special_use: Option<Text>,
    mailbox_id: Option<Text>,
}

impl PlaceTags {
    pub(crate) fn take(
        arguments: &mut Arguments<'_>,
        compiler: &Compiler<'_>,
    ) -> Result<Self, ScriptError> {
        let create = arguments.tag_of(compiler, "create", Capability::Mailbox)?.is_some();
        let special_use = arguments.tagged_text(compiler, "specialuse")?;
        if special_use.is_some() {
            compiler.needs(arguments.at(), ":specialuse", &[Capability::SpecialUse])?;
        }
        let mailbox_id = arguments.tagged_text(compiler, "mailboxid")?;
        if mailbox_id.is_some() {
            compiler.needs(arguments.at(), ":mailboxid", &[Capability::MailboxId])?;
        }
        // RFC 9042 §4.2
        if special_use.is_some() && mailbox_id.is_some() {
            return Err(arguments.wrong(":specialuse and :mailboxid exclude each other"));
        }
        if let Some(attribute) = special_use.as_ref().and_then(Text::fixed) {
            check_special_use(attribute).map_err(|trouble| arguments.wrong(trouble.to_string()))?;
        }
        Ok(Self { create, special_use, mailbox_id })
    }

    /// Whether any of these arguments was given.
    pub(crate) fn are_given(&self) -> bool {
        self.create || self.special_use.is_some() || self.mailbox_id.is_some()
    }

    pub(crate) fn place(&self, name: &Text, state: &mut State<'_>) -> Result<Place, Trouble> {
        let name = state.text(name)?.into_owned();
        check_name(&name)?;
        let mut value = |text: &Option<Text>| -> Result<Option<String>, Trouble> {
            text.as_ref().map(|text| Ok(state.text(text)?.into_owned())).transpose()
        };
        let special_use = value(&self.special_use)?;
        let mailbox_id = value(&self.mailbox_id)?;
        if let Some(attribute) = &special_use {
            check_special_use(attribute)?;
        }
        Ok(Place { name, create: self.create, special_use, mailbox_id })
    }
}

/// `use-attr = "\" atom` as far as it can be told (RFC 6154 §6).
pub(crate) fn check_special_use(attribute: &str) -> Result<(), Trouble> {
    let is_atom = |atom: &str| {
        !atom.is_empty()
            && atom.bytes().all(|b| b.is_ascii_graphic() && !b"(){%*\"\\]".contains(&b))
    };
    match attribute.strip_prefix('\\') {
        Some(atom) if is_atom(atom) => Ok(()),
        _ => Err(Trouble::Value(format!("{attribute:?} is no special use"))),
    }
}
