//! The pages: markup alone. Whatever comes from outside is escaped where it is put in.

use maud::{DOCTYPE, Markup, html};

use crate::{
    clock::Clock,
    status::{State, Status},
};

mod calendar;
mod facts;
pub(super) mod icon;
pub(super) mod overview;
pub(super) mod target;
mod words;

/// What a page is put into.
struct Frame<'a> {
    /// Of the browser's tab, without the program's name.
    title: String,
    /// The icon of the browser's tab.
    mood: icon::Mood,
    /// From the page to the first one: links are relative, so that a proxy may serve us below a path.
    up: String,
    /// Whom the page speaks of.
    status: Option<&'a Status>,
    body: Markup,
}

impl Frame<'_> {
    fn page(self) -> Markup {
        let up = &self.up;
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="robots" content="noindex";
                    title { (self.title) " · UiPath audit exporter" }
                    link rel="icon" type="image/svg+xml" href={ (up) "icon-" (self.mood.key()) ".svg" };
                    link rel="stylesheet" href={ (up) "style.css" };
                }
                body {
                    a.skip href="#main" { "Skip to the targets" }
                    header.top {
                        p.brand {
                            a href=(up) { (icon::logo()) "UiPath audit exporter" }
                        }
                        @if let Some(status) = self.status {
                            p.whose {
                                span { "instance " b { (status.instance) } }
                                @if let Some(shard) = &status.shard { " " span { "shard " b { (shard) } } }
                                " " span { "version " (status.version) }
                                " " span { "up " (words::since(status.started_at, status.written_at)) }
                            }
                        }
                    }
                    main #main tabindex="-1" {
                        @if let Some(status) = self.status { (facts::configuration(status)) }
                        (self.body)
                    }
                    footer.bottom {
                        nav aria-label="For machines" {
                            a href={ (up) "api/status" } { "Status as JSON" }
                            a href={ (up) "metrics" } { "Metrics" }
                            a href={ (up) "livez" } { "Liveness" }
                            a href={ (up) "readyz" } { "Readiness" }
                        }
                        p { "All times are UTC. This page shows, it changes nothing." }
                    }
                }
            }
        }
    }
}

/// How often the page is loaded again, as links; `link` makes one.
fn refreshing(now: Option<u32>, link: impl Fn(Option<u32>) -> String) -> Markup {
    let choices = [(None, "off"), (Some(30), "30 s"), (Some(300), "5 min")];
    html! {
        nav.refresh aria-label="Load the page again by itself" {
            span aria-hidden="true" { "Refresh" }
            @for (seconds, word) in choices {
                @if seconds == now {
                    a.on aria-current="true" href=(link(seconds)) { (word) }
                } @else {
                    a href=(link(seconds)) { (word) }
                }
            }
        }
    }
}

/// A state, told by word, shape and colour.
fn badge(state: State) -> Markup {
    html! {
        span class={ "badge " (super::view::key(state)) } { (icon::state(state)) (words::state(state)) }
    }
}

/// There is no such page.
pub(super) fn nowhere(path: &str, clock: &Clock) -> Markup {
    let depth = path.matches('/').count().saturating_sub(1).min(16);
    let up = if depth == 0 {
        "./".to_owned()
    } else {
        "../".repeat(depth)
    };
    let body = html! {
        h1 { "There is no such page" }
        p.lead { "Perhaps the target was renamed or left the configuration. " a href=(up) { "All targets" } "." }
        p.asof { "Asked at " (words::moment(clock.now())) "." }
    };
    Frame {
        title: "No such page".to_owned(),
        mood: icon::Mood::Unknown,
        up,
        status: None,
        body,
    }
    .page()
}
