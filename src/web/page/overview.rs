//! The first page: how all targets are doing, those in trouble first.

use chrono::{Days, NaiveDate};
use maud::{Markup, html};

use super::{
    super::{
        coverage::Coverage,
        view::{STATES, Shown, View, key},
    },
    Frame, badge, calendar, facts, icon, refreshing, words,
};
use crate::status::{State, Status, TargetStatus};

/// So many days before today a calendar begins here.
const DAYS: u64 = 181;

/// Where the calendars of this page begin.
pub(in crate::web) fn first_day(today: NaiveDate) -> NaiveDate {
    today.checked_sub_days(Days::new(DAYS)).unwrap_or(today)
}

pub(in crate::web) fn page(
    status: &Status,
    view: &View,
    shown: &Shown<'_>,
    coverages: &[Option<Coverage>],
) -> Markup {
    let now = status.written_at;
    let verdict = verdict(status);
    let body = html! {
        div.head {
            div {
                h1 { (verdict) }
                p.lead { (lead(status)) }
            }
            (refreshing(view.refresh, |refresh| View { refresh, ..view.clone() }.link()))
        }
        (tiles(status, view))
        (filter(view, shown, status.targets.len()))
        @if shown.targets.is_empty() {
            p.none {
                "No target is like that. " a href=(View { refresh: view.refresh, ..View::of("") }.link()) { "Show all" }
            }
        } @else {
            (calendar::legend(None))
        }
        @for (target, coverage) in shown.targets.iter().zip(coverages) {
            (card(target, coverage.as_ref(), status))
        }
        (pages(view, shown))
        p.asof { "As of " (words::moment(now)) " UTC" }
    };
    Frame {
        title: format!("{verdict} · {}", status.instance),
        mood: mood(status),
        up: "./".to_owned(),
        status: Some(status),
        body,
    }
    .page()
}

fn number_in(status: &Status, state: State) -> u64 {
    status
        .targets
        .iter()
        .filter(|target| target.state == state)
        .count() as u64
}

/// The page in a few words: the targets, and what else is wrong.
fn verdict(status: &Status) -> String {
    let (targets, well) = of_targets(status);
    let wrong: Vec<&str> = [
        (
            status.configuration.problem.is_some(),
            "the configuration on disk cannot be used",
        ),
        (announcements_fail(status), "announcements fail"),
    ]
    .into_iter()
    .filter_map(|(so, words)| so.then_some(words))
    .collect();
    match (wrong.is_empty(), well) {
        (true, _) => targets,
        (_, true) => format!("{targets}, but {}", wrong.join(" and ")),
        (_, false) => format!("{targets}; {}", wrong.join(" and ")),
    }
}

fn announcements_fail(status: &Status) -> bool {
    status.targets.iter().any(|target| target.unannounced().is_some())
}

/// How the targets are, and whether that is well.
fn of_targets(status: &Status) -> (String, bool) {
    let (person, failing, standby) = (
        number_in(status, State::NeedsPerson),
        number_in(status, State::Failing),
        number_in(status, State::Standby),
    );
    let all = status.targets.len() as u64;
    let needs = if person == 1 { "needs" } else { "need" };
    let words = match (all, person, failing) {
        (0, ..) => "No targets here".to_owned(),
        (1, 0, 0) if standby == 1 => "The target stands by".to_owned(),
        (_, 0, 0) if standby == all => format!("All {} targets stand by", words::number(all)),
        (1, 0, 0) => "The target is well".to_owned(),
        (_, 0, 0) => format!("All {} targets are well", words::number(all)),
        (_, 0, _) => format!(
            "{} of {} failing",
            words::number(failing),
            words::count(all, "target")
        ),
        (_, _, 0) => format!(
            "{} of {} {needs} a person",
            words::number(person),
            words::count(all, "target")
        ),
        _ => format!(
            "{} {needs} a person, {} failing",
            words::count(person, "target"),
            words::number(failing)
        ),
    };
    (words, all > 0 && person + failing == 0)
}

/// Worse than its targets may be: not all is well if the configuration or announcements are not.
fn mood(status: &Status) -> icon::Mood {
    let states = status.targets.iter().map(|target| target.state);
    let more = status.configuration.problem.is_some() || announcements_fail(status);
    icon::Mood::of(states.chain(more.then_some(State::Failing)))
}

