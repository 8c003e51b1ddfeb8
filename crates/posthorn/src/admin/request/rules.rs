//! Requests about scripts, value lists, responders and redirections.

use responder::rules::RuleList;
use serde::{Deserialize, Serialize};

/// What is done with the scripts of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SieveVerb {
    Put {
        name: String,
        text: String,
    },
    Get {
        name: String,
    },
    List,
    /// `None`: no script is active.
    Activate {
        name: Option<String>,
    },
    Remove {
        name: String,
    },
    Check {
        text: String,
    },
    /// The list of rules that a script was made of.
    Rules {
        name: String,
    },
    PutRules {
        name: String,
        rules: RuleList,
        /// Whether it takes the place of what a person wrote.
        force: bool,
    },
}

/// What is done with the lists of values of an account; of everybody, where it is `*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ValueListVerb {
    Put { name: String, values: Vec<String> },
    Get { name: String },
    List,
    Remove { name: String },
}

/// What is done with the responders of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ResponderVerb {
    Add {
        name: String,
        change: ResponderChange,
    },
    Edit {
        name: String,
        change: ResponderChange,
    },
    List,
    Activate {
        name: String,
    },
    /// `None`: whichever is active.
    Deactivate {
        name: Option<String>,
    },
    Reset {
        name: String,
    },
    Remove {
        name: String,
    },
}

/// What a responder gets; the rest stays as it is. An empty text takes away what was there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResponderChange {
    pub(crate) subject: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) html: Option<String>,
    pub(crate) from: Option<String>,
    pub(crate) until: Option<String>,
    pub(crate) weekdays: Option<String>,
    pub(crate) sender: Option<String>,
    /// The sender is known to agree.
    pub(crate) sender_confirmed: bool,
    pub(crate) excluded: Vec<String>,
}

/// What is done with the redirections of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RedirectVerb {
    Add { target: String, keep: bool, confirmed: bool },
    List,
    Remove { target: String },
}

/// A script in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ScriptRow {
    pub(crate) name: String,
    pub(crate) active: bool,
    pub(crate) size_bytes: u64,
    /// Whether it was made of a list of rules.
    #[serde(default)]
    pub(crate) of_rules: bool,
}

/// A list of values in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ValueListRow {
    pub(crate) name: String,
    pub(crate) values: u64,
}

/// A responder in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResponderRow {
    pub(crate) name: String,
    pub(crate) active: bool,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
    pub(crate) from: Option<String>,
    pub(crate) until: Option<String>,
    pub(crate) weekdays: String,
    pub(crate) sender: Option<String>,
    pub(crate) excluded: Vec<String>,
}

/// A redirection in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RedirectRow {
    pub(crate) target: String,
    pub(crate) keep: bool,
    pub(crate) confirmed: bool,
}
