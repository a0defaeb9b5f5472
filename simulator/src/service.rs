//! A simulator for people to point an exporter at: an organization, two tenants and a classic log, history behind them,
//! news all the time. Prints nothing.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::cloud::{Cloud, StreamId};
use crate::counts;
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
    /// All events are this tenant's, those of the past and the news: `production` or `test`.
    pub tenant: Option<String>,
    /// When the past begins; none: 30 days before it ends.
    pub since: Option<DateTime<Utc>>,
    /// When the past ends; none: now.
    pub until: Option<DateTime<Utc>>,
    /// New events per second over all streams; 0 for none. At most 1,000.
    pub events_per_second: f64,
    /// Bytes of each event's JSON, at least; some 860 by themselves.
    pub event_bytes: u16,
    /// How long each reply is waited for.
    pub latency: Duration,
    /// Requests that are answered each second, and at once; none: any number.
    pub limit: Option<(f64, u32)>,
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
            tenant: None,
            since: None,
            until: None,
            events_per_second: 1.0,
            event_bytes: 0,
            latency: Duration::ZERO,
            limit: None,
            seed: 1,
            switches: Switches::default(),
        }
    }
}

/// What someone needs to know to use it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
    /// The newest of them is not newer.
    pub until: DateTime<Utc>,
    /// What it was asked and answered, in numbers: `GET` tells them, `DELETE` begins anew.
    pub requests_url: String,
}

/// A simulator with news. Dropping it stops both.
#[derive(Debug)]
pub struct Service {
    /// What to tell a user.
    pub description: Description,
    simulator: Arc<Simulator>,
    streams: Vec<StreamId>,
    events_per_second: f64,
    seed: u64,
}

const ORGANIZATION: &str = "acme";
const TENANTS: [&str; 2] = ["production", "test"];
/// Days of the past, unless told otherwise.
const DAYS: i64 = 30;
/// Requests that are kept, and bytes of spelled events for each stream: it runs for long.
const MOST_REQUESTS: usize = 10_000;
const MOST_SPELLED: usize = 2 << 30;

impl Service {
    /// Starts to serve history. News come once [`Service::run`] is awaited.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub async fn start(options: ServeOptions) -> io::Result<Self> {
        let mut switches = options.switches;
        switches.records.least_bytes = switches.records.least_bytes.max(options.event_bytes);
        let mut cloud = Cloud::new().organization(ORGANIZATION).switches(switches);
        for tenant in TENANTS {
            cloud = cloud.tenant(ORGANIZATION, tenant);
        }
        cloud = cloud.classic(ORGANIZATION);
        let simulator = Simulator::start(cloud, options.listen).await?;
        simulator.keep_requests(MOST_REQUESTS);
        simulator.keep_spelled(MOST_SPELLED);
        simulator.latency(options.latency);
        if let Some((per_second, burst)) = options.limit {
            simulator.rate_limit(per_second, burst);
        }
        let until = options.until.unwrap_or_else(|| simulator.clock().now());
        let since = options.since.unwrap_or(until - TimeDelta::days(DAYS));
        let shares = shares(options.events, options.tenant.as_deref());
        for ((stream, count), n) in shares.iter().zip(0..) {
            simulator.generate(stream, options.seed.wrapping_add(n), *count, since, until);
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
            until,
            requests_url: format!("{}{}", simulator.url().trim_end_matches('/'), counts::PATH),
        };
        let events_per_second = options.events_per_second.clamp(0.0, 1000.0);
        Ok(Self {
            description,
            simulator: Arc::new(simulator),
            streams: shares.into_iter().map(|(stream, _)| stream).collect(),
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
        let streams = &self.streams;
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

/// Where something happens, and how much: in the organization's own log, its tenants', and its classic one, or in that
/// of one tenant.
fn shares(events: u32, tenant: Option<&str>) -> Vec<(StreamId, u32)> {
    if let Some(tenant) = tenant {
        return vec![(StreamId::tenant(ORGANIZATION, tenant), events)];
    }
    let [production, test] = TENANTS.map(|tenant| StreamId::tenant(ORGANIZATION, tenant));
    let (organization, few) = (events / 5, events / 10);
    vec![
        (StreamId::organization(ORGANIZATION), organization),
        (production, events - organization - few - few),
        (test, few),
        (StreamId::classic(ORGANIZATION), few),
    ]
}
