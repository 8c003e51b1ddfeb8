//! Lists of simple rules, as people edit them, and the scripts they are (R-FILT-1).
//!
//! [`RuleList::script`] writes a list as a script, [`RuleList::read`] reads a list back.
//!
//! **Invariant:** a script is read as a list only if that list is written as this very script, so
//! that nothing in it can get lost; any other script is somebody's own work.
//! **Absent:** which script of an account is made of a list, which storage knows.

mod read;
mod write;

use serde::{Deserialize, Serialize};

/// Rules, in the order in which they look at a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleList {
    /// The rules, in order.
    pub rules: Vec<Rule>,
}

/// A rule of a list: conditions and what follows from them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rule {
    /// What its owner calls it; on one line.
    pub name: String,
    /// Whether it is used.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// How many conditions must hold.
    #[serde(default, rename = "match")]
    pub matching: Matching,
    /// What must hold; none: every message.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// What is done then, in order.
    #[serde(default)]
    pub actions: Vec<RuleAction>,
    /// Whether no later rule looks at the message then.
    #[serde(default)]
    pub stop: bool,
}

/// How many conditions of a rule must hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Matching {
    /// Every condition has to hold.
    #[default]
    All,
    /// One condition has to hold.
    Any,
}

/// A condition of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "test", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Condition {
    /// One of the header fields has one of the values (RFC 5228 §5.7).
    Header {
        /// Names of fields.
        fields: Vec<String>,
        /// How values are compared.
        #[serde(default)]
        compare: Compare,
        /// The values to compare with.
        values: Vec<String>,
        /// Whether it must not hold.
        #[serde(default)]
        not: bool,
    },
    /// One of the addresses in these fields is one of the values (RFC 5228 §5.1).
    Address {
        /// Names of fields.
        fields: Vec<String>,
        /// Which part of an address is compared.
        #[serde(default)]
        part: AddressPart,
        /// How values are compared.
        #[serde(default)]
        compare: Compare,
        /// The values to compare with.
        values: Vec<String>,
        /// Whether it must not hold.
        #[serde(default)]
        not: bool,
    },
    /// The text of the message has one of the values (RFC 5173 §5.3).
    Body {
        /// How values are compared.
        #[serde(default)]
        compare: Compare,
        /// The values to compare with.
        values: Vec<String>,
        /// Whether it must not hold.
        #[serde(default)]
        not: bool,
    },
    /// Each of these fields is there (RFC 5228 §5.5).
    Exists {
        /// Names of fields.
        fields: Vec<String>,
        /// Whether it must not hold.
        #[serde(default)]
        not: bool,
    },
    /// The message is larger (RFC 5228 §5.9).
    Larger {
        /// Than this many bytes.
        bytes: u32,
    },
    /// The message is smaller.
    Smaller {
        /// Than this many bytes.
        bytes: u32,
    },
}

/// How values are compared (RFC 5228 §2.7.1); upper and lower case are alike.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compare {
    /// The text holds the value.
    #[default]
    Contains,
    /// The text is the value.
    Is,
    /// The text is as the pattern says, in which `*` stands for any text and `?` for any
    /// character.
    Matches,
}

/// The part of an address that is compared (RFC 5228 §2.7.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressPart {
    /// The whole address.
    #[default]
    All,
    /// The local part.
    Local,
    /// The domain.
    Domain,
}

/// An action of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum RuleAction {
    /// Keeps the message in INBOX (RFC 5228 §4.3).
    Keep,
    /// Files it into a mailbox (RFC 5228 §4.1).
    File {
        /// The mailbox to file into.
        mailbox: String,
        /// Whether it is made where it is missing (RFC 5490 §3.2).
        #[serde(default)]
        create: bool,
        /// Whether the message goes where it would besides (RFC 3894 §3).
        #[serde(default)]
        copy: bool,
    },
    /// Sends it on (RFC 5228 §4.2).
    Redirect {
        /// The address to redirect to.
        address: String,
        /// Whether the message goes where it would besides.
        #[serde(default)]
        copy: bool,
    },
    /// Marks it with flags, which hold for the actions that follow (RFC 5232 §3.2).
    Flag {
        /// The flags to set.
        flags: Vec<String>,
    },
    /// Throws it away (RFC 5228 §4.4).
    Discard,
    /// Refuses it (RFC 5429 §2.2).
    Reject {
        /// Why, as the sender is told.
        reason: String,
    },
}

/// Why a list can't be made a script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rule {number} ({name:?}): {problem}")]
pub struct RuleError {
    /// Which rule; the first is 1.
    pub number: usize,
    /// The name of the rule.
    pub name: String,
    /// What is wrong with the rule.
    pub problem: String,
}

const fn yes() -> bool {
    true
}
