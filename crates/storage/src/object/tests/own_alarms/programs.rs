//! What programs of those who share a calendar know of it.

use std::collections::BTreeMap;

use super::*;

/// What a program of one of them knows of the calendar.
#[derive(Default)]
struct Program {
    token: Option<ModSeq>,
    known: BTreeMap<String, (String, String)>,
}

impl Program {
    fn synchronise(&mut self, store: &TestStore, at: &Collection) {
        let (at, token) = (at.clone(), self.token);
        let (put, gone, up_to) = store
            .read(move |tx| {
                let mut now = tx.load_collection(at.id)?;
                now.guest.clone_from(&at.guest);
                let CollectionChanges::List { mut put, gone, up_to, .. } =
                    tx.collection_changes(&now, token, 100)?
                else {
                    panic!("a token of this run is never too old");
                };
                tx.show_objects(&at, &mut put)?;
                let ids: Vec<ObjectId> = put.iter().map(|object| object.id).collect();
                let mut bytes = tx.load_object_bytes(&ids)?;
                tx.show_bytes(&at, &ids, &mut bytes)?;
                let put = put.into_iter().map(|object| {
                    let text = String::from_utf8(bytes.remove(&object.id).unwrap()).unwrap();
                    (object.name.clone(), (object.etag(), text))
                });
                Ok((put.collect::<Vec<_>>(), gone, up_to))
            })
            .unwrap();
        gone.iter().for_each(|name| drop(self.known.remove(name)));
        self.known.extend(put);
        self.token = Some(up_to);
    }
}

#[test]
fn who_comes_back_is_told_that_theirs_are_gone() {
    on_both_engines(|store| {
        let Shared { julie, people: [paul, anna], own, guests } = shared(store);
        let mut programs: [Program; 2] = Default::default();
        for (name, uid) in [("a", "1"), ("b", "2")] {
            write(store, &own, name, &text(uid, "")).unwrap();
        }
        for (program, guest) in programs.iter_mut().zip(&guests) {
            write(store, guest, "a", &text("1", &alarm(6))).unwrap();
            program.synchronise(store, guest);
            assert_eq!(program.known["a"].1, text("1", &alarm(6)));
        }
        let id = own.id;
        store
            .write(move |tx| {
                tx.lock_sharing([julie, paul])?;
                tx.account_as(julie, paul)?.leave_collection(id)
            })
            .unwrap();
        store
            .write(move |tx| {
                tx.lock_sharing([julie, anna])?;
                tx.account(julie)?.uninvite(id, anna)
            })
            .unwrap();
        for (program, guest) in programs.iter_mut().zip([paul, anna]) {
            share_with(store, &own, guest, CollectionRights::WRITE);
            let at = seen_by(store, &own, guest);
            program.synchronise(store, &at);
            for (name, (etag, _)) in &program.known {
                let name = if name == "a" { "a" } else { "b" };
                assert_eq!(look(store, &at, name).unwrap().0, *etag);
            }
            assert_eq!(program.known["a"].1, text("1", ""));
        }
        // What was as it is now is not told of.
        let [one, other] = ["a", "b"].map(|name| look(store, &own, name).unwrap().1);
        assert!(one > other);
    });
}

#[test]
fn what_each_knows_is_what_each_wrote() {
    const NAMES: [&str; 3] = ["a", "b", "c"];
    on_both_engines(|store| {
        let Shared { own, guests: [paul, anna], .. } = shared(store);
        let places = [own, paul, anna];
        let mut programs: [Program; 3] = Default::default();
        // By name: what is common, and the alarm of each.
        let mut model: BTreeMap<&str, (u32, [Option<u32>; 3])> = BTreeMap::new();
        let text_of = |name: &str, common: u32, own: Option<u32>| {
            text(name, &format!("SUMMARY:{common}\r\n{}", own.map(alarm).unwrap_or_default()))
        };
        let mut random = fastrand::Rng::with_seed(7);
        for step in 0..150 {
            let who = random.usize(..3);
            let name = NAMES[random.usize(..3)];
            if random.u8(..10) == 0 && model.remove(name).is_some() {
                delete(store, &places[0], name).unwrap();
            } else {
                let there = model.get(name).copied();
                let own = random.bool().then(|| random.u32(1..4));
                let same = there.map_or(0, |there| there.0);
                let common = if random.bool() { same } else { random.u32(..3) };
                let done = write(store, &places[who], name, &text_of(name, common, own));
                let may = who != 2 || there.is_some_and(|there| there.0 == common);
                assert_eq!(done.is_ok(), may, "step {step}: {done:?}");
                if let Ok(done) = done {
                    let (_, mut alarms) = there.unwrap_or_default();
                    alarms[who] = own;
                    model.insert(name, (common, alarms));
                    assert_eq!(done.etag, look(store, &places[who], name).map(|seen| seen.0));
                }
            }
            let at = random.usize(..3);
            programs[at].synchronise(store, &places[at]);
            let known = programs[at].known.iter();
            let known: Vec<_> =
                known.map(|(name, (_, text))| (name.as_str(), text.clone())).collect();
            let expect = model.iter();
            let expect: Vec<_> = expect
                .map(|(name, (common, alarms))| (*name, text_of(name, *common, alarms[at])))
                .collect();
            assert_eq!(known, expect, "step {step}");
            for (name, (etag, _)) in &programs[at].known {
                let name = NAMES.into_iter().find(|one| one == name).unwrap();
                assert_eq!(look(store, &places[at], name).unwrap().0, *etag, "step {step}");
            }
        }
    });
}
