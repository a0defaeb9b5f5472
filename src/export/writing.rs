//! Commits slices in order: intent, data objects, commit, memory, sweep. Each step may be the last.

use std::{pin::pin, time::Duration};

use futures::{StreamExt as _, future::try_join};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Exporter, PassError, Plan, Summary, plan::Snapshots, reading::Portion, unnamed};
use crate::{
    archive::Created,
    checkpoint::{Head, Intents, Memory},
    clock::{Time, spell},
    commit::{Commit, Counts, Kind, sha256},
    event::floor,
    key,
    source::{Effort, Slice},
    target::Api,
    window::{Window, earlier},
};

mod creating;
mod preparing;

use preparing::{Content, Prepared, Ready, ready};

/// A first pass begins some time after its `start` was chosen, and may be made again: what expired in that time is no gap.
pub(super) const EDGE: Duration = Duration::from_secs(3600);

pub(super) struct Writing<'a> {
    exporter: &'a Exporter,
    plan: Plan,
    /// What was read of the server beside the events, and is not archived yet.
    snapshots: Snapshots,
    /// The server was asked for its catalogue and has none.
    asked_in_vain: bool,
    /// Up to here the archive is complete.
    covered: Time,
    /// Where reading began for the next commit.
    read_from: Time,
    /// What was read since the last commit without being written.
    counts: Counts,
    effort: Effort,
    oldest: Option<Time>,
    summary: Summary,
    lost: Option<u64>,
}

/// What a commit is to be, before it has a number.
struct Draft {
    kind: Kind,
    reason: Option<String>,
    window: Window,
    content: Content,
}

impl Draft {
    /// A commit that holds no events.
    fn bare(kind: Kind, reason: Option<String>, window: Window) -> Self {
        Self {
            kind,
            reason,
            window,
            content: Content::Nothing,
        }
    }
}

impl<'a> Writing<'a> {
    pub(super) fn new(exporter: &'a Exporter, plan: Plan) -> Self {
        let (covered, read_from) = (plan.covered, plan.whole.from);
        let summary = Summary {
            coverage_end: Some(covered),
            skew_seconds: exporter.progress.look().skew_seconds,
            ..Summary::default()
        };
        Self {
            exporter,
            plan,
            snapshots: Snapshots::default(),
            asked_in_vain: false,
            covered,
            read_from,
            counts: Counts::default(),
            effort: Effort::default(),
            oldest: None,
            summary,
            lost: None,
        }
    }

    pub(super) fn covered(&self) -> Time {
        self.covered
    }

    /// The epoch with which the target was lost to another process, if it was.
    pub(super) fn lost(&self) -> Option<u64> {
        self.lost
    }

    pub(super) fn asked_in_vain(&self) -> bool {
        self.asked_in_vain
    }

    pub(super) fn summary(self) -> Summary {
        self.summary
    }

    /// Commits what comes. True: stopped before its end.
    pub(super) async fn run(
        &mut self,
        portions: mpsc::UnboundedReceiver<Portion>,
        stop: &CancellationToken,
    ) -> Result<bool, PassError> {
        // While the first slice is being read.
        let Some(snapshots) = stop
            .run_until_cancelled(self.exporter.snapshots(&self.plan))
            .await
        else {
            return Ok(true);
        };
        if let Some(snapshots) = snapshots {
            self.asked_in_vain = snapshots.catalog.is_none();
            self.snapshots = snapshots;
        }
        let mut slices = pin!(ready(portions, self.shape(), stop.clone()));
        let mut slice = slices.next().await;
        while let Some(ready) = slice.take().transpose()?
            && !stop.is_cancelled()
        {
            // The next ones are encoded while this one is committed. That one cannot be does not keep this one from being.
            let following = async { Ok(slices.next().await) };
            ((), slice) = try_join(self.take(ready), following).await?;
        }
        Ok(stop.is_cancelled())
    }

    async fn take(&mut self, ready: Ready) -> Result<(), PassError> {
        let (mut slice, prepared, _hold) = (ready.slice, ready.prepared, ready.hold);
        self.drop_known_file(&mut slice);
        self.counts.duplicate += slice.duplicate;
        self.counts.pulled += slice.pulled;
        self.counts.conflict += slice.conflict;
        self.effort += slice.effort;
        self.oldest = [self.oldest, slice.oldest].into_iter().flatten().min();
        let content = Content::of(prepared, slice.events, slice.file);
        let is_empty = matches!(content, Content::Nothing);
        if is_empty && slice.complete_from.is_none() {
            return Ok(());
        }
        let to = slice.span.to.max(self.covered);
        self.admit_gap(to).await?;
        self.admit_cut(slice.complete_from, to).await?;
        if is_empty {
            return Ok(());
        }
        let window = Window::new(self.covered, to);
        self.commit(Draft {
            kind: Kind::Events,
            reason: None,
            window,
            content,
        })
        .await?;
        // Within the lookback, reading for the next commit begins before the coverage's end.
        self.read_from = slice.span.to;
        Ok(())
    }

