//! The words that test scripts have beyond Sieve, and what they compare.

use responder::HostWord;
use responder::HostWordKind::{Block, Command, Test};

/// All of them.
pub(crate) const WORDS: &[HostWord] = &[
    HostWord { name: "test", kind: Block },
    HostWord { name: "test_fail", kind: Command },
    HostWord { name: "test_set", kind: Command },
    HostWord { name: "test_config_set", kind: Command },
    HostWord { name: "test_config_unset", kind: Command },
    HostWord { name: "test_config_reload", kind: Command },
    HostWord { name: "test_mailbox_create", kind: Command },
    HostWord { name: "test_mailbox_delete", kind: Command },
    HostWord { name: "test_imap_metadata_set", kind: Command },
    HostWord { name: "test_message", kind: Command },
    HostWord { name: "test_message_print", kind: Command },
    HostWord { name: "test_result_print", kind: Command },
    HostWord { name: "test_result_reset", kind: Command },
    HostWord { name: "test_binary_load", kind: Command },
    HostWord { name: "test_binary_save", kind: Command },
    HostWord { name: "test_script_compile", kind: Test },
    HostWord { name: "test_script_run", kind: Test },
    HostWord { name: "test_multiscript", kind: Test },
    HostWord { name: "test_result_execute", kind: Test },
    HostWord { name: "test_result_action", kind: Test },
    HostWord { name: "test_error", kind: Test },
    HostWord { name: "test_message", kind: Test },
];

/// The arguments of a word, sorted.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) tags: Vec<String>,
    pub(crate) numbers: Vec<u64>,
    pub(crate) texts: Vec<Vec<String>>,
    /// What follows a tag at once.
    pub(crate) after: Vec<(String, String)>,
}

impl Given {
    pub(crate) fn of(arguments: &[responder::HostArgument]) -> Self {
        use responder::HostArgument::{Number, Tag, Texts};
        let mut given = Self::default();
        for (index, argument) in arguments.iter().enumerate() {
            match argument {
                Tag(tag) => {
                    given.tags.push(tag.to_ascii_lowercase());
                    let after = match arguments.get(index + 1) {
                        Some(Texts(texts)) => texts.first().cloned().unwrap_or_default(),
                        Some(Number(number)) => number.to_string(),
                        _ => String::new(),
                    };
                    given.after.push((tag.to_ascii_lowercase(), after));
                }
                Number(number) => given.numbers.push(*number),
                Texts(texts) => given.texts.push(texts.clone()),
            }
        }
        given
    }

    pub(crate) fn after(&self, tag: &str) -> Option<&str> {
        self.after.iter().find(|(name, _)| name == tag).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self, index: usize) -> &str {
        self.texts.get(index).and_then(|texts| texts.first()).map_or("", String::as_str)
    }

    /// The list that comes last.
    pub(crate) fn keys(&self) -> &[String] {
        self.texts.last().map_or(&[], Vec::as_slice)
    }

    /// How a count stands to the keys.
    pub(crate) fn counts(&self, count: usize) -> bool {
        let relation = self.after("count").unwrap_or("eq");
        self.keys().iter().any(|key| {
            let key: usize = key.parse().unwrap_or(usize::MAX);
            match relation {
                "gt" => count > key,
                "ge" => count >= key,
                "lt" => count < key,
                "le" => count <= key,
                "ne" => count != key,
                _ => count == key,
            }
        })
    }
}
