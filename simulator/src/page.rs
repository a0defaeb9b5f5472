//! Which events stand on a page, and where its links go on. Knows nothing of text.

use crate::ask::{Ask, Turn};
use crate::catalog;
use crate::dice::Dice;
use crate::instant::SECOND;
use crate::json;
use crate::stream::{Entry, Key, Stream};
use crate::switches::{Anchor, Bounds, Fill, FirstNext, NextOrder, PageOrder, Pages, Repeats};
use crate::view::View;

/// A page: positions of its events in the stream, in the order they are told.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Page {
    pub(crate) picked: Vec<usize>,
    pub(crate) previous: Option<Turn>,
    pub(crate) next: Option<Turn>,
    /// Whether the walk goes to older events.
    pub(crate) backward: bool,
}

/// Chooses the page that answers.
pub(crate) fn choose(stream: &Stream, ask: &Ask, pages: Pages, view: View) -> Page {
    let backward = match ask.turn {
        None => pages.anchor == Anchor::Newest,
        Some(Turn::Before(_)) => true,
        Some(Turn::After(_)) => false,
    };
    let limit = limit(ask, pages);
    let mut found = search(stream, ask, pages, view, backward, limit + 1);
    if let Some(empty) = empty(stream, ask, pages, &found, backward) {
        return empty;
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let mut page = Page {
        backward,
        ..Page::default()
    };
    let key = |at: Option<&usize>| at.and_then(|&at| stream.entries().get(at)).map(|entry| entry.key);
    let (first, last) = (key(found.first()), key(found.last()));
    let came_from = match ask.turn {
        Some(Turn::Before(key) | Turn::After(key)) => Some(key),
        None => None,
    };
    let on = last.filter(|_| more || (pages.fill == Fill::EmptyLast && last != came_from));
    if backward {
        page.previous = on.map(Turn::Before);
        page.next = match ask.turn {
            Some(Turn::Before(key)) => Some(Turn::After(first.unwrap_or(key.below()))),
            _ if pages.first_next == FirstNext::Live => {
                let end = Key {
                    ticks: ask.to,
                    rank: u128::MAX,
                };
                Some(Turn::After(first.unwrap_or(end)))
            }
            _ => None,
        };
    } else {
        page.next = on.map(Turn::After);
        page.previous = match ask.turn {
            Some(Turn::After(key)) => Some(Turn::Before(first.unwrap_or(key.above()))),
            _ => None,
        };
    }
    page.picked = arrange(found, pages, backward, stream.requests);
    page
}

/// How many events the page may tell of.
fn limit(ask: &Ask, pages: Pages) -> usize {
    let asked = usize::from(ask.count);
    let at = match ask.turn {
        None => ask.to.unsigned_abs(),
        Some(Turn::Before(key) | Turn::After(key)) => key.ticks.unsigned_abs() ^ u64::from(key.rank == 0),
    };
    let room = if pages.repeats == Repeats::WithinPage {
        asked - 1
    } else {
        asked
    };
    let least = if pages.repeats == Repeats::AcrossPages {
        2
    } else {
        1
    };
    match pages.fill {
        Fill::Short => least + Dice::of(at, 77).place(room + 1 - least),
        _ => room,
    }
}

/// The first events in the direction of the walk that are within bounds, visible and asked for.
pub(crate) fn search(
    stream: &Stream,
    ask: &Ask,
    pages: Pages,
    view: View,
    backward: bool,
    most: usize,
) -> Vec<usize> {
    let entries = stream.entries();
    let (from, to) = bounds(ask, pages.bounds);
    let mut low = from.map_or(0, |from| entries.partition_point(|entry| entry.key < from));
    let mut high = entries.partition_point(|entry| entry.key <= to);
    let again = pages.repeats == Repeats::AcrossPages;
    match ask.turn {
        Some(Turn::Before(key)) if again => high = high.min(entries.partition_point(|e| e.key <= key)),
        Some(Turn::Before(key)) => high = high.min(entries.partition_point(|e| e.key < key)),
        Some(Turn::After(key)) if again => low = low.max(entries.partition_point(|e| e.key < key)),
        Some(Turn::After(key)) => low = low.max(entries.partition_point(|e| e.key <= key)),
        None => {}
    }
    let wanted = |at: &usize| {
        entries
            .get(*at)
            .is_some_and(|entry| stream.sees(entry, view) && matches(stream, entry, ask))
    };
    if backward {
        (low..high).rev().filter(wanted).take(most).collect()
    } else {
        (low..high).filter(wanted).take(most).collect()
    }
}

/// First and last position within the bounds.
fn bounds(ask: &Ask, bounds: Bounds) -> (Option<Key>, Key) {
    let cut = |ticks: i64| match bounds {
        Bounds::WholeSeconds => ticks - ticks.rem_euclid(SECOND),
        Bounds::WholeMillis => ticks - ticks.rem_euclid(SECOND / 1000),
        _ => ticks,
    };
    let first = |ticks: i64| Key { ticks, rank: 0 };
    let from = ask.from.map(cut).map(|from| {
        first(if bounds == Bounds::FromExclusive {
            from + 1
        } else {
            from
        })
    });
    let to = cut(ask.to) + 1;
    let end = first(if bounds == Bounds::ToExclusive { to - 1 } else { to });
    (from, end.below())
}

/// The empty page that stands before what was found, if the switches want one and it was not told yet.
fn empty(stream: &Stream, ask: &Ask, pages: Pages, found: &[usize], backward: bool) -> Option<Page> {
    let wanted = match pages.fill {
        Fill::EmptyBetween => true,
        Fill::EmptyFirst => ask.turn.is_none(),
        _ => false,
    };
    let next = found
        .first()
        .and_then(|&at| stream.entries().get(at))
        .filter(|_| wanted)?
        .key;
    let page = Page {
        backward,
        ..Page::default()
    };
    if backward {
        let bridge = Key {
            ticks: next.ticks + 1,
            rank: 0,
        };
        let newer = match ask.turn {
            Some(Turn::Before(key)) if key <= bridge => return None,
            Some(Turn::Before(key)) => Some(Turn::After(key.below())),
            _ => None,
        };
        return Some(Page {
            previous: Some(Turn::Before(bridge)),
            next: newer,
            ..page
        });
    }
    let bridge = Key {
        ticks: next.ticks - 1,
        rank: u128::MAX,
    };
    let older = match ask.turn {
        Some(Turn::After(key)) if key >= bridge => return None,
        Some(Turn::After(key)) => Some(Turn::Before(key.above())),
        _ => None,
    };
    Some(Page {
        next: Some(Turn::After(bridge)),
        previous: older,
        ..page
    })
}

/// Puts what was found in the order it is told, and repeats one if the switches want it.
fn arrange(mut found: Vec<usize>, pages: Pages, backward: bool, call: u64) -> Vec<usize> {
    found.sort_unstable();
    let order = match (pages.order, pages.next_order) {
        (order, NextOrder::Reversed) if !backward => match order {
            PageOrder::OldestFirst | PageOrder::Shuffled => PageOrder::NewestFirst,
            PageOrder::NewestFirst => PageOrder::OldestFirst,
        },
        (order, _) => order,
    };
    let mut dice = Dice::of(call, 5);
    match order {
        PageOrder::NewestFirst => found.reverse(),
        PageOrder::OldestFirst => {}
        PageOrder::Shuffled => dice.shuffle(&mut found),
    }
    if pages.repeats == Repeats::WithinPage
        && let Some(&twice) = found.get(dice.place(found.len()))
    {
        found.insert(dice.place(found.len() + 1), twice);
    }
    found
}

/// Whether an event passes the filters: any of a name's values, all of the names. Wrong GUIDs match nothing. [D]
fn matches(stream: &Stream, entry: &Entry, ask: &Ask) -> bool {
    if ask.filters.is_empty() {
        return true;
    }
    let raw = stream.raw(entry);
    let text = |name| json::member(&raw, name).and_then(json::text).unwrap_or_default();
    let (source, target, kind) = (text("eventSource"), text("eventTarget"), text("eventType"));
    let is = |name: &str, value: &str| match name.to_ascii_lowercase().as_str() {
        "source" => catalog::guid(&stream.home, &[&source]).eq_ignore_ascii_case(value),
        "target" => catalog::guid(&stream.home, &[&source, &target]).eq_ignore_ascii_case(value),
        "type" => catalog::guid(&stream.home, &[&source, &target, &kind]).eq_ignore_ascii_case(value),
        "userids" => text("actorId").eq_ignore_ascii_case(value),
        "status" => json::member(&raw, "status") == Some(value.as_bytes()),
        _ => ["clientInfo", "eventDetails"].iter().any(|name| {
            let member = json::member(&raw, name).unwrap_or_default();
            String::from_utf8_lossy(member)
                .to_lowercase()
                .contains(&value.to_lowercase())
        }),
    };
    ask.filters.iter().all(|(name, _)| {
        ask.filters
            .iter()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name))
            .any(|(_, value)| is(name, value))
    })
}
