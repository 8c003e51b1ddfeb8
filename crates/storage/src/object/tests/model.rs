//! Random verbs against a plain map: what is there, what it takes, and what whoever synchronises
//! has after each step.

use std::collections::BTreeMap;

use ids::ModSeq;

use super::super::*;
use super::{AT_NINE, etag, event, new_calendar, prepared, put_if, reload};
use crate::collection::Collection;
use crate::testing::{TestStore, on_both_engines};

const STEPS: usize = 300;
const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// What a client that synchronises knows.
#[derive(Default)]
struct Client {
    token: Option<ModSeq>,
    known: BTreeMap<String, String>,
}

impl Client {
    fn synchronise(&mut self, store: &TestStore, calendar: &Collection, max: usize) {
        loop {
            let (id, token) = (calendar.id, self.token);
            let changes = store.read(move |tx| {
                let collection = tx.load_collection(id)?;
                tx.collection_changes(&collection, token, max)
            });
            let CollectionChanges::List { put, gone, up_to, truncated, .. } = changes.unwrap()
            else {
                panic!("a token of this run is never too old");
            };
            for name in gone {
                self.known.remove(&name);
            }
            for object in put {
                self.known.insert(object.name.clone(), object.etag());
            }
            self.token = Some(up_to);
            if !truncated {
                return;
            }
        }
    }
}

fn run(store: &TestStore, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let julie = store.account(&format!("julie{seed}"));
    let calendars = [new_calendar(store, julie, "one"), new_calendar(store, julie, "two")];
    let mut model: [BTreeMap<String, (String, String, usize)>; 2] = Default::default();
    let mut clients: [Client; 2] = Default::default();
    for step in 0..STEPS {
        let at = random.usize(..2);
        let name = NAMES[random.usize(..NAMES.len())];
        let uid = random.u8(..7).to_string();
        let (calendar, there) = (&calendars[at], model[at].get(name).cloned());
        match random.u8(..8) {
            0..4 => {
                let text = format!("{AT_NINE}SUMMARY:{}\r\n", random.u32(..));
                let object = prepared(&uid, &text);
                let taken =
                    model[at].iter().find(|(other, (has, ..))| **other != name && *has == uid);
                let wrong = random.u8(..6) == 0;
                let guess = if wrong {
                    "0".to_owned()
                } else {
                    there.clone().map_or_else(String::new, |t| t.1)
                };
                let condition = EtagCondition::OneOf(vec![guess]);
                let with = random.bool();
                let outcome =
                    put_if(store, calendar, name, object.clone(), with.then_some(condition), None);
                if with && (wrong || there.is_none()) {
                    assert!(outcome.is_err(), "seed {seed} step {step}");
                } else if let Some((other, _)) = taken {
                    assert_eq!(outcome.unwrap(), PutOutcome::UidTaken { name: other.clone() });
                } else if there.as_ref().is_some_and(|(has, ..)| *has != uid) {
                    let name = name.to_owned();
                    assert_eq!(outcome.unwrap(), PutOutcome::UidTaken { name });
                } else {
                    let expect =
                        if there.is_some() { PutOutcome::Replaced } else { PutOutcome::Created };
                    assert_eq!(outcome.unwrap(), expect, "seed {seed} step {step}");
                    let bytes = event(&uid, &text).len();
                    model[at].insert(name.to_owned(), (uid, object.etag(), bytes));
                }
            }
            4 | 5 => {
                let calendar = calendar.clone();
                let outcome = store.with(julie, move |tx| {
                    tx.delete_object(&calendar, name, &Condition::default())
                });
                assert_eq!(outcome.is_ok(), there.is_some(), "seed {seed} step {step}");
                model[at].remove(name);
            }
            kind => {
                let Some((uid, etag, bytes)) = there else { continue };
                let to = random.usize(..2);
                let target = NAMES[random.usize(..NAMES.len())];
                let copies = kind == 6;
                let (from, dest) = (calendar.clone(), calendars[to].clone());
                let outcome = store.with(julie, move |tx| {
                    let object = tx.find_object(from.id, name)?.expect("there");
                    match copies {
                        true => {
                            tx.copy_object(&from, &object, &dest, target, &Condition::default())
                        }
                        false => {
                            tx.move_object(&from, &object, &dest, target, &Condition::default())
                        }
                    }
                });
                let same = at == to && name == target;
                let taken = model[to].iter().any(|(other, (has, ..))| {
                    *has == uid && *other != target && (copies || at != to || *other != name)
                });
                match outcome {
                    Err(_) => assert!(same, "seed {seed} step {step}"),
                    Ok(PutOutcome::UidTaken { .. }) => assert!(taken, "seed {seed} step {step}"),
                    Ok(_) => {
                        assert!(!same && !taken, "seed {seed} step {step}");
                        if !copies {
                            model[at].remove(name);
                        }
                        model[to].insert(target.to_owned(), (uid, etag, bytes));
                    }
                }
            }
        }
        if random.u8(..4) == 0 {
            let max = random.usize(2..6);
            clients[at].synchronise(store, &calendars[at], max);
            let known: Vec<_> =
                clients[at].known.iter().map(|(n, e)| (n.clone(), e.clone())).collect();
            let there: Vec<_> =
                model[at].iter().map(|(n, (_, e, _))| (n.clone(), e.clone())).collect();
            assert_eq!(known, there, "seed {seed} step {step}");
        }
    }
    for (calendar, model) in calendars.iter().zip(&model) {
        let found = reload(store, calendar);
        let bytes: usize = model.values().map(|(_, _, bytes)| bytes).sum();
        assert_eq!((found.objects, found.size_bytes), (model.len() as u64, bytes as u64));
        for name in NAMES {
            assert_eq!(etag(store, calendar, name), model.get(name).map(|there| there.1.clone()));
        }
    }
}

#[test]
fn calendars_are_what_a_map_would_be() {
    on_both_engines(|store| {
        let seeds = match std::env::var("POSTHORN_SEED").ok().and_then(|seed| seed.parse().ok()) {
            Some(seed) => seed..seed + 1,
            None => 1..4,
        };
        seeds.for_each(|seed| run(store, seed));
    });
}
