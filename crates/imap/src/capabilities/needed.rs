//! Which capabilities a command makes use of: what is switched off is not only kept silent but
//! refused.

use crate::commands::table::Row;
use crate::types::{
    AppendArgs, AppendData, AppendMessage, CatenatePart, Command, FetchArgs, FetchAttribute,
    ListArgs, NotifyArgs, SearchKey, SearchReturn, SelectArgs, SortKey, StatusItem, StatusItems,
    ThreadAlgorithm,
};
use crate::url::ImapUrl;

/// Commands that a capability brings as a whole, by their names with and without `UID `.
const COMMANDS: &[(&str, &str)] = &[
    ("CANCELUPDATE", "CONTEXT=SEARCH"),
    ("COMPARATOR", "I18NLEVEL=2"),
    ("COMPRESS", "COMPRESS=DEFLATE"),
    ("DELETEACL", "ACL"),
    ("ENABLE", "ENABLE"),
    ("ESEARCH", "MULTISEARCH"),
    ("GENURLAUTH", "URLAUTH"),
    ("GETACL", "ACL"),
    ("GETMETADATA", "METADATA"),
    ("GETQUOTA", "QUOTA"),
    ("GETQUOTAROOT", "QUOTA"),
    ("ID", "ID"),
    ("IDLE", "IDLE"),
    ("LANGUAGE", "LANGUAGE"),
    ("LISTRIGHTS", "ACL"),
    ("MOVE", "MOVE"),
    ("MYRIGHTS", "ACL"),
    ("NAMESPACE", "NAMESPACE"),
    ("NOTIFY", "NOTIFY"),
    ("REPLACE", "REPLACE"),
    ("RESETKEY", "URLAUTH"),
    ("SETACL", "ACL"),
    ("SETMETADATA", "METADATA"),
    ("SETQUOTA", "QUOTASET"),
    ("SORT", "SORT"),
    ("STARTTLS", "STARTTLS"),
    ("UID EXPUNGE", "UIDPLUS"),
    ("UNAUTHENTICATE", "UNAUTHENTICATE"),
    ("UNSELECT", "UNSELECT"),
    ("URLFETCH", "URLAUTH"),
    ("XLIST", "SPECIAL-USE"),
];

const ANNOTATE: &str = "ANNOTATE-EXPERIMENT-1";

/// The capabilities without which the command could not be.
pub(crate) fn needed(row: &Row, command: &Command) -> Vec<&'static str> {
    let mut needed = Vec::new();
    let name = row.name;
    let is = |known: &str| known == name || name.strip_prefix("UID ") == Some(known);
    needed
        .extend(COMMANDS.iter().filter(|(known, _)| is(known)).map(|(_, capability)| *capability));
    match command {
        Command::Authenticate(args) => {
            needed.extend(args.initial_response.as_ref().map(|_| "SASL-IR"));
            needed.extend(mechanism(&args.mechanism));
        }
        Command::Append(args) => append(args, &mut needed),
        Command::Replace(args) => append_message(&args.message, &mut needed),
        Command::GenUrlAuth(urls) => {
            urls.iter().for_each(|url| partial_url(&url.rump, &mut needed));
        }
        Command::UrlFetch(urls) => urls.iter().for_each(|wanted| {
            partial_url(&wanted.url, &mut needed);
            needed.extend(wanted.metadata.map(|_| "URLAUTH=BINARY"));
        }),
        Command::Create(args) if !args.special_uses.is_empty() => needed.push("CREATE-SPECIAL-USE"),
        Command::Select(args) | Command::Examine(args) => select(args, &mut needed),
        Command::List(args) => list(args, &mut needed),
        Command::Status(_, items) => status(*items, &mut needed),
        Command::Fetch(args) => fetch(args, &mut needed),
        Command::Annotate(args) => {
            needed.push(ANNOTATE);
            needed.extend(args.unchanged_since.map(|_| "CONDSTORE"));
        }
        Command::Store(args) => needed.extend(args.unchanged_since.map(|_| "CONDSTORE")),
        Command::Notify(NotifyArgs::Set { groups, .. }) => {
            groups.iter().for_each(|group| attributes(&group.fetch, &mut needed));
        }
        Command::Search(args) => {
            arrivals(&args.fetch, &mut needed);
            search(&args.key, args.returns, ["ESEARCH", "CONTEXT=SEARCH"], &mut needed);
        }
        Command::Esearch(args) => {
            arrivals(&args.fetch, &mut needed);
            search(&args.key, args.returns, ["ESEARCH", "CONTEXT=SEARCH"], &mut needed);
        }
        Command::Sort(args) => {
            arrivals(&args.fetch, &mut needed);
            search(&args.key, args.returns, ["ESORT", "CONTEXT=SORT"], &mut needed);
            needed.extend(args.criteria.iter().filter_map(|criterion| match criterion.key {
                SortKey::DisplayFrom | SortKey::DisplayTo => Some("SORT=DISPLAY"),
                SortKey::Annotation(..) => Some(ANNOTATE),
                _ => None,
            }));
        }
        Command::Thread(args) => {
            search(&args.key, None, ["ESEARCH", "CONTEXT=SEARCH"], &mut needed);
            needed.push(match args.algorithm {
                ThreadAlgorithm::OrderedSubject => "THREAD=ORDEREDSUBJECT",
                ThreadAlgorithm::References => "THREAD=REFERENCES",
            });
        }
        _ => {}
    }
    needed
}

