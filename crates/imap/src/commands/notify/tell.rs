//! What a session with NOTIFY (RFC 5465) is told while no command runs or IDLE does: updates of the
//! selected mailbox, and STATUS and LIST responses for others.

use std::sync::Arc;

use ids::AccountId;
use storage::{Change, MailboxTree};

use super::super::updates::{self, Outlet};
use super::super::{annotations, arrivals, recent};
use super::known::{self, Known};
use super::own::Own;
use super::teller::Teller;
use super::{Notify, is_of, others};
use crate::error::Result;
use crate::render::{self, Code, Status};
use crate::server::Shared;
use crate::session::{Enabled, OwnChange, Selected, State, Updates};

/// Tells what happened while no command runs, or while IDLE does, which lets expunges be told
/// that otherwise wait.
pub(crate) async fn tell_unasked(
    outlet: &mut Outlet<'_>,
    shared: &Arc<Shared>,
    state: &mut State,
    enabled: &mut Enabled,
    notify: &mut Option<Box<Notify>>,
    is_idle: bool,
) -> Result<()> {
    let Some(watch) = notify.as_ref() else { return Ok(()) };
    let out = &mut Vec::new();
    if watch.selected().is_some()
        && let Some(selected) = state.selected_mut()
    {
        let which = match watch.delays_expunges() && !is_idle {
            true => Updates::WithoutExpunge,
            false => Updates::All,
        };
        let what = (which, OwnChange::Nothing);
        let is_news = updates::tell(outlet, selected, *enabled, what, out).await?;
        recent::keep(shared, state);
        let mut more = Vec::new();
        annotations::refresh(shared, state, *enabled, &mut more).await;
        arrivals::tell(shared, state, *enabled, notify.as_deref(), &mut more).await;
        // By itself it would say nothing new: each look finds what is held back of the mailbox.
        if let Some(selected) = state.selected_mut().filter(|_| is_news || !more.is_empty()) {
            selected.tell_modseq(*enabled, out);
        }
        out.append(&mut more);
    }
    tell_others(shared, state, enabled, notify, out).await;
    outlet.push(out).await
}

/// Tells what happened elsewhere in the account, but for what the client did itself.
pub(crate) async fn tell_others(
    shared: &Shared,
    state: &State,
    enabled: &mut Enabled,
    notify: &mut Option<Box<Notify>>,
    out: &mut Vec<u8>,
) {
    let Some(watch) = notify.as_mut() else { return };
    let owner = state.selected().map(|selected| selected.tenure().owner);
    if let Some(owner) = owner.filter(|_| watch.selected().is_some()) {
        match watch.hear_too(&shared.store, owner).await {
            // What happened there before it was heard is told next.
            Ok(is_new) => watch.is_due |= is_new,
            Err(error) => tracing::debug!(%error, "the open mailbox is told of when asked"),
        }
    }
    let told = match watch.take(&shared.store).await {
        Ok((changes, own)) => {
            tell_changes(shared, state, *enabled, watch, changes, &own, out).await
        }
        Err(_) => false,
    };
    if !told {
        // RFC 5465 §5.8: and from here on it is as after NOTIFY NONE.
        let code = Code::NotificationOverflow;
        render::untagged(out, Status::Ok, Some(&code), "Too much happened at once");
        watch.give_up();
        enabled.tell_flags(true);
        enabled.tell_annotations(false);
    }
}

async fn tell_changes(
    shared: &Shared,
    state: &State,
    enabled: Enabled,
    watch: &mut Notify,
    mut changes: Vec<Change>,
    own: &Own,
    out: &mut Vec<u8>,
) -> bool {
    let count = changes.len();
    let selected = state.selected().map(|selected| selected.known().mailbox());
    changes.retain(|change| !is_of(change, selected));
    // What was held back, or came after the open mailbox was looked at, is told next, and not
    // only when something else happens.
    watch.is_due |= changes.len() < count
        && watch.selected().is_some()
        && state.selected().is_some_and(Selected::has_news);
    // One that is open again was told of by SELECT.
    let left = watch.left.take().filter(|left| Some(left.mailbox) != selected);
    let is_nothing_new = changes.is_empty() && left.is_none();
    if (is_nothing_new && !own.turns_names) || !watch.watches_others() {
        return true;
    }
    let actor = watch.actor;
    let Ok((tree, later)) = watch.look(&shared.store, own).await else { return false };
    changes.extend(later.into_iter().filter(|change| !is_of(change, selected)));
    let now = known::names_of(&tree, |owner| owner != actor);
    watch.know_own(&changes, own, &now);
    if changes.is_empty() && left.is_none() {
        return watch.follow(&shared.store, &tree).await.is_ok();
    }
    let mut teller = Teller::new(&tree, &watch.groups, selected, enabled);
    tell_own_names(&mut teller, (actor, &tree), &changes, own, out);
    let (mine, of_others): (Vec<Change>, Vec<Change>) =
        changes.into_iter().partition(|change| change.account == actor);
    for change in &mine {
        teller.look_at(change, out);
    }
    for change in &of_others {
        teller.look_at_other(change, out);
    }
    if let Some(left) = left {
        teller.note_left(&left);
    }
    teller.tell_turns(&others::turns(&watch.others, &now), out);
    for id in others::named_anew(&watch.others, &now) {
        teller.by_id.get(&id).copied().into_iter().for_each(|entry| teller.note_validity(entry));
    }
    teller.finish(out);
    watch.others = now;
    watch.follow(&shared.store, &tree).await.is_ok()
}

/// What others did to the names of the account of the one signed in.
fn tell_own_names(
    teller: &mut Teller<'_>,
    (actor, tree): (AccountId, &MailboxTree),
    changes: &[Change],
    own: &Own,
    out: &mut Vec<u8>,
) {
    teller.note_unsubscribed(changes.iter().filter(|change| change.account == actor));
    let facts = known::facts_in_order(changes, own, |owner| owner == actor);
    if facts.iter().all(|change| own.has(change)) {
        return;
    }
    let now = known::names_of(tree, |owner| owner == actor);
    let mut names = known::before(&facts, &now);
    Known::new(actor, &mut names, &now).carry(&facts, own);
    teller.tell_turns(&others::turns(&names, &now), out);
}
