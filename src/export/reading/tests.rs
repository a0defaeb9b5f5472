//! How parts become slices, and how a window is cut into parts.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::{filling::Filling, room::Room, unread::Unread};
use crate::{
    clock::Time,
    event::{Event, Schema},
    source::{Effort, File, FileKind, Limits, Slice},
    window::{Window, later},
};

const LIMITS: Limits = Limits {
    events: 10,
    bytes: 1 << 20,
    bytes_of_an_instant: 1 << 20,
};

fn at(second: u64) -> Time {
    later(
        "2026-11-01T00:00:00Z".parse().unwrap(),
        Duration::from_secs(second),
    )
}

fn span(from: u64, to: u64) -> Window {
    Window::new(at(from), at(to))
}

fn event(text: String) -> Event {
    Event::parse(Bytes::from(text), Schema::Unified).unwrap()
}

fn dated(second: u64, number: usize) -> Event {
    let time = crate::clock::spell(at(second));
    event(format!(r#"{{"id":"{second}-{number}","createdOn":"{time}"}}"#))
}

/// A part whose events come newest first, as servers show them.
fn part(window: Window, mut events: Vec<Event>) -> Slice {
    events.reverse();
    Slice {
        span: window,
        pulled: events.len() as u64,
        events,
        file: None,
        complete_from: None,
        duplicate: 0,
        conflict: 0,
        oldest: None,
        effort: Effort {
            requests: 1,
            pages: 1,
        },
        fullness: 0.5,
    }
}

/// A part with an event in each second.
fn steady(from: u64, to: u64) -> Slice {
    part(
        span(from, to),
        (from..to).map(|second| dated(second, 0)).collect(),
    )
}

/// Window, ids in order, pulled and duplicate of each slice.
type Seen = (Window, Vec<String>, u64, u64);

fn fill(limits: Limits, end: Option<Time>, parts: Vec<Slice>) -> Vec<Seen> {
    let budget = Arc::new(Semaphore::new(1 << 20));
    let (room, mut filling) = (Room::new(&budget, 0), Filling::new(limits, end));
    let mut slices = Vec::new();
    for part in parts {
        let mut share = room.take(1 << 20, 0).unwrap();
        room.shrink(&mut share, &part);
        slices.extend(filling.push(part, share));
    }
    slices.extend(filling.flush());
    assert!(
        budget.available_permits() < 1 << 20,
        "what is in memory is paid for"
    );
    slices
        .into_iter()
        .map(|(mut slice, _)| {
            slice.events.sort_by(|a, b| a.order().cmp(&b.order()));
            let ids = slice.events.iter().map(|event| event.id().into_owned()).collect();
            (slice.span, ids, slice.pulled, slice.duplicate)
        })
        .collect()
}

#[test]
fn slices_are_full_and_touch_whatever_the_parts() {
    for widths in [vec![100], vec![3; 33], vec![7, 20, 1, 30, 2, 40], vec![10; 10]] {
        let mut from = 0;
        let parts: Vec<Slice> = widths
            .iter()
            .map(|width| {
                from += width;
                steady(from - width, from)
            })
            .collect();
        let slices = fill(LIMITS, None, parts);
        let mut end = at(0);
        for (window, ids, pulled, _) in &slices {
            assert_eq!(window.from, end, "{widths:?}");
            end = window.to;
            assert!(ids.len() <= 10, "{widths:?}");
            assert_eq!(*pulled, ids.len() as u64);
        }
        assert_eq!(end, at(from));
        assert_eq!(
            slices.len() as u64,
            from.div_ceil(10),
            "{widths:?}: none but the last is less than full"
        );
        let all: Vec<String> = slices.into_iter().flat_map(|(_, ids, ..)| ids).collect();
        assert_eq!(
            all,
            (0..from).map(|second| format!("{second}-0")).collect::<Vec<_>>()
        );
    }
}

#[test]
fn bytes_are_a_limit_too() {
    let limits = Limits { bytes: 160, ..LIMITS };
    for (_, ids, ..) in fill(limits, None, vec![steady(0, 30), steady(30, 60)]) {
        assert!(ids.len() <= 4 && !ids.is_empty());
    }
}

#[test]
fn one_instant_is_never_cut() {
    let crowd = (0..35).map(|number| dated(5, number)).collect();
    let slices = fill(
        LIMITS,
        None,
        vec![steady(0, 5), part(span(5, 6), crowd), steady(6, 9)],
    );
    let sizes: Vec<usize> = slices.iter().map(|(_, ids, ..)| ids.len()).collect();
    assert_eq!(sizes, [5, 35, 3]);
    assert_eq!(
        slices[1].0,
        Window::new(at(5), later(at(5), Duration::from_millis(1)))
    );
}

#[test]
fn what_was_begun_once_ends_where_it_ended() {
    let slices = fill(LIMITS, Some(at(4)), vec![steady(0, 4), steady(4, 20)]);
    assert_eq!(slices[0].0, span(0, 4));
    assert_eq!(slices.len(), 3);
}

#[test]
fn an_event_without_a_time_that_several_parts_show_is_kept_once() {
    let bare = || event(r#"{"id":"bare"}"#.to_owned());
    let parts = (0..4).map(|at| {
        let mut part = steady(at * 5, at * 5 + 5);
        part.events.push(bare());
        part.pulled += 1;
        part
    });
    let slices = fill(LIMITS, None, parts.collect());
    let bare = slices
        .iter()
        .flat_map(|(_, ids, ..)| ids)
        .filter(|id| *id == "bare");
    assert_eq!(bare.count(), 1);
    assert_eq!(slices.iter().map(|(.., repeats)| repeats).sum::<u64>(), 3);
    assert_eq!(slices.iter().map(|(_, _, pulled, _)| pulled).sum::<u64>(), 24);
}

#[test]
fn records_without_a_time_that_are_alike_are_as_many_as_a_part_shows_at_once() {
    let bare = || event(r#"{"id":"bare"}"#.to_owned());
    let parts = [1, 3, 2].into_iter().zip(0..);
    let parts = parts.map(|(alike, at)| part(span(at, at + 1), (0..alike).map(|_| bare()).collect()));
    let slices = fill(LIMITS, None, parts.collect());
    let ids: Vec<&String> = slices.iter().flat_map(|(_, ids, ..)| ids).collect();
    assert_eq!(ids, ["bare"; 3]);
    assert_eq!(slices.iter().map(|(.., repeats)| repeats).sum::<u64>(), 3);
}

#[test]
fn a_file_is_a_slice_of_its_own_and_what_no_file_reaches_back_to_is_one() {
    let file = |from, to, complete_from: Option<u64>| Slice {
        file: Some(File {
            bytes: Bytes::from_static(b"a,b"),
            kind: FileKind::Csv,
            rows: 1,
            first: None,
            last: None,
        }),
        complete_from: complete_from.map(at),
        ..part(span(from, to), Vec::new())
    };
    let hollow = |from, to| Slice {
        complete_from: Some(at(to)),
        ..part(span(from, to), Vec::new())
    };
    let empty = |from, to| part(span(from, to), Vec::new());
    let windows = |parts| {
        let slices = fill(LIMITS, None, parts);
        slices.into_iter().map(|(window, ..)| window).collect::<Vec<_>>()
    };
    assert_eq!(
        windows(vec![file(0, 5, None), file(5, 9, None)]),
        [span(0, 5), span(5, 9)]
    );
    assert_eq!(
        windows(vec![hollow(0, 5), hollow(5, 7), file(7, 9, Some(8))]),
        [span(0, 9)]
    );
    assert_eq!(windows(vec![empty(0, 5), file(5, 9, None)]), [span(0, 9)]);
    // It was looked into: no part of the gap after it.
    assert_eq!(windows(vec![empty(0, 5), hollow(5, 7)]), [span(0, 5), span(5, 7)]);
    assert_eq!(
        windows(vec![file(0, 5, Some(3)), empty(5, 9)]),
        [span(0, 5), span(5, 9)]
    );
}

#[test]
fn a_window_is_read_whole_once_whatever_comes_of_its_parts() {
    let whole = span(0, 100_000);
    let mut unread = Unread::of(whole, None, false);
    assert_eq!(unread.next(8, 1), Some((whole, false)), "nothing is known of it");
    unread.is_too_big(whole, Duration::from_secs(1_000));
    let (mut read, mut turn) = (Vec::new(), 0);
    while let Some((asked, _)) = unread.next(8, 1) {
        turn += 1;
        assert!(asked.width() <= Duration::from_secs(16_000), "{asked:?}");
        // Now all of it, now the older half, now the newer, now nothing.
        let (older, newer) = asked.split(asked.width() / 2);
        let got = match turn % 7 {
            3 => older,
            4 if !newer.is_empty() => newer,
            5 if asked.width() > Duration::from_secs(1) => {
                unread.is_too_big(asked, asked.width() / 3);
                continue;
            }
            _ => asked,
        };
        unread.was_read(asked, &part(got, Vec::new()));
        read.push(got);
    }
    assert!(unread.is_empty());
    read.sort_by_key(|window| window.from);
    let mut end = whole.from;
    for window in read {
        assert_eq!(window.from, end, "neither a hole nor twice");
        end = window.to;
    }
    assert_eq!(end, whole.to);
}

#[test]
fn what_was_too_big_is_asked_for_narrower_however_much_else_is_unread() {
    let most = Duration::from_secs(90 * 86_400);
    for (at_once, by_seconds) in [(1, true), (2, true), (1, false), (17, false)] {
        let mut unread = Unread::of(span(0, 86_400 * 3_000), None, by_seconds);
        let (mut end, mut turns) = (at(0), 0);
        while let Some((asked, _)) = unread.next(at_once, 1) {
            turns += 1;
            assert!(
                turns < 1_000,
                "{at_once} at once: the same is asked again and again"
            );
            if asked.width() > most {
                unread.is_too_big(asked, most.max(asked.width().mul_f64(0.95)));
            } else {
                assert_eq!(asked.from, end);
                end = asked.to;
            }
        }
        assert_eq!(end, at(86_400 * 3_000));
    }
}

#[test]
fn an_instant_that_is_too_much_is_read_by_itself_and_the_rest_at_once() {
    let whole = span(100, 116);
    let instant = Window::new(whole.from, later(whole.from, Duration::from_millis(1)));
    let mut unread = Unread::of(whole, None, false);
    unread.next(8, 1);
    unread.is_too_big(whole, Duration::from_millis(1));
    let parts: Vec<Window> = std::iter::from_fn(|| unread.next(8, 1))
        .map(|(part, _)| part)
        .collect();
    assert_eq!(parts, [instant, Window::new(instant.to, whole.to)]);
}

#[test]
fn files_are_asked_for_by_whole_seconds() {
    let window = Window::new(
        later(at(0), Duration::from_millis(300)),
        later(at(50), Duration::from_millis(700)),
    );
    let mut unread = Unread::of(window, None, true);
    let (asked, _) = unread.next(3, 1).unwrap();
    unread.is_too_big(asked, Duration::from_millis(700));
    let parts: Vec<Window> = std::iter::from_fn(|| Some(unread.next(3, 1)?.0)).collect();
    let (first, last) = (parts.first().unwrap(), parts.last().unwrap());
    assert_eq!((first.from, last.to), (window.from, window.to));
    for (part, next) in parts.iter().zip(parts.iter().skip(1)) {
        assert_eq!(part.to, next.from);
        assert_eq!(part.to.timestamp_subsec_millis(), 0);
    }
}

#[tokio::test]
async fn room_is_waited_for_while_nothing_is_held_and_given_back() {
    let budget = Arc::new(Semaphore::new(100));
    let room = Room::new(&budget, 0);
    let share = room.take(60 << 10, 0).unwrap();
    assert!(room.take(60 << 10, 0).is_none(), "there is no more");
    assert!(room.take(30 << 10, 10 << 10).is_some() && room.take(30 << 10, 11 << 10).is_none());
    drop(share);
    room.wait(80 << 10).await;
    assert_eq!(budget.available_permits(), 20);
    let first = room.take(30 << 10, 0).unwrap();
    let second = room.take(70 << 10, 0).unwrap();
    assert_eq!(
        (
            first.num_permits(),
            second.num_permits(),
            budget.available_permits()
        ),
        (30, 70, 0)
    );
    room.give_back(first);
    assert_eq!(budget.available_permits(), 0, "kept for what is read next");
    drop(second);
    drop(room);
    assert_eq!(budget.available_permits(), 100);
}

#[tokio::test]
async fn some_room_is_left_for_others() {
    let budget = Arc::new(Semaphore::new(100));
    let room = Room::new(&budget, 20 << 10);
    let most = room.take(80 << 10, 0).unwrap();
    assert!(room.take(1 << 10, 0).is_none());
    let other = Room::new(&budget, 20 << 10);
    other.wait(20 << 10).await;
    assert!(other.take(20 << 10, 0).is_some());
    drop(most);
}
