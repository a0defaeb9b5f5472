//! What one commit must be by itself, whatever stands around it; pure.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::finding::Problem;
use crate::{
    clock::Time,
    commit::{Commit, Kind, Object},
    key::{self, Format, Shape},
    settings::Compression,
    source::FileKind,
    target::{Api, TargetName},
    window::Window,
};

/// A data object to check, with what its commit says about it.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub number: u64,
    pub api: Api,
    pub format: Format,
    pub day: NaiveDate,
    pub window: Window,
    pub lookback_from: Time,
    pub object: Object,
}

/// What is wrong with the commit that stands at `number` in the chain of `target`.
pub(super) fn problems(commit: &Commit, target: &TargetName, number: u64) -> Vec<Problem> {
    let mut found = Vec::new();
    if commit.target != target.as_str() {
        found.push(Problem::differs("target", &commit.target, target));
    }
    if commit.number != number {
        found.push(Problem::differs("number", commit.number, number));
    }
    let untrue = |wrong: bool, because: &str| wrong.then(|| Problem::contradiction(because));
    let window = commit.window;
    found.extend(untrue(
        window.to < window.from,
        "its window ends before it begins",
    ));
    found.extend(untrue(
        commit.lookback_from > window.from,
        "its lookback begins inside its window",
    ));
    found.extend(untrue(
        commit.previous_sha256.is_some() != (number > 0),
        "every commit but number 0, and none else, has a `previous_sha256`",
    ));
    found.extend(kind(commit));
    found.extend(counts(commit, number));
    found
}

fn kind(commit: &Commit) -> Option<Problem> {
    let written = commit.counts.written > 0 || !commit.objects.is_empty();
    let reason = commit.reason.as_ref().is_some_and(|reason| !reason.is_empty());
    let because = match commit.kind {
        Kind::Events if commit.counts.written == 0 => "a commit of kind `events` wrote none",
        Kind::Empty if written => "a commit of kind `empty` wrote events",
        Kind::Gap if written => "a commit of kind `gap` wrote events",
        Kind::Gap if !reason => "a gap says no reason",
        Kind::Events | Kind::Empty | Kind::Gap | Kind::Backfill => return None,
    };
    Some(Problem::contradiction(because))
}

fn counts(commit: &Commit, number: u64) -> Vec<Problem> {
    let mut found = Vec::new();
    let counts = commit.counts;
    if counts.written.checked_add(counts.duplicate) != Some(counts.pulled) {
        found.push(Problem::contradiction(format!(
            "it pulled {} events, but wrote {} and knew {}",
            counts.pulled, counts.written, counts.duplicate
        )));
    }
    let parts = [
        ("late", counts.late),
        ("conflicting", counts.conflict),
        ("undated", commit.undated.events),
    ];
    for (name, part) in parts.into_iter().filter(|(_, part)| *part > counts.written) {
        found.push(Problem::contradiction(format!(
            "{part} {name} events are among {} written",
            counts.written
        )));
    }
    if commit.undated.previous.is_some_and(|previous| previous >= number) {
        found.push(Problem::contradiction(
            "its `undated.previous` is not an earlier commit",
        ));
    }
    for format in Format::ALL {
        let named = || {
            commit
                .objects
                .iter()
                .filter(|object| object.format == format.as_str())
        };
        let sum = named().map(|object| object.events).fold(0, u64::saturating_add);
        let record = match format {
            Format::Jsonl | Format::Raw => format.holds(commit.source.api),
            Format::Csv => false,
        };
        if sum != counts.written && (record || named().next().is_some()) {
            found.push(Problem::contradiction(format!(
                "its {} objects hold {sum} events, but it wrote {}",
                format.as_str(),
                counts.written
            )));
        }
    }
    let keys: BTreeSet<&str> = commit.objects.iter().map(|object| object.key.as_str()).collect();
    if keys.len() < commit.objects.len() {
        found.push(Problem::contradiction("it names an object twice"));
    }
    found
}

/// The objects of a commit, to be checked; and those that cannot be its own: they are never read.
pub(crate) fn jobs(commit: &Commit, target: &TargetName, number: u64) -> (Vec<Job>, Vec<Problem>) {
    let (mut jobs, mut problems) = (Vec::new(), Vec::new());
    for object in &commit.objects {
        match placed(commit, object, target, number) {
            Some((format, day)) => jobs.push(Job {
                number,
                api: commit.source.api,
                format,
                day,
                window: commit.window,
                lookback_from: commit.lookback_from,
                object: object.clone(),
            }),
            None => problems.push(Problem::contradiction(format!(
                "it names `{}`, which is no key of an object of this commit",
                object.key
            ))),
        }
    }
    (jobs, problems)
}

/// Format and day of an object whose key is exactly what its commit makes it.
fn placed(commit: &Commit, object: &Object, target: &TargetName, number: u64) -> Option<(Format, NaiveDate)> {
    let format = Format::ALL
        .into_iter()
        .find(|format| format.as_str() == object.format)?;
    let api = commit.source.api;
    let stream = key::stream(format, api, target);
    let rest = object.key.strip_prefix(&stream)?.strip_prefix("/day=")?;
    let day = rest.split('/').next()?.parse().ok()?;
    if format == Format::Raw {
        let exact = |kind| key::raw(kind, api, target, day, number, &object.sha256) == object.key;
        return FileKind::ALL.into_iter().any(exact).then_some((format, day));
    }
    let compressions = [Compression::Zstd, Compression::Gzip, Compression::None];
    let exact = compressions.into_iter().any(|compression| {
        let shape = Shape {
            target: target.clone(),
            api,
            compression,
            csv: false,
        };
        key::data(format, &shape, day, number, &object.sha256) == object.key
    });
    exact.then_some((format, day))
}
