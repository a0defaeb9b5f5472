//! One target's worker: waits for the due time, makes a pass, says what became of it, and so on until it is stopped.
//!
//! One pass at a time, since there is one worker. Nothing ends it but the request to stop: not even a panic in a pass.

use std::{mem::Discriminant, sync::Arc, time::Duration};

use chrono::TimeDelta;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{Daemon, comparing::Comparing, failing};
use crate::{
    checkpoint::{TargetCheckpoint, Task},
    clock::{Time, spell},
    commit::Counts,
    error::{Action, Chain},
    export::{Exporter, PassError, Progress, Summary},
    fleet::Fleet,
    schedule::Due,
    status::{LastError, LastPass, PassResult, StandingBy, State, TargetStatus},
    target::Target,
};

/// A worker looks at the clock this often even if no heartbeat pokes it.
const NAP: Duration = Duration::from_secs(5);

const PANICKED: &str = "the pass panicked; the next one begins afresh";
pub(super) const REPORT: &str = "this is a bug: please report it with the panic's message";

pub(super) struct Worker {
    pub(super) daemon: Arc<Daemon>,
    pub(super) fleet: Arc<Fleet>,
    pub(super) target: Target,
    /// Where due times are kept.
    pub(super) notes: TargetCheckpoint,
    /// The due time that the last pass served.
    pub(super) last_due: Option<Time>,
    /// Comparisons with the server, where they have a schedule.
    pub(super) comparing: Option<Comparing>,
    mood: Mood,
    /// Ends the worker when the step at hand is done.
    pub(super) stop: CancellationToken,
    /// Passes that failed in a row.
    failures: u64,
}

/// What is due.
enum Next {
    Pass(Due),
    Comparison,
}

/// What the last pass came to, as far as it decides how loudly the next one speaks.
#[derive(PartialEq, Eq)]
pub(super) enum Mood {
    Fine,
    /// Behind that process.
    Standby {
        instance: String,
        run: String,
    },
    /// For that reason.
    Failing {
        reason: Option<Discriminant<PassError>>,
        action: Action,
        hint: Option<String>,
    },
}

/// Works for a target until it is told to stop.
pub(super) async fn work(daemon: Arc<Daemon>, fleet: Arc<Fleet>, target: Target, stop: CancellationToken) {
    let span = tracing::error_span!("worker", target = %target.name);
    let worker = Worker {
        notes: daemon.checkpoint.of(&target.name),
        comparing: target.reconcile.clone().map(Comparing::new),
        daemon,
        fleet,
        target,
        last_due: None,
        mood: Mood::Fine,
        stop,
        failures: 0,
    };
    worker.run().instrument(span).await;
}

impl Worker {
    async fn run(mut self) {
        self.last_due = self.remembered(Task::Pass).await;
        let last_due = self.remembered(Task::Comparison).await;
        if let Some(comparing) = &mut self.comparing {
            comparing.last_due = last_due;
        }
        self.change(None, |status| status.state = State::Idle);
        self.look_at_archive().await;
        // Once around for each panic.
        loop {
            let mut exporter = match self.fleet.exporter(&self.target) {
                Ok(Some(exporter)) => exporter,
                Ok(None) => return,
                Err(error) => {
                    // Cannot be: the connection is open by now.
                    tracing::error!(error = %Chain(&error), "the target has no connection");
                    return;
                }
            };
            let mut sound = true;
            while sound {
                sound = match self.wait().await {
                    None => return,
                    Some(Next::Pass(due)) => self.pass(&mut exporter, due).await,
                    Some(Next::Comparison) => Box::pin(self.compare(&mut exporter)).await,
                };
            }
        }
    }

    async fn remembered(&self, task: Task) -> Option<Time> {
        self.notes.due(task).await.unwrap_or_else(|error| {
            tracing::debug!(error = %Chain(&error), ?task, "the last due time is lost: the first one starts at once");
            None
        })
    }

