//! What is noted of homes.

use std::sync::Arc;

use testkit::ManualClock;

use super::*;
use crate::testing::on_both_engines_with;

/// Notes a home as one with these members.
fn note(store: &TestStore, look: HomeLook, names: &'static [&'static str]) -> HomeView {
    let members: Vec<HomeMember> = names.iter().map(|name| HomeMember::fixed(name)).collect();
    let noted = store.write(move |tx| {
        let view = tx.lock_home_view(&look)?;
        tx.note_home(view, &members)
    });
    noted.unwrap()
}

fn changes(store: &TestStore, look: HomeLook, since: Option<u64>) -> Option<Vec<String>> {
    let found = store.read(move |tx| {
        let view = tx.find_home_view(&look)?.unwrap();
        tx.home_changes(&view, since, 10)
    });
    let HomeChanges::List { changes, truncated } = found.unwrap() else { return None };
    assert!(!truncated);
    let sign = |change: &HomeChange| if change.is_gone { '-' } else { '+' };
    Some(changes.iter().map(|change| format!("{}{}", sign(change), change.name)).collect())
}

#[test]
fn what_went_out_of_a_home_is_told_for_its_time() {
    let clock = Arc::new(ManualClock::default());
    let of_store = clock.clone();
    on_both_engines_with(
        move |settings| settings.clock = of_store.clone(),
        |store| {
            let julie = store.account("julie");
            let home = Home::Calendars;
            let look = HomeLook { viewer: julie, owner: julie, home, narrow: false };
            let first = note(store, look, &["a", "b"]);
            assert_eq!(note(store, look, &["b", "a"]), first);
            let second = note(store, look, &["b"]);
            assert_eq!(changes(store, look, Some(first.last)), Some(vec!["-a".to_owned()]));
            assert_eq!(changes(store, look, None), Some(vec!["+b".to_owned()]));
            clock.advance_secs(61 * 24 * 3600);
            store.inner().maintain().unwrap();
            assert_eq!(changes(store, look, Some(first.last)), None);
            assert_eq!(changes(store, look, Some(second.last)), Some(Vec::new()));
            assert_eq!(changes(store, look, None), Some(vec!["+b".to_owned()]));
            store.write(move |tx| tx.remove_account(julie)).unwrap();
        },
    );
}
