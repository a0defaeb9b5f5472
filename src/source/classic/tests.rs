//! Histories of lists that move while they are read.

use super::model::*;
use crate::{
    checkpoint::Known,
    clock::Time,
    event::Event,
    source::{Limits, SourceError},
    window::Window,
};

mod address;
mod fire;

/// So many records, several at one instant now and then, some of them alike, some seconds full.
fn history(seed: u64, count: usize) -> Vec<Event> {
    let mut dice = Dice(seed);
    let mut time = at("2026-11-01T00:00:00Z");
    let mut rows = Vec::new();
    while rows.len() < count {
        time += match dice.below(10) {
            0 => chrono::TimeDelta::zero(),
            1..4 => chrono::TimeDelta::microseconds(1 + i64::try_from(dice.below(900)).unwrap()),
            4..7 => chrono::TimeDelta::milliseconds(1 + i64::try_from(dice.below(900)).unwrap()),
            _ => chrono::TimeDelta::milliseconds(1 + i64::try_from(dice.below(30_000)).unwrap()),
        };
        let name = if dice.below(4) == 0 {
            "twin".to_owned()
        } else {
            rows.len().to_string()
        };
        rows.push(record(time, &name));
    }
    rows
}

fn whole() -> Window {
    Window::new(at("2026-10-31T00:00:00Z"), at("2027-11-01T00:00:00Z"))
}

fn time_of(row: &Event) -> Time {
    row.time.unwrap()
}

/// Shuffles rows that are alike in `unit`.
fn shuffle(rows: &mut [Event], seed: u64, alike: impl Fn(&Event, &Event) -> bool) {
    let mut dice = Dice(seed);
    for group in rows.chunk_by_mut(alike) {
        for last in (1..group.len()).rev() {
            group.swap(last, dice.below(last + 1));
        }
    }
}

fn same_instant(a: &Event, b: &Event) -> bool {
    a.time == b.time
}

fn same_second(a: &Event, b: &Event) -> bool {
    time_of(a).timestamp() == time_of(b).timestamp()
}

#[tokio::test]
async fn every_span_of_every_list_is_read_whatever_the_server_does_with_pages_and_ties() {
    for seed in 0..200 {
        let mut dice = Dice(seed);
        let size = dice.below(600);
        let rows = history(seed, size);
        let cap = [8, 20, 50, 200, 1000][dice.below(5)];
        let (repeats, short, seconds, ties) = (
            dice.below(2) == 0,
            dice.below(3) == 0,
            dice.below(2) == 0,
            dice.below(2) == 0,
        );
        let total = [None, Some(size), Some(size / 2), Some(size * 2 + 7), Some(100)][dice.below(5)];
        // Where pages have a row or two and the order never stays, nobody can count: that is an error.
        let ties = ties && !(short && cap < 50);
        let model = Model::of(rows.clone())
            .with(|state| {
                (state.most, state.repeats, state.short, state.total) = (cap, repeats, short, total);
                if seconds {
                    // As a hidden key of its own would have it: rows of one instant stand together.
                    state.rows.sort_by_key(|row| {
                        let time = time_of(row);
                        let hidden = Dice(u64::from(time.timestamp_subsec_nanos())).below(1 << 20);
                        (time.timestamp(), hidden)
                    });
                }
            })
            .script(move |state| {
                if ties {
                    let seed = u64::try_from(state.requests).unwrap();
                    shuffle(&mut state.rows, seed, same_instant);
                }
            });
        for _ in 0..6 {
            let mut pick = || rows.get(dice.below(size)).map_or(whole().to, time_of);
            let (one, other) = (pick(), pick());
            let span = Window::new(one.min(other), one.max(other));
            let limits = Limits {
                events: 1 + dice.below(300),
                ..LIMITS
            };
            let (read, _) = model.all(span, limits).await;
            assert_eq!(
                read,
                lines(&rows, span),
                "seed {seed}: {size} rows, pages of {cap}, repeats {repeats}, short {short}, by the second {seconds}, ties {ties}, {span:?}"
            );
        }
        let (read, _) = model.all(whole(), LIMITS).await;
        assert_eq!(read, lines(&rows, whole()), "seed {seed}, the whole list");
    }
}

