//! ORDEREDSUBJECT (RFC 5256 §3): one thread for each base subject, the oldest message above the
//! others.

use super::tree::{Head, Links, Message, Threads, by_date};

pub(super) fn threads(messages: &[Message<'_>]) -> Threads {
    let order = by_date(messages);
    let subjects = messages.iter().map(|message| message.subject as usize + 1).max();
    let mut first = Links::new(subjects.unwrap_or_default());
    let mut parents = Links::new(messages.len());
    let mut heads = Vec::new();
    for &at in &order {
        let subject = messages.get(at as usize).map_or(0, |message| message.subject);
        match first.to(subject) {
            Some(head) => parents.set(at, Some(head)),
            None => {
                first.set(subject, Some(at));
                heads.push(Head::Message(at));
            }
        }
    }
    Threads::new(heads, &parents, &order)
}
