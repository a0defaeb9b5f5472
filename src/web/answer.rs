//! A request's answer: which page it is, and what is said around it.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::{
    Web, page,
    view::{View, Year},
};
use crate::{event::hex, status::Report};

/// A request, as far as it is looked at.
pub(super) struct Ask<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// Without `?`.
    pub(super) query: &'a str,
    /// Whom it asks, with or without a port.
    pub(super) host: Option<&'a str>,
    /// `If-None-Match`.
    pub(super) known: Option<&'a str>,
}

/// What is sent.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const STYLE: &str = include_str!("style.css");

/// Said with everything. No script runs, nothing comes from elsewhere, nobody shows us in a frame, and no other page
/// reads us: there are no `Access-Control` headers.
const ALWAYS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
];

impl Reply {
    fn new(status: u16, kind: &str, body: String) -> Self {
        let mut headers: Vec<(&'static str, String)> =
            ALWAYS.map(|(name, value)| (name, value.to_owned())).into();
        headers.push(("content-type", kind.to_owned()));
        headers.push(("cache-control", "no-store".to_owned()));
        Self {
            status,
            headers,
            body,
        }
    }

    pub(super) fn text(status: u16, body: &str) -> Self {
        Self::new(status, TEXT, body.to_owned())
    }

    fn html(status: u16, page: maud::Markup) -> Self {
        Self::new(status, HTML, page.into_string())
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value));
        self
    }

    /// Health: 200 and `ok`, or 503 and the reasons, one a line.
    fn health(reasons: &[String]) -> Self {
        if reasons.is_empty() {
            return Self::text(200, "ok\n");
        }
        let lines = reasons
            .iter()
            .map(|reason| reason.replace(['\n', '\r'], " ") + "\n");
        Self::new(503, TEXT, lines.collect())
    }
}

impl Web {
    pub(super) async fn answer(&self, ask: &Ask<'_>) -> Reply {
        if !self.admits(ask.host) {
            let why = "this address is for this machine alone, and not under that name; \
                       `http.hosts` in the configuration admits others\n";
            return Reply::text(421, why);
        }
        if !["GET", "HEAD"].contains(&ask.method) {
            let reply = Reply::text(405, "this can only be read\n");
            return reply.with("allow", "GET, HEAD".to_owned());
        }
        match ask.path {
            "/livez" => Reply::health(&(self.sources.alive)()),
            "/readyz" => Reply::health(&(self.sources.ready)()),
            "/metrics" => self.metrics().await,
            "/api/status" => {
                let said = |status| Report::Daemon(status).json() + "\n";
                let json = |status| Reply::new(200, "application/json", said(status));
                self.printed(|| (self.sources.status)().map_or_else(ending, json))
                    .await
            }
            "/style.css" => style(ask.known),
            "/" => self.overview(ask).await,
            path => match path.strip_prefix("/targets/") {
                Some(name) => self.target(ask, name).await,
                None => icon(path).unwrap_or_else(|| self.nowhere(ask)),
            },
        }
    }

    /// One page at a time.
    async fn printed(&self, make: impl FnOnce() -> Reply) -> Reply {
        let _turn = self.press.acquire().await;
        make()
    }

    /// Files are read for it: one that never answers, on a network's disk say, takes one thread, and neither a pass nor a
    /// probe waits for it.
    async fn metrics(&self) -> Reply {
        let Ok(turn) = Arc::clone(&self.press).acquire_owned().await else {
            return ending();
        };
        let metrics = Arc::clone(&self.sources.metrics);
        let telling = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            metrics()
        });
        match telling.await {
            Ok(text) => Reply::new(200, METRICS, text),
            Err(_) => Reply::text(500, "this is a bug: please report it with the panic's message\n"),
        }
    }

    async fn overview(&self, ask: &Ask<'_>) -> Reply {
        let view = View::of(ask.query);
        let _turn = self.press.acquire().await;
        let Some(status) = (self.sources.status)() else {
            return ending();
        };
        let shown = view.choose(&status.targets);
        let today = status.written_at.date_naive();
        let span = page::overview::first_day(today)..=today;
        let mut coverages = Vec::new();
        for target in &shown.targets {
            coverages.push((self.sources.coverage)(target.target.clone(), span.clone()).await);
        }
        let html = page::overview::page(&status, &view, &shown, &coverages);
        refreshed(Reply::html(200, html), view.refresh)
    }

    async fn target(&self, ask: &Ask<'_>, name: &str) -> Reply {
        let _turn = self.press.acquire().await;
        let Some(status) = (self.sources.status)() else {
            return ending();
        };
        let Some(target) = status.targets.iter().find(|target| target.target == name) else {
            return self.nowhere(ask);
        };
        let today = status.written_at.date_naive();
        let view = Year::of(ask.query, today);
        let coverage = (self.sources.coverage)(name.to_owned(), view.days()).await;
        let html = page::target::page(&status, target, &view, coverage.as_ref());
        refreshed(Reply::html(200, html), view.refresh)
    }

    fn nowhere(&self, ask: &Ask<'_>) -> Reply {
        Reply::html(404, page::nowhere(ask.path, &self.clock))
    }
}

fn ending() -> Reply {
    Reply::text(503, "it is ending\n")
}

/// Has the browser ask again, if the reader wants that.
fn refreshed(reply: Reply, seconds: Option<u32>) -> Reply {
    match seconds {
        Some(seconds) => reply.with("refresh", seconds.to_string()),
        None => reply,
    }
}

/// The style sheet: kept by browsers, and asked after each time.
fn style(known: Option<&str>) -> Reply {
    let tag = format!(
        "\"{}\"",
        hex(&Sha256::digest(STYLE)).get(..16).unwrap_or_default()
    );
    let same = known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag));
    let reply = if same {
        Reply::new(304, "text/css; charset=utf-8", String::new())
    } else {
        Reply::new(200, "text/css; charset=utf-8", STYLE.to_owned())
    };
    reply
        .with("cache-control", "no-cache".to_owned())
        .with("etag", tag)
}

/// The icon of a browser's tab.
fn icon(path: &str) -> Option<Reply> {
    let name = path.strip_prefix("/icon-")?.strip_suffix(".svg")?;
    let svg = page::icon::tab(name)?;
    Some(
        Reply::new(200, "image/svg+xml", svg.into_string()).with("cache-control", "max-age=86400".to_owned()),
    )
}