    /// Commits events that a comparison found missing, outside the chain of windows. `beyond`: they are the long-term
    /// store's.
    pub(super) async fn backfill(&mut self, slice: Slice, beyond: bool) -> Result<Option<Commit>, PassError> {
        let written = slice.events.len() as u64;
        if written == 0 {
            return Ok(None);
        }
        self.plan.beyond = beyond;
        self.read_from = slice.span.from;
        self.counts = Counts {
            pulled: slice.pulled,
            duplicate: slice.pulled.saturating_sub(written),
            conflict: slice.conflict,
            ..Counts::default()
        };
        self.effort = slice.effort;
        let draft = Draft {
            kind: Kind::Backfill,
            reason: None,
            window: slice.span,
            content: Content::Events(slice.events),
        };
        self.commit(draft).await.map(Some)
    }

    /// The pass has read everything up to `to`: says so in a commit where that is due.
    pub(super) async fn finish(&mut self, to: Time, now: Time) -> Result<(), PassError> {
        self.admit_gap(to).await?;
        let window = Window::new(self.covered, to);
        let enough = window.width() >= self.exporter.target.pace.empty_commit_every || self.plan.beyond;
        let due = (enough || self.has_news()) && !window.is_empty();
        if self.plan.memory.is_none() && window.from <= now || due {
            self.commit(Draft::bare(Kind::Empty, None, window)).await?;
        }
        self.summary.effort += std::mem::take(&mut self.effort);
        self.add_counts();
        self.note_long_lookback().await
    }

    /// An empty span older than what the server keeps proves nothing: it is committed as a gap.
    async fn admit_gap(&mut self, to: Time) -> Result<(), PassError> {
        let retention = self.retention();
        let kept_from = floor(earlier(self.plan.now, retention));
        // From the oldest event that the server showed on, it evidently shows everything.
        let shown_from = self.oldest.map_or(to, floor);
        // What lies before the beginning of what was read was not even asked for.
        let end = kept_from.min(shown_from).max(self.plan.whole.from).min(to);
        if end <= self.covered {
            return Ok(());
        }
        let window = Window::new(self.covered, end);
        if self.plan.memory.is_none() && window.width() <= (retention / 24).min(EDGE) {
            tracing::info!(
                from = spell(window.to),
                "the archive begins where the server does, a little after `start`"
            );
            (self.covered, self.read_from) = (window.to, self.read_from.max(window.to));
            return Ok(());
        }
        let mut reason = format!(
            "the server keeps {} days and showed nothing of this span, which is older: events of it may have expired unread",
            retention.as_secs() / 86_400
        );
        if let Some(why) = &self.exporter.no_store {
            reason = format!("{reason}; the long-term store is not there: {why}");
        }
        self.gap(window, reason).await
    }

    /// What no file reaches back to is a gap.
    async fn admit_cut(&mut self, complete_from: Option<Time>, to: Time) -> Result<(), PassError> {
        let end = complete_from.map_or(self.covered, |from| floor(from).min(to));
        if end <= self.covered {
            return Ok(());
        }
        let window = Window::new(self.covered, end);
        let reason = match self.exporter.target.api {
            Api::UnifiedCsv => "the server refuses to make a file of this span, which is too old for it",
            _ => "the server's file ends at its limit of rows: it may lack what is older than its oldest row",
        };
        self.gap(window, reason.to_owned()).await
    }

    async fn gap(&mut self, window: Window, reason: String) -> Result<(), PassError> {
        tracing::warn!(
            from = spell(window.from),
            to = spell(window.to),
            "a gap: {reason}"
        );
        // What was read since the last commit belongs to the commit of its events, not to the gap before them.
        let (counts, effort) = (std::mem::take(&mut self.counts), std::mem::take(&mut self.effort));
        let done = self.commit(Draft::bare(Kind::Gap, Some(reason), window)).await;
        (self.counts, self.effort) = (counts, effort);
        done.map(drop)
    }

