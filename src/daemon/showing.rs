//! The daemon's HTTP server: where it listens, and where what it shows comes from.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{sync::Mutex, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::board::Board;
use crate::{
    clock::Clock,
    fleet::OpenError,
    settings::HttpSettings,
    web::{self, Sources, Web},
};

/// Connections that are still open when all else has ended get this long.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// The server, if there is one. It outlives the passes, so that whoever asks is told how stopping goes.
pub(super) struct Showing {
    clock: Clock,
    sources: Sources,
    now: Mutex<Option<Open>>,
    tasks: TaskTracker,
}

struct Open {
    /// As configured: port 0 stays 0.
    listen: SocketAddr,
    web: Arc<Web>,
    stop: CancellationToken,
}

/// What is shown of a daemon.
pub(super) fn sources(board: &Arc<Board>, stop: &CancellationToken) -> Sources {
    let (status, ready, stop) = (Arc::clone(board), Arc::clone(board), stop.clone());
    Sources {
        status: Arc::new(move || status.look()),
        coverage: Arc::new(|_, _| Box::pin(async { None })),
        metrics: Arc::new(|| {
            let version = env!("CARGO_PKG_VERSION");
            format!(
                "# HELP uipath_audit_exporter_build_info Which version this is; always 1.\n\
                 # TYPE uipath_audit_exporter_build_info gauge\n\
                 uipath_audit_exporter_build_info{{version=\"{version}\"}} 1\n"
            )
        }),
        alive: Arc::new(Vec::new),
        ready: Arc::new(move || {
            let stopping = stop.is_cancelled().then(|| "it is stopping".to_owned());
            stopping.into_iter().chain(ready.unready()).collect()
        }),
    }
}

impl Showing {
    pub(super) fn new(clock: Clock, sources: Sources) -> Self {
        Self {
            clock,
            sources,
            now: Mutex::default(),
            tasks: TaskTracker::new(),
        }
    }

    /// Listens where the settings say, from now on; nowhere without them. Where it listens already it goes on.
    ///
    /// # Errors
    /// If the address cannot be taken. Then it goes on to listen where it did.
    pub(super) async fn apply(&self, settings: Option<&HttpSettings>) -> Result<(), OpenError> {
        let mut now = self.now.lock().await;
        let Some(HttpSettings { listen, hosts }) = settings else {
            if now.take().is_some() {
                tracing::info!("nothing is shown over HTTP any more");
            }
            return Ok(());
        };
        let loopback = listen.ip().is_loopback();
        if let Some(open) = now.as_ref().filter(|open| open.listen == *listen) {
            open.web.admit(loopback, hosts.clone());
            return Ok(());
        }
        let listener = web::listen(*listen).await.map_err(|source| OpenError::Listen {
            address: *listen,
            source,
        })?;
        if let Ok(address) = listener.local_addr() {
            tracing::info!(%address, "health, metrics and status page are served by HTTP");
        }
        let web = Arc::new(Web::new(
            self.clock.clone(),
            loopback,
            hosts.clone(),
            self.sources.clone(),
        ));
        let stop = CancellationToken::new();
        self.tasks
            .spawn(web::serve(listener, Arc::clone(&web), stop.clone()));
        *now = Some(Open {
            listen: *listen,
            web,
            stop,
        });
        Ok(())
    }

    /// Ends it: to be called when all else has ended.
    pub(super) async fn end(&self) {
        *self.now.lock().await = None;
        self.tasks.close();
        let _ = timeout(LAST_ANSWERS, self.tasks.wait()).await;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
