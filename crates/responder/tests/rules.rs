//! Lists of rules as scripts, and back.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use message::date::DateTime;
use responder::rules::{
    AddressPart, Compare, Condition, Matching, Rule, RuleAction, RuleError, RuleList,
};
use responder::{Delivery, EmptyEnv, Event, Language, Limits, Program};

fn list(json: &str) -> RuleList {
    serde_json::from_str(json).unwrap()
}

fn script(list: &RuleList) -> Result<String, RuleError> {
    list.script(&Language::default())
}

fn read(script: &str) -> Option<RuleList> {
    RuleList::read(script.as_bytes(), &Limits::default())
}

const RULES: &str = r#"[
  {"name": "Work \"and\" more", "match": "any", "stop": true,
   "conditions": [
     {"test": "address", "fields": ["From", "Sender"], "part": "domain", "compare": "is",
      "values": ["work.test"]},
     {"test": "header", "fields": ["Subject"], "values": ["a\"b\\c", "d"], "not": true},
     {"test": "larger", "bytes": 1048576}],
   "actions": [
     {"do": "flag", "flags": ["\\Flagged"]},
     {"do": "file", "mailbox": "Work/Now", "create": true, "copy": true}]},
  {"name": "off", "enabled": false,
   "conditions": [{"test": "exists", "fields": ["List-Id"]}],
   "actions": [{"do": "discard"}]},
  {"name": "all",
   "actions": [{"do": "redirect", "address": "me@home.test", "copy": true}, {"do": "keep"}]},
  {"name": "no", "conditions": [
     {"test": "body", "compare": "matches", "values": ["*buy*"]},
     {"test": "smaller", "bytes": 10}],
   "actions": [{"do": "reject", "reason": "Not\nhere."}]}
]"#;

#[test]
fn rules_are_scripts() {
    let list = list(RULES);
    let expect = "# Made from a list of rules. Once changed by hand, it is no list any more.\n\
        require [\"fileinto\", \"reject\", \"copy\", \"imap4flags\", \"body\", \"mailbox\"];\n\
        \n\
        # rule: Work \"and\" more\n\
        if anyof (\n    address :domain :is [\"From\", \"Sender\"] [\"work.test\"],\n    \
        not header :contains [\"Subject\"] [\"a\\\"b\\\\c\", \"d\"],\n    \
        size :over 1048576\n) {\n    addflag [\"\\\\Flagged\"];\n    \
        fileinto :copy :create \"Work/Now\";\n    stop;\n}\n\
        \n\
        # rule: off\n\
        if allof (false, allof (\n    exists [\"List-Id\"]\n)) {\n    discard;\n}\n\
        \n\
        # rule: all\n\
        if allof (true) {\n    redirect :copy \"me@home.test\";\n    keep;\n}\n\
        \n\
        # rule: no\n\
        if allof (\n    body :text :matches [\"*buy*\"],\n    size :under 10\n) {\n    \
        reject \"Not\nhere.\";\n}\n";
    assert_eq!(script(&list).unwrap(), expect.replace('\n', "\r\n"));
    assert_eq!(read(&script(&list).unwrap()), Some(list.clone()));
    let again = serde_json::to_string(&list).unwrap();
    assert_eq!(serde_json::from_str::<RuleList>(&again).unwrap(), list);
    let nothing = RuleList::default();
    assert_eq!(read(&script(&nothing).unwrap()), Some(nothing));
}

/// What is written by hand is no list, however little was changed.
#[test]
fn scripts_of_people_are_no_lists() {
    let made = script(&list(RULES)).unwrap();
    for (from, to) in [
        ("discard;", "discard; "),
        ("# rule: off", "# rule:  off"),
        ("# rule: off", "# off"),
        ("size :under 10", "size :under 0010"),
        ("size :under 10", "size :under 1K"),
        ("keep;", "keep; # mine"),
        ("keep;", "keep; stop; keep;"),
        ("allof (true)", "true"),
        ("\"body\", ", ""),
        ("    stop;\r\n}", "    stop;\r\n} else { keep; }"),
        ("require", "# mine\r\nrequire"),
        ("\r\n", "\n"),
    ] {
        assert!(made.contains(from), "{from}");
        assert_eq!(read(&made.replace(from, to)), None, "{from} {to}");
    }
    for text in ["", "keep;", "if true {}", "# rule: x\r\nkeep;", "no Sieve", "\u{feff}keep;"] {
        assert_eq!(read(text), None, "{text}");
    }
    assert_eq!(RuleList::read(b"\xff", &Limits::default()), None);
}

