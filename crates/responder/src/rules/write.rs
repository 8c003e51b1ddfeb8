//! Writes a list of rules as a script, in a form from which it can be read back.

use std::fmt::Write as _;

use super::{AddressPart, Compare, Condition, Matching, Rule, RuleAction, RuleError, RuleList};
use crate::{Capability, CapabilitySet, Language, Program};

/// The first line, for whoever opens the script in an editor.
const HEAD: &str = "# Made from a list of rules. Once changed by hand, it is no list any more.\r\n";
/// What the line before each rule begins with.
pub(super) const NAME: &str = "# rule: ";

/// LIMIT: bytes of the name of a rule; it stands on one line.
const NAME_BYTES_MAX: usize = 256;

impl RuleList {
    /// The script that does what the rules say, under a language in which it has no mistakes.
    pub fn script(&self, language: &Language) -> Result<String, RuleError> {
        for (index, rule) in self.rules.iter().enumerate() {
            check(rule).map_err(|problem| self.error(index, problem))?;
        }
        let script = self.text();
        match Program::compile(script.as_bytes(), language) {
            Ok(_) => Ok(script),
            Err(mistakes) => {
                let line = mistakes.first().map_or(0, |mistake| mistake.at.line as usize);
                let problem = match mistakes.first() {
                    Some(first) => first.mistake.to_string(),
                    None => "it has a mistake".to_owned(),
                };
                // The rule whose name stands last before the mistake.
                let before = script.lines().take(line).filter(|line| line.starts_with(NAME));
                Err(self.error(before.count().saturating_sub(1), problem))
            }
        }
    }

    fn error(&self, index: usize, problem: impl Into<String>) -> RuleError {
        let name = self.rules.get(index).map(|rule| rule.name.clone()).unwrap_or_default();
        RuleError { number: index + 1, name, problem: problem.into() }
    }

    /// The script, whatever it is good for.
    pub(super) fn text(&self) -> String {
        let mut needs = CapabilitySet::EMPTY;
        let mut rules = String::new();
        for rule in &self.rules {
            write_rule(rule, &mut rules, &mut needs);
        }
        let names: Vec<&str> = needs.iter().map(Capability::name).collect();
        let mut text = HEAD.to_owned();
        if !names.is_empty() {
            text.push_str("require ");
            list(&names, &mut text);
            text.push_str(";\r\n");
        }
        text.push_str(&rules);
        text
    }
}

/// What the language does not say of a rule.
pub(super) fn check(rule: &Rule) -> Result<(), &'static str> {
    let is_blank = |name: &str| name.trim() != name || name.is_empty();
    if is_blank(&rule.name) || rule.name.len() > NAME_BYTES_MAX {
        return Err("a name is neither empty nor long, and has no blanks around it");
    }
    if rule.name.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err("a name stands on one line");
    }
    if rule.actions.is_empty() && !rule.stop {
        return Err("it does nothing");
    }
    for condition in &rule.conditions {
        check_condition(condition)?;
    }
    for action in &rule.actions {
        let texts = match action {
            RuleAction::Keep | RuleAction::Discard => continue,
            RuleAction::File { mailbox, .. } => std::slice::from_ref(mailbox),
            RuleAction::Redirect { address, .. } => std::slice::from_ref(address),
            RuleAction::Flag { flags } => flags.as_slice(),
            RuleAction::Reject { reason } if reason.contains(['\r', '\0']) => {
                return Err("a reason has lines that end with LF, and no NUL");
            }
            RuleAction::Reject { .. } => continue,
        };
        check_texts(texts)?;
    }
    Ok(())
}

fn check_condition(condition: &Condition) -> Result<(), &'static str> {
    match condition {
        Condition::Header { fields, values, .. } | Condition::Address { fields, values, .. } => {
            check_fields(fields)?;
            check_texts(values)
        }
        Condition::Body { values, .. } => check_texts(values),
        Condition::Exists { fields, .. } => check_fields(fields),
        Condition::Larger { .. } | Condition::Smaller { .. } => Ok(()),
    }
}

/// RFC 5322 §2.2: what a name of a field is made of.
fn check_fields(names: &[String]) -> Result<(), &'static str> {
    check_texts(names)?;
    let is_name = |name: &String| name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
    match names.iter().all(|name| !name.is_empty() && is_name(name)) {
        true => Ok(()),
        false => Err("a header field has no such name"),
    }
}

