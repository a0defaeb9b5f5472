//! Due times around changes of daylight saving, against a brute-force reading of the wall clock.

use chrono::MappedLocalTime;

use super::*;

fn schedule(cron: &str, zone: &str) -> Schedule {
    Schedule::new(cron, zone).unwrap()
}

fn time(text: &str) -> Time {
    text.parse().unwrap()
}

fn name(name: &str) -> TargetName {
    name.parse().unwrap()
}

/// All due times in `(from, to)`, as the wall clock there shows them.
fn local_due(cron: &str, zone: &str, from: &str, to: &str) -> Vec<String> {
    let schedule = schedule(cron, zone);
    due_times(&schedule, time(from), time(to))
        .iter()
        .map(|due| {
            due.with_timezone(&schedule.zone)
                .format("%d %H:%M%:z")
                .to_string()
        })
        .collect()
}

fn due_times(schedule: &Schedule, from: Time, to: Time) -> Vec<Time> {
    std::iter::successors(schedule.next_after(from), |time| schedule.next_after(*time))
        .take_while(|due| *due < to)
        .collect()
}

#[test]
fn a_due_time_in_the_spring_gap_is_due_once_when_the_gap_ends() {
    let spring = ("2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z");
    assert_eq!(
        local_due("0 30 2 * * *", "Europe/Berlin", spring.0, spring.1),
        ["29 03:00+02:00", "30 02:30+02:00"]
    );
    assert_eq!(
        local_due(
            "0 0,20,40 2 * * *",
            "Europe/Berlin",
            spring.0,
            "2026-03-29T12:00:00Z"
        ),
        ["29 03:00+02:00"]
    );
    // Half an hour is skipped on Lord Howe Island, a whole day was in Samoa.
    assert_eq!(
        local_due(
            "0 10 2 * * *",
            "Australia/Lord_Howe",
            "2026-10-03T00:00:00Z",
            "2026-10-04T12:00:00Z"
        ),
        ["04 02:30+11:00"]
    );
    assert_eq!(
        local_due(
            "0 0 9 * * *",
            "Pacific/Apia",
            "2011-12-29T12:00:00Z",
            "2011-12-31T12:00:00Z"
        ),
        ["29 09:00-10:00", "31 00:00+14:00", "31 09:00+14:00"]
    );
}

#[test]
fn a_time_that_comes_twice_in_autumn_is_due_once_but_a_rhythm_goes_on() {
    let autumn = ("2026-10-24T22:00:00Z", "2026-10-26T12:00:00Z");
    assert_eq!(
        local_due("0 30 2 * * *", "Europe/Berlin", autumn.0, autumn.1),
        ["25 02:30+02:00", "26 02:30+01:00"]
    );
    assert_eq!(
        local_due("0 30 2,14 25 * *", "Europe/Berlin", autumn.0, autumn.1),
        ["25 02:30+02:00", "25 14:30+01:00"]
    );
    assert_eq!(
        local_due(
            "0 */30 * * * *",
            "Europe/Berlin",
            "2026-10-24T23:45:00Z",
            "2026-10-25T02:15:00Z"
        ),
        [
            "25 02:00+02:00",
            "25 02:30+02:00",
            "25 02:00+01:00",
            "25 02:30+01:00",
            "25 03:00+01:00"
        ]
    );
}

#[test]
fn a_quarter_hour_rhythm_is_never_broken() {
    for (zone, from) in CHANGES {
        let schedule = schedule("0 */15 * * * *", zone);
        let from = time(from);
        let due = due_times(&schedule, from, from + TimeDelta::days(4));
        assert_eq!(due.len(), 4 * 96 - 1, "{zone}");
        assert!(
            due.windows(2)
                .all(|pair| pair[1] - pair[0] == TimeDelta::minutes(15))
        );
    }
}

/// Zones, and a time two days or less before something happens there.
const CHANGES: [(&str, &str); 14] = [
    ("UTC", "2026-03-28T00:00:00Z"),
    ("Europe/Berlin", "2026-03-28T00:00:00Z"),
    ("Europe/Berlin", "2026-10-24T00:00:00Z"),
    ("America/New_York", "2026-03-07T00:00:00Z"),
    ("America/New_York", "2026-10-31T00:00:00Z"),
    ("America/Sao_Paulo", "2018-11-03T00:00:00Z"), // gap at midnight
    ("America/Sao_Paulo", "2019-02-16T00:00:00Z"), // overlap at midnight
    ("Asia/Kolkata", "2026-03-28T00:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T00:00:00Z"), // half an hour
    ("Australia/Lord_Howe", "2026-10-03T00:00:00Z"),
    ("Pacific/Apia", "2011-12-29T00:00:00Z"), // no 30 December
    ("Pacific/Apia", "2012-03-31T00:00:00Z"),
    ("Africa/Casablanca", "2026-02-14T00:00:00Z"), // summer time is the standard
    ("Pacific/Kwajalein", "1993-08-20T00:00:00Z"), // no 21 August
];

