//! `verify`: is the archive complete and unaltered? The report on stdout, how far it is on stderr.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use super::{
    CliError, Exit,
    args::Verify,
    console::{Console, readable},
    out,
};
use crate::{
    archive::Archive,
    verify::{Options, Progress, Report, verify},
};

/// How often a line is logged where there is no bar.
const LINE: Duration = Duration::from_secs(5);

pub(super) async fn run(console: &Console, args: Verify) -> Result<Exit, CliError> {
    let archive = match &args.archive {
        Some(url) => readable(&console.settings_of(url)?)?,
        None => readable(&console.settings()?.archive)?,
    };
    let options = Options {
        targets: args.target.iter().map(ToString::to_string).collect(),
        since: args.since,
        deep: args.deep,
    };
    let report = checked(console, &archive, &options).await?;
    if args.json {
        // Plain structs of strings and numbers cannot fail to serialize.
        out::line(&serde_json::to_string(&report).unwrap_or_default())?;
    } else {
        out::write(report.to_string().as_bytes())?;
    }
    Ok(Exit::of_archive(report.exit_code()))
}

/// Checks an archive and shows how far it is.
pub(super) async fn checked(
    console: &Console,
    archive: &Archive,
    options: &Options,
) -> Result<Report, CliError> {
    let shown = Shown::new(console);
    let report = verify(archive, options, |progress| shown.show(progress)).await;
    if let Some(bar) = &shown.bar {
        bar.finish_and_clear();
    }
    report.map_err(CliError::Verify)
}

struct Shown {
    bar: Option<ProgressBar>,
    /// When the last line was logged.
    logged: Mutex<Instant>,
}

impl Shown {
    fn new(console: &Console) -> Self {
        let style = ProgressStyle::with_template("{prefix} [{bar:24}] {percent:>3}%  {msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = |bars: &indicatif::MultiProgress| {
            bars.add(ProgressBar::new(1).with_style(style.progress_chars("=> ")))
        };
        Self {
            bar: console.bars().map(bar),
            logged: Mutex::new(Instant::now()),
        }
    }

    fn show(&self, progress: &Progress) {
        if let Some(bar) = &self.bar {
            bar.set_prefix(progress.target.clone());
            bar.set_length((progress.commits_total + progress.objects_total).max(1));
            bar.set_position(progress.commits + progress.objects);
            let (commits, objects) = (
                out::count(progress.commits, "commit"),
                out::count(progress.objects, "object"),
            );
            bar.set_message(format!("{commits}, {objects}"));
            return;
        }
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.elapsed() >= LINE {
            *logged = Instant::now();
            tracing::info!(
                target = progress.target,
                commits = progress.commits,
                of_commits = progress.commits_total,
                objects = progress.objects,
                of_objects = progress.objects_total,
                bytes = progress.bytes,
                "still checking"
            );
        }
    }
}
