//! The arguments as typed, checked one by one. What they mean together is each command's own matter.

use std::{ffi::OsString, num::NonZero, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use url::Url;

use crate::{
    archive::object_store_url,
    clock::{Clock, Time},
    config::{UnitError, parse_age_or_time},
    daemon::Shard,
    target::TargetName,
};

mod health;
mod reconcile;
mod simulate;
pub(super) use health::Health;
pub(super) use reconcile::Reconcile;
pub(super) use simulate::Simulate;

const ABOUT: &str = "\
Exports UiPath audit events into an archive that an auditor can check: every event exactly once, byte for byte.

Quick start, without any account:
  uipath-audit-exporter demo                     fills an archive from a simulator, then checks it

With an account: write a configuration (config/exporter.toml explains every setting), then
  uipath-audit-exporter --config my.toml check   finds mistakes and missing rights; writes no event
  uipath-audit-exporter --config my.toml once    brings every target up to now, then ends
  uipath-audit-exporter --config my.toml run     goes on doing so, each target on its schedule";

const GLOBAL: &str = "Options of every command";

pub(super) const EXIT_CODES: &str = "\
Data goes to stdout, everything else to stderr. T is a time (2026-11-21T10:00:00Z), a date (2026-11-21, 00:00 UTC)
or an age (36h, 90d). Settings come from the files of --config, in order, then from the environment:
UIPATH_AUDIT__ARCHIVE__URL=… is archive.url.

Exit codes:
   0  done
   1  some target failed; a later pass may succeed
   2  usage
   3  configuration
   4  a person must act: credentials, scope, permission, or a target that is not what its archive says
   5  the state directory is in use by another exporter
   6  another exporter owns a target
  10  the archive was altered, or an object is missing
  11  a hole in coverage that no gap commit admits
  12  the archive cannot be read";

const CAT: &str = "\
Examples:
  uipath-audit-exporter --config exporter.toml cat --target acme --from 24h | jq .eventType
  uipath-audit-exporter --config exporter.toml cat --target acme --from 2026-11-01 --to 2026-12-01 > november.jsonl";

const SOURCES: &str = "\
Examples:
  uipath-audit-exporter --config exporter.toml sources --target acme
  uipath-audit-exporter --config exporter.toml sources --target acme --json | jq '.[].name'";

const DOWNLOAD: &str = "\
Examples:
  uipath-audit-exporter --config exporter.toml download --target acme --from 7d --output week.csv
  uipath-audit-exporter --config exporter.toml download --target acme --from 2026-11-01 --to 2026-12-01 | wc -l
A day of a target with `api = \"long_term\"`:
  uipath-audit-exporter --config exporter.toml download --target stored --from 2026-11-01 --to 2026-11-02 --output day.zip";

/// What was typed.
#[derive(Parser, Debug)]
#[command(
    name = "uipath-audit-exporter",
    version,
    about = "Exports UiPath audit events into an archive that an auditor can check",
    long_about = ABOUT,
    after_long_help = EXIT_CODES,
    after_help = "`--help` tells more: a quick start, exit codes. `help COMMAND` explains a command, with an example.",
)]
pub struct Cli {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// The arguments with every `--config FILE` before the command, in the order given: the parser would forget those
/// before the command as soon as one follows it.
pub(super) fn files_first(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args = args.into_iter();
    let mut files: Vec<OsString> = args.next().into_iter().collect();
    let mut others = Vec::new();
    while let Some(arg) = args.next() {
        if arg == "--" {
            others.push(arg);
            others.extend(args.by_ref());
        } else if arg == "--config" {
            files.push(arg);
            files.extend(args.next());
        } else if arg.to_str().is_some_and(|arg| arg.starts_with("--config=")) {
            files.push(arg);
        } else {
            others.push(arg);
        }
    }
    files.append(&mut others);
    files
}

#[derive(Args, Clone, Debug)]
pub(super) struct Common {
    /// TOML or YAML; a later file overrides an earlier one [default: /etc/uipath-audit-exporter/exporter.toml]
    #[arg(long, global = true, value_name = "FILE", help_heading = GLOBAL)]
    pub(super) config: Vec<PathBuf>,
    /// How log lines look: for people, or a JSON object a line
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t, help_heading = GLOBAL)]
    pub(super) log_format: LogFormat,
    /// off, error, warn, info, debug or trace [default: info; warn where progress bars are shown]
    #[arg(long, global = true, value_name = "LEVEL", help_heading = GLOBAL)]
    pub(super) log: Option<String>,
}

