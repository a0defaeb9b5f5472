//! How far passes and comparisons are: bars where a person watches, otherwise a log line every few seconds.

use std::{sync::Arc, time::Duration};

use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressStyle};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior},
};

use super::{console::Console, out};
use crate::{
    clock::Time,
    export::{Exporter, Progress, Seen},
    target::TargetName,
};

/// How often bars are drawn.
const FRAME: Duration = Duration::from_millis(100);
/// How often a line is logged where there are no bars.
const LINE: Duration = Duration::from_secs(5);

/// The state of several targets' passes, shown.
struct Board {
    rows: Vec<Row>,
    began: Instant,
    bars: Option<MultiProgress>,
}

struct Row {
    name: String,
    progress: Arc<Progress>,
    bar: Option<ProgressBar>,
    done: bool,
}

impl Board {
    fn new(bars: Option<&MultiProgress>, exporters: &[Exporter]) -> Self {
        let names = exporters
            .iter()
            .map(|exporter| exporter.target().name.to_string());
        let width = names.map(|name| name.len()).max().unwrap_or_default();
        let rows = exporters
            .iter()
            .map(|exporter| {
                let name = exporter.target().name.to_string();
                let bar = bars.map(|bars| bars.add(bar(format!("{name:width$}"))));
                Row {
                    name,
                    progress: exporter.progress(),
                    bar,
                    done: false,
                }
            })
            .collect();
        Self {
            rows,
            began: Instant::now(),
            bars: bars.cloned(),
        }
    }

    /// How often to call `show`.
    fn period(&self) -> Duration {
        if self.bars.is_some() { FRAME } else { LINE }
    }

    /// Shows the targets that are still running.
    fn show(&self) {
        for row in self.rows.iter().filter(|row| !row.done) {
            let seen = row.progress.look();
            match &row.bar {
                Some(bar) => draw(bar, &seen, self.began.elapsed()),
                None => log(&row.name, &seen),
            }
        }
    }

    /// A target has ended; `how` in a word or two.
    fn done(&mut self, row: usize, how: &'static str) {
        if let Some(row) = self.rows.get_mut(row) {
            row.done = true;
            if let Some(bar) = &row.bar {
                draw(bar, &row.progress.look(), self.began.elapsed());
                bar.abandon_with_message(format!("{}  {how}", bar.message()));
            }
        }
    }

    /// Takes the bars away: what comes next is the result.
    fn clear(&self) {
        for bar in self.rows.iter().filter_map(|row| row.bar.as_ref()) {
            bar.finish_and_clear();
        }
    }
}

/// Works with each exporter, concurrently, and shows how far they are. What became of each, in the same order; None: its
/// task died.
pub(super) async fn at_once<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    console: &Console,
    exporters: Vec<Exporter>,
    work: impl Fn(Exporter) -> F,
    went_well: impl Fn(&T) -> bool,
) -> Vec<(TargetName, Option<T>)> {
    let mut board = Board::new(console.bars(), &exporters);
    let names = exporters.iter().map(|exporter| exporter.target().name.clone());
    let mut ended: Vec<(TargetName, Option<T>)> = names.map(|name| (name, None)).collect();
    // Dropped with its tasks: they may die at every await.
    let mut tasks = JoinSet::new();
    for (place, exporter) in exporters.into_iter().enumerate() {
        let work = work(exporter);
        tasks.spawn(async move { (place, work.await) });
    }
    let mut ticks = tokio::time::interval(board.period());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset();
    loop {
        tokio::select! {
            _ = ticks.tick() => board.show(),
            joined = tasks.join_next() => match joined {
                None => break,
                Some(Ok((place, result))) => {
                    board.done(place, if went_well(&result) { "done" } else { "FAILED" });
                    if let Some((_, ended)) = ended.get_mut(place) {
                        *ended = Some(result);
                    }
                }
                Some(Err(error)) => tracing::debug!(%error, "a task died"),
            },
        }
    }
    board.clear();
    ended
}

fn bar(name: String) -> ProgressBar {
    let bar = ProgressBar::new(1).with_prefix(name).with_message("asking");
    // The template is right, or the plain bar will do.
    let style = ProgressStyle::with_template("{spinner} {prefix} [{bar:24}] {percent:>3}%  {msg}");
    bar.set_style(
        style
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ")
            .tick_chars("|/-\\ "),
    );
    bar
}

fn draw(bar: &ProgressBar, seen: &Seen, elapsed: Duration) {
    if let (Some(from), Some(to), Some(covered)) = (seen.from, seen.to, seen.covered) {
        let whole = span(from, to).max(1);
        bar.set_length(whole);
        bar.set_position(if to > from { span(from, covered) } else { whole });
        let mut message = format!("up to {}", covered.format("%Y-%m-%d %H:%M"));
        if seen.written > 0 {
            let rate = HumanCount(rate(seen.written, elapsed));
            message.push_str(&format!("  {}  {rate}/s", out::count(seen.written, "event")));
        }
        if seen.received > seen.written {
            message.push_str(&format!("  {} received", HumanCount(seen.received)));
        }
        bar.set_message(message);
    }
    bar.tick();
}

fn log(name: &str, seen: &Seen) {
    tracing::info!(
        target = name,
        complete_up_to = seen.covered.map(crate::clock::spell),
        read_up_to = seen.read.map(crate::clock::spell),
        goal = seen.to.map(crate::clock::spell),
        events = seen.written,
        received = seen.received,
        commits = seen.commits,
        "still reading"
    );
}

fn span(from: Time, to: Time) -> u64 {
    u64::try_from((to - from).num_milliseconds()).unwrap_or_default()
}

/// Events a second, whole ones.
fn rate(events: u64, elapsed: Duration) -> u64 {
    let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    events.saturating_mul(1000) / milliseconds
}
