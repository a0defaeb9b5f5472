//! Commits summed up into days.

use super::*;
use crate::commit::{Counts, FORMAT, Object, Origin, Tool, Undated};
use crate::target::Api;

fn time(text: &str) -> Time {
    text.parse().unwrap()
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn commit(number: u64, kind: Kind, from: &str, to: &str) -> Commit {
    Commit {
        format: FORMAT.to_owned(),
        target: "acme".to_owned(),
        number,
        epoch: 1,
        instance: "audit-1".to_owned(),
        run: "9f2c01ab".to_owned(),
        kind,
        reason: (kind == Kind::Gap).then(|| "nobody looked".to_owned()),
        window: Window::new(time(from), time(to)),
        lookback_from: time(from),
        counts: Counts::default(),
        undated: Undated::default(),
        objects: Vec::new(),
        catalog: None,
        rules: None,
        source: Origin {
            url: "https://cloud.uipath.com/acme/orgaudit_/api/query/events".to_owned(),
            api: Api::Unified,
            target_api: None,
            filter: None,
            requests: 1,
            pages: 1,
        },
        tool: Tool::this(),
        committed_at: time(to),
        previous_sha256: number.checked_sub(1).map(|before| format!("of {before}")),
    }
}

fn object(format: &str, day: &str, events: u64, first: &str, last: &str) -> Object {
    Object {
        key: format!("{format}/api=unified/target=acme/day={day}/00000000000000000000-0011223344556677.x"),
        format: format.to_owned(),
        events,
        bytes: 1,
        sha256: String::new(),
        content_sha256: String::new(),
        first: Some(first.to_owned()),
        last: Some(last.to_owned()),
        defused_cells: 0,
    }
}

#[test]
fn events_count_once_whatever_they_are_written_as() {
    let mut commit = commit(0, Kind::Events, "2026-11-20T00:00:00Z", "2026-11-22T00:00:00Z");
    for day in ["2026-11-20", "2026-11-21"] {
        for format in ["csv", "jsonl"] {
            commit.objects.push(object(
                format,
                day,
                3,
                "2026-11-20T01:00:00Z",
                "2026-11-20T02:00:00Z",
            ));
        }
    }
    let tally = Tally::of(&commit);
    let events: Vec<_> = tally
        .days
        .iter()
        .map(|(day, sum)| (day.to_string(), sum.events))
        .collect();
    assert_eq!(
        events,
        [("2026-11-20".to_owned(), 3), ("2026-11-21".to_owned(), 3)]
    );
}

#[test]
fn rows_of_a_file_count_where_all_of_them_lie_on_one_day() {
    let mut commit = commit(0, Kind::Events, "2026-11-18T12:00:00Z", "2026-11-22T00:00:00Z");
    commit.objects = vec![object(
        "raw",
        "2026-11-18",
        5,
        "2026-11-20T01:00:00Z",
        "2026-11-20T23:00:00.5Z",
    )];
    let tally = Tally::of(&commit);
    assert_eq!(tally.days.len(), 1);
    assert_eq!(tally.days[&date("2026-11-20")].events, 5);

    commit.objects = vec![object(
        "raw",
        "2026-11-18",
        5,
        "2026-11-19T01:00:00Z",
        "2026-11-21T01:00:00Z",
    )];
    let tally = Tally::of(&commit);
    assert!(tally.days.values().all(|sum| sum.in_file && sum.events == 0));
    assert_eq!(tally.days.len(), 3);

    // Where times cannot be told, they lie anywhere in the window.
    commit.objects = vec![object("raw", "2026-11-18", 5, "yesterday", "today")];
    let days: Vec<_> = Tally::of(&commit)
        .days
        .into_keys()
        .map(|day| day.to_string())
        .collect();
    assert_eq!(days, ["2026-11-18", "2026-11-19", "2026-11-20", "2026-11-21"]);
}

#[test]
fn a_gap_is_told_to_the_millisecond_and_by_days() {
    let commit = commit(0, Kind::Gap, "2026-11-18T23:59:59.999Z", "2026-11-20T12:00:00Z");
    let tally = Tally::of(&commit);
    let lengths: Vec<u32> = tally.days.values().map(|sum| sum.gap_ms).collect();
    assert_eq!(lengths, [1, 86_400_000, 43_200_000]);
    assert_eq!(tally.gap.unwrap().reason.unwrap(), "nobody looked");
}

#[test]
fn gaps_that_touch_become_one_and_very_many_are_bounded() {
    let gap = |from: &str, to: &str, reason: &str| Gap {
        window: Window::new(time(from), time(to)),
        reason: Some(reason.to_owned()),
    };
    let mut gaps = Vec::new();
    add_gap(
        &mut gaps,
        gap("2026-11-03T00:00:00Z", "2026-11-04T00:00:00Z", "old"),
    );
    add_gap(
        &mut gaps,
        gap("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z", "old"),
    );
    add_gap(
        &mut gaps,
        gap("2026-11-04T00:00:00Z", "2026-11-05T00:00:00Z", "down"),
    );
    add_gap(
        &mut gaps,
        gap("2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z", "old"),
    );
    assert_eq!(
        gaps,
        [
            gap("2026-11-01T00:00:00Z", "2026-11-04T00:00:00Z", "old"),
            gap("2026-11-04T00:00:00Z", "2026-11-05T00:00:00Z", "down"),
        ]
    );
    for number in 0..500 {
        let from = time("2027-01-01T00:00:00Z") + TimeDelta::hours(number * 2);
        add_gap(
            &mut gaps,
            Gap {
                window: Window::new(from, from + TimeDelta::hours(1)),
                reason: None,
            },
        );
    }
    assert_eq!(gaps.len(), 200);
    assert!(gaps[0].window.from > time("2027-01-01T00:00:00Z"));
}

#[test]
fn a_day_says_whether_it_is_covered_and_known() {
    let mut counted = Counted::begin(
        &commit(2, Kind::Empty, "2026-11-20T12:00:00Z", "2026-11-22T06:00:00Z"),
        "of 2".to_owned(),
    );
    let show = |counted: &Counted| {
        let calendar = Calendar {
            from: date("2026-11-18"),
            to: date("2026-11-23"),
            counted: Some(counted.clone()),
            months: BTreeMap::new(),
            gaps: Vec::new(),
            recent: Vec::new(),
        };
        let days = calendar.days();
        days.iter()
            .map(|day| (day.covered, day.known))
            .collect::<Vec<_>>()
    };
    use Covered::{Before, NotYet, Partly, Whole};
    let expected = [
        (Before, false),
        (Before, false),
        (Partly, false),
        (Whole, true),
        (Partly, true),
        (NotYet, true),
    ];
    assert_eq!(show(&counted), expected);
    counted
        .back(&commit(
            1,
            Kind::Empty,
            "2026-11-19T00:00:00Z",
            "2026-11-20T12:00:00Z",
        ))
        .unwrap();
    assert_eq!(
        show(&counted)[..3],
        [(Before, false), (Whole, true), (Whole, true)]
    );
    counted
        .back(&commit(
            0,
            Kind::Empty,
            "2026-11-19T00:00:00Z",
            "2026-11-19T00:00:00Z",
        ))
        .unwrap();
    assert_eq!(counted.before(), None);
    assert_eq!(
        show(&counted)[..3],
        [(Before, true), (Whole, true), (Whole, true)]
    );
}

#[test]
fn only_the_next_commit_and_the_one_before_are_counted() {
    let middle = commit(5, Kind::Empty, "2026-11-20T12:00:00Z", "2026-11-20T13:00:00Z");
    let mut counted = Counted::begin(&middle, "of 5".to_owned());
    assert_eq!(counted.before(), Some((4, "of 4")));
    for wrong in [
        commit(5, Kind::Empty, "2026-11-20T13:00:00Z", "2026-11-20T14:00:00Z"),
        commit(7, Kind::Empty, "2026-11-20T13:00:00Z", "2026-11-20T14:00:00Z"),
        commit(6, Kind::Empty, "2026-11-20T13:00:01Z", "2026-11-20T14:00:00Z"),
        Commit {
            previous_sha256: Some("of another".to_owned()),
            ..commit(6, Kind::Empty, "2026-11-20T13:00:00Z", "2026-11-20T14:00:00Z")
        },
    ] {
        let before = counted.clone();
        assert!(counted.forward(&wrong, String::new()).is_err());
        assert_eq!(counted, before);
    }
    for wrong in [
        commit(3, Kind::Empty, "2026-11-20T11:00:00Z", "2026-11-20T12:00:00Z"),
        commit(4, Kind::Empty, "2026-11-20T11:00:00Z", "2026-11-20T11:59:00Z"),
    ] {
        assert!(counted.back(&wrong).is_err());
    }
    // A comparison's commit lies outside the chain of windows.
    let backfill = commit(6, Kind::Backfill, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    counted.forward(&backfill, "of 6".to_owned()).unwrap();
    assert_eq!(counted.covered, Some(middle.window));
}
