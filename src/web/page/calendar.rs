//! The coverage calendar: a table with a cell for each day, weeks as columns. What a colour says, a shape and a text
//! say, too.

use std::collections::BTreeMap;

use chrono::{Datelike as _, Days, NaiveDate};
use maud::{Markup, html};

use super::{super::coverage::Coverage, words};
use crate::calendar::{Covered, Day, Part};

const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
/// A month's name needs so many columns.
const ROOM: usize = 2;

/// What a day's cell shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cell {
    /// Events: how many in comparison, 1 to 4.
    Events(u8),
    /// Events in a file of the server's own, that has other days, too.
    InFile,
    /// None happened, and that is proven.
    Empty,
    /// There is a hole.
    Gap,
    /// Not archived yet.
    NotYet,
    /// Older commits that tell of it are still to be read.
    Unknown,
    /// The archive begins later.
    Before,
}

impl Cell {
    fn class(self) -> &'static str {
        match self {
            Self::Events(1) => "e1",
            Self::Events(2) => "e2",
            Self::Events(3) => "e3",
            Self::Events(_) => "e4",
            Self::InFile => "file",
            Self::Empty => "no",
            Self::Gap => "gap",
            Self::NotYet => "yet",
            Self::Unknown => "q",
            Self::Before => "pre",
        }
    }
}

/// What is many events for a target: more than that share of its busiest days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Scale(u64);

impl Scale {
    /// Of all days but the busiest twentieth: one day out of the common must not make all others pale.
    pub(super) fn of(days: &[Day]) -> Self {
        let mut busy: Vec<u64> = days
            .iter()
            .map(|day| day.events)
            .filter(|events| *events > 0)
            .collect();
        busy.sort_unstable();
        let last = busy.len().saturating_sub(1);
        Self(busy.get(last * 19 / 20).copied().unwrap_or(1).max(1))
    }

    /// 1 to 4.
    fn level(self, events: u64) -> u8 {
        match u128::from(events) * 4 / u128::from(self.0) {
            _ if events >= self.0 => 4,
            whole => u8::try_from(whole + 1).unwrap_or(4).min(4),
        }
    }

    /// Levels that some number of events has, with the least such number.
    fn steps(self) -> Vec<(u8, u64)> {
        let least = [
            1,
            self.0.div_ceil(4).max(1),
            self.0.div_ceil(2).max(1),
            self.0.saturating_mul(3).div_ceil(4).max(1),
        ];
        let mut steps: Vec<(u8, u64)> = least.map(|least| (self.level(least), least)).into();
        steps.dedup();
        steps
    }
}

/// Which cell a day has.
pub(super) fn cell(day: &Day, scale: Scale) -> Cell {
    match day {
        Day { known: false, .. } => Cell::Unknown,
        Day {
            gap: Part::Some | Part::Whole,
            ..
        } => Cell::Gap,
        Day { events: 1.., .. } => Cell::Events(scale.level(day.events)),
        Day { in_file: true, .. } => Cell::InFile,
        Day {
            covered: Covered::Before,
            ..
        } => Cell::Before,
        Day {
            covered: Covered::NotYet,
            ..
        } => Cell::NotYet,
        Day {
            covered: Covered::Whole | Covered::Partly,
            ..
        } => Cell::Empty,
    }
}

/// What is said of a day.
pub(super) fn text(day: &Day, today: NaiveDate) -> String {
    let more = if day.in_file {
        " and those in a file of several days"
    } else {
        ""
    };
    let events = || format!("{}{more}", words::count(day.events, "event"));
    let said = match cell(day, Scale(1)) {
        Cell::Events(_) => events(),
        Cell::InFile => "in a file of several days, not counted by day".to_owned(),
        Cell::Empty => "no events, proven".to_owned(),
        Cell::Gap if day.gap == Part::Whole => "a gap, all day".to_owned(),
        Cell::Gap => format!("a gap of a part of the day, {}", events()),
        Cell::NotYet => "not archived yet".to_owned(),
        Cell::Unknown => "not known here yet".to_owned(),
        Cell::Before => "before the archive begins".to_owned(),
    };
    let partly = match day {
        Day { known: false, .. } => "",
        Day {
            covered: Covered::Partly,
            ..
        } if day.date == today => ", so far",
        Day {
            covered: Covered::Partly,
            ..
        } => ", in a part of the day",
        _ => "",
    };
    let which = if day.date == today { ", today" } else { "" };
    format!("{}{which}: {said}{partly}", day.date)
}

/// A sentence that says what the calendar shows.
pub(super) fn sentence(days: &[Day]) -> String {
    let mut counts = BTreeMap::new();
    for day in days {
        let word = match cell(day, Scale(1)) {
            Cell::Events(_) => (0, "with events"),
            Cell::InFile => (1, "in a file of several days"),
            Cell::Empty => (2, "empty and proven"),
            Cell::Gap => (3, "with a gap"),
            Cell::NotYet => (4, "not archived yet"),
            Cell::Unknown => (5, "not known here yet"),
            Cell::Before => (6, "before the archive begins"),
        };
        *counts.entry(word).or_insert(0_u64) += 1;
    }
    let parts: Vec<String> = counts
        .into_iter()
        .map(|((_, word), days)| format!("{} {word}", words::number(days)))
        .collect();
    let events = days.iter().map(|day| day.events).sum();
    let total = words::count(days.len() as u64, "day");
    format!(
        "{total}: {}; {} in all",
        parts.join(", "),
        words::count(events, "event")
    )
}

