//! Which capabilities a command makes use of: what is switched off is not only kept silent but
//! refused.

use crate::commands::table::Row;
use crate::types::{
    AppendArgs, AppendData, AppendMessage, CatenatePart, Command, EventGroup, FetchArgs,
    FetchAttribute, ListArgs, NotifyArgs, NotifyEvent, QuotaArgs, QuotaResource, SearchKey,
    SearchReturn, SelectArgs, SequenceSet, SortKey, StatusItem, StatusItems, ThreadAlgorithm,
};
use crate::url::ImapUrl;

/// Commands that a capability brings as a whole, by their names with and without `UID `.
const COMMANDS: &[(&str, &str)] = &[
    ("COMPARATOR", "I18NLEVEL=2"),
    ("COMPRESS", "COMPRESS=DEFLATE"),
    ("DELETEACL", "ACL"),
    ("ENABLE", "ENABLE"),
    ("ESEARCH", "MULTISEARCH"),
    ("GENURLAUTH", "URLAUTH"),
    ("GETACL", "ACL"),
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
    ("SETQUOTA", "QUOTASET"),
    ("SORT", "SORT"),
    ("STARTTLS", "STARTTLS"),
    ("UID EXPUNGE", "UIDPLUS"),
    ("UNAUTHENTICATE", "UNAUTHENTICATE"),
    ("UNSELECT", "UNSELECT"),
    ("URLFETCH", "URLAUTH"),
    ("XLIST", "XLIST"),
];

const ANNOTATE: &str = "ANNOTATE-EXPERIMENT-1";

/// The capability that a command makes use of though it is switched off.
pub(crate) fn missing(
    row: &Row,
    command: &Command,
    is_off: impl Fn(&str) -> bool,
) -> Option<&'static str> {
    if matches!(command, Command::CancelUpdate(_)) {
        // RFC 5267 §4.3.5: whoever may follow the results of one command may cancel that.
        let follow = ["CONTEXT=SEARCH", "CONTEXT=SORT"];
        return follow.iter().all(|name| is_off(name)).then_some("CONTEXT=SEARCH");
    }
    let takes_partial = has_context_partial(command, &is_off);
    needed(row, command)
        .into_iter()
        .find(|name| is_off(name) && !(takes_partial && *name == "PARTIAL"))
}

/// RFC 5267 §4.4, RFC 9394 §3.2: whoever announces CONTEXT=… takes PARTIAL with it, of ranges that
/// are counted from the first result.
fn has_context_partial(command: &Command, is_off: impl Fn(&str) -> bool) -> bool {
    let (returns, context) = match command {
        Command::Search(args) => (args.returns, "CONTEXT=SEARCH"),
        Command::Esearch(args) => (args.returns, "CONTEXT=SEARCH"),
        Command::Sort(args) => (args.returns, "CONTEXT=SORT"),
        _ => return false,
    };
    let partial = returns.and_then(|returns| returns.partial);
    partial.is_some_and(|partial| !partial.from_end) && !is_off(context)
}

/// The capabilities without which the command could not be.
fn needed(row: &Row, command: &Command) -> Vec<&'static str> {
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
        Command::Replace(args) => {
            saved(&args.set, &mut needed);
            append_message(&args.message, &mut needed);
        }
        Command::GenUrlAuth(urls) => {
            urls.iter().for_each(|wanted| url(&wanted.rump, &mut needed));
        }
        Command::UrlFetch(urls) => urls.iter().for_each(|wanted| {
            url(&wanted.url, &mut needed);
            needed.extend(wanted.metadata.map(|_| "URLAUTH=BINARY"));
        }),
        Command::Metadata(args) => needed.push(metadata(args.mailbox.is_some())),
        Command::SetMetadata(args) => needed.push(metadata(args.mailbox.is_some())),
        Command::Quota(QuotaArgs::Set { limits, .. }) => {
            let known = limits.iter().filter_map(|(resource, _)| *resource);
            needed.extend(known.map(QuotaResource::capability));
        }
        Command::Create(args) if !args.special_uses.is_empty() => needed.push("CREATE-SPECIAL-USE"),
        Command::Select(args) | Command::Examine(args) => select(args, &mut needed),
        Command::List(args) => list(args, &mut needed),
        Command::Status(_, items) => status(*items, &mut needed),
        Command::Fetch(args) => fetch(args, &mut needed),
        Command::Annotate(args) => {
            needed.push(ANNOTATE);
            saved(&args.set, &mut needed);
            needed.extend(args.unchanged_since.map(|_| "CONDSTORE"));
        }
        Command::Store(args) => {
            saved(&args.set, &mut needed);
            needed.extend(args.unchanged_since.map(|_| "CONDSTORE"));
        }
        Command::Copy(args) | Command::Move(args) => saved(&args.set, &mut needed),
        Command::UidExpunge(set) => saved(set, &mut needed),
        Command::Notify(NotifyArgs::Set { groups, .. }) => {
            groups.iter().for_each(|group| events(group, &mut needed));
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
                // RFC 6203 §6
                SortKey::Relevancy => Some("SEARCH=FUZZY"),
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
                    CatenatePart::Url(part) => url(part, needed),
                    CatenatePart::Text { utf8: true, .. } => needed.push("UTF8=ACCEPT"),
                    CatenatePart::Text { binary: true, .. } => needed.push("BINARY"),
                    CatenatePart::Text { .. } => {}
                }
            }
        }
    }
}

