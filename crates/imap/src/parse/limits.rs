//! Every bound on what a client can send: lines, literals, lists, nesting and sets.

/// Bounds of framing and parsing. All are inclusive maxima.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a command with its argument literals, without messages to append, before
    /// sign-in.
    pub line_bytes_max_before_login: usize,
    /// The same bound after sign-in.
    pub line_bytes_max: usize,
    /// Octets of one literal before sign-in.
    pub literal_bytes_max_before_login: u64,
    /// Octets of one argument literal after sign-in.
    pub literal_bytes_max: u64,
    /// Octets of the value of an annotation of a mailbox, which a client is told that sends more
    /// than is read.
    pub metadata_value_bytes_max: u64,
    /// Octets of one message to append.
    pub append_bytes_max: u64,
    /// Octets of all messages of one APPEND.
    pub append_total_bytes_max: u64,
    /// Messages in one APPEND.
    pub append_messages_max: usize,
    /// Literals in one command.
    pub literals_max: usize,
    /// Octets thrown away to find the end of a refused command before the connection is ended.
    pub skip_bytes_max: u64,
    /// Ranges in one sequence set, and in all sets together of the searches that a session
    /// follows.
    pub sequence_ranges_max: usize,
    /// Data items of one FETCH, macros expanded.
    pub fetch_attributes_max: usize,
    /// Field names in all HEADER.FIELDS of one FETCH.
    pub header_fields_max: usize,
    /// Numbers in one part path; deeper parts do not exist.
    pub part_depth_max: usize,
    /// Keys in one SEARCH.
    pub search_keys_max: usize,
    /// Searches whose results one session may follow.
    pub contexts_max: usize,
    /// Mailboxes named in all groups of one ESEARCH or NOTIFY.
    pub named_mailboxes_max: usize,
    /// Mailboxes searched by one command.
    pub searched_mailboxes_max: usize,
    /// Parentheses, OR and NOT inside each other.
    pub depth_max: usize,
    /// Flags and keywords in one list.
    pub flags_max: usize,
    /// Patterns of one LIST.
    pub list_patterns_max: usize,
    /// Octets of all patterns of one LIST with the reference before each.
    pub list_pattern_bytes_max: usize,
    /// Octets of one mailbox name or pattern as sent.
    pub mailbox_bytes_max: usize,
    /// Options, items or capabilities in any other list.
    pub items_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // LIMIT: an ID of 30 fields of 30 and values of 1,024 octets (RFC 2971 §3.3), each
            // octet escaped; a SASL message of 8 KiB (a Kerberos ticket, a long token) in base64
            // fits as well.
            line_bytes_max_before_login: 64 * 1024,
            // LIMIT: RFC 7162 §4 asks for 8192; sets of scattered UIDs from Outlook reach 60,000.
            line_bytes_max: 256 * 1024,
            // LIMIT: user names and passwords.
            literal_bytes_max_before_login: 4 * 1024,
            literal_bytes_max: 64 * 1024,
            // LIMIT: storage has the last word.
            metadata_value_bytes_max: 32 * 1024,
            // LIMIT: the usual size limit of a message on its way in.
            append_bytes_max: 64 * 1024 * 1024,
            // LIMIT: one APPEND holds this much memory; clients send some MiB at a time.
            append_total_bytes_max: 128 * 1024 * 1024,
            append_messages_max: 1000,
            // LIMIT: two per appended message (UTF8 and CATENATE forms), or one per argument.
            literals_max: 2000,
            // LIMIT: a whole message of twice the limit is skipped to keep the connection.
            skip_bytes_max: 128 * 1024 * 1024,
            // LIMIT: what 256 KiB of three-digit numbers and commas can name.
            sequence_ranges_max: 65_536,
            fetch_attributes_max: 256,
            header_fields_max: 1000,
            part_depth_max: 128,
            // LIMIT: large rule sets of webmail programs stay below 1,000 keys.
            search_keys_max: 2000,
            // LIMIT: a program shows some views of a mailbox at a time; each costs a test of every
            // message that changes.
            contexts_max: 16,
            // LIMIT: each is compared with every mailbox of the account.
            named_mailboxes_max: 2000,
            // LIMIT: people have some hundred; the views of those searched may all stay in memory.
            searched_mailboxes_max: 2000,
            depth_max: 64,
            // LIMIT: all keywords that a mailbox may have (`limits.keywords`) and the system flags.
            flags_max: 1_000 + 5,
            list_patterns_max: 256,
            // LIMIT: each costs its length times that of every name of the account.
            list_pattern_bytes_max: 4096,
            // LIMIT: R-FOLD-5 allows 1,024 bytes of UTF-8; modified UTF-7 takes up to 2.7 times
            // that.
            mailbox_bytes_max: 4096,
            items_max: 64,
        }
    }
}

/// How the client spells text at this point of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// IMAP4rev1: mailbox names in modified UTF-7 (RFC 3501 §5.1.3).
    #[default]
    Rev1,
    /// After ENABLE IMAP4rev2: mailbox names in UTF-8 (RFC 9051 §5.1).
    Utf8,
    /// After ENABLE UTF8=ACCEPT: likewise, and everything else is UTF-8 as well (RFC 6855 §3).
    Utf8Accept,
}
