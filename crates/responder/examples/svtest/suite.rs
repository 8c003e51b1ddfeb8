//! One test script: the words it steers itself with.

use std::path::{Path, PathBuf};

use message::date::DateTime;
use responder::{
    Action, Capability, CapabilitySet, Delivery, Env, Envelope, Event, HostCall, HostReply, Keep,
    Language, Limits, Outcome, Program,
};

use crate::words::{Given, WORDS};
use crate::world::World;

/// A test and how it went.
pub(crate) struct Tested {
    pub(crate) name: String,
    pub(crate) result: Result<(), String>,
}

/// The state of a test script.
pub(crate) struct Suite {
    folder: PathBuf,
    tests: Vec<Tested>,
    world: World,
    from: String,
    to: String,
    program: Option<Program>,
    outcome: Option<Outcome>,
    errors: Vec<String>,
}

/// Who sent or gets a message, where the script does not say it.
fn first_address(message: &[u8], field: &str, otherwise: &str) -> String {
    let found = message::header_fields(message).find(|found| found.is(field));
    let items = found.map(|found| message::address_list(found.value, 1)).unwrap_or_default();
    match items.first() {
        Some(message::ListItem::Mailbox(listed)) if !listed.host.is_empty() => format!(
            "{}@{}",
            String::from_utf8_lossy(&listed.local),
            String::from_utf8_lossy(&listed.host)
        ),
        _ => otherwise.to_owned(),
    }
}

fn language(settings: &World) -> Language {
    let mut limits = Limits::default();
    let put = |name: &str, limit: &mut usize| {
        if let Some(value) = settings.settings.get(name).and_then(|text| text.trim().parse().ok()) {
            *limit = value;
        }
    };
    put("sieve_notify_max_notifications", &mut limits.notifications_max);
    put("sieve_variables_max_variable_size", &mut limits.variable_bytes_max);
    put("sieve_variables_max_value_size", &mut limits.variable_bytes_max);
    put("sieve_include_max_includes", &mut limits.includes_max);
    put("sieve_include_max_nesting_depth", &mut limits.include_depth_max);
    limits.redirects_max = 4;
    limits.mistakes_max = 200;
    if settings.settings.contains_key("sieve_vacation_min_period") {
        limits.vacation_min_secs = 0;
    }
    let mut capabilities = CapabilitySet::ALL;
    // Not enabled by default there, and tests rely on it.
    capabilities.remove(Capability::ImapSieve);
    Language {
        limits,
        capabilities,
        host_capability: Some("vnd.dovecot.testsuite"),
        host_words: WORDS,
    }
}

impl Suite {
    /// Runs a test script, and gives its tests.
    pub(crate) fn run(path: &Path) -> Vec<Tested> {
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        let world = World { folder: folder.clone(), ..World::default() };
        let mut suite = Self {
            folder,
            tests: Vec::new(),
            world,
            from: "sender@example.com".to_owned(),
            to: "recipient@example.com".to_owned(),
            program: None,
            outcome: None,
            errors: Vec::new(),
        };
        let language = language(&suite.world);
        let text = std::fs::read(path).unwrap_or_default();
        let failed = |what: String| Tested { name: "(script)".to_owned(), result: Err(what) };
        let program = match Program::compile(&text, &language) {
            Ok(program) => program,
            Err(errors) => {
                let what: Vec<String> = errors.iter().map(ToString::to_string).collect();
                return vec![failed(what.join("; "))];
            }
        };
        let delivery = suite.delivery(b"From: sender@example.com\r\nTo: recipient@example.com\r\nSubject: Test\r\n\r\nTest.\r\n");
        if let Err(failure) = program.run(&language, &delivery, &mut suite) {
            suite.tests.push(failed(failure.to_string()));
        }
        suite.tests
    }

