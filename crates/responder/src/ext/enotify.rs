//! The `enotify` extension (RFC 5435) with the `mailto` method (RFC 5436).

use crate::action::{Action, Notify};
use crate::base::actions::parse_address;
use crate::capability::Capability;
use crate::compile::{Arguments, CommandRow, CompiledCommand, CompiledTest, Compiler, TestRow};
use crate::error::Trouble;
use crate::ext::fcc::FccTags;
use crate::ext::mailto;
use crate::mail::Mail;
use crate::matching::{MatchTags, Matcher};
use crate::run::{Flow, Machine, Statement, Test};
use crate::syntax::Node;
use crate::text::Text;

const NEEDS: &[Capability] = &[Capability::Enotify];

pub(crate) const COMMANDS: &[CommandRow] = &[CommandRow { name: "notify", needs: NEEDS, compile }];

pub(crate) const TESTS: &[TestRow] = &[
    TestRow { name: "valid_notify_method", needs: NEEDS, compile: compile_valid },
    TestRow { name: "notify_method_capability", needs: NEEDS, compile: compile_capability },
];

/// LIMIT: characters of a subject made of a message.
const SUBJECT_CHARS_MAX: usize = 256;

struct NotifyCommand {
    from: Option<Text>,
    importance: Option<Text>,
    options: Vec<Text>,
    message: Option<Text>,
    method: Text,
    fcc: Option<FccTags>,
}

// notify [FCC] [":from" string] [":importance" <"1" / "2" / "3">] [":options" string-list]
//        [":message" string] <method: string>
fn compile(compiler: &mut Compiler<'_>, node: &Node) -> CompiledCommand {
    let mut arguments = Arguments::of(node);
    let from = arguments.tagged_text(compiler, "from")?;
    if let Some(fixed) = from.as_ref().and_then(Text::fixed) {
        parse_address(fixed).map_err(|trouble| arguments.wrong(trouble.to_string()))?;
    }
    let importance = arguments.tagged_text(compiler, "importance")?;
    if let Some(fixed) = importance.as_ref().and_then(Text::fixed) {
        parse_importance(fixed).map_err(|trouble| arguments.wrong(trouble.to_string()))?;
    }
    let options = compiler.texts(arguments.tagged_list("options")?.unwrap_or_default())?;
    for option in options.iter().filter_map(Text::fixed) {
        check_option(option).map_err(|trouble| arguments.wrong(trouble.to_string()))?;
    }
    let message = arguments.tagged_text(compiler, "message")?;
    let fcc = FccTags::take(&mut arguments, compiler)?;
    let method = arguments.text(compiler, "method")?;
    // RFC 5435 §3.2: what can never be used is told as early as possible.
    if let Some(fixed) = method.fixed() {
        mailto::parse(fixed).map_err(|what| arguments.wrong(what))?;
    }
    arguments.finish()?;
    Ok(Box::new(NotifyCommand { from, importance, options, message, method, fcc }))
}

fn parse_importance(text: &str) -> Result<u8, Trouble> {
    match text {
        "1" => Ok(1),
        "2" => Ok(2),
        "3" => Ok(3),
        _ => Err(Trouble::Value(format!("the importance is 1, 2 or 3, not {text:?}"))),
    }
}

// "<optionname>=<value>" (RFC 5435 §3.5); mailto knows none (RFC 5436 §2.5).
fn check_option(text: &str) -> Result<(), Trouble> {
    let (name, value) = text.split_once('=').unwrap_or_default();
    let is_name = name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    match is_name && !value.contains(['\0', '\r', '\n']) {
        true => Ok(()),
        false => Err(Trouble::Value(format!("{text:?} is no option: name=value"))),
    }
}

impl Statement for NotifyCommand {
    fn run(&self, machine: &mut Machine<'_>) -> Result<Flow, Trouble> {
        let Machine { mail, state } = machine;
        let method = state.text(&self.method)?;
        state.charge(mailto::cost(&method))?;
        let mailto = mailto::parse(&method).map_err(Trouble::Value)?;
        let importance = match &self.importance {
            Some(text) => parse_importance(&state.text(text)?)?,
            None => 2,
        };
        for option in &self.options {
            state.charge(1)?;
            check_option(&state.text(option)?)?;
        }
        let message = self.message.as_ref().map(|text| state.text(text)).transpose()?;
        let own = state.envelope.as_ref().map_or_else(String::new, |e| e.to.to_string());
        let from = match &self.from {
            Some(text) => author(&state.text(text)?, &own, state.env)?,
            None => own.clone(),
        };
        let fcc = self.fcc.as_ref().map(|tags| tags.value(state)).transpose()?;
        state.charge(50)?;
        // RFC 5436 §2.7: nobody is notified of what a machine sent, nor without an address.
        if is_automatic(mail)
            || (mailto.to.is_empty() && mailto.cc.is_empty() && mailto.bcc.is_empty())
        {
            return Ok(Flow::Next);
        }
        let subject = message
            .map(|text| text.into_owned())
            .or(mailto.subject)
            .or_else(|| mail.first("Subject").map(str::to_owned))
            .unwrap_or_default();
        let null = state.envelope.as_ref().is_none_or(|envelope| envelope.from.is_empty());
        let notify = Notify {
            to: mailto.to,
            cc: mailto.cc,
            bcc: mailto.bcc,
            fields: mailto.fields,
            from,
            subject: crate::compose::shortened(&subject, SUBJECT_CHARS_MAX),
            body: mailto.body.unwrap_or_else(|| default_body(mail)),
            importance,
            reverse_path: if null { String::new() } else { own },
            fcc,
        };
        push(state, notify)?;
        Ok(Flow::Next)
    }
}