/// The rule read literally, minute by minute.
fn by_brute_force(schedule: &Schedule, from: Time, to: Time) -> Vec<Time> {
    let matches = |local: NaiveDateTime| schedule.cron.is_time_matching(&local.and_utc()).unwrap();
    let minute = TimeDelta::minutes(1);
    let mut due = Vec::new();
    let mut now = from + minute;
    while now < to {
        let local = now.naive_utc() + schedule.offset(now);
        let before = now.naive_utc() - minute + schedule.offset(now - minute);
        let repeated = match schedule.zone.from_local_datetime(&local) {
            MappedLocalTime::Ambiguous(_, second) => second == now,
            _ => false,
        };
        let mut swallowed = before + minute;
        let mut gap = false;
        while swallowed < local {
            gap |= matches(swallowed);
            swallowed += minute;
        }
        if gap || (matches(local) && (schedule.rhythm || !repeated)) {
            due.push(now);
        }
        now += minute;
    }
    due
}

#[test]
fn due_times_are_what_the_wall_clock_shows() {
    let crons = [
        "0 */15 * * * *",
        "0 7/15 * * * *",
        "0 * * * * *",
        "0 0 * * * *",
        "0 30 */2 * * *",
        "0 0 0 * * *",
        "0 30 2 * * *",
        "0 59 1 * * *",
        "0 0 3 * * *",
        "0 10,50 1-3 * * *",
        "0 */20 2 * * SUN",
        "0 30 0,1,2,23 * * MON-SAT",
        "0 0 12 L * *",
        "0 15 0 1 */2 *",
        "@hourly",
        "@daily",
    ];
    for (zone, from) in CHANGES {
        for cron in crons {
            let schedule = schedule(cron, zone);
            let (from, to) = (time(from), time(from) + TimeDelta::days(4));
            let expected = by_brute_force(&schedule, from, to);
            assert_eq!(due_times(&schedule, from, to), expected, "{schedule} from {from}");
            // The same from wherever one looks, between seconds too.
            let mut now = from;
            while now < to - TimeDelta::days(2) {
                let next = expected.iter().find(|due| **due > now).copied();
                let found = schedule.next_after(now).filter(|due| *due < to);
                assert_eq!(found, next, "{schedule} after {now}");
                now += TimeDelta::milliseconds(433_333);
            }
        }
    }
}

#[test]
fn the_period_is_the_longest_break() {
    let now = time("2026-11-20T10:07:00Z");
    let period = |cron| schedule(cron, "Europe/Berlin").period(now).as_secs();
    assert_eq!(period("0 */15 * * * *"), 900);
    assert_eq!(period("0 7,8 * * * *"), 59 * 60);
    assert_eq!(period("* * * * * *"), 1);
    assert_eq!(period("0 0 6 * * MON-FRI"), 3 * 86_400);
    assert_eq!(period("0 */5 8-18 * * MON-FRI"), (2 * 24 + 13) * 3600 + 300);
    assert_eq!(period("* * 8-18 * * MON-FRI"), (2 * 24 + 13) * 3600 + 1);
    assert_eq!(period("0 0 0 1 * *"), 31 * 86_400 + 3600); // autumn
    assert_eq!(period("@yearly"), 366 * 86_400);
    assert_eq!(period("0 0 0 29 2 *"), 1461 * 86_400);
    let spring = time("2026-03-27T10:00:00Z");
    assert_eq!(
        schedule("0 30 2 * * *", "Europe/Berlin").period(spring).as_secs(),
        86_400
    );
}

#[test]
fn jitter_is_stable_small_and_spread() {
    let minute = Duration::from_secs(60);
    assert_eq!(jitter(&name("acme"), minute * 15), Duration::from_millis(15_254));
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..200 {
        let name = name(&format!("target-{number}"));
        assert!(jitter(&name, minute * 15) < Duration::from_secs(30));
        assert!(jitter(&name, minute) < Duration::from_secs(6));
        assert_eq!(jitter(&name, Duration::ZERO), Duration::ZERO);
        seen.insert(jitter(&name, minute * 15).as_secs());
    }
    assert_eq!(seen.len(), 30);
}

#[test]
fn a_target_that_never_ran_is_due_at_once() {
    let now = time("2026-11-21T10:07:00Z");
    let due = schedule("@daily", "UTC").due(&name("acme"), None, now).unwrap();
    assert_eq!((due.at, due.scheduled, due.missed), (now, now, 0));
}