    fn delivery<'m>(&self, message: &'m [u8]) -> Delivery<'m> {
        let envelope = Envelope {
            from: self.from.clone().into(),
            to: self.to.clone().into(),
            ..Envelope::default()
        };
        Delivery {
            message,
            envelope: Some(envelope),
            now: DateTime::from_unix_secs(1_764_000_000),
            detail_separator: '+',
            event: Event::Delivery,
        }
    }

    fn compile(&mut self, name: &str) -> bool {
        self.errors.clear();
        self.program = None;
        let text = match std::fs::read(self.folder.join(name)) {
            Ok(text) => text,
            Err(error) => {
                self.errors.push(error.to_string());
                return false;
            }
        };
        match Program::compile(&text, &language(&self.world)) {
            Ok(program) => self.program = Some(program),
            Err(errors) => {
                self.errors = errors.iter().map(ToString::to_string).collect();
                // There, the sum of it is told as one more.
                self.errors.push("the script has mistakes".to_owned());
            }
        }
        self.program.is_some()
    }

    fn run_program(&mut self, message: &[u8], append: bool) -> bool {
        self.errors.clear();
        let Some(program) = self.program.take() else { return false };
        let delivery = self.delivery(message);
        let language = language(&self.world);
        self.world.message = message.to_vec();
        self.world.recipient = self.to.clone();
        let result = program.run(&language, &delivery, &mut self.world);
        self.program = Some(program);
        match (result, self.outcome.take().filter(|_| append)) {
            (Ok(outcome), None) => self.outcome = Some(outcome),
            (Ok(mut outcome), Some(before)) => {
                let mut actions = before.actions;
                actions.append(&mut outcome.actions);
                self.outcome = Some(Outcome { actions, ..outcome });
            }
            (Err(failure), _) => {
                self.errors.push(failure.to_string());
                // RFC 5228 §2.10.6: the message is kept as it came.
                let keep = Keep { is_implicit: true, ..Keep::default() };
                self.outcome =
                    Some(Outcome { actions: vec![Action::Keep(keep)], ..Outcome::default() });
                return false;
            }
        }
        true
    }

    fn execute(&mut self, call: &HostCall<'_>) -> bool {
        self.errors.clear();
        let outcome = self.outcome.clone().unwrap_or_else(|| call.pending.clone());
        let (from, to) = (self.from.clone(), self.to.clone());
        // Version 0 is the message as it came; a pending outcome counts from the one shown.
        match self.world.execute(&outcome, call.message, &from, &to) {
            Ok(()) => true,
            Err(what) => {
                self.errors.push(what);
                false
            }
        }
    }

    fn message(&mut self, given: &Given) -> Option<(Vec<u8>, Vec<String>)> {
        let index = usize::try_from(*given.numbers.last()?).ok()?;
        let stored = match given.after("folder").or(given.after("mailbox")) {
            Some(name) => self.world.mailboxes.get(name)?.get(index)?.clone(),
            None => {
                let sent = self.world.sent.get(index)?.clone();
                self.from.clone_from(&sent.from);
                self.to.clone_from(&sent.to);
                sent
            }
        };
        Some((stored.message, stored.flags))
    }

    fn has_action(&self, call: &HostCall<'_>, given: &Given) -> bool {
        let outcome = self.outcome.as_ref().unwrap_or(call.pending);
        let explicit = |action: &&Action| !matches!(action, Action::Keep(keep) if keep.is_implicit);
        let actions: Vec<&Action> = outcome.actions.iter().filter(explicit).collect();
        if given.after("count").is_some() {
            return given.counts(actions.len());
        }
        let index: usize = given.after("index").and_then(|n| n.parse().ok()).unwrap_or(1);
        let name = match actions.get(index.saturating_sub(1)).copied() {
            Some(Action::Keep(_)) => "keep",
            Some(Action::FileInto(_)) => "store",
            Some(Action::Redirect(_)) => "redirect",
            Some(Action::Reject(_)) => "reject",
            Some(Action::Vacation(_)) => "vacation",
            Some(Action::Notify(_)) => "notify",
            Some(Action::ProcessCalendar(_)) => "processcalendar",
            None => return false,
        };
        given.keys().iter().any(|key| key == name)
    }

    fn has_error(&self, given: &Given) -> bool {
        if given.after("count").is_some() {
            let holds = given.counts(self.errors.len());
            if std::env::var_os("SVTEST_ERRORS").is_some() {
                println!("  {} of {:?}: {:#?}", self.errors.len(), given.keys(), self.errors);
            }
            return holds;
        }
        let index: usize = given.after("index").and_then(|n| n.parse().ok()).unwrap_or(1);
        self.errors.get(index.saturating_sub(1)).is_some()
    }

    fn reply(&self, message: Vec<u8>, flags: Vec<String>) -> HostReply {
        let (from, to) = (self.from.clone(), self.to.clone());
        HostReply::Message { message, flags, from, to }
    }

    fn set(&mut self, given: &Given) -> HostReply {
        let value = given.text(1).to_owned();
        match given.text(0) {
            "message" => {
                self.world.message = value.clone().into_bytes();
                self.from = first_address(&self.world.message, "From", "sender@example.com");
                self.to = first_address(&self.world.message, "To", "recipient@example.com");
                return self.reply(value.into_bytes(), Vec::new());
            }
            "envelope.from" => {
                self.from = value.trim_matches(['<', '>']).to_owned();
                return HostReply::Envelope("from", self.from.clone());
            }
            "envelope.to" => {
                self.to = value.trim_matches(['<', '>']).to_owned();
                return HostReply::Envelope("to", self.to.clone());
            }
            "envelope.auth" => return HostReply::Envelope("auth", value),
            _ => {}
        }
        HostReply::Next
    }
}

