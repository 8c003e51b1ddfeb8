use super::*;
use crate::settings::{Relay, RelayTls, Route};

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn table() -> Destinations {
    bounded(10, 4)
}

fn bounded(connections_max: usize, connections_per_destination_max: usize) -> Destinations {
    let usual = Settings::new("mail.here.test");
    Destinations::new(Arc::new(Settings {
        connections_max,
        connections_per_destination_max,
        ..usual
    }))
}

#[test]
fn the_longest_waiting_comes_first() {
    let mut table = table();
    table.note("b", at(2));
    table.note("a", at(3));
    table.note("c", at(9));
    assert_eq!(table.next(), Some(at(2)));
    assert_eq!(table.begin_visit(at(1)), None);
    assert_eq!(table.begin_visit(at(5)).as_deref(), Some("b"));
    assert_eq!(table.begin_visit(at(5)).as_deref(), Some("a"));
    assert_eq!(table.begin_visit(at(5)), None);
    assert_eq!(table.next(), Some(at(9)));
    table.end_visit("b", at(5));
    assert!(!table.entries.contains_key("b"));
}

#[test]
fn connections_grow_with_success() {
    let mut table = table();
    let fill = |table: &mut Destinations| {
        let mut begun = 0;
        table.note("a", at(1));
        while table.begin_visit(at(1)).is_some() {
            begun += 1;
            table.note("a", at(1));
        }
        begun
    };
    assert_eq!(fill(&mut table), 2);
    table.succeeded("a");
    assert_eq!(fill(&mut table), 0);
    table.succeeded("a");
    assert_eq!(fill(&mut table), 1);
    (0..100).for_each(|_| table.succeeded("a"));
    assert_eq!(fill(&mut table), 1, "four at most");
}

#[test]
fn what_cannot_be_reached_is_left_alone() {
    let mut table = table();
    table.note("a", at(1));
    table.begin_visit(at(1)).unwrap();
    table.note("a", at(1));
    table.begin_visit(at(1)).unwrap();
    assert_eq!(table.failed("a", None, at(1), 0.5), at(61));
    // The second connection failed at the same time.
    assert_eq!(table.failed("a", None, at(1), 0.5), at(61));
    table.note("a", at(1));
    table.end_visit("a", at(1));
    table.end_visit("a", at(1));
    assert_eq!(table.begin_visit(at(60)), None);
    assert_eq!(table.blocked_until("a", at(60)), Some(at(61)));
    assert_eq!(table.begin_visit(at(61)).as_deref(), Some("a"));
    table.note("a", at(61));
    assert_eq!(table.begin_visit(at(61)), None, "one connection tries");
    assert_eq!(table.failed("a", None, at(61), 0.5), at(181));
    table.unblock("a");
    table.succeeded("a");
    assert_eq!(table.begin_visit(at(62)).as_deref(), Some("a"));
}

#[test]
fn messages_a_minute_are_bounded() {
    let mut table = table();
    table.note("a", at(1));
    table.begin_visit(at(1)).unwrap();
    let turns = |table: &mut Destinations, now| {
        (0..9).filter(|_| table.take_turn("a", 20, now).is_ok()).count()
    };
    assert_eq!(turns(&mut table, at(1)), 2);
    assert_eq!(table.take_turn("a", 20, at(1)), Err(at(4)));
    table.note("a", at(1));
    table.end_visit("a", at(1));
    assert_eq!((table.begin_visit(at(3)), table.next()), (None, Some(at(4))));
    assert_eq!(table.begin_visit(at(4)).as_deref(), Some("a"));
    assert_eq!(turns(&mut table, at(4)), 1);
    // Another bound is taken up at once.
    assert_eq!(table.take_turn("a", 0, at(4)), Ok(()));
}

fn paced(per_minute: u32) -> Arc<Settings> {
    let mut settings = (*routed(&[("*", 9)])).clone();
    settings.routes[0].messages_per_minute_max = Some(per_minute);
    Arc::new(settings)
}

