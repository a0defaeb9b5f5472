//! Ways to break the sample that show without reading events.

use bytes::Bytes;

use super::{Row, commit_key, stray};
use crate::{
    commit::{Kind, sha256},
    target::{Api, Filter, Status},
    verify::sample::{at, event},
};

/// Done to what is stored: commits keep the links that they had.
pub(super) const STORED: &[Row] = &[
    ("a commit is gone", 10, "00004.json`: it is missing", |s| {
        s.dropped = vec![4]
    }),
    ("a row of commits is gone", 10, "up to 4 are missing", |s| {
        s.dropped = vec![2, 3, 4]
    }),
    (
        "the newest commit is gone",
        10,
        "00006.json`: it is missing",
        |s| {
            s.dropped = vec![6];
            s.extra.insert(stray(7), Bytes::new());
        },
    ),
    ("a commit is no JSON", 10, "00003.json`: it cannot be read", |s| {
        s.dropped = vec![3];
        s.extra.insert(commit_key(3), Bytes::from_static(b"{\n"));
    }),
    ("a byte of a commit", 10, "00003.json`: its SHA-256 (by", |s| {
        s.commits[3].instance += "x"
    }),
    ("a link is cut", 10, "`previous_sha256`", |s| {
        s.commits[6].previous_sha256 = None
    }),
    ("something before the beginning", 10, "`previous_sha256`", |s| {
        s.commits[0].previous_sha256 = Some(sha256(b""));
        s.commits[1].previous_sha256 = Some(sha256(&s.commits[0].to_bytes()));
        s.commits[2].previous_sha256 = Some(sha256(&s.commits[1].to_bytes()));
    }),
    ("an object is gone", 10, "jsonl.gz`: it is missing", |s| {
        let key = s.object(2).key.clone();
        s.objects.remove(&key);
    }),
    ("a CSV view is gone", 10, "csv`: it is missing", |s| {
        s.objects.retain(|key, _| !key.ends_with(".csv"))
    }),
    ("a catalogue is gone", 10, "`catalog/acme/", |s| {
        s.objects.retain(|key, _| !key.starts_with("cat"))
    }),
    ("a byte of a catalogue", 10, "its name by its SHA-256", |s| {
        let key = s.commits[0].catalog.clone().unwrap();
        s.objects.insert(key, Bytes::from_static(b"[ ]"));
    }),
    ("a byte of an object", 10, "its SHA-256 is", |s| {
        let key = s.object(4).key.clone();
        let mut bytes = s.objects[&key].to_vec();
        bytes[9] ^= 1;
        s.objects.insert(key, bytes.into());
    }),
    ("an object grew", 10, "its size is", |s| {
        let key = s.object(4).key.clone();
        let bytes = [&s.objects[&key][..], b"{}\n"].concat();
        s.objects.insert(key, bytes.into());
    }),
];

