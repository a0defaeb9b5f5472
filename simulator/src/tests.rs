//! The simulator seen from outside: a simple client walks it over HTTP.

mod access;
mod bodies;
mod client;
mod downloads;
mod faults;
mod late;
mod long_term;
mod pages;
mod rules;
mod services;
mod walks;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{Cloud, Simulator, StreamId, Switches};

/// Noon of a working day.
fn noon() -> DateTime<Utc> {
    "2025-03-24T12:00:00Z".parse().unwrap()
}

fn production() -> StreamId {
    StreamId::tenant("acme", "production")
}

const EVENTS: &str = "/acme/production/tenantaudit_/api/query/events";

/// `acme/production` at a fixed noon with so many events of the week before.
async fn acme(switches: Switches, events: u32) -> Simulator {
    let cloud = Cloud::new()
        .tenant("acme", "production")
        .tenant("acme", "test")
        .static_token("pat");
    let simulator = Simulator::local(cloud.switches(switches)).await.unwrap();
    simulator.clock().fix(noon());
    simulator.generate(
        &production(),
        1,
        events,
        noon() - TimeDelta::days(7),
        noon() - TimeDelta::minutes(5),
    );
    simulator
}
