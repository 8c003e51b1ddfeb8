//! Collections as they were.

use std::sync::Arc;

use ids::Clock as _;
use testkit::ManualClock;

use super::*;
use crate::object::{RestorePlan, RestoreStep};

fn with_a_clock(test: impl Fn(&TestStore, &ManualClock)) {
    let clock = Arc::new(ManualClock::default());
    let of_store = clock.clone();
    on_both_engines_with(
        move |settings| settings.clock = of_store.clone(),
        |store| test(store, &clock),
    );
}

fn plan(store: &TestStore, calendar: &Collection, at: ids::Timestamp) -> RestorePlan {
    let (account, id) = (calendar.account, calendar.id);
    store.read(move |tx| tx.restore_plan(account, id, at)).unwrap()
}

/// Lost, changed, new and same, by name.
fn told(plan: &RestorePlan) -> String {
    let versions = |found: &[ObjectVersion]| {
        found.iter().map(|version| version.name.clone()).collect::<Vec<_>>().join(",")
    };
    let objects =
        |found: &[Object]| found.iter().map(|one| one.name.clone()).collect::<Vec<_>>().join(",");
    let changed: Vec<ObjectVersion> = plan.changed.iter().map(|(then, _)| then.clone()).collect();
    let [lost, changed] = [versions(&plan.lost), versions(&changed)];
    format!("-{lost} ~{changed} +{} ={}", objects(&plan.new), objects(&plan.same))
}

fn summary(text: &str) -> String {
    format!("{AT_NINE}SUMMARY:{text}\r\n")
}

fn text_of(store: &TestStore, calendar: &Collection, name: &'static str) -> Option<String> {
    let id = calendar.id;
    let bytes = store.read(move |tx| {
        let found = tx.find_object(id, name)?;
        found.map(|found| tx.load_object(found.id)).transpose()
    });
    bytes.unwrap().map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn a_calendar_is_set_back() {
    with_a_clock(|store, clock| {
        let julie = store.account("julie");
        let work = new_calendar(store, julie, "work");
        for name in ["deleted", "changed", "same"] {
            put(store, &work, name, prepared(name, &summary("then"))).unwrap();
        }
        let then = clock.advance_secs(3600);
        clock.advance_secs(3600);
        delete(store, &work, "deleted").unwrap();
        put(store, &work, "changed", prepared("changed", &summary("now"))).unwrap();
        put(store, &work, "new", prepared("new", &summary("now"))).unwrap();
        clock.advance_secs(3600);
        let found = plan(store, &work, then);
        assert_eq!(told(&found), "-deleted ~changed +new =same");
        let long_before = then.plus_secs(-24 * 3600);
        assert_eq!(told(&plan(store, &work, long_before)), "- ~ +changed,new,same =");

        let bytes = |version: i64| store.read(move |tx| tx.load_version(julie, version)).unwrap();
        let ready = |version: i64| {
            Some(PreparedObject::calendar(bytes(version), &ObjectLimits::default()).unwrap())
        };
        let (lost, (changed, now)) = (&found.lost[0], &found.changed[0]);
        let steps = vec![
            step("new", Some(found.new[0].etag()), None),
            step("deleted", None, ready(lost.id)),
            step("changed", Some(now.etag()), ready(changed.id)),
            // What it was is not what is there.
            step("same", Some("0".to_owned()), None),
        ];
        let calendar = reload(store, &work);
        let done = store.with(julie, move |tx| tx.restore_objects(&calendar, &steps)).unwrap();
        assert_eq!((done.put, done.removed), (2, 1));
        assert_eq!(done.kept, ["same"]);
        assert_eq!(told(&plan(store, &work, then)), "- ~ + =changed,deleted,same");
        for name in ["deleted", "changed", "same"] {
            assert!(text_of(store, &work, name).unwrap().contains("SUMMARY:then\r\n"), "{name}");
        }
        assert_eq!(text_of(store, &work, "new"), None);
        // A restore can be taken back, as any change.
        let before = clock.now().plus_secs(-60);
        assert_eq!(told(&plan(store, &work, before)), "-new ~changed +deleted =same");
    });
}

fn step(name: &str, expected: Option<String>, object: Option<PreparedObject>) -> RestoreStep {
    RestoreStep { name: name.to_owned(), expected, object }
}

#[test]
fn what_was_there_for_a_moment_is_not_taken_for_nothing() {
    with_a_clock(|store, clock| {
        let julie = store.account("julie");
        let work = new_calendar(store, julie, "work");
        put(store, &work, "a", prepared("a", &summary("first"))).unwrap();
        let then = clock.advance_secs(30);
        clock.advance_secs(1);
        put(store, &work, "a", prepared("a", &summary("second"))).unwrap();
        assert_eq!(told(&plan(store, &work, then)), "- ~ + =a");
        clock.advance_secs(3600);
        put(store, &work, "a", prepared("a", &summary("third"))).unwrap();
        let found = plan(store, &work, then);
        assert_eq!(told(&found), "- ~a + =");
    });
}

#[test]
fn a_calendar_that_is_gone_is_found() {
    with_a_clock(|store, clock| {
        let julie = store.account("julie");
        let work = new_calendar(store, julie, "work");
        put(store, &work, "a", prepared("a", AT_NINE)).unwrap();
        let then = clock.advance_secs(3600);
        clock.advance_secs(60);
        let id = work.id;
        store.with(julie, |tx| tx.make_first_collections()).unwrap();
        let gone = reload(store, &work);
        store.with(julie, move |tx| tx.delete_collection(&gone, &[])).unwrap();
        let lost = store.read(move |tx| tx.list_lost_collections(julie, Home::Calendars)).unwrap();
        assert_eq!(lost.len(), 1);
        assert_eq!((lost[0].id, lost[0].name.as_str()), (id, "work"));
        assert_eq!(told(&plan(store, &work, then)), "-a ~ + =");
        let max = store.account("max");
        let foreign = store.read(move |tx| tx.restore_plan(max, id, then)).unwrap();
        assert_eq!(foreign, RestorePlan::default());
    });
}
