//! The daemon's follower: replaced when a configuration changes what it does, poked by workers.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::Daemon;
use crate::{
    checkpoint::Memory,
    export::Shared,
    follow::{Follower, News},
    settings::{ArchiveSettings, Settings, WebhookSettings},
    target::TargetName,
};

/// Who follows the targets' commits now, if anybody does.
#[derive(Default)]
pub(super) struct Following(Mutex<Option<Current>>);

struct Current {
    does: Does,
    follower: Option<Arc<Follower>>,
    stop: CancellationToken,
}

/// What a follower's work depends on.
pub(super) struct Does {
    /// Of the archive as it was opened: opened anew, be it for new certificates alone, it has others.
    archive: Arc<ArchiveSettings>,
    http: bool,
    webhook: Option<WebhookSettings>,
}

impl Does {
    pub(super) fn of(shared: &Shared, settings: &Settings) -> Self {
        Self {
            archive: Arc::clone(&shared.settings),
            http: settings.http.is_some(),
            webhook: settings.webhook.clone(),
        }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.archive, &other.archive)
            && (self.http, &self.webhook) == (other.http, &other.webhook)
    }
}

impl Following {
    fn with<T>(&self, act: impl FnOnce(&mut Option<Current>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Something may have been committed to a target.
    pub(super) fn poke(&self, target: &TargetName, memory: &Memory) {
        let follower = self.with(|now| now.as_ref().and_then(|now| now.follower.clone()));
        if let Some(follower) = follower {
            follower.poke(target, memory);
        }
    }
}

impl Daemon {
    /// Has the commits of these targets followed as the settings ask for it. Who does that already goes on.
    pub(super) fn follow(self: &Arc<Self>, shared: &Shared, settings: &Settings, targets: Vec<TargetName>) {
        let does = Does::of(shared, settings);
        let stop = self.stop.child_token();
        let begun = self.following.with(|now| {
            if let Some(now) = now.as_ref() {
                if now.does.is_same(&does) {
                    return None;
                }
                now.stop.cancel();
                // What the new one finds it tells.
                for target in &targets {
                    self.board.note(target, |it| it.webhook = None);
                }
            }
            let (board, metrics) = (Arc::clone(&self.board), self.metrics.clone());
            let hear = move |target: &TargetName, news: News| {
                if let Some(result) = news.result {
                    metrics.announced(result);
                }
                let pending = news.status.as_ref().map_or(Some(0), |status| status.pending);
                if let Some(pending) = pending {
                    metrics.owes(target, pending);
                }
                board.note(target, |it| it.webhook = news.status);
            };
            let follower = Follower::new(settings, shared, Arc::new(hear)).map(Arc::new);
            *now = Some(Current {
                does,
                follower: follower.clone(),
                stop: stop.clone(),
            });
            follower
        });
        if let Some(follower) = begun {
            self.spawn(follower.run(targets, stop));
        }
    }
}