/// Who is furthest behind: of those that are read here, or else of those that others read.
fn lead(status: &Status) -> Markup {
    let furthest = status
        .targets
        .iter()
        .filter_map(|target| target.lag_seconds.map(|lag| (target, lag)))
        .max_by_key(|(target, lag)| (target.state != State::Standby, *lag));
    let unread = status
        .targets
        .iter()
        .filter(|target| target.lag_seconds.is_none())
        .count() as u64;
    html! {
        @match furthest {
            Some((target, lag)) => {
                "Furthest behind: " a href={ "targets/" (target.target) } { (target.target) } ", by "
                b { (crate::status::span(lag)) } ". "
            }
            None => "Nothing was read yet. ",
        }
        @if unread > 0 && unread < status.targets.len() as u64 {
            (words::count(unread, "target")) " not read yet. "
        }
    }
}

/// How many targets are in each state, as links.
fn tiles(status: &Status, view: &View) -> Markup {
    let link = |state| {
        View {
            state,
            page: 1,
            ..view.clone()
        }
        .link()
    };
    html! {
        nav.tiles aria-label="Targets by state" {
            a.tile href=(link(None)) aria-current=[view.state.is_none().then_some("true")] {
                b { (words::number(status.targets.len() as u64)) } span { "All" }
            }
            @for state in STATES {
                @let number = number_in(status, state);
                a class={ "tile " (key(state)) @if number == 0 { " zero" } } href=(link(Some(state)))
                    aria-current=[(view.state == Some(state)).then_some("true")] {
                    b { (words::number(number)) } span { (icon::state(state)) (words::state(state)) }
                }
            }
        }
    }
}

fn filter(view: &View, shown: &Shown<'_>, all: usize) -> Markup {
    html! {
        form.filter method="get" action="./" role="search" aria-label="Targets" {
            label for="name" { "Name contains" }
            input #name type="search" name="name" value=(view.name) maxlength="64" autocomplete="off" spellcheck="false";
            label for="state" { "State" }
            select #state name="state" {
                option value="" selected[view.state.is_none()] { "any" }
                @for state in STATES {
                    option value=(key(state)) selected[view.state == Some(state)] { (words::state(state)) }
                }
            }
            @if let Some(seconds) = view.refresh { input type="hidden" name="refresh" value=(seconds); }
            button type="submit" { "Show" }
            p role="status" {
                (words::count(shown.matching as u64, "target"))
                @if shown.matching != all { " of " (words::number(all as u64)) }
                @if shown.pages > 1 { ", page " (shown.page) " of " (shown.pages) }
            }
        }
    }
}

fn card(target: &TargetStatus, coverage: Option<&Coverage>, status: &Status) -> Markup {
    let (now, today) = (status.written_at, status.written_at.date_naive());
    let heading = format!("target-{}", target.target);
    html! {
        article class={ "card " (key(target.state)) } aria-labelledby=(heading) {
            div.words {
                div.name {
                    h2 id=(heading) { a href={ "targets/" (target.target) } { (target.target) } }
                    (badge(target.state))
                }
                (facts::trouble(target, now))
                (facts::progress(target))
                (facts::facts(target, status, coverage))
            }
            div.days {
                @match coverage {
                    Some(coverage) => {
                        (calendar::table(
                            coverage,
                            first_day(today),
                            today,
                            today,
                            &format!("Archived events of {} by day", target.target),
                        ))
                        p.sum { (calendar::sentence(&coverage.days)) }
                    }
                    None => p.sum { "What is archived day by day is not known here yet." },
                }
            }
        }
    }
}

fn pages(view: &View, shown: &Shown<'_>) -> Markup {
    let link = |page| View { page, ..view.clone() }.link();
    html! {
        @if shown.pages > 1 {
            nav.pages aria-label="Pages" {
                @if shown.page > 1 { a rel="prev" href=(link(shown.page - 1)) { "← Previous" } }
                @for page in near(shown.page, shown.pages) {
                    @match page {
                        Some(page) if page == shown.page => {
                            a.on aria-current="page" href=(link(page)) { span.hidden { "Page " } (page) }
                        }
                        Some(page) => a href=(link(page)) { span.hidden { "Page " } (page) },
                        None => span aria-hidden="true" { "…" },
                    }
                }
                @if shown.page < shown.pages { a rel="next" href=(link(shown.page + 1)) { "Next →" } }
            }
        }
    }
}

/// The first page, the last, and those around this one; None where some are left out.
fn near(page: usize, pages: usize) -> Vec<Option<usize>> {
    let mut shown = Vec::new();
    let mut last = 0;
    for number in (1..=pages).filter(|number| *number == 1 || *number == pages || number.abs_diff(page) <= 2)
    {
        if number > last + 1 {
            shown.push(None);
        }
        shown.push(Some(number));
        last = number;
    }
    shown
}
