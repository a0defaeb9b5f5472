//! A poke every second, so that no worker oversleeps when the machine was suspended or its clock was set.
//!
//! The only file that names `tokio_cron_scheduler`. That library's runs overlap, its time zones freeze and its jobs may
//! die unheard: so it says "look at the clock" and nothing else, and workers look by themselves when it falls silent.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use tokio_util::sync::CancellationToken;

/// Pokes whoever waits, until `stop`.
pub(super) async fn beat(poke: Arc<Notify>, stop: CancellationToken) {
    match start(poke).await {
        Ok(mut scheduler) => {
            stop.cancelled().await;
            if let Err(error) = scheduler.shutdown().await {
                tracing::debug!(%error, "the heartbeat did not stop");
            }
        }
        Err(error) => {
            tracing::warn!(%error, "no heartbeat: passes may start a few seconds late after a suspend")
        }
    }
}

async fn start(poke: Arc<Notify>) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new().await?;
    let job = Job::new("* * * * * *", move |_, _| poke.notify_waiters())?;
    scheduler.add(job).await?;
    scheduler.start().await?;
    Ok(scheduler)
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use tokio::{sync::Notify, time::timeout};
    use tokio_util::{sync::CancellationToken, task::TaskTracker};

    #[tokio::test]
    async fn it_pokes_again_and_again_until_it_is_stopped() {
        let (poke, stop, tasks) = (
            Arc::new(Notify::new()),
            CancellationToken::new(),
            TaskTracker::new(),
        );
        tasks.spawn(super::beat(Arc::clone(&poke), stop.clone()));
        for _ in 0..3 {
            timeout(Duration::from_secs(20), poke.notified()).await.unwrap();
        }
        stop.cancel();
        tasks.close();
        timeout(Duration::from_secs(20), tasks.wait()).await.unwrap();
    }
}
