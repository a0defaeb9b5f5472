//! What is known of every target while the daemon runs: workers write on it, `status.json` is a copy of it.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{
    pulse::{Seen, is_past},
    shard::Shard,
};
use crate::{
    clock::{Clock, Time},
    error::Chain,
    export::Progress,
    status::{Configuration, Problem, State, Status, TargetStatus},
    target::{Target, TargetName},
};

/// The file is written no more often than this.
const EVERY: Duration = Duration::from_secs(1);

pub(super) struct Board {
    clock: Clock,
    state_dir: PathBuf,
    now: Mutex<Inner>,
}

struct Inner {
    status: Status,
    /// The progress of each target's pass, if one is under way.
    running: Vec<Option<Arc<Progress>>>,
}

impl Board {
    pub(super) fn new(
        clock: Clock,
        state_dir: PathBuf,
        instance: &str,
        shard: Option<Shard>,
        targets: &[Target],
    ) -> Self {
        let status = Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            instance: instance.to_owned(),
            run: None,
            pid: std::process::id(),
            started_at: clock.now(),
            written_at: clock.now(),
            shard: shard.map(|shard| shard.to_string()),
            configuration: Configuration {
                read_at: Some(clock.now()),
                problem: None,
            },
            targets: targets.iter().map(fresh).collect(),
        };
        let running = vec![None; status.targets.len()];
        Self {
            clock,
            state_dir,
            now: Mutex::new(Inner { status, running }),
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.now.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Which process this is, in commits.
    pub(super) fn name_run(&self, run: &str) {
        self.with(|now| now.status.run = Some(run.to_owned()));
    }

    /// A configuration was read again. `problem`: why it cannot be used; None: it is in force.
    pub(super) fn configured(&self, problem: Option<&str>) {
        let at = self.clock.now();
        self.with(|now| {
            let configuration = &mut now.status.configuration;
            match problem {
                None => {
                    *configuration = Configuration {
                        read_at: Some(at),
                        problem: None,
                    };
                }
                Some(message) => configuration.problem = Some(Problem::new(message, at)),
            }
        });
    }

    /// Changes what is known of a target. `running`: the progress of its pass, if one is under way.
    pub(super) fn change(
        &self,
        target: &TargetName,
        running: Option<Arc<Progress>>,
        change: impl FnOnce(&mut TargetStatus),
    ) {
        self.with(|now| {
            let mut all = now.status.targets.iter_mut().zip(&mut now.running);
            if let Some((status, place)) = all.find(|(status, _)| status.target == target.as_str()) {
                *place = running;
                change(status);
                if status.state != State::Standby {
                    status.standing_by = None;
                }
            }
        });
    }

    /// Changes what is known of a target beside its passes.
    pub(super) fn note(&self, target: &TargetName, change: impl FnOnce(&mut TargetStatus)) {
        self.with(|now| {
            let mut all = now.status.targets.iter_mut();
            if let Some(status) = all.find(|status| status.target == target.as_str()) {
                change(status);
            }
        });
    }

    /// The targets of another configuration: what is known of those that were there before stays.
    pub(super) fn set(&self, targets: &[Target]) {
        self.with(|now| {
            let statuses = std::mem::take(&mut now.status.targets);
            let mut known: BTreeMap<String, _> = statuses
                .into_iter()
                .zip(std::mem::take(&mut now.running))
                .map(|(status, running)| (status.target.clone(), (status, running)))
                .collect();
            for target in targets {
                let (status, running) = known
                    .remove(target.name.as_str())
                    .unwrap_or_else(|| (fresh(target), None));
                now.status.targets.push(status);
                now.running.push(running);
            }
        });
    }

    /// What shows whether the daemon is alive.
    pub(super) fn pulse(&self, clock: Time) -> Seen {
        self.with(|now| {
            let mut seen = Seen::default();
            for (status, running) in now.status.targets.iter().zip(&now.running) {
                match running {
                    Some(progress) => {
                        let look = progress.look();
                        seen.busy += 1;
                        seen.moved += look.pulled + look.commits + look.looks;
                    }
                    None if is_past(status.next_run, clock) => seen.overdue.push(status.target.clone()),
                    None => {}
                }
            }
            seen
        })
    }

    /// No pass is under way any more.
    pub(super) fn end(&self) {
        self.with(|now| {
            for (status, running) in now.status.targets.iter_mut().zip(&mut now.running) {
                *running = None;
                if status.state == State::Running {
                    status.state = State::Idle;
                }
            }
        });
    }

    /// What is known now.
    pub(super) fn look(&self) -> Status {
        let mut status = self.with(|now| {
            let mut status = now.status.clone();
            for (target, running) in status.targets.iter_mut().zip(&now.running) {
                target.progress = running.as_ref().map(|progress| progress.look().into());
            }
            status
        });
        status.stamp(self.clock.now());
        status
    }

    /// Keeps the file up to date until `stop`.
    pub(super) async fn keep(self: Arc<Self>, stop: CancellationToken) {
        let mut written: Option<Status> = None;
        let mut failed = false;
        loop {
            let status = self.look();
            let news = written.as_mut().is_none_or(|written| {
                written.stamp(status.written_at);
                *written != status
            });
            if news {
                let wrote = Arc::clone(&self).write(status.clone()).await;
                written = wrote.then_some(status);
                failed = self.complain_once(failed, wrote);
            }
            if stop
                .run_until_cancelled(tokio::time::sleep(EVERY))
                .await
                .is_none()
            {
                return;
            }
        }
    }

    fn complain_once(&self, failed: bool, wrote: bool) -> bool {
        if !failed && !wrote {
            tracing::warn!(
                state_dir = %self.state_dir.display(),
                "`status` shows old news until `status.json` can be written again"
            );
        }
        !wrote
    }

    /// Writes the file once. Whether that went well.
    pub(super) async fn write(self: Arc<Self>, status: Status) -> bool {
        let writing = tokio::task::spawn_blocking(move || status.write(&self.state_dir));
        match writing.await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::debug!(error = %Chain(&error), "writing `status.json` failed");
                false
            }
            Err(_) => false,
        }
    }
}

/// A target of which nothing is known yet.
fn fresh(target: &Target) -> TargetStatus {
    TargetStatus {
        target: target.name.to_string(),
        ..TargetStatus::default()
    }
}
