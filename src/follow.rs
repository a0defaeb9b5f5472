//! Follows the commits of each target, once they are in the archive: counts them for the calendar, and announces them.
//!
//! It reads what it tells from the archive itself. No pass waits for it or fails by it: passes poke it, and all it has to
//! do is remembered in the checkpoint. Every await in it is a safe place to die.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use tokio_util::sync::CancellationToken;

pub use crate::metrics::Delivery;
use crate::{
    archive::Archive,
    checkpoint::{Checkpoint, Memory},
    clock::{Clock, Time},
    error::Chain,
    export::Shared,
    settings::Settings,
    status::WebhookStatus,
    target::TargetName,
    webhook::Receiver,
};

mod counting;
mod error;
mod lane;
mod reading;
mod telling;

pub use counting::Count;
pub use error::FollowError;
use lane::Lane;
pub use telling::Announce;
use telling::Telling;

/// Targets whose newest commits are counted at once.
const COUNTING: usize = 2;
/// Targets whose older commits are counted at once.
const BACK: usize = 1;
/// Targets whose commits are announced at once: so many may wait for a slow receiver.
const TELLING: usize = 8;

/// Hears how announcements of a target are doing.
pub type Hear = Arc<dyn Fn(&TargetName, News) + Send + Sync>;

/// How announcements of a target are doing now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct News {
    /// None: another exporter makes them.
    pub status: Option<WebhookStatus>,
    /// What became of a try, if one has just ended.
    pub result: Option<Delivery>,
}

/// Follows all targets of a process. What it has in memory is bounded by their number.
pub struct Follower {
    archive: Archive,
    checkpoint: Checkpoint,
    clock: Clock,
    instance: Arc<str>,
    /// Commits made from then on are announced in any case.
    started: Time,
    /// Whether days are counted.
    counts: bool,
    receiver: Option<Receiver>,
    hear: Hear,
    counting: Lane,
    back: Lane,
    telling: Lane,
    tellings: Mutex<BTreeMap<TargetName, Telling>>,
    /// When another exporter was last seen to own a target: until then that one announced.
    others: Mutex<BTreeMap<TargetName, Time>>,
    /// The last failure that a person was told of, whatever target it was: cleared by a success.
    told: Mutex<Option<String>>,
}

impl Follower {
    /// What the settings ask to be followed; None: nothing. Reads and sends nothing.
    #[must_use]
    pub fn new(settings: &Settings, shared: &Shared, hear: Hear) -> Option<Self> {
        let clock = shared.clock.clone();
        let receiver = settings.webhook.clone();
        let receiver = receiver.map(|settings| Receiver::new(settings, clock.clone()));
        let counts = settings.http.is_some();
        if receiver.is_none() && !counts {
            return None;
        }
        Some(Self {
            archive: shared.archive.clone(),
            checkpoint: shared.checkpoint.clone(),
            started: clock.now(),
            clock,
            instance: Arc::clone(&shared.instance),
            counts,
            receiver,
            hear,
            counting: Lane::new(COUNTING),
            back: Lane::new(BACK),
            telling: Lane::new(TELLING),
            tellings: Mutex::default(),
            others: Mutex::default(),
            told: Mutex::default(),
        })
    }

    /// Something may have been committed to a target, by whomever: `memory` is what is known of it now. Returns at once.
    pub fn poke(&self, target: &TargetName, memory: &Memory) {
        if self.counts {
            self.counting.push(target);
        }
        if self.receiver.is_some() {
            self.expect(target, memory);
        }
    }

    /// Follows until `stop`, and then ends at once. Begins with what is remembered of these targets.
    pub async fn run(self: Arc<Self>, targets: Vec<TargetName>, stop: CancellationToken) {
        let begin = async {
            for target in targets {
                match self.checkpoint.of(&target).peek().await {
                    Ok(Some(memory)) => self.poke(&target, &memory),
                    Ok(None) => {}
                    // Its next pass tells.
                    Err(error) => tracing::debug!(error = %Chain(&error), "the checkpoint shows nothing"),
                }
            }
        };
        let all = async {
            tokio::join!(
                begin,
                self.counting.serve(|target| self.count_on(target)),
                self.back.serve(|target| self.count_further_back(target)),
                self.telling.serve(|target| self.tell(target)),
            )
        };
        stop.run_until_cancelled(all).await;
    }
}