impl Env for Suite {
    fn host(&mut self, call: &HostCall<'_>) -> HostReply {
        let given = Given::of(call.arguments);
        match call.name {
            "test" => match call.ended {
                None => self.errors.clear(),
                Some(result) => {
                    let result = result.map_err(str::to_owned);
                    self.tests.push(Tested { name: given.text(0).to_owned(), result });
                }
            },
            "test_fail" => return HostReply::Fail(given.text(0).to_owned()),
            "test_set" => return self.set(&given),
            "test_config_set" => {
                if given.text(0) == "sieve_extlists_list" {
                    for name in given.text(1).split_whitespace() {
                        self.world.settings.insert(format!("list {name}"), String::new());
                    }
                }
                let key = given.text(0).to_owned();
                self.world.settings.insert(key, given.text(1).to_owned());
            }
            "test_config_unset" => {
                self.world.settings.remove(given.text(0));
            }
            "test_mailbox_create" => {
                self.world.mailboxes.entry(given.text(0).to_owned()).or_default();
            }
            "test_imap_metadata_set" => {
                let mailbox = given.after("mailbox").map(str::to_owned);
                let at = usize::from(mailbox.is_some());
                let entry = given.text(at).to_ascii_lowercase();
                self.world.metadata.insert((mailbox, entry), given.text(at + 1).to_owned());
            }
            "test_message" => match self.message(&given) {
                Some((message, flags)) => return self.reply(message, flags),
                None => return HostReply::Holds(false),
            },
            "test_result_reset" => {
                self.outcome = None;
                self.world.sent.clear();
                // Who was answered is not remembered from test to test there.
                self.world.answered.clear();
                return HostReply::Forget;
            }
            "test_script_compile" => return HostReply::Holds(self.compile(given.text(0))),
            "test_script_run" => {
                let append = given.tags.iter().any(|tag| tag.starts_with("append"));
                return HostReply::Holds(self.run_program(call.message, append));
            }
            "test_multiscript" => {
                let mut all = true;
                for name in given.keys() {
                    all &= self.compile(name) && self.run_program(call.message, true);
                }
                return HostReply::Holds(all);
            }
            "test_result_execute" => return HostReply::Holds(self.execute(call)),
            "test_result_action" => return HostReply::Holds(self.has_action(call, &given)),
            "test_error" => return HostReply::Holds(self.has_error(&given)),
            _ => {}
        }
        HostReply::Next
    }

    fn mailbox_exists(&mut self, name: &str) -> bool {
        self.world.mailbox_exists(name)
    }
    fn metadata(&mut self, mailbox: Option<&str>, entry: &str) -> Option<String> {
        self.world.metadata(mailbox, entry)
    }
    fn environment(&mut self, item: &str) -> Option<String> {
        self.world.environment(item)
    }
    fn is_duplicate(&mut self, key: &responder::DuplicateKey) -> bool {
        self.world.is_duplicate(key)
    }
    fn script(&mut self, location: responder::Location, name: &str) -> Option<Vec<u8>> {
        self.world.script(location, name)
    }
    fn spam_value(&mut self) -> u8 {
        self.world.spam_value()
    }
    fn spam_percent(&mut self) -> Option<u8> {
        self.world.spam_percent()
    }
    fn virus_value(&mut self) -> u8 {
        self.world.virus_value()
    }
    fn list_exists(&mut self, list: &str) -> bool {
        self.world.list_exists(list)
    }
}
