//! `download`: the server's own file for a span, on stdout or in a file that is there only when it is complete.

mod joined;
mod sink;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::SubsecRound as _;
use indicatif::{HumanBytes, ProgressBar};
use tokio_util::sync::CancellationToken;

use self::{joined::Joined, sink::Sink};
use super::{
    CliError, Exit,
    args::Download,
    connections::Connections,
    console::{Console, known_targets},
    out,
};
use crate::{
    checkpoint::Known,
    clock::{Time, spell},
    fleet::OpenError,
    source::{Limits, Outcome, Slice, Source, SourceError, long_term::LongTerm},
    target::{Api, Target, TargetName, day},
    window::{Window, later},
};

/// How often a bar is drawn.
const FRAME: Duration = Duration::from_millis(100);
/// How often a line is logged where there is no bar.
const LINE: Duration = Duration::from_secs(5);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// A file with fewer rows is followed by one of a span twice as wide.
const FEW: u64 = 25_000;

pub(super) async fn run(
    console: &Console,
    args: Download,
    stop: CancellationToken,
) -> Result<Exit, CliError> {
    if args.from >= args.to {
        return Err(CliError::EmptySpan);
    }
    let settings = console.settings()?;
    known_targets(&settings, std::slice::from_ref(&args.target))?;
    let connections = Connections::open(&settings, &console.clock)
        .map_err(|error| CliError::Open(OpenError::Connection(error)))?;
    let target = settings.targets.iter().find(|target| target.name == args.target);
    let source = target.and_then(|target| connections.source(&asked_for_files(target)));
    let Some(source) = source else {
        // Known, so its connection exists: the configuration was checked.
        return Ok(Exit::Config);
    };
    let most = settings.archive.max_buffered;
    let download = Reading {
        console,
        target: args.target,
        limits: Limits {
            events: usize::MAX,
            bytes: most,
            bytes_of_an_instant: most,
        },
    };
    let span = Window::new(args.from, args.to);
    let sink = Sink::open(args.output)?;
    tokio::select! {
        done = download.all(source, span, sink) => done,
        () = stop.cancelled() => {
            console.note("stopped: nothing was written to a file");
            Ok(Exit::Again)
        }
    }
}

/// The target, through the API that gives files of its stream.
fn asked_for_files(target: &Target) -> Target {
    let api = match target.api {
        Api::Unified | Api::UnifiedCsv => Api::UnifiedCsv,
        Api::Classic | Api::ClassicCsv => Api::ClassicCsv,
        Api::LongTerm => Api::LongTerm,
    };
    Target {
        api,
        ..target.clone()
    }
}

struct Reading<'a> {
    console: &'a Console,
    target: TargetName,
    limits: Limits,
}