impl Common {
    pub(super) fn json(&self) -> bool {
        self.log_format == LogFormat::Json
    }
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum LogFormat {
    #[default]
    Text,
    Json,
}

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// The daemon: every target on its schedule, until SIGTERM
    ///
    /// A target that fails is tried again when it is due; no target ends the daemon.
    #[command(after_help = "Example: uipath-audit-exporter --config exporter.toml run")]
    Run(Run),
    /// One pass over all (or the named) targets, then exit
    ///
    /// Reads each target from where its archive ends up to now. Running it again is always safe: what is archived is
    /// not archived twice.
    #[command(after_help = "Example: uipath-audit-exporter --config exporter.toml once --target acme")]
    Once(Once),
    /// Report every mistake in the configuration, then try credentials, targets and archive
    ///
    /// Gets a token, asks each target for one page, probes the archive. Writes no event; may run beside a daemon.
    #[command(after_help = "Example: uipath-audit-exporter --config exporter.toml check")]
    Check(Check),
    /// Per target: last commit, coverage, lag, next run, last error
    ///
    /// From the running daemon where there is one, else from the archive itself.
    #[command(after_help = "Example: uipath-audit-exporter --config exporter.toml status --json")]
    Status(Status),
    Health(Health),
    /// The archived events of a span, as JSON lines on stdout
    ///
    /// The server's own bytes, an event a line, ordered by time; each object's hash is compared before anything of it is
    /// written. From the archive alone: the server is not asked. What of the span is not archived, or admitted to be a
    /// gap, is told on stderr. A target of the server's own files has no events: `download`, or the files below `raw/`.
    #[command(after_help = CAT)]
    Cat(Cat),
    /// The server's catalogue of sources > targets > types, as a tree
    ///
    /// Asks the server now; nothing needs to be archived. Its names are what a target's `filter` takes: the exporter looks
    /// up the GUIDs behind them, which differ between an organization and its tenants. The classic API has no catalogue.
    #[command(after_help = SOURCES)]
    Sources(Sources),
    /// The server's own CSV file for a span, byte for byte
    ///
    /// Asks the server now, and writes nothing into the archive. With the target's `filter`. Of a span that is too much for one file several are joined: the header once, the oldest span first; a row at a
    /// seam may then stand twice. A classic target's server knows no span: it gives its newest records. Of a long-term
    /// target one UTC day is given, as the ZIP archive that it is.
    #[command(after_help = DOWNLOAD)]
    Download(Download),
    /// Is the archive complete and unaltered? Every object is hashed
    #[command(after_help = "Example: uipath-audit-exporter verify --archive file:///srv/uipath-audit --deep")]
    Verify(Verify),
    /// Rebuild the local checkpoint from the archive
    ///
    /// Seldom needed: a lost or damaged checkpoint is rebuilt by itself. It is how to accept an archive that was
    /// restored from an older copy.
    #[command(after_help = "Example: uipath-audit-exporter --config exporter.toml recover --target acme")]
    Recover(Recover),
    Reconcile(Reconcile),
    /// Simulator and exporter on this machine, with nothing to configure
    ///
    /// Simulates an organization with two tenants and 90 days of events, archives them, and compares the archive with
    /// what really happened. Writes nothing outside its directory. Run again in the same directory, it simulates some
    /// news and archives just these.
    #[command(after_help = "Example: uipath-audit-exporter demo --events 1000000 --directory /tmp/demo")]
    Demo(Demo),
    Simulate(Simulate),
    /// A completion script for a shell, on stdout
    #[command(
        after_help = "Example: uipath-audit-exporter completions bash > /etc/bash_completion.d/uipath-audit-exporter"
    )]
    Completions(Completions),
    /// The manual page, on stdout
    #[command(after_help = "Example: uipath-audit-exporter man | man -l -")]
    Man,
    #[command(hide = true, disable_help_flag = true)]
    Prove(Later),
    #[command(hide = true, disable_help_flag = true)]
    Keygen(Later),
}

impl Command {
    /// Whether it shows progress bars where a person watches.
    pub(super) fn has_bars(&self) -> bool {
        matches!(
            self,
            Self::Once(_)
                | Self::Demo(_)
                | Self::Recover(_)
                | Self::Reconcile(_)
                | Self::Verify(_)
                | Self::Download(_)
        )
    }

    /// Threads for work that blocks. What runs beside other things stays small; what a person waits for takes the machine.
    pub(super) fn threads(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
        match self {
            Self::Verify(_) | Self::Cat(_) => cores().max(super::BLOCKING),
            _ => super::BLOCKING,
        }
    }
}

