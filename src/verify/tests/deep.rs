//! Ways to break the sample that show only where every event is read.

use super::Row;
use crate::{
    commit::Kind,
    verify::sample::{at, event, window},
};

/// Seen only where every event is read.
pub(super) const DEEP: &[Row] = &[
    (
        "a line that is no JSON",
        10,
        "should be JSON (1 of them, the first is line 2)",
        |s| {
            let content = [&event("a", "01T08:00:00"), "{", &event("b", "01T09:00:00"), ""].join("\n");
            s.rewrite(0, &content);
        },
    ),
    ("events out of order", 10, "the order of time, then id", |s| {
        let lines = [
            event("b", "01T09:00:00"),
            r#"{"id":"u"}"#.to_owned(),
            event("a", "01T08:00:00"),
        ];
        s.rewrite(0, &(lines.join("\n") + "\n"));
    }),
    (
        "equal times out of order",
        10,
        "the order of time, then id",
        |s| {
            let lines = [
                r#"{"id":"u"}"#.to_owned(),
                event("b", "01T08:00:00"),
                event("a", "01T08:00:00"),
            ];
            s.rewrite(0, &(lines.join("\n") + "\n"));
        },
    ),
    ("an event of another day", 10, "should be of its day", |s| {
        let content = event("e", "01T05:00:00") + "\n";
        s.rewrite(6, &content);
    }),
    (
        "an event after the window",
        10,
        "between the lookback and the end",
        |s| {
            let content = event("e", "02T06:00:00") + "\n";
            s.rewrite(6, &content);
        },
    ),
    (
        "an event before the lookback",
        10,
        "between the lookback and the end",
        |s| {
            s.commits[4].lookback_from = at("2026-01-02T02:00:00Z");
        },
    ),
    (
        "another first event",
        10,
        "its first is `2026-01-02T05:00:00.000Z`, recorded is none",
        |s| {
            s.object(6).first = None;
        },
    ),
    (
        "another last event",
        10,
        "its last is `2026-01-02T05:00:00.000Z`, recorded is `x`",
        |s| {
            s.object(6).last = Some("x".to_owned());
        },
    ),
    (
        "another count of late events",
        10,
        "its count of late events is 1, recorded is 0",
        |s| {
            s.commits[4].counts.late = 0;
        },
    ),
    (
        "another count of undated events",
        10,
        "its count of undated events is 1, recorded is 2",
        |s| {
            s.commits[0].undated.events = 2;
        },
    ),
    (
        "an event twice in one object",
        10,
        "in line 3 is line 2 of",
        |s| {
            let same = r#"{"createdOn":"2026-01-01T08:00:00.000Z","id":"a","n":1}"#.to_owned();
            let lines = [same, event("a", "01T08:00:00"), event("b", "01T09:00:00")];
            let lines = [
                r#"{"id":"u","n":1}"#.to_owned(),
                lines[0].clone(),
                lines[1].clone(),
            ];
            s.rewrite(0, &(lines.join("\n") + "\n"));
        },
    ),
    (
        "an event in two commits",
        10,
        "1 of its events are archived twice",
        |s| {
            s.commit(
                Kind::Backfill,
                window("02T05:00:00", "02T06:00:00"),
                "02T05:00:00",
                &[event("e", "02T05:00:00")],
            );
        },
    ),
    (
        "an undated event in two commits",
        10,
        "1 of its events are archived twice",
        |s| {
            let undated = [r#"{"n":1,"id":"u"}"#.to_owned()];
            s.commit(
                Kind::Events,
                window("02T06:00:00", "02T08:00:00"),
                "02T06:00:00",
                &undated,
            );
        },
    ),
];