/// The names of the visits that begin at that instant, each of which asks for a turn.
fn ask(table: &mut Destinations, now: i64) -> Vec<(String, Result<(), Timestamp>)> {
    let mut asked = Vec::new();
    while let Some(found) = table.begin_visit(at(now)) {
        let turn = table.take_turn(&found, 20, at(now));
        if turn.is_err() {
            table.note(&found, at(now));
        }
        table.end_visit(&found, at(now));
        asked.push((found, turn));
    }
    asked
}

fn asked(name: &str, turn: Result<(), Timestamp>) -> (String, Result<(), Timestamp>) {
    (name.to_owned(), turn)
}

/// A smart host bounds what all send through it, and those who wait have their turns one by one.
#[test]
fn messages_a_minute_of_a_route_are_of_all_that_go_its_way() {
    let mut table = Destinations::new(paced(20));
    for name in ["a", "b", "c", "d"] {
        table.note(name, at(1));
    }
    // A tenth of a minute's at once, then one each three seconds.
    let expect = [Ok(()), Ok(()), Err(at(4)), Err(at(7))];
    let expect = ["a", "b", "c", "d"].into_iter().zip(expect).map(|(name, turn)| asked(name, turn));
    assert_eq!(ask(&mut table, 1), expect.collect::<Vec<_>>());
    table.note("a", at(1));
    table.begin_visit(at(2)).unwrap();
    // However many visits of one destination ask, it has one turn ahead.
    for _ in 0..2 {
        assert_eq!(table.take_turn("a", 20, at(2)), Err(at(10)));
    }
    table.note("a", at(2));
    table.end_visit("a", at(2));
    let states = table.states(at(3));
    let mut until: Vec<_> =
        states.iter().map(|one| one.paced_until.map(|at| at.as_secs())).collect();
    until.sort_unstable();
    assert_eq!(until, [None, Some(4), Some(7), Some(10)]);
    assert_eq!(table.waits(at(3)).paced, 3);
    assert_eq!((ask(&mut table, 3), table.next()), (Vec::new(), Some(at(4))));
    assert_eq!(ask(&mut table, 4), [asked("c", Ok(()))]);
    assert_eq!(ask(&mut table, 7), [asked("d", Ok(()))]);
    // Another bound counts for all of them at once.
    table.limit(paced(600));
    assert_eq!(table.begin_visit(at(7)).as_deref(), Some("a"));
    assert_eq!(table.take_turn("a", 600, at(7)), Ok(()));
}

/// Who comes at the moment of somebody else's turn does not get it.
#[test]
fn a_turn_is_of_who_waited_for_it() {
    let mut table = Destinations::new(paced(20));
    for name in ["a", "b", "c"] {
        table.note(name, at(1));
    }
    assert_eq!(ask(&mut table, 1)[2], asked("c", Err(at(4))));
    table.note("a", at(0));
    assert_eq!(table.begin_visit(at(4)).as_deref(), Some("a"));
    assert_eq!(table.turns_left("a", at(4)), Some(0));
    assert_eq!(table.take_turn("a", 20, at(4)), Err(at(7)));
    assert_eq!(ask(&mut table, 4), [asked("c", Ok(()))]);
}

/// A turn that is not needed is the next one's at once; who has nothing any more is passed over.
#[test]
fn a_turn_that_is_returned_is_the_next_ones() {
    let mut table = Destinations::new(paced(20));
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        table.note(name, at(1));
    }
    assert_eq!(ask(&mut table, 1).len(), 5);
    table.claiming("c");
    assert_eq!(ask(&mut table, 4), [asked("d", Ok(()))]);
    table.return_turn("d");
    assert_eq!(ask(&mut table, 4), [asked("e", Ok(()))]);
    table.return_turn("e");
    assert_eq!((table.turns_left("e", at(4)), table.next()), (Some(1), None));
    // A visit that is called and ends without asking keeps nobody up.
    for name in ["a", "b"] {
        table.note(name, at(4));
    }
    table.note("c", at(5));
    assert_eq!(ask(&mut table, 4), [asked("a", Ok(())), asked("b", Err(at(7)))]);
    assert_eq!(ask(&mut table, 5), [asked("c", Err(at(10)))]);
    assert_eq!(table.begin_visit(at(10)).as_deref(), Some("b"));
    assert_eq!(table.begin_visit(at(10)), None);
    table.end_visit("b", at(10));
    assert_eq!(table.begin_visit(at(10)).as_deref(), Some("c"));
}

