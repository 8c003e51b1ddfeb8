//! `keep`, `discard`, `redirect` (RFC 5228 §4), with what extensions add to them.

use message::address::Address;

use crate::action::{DeliverBy, Keep, Redirect};
use crate::capability::Capability;
use crate::compile::{Arguments, CommandRow, CompiledCommand, Compiler};
use crate::error::Trouble;
use crate::ext::imap4flags::FlagsTag;
use crate::ext::redirect_deliverby::DeliverByTags;
use crate::ext::redirect_dsn::DsnTags;
use crate::run::{Flow, Machine, QUESTION_STEPS, Statement, Whence};
use crate::syntax::Node;
use crate::text::Text;

pub(crate) const COMMANDS: &[CommandRow] = &[
    CommandRow { name: "keep", needs: &[], compile: compile_keep },
    CommandRow {
        name: "discard",
        needs: &[],
        compile: |_, node| {
            Arguments::of(node).finish()?;
            Ok(Box::new(Discard))
        },
    },
    CommandRow { name: "redirect", needs: &[], compile: compile_redirect },
];

struct KeepCommand {
    flags: Option<FlagsTag>,
}

struct Discard;

struct RedirectCommand {
    address: Text,
    is_list: bool,
    copy: bool,
    dsn: DsnTags,
    deliver_by: Option<DeliverByTags>,
}

fn compile_keep(compiler: &mut Compiler<'_>, node: &Node) -> CompiledCommand {
    let mut arguments = Arguments::of(node);
    let flags = FlagsTag::take(&mut arguments, compiler)?;
    arguments.finish()?;
    Ok(Box::new(KeepCommand { flags }))
}

impl Statement for KeepCommand {
    fn run(&self, machine: &mut Machine<'_>) -> Result<Flow, Trouble> {
        let flags = FlagsTag::flags(self.flags.as_ref(), &mut machine.state)?;
        let version = machine.kept_version()?;
        machine.state.push_keep(Keep { is_implicit: false, flags, version })?;
        Ok(Flow::Next)
    }
}

impl Statement for Discard {
    // RFC 5228 §4.4: it cancels the implicit keep and nothing else.
    fn run(&self, machine: &mut Machine<'_>) -> Result<Flow, Trouble> {
        machine.state.keeps_implicitly = false;
        Ok(Flow::Next)
    }
}

// redirect [":copy"] [":list"] [DSN] [DELIVERBY] <address: string>
fn compile_redirect(compiler: &mut Compiler<'_>, node: &Node) -> CompiledCommand {
    let mut arguments = Arguments::of(node);
    let copy = arguments.tag_of(compiler, "copy", Capability::Copy)?.is_some();
    let is_list = arguments.tag_of(compiler, "list", Capability::ExtLists)?.is_some();
    let dsn = DsnTags::take(&mut arguments, compiler)?;
    let deliver_by = DeliverByTags::take(&mut arguments, compiler)?;
    let address = arguments.text(compiler, "address")?;
    if let (Some(fixed), false) = (address.fixed(), is_list) {
        // RFC 5228 §4.2: what is no address is told as early as possible.
        parse_address(fixed).map_err(|trouble| arguments.wrong(trouble.to_string()))?;
    }
    arguments.finish()?;
    Ok(Box::new(RedirectCommand { address, is_list, copy, dsn, deliver_by }))
}

/// An address as `redirect` and its kin take it: one addr-spec, with or without a display name.
pub(crate) fn parse_address(text: &str) -> Result<String, Trouble> {
    let wrong = || Trouble::Value(format!("\"{text}\" is no address"));
    let bare = text.trim_matches([' ', '\t']);
    if !bare.ends_with('>') {
        // QUIRK(NTT docomo, before 2009): dots at the end of a local part, or several in a row.
        let dotted = |(local, host): (&str, &str)| {
            let plain = local.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
            plain.then(|| Address::parse_path(format!("\"{local}\"@{host}").as_bytes()).ok())?
        };
        let address = Address::parse_path(bare.as_bytes()).ok();
        let address = address.or_else(|| bare.rsplit_once('@').and_then(dotted));
        return address.map(|address| address.to_string()).ok_or_else(wrong);
    }
    let items = message::address_list(bare.as_bytes(), 2);
    let [message::ListItem::Mailbox(listed)] = items.as_slice() else { return Err(wrong()) };
    if bare.contains(['\r', '\n']) {
        return Err(wrong());
    }
    let (local, host) =
        (String::from_utf8_lossy(&listed.local), String::from_utf8_lossy(&listed.host));
    let quoted = crate::base::address::quoted_local(&local);
    let address =
        Address::parse_path(format!("{quoted}@{host}").as_bytes()).map_err(|_| wrong())?;
    Ok(address.to_string())
}

impl Statement for RedirectCommand {
    fn run(&self, machine: &mut Machine<'_>) -> Result<Flow, Trouble> {
        let state = &mut machine.state;
        let address = state.text(&self.address)?;
        let addresses = match self.is_list {
            // RFC 6134 §2.3
            true => {
                let list = crate::ext::extlists::full_name(&address);
                state.charge(QUESTION_STEPS)?;
                // One more shows that there are too many.
                let count_max = state.limits.list_members_max + 1;
                state.env.list_members(&list, count_max).ok_or_else(|| {
                    Trouble::Value(format!("the list \"{list}\" cannot be used to redirect"))
                })?
            }
            false => vec![address.into_owned()],
        };
        let (notify, ret) = self.dsn.values(state)?;
        let deliver_by: Option<DeliverBy> =
            self.deliver_by.as_ref().map(|tags| tags.value(state)).transpose()?;
        let version = machine.mail.redirected_version(&mut machine.state)?;
        let whence = if self.is_list { Whence::List } else { Whence::Script };
        for address in addresses {
            let action = Redirect {
                address: parse_address(&address)?,
                version,
                notify: notify.clone(),
                ret: ret.clone(),
                deliver_by: deliver_by.clone(),
            };
            machine.state.push_redirect(action, whence)?;
        }
        machine.state.keeps_implicitly &= self.copy;
        Ok(Flow::Next)
    }
}
