//! Which rows of the classic list stand on a page, in which order. Knows nothing of text but what is sorted by.

use std::cmp::Reverse;

use super::ask::Ask;
use crate::dice::Dice;
use crate::instant::SECOND;
use crate::json;
use crate::stream::{Entry, Stream};
use crate::switches::{Beyond, Classic, SortPrecision, Ties, TotalCount, UnknownSort};
use crate::view::View;

/// Members of a record, in the order of the guide. [D]
pub(crate) const MEMBERS: [&str; 9] = [
    "createdOn",
    "category",
    "action",
    "auditLogDetails",
    "userName",
    "email",
    "message",
    "detailsVersion",
    "source",
];

/// An order of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sort {
    by: &'static str,
    descending: bool,
}

/// Newest first. [C]
pub(crate) const NEWEST_FIRST: Sort = Sort {
    by: "createdOn",
    descending: true,
};

/// A page: positions of its rows in the stream, and what `totalCount` says.
#[derive(Debug, PartialEq)]
pub(crate) struct Page {
    pub(crate) picked: Vec<usize>,
    /// None: no such member. Inner none: null.
    pub(crate) total: Option<Option<usize>>,
}

/// The order that is asked for; none if it must be refused.
pub(crate) fn sort(ask: &Ask, classic: Classic) -> Option<Sort> {
    let descending = ask.descending.unwrap_or(true);
    let Some(wanted) = &ask.sort_by else {
        return Some(Sort {
            descending,
            ..NEWEST_FIRST
        });
    };
    let is = |name: &str| name == wanted || !classic.sort_case_matters && name.eq_ignore_ascii_case(wanted);
    match MEMBERS.into_iter().find(|name| is(name)) {
        Some(by) => Some(Sort { by, descending }),
        None if classic.unknown_sort == UnknownSort::NewestFirst => Some(NEWEST_FIRST),
        None => None,
    }
}

/// Chooses the page that answers.
pub(crate) fn page(stream: &mut Stream, ask: &Ask, sort: Sort, classic: Classic, view: View) -> Page {
    let rows = rows(stream, sort, classic, view);
    let total = match classic.total {
        TotalCount::Exact => Some(Some(rows.len())),
        TotalCount::Stale => Some(Some(stream.last_count(rows.len()))),
        TotalCount::Absent => None,
        TotalCount::Null => Some(None),
        TotalCount::Capped(most) => Some(Some(rows.len().min(usize::try_from(most).unwrap_or(usize::MAX)))),
    };
    let size = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
    let mut limit = ask.top.unwrap_or(size(classic.default_top));
    limit = limit.min(classic.page_cap.map_or(usize::MAX, size));
    let mut start = ask.skip;
    if start >= rows.len() && classic.beyond == Beyond::LastPage {
        start = rows.len().saturating_sub(limit);
    } else if classic.short_pages && limit > 1 {
        let place = u64::try_from(start).unwrap_or(u64::MAX);
        limit = 1 + Dice::of(place, 78).place(limit);
    }
    Page {
        picked: rows.into_iter().skip(start).take(limit).collect(),
        total,
    }
}

/// All visible rows, in that order.
pub(crate) fn rows(stream: &Stream, sort: Sort, classic: Classic, view: View) -> Vec<usize> {
    let entries = stream.entries();
    // As `to` is the time of the request elsewhere: nothing is told before its time.
    let shown = |entry: &Entry| entry.key.ticks <= view.now && stream.sees(entry, view);
    let shown = entries.iter().enumerate().filter(|(_, entry)| shown(entry));
    let mut rows: Vec<usize> = shown.map(|(at, _)| at).collect();
    let of = |at: &usize| entries.get(*at);
    if sort.by != "createdOn" {
        rows.sort_by_cached_key(|at| {
            let entry = of(at)?;
            Some((told(stream, entry, sort.by), tie(stream, entry, classic, sort)))
        });
    } else if classic.precision != SortPrecision::Full || classic.ties != Ties::Stable {
        let unit = match classic.precision {
            SortPrecision::Full => 1,
            SortPrecision::Milliseconds => SECOND / 1000,
            SortPrecision::Seconds => SECOND,
        };
        rows.sort_by_cached_key(|at| {
            let entry = of(at)?;
            // Beyond the precision nothing but a hidden key tells rows apart; equal times stand as the ties want it.
            let hidden = (unit > 1).then(|| Dice::of(entry.key.ticks.unsigned_abs(), 79).draw());
            Some((entry.key.ticks / unit, hidden, tie(stream, entry, classic, sort)))
        });
    }
    if sort.descending {
        rows.reverse();
    }
    rows
}

/// What a row says in the member that is sorted by; nulls first.
fn told(stream: &Stream, entry: &Entry, name: &str) -> Option<String> {
    let raw = stream.raw(entry);
    json::member(&raw, name)
        .and_then(json::text)
        .map(|text| text.to_lowercase())
}

/// Place of a row among its equals, ascending. Orders that are the same in both directions are turned round here for
/// the direction that turns them once more.
fn tie(stream: &Stream, entry: &Entry, classic: Classic, sort: Sort) -> (u128, Reverse<u32>) {
    let turned = match classic.ties {
        Ties::Stable => return (entry.key.rank, Reverse(0)),
        Ties::Shuffled => {
            let place = Dice::of(stream.requests, u64::from(entry.index)).draw();
            return (u128::from(place), Reverse(0));
        }
        Ties::Insertion => sort.descending,
        Ties::Reversed => !sort.descending,
    };
    if turned {
        (0, Reverse(entry.index))
    } else {
        (u128::from(entry.index), Reverse(0))
    }
}
