//! `once`: one pass over each target, all at once, and a line about each. The demo takes the same way.

use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{
    CliError, Exit,
    args::Once,
    console::{Console, known_targets},
    out, progress,
};
use crate::{
    clock::spell,
    error::Chain,
    export::{Exporter, PassError, Summary},
    fleet::Fleet,
    target::TargetName,
};

/// How a target's pass ended.
pub(super) struct Outcome {
    /// The target.
    pub(super) target: TargetName,
    result: Result<Summary, Failure>,
}

enum Failure {
    Pass(PassError),
    /// A mistake in the program.
    Died,
}

pub(super) async fn run(console: &Console, args: Once, stop: CancellationToken) -> Result<Exit, CliError> {
    let settings = console.settings()?;
    known_targets(&settings, &args.target)?;
    let exporters = {
        let fleet = Fleet::open(&settings, console.clock.clone()).map_err(CliError::Open)?;
        fleet.exporters(&args.target)
    };
    let outcomes = passes(console, exporters, args.take_over, &stop).await;
    Ok(report(console, &outcomes))
}

/// One pass of each exporter, concurrently; outcomes in the same order.
pub(super) async fn passes(
    console: &Console,
    exporters: Vec<Exporter>,
    take_over: bool,
    stop: &CancellationToken,
) -> Vec<Outcome> {
    let pass = |mut exporter: Exporter| {
        let span = tracing::info_span!("pass", target = %exporter.target().name);
        let stop = stop.clone();
        async move { exporter.pass(take_over, &stop).await }.instrument(span)
    };
    let ended = progress::at_once(console, exporters, pass, Result::is_ok).await;
    let outcome = |(target, result): (TargetName, Option<Result<Summary, PassError>>)| Outcome {
        target,
        result: match result {
            Some(Ok(summary)) => Ok(summary),
            Some(Err(error)) => Err(Failure::Pass(error)),
            None => Err(Failure::Died),
        },
    };
    ended.into_iter().map(outcome).collect()
}

/// A line about each target; the first of 4, 6, 1 that any had.
pub(super) fn report(console: &Console, outcomes: &[Outcome]) -> Exit {
    let mut hinted = None;
    for outcome in outcomes {
        match &outcome.result {
            Ok(summary) => succeeded(console, &outcome.target, summary),
            Err(Failure::Pass(error)) => {
                // What helps several targets is said once.
                let hint = error.hint();
                let news = hint.as_deref().filter(|_| hint != hinted);
                console.problem(&outcome.target, &Chain(error).to_string(), news);
                hinted = hint;
            }
            Err(Failure::Died) => {
                console.problem(
                    &outcome.target,
                    "finish its pass: its task died",
                    Some("this is a mistake in the program: please report it"),
                );
            }
        }
    }
    Exit::first(outcomes.iter().map(|outcome| match &outcome.result {
        Ok(summary) if summary.interrupted => Exit::Again,
        Ok(_) => Exit::Done,
        Err(Failure::Pass(error)) => error.into(),
        Err(Failure::Died) => Exit::Again,
    }))
}

fn succeeded(console: &Console, target: &TargetName, summary: &Summary) {
    let text = words(summary);
    if console.bars().is_some() {
        console.line(&format!("{target}: {text}"));
        return;
    }
    if !console.json() {
        tracing::info!("{target}: {text}");
        return;
    }
    let counts = summary.counts;
    tracing::info!(
        target = %target,
        events = counts.written,
        late = counts.late,
        known = counts.duplicate,
        conflicts = counts.conflict,
        commits = summary.commits,
        complete_up_to = summary.coverage_end.map(spell),
        interrupted = summary.interrupted,
        "{text}"
    );
}

/// What a pass did, for people.
fn words(summary: &Summary) -> String {
    let counts = summary.counts;
    if summary.interrupted && summary.commits == 0 {
        return "stopped before anything was archived; the next pass begins there".to_owned();
    }
    let mut text = if counts.written == 0 {
        "nothing new".to_owned()
    } else {
        format!("{} archived", out::count(counts.written, "event"))
    };
    let mut parts = Vec::new();
    if counts.late > 0 {
        parts.push(format!("{} late", indicatif::HumanCount(counts.late)));
    }
    if counts.conflict > 0 {
        parts.push(format!(
            "{} another version of an archived one",
            indicatif::HumanCount(counts.conflict)
        ));
    }
    if counts.duplicate > 0 {
        parts.push(format!(
            "{} known already",
            indicatif::HumanCount(counts.duplicate)
        ));
    }
    if !parts.is_empty() {
        text.push_str(&format!(" ({})", parts.join(", ")));
    }
    if summary.commits > 0 {
        text.push_str(&format!(" in {}", out::count(summary.commits, "commit")));
    }
    if let Some(end) = summary.coverage_end {
        text.push_str(&format!("; complete up to {}", spell(end)));
    }
    if summary.interrupted {
        text.push_str("; stopped before its end, the next pass goes on there");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit::Counts;

    #[test]
    fn a_pass_is_told_in_words() {
        let end = "2026-11-21T10:00:00Z".parse().ok();
        let nothing = Summary {
            coverage_end: end,
            ..Summary::default()
        };
        assert_eq!(
            words(&nothing),
            "nothing new; complete up to 2026-11-21T10:00:00.000Z"
        );
        let much = Summary {
            counts: Counts {
                pulled: 12_012,
                written: 12_000,
                duplicate: 12,
                late: 3,
                conflict: 1,
            },
            commits: 2,
            coverage_end: end,
            interrupted: true,
            ..Summary::default()
        };
        assert_eq!(
            words(&much),
            "12,000 events archived (3 late, 1 another version of an archived one, 12 known already) \
             in 2 commits; complete up to 2026-11-21T10:00:00.000Z; stopped before its end, the next pass goes on there"
        );
        let stopped = Summary {
            coverage_end: end,
            interrupted: true,
            ..Summary::default()
        };
        assert_eq!(
            words(&stopped),
            "stopped before anything was archived; the next pass begins there"
        );
    }
}
