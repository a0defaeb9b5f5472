//! A target in words: what is wrong, how far a pass is, how far the archive.

use maud::{Markup, html};

use super::{super::coverage::Coverage, words};
use crate::{
    clock::Time,
    status::{LastError, PassResult, Progress, Status, TargetStatus},
};

/// What is wrong now, and what to do.
pub(super) fn trouble(target: &TargetStatus, now: Time) -> Markup {
    html! {
        @if let Some(error) = target.trouble() {
            div class={ "trouble " (super::super::view::key(target.state)) } { (told(error, now, target.failures)) }
        }
    }
}

/// An error with its hint.
pub(super) fn told(error: &LastError, now: Time, failures: u64) -> Markup {
    html! {
        p.error { "Failed to " (error.message) }
        @if let Some(hint) = &error.hint {
            p.hint { b { "What to do: " } (hint) }
        }
        p.when {
            (words::relative(error.at, now))
            @if failures > 1 { " · " (words::number(failures)) " passes in a row" }
        }
    }
}

/// What is wrong with the configuration on disk, if anything is.
pub(super) fn configuration(status: &Status) -> Markup {
    let now = status.written_at;
    let configuration = &status.configuration;
    html! {
        @if let Some(problem) = &configuration.problem {
            section.trouble.failing.configuration aria-label="Configuration" {
                p.error {
                    "The configuration on disk cannot be used: the one "
                    @if let Some(read_at) = configuration.read_at { "of " (words::relative(read_at, now)) }
                    @else { "before" }
                    " stays in force"
                }
                p.told { (problem.message) }
                p.hint { b { "What to do: " } "correct it; it is read again when a file of it changes, or on SIGHUP" }
                p.when { (words::relative(problem.at, now)) }
            }
        }
    }
}

/// How far the running pass is.
pub(super) fn progress(target: &TargetStatus) -> Markup {
    html! {
        @if let Some(progress) = &target.progress {
            div.progress {
                @let label = format!("pass-{}", target.target);
                p id=(label) {
                    b { "A pass is under way" }
                    @if let Some(read) = progress.read { ": read up to " (words::moment(read)) }
                    ", " (words::count(progress.written, "event")) " archived in "
                    (words::count(progress.commits, "commit"))
                }
                @match percent(progress) {
                    Some(percent) => progress aria-labelledby=(label) max="100" value=(percent) { (percent) " %" },
                    None => progress aria-labelledby=(label) {},
                }
            }
        }
    }
}

/// How much of what it reads is covered by now.
fn percent(progress: &Progress) -> Option<i64> {
    let (from, to) = (progress.from?, progress.to?);
    let whole = (to - from).num_milliseconds();
    let done = (progress.covered? - from).num_milliseconds();
    (whole > 0).then(|| (done.clamp(0, whole) * 100) / whole)
}

/// How far it is.
pub(super) fn facts(target: &TargetStatus, status: &Status, coverage: Option<&Coverage>) -> Markup {
    let now = status.written_at;
    html! {
        dl.facts {
            (standing_by(target, status))
            div {
                dt { "Behind" }
                dd.lag {
                    @match target.lag_seconds {
                        Some(lag) => (crate::status::span(lag)),
                        None => "nothing read yet",
                    }
                }
            }
            div {
                dt { "Next run" }
                dd {
                    @match target.next_run {
                        _ if target.progress.is_some() => "under way",
                        Some(next) if next <= now => "now",
                        Some(next) => (words::relative(next, now)),
                        None => "not known",
                    }
                }
            }
            div {
                dt { "Archived" }
                dd { (span(target, coverage)) }
            }
            div {
                dt { "Last commit" }
                dd {
                    @match &target.last_commit {
                        Some(last) => {
                            "#" (words::number(last.number)) ", " (words::relative(last.at, now))
                            " by " (last.instance)
                        }
                        None => "none",
                    }
                }
            }
            div {
                dt { "Last pass" }
                dd {
                    @match &target.last_pass {
                        Some(pass) => {
                            (words::relative(pass.at, now)) ", " (words::result(pass.result))
                            @if pass.result == PassResult::Done {
                                ", " (words::count(pass.counts.written, "new event"))
                            }
                        }
                        None => "none since the start",
                    }
                }
            }
            @if let Some(webhook) = target.unannounced() {
                div {
                    dt { "Webhook" }
                    dd {
                        "failing, "
                        (words::count(webhook.pending.unwrap_or_default(), "commit")) " not announced"
                    }
                }
            }
        }
    }
}

/// For whom it stands by, and until when.
fn standing_by(target: &TargetStatus, status: &Status) -> Markup {
    html! {
        @if let Some(standing_by) = &target.standing_by {
            div {
                dt { "Stands by for" }
                dd {
                    (standing_by.owner(&status.instance)) "; takes over "
                    (words::relative(standing_by.until, status.written_at)) " unless that one commits again"
                }
            }
        }
    }
}

/// From where to where the archive is complete.
fn span(target: &TargetStatus, coverage: Option<&Coverage>) -> Markup {
    html! {
        @match target.coverage_end {
            Some(end) => {
                @match coverage.and_then(|coverage| coverage.begins) {
                    Some(begins) => {
                        @let [begins, end] = words::window(begins, end);
                        (begins) " to " (end)
                    }
                    None => { "up to " (words::moment(end)) }
                }
            }
            None => "nothing yet",
        }
    }
}
