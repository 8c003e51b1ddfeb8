use super::*;

fn all(appended: Appended) -> Vec<PackPlace> {
    assert!(appended.failure.is_none(), "{:?}", appended.failure);
    appended.places.into_iter().map(Option::unwrap).collect()
}

fn all_synced(packs: &Packs, blobs: &[(BlobId, &[u8])]) -> Vec<PackPlace> {
    let appended = packs.append(blobs);
    packs.sync(appended.epoch).unwrap();
    all(appended)
}

fn blob(byte: u8, len: usize) -> (BlobId, Vec<u8>) {
    let bytes = vec![byte; len];
    (BlobId::new(*blake3::hash(&bytes).as_bytes()), bytes)
}

#[test]
fn records_are_read_back_also_by_a_later_process() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = [blob(1, 10), blob(2, 0), blob(3, 100_000)];
    let packs = Packs::open(folder.path().to_owned()).unwrap();
    let slices: Vec<_> = blobs.iter().map(|(id, b)| (*id, b.as_slice())).collect();
    let places = all(packs.append(&slices));
    let later = Packs::open(folder.path().to_owned()).unwrap();
    for ((_, bytes), place) in blobs.iter().zip(&places) {
        assert_eq!(packs.read(*place, bytes.len()).unwrap(), *bytes);
        assert_eq!(later.read(*place, bytes.len()).unwrap(), *bytes);
    }
    let more = blob(4, 5);
    let next = all(later.append(&[(more.0, more.1.as_slice())]));
    assert_eq!(next[0].pack, places[0].pack + 1, "an older pack is never continued");
}

#[test]
fn a_pack_that_failed_half_way_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let packs = Packs::open(folder.path().to_owned()).unwrap();
    std::fs::write(path(folder.path(), 1), b"half a record").unwrap();
    let (id, bytes) = blob(7, 100);
    let place = all_synced(&packs, &[(id, bytes.as_slice())])[0];
    assert_eq!(place.pack, 2);
    // An append that fails gives its space back and leaves the good records.
    {
        let mut newest = lock(&packs.newest);
        newest.file.as_mut().unwrap().write_all(&[0; 5000]).unwrap();
        packs.give_up(&mut newest);
    }
    let kept = std::fs::metadata(path(folder.path(), 2)).unwrap().len();
    assert_eq!(kept, RECORD_HEADER_BYTES + 100);
    let next = all(packs.append(&[(id, bytes.as_slice())]))[0];
    assert_eq!(next.pack, 3);
    assert_eq!(packs.read(place, 100).unwrap(), bytes);
}

#[test]
fn what_a_failing_disk_has_room_for_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let packs = Packs::open(folder.path().join("packs")).unwrap();
    let blobs = [blob(1, 2_000_000), blob(2, 100), blob(3, 5_000)];
    let slices: Vec<_> = blobs.iter().map(|(id, b)| (*id, b.as_slice())).collect();
    let first = all_synced(&packs, &slices[1..2])[0];
    // A device that is always full, in place of the pack: the next one takes them all.
    packs.write_to(Path::new("/dev/full"));
    let appended = packs.append(&slices);
    assert!(appended.failure.is_none(), "{:?}", appended.failure);
    assert_eq!(appended.places.iter().flatten().count(), 3);
    // A full disk on which no pack can be begun takes none, and says why.
    packs.write_to(Path::new("/dev/full"));
    let aside = folder.path().join("aside");
    std::fs::rename(folder.path().join("packs"), &aside).unwrap();
    let appended = packs.append(&slices);
    assert_eq!(appended.places, [None, None, None]);
    assert!(appended.failure.is_some());
    std::fs::rename(&aside, folder.path().join("packs")).unwrap();
    let later = all_synced(&packs, &slices);
    for ((_, bytes), place) in blobs.iter().zip(&later) {
        assert_eq!(packs.read(*place, bytes.len()).unwrap(), *bytes);
    }
    assert_eq!(packs.read(first, 100).unwrap(), blobs[1].1);
}

#[test]
fn an_append_that_failed_gives_its_space_back() {
    let folder = tempfile::tempdir().unwrap();
    let packs = Packs::open(folder.path().to_owned()).unwrap();
    let (id, bytes) = blob(7, 100);
    let place = all(packs.append(&[(id, bytes.as_slice())]))[0];
    {
        let mut newest = lock(&packs.newest);
        let before = newest.here();
        newest.file.as_mut().unwrap().write_all(&[0; 5000]).unwrap();
        newest.end += 5000;
        assert!(packs.go_back(&mut newest, before));
    }
    // The same pack goes on, and what it held is good.
    let next = all(packs.append(&[(id, bytes.as_slice())]))[0];
    assert_eq!((next.pack, next.offset), (place.pack, place.offset + 144));
    assert_eq!(packs.read(place, 100).unwrap(), bytes);
    assert_eq!(packs.read(next, 100).unwrap(), bytes);
}

#[test]
fn what_another_thread_gave_up_is_not_called_durable() {
    let folder = tempfile::tempdir().unwrap();
    let packs = Packs::open(folder.path().to_owned()).unwrap();
    let (id, bytes) = blob(7, 100);
    let appended = packs.append(&[(id, bytes.as_slice())]);
    packs.give_up(&mut lock(&packs.newest));
    assert!(packs.sync(appended.epoch).is_err());
    all_synced(&packs, &[(id, bytes.as_slice())]);
}

#[test]
fn a_pack_that_goes_while_it_is_looked_for_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let packs = Packs::open(folder.path().to_owned()).unwrap();
    let (id, bytes) = blob(7, 100);
    let place = all_synced(&packs, &[(id, bytes.as_slice())])[0];
    packs.retire(place.pack);
    // A reader between its two looks, before and behind all that a removal does.
    assert!(packs.removed(place.pack).is_none());
    packs.remove(place.pack).unwrap();
    assert!(!path(folder.path(), place.pack).exists());
    let file = packs.named(place.pack).unwrap();
    assert_eq!(read_exact(&file, place.offset as u64, 100).unwrap(), bytes);
    assert!(lock(&packs.open).is_empty());
    packs.forget_removed();
    assert!(matches!(packs.named(place.pack), Err(StorageError::Corrupt(_))));
}

#[test]
fn a_pack_whose_name_is_gone_already_is_read_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let packs = Packs::open(folder.path().to_owned()).unwrap();
    let (id, bytes) = blob(7, 100);
    let place = all_synced(&packs, &[(id, bytes.as_slice())])[0];
    packs.retire(place.pack);
    packs.file(place.pack).unwrap();
    // The removal ends where the name goes: what comes before it is enough for readers.
    std::fs::remove_file(path(folder.path(), place.pack)).unwrap();
    assert!(packs.remove(place.pack).is_err());
    lock(&packs.open).clear();
    assert_eq!(packs.read(place, 100).unwrap(), bytes);
}

#[test]
fn a_torn_or_missing_pack_is_named_corrupt() {
    let folder = tempfile::tempdir().unwrap();
    let packs = Packs::open(folder.path().to_owned()).unwrap();
    let (id, bytes) = blob(9, 1000);
    let place = all(packs.append(&[(id, bytes.as_slice())]))[0];
    let file = OpenOptions::new().write(true).open(path(folder.path(), place.pack)).unwrap();
    file.set_len(500).unwrap();
    assert!(matches!(packs.read(place, 1000), Err(StorageError::Corrupt(_))));
    let absent = PackPlace { pack: 77, offset: 44 };
    assert!(matches!(packs.read(absent, 1), Err(StorageError::Corrupt(_))));
}
