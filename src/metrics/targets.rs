//! Targets: how each is doing, and what was done for it.

use std::time::Duration;

use super::{
    RESULTS, Setup, Shown, lock,
    page::{Page, Type, flag, number, seconds},
};
use crate::{
    clock::Time,
    export::Tally,
    status::{State, Status, TargetStatus},
};

/// A target as its lines see it.
struct Row<'a> {
    status: &'a TargetStatus,
    shown: &'a Shown,
    now: Time,
}

/// Name, help, and the value of a target; None: not known, and left out.
type Gauge = (&'static str, &'static str, fn(&Row<'_>) -> Option<f64>);
type Count = (&'static str, &'static str, fn(&Tally) -> u64);

const STATES: [(State, &str); 5] = [
    (State::Idle, "idle"),
    (State::Running, "running"),
    (State::Standby, "standby"),
    (State::Failing, "failing"),
    (State::NeedsPerson, "needs_person"),
];

const COUNTS: [Count; 6] = [
    ("events_written_total", "Events archived.", |tally| {
        tally.written.get()
    }),
    (
        "events_duplicate_total",
        "Events shown again that are archived already: lookbacks see them, nothing is wrong.",
        |tally| tally.duplicate.get(),
    ),
    (
        "events_late_total",
        "Of the events archived, those that appeared after their time had been read; a lookback found them.",
        |tally| tally.late.get(),
    ),
    (
        "events_conflict_total",
        "Of the events archived, those that are another version of an archived one.",
        |tally| tally.conflict.get(),
    ),
    (
        "archive_bytes_written_total",
        "Stored bytes of data objects and commit records.",
        |tally| tally.bytes.get(),
    ),
    (
        "checkpoint_rebuilds_total",
        "How often the checkpoint was read from the archive again: lost, damaged, or too short.",
        |tally| tally.rebuilds.get(),
    ),
];

const GAUGES: [Gauge; 17] = [
    (
        "standby",
        "1: another exporter owns the target, this one stands by.",
        |row| Some(flag(row.status.state == State::Standby)),
    ),
    ("pass_failures", "Passes that failed in a row.", |row| {
        Some(number(row.status.failures))
    }),
    (
        "lag_seconds",
        "How far the end of what was read, committed or not, lies behind now. Absent: nothing was read yet.",
        |row| {
            let read_to = row.status.read_to?;
            Some((seconds(row.now) - seconds(read_to)).max(0.0))
        },
    ),
    (
        "coverage_end_timestamp_seconds",
        "Up to here the archive is complete, in seconds since 1970; it moves while a pass runs. Absent: no commit is known.",
        |row| {
            let status = row.status;
            let running = status.progress.as_ref();
            // Before its first commit the first pass of all has covered nothing yet.
            let running = running.filter(|progress| status.coverage_end.is_some() || progress.commits > 0);
            let covered = running.and_then(|progress| progress.covered);
            status.coverage_end.max(covered).map(seconds)
        },
    ),
    (
        "last_success_timestamp_seconds",
        "When a pass of this process last succeeded, in seconds since 1970. Absent: none has yet.",
        |row| row.status.last_success.map(seconds),
    ),
    (
        "last_commit_timestamp_seconds",
        "When the newest commit known here was made, by whomever, in seconds since 1970.",
        |row| row.status.last_commit.as_ref().map(|commit| seconds(commit.at)),
    ),
    (
        "last_event_timestamp_seconds",
        "The time of the newest event that this process archived, in seconds since 1970. Absent: none yet.",
        |row| row.shown.tally.newest_event().map(seconds),
    ),
    (
        "last_gap_timestamp_seconds",
        "When this process last admitted a gap, in seconds since 1970. Absent: it has not.",
        |row| row.shown.tally.last_gap().map(seconds),
    ),
    (
        "last_rebuild_timestamp_seconds",
        "When this process last read the checkpoint from the archive again, in seconds since 1970. Absent: it has not.",
        |row| row.shown.tally.last_rebuild().map(seconds),
    ),
    (
        "next_run_timestamp_seconds",
        "When the next pass starts, in seconds since 1970. Absent: one runs.",
        |row| row.status.next_run.map(seconds),
    ),
    ("pass_running", "1: a pass or a comparison is under way.", |row| {
        Some(flag(row.status.progress.is_some()))
    }),
    (
        "last_pass_seconds",
        "How long the last pass took. Absent: there was none.",
        |row| {
            let pass = row.status.last_pass.as_ref()?;
            Some(Duration::from_millis(pass.took_ms).as_secs_f64())
        },
    ),
    (
        "last_comparison_timestamp_seconds",
        "When the last comparison with the server that this process brought to its end began, in seconds since 1970.",
        |row| lock(&row.shown.ends.last_compared).map(seconds),
    ),
    (
        "schedule_period_seconds",
        "The longest time between two due times of the schedule.",
        |row| Some(row.shown.period(row.now).as_secs_f64()),
    ),
    (
        "settle_seconds",
        "Passes may leave what is younger than this for later ones: so much lag is meant.",
        |row| Some(row.shown.settle.as_secs_f64()),
    ),
    (
        "retention_seconds",
        "How long the server shows an event: the setting retention.",
        |row| Some(row.shown.pace.retention.as_secs_f64()),
    ),
    (
        "takeover_after_seconds",
        "How old another exporter's newest commit must be before this one takes the target over.",
        |row| Some(row.shown.takeover_after(row.now).as_secs_f64()),
    ),
];

pub(super) fn write(page: &mut Page, setup: &Setup, status: &Status, now: Time) {
    let rows: Vec<Row<'_>> = status
        .targets
        .iter()
        .filter_map(|status| {
            let shown = setup.targets.get(&status.target)?;
            Some(Row { status, shown, now })
        })
        .collect();
    page.family(
        "target_state",
        Type::Gauge,
        "1 for the state that the target is in, 0 for the others.",
    );
    for row in &rows {
        for (state, name) in STATES {
            let is = flag(row.status.state == state);
            page.sample(&[("target", row.name()), ("state", name)], is);
        }
    }
    for (name, help, value) in GAUGES {
        page.family(name, Type::Gauge, help);
        for row in &rows {
            page.known(&[("target", row.name())], value(row));
        }
    }
    for (name, help, value) in COUNTS {
        page.family(name, Type::Counter, help);
        for row in &rows {
            page.sample(&[("target", row.name())], number(value(&row.shown.tally)));
        }
    }
    write_kinds(page, &rows);
    write_results(page, &rows);
    page.family(
        "event_lateness_seconds",
        Type::Histogram,
        "How far behind what was archived already events lay that appeared late or were found missing. Absent: none were.",
    );
    for row in &rows {
        if let Some(lateness) = row.shown.tally.lateness() {
            page.histogram(&[("target", row.name())], &lateness.read());
        }
    }
}

impl Row<'_> {
    fn name(&self) -> &str {
        &self.status.target
    }
}

fn write_kinds(page: &mut Page, rows: &[Row<'_>]) {
    page.family(
        "commits_total",
        Type::Counter,
        "Commits made by this process: with events, empty (proof that nothing happened), backfill (found by a comparison), gap (an admitted hole).",
    );
    for row in rows {
        for (kind, count) in row.shown.tally.commits() {
            page.sample(&[("target", row.name()), ("kind", kind.as_str())], number(count));
        }
    }
}

fn write_results(page: &mut Page, rows: &[Row<'_>]) {
    page.family("passes_total", Type::Counter, "Passes by what became of them.");
    for row in rows {
        for ((_, result), count) in RESULTS.iter().zip(&row.shown.ends.passes) {
            page.sample(&[("target", row.name()), ("result", result)], number(count.get()));
        }
    }
    page.family(
        "comparisons_total",
        Type::Counter,
        "Comparisons with the server by what became of them. Absent: the target has no schedule for them.",
    );
    for row in rows.iter().filter(|row| row.shown.compares) {
        for ((_, result), count) in RESULTS.iter().zip(&row.shown.ends.comparisons) {
            page.sample(&[("target", row.name()), ("result", result)], number(count.get()));
        }
    }
    page.family(
        "missed_runs_total",
        Type::Counter,
        "Due times that went by without a pass; the next pass made up for them.",
    );
    for row in rows {
        page.sample(&[("target", row.name())], number(row.shown.ends.missed.get()));
    }
}
