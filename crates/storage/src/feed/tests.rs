//! The feed with a reader that does what a test says, at the worst moments.

use std::collections::VecDeque;

use ids::{Timestamp, Uid, UidValidity};

use super::*;
use crate::view::{DeltaEntry, MailboxDelta};
use crate::{Change, Fact};

const ACCOUNT: AccountId = AccountId::new(1);
const MAILBOX: CollectionId = CollectionId::new(2);

type Meanwhile = Box<dyn FnOnce(&Feed) + Send>;
type Since = Result<Option<(Publication, ModSeq)>>;

#[derive(Default)]
struct Script {
    modseqs: VecDeque<u64>,
    since: VecDeque<Since>,
    /// Runs while a view is being read.
    during_snapshot: Option<Meanwhile>,
    feed: Option<Arc<Feed>>,
}

#[derive(Clone, Default)]
struct Reader(Arc<Mutex<Script>>);

impl FeedReader for Reader {
    fn modseq(&self, _: AccountId) -> Result<ModSeq> {
        Ok(ModSeq::new(lock(&self.0).modseqs.pop_front().unwrap()))
    }

    fn since(&self, _: AccountId, _: ModSeq) -> Since {
        lock(&self.0).since.pop_front().unwrap()
    }

    fn snapshot(&self, _: AccountId, mailbox: CollectionId) -> Result<Snapshot> {
        let (meanwhile, feed) = {
            let mut script = lock(&self.0);
            (script.during_snapshot.take(), script.feed.clone())
        };
        if let (Some(meanwhile), Some(feed)) = (meanwhile, feed) {
            meanwhile(&feed);
        }
        Ok(Snapshot::empty(
            mailbox,
            UidValidity::new(1),
            Uid::new(1),
            ModSeq::new(0),
            ModSeq::new(10),
            Uid::new(1),
        ))
    }
}

fn feed(modseqs: &[u64]) -> (Arc<Feed>, Reader) {
    let reader = Reader::default();
    lock(&reader.0).modseqs.extend(modseqs);
    let feed = Arc::new(Feed::new(Box::new(reader.clone()), 1_000_000));
    lock(&reader.0).feed = Some(feed.clone());
    (feed, reader)
}

/// A transaction that adds one message.
fn adds(modseq: u64, uid: u32) -> Publication {
    let modseq = ModSeq::new(modseq);
    let mut delta = MailboxDelta::new(ACCOUNT, MAILBOX, modseq);
    delta.added.push(DeltaEntry {
        uid: Uid::new(uid),
        content: ids::ContentId::new(1),
        flags: message::flag::Flags::default(),
        internal_date: Timestamp::default(),
        size_bytes: 1,
    });
    let fact = Fact::MessagesAdded([Uid::new(uid)].into_iter().collect());
    Publication {
        changes: vec![Change { account: ACCOUNT, modseq, collection: Some(MAILBOX), fact }],
        deltas: vec![delta],
        modseqs: [(ACCOUNT, modseq)].into(),
        ..Publication::default()
    }
}

fn joined(mut first: Publication, second: Publication) -> Publication {
    first.changes.extend(second.changes);
    first.deltas.extend(second.deltas);
    first
}

fn uids(view: &MailboxView) -> Vec<u32> {
    view.snapshot().entries(1..=u32::MAX).map(|(_, entry)| entry.uid().get()).collect()
}

#[test]
fn a_publication_before_its_turn_waits_for_what_is_missing() {
    let (feed, reader) = feed(&[10]);
    let view = feed.open_view(ACCOUNT, MAILBOX).unwrap();
    let mut subscription = feed.subscribe(ACCOUNT).unwrap();
    lock(&reader.0).since.push_back(Ok(Some((joined(adds(11, 1), adds(12, 2)), ModSeq::new(12)))));
    feed.publish(&adds(12, 2));
    // The writer of 11 comes late: it is known already.
    feed.publish(&adds(11, 1));
    feed.publish(&adds(13, 3));
    assert_eq!(uids(&view), [1, 2, 3]);
    let told: Vec<u64> = std::iter::from_fn(|| subscription.try_next())
        .flat_map(|changes| changes.unwrap().iter().map(|c| c.modseq.get()).collect::<Vec<_>>())
        .collect();
    assert_eq!(told, [11, 12, 13]);
}

#[test]
fn what_is_published_while_a_view_is_read_is_in_it_once() {
    let (feed, reader) = feed(&[9]);
    lock(&reader.0).during_snapshot = Some(Box::new(|feed| {
        // 10 is in the snapshot, which is as of 10; 11 is not.
        let mut ten = adds(10, 1);
        ten.deltas.clear();
        feed.publish(&ten);
        feed.publish(&adds(11, 1));
    }));
    let view = feed.open_view(ACCOUNT, MAILBOX).unwrap();
    feed.publish(&adds(12, 2));
    assert_eq!(uids(&view), [1, 2]);
}

#[test]
fn a_view_read_across_a_break_is_lost_and_not_shared() {
    let (feed, reader) = feed(&[9, 30]);
    lock(&reader.0).since.push_back(Ok(None));
    lock(&reader.0).during_snapshot = Some(Box::new(|feed| {
        feed.publish(&adds(20, 1));
        // Somebody else mends the feed before the view is there.
        feed.subscribe(ACCOUNT).unwrap();
    }));
    let view = feed.open_view(ACCOUNT, MAILBOX).unwrap();
    assert_eq!(view.snapshot().state(), ViewState::Lost);
    assert!(feed.opened_view(ACCOUNT, MAILBOX).is_none());
}

#[test]
fn a_number_read_too_early_is_read_again() {
    let (feed, reader) = feed(&[9]);
    let view = feed.open_view(ACCOUNT, MAILBOX).unwrap();
    // The feed breaks off; 15 is committed while it is mended.
    lock(&reader.0).since.push_back(Err(StorageError::Unavailable("gone".to_owned())));
    feed.publish(&adds(15, 5));
    assert_eq!(view.snapshot().state(), ViewState::Lost);
    lock(&reader.0).modseqs.extend([14, 15]);
    feed.subscribe(ACCOUNT).unwrap();
    assert!(lock(&reader.0).modseqs.is_empty());
}

#[test]
fn idle_views_go_when_room_is_short_and_held_ones_stay() {
    let reader = Reader::default();
    lock(&reader.0).modseqs.extend([10; 100]);
    let feed = Feed::new(Box::new(reader), 20 * EMPTY_VIEW_MESSAGES);
    let held = feed.open_view(ACCOUNT, MAILBOX).unwrap();
    for account in 2..80 {
        feed.open_view(AccountId::new(account), CollectionId::new(account + 10)).unwrap();
    }
    assert!(lock(&feed.accounts).len() < 40);
    feed.publish(&adds(11, 1));
    assert_eq!(uids(&held), [1]);
}
