//! `status`: how each target stands, from the running daemon or else from the archive. Takes no lock.

use super::{
    CliError, Exit,
    args::Status as Args,
    console::{Console, readable},
    out,
};
use crate::{
    archive::{Archive, ArchiveError},
    clock::{Time, spell},
    commit::{Commit, Tool},
    error::{Action, Chain},
    key,
    settings::Settings,
    status::{LastCommit, LastError, Needs, Report, State, Status, TargetStatus, span},
    target::Target,
};

pub(super) async fn run(console: &Console, args: Args) -> Result<Exit, CliError> {
    let settings = console.settings()?;
    let now = console.clock.now();
    let live = Status::is_live(&settings.state_dir)
        .then(|| Status::read(&settings.state_dir))
        .transpose()
        .map_err(CliError::Status)?
        .flatten();
    let report = match live {
        Some(mut status) => {
            status.stamp(now);
            Report::Daemon(status)
        }
        None => from_archive(&settings, now).await?,
    };
    if args.json {
        out::line(&report.json())?;
    } else {
        out::write(table(&report, now).as_bytes())?;
    }
    let unreadable = matches!(report, Report::Archive { .. })
        && report.targets().iter().any(|target| target.last_error.is_some());
    Ok(if unreadable { Exit::Archive(12) } else { Exit::Done })
}

async fn from_archive(settings: &Settings, now: Time) -> Result<Report, CliError> {
    let archive = readable(&settings.archive)?;
    let mut targets = Vec::new();
    for target in &settings.targets {
        targets.push(stand(&archive, target, now).await);
    }
    Ok(Report::Archive {
        version: Tool::this().version,
        written_at: spell(now),
        targets,
    })
}

async fn stand(archive: &Archive, target: &Target, now: Time) -> TargetStatus {
    let mut status = TargetStatus {
        target: target.name.to_string(),
        ..TargetStatus::default()
    };
    match last_commits(archive, target).await {
        Ok(Some((last, covered))) => {
            status.last_commit = Some(LastCommit {
                number: last.number,
                instance: last.instance,
                at: last.committed_at,
            });
            (status.coverage_end, status.read_to) = (covered, covered);
            status.lag_seconds = status.lag(now);
        }
        Ok(None) => {}
        Err(trouble) => {
            status.state = match trouble.action {
                Action::Stop => State::NeedsPerson,
                Action::Retry | Action::NextTick => State::Failing,
            };
            status.last_error = Some(LastError {
                message: trouble.message,
                hint: trouble.hint,
                at: now,
                action: Needs::from(trouble.action),
            });
        }
    }
    status
}

pub(super) struct Trouble {
    pub message: String,
    pub hint: Option<String>,
    pub action: Action,
}

impl From<ArchiveError> for Trouble {
    fn from(error: ArchiveError) -> Self {
        Self {
            message: Chain(&error).to_string(),
            hint: error.hint(),
            action: error.action(),
        }
    }
}

/// The last commit, and up to where the archive is complete: backfills stand outside the chain of windows.
pub(super) async fn last_commits(
    archive: &Archive,
    target: &Target,
) -> Result<Option<(Commit, Option<Time>)>, Trouble> {
    let listed = archive.list(&key::commits(&target.name), None).await?;
    let mut last = None;
    for key in listed.iter().rev().map(|listed| &listed.key) {
        let (Some(_), Some(bytes)) = (key::number_of_commit(key), archive.read(key).await?) else {
            continue;
        };
        let commit = Commit::from_bytes(&bytes).map_err(|error| Trouble {
            message: format!("read `{key}`: {}", Chain(&error)),
            hint: Some("`verify` tells what else is wrong".to_owned()),
            action: Action::Stop,
        })?;
        let covered = commit.is_chained().then_some(commit.window.to);
        let last = last.get_or_insert(commit);
        if covered.is_some() {
            return Ok(Some((last.clone(), covered)));
        }
    }
    Ok(last.map(|last| (last, None)))
}

fn table(report: &Report, now: Time) -> String {
    let live = matches!(report, Report::Daemon(_));
    let heads = [
        "TARGET",
        "STATE",
        "COMMITS",
        "WRITER",
        "COMPLETE UP TO",
        "LAG",
        "NEXT RUN",
    ];
    let mut rows = vec![heads.map(str::to_owned)];
    let none = || "-".to_owned();
    rows.extend(report.targets().iter().map(|target| {
        let last = target.last_commit.as_ref();
        let failing = target.last_error.is_some();
        [
            target.target.clone(),
            if live || failing {
                word(target.state).to_owned()
            } else {
                none()
            },
            last.map_or_else(|| "none".to_owned(), |last| (last.number + 1).to_string()),
            last.map_or_else(none, |last| last.instance.clone()),
            target.coverage_end.map_or_else(none, spell),
            target.lag_seconds.map_or_else(none, span),
            target.next_run.map_or_else(none, |next| {
                format!("in {}", span((next - now).num_seconds().max(0)))
            }),
        ]
    }));
    let mut text = out::table(&rows);
    for target in report.targets() {
        text.push_str(&remarks(target, report));
    }
    text.push_str(&match report {
        Report::Daemon(status) => daemon(status),
        Report::Archive { .. } => "\nno daemon runs here: this is what the archive says\n".to_owned(),
    });
    text
}

