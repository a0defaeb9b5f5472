//! `run`: the daemon.

use tokio_util::task::TaskTracker;

use super::{CliError, Exit, args::Run, console::Console};
use crate::daemon::{self, Options, Stop, Supervisor};

pub(super) async fn run(console: &Console, args: Run) -> Result<Exit, CliError> {
    let settings = console.settings()?;
    let options = Options {
        shard: args.shard,
        ..Options::default()
    };
    let tasks = TaskTracker::new();
    let stop = Stop::on_signals(&tasks).map_err(CliError::Runtime)?;
    let supervisor = Supervisor::of_this_process();
    let ended = daemon::run(settings, console.clock.clone(), options, stop.clone(), supervisor).await;
    stop.leave.cancel();
    tasks.close();
    tasks.wait().await;
    ended.map_err(CliError::Open)?;
    Ok(Exit::Done)
}
