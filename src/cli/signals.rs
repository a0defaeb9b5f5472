//! Signals: the first asks to stop, the second leaves at once.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{CliError, Console};

/// `SIGXFSZ` on Linux and macOS.
const FILE_TOO_LARGE: i32 = 25;

/// So long a command may take to stop without a word.
const PATIENCE: Duration = Duration::from_millis(300);

/// A write beyond the file size limit becomes an error of that write, not the death of the process.
pub(super) fn survive_file_size_limit() {
    if let Err(error) = signal(SignalKind::from_raw(FILE_TOO_LARGE)) {
        tracing::debug!(%error, "the signal of the file size limit cannot be handled");
    }
}

/// Cancels `stop` on the first SIGINT or SIGTERM, and returns on the second.
pub(super) async fn watch(console: &Console, stop: &CancellationToken) -> Result<(), CliError> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CliError::Runtime)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(CliError::Runtime)?;
    either(&mut interrupt, &mut terminate).await;
    stop.cancel();
    let again = either(&mut interrupt, &mut terminate);
    tokio::pin!(again);
    // Most steps are over sooner than anybody could read.
    if tokio::time::timeout(PATIENCE, &mut again).await.is_err() {
        console.note(
            "stopping after the step at hand; a second signal leaves at once; nothing is lost either way",
        );
        again.await;
    }
    Ok(())
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