    /// Waits until something is due; None when it is time to stop.
    async fn wait(&self) -> Option<Next> {
        let (stop, clock, name) = (&self.stop, &self.daemon.clock, &self.target.name);
        while !stop.is_cancelled() {
            let mut seen = clock.now();
            let pass = self.target.schedule.due(name, self.last_due, seen);
            let comparison = self.comparing.as_ref().and_then(|all| all.due(name, seen));
            let compare = comparison.is_some_and(|at| at <= seen);
            let turn = self.comparing.as_ref().is_some_and(|all| all.turn);
            let at = pass.map(|due| due.at);
            if let Some(due) = pass.filter(|due| due.at <= seen && !(compare && turn)) {
                return Some(Next::Pass(due));
            }
            if compare {
                return Some(Next::Comparison);
            }
            let Some(next) = at.into_iter().chain(comparison).min() else {
                stop.cancelled().await;
                return None;
            };
            self.change(None, |status| {
                (status.next_run, status.next_comparison) = (at, comparison);
            });
            while seen < next {
                self.nap(next - seen).await?;
                let now = clock.now();
                if now < seen {
                    break; // The clock was set back: what is due is another question now.
                }
                seen = now;
            }
        }
        None
    }

    /// Sleeps, no longer than `most`, until poked; None when it is time to stop.
    pub(super) async fn nap(&self, most: TimeDelta) -> Option<()> {
        let most = most.to_std().unwrap_or_default().min(NAP);
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            () = self.daemon.poke.notified() => Some(()),
            () = tokio::time::sleep(most) => Some(()),
        }
    }

    /// A pass. False if it panicked: nobody knows what state the exporter is in.
    async fn pass(&mut self, exporter: &mut Exporter, due: Due) -> bool {
        let (at, began) = (self.daemon.clock.now(), Instant::now());
        let progress = exporter.progress();
        progress.begin();
        self.change(Some(Arc::clone(&progress)), |status| {
            status.next_run = None;
            // A target in trouble stays so until a pass has shown otherwise.
            if status.state == State::Idle {
                status.state = State::Running;
            }
        });
        let stop = self.stop.clone();
        let result = self.in_turn(exporter).await;
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let seen = progress.look();
        let mut last = LastPass {
            at,
            took_ms,
            result: PassResult::Failed,
            counts: Counts {
                pulled: seen.pulled,
                written: seen.written,
                ..Counts::default()
            },
            commits: seen.commits,
            requests: 0,
            pages: 0,
            missed: due.missed,
            skew_seconds: seen.skew_seconds,
        };
        let sound = result.is_ok();
        let done = matches!(&result, Ok(Ok(summary)) if !summary.interrupted);
        match result {
            Ok(Ok(summary)) => self.ended(&summary, last),
            Ok(Err(error @ PassError::StandBy { .. })) => {
                last.result = PassResult::Standby;
                self.stood_by(&error, last);
            }
            Ok(Err(error)) => self.failed(&error, last),
            Err(_) => self.panicked(last),
        }
        self.look_at_archive().await;
        if let Some(comparing) = &mut self.comparing {
            comparing.passed();
        }
        // What was stopped short goes on at once after a restart.
        if done || !stop.is_cancelled() {
            self.served(&due).await;
        }
        sound
    }

    fn ended(&mut self, summary: &Summary, mut last: LastPass) {
        last.counts = summary.counts;
        last.commits = summary.commits;
        (last.requests, last.pages) = (summary.effort.requests, summary.effort.pages);
        let done = !summary.interrupted;
        last.result = if done {
            PassResult::Done
        } else {
            PassResult::Interrupted
        };
        let read_to = summary.read.filter(|_| done).map(|read| read.to);
        let now = self.daemon.clock.now();
        let lag = read_to.map(|read_to| (now - read_to).num_seconds());
        let outcome = if done {
            "pass done"
        } else {
            "pass interrupted, the next one goes on from here"
        };
        tracing::info!(
            pulled = last.counts.pulled,
            written = last.counts.written,
            duplicate = last.counts.duplicate,
            late = last.counts.late,
            conflict = last.counts.conflict,
            commits = last.commits,
            requests = last.requests,
            pages = last.pages,
            coverage_end = summary.coverage_end.map(spell),
            lag_seconds = lag,
            took_ms = last.took_ms,
            missed = Some(last.missed).filter(|missed| *missed > 0),
            after_failures = Some(self.failures).filter(|failures| *failures > 0),
            "{outcome}"
        );
        if done {
            (self.mood, self.failures) = (Mood::Fine, 0);
        }
        self.tell(last, |status| {
            status.state = State::Idle;
            if done {
                status.read_to = read_to.or(status.read_to);
                status.last_success = Some(now);
            }
        });
    }

    fn stood_by(&mut self, error: &PassError, last: LastPass) {
        let PassError::StandBy {
            instance,
            run,
            number,
            until,
            ..
        } = error
        else {
            return;
        };
        let mood = Mood::Standby {
            instance: instance.clone(),
            run: run.clone(),
        };
        let owner = StandingBy {
            instance: instance.clone(),
            until: *until,
        };
        let (commit, until) = (*number, spell(*until));
        if self.mood == mood {
            tracing::debug!(instance, run, commit, until, "standing by");
        } else {
            let hint = error.hint();
            tracing::info!(
                instance,
                run,
                commit,
                until,
                hint,
                "standing by: another exporter owns the target"
            );
        }
        (self.mood, self.failures) = (mood, 0);
        self.tell(last, |status| {
            (status.state, status.standing_by) = (State::Standby, Some(owner));
        });
    }

    fn failed(&mut self, error: &PassError, last: LastPass) {
        let (action, hint) = (error.action(), error.hint());
        let mood = Mood::Failing {
            reason: Some(std::mem::discriminant(error)),
            action,
            hint: hint.clone(),
        };
        self.complain(mood, &Chain(error).to_string(), last);
    }

    fn panicked(&mut self, last: LastPass) {
        let mood = Mood::Failing {
            reason: None,
            action: Action::NextTick,
            hint: Some(REPORT.to_owned()),
        };
        self.complain(mood, PANICKED, last);
    }

    /// A line for each failed pass; its hint, and the level that calls a person, only when they are news.
    fn complain(&mut self, mood: Mood, message: &str, last: LastPass) {
        self.failures += 1;
        let Mood::Failing { reason, action, hint } = &mood else {
            return;
        };
        let (action, hint) = (*action, hint.clone());
        let (failures, commits, written) = (self.failures, last.commits, last.counts.written);
        let took_ms = last.took_ms;
        if self.mood == mood {
            tracing::warn!(
                error = message,
                failures,
                commits,
                written,
                took_ms,
                "pass failed again"
            );
        } else if action == Action::Stop || reason.is_none() {
            tracing::error!(error = message, hint, commits, written, took_ms, "pass failed");
        } else {
            tracing::warn!(error = message, hint, commits, written, took_ms, "pass failed");
        }
        self.mood = mood;
        let at = self.daemon.clock.now();
        self.tell(last, |status| {
            status.state = failing(action);
            status.last_error = Some(LastError {
                message: message.to_owned(),
                hint,
                at,
                action: action.into(),
            });
        });
    }

    /// Puts the end of a pass on the board.
    fn tell(&self, last: LastPass, change: impl FnOnce(&mut TargetStatus)) {
        self.daemon.metrics.passed(&self.target.name, &last);
        self.change(None, |status| {
            status.last_pass = Some(last);
            status.failures = self.failures;
            change(status);
        });
    }

    /// Puts what is known of the archive on the board, whoever wrote there.
    pub(super) async fn look_at_archive(&self) {
        match self.notes.peek().await {
            Ok(Some(memory)) => {
                self.change(None, |status| status.see(&memory));
                self.daemon.following.poke(&self.target.name, &memory);
            }
            Ok(None) => {}
            Err(error) => tracing::debug!(error = %Chain(&error), "the checkpoint shows nothing"),
        }
    }

    /// The pass has served a due time.
    async fn served(&mut self, due: &Due) {
        self.last_due = Some(due.scheduled);
        if let Err(error) = self.notes.note_due(Task::Pass, due.scheduled).await {
            tracing::debug!(error = %Chain(&error), "a restart would make this pass again: its due time was not noted");
        }
    }

    pub(super) fn change(&self, running: Option<Arc<Progress>>, change: impl FnOnce(&mut TargetStatus)) {
        self.daemon.board.change(&self.target.name, running, change);
    }
}