#[tokio::test]
async fn requests_to_find_the_start_grow_with_the_logarithm_of_the_history() {
    for total_is_told in [true, false] {
        let mut counts = Vec::new();
        for size in [1_000, 20_000, 200_000] {
            let rows = history(7, size);
            let span = Window::new(time_of(&rows[size - 3]), whole().to);
            let model = Model::of(rows.clone()).with(|state| {
                state.most = 200;
                state.total = total_is_told.then_some(size);
            });
            // From the middle, so that no guess is good; later passes begin where earlier ones ended.
            let middle = time_of(&rows[size / 3]);
            let middle = Window::new(middle, middle + chrono::TimeDelta::seconds(1));
            let (read, first) = model.all(middle, LIMITS).await;
            assert_eq!(read, lines(&rows, middle));
            let (read, far) = model.all(span, LIMITS).await;
            assert_eq!(read, lines(&rows, span));
            let (read, again) = model.all(span, LIMITS).await;
            assert_eq!(read, lines(&rows, span));
            assert!(again <= 8, "{again} requests where the place is known");
            counts.push((size, first.max(far)));
        }
        for (size, requests) in &counts {
            let logarithm = usize::try_from(size.ilog2()).unwrap();
            assert!(
                *requests <= 2 * logarithm + 6,
                "{requests} requests in {size} rows: {counts:?}"
            );
        }
        let growth = counts[2].1 - counts[0].1;
        assert!(growth <= 2 * 8, "{counts:?}");
    }
}

#[tokio::test]
async fn records_that_are_alike_stay_as_many_as_they_are() {
    let (before, time, after) = (
        record(at("2026-11-20T09:00:00Z"), "before"),
        at("2026-11-20T10:00:00.1234567Z"),
        record(at("2026-11-20T11:00:00Z"), "after"),
    );
    for copies in [1, 2, 3, 49, 50, 51, 300] {
        for cap in [50, 200, 1000] {
            for end in [true, false] {
                let mut rows = vec![before.clone()];
                rows.extend(std::iter::repeat_n(record(time, "alike"), copies));
                rows.extend(end.then(|| after.clone()));
                let model = Model::of(rows.clone()).with(|state| state.most = cap);
                let (read, _) = model.all(whole(), LIMITS).await;
                assert_eq!(read, lines(&rows, whole()), "{copies} copies, pages of {cap}");
            }
        }
    }
}

#[tokio::test]
async fn of_records_that_are_alike_as_many_are_dropped_as_are_known() {
    let time = at("2026-11-20T10:00:00.1234567Z");
    let rows = vec![
        record(time, "alike"),
        record(time, "other"),
        record(time, "alike"),
        record(time, "alike"),
    ];
    for copies in 0..5 {
        let mut known = Known::default();
        (0..copies).for_each(|_| known.add(&rows[0].mark()));
        let slice = Model::of(rows.clone())
            .read(whole(), &known, LIMITS)
            .await
            .unwrap();
        let dropped = copies.min(3);
        assert_eq!(slice.events.len(), 4 - dropped, "{copies} known");
        assert_eq!((slice.pulled, slice.duplicate), (4, dropped as u64));
    }
}

