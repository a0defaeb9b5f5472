//! Who works for which target: workers are hired for what a configuration says, kept where a new one says the same, and
//! replaced between passes where it does not.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::task_tracker::TaskTrackerToken,
};

use super::{Daemon, Shard, changes::Changes, worker};
use crate::{
    archive::Archive,
    checkpoint::CheckpointError,
    error::Chain,
    fleet::{Fleet, OpenError},
    settings::Settings,
    status::LastError,
    target::{Target, TargetName},
};

/// The configuration in force, and what came of it so far.
pub(super) struct Crew(Mutex<Inner>);

struct Inner {
    settings: Arc<Settings>,
    /// Those of the shard, in the order of the configuration.
    targets: Vec<Target>,
    /// None before the archive is open.
    fleet: Option<Arc<Fleet>>,
    /// Ends what still tries to open something for this configuration.
    opening: CancellationToken,
    hands: BTreeMap<TargetName, Hand>,
}

/// A worker.
struct Hand {
    target: Target,
    fleet: Arc<Fleet>,
    /// Has it end when the step at hand is done.
    stop: CancellationToken,
    /// It has ended.
    ended: CancellationToken,
}

/// How far the crew is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Readiness {
    /// Every target has its worker.
    Ready,
    /// The archive is not open.
    NoArchive,
    /// So many targets wait for their connection to be opened.
    Waiting(usize),
}

impl Crew {
    pub(super) fn new(settings: Settings, targets: Vec<Target>, stop: &CancellationToken) -> Self {
        Self(Mutex::new(Inner {
            settings: Arc::new(settings),
            targets,
            fleet: None,
            opening: stop.child_token(),
            hands: BTreeMap::new(),
        }))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The configuration in force.
    pub(super) fn settings(&self) -> Arc<Settings> {
        self.with(|now| Arc::clone(&now.settings))
    }

    /// How many requests were sent.
    pub(super) fn requests(&self) -> u64 {
        let fleet = self.with(|now| now.fleet.clone());
        fleet.map_or(0, |fleet| fleet.requests())
    }

    /// Targets whose worker has ended, though nobody asked it to.
    pub(super) fn deserted(&self) -> Vec<String> {
        self.with(|now| {
            let hands = now.hands.iter();
            let gone = hands.filter(|(_, hand)| hand.ended.is_cancelled() && !hand.stop.is_cancelled());
            gone.map(|(name, _)| name.to_string()).collect()
        })
    }

    pub(super) fn readiness(&self) -> Readiness {
        self.with(|now| match (&now.fleet, now.targets.len()) {
            (None, 1..) => Readiness::NoArchive,
            (_, all) => {
                let working = |target: &&Target| {
                    let hand = now.hands.get(&target.name);
                    hand.is_some_and(|hand| !hand.ended.is_cancelled())
                };
                match all - now.targets.iter().filter(working).count() {
                    0 => Readiness::Ready,
                    waiting => Readiness::Waiting(waiting),
                }
            }
        })
    }
}

impl Daemon {
    /// Opens the archive, then each connection by itself: one that cannot be opened keeps no other from working.
    /// `first_try` is let go of when all are at work, or something could not be opened.
    pub(super) async fn open(self: Arc<Self>, mut first_try: Option<TaskTrackerToken>) {
        let (settings, targets, opening) = self.crew.with(|now| {
            let opening = now.opening.clone();
            (Arc::clone(&now.settings), now.targets.clone(), opening)
        });
        let archive = settings.archive.clone();
        let open = move || Archive::open(&archive).map_err(OpenError::Archive);
        let Some(archive) = self.insist(&targets, open, &opening, &mut first_try).await else {
            return;
        };
        let (clock, checkpoint) = (self.clock.clone(), self.checkpoint.clone());
        let fleet = Fleet::unconnected(&settings, clock, checkpoint, archive);
        let fleet = Arc::new(fleet.counting_in(self.metrics.tallies().clone()));
        self.board.name_run(&fleet.shared.run);
        let current = self.crew.with(|now| {
            let current = !opening.is_cancelled();
            if current {
                now.fleet = Some(Arc::clone(&fleet));
            }
            current
        });
        if current {
            let names = targets.iter().map(|target| target.name.clone()).collect();
            self.follow(&fleet.shared, &settings, names);
            self.connect(&fleet, targets, &opening, first_try.as_ref());
        }
    }

    /// Opens the connections of these targets, then sets them to work.
    fn connect(
        self: &Arc<Self>,
        fleet: &Arc<Fleet>,
        targets: Vec<Target>,
        opening: &CancellationToken,
        first_try: Option<&TaskTrackerToken>,
    ) {
        let connections: BTreeSet<String> = targets.iter().map(|target| target.connection.clone()).collect();
        for connection in connections {
            let its = targets.iter().filter(|target| target.connection == connection);
            let its: Vec<Target> = its.cloned().collect();
            let (daemon, fleet, opening) = (Arc::clone(self), Arc::clone(fleet), opening.clone());
            let mut first_try = first_try.cloned();
            self.spawn(async move {
                let Some(first) = its.first().cloned() else { return };
                let line = Arc::clone(&fleet);
                let open = move || line.exporter(&first).map(drop);
                let opened = daemon.insist(&its, open, &opening, &mut first_try).await;
                if opened.is_some() {
                    its.into_iter()
                        .for_each(|target| daemon.hire(&fleet, target, &opening));
                }
            });
        }
    }

