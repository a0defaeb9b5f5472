//! The daemon's HTTP server: where it listens, and where what it shows comes from.

use std::{
    io,
    net::SocketAddr,
    ops::RangeInclusive,
    sync::{Arc, Weak},
    time::Duration,
};

use chrono::NaiveDate;
use tokio::{
    net::TcpListener,
    sync::Mutex,
    time::{Instant, sleep, timeout},
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::{Daemon, crew::Readiness};
use crate::{
    checkpoint::Checkpoint,
    error::Chain,
    fleet::OpenError,
    settings::HttpSettings,
    web::{self, Coverage, Sources, Web},
};

/// Connections that are still open when all else has ended get this long.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// An address that is being left is free after this at the latest,
const LEFT_WITHIN: Duration = Duration::from_secs(2);
/// and is tried this often.
const TRY_EVERY: Duration = Duration::from_millis(20);

/// The server, if there is one. It outlives the passes, so that whoever asks is told how stopping goes.
#[derive(Default)]
pub(super) struct Showing {
    now: Mutex<Option<Open>>,
    tasks: TaskTracker,
}

struct Open {
    /// As configured: port 0 stays 0.
    listen: SocketAddr,
    web: Arc<Web>,
    /// Ends it when dropped.
    _stop: DropGuard,
}

impl Showing {
    fn serve(&self, listener: TcpListener, listen: SocketAddr, web: Arc<Web>) -> Open {
        if let Ok(address) = listener.local_addr() {
            tracing::info!(%address, "health, metrics and the status page are served over HTTP");
        }
        let stop = CancellationToken::new();
        self.tasks
            .spawn(web::serve(listener, Arc::clone(&web), stop.clone()));
        Open {
            listen,
            web,
            _stop: stop.drop_guard(),
        }
    }

    /// Takes an address that may be in use by the server itself: where the port stays, one of the machine's addresses and
    /// all of them exclude each other. Then the old one is left first, and taken again if that does not help.
    async fn listen(&self, now: &mut Option<Open>, to: SocketAddr) -> io::Result<TcpListener> {
        let error = match web::listen(to).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => error,
            other => return other,
        };
        let Some(Open {
            listen: from, web, ..
        }) = now.take_if(|open| open.listen.port() == to.port())
        else {
            return Err(error);
        };
        let taken = listen_soon(to).await;
        if taken.is_err() {
            match listen_soon(from).await {
                Ok(listener) => *now = Some(self.serve(listener, from, web)),
                Err(error) => {
                    tracing::error!(address = %from, %error, "nothing is shown over HTTP any more: the address was taken meanwhile");
                }
            }
        }
        taken
    }

    /// Ends it: to be called when all else has ended.
    pub(super) async fn end(&self) {
        *self.now.lock().await = None;
        self.tasks.close();
        let _ = timeout(LAST_ANSWERS, self.tasks.wait()).await;
    }
}

/// Takes an address that somebody is about to leave.
async fn listen_soon(address: SocketAddr) -> io::Result<TcpListener> {
    let deadline = Instant::now() + LEFT_WITHIN;
    loop {
        match web::listen(address).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < deadline => {
                sleep(TRY_EVERY).await;
            }
            other => return other,
        }
    }
}

impl Daemon {
    /// Listens where the settings say, from now on; nowhere without them. Where it listens already it goes on.
    ///
    /// # Errors
    /// If the address cannot be taken. Then it goes on to listen where it did.
    pub(super) async fn show(self: &Arc<Self>, settings: Option<&HttpSettings>) -> Result<(), OpenError> {
        let mut now = self.showing.now.lock().await;
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
        let listener = self.showing.listen(&mut now, *listen).await;
        let listener = listener.map_err(|source| OpenError::Listen {
            address: *listen,
            source,
        })?;
        let sources = sources(&Arc::downgrade(self));
        let web = Arc::new(Web::new(self.clock.clone(), loopback, hosts.clone(), sources));
        *now = Some(self.showing.serve(listener, *listen, web));
        Ok(())
    }

    /// Why it does not do its work yet, or no more.
    fn unready(&self) -> Vec<String> {
        let stopping = self.stop.is_cancelled().then(|| "it is stopping".to_owned());
        let waiting = match self.crew.readiness() {
            Readiness::Ready => None,
            Readiness::NoArchive => Some("the archive is not open yet".to_owned()),
            Readiness::Waiting(targets) => Some(format!(
                "{targets} targets wait for their connection to be opened"
            )),
        };
        stopping.into_iter().chain(waiting).collect()
    }
}

/// What is shown of a daemon. Once it is gone, nothing is.
fn sources(daemon: &Weak<Daemon>) -> Sources {
    let from = |daemon: &Weak<Daemon>| {
        let daemon = daemon.clone();
        move || daemon.upgrade()
    };
    let gone = || vec!["it has ended".to_owned()];
    let (status, coverage, metrics) = (from(daemon), from(daemon), from(daemon));
    let (alive, ready) = (from(daemon), from(daemon));
    Sources {
        status: Arc::new(move || status().map(|daemon| daemon.board.look())),
        coverage: Arc::new(move |target, days| {
            let checkpoint = coverage().map(|daemon| daemon.checkpoint.clone());
            Box::pin(read(checkpoint, target, days))
        }),
        metrics: Arc::new(move || {
            let text = |daemon: Arc<Daemon>| daemon.metrics.text(&daemon.board.look(), daemon.clock.now());
            metrics().map(text).unwrap_or_default()
        }),
        alive: Arc::new(move || alive().map_or_else(gone, |daemon| daemon.trouble().into_iter().collect())),
        ready: Arc::new(move || ready().map_or_else(gone, |daemon| daemon.unready())),
    }
}

/// What was counted of a target's commits. None: nothing yet, or it cannot be read now.
async fn read(
    checkpoint: Option<Checkpoint>,
    target: String,
    days: RangeInclusive<NaiveDate>,
) -> Option<Coverage> {
    let notes = checkpoint?.of(&target.parse().ok()?);
    match notes.calendar(*days.start(), *days.end()).await {
        Ok(calendar) => calendar.counted.is_some().then(|| Coverage::from(calendar)),
        Err(error) => {
            tracing::debug!(target, error = %Chain(&error), "the calendar cannot be read");
            None
        }
    }
}
