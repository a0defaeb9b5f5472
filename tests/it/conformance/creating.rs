//! What the protocol stands on: an object is created once, read as it was written, listed in order, and deleted.

use bytes::Bytes;
use uipath_audit_exporter::archive::{Archive, Created};

use super::world_at;
use crate::place::PlaceKind;

/// Keys as the archive has them, and one with all that a key may hold.
const KEYS: [&str; 3] = [
    "commits/acme/00000000000000000000.json",
    "jsonl/api=unified/target=acme/day=2026-11-20/00000000000000000000-0123456789abcdef.jsonl.zst",
    "catalog/a.b_c-d/0123.json",
];

pub async fn creates_once(kind: PlaceKind) {
    let (world, _place) = world_at(kind).await;
    let archive = world.archive();
    let big = Bytes::from(vec![b'x'; 3 << 20]);
    for (key, bytes) in KEYS.iter().zip([Bytes::new(), Bytes::from_static(b"one"), big]) {
        assert_eq!(archive.read(key).await.unwrap(), None, "{key}");
        assert_eq!(archive.create(key, bytes.clone()).await.unwrap(), Created::Ours);
        assert_eq!(archive.read(key).await.unwrap(), Some(bytes.clone()), "{key}");
        // Once more, by whoever does not know that it is there.
        assert_eq!(archive.create(key, bytes.clone()).await.unwrap(), Created::Ours);
        let other = Bytes::from_static(b"another");
        assert_eq!(
            archive.create(key, other).await.unwrap(),
            Created::Theirs(bytes.clone())
        );
        assert_eq!(archive.read(key).await.unwrap(), Some(bytes), "{key}");
    }
    lists(&archive).await;
    for key in KEYS {
        archive.delete(key).await.unwrap();
        assert_eq!(archive.read(key).await.unwrap(), None, "{key}");
        // It is gone already.
        archive.delete(key).await.unwrap();
    }
    assert_eq!(archive.list("", None).await.unwrap(), []);
}

async fn lists(archive: &Archive) {
    let keys = async |prefix: &str, offset: Option<&str>| {
        let listed = archive.list(prefix, offset).await.unwrap();
        listed
            .into_iter()
            .map(|object| (object.key, object.bytes))
            .collect::<Vec<_>>()
    };
    let all = [
        (KEYS[2].to_owned(), 3 << 20),
        (KEYS[0].to_owned(), 0),
        (KEYS[1].to_owned(), 3),
    ];
    assert_eq!(keys("", None).await, all);
    assert_eq!(keys("commits", None).await, all[1..2]);
    assert_eq!(keys("commits/acme", None).await, all[1..2]);
    // Whole names of directories only.
    assert_eq!(keys("commits/acm", None).await, []);
    assert_eq!(keys("", Some(KEYS[2])).await, all[1..]);
    assert_eq!(keys("commits/acme", Some(KEYS[0])).await, []);
    assert_eq!(keys("commits/acme", Some("commits/acme/00000")).await, all[1..2]);
}