    /// Sets a target to work, unless somebody does that very work.
    fn hire(self: &Arc<Self>, fleet: &Arc<Fleet>, target: Target, opening: &CancellationToken) {
        let (stop, ended) = (self.stop.child_token(), CancellationToken::new());
        let before = self.crew.with(|now| {
            let known = now.hands.get(&target.name);
            if opening.is_cancelled() || known.is_some_and(|hand| hand.does(&target, fleet)) {
                return None;
            }
            let hand = Hand {
                target: target.clone(),
                fleet: Arc::clone(fleet),
                stop: stop.clone(),
                ended: ended.clone(),
            };
            let before = now.hands.insert(target.name.clone(), hand);
            Some(before.map(|hand| hand.retire()))
        });
        let Some(before) = before else { return };
        let (daemon, fleet, guard) = (Arc::clone(self), Arc::clone(fleet), ended.drop_guard());
        self.spawn(async move {
            let _guard: DropGuard = guard;
            // One worker for a target at a time.
            if let Some(before) = before {
                before.cancelled().await;
            }
            worker::work(daemon, fleet, target, stop).await;
        });
    }

    /// Takes over a new configuration: what stayed the same goes on, what has changed begins anew when the step at hand
    /// is done.
    ///
    /// # Errors
    /// If something that has changed cannot be opened: then nothing has changed.
    pub(super) async fn adopt(self: &Arc<Self>, settings: Settings) -> Result<Changes, OpenError> {
        let targets = self.ours(&settings);
        let old = self.crew.with(|now| now.fleet.clone());
        let settings = Arc::new(settings);
        let renewed = match old {
            Some(fleet) => {
                let settings = Arc::clone(&settings);
                let renewing = tokio::task::spawn_blocking(move || fleet.renewed(&settings));
                match renewing.await {
                    Ok(renewed) => Some(Arc::new(renewed?)),
                    Err(died) => return Err(OpenError::Checkpoint(CheckpointError::Died(died))),
                }
            }
            None => None,
        };
        self.show(settings.http.as_ref()).await?;
        let opening = self.stop.child_token();
        let changes = self.crew.with(|now| {
            now.opening.cancel();
            now.opening = opening.clone();
            let changes = Changes::between((&now.settings, &now.targets), (&settings, &targets));
            (now.settings, now.fleet) = (settings, renewed.clone());
            now.targets.clone_from(&targets);
            now.dismiss();
            changes
        });
        self.board.set(&targets);
        self.metrics.configure(
            &self.crew.settings(),
            &targets,
            self.options.shard.map(Shard::place),
        );
        match renewed {
            Some(fleet) => {
                let names = targets.iter().map(|target| target.name.clone()).collect();
                self.follow(&fleet.shared, &self.crew.settings(), names);
                self.connect(&fleet, targets, &opening, None);
            }
            None => self.spawn(Arc::clone(self).open(None)),
        }
        Ok(changes)
    }

    /// Tries to open something until it is open, or None when it is time to stop. What keeps it closed is told once.
    /// `first_try` is let go of when the first one fails.
    async fn insist<T: Send + 'static>(
        &self,
        targets: &[Target],
        open: impl Fn() -> Result<T, OpenError> + Clone + Send + 'static,
        stop: &CancellationToken,
        first_try: &mut Option<TaskTrackerToken>,
    ) -> Option<T> {
        let mut told = String::new();
        loop {
            match tokio::task::spawn_blocking(open.clone()).await {
                Ok(Ok(opened)) => return Some(opened),
                Ok(Err(error)) => {
                    let message = Chain(&error).to_string();
                    self.complain(targets, &error, &message, told != message);
                    told = message;
                }
                Err(died) => tracing::error!(error = %Chain(&died), "opening died"),
            }
            *first_try = None;
            stop.run_until_cancelled(tokio::time::sleep(self.options.reopen))
                .await?;
        }
    }

    fn complain(&self, targets: &[Target], error: &OpenError, message: &str, news: bool) {
        let (hint, action) = (error.hint(), error.action());
        if news {
            tracing::error!(
                error = message,
                hint,
                targets = targets.len(),
                every = ?self.options.reopen,
                "cannot begin: trying again and again"
            );
        } else {
            tracing::debug!(error = message, "still cannot begin");
        }
        for target in targets {
            self.board.change(&target.name, None, |status| {
                status.state = super::failing(action);
                status.last_error = Some(LastError {
                    message: message.to_owned(),
                    hint: hint.clone(),
                    at: self.clock.now(),
                    action: action.into(),
                });
            });
        }
    }
}

impl Inner {
    /// Retires who works for no target any more; others are replaced when their successors are hired.
    fn dismiss(&mut self) {
        let names: BTreeSet<&TargetName> = self.targets.iter().map(|target| &target.name).collect();
        self.hands.retain(|name, hand| {
            let needed = names.contains(name);
            if !needed {
                hand.stop.cancel();
            }
            needed || !hand.ended.is_cancelled()
        });
    }
}

impl Hand {
    fn does(&self, target: &Target, fleet: &Fleet) -> bool {
        !self.stop.is_cancelled()
            && self.target == *target
            && self.fleet.is_same_for(&target.connection, fleet)
    }

    /// Asks it to end; tells when it has.
    fn retire(self) -> CancellationToken {
        self.stop.cancel();
        self.ended
    }
}