/// Another visit of a destination that is called may end before the one that comes asks for the
/// turn.
#[test]
fn a_turn_is_kept_for_the_visit_that_comes() {
    let mut table = Destinations::new(paced(20));
    for name in ["a", "b"] {
        table.note(name, at(1));
        assert_eq!(table.begin_visit(at(1)).as_deref(), Some(name));
        assert_eq!(table.take_turn(name, 20, at(1)), Ok(()));
    }
    for name in ["a", "c"] {
        table.note(name, at(1));
    }
    assert_eq!(ask(&mut table, 1), [asked("a", Err(at(4))), asked("c", Err(at(7)))]);
    assert_eq!(table.begin_visit(at(4)).as_deref(), Some("a"));
    table.end_visit("a", at(4));
    assert_eq!(table.begin_visit(at(4)), None);
    assert_eq!(table.take_turn("a", 20, at(4)), Ok(()));
    assert_eq!(ask(&mut table, 7), [asked("c", Ok(()))]);
    // One that is left alone meanwhile keeps nobody up, though another visit there goes on.
    for (name, turn) in [("a", 10), ("c", 13)] {
        table.note(name, at(7));
        assert_eq!(ask(&mut table, 7), [asked(name, Err(at(turn)))]);
    }
    assert_eq!(table.begin_visit(at(10)).as_deref(), Some("a"));
    table.failed("a", None, at(10), 0.5);
    table.end_visit("a", at(10));
    assert_eq!(table.begin_visit(at(10)).as_deref(), Some("c"));
}

/// Where a route has both bounds, nobody is called, or looked for, before there is a connection.
#[test]
fn who_waits_for_a_turn_waits_for_a_connection_too() {
    let mut both = (*paced(20)).clone();
    both.routes[0].connections_max = Some(1);
    let mut table = Destinations::new(Arc::new(both));
    for name in ["a", "b", "c"] {
        table.note(name, at(1));
    }
    assert_eq!(ask(&mut table, 1)[2], asked("c", Err(at(4))));
    assert_eq!(table.next(), Some(at(4)));
    table.note("a", at(2));
    assert_eq!(table.begin_visit(at(2)).as_deref(), Some("a"));
    assert_eq!((table.begin_visit(at(5)), table.next()), (None, None));
    table.end_visit("a", at(5));
    assert_eq!(table.begin_visit(at(5)).as_deref(), Some("c"));
}

#[test]
fn what_was_paced_is_forgotten_in_the_end() {
    let mut table = table();
    for name in ["a", "b"] {
        table.note(name, at(1));
        table.begin_visit(at(1)).unwrap();
        table.take_turn(name, 20, at(1)).unwrap();
    }
    table.end_visit("a", at(1));
    table.note("b", at(500));
    table.end_visit("b", at(1));
    table.forget_idle(at(60));
    assert_eq!(table.entries.len(), 2, "what it may send is still bounded");
    table.forget_idle(at(61));
    let left: Vec<&String> = table.entries.keys().collect();
    assert_eq!(left, ["b"]);
    assert_eq!(table.next(), Some(at(500)));
}

#[test]
fn all_together_are_bounded() {
    let mut table = bounded(1, 4);
    table.note("a", at(1));
    table.note("b", at(1));
    assert!(table.begin_visit(at(1)).is_some());
    assert_eq!((table.begin_visit(at(1)), table.next()), (None, None));
    table.end_visit("a", at(1));
    assert_eq!(table.begin_visit(at(1)).as_deref(), Some("b"));
}