/// The days from `from` up to `to`, of which the later ones than `today` are left blank.
pub(super) fn table(
    coverage: &Coverage,
    from: NaiveDate,
    to: NaiveDate,
    today: NaiveDate,
    caption: &str,
) -> Markup {
    let scale = Scale::of(&coverage.days);
    let known: BTreeMap<NaiveDate, &Day> = coverage.days.iter().map(|day| (day.date, day)).collect();
    let first = monday(from);
    let weeks: Vec<NaiveDate> = (0..)
        .map_while(|week| first.checked_add_days(Days::new(week * 7)))
        .take_while(|week| *week <= to)
        .collect();
    let months = months(&weeks, from);
    html! {
        table.calendar {
            caption.hidden { (caption) }
            colgroup {}
            @for (_, columns) in &months { colgroup span=(columns) {} }
            thead {
                tr {
                    td {}
                    @for (month, columns) in &months {
                        th scope="colgroup" colspan=(columns) { span.hidden[*columns < ROOM] { (month) } }
                    }
                }
            }
            tbody {
                @for (row, weekday) in (0..7).zip(WEEKDAYS) {
                    tr {
                        th scope="row" {
                            span.hidden { (weekday) }
                            @if row % 2 == 0 && row < 6 { span aria-hidden="true" { (weekday.get(..1).unwrap_or_default()) } }
                        }
                        @for week in &weeks {
                            @let date = week.checked_add_days(Days::new(row)).unwrap_or(*week);
                            @match known.get(&date).filter(|_| date >= from && date <= to && date <= today) {
                                Some(day) => (one(day, scale, today)),
                                None => td {},
                            }
                        }
                    }
                }
            }
        }
    }
}

fn one(day: &Day, scale: Scale, today: NaiveDate) -> Markup {
    let (class, text) = (cell(day, scale).class(), text(day, today));
    let now = if day.date == today { " now" } else { "" };
    html! {
        td class={ (class) (now) } title=(text) { i { (text) } }
    }
}

fn monday(date: NaiveDate) -> NaiveDate {
    let back = Days::new(u64::from(date.weekday().num_days_from_monday()));
    date.checked_sub_days(back).unwrap_or(date)
}

/// Over which columns each month stands: those whose week's first shown day is in it.
fn months(weeks: &[NaiveDate], from: NaiveDate) -> Vec<(&'static str, usize)> {
    let mut months: Vec<(&'static str, usize)> = Vec::new();
    for week in weeks {
        let month = (*week).max(from).month0() as usize;
        let name = MONTHS.get(month).copied().unwrap_or_default();
        match months.last_mut() {
            Some((last, columns)) if *last == name => *columns += 1,
            _ => months.push((name, 1)),
        }
    }
    months
}

/// What the cells mean. With the numbers of one target, if there is one.
pub(super) fn legend(scale: Option<Scale>) -> Markup {
    let steps = scale.map(Scale::steps);
    let levels = steps.as_ref().map_or_else(
        || vec![1, 2, 3, 4],
        |steps| steps.iter().map(|(level, _)| *level).collect(),
    );
    html! {
        ul.legend aria-label="What the colours mean" {
            li {
                @for level in levels { span class={ "key " (Cell::Events(level).class()) } {} }
                @match steps {
                    Some(steps) => {
                        "events: " @for (index, (_, least)) in steps.iter().enumerate() {
                            @if index > 0 { ", " } (words::number(*least)) "+"
                        }
                    }
                    None => "events: few to many for the target",
                }
            }
            li { span.key.file {} "in a file of several days" }
            li { span.key.no {} "none, and that is proven" }
            li { span.key.gap {} "a gap" }
            li { span.key.yet {} "not archived yet" }
            li { span.key.q {} "not known here yet" }
            li { span.key.now {} "today" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Scale, legend};

    #[test]
    fn a_legend_tells_each_number_of_events_once_with_its_shade() {
        for (busy, shades, said) in [
            (1, &["e4"][..], "events: 1+</li>"),
            (2, &["e3", "e4"], "events: 1+, 2+</li>"),
            (3, &["e2", "e3", "e4"], "events: 1+, 2+, 3+</li>"),
            (100, &["e1", "e2", "e3", "e4"], "events: 1+, 25+, 50+, 75+</li>"),
        ] {
            let legend = legend(Some(Scale(busy))).into_string();
            assert!(legend.contains(said), "{legend}");
            for shade in ["e1", "e2", "e3", "e4"] {
                let shown = legend.contains(&format!("key {shade}"));
                assert_eq!(shown, shades.contains(&shade), "{shade} of {busy}");
            }
        }
    }
}