/// RFC 5550 §5: a URL of a stretch of bytes; RFC 4467 §3: one that says who may use it.
fn url(url: &str, needed: &mut Vec<&'static str>) {
    let Some(url) = ImapUrl::parse(url) else { return };
    needed.extend(url.partial.map(|_| "URL-PARTIAL"));
    needed.extend(url.url_auth.map(|_| "URLAUTH"));
}

/// RFC 5464 §1: annotations of mailboxes, or of the server alone.
const fn metadata(is_of_mailbox: bool) -> &'static str {
    if is_of_mailbox { "METADATA" } else { "METADATA-SERVER" }
}

/// RFC 5182 §2.1: `$`.
fn saved(set: &SequenceSet, needed: &mut Vec<&'static str>) {
    needed.extend(set.is_saved().then_some("SEARCHRES"));
}

fn events(group: &EventGroup, needed: &mut Vec<&'static str>) {
    attributes(&group.fetch, needed);
    for (event, capability) in [
        (NotifyEvent::AnnotationChange, ANNOTATE),
        (NotifyEvent::MailboxMetadataChange, "METADATA"),
        (NotifyEvent::ServerMetadataChange, "METADATA-SERVER"),
    ] {
        needed.extend(group.events.contains(event).then_some(capability));
    }
}

fn select(args: &SelectArgs, needed: &mut Vec<&'static str>) {
    needed.extend(args.condstore.then_some("CONDSTORE"));
    needed.extend(args.annotate.then_some(ANNOTATE));
    needed.extend(args.qresync.as_ref().map(|_| "QRESYNC"));
}

fn list(args: &ListArgs, needed: &mut Vec<&'static str>) {
    needed.extend(args.extended.then_some("LIST-EXTENDED"));
    needed.extend(args.returns.my_rights.then_some("LIST-MYRIGHTS"));
    needed.extend((!args.metadata.is_empty()).then_some("LIST-METADATA"));
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
        (StatusItem::DeletedStorage, QuotaResource::Storage.capability()),
    ] {
        needed.extend(items.contains(item).then_some(capability));
    }
}

fn fetch(args: &FetchArgs, needed: &mut Vec<&'static str>) {
    saved(&args.set, needed);
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
    let uses = |test: fn(&SearchKey) -> bool| key.any(&mut |key| test(key));
    let used = [
        (returns.is_some(), extended),
        (asked.save, "SEARCHRES"),
        (asked.partial.is_some(), "PARTIAL"),
        (asked.context || asked.update, context),
        (asked.relevancy || key.is_fuzzy(), "SEARCH=FUZZY"),
        (key.uses_time(), "WITHIN"),
        (uses(is_saved), "SEARCHRES"),
        (uses(is_object_id), "OBJECTID"),
        (uses(is_save_date), "SAVEDATE"),
        (key.uses_modseq(), "CONDSTORE"),
        (key.uses_annotations(), ANNOTATE),
    ];
    needed.extend(used.into_iter().filter(|(is_used, _)| *is_used).map(|(_, name)| name));
}

fn is_saved(key: &SearchKey) -> bool {
    matches!(key, SearchKey::Seqs(set) | SearchKey::Uids(set) if set.is_saved())
}

fn is_object_id(key: &SearchKey) -> bool {
    matches!(key, SearchKey::EmailId(_) | SearchKey::ThreadId(_))
}

fn is_save_date(key: &SearchKey) -> bool {
    use SearchKey::{SaveDateSupported, SavedBefore, SavedOn, SavedSince};
    matches!(key, SavedBefore(_) | SavedOn(_) | SavedSince(_) | SaveDateSupported)
}
