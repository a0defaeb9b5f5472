//! What the daemon shows to whoever asks over HTTP: health, metrics, its status as JSON and as pages. It changes nothing.
//!
//! Whoever can reach it may read it: so nothing here may hold an event, a secret, or anything about a person.

mod answer;
mod coverage;
mod host;
mod page;
mod server;
mod view;

use std::{
    ops::RangeInclusive,
    sync::{Arc, PoisonError, RwLock},
};

use chrono::NaiveDate;
use futures::future::BoxFuture;
use tokio::sync::Semaphore;

pub use coverage::Coverage;
pub use server::{listen, serve};

use crate::{clock::Clock, status::Status};
use host::Hosts;

/// Asks for something that is at hand.
pub type Now<T> = Arc<dyn Fn() -> T + Send + Sync>;

/// Asks what a target, by its name, has in the archive of these days. None: nothing is known of that yet.
pub type Days =
    Arc<dyn Fn(String, RangeInclusive<NaiveDate>) -> BoxFuture<'static, Option<Coverage>> + Send + Sync>;

/// Where what is shown comes from. Each is asked anew for each request, and must answer in no time.
#[derive(Clone)]
pub struct Sources {
    /// How the process and its targets are doing now. None: it is ending.
    pub status: Now<Option<Status>>,
    /// What is archived of a target, day by day.
    pub coverage: Days,
    /// The text of `/metrics`. This one may block: it reads files.
    pub metrics: Now<String>,
    /// Why the process should be killed and started again. Empty: it works.
    pub alive: Now<Vec<String>>,
    /// Why it does not do its work yet, or no more. Empty: it does.
    pub ready: Now<Vec<String>>,
}

/// What is served.
pub struct Web {
    clock: Clock,
    hosts: RwLock<Hosts>,
    sources: Sources,
    /// Pages are made one at a time: whoever asks for many takes one core at most.
    press: Arc<Semaphore>,
}

impl Web {
    /// `loopback`: whether only this machine can reach it. `names`: host names besides those of loopback under which
    /// browsers may ask; see [`crate::settings::HttpSettings::hosts`].
    #[must_use]
    pub fn new(clock: Clock, loopback: bool, names: Vec<String>, sources: Sources) -> Self {
        Self {
            clock,
            hosts: RwLock::new(Hosts::new(loopback, names)),
            sources,
            press: Arc::new(Semaphore::new(1)),
        }
    }

    /// Other names from now on.
    pub fn admit(&self, loopback: bool, names: Vec<String>) {
        *self.hosts.write().unwrap_or_else(PoisonError::into_inner) = Hosts::new(loopback, names);
    }

    fn admits(&self, host: Option<&str>) -> bool {
        let hosts = self.hosts.read().unwrap_or_else(PoisonError::into_inner);
        hosts.admit(host)
    }
}