fn check_texts(texts: &[String]) -> Result<(), &'static str> {
    if texts.is_empty() {
        return Err("a list is empty");
    }
    match texts.iter().any(|text| text.chars().any(char::is_control)) {
        true => Err("a text stands on one line, without control characters"),
        false => Ok(()),
    }
}

fn write_rule(rule: &Rule, out: &mut String, needs: &mut CapabilitySet) {
    let _ = write!(out, "\r\n{NAME}{}\r\nif ", rule.name);
    if !rule.enabled {
        out.push_str("allof (false, ");
    }
    out.push_str(match rule.matching {
        Matching::All => "allof (",
        Matching::Any => "anyof (",
    });
    for (index, condition) in rule.conditions.iter().enumerate() {
        out.push_str(if index == 0 { "\r\n    " } else { ",\r\n    " });
        write_condition(condition, out, needs);
    }
    out.push_str(if rule.conditions.is_empty() { "true)" } else { "\r\n)" });
    if !rule.enabled {
        out.push(')');
    }
    out.push_str(" {\r\n");
    for action in &rule.actions {
        out.push_str("    ");
        write_action(action, out, needs);
        out.push_str(";\r\n");
    }
    if rule.stop {
        out.push_str("    stop;\r\n");
    }
    out.push_str("}\r\n");
}

fn write_condition(condition: &Condition, out: &mut String, needs: &mut CapabilitySet) {
    let not = |not: bool| if not { "not " } else { "" };
    match condition {
        Condition::Header { fields, compare, values, not: is_not } => {
            let _ = write!(out, "{}header {} ", not(*is_not), tag(*compare));
            list(fields, out);
            out.push(' ');
            list(values, out);
        }
        Condition::Address { fields, part, compare, values, not: is_not } => {
            let part = match part {
                AddressPart::All => ":all",
                AddressPart::Local => ":localpart",
                AddressPart::Domain => ":domain",
            };
            let _ = write!(out, "{}address {part} {} ", not(*is_not), tag(*compare));
            list(fields, out);
            out.push(' ');
            list(values, out);
        }
        Condition::Body { compare, values, not: is_not } => {
            needs.insert(Capability::Body);
            let _ = write!(out, "{}body :text {} ", not(*is_not), tag(*compare));
            list(values, out);
        }
        Condition::Exists { fields, not: is_not } => {
            let _ = write!(out, "{}exists ", not(*is_not));
            list(fields, out);
        }
        Condition::Larger { bytes } => {
            let _ = write!(out, "size :over {bytes}");
        }
        Condition::Smaller { bytes } => {
            let _ = write!(out, "size :under {bytes}");
        }
    }
}

fn write_action(action: &RuleAction, out: &mut String, needs: &mut CapabilitySet) {
    match action {
        RuleAction::Keep => out.push_str("keep"),
        RuleAction::File { mailbox, create, copy } => {
            needs.insert(Capability::Fileinto);
            out.push_str("fileinto ");
            if *copy {
                needs.insert(Capability::Copy);
                out.push_str(":copy ");
            }
            if *create {
                needs.insert(Capability::Mailbox);
                out.push_str(":create ");
            }
            quoted(mailbox, out);
        }
        RuleAction::Redirect { address, copy } => {
            out.push_str("redirect ");
            if *copy {
                needs.insert(Capability::Copy);
                out.push_str(":copy ");
            }
            quoted(address, out);
        }
        RuleAction::Flag { flags } => {
            needs.insert(Capability::Imap4Flags);
            out.push_str("addflag ");
            list(flags, out);
        }
        RuleAction::Discard => out.push_str("discard"),
        RuleAction::Reject { reason } => {
            needs.insert(Capability::Reject);
            out.push_str("reject ");
            quoted(&reason.replace('\n', "\r\n"), out);
        }
    }
}

fn tag(compare: Compare) -> &'static str {
    match compare {
        Compare::Contains => ":contains",
        Compare::Is => ":is",
        Compare::Matches => ":matches",
    }
}

fn list<T: AsRef<str>>(texts: &[T], out: &mut String) {
    out.push('[');
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        quoted(text.as_ref(), out);
    }
    out.push(']');
}

/// RFC 5228 §2.4.2: quotes and backslashes are escaped.
fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}
