//! What signals ask of a process: to stop when the step at hand is done, to leave at once, to read the configuration again.

use std::{io, sync::Arc};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Requests to end, one more urgent than the other, and to reload.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// Finish the step at hand, then end.
    pub stop: CancellationToken,
    /// End now.
    pub leave: CancellationToken,
    /// Told when the configuration is to be read again.
    pub hangup: Arc<Notify>,
}

impl Stop {
    /// Listens for SIGTERM and SIGINT: the first one asks to stop, the second to leave. SIGHUP asks for a reload. The
    /// listening task ends once `leave` is cancelled, be it by a second signal or by whoever has nothing left to stop.
    ///
    /// # Errors
    /// If the system refuses to tell about signals.
    pub fn on_signals(tasks: &TaskTracker) -> io::Result<Self> {
        let mut signals = Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        };
        let both = Self::default();
        let Self { stop, leave, hangup } = both.clone();
        tasks.spawn(leave.clone().run_until_cancelled_owned(async move {
            let name = signals.next(&hangup).await;
            tracing::info!(
                signal = name,
                "stopping when the step at hand is done; a second signal leaves at once"
            );
            stop.cancel();
            let name = signals.next(&hangup).await;
            tracing::info!(signal = name, "leaving at once");
            leave.cancel();
        }));
        Ok(both)
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// The next request to end.
    async fn next(&mut self, hangup: &Notify) -> &'static str {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.hangup.recv() => hangup.notify_one(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{process::Command, time::timeout};
    use tokio_util::task::TaskTracker;

    use super::Stop;

    #[tokio::test]
    async fn the_first_signal_stops_and_the_second_leaves_but_a_hangup_reloads() {
        let tasks = TaskTracker::new();
        let both = Stop::on_signals(&tasks).unwrap();
        let limit = Duration::from_secs(20);
        kill("-HUP").await;
        timeout(limit, both.hangup.notified()).await.unwrap();
        kill("-TERM").await;
        timeout(limit, both.stop.cancelled()).await.unwrap();
        assert!(!both.leave.is_cancelled());
        kill("-INT").await;
        timeout(limit, both.leave.cancelled()).await.unwrap();
        tasks.close();
        timeout(limit, tasks.wait()).await.unwrap();
    }

    async fn kill(signal: &str) {
        let me = std::process::id().to_string();
        let status = Command::new("kill").args([signal, &me]).status().await;
        assert!(status.unwrap().success());
    }
}
