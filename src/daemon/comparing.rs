//! A target's comparisons with the server: on a schedule of their own, between its passes, by the same worker.
//!
//! A pass that falls due does not wait for one to end: it is paused after the step at hand and goes on behind the pass.
//! Nor does what goes wrong here say anything of passes: it is told by itself.

use std::{panic::AssertUnwindSafe, pin::pin, sync::Arc, time::Duration};

use futures::FutureExt as _;
use tokio::time::Instant;

use super::worker::{Mood, REPORT, Worker};
use crate::{
    checkpoint::Task,
    clock::{Time, spell},
    error::{Action, Chain},
    export::{Exporter, PassError, Progress, Reconciled},
    schedule::Due,
    status::{LastComparison, LastError, PassResult, State},
    target::{Reconcile, TargetName},
    window::{Window, earlier},
};

/// A comparison that failed is tried again behind the next pass, so often; then it waits until it is due again.
const TRIES: u32 = 3;
const PANICKED: &str = "the comparison panicked; the next one begins afresh";

/// The comparisons of a target that has a schedule for them.
pub(super) struct Comparing {
    pub(super) plan: Reconcile,
    /// The due time that the last one served.
    pub(super) last_due: Option<Time>,
    /// Paused, or to be tried again.
    under_way: Option<UnderWay>,
    /// Not before a pass.
    behind_pass: bool,
    /// A pass has had its turn since: passes may always be due.
    pub(super) turn: bool,
    mood: Mood,
    failures: u64,
}

struct UnderWay {
    due: Due,
    work: Reconciled,
    at: Time,
    took: Duration,
    tries: u32,
}

impl Comparing {
    pub(super) fn new(plan: Reconcile) -> Self {
        Self {
            plan,
            last_due: None,
            under_way: None,
            // What is to be compared is brought up to date first.
            behind_pass: true,
            turn: false,
            mood: Mood::Fine,
            failures: 0,
        }
    }

    /// When the next one begins, or goes on; None: not before a pass.
    pub(super) fn due(&self, target: &TargetName, now: Time) -> Option<Time> {
        if self.behind_pass {
            return None;
        }
        match &self.under_way {
            Some(_) => Some(now),
            None => self
                .plan
                .schedule
                .due(target, self.last_due, now)
                .map(|due| due.at),
        }
    }

    pub(super) fn passed(&mut self) {
        (self.behind_pass, self.turn) = (false, true);
    }

    fn begin(&mut self, target: &TargetName, now: Time) -> Option<UnderWay> {
        self.turn = false;
        self.under_way.take().or_else(|| {
            let due = self.plan.schedule.due(target, self.last_due, now)?;
            Some(UnderWay {
                due,
                work: Reconciled::of(Window::new(earlier(now, self.plan.back), now)),
                at: now,
                took: Duration::ZERO,
                tries: 0,
            })
        })
    }
}

impl Worker {
    /// A comparison, or a part of one. False if it panicked: nobody knows what state the exporter is in.
    pub(super) async fn compare(&mut self, exporter: &mut Exporter) -> bool {
        let now = self.daemon.clock.now();
        let name = self.target.name.clone();
        let Some(mut one) = self.comparing.as_mut().and_then(|all| all.begin(&name, now)) else {
            return true;
        };
        let progress = exporter.progress();
        self.change(Some(Arc::clone(&progress)), |status| {
            if status.state == State::Idle {
                status.state = State::Running;
            }
        });
        let began = Instant::now();
        let pause = self.stop.child_token();
        let result = {
            let comparing = exporter.reconcile(&mut one.work, &pause);
            let mut comparing = pin!(AssertUnwindSafe(comparing).catch_unwind());
            loop {
                tokio::select! {
                    biased;
                    result = &mut comparing => break result,
                    () = self.pass_is_due(&progress), if !pause.is_cancelled() => pause.cancel(),
                }
            }
        };
        one.took += began.elapsed();
        self.change(None, |status| {
            if status.state == State::Running {
                status.state = State::Idle;
            }
        });
        let sound = result.is_ok();
        match result {
            Ok(Ok(())) if one.work.interrupted => self.paused(one),
            Ok(Ok(())) => self.compared(one).await,
            Ok(Err(error)) => self.could_not_compare(one, &error).await,
            Err(_) => {
                let hint = Some(REPORT.to_owned());
                self.told(&one, None, Action::NextTick, PANICKED, hint);
                self.over(&one).await;
            }
        }
        self.look_at_archive().await;
        sound
    }