#[test]
fn the_last_connections_are_for_those_without_one() {
    let mut table = bounded(8, 20);
    (0..100).for_each(|_| {
        table.note("slow", at(1));
        table.succeeded("slow");
    });
    let mut begun = 0;
    while let Some(destination) = table.begin_visit(at(1)) {
        assert_eq!(destination, "slow");
        table.note("slow", at(1));
        begun += 1;
    }
    assert_eq!((begun, table.next()), (6, None));
    table.note("a", at(2));
    table.note("b", at(2));
    table.note("c", at(2));
    assert_eq!(table.next(), Some(at(2)));
    assert_eq!(table.begin_visit(at(2)).as_deref(), Some("a"));
    assert_eq!(table.begin_visit(at(2)).as_deref(), Some("b"));
    assert_eq!(table.begin_visit(at(2)), None);
    // Who has waited longest is first again.
    table.end_visit("slow", at(3));
    table.end_visit("slow", at(3));
    assert_eq!(table.begin_visit(at(3)).as_deref(), Some("c"));
    table.end_visit("slow", at(3));
    table.end_visit("a", at(3));
    assert_eq!(table.begin_visit(at(3)).as_deref(), Some("slow"));
}

#[test]
fn who_rests_goes_on_before_another_begins() {
    let mut table = bounded(2, 2);
    table.note("a", at(1));
    table.begin_visit(at(1)).unwrap();
    let resume = table.rest("a").unwrap();
    table.note("a", at(2));
    assert_eq!((table.begin_visit(at(1)), resume.available_permits()), (None, 0));
    assert_eq!((table.begin_visit(at(2)), resume.available_permits()), (None, 1));
    // It stops waiting in the same moment.
    assert!(table.end_rest("a"));
    table.note("a", at(2));
    assert_eq!(table.begin_visit(at(2)).as_deref(), Some("a"), "the first one works");
    assert!(table.rest("a").is_none(), "others may need the connection");
    table.end_visit("a", at(2));
    table.rest("a").unwrap();
    assert!(!table.end_rest("a"));
    table.end_visit("a", at(2));
    assert!(table.entries.is_empty());
}

#[test]
fn a_destination_says_what_it_waits_for() {
    let mut table = table();
    table.note("a", at(1));
    table.begin_visit(at(1)).unwrap();
    table.failed("a", None, at(1), 0.5);
    table.note("b", at(1));
    table.begin_visit(at(1)).unwrap();
    table.take_turn("b", 10, at(1)).unwrap();
    table.take_turn("b", 10, at(1)).unwrap_err();
    table.note("c", at(1));
    table.begin_visit(at(1)).unwrap();
    table.note("c", at(1));
    table.begin_visit(at(1)).unwrap();
    table.note("c", at(1));
    table.note("b", at(1));
    assert_eq!(table.waits(at(2)), Waits { blocked: 1, paced: 1, full: 1 });
    let mut states = table.states(at(2));
    states.sort_by(|one, other| one.destination.cmp(&other.destination));
    let [a, b, c] = states.as_slice() else { panic!("{states:?}") };
    assert_eq!((a.connections, a.allowed, a.failures), (1, 1, 1));
    assert_eq!((a.blocked_until, a.is_full), (Some(at(61)), false));
    assert_eq!((b.per_minute, b.paced_until), (Some(10), Some(at(7))));
    assert_eq!((c.connections, c.allowed, c.is_full), (2, 2, true));
    assert_eq!(table.waits(at(100)).blocked, 0);
}

#[test]
fn what_comes_during_a_claim_is_not_forgotten() {
    let mut table = table();
    table.note("a", at(1));
    table.begin_visit(at(1)).unwrap();
    table.claiming("a");
    table.note("a", at(2));
    assert_eq!(table.next(), Some(at(2)));
}

fn routed(ways: &[(&str, usize)]) -> Arc<Settings> {
    let mut settings = Settings::new("mail.here.test");
    for (domain, connections) in ways {
        settings.routes.push(Route {
            domain: (*domain).to_owned(),
            relay: Relay {
                host: "relay.test".to_owned(),
                port: 25,
                tls: RelayTls::Never,
                credentials: None,
                sources: Vec::new(),
            },
            connections_max: Some(*connections),
            messages_per_minute_max: None,
        });
    }
    Arc::new(settings)
}

/// The destinations of the visits that may begin.
fn begun(table: &mut Destinations) -> Vec<String> {
    std::iter::from_fn(|| table.begin_visit(at(9))).collect()
}

