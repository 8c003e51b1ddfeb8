//! Views against a plain list: whatever a transaction did, snapshot and diff must say the same.

use ids::{AccountId, CollectionId, ContentId, ModSeq, Timestamp, Uid, UidSet, UidValidity};
use message::flag::{Flag, Flags};

use super::{DeltaEntry, MailboxDelta, Snapshot, ViewState};

const MAILBOX: CollectionId = CollectionId::new(7);

fn flags(names: &[&str]) -> Flags {
    names.iter().map(|name| Flag::parse(name.as_bytes()).unwrap()).collect()
}

fn empty() -> Snapshot {
    Snapshot::empty(
        MAILBOX,
        UidValidity::new(9),
        Uid::new(1),
        ModSeq::new(0),
        ModSeq::new(0),
        Uid::new(1),
    )
}

fn delta(modseq: u64) -> MailboxDelta {
    MailboxDelta::new(AccountId::new(1), MAILBOX, ModSeq::new(modseq))
}

fn message(uid: u32, names: &[&str]) -> DeltaEntry {
    DeltaEntry {
        uid: Uid::new(uid),
        content: ContentId::new(i64::from(uid) * 10),
        flags: flags(names),
        internal_date: Timestamp::from_secs(i64::from(uid)),
        size_bytes: uid + 100,
    }
}

fn add(snapshot: &Snapshot, modseq: u64, uids: impl Iterator<Item = u32>) -> Snapshot {
    let mut delta = delta(modseq);
    delta.added = uids.map(|uid| message(uid, &[])).collect();
    snapshot.after([&delta].into_iter())
}

#[test]
fn lookups_agree_over_chunk_borders() {
    // Odd UIDs only, enough for several chunks.
    let snapshot = add(&empty(), 1, (0..1500).map(|n| 2 * n + 1));
    assert_eq!(snapshot.exists(), 1500);
    assert_eq!(snapshot.uid_next(), Uid::new(3000));
    for seq in [1, 2, 511, 512, 513, 1024, 1025, 1499, 1500] {
        let entry = snapshot.by_seq(seq).unwrap();
        assert_eq!(entry.uid(), Uid::new(2 * seq - 1));
        assert_eq!(snapshot.seq_of(entry.uid()), Some(seq));
        assert_eq!(snapshot.seq_of(Uid::new(2 * seq)), None);
        assert_eq!(snapshot.first_seq_from(Uid::new(2 * seq)), seq + 1);
        assert_eq!(entry.content(), ContentId::new(i64::from(2 * seq - 1) * 10));
    }
    assert!(snapshot.by_seq(0).is_none() && snapshot.by_seq(1501).is_none());
    for (range, expect) in [
        (1..=3, vec![1, 2, 3]),
        (511..=514, vec![511, 512, 513, 514]),
        (512..=512, vec![512]),
        (513..=513, vec![513]),
        (1500..=9000, vec![1500]),
        (1501..=9000, vec![]),
        (0..=1, vec![1]),
        #[expect(clippy::reversed_empty_ranges, reason = "an empty range has no messages")]
        (5..=4, vec![]),
    ] {
        let seqs: Vec<u32> = snapshot.entries(range).map(|(seq, _)| seq).collect();
        assert_eq!(seqs, expect);
    }
}

#[test]
fn a_mailbox_can_be_deleted_under_a_view() {
    let mut delta = delta(3);
    delta.deleted = true;
    let snapshot = add(&empty(), 1, 1..4).after([&delta].into_iter());
    assert_eq!(snapshot.state(), ViewState::Deleted);
}

#[test]
fn what_a_snapshot_holds_already_is_no_news() {
    let snapshot = add(&empty(), 5, 1..4);
    let again = add(&snapshot, 5, 4..9);
    assert_eq!(again.exists(), 3);
}

#[test]
fn unseen_and_keywords_follow_the_flags() {
    let snapshot = add(&empty(), 1, 1..5);
    let mut seen = delta(2);
    seen.flags = vec![
        (Uid::new(1), flags(&["\\Seen"])),
        (Uid::new(3), flags(&["\\Seen", "$Junk"])),
        (Uid::new(99), flags(&["\\Seen"])),
    ];
    let snapshot = snapshot.after([&seen].into_iter());
    assert_eq!(snapshot.unseen(), 2);
    assert_eq!(snapshot.first_unseen(), Some(2));
    assert_eq!(snapshot.by_seq(3).unwrap().flags_rendered(), "(\\Seen $Junk)");
    assert_eq!(snapshot.by_seq(3).unwrap().modseq(), ModSeq::new(2));
    assert_eq!(snapshot.by_seq(4).unwrap().modseq(), ModSeq::new(1));
    assert_eq!(snapshot.keywords().len(), 1);
}

