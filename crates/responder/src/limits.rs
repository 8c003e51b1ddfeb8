//! Bounds on what a script, or a message under it, can make this crate do.

/// Every bound. What a script exceeds when it is compiled is an error with its place; what it
/// exceeds when it runs is a failure, which keeps the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one script.
    pub script_bytes_max: usize,
    /// Blocks and tests inside each other. Values above [`Limits::NESTING_CEILING`] count as that.
    pub nesting_max: usize,
    /// Commands, tests, arguments and strings of one script together.
    pub nodes_max: usize,
    /// Mistakes told of one script.
    pub mistakes_max: usize,
    /// What a run may take; see [`crate::Outcome::steps`].
    pub steps_max: u64,
    /// Bytes of one string that a run puts together.
    pub string_bytes_max: usize,
    /// Bytes of all variables and match values, names included.
    pub variables_bytes_max: usize,
    /// Bytes of one variable; what is longer is cut (RFC 5229 §6).
    pub variable_bytes_max: usize,
    /// Variables of one script.
    pub variables_max: usize,
    /// Actions of all kinds.
    pub actions_max: usize,
    /// The most `redirect` actions of a run.
    pub redirects_max: usize,
    /// Redirections to members of external lists.
    pub list_members_max: usize,
    /// The most `notify` actions of a run.
    pub notifications_max: usize,
    /// Bytes of one compiled regular expression, and of the states kept while it is matched.
    pub regex_bytes_max: usize,
    /// Bytes of all regular expressions of one script.
    pub regexes_bytes_max: usize,
    /// Scripts included by one run, each inclusion counted.
    pub includes_max: usize,
    /// Inclusions inside each other.
    pub include_depth_max: usize,
    /// Header fields that a script adds, or versions of the message it makes.
    pub edits_max: usize,
    /// Bytes of all changed versions of a message together.
    pub edited_bytes_max: usize,
    /// Flags of one variable or message.
    pub flags_max: usize,
    /// The shortest time after which a sender is answered again.
    pub vacation_min_secs: u64,
    /// The longest, and the one that `:days` is cut to.
    pub vacation_max_secs: u64,
    /// The one that counts where the script says nothing.
    pub vacation_default_secs: u64,
    /// The longest time that a duplicate is remembered.
    pub duplicate_max_secs: u64,
    /// The time where the script says nothing.
    pub duplicate_default_secs: u64,
    /// How much of a message is looked into.
    pub message: message::Limits,
}

impl Limits {
    /// LIMIT: scripts are read and run by recursion; 64 levels stay far below any stack size.
    pub const NESTING_CEILING: usize = 64;
}

const DAY_SECS: u64 = 86_400;

impl Default for Limits {
    fn default() -> Self {
        Self {
            // LIMIT: 1,000 rules as rule editors write them have some 150 kB.
            script_bytes_max: 1 << 20,
            // LIMIT: RFC 5228 §2.10.5 asks for 15 levels of blocks and of tests.
            nesting_max: 48,
            // LIMIT: 1,000 rules of ten tests with three arguments each.
            nodes_max: 100_000,
            // LIMIT: more than a person mends in one go.
            mistakes_max: 20,
            // LIMIT: some 200 ms, or ten looks at a message of 50 MB; 100 rules on an ordinary
            // message take some 2,000.
            steps_max: 10_000_000,
            // LIMIT: a whole text part, or an answer with its HTML.
            string_bytes_max: 1 << 20,
            variables_bytes_max: 4 << 20,
            // LIMIT: RFC 5229 §6 asks for 4,000 characters.
            variable_bytes_max: 64 << 10,
            // LIMIT: RFC 5229 §6 asks for 128.
            variables_max: 256,
            actions_max: 32,
            redirects_max: 8,
            // LIMIT: a circle of people; what goes to more is for a list of the server.
            list_members_max: 100,
            notifications_max: 4,
            // LIMIT: an expression of some 5,000 characters, or `.{300}`.
            regex_bytes_max: 512 << 10,
            // LIMIT: 1,000 expressions as people write them.
            regexes_bytes_max: 8 << 20,
            includes_max: 64,
            include_depth_max: 10,
            edits_max: 64,
            edited_bytes_max: 64 << 20,
            flags_max: 64,
            // R-RESP-3: nobody is answered twice within 7 days; RFC 6131 §2 lets a site say so.
            vacation_min_secs: 7 * DAY_SECS,
            vacation_max_secs: 365 * DAY_SECS,
            vacation_default_secs: 7 * DAY_SECS,
            duplicate_max_secs: 30 * DAY_SECS,
            // RFC 7352 §3: the default is implementation specific, some days.
            duplicate_default_secs: 7 * DAY_SECS,
            message: message::Limits::default(),
        }
    }
}
