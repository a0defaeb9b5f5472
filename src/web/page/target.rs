//! A target's page: all that is known of it, and a whole year of its archive.

use chrono::{Datelike as _, NaiveDate};
use maud::{Markup, html};

use super::{
    super::{coverage::Coverage, view::Year},
    Frame, badge, calendar, facts, icon, refreshing, words,
};
use crate::{
    calendar::{Covered, Gap},
    clock::Time,
    status::{LastComparison, LastPass, Side, Status, TargetStatus, WebhookStatus},
};

/// Rows of gaps that are shown, the newest.
const GAPS: usize = 200;

pub(in crate::web) fn page(
    status: &Status,
    target: &TargetStatus,
    view: &Year,
    coverage: Option<&Coverage>,
) -> Markup {
    let (now, today) = (status.written_at, status.written_at.date_naive());
    let refresh = |refresh| {
        let view = Year {
            year: view.year,
            refresh,
        };
        view.link(view.year)
    };
    let body = html! {
        p.back { a href="../" { "← All targets" } }
        div.head {
            div.name { h1 { (target.target) } (badge(target.state)) }
            (refreshing(view.refresh, refresh))
        }
        div class={ "card whole " (super::super::view::key(target.state)) } {
            div.words {
                (facts::trouble(target, now))
                (facts::progress(target))
                (facts::facts(target, status, coverage))
            }
        }
        (year(target, view, coverage, today))
        (gaps(coverage))
        (recent(coverage, now))
        (last_pass(target, now))
        @if let Some(comparison) = &target.last_comparison { (compared(comparison, target, now)) }
        @if let Some(webhook) = &target.webhook { (announced(webhook, now)) }
        @if target.trouble().is_none() && let Some(error) = &target.last_error {
            section aria-labelledby="past" {
                h2 #past { "The last failure, which is over" }
                div.trouble.past { (facts::told(error, now, 0)) }
            }
        }
        p.asof { "As of " (words::moment(now)) " UTC" }
    };
    Frame {
        title: format!("{}: {}", target.target, words::state(target.state)),
        mood: icon::Mood::of([target.state].into_iter()),
        up: "../".to_owned(),
        status: Some(status),
        body,
    }
    .page()
}

fn year(target: &TargetStatus, view: &Year, coverage: Option<&Coverage>, today: NaiveDate) -> Markup {
    let year = view.year;
    let day = |month, day| NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default();
    let halves = [
        ("January to June", day(1, 1), day(6, 30)),
        ("July to December", day(7, 1), day(12, 31)),
    ];
    html! {
        section.year aria-labelledby="year" {
            div.head {
                h2 #year { "Archived events of " (year) }
                nav.years aria-label="Years" {
                    a rel="prev" href=(view.link(year - 1)) { "← " (year - 1) }
                    @if year < today.year() { a rel="next" href=(view.link(year + 1)) { (year + 1) " →" } }
                }
            }
            @match coverage {
                Some(coverage) => {
                    @let seen: Vec<_> = coverage.days.iter().filter(|day| day.date <= today).copied().collect();
                    p.sum { (calendar::sentence(&seen)) }
                    div.halves {
                        @for (name, from, to) in halves {
                            (calendar::table(coverage, from, to, today, &format!("{}, {name} {year}", target.target)))
                        }
                    }
                    (calendar::legend(Some(calendar::Scale::of(&coverage.days))))
                    details {
                        summary { "Every day of " (year) " as a list" }
                        (list(coverage, today))
                    }
                }
                None => p.sum { "What is archived day by day is not known here yet." },
            }
        }
    }
}

/// Each day in words, the newest first; none before the archive begins.
fn list(coverage: &Coverage, today: NaiveDate) -> Markup {
    let days = coverage.days.iter().rev();
    html! {
        ul.list {
            @for day in days.filter(|day| day.date <= today && (!day.known || day.covered != Covered::Before)) {
                li { (calendar::text(day, today)) }
            }
        }
    }
}

fn gaps(coverage: Option<&Coverage>) -> Markup {
    let gaps: &[Gap] = coverage.map(|coverage| &*coverage.gaps).unwrap_or_default();
    html! {
        section aria-labelledby="gaps" {
            h2 #gaps { "Gaps" }
            @if gaps.is_empty() {
                p { "None that is known here." }
            } @else {
                div.wide tabindex="0" role="group" aria-label="Gaps" {
                    table.rows {
                        caption.hidden { "Admitted holes, newest first" }
                        thead { tr { @for head in ["From", "To", "Length", "Why"] { th scope="col" { (head) } } } }
                        tbody {
                            @for gap in gaps.iter().rev().take(GAPS) {
                                @let [from, to] = words::window(gap.window.from, gap.window.to);
                                tr {
                                    td { (from) }
                                    td { (to) }
                                    td { (words::since(gap.window.from, gap.window.to)) }
                                    td.long { (gap.reason.as_deref().unwrap_or("not said")) }
                                }
                            }
                        }
                    }
                }
                @if gaps.len() > GAPS { p { "And " (words::number((gaps.len() - GAPS) as u64)) " older ones." } }
            }
        }
    }
}

