//! What rspamd answers: an action, and what its milter module would change.

use std::collections::HashMap;

use serde::Deserialize;

use crate::edit::Edit;
use crate::error::ScanError;
use crate::finding::{Finding, Judgement, Reply};

/// LIMIT: fields added or removed for one message.
const FIELDS_MAX: usize = 100;

#[derive(Deserialize)]
struct Answer {
    action: String,
    #[serde(default)]
    score: f64,
    #[serde(default)]
    required_score: f64,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    messages: Messages,
    #[serde(default)]
    milter: Milter,
    #[serde(default, rename = "dkim-signature")]
    dkim_signature: Option<OneOrMany<String>>,
}

/// `messages` is an object; some plugins make a list of it.
#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Messages {
    Named(HashMap<String, serde_json::Value>),
    #[default]
    None,
    #[expect(dead_code, reason = "it is read to be passed over")]
    Other(serde_json::Value),
}

#[derive(Default, Deserialize)]
struct Milter {
    #[serde(default)]
    add_headers: HashMap<String, OneOrMany<Added>>,
    #[serde(default)]
    remove_headers: HashMap<String, i64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Added {
    Plain(String),
    Placed {
        value: String,
        #[serde(default)]
        order: i64,
    },
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

/// Reads an answer of `/checkv2`.
pub(super) fn read(body: &[u8]) -> Result<Finding, ScanError> {
    let answer: Answer = serde_json::from_slice(body)
        .map_err(|_| ScanError::Protocol("the answer is no JSON of rspamd"))?;
    let text = match &answer.messages {
        Messages::Named(named) => named.get("smtp_message").and_then(|text| text.as_str()),
        Messages::None | Messages::Other(_) => None,
    };
    let mut spam = None;
    let judgement = match answer.action.as_str() {
        // Who is to wait is told so by "soft reject", which the greylisting module makes of it;
        // where that is off, or has no Redis, a message would be asked to come again for ever.
        // rspamd's own milter takes it, too.
        "no action" | "greylist" => Judgement::Accept,
        "soft reject" => Judgement::Defer(Reply::defer(text.unwrap_or("Try again later"))),
        "reject" => {
            Judgement::Reject(Reply::reject(text.unwrap_or("This message is taken for spam")))
        }
        "quarantine" => Judgement::Quarantine("rspamd".to_owned()),
        // Both the owner's programs can tell by the field, and the mailbox for junk.
        "add header" | "rewrite subject" => {
            spam = Some(mark(answer.score, answer.required_score));
            Judgement::Spam
        }
        // The message is dropped without a word, which is not done here.
        "discard" => Judgement::Reject(Reply::reject("This message is taken for spam")),
        _ => return Err(ScanError::Protocol("an action that is none of rspamd's")),
    };
    let mut edits = changes(answer.milter);
    edits.extend(spam.unwrap_or_default());
    if answer.action == "rewrite subject"
        && let Some(subject) = answer.subject
    {
        let value = Some(subject);
        edits.push(Edit::Change { occurrence: 1, name: "Subject".to_owned(), value });
    }
    let signatures = answer.dkim_signature.map(OneOrMany::into_vec).unwrap_or_default();
    edits.extend(signatures.into_iter().take(FIELDS_MAX).map(|value| Edit::Insert {
        at: 0,
        name: "DKIM-Signature".to_owned(),
        value,
    }));
    Ok(Finding { edits, judgement, ..Finding::default() })
}

/// The fields that mark a message as spam.
fn mark(score: f64, required: f64) -> Vec<Edit> {
    let insert = |name: &str, value: String| Edit::Insert { at: 0, name: name.to_owned(), value };
    vec![
        insert("X-Spam-Score", format!("{score:.2} / {required:.2}")),
        insert("X-Spam", "Yes".to_owned()),
    ]
}

/// Fields go before they come, as rspamd's own proxy has it.
fn changes(milter: Milter) -> Vec<Edit> {
    let mut removed: Vec<(String, i64)> = milter.remove_headers.into_iter().collect();
    removed.sort();
    let mut edits: Vec<Edit> = removed
        .into_iter()
        .take(FIELDS_MAX)
        .map(|(name, which)| match (which, usize::try_from(which.unsigned_abs())) {
            // As rspamd's own milter has it: 0 means every one, below it is counted from the last.
            (0, _) => Edit::Remove { name },
            (..0, from_last) => {
                Edit::RemoveLast { from_last: from_last.unwrap_or(usize::MAX), name }
            }
            (_, which) => {
                Edit::Change { occurrence: which.unwrap_or(usize::MAX), name, value: None }
            }
        })
        .collect();
    let mut added: Vec<(String, Vec<Added>)> =
        milter.add_headers.into_iter().map(|(name, values)| (name, values.into_vec())).collect();
    added.sort_by(|one, other| one.0.cmp(&other.0));
    let added = added
        .into_iter()
        .flat_map(|(name, values)| values.into_iter().map(move |added| (name.clone(), added)));
    edits.extend(added.take(FIELDS_MAX).map(|(name, added)| match added {
        Added::Plain(value) => Edit::Insert { at: 0, name, value },
        Added::Placed { value, order } => match usize::try_from(order) {
            Ok(at) => Edit::Insert { at, name, value },
            Err(_) => Edit::Add { name, value },
        },
    }));
    edits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(action: &str, more: &str) -> Judgement {
        let body = format!("{{\"action\":\"{action}\",\"score\":7.5,\"required_score\":15{more}}}");
        read(body.as_bytes()).unwrap().judgement
    }

    #[test]
    fn actions() {
        assert_eq!(judged("no action", ""), Judgement::Accept);
        assert_eq!(judged("add header", ""), Judgement::Spam);
        assert_eq!(judged("rewrite subject", ""), Judgement::Spam);
        assert_eq!(judged("greylist", ""), Judgement::Accept);
        let said = ",\"messages\":{\"smtp_message\":\"Ratelimit exceeded\"}";
        assert_eq!(
            judged("soft reject", said),
            Judgement::Defer(Reply::defer("Ratelimit exceeded"))
        );
        let reject = Judgement::Reject(Reply::reject("This message is taken for spam"));
        assert_eq!(judged("reject", ",\"messages\":[]"), reject);
        assert_eq!(judged("discard", ""), reject);
        for wrong in ["", "[]", "{\"score\":1}", "{\"action\":\"destroy\"}", "{\"action\":1}"] {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn headers_of_the_milter_module() {
        let body = br#"{"action":"rewrite subject","score":7.5,"required_score":15,
            "subject":"*** SPAM *** x","dkim-signature":"v=1; a=rsa-sha256",
            "milter":{"remove_headers":{"X-Spam":0,"X-Old":2,"X-Last":-1,"X-None":-9223372036854775808},
              "add_headers":{"X-Rspamd-Server":{"value":"here","order":1},
                "X-Many":[{"value":"a"},{"value":"b","order":-1}],"X-Plain":"c"}}}"#;
        let edits = read(body).unwrap().edits;
        let shown: Vec<String> = edits.iter().map(|edit| format!("{edit:?}")).collect();
        assert_eq!(
            shown,
            [
                "RemoveLast { from_last: 1, name: \"X-Last\" }",
                "RemoveLast { from_last: 9223372036854775808, name: \"X-None\" }",
                "Change { occurrence: 2, name: \"X-Old\", value: None }",
                "Remove { name: \"X-Spam\" }",
                "Insert { at: 0, name: \"X-Many\", value: \"a\" }",
                "Add { name: \"X-Many\", value: \"b\" }",
                "Insert { at: 0, name: \"X-Plain\", value: \"c\" }",
                "Insert { at: 1, name: \"X-Rspamd-Server\", value: \"here\" }",
                "Insert { at: 0, name: \"X-Spam-Score\", value: \"7.50 / 15.00\" }",
                "Insert { at: 0, name: \"X-Spam\", value: \"Yes\" }",
                "Change { occurrence: 1, name: \"Subject\", value: Some(\"*** SPAM *** x\") }",
                "Insert { at: 0, name: \"DKIM-Signature\", value: \"v=1; a=rsa-sha256\" }",
            ]
        );
    }
}