impl Reading<'_> {
    async fn all(&self, mut source: Source, span: Window, sink: Sink) -> Result<Exit, CliError> {
        source.prepare().await.map_err(|error| self.failed(error))?;
        let received = match &source {
            Source::Csv(csv) => csv.received(),
            Source::LongTerm(store) => store.received(),
            Source::Unified(_) | Source::Classic(_) => Arc::default(),
        };
        let work = async {
            match &source {
                Source::LongTerm(store) => self.day(store, span, sink).await,
                other if other.api() == Api::ClassicCsv => self.newest(other, span, sink).await,
                other => self.span(other, span, sink).await,
            }
        };
        let progress = self.progress(&received);
        tokio::select! {
            done = work => done.map(|()| Exit::Done),
            () = progress => Ok(Exit::Again),
        }
    }

    /// Files of a span, the oldest first, joined.
    async fn span(&self, source: &Source, span: Window, mut sink: Sink) -> Result<(), CliError> {
        let span = Window::new(span.from.trunc_subsecs(0), ceil(span.to));
        let (mut rest, mut width) = (span, span.width());
        let mut joined = Joined::default();
        while !rest.is_empty() {
            let part = rest.split(width.max(SECOND)).0;
            let slice = match self.read(source, part).await? {
                Outcome::TooBig { width: less, .. } => {
                    width = less;
                    continue;
                }
                Outcome::Complete(slice) => slice,
            };
            if let Some(since) = slice.complete_from {
                let (from, since) = (spell(slice.span.from), spell(since));
                self.console
                    .note(&format!("the server has nothing of {from} to {since}"));
            }
            rest = Window::new(slice.span.to, span.to);
            if slice.pulled < FEW {
                width = width.saturating_mul(2);
            }
            if let Some(file) = slice.file {
                let is_all = slice.span == span;
                let texts = joined
                    .add(file, is_all, self.limits.bytes)
                    .map_err(|error| self.failed(SourceError::Csv(error)))?;
                let texts = texts.ok_or_else(|| CliError::Headers {
                    target: self.target.clone(),
                })?;
                for text in texts {
                    sink.write(&text).await?;
                }
            }
        }
        let bytes = sink.finish().await?;
        if joined.files > 1 {
            let files = joined.files;
            self.console.note(&format!(
                "{files} files were joined, the oldest first: a row at a seam may stand twice"
            ));
        }
        self.tell(joined.rows, bytes);
        Ok(())
    }

    /// The newest records: the server knows no span.
    async fn newest(&self, source: &Source, span: Window, mut sink: Sink) -> Result<(), CliError> {
        let Outcome::Complete(slice) = self.read(source, span).await? else {
            return Ok(());
        };
        let Slice {
            file, complete_from, ..
        } = slice;
        let mut rows = 0;
        if let Some(file) = file {
            rows = file.rows;
            let span = match (&file.first, &file.last) {
                (Some(first), Some(last)) => format!(", {first} to {last}"),
                _ => String::new(),
            };
            self.console.note(&format!(
                "the server of a classic target knows no span: these are its newest {}{span}",
                out::count(rows, "record")
            ));
            sink.write(&file.bytes).await?;
        }
        if let Some(since) = complete_from {
            self.console.note(&format!(
                "there may be more of the span before {}, which it does not give",
                spell(since)
            ));
        }
        let bytes = sink.finish().await?;
        self.tell(rows, bytes);
        Ok(())
    }

    /// A day of the long-term store.
    async fn day(&self, store: &LongTerm, span: Window, mut sink: Sink) -> Result<(), CliError> {
        if day(span.from) != span.from || span.width() != DAY {
            return Err(CliError::NotADay {
                target: self.target.clone(),
            });
        }
        let bytes = store.day(span.from, self.limits.bytes).await;
        let bytes = bytes.map_err(|error| self.failed(error))?;
        if bytes.is_empty() {
            self.console
                .note("the long-term store has nothing of this day: nothing was written");
            return Ok(());
        }
        sink.write(&bytes).await?;
        let bytes = sink.finish().await?;
        self.console
            .note(&format!("{} in a ZIP archive", HumanBytes(bytes)));
        Ok(())
    }

    async fn read(&self, source: &Source, span: Window) -> Result<Outcome, CliError> {
        let known = Known::default();
        let read = source.read(span, &known, self.limits, None, None, &|_| ()).await;
        read.map_err(|error| self.failed(error))
    }

    fn tell(&self, rows: u64, bytes: u64) {
        let rows = out::count(rows, "row");
        self.console.note(&format!("{rows}, {}", HumanBytes(bytes)));
    }

    fn failed(&self, source: SourceError) -> CliError {
        CliError::Download {
            target: self.target.clone(),
            source: Box::new(source),
        }
    }

    /// Shows how much came, for ever.
    async fn progress(&self, received: &AtomicU64) {
        let bar = self
            .console
            .bars()
            .map(|bars| bars.add(ProgressBar::new_spinner().with_message("asking")));
        let bar = bar.map(Vanishing);
        let mut ticks = tokio::time::interval(if bar.is_some() { FRAME } else { LINE });
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let bytes = received.load(Ordering::Relaxed);
            match &bar {
                Some(Vanishing(bar)) => {
                    if bytes > 0 {
                        bar.set_message(format!("{} received", HumanBytes(bytes)));
                    }
                    bar.tick();
                }
                None => tracing::info!(target = %self.target, bytes, "still downloading"),
            }
        }
    }
}

/// A bar that leaves nothing behind.
struct Vanishing(ProgressBar);

impl Drop for Vanishing {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn ceil(time: Time) -> Time {
    let whole = time.trunc_subsecs(0);
    if whole == time {
        whole
    } else {
        later(whole, SECOND)
    }
}