/// A list with a mistake is refused, and the rule named.
#[test]
fn mistakes_name_their_rule() {
    let told = |rule: &str| {
        let json = format!(r#"[{{"name": "first", "stop": true}}, {rule}]"#);
        script(&list(&json)).unwrap_err().to_string()
    };
    for (rule, expect) in [
        (r#"{"name": "x"}"#, "rule 2 (\"x\"): it does nothing"),
        (
            r#"{"name": "a\nkeep;", "stop": true}"#,
            "rule 2 (\"a\\nkeep;\"): a name stands on one line",
        ),
        (
            r#"{"name": " a", "stop": true}"#,
            "rule 2 (\" a\"): a name is neither empty nor long, and has no blanks around it",
        ),
        (
            r#"{"name": "x", "actions": [{"do": "redirect", "address": "no address"}]}"#,
            "rule 2 (\"x\"): redirect: \"no address\" is no address",
        ),
        (
            r#"{"name": "x", "stop": true, "conditions": [{"test": "exists", "fields": []}]}"#,
            "rule 2 (\"x\"): a list is empty",
        ),
        (
            r#"{"name": "x", "stop": true, "conditions":
                [{"test": "header", "fields": ["a b"], "values": ["x"]}]}"#,
            "rule 2 (\"x\"): a header field has no such name",
        ),
        (
            r#"{"name": "x", "actions": [{"do": "file", "mailbox": "a\rb"}]}"#,
            "rule 2 (\"x\"): a text stands on one line, without control characters",
        ),
    ] {
        assert_eq!(told(rule), expect);
    }
    for json in [r#"[{"name": "x", "more": 1}]"#, r#"[{"name": "x", "actions": [{"do": "y"}]}]"#] {
        assert!(serde_json::from_str::<RuleList>(json).is_err(), "{json}");
    }
}

/// A list does what it says: rules that are off do nothing, `stop` ends it.
#[test]
fn rules_do_what_they_say() {
    for (rules, expect) in [
        (r#"[{"name": "a", "enabled": false, "actions": [{"do": "discard"}]}]"#, "Keep"),
        (r#"[{"name": "a", "actions": [{"do": "discard"}]}]"#, ""),
        (
            r#"[{"name": "a", "stop": true, "match": "any", "conditions": [
                {"test": "header", "fields": ["Subject"], "values": ["NONE"]},
                {"test": "header", "fields": ["Subject"], "values": ["HELLO"]}],
                "actions": [{"do": "file", "mailbox": "A"}]},
                {"name": "b", "actions": [{"do": "file", "mailbox": "B"}]}]"#,
            "FileInto",
        ),
    ] {
        let language = Language::default();
        let script = list(rules).script(&language).unwrap();
        let program = Program::compile(script.as_bytes(), &language).unwrap();
        let delivery = Delivery {
            message: b"Subject: hello\r\n\r\n",
            envelope: None,
            now: DateTime::from_unix_secs(0),
            detail_separator: '+',
            event: Event::Delivery,
        };
        let outcome = program.run(&language, &delivery, &mut EmptyEnv).unwrap();
        let names = outcome.actions.iter().map(|action| {
            let text = format!("{action:?}");
            text.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap().to_owned()
        });
        assert_eq!(names.collect::<Vec<_>>().join(" "), expect, "{rules}");
    }
}

/// Any list that is written is read as it was.
#[test]
fn lists_come_back_as_they_were() {
    let seed = std::env::var("POSTHORN_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("POSTHORN_SEED={seed}");
    let mut random = Random(fastrand::Rng::with_seed(seed));
    let mut written = 0;
    for _ in 0..500 {
        let list = random.list();
        let Ok(script) = script(&list) else { continue };
        written += 1;
        assert_eq!(read(&script).as_ref(), Some(&list), "{script}");
    }
    assert!(written > 200, "{written}");
}

struct Random(fastrand::Rng);

impl Random {
    fn list(&mut self) -> RuleList {
        RuleList { rules: (0..self.0.usize(..4)).map(|_| self.rule()).collect() }
    }

    fn rule(&mut self) -> Rule {
        let (conditions, actions) = (self.0.usize(..4), self.0.usize(1..4));
        Rule {
            name: self.text().trim().to_owned() + "x",
            enabled: self.0.bool(),
            matching: if self.0.bool() { Matching::All } else { Matching::Any },
            conditions: (0..conditions).map(|_| self.condition()).collect(),
            actions: (0..actions).map(|_| self.action()).collect(),
            stop: self.0.bool(),
        }
    }

    fn condition(&mut self) -> Condition {
        let (compare, not) = (self.compare(), self.0.bool());
        match self.0.u8(..6) {
            0 => Condition::Header { fields: self.fields(), compare, values: self.texts(), not },
            1 => {
                let parts = [AddressPart::All, AddressPart::Local, AddressPart::Domain];
                let part = parts[self.0.usize(..3)];
                let fields = vec!["From".to_owned(), "Cc".to_owned()];
                Condition::Address { fields, part, compare, values: self.texts(), not }
            }
            2 => Condition::Body { compare, values: self.texts(), not },
            3 => Condition::Exists { fields: self.fields(), not },
            4 => Condition::Larger { bytes: self.0.u32(..) },
            _ => Condition::Smaller { bytes: self.0.u32(..) },
        }
    }

    fn action(&mut self) -> RuleAction {
        let copy = self.0.bool();
        match self.0.u8(..6) {
            0 => RuleAction::Keep,
            1 => RuleAction::File { mailbox: self.text() + "m", create: self.0.bool(), copy },
            2 => RuleAction::Redirect { address: format!("a{}@b.test", self.0.u8(..)), copy },
            3 => RuleAction::Flag { flags: vec!["\\Seen".to_owned(), "$Mine".to_owned()] },
            4 => RuleAction::Discard,
            _ => RuleAction::Reject { reason: self.text() + "\n" + &self.text() },
        }
    }

    fn compare(&mut self) -> Compare {
        [Compare::Contains, Compare::Is, Compare::Matches][self.0.usize(..3)]
    }

    fn fields(&mut self) -> Vec<String> {
        (0..self.0.usize(1..3)).map(|_| format!("X-{}", self.0.u8(..))).collect()
    }

    fn texts(&mut self) -> Vec<String> {
        (0..self.0.usize(1..4)).map(|_| self.text()).collect()
    }

    /// Texts that try to end what they stand in.
    fn text(&mut self) -> String {
        const PARTS: [&str; 18] = [
            "a",
            "Z",
            " ",
            "\"",
            "\\",
            "*",
            "?",
            "#",
            "/*",
            "*/",
            ";",
            "{",
            "}",
            "]",
            "${a}",
            "\u{e9}",
            "\u{1f4ef}",
            "text:",
        ];
        (0..self.0.usize(..6)).map(|_| PARTS[self.0.usize(..PARTS.len())]).collect()
    }
}
