//! The simulator seen from outside: a simple client walks it over HTTP.

mod access;
mod bodies;
mod classic;
mod classic_file;
mod classic_order;
mod client;
mod downloads;
mod faults;
mod late;
mod long_term;
mod pages;
mod platforms;
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

fn classic() -> StreamId {
    StreamId::classic("acme")
}

const LIST: &str = "/acme/audit_/api/auditlogs";

/// The classic log of `acme` at a fixed noon with so many records of the week before.
async fn acme_classic(switches: Switches, records: u32) -> Simulator {
    let cloud = Cloud::new().classic("acme").static_token("pat");
    let simulator = Simulator::local(cloud.switches(switches)).await.unwrap();
    simulator.clock().fix(noon());
    let week = noon() - TimeDelta::days(7);
    simulator.generate(&classic(), 1, records, week, noon() - TimeDelta::minutes(5));
    simulator
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