#[test]
fn flags_on_no_message_are_forgotten() {
    let old = add(&empty(), 1, 1..1000);
    let mut snapshot = old.clone();
    for round in 0..5000u64 {
        let mut change = delta(round + 2);
        change.flags = vec![(Uid::new(7), flags(&[&format!("k{round}")]))];
        snapshot = snapshot.after([&change].into_iter());
        assert!(snapshot.flag_sets() <= 1100, "round {round}");
    }
    let mut gone = delta(6000);
    gone.expunged = [Uid::new(7), Uid::new(9)].into_iter().collect();
    let after = snapshot.after([&gone].into_iter());
    assert_eq!(after.by_seq(1).unwrap().flags_rendered(), "()");
    // A session that knew the old numbering sees the newest flags of what it still shows.
    let held = snapshot.with_expunged_of(&old);
    assert_eq!(held.by_seq(7).unwrap().flags_rendered(), "(k4999)");
    let held = after.with_expunged_of(&old);
    assert_eq!(held.exists(), 999);
    assert_eq!(held.by_seq(7).unwrap().flags_rendered(), "()");
    assert_eq!(after.diff_from(&held).expunged_seqs, [9, 7]);
}

/// The plain model: UID, flags number, modseq.
type Model = Vec<(u32, usize, u64)>;

fn random_delta(
    rng: &mut fastrand::Rng,
    model: &mut Model,
    next: &mut u32,
    modseq: u64,
) -> MailboxDelta {
    let names: [&[&str]; 4] = [&[], &["\\Seen"], &["\\Flagged", "$x"], &["\\Deleted"]];
    let mut delta = delta(modseq);
    match rng.u8(0..3) {
        0 => {
            for _ in 0..rng.usize(1..700) {
                delta.added.push(message(*next, &[]));
                model.push((*next, 0, modseq));
                *next += rng.u32(1..4);
            }
        }
        1 => {
            let share = rng.u32(1..50);
            let set = rng.usize(0..4);
            for row in model.iter_mut().filter(|_| rng.u32(0..share) == 0) {
                *row = (row.0, set, modseq);
                delta.flags.push((Uid::new(row.0), flags(names[set])));
            }
        }
        _ => {
            let (first, span) = (rng.u32(0..*next), rng.u32(1..900));
            let keep = rng.u32(1..3);
            let mut gone = UidSet::new();
            model.retain(|row| {
                let goes = (first..first + span).contains(&row.0) && rng.u32(0..keep) == 0;
                if goes {
                    gone.insert(Uid::new(row.0));
                }
                !goes
            });
            delta.expunged = gone;
        }
    }
    delta
}

fn assert_same(snapshot: &Snapshot, model: &Model) {
    assert_eq!(snapshot.exists() as usize, model.len());
    for ((seq, entry), (at, row)) in snapshot.entries(1..=u32::MAX).zip(model.iter().enumerate()) {
        assert_eq!((seq as usize, entry.uid().get()), (at + 1, row.0));
        assert_eq!(entry.modseq().get(), row.2, "uid {}", row.0);
    }
}

/// What a client knows after being told a diff, as (UID, modseq).
fn told(old: &Snapshot, new: &Snapshot) -> Vec<(u32, u64)> {
    let diff = new.diff_from(old);
    let mut known: Vec<(u32, u64)> =
        old.entries(1..=u32::MAX).map(|(_, e)| (e.uid().get(), e.modseq().get())).collect();
    for (old_seq, new_seq) in &diff.changed {
        let fresh = new.by_seq(*new_seq).unwrap();
        assert_eq!(fresh.uid().get(), known[*old_seq as usize - 1].0);
        known[*old_seq as usize - 1].1 = fresh.modseq().get();
    }
    for seq in &diff.expunged_seqs {
        known.remove(*seq as usize - 1);
    }
    let first_new = new.exists() - diff.appended + 1;
    known.extend(new.entries(first_new..=u32::MAX).map(|(_, e)| (e.uid().get(), e.modseq().get())));
    known
}

#[test]
fn held_snapshots_lack_only_the_expunges() {
    let mut rng = fastrand::Rng::with_seed(3);
    let (mut model, mut next) = (Model::new(), 1);
    let mut snapshot = add(&empty(), 1, 0..0);
    for round in 0..60u64 {
        let old = snapshot.clone();
        for step in 0..3 {
            let delta = random_delta(&mut rng, &mut model, &mut next, round * 3 + step + 2);
            snapshot = snapshot.after([&delta].into_iter());
        }
        let held = snapshot.with_expunged_of(&old);
        let first = held.diff_from(&old);
        assert!(first.expunged_seqs.is_empty());
        let second = snapshot.diff_from(&held);
        assert!(second.changed.is_empty() && second.appended == 0, "round {round}");
        let whole = snapshot.diff_from(&old);
        assert_eq!(second.expunged_seqs, whole.expunged_seqs);
        assert_eq!(first.appended, whole.appended);
        assert_eq!(first.changed.len(), whole.changed.len());
    }
}

#[test]
fn random_transactions_leave_view_and_diff_equal_to_the_model() {
    let seed = std::env::var("POSTHORN_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(42);
    let mut rng = fastrand::Rng::with_seed(seed);
    let (mut model, mut next) = (Model::new(), 1);
    let mut snapshot = empty();
    let mut earlier = snapshot.clone();
    for modseq in 1..400 {
        let delta = random_delta(&mut rng, &mut model, &mut next, modseq);
        snapshot = snapshot.after([&delta].into_iter());
        assert_same(&snapshot, &model);
        if rng.u8(0..4) == 0 {
            let expect: Vec<(u32, u64)> = model.iter().map(|row| (row.0, row.2)).collect();
            assert_eq!(told(&earlier, &snapshot), expect, "seed {seed} modseq {modseq}");
            earlier = snapshot.clone();
        }
    }
}