#[tokio::test]
async fn a_crowded_second_is_read_whole_though_its_order_never_stays() {
    for (count, cap) in [(120, 50), (400, 200), (90, 10)] {
        let mut rows = history(3, 100);
        let second = whole().to - chrono::TimeDelta::days(30);
        let crowd = (0..count).map(|n| {
            let time = second + chrono::TimeDelta::milliseconds(i64::from(n * 7 % 1000));
            record(time, &n.to_string())
        });
        rows.extend(crowd);
        rows.push(record(second + chrono::TimeDelta::seconds(5), "after"));
        let model = Model::of(rows.clone())
            .with(|state| state.most = cap)
            .script(|state| {
                let seed = u64::try_from(state.requests).unwrap();
                shuffle(&mut state.rows, seed, same_second);
            });
        let (read, requests) = model.all(whole(), LIMITS).await;
        assert_eq!(read, lines(&rows, whole()), "{count} rows, pages of {cap}");
        assert!(requests < 400, "{requests}");
    }
}

#[tokio::test]
async fn an_order_that_was_not_asked_for_is_an_error_never_an_empty_span() {
    let rows = history(5, 400);
    for (name, change) in [
        (
            "newest first",
            Box::new(|rows: &mut Vec<Event>| rows.reverse()) as Box<dyn Fn(&mut Vec<Event>)>,
        ),
        (
            "two swapped",
            Box::new(|rows: &mut Vec<Event>| rows.swap(200, 260)),
        ),
    ] {
        let model = Model::of(rows.clone()).with(|state| change(&mut state.rows));
        for from in [whole().from, time_of(&rows[100])] {
            let span = Window::new(from, whole().to);
            let error = model.read(span, &Known::default(), LIMITS).await.unwrap_err();
            assert!(error.to_string().contains("ascending"), "{name}: {error}");
            assert!(error.hint().unwrap().contains("sortOrder"));
        }
    }
}

#[tokio::test]
async fn a_slice_ends_early_but_never_within_a_millisecond() {
    let start = at("2026-11-20T10:00:00Z");
    let rows: Vec<Event> = (0..100)
        .map(|n| {
            record(
                start + chrono::TimeDelta::microseconds(i64::from(n) * 100),
                &n.to_string(),
            )
        })
        .collect();
    let model = Model::of(rows.clone()).with(|state| state.most = 30);
    for events in [1, 9, 10, 11, 25, 99, 100, 101] {
        let (read, _) = model.all(whole(), Limits { events, ..LIMITS }).await;
        assert_eq!(read, lines(&rows, whole()), "{events} events in a slice");
    }
    let small = Limits {
        bytes: 100,
        bytes_of_an_instant: 300,
        events: 10,
    };
    let error = model.read(whole(), &Known::default(), small).await.unwrap_err();
    assert!(
        matches!(error, SourceError::Instant { at, bytes: 300 } if at == start),
        "{error}"
    );
}

#[tokio::test]
async fn a_record_without_a_time_is_kept_with_what_stands_beside_it() {
    let mut rows = history(11, 300);
    for (place, text) in [
        (0, r#"{"createdOn":null}"#),
        (150, r#"{"createdOn":"soon"}"#),
        (151, "{}"),
        (302, "7"),
    ] {
        rows.insert(place, raw(text));
    }
    for cap in [20, 1000] {
        let model = Model::of(rows.clone()).with(|state| state.most = cap);
        let slice = model.read(whole(), &Known::default(), LIMITS).await.unwrap();
        assert_eq!(slice.events.len(), rows.len());
        assert_eq!(
            slice.events.iter().filter(|event| event.time.is_none()).count(),
            4
        );
        // The search meets them, and goes on.
        let dated = rows.iter().filter_map(|row| row.time);
        for from in dated.skip(100).take(100).step_by(9) {
            let span = Window::new(from, whole().to);
            let slice = model.read(span, &Known::default(), LIMITS).await.unwrap();
            let expected = rows
                .iter()
                .filter(|row| row.time.is_some_and(|time| span.contains(time)));
            let found = slice.events.iter().filter(|event| event.time.is_some());
            assert_eq!(found.count(), expected.count());
        }
    }
    let alone = Model::of(vec![raw("{}")]);
    assert_eq!(
        alone
            .read(whole(), &Known::default(), LIMITS)
            .await
            .unwrap()
            .events
            .len(),
        1
    );
}