#[derive(Args, Debug)]
pub(super) struct Run {
    /// Only the I-th of N parts of the targets, I from 0: for N exporters that share a configuration
    ///
    /// I may have a name before it that ends in a hyphen: `--shard "$(POD_NAME)/3"` for the pods of a StatefulSet.
    #[arg(long, value_name = "I/N")]
    pub(super) shard: Option<Shard>,
}

#[derive(Args, Debug)]
pub(super) struct Once {
    /// Only this target; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(super) target: Vec<TargetName>,
    /// Take targets over from another exporter at once, without waiting for it to fall silent
    #[arg(long)]
    pub(super) take_over: bool,
}

#[derive(Args, Debug)]
pub(super) struct Check {
    /// Read the configuration only; ask nobody
    #[arg(long)]
    pub(super) offline: bool,
}

#[derive(Args, Debug)]
pub(super) struct Status {
    /// One JSON object instead of a table
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args, Debug)]
pub(super) struct Cat {
    /// The target
    #[arg(long, value_name = "NAME")]
    pub(super) target: TargetName,
    /// The span's begin, inclusive: a time, a date, or an age such as 36h
    #[arg(long, value_name = "T", value_parser = moment)]
    pub(super) from: Time,
    /// The span's end, exclusive [default: now]
    #[arg(long, value_name = "T", value_parser = moment, default_value = "0s", hide_default_value = true)]
    pub(super) to: Time,
}

#[derive(Args, Debug)]
pub(super) struct Download {
    /// The target
    #[arg(long, value_name = "NAME")]
    pub(super) target: TargetName,
    /// The span's begin, inclusive: a time, a date, or an age such as 36h
    #[arg(long, value_name = "T", value_parser = moment)]
    pub(super) from: Time,
    /// The span's end [default: now]
    #[arg(long, value_name = "T", value_parser = moment, default_value = "0s", hide_default_value = true)]
    pub(super) to: Time,
    /// Where the file goes, once it is complete; there must be none yet [default: stdout]
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct Sources {
    /// The target whose organization or tenant is asked
    #[arg(long, value_name = "NAME")]
    pub(super) target: TargetName,
    /// The server's own JSON, byte for byte
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args, Debug)]
pub(super) struct Verify {
    /// Only this target; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(super) target: Vec<TargetName>,
    /// This archive, a URL or a directory; no configuration is needed then. An object store is opened with the options
    /// of the configuration, if there is one for such a store, or by what the environment says
    #[arg(long, value_name = "URL", value_parser = archive)]
    pub(super) archive: Option<Url>,
    /// Only commits from this number on
    #[arg(long, value_name = "NUMBER")]
    pub(super) since: Option<u64>,
    /// One JSON object instead of text
    #[arg(long)]
    pub(super) json: bool,
    /// Also read every event: counts, order, duplicates
    #[arg(long)]
    pub(super) deep: bool,
}

#[derive(Args, Debug)]
pub(super) struct Recover {
    /// Only this target; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(super) target: Vec<TargetName>,
}

#[derive(Args, Debug)]
pub(super) struct Demo {
    /// How many events to simulate [default: 50000; 500 more when it is run again]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=5_000_000))]
    pub(super) events: Option<u32>,
    /// Where everything is written: an empty or new directory, or that of an earlier demo
    #[arg(long, value_name = "DIR", default_value = "uipath-audit-demo")]
    pub(super) directory: PathBuf,
}

#[derive(Args, Debug)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(super) shell: Shell,
}

/// Whatever is said to a command of a later version.
#[derive(Args, Debug)]
pub(super) struct Later {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _rest: Vec<OsString>,
}

/// A URL, or a directory of this machine.
fn archive(text: &str) -> Result<Url, String> {
    match text.split_once("://") {
        Some(("s3" | "az" | "abfss" | "gs", _)) => return object_store_url(text),
        Some(_) => return text.parse().map_err(|error| format!("{error}")),
        None => {}
    }
    std::path::absolute(text)
        .ok()
        .and_then(|path| Url::from_directory_path(path).ok())
        .ok_or_else(|| "write a URL such as `file:///srv/uipath-audit`, or a directory".to_owned())
}

/// An age counts back from the moment it was typed.
fn moment(text: &str) -> Result<Time, UnitError> {
    parse_age_or_time(text, Clock::system().now())
}

#[cfg(test)]
mod tests;