// RFC 5436 §2.7: one notice for one address.
fn push(state: &mut crate::run::State<'_>, mut notify: Notify) -> Result<(), Trouble> {
    let others: Vec<&Notify> = state
        .actions
        .iter()
        .filter_map(|action| match action {
            Action::Notify(other) => Some(&**other),
            _ => None,
        })
        .collect();
    let known = |address: &String| {
        others.iter().any(|other| {
            let mut all = other.to.iter().chain(&other.cc).chain(&other.bcc);
            all.any(|known| known.eq_ignore_ascii_case(address))
        })
    };
    for list in [&mut notify.to, &mut notify.cc, &mut notify.bcc] {
        list.retain(|address| !known(address));
    }
    if notify.to.is_empty() && notify.cc.is_empty() && notify.bcc.is_empty() {
        return Ok(());
    }
    if others.len() >= state.limits.notifications_max {
        return Err(Trouble::TooMuch("too many notifications"));
    }
    state.push(Action::Notify(Box::new(notify)))
}

// RFC 5435 §3.3: an author that is not the owner is ignored, one that is no address an error.
fn author(from: &str, own: &str, env: &mut dyn crate::Env) -> Result<String, Trouble> {
    let address = parse_address(from)?;
    let is_own = address.eq_ignore_ascii_case(own) || env.is_own_address(&address);
    Ok(if is_own { from.to_owned() } else { own.to_owned() })
}

fn is_automatic(mail: &Mail<'_>) -> bool {
    crate::answer::is_automatic(mail)
}

fn default_body(mail: &Mail<'_>) -> String {
    let field = |name| mail.first(name).unwrap_or_default();
    format!("From: {}\r\nSubject: {}\r\n", field("From"), field("Subject"))
}

struct ValidMethod(Vec<Text>);

// valid_notify_method <notification-uris: string-list> (RFC 5435 §4)
fn compile_valid(compiler: &mut Compiler<'_>, node: &Node) -> CompiledTest {
    let mut arguments = Arguments::of(node);
    let uris = arguments.texts(compiler, "methods")?;
    arguments.finish()?;
    Ok(Box::new(ValidMethod(uris)))
}

impl Test for ValidMethod {
    fn holds(&self, machine: &mut Machine<'_>) -> Result<bool, Trouble> {
        for uri in &self.0 {
            let uri = machine.state.text(uri)?;
            machine.state.charge(mailto::cost(&uri))?;
            if mailto::parse(&uri).is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

struct MethodCapability {
    uri: Text,
    name: Text,
    matcher: Matcher,
}

// notify_method_capability [COMPARATOR] [MATCH-TYPE] <notification-uri: string>
//                          <notification-capability: string> <key-list: string-list>
fn compile_capability(compiler: &mut Compiler<'_>, node: &Node) -> CompiledTest {
    let mut arguments = Arguments::of(node);
    let tags = MatchTags::take(&mut arguments, compiler)?;
    tags.refuse_lists(&arguments)?;
    let uri = arguments.text(compiler, "method")?;
    let name = arguments.text(compiler, "capability")?;
    let keys = arguments.list("keys")?;
    arguments.finish()?;
    let matcher = tags.with_keys(keys, compiler)?;
    Ok(Box::new(MethodCapability { uri, name, matcher }))
}

impl Test for MethodCapability {
    // RFC 5435 §5: what is not known does not hold, and is no error.
    fn holds(&self, machine: &mut Machine<'_>) -> Result<bool, Trouble> {
        let state = &mut machine.state;
        let uri = state.text(&self.uri)?;
        state.charge(mailto::cost(&uri))?;
        if mailto::parse(&uri).is_err() {
            return Ok(false);
        }
        let value = match state.text(&self.name)?.to_ascii_lowercase().as_str() {
            // RFC 5436 §2.2: nobody knows whether somebody reads mail just now.
            "online" => "maybe",
            // RFC 8580 §6.1
            "fcc" => "yes",
            _ => return Ok(false),
        };
        self.matcher.any(state, [value])
    }
}
