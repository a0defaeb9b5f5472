//! `status`: how each target stands, from the running daemon or else from the archive. Takes no lock for longer than a look.

use serde::Serialize;

use super::{CliError, Exit, args::Status, console::Console, out};
use crate::{
    archive::{Archive, ArchiveError},
    clock::{Time, spell},
    commit::Commit,
    error::Chain,
    key,
    settings::Settings,
    target::{Target, TargetName},
};

/// What `--json` prints when no daemon runs.
#[derive(Serialize)]
struct Report {
    /// `archive`: read from there, as no daemon runs.
    source: &'static str,
    /// When.
    at: String,
    targets: Vec<Row>,
}

/// A target.
#[derive(Serialize)]
struct Row {
    name: TargetName,
    /// Number of the last commit; null if there is none.
    last_commit: Option<u64>,
    /// When it was written.
    committed_at: Option<String>,
    /// Who wrote it.
    instance: Option<String>,
    /// Up to here the archive is complete.
    coverage_end: Option<String>,
    /// Now minus coverage end.
    lag_seconds: Option<i64>,
    /// When the next pass is due; known to a daemon only.
    next_run: Option<String>,
    /// What went wrong last.
    last_error: Option<LastError>,
}

#[derive(Serialize)]
struct LastError {
    message: String,
    hint: Option<String>,
    at: String,
}

pub(super) async fn run(console: &Console, args: Status) -> Result<Exit, CliError> {
    let settings = console.settings()?;
    // CALL SITE: where `settings.state_dir/status.json` is fresh (a daemon holds the lock), print that instead.
    let report = from_archive(&settings, console.clock.now()).await?;
    if args.json {
        // Plain structs of strings and numbers cannot fail to serialize.
        out::line(&serde_json::to_string(&report).unwrap_or_default())?;
    } else {
        out::write(table(&report).as_bytes())?;
        console.note("no daemon runs: this is what the archive says");
    }
    let failed = report.targets.iter().any(|row| row.last_error.is_some());
    Ok(if failed { Exit::Again } else { Exit::Done })
}

async fn from_archive(settings: &Settings, now: Time) -> Result<Report, CliError> {
    let archive = super::console::readable(&settings.archive.url)?;
    let mut targets = Vec::new();
    for target in &settings.targets {
        targets.push(row(&archive, target, now).await);
    }
    Ok(Report {
        source: "archive",
        at: spell(now),
        targets,
    })
}

async fn row(archive: &Archive, target: &Target, now: Time) -> Row {
    let mut row = Row {
        name: target.name.clone(),
        last_commit: None,
        committed_at: None,
        instance: None,
        coverage_end: None,
        lag_seconds: None,
        next_run: None,
        last_error: None,
    };
    match last_commits(archive, target).await {
        Ok(Some((last, covered))) => {
            row.last_commit = Some(last.number);
            row.committed_at = Some(spell(last.committed_at));
            row.instance = Some(last.instance);
            row.coverage_end = covered.map(spell);
            row.lag_seconds = covered.map(|covered| (now - covered).num_seconds());
        }
        Ok(None) => {}
        Err((message, hint)) => {
            row.last_error = Some(LastError {
                message,
                hint,
                at: spell(now),
            });
        }
    }
    row
}

type Trouble = (String, Option<String>);

/// The last commit, and up to where the archive is complete: backfills stand outside the chain of windows.
async fn last_commits(archive: &Archive, target: &Target) -> Result<Option<(Commit, Option<Time>)>, Trouble> {
    let trouble = |error: ArchiveError| (Chain(&error).to_string(), error.hint());
    let listed = archive
        .list(&key::commits(&target.name), None)
        .await
        .map_err(trouble)?;
    let mut last = None;
    for key in listed.iter().rev().map(|listed| &listed.key) {
        let Some(bytes) = archive.read(key).await.map_err(trouble)? else {
            continue;
        };
        let commit = Commit::from_bytes(&bytes).map_err(|error| {
            (
                format!("read `{key}`: {}", Chain(&error)),
                Some("run `verify`".to_owned()),
            )
        })?;
        let covered = commit.is_chained().then_some(commit.window.to);
        let last = last.get_or_insert(commit);
        if covered.is_some() {
            return Ok(Some((last.clone(), covered)));
        }
    }
    Ok(last.map(|last| (last, None)))
}

fn table(report: &Report) -> String {
    let heads = [
        "TARGET",
        "COMMITS",
        "LAST COMMIT",
        "COMPLETE UP TO",
        "LAG",
        "WRITER",
        "LAST ERROR",
    ];
    let mut rows = vec![heads.map(str::to_owned)];
    rows.extend(report.targets.iter().map(|row| {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        [
            row.name.to_string(),
            row.last_commit
                .map_or_else(|| "none".to_owned(), |number| (number + 1).to_string()),
            or_none(row.committed_at.clone()),
            or_none(row.coverage_end.clone()),
            or_none(row.lag_seconds.map(lag)),
            or_none(row.instance.clone()),
            or_none(row.last_error.as_ref().map(|error| error.message.clone())),
        ]
    }));
    out::table(&rows)
}

/// Seconds for people: the two largest units.
fn lag(seconds: i64) -> String {
    let sign = if seconds < 0 { "-" } else { "" };
    let seconds = seconds.unsigned_abs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{sign}{seconds}s"),
        (0, 0, _) => format!("{sign}{minutes}m {}s", seconds % 60),
        (0, _, _) => format!("{sign}{hours}h {minutes}m"),
        _ => format!("{sign}{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::lag;

    #[test]
    fn a_lag_is_told_in_its_two_largest_units() {
        for (seconds, text) in [
            (0, "0s"),
            (-3, "-3s"),
            (75, "1m 15s"),
            (3600, "1h 0m"),
            (90_061, "1d 1h"),
        ] {
            assert_eq!(lag(seconds), text);
        }
    }
}
