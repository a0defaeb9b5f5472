//! What a reader wants to see: which targets, which page of them, which year; and the links that say so.

use std::ops::RangeInclusive;

use chrono::{Datelike as _, NaiveDate};
use url::form_urlencoded;

use crate::status::{State, TargetStatus};

/// Targets on a page.
pub(super) const PER_PAGE: usize = 25;
/// How long a part of a name may be.
const LONGEST_NAME: usize = 64;
/// How often a page may be loaded again, in seconds.
const REFRESH: RangeInclusive<u32> = 5..=3600;
/// Years that somebody may ask for.
const YEARS: RangeInclusive<i32> = 2000..=2999;

/// Which states are shown, the most urgent first.
pub(super) const STATES: [State; 5] = [
    State::NeedsPerson,
    State::Failing,
    State::Standby,
    State::Running,
    State::Idle,
];

/// The name of a state in links and classes.
pub(super) fn key(state: State) -> &'static str {
    match state {
        State::Idle => "idle",
        State::Running => "running",
        State::Standby => "standby",
        State::Failing => "failing",
        State::NeedsPerson => "needs_person",
    }
}

/// How urgent a state is: the smallest first.
fn rank(state: State) -> usize {
    STATES
        .iter()
        .position(|other| *other == state)
        .unwrap_or_default()
}

/// What is to be seen of all targets.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct View {
    /// In this state alone.
    pub(super) state: Option<State>,
    /// With this in their names.
    pub(super) name: String,
    /// From 1. One that is too high shows the last.
    pub(super) page: usize,
    /// Load it again so often, in seconds.
    pub(super) refresh: Option<u32>,
}

/// What is seen.
pub(super) struct Shown<'a> {
    pub(super) targets: Vec<&'a TargetStatus>,
    /// How many there are of that kind, on all pages.
    pub(super) matching: usize,
    /// From 1.
    pub(super) page: usize,
    pub(super) pages: usize,
}

impl View {
    /// What cannot be understood is left out.
    pub(super) fn of(query: &str) -> Self {
        let mut view = Self {
            page: 1,
            ..Self::default()
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "state" => view.state = STATES.into_iter().find(|state| key(*state) == value),
                "name" => view.name = value.trim().chars().take(LONGEST_NAME).collect(),
                "page" => view.page = value.parse().unwrap_or(1),
                "refresh" => view.refresh = refresh(&value),
                _ => {}
            }
        }
        view
    }

    /// The targets of this page, those in trouble first.
    pub(super) fn choose<'a>(&self, all: &'a [TargetStatus]) -> Shown<'a> {
        let part = self.name.to_lowercase();
        let mut targets: Vec<&TargetStatus> = all
            .iter()
            .filter(|target| self.state.is_none_or(|state| target.state == state))
            .filter(|target| target.target.contains(&part))
            .collect();
        // Stable: otherwise in the order of the configuration.
        targets.sort_by_key(|target| rank(target.state));
        let matching = targets.len();
        let pages = matching.div_ceil(PER_PAGE).max(1);
        let page = self.page.clamp(1, pages);
        let targets = targets
            .into_iter()
            .skip((page - 1) * PER_PAGE)
            .take(PER_PAGE)
            .collect();
        Shown {
            targets,
            matching,
            page,
            pages,
        }
    }

    /// A link to this view.
    pub(super) fn link(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(state) = self.state {
            query.append_pair("state", key(state));
        }
        if !self.name.is_empty() {
            query.append_pair("name", &self.name);
        }
        if self.page > 1 {
            query.append_pair("page", &self.page.to_string());
        }
        if let Some(seconds) = self.refresh {
            query.append_pair("refresh", &seconds.to_string());
        }
        let query = query.finish();
        if query.is_empty() {
            "./".to_owned()
        } else {
            format!("./?{query}")
        }
    }
}

fn refresh(value: &str) -> Option<u32> {
    value.parse().ok().filter(|seconds| REFRESH.contains(seconds))
}

/// What is to be seen of one target.
pub(super) struct Year {
    pub(super) year: i32,
    pub(super) refresh: Option<u32>,
}

impl Year {
    /// This year, unless it says otherwise.
    pub(super) fn of(query: &str, today: NaiveDate) -> Self {
        let mut view = Self {
            year: today.year(),
            refresh: None,
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "year" => {
                    let asked = value.parse().ok().filter(|year| YEARS.contains(year));
                    view.year = asked.unwrap_or(view.year);
                }
                "refresh" => view.refresh = refresh(&value),
                _ => {}
            }
        }
        view
    }

    pub(super) fn days(&self) -> RangeInclusive<NaiveDate> {
        let day = |month, day| NaiveDate::from_ymd_opt(self.year, month, day).unwrap_or_default();
        day(1, 1)..=day(12, 31)
    }

    /// A link to another year of the same target.
    pub(super) fn link(&self, year: i32) -> String {
        match self.refresh {
            Some(seconds) => format!("?year={year}&refresh={seconds}"),
            None => format!("?year={year}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PER_PAGE, State, TargetStatus, View, Year};

    fn targets(count: usize) -> Vec<TargetStatus> {
        let state = |number| {
            if number % 10 == 9 {
                State::Failing
            } else {
                State::Idle
            }
        };
        (0..count)
            .map(|number| TargetStatus {
                target: format!("acme-{number:04}"),
                state: state(number),
                ..TargetStatus::default()
            })
            .collect()
    }

    #[test]
    fn a_link_leads_to_the_view_it_was_made_of() {
        for query in [
            "",
            "state=needs_person",
            "name=a%26b%22&page=3",
            "state=idle&name=x&page=2&refresh=30",
        ] {
            let view = View::of(query);
            let link = view.link();
            assert_eq!(
                View::of(link.trim_start_matches("./").trim_start_matches('?')),
                view,
                "{link}"
            );
        }
    }

    #[test]
    fn nonsense_shows_the_first_page_of_all() {
        let view = View::of("state=drop+table&page=-1&refresh=0&year=x&=&&&%ff=%00");
        assert_eq!(view, View::of(""));
        let long = View::of(&format!("name={}", "ä".repeat(10_000)));
        assert_eq!(long.name.chars().count(), super::LONGEST_NAME);
    }

    #[test]
    fn trouble_comes_first_and_every_target_is_on_one_page() {
        let all = targets(1_000);
        let mut seen = Vec::new();
        for page in 1..=40 {
            let view = View { page, ..View::of("") };
            let shown = view.choose(&all);
            assert_eq!(
                (shown.page, shown.pages, shown.targets.len()),
                (page, 40, PER_PAGE)
            );
            seen.extend(shown.targets.iter().map(|target| target.target.clone()));
        }
        assert!(
            seen[..100].iter().all(|name| name.ends_with('9')),
            "{:?}",
            &seen[..100]
        );
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 1_000);
        let beyond = View::of("page=99999999999&name=ACME-00&state=failing");
        let shown = beyond.choose(&all);
        assert_eq!((shown.matching, shown.page, shown.pages), (10, 1, 1));
    }

    #[test]
    fn a_year_is_one_of_this_millennium() {
        let today = "2026-11-22".parse().unwrap();
        for (query, year) in [
            ("", 2026),
            ("year=2024", 2024),
            ("year=99999999", 2026),
            ("year=-5", 2026),
        ] {
            let view = Year::of(query, today);
            assert_eq!(view.year, year, "{query}");
            assert!(view.days().contains(&format!("{year}-12-31").parse().unwrap()));
        }
    }
}