/// Done by somebody who chains the commits anew: none but the check of that very thing can see it.
pub(super) const LINKED: &[Row] = &[
    ("another format", 10, "its format is `", |s| {
        s.commits[3].format += "1"
    }),
    (
        "another target",
        10,
        "its target is acme, recorded is acme2",
        |s| s.commits[3].target += "2",
    ),
    ("another number", 10, "its number is 3, recorded is 9", |s| {
        s.commits[3].number = 9
    }),
    (
        "a hole",
        11,
        "nothing covers 2026-01-02T02:00:00.000Z to 2026-01-02T03:00:00.000Z",
        |s| {
            s.commits[3].window.from = at("2026-01-02T03:00:00Z");
        },
    ),
    ("an overlap", 10, "its window begins at", |s| {
        s.commits[3].window.from = at("2026-01-02T01:00:00Z");
        s.commits[3].lookback_from = at("2026-01-02T01:00:00Z");
    }),
    (
        "a window that ends before it begins",
        10,
        "ends before it begins",
        |s| {
            s.commits[3].window.to = at("2026-01-02T01:00:00Z");
        },
    ),
    ("a lookback that looks ahead", 10, "its lookback", |s| {
        s.commits[3].lookback_from = at("2026-01-02T03:00:00Z");
    }),
    ("events without any", 10, "`events` wrote none", |s| {
        s.commits[1].kind = Kind::Events
    }),
    ("empty with events", 10, "`empty` wrote events", |s| {
        s.commits[6].kind = Kind::Empty
    }),
    ("a gap with events", 10, "`gap` wrote events", |s| {
        s.commits[6].kind = Kind::Gap;
        s.commits[6].reason = Some("because".to_owned());
    }),
    ("a gap without a reason", 10, "no reason", |s| {
        s.commits[3].reason = None
    }),
    ("fewer pulled than written", 10, "it pulled", |s| {
        s.commits[2].counts.pulled -= 1
    }),
    ("counts beyond counting", 10, "it pulled", |s| {
        s.commits[1].counts.duplicate = u64::MAX
    }),
    ("more late than written", 10, "late events are among", |s| {
        s.commits[1].counts.late = 1
    }),
    (
        "more conflicts than written",
        10,
        "conflicting events are among",
        |s| s.commits[1].counts.conflict = 1,
    ),
    ("more undated than written", 10, "undated events are among", |s| {
        s.commits[1].undated.events = 1;
        s.commits[2..]
            .iter_mut()
            .for_each(|commit| commit.undated.previous = Some(1));
    }),
    (
        "an undated event behind",
        10,
        "its `undated.previous` is 0, recorded is none",
        |s| {
            s.commits[2..]
                .iter_mut()
                .for_each(|commit| commit.undated.previous = None);
        },
    ),
    ("an undated event ahead", 10, "not an earlier commit", |s| {
        s.commits[2].undated.previous = Some(2)
    }),
    ("a sum of events", 10, "its jsonl objects hold 4 events", |s| {
        s.object(2).events += 1
    }),
    ("a sum of rows", 10, "its csv objects hold 4 events", |s| {
        s.commits[2].objects[0].events += 1
    }),
    (
        "an object that is not named",
        10,
        "its jsonl objects hold 0 events",
        |s| {
            s.commits[6].objects.retain(|object| object.format != "jsonl");
        },
    ),
    ("an object named twice", 10, "names an object twice", |s| {
        let mut object = s.object(6).clone();
        object.events = 0;
        s.commits[6].objects.push(object);
    }),
    (
        "an object of another commit",
        10,
        "no key of an object of this commit",
        |s| {
            *s.object(4) = s.object(6).clone();
        },
    ),
    ("an object of another target", 10, "no key of an object", |s| {
        s.object(4).key = s.object(4).key.replace("target=acme", "target=other");
    }),
    ("an object with another hash", 10, "no key of an object", |s| {
        s.object(4).sha256 = sha256(b"")
    }),
    ("an object of an odd day", 10, "no key of an object", |s| {
        s.object(4).key = s.object(4).key.replace("2026-01-02", "2026-1-2");
    }),
    ("an object outside the archive", 10, "no key of an object", |s| {
        s.object(4).key = "../../etc/passwd".to_owned();
    }),
    ("an object of an unknown format", 10, "no key of an object", |s| {
        s.object(4).format += "x"
    }),
    ("a hash of the content", 10, "its uncompressed SHA-256", |s| {
        s.object(2).content_sha256 = sha256(b"");
    }),
    ("a line without end", 10, "its last line has no end", |s| {
        let content = event("later", "02T01:30:00");
        s.rewrite(4, &content);
    }),
    (
        "two lines for one event",
        10,
        "its number of lines is 2, recorded is 1",
        |s| {
            let content = event("later", "02T01:30:00") + "\n\n";
            s.rewrite(4, &content);
            s.object(4).events = 1;
        },
    ),
    (
        "an object that unpacks to no end",
        10,
        "it holds more than",
        |s| s.object(4).bytes = 1 << 40,
    ),
    ("an object that does not unpack", 10, "decompress", |s| {
        let bytes = Bytes::from_static(b"plain");
        let (hash, object) = (sha256(&bytes), s.object(2));
        object.key = key_with(&object.key, &hash);
        (object.bytes, object.sha256) = (5, hash);
        let key = object.key.clone();
        s.objects.insert(key, bytes);
    }),
    ("a catalogue elsewhere", 10, "no key of a catalogue", |s| {
        s.commits[6].catalog = Some("catalog/other/0123456789abcdef.json".to_owned());
    }),
    ("an older epoch", 10, "its epoch 0 is lower than 2", |s| {
        s.commits[5].epoch = 0
    }),
    ("another stream", 10, "its stream is", |s| {
        s.commits[5].source.url = s.commits[5].source.url.replace("production", "test");
    }),
    ("another API of the target", 10, "its API is", |s| {
        s.commits[5].source.target_api = Some(Api::Classic);
    }),
    ("another filter", 10, "its filter is", |s| {
        s.commits[5].source.filter = Some(Filter {
            status: Some(Status::Failed),
            ..Filter::default()
        });
    }),
];

fn key_with(key: &str, hash: &str) -> String {
    let (head, tail) = key.rsplit_once('-').unwrap();
    format!("{head}-{}{}", &hash[..16], &tail[16..])
}