    /// Waits until a pass is due, and the comparison has got on since it began or went on.
    async fn pass_is_due(&self, progress: &Progress) {
        loop {
            if self.nap(chrono::TimeDelta::seconds(1)).await.is_none() {
                // The comparison is told by itself.
                std::future::pending::<()>().await;
            }
            let now = self.daemon.clock.now();
            let due = self.target.schedule.due(&self.target.name, self.last_due, now);
            if due.is_some_and(|due| due.at <= now) && progress.look().read.is_some() {
                return;
            }
        }
    }

    fn paused(&mut self, one: UnderWay) {
        let last = last(&one);
        self.change(None, |status| status.last_comparison = Some(last));
        if let Some(all) = &mut self.comparing {
            all.under_way = Some(one);
            all.behind_pass = true;
        }
    }

    async fn compared(&mut self, one: UnderWay) {
        let (work, mut last) = (&one.work, last(&one));
        let failures = self.comparing.as_ref().map_or(0, |all| all.failures);
        tracing::info!(
            from = work.span.map(|span| spell(span.from)),
            to = work.span.map(|span| spell(span.to)),
            shown = work.live.pulled,
            missing = work.live.missing,
            conflict = work.live.conflict,
            written = work.live.written,
            commits = work.live.commits + work.store.commits,
            store_shown = work.store.span.map(|_| work.store.pulled),
            store_missing = work.store.span.map(|_| work.store.missing),
            store_written = work.store.span.map(|_| work.store.written),
            without_store = work.without_store,
            took_ms = last.took_ms,
            missed = Some(last.missed).filter(|missed| *missed > 0),
            after_failures = Some(failures).filter(|failures| *failures > 0),
            "compared with the server"
        );
        last.result = PassResult::Done;
        self.ended_comparing(last);
        if let Some(all) = &mut self.comparing {
            (all.mood, all.failures) = (Mood::Fine, 0);
        }
        self.over(&one).await;
    }

    async fn could_not_compare(&mut self, mut one: UnderWay, error: &PassError) {
        if let PassError::StandBy { .. } = error {
            // The owner compares by its own schedule.
            tracing::debug!("standing by: another exporter compares the target");
            let mut last = last(&one);
            last.result = PassResult::Standby;
            self.ended_comparing(last);
            self.over(&one).await;
            return;
        }
        let (reason, action) = (std::mem::discriminant(error), error.action());
        self.told(
            &one,
            Some(reason),
            action,
            &Chain(error).to_string(),
            error.hint(),
        );
        one.tries += 1;
        if action == Action::Stop || one.tries >= TRIES {
            self.over(&one).await;
        } else if let Some(all) = &mut self.comparing {
            all.under_way = Some(one);
            all.behind_pass = true;
        }
    }

    /// A line for each failure; its hint, and the level that calls a person, only when they are news.
    fn told(
        &mut self,
        one: &UnderWay,
        reason: Option<std::mem::Discriminant<PassError>>,
        action: Action,
        message: &str,
        hint: Option<String>,
    ) {
        let mut last = last(one);
        let Some(all) = &mut self.comparing else { return };
        all.failures += 1;
        let mood = Mood::Failing {
            reason,
            action,
            hint: hint.clone(),
        };
        let (failures, written, took_ms) =
            (all.failures, last.live.written + last.store.written, last.took_ms);
        if all.mood == mood {
            tracing::warn!(
                error = message,
                failures,
                written,
                took_ms,
                "comparing with the server failed again"
            );
        } else if action == Action::Stop || reason.is_none() {
            tracing::error!(
                error = message,
                hint,
                written,
                took_ms,
                "comparing with the server failed"
            );
        } else {
            tracing::warn!(
                error = message,
                hint,
                written,
                took_ms,
                "comparing with the server failed"
            );
        }
        all.mood = mood;
        last.result = PassResult::Failed;
        last.error = Some(LastError {
            message: message.to_owned(),
            hint,
            at: self.daemon.clock.now(),
            action: action.into(),
        });
        self.ended_comparing(last);
    }

    fn ended_comparing(&self, last: LastComparison) {
        self.daemon.metrics.compared(&self.target.name, &last);
        self.change(None, |status| status.last_comparison = Some(last));
    }

    /// It has served its due time.
    async fn over(&mut self, one: &UnderWay) {
        let served = one.due.scheduled;
        if let Some(all) = &mut self.comparing {
            all.last_due = Some(served);
        }
        if let Err(error) = self.notes.note_due(Task::Comparison, served).await {
            tracing::debug!(error = %Chain(&error), "a restart would make this comparison again: its due time was not noted");
        }
    }
}

fn last(one: &UnderWay) -> LastComparison {
    let took_ms = u64::try_from(one.took.as_millis()).unwrap_or(u64::MAX);
    LastComparison::of(&one.work, one.at, took_ms, one.due.missed)
}
