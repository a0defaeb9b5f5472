//! What shows that the daemon does its work, and that it does not.

use std::{sync::Arc, time::Duration};

use super::{
    super::{Daemon, Options, Stop, crew::Readiness},
    world::{HOURLY, World, wait_until},
};
use crate::metrics::Metrics;

#[tokio::test]
async fn a_target_whose_worker_has_died_is_told_though_it_has_no_due_time() {
    let world = World::new().await;
    let (settings, stop) = (world.settings("audit-1", HOURLY, &["one"]), Stop::default());
    let daemon = Daemon::new(
        settings,
        world.clock(),
        Options::default(),
        &stop,
        Metrics::default(),
    );
    let daemon = Arc::new(daemon.await.unwrap());
    assert_eq!(daemon.crew.readiness(), Readiness::NoArchive);
    Arc::clone(&daemon).open(None).await;
    wait_until("a worker", async || daemon.crew.readiness() == Readiness::Ready).await;
    assert_eq!(daemon.crew.deserted(), Vec::<String>::new());

    // As a panic would, between two passes; nobody has asked it to.
    daemon.leave.cancel();
    wait_until("its end", async || {
        daemon.crew.readiness() == Readiness::Waiting(1)
    })
    .await;
    assert_eq!(daemon.crew.deserted(), ["one"]);
    // Asked to stop, it may end.
    daemon.stop.cancel();
    assert_eq!(daemon.crew.deserted(), Vec::<String>::new());
    daemon.tasks.close();
    tokio::time::timeout(Duration::from_secs(20), daemon.tasks.wait())
        .await
        .unwrap();
}
