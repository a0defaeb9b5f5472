//! `run`: the daemon.

use tokio_util::task::TaskTracker;

use super::{CliError, Exit, args::Run, console::Console};
use crate::daemon::{self, Around, Options, Reload, Stop, Supervisor};

pub(super) async fn run(console: &Console, args: Run) -> Result<Exit, CliError> {
    let again = console.reader();
    let reload = Reload::new(console.config_files(), move || {
        let (settings, warnings) = again()?;
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        Ok(settings)
    });
    let settings = console.settings()?;
    let options = Options {
        shard: args.shard,
        ..Options::default()
    };
    let tasks = TaskTracker::new();
    let stop = Stop::on_signals(&tasks).map_err(CliError::Runtime)?;
    let around = Around {
        reload,
        supervisor: Supervisor::of_this_process(),
        ..Around::default()
    };
    let ended = daemon::run(settings, around, console.clock.clone(), options, stop.clone()).await;
    stop.leave.cancel();
    tasks.close();
    tasks.wait().await;
    ended.map_err(CliError::Open)?;
    Ok(Exit::Done)
}
