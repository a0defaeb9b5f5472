//! Connections: requests, and what the servers said to them.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Setup,
    page::{Page, Type, number},
};
use crate::{clock::Time, export::Tallies, source::Traffic, status::Status};

pub(super) fn write(page: &mut Page, tallies: &Tallies, setup: &Setup, status: &Status) {
    let all = tallies.connections();
    page.family(
        "requests_total",
        Type::Counter,
        "Requests to UiPath, those for tokens included, by the HTTP status of the answer; none: no complete answer came.",
    );
    for (name, traffic) in &all {
        for (status, count) in traffic.answers() {
            page.sample(&[("connection", name), ("status", status)], number(count));
        }
    }
    page.family(
        "request_seconds",
        Type::Histogram,
        "How long requests took, from sending to the last byte of the answer.",
    );
    for (name, traffic) in &all {
        page.histogram(&[("connection", name)], &traffic.took().read());
    }
    page.family(
        "throttled_total",
        Type::Counter,
        "Answers that asked for fewer requests: 429, or 503 with Retry-After.",
    );
    each(page, &all, |traffic| Some(number(traffic.throttled())));
    page.family(
        "retries_total",
        Type::Counter,
        "Requests that repeated a failed one.",
    );
    each(page, &all, |traffic| Some(number(traffic.retries())));
    page.family("requests_in_flight", Type::Gauge, "Requests under way.");
    each(page, &all, |traffic| Some(number(traffic.under_way()?.0 as u64)));
    page.family(
        "requests_in_flight_limit",
        Type::Gauge,
        "How many may be under way: at most max_concurrent_requests, fewer at first and while the server refuses.",
    );
    each(page, &all, |traffic| Some(number(traffic.under_way()?.1 as u64)));
    page.family(
        "requests_per_second_learned",
        Type::Gauge,
        "How many may start in a second, as learned from a server that throttles. Absent: it never has.",
    );
    each(page, &all, |traffic| traffic.learned_rate());
    write_skew(page, setup, status);
}

fn each(page: &mut Page, all: &BTreeMap<String, Arc<Traffic>>, value: impl Fn(&Traffic) -> Option<f64>) {
    for (name, traffic) in all {
        page.known(&[("connection", name)], value(traffic));
    }
}

/// As the newest pass over the connection saw it that heard of the server's clock.
fn write_skew(page: &mut Page, setup: &Setup, status: &Status) {
    let mut newest: BTreeMap<&str, (Time, i64)> = BTreeMap::new();
    for target in &status.targets {
        let pass = target.last_pass.as_ref();
        let seen = pass.and_then(|pass| Some((pass.at, pass.skew_seconds?)));
        if let (Some(seen), Some(shown)) = (seen, setup.targets.get(&target.target)) {
            let known = newest.entry(&shown.connection).or_insert(seen);
            *known = seen.max(*known);
        }
    }
    page.family(
        "clock_skew_seconds",
        Type::Gauge,
        "The server's clock minus ours, as the newest pass over the connection saw it. Absent: none has yet.",
    );
    for (connection, (_, skew)) in newest {
        page.sample(&[("connection", connection)], skew as f64);
    }
}