/// What there is to say of a target beside its row.
fn remarks(target: &TargetStatus, report: &Report) -> String {
    let name = &target.target;
    let Report::Daemon(status) = report else {
        return told(name, "", target.last_error.as_ref());
    };
    let mut text = told(name, "", target.trouble());
    if let Some(standing_by) = &target.standing_by {
        text.push_str(&format!(
            "\n{name}: stands by for {}; takes over at {} unless that one commits again\n",
            standing_by.owner(&status.instance),
            spell(standing_by.until)
        ));
    }
    if let Some(webhook) = target.unannounced() {
        let commits = webhook
            .pending
            .map_or_else(|| "commits".to_owned(), |pending| out::count(pending, "commit"));
        let before = format!("announcements fail, {commits} not announced: ");
        text.push_str(&told(name, &before, webhook.last_error.as_ref()));
    }
    text
}

/// An error with its hint. `before`: what it is about.
fn told(name: &str, before: &str, error: Option<&LastError>) -> String {
    let Some(error) = error else { return String::new() };
    let mut text = format!(
        "\n{name}: {before}failed to {} ({})\n",
        error.message,
        spell(error.at)
    );
    if let Some(hint) = &error.hint {
        text.push_str(&format!("  hint: {hint}\n"));
    }
    text
}

/// The daemon itself.
fn daemon(status: &Status) -> String {
    let mut text = String::new();
    let configuration = &status.configuration;
    if let Some(problem) = &configuration.problem {
        let before = configuration
            .read_at
            .map_or_else(|| "before".to_owned(), |at| format!("of {}", spell(at)));
        text.push_str(&format!(
            "\nthe configuration on disk cannot be used: the one {before} stays in force ({})\n",
            spell(problem.at)
        ));
        for line in problem.message.lines() {
            text.push_str(&format!("  {line}\n"));
        }
        text.push_str("  hint: correct it: it is read again when a file of it changes, and on SIGHUP\n");
    }
    let (pid, started) = (status.pid, spell(status.started_at));
    text.push_str(&format!("\nthe daemon runs as process {pid} since {started}\n"));
    if let Some(shard) = &status.shard {
        text.push_str(&format!("shard {shard}: its targets alone\n"));
    }
    text
}

fn word(state: State) -> &'static str {
    match state {
        State::Idle => "idle",
        State::Running => "running",
        State::Standby => "standing by",
        State::Failing => "FAILING",
        State::NeedsPerson => "NEEDS A PERSON",
    }
}

#[cfg(test)]
mod tests {
    use super::{LastError, Needs, Report, State, Status, TargetStatus, Time, table};
    use crate::status::{Configuration, Problem, StandingBy, WebhookStatus};

    #[test]
    fn what_is_not_well_has_a_line_and_what_is_well_has_none() {
        let now: Time = "2026-11-22T10:00:00Z".parse().unwrap();
        let mut status = Status {
            version: "0.1.0".to_owned(),
            instance: "audit-1".to_owned(),
            run: None,
            pid: 7,
            started_at: now,
            written_at: now,
            shard: None,
            configuration: Configuration {
                read_at: Some(now),
                problem: None,
            },
            targets: ["acme", "globex"]
                .map(|name| TargetStatus {
                    target: name.to_owned(),
                    ..TargetStatus::default()
                })
                .into(),
        };
        let well = table(&Report::Daemon(status.clone()), now);
        assert_eq!(well.lines().count(), 5, "{well}");

        for (target, owner) in status.targets.iter_mut().zip(["audit-2", "audit-1"]) {
            target.state = State::Standby;
            target.standing_by = Some(StandingBy {
                instance: owner.to_owned(),
                until: now,
            });
        }
        status.targets[0].webhook = Some(WebhookStatus {
            pending: Some(4),
            last_delivery: None,
            failures: 3,
            last_error: Some(LastError {
                message: "announce commit 7".to_owned(),
                hint: Some("look at the receiver's log".to_owned()),
                at: now,
                action: Needs::NextPass,
            }),
        });
        status.shard = Some("0/2".to_owned());
        status.configuration.problem = Some(Problem::new("read it: 2 mistakes\none\ntwo", now));
        let told = table(&Report::Daemon(status), now);
        for line in [
            "acme: stands by for audit-2; takes over at 2026-11-22T10:00:00.000Z unless that one commits again",
            "globex: stands by for audit-1, another process with this very instance name; takes over at ",
            "acme: announcements fail, 4 commits not announced: failed to announce commit 7 (",
            "  hint: look at the receiver's log",
            "the configuration on disk cannot be used: the one of 2026-11-22T10:00:00.000Z stays in force (",
            "  read it: 2 mistakes\n  one\n  two\n  hint: ",
            "shard 0/2: its targets alone\n",
        ] {
            assert!(told.contains(&format!("\n{line}")), "`{line}` is not in {told}");
        }
    }
}
