//! `run`: the daemon.

use tokio_util::sync::CancellationToken;

use super::{CliError, Exit, args::Run, console::Console};

pub(super) async fn run(console: &Console, args: Run, stop: CancellationToken) -> Result<Exit, CliError> {
    let settings = console.settings()?;
    // CALL SITE: crate::daemon::run(settings, console.clock.clone(), options with args.shard, stop).await
    //     .map_err(CliError::Open)?; Ok(Exit::Done)
    let _ = (settings, args.shard, stop);
    Err(CliError::NotYet { command: "run" })
}