fn mechanism(name: &str) -> Option<&'static str> {
    sasl::Name::parse(name.as_bytes()).map(sasl::Name::as_capability)
}

fn append(args: &AppendArgs, needed: &mut Vec<&'static str>) {
    needed.extend((args.messages.len() > 1).then_some("MULTIAPPEND"));
    args.messages.iter().for_each(|message| append_message(message, needed));
}

fn append_message(message: &AppendMessage, needed: &mut Vec<&'static str>) {
    needed.extend((!message.annotations.is_empty()).then_some(ANNOTATE));
    match &message.data {
        AppendData::Whole { utf8: true, .. } => needed.push("UTF8=ACCEPT"),
        AppendData::Whole { binary: true, .. } => needed.push("BINARY"),
        AppendData::Whole { .. } => {}
        AppendData::Catenate(parts) => {
            needed.push("CATENATE");
            for part in parts {
                match part {
                    CatenatePart::Url(url) => partial_url(url, needed),
                    CatenatePart::Text { utf8: true, .. } => needed.push("UTF8=ACCEPT"),
                    CatenatePart::Text { .. } => {}
                }
            }
        }
    }
}

/// RFC 5550 §5: a URL of a stretch of bytes.
fn partial_url(url: &str, needed: &mut Vec<&'static str>) {
    let has_partial = ImapUrl::parse(url).is_some_and(|url| url.partial.is_some());
    needed.extend(has_partial.then_some("URL-PARTIAL"));
}

fn select(args: &SelectArgs, needed: &mut Vec<&'static str>) {
    needed.extend(args.condstore.then_some("CONDSTORE"));
    needed.extend(args.annotate.then_some(ANNOTATE));
    needed.extend(args.qresync.as_ref().map(|_| "QRESYNC"));
}

fn list(args: &ListArgs, needed: &mut Vec<&'static str>) {
    needed.extend(args.extended.then_some("LIST-EXTENDED"));
    let uses = args.selection.special_use || args.returns.special_use;
    needed.extend(uses.then_some("SPECIAL-USE"));
    needed.extend((!args.returns.status.is_empty()).then_some("LIST-STATUS"));
    status(args.returns.status, needed);
}

fn status(items: StatusItems, needed: &mut Vec<&'static str>) {
    for (item, capability) in [
        (StatusItem::Size, "STATUS=SIZE"),
        (StatusItem::HighestModSeq, "CONDSTORE"),
        (StatusItem::MailboxId, "OBJECTID"),
        (StatusItem::AppendLimit, "APPENDLIMIT"),
    ] {
        needed.extend(items.contains(item).then_some(capability));
    }
}

fn fetch(args: &FetchArgs, needed: &mut Vec<&'static str>) {
    needed.extend(args.vanished.then_some("QRESYNC"));
    needed.extend(args.partial.is_some().then_some("PARTIAL"));
    needed.extend(args.changed_since.map(|_| "CONDSTORE"));
    attributes(&args.attributes, needed);
}

/// RFC 5465 §7: what UPDATE asks for of messages that come.
fn arrivals(fetch: &[FetchAttribute], needed: &mut Vec<&'static str>) {
    needed.extend((!fetch.is_empty()).then_some("NOTIFY"));
    attributes(fetch, needed);
}

fn attributes(attributes: &[FetchAttribute], needed: &mut Vec<&'static str>) {
    needed.extend(attributes.iter().filter_map(|attribute| match attribute {
        FetchAttribute::Binary { .. } | FetchAttribute::BinarySize(_) => Some("BINARY"),
        FetchAttribute::ModSeq => Some("CONDSTORE"),
        FetchAttribute::EmailId | FetchAttribute::ThreadId => Some("OBJECTID"),
        FetchAttribute::Preview { .. } => Some("PREVIEW"),
        FetchAttribute::SaveDate => Some("SAVEDATE"),
        FetchAttribute::Annotation(_) => Some(ANNOTATE),
        _ => None,
    }));
}

/// What keys and result options need; `extended` and `context` are the capabilities that stand for
/// RETURN and for following its results.
fn search(
    key: &SearchKey,
    returns: Option<SearchReturn>,
    [extended, context]: [&'static str; 2],
    needed: &mut Vec<&'static str>,
) {
    let asked = returns.unwrap_or_default();
    let within = |key: &SearchKey| matches!(key, SearchKey::Older(_) | SearchKey::Younger(_));
    let used = [
        (returns.is_some(), extended),
        (asked.save, "SEARCHRES"),
        (asked.partial.is_some(), "PARTIAL"),
        (asked.context || asked.update, context),
        (asked.relevancy || key.is_fuzzy(), "SEARCH=FUZZY"),
        (key.any(&mut |key| within(key)), "WITHIN"),
        (key.uses_modseq(), "CONDSTORE"),
        (key.uses_annotations(), ANNOTATE),
    ];
    needed.extend(used.into_iter().filter(|(is_used, _)| *is_used).map(|(_, name)| name));
}
