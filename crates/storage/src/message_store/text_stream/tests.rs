use std::ops::Range;

use ids::ContentId;
use message::flag::Flags;

use crate::testing::{TestStore, on_both_engines, on_both_engines_with};
use crate::{Blobs, Result, Settings, StorageError};

const HEADER: &[u8] = b"Subject: long\r\n\r\n";

/// A text of so many bytes that compresses like mail, or not at all.
fn text(bytes: usize, compressible: bool) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(bytes as u64);
    match compressible {
        true => std::iter::repeat_with(|| rng.alphanumeric() as u8).take(bytes).collect(),
        false => std::iter::repeat_with(|| rng.u8(1..)).take(bytes).collect(),
    }
}

/// The content of a new message with this text.
fn content(store: &TestStore, text: &[u8]) -> ContentId {
    let name = format!("julie{}", text.len());
    let account = store.account(&name);
    let inbox = store.mailbox(account, "INBOX");
    store.append_bytes(account, inbox, &[HEADER, text].concat(), Flags::default()).unwrap();
    let mut found = None;
    store
        .read(move |tx| {
            tx.load_keys(inbox, |_, content, _| {
                found = Some(content);
                Ok(())
            })?;
            Ok(found)
        })
        .unwrap()
        .unwrap()
}

/// What comes of a range, and the error that ended it.
fn read(store: &TestStore, content: ContentId, range: Range<u64>) -> (Vec<u8>, Result<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut all = Vec::new();
        let mut stream = match store.inner().open_text(content, range).await {
            Ok(stream) => stream,
            Err(error) => return (all, Err(error)),
        };
        let len = stream.len();
        loop {
            match stream.next(Vec::new()).await {
                Ok(Some(piece)) => all.extend_from_slice(&piece),
                Ok(None) => {
                    assert_eq!(all.len() as u64, len);
                    return (all, Ok(()));
                }
                Err(error) => return (all, Err(error)),
            }
        }
    })
}

fn check(store: &TestStore) {
    // Kept as it is, by LZ4, by zstd; in a row, or outside it on one of the engines.
    for (bytes, compressible) in
        [(0, true), (1, true), (5_000, true), (20_000, true), (700_000, true), (600_001, false)]
    {
        let text = text(bytes, compressible);
        let content = content(store, &text);
        let end = bytes as u64;
        for range in [
            0..end,
            0..u64::MAX,
            0..1,
            end / 2..end,
            end.saturating_sub(1)..end,
            262_144..262_145,
            1..600_000,
            end..end + 5,
            end + 5..end + 9,
        ] {
            let from = range.start.min(end) as usize;
            let to = range.end.min(end) as usize;
            let (read, outcome) = read(store, content, range.clone());
            outcome.unwrap();
            assert!(read == text[from..to], "{range:?} of {bytes}");
        }
    }
}

#[test]
fn pieces_make_the_text() {
    on_both_engines(check);
}

#[test]
fn pieces_make_the_text_of_an_object() {
    let objects = |settings: &mut Settings| {
        let folder = settings.data_dir.join("objects");
        settings.blobs = Blobs::ObjectStore(format!("file://{}", folder.display()));
    };
    on_both_engines_with(objects, check);
}

#[test]
fn what_was_erased_is_told() {
    on_both_engines(|store| {
        let (read, outcome) = read(store, ContentId::new(4_711), 0..5);
        assert!(read.is_empty() && matches!(outcome, Err(StorageError::Expunged)), "{outcome:?}");
    });
}

/// The end of a damaged text is never sent, and later nothing of it.
#[test]
fn the_end_of_a_damaged_text_does_not_come() {
    let folder = tempfile::tempdir().unwrap();
    let clock = std::sync::Arc::new(testkit::ManualClock::default());
    let store = TestStore::new(crate::Store::open(Settings::new(folder.path(), clock)).unwrap());
    for (bytes, range) in [(700_000, 0..u64::MAX), (700_001, 10..11)] {
        let text = text(bytes, false);
        let content = content(&store, &text);
        let pack = std::fs::read_dir(folder.path().join("blobs")).unwrap().next().unwrap();
        let path = pack.unwrap().path();
        let mut packed = std::fs::read(&path).unwrap();
        *packed.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &packed).unwrap();
        let (first, outcome) = read(&store, content, range.clone());
        assert!(matches!(outcome, Err(StorageError::Corrupt(_))), "{outcome:?}");
        assert!(first.len() < bytes && text.starts_with(&first));
        let (second, outcome) = read(&store, content, range);
        assert!(matches!(outcome, Err(StorageError::Corrupt(_))), "{outcome:?}");
        assert!(second.is_empty());
    }
}
