//! The daemon: a worker for each target, each pass at its due time, until it is asked to stop.
//!
//! Nothing that befalls a target ends it or touches another target: what cannot be opened is tried again, what fails is
//! tried again at the next due time. It ends when it is told to, or at once if the state directory cannot be taken.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::{sync::Notify, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    archive::Archive,
    checkpoint::{Checkpoint, CheckpointError},
    clock::Clock,
    error::{Action, Chain},
    fleet::{Fleet, OpenError},
    settings::Settings,
    status::{LastError, State},
    target::Target,
};

mod board;
mod comparing;
mod heartbeat;
mod shard;
mod stop;
mod worker;

use board::Board;
pub use shard::{BadShard, Shard};
pub use stop::Stop;

/// What was cut off still gets this long to let go of what it holds.
const LAST_BREATH: Duration = Duration::from_secs(1);

/// How the daemon runs.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The share of the targets that is run here. None: all.
    pub shard: Option<Shard>,
    /// How long passes may take to end once it is asked to stop; then they are cut off, which loses nothing.
    pub drain: Duration,
    /// How long to wait before an archive or a connection that cannot be opened is tried again.
    pub reopen: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            shard: None,
            drain: Duration::from_secs(25),
            reopen: Duration::from_secs(30),
        }
    }
}

/// What all tasks of the daemon share.
struct Daemon {
    settings: Settings,
    /// Those of the shard, in the order of the configuration.
    targets: Vec<Target>,
    clock: Clock,
    options: Options,
    /// Holds the state directory until the daemon is gone.
    checkpoint: Checkpoint,
    board: Arc<Board>,
    /// Workers that wait look at the clock when it is poked.
    poke: Arc<Notify>,
    /// End when the step at hand is done.
    stop: CancellationToken,
    /// End at the next await.
    leave: CancellationToken,
    tasks: TaskTracker,
}

/// Runs every target's passes on its schedule until `stop` asks it to end.
///
/// # Errors
/// If the state directory cannot be taken: in use, or not usable. Nothing else ends it by itself.
pub async fn run(settings: Settings, clock: Clock, options: Options, stop: Stop) -> Result<(), OpenError> {
    let daemon = Arc::new(Daemon::new(settings, clock, options, &stop).await?);
    tracing::info!(
        targets = daemon.targets.len(),
        shard = options.shard.map(tracing::field::display),
        instance = daemon.settings.instance,
        state_dir = %daemon.settings.state_dir.display(),
        "started"
    );
    let beat = heartbeat::beat(Arc::clone(&daemon.poke), daemon.stop.clone());
    daemon.spawn(beat);
    daemon.spawn(Arc::clone(&daemon.board).keep(daemon.stop.clone()));
    daemon.spawn(Arc::clone(&daemon).open());

    tokio::select! {
        () = daemon.stop.cancelled() => {}
        () = daemon.leave.cancelled() => {}
    }
    daemon.drain().await;
    daemon.board.end();
    let last = daemon.board.look();
    Arc::clone(&daemon.board).write(last).await;
    tracing::info!("stopped");
    // Closing the checkpoint's database blocks.
    let _ = tokio::task::spawn_blocking(move || drop(daemon)).await;
    Ok(())
}

impl Daemon {
    async fn new(settings: Settings, clock: Clock, options: Options, stop: &Stop) -> Result<Self, OpenError> {
        let state_dir = settings.state_dir.clone();
        let taking = tokio::task::spawn_blocking(move || Checkpoint::open(&state_dir));
        let checkpoint = taking
            .await
            .unwrap_or_else(|died| Err(CheckpointError::Died(died)))
            .map_err(OpenError::Checkpoint)?;
        let ours = |target: &&Target| options.shard.is_none_or(|shard| shard.holds(&target.name));
        let targets: Vec<Target> = settings.targets.iter().filter(ours).cloned().collect();
        let board = Board::new(
            clock.clone(),
            settings.state_dir.clone(),
            &settings.instance,
            &targets,
        );
        Ok(Self {
            settings,
            targets,
            clock,
            options,
            checkpoint,
            board: Arc::new(board),
            poke: Arc::default(),
            stop: stop.stop.child_token(),
            leave: stop.leave.child_token(),
            tasks: TaskTracker::new(),
        })
    }