    async fn commit(&mut self, draft: Draft) -> Result<Commit, PassError> {
        let exporter = self.exporter;
        let number = self
            .plan
            .memory
            .as_ref()
            .map_or(0, |memory| memory.head.number + 1);
        let rows = draft.content.rows();
        let shape = self.shape();
        let Prepared { marks, objects } = draft.content.prepare(&shape, draft.window.from).await?;
        let late = marks
            .iter()
            .filter(|mark| mark.time.is_some_and(|time| time < draft.window.from));
        let written = marks.len() as u64 + rows;
        let counts = Counts {
            written,
            late: late.count() as u64,
            conflict: self.counts.conflict.min(written),
            ..self.counts
        };
        let undated = marks.iter().filter(|mark| mark.time.is_none()).count() as u64;
        let mut commit = self.record(number, draft.kind, draft.reason, draft.window, counts, undated);
        let objects = objects.into_iter().map(|object| object.numbered(&shape, number));
        let objects = objects.collect::<Vec<_>>();
        commit.objects = objects.iter().map(|encoded| encoded.object.clone()).collect();

        let intents = self.intend(&commit).await?;
        self.put_objects(objects).await?;
        let Snapshots { catalog, rules } = std::mem::take(&mut self.snapshots);
        commit.catalog = self.put_snapshot(catalog, commit.catalog).await?;
        commit.rules = self.put_snapshot(rules, commit.rules).await?;
        let bytes = commit.to_bytes();
        let key = key::commit(&exporter.target.name, number);
        if let Created::Theirs(theirs) = exporter
            .shared
            .archive
            .create(&key, bytes.clone())
            .await
            .map_err(PassError::Archive)?
        {
            return Err(self.overtaken(&commit, key, &theirs));
        }
        exporter.tally.committed(&commit, &marks, self.covered);

        let memory = self.next_memory(&commit, sha256(&bytes));
        let open = intents.open.as_ref();
        let keys = open.map(|open| unnamed(&open.keys, &commit)).unwrap_or_default();
        let intents = Intents {
            open: None,
            sweep: intents.sweep.into_iter().chain(keys).collect(),
        };
        let horizon = self.horizon(&commit, memory.coverage_end);
        let kept: Vec<_> = marks
            .into_iter()
            .filter(|mark| mark.time.is_none_or(|time| time >= horizon))
            .collect();
        let memory = exporter
            .notes
            .remember(memory, &intents, kept, horizon)
            .await
            .map_err(PassError::Checkpoint)?;
        self.plan.memory = Some(memory);
        self.plan.intents = exporter.sweep(&self.plan.memory, intents).await?;
        self.committed(&commit);
        Ok(commit)
    }

    fn committed(&mut self, commit: &Commit) {
        if commit.is_chained() {
            self.covered = commit.window.to;
            self.read_from = commit.window.to;
        }
        self.counts = commit.counts;
        self.add_counts();
        self.summary.effort += std::mem::take(&mut self.effort);
        self.summary.commits += 1;
        self.summary.coverage_end = Some(self.covered);
        let covered = commit.is_chained().then_some(self.covered);
        self.exporter.progress.committed(covered, commit.counts.written);
        tracing::info!(
            commit = commit.number,
            kind = commit.kind.as_str(),
            from = spell(commit.window.from),
            to = spell(commit.window.to),
            written = commit.counts.written,
            duplicate = commit.counts.duplicate,
            late = commit.counts.late,
            conflict = commit.counts.conflict,
            "committed"
        );
    }

    fn add_counts(&mut self) {
        self.exporter.tally.duplicate.add(self.counts.duplicate);
        self.summary.counts += std::mem::take(&mut self.counts);
    }

    fn next_memory(&self, commit: &Commit, sha256: String) -> Memory {
        if let Some(memory) = &self.plan.memory {
            return memory.after(commit, sha256);
        }
        let window = commit.window;
        Memory {
            origin: window.from,
            api: commit.source.api,
            coverage_end: window.to,
            known_from: window.from,
            file: commit.file().map(|file| file.sha256.clone()),
            head: Head::of(commit, sha256),
            // Nothing lies behind the first window: no lookback is due today.
            long_lookback_done: Some(self.plan.now.date_naive()),
            known: crate::checkpoint::Sum::default(),
        }
    }

    async fn note_long_lookback(&mut self) -> Result<(), PassError> {
        let today = self.plan.now.date_naive();
        if !self.plan.long_lookback {
            return Ok(());
        }
        if let Some(memory) = &mut self.plan.memory {
            memory.long_lookback_done = Some(today);
            let (memory, horizon) = (memory.clone(), self.exporter.horizon(memory.coverage_end));
            let noted = self
                .exporter
                .notes
                .remember(memory, &self.plan.intents, Vec::new(), horizon)
                .await;
            self.plan.memory = Some(noted.map_err(PassError::Checkpoint)?);
        }
        Ok(())
    }
}
