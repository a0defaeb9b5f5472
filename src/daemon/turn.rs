//! Passes that are due together begin in turns: each takes memory and asks the archive, however few requests the connection
//! lets through. A pass that takes long keeps nobody waiting.

use std::{any::Any, panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt as _;
use tokio::time::timeout;

use super::worker::Worker;
use crate::export::{Exporter, PassError, Summary};

/// A pass that takes longer than this no longer keeps others from beginning.
const TURN: Duration = Duration::from_secs(10);

impl Worker {
    /// Makes a pass when its turn comes. The outer error: it panicked.
    pub(super) async fn in_turn(
        &self,
        exporter: &mut Exporter,
    ) -> Result<Result<Summary, PassError>, Box<dyn Any + Send>> {
        let turn = self.fleet.turn(&self.target);
        let Some(turn) = self.stop.run_until_cancelled(turn).await else {
            return Ok(Ok(Summary {
                interrupted: true,
                ..Summary::default()
            }));
        };
        // In a box: it takes much room, which is only needed while there is one.
        let mut pass = Box::pin(AssertUnwindSafe(exporter.pass(false, &self.stop)).catch_unwind());
        match timeout(TURN, &mut pass).await {
            Ok(result) => result,
            Err(_) => {
                drop(turn);
                pass.await
            }
        }
    }
}
