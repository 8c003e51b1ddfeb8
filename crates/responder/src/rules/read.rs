//! Reads a script back into the list of rules that it was written from.

use super::write::{NAME, check};
use super::{AddressPart, Compare, Condition, Matching, Rule, RuleAction, RuleList};
use crate::Limits;
use crate::syntax::{Argument, Node, Value, parse};

impl RuleList {
    /// The list that a script was made of; `None`: of none, or it was changed since.
    pub fn read(script: &[u8], limits: &Limits) -> Option<Self> {
        let nodes = parse(script, limits).ok()?;
        let text = std::str::from_utf8(script).ok()?;
        let lines: Vec<&str> = text.lines().collect();
        let rules = nodes.iter().filter(|node| &*node.name != "require");
        let rules = rules.map(|node| read_rule(node, &lines)).collect::<Option<_>>()?;
        let list = Self { rules };
        // Whatever was not understood is missing here.
        (list.text() == text && list.rules.iter().all(|rule| check(rule).is_ok())).then_some(list)
    }
}

fn read_rule(node: &Node, lines: &[&str]) -> Option<Rule> {
    // Lines count from 1; the name stands on the one before.
    let before = (node.at.line as usize).checked_sub(2)?;
    let name = lines.get(before)?.strip_prefix(NAME)?.to_owned();
    let (mut test, mut enabled) = (node.tests.first()?, true);
    if let [first, second] = test.tests.as_slice()
        && &*first.name == "false"
    {
        (test, enabled) = (second, false);
    }
    let matching = match &*test.name {
        "allof" => Matching::All,
        "anyof" => Matching::Any,
        _ => return None,
    };
    let conditions = test.tests.iter().filter(|test| &*test.name != "true");
    let block = node.block.as_deref()?;
    let actions = block.iter().filter(|command| &*command.name != "stop");
    Some(Rule {
        name,
        enabled,
        matching,
        conditions: conditions.map(read_condition).collect::<Option<_>>()?,
        actions: actions.map(read_action).collect::<Option<_>>()?,
        stop: block.iter().any(|command| &*command.name == "stop"),
    })
}

fn read_condition(node: &Node) -> Option<Condition> {
    let (node, not) = match &*node.name {
        "not" => (node.tests.first()?, true),
        _ => (node, false),
    };
    let mut lists = node.arguments.iter().filter_map(read_list);
    let mut list = || lists.next();
    match &*node.name {
        "header" => Some(Condition::Header {
            fields: list()?,
            compare: read_compare(node),
            values: list()?,
            not,
        }),
        "address" => Some(Condition::Address {
            fields: list()?,
            part: match () {
                () if has_tag(node, "localpart") => AddressPart::Local,
                () if has_tag(node, "domain") => AddressPart::Domain,
                () => AddressPart::All,
            },
            compare: read_compare(node),
            values: list()?,
            not,
        }),
        "body" => Some(Condition::Body { compare: read_compare(node), values: list()?, not }),
        "exists" => Some(Condition::Exists { fields: list()?, not }),
        "size" => {
            let number = node.arguments.iter().find_map(|argument| match argument.value {
                Value::Number(number) => u32::try_from(number).ok(),
                _ => None,
            });
            let bytes = number?;
            Some(match has_tag(node, "over") {
                true => Condition::Larger { bytes },
                false => Condition::Smaller { bytes },
            })
        }
        _ => None,
    }
}

fn read_action(node: &Node) -> Option<RuleAction> {
    let text = || {
        node.arguments.iter().find_map(|argument| match &argument.value {
            Value::Text(literal) => Some(literal.text.to_string()),
            _ => None,
        })
    };
    let copy = has_tag(node, "copy");
    match &*node.name {
        "keep" => Some(RuleAction::Keep),
        "fileinto" => {
            Some(RuleAction::File { mailbox: text()?, create: has_tag(node, "create"), copy })
        }
        "redirect" => Some(RuleAction::Redirect { address: text()?, copy }),
        "addflag" => Some(RuleAction::Flag { flags: node.arguments.iter().find_map(read_list)? }),
        "discard" => Some(RuleAction::Discard),
        "reject" => Some(RuleAction::Reject { reason: text()?.replace("\r\n", "\n") }),
        _ => None,
    }
}

fn has_tag(node: &Node, name: &str) -> bool {
    node.arguments
        .iter()
        .any(|argument| matches!(&argument.value, Value::Tag(tag) if &**tag == name))
}

fn read_compare(node: &Node) -> Compare {
    match () {
        () if has_tag(node, "is") => Compare::Is,
        () if has_tag(node, "matches") => Compare::Matches,
        () => Compare::Contains,
    }
}

fn read_list(argument: &Argument) -> Option<Vec<String>> {
    match &argument.value {
        Value::List(list) => Some(list.iter().map(|literal| literal.text.to_string()).collect()),
        _ => None,
    }
}
