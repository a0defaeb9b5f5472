//! The process: what it is, what it takes, how it is set up, what it tells others.

use super::{
    Delivery, Inner, Setup,
    expiry::Expiry,
    lock, machine,
    page::{Page, Type, flag, number, seconds},
};
use crate::{commit::Tool, status::Status};

pub(super) fn write(page: &mut Page, inner: &Inner, setup: &Setup, status: &Status) {
    let tool = Tool::this();
    page.family(
        "build_info",
        Type::Gauge,
        "Always 1; the labels say what was built.",
    );
    let git = tool.git.as_deref().unwrap_or_default();
    page.sample(&[("version", &tool.version), ("git", git)], 1.0);

    page.family(
        "process_start_time_seconds",
        Type::Gauge,
        "When the process started, in seconds since 1970.",
    );
    page.sample(&[], seconds(status.started_at));
    let takes = machine::takes();
    page.family(
        "process_resident_memory_bytes",
        Type::Gauge,
        "Memory of the process that lies in RAM. Linux alone.",
    );
    page.known(&[], takes.resident);
    page.family(
        "process_cpu_seconds_total",
        Type::Counter,
        "Processor time of all threads. Linux alone.",
    );
    page.known(&[], takes.cpu);

    write_setup(page, inner, setup, status);
    write_webhook(page, inner, setup);
}

fn write_setup(page: &mut Page, inner: &Inner, setup: &Setup, status: &Status) {
    let reload = *lock(&inner.reload);
    let (successful, at) = reload.unwrap_or((true, status.started_at));
    page.family(
        "config_last_reload_successful",
        Type::Gauge,
        "1: the configuration that was read last is in force. 0: it has mistakes, and the one before it still is.",
    );
    page.sample(&[], flag(successful));
    page.family(
        "config_last_reload_timestamp_seconds",
        Type::Gauge,
        "When the configuration was last read, in seconds since 1970.",
    );
    page.sample(&[], seconds(at));

    page.family(
        "shard_index",
        Type::Gauge,
        "Which share of the targets runs here, from 0. Absent: all run here.",
    );
    page.known(&[], setup.shard.map(|(index, _)| number(index)));
    page.family(
        "shard_count",
        Type::Gauge,
        "How many shares the targets are divided into. Absent: all run here.",
    );
    page.known(&[], setup.shard.map(|(_, count)| number(count)));

    let buffered = inner.tallies.buffered();
    page.family(
        "buffered_bytes",
        Type::Gauge,
        "Memory that is set aside for slices of events being read or archived.",
    );
    page.known(&[], buffered.map(|(taken, _)| number(taken as u64)));
    page.family(
        "buffered_limit_bytes",
        Type::Gauge,
        "How much of it there may be: the setting max_buffered.",
    );
    page.known(&[], buffered.map(|(_, all)| number(all as u64)));
}

fn write_webhook(page: &mut Page, inner: &Inner, setup: &Setup) {
    page.family(
        "webhook_deliveries_total",
        Type::Counter,
        "Tries to announce a commit, by what became of them. Absent: nothing is announced.",
    );
    if setup.webhook {
        for (delivery, count) in Delivery::ALL.into_iter().zip(&inner.deliveries) {
            page.sample(&[("result", delivery.as_str())], number(count.get()));
        }
    }
    page.family(
        "webhook_pending_commits",
        Type::Gauge,
        "Commits that this process has still to announce. Absent: nothing is announced, or not known yet.",
    );
    if setup.webhook {
        for (target, shown) in &setup.targets {
            let pending = *lock(&shown.ends.pending);
            page.known(&[("target", target)], pending.map(number));
        }
    }
}

pub(super) fn write_expiries(page: &mut Page, expiries: &[Expiry]) {
    page.family(
        "credential_expiry_timestamp_seconds",
        Type::Gauge,
        "When a certificate, token or signature ends, where it says so itself, in seconds since 1970. Without a connection: the archive's or the webhook's.",
    );
    for Expiry { connection, kind, at } in expiries {
        let all = [("connection", connection.as_str()), ("kind", *kind)];
        // The archive and the webhook have none.
        let labels = if connection.is_empty() {
            all.get(1..)
        } else {
            all.get(..)
        };
        page.sample(labels.unwrap_or_default(), seconds(*at));
    }
}
