//! The archive lies in the store as docs/archive-format.md says.

use futures::TryStreamExt as _;
use object_store::{Attribute, ObjectStoreExt as _};
use uipath_audit_exporter::settings::Compression;

use super::world_at;
use crate::{place::PlaceKind, rival::news, world::TARGET};

/// What every commit has, in this order.
const COMMIT: [&str; 16] = [
    "format",
    "target",
    "number",
    "epoch",
    "instance",
    "run",
    "kind",
    "window",
    "lookback_from",
    "counts",
    "objects",
    "catalog",
    "source",
    "tool",
    "committed_at",
    "previous_sha256",
];

pub async fn is_laid_out_as_described(kind: PlaceKind) {
    for (compression, suffix, content) in [
        (Compression::Zstd, ".zst", "application/zstd"),
        (Compression::Gzip, ".gz", "application/gzip"),
        (Compression::None, "", ""),
    ] {
        let (mut world, place) = world_at(kind).await;
        world.settings.archive.compression = compression;
        world.happen(1, 60, 3);
        world.once().await.unwrap();
        news(&world, 2, 20);
        world.once().await.unwrap();
        let ledger = world.assert_archive_equals_truth().await;
        let direct = place.direct();
        let objects: Vec<_> = direct.list(None).try_collect().await.unwrap();
        let mut seen = [0; 4];
        for object in &objects {
            let key = object.location.as_ref();
            let which = is_described(key, suffix);
            assert!(which < 4, "{key}");
            seen[which] += 1;
            let expected = match (which, content) {
                (0 | 3, _) => "application/json",
                (1, "") => "application/x-ndjson",
                (_, "") => "text/csv; charset=utf-8",
                (_, compressed) => compressed,
            };
            let got = direct.get(&object.location).await.unwrap();
            if kind.is_far() {
                let told = got.attributes.get(&Attribute::ContentType);
                assert_eq!(told.map(AsRef::as_ref), Some(expected), "{key}");
                assert_eq!(got.attributes.get(&Attribute::ContentEncoding), None, "{key}");
            }
            if which == 0 {
                in_order(&got.bytes().await.unwrap());
            }
        }
        assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
        assert_eq!(seen[0], ledger.commits.len());
    }
}

/// A commit, a JSONL object, a CSV object, a catalogue: 0 to 3. Anything else is not described.
fn is_described(key: &str, suffix: &str) -> usize {
    let parts: Vec<&str> = key.split('/').collect();
    let target = format!("target={TARGET}");
    match parts[..] {
        ["commits", TARGET, name] => {
            let number = name.strip_suffix(".json").unwrap();
            assert!(number.len() == 20 && digits(number), "{key}");
            0
        }
        [format @ ("jsonl" | "csv"), "api=unified", found, day, name] => {
            assert_eq!(found, target, "{key}");
            let day = day.strip_prefix("day=").unwrap();
            day.parse::<chrono::NaiveDate>().unwrap();
            let name = name.strip_suffix(&format!(".{format}{suffix}")).unwrap();
            let (number, hash) = name.split_once('-').unwrap();
            assert!(number.len() == 20 && digits(number), "{key}");
            assert!(hash.len() == 16 && is_hex(hash), "{key}");
            if format == "jsonl" { 1 } else { 2 }
        }
        ["catalog", TARGET, name] => {
            assert!(is_hex(name.strip_suffix(".json").unwrap()), "{key}");
            3
        }
        _ => 4,
    }
}

fn digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_hex(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// The contract's keys in the contract's order; others may stand between them.
fn in_order(commit: &[u8]) {
    let text = std::str::from_utf8(commit).unwrap();
    assert!(text.ends_with('\n') || text.ends_with('}'), "{text}");
    let mut from = 0;
    for key in COMMIT {
        let quoted = format!("\"{key}\":");
        let at = text[from..].find(&quoted);
        from += at.unwrap_or_else(|| panic!("`{key}` is missing, or not in its place: {text}"));
    }
}
