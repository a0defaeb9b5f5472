//! A simulator for people to point an exporter at: an organization, two tenants and a classic log, history behind them,
//! news all the time. Prints nothing.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::cloud::{Cloud, StreamId};
use crate::dice::Dice;
use crate::simulator::Simulator;
use crate::switches::Switches;

/// What to serve.
#[derive(Debug, Clone, PartialEq)]
pub struct ServeOptions {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Events of the past over all streams, shared out unevenly.
    pub events: u32,
    /// Days the past goes back.
    pub days: u32,
    /// New events per second over all streams; 0 for none. At most 1,000.
    pub events_per_second: f64,
    /// Decides what happens.
    pub seed: u64,
    /// The switches.
    pub switches: Switches,
}

impl Default for ServeOptions {
    /// 127.0.0.1 on a free port, 20,000 events of 30 days, one more each second.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            events: 20_000,
            days: 30,
            events_per_second: 1.0,
            seed: 1,
            switches: Switches::default(),
        }
    }
}

/// What someone needs to know to use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Base URL, ending in `/`.
    pub url: String,
    /// Where tokens are to be had.
    pub token_url: String,
    /// Id of the external application.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Scope to ask for.
    pub scope: String,
    /// The organization.
    pub organization: String,
    /// Its tenants.
    pub tenants: Vec<String>,
    /// Its GUID: the `partitionGlobalId` of the classic API.
    pub organization_id: String,
    /// Events of the past, over all streams.
    pub events: u32,
    /// The oldest of them is not older.
    pub since: DateTime<Utc>,
}

/// A simulator with news. Dropping it stops both.
#[derive(Debug)]
pub struct Service {
    /// What to tell a user.
    pub description: Description,
    simulator: Arc<Simulator>,
    events_per_second: f64,
    seed: u64,
}

const ORGANIZATION: &str = "acme";
const TENANTS: [&str; 2] = ["production", "test"];

impl Service {
    /// Starts to serve history. News come once [`Service::run`] is awaited.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub async fn start(options: ServeOptions) -> io::Result<Self> {
        let mut cloud = Cloud::new().organization(ORGANIZATION).switches(options.switches);
        for tenant in TENANTS {
            cloud = cloud.tenant(ORGANIZATION, tenant);
        }
        cloud = cloud.classic(ORGANIZATION);
        let simulator = Simulator::start(cloud, options.listen).await?;
        let now = simulator.clock().now();
        let since = now - TimeDelta::days(i64::from(options.days));
        let organization = options.events / 5;
        let few = options.events / 10;
        let production = options.events - organization - few - few;
        let shares = [organization, production, few, few];
        for ((stream, count), n) in streams().into_iter().zip(shares).zip(0..) {
            simulator.generate(&stream, options.seed.wrapping_add(n), count, since, now);
        }
        let url = simulator.url();
        let description = Description {
            token_url: format!("{url}{ORGANIZATION}/identity_/connect/token"),
            url,
            client_id: simulator.client_id(),
            client_secret: simulator.client_secret(),
            scope: "PM.Audit.Read".to_owned(),
            organization: ORGANIZATION.to_owned(),
            tenants: TENANTS.map(str::to_owned).to_vec(),
            organization_id: simulator.organization_id(ORGANIZATION),
            events: options.events,
            since,
        };
        let events_per_second = options.events_per_second.clamp(0.0, 1000.0);
        Ok(Self {
            description,
            simulator: Arc::new(simulator),
            events_per_second,
            seed: options.seed,
        })
    }

    /// The simulator, to turn switches, set faults and read the truth.
    pub fn simulator(&self) -> Arc<Simulator> {
        self.simulator.clone()
    }

    /// Makes news for ever. Serving goes on without it; dropping the future only ends the news.
    pub async fn run(&self) {
        let wait = Duration::try_from_secs_f64(1.0 / self.events_per_second);
        let Ok(wait) = wait.map(|wait| wait.max(Duration::from_millis(1))) else {
            return std::future::pending().await;
        };
        let mut ticks = interval_at(Instant::now() + wait, wait);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut dice = Dice::of(self.seed, u64::MAX);
        let streams = streams();
        loop {
            ticks.tick().await;
            let now = self.simulator.clock().now();
            if let Some(stream) = streams.get(dice.place(streams.len())) {
                self.simulator.generate(stream, dice.draw(), 1, now, now);
            }
        }
    }
}

/// Starts a service, tells its description, and makes news until the future is dropped.
///
/// # Errors
/// If the address cannot be bound.
pub async fn serve_forever(options: ServeOptions, tell: impl FnOnce(&Description)) -> io::Result<()> {
    let service = Service::start(options).await?;
    tell(&service.description);
    service.run().await;
    Ok(())
}

/// The organization's own, its tenants', and its classic log.
fn streams() -> [StreamId; 4] {
    let [production, test] = TENANTS.map(|tenant| StreamId::tenant(ORGANIZATION, tenant));
    [
        StreamId::organization(ORGANIZATION),
        production,
        test,
        StreamId::classic(ORGANIZATION),
    ]
}
