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
    let fetched = match new.is_empty() {
        true => Vec::new(),
        false => fetch_each(shared, state, enabled, together(&new, asked, &wanted)).await,
    };
    // RFC 5465 §5.2: FETCH for NOTIFY comes after ESEARCH; §7: FETCH for UPDATE before it. Where
    // both ask, it is one FETCH, and NOTIFY's.
    let parts = if asked.is_empty() { [fetched, results] } else { [results, fetched] };
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

/// Messages, and what is told of them.
type Asked = (NumberSet, Vec<FetchAttribute>);

/// RFC 5465 §5.2: all that is asked of a message in one FETCH, and nothing twice.
fn together(new: &NumberSet, asked: &[FetchAttribute], wanted: &[Wanted]) -> Vec<Asked> {
    if wanted.is_empty() {
        return Vec::from_iter((!asked.is_empty()).then(|| (new.clone(), asked.to_vec())));
    }
    let mut by_wish: BTreeMap<Vec<usize>, NumberSet> = BTreeMap::new();
    for seq in new.iter() {
        let wishes = wanted.iter().enumerate().filter(|(_, wanted)| wanted.seqs.contains(seq));
        by_wish.entry(wishes.map(|(at, _)| at).collect()).or_default().insert(seq);
    }
    let mut all = Vec::new();
    for (wishes, seqs) in by_wish {
        let (mut fetch, mut apart) = (asked.to_vec(), Vec::new());
        let wishes = wishes.iter().filter_map(|at| wanted.get(*at));
        for attribute in wishes.flat_map(|wanted| &wanted.fetch) {
            if fetch.contains(attribute) || apart.contains(attribute) {
                continue;
            }
            // The answer does not say which of two questions for annotations it is to.
            match is_annotation(attribute) && fetch.iter().any(is_annotation) {
                true => apart.push(attribute.clone()),
                false => fetch.push(attribute.clone()),
            }
        }
        if !fetch.is_empty() {
            all.push((seqs.clone(), fetch));
        }
        all.extend(apart.into_iter().map(|attribute| (seqs.clone(), vec![attribute])));
    }
    all
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
        if out.len() >= NEWS_BYTES {
            break;
        }
        let (known, recent) = (selected.known().clone(), selected.recent().clone());
        let plan = Plan::of_new(attributes, user.account, enabled, recent);
        match fetch::of_new(&shared.store, known, &seqs, plan).await {
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

    fn set(numbers: &[u32]) -> NumberSet {
        numbers.iter().copied().collect()
    }

    #[test]
    fn what_is_asked_of_a_message_is_asked_once() {
        let wanted = |seqs: &[u32], fetch: &[FetchAttribute]| Wanted {
            seqs: set(seqs),
            fetch: fetch.to_vec(),
        };
        let searches = [wanted(&[5, 7], &[Uid, Flags]), wanted(&[7], &[Flags, Envelope])];
        for (asked, searches, expect) in [
            (&[][..], &[][..], vec![]),
            (&[Uid], &[], vec![(set(&[5, 6, 7]), vec![Uid])]),
            (
                &[],
                &searches,
                vec![(set(&[5]), vec![Uid, Flags]), (set(&[7]), vec![Uid, Flags, Envelope])],
            ),
            (
                &[Envelope],
                &searches,
                vec![
                    (set(&[6]), vec![Envelope]),
                    (set(&[5]), vec![Envelope, Uid, Flags]),
                    (set(&[7]), vec![Envelope, Uid, Flags]),
                ],
            ),
        ] {
            assert_eq!(together(&set(&[5, 6, 7]), asked, searches), expect);
        }
    }
}