#[test]
fn the_next_pass_is_due_at_the_next_due_time_and_the_jitter() {
    let schedule = schedule("0 */15 * * * *", "UTC");
    let acme = name("acme");
    let jitter = jitter(&acme, Duration::from_secs(900));
    let scheduled = time("2026-11-21T10:15:00Z");
    let expected = Due {
        at: scheduled + jitter,
        scheduled,
        missed: 0,
    };
    let last = Some(time("2026-11-21T10:00:00Z"));
    for now in [
        time("2026-11-21T10:00:30Z"),
        scheduled,
        expected.at - TimeDelta::milliseconds(1),
    ] {
        assert_eq!(schedule.due(&acme, last, now).unwrap(), expected);
    }
    // Woken on time, or almost: it is due, nothing was missed, and afterwards it is the next one's turn.
    for late in [0, 1_000, 60_000] {
        let now = expected.at + TimeDelta::milliseconds(late);
        let due = schedule.due(&acme, last, now).unwrap();
        assert_eq!((due.at, due.scheduled, due.missed), (now, scheduled, 0));
        let next = schedule.due(&acme, Some(due.scheduled), now).unwrap();
        assert_eq!(next.scheduled, scheduled + TimeDelta::minutes(15));
    }
}

#[test]
fn down_for_hours_one_pass_makes_up_for_all() {
    let schedule = schedule("0 */15 * * * *", "UTC");
    let acme = name("acme");
    let last = Some(time("2026-11-21T10:00:00Z"));
    let now = time("2026-11-21T13:07:00Z");
    let due = schedule.due(&acme, last, now).unwrap();
    assert_eq!((due.at, due.missed), (now, 12));
    assert_eq!(due.scheduled, time("2026-11-21T13:00:00Z"));
    let next = schedule.due(&acme, Some(due.scheduled), now).unwrap();
    assert_eq!((next.scheduled, next.missed), (time("2026-11-21T13:15:00Z"), 0));
    // Once is missed too.
    let due = schedule.due(&acme, last, time("2026-11-21T10:20:00Z")).unwrap();
    assert_eq!(due.missed, 1);
}

#[test]
fn down_for_years_counting_is_bounded() {
    let schedule = schedule("* * * * * *", "Europe/Berlin");
    let now = time("2026-11-21T13:07:00.250Z");
    let due = schedule
        .due(&name("acme"), Some(time("2020-01-01T00:00:00Z")), now)
        .unwrap();
    assert_eq!((due.at, due.missed), (now, MOST_MISSED));
    let next = schedule.due(&name("acme"), Some(due.scheduled), now).unwrap();
    assert!(next.scheduled > due.scheduled && next.at <= now + TimeDelta::seconds(1));
}

#[test]
fn a_last_due_time_in_the_future_does_not_stop_a_target() {
    let now = time("2026-11-21T10:07:00Z");
    let due = schedule("0 */15 * * * *", "UTC")
        .due(&name("acme"), Some(time("2031-01-01T00:00:00Z")), now)
        .unwrap();
    assert_eq!(due.scheduled, time("2026-11-21T10:15:00Z"));
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason() {
    let message = |cron: &str, zone: &str| Schedule::new(cron, zone).unwrap_err().to_string();
    assert!(message("*/15 * * * *", "UTC").contains("5 fields instead of 6"));
    assert!(message("0 0 0 1 1 * 2027", "UTC").contains("7 fields"));
    assert!(message("", "UTC").contains("0 fields"));
    assert!(message("0 0 0 30 2 *", "UTC").contains("no such date"));
    assert!(message("0 0 0 1 1 *", "Berlin").contains("`Berlin`"));
    for cron in [
        "61 * * * * *",
        "0 0 25 * * *",
        "0 */0 * * * *",
        "0 0 0 * * FOO",
        "@often",
        "0 5-1 * * * *",
    ] {
        assert!(
            matches!(Schedule::new(cron, "UTC"), Err(ScheduleError::Cron { .. })),
            "{cron}"
        );
    }
}

#[test]
fn the_ends_of_time_are_no_trouble() {
    let schedule = schedule("0 0 0 29 2 *", "Asia/Kolkata");
    for time in [Time::MIN_UTC, Time::MAX_UTC, time("4999-12-31T23:59:59Z")] {
        assert_eq!(schedule.next_after(time), None);
        assert_eq!(schedule.period(time), Duration::ZERO);
    }
    assert!(schedule.next_after(time("0001-01-01T00:00:00Z")).is_some());
}
