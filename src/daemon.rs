//! The daemon: a worker for each target, each pass at its due time, until it is asked to stop.
//!
//! Nothing that befalls a target ends it or touches another target: what cannot be opened is tried again, what fails is
//! tried again at the next due time. It ends when it is told to, or at once if the state directory cannot be taken.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Notify, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    checkpoint::{Checkpoint, CheckpointError},
    clock::Clock,
    error::Action,
    fleet::OpenError,
    metrics::Metrics,
    settings::Settings,
    status::State,
    target::Target,
};

mod board;
mod changes;
mod comparing;
mod crew;
mod following;
mod heartbeat;
mod pulse;
mod reload;
mod shard;
mod showing;
mod stop;
mod systemd;
mod turn;
mod worker;

use board::Board;
use crew::Crew;
use following::Following;
use pulse::Pulse;
pub use reload::{Reload, ReloadError};
pub use shard::{BadShard, Shard};
use showing::Showing;
pub use stop::Stop;
pub use systemd::Supervisor;

/// What was cut off still gets this long to let go of what it holds.
const LAST_BREATH: Duration = Duration::from_secs(1);

/// Counts as started after this long even if opening the archive takes longer: nobody is to kill it for that.
const READY_AT_LATEST: Duration = Duration::from_secs(10);

/// How the daemon runs.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The share of the targets that is run here. None: all.
    pub shard: Option<Shard>,
    /// How long passes may take to end once it is asked to stop; then they are cut off, which loses nothing.
    pub drain: Duration,
    /// How long to wait before an archive or a connection that cannot be opened is tried again.
    pub reopen: Duration,
    /// How often to look whether files of the configuration have changed.
    pub look: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            shard: None,
            drain: Duration::from_secs(25),
            reopen: Duration::from_secs(30),
            look: Duration::from_secs(5),
        }
    }
}

/// What all tasks of the daemon share.
struct Daemon {
    clock: Clock,
    options: Options,
    /// Holds the state directory until the daemon is gone.
    checkpoint: Checkpoint,
    board: Arc<Board>,
    showing: Showing,
    crew: Crew,
    pulse: Pulse,
    metrics: Metrics,
    following: Following,
    /// Workers that wait look at the clock when it is poked.
    poke: Arc<Notify>,
    /// End when the step at hand is done.
    stop: CancellationToken,
    /// End at the next await.
    leave: CancellationToken,
    tasks: TaskTracker,
    /// Held by whoever opens something and has neither succeeded nor failed yet.
    first_tries: TaskTracker,
}

/// What stands around the daemon.
#[derive(Clone, Default)]
pub struct Around {
    /// Where another configuration comes from. The default: there never is one.
    pub reload: Reload,
    /// Is told how it is: ready once targets are at work or what they need could not be opened at first try. The
    /// default: nobody.
    pub supervisor: Supervisor,
    /// What happens is counted here.
    pub metrics: Metrics,
}

/// Runs every target's passes on its schedule until `stop` asks it to end.
///
/// # Errors
/// If the state directory cannot be taken: in use, or not usable. Nothing else ends it by itself.
pub async fn run(
    settings: Settings,
    around: Around,
    clock: Clock,
    options: Options,
    stop: Stop,
) -> Result<(), OpenError> {
    let Around {
        reload,
        supervisor,
        metrics,
    } = around;
    let seen = reload.before(&settings).await;
    let daemon = Arc::new(Daemon::new(settings, clock, options, &stop, metrics).await?);
    let settings = daemon.crew.settings();
    daemon.show(settings.http.as_ref()).await?;
    tracing::info!(
        targets = daemon.ours(&settings).len(),
        shard = options.shard.map(tracing::field::display),
        instance = settings.instance,
        state_dir = %settings.state_dir.display(),
        "started"
    );
    let beat = heartbeat::beat(Arc::clone(&daemon.poke), daemon.stop.clone());
    daemon.spawn(beat);
    daemon.spawn(Arc::clone(&daemon.board).keep(daemon.stop.clone()));
    daemon.spawn(Arc::clone(&daemon).open(Some(daemon.first_tries.token())));
    daemon.spawn(Arc::clone(&daemon).announce(supervisor.clone()));
    daemon.spawn(Arc::clone(&daemon).take_pulse());
    daemon.spawn(Arc::clone(&daemon).reload(reload, seen, stop.hangup.clone(), supervisor.clone()));

    let (watched, drained) = (Arc::clone(&daemon), CancellationToken::new());
    let alive = || daemon.trouble().is_none();
    let line = move || systemd::headline(&watched.board.look());
    let watching = supervisor.clone().watch(alive, line, drained.clone());
    let running = async {
        tokio::select! {
            () = daemon.stop.cancelled() => {}
            () = daemon.leave.cancelled() => {}
        }
        supervisor.stopping();
        daemon.drain().await;
        drained.cancel();
    };
    tokio::join!(watching, running);
    daemon.board.end();
    let last = daemon.board.look();
    Arc::clone(&daemon.board).write(last).await;
    daemon.showing.end().await;
    tracing::info!("stopped");
    // Closing the checkpoint's database blocks.
    let _ = tokio::task::spawn_blocking(move || drop(daemon)).await;
    Ok(())
}

impl Daemon {
    async fn new(
        settings: Settings,
        clock: Clock,
        options: Options,
        stop: &Stop,
        metrics: Metrics,
    ) -> Result<Self, OpenError> {
        let state_dir = settings.state_dir.clone();
        let taking = tokio::task::spawn_blocking(move || Checkpoint::open(&state_dir));
        let checkpoint = taking
            .await
            .unwrap_or_else(|died| Err(CheckpointError::Died(died)))
            .map_err(OpenError::Checkpoint)?;
        let targets = share(&settings, options.shard);
        metrics.configure(&settings, &targets, options.shard.map(Shard::place));
        let board = Board::new(
            clock.clone(),
            settings.state_dir.clone(),
            &settings.instance,
            options.shard,
            &targets,
        );
        let stopping = stop.stop.child_token();
        Ok(Self {
            crew: Crew::new(settings, targets, &stopping),
            clock,
            options,
            checkpoint,
            board: Arc::new(board),
            showing: Showing::default(),
            pulse: Pulse::default(),
            metrics,
            following: Following::default(),
            poke: Arc::default(),
            stop: stopping,
            leave: stop.leave.child_token(),
            tasks: TaskTracker::new(),
            first_tries: TaskTracker::new(),
        })
    }

    /// Says that it has started.
    async fn announce(self: Arc<Self>, supervisor: Supervisor) {
        self.first_tries.close();
        let tried = timeout(READY_AT_LATEST, self.first_tries.wait());
        if self.stop.run_until_cancelled(tried).await.is_some() {
            supervisor.ready();
        }
    }

    /// Those targets of a configuration that are run here.
    fn ours(&self, settings: &Settings) -> Vec<Target> {
        share(settings, self.options.shard)
    }

    /// Starts a task that `leave` cuts off. In a box: the layers around it would each make room for it.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = self.leave.clone().run_until_cancelled_owned(Box::pin(task));
        self.tasks.spawn(task);
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

fn share(settings: &Settings, shard: Option<Shard>) -> Vec<Target> {
    let ours = |target: &&Target| shard.is_none_or(|shard| shard.holds(&target.name));
    settings.targets.iter().filter(ours).cloned().collect()
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