fn recent(coverage: Option<&Coverage>, now: Time) -> Markup {
    let commits = coverage.map(|coverage| &*coverage.recent).unwrap_or_default();
    html! {
        @if !commits.is_empty() {
            section aria-labelledby="commits" {
                h2 #commits { "Last commits" }
                div.wide tabindex="0" role="group" aria-label="Last commits" {
                    table.rows {
                        caption.hidden { "The last commits, newest first" }
                        thead {
                            tr { @for head in ["Number", "Kind", "From", "To", "Events", "Written", "By"] {
                                th scope="col" { (head) }
                            } }
                        }
                        tbody {
                            @for commit in commits {
                                @let [from, to] = words::window(commit.window.from, commit.window.to);
                                tr {
                                    th scope="row" { "#" (words::number(commit.number)) }
                                    td { (commit.kind.as_str()) }
                                    td { (from) }
                                    td { (to) }
                                    td.number { (words::number(commit.written)) }
                                    td { (words::relative(commit.at, now)) }
                                    td { (commit.instance) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A fact of a list.
fn fact(name: &str, value: impl maud::Render) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

fn last_pass(target: &TargetStatus, now: Time) -> Markup {
    html! {
        section aria-labelledby="pass" {
            h2 #pass { "Last pass" }
            @match &target.last_pass {
                Some(pass) => (passed(pass, now)),
                None => p { "None since the process started." },
            }
        }
    }
}

fn passed(pass: &LastPass, now: Time) -> Markup {
    let counts = &pass.counts;
    html! {
        dl.facts.many {
            (fact("Result", words::result(pass.result)))
            (fact("Began", words::relative(pass.at, now)))
            (fact("Took", words::took(pass.took_ms)))
            (fact("Shown by the server", words::count(counts.pulled, "event")))
            (fact("Archived", words::count(counts.written, "event")))
            (fact("Known already", words::count(counts.duplicate, "event")))
            (fact("Late", words::count(counts.late, "event")))
            (fact("Other content, same id", words::count(counts.conflict, "event")))
            (fact("Commits", words::number(pass.commits)))
            (fact("Requests", words::number(pass.requests)))
            (fact("Pages", words::number(pass.pages)))
            (fact("Missed runs made up for", words::number(pass.missed)))
            @if let Some(skew) = pass.skew_seconds {
                (fact("The server's clock minus ours", format!("{skew} s")))
            }
        }
    }
}

fn announced(webhook: &WebhookStatus, now: Time) -> Markup {
    html! {
        section aria-labelledby="webhook" {
            h2 #webhook { "Announcements by webhook" }
            p {
                @match webhook.pending {
                    Some(0) => "All commits were taken.",
                    Some(1) => "1 commit is still to be taken.",
                    Some(pending) => { (words::count(pending, "commit")) " are still to be taken." }
                    None => "Nobody has looked yet.",
                }
                @if let Some(last) = webhook.last_delivery {
                    " The receiver last took one " (words::relative(last, now)) "."
                }
            }
            @if webhook.failures > 0 && let Some(error) = &webhook.last_error {
                div.trouble.failing { (facts::told(error, now, 0)) }
            }
        }
    }
}

fn compared(comparison: &LastComparison, target: &TargetStatus, now: Time) -> Markup {
    let sides: [(&str, &Side); 2] = [
        ("The target's own API", &comparison.live),
        ("The long-term store", &comparison.store),
    ];
    html! {
        section aria-labelledby="comparison" {
            h2 #comparison { "Last comparison with the server" }
            p {
                (words::relative(comparison.at, now)) ", " (words::result(comparison.result)) ", took "
                (words::took(comparison.took_ms))
                @if let (Some(from), Some(to)) = (comparison.from, comparison.to) {
                    @let [from, to] = words::window(from, to);
                    ", from " (from) " to " (to)
                }
                "."
                @if let Some(next) = target.next_comparison { " The next one " (words::relative(next, now)) "." }
            }
            @if let Some(error) = &comparison.error { div.trouble.failing { (facts::told(error, now, 0)) } }
            div.wide tabindex="0" role="group" aria-label="Comparison" {
                table.rows {
                    caption.hidden { "What the server showed, by where it was asked" }
                    thead {
                        tr { @for head in ["Asked", "Shown", "Missing in the archive", "Archived now", "Commits"] {
                            th scope="col" { (head) }
                        } }
                    }
                    tbody {
                        @for (name, side) in sides {
                            tr {
                                th scope="row" { (name) }
                                @for number in [side.shown, side.missing, side.written, side.commits] {
                                    td.number { (words::number(number)) }
                                }
                            }
                        }
                    }
                }
            }
            @if let Some(why) = &comparison.without_store { p.asof { "The long-term store was left out: " (why) } }
        }
    }
}