    /// Starts a task that `leave` cuts off. In a box: the layers around it would each make room for it.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = self.leave.clone().run_until_cancelled_owned(Box::pin(task));
        self.tasks.spawn(task);
    }

    /// Opens the archive, then each connection by itself: one that cannot be opened keeps no other from working.
    async fn open(self: Arc<Self>) {
        let archive = self.settings.archive.clone();
        let open = move || Archive::open(&archive).map_err(OpenError::Archive);
        let all: Vec<Target> = self.targets.clone();
        let Some(archive) = self.insist(&all, open).await else {
            return;
        };
        let (clock, checkpoint) = (self.clock.clone(), self.checkpoint.clone());
        let fleet = Arc::new(Fleet::unconnected(&self.settings, clock, checkpoint, archive));
        self.board.name_run(&fleet.shared.run);
        let connections: BTreeSet<&String> = all.iter().map(|target| &target.connection).collect();
        for connection in connections {
            let its = all.iter().filter(|target| target.connection == *connection);
            let its = its.cloned().collect();
            self.spawn(Arc::clone(&self).connect(Arc::clone(&fleet), its));
        }
    }

    /// Opens the connection of these targets, then sets them to work.
    async fn connect(self: Arc<Self>, fleet: Arc<Fleet>, targets: Vec<Target>) {
        let Some(first) = targets.first().cloned() else {
            return;
        };
        let line = Arc::clone(&fleet);
        let open = move || line.exporter(&first).map(drop);
        if self.insist(&targets, open).await.is_some() {
            for target in targets {
                self.spawn(worker::work(Arc::clone(&self), Arc::clone(&fleet), target));
            }
        }
    }

    /// Tries to open something until it is open, or None when it is time to stop. What keeps it closed is told once.
    async fn insist<T: Send + 'static>(
        &self,
        targets: &[Target],
        open: impl Fn() -> Result<T, OpenError> + Clone + Send + 'static,
    ) -> Option<T> {
        let mut told = String::new();
        loop {
            match tokio::task::spawn_blocking(open.clone()).await {
                Ok(Ok(opened)) => return Some(opened),
                Ok(Err(error)) => {
                    let message = Chain(&error).to_string();
                    self.complain(targets, &error, &message, told != message);
                    told = message;
                }
                Err(died) => tracing::error!(error = %Chain(&died), "opening died"),
            }
            self.stop
                .run_until_cancelled(tokio::time::sleep(self.options.reopen))
                .await?;
        }
    }

    fn complain(&self, targets: &[Target], error: &OpenError, message: &str, news: bool) {
        let (hint, action) = (error.hint(), error.action());
        if news {
            tracing::error!(
                error = message,
                hint,
                targets = targets.len(),
                every = ?self.options.reopen,
                "cannot begin: trying again and again"
            );
        } else {
            tracing::debug!(error = message, "still cannot begin");
        }
        for target in targets {
            self.board.change(&target.name, None, |status| {
                status.state = failing(action);
                status.last_error = Some(LastError {
                    message: message.to_owned(),
                    hint: hint.clone(),
                    at: self.clock.now(),
                    action: action.into(),
                });
            });
        }
    }

    /// Lets passes end in their own time, within the deadline.
    async fn drain(&self) {
        self.stop.cancel();
        self.tasks.close();
        let drained = tokio::select! {
            biased;
            () = self.tasks.wait() => true,
            () = self.leave.cancelled() => false,
            () = tokio::time::sleep(self.options.drain) => {
                tracing::warn!(
                    after = ?self.options.drain,
                    "passes did not end in time and are cut off; nothing is lost, the next start goes on from their last commit"
                );
                false
            }
        };
        if !drained {
            self.leave.cancel();
            // Only what is blocked outside of tokio may still be there after that.
            let _ = timeout(LAST_BREATH, self.tasks.wait()).await;
        }
    }
}

/// The state of a target whose last try failed.
fn failing(action: Action) -> State {
    match action {
        Action::Retry | Action::NextTick => State::Failing,
        Action::Stop => State::NeedsPerson,
    }
}

#[cfg(test)]
mod tests;
