//! What is told of messages that came to the open mailbox, beside EXISTS: the results of searches
//! that they are among (RFC 5267 §4.3), and FETCH with what NOTIFY and UPDATE ask for of them
//! (RFC 5465 §5.2, §7).

use std::collections::BTreeMap;

use super::contexts::{self, Wanted};
use super::fetch::{self, NEWS_BYTES, Plan};
use super::notify::Notify;
use crate::server::Shared;
use crate::session::{Enabled, State};
use crate::types::{FetchAttribute, NumberSet};

/// Tells of all that came since this was last called, and what else changed in the results of
/// searches: to be called after the client was told how many messages there are.
pub(crate) async fn tell(
    shared: &Shared,
    state: &mut State,
    enabled: Enabled,
    notify: Option<&Notify>,
    out: &mut Vec<u8>,
) {
    let Some(selected) = state.selected_mut() else { return };
    let new = selected.take_news();
    let asked = notify.map_or(&[][..], Notify::fetch_of_new);
    let mut results = Vec::new();
    let wanted = contexts::refresh(shared, state, &new, &mut results).await;
    let fetched = fetch_each(shared, state, enabled, together(&new, asked, wanted)).await;
    // RFC 5465 §5.2: FETCH for NOTIFY comes after ESEARCH; §7: FETCH for UPDATE before it. Where
    // both ask, it is one FETCH, and NOTIFY's.
    let parts = if asked.is_empty() { [fetched, results] } else { [results, fetched] };
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

/// LIMIT: messages of which anything is told: the shortest FETCH has more bytes.
const NEWS_MESSAGES: usize = NEWS_BYTES / 16;

/// Messages, and what is told of them.
type Asked = (NumberSet, Vec<FetchAttribute>);

/// RFC 5465 §5.2: all that is asked of a message in one FETCH, and nothing twice.
fn together(new: &NumberSet, asked: &[FetchAttribute], wanted: Vec<Wanted>) -> Vec<Asked> {
    let of_notify = Wanted { seqs: new.clone(), fetch: asked.to_vec() };
    let wishes = std::iter::once(of_notify).chain(wanted);
    let mut wishes: Vec<Wanted> =
        wishes.filter(|wish| !wish.seqs.is_empty() && !wish.fetch.is_empty()).collect();
    for wish in &mut wishes {
        wish.seqs = wish.seqs.slice(0..NEWS_MESSAGES);
    }
    if let [wish] = wishes.as_slice() {
        return vec![(wish.seqs.clone(), wish.fetch.clone())];
    }
    let mut all = Vec::new();
    for (who, seqs) in by_wishes(&wishes) {
        let (mut fetch, mut apart) = (Vec::new(), Vec::new());
        let who = who.iter().filter_map(|at| wishes.get(*at));
        for attribute in who.flat_map(|wish| &wish.fetch) {
            if fetch.contains(attribute) || apart.contains(attribute) {
                continue;
            }
            // The answer does not say which of two questions for annotations it is to.
            match is_annotation(attribute) && fetch.iter().any(is_annotation) {
                true => apart.push(attribute.clone()),
                false => fetch.push(attribute.clone()),
            }
        }
        all.push((seqs.clone(), fetch));
        all.extend(apart.into_iter().map(|attribute| (seqs.clone(), vec![attribute])));
    }
    all
}

/// Messages by the wishes that are for them.
fn by_wishes(wishes: &[Wanted]) -> BTreeMap<Vec<usize>, NumberSet> {
    let mut all: Vec<u32> = wishes.iter().flat_map(|wish| wish.seqs.iter()).collect();
    all.sort();
    all.dedup();
    let mut by_wishes: BTreeMap<Vec<usize>, NumberSet> = BTreeMap::new();
    for seq in all.into_iter().take(NEWS_MESSAGES) {
        let who = wishes.iter().enumerate().filter(|(_, wish)| wish.seqs.contains(seq));
        by_wishes.entry(who.map(|(at, _)| at).collect()).or_default().insert(seq);
    }
    by_wishes
}

fn is_annotation(attribute: &FetchAttribute) -> bool {
    matches!(attribute, FetchAttribute::Annotation(_))
}

async fn fetch_each(
    shared: &Shared,
    state: &State,
    enabled: Enabled,
    asked: Vec<Asked>,
) -> Vec<u8> {
    let mut out = Vec::new();
    let (Some(selected), Some(user)) = (state.selected(), state.user()) else { return out };
    for (seqs, attributes) in asked {
        let plan =
            |attributes| Plan::of_new(attributes, user.account, enabled, selected.recent().clone());
        let light = Some(fetch::without_texts(&attributes)).filter(|light| !light.is_empty());
        let plans = (plan(attributes), light.map(plan));
        let known = selected.known().clone();
        match fetch::of_new(&shared.store, known, &seqs, plans, out.len()).await {
            Ok(bytes) => out.extend_from_slice(&bytes),
            // The client has been told of them, and can ask.
            Err(error) => tracing::debug!(%error, "new messages are told without what was asked"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::FetchAttribute::{Envelope, Flags, Uid};
    use crate::types::{AnnotationAttribute, AnnotationPattern, AnnotationQuery};

    fn set(numbers: &[u32]) -> NumberSet {
        numbers.iter().copied().collect()
    }

    fn wanted(seqs: &[u32], fetch: &[FetchAttribute]) -> Wanted {
        Wanted { seqs: set(seqs), fetch: fetch.to_vec() }
    }

    #[test]
    fn what_is_asked_of_a_message_is_asked_once() {
        let searches = vec![wanted(&[5, 7], &[Uid, Flags]), wanted(&[7], &[Flags, Envelope])];
        let earlier = vec![wanted(&[3, 6], &[Flags])];
        for (asked, searches, expect) in [
            (&[][..], vec![], vec![]),
            (&[Uid], vec![], vec![(set(&[5, 6, 7]), vec![Uid])]),
            (
                &[],
                searches.clone(),
                vec![(set(&[5]), vec![Uid, Flags]), (set(&[7]), vec![Uid, Flags, Envelope])],
            ),
            (
                &[Envelope],
                searches,
                vec![
                    (set(&[6]), vec![Envelope]),
                    (set(&[5]), vec![Envelope, Uid, Flags]),
                    (set(&[7]), vec![Envelope, Uid, Flags]),
                ],
            ),
            // A search that was late wants what NOTIFY has told of already.
            (&[], earlier.clone(), vec![(set(&[3, 6]), vec![Flags])]),
            (
                &[Uid],
                earlier,
                vec![
                    (set(&[5, 7]), vec![Uid]),
                    (set(&[6]), vec![Uid, Flags]),
                    (set(&[3]), vec![Flags]),
                ],
            ),
        ] {
            assert_eq!(together(&set(&[5, 6, 7]), asked, searches), expect);
        }
    }

    #[test]
    fn two_questions_for_annotations_have_two_answers() {
        let ask = |entry: &str| {
            let entries = vec![AnnotationPattern::parse(entry.as_bytes()).unwrap()];
            let attributes = AnnotationAttribute::parse(b"value").unwrap();
            FetchAttribute::Annotation(AnnotationQuery { entries, attributes })
        };
        let (one, two) = (ask("/comment"), ask("/altsubject"));
        let again = wanted(&[5], std::slice::from_ref(&two));
        let searches = vec![wanted(&[5], &[two.clone(), Flags]), again];
        assert_eq!(
            together(&set(&[5]), std::slice::from_ref(&one), searches),
            [(set(&[5]), vec![one, Flags]), (set(&[5]), vec![two])]
        );
    }

    #[test]
    fn no_more_is_told_of_than_there_is_room_for() {
        let mut new = NumberSet::new();
        new.insert_range(1, 1_000_000);
        let told = together(&new, &[Uid], vec![Wanted { seqs: new.clone(), fetch: vec![Flags] }]);
        let mut expect = NumberSet::new();
        expect.insert_range(1, 65_536);
        assert_eq!(told, [(expect, vec![Uid, Flags])]);
    }
}