#[test]
fn a_route_has_a_bound_for_all_that_go_its_way() {
    let mut table = Destinations::new(routed(&[("*", 2), ("own.test", 1)]));
    for (name, due) in [("a", 1), ("b", 2), ("c", 3), ("d", 4), ("own.test", 5), ("own.test", 5)] {
        table.note(name, at(due));
    }
    assert_eq!(begun(&mut table), ["a", "b", "own.test"]);
    assert_eq!(table.next(), None);
    assert_eq!(table.waits(at(9)).full, 2);
    // What has nothing left to do when its turn comes takes nobody's place.
    table.claiming("c");
    table.end_visit("a", at(9));
    assert_eq!(begun(&mut table), ["d"]);
    table.note("own.test", at(6));
    assert_eq!(begun(&mut table), [""; 0]);
    table.end_visit("own.test", at(9));
    assert_eq!(begun(&mut table), ["own.test"]);
    // It is not forgotten who waits.
    table.note("c", at(7));
    table.forget_idle(at(99));
    assert_eq!(begun(&mut table), [""; 0]);
    table.end_visit("b", at(9));
    assert_eq!(begun(&mut table), ["c"]);
    for name in ["c", "d", "own.test"] {
        table.end_visit(name, at(9));
    }
    assert!(table.entries.is_empty());
}

#[test]
fn a_visit_that_rests_has_its_connection() {
    let mut table = Destinations::new(routed(&[("*", 1)]));
    table.note("a", at(1));
    assert_eq!(begun(&mut table), ["a"]);
    let resume = table.rest("a").unwrap();
    table.note("b", at(1));
    table.note("a", at(2));
    assert_eq!(begun(&mut table), [""; 0]);
    assert_eq!(resume.available_permits(), 1);
    table.end_visit("a", at(9));
    assert_eq!(begun(&mut table), ["b"]);
}

#[test]
fn other_bounds_of_routes_count_what_is_open() {
    let mut table = Destinations::new(routed(&[("*", 1)]));
    for name in ["a", "b", "c"] {
        table.note(name, at(1));
    }
    assert_eq!(begun(&mut table), ["a"]);
    table.limit(routed(&[("*", 2)]));
    assert_eq!(begun(&mut table), ["b"]);
    table.limit(routed(&[]));
    assert_eq!(begun(&mut table), ["c"]);
    table.limit(routed(&[("*", 2)]));
    table.note("d", at(1));
    table.end_visit("a", at(9));
    assert_eq!(begun(&mut table), [""; 0]);
    table.end_visit("b", at(9));
    assert_eq!(begun(&mut table), ["d"]);
}

#[test]
fn who_cannot_be_visited_keeps_no_place_of_a_route() {
    let mut table = Destinations::new(routed(&[("*", 1)]));
    for (name, due) in [("a", 1), ("b", 2), ("c", 3)] {
        table.note(name, at(due));
    }
    assert_eq!(begun(&mut table), ["a"]);
    table.failed("b", None, at(9), 0.5);
    table.end_visit("a", at(9));
    assert_eq!(begun(&mut table), ["c"]);
    table.end_visit("c", at(9));
    assert_eq!(table.begin_visit(at(99)).as_deref(), Some("b"));
}

#[test]
fn what_is_for_here_goes_no_way() {
    let mut table = Destinations::new(routed(&[("*", 1)]));
    for (name, due) in [("here.test", 1), ("b", 2), ("c", 3)] {
        table.note(name, at(due));
    }
    assert_eq!(begun(&mut table), ["here.test"]);
    table.learn("here.test", true, at(9));
    assert_eq!(begun(&mut table), ["b"]);
    table.end_visit("here.test", at(9));
    table.note("here.test", at(4));
    assert_eq!(begun(&mut table), ["here.test"]);
    // It is ours no more.
    table.learn("here.test", false, at(9));
    table.end_visit("b", at(9));
    assert_eq!(begun(&mut table), [""; 0]);
    table.end_visit("here.test", at(9));
    assert_eq!(begun(&mut table), ["c"]);
}
