//! `processcalendar` (RFC 9671): what a message says to calendars is done, and a script hears what
//! came of it.

use crate::action::{Action, ProcessCalendar};
use crate::capability::Capability;
use crate::compile::{Arguments, CommandRow, CompiledCommand, Compiler};
use crate::error::{ScriptError, Trouble};
use crate::run::{Flow, Machine, QUESTION_STEPS, Statement};
use crate::syntax::Node;
use crate::text::{Text, VariableName, variable_name};

pub(crate) const COMMANDS: &[CommandRow] =
    &[CommandRow { name: "processcalendar", needs: &[Capability::ProcessCalendar], compile }];

struct Command {
    allow_public: bool,
    addresses: Vec<Text>,
    updates_only: bool,
    calendar: Option<Text>,
    delete_cancelled: bool,
    organizers: Option<Text>,
    outcome: Option<VariableName>,
    reason: Option<VariableName>,
}

// processcalendar [":allowpublic"] [":addresses" <string-list>]
//                 [":updatesonly" / ":calendarid" <string>] [":deletecancelled"]
//                 [":organizers" <ext-list-name: string>]
//                 [":outcome" <variablename: string>] [":reason" <variablename: string>]
fn compile(compiler: &mut Compiler<'_>, node: &Node) -> CompiledCommand {
    let mut arguments = Arguments::of(node);
    let allow_public = arguments.tag("allowpublic").is_some();
    let addresses = arguments.tagged_list("addresses")?.unwrap_or_default();
    let addresses = compiler.texts(addresses)?;
    let updates_only = arguments.tag("updatesonly").is_some();
    let calendar = arguments.tagged_text(compiler, "calendarid")?;
    if updates_only && calendar.is_some() {
        return Err(arguments.wrong(":updatesonly and :calendarid exclude each other"));
    }
    // Drafts of it, and who wrote scripts by them, have one letter less.
    let delete_cancelled =
        ["deletecancelled", "deletecanceled"].iter().any(|tag| arguments.tag(tag).is_some());
    let organizers = arguments.tagged_text(compiler, "organizers")?;
    if organizers.is_some() {
        compiler.needs(arguments.at(), ":organizers", &[Capability::ExtLists])?;
    }
    let outcome = take_variable(&mut arguments, compiler, "outcome")?;
    let reason = take_variable(&mut arguments, compiler, "reason")?;
    arguments.finish()?;
    Ok(Box::new(Command {
        allow_public,
        addresses,
        updates_only,
        calendar,
        delete_cancelled,
        organizers,
        outcome,
        reason,
    }))
}

fn take_variable(
    arguments: &mut Arguments<'_>,
    compiler: &mut Compiler<'_>,
    tag: &str,
) -> Result<Option<VariableName>, ScriptError> {
    let Some(literal) = arguments.tagged_literal(tag)? else { return Ok(None) };
    compiler.needs(literal.at, format!(":{tag}"), &[Capability::Variables])?;
    let name = compiler.constant(literal)?;
    let name = variable_name(&name, compiler.has(Capability::Include))
        .map_err(|mistake| mistake.at(literal.at))?;
    compiler.variables_set.insert(name.key.clone());
    Ok(Some(name))
}

impl Statement for Command {
    fn run(&self, machine: &mut Machine<'_>) -> Result<Flow, Trouble> {
        let state = &mut machine.state;
        // RFC 9671 §4.9: once, and never with a refusal.
        if state.actions.iter().any(|action| matches!(action, Action::Reject(_))) {
            return Err(Trouble::Conflict("reject goes with no other action"));
        }
        if std::mem::replace(&mut state.processes_calendar, true) {
            return Err(Trouble::Conflict("processcalendar is used twice"));
        }
        let addresses = state.texts(&self.addresses)?.into_iter().map(Into::into).collect();
        let text = |text: &Option<Text>, state: &mut crate::run::State<'_>| {
            text.as_ref().map(|text| state.text(text).map(String::from)).transpose()
        };
        let calendar = text(&self.calendar, state)?;
        let organizers = text(&self.organizers, state)?;
        let organizers = organizers.as_deref().map(crate::ext::extlists::full_name);
        if let Some(list) = &organizers
            && !state.env.list_exists(list)
        {
            return Err(Trouble::Value(format!("there is no list \"{list}\"")));
        }
        let action = ProcessCalendar {
            allow_public: self.allow_public,
            addresses,
            updates_only: self.updates_only,
            calendar,
            delete_cancelled: self.delete_cancelled,
            organizers,
        };
        state.charge(QUESTION_STEPS)?;
        let report = state.env.calendar_outcome(&action);
        for (name, value) in [(&self.outcome, report.outcome.name()), (&self.reason, report.reason)]
        {
            if let Some(name) = name {
                state.variables.put(name, value.to_owned(), state.limits)?;
            }
        }
        if report.outcome.is_change() {
            state.push(Action::ProcessCalendar(Box::new(action)))?;
        }
        Ok(Flow::Next)
    }
}
