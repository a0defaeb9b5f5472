//! What is kept of a walk over more than a slice may hold.

use bytes::Bytes;

use super::*;
use crate::source::sample::{self, at};

const LIMITS: Limits = Limits {
    events: 60,
    ..sample::LIMITS
};

/// A page of events at these seconds.
fn page(seconds: &[u64]) -> Page {
    let events = seconds
        .iter()
        .map(|second| sample::event(&second.to_string(), *second));
    let events: Vec<String> = events.collect();
    let text = format!(
        r#"{{"auditEvents":[{}],"next":null,"previous":"?before=1"}}"#,
        events.join(",")
    );
    Page::parse(&Bytes::from(text)).unwrap()
}

/// What becomes of a span of 70 seconds, page after page from its newest on.
fn walk(pages: &[Vec<u64>]) -> Option<Crowded> {
    let known = Known::default();
    let mut walk = Walk::new(Window::new(at(9_930), at(10_000)), &known, LIMITS, None);
    let url = Url::parse("http://127.0.0.1/").unwrap();
    for (number, seconds) in pages.iter().enumerate() {
        walk.take(page(seconds), 1);
        if let Some(crowded) = walk.crowded().unwrap() {
            return Some(crowded);
        }
        if number == 0 {
            walk.turn(Direction::Previous, &url);
        }
    }
    None
}

/// Ten seconds to a page, an event in each.
fn steady() -> Vec<Vec<u64>> {
    (0..10)
        .map(|page| (0..10).map(|event| 9_999 - page * 10 - event).collect())
        .collect()
}

#[test]
fn what_lies_wholly_after_the_last_two_pages_is_complete() {
    let from = later(at(9_949), MARGIN + INSTANT);
    assert_eq!(
        walk(&steady()),
        Some(Crowded::Keep(Window::new(from, at(10_000))))
    );
}

#[test]
fn nothing_is_kept_where_pages_are_not_in_the_order_of_time() {
    let mut pages = steady();
    // It belongs on the second page, and there may be more like it.
    pages[4][9] = 9_989;
    pages[1].retain(|second| *second != 9_989);
    assert!(matches!(walk(&pages), Some(Crowded::Narrower(_))));
    // A time far from all others says nothing.
    let mut pages = steady();
    pages[1][4] = 1_000_000;
    assert!(matches!(walk(&pages), Some(Crowded::Keep(_))));
}
